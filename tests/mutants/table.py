"""Deliberately weakened engines: what is changed, and which tests must turn red.

Each mutant is one exact replacement in one file of a copy of the tree.  `red` names the tests that are run, in order,
until one fails: unit:NAME is a unit test, anything else is words for pytest.
"""
from dataclasses import dataclass, field


@dataclass
class Mutant:
    name: str
    why: str
    file: str
    old: str
    new: str
    red: list = field(default_factory=list)


PRIVILEGES = "tests/processes/test_privileges.py"

MUTANTS = [
    Mutant("init-outlives-keeper", "init forgets to die with its keeper when it changes its user", "src/box/init.c",
           "return r == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ? -errno : r;", "return r;", ["unit:faults"]),
    Mutant("collector-readable", "what packs a compile stage's folder can be read by that stage", "src/box/program.c",
           "(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);", "", ["tests/abuse -k CC-17"]),
    Mutant("no-filter", "the keeper loads no filter", "src/box/slot.c",
           "r == 0 && i < SLOT_FILTERS", "r == 0 && i < 0", [PRIVILEGES]),
    Mutant("no-last-filter", "the program keeps clone3 and the mount calls", "src/box/program.c",
           "return filter_load(last_filter, last_filter_n);", "return last_filter_n == 0;", [PRIVILEGES]),
    Mutant("eperm-for-unknown", "unknown calls answer EPERM instead of ENOSYS", "src/box/filter.c",
           "SCMP_ACT_ERRNO(ENOSYS) : SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_ALLOW", ["unit:filter"]),
    Mutant("clone3-eperm", "clone3 answers EPERM: no thread starts", "src/box/last_filter.c",
           "IF(SYS_clone3, 5, 0),", "IF(SYS_clone3, 6, 0),", ["unit:filter"]),
    Mutant("other-entries", "the 32-bit entry is let through", "src/box/filter.c",
           "SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS", "SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ALLOW", ["unit:filter"]),
    Mutant("equal-64-bit", "arguments are compared with all 64 bits", "src/box/filter.c",
           "SCMP_CMP_MASKED_EQ, mask, value)", "SCMP_CMP_EQ, value)", ["unit:filter"]),
    Mutant("answer-before-kill", "the end is told while the program's children live", "src/box/init.c",
           "if (kill(-1, SIGKILL) == 0)", "if (kill(-1, 0) == 9)", ["unit:box"]),
    Mutant("kill-by-group", "only the program's process group is killed", "src/box/init.c",
           "if (kill(-1, SIGKILL) == 0)", "if (kill(-2, SIGKILL) == 9)", ["unit:box"]),
    Mutant("one-user-for-all", "all slots run as one user", "src/box/warden.c",
           "boot.slot_uid = warden->uid_base + WARDEN_UID_SLOT + slot;",
           "boot.slot_uid = warden->uid_base + WARDEN_UID_SLOT;", [PRIVILEGES]),
    Mutant("init-is-the-program's-user", "init keeps the program's user", "src/box/init.c",
           "privileges_take_id(plan->boot->init_uid)", "privileges_take_id(plan->boot->slot_uid)", [PRIVILEGES]),
    Mutant("init-dumpable", "init can be traced", "src/box/init.c",
           "prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || ", "prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0 || ", [PRIVILEGES]),
    Mutant("init-keeps-root", "init keeps every capability", "src/box/init.c",
           "privileges_keep(UINT64_C(1) << CAP_KILL)", "privileges_keep(~UINT64_C(0) >> 23)", [PRIVILEGES]),
    Mutant("program-keeps-capabilities", "the program keeps those of its user namespace", "src/box/program.c",
           "return privileges_drop_all();", "return 0;", [PRIVILEGES]),
    Mutant("nested-namespaces", "the box may make user namespaces as far as the kernel is asked", "src/box/program.c",
           'write_proc(plan, "sys/user/max_user_namespaces", "0")',
           'write_proc(plan, "sys/user/max_user_namespaces", "9")', [PRIVILEGES]),
    Mutant("no-volunteer", "keeper and program are equal to the out-of-memory killer", "src/box/program.c",
           'write_proc(plan, "self/oom_score_adj", "1000")', 'write_proc(plan, "self/oom_score_adj", "0")', [PRIVILEGES]),
    Mutant("leaked-descriptor", "the program inherits what the keeper has open", "src/box/program.c",
           "(void)close_range(4, ~0u, 0);", "", [PRIVILEGES]),
    Mutant("no-network-namespace", "slots live in the host's network", "src/box/slot.c",
           "CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS", "CLONE_NEWNS | CLONE_NEWUTS", [PRIVILEGES]),
    Mutant("network-remembers", "/proc/net tells of the jobs before", "src/box/network.c",
           "return r ? r : close_files(proc);", "return r < 0 ? r : 0;", ["tests/abuse -k XJ-30"]),
    Mutant("round-trips-kept", "what TCP measured is used for the next job", "src/box/network.c",
           '"sys/net/ipv4/tcp_no_metrics_save", "1"', '"sys/net/ipv4/tcp_no_metrics_save", "0"', ["tests/abuse -k XJ-30"]),
    Mutant("ports-kept", "closed connections hold their ports", "src/box/network.c",
           '"sys/net/ipv4/tcp_max_tw_buckets", "0"', '"sys/net/ipv4/tcp_max_tw_buckets", "4096"', ["tests/abuse -k XJ-29"]),
    Mutant("flow-labels", "IPv6 flow labels may be made", "src/box/last_filter.c",
           "IF(IPV6_FLOWLABEL_MGR, 0, 1),", "IF(IPV6_FLOWLABEL_MGR, 1, 1),", ["unit:filter"]),
    Mutant("core-limit-0", "RLIMIT_CORE 0 wakes piped core handlers", "src/box/slot.c",
           "&(struct rlimit){ 1, 1 }", "&(struct rlimit){ 0, 0 }", [PRIVILEGES]),
    Mutant("links-followed", "links in /box and /tmp are followed", "src/box/mounts.c",
           "| MOUNT_ATTR_NOSYMFOLLOW", "", ["unit:box"]),
    Mutant("root-writable", "the root is not read-only", "src/box/root.c",
           'mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY |', 'mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND |', ["unit:box"]),
    Mutant("proc-shows-all", "/proc shows other users' processes", "src/box/mounts.c",
           '{ "hidepid", "invisible" }', '{ "hidepid", "off" }', ["unit:box"]),
    Mutant("proc-whole", "/proc shows more than pids", "src/box/mounts.c",
           '"subset", "pid"', '"hidepid", "invisible"', ["unit:box"]),
    Mutant("memory-unlimited", "no memory limit is written", "src/box/account.c",
           "        if (limit == account->memory_limit)\n                return 0;\n        r = account->v2[CONTROLLER_MEMORY]",
           "        if (limit != 0)\n                return 0;\n        r = account->v2[CONTROLLER_MEMORY]", ["unit:box"]),
    Mutant("processes-unlimited", "no process limit is written", "src/box/account.c",
           "        if (limit == account->pids_limit)", "        if (limit != 0)", ["unit:box"]),
    Mutant("peak-carried-over", "the memory peak is not reset between boxes", "src/box/account.c",
           "(void)write_number(account->fd[ACCOUNT_MEMORY_PEAK], 0);", "", ["unit:box"]),
    Mutant("cpu-carried-over", "CPU time of the slot's earlier jobs counts", "src/box/account.c",
           "account->cpu_base_ns = cpu_total_ns(account);", "account->cpu_base_ns = 0;", ["unit:box"]),
    Mutant("no-cpu-limit", "CPU time is never looked at", "src/box/run.c",
           "if (used >= run->cpu_ns) {", "if (used >= UINT64_MAX) {", ["unit:box"]),
    Mutant("no-wall-limit", "the wall clock is never looked at", "src/box/run.c",
           "if (wall >= run->wall_ns) {", "if (wall >= UINT64_MAX) {", ["unit:box"]),
    Mutant("numbers-believed", "the keeper believes the runner's numbers", "src/box/orders.c",
           "!numbers_ok(spec)", "(numbers_ok(spec), false)",
           ["unit:box"]),
    Mutant("ready-too-early", "a box is ready before init has given up its privileges", "src/box/prepare.c",
           "while (fds[0].fd >= 0 || fds[1].fd >= 0) {", "while (fds[0].fd >= 0) {", ["unit:faults"]),
    Mutant("killed-before-exec-is-the-program", "an engine fault is dressed as a verdict", "src/box/run.c",
           "if (run->report.end == END_EXITED && !run->started", "if (run->report.end == END_COUNT && !run->started",
           ["unit:faults"]),
    Mutant("front-keeps-root", "front and runner keep root's user", "src/main/role.c",
           "setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0", "uid == 0", [PRIVILEGES]),
    Mutant("front-no-filter", "front and runner have no filter", "src/main/role.c",
           "                r = seccomp_load(ctx);", "                r = 0;", [PRIVILEGES]),
    Mutant("roles-inherit", "front and runner inherit the warden's descriptors", "src/main/role.c",
           "        close_others(keep, n_keep);\n", "", [PRIVILEGES]),
]
