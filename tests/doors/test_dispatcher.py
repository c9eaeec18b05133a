"""The dispatcher door: jobs with tests, handed in, run here or by outside runners, polled for."""
import json
import re
import threading
import time

import pytest

JSON = {"Content-Type": "application/json"}
KEYS = ["stdin", "stdout", "stderr", "exitCode", "expected", "timedOut", "oomKilled"]
CONTAINER = [{"stdin": "1 8 6 2 5 4 8 3 7\n", "expected": "49\n"}, {"stdin": "1 1\n", "expected": "1\n"}]


def post(engine, path, body):
    return engine.request("POST", path, body if isinstance(body, str) else json.dumps(body), JSON)


def submit(engine, language, code, tests):
    answer = post(engine, "/run", {"language": language, "code": code, "tests": tests})
    assert answer.status == 202, answer
    said = answer.json()
    assert list(said) == ["jobID", "status"]
    assert re.fullmatch("[0-9a-f]{32}", said["jobID"])
    assert said["status"] == "/status/" + said["jobID"]
    return said["jobID"]


def status(engine, job, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = engine.request("GET", f"/status/{job}")
        if answer.status == 200:
            results = answer.json()
            assert all(list(result) == KEYS for result in results)
            return results
        assert (answer.status, answer.body) == (404, b"job not found or not finished\n")
        time.sleep(0.05)
    pytest.fail(f"job {job} has not ended after {seconds} s")


def run(engine, language, code, *tests):
    return status(engine, submit(engine, language, code, [{"stdin": a, "expected": b} for a, b in tests]))


def result(stdin, stdout, expected, **more):
    return {"stdin": stdin, "stdout": stdout, "stderr": "", "exitCode": 0, "expected": expected, "timedOut": False,
            "oomKilled": False, **more}


def take(engine, language, **query):
    words = "".join(f"&{key}={value}" for key, value in query.items())
    answer = engine.request("GET", f"/queue/next?lang={language}{words}")
    return answer.json() if answer.status == 200 else answer.status


# ---- run here ----

def test_the_sample_of_the_readme(engine, need):
    need("javascript")
    code = ("const chunks = []; process.stdin.on('data', c => chunks.push(c));"
            "process.stdin.on('end', () => process.stdout.write(Buffer.concat(chunks).toString().toUpperCase()));")
    assert run(engine, "javascript", code, ("hello\n", "HELLO\n"), ("world\n", "WORLD\n")) == [
        result("hello\n", "HELLO\n", "HELLO\n"), result("world\n", "WORLD\n", "WORLD\n")]


GO = """package main

import "fmt"

func main() {
        var h []int
        for {
                var x int
                if _, err := fmt.Scan(&x); err != nil {
                        break
                }
                h = append(h, x)
        }
        best := 0
        for i := range h {
                for j := i + 1; j < len(h); j++ {
                        low := h[i]
                        if h[j] < low {
                                low = h[j]
                        }
                        if low*(j-i) > best {
                                best = low * (j - i)
                        }
                }
        }
        fmt.Println(best)
}
"""
PYTHON = """h = list(map(int, input().split()))
print(max(min(h[i], h[j]) * (j - i) for i in range(len(h)) for j in range(i + 1, len(h))))
"""
NODE = """const h = require('fs').readFileSync(0, 'utf8').trim().split(' ').map(Number);
let best = 0;
for (let i = 0; i < h.length; i++)
    for (let j = i + 1; j < h.length; j++) best = Math.max(best, Math.min(h[i], h[j]) * (j - i));
console.log(best);
"""


@pytest.mark.parametrize("language, code", [("go", GO), ("python", PYTHON), ("javascript", NODE), ("js", NODE)])
def test_the_largest_container(engine, need, language, code):
    need(language)
    job = submit(engine, language, code, CONTAINER)
    assert status(engine, job, 60) == [result(t["stdin"], t["expected"], t["expected"]) for t in CONTAINER]


def test_no_tests(engine, need):
    need("python")
    assert run(engine, "python", "print(1)") == []
    job = post(engine, "/run", {"language": "python"}).json()["jobID"]
    assert status(engine, job) == []


def test_any_bytes_and_exit_codes(engine, need):
    need("python")
    code = "import sys\nsys.stderr.write('e\\0')\nsys.stdout.write(sys.stdin.read())\nsys.exit(7)"
    text = "<&>\0\u2028\n"
    assert run(engine, "python", code, (text, "")) == [result(text, text, "", stderr="e\0", exitCode=7)]


def test_a_signal(engine, need):
    need("python")
    [said] = run(engine, "python", "import os\nos.kill(os.getpid(), 11)", ("", ""))
    assert (said["exitCode"], said["timedOut"], said["oomKilled"]) == (139, False, False)


def test_a_compiler_that_refuses(engine, need):
    need("c")
    results = run(engine, "c", "int main(void) { return nothing; }", ("1", "a"), ("2", "b"))
    assert [(r["stdin"], r["expected"], r["stdout"]) for r in results] == [("1", "a", ""), ("2", "b", "")]
    assert all("nothing" in r["stderr"] and r["exitCode"] > 0 for r in results)


def test_time(start_engine, need):
    need("python")
    engine = start_engine(dispatch_timeout="1s", run_timeout="200ms")
    [said, other] = run(engine, "python", "import time\nif input() == 'a':\n    time.sleep(9)\ntime.sleep(0.4)\nprint(1)",
                        ("a", ""), ("b", ""))
    assert (said["timedOut"], said["oomKilled"], said["exitCode"], said["stdout"]) == (True, False, -1, "")
    assert other == result("b", "1\n", "")


def test_memory(engine, need):
    need("python")
    [said] = run(engine, "python", "x = bytearray(1 << 30)", ("", ""))
    assert (said["oomKilled"], said["timedOut"], said["exitCode"]) == (True, False, 137)


def test_no_network(engine, need):
    need("python")
    [said] = run(engine, "python", "import socket\nsocket.create_connection(('1.1.1.1', 53), 2)", ("", ""))
    assert said["exitCode"] == 1 and "OSError" in said["stderr"]


# ---- bad requests ----

@pytest.mark.parametrize("method, path, status", [
    ("GET", "/status/{id}", 404), ("HEAD", "/status/{id}", 404), ("POST", "/status/{id}", 404),
    ("GET", "/result/{id}", 405), ("GET", "/renew/{id}", 405), ("POST", "/renew/{id}", 409),
    ("POST", "/queue/next", 400), ("DELETE", "/status/{id}", 404)])
def test_addresses(engine, method, path, status):
    assert engine.request(method, path.format(id="none")).status == status


@pytest.mark.parametrize("method, path", [("GET", "/run"), ("PUT", "/run"), ("DELETE", "/run"), ("GET", "/result/x")])
def test_methods(engine, method, path):
    answer = engine.request(method, path)
    assert (answer.status, answer.body) == (405, b"method not allowed\n")


@pytest.mark.parametrize("path", ["/run", "/result/0123"])
def test_an_empty_body(engine, path):
    answer = engine.request("POST", path)
    assert (answer.status, answer.body) == (400, b"EOF\n")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("body", ["{", "[]", "3", '{"language":3}', '{"code":[]}', '{"tests":{}}', '{"tests":[3]}',
                                  '{"tests":[{"stdin":3}]}', '{"tests":[{"expected":{}}]}', '{"code":"","code":""}',
                                  json.dumps({"language": "x" * 128}), json.dumps({"language": "a\0b"})])
def test_what_is_no_request(engine, body):
    answer = post(engine, "/run", body)
    assert answer.status == 400 and answer.body.endswith(b"\n"), answer


def test_too_large(engine):
    assert post(engine, "/run", {"language": "nobody", "code": "x" * (5 << 20)}).status == 413


@pytest.mark.parametrize("query, text", [("", "lang query parameter required"), ("?lang=", "lang query parameter required"),
                                         ("?wait=1", "lang query parameter required"),
                                         ("?lang=x&wait=-1", "wait must be a whole number of at most 60"),
                                         ("?lang=x&wait=61", "wait must be a whole number of at most 60"),
                                         ("?lang=x&lease=x", "lease must be a whole number of at most 3600")])
def test_bad_polls(engine, query, text):
    answer = engine.request("GET", "/queue/next" + query)
    assert (answer.status, answer.body.decode()) == (400, text + "\n")


def test_unknown_jobs(engine):
    assert engine.request("GET", "/status/0123").status == 404
    assert engine.request("GET", "/status/" + "a" * 500).status == 404
    assert post(engine, "/result/0123", []).status == 404
    assert post(engine, "/renew/0123", "").status == 409


# ---- outside runners ----

def test_an_outside_runner(engine):
    tests = [{"stdin": "a", "expected": "A"}, {"stdin": "b\0", "expected": "ü"}]
    job = submit(engine, "lang1", "the code", tests)
    assert engine.request("GET", f"/status/{job}").status == 404
    assert take(engine, "lang1") == {"id": job, "request": {"language": "lang1", "code": "the code", "tests": tests}}
    assert take(engine, "lang1", wait=0) == 204
    results = [result("a", "out", "A", stderr="err", exitCode=3), result("b\0", "", "ü", exitCode=-1, timedOut=True)]
    answer = post(engine, f"/result/{job}", results)
    assert (answer.status, answer.body) == (204, b"")
    assert status(engine, job) == results
    assert post(engine, f"/result/{job}", []).status == 409
    assert status(engine, job) == results


@pytest.mark.parametrize("one", [{"exitCode": 137, "oomKilled": True}, {"exitCode": 1}, {"exitCode": -1},
                                 {"exitCode": 255, "stderr": "x"}, {"exitCode": 137, "timedOut": True}])
def test_what_was_posted_is_what_is_told(engine, one):
    job = submit(engine, "lang2", "", [{"stdin": "", "expected": ""}])
    assert take(engine, "lang2")["id"] == job
    expected = [result("", "", "", **one)]
    assert post(engine, f"/result/{job}", expected).status == 204
    assert status(engine, job) == expected


@pytest.mark.parametrize("body", ["null", "{}", "[3]", '[{"stdout":3}]', '[{"exitCode":"1"}]', '[{"timedOut":1}]',
                                  '[{},{}]'])
def test_bad_results_end_nothing(engine, body):
    job = submit(engine, "lang3", "", [{"stdin": "", "expected": ""}])
    assert take(engine, "lang3")["id"] == job
    assert post(engine, f"/result/{job}", body).status == 400
    assert post(engine, f"/result/{job}", [{"stdout": "well"}]).status == 204
    assert status(engine, job) == [result("", "well", "")]


def test_a_test_without_result_says_so(engine):
    job = submit(engine, "lang4", "", [{}, {}])
    take(engine, "lang4")
    assert post(engine, f"/result/{job}", [{}]).status == 204
    assert status(engine, job) == [result("", "", ""),
                                   result("", "", "", exitCode=-1, stderr="there is no result for this test")]


def test_first_come_first_served_by_exact_language(engine):
    jobs = [submit(engine, "lang5", str(i), []) for i in range(3)]
    assert take(engine, "Lang5", wait=0) == 204
    assert take(engine, "lang", wait=0) == 204
    assert [take(engine, "lang5")["id"] for _ in jobs] == jobs


def test_a_poll_waits(engine):
    began = time.monotonic()
    assert take(engine, "lang6", wait=1) == 204
    assert time.monotonic() - began > 0.9
    found = []
    poll = threading.Thread(target=lambda: found.append((take(engine, "lang6", wait=20), time.monotonic())))
    poll.start()
    time.sleep(0.5)
    began = time.monotonic()
    job = submit(engine, "lang6", "", [])
    poll.join()
    assert found[0][0]["id"] == job and found[0][1] - began < 1


def test_a_lost_runners_job_comes_back(engine):
    job = submit(engine, "lang7", "", [{"stdin": "", "expected": ""}])
    first = take(engine, "lang7", lease=1)
    assert first["id"] == job
    second = take(engine, "lang7", wait=20, lease=30)
    assert second["id"] == job and second["lease"] > first["lease"]
    assert post(engine, f"/result/{job}?lease={first['lease']}", [{"stdout": "late"}]).status == 409
    assert post(engine, f"/renew/{job}?lease={first['lease']}", "").status == 409
    assert post(engine, f"/renew/{job}?lease={second['lease']}", "").status == 204
    assert post(engine, f"/result/{job}?lease={second['lease']}", [{"stdout": "mine"}]).status == 204
    assert post(engine, f"/result/{job}?lease={second['lease']}", [{"stdout": "again"}]).status == 204
    assert status(engine, job) == [result("", "mine", "")]


def test_a_renewed_lease_holds(engine):
    job = submit(engine, "lang8", "", [])
    lease = take(engine, "lang8", lease=2)["lease"]
    for _ in range(3):
        assert post(engine, f"/renew/{job}?lease={lease}&seconds=2", "").status == 204
        assert take(engine, "lang8", wait=1) == 204
    assert post(engine, f"/result/{job}?lease={lease}", []).status == 204


def test_full(engine):
    for _ in range(100):
        submit(engine, "lang9", "", [])
    answer = post(engine, "/run", {"language": "lang9"})
    assert (answer.status, answer.body) == (503, b"queue full\n")
    assert int(answer.headers["retry-after"]) > 0
    submit(engine, "lang9b", "", [])
    take(engine, "lang9")
    submit(engine, "lang9", "", [])


def test_nobody_took_it(start_engine):
    engine = start_engine(job_patience="1s")
    job = submit(engine, "nobody", "", [{"stdin": "a", "expected": "b"}])
    text = 'the job expired: no runner for "nobody" took it in time'
    assert status(engine, job) == [result("a", "", "b", stderr=text, exitCode=-1)]


def test_a_job_is_not_shown_by_other_doors_ids(engine):
    assert engine.request("GET", "/status/%2e%2e").status == 404


def test_they_survive(tmp_path_factory):
    from conftest import Engine
    folder = str(tmp_path_factory.mktemp("data"))
    engine = Engine(folder)
    try:
        done, waiting = submit(engine, "langa", "", [{}]), submit(engine, "langa", "code", [{}])
        take(engine, "langa")
        assert post(engine, f"/result/{done}", [{"stdout": "kept"}]).status == 204
    finally:
        assert engine.stop() == 0
    engine = Engine(folder)
    try:
        assert status(engine, done) == [result("", "kept", "")]
        assert take(engine, "langa")["id"] == waiting
        assert post(engine, f"/result/{waiting}", [{}]).status == 204
        assert status(engine, waiting) == [result("", "", "")]
    finally:
        assert engine.stop() == 0
