"""The whole engine: ended, killed, started twice, without what it needs, and asked by everybody at once."""
import concurrent.futures
import fcntl
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading
import time

import conftest
from crew import SLOW, Crew, Vacuous, comm_of, eventually, jobs, send

BACKLOG = 1000


def serve(folder, *words):
    return subprocess.run([*words, conftest.BINARY, "serve", f"--bind-address=127.0.0.1:{conftest.free_port()}",
                           f"--data-directory={folder}"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=60, check=False)


def refused(done, *words):
    assert done.returncode == 1 and len(done.stderr.strip().splitlines()) == 1, done
    assert all(word in done.stderr for word in words), done.stderr


def controller_missing(seed, **_):
    hidden = next((path for path in ("/sys/fs/cgroup/memory", "/sys/fs/cgroup") if os.path.isdir(path)))
    with tempfile.TemporaryDirectory(prefix="coderunr-faults-") as folder:
        refused(serve(folder, "unshare", "--mount", "sh", "-c",
                      f'mount -t tmpfs none {hidden} && exec "$@"', "sh"), "memory")


def second_engine(crew):
    refused(serve(crew.folder), str(crew.folder))
    crew.hand_in("true")
    crew.settle()


def oom_order(crew):
    crew.hand_in("sleep 0.5")
    _, _, program = crew.wait_for_program()

    def score(pid):
        return int(pathlib.Path(f"/proc/{pid}/oom_score_adj").read_text())

    if subprocess.run(["sh", "-c", "echo -1 > /proc/self/oom_score_adj"], stderr=subprocess.DEVNULL,
                      check=False).returncode != 0:
        raise Vacuous("oom_score_adj may not be lowered here")
    own = [crew.engine.process.pid, *crew.keepers(), *crew.pids("front", "runner", "ledger", "packer")]
    assert all(score(pid) < 0 for pid in own), [(comm_of(pid), score(pid)) for pid in own]
    assert score(program) == 1000
    crew.settle()


def big_results(crew):
    """Each program writes a MiB; what waits to be written down is bounded by what runs."""
    rows = [jobs.program("head -c 1000000 /dev/zero | tr '\\0' x") for _ in range(300)]
    answer = jobs.submit_batch(crew.engine, rows)
    assert answer.status == 202, answer
    most = {"runner": 0, "ledger": 0, "front": 0}
    ids = [job["id"] for job in answer.json()["jobs"]]
    while crew.get(ids[-1])["state"] not in jobs.ENDED:
        for name in most:
            most[name] = max(most[name], crew.resident(name))
        time.sleep(0.05)
    for job_id in ids:
        assert len(crew.ended(job_id)["outcomes"][0]["stdout"]) == 1000000
    assert all(size < 200e6 * SLOW for size in most.values()), most
    crew.clean()


# ---- ends and starts ----


def rate(crew, seconds):
    """How many jobs end a second, from the next that ends."""
    def ended():
        answer = crew.ask("GET", "/v3/jobs?state=done&limit=1000")
        assert answer.status == 200, answer
        return len(answer.json()["jobs"])
    first = ended()
    eventually(lambda: ended() > first, 20, "the next end")
    start, before = time.monotonic(), ended()
    time.sleep(seconds)
    after = ended()
    return (after - before) / (time.monotonic() - start)


def backlog_figures(seed, backlog=BACKLOG, seconds=2, **flags):
    """(ready after so many seconds, its rate, the rate before the restart)"""
    with Crew(seed, **flags) as crew:
        crew.batch(backlog, "sleep 0.02; cat")
        normal = rate(crew, seconds)
        crew.die()
        start = time.monotonic()
        crew.start()
        eventually(crew.is_ready, 60, "readiness")
        ready = time.monotonic() - start
        again = rate(crew, seconds)
        crew.settle()
        return ready, again, normal


def restart_with_backlog(seed, **flags):
    ready, again, normal = backlog_figures(seed, **flags)
    assert ready <= 5 * SLOW, f"ready after {ready:.1f} s"
    assert again >= 0.8 * normal / SLOW, f"{again:.0f} a second, before {normal:.0f}"


def graceful(seed, **flags):
    with Crew(seed, **flags) as crew:
        crew.hand_in("sleep 0.4")
        crew.wait_for_program()
        for _ in range(5):
            crew.hand_in("true")
        crew.pause(0.4)
        assert crew.stop() == 0
        crew.start()
        crew.settle()


def graceful_twice(seed, **flags):
    with Crew(seed, **flags) as crew:
        crew.hand_in("sleep 0.4")
        crew.wait_for_program()
        crew.engine.process.send_signal(signal.SIGTERM)
        crew.pause(0.1)
        crew.engine.process.send_signal(crew.chance.choice([signal.SIGTERM, signal.SIGINT]))
        everybody = crew.engine.processes()
        assert crew.engine.process.wait(45) == 0
        assert not [pid for pid in everybody if os.path.exists(f"/proc/{pid}")]
        crew.start()
        crew.settle()


def power_loss(seed, **flags):
    with Crew(seed, **flags) as crew:
        for _ in range(5):
            crew.hand_in("sleep 0.0$((RANDOM % 9))")
        crew.pause(0.2)
        crew.die()
        crew.start()
        crew.settle()


def stale_slots(seed, **flags):
    """Only the warden is killed: keepers, groups and mounts are left to whoever comes next."""
    with Crew(seed, **flags) as crew:
        crew.hand_in("sleep 0.3")
        crew.wait_for_program()
        crew.pause(0.3)
        everybody = crew.engine.processes()
        send([crew.engine.process.pid])
        crew.engine.process.wait()
        eventually(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in everybody), 35, "the end of all processes")
        crew.start()
        crew.settle()


def rolling_restart(seed, rounds=2, **flags):
    with Crew(seed, **flags) as crew:
        crew.flags["port"] = crew.engine.port
        stopping = threading.Event()
        problems = []

        def work(index):
            count = 0
            while not stopping.is_set():
                count += 1
                key = f"roll-{index}-{count}"
                job = jobs.program("cat", tests=[{"stdin": key, "expected": key}])
                while not stopping.is_set() and not crew.try_job(job, key):
                    time.sleep(0.05)

        def safely(index):
            try:
                work(index)
            except AssertionError as error:
                problems.append(str(error))

        threads = [threading.Thread(target=safely, args=(i,)) for i in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(rounds):
            crew.pause(0.5, 0.2)
            assert crew.engine.stop() == 0
            crew.start()
        stopping.set()
        for thread in threads:
            thread.join()
        assert not problems, problems[:3]
        assert len(crew.taken) > rounds
        crew.settle()


# ---- everybody else ----


def log_blocked(seed, **flags):
    """stderr is a pipe that nobody reads."""
    with tempfile.TemporaryDirectory(prefix="coderunr-faults-") as folder:
        read, write = os.pipe()
        fcntl.fcntl(write, 1031, 4096)  # F_SETPIPE_SZ
        port = conftest.free_port()
        process = subprocess.Popen([conftest.BINARY, "serve", f"--bind-address=127.0.0.1:{port}", "--log-level=debug",
                                    f"--data-directory={folder}", "--max-concurrent-jobs=2", "--warm=false"],
                                   stdin=subprocess.DEVNULL, stdout=write, stderr=write)
        os.close(write)
        crew = Crew(seed, folder, max_concurrent_jobs=2)
        crew.engine = conftest.Engine.__new__(conftest.Engine)
        crew.engine.host, crew.engine.port, crew.engine.process = "127.0.0.1", port, process
        try:
            crew.recover(30)
            for _ in range(3):
                crew.kill("runner")
                crew.hand_in("true")
                crew.recover()
            crew.settle()
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                status = process.wait(45)
            finally:
                process.kill()
                os.close(read)
        assert status == 0


def herd(crew, clients=300):
    """The front dies; whoever was there comes back in the same moment."""
    crew.kill("front")
    start = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        done = [pool.submit(crew.hand_in, "true") for _ in range(clients)]
        for one in done:
            one.result()
    assert time.monotonic() - start < 30 * SLOW
    crew.settle()


def runtime_removed(seed, **flags):
    with Crew(seed, **{**flags, "max_concurrent_jobs": 1}) as crew:
        with tempfile.TemporaryDirectory(prefix="coderunr-faults-") as folder:
            os.chmod(folder, 0o755)
            shutil.copytree(conftest.ROOT / "runtimes", folder, dirs_exist_ok=True)
            crew.stop()
            crew.flags["runtimes_directory"] = folder
            crew.start()
            crew.hand_in("sleep 1")
            answer = jobs.submit(crew.engine, jobs.program("print(1)", language="python"))
            lost = answer.json()["id"]
            crew.die()
            for path in pathlib.Path(folder).glob("python*.yaml"):
                path.unlink()
            crew.start()
            job = crew.ended(lost)
            assert (job["state"], job["verdict"]) == ("failed", "engine") and "python" in job["message"], job
            crew.settle()
