"""What only another kernel than this machine's can show: modules a program could make it load, piped core handlers, swap.

Each check first shows that the act succeeds outside a box as an ordinary user, or is shown to by a control after it.
"""
import pathlib
import subprocess
import threading
import time

import engine
from check import Skip, check

NOBODY = 65534
MIB = 1 << 20
MARKER = pathlib.Path("/run/core-marker")
HANDLER = pathlib.Path("/run/core-handler")


def outside(code, **options):
    """Run Python as an ordinary user outside every box; what it wrote."""
    done = subprocess.run(["python3", "-c", code], user=NOBODY, group=NOBODY, extra_groups=[], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, check=False, cwd="/tmp", **options)
    return done.stdout


def modules():
    return {line.split()[0] for line in pathlib.Path("/proc/modules").read_text().splitlines()}


def sysctl(name, value):
    path = pathlib.Path("/proc/sys") / name.replace(".", "/")
    old = path.read_text().strip()
    path.write_text(value)
    return old


# Families, then protocols of the Internet families, then requests that load bridge and 8021q.
SWEEP = """
import socket, fcntl
opened = set()
for family in range(64):
    for kind in (1, 2, 3, 5):
        for protocol in (0, 1, 4):
            try:
                socket.socket(family, kind, protocol).close()
                opened.add(family)
            except OSError:
                pass
print("families", sorted(opened))
protocols = set()
for family in (2, 10):
    for kind in (1, 2, 3, 5, 6):
        for protocol in range(264):
            try:
                socket.socket(family, kind, protocol).close()
                protocols.add(protocol)
            except OSError:
                pass
print("protocols", sorted(protocols))
for request in (0x8940, 0x8941, 0x8942, 0x8982, 0x8983, 0x89a0, 0x89a1):
    try:
        fcntl.ioctl(socket.socket(2, 2), request, bytes(64))
    except OSError:
        pass
print("swept")
"""


LOADER = pathlib.Path("/run/loader")
LOADED = pathlib.Path("/run/loaded")


class WatchedLoader:
    """Every module the kernel asks for goes through a script that notes its name."""

    def __enter__(self):
        LOADER.write_text(f'#!/bin/sh\necho "$*" >>{LOADED}\nexec /usr/sbin/modprobe "$@"\n')
        LOADER.chmod(0o755)
        LOADED.write_text("")
        self.old = sysctl("kernel.modprobe", str(LOADER))
        return self

    def asked(self):
        return sorted({line.split()[-1] for line in LOADED.read_text().splitlines()})

    def __exit__(self, *_):
        sysctl("kernel.modprobe", self.old)


CONTROL = """
import socket
for words in ((38, 5), (40, 1), (2, 1, 132), (2, 6, 33), (2, 2, 115)):
    try:
        socket.socket(*words).close()
    except OSError:
        pass
"""


@check()
def socket_families_and_module_loading(shared):
    """NW-07, NW-08, NW-10: only unix and Internet sockets, and no module of the kernel is loaded for a program."""
    before = modules()
    with WatchedLoader() as loader:
        run = shared.run("python", SWEEP)
        asked = loader.asked()
    loaded = modules() - before
    assert not loaded and not asked, f"the program made the kernel load {sorted(loaded)} and look for {asked}: {run}"
    assert run["stdout"].endswith("swept\n"), run
    assert run["stdout"].splitlines()[0] in ("families [1, 2, 10]", "families [1, 2]"), run["stdout"]
    with WatchedLoader() as loader:
        outside(CONTROL)
        control = modules() - before
        assert {"af_alg", "vsock"} <= control and loader.asked(), f"the control is vacuous: {sorted(control)}"


@check()
def alg_and_vsock_by_name(shared):
    code = ("import socket\nfor family, kind in ((38, 5), (40, 1), (40, 2), (40, 5)):\n  try:\n    socket.socket(family, kind)\n"
            "    print('opened')\n  except OSError as error:\n    print(error.errno)")
    run = shared.run("python", code)
    assert run["stdout"] == "97\n" * 4, run
    assert outside(code).count("opened") >= 3, "the control is vacuous"


CRASHES = {
    "plain": "import os; os.kill(os.getpid(), 11)",
    "limit lowered": "import os, resource\ntry: resource.setrlimit(resource.RLIMIT_CORE, (0, 0))\nexcept (OSError, ValueError): pass\n"
                     "os.kill(os.getpid(), 11)",
    "in a child": "import os\nif os.fork() == 0: os.kill(os.getpid(), 6)\nos.wait(); os.kill(os.getpid(), 6)",
    "in a thread": "import os, threading\nthreading.Thread(target=lambda: os.kill(os.getpid(), 4)).start()",
    "dumpable": "import ctypes, os\nctypes.CDLL(None).prctl(4, 1, 0, 0, 0)\nos.kill(os.getpid(), 11)",
}


@check()
def piped_core_handler_never_runs(shared):
    """FS-33: a crash of a program starts no program of the host, with whatever limit it sets itself."""
    HANDLER.write_text(f"#!/bin/sh\ncat >/dev/null\necho ran >>{MARKER}\n")
    HANDLER.chmod(0o755)
    old = sysctl("kernel.core_pattern", f"|{HANDLER} %p")
    try:
        for name, code in CRASHES.items():
            run = shared.run("python", code)
            assert run["signal"] in ("SIGSEGV", "SIGABRT", "SIGILL"), (name, run)
        time.sleep(1)
        assert not MARKER.exists(), "the handler ran for a program"
        assert not engine.doctor()[0]["core_pattern"]["ok"], "doctor says nothing of the handler"
        outside(CRASHES["plain"])
        assert engine.wait_for(MARKER.exists), "the control is vacuous: no handler ran outside either"
    finally:
        sysctl("kernel.core_pattern", old)
        MARKER.unlink(missing_ok=True)


def meminfo(key):
    for line in pathlib.Path("/proc/meminfo").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) * 1024
    raise KeyError(key)


def swapped_out():
    text = pathlib.Path("/proc/vmstat").read_text()
    return int(text.split("pswpout ")[1].split()[0])


def with_swap(question):
    swap = pathlib.Path("/swap")
    subprocess.run(["dd", "if=/dev/zero", f"of={swap}", "bs=1M", "count=256"], check=True, stderr=subprocess.DEVNULL)
    swap.chmod(0o600)
    subprocess.run(["mkswap", swap], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["swapon", swap], check=True)
    try:
        assert meminfo("SwapTotal") > 200 * MIB
        question()
    finally:
        subprocess.run(["swapoff", swap], check=True)
        swap.unlink()


def swap_control():
    """A program in a group with the same limit but no swap limit is swapped out.  KERNEL(6.12): pages of zeros are not."""
    folder = pathlib.Path("/sys/fs/cgroup/memory" if engine.MODE == "v1" else engine.tree()) / "swap-control"
    folder.mkdir()
    try:
        (folder / ("memory.limit_in_bytes" if engine.MODE == "v1" else "memory.max")).write_text(str(64 * MIB))
        before = swapped_out()
        subprocess.run(["python3", "-c", "x = b'swapped!' * (14 << 20)"], check=False,
                       preexec_fn=lambda: (folder / "cgroup.procs").write_text("0"))
        assert swapped_out() - before > 1000, "the control is vacuous: nothing is swapped out here"
    finally:
        folder.rmdir()


@check()
def swap_is_not_used_by_programs(shared):
    """ME-25: with swap there, memory_limit still ends a program, and no page of it is swapped out."""
    code = "import time\nx = bytearray(1)\nfor i in range(64):\n  x.extend(b'swapped!' * (1 << 18)); time.sleep(0.02)\nprint('survived')"

    def question():
        row = engine.doctor()[0]["swap"]
        assert row["ok"] and "limited" in row["found"], row
        before = swapped_out()
        run = shared.run("python", code, run_memory_limit=64 * MIB)
        assert "memory" in (run["message"] or "") and "survived" not in run["stdout"], run
        assert swapped_out() == before, f"{swapped_out() - before} pages were swapped out"
        swap_control()

    if not pathlib.Path("/proc/swaps").exists():
        raise Skip("this kernel has no swap")
    with_swap(question)


LEAKS = """
import os, pathlib
print(open("/proc/self/cgroup").read().strip())
for name in ("/sys", "/sys/fs/cgroup", "/proc/sys"):
    print(name, os.path.isdir(name) and len(os.listdir(name)))
print([line.split(" - ")[1].split()[0] for line in open("/proc/self/mountinfo") if "cgroup" in line])
print(open("/proc/1/cgroup").read().strip() if os.access("/proc/1/cgroup", os.R_OK) else "hidden")
"""


@check()
def a_box_sees_no_group_of_the_host(shared):
    run = shared.run("python", LEAKS)
    assert run["code"] == 0, run
    for word in ("coderunr", "slot", "service", ".."):
        assert word not in run["stdout"], run["stdout"]
    assert "[]" in run["stdout"].splitlines(), run["stdout"]


@check()
def user_namespaces_off_is_said_in_one_sentence():
    """E5: the engine needs them; where the host forbids them it refuses to serve and says which line mends it."""
    old = sysctl("user.max_user_namespaces", "0")
    try:
        try:
            with engine.Engine():
                raise AssertionError("it serves without user namespaces")
        except engine.Ended as ended:
            said = str(ended).strip()
        assert len(said.splitlines()) == 1 and "user.max_user_namespaces" in said, said
        assert not engine.engine_groups(), engine.engine_groups()
        rows, status = engine.doctor()
        assert status == 1 and not rows["user_ns"]["ok"] and rows["user_ns"]["required"], rows["user_ns"]
        assert "max_user_namespaces" in rows["user_ns"]["mend"], rows["user_ns"]
    finally:
        sysctl("user.max_user_namespaces", old)
    with engine.Engine() as own:
        assert own.run("bash", "echo again")["stdout"] == "again\n"


@check(modes=("v2",))
def user_namespaces_taken_away_while_serving():
    """Boxes prepared before are used; then nothing runs without its protection, and all is well when they are given back."""
    with engine.Engine() as own:
        own.run("bash", "echo")
        old = sysctl("user.max_user_namespaces", "0")
        answers = []
        asking = threading.Thread(target=lambda: answers.extend(own.execute("bash", f"echo {n}") for n in range(4)))
        try:
            asking.start()
            asking.join(8)
            assert asking.is_alive() or any(status >= 500 for status, _ in answers), answers
        finally:
            sysctl("user.max_user_namespaces", old)
        asking.join()
        assert engine.wait_for(lambda: own.execute("bash", "echo again")[0] == 200, 60), own.log()[-800:]


@check(smoke=True)
def doctor_names_the_hierarchies():
    if engine.MODE == "v1":
        rows, status = engine.doctor()
    else:
        with engine.Group("asked.service") as group:
            rows, status = engine.doctor(group)
    assert status == 0, [row for row in rows.values() if row["required"] and not row["ok"]]
    where = {"v2": "v2", "mixed": "v2", "v1": "v1"}[engine.MODE]
    assert rows["cgroup_memory"]["found"].startswith(f"{where} at /sys/fs/cgroup"), rows["cgroup_memory"]
    where = {"v2": "v2", "mixed": "v1", "v1": "v1"}[engine.MODE]
    for name in ("cgroup_pids", "cgroup_cpu"):
        assert rows[name]["ok"] and rows[name]["found"].startswith(f"{where} at /sys/fs/cgroup"), rows[name]
    assert rows["cgroup_v2"]["ok"] is (engine.MODE != "v1"), rows["cgroup_v2"]
    bare = "lsm=capability" in pathlib.Path("/proc/cmdline").read_text()
    assert rows["landlock"]["ok"] is not bare and not rows["landlock"]["required"], rows["landlock"]
    assert bare or rows["landlock"]["found"].startswith("ABI"), rows["landlock"]
