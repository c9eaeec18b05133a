"""The world a row is run in: an engine, things of the host to be attacked, a neighbour, and somebody who watches.

`World.attack(row)` does one row and says what was wrong; `World.concurrent(rows)` does many at once.
"""
import base64
import concurrent.futures
import contextlib
import ctypes
import dataclasses
import fcntl
import http.client
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import conftest  # noqa: E402
import host  # noqa: E402
import outside  # noqa: E402
import scenarios  # noqa: E402
import table  # noqa: E402

SLOTS = 6
REPEATS_AT_ONCE = 3
HEALTH_P99_MS = 250
NEIGHBOUR_SHARE = 0.25
TIMING_TRIES = 3
GONE_SECONDS = 1
GONE_SLOWLY_SECONDS = 3


def verdict(answer):
    """One word for an answer: OK, NZ(n), SIG(n), TLE-cpu, TLE-wall, MLE, OLE, ELE, PROC, FSZ, DISK, INODES, EXEC, IE,
    CE (of the compile stage), or the HTTP status."""
    if answer.status != 200:
        return str(answer.status)
    reply = answer.json()
    if "compile" in reply and reply["compile"]["status"] is not None:
        return "CE"
    return stage_verdict(reply["run"])


def stage_verdict(stage):
    message = stage["message"] or ""
    for words, name in (("bytes of memory)", "MLE"), (" processes)", "PROC"), ("bytes in one file)", "FSZ"),
                        ("bytes of disk space)", "DISK"), (" files)", "INODES"), ("(wall clock)", "TLE-wall"),
                        ("Time limit exceeded", "TLE-cpu"), ("cannot be started", "EXEC"),
                        ("cannot be placed", "EXEC")):
        if words in message:
            return name
    if stage["status"] in ("OL", "EL"):
        return stage["status"] + "E"
    if stage["status"] == "SG":
        return f"SIG({message.rpartition(' ')[2]})"
    if stage["status"] == "RE":
        return f"NZ({stage['code']})"
    return "OK" if stage["status"] is None and stage["code"] == 0 else "IE"


@dataclasses.dataclass
class Outcome:
    row: table.Row
    problems: list
    vacuous: str = ""
    timing: list = dataclasses.field(default_factory=list)
    note: str = ""

    @property
    def word(self):
        return "broken" if self.problems or self.timing else "vacuous" if self.vacuous else "held"


class Watch:
    """S and X: /health asked all the time, and one fixed job beside the attack."""

    def __init__(self, world, neighbour=True):
        self.world, self.neighbour = world, neighbour
        self.latencies, self.failures, self.beside = [], [], None

    def ask(self):
        connection = http.client.HTTPConnection(self.world.engine.host, self.world.engine.port, timeout=10)
        while not self.over.is_set():
            start = time.monotonic()
            try:
                connection.request("GET", "/health")
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    self.failures.append(f"S /health answered {answer.status}")
            except OSError as error:
                self.failures.append(f"S /health: {error}")
                connection.close()
            self.latencies.append((time.monotonic() - start) * 1000)
            self.over.wait(0.01)
        connection.close()

    def run_beside(self):
        self.beside = self.world.neighbour()

    def __enter__(self):
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.ask)]
        if self.neighbour:
            self.threads.append(threading.Thread(target=self.run_beside))
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        if self.neighbour:
            self.threads[1].join()
        self.over.set()
        self.threads[0].join()

    def timing(self):
        """What was too slow; a busy machine may be the reason."""
        found = []
        worst = sorted(self.latencies)[min(len(self.latencies) - 1, len(self.latencies) * 99 // 100)]
        if worst > HEALTH_P99_MS:
            found.append(f"S /health took {worst:.0f} ms (p99 of {len(self.latencies)})")
        if self.neighbour and self.beside:
            was, now = self.world.neighbour_cpu, self.beside["cpu_time"]
            if abs(now - was) > NEIGHBOUR_SHARE * was:
                found.append(f"X the neighbour took {now} ms of CPU time instead of {was}")
        return found

    def problems(self):
        found = list(self.failures)
        if self.neighbour and (self.beside is None or self.beside["stdout"] != self.world.neighbour_says):
            found.append(f"X the neighbour answered {self.beside}")
        return found


def reach_everywhere():
    """In a network namespace of this run's own every address is ours, so that controls have something to reach."""
    if not host.private_network():
        return
    address = struct.pack("HH4s8x", socket.AF_INET, 0, bytes(4))
    name = ctypes.create_string_buffer(b"lo")
    # struct rtentry: a default route (RTF_UP) through that device
    entry = struct.pack("L16s16s16sHhLPhPLLH", 0, address, address, address, 1, 0, 0, 0, 0, ctypes.addressof(name), 0, 0, 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, contextlib.suppress(OSError):
        fcntl.ioctl(sock, 0x890B, entry)  # SIOCADDRT


class World:
    def __init__(self):
        self.stack = contextlib.ExitStack()

    def __enter__(self):
        try:
            self.open()
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, *_):
        self.stack.close()

    def open(self):
        self.folder = self.stack.enter_context(tempfile.TemporaryDirectory(prefix="abuse-"))
        os.chmod(self.folder, 0o755)
        self.data = pathlib.Path(self.folder) / "engine"
        self.data.mkdir()
        probes = {row.probe for row in table.ROWS if row.probe} | {"neighbour"} | scenarios.PROBES
        self.probes = outside.build_probes(conftest.BINARY.parent / "abuse", probes)
        self.encoded = {name: base64.b64encode(path.read_bytes()).decode() for name, path in self.probes.items()}
        self.outside = outside.Outside(self.probes)
        self.targets = self.open_targets()
        reach_everywhere()
        self.engine = self.start_engine()
        self.host = host.Host(self.engine, self.uid_base, self.data)
        self.measure_neighbour()
        self.host.settle(SLOTS)

    def start_engine(self):
        self.uid_base = 3_000_000_000 + os.getpid() % 10000 * 4096
        runtimes = pathlib.Path(self.folder) / "runtimes"
        shutil.copytree(ROOT / "runtimes", runtimes)
        for path in (HERE / "runtimes").glob("*.yaml"):
            shutil.copy(path, runtimes)
        # nothing is answered from what an attack before compiled
        engine = conftest.Engine(str(self.data), uid_base=self.uid_base, max_concurrent_jobs=SLOTS,
                                 runtimes_directory=str(runtimes), run_timeout=10000, run_cpu_time=10000,
                                 stdin_newline="false", compile_cache_size=0)
        engine.binary = conftest.BINARY
        self.stack.callback(engine.stop)
        return engine

    def open_targets(self):
        """Things of the host: a readable file, sockets, a port, a process of the controls' own user."""
        self.secret = os.urandom(12).hex()
        canary = pathlib.Path(self.folder) / "canary"
        canary.write_text(self.secret)
        canary.chmod(0o644)
        own = pathlib.Path(self.folder) / "own"
        own.touch()
        os.chown(own, outside.NOBODY, outside.NOBODY)
        tcp = self.stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=64))
        unix = self.stack.enter_context(socket.socket(socket.AF_UNIX))
        unix.bind(f"{self.folder}/socket")
        os.chmod(f"{self.folder}/socket", 0o777)
        abstract = self.stack.enter_context(socket.socket(socket.AF_UNIX))
        abstract.bind(f"\0abuse-{self.secret}")
        for sock in (unix, abstract):
            sock.listen(64)
        self.listeners = tcp, unix, abstract
        sentinel = subprocess.Popen(["sleep", "86400"], user=outside.NOBODY, group=outside.NOBODY, extra_groups=[])
        self.stack.callback(sentinel.wait)
        self.stack.callback(sentinel.kill)
        self.sentinel = sentinel
        return {"canary": str(canary), "own": str(own), "port": str(tcp.getsockname()[1]), "unix": f"{self.folder}/socket",
                "abstract": f"abuse-{self.secret}", "sentinel": str(sentinel.pid), "folder": self.folder,
                "log": f"{self.data}/log"}

    def visitors(self):
        """How many connected to what listens here since the last call."""
        n = 0
        for sock in self.listeners:
            sock.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    sock.accept()[0].close()
                    n += 1
        return n

    # ---- requests ------------------------------------------------------------------------------------------------

    def send(self, probe, *args, **fields):
        """A probe through the HTTP door."""
        files = [{"content": self.encoded[probe], "encoding": "base64"}]
        return self.engine.execute("file", files, args=list(args), **fields)

    def run(self, probe, *args, **fields):
        answer = self.send(probe, *args, **fields)
        assert answer.status == 200, answer
        return answer.json()["run"]

    def neighbour(self):
        return self.run("neighbour")

    def measure_neighbour(self):
        runs = sorted((self.neighbour() for _ in range(5)), key=lambda run: run["cpu_time"])
        self.neighbour_cpu, self.neighbour_says = runs[2]["cpu_time"], runs[2]["stdout"]

    # ---- rows ----------------------------------------------------------------------------------------------------

    def args_of(self, row):
        return tuple(word.format(**self.targets) if re.fullmatch(r"\{\w+\}", word) else word for word in row.args)

    def perform(self, row, crowded=False):
        """The attack itself: (problems, timing problems, vacuous).  In a crowd the processor may not be had in time."""
        if row.scenario:
            try:
                return [], [], getattr(scenarios, row.scenario)(self) or ""
            except AssertionError as error:
                return [str(error) or f"scenario {row.scenario}"], [], ""
        answer = self.send(row.probe, *self.args_of(row), stdin=row.stdin, **row.limits)
        got = verdict(answer)
        starved = crowded and got == "TLE-wall" and "TLE-cpu" in row.expect
        if got not in row.expect.split("|") and not starved:
            return [f"answered {got} instead of {row.expect}: {answer!r:.1500}"], [], ""
        run = answer.json()["run"]
        problems = [f"ESCAPED {what}" for what in sorted(outside.words_of(run["stdout"], "ESCAPED"))]
        if row.says and not re.search(row.says, run["stdout"], re.M):
            problems.append(f"its output has no /{row.says}/: {run['stdout'][:500]!r}")
        timing = [f"{field} is {run[field]}, not in {least} to {most}"
                  for field, (least, most) in row.bounds.items() if not least <= run[field] <= most]
        return problems, timing, self.vacuity(row, got, run["stdout"])

    def vacuity(self, row, got, said):
        if row.control in ("bomb", "answer"):
            return ""
        control = self.outside.control(row, self.args_of(row))
        if not control.escaped:
            return f"the control escaped nothing: {control.text[:300]!r}"
        if row.control == "survivor" or got != "OK":
            return ""  # a limit ended it, outside nothing does
        told = outside.words_of(said, "DENIED") | outside.words_of(said, "ABSENT")
        return "" if told else "the probe said nothing"

    def once(self, row, neighbour):
        if row.control not in ("bomb", "answer") and not row.scenario:
            self.outside.control(row, self.args_of(row))
        self.visitors()
        with Watch(self, neighbour) as watch:
            problems, timing, vacuous = self.perform(row)
        problems += watch.problems()
        if self.visitors() and not row.scenario:
            problems.append("somebody connected to a listener of the host")
        if self.sentinel.poll() is not None:
            problems.append("the sentinel on the host was signalled")
        problems += self.host.problems(GONE_SLOWLY_SECONDS if row.slow_end else GONE_SECONDS)
        problems += self.host.log_problems(50 if row.scenario else 2)
        return Outcome(row, problems, vacuous, timing + watch.timing())

    def attack(self, row, neighbour=True):
        """One row with every invariant; what a busy machine can cause is tried again."""
        for _ in range(TIMING_TRIES):
            outcome = self.once(row, neighbour)
            if outcome.problems or not outcome.timing:
                break
        return outcome

    def concurrent(self, rows, seed, at_once=4):
        """Rows in an order of @seed, four at a time: verdicts hold, and afterwards nothing is left."""
        order = list(rows)
        random.Random(seed).shuffle(order)
        with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
            done = list(pool.map(self.perform_alone, order))
        left = self.host.problems(GONE_SLOWLY_SECONDS) + self.host.log_problems(len(order) * 10)
        return done, left

    def perform_alone(self, row):
        for _ in range(TIMING_TRIES):
            problems, timing, vacuous = self.perform(row, crowded=True)
            if not timing:
                break
        return Outcome(row, problems, vacuous)  # figures are for rows that run alone

    def repeat(self, row, times):
        """The same tree again and again; survivors are looked for all the time and counted at the end."""
        answers = {}
        limits = {**row.limits, "run_cpu_time": 100} if "run_cpu_time" in row.limits else row.limits
        with concurrent.futures.ThreadPoolExecutor(REPEATS_AT_ONCE) as pool:
            for answer in pool.map(lambda _: self.send(row.probe, *self.args_of(row), **limits), range(times)):
                word = verdict(answer)
                answers[word] = answers.get(word, 0) + 1
        problems = [f"{n} times {word}" for word, n in answers.items() if word not in row.expect.split("|")]
        return problems + self.host.problems(GONE_SLOWLY_SECONDS)
