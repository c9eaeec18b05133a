"""What is kept ends some day: results by age and by size, test sets that nobody uses; and the file follows."""
import os
import pathlib
import time

import pytest
from jobs_support import JSON, accepted, get, program, run, submit, submit_batch


def eventually(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def is_there(engine, path):
    answer = engine.request("GET", path)
    assert answer.status in (200, 404), answer
    return answer.status == 200


def test_old_results_go(start_engine):
    engine = start_engine(job_retention="1s")
    job = run(engine, program("echo 1"))
    assert job["verdict"] == "ok"
    eventually(lambda: not is_there(engine, f"/v3/jobs/{job['id']}"), 20, "an old result stays")
    kept = accepted(engine, program("sleep 2; echo late"))
    assert get(engine, kept, wait=20)["outcomes"][0]["stdout"] == "late\n"


def test_what_is_too_much_goes_the_oldest_first(tmp_path_factory, start_engine):
    folder = tmp_path_factory.mktemp("much")
    engine = start_engine(job_store_size="1MiB", data_directory=folder)
    text = "head -c 100000 /dev/zero | tr '\\0' x"
    ids = [job["id"] for job in submit_batch(engine, [program(text) for _ in range(100)]).json()["jobs"]]
    for job_id in ids[-2:]:
        eventually(lambda one=job_id: not is_there(engine, f"/v3/jobs/{one}") or get(engine, one)["state"] == "done",
                   60, "the last have not ended")
    eventually(lambda: sum(is_there(engine, f"/v3/jobs/{job_id}") for job_id in ids) <= 11, 20, "too much is kept")
    ended = [get(engine, job_id)["ended_number"] for job_id in ids if is_there(engine, f"/v3/jobs/{job_id}")]
    assert ended and min(ended) > 80
    size = sum(os.path.getsize(path) for path in pathlib.Path(folder).glob("jobs/jobs.db"))
    assert size < 12e6, "the file does not use its space again"


def put_set(engine, text):
    answer = engine.request("POST", "/v3/test-sets", '{"tests": [{"stdin": "%s", "expected": "%s"}]}' % (text, text), JSON)
    return answer.json()["test_set"] if answer.status == 201 else answer


@pytest.fixture(name="forgetful", scope="module")
def fixture_forgetful(start_engine):
    return start_engine(test_set_retention="1s", test_set_store_size="1MiB", max_concurrent_jobs=1)


def test_unused_sets_go(forgetful):
    name = put_set(forgetful, "one")
    assert is_there(forgetful, f"/v3/test-sets/{name}")
    eventually(lambda: not is_there(forgetful, f"/v3/test-sets/{name}"), 30, "an unused set stays")
    answer = submit(forgetful, {**program("cat"), "test_set": name})
    assert answer.status in (400, 404, 422), answer
    assert put_set(forgetful, "one") == name
    assert run(forgetful, {**program("cat"), "test_set": name})["tests"]["passed"] == 1


def test_a_set_stays_while_a_job_waits_for_it(forgetful):
    name = put_set(forgetful, "two")
    for _ in range(4):
        blocker = accepted(forgetful, program("sleep 2.5"))
    waiting = accepted(forgetful, {**program("cat"), "test_set": name})
    assert get(forgetful, blocker, wait=30)["state"] == "done"
    job = get(forgetful, waiting, wait=30)
    assert (job["verdict"], job["tests"]["passed"]) == ("ok", 1), job


def test_sets_have_a_bound(forgetful):
    answers = [put_set(forgetful, str(i) * 200000) for i in range(1, 8)]
    refused = [answer for answer in answers if not isinstance(answer, str)]
    assert refused and all(answer.status == 503 and "room" in answer.body.decode() for answer in refused), answers
    eventually(lambda: isinstance(put_set(forgetful, "9" * 200000), str), 30, "no room is made")
