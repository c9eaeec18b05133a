"""The runner and the whole engine killed while a slot, a box or an order is at a step: nothing is left, and it works again.

The keeper is the one of the fault tests behind a script: whoever comes to the step is called `paused` and is late.
faults_test.c kills keepers, and hangs up as a runner that dies, at each step; here whole engines are killed, at a few of them, or
at each with EVERY_STEP=1 in the environment.
"""
import concurrent.futures
import glob
import os
import pathlib
import re
import signal
import threading
import time

import pytest

from conftest import BINARY, ROOT, Engine
from test_supervision import answers, named

KEEPER = BINARY.parent / "coderunr-keeper-faults"
NAMES = re.findall(r"^STEP\((\w+),", (ROOT / "src/box/steps.def").read_text(), re.M)
ELSEWHERE = {
    "NONE": "no step",
    "SLOT_IMAGE": "slots without images do not come by",
    "WARM_WAIT": "neither do they here: tests/images",
    **dict.fromkeys(("WARM_LEAVE", "WARM_ENTER", "WARM_IDS", "WARM_USER"), "the library's: warm_test.c"),
}
# Who comes to a step, where that is not a program in Python.
PROGRAMS = {"PROGRAM_COLLECTOR": ("c", "int main(void) { return 0; }"), "WARM_EXEC": ("javascript", "1")}
UID_BASE = 2_600_000_000
AT_ONCE = 4
STEPS = [name for name in NAMES if name not in ELSEWHERE]
ORDER_STEPS = STEPS[STEPS.index("LIMIT_MEMORY"):]


FEW = {"SLOT_NAMESPACES", "SLOT_PIVOT", "SLOT_FILTER", "BOX_CGROUP", "BOX_CLONE", "INIT_MOUNT_PROC", "INIT_CLONE",
       "INIT_PRIVILEGES", "PROGRAM_MAPS", "PROGRAM_READY", "LIMIT_MEMORY", "ORDER_SEND", "PROGRAM_FILES", "PROGRAM_COLLECTOR",
       "PROGRAM_EXEC", "WARM_START", "WARM_FORK", "WARM_EXEC"}
CHOSEN = STEPS if os.environ.get("EVERY_STEP") else [name for name in STEPS if name in FEW]


def comm(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def is_paused(engine):
    """Somebody comes to the step, unless he has left it before we looked."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if any(comm(pid) == "paused" for pid in engine.processes()):
            return True
        time.sleep(0.01)
    return False


def ask(engine, language, source):
    """A job of which nobody expects an answer."""
    def run():
        try:
            engine.execute(language, source)
        except OSError:
            pass

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def await_gone(pids, seconds=10):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and any(os.path.exists(f"/proc/{pid}") for pid in pids):
        time.sleep(0.02)
    assert not [(pid, comm(pid)) for pid in pids if os.path.exists(f"/proc/{pid}")]


class Missing(Exception):
    """The language of whoever comes to the step is not installed."""


class Scene:
    """An engine with one slot, somebody of which is at the step, and the client that waits for it."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.script, self.step = folder / "keeper", folder / "step"
        # a range of users for each, so that what is left can be told apart
        self.uid_base = UID_BASE + STEPS.index(name) * 16 * 4096
        self.script.write_text(f'#!/bin/sh\nCODERUNR_FAULT=$(cat {self.step} 2>/dev/null) exec {KEEPER} "$@"\n')
        self.script.chmod(0o755)
        self.program = PROGRAMS.get(name, ("python", "print(1)"))
        self.engine = self.client = None

    def come_to_step(self):
        for _ in range(3):
            self.step.write_text(self.name)
            self.engine = self.start()
            if not self.engine.has(self.program[0]):
                raise Missing
            self.client = ask(self.engine, *self.program) if self.name in ORDER_STEPS else None
            if is_paused(self.engine):
                break
            assert self.engine.stop() == 0
            self.engine = None
        else:
            pytest.fail("nobody came to it")
        self.step.unlink()

    def start(self):
        return Engine(self.folder, max_concurrent_jobs=1, keeper=self.script, uid_base=self.uid_base)

    def finish(self):
        """It works, ends, and leaves nothing."""
        assert answers(self.engine)
        assert self.engine.stop() == 0
        if self.client:
            self.client.join()
        left = [path for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines()
                for mount in [*glob.glob("/sys/fs/cgroup/*"), "/sys/fs/cgroup"]
                for path in glob.glob(f"{mount}{line.split(':', 2)[2].rstrip('/')}/coderunr-{self.uid_base}")]
        assert not left
        assert list((self.folder / "root").iterdir()) == []


def runner_killed(scene):
    runner = named(scene.engine, "runner")
    others = {pid for role in ("front", "ledger", "packer", "courier") for pid in named(scene.engine, role)}
    slot = set(scene.engine.processes()) - others - {scene.engine.process.pid}
    os.kill(runner[0], signal.SIGKILL)
    await_gone(slot)
    assert answers(scene.engine)
    assert named(scene.engine, "runner") != runner


def engine_killed(scene):
    everybody = scene.engine.processes()
    scene.engine.process.kill()
    scene.engine.process.wait()
    await_gone(everybody)
    scene.engine = scene.start()


def attempt(folder, name, kill):
    """What went wrong, if anything did."""
    folder.mkdir()
    scene = Scene(folder, name)
    try:
        scene.come_to_step()
        kill(scene)
        scene.finish()
    except Missing:
        return None
    except (AssertionError, OSError, pytest.fail.Exception) as error:
        return f"{name}: {error}"
    finally:
        if scene.engine:
            scene.engine.stop()
    return None


@pytest.mark.parametrize("kill", [runner_killed, engine_killed])
def test_killed_at_each_step(tmp_path, kill):
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        failed = [text for text in pool.map(lambda name: attempt(tmp_path / name, name, kill), CHOSEN) if text]
    assert not failed, "\n".join(failed)
