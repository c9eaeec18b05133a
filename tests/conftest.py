"""The engine under test: the built program, started as an operator starts it and ended with SIGTERM.

`engine` is one engine for the whole run.  `start_engine` gives one with flags of its own.  CODERUNR_BUILD names the
build folder (default: build/test).
"""
import contextlib
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = pathlib.Path(os.environ.get("CODERUNR_BUILD", ROOT / "build/test")) / "coderunr"
START_SECONDS = 120
STOP_SECONDS = 45


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Answer:
    """One answer: status, headers (lower-case names) and body."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:2000]!r}>"


class Engine:
    """A running `coderunr serve`; flags are given as `max_connections=20`."""

    running = []

    def __init__(self, folder, port=None, **flags):
        self.host = "127.0.0.1"
        self.port = port or free_port()
        self.url = f"http://{self.host}:{self.port}"
        self.log_path = pathlib.Path(folder) / "log"
        flags = {"bind_address": f"{self.host}:{self.port}", "data_directory": folder, "prepare_runtimes": "false",
                 **flags}
        words = [f"--{name.replace('_', '-')}={value}" for name, value in flags.items()]
        env = {name: value for name, value in os.environ.items()
               if not name.startswith(("CODERUNR_", "PISTON_", "RUNNER_")) or name == "CODERUNR_CGROUP_PARENT"}
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen([BINARY, "serve", *words], env=env, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        self.running.append(self)
        self.wait_until_healthy()

    def log(self):
        return self.log_path.read_text(errors="replace")

    def wait_until_healthy(self):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                pytest.fail(f"the engine ended with {self.process.returncode} at its start:\n{self.log()[-4000:]}")
            try:
                if self.request("GET", "/health").status == 200:
                    return
            except OSError:
                pass
            time.sleep(0.05)
        self.process.kill()
        pytest.fail(f"the engine is not healthy after {START_SECONDS} s:\n{self.log()[-4000:]}")

    def request(self, method, path, body=None, headers=None, timeout=60):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def execute(self, language, content, path="/api/v2/execute", **fields):
        """POST execute; @content is the text of one file, or the array `files`."""
        files = [{"content": content}] if isinstance(content, str) else content
        body = {"language": language, "version": "*", "files": files, **fields}
        return self.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})

    def run(self, language, content, **fields):
        """The run stage of an execute that has to be answered 200."""
        answer = self.execute(language, content, **fields)
        assert answer.status == 200, answer
        return answer.json()["run"]

    def runtimes(self):
        return self.request("GET", "/api/v2/runtimes").json()

    def has(self, language):
        return any(language == row["language"] or language in row["aliases"] for row in self.runtimes())

    def processes(self):
        """The pids of the engine and all its descendants."""
        children = {}
        for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                pid, rest = path.read_text().split(" ", 1)
            except OSError:
                continue
            children.setdefault(int(rest.rpartition(")")[2].split()[1]), []).append(int(pid))
        found, todo = [], [self.process.pid]
        while todo:
            found.append(todo.pop())
            todo += children.get(found[-1], [])
        return found

    def stop(self):
        """SIGTERM; the exit status."""
        if self in self.running:
            self.running.remove(self)
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return "no end after SIGTERM"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport():
    """A test that failed shows what the engines said meanwhile."""
    report = (yield).get_result()
    for engine in Engine.running if report.failed else []:
        if engine.log_path.exists():
            report.sections.append((f"log of the engine on port {engine.port}", engine.log()[-4000:]))


@contextlib.contextmanager
def engine_in(folder, **flags):
    """An engine in @folder, which must end well."""
    engine = Engine(folder, **flags)
    try:
        yield engine
    finally:
        status = engine.stop()
        log = engine.log()
    assert status == 0, f"the engine ended with {status} after SIGTERM:\n{log[-4000:]}"


def engine_that_must_end_well(**flags):
    with tempfile.TemporaryDirectory(prefix="coderunr-tests-") as folder, engine_in(folder, **flags) as engine:
        yield engine


@pytest.fixture(scope="session")
def engine():
    yield from engine_that_must_end_well()


def engines_on_demand():
    running = []

    def start(**flags):
        generator = engine_that_must_end_well(**flags)
        running.append(generator)
        return next(generator)

    yield start
    failures = []
    for generator in reversed(running):
        try:
            next(generator, None)
        except AssertionError as error:
            failures.append(str(error))
    assert not failures, "\n".join(failures)


@pytest.fixture(scope="module")
def start_engine():
    """start_engine(option=value, ...): another engine with these options; it ends with the module."""
    yield from engines_on_demand()


@pytest.fixture
def own_engine():
    """own_engine(option=value, ...): the same, but it ends with the test."""
    yield from engines_on_demand()


@pytest.fixture
def need(engine):
    """need("python"): skip where the runtime is not installed."""

    def check(*languages):
        for language in languages:
            if not engine.has(language):
                pytest.skip(f"no runtime for {language} on this machine")

    return check
