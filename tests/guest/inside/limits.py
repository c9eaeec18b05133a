"""Every limit by its verdict and its evidence, on whatever tree holds the controller."""
import pathlib
import threading

import engine
from check import WITH_V2, check

MIB = 1 << 20


@check(smoke=True)
def engine_answers(shared):
    run = shared.run("bash", "echo $((6 * 7))")
    assert run["stdout"] == "42\n" and run["code"] == 0 and not run["message"], run


@check()
def python_answers(shared):
    run = shared.run("python", "print(sum(map(int, input().split())))", stdin="1 2 3\n")
    assert run["stdout"] == "6\n" and run["code"] == 0, run


@check()
def wall_limit(shared):
    run = shared.run("bash", "echo kept; sleep 500", run_timeout=3000)
    assert run["message"] == "Time limit exceeded (wall clock)" and run["stdout"] == "kept\n", run
    assert 3000 <= run["wall_time"] <= 8000, run


@check()
def cpu_limit(shared):
    run = shared.run("bash", "while :; do :; done", run_cpu_time=2000)
    assert run["message"] == "Time limit exceeded" and run["status"] == "TO", run
    assert 2000 <= run["cpu_time"] <= 4000, run


@check()
def cpu_limit_counts_children(shared):
    run = shared.run("bash", "for i in 1 2 3; do (while :; do :; done) & done; wait", run_cpu_time=2000)
    assert run["message"] == "Time limit exceeded" and 2000 <= run["cpu_time"] <= 4500, run


@check()
def cpu_figure_is_the_counters(shared):
    code = "import os\nwhile sum(os.times()[:2]) < 2: pass\nif os.fork() == 0:\n  while sum(os.times()[:2]) < 1: pass\nelse: os.wait()"
    run = shared.run("python", code)
    assert run["code"] == 0 and 3000 <= run["cpu_time"] <= 8000, run


@check()
def memory_limit(shared):
    run = shared.run("python", "print('kept', flush=True)\nx = bytearray(300 << 20)", run_memory_limit=64 * MIB)
    assert "memory" in (run["message"] or "") and run["code"] == 137 and run["stdout"] == "kept\n", run
    assert run["memory"] == 64 * MIB, run


@check()
def memory_just_under_and_just_over(shared):
    for size, fits in ((48 * MIB, True), (66 * MIB, False)):
        run = shared.run("python", f"x = bytearray({size}); print('fits')", run_memory_limit=64 * MIB)
        assert (run["stdout"] == "fits\n") is fits, run


@check()
def memory_limit_counts_children(shared):
    """Each child is far below the limit, all of them together are over it.  KERNEL: v1 kills one of them only."""
    code = ("import os, time\nfor i in range(6):\n  if os.fork() == 0:\n    x = bytearray(20 << 20); time.sleep(500)\n"
            "os.wait(); print('one was killed')")
    run = shared.run("python", code, run_memory_limit=64 * MIB)
    assert "memory" in (run["message"] or ""), run


@check(modes=WITH_V2)
def memory_limit_ends_the_whole_group(shared):
    """memory.oom.group: the one that waits for its child does not live on to hide what happened."""
    code = "import os, time\nif os.fork() == 0:\n  x = bytearray(300 << 20)\nos.wait(); print('survived', flush=True); time.sleep(500)"
    run = shared.run("python", code, run_memory_limit=64 * MIB)
    assert "survived" not in run["stdout"] and "memory" in (run["message"] or ""), run
    assert run["wall_time"] < 60000, run


@check()
def memory_of_files_counts(shared):
    code = "for i in range(12): open(f'f{i}', 'wb').write(bytes(4 << 20))\nprint('written')"
    run = shared.run("python", code, run_memory_limit=32 * MIB)
    assert "memory" in (run["message"] or ""), run


@check()
def memory_figure_is_the_counters(shared):
    small = shared.run("bash", "echo")["memory"]
    large = shared.run("python", "x = bytearray(40 << 20)")["memory"]
    assert 0 < small < 12 * MIB and 40 * MIB <= large <= 70 * MIB, (small, large)


@check()
def memory_figure_is_of_this_job_alone(shared):
    shared.run("python", "x = bytearray(60 << 20)")
    after = [shared.run("bash", "echo")["memory"] for _ in range(4)]
    assert max(after) < 12 * MIB, after


@check()
def processes_limit(shared):
    code = "for i in $(seq 200); do sleep 300 & done; wait"
    run = shared.run("bash", code, run_timeout=60000)
    assert "processes" in (run["message"] or ""), run


@check()
def disk_limit(shared):
    run = shared.run("python", "f = 0\nwhile True:\n  open(f'f{f}', 'wb').write(bytes(4 << 20)); f += 1")
    assert "disk space" in (run["message"] or "") and run["status"] == "RE", run


@check()
def inode_limit():
    with engine.Engine(max_inode_count=64) as own:
        run = own.run("bash", "for i in $(seq 100); do : >f$i || exit 3; done")
        assert "files" in (run["message"] or "") and run["code"] == 3, run


@check()
def counters_start_at_nothing(shared):
    """After a job that was killed for memory and one that was refused forks, the next ones are told nothing of it."""
    for _ in range(2):
        shared.run("python", "x = bytearray(300 << 20)", run_memory_limit=64 * MIB)
    for _ in range(4):
        run = shared.run("bash", "exit 5")
        assert run["code"] == 5 and run["message"] == "Exited with error status 5", run


def box_groups(base):
    return [path for path in map(pathlib.Path, engine.engine_groups()) if base in str(path)
            for path in path.glob("slot*/box")]


@check(modes=WITH_V2)
def every_box_has_a_group_of_its_own(shared):
    """The group of a box that was used is removed; the one prepared next is another one."""
    shared.run("bash", "echo")
    for _ in range(3):
        engine.wait_for(lambda: all(len(engine.members(path)) == 2 for path in box_groups("coderunr")))
        before = {path: path.stat().st_ino for path in box_groups("coderunr")}
        shared.run("bash", "(setsid sleep 300 &) ; (setsid nohup sleep 300 >/dev/null 2>&1 &); echo")
        changed = engine.wait_for(lambda before=before: [path for path in box_groups("coderunr")
                                                         if path.stat().st_ino != before.get(path)])
        assert len(changed) == 1, (before, changed)
        assert engine.wait_for(lambda: all(len(engine.members(path)) == 2 for path in box_groups("coderunr"))), \
            [engine.members(path) for path in box_groups("coderunr")]


@check(modes=WITH_V2)
def removed_groups_do_not_pile_up(shared):
    """KERNEL: a removed group stays as long as a page is charged to it."""
    stat = engine.tree() / "service/cgroup.stat"
    for _ in range(25):
        shared.run("bash", "echo x >f; cat f")
    dying = int(stat.read_text().split("nr_dying_descendants")[1].split()[0])
    assert dying <= 20, stat.read_text()


@check()
def many_at_once(shared):
    """Four clients on two slots: limits of neighbours stay apart."""
    failures = []

    def client(number):
        for i in range(3):
            if (number + i) % 2:
                run = shared.run("python", "x = bytearray(300 << 20)", run_memory_limit=64 * MIB)
                good = "memory" in (run["message"] or "")
            else:
                run = shared.run("bash", f"echo {number}; sleep 0.3")
                good = run["stdout"] == f"{number}\n" and run["code"] == 0
            if not good:
                failures.append(run)

    clients = [threading.Thread(target=client, args=(number,)) for number in range(4)]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join()
    assert not failures, failures


