"""What the originals' papers and samples promise, row by row: B CodeEngine, C the exec engine, D the dispatcher.

The tests of each door say more about each of them; this file is the list, and nothing in it may be missing.
"""
import concurrent.futures
import json
import pathlib
import re
import socket
import tempfile
import time

import pytest
import test_codeengine as codeengine
import test_dispatcher as dispatcher
import test_exec as exec_v1
from conftest import Engine

ROWS = {"b": 11, "c": 12, "d": 9}
AT_MOST = 0.9  # of a second: how far two clocks in boxes may be apart from ours, and a start take


@pytest.fixture(name="python", autouse=True)
def fixture_python(need):
    need("python")


def most_at_once(spans):
    return max(sum(begin <= moment < end for begin, end in spans) for moment, _ in spans)


SPAN = "import time\na = time.time()\ntime.sleep(1)\nprint(a, time.time())"
LISTENING = "import socket\ns = socket.socket()\ns.settimeout(2)\ns.connect(({host!r}, {port}))\nprint('connected')"


@pytest.fixture(name="neighbour")
def fixture_neighbour():
    """A listener on this host that a program must not reach; how often it was."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)
        yield listener


def was_reached(listener):
    try:
        listener.accept()[0].close()
    except TimeoutError:
        return False
    return True


# ---- B: CodeEngine ----

def test_b1_health(engine):
    answer = engine.request("GET", "/health")
    assert (answer.status, answer.body) == (200, b"OK") and answer.headers["content-type"].startswith("text/plain")


def test_b2_hello(engine):
    answer = codeengine.execute(engine, "python3", "print('Hello, World!')")
    assert (answer.status, answer.json()) == (200, {"output": "Hello, World!\n"})


def test_b3_sum(engine):
    assert codeengine.output(engine, "python3", "print(sum(range(10)))") == "45\n"


def test_b4_traceback(engine):
    said = codeengine.output(engine, "python3", "print(undefined_variable)")
    assert said.endswith("NameError: name 'undefined_variable' is not defined\n")


def test_b5_method(engine):
    answer = engine.request("GET", "/execute")
    assert (answer.status, answer.json()) == (405, {"error": "Method not allowed"})


@pytest.mark.parametrize("body", ["{", "", "nope", '{"language":', "[]]", "{'language': 1}"])
def test_b6_no_json(engine, body):
    answer = engine.request("POST", "/execute", body, codeengine.JSON)
    assert (answer.status, answer.json()) == (400, {"error": "Invalid JSON"})


def test_b7_ten_at_once(start_engine):
    engine = start_engine(max_concurrent_jobs=16)
    with concurrent.futures.ThreadPoolExecutor(11) as pool:
        said = list(pool.map(lambda _: codeengine.output(engine, "python3", SPAN), range(11)))
    assert most_at_once([tuple(map(float, text.split())) for text in said]) == 10


def test_b8_time(start_engine):
    """30 s by default (test_defaults.py); here 2 s, for the same program."""
    engine = start_engine(codeengine_timeout="2s")
    began = time.monotonic()
    assert codeengine.output(engine, "python3", "while True: pass") == ""
    assert 1.9 <= time.monotonic() - began < 2 + 5 * AT_MOST


def test_b9_no_network(engine, neighbour):
    code = LISTENING.format(host="127.0.0.1", port=neighbour.getsockname()[1])
    assert "connected" not in codeengine.output(engine, "python3", code) and not was_reached(neighbour)


def test_b10_memory(engine):
    code = "print('before', flush=True)\nx = bytearray(200 << 20)\nprint('after')"
    assert codeengine.output(engine, "python3", code) == "before\n"


@pytest.mark.parametrize("kind", ["urlencoded", "multipart", "query"])
def test_b11_forms(engine, kind):
    if kind == "multipart":
        answer = engine.request("POST", "/execute", codeengine.multipart(language="python3", code="print(6*7)"),
                                codeengine.MULTIPART)
    elif kind == "urlencoded":
        answer = engine.request("POST", "/execute", "language=python3&code=print%286*7%29", codeengine.FORM)
    else:
        answer = engine.request("POST", "/execute?language=python3&code=print%286*7%29", "", codeengine.FORM)
    assert (answer.status, answer.body) == (200, codeengine.execute(engine, "python3", "print(6*7)").body)


# ---- C: the exec engine ----

@pytest.fixture(name="judge", scope="module")
def fixture_judge(start_engine):
    return start_engine(admin_key=exec_v1.KEY)


def test_c1_spec(engine):
    spec = engine.request("GET", "/v1/spec").json()
    for language in ("python3", "node", "go"):
        if engine.has(language):
            assert list(spec[language]) == ["image", "entrypoint", "filename", "cmd", "language", "use"]
            assert all(isinstance(text, str) for text in spec[language].values())
    assert "python3" in spec


def test_c2_a_program(engine):
    said = exec_v1.run(engine, "python3", 'print("hi")')  # submit() looks at the 20 characters and PENDING
    assert (said["status"], said["stdout"]) == ("SUCCESS", "hi")


@pytest.mark.parametrize("body", ["{", "", "nope", "language=python3"])
def test_c3_no_json(engine, body):
    answer = exec_v1.post(engine, "/v1/exec", body)
    assert (answer.status, answer.json()) == (400, {"error": "Invalid JSON"})


def test_c4_unknown_language(engine):
    said = exec_v1.run(engine, "klingon", "nuqneH")
    assert said["status"] == "ERROR" and "klingon" in said["stderr"]


def test_c5_time(start_engine):
    """20 s by default (test_defaults.py); here 1 s."""
    engine = start_engine(exec_timeout="1s")
    said = exec_v1.run(engine, "python3", "while True: pass")
    assert said["status"] == "TIMEOUT"


@pytest.fixture(name="question", scope="module")
def fixture_question(judge):
    return exec_v1.put_question(judge, id="1", title="Odd", test_cases=exec_v1.CASES)


def test_c6_question_one(judge, question):
    assert len(exec_v1.CASES) == 100
    assert [(case["input"].strip(), case["expected_output"]) for case in exec_v1.CASES[:8]] == [
        ("-26", "-53"), ("26", "53"), ("95", "191"), ("-9", "-19"), ("-96", "-193"), ("-16", "-33"), ("-88", "-177"),
        ("-59", "-119")]
    right = exec_v1.run(judge, "python3", "n = int(input())\nprint(2*n + (1 if n > 0 else -1))", question_id=question)
    assert (right["status"], right["passed_count"], right["total_count"]) == ("SUCCESS", 100, 100)
    wrong = exec_v1.run(judge, "python3", "print(2*int(input()) - 1)", question_id=question)
    assert (wrong["status"], wrong["passed_count"]) == ("FAILURE", 1) and "case 2" in wrong["stdout"]
    single = exec_v1.put_question(judge, id="single", title="3.1", test_cases=[{"input": "-22", "expected_output": "-45"}])
    assert exec_v1.run(judge, "python3", "print(2*int(input()) - 1)", question_id=single)["status"] == "SUCCESS"


@pytest.mark.parametrize("end", ["\\n\\n", "  ", " \\n\\t"])
def test_c7_white_space_at_the_end(judge, question, end):
    code = f"n = int(input())\nprint(2*n + (1 if n > 0 else -1), end='{end}')"
    assert exec_v1.run(judge, "python3", code, question_id=question)["passed_count"] == 100


def test_c8_four_jobs_on_three_workers(start_engine):
    engine = start_engine(max_concurrent_jobs=3)
    jobs = [exec_v1.submit(engine, "python3", SPAN) for _ in range(4)]
    spans = [tuple(map(float, exec_v1.finished(engine, job)["stdout"].split())) for job in jobs]
    assert most_at_once(spans) == 3


def test_c9_the_newest_fifty(start_engine):
    engine = start_engine(ephemeral="true")
    jobs = [exec_v1.submit(engine, "klingon", str(i)) for i in range(52)]
    assert [row["id"] for row in engine.request("GET", "/v1/submissions").json()] == jobs[:1:-1]


def test_c10_a_page(engine):
    """tests/http/test_page.py says what it can do."""
    answer = engine.request("GET", "/", headers={"Accept": "text/html"})
    assert answer.status == 200 and answer.headers["content-type"].startswith("text/html")


def test_c11_two_mebibytes_of_output(engine):
    said = exec_v1.run(engine, "python3", "print('x' * (2 << 20))")
    assert 0 < len(said["stdout"]) <= 1 << 20 and set(said["stdout"]) == {"x"}


@pytest.mark.parametrize("hard", [False, True], ids=["stopped", "killed"])
def test_c12_a_pending_row_is_picked_up_again(hard):
    with tempfile.TemporaryDirectory(prefix="coderunr-tests-") as folder:
        engine = Engine(folder, max_concurrent_jobs=1)
        first = exec_v1.submit(engine, "python3", "import time\ntime.sleep(2)\nprint('first')")
        second = exec_v1.submit(engine, "python3", "print('second')")
        assert engine.request("GET", f"/v1/submissions/{second}").json()["status"] == "PENDING"
        if hard:
            engine.process.kill()
            engine.process.wait()
        else:
            assert engine.stop() == 0
        engine = Engine(folder, max_concurrent_jobs=1)
        try:
            assert exec_v1.finished(engine, second)["stdout"] == "second"
            assert exec_v1.finished(engine, first)["stdout"] == "first"
        finally:
            assert engine.stop() == 0


# ---- D: the dispatcher ----

def test_d1_upper_case(engine, need):
    need("javascript")
    code = "process.stdout.write(require('fs').readFileSync(0, 'utf8').toUpperCase());"
    assert dispatcher.run(engine, "javascript", code, ("hello\n", "HELLO\n"), ("world\n", "WORLD\n")) == [
        dispatcher.result("hello\n", "HELLO\n", "HELLO\n"), dispatcher.result("world\n", "WORLD\n", "WORLD\n")]


@pytest.mark.parametrize("language, code", [("go", dispatcher.GO), ("python", dispatcher.PYTHON),
                                            ("javascript", dispatcher.NODE)])
def test_d2_the_largest_container(engine, need, language, code):
    need(language)
    job = dispatcher.submit(engine, language, code, dispatcher.CONTAINER)
    said = dispatcher.status(engine, job, 60)  # 404 meanwhile, which status() looks at
    assert [one["stdout"] for one in said] == [one["expected"] for one in said] == ["49\n", "1\n"]


def test_d3_sample_json(engine, need):
    need("go")
    sample = {"language": "go", "code": dispatcher.GO, "tests": dispatcher.CONTAINER[:1]}
    answer = dispatcher.post(engine, "/run", json.dumps(sample, indent=2))
    assert answer.status == 202
    assert [one["stdout"] for one in dispatcher.status(engine, answer.json()["jobID"], 60)] == ["49\n"]


@pytest.mark.parametrize("method, path, body, status, text", [
    ("GET", "/run", None, 405, b"method not allowed\n"),
    ("POST", "/run", "", 400, b"EOF\n"),
    ("POST", "/run", "{", 400, None),
    ("GET", "/queue/next", None, 400, b"lang query parameter required\n")])
def test_d4_bad_requests(engine, method, path, body, status, text):
    answer = engine.request(method, path, body, dispatcher.JSON)
    assert answer.status == status and (text is None or answer.body == text)
    assert answer.headers["content-type"].startswith("text/plain") and answer.body.endswith(b"\n")


def test_d5_the_poll_protocol(engine):
    tests = [{"stdin": "a", "expected": "A"}]
    answer = dispatcher.post(engine, "/run", {"language": "d5", "code": "c", "tests": tests})
    assert answer.status == 202
    job = answer.json()["jobID"]
    assert answer.body.strip() == json.dumps({"jobID": job, "status": f"/status/{job}"}, separators=(",", ":")).encode()
    answer = engine.request("GET", f"/status/{job}")
    assert (answer.status, answer.body) == (404, b"job not found or not finished\n")
    answer = engine.request("GET", "/queue/next?lang=d5")
    assert answer.status == 200
    assert answer.json() == {"id": job, "request": {"language": "d5", "code": "c", "tests": tests}}
    results = [dispatcher.result("a", "A", "A")]
    answer = dispatcher.post(engine, f"/result/{job}", results)
    assert (answer.status, answer.body) == (204, b"")
    answer = engine.request("GET", f"/status/{job}")
    assert answer.status == 200 and answer.body.strip() == json.dumps(results, separators=(",", ":")).encode()
    answer = engine.request("GET", "/queue/next?lang=d5")
    assert (answer.status, answer.body) == (204, b"")


def test_d6_full(engine):
    for _ in range(100):
        dispatcher.submit(engine, "d6", "", [])
    answer = dispatcher.post(engine, "/run", {"language": "d6"})
    assert answer.status == 503 and int(answer.headers["retry-after"]) > 0


def test_d7_time(engine):
    began = time.monotonic()
    [said] = dispatcher.run(engine, "python", "while True: pass", ("", ""))
    assert (said["timedOut"], said["oomKilled"]) == (True, False)
    assert 4.9 <= time.monotonic() - began < 5 + 5 * AT_MOST


def test_d8_memory(engine):
    [said] = dispatcher.run(engine, "python", "x = bytearray(1 << 30)", ("", ""))
    assert (said["oomKilled"], said["timedOut"]) == (True, False)


def test_d9_no_network(engine, neighbour):
    code = LISTENING.format(host="127.0.0.1", port=neighbour.getsockname()[1])
    [said] = dispatcher.run(engine, "python", code, ("", ""))
    assert said["exitCode"] != 0 and said["stdout"] == "" and not was_reached(neighbour)


def test_no_row_is_missing():
    named = re.findall(r"^def test_([bcd])(\d+)_", pathlib.Path(__file__).read_text(), re.M)
    assert {(door, int(number)) for door, number in named} == {
        (door, number) for door, n in ROWS.items() for number in range(1, n + 1)}
