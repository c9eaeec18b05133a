"""Parts of the engine that die: what its clients are told, and that they are served again."""
import os
import pathlib
import signal
import time

import pytest
from http_support import HEALTH, Raw, python_job


@pytest.fixture(scope="module")
def victim(start_engine):
    return start_engine(max_concurrent_jobs=2)


def kill_role(engine, name):
    """kill -9 the process of the engine that calls itself @name."""
    found = [pid for pid in engine.processes() if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == name]
    assert len(found) == 1, found
    os.kill(found[0], signal.SIGKILL)


def until_served_again(engine):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            answer = engine.execute("python", "print(1)")
        except OSError:
            time.sleep(0.05)
            continue
        if answer.status == 200:
            assert answer.json()["run"]["stdout"] == "1\n"
            return
        assert answer.status in (500, 503), answer
        assert answer.json()["message"]
        time.sleep(0.05)
    pytest.fail("not served again within 10 s")


def test_job_of_a_killed_runner_is_run_again_or_told_as_our_fault(victim, need):
    """An engine fault is never dressed up as what the program did."""
    need("python")
    with Raw(victim) as raw:
        raw.send(python_job("import time; time.sleep(1); print('whole')"))
        time.sleep(0.4)
        kill_role(victim, "runner")
        reply = raw.reply()
        if reply.status == 200:
            assert (reply.json()["run"]["stdout"], reply.json()["run"]["status"]) == ("whole\n", None)
        else:
            assert reply.status in (500, 503)
            assert "run" not in reply.json()
            assert reply.json()["message"]
        raw.send(HEALTH)
        assert raw.reply().body == b"OK"
    until_served_again(victim)


def test_killed_front_comes_back_and_its_job_is_gone(victim, need):
    need("python")
    with Raw(victim) as raw:
        raw.send(python_job("import time; time.sleep(2.5)"))
        time.sleep(0.4)
        kill_role(victim, "front")
        assert raw.seconds_until_closed(5) < 1
    until_served_again(victim)
