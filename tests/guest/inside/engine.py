"""The engine inside the guest, and the cgroup groups it is started in."""
import http.client
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time

MODE = "v2"  # set by checks.py
ADDRESS = ("127.0.0.1", 2000)
START_SECONDS = 40
WORDS = {"CODERUNR_KEEPER": "/usr/libexec/coderunr-keeper",
         "CODERUNR_RUNTIMES_DIRECTORY": "/usr/share/coderunr/runtimes", "PATH": os.environ["PATH"],
         "ASAN_OPTIONS": "detect_leaks=0"}  # the leak finder fails in the emulator; it works in the ordinary run
LIMITS = {"run_timeout": "60s", "run_cpu_time": "60s", "max_concurrent_jobs": "2", "log_level": "debug"}


def tree():
    """Where the v2 tree is mounted."""
    return pathlib.Path("/sys/fs/cgroup/unified" if MODE == "mixed" else "/sys/fs/cgroup")


def folders():
    """Every directory in which the engine makes groups when it is started at the root of every hierarchy."""
    if MODE == "v2":
        return [tree()]
    names = ["cpu,cpuacct", "pids"] + (["memory"] if MODE == "v1" else [])
    return [pathlib.Path("/sys/fs/cgroup") / name for name in names] + ([tree()] if MODE == "mixed" else [])


def engine_groups():
    """All groups of engines, in every hierarchy."""
    return sorted(str(path) for folder in folders() for path in folder.rglob("coderunr-*"))


def wait_for(question, seconds=30):
    """Ask until the answer is true; the answer."""
    deadline = time.monotonic() + seconds
    while not (answer := question()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return answer


def members(group):
    return [int(pid) for pid in (pathlib.Path(group) / "cgroup.procs").read_text().split()]


def slots_of(base, slot):
    """The folders of one slot in every hierarchy, below what engine_groups() found."""
    return [path for path in map(pathlib.Path, engine_groups()) for path in path.glob(f"slot{slot}") if base in str(path)]


class Group:
    """A v2 group as a service manager would make it for a service: empty, with all controllers."""

    def __init__(self, name):
        self.path = tree() / name
        self.path.mkdir()

    def __enter__(self):
        return self

    def enter(self):
        (self.path / "cgroup.procs").write_text("0")

    def __exit__(self, *_):
        for folder in sorted(self.path.rglob("*"), reverse=True):
            if folder.is_dir():
                kill_members(folder)
                folder.rmdir()
        kill_members(self.path)
        self.path.rmdir()


def kill_members(group):
    for pid in members(group):
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not members(group))


class Ended(Exception):
    """The engine did not start; the text is what it said."""


class Engine:
    """A running `coderunr serve`; @group None: in a group of its own, as a service."""

    def __init__(self, group=None, **flags):
        words = [f"--{name.replace('_', '-')}={value}" for name, value in {**LIMITS, **flags}.items()]
        self.group = None
        if group is None and MODE != "v1":
            group = self.group = Group("service")
        self.folder = tempfile.TemporaryDirectory(prefix="engine-", dir="/var/lib")
        words += [f"--data-directory={self.folder.name}", "--bind-address={}:{}".format(*ADDRESS)]
        self.log_path = pathlib.Path("/run/engine.log")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(["coderunr", "serve", *words], env=WORDS, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, preexec_fn=group.enter if group else None)
        self.wait_until_healthy()

    def log(self):
        return self.log_path.read_text(errors="replace")

    def wait_until_healthy(self):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                self.clean()
                raise Ended(self.log())
            try:
                if self.request("GET", "/health")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.1)
        self.process.kill()
        self.process.wait()
        self.clean()
        raise Ended(f"not healthy after {START_SECONDS} s: {self.log()}")

    def request(self, method, path, body=None):
        connection = http.client.HTTPConnection(*ADDRESS, timeout=150)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def execute(self, language, content, **fields):
        body = {"language": language, "version": "*", "files": [{"content": content}], **fields}
        return self.request("POST", "/api/v2/execute", json.dumps(body))

    def run(self, language, content, **fields):
        """The run stage of an execute that has to be answered 200."""
        status, body = self.execute(language, content, **fields)
        assert status == 200, f"{status} {body[:300]}; log: {self.log()[-600:]}"
        return json.loads(body)["run"]

    def base(self):
        """The name of the engine's groups."""
        return next(iter(engine_groups())).rsplit("/", 1)[-1]

    def pids(self, name):
        """Processes of this name that descend from the engine."""
        found = []
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if (folder / "comm").read_text().strip() == name and self.is_ours(int(folder.name)):
                    found.append(int(folder.name))
            except OSError:
                continue
        return found

    def is_ours(self, pid):
        while pid > 1:
            if pid == self.process.pid:
                return True
            pid = int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        return False

    def stop(self):
        """SIGTERM; the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(90)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return "no end after SIGTERM"
        finally:
            self.clean()

    def clean(self):
        self.folder.cleanup()
        if self.group:
            self.group.__exit__()
            self.group = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def doctor(group=None):
    """The rows of `coderunr doctor --json` by id, and its exit status."""
    done = subprocess.run(["coderunr", "doctor", "--json"], env=WORDS, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          stdin=subprocess.DEVNULL, text=True, check=False, preexec_fn=group.enter if group else None)
    return {row["id"]: row for row in json.loads(done.stdout)["checks"]}, done.returncode
