"""What every process of a running engine holds, read from /proc while a job runs, against the promised table."""
import http.client
import json
import os
import pathlib
import signal
import subprocess
import time

import pytest

SLEEPER = "import time; print('up', flush=True); time.sleep(100)"

# capability numbers: KILL 5, SETGID 6, SETUID 7, SETPCAP 8, SYS_CHROOT 18, SYS_ADMIN 21
KEEPER = 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 18 | 1 << 21
INIT = 1 << 5
NAMESPACES = ("mnt", "pid", "ipc", "uts", "net", "user", "cgroup")


def status(pid):
    fields = {}
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        fields[name] = value.strip()
    return fields


def namespaces(pid):
    return {name: os.readlink(f"/proc/{pid}/ns/{name}") for name in NAMESPACES}


def descriptors(pid):
    return {int(path.name): os.readlink(path) for path in pathlib.Path(f"/proc/{pid}/fd").iterdir()}


def children(pid):
    return [int(word) for word in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Tree:
    """The processes by role, found by their place in the tree: no role is asked what it is."""

    def __init__(self, engine):
        self.warden = engine.process.pid
        named = {pid: pathlib.Path(f"/proc/{pid}/comm").read_text().strip() for pid in children(self.warden)}
        self.front = next(pid for pid, name in named.items() if name == "front")
        self.runner = next(pid for pid, name in named.items() if name == "runner")
        self.roles = [pid for pid, name in named.items() if not name.startswith("coderunr-keep")]
        self.keepers = [pid for pid, name in named.items() if name.startswith("coderunr-keep")]
        self.zygotes = {}
        self.inits = {}
        for keeper in self.keepers:
            for child in children(keeper):
                own = os.readlink(f"/proc/{child}/ns/pid") == os.readlink(f"/proc/{keeper}/ns/pid")
                (self.zygotes if own else self.inits)[keeper] = child
        self.programs = {init: children(init)[0] for init in self.inits.values() if children(init)}

    def running(self):
        """init and program of the sleeping job."""
        for init, program in self.programs.items():
            waits = any(number > 100 for number in descriptors(program))  # for its order, already a Python
            if b"python3" in pathlib.Path(f"/proc/{program}/cmdline").read_bytes() and not waits:
                return init, program
        return None, None


@pytest.fixture(scope="module", params=["cold", "warm"])
def tree(start_engine, request):
    """All processes while a job sleeps in one box and every other slot has its next box prepared."""
    engine = start_engine(run_timeout=120000)
    files = [{"name": "main.py", "content": SLEEPER}]
    body = json.dumps({"language": "python", "version": "*", "files": files, "warm": request.param == "warm"})
    if request.param == "warm":
        for _ in range(50):
            asked = json.dumps({"language": "python", "version": "*", "timing": True,
                                "files": [{"name": "main.py", "content": "print(1)"}]})
            answer = engine.request("POST", "/api/v2/execute", asked, {"Content-Type": "application/json"})
            if answer.json()["timing"]["run"]["warm"]:
                break
        else:
            pytest.fail("no interpreter is ever warm")
    job = http.client.HTTPConnection(engine.host, engine.port, timeout=120)
    job.request("POST", "/api/v2/execute", body, {"Content-Type": "application/json"})
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = Tree(engine)
        if found.running()[1] and len(found.programs) == len(found.keepers) > 1:
            break
        time.sleep(0.05)
    else:
        pytest.fail("the sleeping job never showed up, or not every slot has its box")
    yield found
    job.close()  # which cancels it


def capabilities(pid):
    fields = status(pid)
    return {name: int(fields[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}


def test_roles_hold_nothing(tree):
    """Front, runner, ledger and whatever else serves beside them."""
    uids = set()
    assert len(tree.roles) >= 3
    for pid in tree.roles:
        fields = status(pid)
        assert set(capabilities(pid).values()) == {0}
        assert fields["NoNewPrivs"] == "1"
        assert fields["Seccomp"] == "2"
        # the warden's refusals, which all inherit, and a list of its own
        assert int(fields["Seccomp_filters"]) == int(status(tree.warden)["Seccomp_filters"]) + 1
        assert fields["Groups"] == ""
        ids = fields["Uid"].split()
        assert len(set(ids)) == 1 and int(ids[0]) >= 65536
        assert fields["Gid"].split() == ids
        uids.add(ids[0])
    assert len(uids) == len(tree.roles), "two roles share a user"


def filters(tree, pid):
    """Those of ours: whoever started the engine may have had some."""
    return int(status(pid)["Seccomp_filters"]) - int(status(tree.warden)["Seccomp_filters"])


def test_keepers_and_zygotes_hold_six_capabilities(tree, request):
    """Ambient, because a zygote is an interpreter that the keeper executes."""
    assert tree.keepers
    assert bool(tree.zygotes) == ("warm" in request.node.callspec.id)
    for pid in [*tree.keepers, *tree.zygotes.values()]:
        held = capabilities(pid)
        assert set(held.values()) == {KEEPER}
        fields = status(pid)
        assert fields["NoNewPrivs"] == "1"
        assert fields["Seccomp"] == "2" and filters(tree, pid) == 3
        assert fields["Groups"] == ""


def test_the_warden_keeps_what_keepers_need_and_no_more(tree):
    held = capabilities(tree.warden)
    allowed = sum(1 << bit for bit in (0, 1, 3, 5, 6, 7, 8, 12, 18, 21, 23, 24, 27))  # src/main/bounds.def
    assert held["CapBnd"] & ~allowed == 0 and held["CapPrm"] & ~allowed == 0
    assert held["CapEff"] == held["CapPrm"] and held["CapInh"] == held["CapAmb"] == 0
    fields = status(tree.warden)
    assert fields["NoNewPrivs"] == "1" and fields["Seccomp"] == "2"


def test_keepers_have_no_network_and_no_host_files(tree):
    host = namespaces(tree.warden)
    seen = set()
    for keeper, zygote in tree.zygotes.items():
        assert namespaces(zygote) == namespaces(keeper)
    for pid in tree.keepers:
        own = namespaces(pid)
        for name in ("mnt", "net", "uts", "ipc"):
            assert own[name] != host[name], name
            assert (name, own[name]) not in seen, f"two slots share their {name} namespace"
            seen.add((name, own[name]))
        devices = pathlib.Path(f"/proc/{pid}/net/dev").read_text().splitlines()[2:]
        assert [line.split(":")[0].strip() for line in devices] == ["lo"]
        mounts = [line.split()[4] for line in pathlib.Path(f"/proc/{pid}/mountinfo").read_text().splitlines()]
        assert mounts[0] == "/" and "/usr" in mounts
        assert not [mount for mount in mounts if mount.startswith(("/root", "/home", "/sys/fs", "/proc"))]


def test_init_holds_the_right_to_kill_in_its_box_only(tree):
    for init in tree.inits.values():
        held = capabilities(init)
        assert held["CapInh"] == held["CapAmb"] == 0
        assert held["CapEff"] == held["CapPrm"] == held["CapBnd"] == INIT
        assert status(init)["NoNewPrivs"] == "1"


def test_the_program_holds_nothing(tree):
    init, program = tree.running()
    fields = status(program)
    assert set(capabilities(program).values()) == {0}
    assert fields["NoNewPrivs"] == "1"
    assert fields["Seccomp"] == "2" and filters(tree, program) == 4
    assert fields["Groups"] == ""
    assert fields["SigBlk"] == "0" * 16
    uid = fields["Uid"].split()[0]
    assert int(uid) >= 65536 and set(fields["Uid"].split()) == {uid} == set(fields["Gid"].split())
    assert status(init)["Uid"].split()[0] != uid, "program and init share a user"
    assert pathlib.Path(f"/proc/{program}/uid_map").read_text().split() == ["1000", uid, "1"]
    assert pathlib.Path(f"/proc/{program}/setgroups").read_text().strip() == "deny"
    assert fields["NSpid"].split()[1] in ("2", "3")  # a zygote's helper was there before its child
    assert pathlib.Path(f"/proc/{program}/stat").read_text().rsplit(")", 1)[1].split()[1] == str(init)


def test_every_namespace_of_the_program_is_its_own(tree):
    init, program = tree.running()
    own, host = namespaces(program), namespaces(tree.warden)
    keeper = namespaces(next(k for k, i in tree.inits.items() if i == init))
    for name in NAMESPACES:
        assert own[name] != host[name], name
    for name in ("mnt", "pid", "ipc", "uts", "user", "cgroup"):
        assert own[name] != keeper[name], f"{name} is not fresh"
    assert own["net"] == keeper["net"]
    others = [namespaces(pid) for pid in tree.programs.values() if pid != program]
    for other in others:
        assert not set(own.values()) & set(other.values())


def test_slots_have_users_of_their_own(tree):
    users = [status(pid)["Uid"].split()[0] for pid in tree.programs.values()]
    assert len(users) == len(set(users)) > 1


def test_descriptors(tree):
    init, program = tree.running()
    held = descriptors(program)
    assert set(held) == {0, 1, 2}
    assert all(target.startswith("pipe:") for target in held.values()), held
    assert set(descriptors(init)) == {3} and descriptors(init)[3].startswith("socket:")
    for pid in (tree.front, tree.runner):
        for target in descriptors(pid).values():
            assert target.startswith(("socket:", "pipe:", "anon_inode:", "/memfd:", "/dev/null")) or \
                target.endswith(("/log", "/cache")), f"{target} is open in {pid}"


def test_limits_of_the_program(tree):
    _, program = tree.running()
    limits = {}
    for line in pathlib.Path(f"/proc/{program}/limits").read_text().splitlines()[1:]:
        limits[line[:26].strip()] = line[26:].split()[:2]
    assert limits["Max open files"] == ["2048", "2048"]
    assert limits["Max file size"] == ["10000000", "10000000"]
    assert limits["Max core file size"] == ["1", "1"]
    assert limits["Max pending signals"] == ["1024", "1024"]


def test_the_programs_group_is_the_slots(tree):
    init, program = tree.running()
    for line in pathlib.Path(f"/proc/{program}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if {"memory", "pids"} & set(controllers.split(",")):
            assert "/coderunr-" in path and "/slot" in path, line


def test_the_program_goes_first_when_memory_is_short(tree):
    init, program = tree.running()
    keeper = next(k for k, i in tree.inits.items() if i == init)
    assert int(pathlib.Path(f"/proc/{program}/oom_score_adj").read_text()) == 1000
    for pid in (init, keeper):
        assert int(pathlib.Path(f"/proc/{pid}/oom_score_adj").read_text()) < 1000


def test_no_user_namespace_can_be_made_inside(tree):
    """The second lock beside the filter: the kernel's own count for the box's user namespace."""
    _, program = tree.running()
    done = subprocess.run(["nsenter", f"--user=/proc/{program}/ns/user", "--preserve-credentials",
                           "cat", "/proc/sys/user/max_user_namespaces"], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.strip() == "0"


def test_nobody_traces_init_or_keeper(tree):
    init, program = tree.running()
    keeper = next(k for k, i in tree.inits.items() if i == init)
    # not dumpable: the files of /proc/PID belong to root, whatever user the process has
    for pid in (init, keeper, *tree.roles, *tree.zygotes.values()):
        assert os.stat(f"/proc/{pid}/mem").st_uid == 0


def test_signals_ignored_where_the_engine_was_started(own_engine):
    """As `coderunr serve &` in a script has them: no program inherits that."""
    ignored = (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in ignored}
    try:
        engine = own_engine()
    finally:
        for number, action in before.items():
            signal.signal(number, action)
    shown = engine.run("bash", "grep SigIgn /proc/self/status")["stdout"] if engine.has("bash") else None
    assert shown in (None, "SigIgn:\t0000000000000000\n")
