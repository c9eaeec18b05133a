"""The tests CodeRunr's repository has, A1 to A28, against an engine that is configured as CodeRunr is by default.

What they ask of the packages it ships (Go 1.16.2, Java 15.0.2, …) is asked of the host's runtimes of those languages, and of
packages built and served here.  Where an answer differs from CodeRunr's the row says so.
"""
import contextlib
import functools
import http.client
import http.server
import json
import pathlib
import subprocess
import sys
import tempfile
import threading

import conftest
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path += [str(ROOT / "tests/websocket")]
from ws_support import init, output, talk  # noqa: E402

JSON = {"Content-Type": "application/json"}
OURS = ("brainfuck", "rpn", "textools")
ROWS = {}


def row(id, name, *needs):
    def add(function):
        assert id not in ROWS
        ROWS[id] = name, needs, function
        return function
    return add


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextlib.contextmanager
def repository(folder):
    """What CodeRunr's `repo` is: the folder of archives and their index, on a static server."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def coderunr(tmp_path_factory):
    folder = tmp_path_factory.mktemp("repository")
    with repository(folder) as url, tempfile.TemporaryDirectory(prefix="coderunr-rows-") as data:
        lines = [subprocess.run([conftest.BINARY, "package", "build", "--base-url", url, "--output", folder,
                                 ROOT / "packages" / name / "1.0.0"], capture_output=True, text=True, check=True).stdout
                 for name in OURS]
        (folder / "index").write_text("".join(lines))
        with conftest.engine_in(data, output_max_size=1024, request_body_limit="1MiB", stdin_newline="false",
                                repo_url=url + "/index", banner="CodeRunr") as engine:
            engine.repository = url
            yield engine


def execute(engine, language, source, version="*", **fields):
    body = {"language": language, "version": version, "files": [{"content": source}], **fields}
    return engine.request("POST", "/api/v2/execute", json.dumps(body), JSON)


def package(engine, method, body):
    body = body if isinstance(body, str) else json.dumps(body)
    return engine.request(method, "/api/v2/packages", body, JSON, timeout=120)


def has_message(answer, status):
    assert answer.status == status, answer
    assert answer.json()["message"], answer


@row("A1", "health")
def health(engine):
    answer = engine.request("GET", "/health")
    assert (answer.status, answer.body) == (200, b"OK")


@row("A2", "version")
def version(engine):
    answer = engine.request("GET", "/")
    assert answer.status == 200 and answer.json()["message"] == "CodeRunr"


@row("A3", "runtimes are an array")
def runtimes(engine):
    answer = engine.request("GET", "/api/v2/runtimes")
    assert answer.status == 200 and isinstance(answer.json(), list)
    assert all({"language", "version", "aliases"} <= set(entry) for entry in answer.json())


@row("A4", "invalid request")
def invalid(engine):
    has_message(engine.request("POST", "/api/v2/execute", '{"language":"","files":[]}', JSON), 400)


@row("A5", "unknown runtime")
def unknown(engine):
    answer = execute(engine, "nonexistent", "x", "1.0.0")
    has_message(answer, 400)
    assert answer.json()["message"] == "nonexistent-1.0.0 runtime is unknown"


@row("A6", "python hello", "python")
def python_hello(engine):
    run = execute(engine, "python", "print('Hello CodeRunr API!')").json()["run"]
    assert (run["code"], run["stdout"], run["stderr"]) == (0, "Hello CodeRunr API!\n", "")


@row("A7", "numpy", "python")
def numpy(engine):
    run = execute(engine, "python", "import numpy; print('NumPy version:', numpy.__version__)",
                  run_memory_limit=128 * 1024 * 1024).json()["run"]
    if "ModuleNotFoundError" in run["stderr"]:
        pytest.skip("not installed: python3-numpy")
    assert run["stdout"].startswith("NumPy version:") and run["code"] == 0, run


@row("A8", "go hello", "go")
def go_hello(engine):
    run = execute(engine, "go", 'package main\nimport "fmt"\nfunc main() { fmt.Println("Hello from CodeRunr Go!") }').json()["run"]
    assert (run["code"], run["stdout"]) == (0, "Hello from CodeRunr Go!\n") and run["output"]


@row("A9", "java hello", "java")
def java_hello(engine):
    source = 'public class Main { public static void main(String[] a) { System.out.println("Hello from CodeRunr Java!"); } }'
    assert execute(engine, "java", source).json()["run"]["stdout"] == "Hello from CodeRunr Java!\n"


@row("A10", "syntax error", "python")
def syntax_error(engine):
    answer = execute(engine, "py", "print('unterminated")
    run = answer.json()["run"]
    assert answer.status == 200 and run["code"] != 0 and run["stderr"] and run["output"]
    assert answer.json()["language"] == "python" and answer.json()["version"].startswith("3.")


@row("A11", "stdin is exact", "python")
def stdin_exact(engine):
    run = execute(engine, "python", "import sys; print(len(sys.stdin.read()))", stdin="abc").json()["run"]
    assert run["stdout"] == "3\n"


@row("A12", "run_timeout 50", "python")
def run_timeout(engine):
    run = execute(engine, "python", "import time; time.sleep(1)", run_timeout=50).json()["run"]
    assert run["signal"] == "SIGKILL" and run["status"] == "TO"


@row("A13", "empty files")
def empty_files(engine):
    has_message(engine.request("POST", "/api/v2/execute", '{"language":"python","version":"*","files":[]}', JSON), 400)


@row("A14", "invalid JSON, no language, no version")
def invalid_json(engine):
    for body in ("{", '{"version":"*","files":[{"content":"x"}]}', '{"language":"python","files":[{"content":"x"}]}'):
        has_message(engine.request("POST", "/api/v2/execute", body, JSON), 400)


@row("A15", "memory limit", "python")
def memory_limit(engine):
    run = execute(engine, "python", "x = bytearray(50 * 1024 * 1024)\nprint(len(x))",
                  run_memory_limit=10 * 1024 * 1024).json()["run"]
    assert isinstance(run["code"], int) and run["code"] != 0, run


@row("A16", "metrics", "python")
def metrics(engine):
    run = execute(engine, "python", "import time\nfor i in range(10**6): pass\ntime.sleep(0.1)\nprint('Done')").json()["run"]
    assert run["memory"] > 0 and run["cpu_time"] > 0 and run["wall_time"] >= 100 and run["stdout"] == "Done\n"


@row("A17", "bodies of 2 MB")
def large_bodies(engine):
    body = json.dumps({"language": "python", "version": "*", "unknown": "x", "files": [{"content": "x" * 2 * 1024 * 1024}]})
    for method, path in (("POST", "/api/v2/execute"), ("POST", "/api/v2/packages"), ("DELETE", "/api/v2/packages")):
        has_message(engine.request(method, path, body, JSON), 413)


@row("A18", "packages that cannot be installed")
def installs_refused(engine):
    """Piston's 200 stands for CodeRunr's 201; its sentence is Piston's too, with a capital."""
    wanted = {"language": "brainfuck", "version": "1.0.0"}
    assert package(engine, "POST", wanted).status in (200, 500)
    again = package(engine, "POST", wanted)
    has_message(again, 500)
    assert "already installed" in again.json()["message"].lower()
    has_message(package(engine, "POST", {"language": "nope", "version": "1"}), 404)
    has_message(package(engine, "POST", "{"), 400)
    # CodeRunr's is 400; Piston's, which is ours: no version is the version "undefined", and there is none
    assert package(engine, "POST", {"language": "brainfuck"}).status in (400, 404)
    assert package(engine, "POST", {"version": "1.0.0"}).status in (400, 404)


@row("A19", "uninstall, install")
def uninstall_install(engine):
    wanted = {"language": "rpn", "version": "1.0.0"}
    if not engine.has("rpn"):
        assert package(engine, "POST", wanted).status == 200
    assert package(engine, "DELETE", wanted).status == 200
    assert not engine.has("rpn")
    assert package(engine, "POST", wanted).status == 200
    assert engine.has("rpn")


@row("A20", "a repository on any static server")
def static_repository(engine):
    host = engine.repository.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=20)
    connection.request("GET", "/index")
    answer = connection.getresponse()
    lines = answer.read().decode().splitlines()
    assert answer.status == 200 and len(lines) == len(OURS)
    path = lines[0].split(",")[3].removeprefix(engine.repository)
    connection.request("HEAD", path)
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 200 and int(answer.headers["Content-Length"]) > 0
    assert answer.headers["Content-Type"] == "application/gzip"
    connection.close()


def hello(payload):
    message = init("python", "print('Hello WebSocket!')")
    fields = {key: value for key, value in message.items() if key != "type"}
    return {"type": "init", "payload": fields} if payload else message


def basic(engine, payload):
    events, closed = talk(engine, hello(payload))
    assert [event["type"] for event in events] == ["runtime", "init_ack", "stage_start", "data", "stage_end"]
    assert events[2]["stage"] == "run" and events[3]["data"] == "Hello WebSocket!" and events[4]["code"] == 0
    assert closed == (4999, "Job Completed")


@row("A21", "WebSocket: init under payload", "python")
def websocket_payload(engine):
    basic(engine, True)


@row("A22", "WebSocket: init at the top", "python")
def websocket_top(engine):
    basic(engine, False)


@row("A23", "WebSocket: order", "python")
def websocket_order(engine):
    for _ in range(10):
        events, _ = talk(engine, hello(False))
        assert [event["type"] for event in events][:3] == ["runtime", "init_ack", "stage_start"]


@row("A24", "WebSocket: output limit", "python")
def websocket_output_limit(engine):
    events, _ = talk(engine, init("python", "for i in range(100): print('X' * 100)"))
    kinds = [event["type"] for event in events]
    error = events[kinds.index("error")]
    assert "limit exceeded" in error["message"] and error["error"] == error["message"]
    assert kinds[-1] == "stage_end" and kinds.index("error") < len(kinds) - 1
    assert sum(len(line) + 1 for line in output(events)) <= 1024 + 1


@row("A25", "WebSocket: unknown type, unknown language")
def websocket_unknown(engine):
    events, _ = talk(engine, {"type": "what"}, init("nonexistent", "x"))
    texts = [event["message"] for event in events if event["type"] == "error"]
    assert texts[0].startswith("Unknown message type") and texts[1].startswith("Runtime not found")


@row("A26", "WebSocket: syntax error", "python")
def websocket_syntax_error(engine):
    events, _ = talk(engine, init("python", "print('unterminated"))
    assert events[-1]["type"] == "stage_end" and events[-1]["code"] != 0


@row("A27", "everything of a spec is installed and runs")
def spec(engine):
    with tempfile.NamedTemporaryFile("w", suffix=".spec") as file:
        file.write("# ours\n" + "".join(f"{name} 1.0.0\n" for name in OURS))
        file.flush()
        done = subprocess.run([conftest.BINARY, "-u", engine.url, "package", "spec", file.name], capture_output=True,
                              text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    listed = {entry["language"]: entry["installed"] for entry in package(engine, "GET", "").json()}
    assert all(listed[name] for name in OURS), listed
    hello_of = {"posix-awk": 'BEGIN { print "hello from awk 1.0.0" }', "posix-sed": "s/.*/hello from sed 1.0.0/"}
    for language, source in hello_of.items():
        run = execute(engine, language, source, "1.0.0", stdin="line\n").json()["run"]
        assert run["stdout"].startswith("hello from ") and run["stdout"].endswith(" 1.0.0\n"), run


@row("A28", "the test files of the packages")
def package_tests(engine):
    for name in OURS:
        if not any(entry["language"] == name and entry["installed"] for entry in package(engine, "GET", "").json()):
            assert package(engine, "POST", {"language": name, "version": "1.0.0"}).status == 200
    languages = {"test.bf": "brainfuck", "test.rpn": "rpn", "test.awk": "posix-awk", "test.sed": "posix-sed"}
    found = {path.name: path for path in (ROOT / "packages").glob("*/*/test.*")}
    assert set(found) == set(languages)
    for name, path in found.items():
        assert "OK" in execute(engine, languages[name], path.read_text(), stdin="line\n").json()["run"]["stdout"], name


@pytest.mark.parametrize("id", [f"A{i}" for i in range(1, 29)])
def test_row(coderunr, id):
    name, needs, function = ROWS[id]
    for language in needs:
        if not coderunr.has(language):
            pytest.skip(f"{id}, {name}: no runtime for {language} on this machine")
    function(coderunr)
