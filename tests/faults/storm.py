"""The kill storm: jobs come without pause while everything that can die is killed at random.

Afterwards every 202 has exactly one terminal result, which is the right one; nothing else is in the store; and no result
that was once seen has changed.
"""
import collections
import concurrent.futures
import threading
import time

import conftest
from crew import KEEPER, UNSURE, Crew, digest_of, eventually, jobs, send

CLIENTS = 4
BATCH = 10
BATCH_SHARE = 0.1      # of the requests
TESTS_SHARE = 0.1      # of the jobs have five tests
PAUSE_SECONDS = 0.5    # between two deaths, on the average
WARDEN_SECONDS = 30    # between two deaths of all
SETTLE_SECONDS = 300


class Storm:
    """One run: `run()` says what was broken, and some figures."""

    def __init__(self, seed, seconds, n_jobs):
        self.crew = Crew(seed, port=conftest.free_port(), warm="true")
        self.chance = self.crew.chance
        self.seconds, self.n_jobs = seconds, n_jobs
        self.deaths = collections.Counter()
        self.expected, self.ids, self.seen = {}, {}, {}
        self.lock = threading.Lock()
        self.problems = []
        self.calm = threading.Event()

    def broken(self, text):
        with self.lock:
            self.problems.append(text)

    # ---- clients

    def job(self, key):
        self.expected[key] = 5 if self.chance.random() < TESTS_SHARE else 1
        tests = [{"stdin": f"{key}-{i}", "expected": f"{key}-{i}"} for i in range(self.expected[key])]
        pause = self.chance.choice(["", "sleep 0.0$((RANDOM % 4)); "])
        return {**jobs.program(pause + "cat", tests=tests), "key": key}

    def accepted(self, answer, keys):
        for key, job in zip(keys, answer.json()["jobs"] if len(keys) > 1 else [answer.json()]):
            with self.lock:
                known = self.ids.setdefault(key, job["id"])
            if known != job["id"]:
                self.broken(f"{key} is {known} and {job['id']}")

    def hand_in(self, keys):
        """The same again until it is accepted: an answer that is lost must not matter."""
        rows = [self.job(key) for key in keys]
        while not self.calm.is_set() or self.crew.engine:
            try:
                answer = jobs.submit_batch(self.crew.engine, rows) if len(rows) > 1 else jobs.submit(
                    self.crew.engine, rows[0])
            except (*UNSURE, AttributeError):  # there is no engine while the warden is dead
                time.sleep(0.05)
                continue
            if answer.status == 202:
                if self.chance.random() < 0.95:
                    return self.accepted(answer, keys)
                self.accepted(answer, keys)  # and once more, as if the answer had been lost
            elif answer.status != 503 or "retry-after" not in answer.headers:
                return self.broken(f"answered {answer}")
            time.sleep(0.02)
        return None

    def client(self, index):
        share, sent, start = self.n_jobs // CLIENTS, 0, time.monotonic()
        while sent < share:
            n = BATCH if self.chance.random() < BATCH_SHARE and sent + BATCH <= share else 1
            self.hand_in([f"storm-{index}-{sent + i}" for i in range(n)])
            sent += n
            due = start + self.seconds * sent / share
            time.sleep(max(0, due - time.monotonic()))

    def watch(self):
        """Results that are there are looked at again and again."""
        while not self.calm.is_set():
            with self.lock:
                some = self.chance.sample(sorted(self.ids.values()), min(20, len(self.ids)))
            for job_id in some:
                try:
                    answer = self.crew.ask("GET", f"/v3/jobs/{job_id}")
                except (*UNSURE, AttributeError):
                    continue
                if answer.status == 404:
                    self.broken(f"{job_id} is not there any more")
                if answer.status == 200 and answer.json()["state"] in jobs.ENDED:
                    self.note(answer.json())
            self.calm.wait(0.1)

    def note(self, job):
        digest = digest_of(job)
        if self.seen.setdefault(job["id"], digest) != digest:
            self.broken(f"the result of {job['id']} has changed: {job}")

    # ---- the storm

    def strike(self):
        what = self.chance.choice(["front", "runner", "ledger", "keeper", "keeper", "all keepers", "three"])
        if what == "keeper":
            found = self.crew.keepers()
            send(self.chance.sample(found, min(1, len(found))))
        elif what == "all keepers":
            self.crew.kill(KEEPER)
        elif what == "three":
            self.crew.kill("front", "runner", "ledger")
        else:
            self.crew.kill(what)
        self.deaths[what] += 1

    def strike_warden(self):
        """All of it dies, some of it a little later, and is started again."""
        engine, everybody = self.crew.engine, self.crew.engine.processes()
        send([engine.process.pid] if self.chance.random() < 0.5 else everybody)
        engine.process.wait()
        eventually(lambda: not any(map(alive, everybody)), 35, "the end of all processes")
        self.crew.start()
        self.deaths["everything"] += 1

    def blow(self):
        start = time.monotonic()
        warden_at = start + min(WARDEN_SECONDS, self.seconds) * self.chance.uniform(0.3, 1)
        while time.monotonic() - start < self.seconds:
            time.sleep(self.chance.uniform(0, 2 * PAUSE_SECONDS))
            if time.monotonic() > warden_at:
                warden_at += WARDEN_SECONDS
                self.strike_warden()
            else:
                self.strike()

    # ---- afterwards

    def check_one(self, key, job_id):
        job = self.crew.ended(job_id, SETTLE_SECONDS)
        tests = sorted(outcome["test"] for outcome in job["outcomes"] if outcome["test"] is not None)
        if (job["state"], job["verdict"]) != ("done", "ok") or job["tests"]["passed"] != self.expected[key]:
            self.broken(f"{key} ended {job['state']} {job['verdict']} after {job['attempts']} attempts: {job['message']}")
        elif tests != list(range(self.expected[key])):
            self.broken(f"{key} has outcomes of {tests}")
        self.note(job)

    def check_ends(self):
        """Every end was told once, and there is no job that nobody handed in."""
        ends, ours = collections.Counter(), set(self.ids.values())
        stream = jobs.Stream(self.crew.engine, "/v3/events?after=0", timeout=30)
        for event in stream:
            ends[event["job"]["id"]] += 1
            if len(ends) >= len(ours):
                break
        stream.close()
        for job_id, n in ends.items():
            if n != 1 or job_id not in ours:
                self.broken(f"{job_id} ended {n} times" + ("" if job_id in ours else ", and nobody was told of it"))
        listed, before = set(), 0
        while before is not None:
            page = self.crew.ask("GET", f"/v3/jobs?limit=1000&before={before}").json()
            listed.update(job["id"] for job in page["jobs"])
            before = page["before"]
        if listed != ours:
            self.broken(f"{len(listed - ours)} jobs are there that nobody was told of, {len(ours - listed)} are not")

    def run(self):
        with self.crew:
            start = time.monotonic()
            clients = [threading.Thread(target=self.client, args=(i,)) for i in range(CLIENTS)]
            watcher = threading.Thread(target=self.watch)
            for thread in [*clients, watcher]:
                thread.start()
            try:
                self.blow()
            finally:
                blown = time.monotonic() - start
                self.calm.set()
            for thread in [*clients, watcher]:
                thread.join()
            self.crew.recover()
            with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
                for done in [pool.submit(self.check_one, key, job_id) for key, job_id in sorted(self.ids.items())]:
                    done.result()
            self.check_ends()
            attempts = time.monotonic() - start
            self.crew.clean()
        deaths = ", ".join(f"{n} × {what}" for what, n in sorted(self.deaths.items()))
        return self.problems, (f"{len(self.ids)} jobs accepted and checked, {blown:.0f} s of storm, {attempts:.0f} s in all; "
                               f"killed: {deaths}")


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
