"""The host as it must be after every attack: snapshots, and what differs between two of them.

P processes  M mounts  C cgroups  F files and space  K kernel objects  N namespaces and devices  E the engine's own
processes  H hashes, sysctls, names, the clock  L the log.  S and X, which are watched while an attack runs, are in
world.py.
"""
import hashlib
import mmap
import os
import pathlib
import re
import socket
import time

NAMESPACES = ("mnt", "pid", "ipc", "uts", "net", "user", "cgroup")
FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")
TOOLS = ("/usr/bin/env", "/usr/bin/gcc", "/usr/bin/python3", "/bin/sh", "/lib/x86_64-linux-gnu/libc.so.6",
         "/etc/passwd", "/etc/hosts")
SYSCTLS = ("kernel/core_pattern", "kernel/hostname", "kernel/domainname", "kernel/sysrq", "kernel/modprobe",
           "kernel/pid_max", "kernel/threads-max", "kernel/panic", "vm/overcommit_memory", "vm/swappiness",
           "fs/file-max", "fs/suid_dumpable", "user/max_user_namespaces", "user/max_mnt_namespaces",
           "net/core/somaxconn", "net/ipv4/ip_forward")
SPACE_BYTES = 64 * 1024
SPACE_INODES = 8
FDS_MORE = 2
FDS_OF_WARM = 8  # of a keeper, for what it keeps warm
WARM_FD = 640  # WARM_FD_CHANNEL of src/box/warm.h
CLOCK_SECONDS = 0.5
LOG_BYTES_PER_JOB = 16 * 1024
RAW = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")


def read(path):
    try:
        return pathlib.Path(path).read_text(errors="replace")
    except OSError:
        return ""


def stat_of(pid):
    """(comm, state, parent) or None."""
    text = read(f"/proc/{pid}/stat")
    if not text:
        return None
    comm, rest = text[text.index("(") + 1:text.rindex(")")], text[text.rindex(")") + 1:].split()
    return comm, rest[0], int(rest[1])


def all_processes():
    return {int(name): stat for name in os.listdir("/proc") if name.isdigit() and (stat := stat_of(name))}


def uid_of(pid):
    match = re.search(r"^Uid:\s+(\d+)", read(f"/proc/{pid}/status"), re.M)
    return int(match[1]) if match else -1


def devices():
    return [line.split(":")[0].strip() for line in read("/proc/net/dev").splitlines()[2:]]


def private_network():
    """A network namespace that was made for this run has nothing but loopback."""
    return devices() == ["lo"]


def mounts(pid):
    return {re.sub(r"^\d+ \d+ ", "", line) for line in read(f"/proc/{pid}/mountinfo").splitlines()}


def digest(path, direct=False):
    """Through the page cache, or past it."""
    try:
        fd = os.open(path, os.O_RDONLY | (os.O_DIRECT if direct else 0))
    except OSError as error:
        return str(error)
    done = hashlib.sha256()
    buffer = mmap.mmap(-1, 1 << 20)
    with os.fdopen(fd, "rb", buffering=0) as file:
        while n := file.readinto(buffer):
            done.update(memoryview(buffer)[:n])
    return done.hexdigest()


class Host:
    """Snapshots of what belongs to one engine, which alone uses the 4096 users from @uid_base on."""

    def __init__(self, engine, uid_base, folder):
        self.engine, self.uid_base, self.folder = engine, uid_base, pathlib.Path(folder)
        self.uids = range(uid_base, uid_base + 4096)
        self.tools = [*TOOLS, *(str(path) for path in (engine.binary, engine.binary.parent / "coderunr-keeper"))]
        self.log_seen = 0
        self.first = None
        self.fresh = set()

    def settle(self, slots):
        """Wait until every slot has its keeper and its box, then remember the engine's processes."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            processes = all_processes()
            children = {pid: [kid for kid, stat in processes.items() if stat[2] == pid] for pid in processes}
            own = children.get(self.engine.process.pid, [])
            keepers = [pid for pid in own if processes[pid][0].startswith("coderunr-keep")]
            if len(keepers) == slots and all(children[k] and children[children[k][0]] for k in keepers):
                break
            time.sleep(0.05)
        else:
            raise AssertionError(f"not every slot has its box: {len(keepers)} of {slots}")
        self.warden, self.keepers = self.engine.process.pid, set(keepers)
        self.own = {self.warden, *own}
        self.first = self.snapshot()

    # ---- the parts -----------------------------------------------------------------------------------------------

    def is_waiting(self, pid):
        """A program that has not begun: still the keeper's own image, or an interpreter at its door (src/box/warm.h)."""
        return read(f"/proc/{pid}/cmdline") in self.fresh or os.path.exists(f"/proc/{pid}/fd/{WARM_FD}")

    def waiting(self, processes):
        """One box for each keeper, and what keeps interpreters warm beside it."""
        children = {}
        for pid, (_, _, parent) in processes.items():
            children.setdefault(parent, []).append(pid)
        self.fresh = {read(f"/proc/{pid}/cmdline") for pid in self.keepers}
        known = set()
        for keeper in self.keepers:
            of_keeper = children.get(keeper, [])
            inits = [pid for pid in of_keeper if processes[pid][0] == "box-init"][:1]
            warm = {pid for pid in of_keeper if os.path.exists(f"/proc/{pid}/fd/{WARM_FD}")}
            inside = [pid for init in (*inits, *warm) for pid in children.get(init, []) if self.is_waiting(pid)]
            # a compiler that waits has beside it, as its parent, who packs what it leaves
            packed = [pid for pid in children.get(inside[0], []) if self.is_waiting(pid)] if inside else []
            known |= {*inits, *warm, *inside[:1], *packed[:1]}
        return known

    def processes(self, processes):
        """Everything with a uid of ours but the engine itself and what waits for orders."""
        known = self.own | self.waiting(processes)
        found = set()
        for pid, (comm, state, parent) in processes.items():
            if pid not in known and (parent in self.own or uid_of(pid) in self.uids):
                found.add(f"P process {pid} ({comm}) {state}, child of {parent}")
        return found

    def files(self):
        """Folders that everybody writes to are ours only where they are mounted for this run."""
        found = set()
        for top in [*filter(os.path.ismount, FOLDERS), self.folder]:
            for path, folders, files in os.walk(top):
                found |= {f"F {path}/{name}" for name in folders + files}
        return found

    def objects(self, waiting):
        found = set()
        for table in ("shm", "sem", "msg"):
            found |= {f"K sysv {table} {line.split()[1]}" for line in read(f"/proc/sysvipc/{table}").splitlines()[1:]}
        if private_network():
            found |= {f"K {line.split()[-1]}" for line in read("/proc/net/unix").splitlines() if "@" in line}
        for line in read("/proc/keys").splitlines():
            if int(line.split()[5]) in self.uids:
                found.add(f"K key {line}")
        for line in read("/proc/locks").splitlines():
            pid = int(line.split("->")[-1].split()[-4])
            if pid not in self.own | waiting and uid_of(pid) in self.uids:
                found.add(f"K lock {line.partition(':')[2]}")
        return found

    def namespaces(self, processes):
        found = {name: set() for name in NAMESPACES}
        for pid in processes:
            if pid not in self.own and uid_of(pid) not in self.uids:
                continue
            for name in NAMESPACES:
                try:
                    found[name].add(os.readlink(f"/proc/{pid}/ns/{name}"))
                except OSError:
                    pass
        return {f"N {len(inodes)} namespaces of kind {name}" for name, inodes in found.items()}

    def own_processes(self, processes):
        return {f"E {pid} {processes[pid][0]}" for pid in self.own if pid in processes and processes[pid][1] != "Z"}

    def hashes(self):
        found = {f"H {path} {digest(path)}" for path in self.tools}
        found |= {f"H {name} = {read('/proc/sys/' + name).strip()}" for name in SYSCTLS}
        return found | {f"H host name {socket.gethostname()}"}

    def cgroups(self):
        own = f"/coderunr-{self.uid_base}"
        return {f"C {path}" for path, _, _ in os.walk("/sys/fs/cgroup") if own in path}

    def snapshot(self):
        processes = all_processes()
        found = self.processes(processes) | self.files() | self.objects(self.waiting(processes)) | self.namespaces(processes)
        found |= self.own_processes(processes) | self.hashes() | self.cgroups()
        found |= {f"M {who} {line}" for who, pid in (("harness", os.getpid()), ("warden", self.warden))
                  for line in mounts(pid)}
        found |= {f"N device {name}" for name in devices()}
        return {"lines": found, "fds": self.descriptors(), "space": self.space(),
                "clock": time.time() - time.monotonic()}

    def descriptors(self):
        counts = {}
        for pid in self.own:
            try:
                counts[pid] = len(os.listdir(f"/proc/{pid}/fd"))
            except OSError:
                counts[pid] = -1
        return counts

    def space(self):
        found = {}
        for folder in filter(os.path.ismount, FOLDERS):
            st = os.statvfs(folder)
            found[folder] = st.f_bfree * st.f_bsize, st.f_ffree
        return found

    # ---- the comparison ------------------------------------------------------------------------------------------

    def differences(self):
        """What is not as it was in the first snapshot."""
        now, first = self.snapshot(), self.first
        found = [f"left: {line}" for line in sorted(now["lines"] - first["lines"])]
        found += [f"gone: {line}" for line in sorted(first["lines"] - now["lines"])]
        for pid, n in now["fds"].items():
            if n > first["fds"].get(pid, 0) + FDS_MORE + (FDS_OF_WARM if pid in self.keepers else 0):
                found.append(f"E {pid} holds {n} descriptors, {first['fds'].get(pid)} before")
        for folder, (free, inodes) in now["space"].items():
            was = first["space"].get(folder, (0, 0))
            if was[0] - free > SPACE_BYTES or was[1] - inodes > SPACE_INODES:
                found.append(f"F {folder} has {was[0] - free} bytes and {was[1] - inodes} inodes less")
        if abs(now["clock"] - first["clock"]) > CLOCK_SECONDS:
            found.append("H the clock was turned")
        return found

    def problems(self, seconds):
        """Differences that are still there after @seconds."""
        deadline = time.monotonic() + seconds
        while (found := self.differences()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return found

    def log_problems(self, jobs):
        """L: what the log got since the last call."""
        text = self.engine.log_path.read_bytes()
        new, self.log_seen = text[self.log_seen:], len(text)
        found = []
        if len(new) > LOG_BYTES_PER_JOB * max(jobs, 1):
            found.append(f"L the log grew by {len(new)} bytes")
        if RAW.search(new):
            found.append(f"L a raw control byte in the log: {RAW.search(new)[0]!r}")
        return found

    def toolchain_problems(self):
        """XJ-24: what the page cache shows is what lies on the disk."""
        found = []
        for path in self.tools:
            cached, direct = digest(path), digest(path, direct=True)
            if re.fullmatch("[0-9a-f]{64}", direct) and cached != direct:
                found.append(f"H {path}: the page cache differs from the disk")
        return found
