"""Piston's HTTP door, case by case: the surface, what is refused and how, versions, endings, files and surroundings."""
import gzip
import json
import pathlib
import sys

import pytest
from conformance_support import Case, judge, rows

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "http"))
from test_piston_execute import SHAPES, STAGE_KEYS, VALUES, post, python, without  # noqa: E402

JSON = {"Content-Type": "application/json"}
NOT_FOUND = {"status": 404, "message": "Not Found"}
NO_TYPE = {"status": 415, "message": "requests must be of type application/json"}
NO_LANGUAGE = {"status": 400, "message": "language is required as a string"}
ANY_MESSAGE = {"status": 400, "message": lambda text: isinstance(text, str) and text}
STACK = {"status": 400, "stack": lambda text: True}
NOTHING_SAID = {"status": 500, "body": ""}
EMPTY_OBJECT = {"status": 400, "body": "{}"}
RAN = {"status": 200}


@pytest.fixture(scope="module")
def piston(start_engine):
    """Configured as Piston is where nobody configures it; the memory limit is not: Piston has none."""
    return start_engine(output_max_size=1024, max_process_count=64, max_concurrent_jobs=4)


def seen(answer):
    """Status, headers, the body as text, and what it says as JSON."""
    found = {"status": answer.status, "headers": answer.headers, "body": answer.body.decode()}
    try:
        said = answer.json()
    except ValueError:
        return found
    return {**found, **said} if isinstance(said, dict) else {**found, "list": said}


def surface(method, path, body=None, headers=None):
    return lambda engine: seen(engine.request(method, path, body, headers or {}))


def sent(body, **headers):
    """POST execute with these bytes."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return surface("POST", "/api/v2/execute", body, {**JSON, **named})


def execute(**fields):
    return lambda engine: seen(post(engine, python(**fields)))


def code(text, **fields):
    return execute(files=[{"content": text}], **fields)


def prints(text, **fields):
    return {"status": 200, "run": {"stdout": text, **fields}}


def says(message):
    return {"status": 400, "message": message}


SURFACE = [
    Case("banner", surface("GET", "/"), {"status": 200, "body": '{"message":"Piston v3.1.1"}'}),
    Case("runtimes", surface("GET", "/api/v2/runtimes"), {"status": 200, "list": lambda rows: all(
        set(row) - {"runtime", "platform", "os", "arch"} == {"language", "version", "aliases"} for row in rows)}),
    Case("type of answers", surface("GET", "/"), {"headers": {"content-type": "application/json; charset=utf-8"}}),
    Case("HEAD", surface("HEAD", "/api/v2/runtimes"), {"status": 200, "body": ""}),
    Case("OPTIONS execute", surface("OPTIONS", "/api/v2/execute"), {"status": 200, "body": "POST"}),
    Case("OPTIONS runtimes", surface("OPTIONS", "/api/v2/runtimes"), {"status": 200, "body": "GET,HEAD"}),
    Case("nowhere", surface("GET", "/nowhere"), NOT_FOUND),
    Case("GET execute", surface("GET", "/api/v2/execute"), NOT_FOUND),
    Case("DELETE execute", surface("DELETE", "/api/v2/execute", "{}", JSON), NOT_FOUND),
    Case("POST runtimes", surface("POST", "/api/v2/runtimes", "{}", JSON), NOT_FOUND),
    Case("PUT packages", surface("PUT", "/api/v2/packages", "{}", JSON), NOT_FOUND),
    Case("no content type", surface("POST", "/api/v2/execute", b"{}"), NO_TYPE),
    Case("another content type", sent("{}", Content_Type="text/plain"), NO_TYPE),
    Case("content type with charset", sent("{}", Content_Type="application/json; charset=utf-8"), NO_LANGUAGE),
    Case("DELETE packages without content type", surface("DELETE", "/api/v2/packages", b"{}"), NO_TYPE),
    Case("wrong path and no content type", surface("POST", "/api/v2/nowhere", b"{}"), NO_TYPE, "order-of-checks", NOT_FOUND),
    Case("json5", sent("{}", Content_Type="application/json5"), NO_LANGUAGE, "json5", NO_TYPE),
    Case("empty body", sent(b""), NO_LANGUAGE),
    Case("empty object", sent(b"{}"), NO_LANGUAGE),
    Case("array", sent(b"[]"), NO_LANGUAGE),
    Case("half an object", sent(b"{"), STACK, "json-errors", ANY_MESSAGE),
    Case("no JSON", sent(b"nope"), STACK, "json-errors", ANY_MESSAGE),
    Case("scalar", sent(b"5"), STACK, "json-errors", ANY_MESSAGE),
    Case("string", sent(b'"x"'), STACK, "json-errors", ANY_MESSAGE),
    Case("another charset", sent("{}", Content_Type="application/json; charset=utf-16"), STACK, "charset", {"status": 415}),
    Case("body of more than 100 kB", sent(json.dumps(python(stdin="x" * 102400))), STACK, "body-size", RAN),
    Case("gzip", sent(gzip.compress(json.dumps(python()).encode()), Content_Encoding="gzip"), RAN, "gzip", {"status": 415}),
    Case("Express in the headers", surface("GET", "/"), {"headers": {"x-powered-by": "Express", "etag": lambda tag: True}},
         "express-headers", {"headers": lambda headers: not {"x-powered-by", "etag"} & set(headers)}),
    Case("other origins", surface("GET", "/"), {"headers": lambda headers: "access-control-allow-origin" not in headers},
         "cors", {"headers": {"access-control-allow-origin": "*"}}),
    Case("code beside message", sent(b"{}"), {"body": '{"message":"language is required as a string"}'}, "code-field",
         {"body": '{"message":"language is required as a string","code":400}'}),
]

# Rows of tests/http that say something else than Piston: what it says, and the label.
OTHERWISE = [
    (python(files=[None]), EMPTY_OBJECT, "nameless-errors"),
    (python(stdin=5), EMPTY_OBJECT, "nameless-errors"),
    (python(args=5), NOTHING_SAID, "nameless-errors"),
    (python(run_memory_limit=10 ** 15), RAN, "memory-limit"),
    (python(run_memory_limit=-2), RAN, "memory-limit"),
]


def refusal(i, body, message):
    name = f"refused {i}: {message}"
    ours = {"status": 400, "message": lambda text: message.split("{")[0] in text}
    for other, does, label in OTHERWISE:
        if body == other:
            return Case(name, lambda engine: seen(post(engine, body)), does, label, ours)
    return Case(name, lambda engine: seen(post(engine, body)), says(message))


REFUSALS = [refusal(i, *row) for i, row in enumerate(SHAPES + VALUES)] + [
    Case("limit of the wrong type", execute(run_timeout=[]), says("If specified, run_timeout must be a number")),
    Case("memory before time", execute(run_timeout="x", run_memory_limit="x"),
         says("If specified, run_memory_limit must be a number")),
    Case("compile before run", execute(run_timeout="x", compile_timeout="x"),
         says("If specified, compile_timeout must be a number")),
    Case("time before CPU time", execute(run_timeout=3001, run_cpu_time=3001),
         says("run_timeout cannot exceed the configured limit of 3000")),
    Case("compile_timeout", execute(compile_timeout=10001), says("compile_timeout cannot exceed the configured limit of 10000")),
    Case("files before runtime", sent(json.dumps(without("files", language="nope"))), says("files is required as an array")),
    Case("unknown encoding is no utf8", execute(files=[{"content": "print(1)", "encoding": "latin1"}]),
         says("files must include at least one utf8 encoded file")),
    Case("name that escapes", execute(files=[{"name": "../x", "content": ""}]), NOTHING_SAID, "nameless-errors", ANY_MESSAGE),
    Case("name that is a dot", execute(files=[{"name": ".", "content": ""}]), NOTHING_SAID, "nameless-errors", ANY_MESSAGE),
    Case("name that is a number", execute(files=[{"name": 5, "content": ""}]), NOTHING_SAID, "nameless-errors", ANY_MESSAGE),
    Case("argument with NUL", execute(args=["a\0"]), NOTHING_SAID, "nameless-errors", ANY_MESSAGE),
    Case("name that only looks like escaping", execute(files=[{"name": "..foo", "content": "print(1)"}]), NOTHING_SAID,
         "names", prints("1\n")),
]

ARGV = "import sys; print(sys.argv[1:])"
STDIN = "import sys; print(ascii(sys.stdin.read()))"
NAME = "import os, sys; print(os.path.relpath(sys.argv[0], os.getcwd()))"

ACCEPTED = [
    Case("unknown fields", execute(fly=True), prints("1\n")),
    Case("limit of null", lambda engine: seen(post(engine, python(run_timeout=None))), prints("1\n")),
    Case("no stdin is a newline", code(STDIN), prints("'\\n'\n")),
    Case("newline is added", code(STDIN, stdin="abc"), prints("'abc\\n'\n")),
    Case("newline is not added twice", code(STDIN, stdin="abc\n"), prints("'abc\\n'\n")),
    Case("no arguments", code(ARGV), prints("[]\n")),
    Case("arguments", code(ARGV, args=["a b", "é"]), prints("['a b', 'é']\n")),
    Case("arguments of other types", code(ARGV, args=[1, True]), prints("['1', 'true']\n")),
    Case("string of arguments", code(ARGV, args="aé"), prints("['a', 'é']\n")),
    Case("name of a file without one", code(NAME), prints("file0.code\n")),
    Case("name of the second one", execute(files=[{"content": "print(open('file1.code').read())"}, {"content": "x"}]),
         prints("x\n")),
    Case("name in folders", execute(files=[{"name": "a/b/c.py", "content": NAME}]), prints("a/b/c.py\n")),
    Case("absolute name", execute(files=[{"name": "/tmp/c.py", "content": "print(1)"}]),
         {"status": 200, "run": {"code": 2, "stdout": ""}}, "names", ANY_MESSAGE),
    Case("name twice", execute(files=[{"name": "a.py", "content": "print(1)"}, {"name": "a.py", "content": "print(2)"}]),
         prints("2\n")),
    Case("base64", execute(files=[{"content": "print(open('d', 'rb').read())"},
                                  {"name": "d", "content": "AP8=", "encoding": "base64"}]), prints("b'\\x00\\xff'\n")),
    Case("base64 with mistakes", execute(files=[{"content": "print(open('d', 'rb').read())"},
                                                {"name": "d", "content": "A P-8", "encoding": "base64"}]), RAN),
    Case("hex", execute(files=[{"content": "print(open('d', 'rb').read())"},
                               {"name": "d", "content": "00ff", "encoding": "hex"}]), prints("b'\\x00\\xff'\n")),
    Case("hex ends at a bad digit", execute(files=[{"content": "print(open('d', 'rb').read())"},
                                                   {"name": "d", "content": "6869zz41", "encoding": "hex"}]), prints("b'hi'\n")),
    Case("unknown encoding beside utf8", execute(files=[{"content": "print(open('d').read())"},
                                                        {"name": "d", "content": "é", "encoding": "latin1"}]), prints("é\n")),
    Case("first utf8 file is the program", execute(files=[{"name": "d", "content": "AP8=", "encoding": "base64"},
                                                          {"name": "m.py", "content": NAME}]), prints("m.py\n")),
    Case("run_timeout of 0", code("import time; time.sleep(4)", run_timeout=0, run_cpu_time=0),
         {"status": 200, "run": {"code": 0}}, "zero-limits", {"status": 200, "run": {"status": "TO"}}),
    Case("memory limit of -1", execute(run_memory_limit=-1, compile_memory_limit=-1), prints("1\n")),
]

VERSIONS = [Case(f"version {text}", execute(version=text), {"status": 200, "language": "python"})
            for text in ("*", "3", "3.x", ">=3.5 <4", "2.x || ^3.0.0", "~3", "3.0.0 - 4.0.0", "x")]
VERSIONS += [Case(f"version {text}", execute(version=text), says(f"python-{text} runtime is unknown"))
             for text in ("4.x", "abc", "latest", "<3", "3.0.0-rc.1")]
VERSIONS += [Case(f"version {before}exact", lambda engine, before=before: exact(engine, before), {"status": 200, "same": True})
             for before in ("", "v", "=")]
VERSIONS += [Case("alias", execute(language="py"), {"status": 200, "language": "python"})]


def exact(engine, before):
    version = next(row["version"] for row in engine.runtimes() if row["language"] == "python")
    found = seen(post(engine, python(version=before + version)))
    return {**found, "same": found.get("version") == version}


def compiled(text, **fields):
    return execute(language="c", files=[{"content": text}], **fields)


def order(engine, **fields):
    found = seen(post(engine, python(**fields)))
    return {"top": [key for key in json.loads(found["body"])], "run": list(found["run"])}


KILLED = {"code": None, "signal": "SIGKILL"}
CRASH = "#include <signal.h>\nint main(void) { raise(SIGSEGV); }"

ENDINGS = [
    Case("order of keys", order, {"top": ["run", "language", "version"]}, "limits-field",
         {"top": ["run", "language", "version", "limits"]}),
    Case("order of keys of a stage", order, {"run": STAGE_KEYS}),
    Case("good end", execute(), prints("1\n", stderr="", output="1\n", code=0, signal=None, status=None, message=None)),
    Case("exit status", code("raise SystemExit(7)"),
         prints("", code=7, signal=None, status="RE", message="Exited with error status 7")),
    Case("error", code("1/0"), {"status": 200, "run": {"code": 1, "status": "RE", "stderr": lambda text: "ZeroDivision" in text}}),
    Case("wall clock", code("import time\nprint('before', flush=True)\ntime.sleep(9)", run_timeout=300),
         prints("before\n", **KILLED, status="TO", message="Time limit exceeded (wall clock)")),
    Case("CPU time", code("while True: pass", run_cpu_time=300), prints("", **KILLED, status="TO", message="Time limit exceeded")),
    Case("stdout at the limit", code("print('a' * 1023)"), prints("a" * 1023 + "\n", code=0, status=None)),
    Case("streams are limited apart", code("import sys\nprint('a' * 1000)\nprint('b' * 1000, file=sys.stderr)"),
         {"status": 200, "run": {"code": 0, "status": None, "output": lambda text: len(text) == 2002}}),
    Case("stdout over the limit", code("print('a' * 2000)"), prints("", **KILLED, status="OL", message="stdout length exceeded"),
         "output-kept", prints("a" * 1024, **KILLED, status="OL", message="stdout length exceeded", stderr="")),
    Case("stderr over the limit", code("import sys; sys.stderr.write('a' * 2000)"),
         {"status": 200, "run": {**KILLED, "status": "EL", "message": "stderr length exceeded",
                                 "stderr": lambda text: "Sandbox keeper received fatal signal 6" in text}},
         "output-kept", {"status": 200, "run": {**KILLED, "status": "EL", "message": "stderr length exceeded",
                                                "stderr": "a" * 1024}}),
    Case("crash", compiled(CRASH), {"status": 200, "run": {"code": 139, "signal": None, "status": "RE"}}, "signals",
         {"status": 200, "run": {"code": None, "signal": "SIGSEGV", "status": "SG", "message": "Caught fatal signal 11"}}),
    Case("memory", code("x = bytearray(200 << 20)\nprint(len(x))", run_memory_limit=64 << 20),
         {"status": 200, "run": {"code": 137, "signal": None, "status": "RE", "message": "Exited with error status 137"}},
         "memory-message", {"status": 200, "run": {"code": 137, "signal": None, "status": "RE",
                                                   "message": lambda text: "67108864" in text}}),
    Case("bytes that are no text", code("import os; os.write(1, b'a\\xff\\xfeb')"), prints("a\ufffd\ufffdb")),
    Case("character in two writes", code("import os, time; os.write(1, b'\\xc3'); time.sleep(0.1); os.write(1, b'\\xa9')"),
         prints("\ufffd\ufffd"), "split-characters", prints("é")),
    Case("both streams", code("import os\nos.write(1, b'a'); os.write(2, b'b')"), {"status": 200, "run": {
        "stdout": "a", "stderr": "b", "output": lambda text: sorted(text) == ["a", "b"]}}),
    Case("numbers", execute(), {"status": 200, "run": {key: lambda value: value > 0 for key in
                                                       ("memory", "cpu_time", "wall_time")}}),
    Case("compiled", compiled("int main(void) { return 3; }"),
         {"status": 200, "compile": {"code": 0, "status": None}, "run": {"code": 3, "status": "RE"}}),
    Case("does not compile", lambda engine: same_stages(compiled("int main(")(engine)),
         {"status": 200, "same": True, "run": {"code": 1, "status": "RE"}}),
    Case("compile timeout", lambda engine: same_stages(compiled("int main(void) { return 0; }", compile_timeout=1)(engine)),
         {"status": 200, "same": True, "run": {**KILLED, "status": "TO"}}),
    Case("no compile stage", execute(), lambda found: "compile" not in found),
]


def same_stages(found):
    return {**found, "same": found["compile"] == found["run"]}


def twice(engine, text):
    post(engine, python(files=[{"content": text}]))
    return seen(post(engine, python(files=[{"content": text}])))


ENVIRON = "import os; print(sorted(set(os.environ) - {'LC_CTYPE'}))"

SURROUNDINGS = [
    Case("folder", code("import os; print(os.getcwd())"), prints("/box/submission\n")),
    Case("modes", execute(files=[{"content": "import os\nfor p in 'a', 'a/b': print(oct(os.stat(p).st_mode & 0o777))"},
                                 {"name": "a/b", "content": ""}]), prints("0o700\n0o644\n"), "modes", prints("0o755\n0o644\n")),
    Case("owner", code("import os; print(os.stat('file0.code').st_uid == os.getuid())"), prints("True\n")),
    Case("home", code("import os; print(os.environ['HOME'], os.environ['PISTON_LANGUAGE'])"), prints("/tmp python\n")),
    Case("path", code("import os; print('/usr/bin' in os.environ['PATH'])"), prints("True\n")),
    Case("rest of the environment", code(ENVIRON), {"status": 200, "run": {"stdout": lambda text: "SHLVL" in text}},
         "environment", {"status": 200, "run": {"stdout": lambda text: "SHLVL" not in text and "HOME" in text}}),
    Case("nothing of the engine's environment", code("import os; print([v for v in os.environ if v.startswith('SUDO')])"),
         prints("[]\n")),
    Case("network", code("import socket\ntry: socket.create_connection(('127.0.0.1', 80), 1)\nexcept OSError: print('none')"),
         prints("none\n")),
    Case("files of the run before in /tmp", lambda engine: twice(
        engine, "import os\nprint(os.path.exists('/tmp/x'))\nopen('/tmp/x', 'w')"), prints("False\n")),
    Case("files of the run before in /dev/shm", lambda engine: twice(
        engine, "import os\nprint(os.path.exists('/dev/shm/x'))\nopen('/dev/shm/x', 'w')"), prints("True\n"), "dev-shm",
        prints("False\n")),
    Case("alias of the path", lambda engine: seen(post(engine, python(), "/api/v2/piston/execute")), prints("1\n")),
]


@rows(SURFACE + REFUSALS + ACCEPTED + VERSIONS + ENDINGS + SURROUNDINGS)
def test_case(piston, need, case):
    need("python", "c")
    judge(case, case.ask(piston))
