#!/usr/bin/env python3
"""The whole suite, as `./dev test` runs it: lint, unit tests, then pytest against the sanitizer build.

Everything runs in a cgroup of its own in every hierarchy and in mount, network, ipc and pid namespaces of its own:
a broken sandbox spoils this run, not the machine, and what is left behind afterwards can be counted exactly.
The last line is `N passed, N failed, N skipped`; every failure and the reason of every skip stand above it.
"""
import argparse
import collections
import fcntl
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
PYTEST_SECONDS = 20 * 60
# One after the other; the lanes of a row at the same time.
LANES = (
    (("abuse",),),
    (("cli", "clients", "conformance", "doors", "faults", "http", "images"),
     ("jobs", "keys", "limits", "packages", "programs", "websocket")),
    (("processes",),),
)
LEFTOVER_SECONDS = 3


class Totals:
    """Passed tests are counted, failed and skipped ones kept with what they said."""

    def __init__(self):
        self.passed = 0
        self.failed = []
        self.skipped = []

    def report(self):
        reasons = collections.defaultdict(list)
        for name, reason in self.skipped:
            reasons[reason].append(name)
        for reason, names in reasons.items():
            print(f"skipped: {names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}: {reason}")
        for name, text in self.failed:
            print(f"FAILED: {name}")
            print("\n".join("    " + line for line in text.strip().splitlines()[-25:]))
        print(f"{self.passed} passed, {len(self.failed)} failed, {len(self.skipped)} skipped", flush=True)


def step(text):
    print(f"--- {text}", flush=True)


# ---- cgroups: outside ------------------------------------------------------------------------------------------------


def own_groups():
    """Our group in every mounted hierarchy: (controllers, mount point, path); controllers are empty for v2."""
    mounts = {}
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        left, right = line.split(" - ", 1)
        kind, _, options = right.split()[:3]
        if kind in ("cgroup", "cgroup2"):
            mounts[kind, frozenset(options.split(","))] = (left.split()[3], left.split()[4])
    for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        controllers = set(names.split(",")) if names else set()
        for (kind, options), (root, where) in mounts.items():
            if (kind == "cgroup2" and not names) or (kind == "cgroup" and names and controllers <= options):
                below = path[len(root):] if root != "/" and path.startswith(root) else path
                yield controllers, where, pathlib.Path(where + below.rstrip("/"))
                break


def put(path, value):
    """Write to a kernel file; False when it is not there or refuses."""
    try:
        path.write_text(str(value))
        return True
    except OSError:
        return False


V2_CONTROLLERS = {"memory", "pids", "cpu"}


def v2_base(old):
    """Where a v2 group with controllers can be made: below ours only if it is the root or hands them down already.

    KERNEL: a v2 group with processes of its own cannot hand controllers to its children, the root excepted; but what our
    group has, its parent hands down, so beside it there is always a place.
    """
    wanted = V2_CONTROLLERS & set((old / "cgroup.controllers").read_text().split())
    if not wanted <= set((old / "cgroup.subtree_control").read_text().split()):
        if (old / "cgroup.type").exists():
            return old.parent if (old.parent / "cgroup.procs").exists() else old
        for name in wanted:
            put(old / "cgroup.subtree_control", f"+{name}")
    return old


def v2_leaf(new):
    """The group for this process itself: a leaf where @new has controllers to hand down."""
    wanted = V2_CONTROLLERS & set((new / "cgroup.controllers").read_text().split())
    if not wanted:
        return new
    (new / "harness").mkdir()
    for name in wanted:
        put(new / "cgroup.subtree_control", f"+{name}")
    return new / "harness"


class Groups:
    """A cgroup of this run's own in every hierarchy; leaving it kills and removes all that is left in it."""

    def __init__(self):
        self.made = []

    def __enter__(self):
        try:
            self.enter()
        except BaseException:
            self.__exit__()
            raise
        return self

    def enter(self):
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * 9 // 10
        for controllers, where, old in own_groups():
            new = (old if controllers else v2_base(old)) / f"coderunr-tests-{os.getpid()}"
            new.mkdir()
            self.made.append((old, new))
            for name in ("cpuset.mems", "cpuset.cpus"):
                if (new / name).exists() and "cpuset" in controllers:
                    put(new / name, (old / name).read_text())
            for name in ("memory.limit_in_bytes", "memory.max"):
                put(new / name, memory)
            put(new / "pids.max", 16384)
            leaf = new if controllers else v2_leaf(new)
            if leaf != new:
                os.environ["CODERUNR_CGROUP_PARENT"] = "/" + str(new.relative_to(where))
            if not put(leaf / "cgroup.procs", os.getpid()):
                raise SystemExit(f"run.py: {leaf} does not take this process")

    def __exit__(self, *_):
        for old, new in self.made:
            put(old / "cgroup.procs", os.getpid())
        for _, new in self.made:
            remove_group(new)


def subgroups(group):
    """All groups below @group, the deepest first."""
    return [pathlib.Path(path) / name for path, names, _ in os.walk(group, topdown=False) for name in names]


def members(group):
    try:
        return [int(pid) for pid in (group / "cgroup.procs").read_text().split()]
    except OSError:
        return []


def remove_group(group):
    for path in subgroups(group) + [group]:
        for _ in range(100):
            for pid in members(path):
                if pid > 0:
                    os.kill(pid, signal.SIGKILL)
            try:
                path.rmdir()
                break
            except FileNotFoundError:
                break
            except OSError:
                time.sleep(0.05)


# ---- what is left behind: inside -------------------------------------------------------------------------------------


def processes():
    found = {}
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            stat = (path / "stat").read_text()
        except OSError:
            continue
        if stat.rpartition(")")[2].split()[0] != "Z" and int(path.name) not in (1, os.getpid()):
            found[f"process {path.name} {stat[stat.index('('):stat.rindex(')') + 1]}"] = True
    return set(found)


def snapshot(groups):
    lines = set(processes())
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        lines.add("mount " + " ".join(line.split()[3:]))
    for group in groups:
        lines.update(f"cgroup {path}" for path in subgroups(pathlib.Path(group)))
    for folder in ("/tmp", "/dev/shm", "/dev/mqueue", "/var/tmp", "/run/netns"):
        if os.path.isdir(folder):
            lines.update(f"file {folder}/{name}" for name in os.listdir(folder))
    for folder in ("/run", "/var/lib"):
        # The lock of a uid range is a name that outlives a killed engine; the next one takes it over.
        lines.update(f"file {folder}/{name}" for name in os.listdir(folder)
                     if "coderunr" in name and not name.endswith(".lock"))
    for table in ("tcp", "tcp6"):
        for line in pathlib.Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            if line.split()[3] == "0A":
                lines.add(f"listening socket {table} {line.split()[1]}")
    for line in pathlib.Path("/proc/net/unix").read_text().splitlines()[1:]:
        lines.add("unix socket " + " ".join(line.split()[7:]))
    for table in ("msg", "sem", "shm"):
        for line in pathlib.Path(f"/proc/sysvipc/{table}").read_text().splitlines()[1:]:
            lines.add(f"sysv {table} {line}")
    return lines


def check_leftovers(totals, before, groups):
    deadline = time.monotonic() + LEFTOVER_SECONDS
    while True:
        left = snapshot(groups) - before
        if not left or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    if left:
        totals.failed.append(("nothing is left behind", "\n".join(sorted(left))))
    else:
        totals.passed += 1


# ---- the three parts -------------------------------------------------------------------------------------------------


def run_lint(totals):
    step("lint")
    done = subprocess.run([sys.executable, "tools/lint/lint.py"], cwd=ROOT, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    blocks = re.findall(r"^(ok|FAIL) (.*)\n((?:    .*\n)*)", done.stdout, re.M)
    for word, name, text in blocks:
        if word == "ok":
            totals.passed += 1
        else:
            totals.failed.append((f"lint: {name}", text))
    if not blocks or (done.returncode != 0 and not totals.failed):
        totals.failed.append(("lint", done.stdout))


def run_unit(totals, build, names):
    step("unit tests")
    listed = subprocess.run(["meson", "test", "-C", build, "--suite", "unit", "--list", "--no-rebuild"],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
    tests = [line.split(" / ")[-1].strip() for line in listed.splitlines() if line.strip()]
    if names:
        tests = [test for test in tests if any(name in test for name in names)]
    if not tests:
        return
    log = pathlib.Path(build) / "meson-logs/testlog.json"
    log.unlink(missing_ok=True)
    done = subprocess.run(["meson", "test", "-C", build, "--no-rebuild", "--suite", "unit", *tests], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                          env={**os.environ, "CMOCKA_MESSAGE_OUTPUT": "TAP",
                               "ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"})
    if not log.exists():
        totals.failed.append(("unit tests", done.stdout))
        return
    for line in log.read_text().splitlines():
        count_unit(totals, json.loads(line))


def count_unit(totals, program):
    """One program of unit tests; it speaks TAP, and one that fails without a failed row died on its way."""
    name = program["name"].split(" / ")[-1]
    said = program.get("stdout", "") + program.get("stderr", "")
    failed = 0
    for verdict, text in re.findall(r"^(ok|not ok) \d*\s*(.*)$", program.get("stdout", ""), re.M):
        label = f"{name}: {text.lstrip('- ').strip()}"
        if "# SKIP" in text:
            totals.skipped.append((label, "its unit test says so"))
        elif verdict == "ok":
            totals.passed += 1
        else:
            failed += 1
            totals.failed.append((label, said))
    if program["returncode"] != 0 and not failed:
        totals.failed.append((name, f"ended with {program['returncode']}\n{said}"))


def start_pytest(build, number, folders, names, everything, log):
    junit = pathlib.Path(build) / f"pytest-{number}.xml"
    junit.unlink(missing_ok=True)
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={build}/pytest-{number}",
             f"--junitxml={junit}", "--tb=short", *(f"tests/{folder}" for folder in folders)]
    if names:
        words += ["-k", " or ".join(re.sub(r"[^\w]", "_", name) for name in names)]
    env = {**os.environ, "CODERUNR_BUILD": str(build), "PYTHONDONTWRITEBYTECODE": "1",
           "ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"}
    if everything:
        env["CODERUNR_TEST_ALL"] = "1"
    return junit, subprocess.Popen(words, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def end_pytest(totals, junit, process, deadline):
    try:
        status = process.wait(timeout=max(1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.kill()
        status = -1
        totals.failed.append(("pytest", f"not done after {PYTEST_SECONDS} seconds"))
    if not junit.exists():
        totals.failed.append(("pytest", f"ended with {status} and no results"))
        return
    before = len(totals.failed)
    for case in ElementTree.parse(junit).iter("testcase"):
        count_case(totals, case)
    if status not in (0, 5) and len(totals.failed) == before:
        totals.failed.append(("pytest", f"ended with {status} although no test failed"))


def run_pytest(totals, build, names, everything):
    """What compares the whole machine before and after runs alone; the rest in two lanes, which mostly wait."""
    folders = {path.parent.name for path in (ROOT / "tests").glob("*/test_*.py")}
    deadline = time.monotonic() + PYTEST_SECONDS
    known = {folder for lanes in LANES for lane in lanes for folder in lane}
    for number, lanes in enumerate((*LANES, (sorted(folders - known),))):
        started = []
        for place, lane in enumerate(lanes):
            lane = [folder for folder in lane if folder in folders]
            if not lane:
                continue
            step("tests through the doors: " + ", ".join(lane))
            log = None if place == 0 else open(f"{build}/pytest-{number}-{place}.log", "w+", encoding="utf-8")
            started.append((*start_pytest(build, f"{number}-{place}", lane, names, everything, log), log))
        for junit, process, log in started:
            end_pytest(totals, junit, process, deadline)
            if log:
                log.seek(0)
                sys.stdout.write(log.read())
                log.close()


def count_case(totals, case):
    label = f"{case.get('classname')}::{case.get('name')}"
    for kind in ("failure", "error"):
        for found in case.findall(kind):
            totals.failed.append((label, (found.text or found.get("message") or kind)))
            return
    skipped = case.find("skipped")
    if skipped is not None:
        totals.skipped.append((label, skipped.get("message") or "no reason given"))
    else:
        totals.passed += 1


# ---- inside and outside ----------------------------------------------------------------------------------------------


def loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, 0x8914, struct.pack("16sh14x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP


def private_folders():
    """Folders that everybody writes to get an empty one of this run's own, unless the project lies in them."""
    for folder in ("/tmp", "/dev/shm", "/var/tmp"):
        if os.path.isdir(folder) and pathlib.Path(folder) not in ROOT.parents:
            subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=1777", "tests", folder], check=True)


def inside(options):
    loopback_up()
    private_folders()
    totals = Totals()
    before = snapshot(options.group)
    if not options.names:
        run_lint(totals)
    run_unit(totals, options.build, options.names)
    run_pytest(totals, options.build, options.names, options.all)
    check_leftovers(totals, before, options.group)
    totals.report()
    return 1 if totals.failed else 0


def reap_until(worker):
    """Pid 1 of the namespace takes in orphans: somebody has to reap them."""
    while True:
        pid, status = os.wait()
        if pid == worker:
            return os.waitstatus_to_exitcode(status)


def outside(options):
    def stop(number, _):
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, stop)
    with Groups() as groups:
        words = ["unshare", "--mount", "--net", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc",
                 "--propagation", "private", sys.executable, __file__, "--inside", "--build", options.build]
        words += ["--all"] if options.all else []
        for _, group in groups.made:
            words += ["--group", str(group)]
        with subprocess.Popen([*words, "--", *options.names], stdin=subprocess.DEVNULL) as child:
            try:
                return child.wait()
            finally:
                child.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=os.path.abspath, default=str(ROOT / "build/test"))
    parser.add_argument("--all", action="store_true", help="every language's tests must run")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--group", action="append", default=[], help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*", help="parts of test names")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("run.py: needs root")
    if not shutil.which("unshare"):
        sys.exit("run.py: unshare is missing; apt-get install -y util-linux")
    if not options.inside:
        sys.exit(outside(options))
    worker = os.fork()
    sys.exit(inside(options) if worker == 0 else reap_until(worker))


if __name__ == "__main__":
    main()
