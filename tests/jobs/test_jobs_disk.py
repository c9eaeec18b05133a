"""A disk that is full, or read-only: nothing is accepted that is not written down, and nothing has to be restarted."""
import pathlib
import subprocess
import tempfile
import time

import pytest
from conftest import Engine
from jobs_support import accepted, get, program, submit, wait_for_state


@pytest.fixture(name="small_disk")
def fixture_small_disk():
    with tempfile.TemporaryDirectory(prefix="coderunr-tests-") as folder:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "none", folder], check=True)
        try:
            yield pathlib.Path(folder)
        finally:
            subprocess.run(["umount", "-l", folder], check=True)


def wait_for_status(engine, path, status, seconds=10):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = engine.request("GET", path)
        if answer.status == status:
            return answer
        time.sleep(0.1)
    raise AssertionError(f"{path} does not answer {status}: {answer}")


def test_a_full_disk(small_disk):
    engine = Engine(small_disk, max_concurrent_jobs=2)
    try:
        before = accepted(engine, program("sleep 1.5; echo kept"))
        wait_for_state(engine, before, "running")
        assert engine.request("GET", "/v3/ready").status == 200
        with open(small_disk / "filler", "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                pass
        statuses = {submit(engine, program("cat", stdin="x" * 20000)).status for _ in range(30)}
        assert 503 in statuses and statuses <= {202, 503}
        answer = wait_for_status(engine, "/v3/ready", 503)
        assert "retry-after" in answer.headers
        assert engine.request("GET", "/health").status == 200
        assert engine.run("bash", "echo sync")["stdout"] == "sync\n"
        (small_disk / "filler").unlink()
        wait_for_status(engine, "/v3/ready", 200)
        assert get(engine, before, wait=30)["outcomes"][0]["stdout"] == "kept\n"
        assert get(engine, accepted(engine, program("echo again")), wait=30)["verdict"] == "ok"
    finally:
        (small_disk / "filler").unlink(missing_ok=True)
        assert engine.stop() == 0


def test_a_disk_that_becomes_read_only(small_disk):
    engine = Engine(small_disk, max_concurrent_jobs=2)
    try:
        first = accepted(engine, program("echo 1"))
        get(engine, first, wait=20)
        # What is open for writing keeps a file system from becoming read-only: a full one is as good.
        subprocess.run(["mount", "-o", "remount,size=4k", str(small_disk)], check=False)
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=False)
        answers = [submit(engine, program("cat", stdin="y" * 20000)) for _ in range(5)]
        taken = [answer.json()["id"] for answer in answers if answer.status == 202]
        subprocess.run(["mount", "-o", "remount,rw,size=24m", str(small_disk)], check=True)
        wait_for_status(engine, "/v3/ready", 200)
        for job_id in [first, *taken]:
            assert get(engine, job_id, wait=30)["state"] == "done"
    finally:
        assert engine.stop() == 0
