"""Where the engine's groups are made, and that none is left: delegation, foreign processes, deaths of every part."""
import os
import pathlib
import signal
import subprocess
import threading
import time

import engine
from check import WITH_V2, Skip, check


def sleeper(group):
    """A process of somebody else in @group."""
    return subprocess.Popen(["sleep", "1000"], preexec_fn=group.enter)


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def nothing_is_left(pids=()):
    """No group and none of the processes; retried, since the last ones die on their own."""
    engine.wait_for(lambda: not engine.engine_groups() and not any(map(alive, pids)))
    assert not engine.engine_groups(), engine.engine_groups()
    assert not [pid for pid in pids if alive(pid)], [pid for pid in pids if alive(pid)]


def all_pids(own):
    return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if alive(pid) and own.is_ours(pid)]


@check(smoke=True)
def a_stop_leaves_nothing():
    own = engine.Engine()
    own.run("bash", "(setsid sleep 100 &); echo")
    pids = all_pids(own)
    assert len(pids) >= 5 and engine.engine_groups(), pids
    status = own.stop()
    assert status == 0, (status, own.log()[-1500:])
    nothing_is_left(pids)


@check(modes=WITH_V2)
def delegated_group_engine_steps_into_a_leaf():
    """As a service with Delegate=yes: the group it was started in holds no process any more, and is as before at the end."""
    with engine.Group("delegated.service") as group:
        own = engine.Engine(group)
        assert engine.members(group.path) == [], engine.members(group.path)
        leaf = next(group.path.glob("coderunr-*/engine"))
        assert own.process.pid in engine.members(leaf), engine.members(leaf)
        handed = (group.path / "cgroup.subtree_control").read_text().split()
        assert "memory" in handed, handed
        assert own.run("bash", "echo here")["stdout"] == "here\n"
        assert own.stop() == 0
        nothing_is_left()
        assert (group.path / "cgroup.subtree_control").read_text().split() == []
        with engine.Engine(group) as again:
            assert again.run("bash", "echo again")["stdout"] == "again\n"


@check(modes=WITH_V2)
def foreign_process_in_the_group_is_never_moved():
    """It says why it cannot start and how to start it, and leaves the group as it was."""
    with engine.Group("session.scope") as group:
        with sleeper(group) as other:
            try:
                engine.Engine(group)
                raise AssertionError("it started")
            except engine.Ended as ended:
                said = str(ended).strip()
            assert engine.members(group.path) == [other.pid], engine.members(group.path)
            assert (group.path / "cgroup.subtree_control").read_text().split() == []
            nothing_is_left()
            rows, status = engine.doctor(group)
            other.kill()
    assert len(said.splitlines()) == 1 and "Delegate=yes" in said and str(group.path) in said, said
    assert status == 1 and not rows["cgroup_own"]["ok"], rows["cgroup_own"]


@check(modes=WITH_V2)
def parent_option_takes_another_group():
    """cgroup_parent: the engine stays where it was started, its boxes live below the group named."""
    with engine.Group("session.scope") as session, engine.Group("boxes.slice") as boxes:
        with sleeper(session) as other:
            own = engine.Engine(session, cgroup_parent="/boxes.slice")
            assert own.process.pid in engine.members(session.path)
            assert list(boxes.path.glob("coderunr-*/slot0")), list(boxes.path.rglob("*"))
            assert own.run("bash", "echo there")["stdout"] == "there\n"
            assert own.stop() == 0
            nothing_is_left()
            assert other.pid in engine.members(session.path)
            other.kill()


@check(modes=("v2",))
def root_of_the_tree_works():
    """As the first process of a container or a machine without a service manager."""

    class Root:
        path = engine.tree()

        def enter(self):
            (self.path / "cgroup.procs").write_text("0")

    before = (Root.path / "cgroup.subtree_control").read_text()
    own = engine.Engine(Root())
    assert own.run("bash", "echo root")["stdout"] == "root\n"
    assert own.stop() == 0
    nothing_is_left()
    assert (Root.path / "cgroup.subtree_control").read_text() == before


@check(modes=WITH_V2)
def controller_that_is_not_delegated_is_named():
    with engine.Group("bare.slice") as outer:
        inner = engine.Group("bare.slice/bare.service")
        try:
            engine.Engine(inner)
            raise AssertionError("it started")
        except engine.Ended as ended:
            said = str(ended).strip()
        rows, status = engine.doctor(inner)
        assert outer.path.is_dir()
    assert len(said.splitlines()) == 1 and "memory" in said, said
    assert status == 1 and not rows["cgroup_memory"]["ok"], rows["cgroup_memory"]


@check(modes=("v2",))
def cpu_controller_is_no_need():
    """KERNEL: cpu.stat is in every v2 group; a service manager often hands on memory and pids alone."""
    with engine.Group("two.slice") as outer:
        (outer.path / "cgroup.subtree_control").write_text("+memory +pids")
        inner = engine.Group("two.slice/two.service")
        rows, status = engine.doctor(inner)
        assert rows["cgroup_cpu"]["ok"] and status == 0, rows["cgroup_cpu"]
        with engine.Engine(inner) as own:
            run = own.run("bash", "while :; do :; done", run_cpu_time=1000)
            assert run["message"] == "Time limit exceeded" and run["cpu_time"] >= 1000, run


def kill_and_go_on(name):
    """SIGKILL to a part while a job runs; the engine answers again, and the end is clean."""
    own = engine.Engine()
    try:
        own.run("bash", "echo")
        running = threading.Thread(target=lambda: quietly(own, "sleep 3"))
        running.start()
        time.sleep(1)
        victims = own.pids(name)
        assert victims, f"no process is called {name}"
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        running.join()
        assert engine.wait_for(lambda: quietly(own, "echo alive") == "alive\n", 90), own.log()[-800:]
        for _ in range(4):
            assert own.run("bash", "echo alive")["stdout"] == "alive\n"
        pids = all_pids(own)
    finally:
        status = own.stop()
    assert status == 0, (status, own.log()[-1500:])
    nothing_is_left(pids)


def quietly(own, code):
    """What a program wrote; None when the engine did not answer."""
    try:
        return own.run("bash", code)["stdout"]
    except (OSError, AssertionError, engine.http.client.HTTPException):
        return None


@check()
def killed_keepers_are_replaced():
    kill_and_go_on("coderunr-keeper")


@check()
def killed_inits_are_replaced():
    kill_and_go_on("box-init")


@check()
def killed_runner_is_replaced():
    kill_and_go_on("runner")


@check()
def killed_front_is_replaced():
    kill_and_go_on("front")


@check()
def killed_warden_leaves_no_process_and_the_next_one_sweeps():
    with engine.Group("service") if engine.MODE != "v1" else engine.tempfile.TemporaryDirectory() as group:
        group = group if engine.MODE != "v1" else None
        own = engine.Engine(group)
        threading.Thread(target=lambda: quietly(own, "sleep 300"), daemon=True).start()
        time.sleep(1.5)
        pids = all_pids(own)
        own.process.kill()
        own.process.wait()
        engine.wait_for(lambda: not any(map(alive, pids)))
        assert not [pid for pid in pids if alive(pid)], [pid for pid in pids if alive(pid)]
        own.folder.cleanup()
        sweeps(group)
        nothing_is_left()


def sweeps(group):
    """A service manager starts it again in the same place, having removed what was left there, or by a fresh one."""
    if group:
        for folder in sorted(group.path.rglob("*"), reverse=True):
            if folder.is_dir():
                folder.rmdir()
        (group.path / "cgroup.subtree_control").write_text("-memory -pids -cpu")
    with engine.Engine(group) as again:
        assert again.run("bash", "echo again")["stdout"] == "again\n"


@check(modes=("v2",))
def leftovers_of_a_killed_engine_are_swept_at_the_root():
    own = engine.Engine(type("Root", (), {"enter": lambda self: (engine.tree() / "cgroup.procs").write_text("0")})())
    own.run("bash", "echo")
    own.process.kill()
    own.process.wait()
    own.folder.cleanup()
    assert engine.engine_groups()
    with engine.Engine(type("Root", (), {"enter": lambda self: (engine.tree() / "cgroup.procs").write_text("0")})()) as next_one:
        assert next_one.run("bash", "echo again")["stdout"] == "again\n"
    nothing_is_left()


def unit_test(name):
    """A unit test in a group of its own; it must say that it passed."""
    path = pathlib.Path(f"/ci/unit-{name}")
    if not path.exists():
        raise Skip("this build has no unit tests")
    group = engine.Group("unit.service") if engine.MODE != "v1" else None
    try:
        done = subprocess.run([path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
                              check=False, timeout=600, preexec_fn=group.enter if group else None)
    finally:
        if group:
            group.__exit__()
    said = [line for line in done.stdout.splitlines() if " OK ]" not in line and "[ RUN" not in line]
    assert done.returncode == 0, "; ".join(said)[-1200:]
    nothing_is_left()


@check()
def faults_at_every_step():
    """The unit test that makes every set-up step of a slot and a box fail."""
    unit_test("faults")


@check()
def ordinary_user_is_told_to_be_root():
    done = subprocess.run(["coderunr", "serve", "--bind-address=127.0.0.1:2001"], env=engine.WORDS, user=65534, group=65534,
                          extra_groups=[], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=60)
    assert done.returncode == 1 and "root" in done.stdout and len(done.stdout.strip().splitlines()) == 1, done
