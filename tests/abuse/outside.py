"""Probes outside of boxes: their build, and the control that shows each to be a real attack.

A control runs as uid 65534 in a folder of its own, with limits on time and memory, and everything it started is ended
with it: its processes are found by a variable in their environment, so nothing else is ever signalled.
"""
import concurrent.futures
import contextlib
import dataclasses
import fcntl
import os
import pathlib
import pty
import resource
import shutil
import signal
import subprocess
import tempfile
import termios
import time
import uuid

HERE = pathlib.Path(__file__).resolve().parent
NOBODY = 65534
CONTROL_SECONDS = 20
CFLAGS = ["-std=gnu17", "-O1", "-static", "-w", "-pthread", "-s"]


def build_probes(folder, names):
    """probe name -> its static program in @folder, built where it is not newer than its source."""
    folder.mkdir(exist_ok=True)
    header = HERE / "probes/probe.h"

    def build(name):
        path, source = folder / name, HERE / "probes" / f"{name}.c"
        if not path.exists() or path.stat().st_mtime < max(source.stat().st_mtime, header.stat().st_mtime):
            fresh = folder / f"{name}.{os.getpid()}"
            subprocess.run(["gcc", *CFLAGS, "-o", fresh, source, "-lm"], check=True)
            fresh.chmod(0o755)
            fresh.rename(path)
        return name, path

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(pool.map(build, sorted(names)))


@dataclasses.dataclass
class Control:
    escaped: frozenset
    text: str


def words_of(text, word):
    return frozenset(line[len(word) + 1:].split(" ")[0] for line in text.splitlines() if line.startswith(word + " "))


def guard():
    os.setsid()
    resource.setrlimit(resource.RLIMIT_CPU, (10, 10))
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))


def guard_with_terminal(fd):
    guard()
    fcntl.ioctl(fd, termios.TIOCSCTTY, 0)


def marked(mark):
    """Processes that carry @mark in their environment."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark.encode() in path.read_bytes():
                found.append(int(path.parent.name))
    return found


def end_marked(mark):
    for _ in range(50):
        left = marked(mark)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if not left:
            return
        time.sleep(0.02)


# An ordinary user's way to all namespaces of his own; a mount of his own to take away again.
IN_NAMESPACES = ["unshare", "--map-root-user", "--mount", "--uts", "--ipc", "--net", "--cgroup"]
SCRIPT = {"userns": 'mkdir own && mount -t tmpfs own own; "$@"; exit $?'}


class Outside:
    """Runs controls; each different one once."""

    def __init__(self, probes):
        self.probes = probes
        self.known = {}

    def control(self, row, args):
        key = row.probe, args, row.control, row.stdin_kind
        if key not in self.known:
            self.known[key] = self.run(row.probe, args, row.control, row.stdin_kind)
        return self.known[key]

    @contextlib.contextmanager
    def started(self, words, control="plain", stdin_kind=""):
        """A marked process as the control asks; it and all that came of it end with the context."""
        mark = f"CODERUNR_CONTROL={uuid.uuid4().hex}"
        folder = tempfile.mkdtemp(prefix="control-")
        os.chown(folder, NOBODY, NOBODY)
        beyond = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
        stdin, master, before = subprocess.DEVNULL, None, guard
        if stdin_kind == "file":
            path = pathlib.Path(folder) / "input"
            path.write_text("input")
            os.chown(path, NOBODY, NOBODY)
            stdin = os.open(path, os.O_RDONLY)
        elif stdin_kind == "pty":
            master, stdin = pty.openpty()
            before = lambda: guard_with_terminal(0)
        identity = {} if control == "root" else {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        prefix = IN_NAMESPACES if control == "userns" else []
        shell = ["sh", "-c", SCRIPT.get(control, '"$@"; exit $?'), "sh"]
        try:
            with subprocess.Popen([*prefix, *shell, *map(str, words)], cwd=folder, stdin=stdin,
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, preexec_fn=before,
                                  pass_fds=[beyond], env=dict([mark.split("="), ("PATH", "/usr/bin:/bin")]),
                                  **identity) as child:
                child.mark = mark
                try:
                    yield child
                finally:
                    end_marked(mark)
        finally:
            for fd in (stdin, master, beyond):
                if fd is not None and fd >= 0:
                    os.close(fd)
            shutil.rmtree(folder, ignore_errors=True)

    def run(self, probe, args, control="plain", stdin_kind=""):
        with self.started([self.probes[probe], *args], control, stdin_kind) as child:
            deadline = time.monotonic() + CONTROL_SECONDS
            while child.poll() is None and time.monotonic() < deadline:
                time.sleep(0.005)
            survivors = set(marked(child.mark)) - {child.pid}
            end_marked(child.mark)
            text = child.stdout.read().decode(errors="replace")
        found = words_of(text, "ESCAPED")
        if control == "survivor" and survivors:
            found |= {"survivor"}
        return Control(found, text)
