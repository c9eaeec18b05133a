"""Who stands still, is slow, asks twice, or has no descriptor left."""
import concurrent.futures
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time

from crew import SLOW, UNSURE, Vacuous, jobs, send


def lane_of(crew):
    """A language that only outside runners know."""
    crew.count += 1
    return f"lang-{crew.count}-{crew.chance.randrange(10 ** 9)}"


def run_outside(crew, lane):
    answer = crew.ask("POST", "/run", json.dumps({"language": lane, "code": "x", "tests": [
        {"stdin": "", "expected": "mine"}]}), jobs.JSON)
    assert answer.status == 202, answer
    return answer.json()["jobID"]


def take(crew, lane, wait=20, lease=30):
    answer = crew.ask("GET", f"/queue/next?lang={lane}&wait={wait}&lease={lease}", timeout=wait + 30)
    assert answer.status in (200, 204), answer
    return answer.json() if answer.status == 200 else None


def post_result(crew, job, lease, text):
    return crew.ask("POST", f"/result/{job}?lease={lease}", json.dumps([{"stdout": text}]), jobs.JSON).status


def sleeper(crew):
    lane = lane_of(crew)
    job = run_outside(crew, lane)
    first = take(crew, lane, lease=1)
    time.sleep(1 + crew.chance.random())
    second = take(crew, lane)
    assert second and second["id"] == job and second["lease"] > first["lease"]
    assert post_result(crew, job, first["lease"], "late") == 409
    assert post_result(crew, job, second["lease"], "mine") == 204
    assert post_result(crew, job, first["lease"], "late") == 409
    assert "late" not in crew.ask("GET", f"/status/{job}").body.decode()


def one_job_many_runners(crew):
    lane = lane_of(crew)
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        asking = [pool.submit(take, crew, lane, 2) for _ in range(6)]
        crew.pause(0.05)
        job = run_outside(crew, lane)
        got = [found for found in (asked.result() for asked in asking) if found]
    assert [found["id"] for found in got] == [job], got
    assert post_result(crew, job, got[0]["lease"], "mine") == 204


def timed(crew, method, path, **more):
    start = time.monotonic()
    try:
        status = crew.ask(method, path, timeout=30, **more).status
    except UNSURE:
        status = 0
    return status, time.monotonic() - start


def ledger_stands(crew):
    """It is stopped, not dead: nobody is told, so only time can tell."""
    crew.hand_in("true")
    crew.pause(0.05)
    ledger = crew.pids("ledger")
    send(ledger, signal.SIGSTOP)
    try:
        time.sleep(0.2)
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            asked = [pool.submit(timed, crew, "POST", "/v3/jobs", body=json.dumps(jobs.program("true")),
                                 headers=jobs.JSON) for _ in range(20)]
            for status, seconds in (one.result() for one in asked):
                assert status == 503 and seconds < 6 * SLOW, f"{status} after {seconds:.1f} s"
        assert timed(crew, "GET", "/v3/ready")[0] == 503
        status, seconds = timed(crew, "GET", "/health")
        assert status == 200 and seconds < 1 * SLOW
        assert crew.engine.run("bash", "echo direct")["stdout"] == "direct\n"
    finally:
        send(ledger, signal.SIGCONT)
    crew.settle()
    assert crew.pids("ledger") == ledger, "it had to be restarted"


def ledger_slow(crew):
    """It runs a fortieth of the time."""
    ledger, stopping = crew.pids("ledger"), threading.Event()

    def slow():
        while not stopping.is_set():
            send(ledger, signal.SIGSTOP)
            stopping.wait(1.5)
            send(ledger, signal.SIGCONT)
            time.sleep(0.04)

    thread = threading.Thread(target=slow)
    thread.start()
    try:
        deadline = time.monotonic() + 6
        while time.monotonic() < deadline:
            start = time.monotonic()
            crew.hand_in("true")
            assert time.monotonic() - start < 10 * SLOW
            status, seconds = timed(crew, "GET", "/health")
            assert status == 200 and seconds < 1 * SLOW
    finally:
        stopping.set()
        thread.join()
    crew.settle()


def open_fds(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def limit_fds(pid, soft):
    """As its own user: another's limits are a matter of CAP_SYS_RESOURCE."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    user, group = (re.search(rf"^{name}:\s+(\d+)", status, re.M)[1] for name in ("Uid", "Gid"))
    done = subprocess.run(["setpriv", "--reuid", user, "--regid", group, "--clear-groups", "prlimit", "--pid", str(pid),
                           f"--nofile={soft}:"], stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise Vacuous(f"no limit for another process: {done.stderr.strip()}")


def no_descriptors(crew):
    """Connections that say nothing, until the front can take no more; then they go."""
    [front] = crew.pids("front")
    old = re.search(r"^Max open files +(\d+)", pathlib.Path(f"/proc/{front}/limits").read_text(), re.M)[1]
    limit_fds(front, open_fds(front) + 20)
    socks = []
    try:
        for _ in range(100):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex((crew.engine.host, crew.engine.port))
            socks.append(sock)
        time.sleep(0.3)
        before = crew.cpu_seconds("front")
        time.sleep(1)
        assert crew.cpu_seconds("front") - before < 0.3 * SLOW, "the front spins"
    finally:
        for sock in socks:
            sock.close()
        limit_fds(front, old)
    crew.hand_in("true")
    crew.settle()
    assert crew.pids("front") == [front]


def keeper_starved(crew):
    """One keeper can open nothing: what it fails is run by another."""
    crew.clean()
    victim = crew.chance.choice(crew.keepers())
    limit_fds(victim, 3)
    for _ in range(8):
        crew.hand_in("true")
    for job_id in list(crew.taken.values()):
        assert crew.ended(job_id)["attempts"] <= 2
    send([victim])
    crew.settle()


def cancel_races(crew):
    job_id = crew.hand_in("sleep 0.0$((RANDOM % 9))")
    crew.pause(0.1)
    status = crew.ask("DELETE", f"/v3/jobs/{job_id}").status
    job = crew.ended(job_id)
    assert (status, job["state"]) in ((200, "cancelled"), (202, "cancelled"), (409, "done")), (status, job)
    time.sleep(0.1)
    assert crew.get(job_id) == job
    crew.taken.clear()
    crew.clean()


def sweep_races(crew):
    """Results are kept for a second: whoever reads meanwhile gets all or nothing."""
    ids = crew.batch(20)
    crew.taken.clear()
    gone, deadline = set(), time.monotonic() + 30
    while len(gone) < len(ids):
        assert time.monotonic() < deadline, f"{len(ids) - len(gone)} are not swept"
        for job_id in ids:
            answer = crew.ask("GET", f"/v3/jobs/{job_id}")
            if answer.status == 404:
                gone.add(job_id)
                continue
            assert answer.status == 200 and job_id not in gone, answer
            job = answer.json()
            assert job["tests"]["done"] == len(job["outcomes"]), job
    crew.clean()
