"""The CodeEngine door: POST /execute as its clients know it, and its own limits."""
import concurrent.futures
import json
import time
import urllib.parse

import pytest

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
MULTIPART = {"Content-Type": 'multipart/form-data; boundary="a-boundary"'}


def execute(engine, language, code, **more):
    return engine.request("POST", "/execute", json.dumps({"language": language, "code": code, **more}), JSON)


def output(engine, language, code):
    answer = execute(engine, language, code)
    assert answer.status == 200, answer
    assert list(answer.json()) == ["output"]
    return answer.json()["output"]


def multipart(**fields):
    parts = [f'--a-boundary\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
             for name, value in fields.items()]
    return ("".join(parts) + "--a-boundary--\r\n").encode()


@pytest.fixture
def python(need):
    need("python")


def test_health(engine):
    answer = engine.request("GET", "/health")
    assert (answer.status, answer.body) == (200, b"OK")


@pytest.mark.parametrize("code, expected", [
    ("print('Hello, World!')", "Hello, World!\n"),
    ("print(sum(range(10)))", "45\n"),
    ("pass", ""),
    ("print('<&>\\u2028\\x00')", "<&>\u2028\0\n"),
])
def test_prints(engine, python, code, expected):
    assert output(engine, "python3", code) == expected


def test_the_type_of_json_is_not_asked(engine, python):
    for headers in ({}, {"Content-Type": "text/plain"}, FORM):
        answer = engine.request("POST", "/execute", json.dumps({"language": "python3", "code": "print(1)"}), headers)
        assert (answer.status, answer.json()) == (200, {"output": "1\n"})


def test_unknown_fields_are_ignored(engine, python):
    assert execute(engine, "python3", "print(1)", stdin=3, x=[]).json() == {"output": "1\n"}


def test_a_traceback_is_output(engine, python):
    text = output(engine, "python3", "print('before')\nprint(undefined_variable)")
    assert text.startswith("before\nTraceback")
    assert text.endswith("NameError: name 'undefined_variable' is not defined\n")


def test_a_compiler_speaks_in_the_output(engine, need):
    need("c")
    assert "error" in output(engine, "c", "int main(void) { return nothing; }")
    assert output(engine, "c", "#include <stdio.h>\nint main(void) { puts(\"hi\"); return 3; }") == "hi\n"


def test_stdout_and_stderr_in_the_order_of_the_writes(engine, python):
    code = "import os\nfor i in range(5000):\n    os.write(1 + i % 2, b'%d\\n' % i)"
    assert output(engine, "python3", code) == "".join(f"{i}\n" for i in range(5000))


def test_the_other_methods(engine):
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        answer = engine.request(method, "/execute")
        assert (answer.status, answer.json()) == (405, {"error": "Method not allowed"})


@pytest.mark.parametrize("body", ["{", "", "[]", "null", "3", '"x"', '{"language":"python3","language":"python3"}',
                                  '{"language":3,"code":"x"}', '{"language":"python3","code":["x"]}',
                                  '{"language":"\udcff"}'.encode("utf-8", "surrogateescape")])
def test_what_is_no_request(engine, body):
    answer = engine.request("POST", "/execute", body, JSON)
    assert (answer.status, answer.json()) == (400, {"error": "Invalid JSON"})


@pytest.mark.parametrize("body", [{}, {"code": "print(1)"}, {"language": "python3"}, {"language": "", "code": "1"},
                                  {"language": None, "code": "1"}])
def test_what_is_missing(engine, body):
    answer = engine.request("POST", "/execute", json.dumps(body), JSON)
    assert (answer.status, answer.json()) == (400, {"error": "Code and language are required"})


def test_unknown_language(engine):
    answer = execute(engine, "klingon", "nuqneH")
    assert (answer.status, answer.json()) == (400, {"error": "Unsupported language: klingon"})


CODE = "# +&%=;\nprint('a&b=c d+ü')\n"


def test_forms_are_answered_as_json_is(engine, python):
    expected = (200, {"output": "a&b=c d+ü\n"})
    pairs = urllib.parse.urlencode({"x": "", "language": "python3", "code": CODE})
    for path, body, headers in [("/execute", pairs, FORM),
                                ("/execute", multipart(x="", language="python3", code=CODE), MULTIPART),
                                ("/execute?" + pairs, "", FORM)]:
        answer = engine.request("POST", path, body, headers)
        assert (answer.status, answer.json()) == expected, headers


def test_a_boundary_inside_the_code_is_code(engine, python):
    body = multipart(language="python3", code="print('x--a-boundary')")
    assert engine.request("POST", "/execute", body, MULTIPART).json() == {"output": "x--a-boundary\n"}


@pytest.mark.parametrize("body, headers, message", [
    ("language=python3", FORM, "Code and language are required"),
    ("", FORM, "Code and language are required"),
    ("language=python3&code=%zz", FORM, "Invalid form"),
    ("language=python3&code=%4", FORM, "Invalid form"),
    (multipart(language="python3"), MULTIPART, "Code and language are required"),
    (multipart(language="python3", code="1")[:-25], MULTIPART, "Invalid form"),
    (b"", MULTIPART, "Invalid form"),
    (b"--a-boundary\r\n", MULTIPART, "Invalid form"),
])
def test_forms_that_are_none(engine, body, headers, message):
    answer = engine.request("POST", "/execute", body, headers)
    assert (answer.status, answer.json()) == (400, {"error": message})


def test_no_network(engine, python):
    code = "import socket\nsocket.create_connection(('1.1.1.1', 53), 2)"
    assert "OSError" in output(engine, "python3", code)


def test_memory(engine, python):
    assert output(engine, "python3", "print('a', flush=True)\nx = bytearray(200 << 20)\nprint('b')") == "a\n"
    assert output(engine, "python3", "x = bytearray(30 << 20)\nprint('b')") == "b\n"


def test_a_runtime_that_needs_more_gets_it(engine, need):
    need("javascript")
    assert output(engine, "nodejs", "console.log(6 * 7)") == "42\n"


def test_longer_than_other_doors(start_engine, python):
    engine = start_engine(codeengine_timeout="2s", run_timeout="500ms", run_cpu_time="500ms")
    began = time.monotonic()
    assert output(engine, "python3", "print('a', flush=True)\nwhile True: pass") == "a\n"
    assert 1.9 < time.monotonic() - began < 3.5
    assert engine.run("python", "while True: pass")["status"] == "TO"
    assert output(engine, "python3", "import time\ntime.sleep(1)\nprint(1)") == "1\n"


def test_a_time_set_for_a_language_holds_here_too(start_engine, python):
    engine = start_engine(limit_overrides='{"python": {"run_timeout": 700}}')
    began = time.monotonic()
    assert output(engine, "python3", "import time\ntime.sleep(20)\nprint(1)") == ""
    assert time.monotonic() - began < 3


def test_so_many_at_once(start_engine, python):
    engine = start_engine(codeengine_jobs=3, max_concurrent_jobs=8)
    code = "import time\na = time.time()\ntime.sleep(0.5)\nprint(a, time.time())"
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        spans = list(pool.map(lambda _: [float(x) for x in output(engine, "python3", code).split()], range(7)))
    at_once = max(sum(a <= b < c for a, c in spans) for b, _ in spans)
    assert at_once == 3


def test_who_goes_away_makes_room(start_engine, python):
    engine = start_engine(codeengine_jobs=1)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            engine.request("POST", "/execute", json.dumps({"language": "python3", "code": "import time; time.sleep(9)"}),
                           JSON, timeout=0.3)
    began = time.monotonic()
    assert output(engine, "python3", "print(1)") == "1\n"
    assert time.monotonic() - began < 3
