"""An engine to be broken: its processes by name, jobs handed in by key until they are accepted, and what must hold afterwards.

I1 no loss, I2 no phantom, I3 one result, I4 bounded recovery, I5 clean, I6 honest: `Crew.settle()` checks them all.
"""
import contextlib
import hashlib
import http.client
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "jobs")]

import conftest  # noqa: E402
import jobs_support as jobs  # noqa: E402

SLOTS = 4
READY_SECONDS = 5
CLEAN_SECONDS = 10
ENDS_SECONDS = 90
#: A sanitizer makes everything slower; bounds that are promises of a release are stretched for it.
SLOW = float(os.environ.get("FAULTS_SLOWNESS", "3"))


class Vacuous(Exception):
    """This machine does not allow the fault to be made."""


UNSURE = (OSError, http.client.HTTPException)
KEEPER = "coderunr-keepe"


def eventually(condition, seconds, what):
    """What @condition() returns once it is true."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.02)


def comm_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def children_of(pid):
    try:
        return [int(word) for word in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def send(pids, number=signal.SIGKILL):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
    return pids


def digest_of(job):
    """Of everything that may never change once a job has ended."""
    fixed = {key: job[key] for key in ("state", "verdict", "message", "tests", "ended_ms", "ended_number", "outcomes")}
    return hashlib.sha256(json.dumps(fixed, sort_keys=True).encode()).hexdigest()


class Crew:
    """One engine with a folder of its own, and everything it has said 202 to."""

    def __init__(self, seed=0, folder=None, **flags):
        self.chance = random.Random(seed)
        self.own = None if folder else tempfile.TemporaryDirectory(prefix="coderunr-faults-")
        self.folder = pathlib.Path(folder or self.own.name)
        # Interpreters kept warm look like programs that were left; the storm has them, the rows have not.
        self.flags = {"max_concurrent_jobs": SLOTS, "warm": "false", "run_timeout": "30s",
                      "run_cpu_time": "30s", **flags}
        self.taken = {}
        self.count = 0
        self.engine = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.end()
        if self.own:
            self.own.cleanup()

    def start(self):
        self.engine = conftest.Engine(self.folder, **self.flags)
        return self.engine

    def stop(self):
        """As an operator does; the exit status."""
        status = self.engine.stop()
        self.engine = None
        return status

    def die(self):
        """Everything at once, without a word."""
        everybody = self.engine.processes()
        send(everybody)
        self.engine.process.wait()
        eventually(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in everybody), 35, "the end of all processes")
        self.engine = None

    def end(self):
        if self.engine:
            send(self.pids("front", "runner", "ledger", "packer"), signal.SIGCONT)
            self.engine.stop()
            self.engine = None

    # ---- processes

    def pids(self, *names):
        return [pid for pid in children_of(self.engine.process.pid) if comm_of(pid).startswith(names)]

    def keepers(self):
        return self.pids(KEEPER)

    def kill(self, *names):
        return send(self.pids(*names))

    def programs(self):
        """What runs in boxes: (keeper, init, program), the prepared boxes without a program left out."""
        found = []
        for keeper in self.keepers():
            for init in children_of(keeper):
                found += [(keeper, init, pid) for pid in children_of(init) if not comm_of(pid).startswith("coderunr")]
        return found

    def wait_for_program(self, seconds=20):
        return eventually(self.programs, seconds, "a program in its box")[0]

    # ---- jobs

    def pause(self, most, least=0.0):
        time.sleep(self.chance.uniform(least, most))

    def ask(self, method, path, body=None, headers=None, timeout=30):
        return self.engine.request(method, path, body, headers, timeout)

    def try_job(self, job, key):
        """One try: the id, None when it is unsure or refused with 503."""
        try:
            answer = jobs.submit(self.engine, job, headers={"Idempotency-Key": key})
        except UNSURE:
            return None
        if answer.status == 202:
            self.note(key, answer.json()["id"])
            return answer.json()["id"]
        assert answer.status == 503 and "retry-after" in answer.headers, answer
        return None

    def note(self, key, job_id):
        known = self.taken.setdefault(key, job_id)
        assert known == job_id, f"I2: {key} is {known} and {job_id}"

    def hand_in(self, text, seconds=30, **fields):
        """A job whose one test is passed when it is run to its end; asked by its key until it is accepted."""
        self.count += 1
        key = f"job-{os.getpid()}-{id(self)}-{self.count}"
        job = jobs.program(f"{text}\necho end-{self.count}",
                           tests=[{"stdin": "", "expected": f"end-{self.count}\n"}], **fields)
        return eventually(lambda: self.try_job(job, key), seconds, "202 for a job")

    def batch(self, n, text="cat", **fields):
        """@n jobs in one request, which has to be accepted."""
        rows = []
        for _ in range(n):
            self.count += 1
            rows.append(jobs.program(text, tests=[{"stdin": str(self.count), "expected": str(self.count)}], **fields))
        answer = jobs.submit_batch(self.engine, rows)
        assert answer.status == 202, answer
        found = [job["id"] for job in answer.json()["jobs"]]
        for job_id in found:
            self.note(job_id, job_id)
        return found

    def get(self, job_id, wait=0):
        """The job as it is now; a front that dies is asked again."""
        def ask():
            try:
                answer = self.ask("GET", f"/v3/jobs/{job_id}?wait={wait}", timeout=wait + 30)
            except UNSURE:
                return None
            assert answer.status in (200, 503), f"I1: {job_id} is {answer}"
            return answer.json() if answer.status == 200 else None
        return eventually(ask, wait + 40, f"an answer about {job_id}")

    def ended(self, job_id, seconds=ENDS_SECONDS):
        deadline = time.monotonic() + seconds
        while True:
            job = self.get(job_id, wait=5)
            if job["state"] in jobs.ENDED:
                return job
            assert time.monotonic() < deadline, f"I1: {job_id} has not ended after {seconds} s: {job}"

    def state(self, job_id):
        return self.get(job_id)["state"]

    def wait_running(self, job_id, seconds=30):
        eventually(lambda: self.state(job_id) != "queued", seconds, "a lease")

    # ---- what must hold

    def is_ready(self):
        try:
            return self.ask("GET", "/v3/ready", timeout=5).status == 200
        except UNSURE:
            return False

    def runs(self):
        """A program run to its end, by the direct way."""
        try:
            answer = self.engine.execute("bash", "echo $((6*7))")
        except UNSURE:
            return False
        return answer.status == 200 and answer.json()["run"]["stdout"] == "42\n"

    def recover(self, seconds=READY_SECONDS):
        """I4: ready and leasing again."""
        eventually(self.is_ready, seconds * SLOW, "I4: readiness")
        eventually(self.runs, seconds * SLOW, "I4: a program that runs")

    def settle(self, verdict="ok", recover=True):
        """Every job of this round has one good result, and it stays; then the round is forgotten."""
        if recover:
            self.recover()
        digests = {}
        for job_id in self.taken.values():
            job = self.ended(job_id)
            assert job["state"] == "done" and job["verdict"] == verdict, f"I6: {job}"
            assert job["tests"]["done"] == job["tests"]["total"] == len(
                {outcome["test"] for outcome in job["outcomes"]}), f"I3: {job}"
            assert job["tests"]["passed"] == job["tests"]["total"], f"I6: {job}"
            digests[job_id] = digest_of(job)
        for job_id, digest in digests.items():
            assert digest_of(self.get(job_id)) == digest, f"I3: the result of {job_id} has changed"
        self.clean()
        self.taken.clear()

    def clean(self):
        """I5: all slots have their keepers and no program is left in a box."""
        def is_clean():
            return (len(self.keepers()) == self.flags["max_concurrent_jobs"] and
                    (self.flags["warm"] == "true" or not self.programs()))
        eventually(is_clean, CLEAN_SECONDS * SLOW, "I5: as many keepers as slots, and no program")

    def cpu_seconds(self, name):
        """What the process of this name has used of a processor."""
        [pid] = self.pids(name)
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident(self, name):
        [pid] = self.pids(name)
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024


@contextlib.contextmanager
def small_disk(options="size=24m"):
    """A tmpfs, for a data directory; needs root."""
    with tempfile.TemporaryDirectory(prefix="coderunr-faults-") as folder:
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", folder], check=True)
        try:
            yield pathlib.Path(folder)
        finally:
            subprocess.run(["umount", "-l", folder], check=True)


def fill(folder):
    """Every byte there is."""
    with open(folder / "filler", "wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)
