"""Nothing accepted is lost, whatever dies: a ledger of our own of every 202 against what became of it."""
import http.client
import random
import tempfile
import threading
import time

import pytest
from conftest import Engine
from jobs_support import ENDED, accepted, get, kill, pids, program, submit, submit_batch, wait_for_state


class Submitter:
    """Threads that hand in jobs without pause and write down what was accepted; an unsure one is asked again by its key."""

    def __init__(self, engine, threads=4):
        self.engine, self.accepted, self.stopping = engine, {}, False
        self.threads = [threading.Thread(target=self.work, args=(i,)) for i in range(threads)]
        for thread in self.threads:
            thread.start()

    def work(self, index):
        count = 0
        while not self.stopping:
            count += 1
            key = f"storm-{index}-{count}"
            job = program("read x; echo $((x+1))", tests=[{"stdin": str(count), "expected": str(count + 1)}])
            while not self.stopping:
                try:
                    answer = submit(self.engine, job, headers={"Idempotency-Key": key})
                except (OSError, http.client.HTTPException):  # the front was killed under it
                    time.sleep(0.05)
                    continue
                if answer.status == 202:
                    self.accepted.setdefault(key, set()).add(answer.json()["id"])
                    break
                assert answer.status in {503, 500}, answer
                time.sleep(0.1)
            time.sleep(0.02)

    def stop(self):
        self.stopping = True
        for thread in self.threads:
            thread.join()
        return self.accepted


def check(engine, taken):
    for key, ids in taken.items():
        assert len(ids) == 1, f"{key} became {ids}"
        job = get(engine, next(iter(ids)), wait=120)
        assert job["state"] == "done" and job["verdict"] == "ok", job
        assert job["tests"] == {"total": 1, "done": 1, "passed": 1}, job
        assert [outcome["test"] for outcome in job["outcomes"]] == [0], job


@pytest.mark.parametrize("names", [("front",), ("ledger",), ("runner",), ("front", "ledger", "runner")])
def test_killed_while_jobs_come(start_engine, names):
    engine = start_engine(max_concurrent_jobs=4)
    submitter = Submitter(engine)
    chance = random.Random(len(names) * 7919)
    killed = set()
    for _ in range(6):
        time.sleep(0.2 + chance.random())
        killed.update(kill(engine, *names))
    time.sleep(1)
    taken = submitter.stop()
    assert len(taken) > 20 and len(killed) > 3
    check(engine, taken)


def test_killed_one_after_the_other_at_random(start_engine):
    engine = start_engine(max_concurrent_jobs=4)
    submitter = Submitter(engine)
    chance = random.Random(4711)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        time.sleep(chance.random() * 0.8)
        kill(engine, chance.choice(["front", "ledger", "runner"]))
    time.sleep(1)
    check(engine, submitter.stop())


def test_the_whole_engine_dies_with_work_waiting():
    with tempfile.TemporaryDirectory(prefix="coderunr-tests-") as folder:
        engine = Engine(folder, max_concurrent_jobs=4)
        ids = [job["id"] for job in submit_batch(engine, [program("cat", tests=[{"stdin": str(i), "expected": str(i)}])
                                                          for i in range(300)]).json()["jobs"]]
        done = {job_id: get(engine, job_id, wait=20)["outcomes"] for job_id in ids[:5]}
        engine.process.kill()
        engine.process.wait()
        started = time.monotonic()
        engine = Engine(folder, max_concurrent_jobs=4)
        try:
            assert time.monotonic() - started < 15
            for job_id in ids:
                job = get(engine, job_id, wait=120)
                assert (job["state"], job["verdict"], job["tests"]["passed"]) == ("done", "ok", 1), job
            for job_id, outcomes in done.items():
                assert get(engine, job_id)["outcomes"] == outcomes
        finally:
            assert engine.stop() == 0


def test_a_clean_stop_gives_back_what_runs():
    with tempfile.TemporaryDirectory(prefix="coderunr-tests-") as folder:
        engine = Engine(folder, max_concurrent_jobs=2)
        running = accepted(engine, program("sleep 2; echo end"))
        wait_for_state(engine, running, "running")
        assert engine.stop() == 0
        engine = Engine(folder, max_concurrent_jobs=2)
        try:
            job = get(engine, running, wait=30)
            assert job["state"] == "done" and job["attempts"] == 1 and job["outcomes"][0]["stdout"] == "end\n"
        finally:
            assert engine.stop() == 0


def test_half_done_tests_are_not_run_again(start_engine):
    engine = start_engine(max_concurrent_jobs=2)
    tests = [{"stdin": str(i)} for i in range(20)]
    job_id = accepted(engine, program("sleep 0.2; head -c 8 /dev/urandom | od -An -tx1", tests=tests, parallel=2))
    while get(engine, job_id)["tests"]["done"] < 5:
        time.sleep(0.05)
    before = {outcome["test"]: outcome["stdout"] for outcome in get(engine, job_id)["outcomes"]}
    kill(engine, "ledger")
    job = get(engine, job_id, wait=60)
    after = {outcome["test"]: outcome["stdout"] for outcome in job["outcomes"]}
    assert job["state"] == "done" and job["attempts"] == 2 and len(after) == 20
    assert {test: after[test] for test in before} == before


def test_a_job_that_always_kills_its_ledger_is_given_up(start_engine):
    engine = start_engine(max_concurrent_jobs=2)
    poison = accepted(engine, program("sleep 2.5; echo never"))
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        job = get(engine, poison)
        if job["state"] in ENDED:
            break
        if job["state"] == "running":
            kill(engine, "ledger")
            time.sleep(0.5)
        time.sleep(0.05)
    assert (job["state"], job["verdict"], job["attempts"]) == ("failed", "engine", 3), job
    assert "3 attempts" in job["message"]
    good = get(engine, accepted(engine, program("echo alive")), wait=20)
    assert good["verdict"] == "ok"


def test_keys_hold_across_a_crash(start_engine):
    engine = start_engine()
    job = program("echo same")
    first = accepted(engine, job, **{"Idempotency-Key": "crash"})
    kill(engine, "front", "ledger", "runner")
    time.sleep(0.5)
    engine.wait_until_healthy()
    assert accepted(engine, job, **{"Idempotency-Key": "crash"}) == first
    assert submit(engine, program("echo other"), headers={"Idempotency-Key": "crash"}).status == 409


def test_nothing_is_kept_when_told_so():
    with tempfile.TemporaryDirectory(prefix="coderunr-tests-") as folder:
        engine = Engine(folder, ephemeral="true")
        job_id = accepted(engine, program("echo gone"))
        assert get(engine, job_id, wait=20)["outcomes"][0]["stdout"] == "gone\n"
        assert engine.stop() == 0
        engine = Engine(folder, ephemeral="true")
        try:
            assert engine.request("GET", f"/v3/jobs/{job_id}").status == 404
        finally:
            assert engine.stop() == 0


def test_the_ledger_holds_no_privilege(engine):
    while not (pids(engine, "ledger") and pids(engine, "front")):
        time.sleep(0.05)
    [pid] = pids(engine, "ledger")
    [front] = pids(engine, "front")
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        status = dict(line.split(":\t", 1) for line in file.read().splitlines() if ":\t" in line)
    assert status["CapEff"] == status["CapPrm"] == status["CapBnd"] == "0" * 16
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    with open(f"/proc/{front}/status", encoding="ascii") as file:
        assert status["Uid"] not in file.read()
