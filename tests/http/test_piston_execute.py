"""POST execute as Piston's clients know it: the messages of its validation, the fields of its answers."""
import base64
import concurrent.futures
import json
import time

import pytest

STAGE_KEYS = ["signal", "stdout", "stderr", "code", "output", "memory", "message", "status", "cpu_time", "wall_time"]


def post(engine, body, path="/api/v2/execute"):
    data = body if isinstance(body, (bytes, str)) else json.dumps(body)
    return engine.request("POST", path, data, {"Content-Type": "application/json"})


def python(**fields):
    return {"language": "python", "version": "*", "files": [{"content": "print(1)"}], **fields}


def without(name, **fields):
    return {key: value for key, value in python(**fields).items() if key != name}


SHAPES = [
    ({}, "language is required as a string"),
    ([], "language is required as a string"),
    (without("language"), "language is required as a string"),
    (python(language=""), "language is required as a string"),
    (python(language=5), "language is required as a string"),
    (without("version"), "version is required as a string"),
    (python(version=3), "version is required as a string"),
    (without("files"), "files is required as an array"),
    (python(files={}), "files is required as an array"),
    (python(files=[{}]), "files[0].content is required as a string"),
    (python(files=[None]), "files[0].content is required as a string"),
    (python(files=[{"content": ""}, {"content": 5}]), "files[1].content is required as a string"),
    (python(language="nonexistent", version="1.0.0"), "nonexistent-1.0.0 runtime is unknown"),
    (python(language="nonexistent", version="1.0.0", files=[]), "nonexistent-1.0.0 runtime is unknown"),
]

VALUES = [
    (python(version="latest"), "python-latest runtime is unknown"),
    (python(version="1.x"), "python-1.x runtime is unknown"),
    (python(language="PYTHON"), "PYTHON-* runtime is unknown"),
    (python(files=[]), "files must include at least one utf8 encoded file"),
    (python(files=[{"content": "", "encoding": "base64"}]), "files must include at least one utf8 encoded file"),
    (python(run_timeout="3000"), "If specified, run_timeout must be a number"),
    (python(compile_memory_limit=True, run_memory_limit="x"), "If specified, compile_memory_limit must be a number"),
    (python(run_timeout=10 ** 9), "run_timeout cannot exceed the configured limit of 3000"),
    (python(run_cpu_time=10 ** 9), "run_cpu_time cannot exceed the configured limit of 3000"),
    (python(run_memory_limit=10 ** 15), "run_memory_limit cannot exceed the configured limit of {memory}"),
    (python(run_timeout=-1), "run_timeout must be non-negative"),
    (python(run_memory_limit=-2), "run_memory_limit must be non-negative"),
    (python(stdin=5), "stdin must be a string"),
    (python(args=5), "args must be an array"),
]

NAMELESS_FAULTS = [
    python(args=["a\0b"]),
    python(files=[{"name": "../x", "content": ""}]),
    python(files=[{"name": "a/../../x", "content": ""}]),
    python(files=[{"name": ".", "content": ""}]),
    python(files=[{"name": 5, "content": ""}]),
    python(files=[{"name": "a", "content": ""}, {"name": "a/b", "content": ""}]),
    b"{", b"nope", b"5",
]


@pytest.mark.parametrize("body,message", SHAPES, ids=[row[1] + f" {i}" for i, row in enumerate(SHAPES)])
def test_shape_messages(engine, body, message):
    answer = post(engine, body)
    assert answer.status == 400
    assert answer.json() == {"message": message, "code": 400}


@pytest.mark.parametrize("body,message", VALUES, ids=[row[1] for row in VALUES])
def test_value_messages(engine, need, body, message):
    need("python")
    if "{memory}" in message:
        limits = post(engine, python()).json()["limits"]
        message = message.format(memory=limits["memory_limits"]["run"])
    answer = post(engine, body)
    assert answer.status == 400
    assert answer.json() == {"message": message, "code": 400}


@pytest.mark.parametrize("body", NAMELESS_FAULTS, ids=range(len(NAMELESS_FAULTS)))
def test_what_piston_had_no_message_for(engine, need, body):
    need("python")
    answer = post(engine, body)
    assert answer.status == 400
    assert answer.json()["message"]


@pytest.mark.parametrize("path", ["/api/v2/execute", "/api/v2/piston/execute"])
def test_keys_and_their_order(engine, need, path):
    need("python")
    answer = post(engine, python(), path)
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    body = answer.json()
    assert list(body) == ["run", "language", "version", "limits"]
    assert list(body["run"]) == STAGE_KEYS
    run = body["run"]
    assert (run["stdout"], run["stderr"], run["output"]) == ("1\n", "", "1\n")
    assert (run["code"], run["signal"], run["status"], run["message"]) == (0, None, None, None)
    assert all(isinstance(run[key], int) and run[key] > 0 for key in ("memory", "cpu_time", "wall_time"))
    assert body["language"] == "python"
    assert body["version"].startswith("3.")


def test_alias_is_answered_with_the_name(engine, need):
    need("py")
    body = post(engine, python(language="py")).json()
    assert body["language"] == "python"


def test_limits_in_force(engine, need):
    need("python")
    limits = post(engine, python(run_timeout=1000, run_cpu_time=0)).json()["limits"]
    assert limits["timeouts"]["run"] == 1000
    assert limits["cpu_times"]["run"] == 3000
    assert set(limits) == {"timeouts", "cpu_times", "memory_limits"}
    assert all(set(row) == {"compile", "run"} for row in limits.values())


def test_exit_status(engine, need):
    need("python")
    run = engine.run("python", "import sys; print('x', file=sys.stderr); sys.exit(7)")
    assert (run["code"], run["signal"], run["status"]) == (7, None, "RE")
    assert run["message"] == "Exited with error status 7"
    assert (run["stderr"], run["output"]) == ("x\n", "x\n")


def test_signal(engine, need):
    need("python")
    run = engine.run("python", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    assert (run["code"], run["signal"], run["status"]) == (None, "SIGSEGV", "SG")
    assert run["message"] == "Caught fatal signal 11"


def test_wall_clock(engine, need):
    need("python")
    run = engine.run("python", "import time; print('before', flush=True); time.sleep(9)", run_timeout=300)
    assert (run["code"], run["signal"], run["status"]) == (None, "SIGKILL", "TO")
    assert run["message"] == "Time limit exceeded (wall clock)"
    assert run["stdout"] == "before\n"
    assert 300 <= run["wall_time"] < 1000


def test_cpu_time(engine, need):
    need("python")
    run = engine.run("python", "while True: pass", run_cpu_time=300)
    assert (run["code"], run["signal"], run["status"]) == (None, "SIGKILL", "TO")
    assert run["message"] == "Time limit exceeded"


@pytest.mark.parametrize("value", [0, "", False, None])
def test_no_value_means_no_limit(engine, need, value):
    """Piston let `run_timeout: 0` run for ever."""
    need("python")
    run = engine.run("python", "import time; time.sleep(9)", run_timeout=value, run_cpu_time=value)
    assert run["status"] == "TO"


def test_minus_one_is_no_wish(engine, need):
    """Piston's word for "no memory limit", which its clients send unasked."""
    need("python")
    limits = post(engine, python(run_memory_limit=-1, compile_memory_limit=-1)).json()["limits"]
    assert limits["memory_limits"] == post(engine, python()).json()["limits"]["memory_limits"]


def test_memory(engine, need):
    need("python")
    run = engine.run("python", "x = bytearray(500 << 20)", run_memory_limit=64 << 20)
    assert isinstance(run["code"], int) and run["code"] != 0
    assert (run["signal"], run["status"]) == (None, "RE")
    assert str(64 << 20) in run["message"]


@pytest.mark.parametrize("stream,status", [("stdout", "OL"), ("stderr", "EL")])
def test_output_limit(engine, need, stream, status):
    """The output up to the limit is kept, and nothing of ours is in it."""
    need("python")
    run = engine.run("python", f"import sys\nwhile True: sys.{stream}.write('0123456789')")
    assert (run["code"], run["signal"], run["status"]) == (None, "SIGKILL", status)
    assert run["message"] == f"{stream} length exceeded"
    assert len(run[stream]) == 1 << 20
    assert run[stream].startswith("01234567890123456789")
    assert run["output"] == run[stream]
    assert run["stderr" if stream == "stdout" else "stdout"] == ""


def test_bytes_that_are_no_text(engine, need):
    need("python")
    run = engine.run("python", "import os; os.write(1, bytes(range(256)) + b'\\xe2\\x82'); os.write(1, b'\\xac')")
    head, tail = run["stdout"][:128], run["stdout"][128:]
    assert head == "".join(map(chr, range(128)))
    assert set(tail[:-1]) == {"\ufffd"}
    assert tail[-1] == "€"


def test_order_of_output(engine, need):
    need("python")
    code = "import os\nfor i in range(5): os.write(1, b'o%d ' % i); os.write(2, b'e%d ' % i)"
    run = engine.run("python", code)
    assert run["stdout"] == "o0 o1 o2 o3 o4 "
    assert run["stderr"] == "e0 e1 e2 e3 e4 "
    assert sorted(run["output"].split()) == sorted((run["stdout"] + run["stderr"]).split())


@pytest.mark.parametrize("stdin,expected", [("abc", "abc\n"), ("abc\n", "abc\n"), ("", "\n"), ("\0é", "\0é\n")])
def test_stdin(engine, need, stdin, expected):
    need("python")
    run = engine.run("python", "import sys; print(ascii(sys.stdin.buffer.read().decode()))", stdin=stdin)
    assert run["stdout"] == ascii(expected) + "\n"


def test_large_stdin(engine, need):
    need("python")
    text = "0123456789abcdef" * (1 << 18)
    run = engine.run("python", "import sys; print(len(sys.stdin.read()))", stdin=text)
    assert run["stdout"] == f"{len(text) + 1}\n"


def test_args(engine, need):
    need("python")
    code = "import sys; print(sys.argv[1:])"
    assert engine.run("python", code, args=["a b", 1, 1.5, True, "é", ""])["stdout"] == (
        "['a b', '1', '1.5', 'true', 'é', '']\n")
    assert engine.run("python", code, args="aé")["stdout"] == "['a', 'é']\n"
    assert engine.run("python", code, args=None)["stdout"] == "[]\n"


def test_files(engine, need):
    need("python")
    content = bytes(range(256))
    files = [
        {"name": "data.bin", "content": base64.b64encode(content).decode(), "encoding": "base64"},
        {"name": "sub/hex", "content": "00ff", "encoding": "hex"},
        {"name": "main.py", "content": "import mod; print(open('data.bin', 'rb').read() == bytes(range(256)), "
                                       "open('sub/hex', 'rb').read(), mod.x)"},
        {"name": "./mod.py", "content": "x = 1"},
        {"name": "mod.py", "content": "x = 2"},
    ]
    assert engine.run("python", files)["stdout"] == "True b'\\x00\\xff' 2\n"


def test_compiled(engine, need):
    need("c++")
    code = "#include <iostream>\nint main() { int x; std::cin >> x; std::cout << x * 2 << std::endl; }"
    body = engine.execute("c++", code, stdin="21").json()
    assert list(body) == ["compile", "run", "language", "version", "limits"]
    assert list(body["compile"]) == STAGE_KEYS
    assert body["compile"]["code"] == 0
    assert body["run"]["stdout"] == "42\n"


def test_failed_compile_stands_for_the_run(engine, need):
    need("c++")
    body = engine.execute("c++", "int main() { return x; }").json()
    assert body["run"] == body["compile"]
    assert body["run"]["code"] != 0
    assert body["run"]["status"] == "RE"
    assert "error" in body["run"]["stderr"]


def test_interpreter_has_no_compile_stage(engine, need):
    need("python")
    assert "compile" not in engine.execute("python", "print(").json()


def test_syntax_error(engine, need):
    need("python")
    answer = engine.execute("python", "print('")
    run = answer.json()["run"]
    assert answer.status == 200
    assert run["code"] == 1
    assert "SyntaxError" in run["stderr"]
    assert run["output"] == run["stderr"]


def test_many_at_once_get_their_own(engine, need):
    need("python")
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        outputs = list(pool.map(lambda i: engine.run("python", f"print({i})")["stdout"], range(64)))
    assert outputs == [f"{i}\n" for i in range(64)]


def test_stdin_as_sent_when_configured(start_engine, need):
    need("python")
    engine = start_engine(stdin_newline="false")
    code = "import sys; print(ascii(sys.stdin.read()))"
    assert engine.run("python", code, stdin="abc")["stdout"] == "'abc'\n"
    assert engine.run("python", code)["stdout"] == "''\n"


def test_full_queue(start_engine, need):
    """A job that cannot wait is told so at once, and when to come back."""
    need("python")
    engine = start_engine(max_concurrent_jobs=1, max_queued_jobs=1)
    engine.run("python", "print(1)")
    time.sleep(0.5)  # until the only slot has its next box: a job that waits for that waits in the queue
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda i: engine.execute("python", f"import time; time.sleep(1); print({i})"), range(8)))
    statuses = sorted(answer.status for answer in answers)
    assert statuses == [200] * statuses.count(200) + [503] * statuses.count(503)
    assert statuses.count(200) == 2
    for i, answer in enumerate(answers):
        if answer.status == 503:
            assert answer.headers["retry-after"] == "1"
            assert answer.json()["message"] and answer.json()["code"] == 503
        else:
            assert answer.json()["run"]["stdout"] == f"{i}\n"


def test_body_of_many_megabytes(engine, need):
    need("python")
    files = [{"name": "main.py", "content": "print(len(open('big').read()))"},
             {"name": "big", "content": "x" * (9 << 20)}]
    assert engine.run("python", files)["stdout"] == f"{9 << 20}\n"
