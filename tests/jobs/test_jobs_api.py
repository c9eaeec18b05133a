"""/v3/jobs from outside: what is accepted, what is refused, what comes back."""
import json
import time

import pytest
from jobs_support import JSON, accepted, get, program, run, submit, submit_batch, wait_for_state

DOUBLE = "read x; echo $((x*2))"


def test_a_job_is_accepted_and_has_its_result(engine):
    answer = submit(engine, program("cat; echo oops >&2; exit 3", stdin="hello", tag="mine"))
    assert answer.status == 202
    job = answer.json()
    assert answer.headers["location"] == f"/v3/jobs/{job['id']}"
    assert len(job["id"]) == 32 and job["state"] == "queued"
    job = get(engine, job["id"], wait=30)
    assert (job["state"], job["verdict"], job["attempts"]) == ("done", "exit", 1)
    assert job["request"] == {"language": "bash", "version": job["request"]["version"], "tag": "mine"}
    [outcome] = job["outcomes"]
    assert (outcome["stdout"], outcome["stderr"], outcome["exit_code"]) == ("hello", "oops\n", 3)
    assert outcome["matched"] is None and not outcome["passed"]


def test_waiting_for_the_end(engine):
    assert run(engine, program("echo 1"))["outcomes"][0]["stdout"] == "1\n"
    started = time.monotonic()
    answer = submit(engine, program("sleep 2; echo 2"), "?wait=1")
    assert answer.status == 202 and answer.json()["state"] in {"queued", "running"}
    assert 0.9 < time.monotonic() - started < 5
    assert submit(engine, program("echo 1"), "?wait=soon").status == 400
    assert submit(engine, program("echo 1"), "?wait=99999999999").status == 200


def test_compiled_once_run_many(engine, need):
    need("c")
    source = "#include <stdio.h>\nint main(void){int a;scanf(\"%d\",&a);printf(\"%d\\n\",a*2);return 0;}"
    job = run(engine, program(source, "c", tests=[{"stdin": str(i), "expected": str(2 * i)} for i in range(20)]))
    stages = [outcome["stage"] for outcome in job["outcomes"]]
    assert stages.count("compile") == 1 and stages[0] == "compile" and stages.count("run") == 20
    assert job["tests"] == {"total": 20, "done": 20, "passed": 20}
    assert sorted(outcome["test"] for outcome in job["outcomes"][1:]) == list(range(20))


def test_a_program_that_does_not_compile_runs_no_test(engine, need):
    need("c")
    job = run(engine, program("int main(void) { return x; }", "c", tests=[{"stdin": "1", "expected": "1"}] * 3))
    assert (job["state"], job["verdict"]) == ("done", "exit")
    [outcome] = job["outcomes"]
    assert outcome["stage"] == "compile" and "x" in outcome["stderr"]
    assert job["tests"] == {"total": 3, "done": 0, "passed": 0}


def test_the_program_never_sees_what_is_expected(engine):
    job = run(engine, program("grep -rs SECRET-EXPECTATIO[N] /box /tmp /proc/self/environ /proc/self/cmdline; env; cat",
                              tests=[{"stdin": "x", "expected": "SECRET-EXPECTATION"}]))
    assert "SECRET-EXPECTATION" not in job["outcomes"][0]["stdout"]
    assert job["outcomes"][0]["matched"] is False


@pytest.mark.parametrize("rule, printed, expected, matches", [
    ("exact", "a\\n", "a\n", True), ("exact", "a\\n", "a", False),
    ("trimmed", "a  \\nb\\n\\n", "a\nb", True), ("trimmed", "a b\\n", "a  b", False),
    ("tokens", "a   b\\n\\nc", "a b c", True), ("tokens", "a b", "a c", False),
    ("caseless", "YES no", "yes No", True), ("caseless", "YES", "yess", False),
    ({"kind": "float", "absolute": 0.01}, "1.005 2", "1 2.0", True),
    ({"kind": "float", "relative": 0.001}, "1000.5", "1000", True),
    ({"kind": "float", "absolute": 0.001}, "1.01", "1", False),
])
def test_comparators(engine, rule, printed, expected, matches):
    job = run(engine, program(f"printf '{printed}'", tests=[{"expected": expected}], compare=rule))
    assert job["outcomes"][0]["matched"] is matches
    assert ("difference" in job["outcomes"][0]) is not matches


def test_the_first_difference_is_told(engine):
    job = run(engine, program("printf 'one\\ntwo x\\n'", tests=[{"expected": "one\ntwo y\n"}]))
    difference = job["outcomes"][0]["difference"]
    assert (difference["line"], difference["column"]) == (2, 5)
    assert "y" in difference["expected"] and "x" in difference["actual"]


def test_stop_at_the_first_failure(engine):
    tests = [{"stdin": str(i), "expected": "0" if i == 3 else str(2 * i)} for i in range(40)]
    job = run(engine, program(DOUBLE, tests=tests, stop="first_failure"))
    ran = sorted(outcome["test"] for outcome in job["outcomes"])
    assert ran == sorted(set(ran)) and {0, 1, 2, 3} <= set(ran) and max(ran) < 39
    assert job["tests"]["done"] == len(ran) < 40


def test_no_tests_end_at_once(engine):
    job = run(engine, program("echo never", tests=[]))
    assert (job["state"], job["verdict"], job["outcomes"]) == ("done", "ok", [])


def test_any_bytes_in_and_kept_output_of_failures_only(engine):
    tests = [{"stdin": {"base64": "AP8K"}, "expected": {"base64": "AP8K"}}, {"stdin": "a", "expected": "b"}]
    job = run(engine, program("cat", tests=tests, compare="exact", keep_output="failed"))
    by_test = {outcome["test"]: outcome for outcome in job["outcomes"]}
    assert by_test[0]["matched"] is True and by_test[0]["stdout"] == ""
    assert by_test[1]["matched"] is False and by_test[1]["stdout"] == "a"


def test_the_same_key_is_the_same_job(engine):
    job = program("echo once")
    first = accepted(engine, job, **{"Idempotency-Key": "k-1"})
    assert accepted(engine, job, **{"Idempotency-Key": "k-1"}) == first
    assert submit(engine, program("echo other"), headers={"Idempotency-Key": "k-1"}).status == 409
    assert accepted(engine, job, **{"Idempotency-Key": "k-2"}) != first
    with_key = program("echo once", key="k-3")
    assert accepted(engine, with_key) == accepted(engine, with_key)
    for bad in ("x" * 10240, "a b", "\x7f", ""):
        assert submit(engine, job, headers={"Idempotency-Key": bad}).status == 400, bad[:10]


def test_a_batch_and_the_same_batch_again(engine):
    jobs = [program(DOUBLE, tests=[{"stdin": str(i), "expected": str(2 * i)}]) for i in range(50)]
    first = submit_batch(engine, jobs, {"Idempotency-Key": "batch-1"})
    assert first.status == 202, first
    again = submit_batch(engine, jobs, {"Idempotency-Key": "batch-1"})
    assert [job["id"] for job in again.json()["jobs"]] == [job["id"] for job in first.json()["jobs"]]
    assert all(job["existed"] for job in again.json()["jobs"]) and again.json()["batch"] == first.json()["batch"]
    for job in first.json()["jobs"]:
        ended = get(engine, job["id"], wait=60)
        assert ended["tests"]["passed"] == 1, ended


def test_one_bad_line_refuses_the_batch(engine):
    before = engine.request("GET", "/v3/jobs?limit=1").json()["jobs"][:1]
    answer = submit_batch(engine, [program("echo 1"), program("echo 1", language="klingon"), program("echo 1")])
    assert answer.status == 422 and "line 2" in answer.json()["message"]
    assert engine.request("GET", "/v3/jobs?limit=1").json()["jobs"][:1] == before
    assert submit_batch(engine, []).status == 422
    assert submit_batch(engine, [program("true")] * 10001).status == 422


@pytest.mark.parametrize("body, status", [
    ("{", 400), ("[]", 422), ("{}", 422), ('{"language":"bash"}', 422), ('{"language":"bash","files":[]}', 422),
    ('{"language":"bash","files":[{"content":"x","bogus":1}]}', 422),
    ('{"language":"bash","files":[{"content":"x"}],"surprise":1}', 422),
    ('{"language":"bash","files":[{"content":"x"}],"tests":{}}', 422),
    ('{"language":"bash","files":[{"content":"x"}],"tests":[{"stdin":1}]}', 422),
    ('{"language":"bash","files":[{"content":"x"}],"tests":[],"stdin":"x"}', 422),
    ('{"language":"bash","files":[{"content":"x"}],"test_set":"nope"}', 422),
    ('{"language":"bash","files":[{"content":"x"}],"test_set":"' + "0" * 64 + '"}', 422),
    ('{"language":"bash","files":[{"content":"x"}],"compare":"vibes"}', 422),
    ('{"language":"bash","files":[{"content":"x"}],"compare":{"kind":"float","absolute":-1}}', 422),
    ('{"language":"bash","files":[{"content":"x"}],"priority":"urgent"}', 422),
    ('{"language":"bash","files":[{"content":"x"}],"stop":"maybe"}', 422),
    ('{"language":"bash","files":[{"content":"x"}],"parallel":65}', 422),
    ('{"language":"bash","files":[{"content":"x"}],"limits":{"run":{"timeout":0}}}', 422),
    ('{"language":"bash","files":[{"content":"x"}],"limits":{"run":{"timeout":999999999}}}', 422),
    ('{"language":"bash","files":[{"content":"x"}],"limits":{"walk":{}}}', 422),
    ('{"language":"bash","files":[{"name":"../x","content":"x"}]}', 422),
    ('{"language":"bash","language":"c","files":[{"content":"x"}]}', 400),
])
def test_bad_jobs(engine, body, status):
    answer = engine.request("POST", "/v3/jobs", body, JSON)
    assert answer.status == status and answer.json()["message"], answer


def test_other_types_and_unknown_ids(engine):
    assert engine.request("POST", "/v3/jobs", "{}", {"Content-Type": "text/plain"}).status == 415
    for path in ("/v3/jobs/" + "0" * 32, "/v3/jobs/" + "0" * 32 + "/events", "/v3/jobs/" + "x" * 500):
        assert engine.request("GET", path).status == 404, path
    assert engine.request("DELETE", "/v3/jobs/" + "0" * 32).status == 404
    assert engine.request("GET", "/v3/jobs?limit=0").status == 400
    assert engine.request("GET", "/v3/jobs?state=happy").status == 400
    assert engine.request("GET", "/v3/jobs/x/events?after=y").status == 400


def test_limits_of_a_job(engine):
    job = run(engine, program("sleep 10", limits={"run": {"timeout": 200}}))
    assert (job["state"], job["verdict"]) == ("done", "wall")


def test_cancel(start_engine):
    engine = start_engine(max_concurrent_jobs=2)
    running = accepted(engine, program("sleep 2.8"))
    wait_for_state(engine, running, "running")
    waiting = [accepted(engine, program("sleep 2")) for _ in range(8)][-1]
    for job_id in (running, waiting):
        answer = engine.request("DELETE", f"/v3/jobs/{job_id}")
        assert answer.status == 200 and answer.json()["state"] == "cancelled", answer
        assert engine.request("DELETE", f"/v3/jobs/{job_id}").status == 409
        assert get(engine, job_id, wait=5)["verdict"] == "cancelled"


def test_the_urgent_first(start_engine):
    engine = start_engine(max_concurrent_jobs=1)
    bulk = submit_batch(engine, [program("sleep 0.2", priority="bulk") for _ in range(30)]).json()["jobs"]
    urgent = get(engine, accepted(engine, program("echo now", priority="interactive")), wait=30)
    normal = get(engine, accepted(engine, program("echo now")), wait=30)
    assert urgent["state"] == normal["state"] == "done"
    states = [get(engine, job["id"])["state"] for job in bulk]
    assert states.count("queued") > 10, states


def test_a_job_nobody_starts_expires(start_engine):
    engine = start_engine(max_concurrent_jobs=1)
    submit_batch(engine, [program("sleep 2.5") for _ in range(4)])
    job = get(engine, accepted(engine, program("echo late", expires_in=1, priority="bulk")), wait=20)
    assert (job["state"], job["verdict"], job["attempts"]) == ("expired", "engine", 0)
    assert "in time" in job["message"]


def test_a_full_queue_says_so(start_engine):
    engine = start_engine(max_concurrent_jobs=1, max_waiting_jobs=10)
    answers = [submit(engine, program("sleep 1")) for _ in range(20)]
    full = [answer for answer in answers if answer.status == 503]
    assert full and all(int(answer.headers["retry-after"]) > 0 for answer in full)
    assert {answer.status for answer in answers} == {202, 503}


def test_lists(start_engine):
    engine = start_engine()
    ids = [job["id"] for job in submit_batch(engine, [program("true") for _ in range(7)]).json()["jobs"]]
    get(engine, ids[-1], wait=30)
    seen, before = [], None
    while True:
        page = engine.request("GET", "/v3/jobs?limit=3" + (f"&before={before}" if before else "")).json()
        seen += [job["id"] for job in page["jobs"]]
        before = page["before"]
        if before is None:
            break
    assert seen == ids[::-1]
    assert engine.request("GET", "/v3/jobs?state=expired").json()["jobs"] == []


def test_test_sets(engine):
    tests = [{"stdin": str(i), "expected": str(2 * i)} for i in range(5)]
    first = engine.request("POST", "/v3/test-sets", json.dumps({"tests": tests}), JSON)
    assert first.status == 201 and first.json()["tests"] == 5
    name = first.json()["test_set"]
    assert engine.request("POST", "/v3/test-sets", json.dumps({"tests": tests}), JSON).json()["test_set"] == name
    assert engine.request("GET", f"/v3/test-sets/{name}").json() == first.json()
    assert engine.request("GET", "/v3/test-sets/" + "f" * 64).status == 404
    assert run(engine, program(DOUBLE, test_set=name))["tests"] == {"total": 5, "done": 5, "passed": 5}
    assert run(engine, program("echo 1", test_set=name))["tests"]["passed"] == 0
    assert engine.request("POST", "/v3/test-sets", '{"tests":1}', JSON).status == 422


def test_old_results_go(start_engine):
    engine = start_engine(job_retention="1s")
    job_id = run(engine, program("true"))["id"]
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline and engine.request("GET", f"/v3/jobs/{job_id}").status == 200:
        time.sleep(0.2)
    assert engine.request("GET", f"/v3/jobs/{job_id}").status == 404
    assert engine.request("GET", f"/v3/jobs/{job_id}/events").status == 404
