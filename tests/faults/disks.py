"""Disks that are full or read-only, and stores that are damaged."""
import contextlib
import json
import sqlite3
import subprocess
import time

from crew import SLOW, UNSURE, Crew, eventually, fill, jobs, small_disk


@contextlib.contextmanager
def on_small_disk(seed, options="size=24m", **flags):
    with small_disk(options) as folder, Crew(seed, folder, **flags) as crew:
        try:
            yield crew
        finally:
            (folder / "filler").unlink(missing_ok=True)


def submit_status(crew, stdin=""):
    try:
        answer = jobs.submit(crew.engine, jobs.program("cat", tests=[{"stdin": stdin, "expected": stdin}]))
    except UNSURE:
        return 0
    if answer.status == 202:
        crew.note(answer.json()["id"], answer.json()["id"])
    else:
        assert answer.status == 503 and "retry-after" in answer.headers, answer
    return answer.status


def wait_for(crew, path, status, seconds=10):
    def asks():
        try:
            return crew.ask("GET", path).status == status
        except UNSURE:
            return False
    eventually(asks, seconds * SLOW, f"{status} of {path}")


def full_for_boxes(seed, **flags):
    with on_small_disk(seed, **flags) as crew:
        fill(crew.folder)
        for _ in range(5):
            assert crew.engine.run("bash", "head -c 100000 /dev/zero > file && stat -c %s file")["stdout"] == "100000\n"
        (crew.folder / "filler").unlink()
        crew.hand_in("true")
        crew.settle()


def full(seed, **flags):
    with on_small_disk(seed, **flags) as crew:
        crew.hand_in("sleep 1")
        crew.pause(1.0)
        fill(crew.folder)
        statuses = [submit_status(crew, "x" * 20000) for _ in range(30)]
        assert 503 in statuses, "a full disk takes everything"
        wait_for(crew, "/v3/ready", 503)
        wait_for(crew, "/health", 200)
        crew.kill("ledger")
        assert submit_status(crew, "y" * 20000) in (0, 503)
        pids = crew.engine.process.pid
        (crew.folder / "filler").unlink()
        crew.recover()
        assert crew.engine.process.pid == pids and crew.engine.process.poll() is None
        crew.settle()


def no_inodes(seed, **flags):
    with on_small_disk(seed, "size=64m,nr_inodes=500", **flags) as crew:
        made = []
        with contextlib.suppress(OSError):
            for i in range(1000):
                made.append(crew.folder / f"file{i}")
                made[-1].touch()
        for _ in range(5):
            assert submit_status(crew) in (202, 503)
        crew.kill("ledger")
        crew.pause(0.5)
        for path in made:
            path.unlink(missing_ok=True)
        crew.settle()


def read_only(seed, **flags):
    """For a ledger that starts; what a running one has open can be made read-only by no mount option."""
    with on_small_disk(seed, **flags) as crew:
        subprocess.run(["mount", "--bind", crew.folder, crew.folder], check=True)
        try:
            crew.hand_in("sleep 0.5")
            subprocess.run(["mount", "-o", "remount,ro,bind", crew.folder], check=True)
            crew.pause(0.5)
            crew.kill("ledger")
            wait_for(crew, "/v3/ready", 503)
            assert submit_status(crew) == 503
            wait_for(crew, "/health", 200)
            assert crew.engine.run("bash", "echo direct")["stdout"] == "direct\n"
        finally:
            subprocess.run(["mount", "-o", "remount,rw,bind", crew.folder], check=True)
            subprocess.run(["umount", "-l", crew.folder], check=True)
        crew.recover()
        crew.settle()


@contextlib.contextmanager
def stopped_with_jobs(seed, texts, **flags):
    """An engine that was killed with these jobs waiting; yields it, the store's path and the ids."""
    with Crew(seed, **{**flags, "max_concurrent_jobs": 1}) as crew:
        crew.hand_in("sleep 1")
        crew.wait_for_program()
        ids = [crew.hand_in(text) for text in texts]
        crew.die()
        yield crew, crew.folder / "jobs" / "jobs.db", ids


def edit(path, *statements):
    with contextlib.closing(sqlite3.connect(path)) as base:
        for statement in statements:
            base.execute(statement)
        base.commit()
        base.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def forget(crew, job_id):
    crew.taken = {key: known for key, known in crew.taken.items() if known != job_id}


def bad_record(seed, **flags):
    with stopped_with_jobs(seed, ["true"] * 3, **flags) as (crew, path, ids):
        garbage = crew.chance.randbytes(crew.chance.randrange(200)).hex()
        edit(path, f"UPDATE orders SET bytes = x'{garbage}' WHERE seq = "
                   f"(SELECT seq FROM entries WHERE id = '{ids[1]}')")
        crew.start()
        forget(crew, ids[1])
        job = crew.ended(ids[1])
        assert (job["state"], job["verdict"]) == ("failed", "engine") and "cannot be read" in job["message"], job
        [ledger] = crew.pids("ledger")
        crew.settle()
        assert crew.pids("ledger") == [ledger]


def other_version(seed, **flags):
    with stopped_with_jobs(seed, ["true"], **flags) as (crew, path, _):
        edit(path, "UPDATE meta SET value = value + 98 WHERE name = 'version'")
        crew.start()
        wait_for(crew, "/v3/ready", 503)
        assert submit_status(crew) == 503
        assert "use the engine that made it" in crew.engine.log()
        assert crew.engine.run("bash", "echo direct")["stdout"] == "direct\n"
        crew.die()
        edit(path, "UPDATE meta SET value = value - 98 WHERE name = 'version'")
        crew.start()
        crew.settle()


def bad_page(seed, **flags):
    """A page of 4 KiB somewhere behind the first is overwritten: jobs end, or an answer says what is wrong; nothing spins."""
    with stopped_with_jobs(seed, [f"# {'x' * 3000}"] * 20, **flags) as (crew, path, _):
        edit(path)
        with open(path, "r+b") as file:
            pages = file.seek(0, 2) // 4096
            file.seek(4096 * crew.chance.randrange(pages // 2, pages))
            file.write(b"\x0d" + crew.chance.randbytes(4095))
        crew.start()
        eventually(crew.runs, 10 * SLOW, "a direct program")
        time.sleep(1)
        ledger = crew.pids("ledger")
        if ledger:
            before = crew.cpu_seconds("ledger")
            time.sleep(1)
            assert crew.cpu_seconds("ledger") - before < 0.5 * SLOW, "the ledger spins"
        states = {}
        for job_id in crew.taken.values():
            answer = crew.ask("GET", f"/v3/jobs/{job_id}?wait=3")
            assert answer.status in (200, 404, 503), answer
            states[job_id] = answer.json().get("state", answer.status)
        good = sum(state == "done" for state in states.values())
        assert good >= len(states) // 3 or "damaged" in crew.engine.log(), states
        crew.taken.clear()
        crew.die()
