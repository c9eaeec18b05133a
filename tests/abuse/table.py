"""The abuse catalogue as data: what a hostile program does, and what has to come of it.

One row is one attack.  `probe` is a file of probes/; it is built statically and sent through the HTTP door for the
runtime `file`.  `expect` names every answer that is right: see engine_words.verdict().  `control` says how the
probe is shown to be a real attack, by running it outside a box as an ordinary user (uid 65534):

    plain     just so; it must say ESCAPED
    userns    in user, mount, uts, ipc, network and cgroup namespaces of its own, which an ordinary user may make
    root      with all privileges, where only they show that the attempt is a real one; such a probe changes nothing
    survivor  just so; a process of it must be left when it has ended
    bomb      not at all: it would hurt the machine
    answer    not at all: the row asks for one exact answer of the engine, and any other turns it red

A row whose control does not escape is vacuous: it proves nothing on this machine, and is counted as such.
`scenario` rows are functions of scenarios.py, for attacks of more than one request.
Rows with `safe` false are left out of `coderunr doctor --attacks`.
"""
import dataclasses

MIB = 1 << 20
SMALL = {"run_memory_limit": 64 * MIB}
SHORT = {"run_cpu_time": 1000}
BRIEF = {"run_timeout": 1000}


@dataclasses.dataclass
class Row:
    id: str
    name: str
    probe: str = ""
    expect: str = "OK"
    args: tuple = ()
    control: str = "plain"
    limits: dict = dataclasses.field(default_factory=dict)
    says: str = ""              # pattern that stdout must hold
    bounds: dict = dataclasses.field(default_factory=dict)  # figure of the answer: (least, most)
    stdin: str = ""
    stdin_kind: str = ""        # of the control: "file", "pty"
    scenario: str = ""
    slow: bool = False
    safe: bool = True
    tree: bool = False          # a process tree whose end is repeated a thousand times
    slow_end: bool = False      # what is left may take three seconds to go


ROWS = []


def row(*words, **named):
    ROWS.append(Row(*words, **named))


# ---- processes, time, signals ----------------------------------------------------------------------------------------

row("PT-01", "busy loop", "spin", "TLE-cpu", control="answer", limits=SHORT, bounds={"cpu_time": (1000, 1100)})
row("PT-02", "sleeper", "sleeper", "TLE-wall", control="answer", limits=BRIEF,
    bounds={"wall_time": (1000, 1250), "cpu_time": (0, 50)})
row("PT-03", "fork bomb", "forkbomb", "TLE-cpu|TLE-wall|MLE", control="bomb", limits=SHORT, tree=True, slow_end=True)
row("PT-04", "stubborn fork bomb", "forkbomb", "TLE-cpu|TLE-wall|OK|PROC|MLE", ("stubborn",), control="bomb", limits=SHORT,
    tree=True, slow_end=True)
row("PT-05", "fork bomb whose first process leaves", "forkbomb", "OK|PROC|TLE-cpu|MLE", ("leave",), control="bomb", limits=SHORT,
    tree=True, slow_end=True)
row("PT-06", "thread flood", "threads_until", "OK", ("128",), says="DENIED threads")
row("PT-07", "daemon", "daemon", "OK", control="survivor", says="main ends", bounds={"wall_time": (0, 250)}, tree=True)
row("PT-08", "pipe holder", "daemon", "OK", ("hold",), control="survivor", says="main ends",
    bounds={"wall_time": (0, 250)}, tree=True)
row("PT-10", "stops itself", "sleeper", "TLE-wall", ("stop",), control="answer", limits=BRIEF,
    bounds={"wall_time": (1000, 1250)})
row("PT-12", "signal ignorer", "spin", "TLE-cpu", ("deaf",), control="answer", limits=SHORT,
    bounds={"cpu_time": (1000, 1100)})
row("PT-13", "limit raiser", "limits_up")
row("PT-14", "kill everyone", "kill_all", "OK|SIG(9)", control="bomb", says="alone")
row("PT-15", "kill the parent and pid 1", "kill_parent")
row("PT-16", "attach to init", "attach_parent")
row("PT-18", "chain of execs", "exec_chain", "TLE-cpu", control="answer", limits=SHORT)
row("PT-19", "time spread over children", "split_time", "TLE-cpu", control="answer", limits=SHORT,
    bounds={"cpu_time": (1000, 1200)})
row("PT-21", "two cores at once", "split_time", "TLE-cpu", ("two",), control="answer", limits=SHORT,
    bounds={"cpu_time": (1000, 1200)})
row("PT-22", "priority grab", "priority", control="root")
for _code in (0, 1, 2, 42, 126, 127, 128, 137, 139, 255):
    row(f"PT-25/{_code}", f"exit status {_code}", "exit_with", f"NZ({_code})" if _code else "OK", (str(_code),),
        control="answer")
for _number in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 26, 27, 29, 30, 31):
    row(f"PT-26/{_number}", f"dies of signal {_number}", "exit_with", f"SIG({_number})", (f"s{_number}",),
        control="answer")
row("PT-26/24", "dies of SIGXCPU", "exit_with", "TLE-cpu|SIG(24)", ("s24",), control="answer")
row("PT-26/25", "dies of SIGXFSZ", "exit_with", "FSZ", ("s25",), control="answer")
row("PT-27", "zombie farm", "zombies", "OK", control="answer", says="left", tree=True)
row("PT-28", "main thread leaves", "main_leaves", "TLE-cpu", control="answer", limits=SHORT)
row("PT-29", "exec from a side thread", "main_leaves", "OK", ("exec",), control="answer", says="executed")
row("PT-30", "timer and signal storm", "timers", "OK|SIG(10)")
row("PT-31", "pid storm", "pid_storm", "OK|TLE-cpu|TLE-wall", control="bomb", slow=True)
row("PT-32", "vfork holder", "vfork_holder", "TLE-wall", control="answer", limits=BRIEF)
row("PT-34", "clock setter", "clocks", control="root")
row("PT-35", "takes off its leash", "unleash", "TLE-cpu", control="answer", limits=SHORT)
row("PT-36", "daemon that is stopped", "daemon", "OK", ("stop",), control="survivor", says="main ends",
    bounds={"wall_time": (0, 250)}, tree=True)
row("PT-37", "futex storm", "futex_storm", "TLE-cpu", control="bomb", limits=SHORT, bounds={"cpu_time": (1000, 1200)})
row("PT-38", "signals by every way but kill", "signal_detours", "OK", control="answer", says="alive")
row("PT-39", "busy on the keeper's core", "pinned", "TLE-cpu", control="bomb", limits=SHORT,
    bounds={"cpu_time": (1000, 1200)})

# ---- memory ----------------------------------------------------------------------------------------------------------

row("ME-01", "heap bomb", "touch", "MLE", ("1024",), control="bomb", limits=SMALL)
row("ME-02", "reserves only", "touch", "OK", ("102400", "reserve"), control="answer", limits=SMALL, says="fits")
row("ME-03", "stack overflow", "recurse", "SIG(11)|MLE", control="answer")
row("ME-04", "many small", "touch", "MLE", ("8", "tree"), control="bomb", limits=SMALL)
row("ME-05", "fills /tmp", "fill_files", "MLE|DISK", ("/tmp", "many"), control="bomb", limits=SMALL)
row("ME-06", "fills shared memory", "memfd_fill", "MLE|NZ(1)|DISK|SIG(7)|FSZ", ("shm",), control="bomb", limits=SMALL)
row("ME-07", "fills memory files", "memfd_fill", "MLE", ("memfd",), control="bomb", limits=SMALL)
row("ME-08", "fills the work folder within its disk", "fill_files", "MLE", (".", "many"), control="bomb",
    limits={"run_memory_limit": 32 * MIB})
row("ME-09", "honest use of the page cache", "cache", "OK", control="answer", limits=SMALL, says="read")
row("ME-10", "reads a large file of the toolchain", "cache", "OK", ("/usr/lib/gcc/*/*/cc1",), control="answer",
    limits={"run_memory_limit": 16 * MIB}, says="read many MiB")
row("ME-11", "pipe filler", "pipes", "OK|MLE", control="bomb", limits=SMALL)
row("ME-12", "socket filler", "sockets", "OK|MLE", control="bomb", limits=SMALL)
row("ME-13", "System V segments", "memfd_fill", "MLE", ("sysv",), control="bomb", limits=SMALL)
row("ME-14", "message queues", "queues", control="bomb")
row("ME-15", "locks memory", "lock_memory")
row("ME-16", "huge pages", "lock_memory", args=("huge",))
row("ME-17", "page tables", "page_tables", "MLE", control="bomb", limits=SMALL)
row("ME-18", "missing names", "missing_names", "TLE-cpu|MLE|OK", control="bomb", limits=SHORT)
row("ME-20", "descriptors of every kind", "descriptors")
row("ME-21", "last to be killed", "oom_score", control="root")
row("ME-22", "short spike", "touch", "OK", ("50",), control="answer", limits=SMALL, says="fits",
    bounds={"memory": (50 * MIB, 64 * MIB)})
row("ME-23/under", "just under the limit", "touch", "OK", ("60",), control="answer", limits=SMALL, says="fits")
row("ME-23/over", "just over the limit", "touch", "MLE", ("66",), control="bomb", limits=SMALL)
row("ME-25", "twice the limit, slowly", "touch", "MLE", ("128", "slow"), control="bomb", limits=SMALL)
row("ME-27", "merges pages with others", "merge", control="root")
row("ME-28", "file locks without end", "file_locks", "MLE|TLE-cpu|TLE-wall|NZ(1)", control="bomb",
    limits={**SMALL, **SHORT})
row("ME-29/tcp", "memory in TCP sockets", "socket_memory", "OK|MLE|NZ(1)", ("tcp",), limits=SMALL)
row("ME-29/udp", "memory in UDP sockets", "socket_memory", "OK|MLE|NZ(1)", ("udp",), limits=SMALL)
row("ME-29/local", "memory in local sockets", "socket_memory", "MLE", ("local",), limits=SMALL)
row("ME-30/messages", "memory in System V messages", "queue_memory", "MLE", control="userns", limits=SMALL)
row("ME-30/filters", "memory in socket filters", "queue_memory", "MLE|TLE-cpu|TLE-wall", ("filters",), limits=SMALL)
row("ME-31", "attributes of files", "attributes_fill", "OK|MLE|DISK|INODES", control="bomb", limits=SMALL)

# ---- files -----------------------------------------------------------------------------------------------------------

row("FS-01", "one big file", "fill_files", "FSZ", (".", "big"), control="bomb")
row("FS-02", "fills the disk", "fill_files", "DISK", (".", "many"), control="bomb", says="ENOSPC")
row("FS-03", "fills the inodes", "fill_files", "INODES", (".", "empty"), control="bomb", says="ENOSPC", slow_end=True)
row("FS-04", "deleted but open", "fill_files", "DISK|NZ(1)", (".", "gone"), control="bomb", says="ENOSPC")
row("FS-05", "sparse giant", "fill_files", "FSZ|NZ(1)", (".", "sparse"), control="bomb")
row("FS-07", "deep tree", "deep_tree", "OK", control="answer", says="5000 deep", slow_end=True)
row("FS-09", "odd names, undeletable folders, strange times", "odd_names", "OK", control="answer", says="made")
row("FS-16", "hard link to files of others", "hard_link", args=("{own}", "{canary}", "/usr/bin/env"))
row("FS-19", "device nodes", "device_node", control="root")
row("FS-20", "device inventory", "device_list")
row("FS-21", "set-user-id programs", "setuid")
row("FS-22", "capabilities and owners of files", "file_capability", control="root")
row("FS-24", "secret readers", "read_secrets", args=("{canary}", "{log}"))
row("FS-25", "writes to the system", "write_system", control="root")
row("FS-26", "mounts", "remount", control="userns")
row("FS-27", "unmounts", "uncover", control="userns")
row("FS-28", "chroot ladder", "chroot", control="userns")
row("FS-29", "inherited descriptors", "inherited")
row("FS-30", "opens its streams again", "reopen", stdin_kind="file")
row("FS-31", "own and parent's program file", "own_binary")
row("FS-32", "dumps core", "exit_with", "SIG(11)", ("s11",), control="answer")
row("FS-35", "removes its own folder", "self_destruct", "OK", control="answer", says="gone")
row("FS-40", "leftovers for the next job", scenario="leftovers")
row("FS-42", "words of the host in its own /proc", "names_of_host",
    args=("coderunr", "slot", "/dev/", "/home", "/var/lib/", "{folder}"))
row("FS-43", "global flush", "flush")
row("FS-44", "follows its own link", "follow_link", args=("{canary}", "/etc/passwd", "/usr/bin/env"))
row("FS-45", "flags of files, space in advance", "file_flags", "OK|SIG(25)|FSZ", control="root")

# ---- identity, namespaces, cgroups, /proc, /sys ----------------------------------------------------------------------

row("NS-01", "status", "status")
row("NS-02", "becomes root", "become_root", control="userns")
row("NS-04", "renames the host", "host_name", control="userns")
row("NS-05", "writes sysctls", "open_tree", args=("/proc/sys", "w"), control="root")
row("NS-06", "kernel interfaces in /proc and /sys", "host_files")
row("NS-07", "writes to /sys", "open_tree", args=("/sys", "w"), control="root")
row("NS-08", "climbs in cgroups", "cgroup")
row("NS-11", "sees and reaches processes", "processes", args=("{sentinel}",))
row("NS-13", "nested user namespaces", "namespaces", args=("user",))
row("NS-14", "every namespace", "namespaces", control="userns")
row("NS-15", "mount of the host while it runs", scenario="propagation", safe=False)
row("NS-17", "types at the terminal", "terminal", stdin_kind="pty")
row("NS-19", "strings that identify the host", "identity")
row("NS-20", "environment", "environment")
row("NS-22", "regains rights", "regain", control="userns")
row("NS-24", "personalities", "personality")
row("NS-27", "writes to its own /proc", "own_proc")

# ---- network ---------------------------------------------------------------------------------------------------------

row("NW-01", "local services", "connect", args=("tcp", "{port}"))
row("NW-02", "internet, metadata, private and link-local addresses", "connect", args=("away",))
row("NW-03", "names of the Internet", scenario="dns", safe=False)
row("NW-05", "unix sockets of the host", "connect",
    args=("unix", "{unix}", "/run/docker.sock", "/run/dbus/system_bus_socket", "/run/systemd/journal/stdout"))
row("NW-06", "abstract sockets of the host", "connect", args=("abstract", "{abstract}"))
row("NW-07", "vsock", "families", args=("family", "40"))
row("NW-08", "kernel crypto sockets", "families", args=("family", "38"))
row("NW-09", "netlink", "families", args=("netlink",))
row("NW-10", "every family", "families", args=("sweep",))
row("NW-12", "raw sockets, socket options, interfaces", "families", args=("raw",), control="userns")
row("NW-13", "listener in the box", scenario="listener", safe=False)
row("NW-14", "loopback in the box", "loopback", "OK", control="answer", says="hello|E[A-Z]+")
row("NW-19", "protocols beyond TCP and UDP", "protocols")

# ---- system calls ----------------------------------------------------------------------------------------------------

row("SC-01", "io_uring and aio", "calls", args=("uring",))
row("SC-03", "keyrings", "calls", args=("keys",))
row("SC-04", "bpf, perf, kernel log", "calls", args=("bpf",), control="root")
row("SC-06", "reaches into its own child", "calls_others")
row("SC-07", "threads and children work", "threads_work", "OK", control="answer", says="all work")
row("SC-09", "calls that end the process", "killed_calls")
row("SC-11", "memory policy, secret memory, residency", "calls_memory")
row("SC-12", "handles, watches, leases, mount readers", "calls_files")
row("SC-14", "32-bit gate", "other_tables")
row("SC-15", "32-bit program", scenario="elf32")
row("SC-16", "x32 numbers", "other_tables", args=("x32",))
row("SC-18", "its own filter loosens nothing", "loosen")
row("SC-21", "preloaded library", scenario="preload", safe=False)
row("SC-22", "every language still works", scenario="languages", slow=True, safe=False)
row("SC-27", "limits of the parent", "parent_limits")
row("SC-28", "high bits of arguments", "high_bits")
row("SC-29", "unknown system calls", "unknown_calls")

# ---- cross-job -------------------------------------------------------------------------------------------------------

row("XJ-01", "lock signal", scenario="lock_signal", safe=False)
row("XJ-04", "watch signal", scenario="watch_signal", safe=False)
row("XJ-05", "pipe quota", scenario="pipe_quota", safe=False)
row("XJ-06", "process quota", scenario="process_quota", safe=False)
row("XJ-09", "shared names", scenario="shared_names", safe=False)
row("XJ-13", "neighbour of a CPU hog", "hog", "OK", ("cpu",), control="answer", says="hogged")
row("XJ-14", "neighbour of a memory thrasher", "hog", "OK", ("memory",), control="answer", says="hogged",
    limits=SMALL)
row("XJ-15", "neighbour of an fsync hog", "hog", "OK", ("io",), control="answer", says="hogged")
row("XJ-16", "neighbour of a cache thrasher", "hog", "OK", ("cache",), control="answer", says="hogged")
row("XJ-17", "state passed on", scenario="inherited_state", safe=False)
row("XJ-18", "CPU time carried over", scenario="cpu_carry", safe=False)
row("XJ-19", "memory carried over", scenario="memory_carry", safe=False)
row("XJ-20", "nonces of many jobs at once", scenario="nonces", safe=False)
row("XJ-22", "clients that leave beside a neighbour", scenario="leaving_clients", safe=False)
row("XJ-25", "load figures", "load_figures")
row("XJ-26", "access times", "atime")
row("XJ-29", "ports of the job before", scenario="ports", safe=False)
row("XJ-30", "what the network knows of the job before", scenario="network_state", safe=False)
row("XJ-31", "chance of a warm interpreter", scenario="chance", safe=False)
row("XJ-32", "what a warm interpreter holds", scenario="warm_program", safe=False)

# ---- input, output, supervision --------------------------------------------------------------------------------------

row("IO-01", "stdout flood", "flood", "OLE", ("1",), control="bomb", says=r"^x+$")
row("IO-02", "stderr flood", "flood", "ELE", ("2",), control="bomb")
row("IO-02/both", "both floods", "flood", "OLE|ELE", ("3",), control="bomb")
for _bytes, _answer in ((MIB - 1, "OK"), (MIB, "OK"), (MIB + 1, "OLE")):
    row(f"IO-03/{_bytes}", f"{_bytes} bytes of output", "flood", _answer, ("1", str(_bytes)), control="answer")
row("IO-04", "every byte as output", "forge", "OK", ("bytes",), control="answer")
row("IO-05", "ignores a MiB of input", "no_input", "OK", control="answer", stdin="i" * MIB, says="done")
row("IO-06", "closes its input", "no_input", "OK", ("close",), control="answer", stdin="i" * MIB, says="done")
row("IO-07", "closes its outputs", "spin", "TLE-cpu", ("quiet",), control="answer", limits=SHORT)
row("IO-08", "drips", "drip", "TLE-wall", control="answer", limits=BRIEF, says=r"^\.{5,11}$")
row("IO-09", "writes to descriptors beyond its streams", "inherited", args=("again",))
row("IO-10", "forged results", "forge", "NZ(3)", control="answer", says="status:OK")
row("IO-11", "escapes for terminals", "forge", "OK", ("escapes",), control="answer")
row("IO-14", "ends before its input", scenario="instant_exit", safe=False)
row("IO-15", "giant arguments", scenario="giant_arguments", safe=False)
row("IO-16", "strange programs", scenario="strange_programs", safe=False)
row("IO-18", "client leaves", scenario="client_leaves", safe=False)
row("IO-20", "soak", scenario="soak", slow=True, safe=False)
row("IO-25", "output by packets, through one page", "odd_pipes", "OK", control="answer", says=r"\A(?:\d{5}\n){5000}end\n\Z",
    safe=False)  # doctor speaks POSIX expressions, which do not count that far
row("IO-26", "output kept open by a message in flight", "in_flight", "OK", control="answer", says="sent",
    bounds={"wall_time": (0, 250)})

# ---- compile stage ---------------------------------------------------------------------------------------------------

row("CC-01", "includes secrets", scenario="include_secrets", safe=False)
row("CC-02", "includes without end", scenario="include_endless", safe=False)
row("CC-03", "incbin of host files", scenario="incbin", safe=False)
row("CC-04", "compiler bombs", scenario="compiler_bombs", slow=True, safe=False)
row("CC-05", "giant object", scenario="giant_object", safe=False)
row("CC-06", "flood of errors", scenario="error_flood", safe=False)
row("CC-07", "daemon of the compile stage", scenario="compile_daemon", safe=False)
row("CC-08", "links planted by the compile stage", scenario="planted_links", safe=False)
row("CC-10", "odd binaries", scenario="odd_binaries", safe=False)
row("CC-11", "arguments stay arguments", "words", "OK", ("; id", "$(id)", "`id`", "a\nb", "@file", "--", "'\""),
    control="answer", says=r"^7\n\[; id\]\n\[\$\(id\)\]\n\[`id`\]\n\[a\nb\]\n\[@file\]\n\[--\]\n\['\"\]\n$")
row("CC-12", "odd source names", scenario="odd_sources", safe=False)
row("CC-13", "compile stage writes to the toolchain", scenario="compile_writes", safe=False)
row("CC-15", "compile stage reaches the network", scenario="compile_network", safe=False)
row("CC-16", "stages are accounted apart", scenario="stage_accounting", safe=False)
row("CC-17", "compile stage attacks its collector", scenario="collector", safe=False)
row("CC-18", "deep and odd trees left by the compile stage", scenario="odd_artefacts", safe=False)

# ---- request files ---------------------------------------------------------------------------------------------------

row("AR-01", "names that climb", scenario="climbing_names", safe=False)
row("AR-02", "names in conflict", scenario="conflicting_names", safe=False)
row("AR-03", "too many, too deep, too large", scenario="too_much", safe=False)

# What cannot be attacked yet, and why; a row moves up as soon as its part exists.
PENDING = {
    "PT-23": "slots are not pinned to cores, there is no set to escape from",
    "FS-10 FS-11 FS-12 FS-13 FS-15 FS-17 FS-18 FS-36 FS-38 FS-39": "files of the run stage cannot be downloaded",
    "FS-33": "piped core handler: needs the guest",
    "NS-16": "needs a toolchain on a mount of its own: the guest",
    "NS-26": "Landlock is not a layer of the box",
    "NW-18": "no network class is offered",
}

# Attacks of the catalogue that other tests make: id, test.
ELSEWHERE = {
    "AQ-01": "tests/jobs/test_jobs_api.py::test_a_full_queue_says_so",
    "AQ-02": "tests/keys/test_fair.py::test_five_thousand_jobs_do_not_starve_one",
    "AQ-03": "tests/keys/test_keys.py::test_an_owner_sees_its_own_only",
    "AQ-04": "tests/jobs/test_jobs_api.py::test_other_types_and_unknown_ids",
    "AQ-05": "tests/jobs/test_jobs_api.py::test_limits_of_a_job",
    "AQ-08": "tests/doors/test_dispatcher.py::test_a_lost_runners_job_comes_back",
    "AQ-11": "tests/jobs/test_jobs_api.py::test_the_same_key_is_the_same_job",
    "AQ-15": "tests/keys/test_keys.py::test_every_address",
    "AQ-17": "tests/keys/test_keys.py::test_wrong_keys_take_as_long_as_others",
    "AQ-18": "tests/keys/test_keys.py::test_no_body_is_read_without_a_key",
    "AQ-07": "tests/cli/test_cli_doctor.py::test_serve_refuses_with_the_first_missing_row",
    "AQ-10": "tests/jobs/test_jobs_rows.py::test_aq_10_a_record_that_is_none_fails_with_a_reason_and_stops_nobody",
    "AQ-12": "tests/jobs/test_jobs_rows.py::test_aq_12_a_storm_of_waiting_clients",
    "AQ-13": "tests/jobs/test_jobs_rows.py::test_aq_13_nothing_of_a_client_forges_a_line_of_the_log",
    "AQ-14": "tests/jobs/test_jobs_rows.py::test_aq_14_markup_is_data",
    "AQ-16": "tests/jobs/test_jobs_rows.py::test_aq_16_faults_tell_nothing_of_the_inside",
    "AR-04": "tests/packages/test_packages.py::test_hostile_archives",
    "AR-05": "tests/packages/test_package_rows.py::test_odd_entries_are_refused_or_stripped",
    "AR-06": "tests/packages/test_packages.py::test_bombs",
    "AR-08": "tests/packages/test_packages.py::test_damaged_archives",
    "IO-17": "tests/websocket/test_ws_stream.py::test_stdin_flood_is_bounded",
    "IO-22": "tests/websocket/test_ws_stream.py::test_signal_names",
    "PK-01": "tests/packages/test_packages.py::test_wrong_checksum",
    "PK-02": "tests/packages/test_package_rows.py::test_drip_feed_is_cut_off_and_disturbs_nobody",
    "PK-03": "tests/packages/test_packages.py::test_redirects",
    "PK-04": "tests/packages/test_packages.py::test_hostile_archives",
    "PK-05": "tests/packages/test_packages.py::test_what_does_not_exist",
    "PK-06": "tests/packages/test_package_rows.py::test_hooks_are_never_run",
    "PK-08": "tests/packages/test_packages.py::test_one_install_of_ten_wins",
    "PK-09": "tests/packages/test_packer_deaths.py::test_install_is_whole_or_not_at_all",
    "PK-10": "tests/packages/test_packages.py::test_uninstall_under_running_jobs",
    "PK-11": "tests/packages/test_package_rows.py::test_a_version_that_was_replaced_stays_what_it_was",
    "PK-12": "tests/packages/test_package_rows.py::test_other_packages_cannot_be_overwritten",
    "PK-13": "tests/packages/test_package_rows.py::test_a_full_disk_refuses_the_package_and_nothing_else",
    "PK-14": "tests/packages/test_package_rows.py::test_the_index_drips_or_never_ends",
    "PK-15": "tests/keys/test_keys.py::test_packages_need_their_scope",
    "WS-05": "tests/keys/test_keys.py::test_websocket_is_asked_at_the_handshake",
    "FS-23": "row FS-09",
    "IO-19": "row XJ-22",
    "IO-23": "row SC-12",
    "IO-21": "src/job/compare_test.c",
    "IO-24": "tests/processes/test_supervision.py",
    "ME-19": "row ME-20",
    "NS-03": "row FS-21",
    "NS-10": "row NS-08",
    "NS-12": "row NS-11",
    "NS-25": "row NS-17",
    "NW-04": "row NW-02",
    "NW-16": "row NW-12",
    "SC-02": "row SC-11",
    "SC-05": "row SC-04",
    "SC-08": "row SC-12",
    "SC-10": "row SC-12",
    "SC-13": "row SC-11",
    "SC-20": "row NS-01",
    "SC-23": "row FS-43",
    "SC-25": "row SC-12",
    "SC-26": "row SC-12",
    "WH-01": "tests/jobs/test_webhooks.py",
    "WH-02": "tests/jobs/test_webhooks.py",
    "WH-03": "tests/jobs/test_webhooks.py",
    "WH-04": "src/courier/post_test.c",
    "WH-06": "tests/jobs/test_webhooks.py",
    "WH-07": "tests/jobs/test_webhooks.py",
    "WH-08": "tests/jobs/test_webhooks.py",
    "WH-09": "tests/jobs/test_webhooks.py",
    "WH-10": "tests/jobs/test_webhooks.py",
    "WH-11": "tests/jobs/test_webhooks.py",
    "WH-13": "tests/jobs/test_webhooks.py",
    "XJ-03": "row SC-12",
    "XJ-10": "row XJ-09",
    "XJ-11": "row XJ-09",
    "XJ-12": "row NS-11",
    "XJ-24": "tests/abuse/test_abuse.py",
    "XJ-27": "row FS-42",
    "XJ-28": "src/box/faults_test.c",
}
