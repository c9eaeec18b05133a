"""The packer killed at many points of an install, the others killed between installs, the engine started again."""
import concurrent.futures
import os
import pathlib
import random
import signal
import tempfile
import threading
import time

import conftest
import pytest
from packages_support import (ask, index, install, installed, packaged, shell_package, tar, uninstall)  # noqa: F401

KILLS, ENGINES = 20, 4


def pid_of(engine, name):
    """The process of that name below the engine, None while there is none."""
    for pid in engine.processes():
        try:
            if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == name:
                return pid
        except OSError:
            pass
    return None


def wait_for(engine, name, other_than=None, seconds=15):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        pid = pid_of(engine, name)
        if pid and pid != other_than:
            return pid
        time.sleep(0.02)
    pytest.fail(f"there is no {name}:\n{engine.log()[-3000:]}")


def kill(engine, name):
    pid = wait_for(engine, name)
    os.kill(pid, signal.SIGKILL)
    wait_for(engine, name, other_than=pid)


def settled(engine, call, *words):
    """Ask until the packer answers."""
    deadline = time.monotonic() + 20
    while True:
        answer = call(engine, *words)
        if answer.status != 503 or time.monotonic() > deadline:
            return answer
        time.sleep(0.05)


def folder_of(engine):
    return engine.log_path.parent / "packages"


def test_install_is_whole_or_not_at_all(start_engine, index):
    files = [(f"data/{i}", os.urandom(2000)) for i in range(1500)]
    index.add("whole", "1.0.0", shell_package("whole", "1.0.0", *files))
    # Several engines, because each waits longer the more often its packer has died.
    engines = [start_engine(repo_url=index.url + "/index", max_concurrent_jobs=2) for _ in range(ENGINES)]
    with concurrent.futures.ThreadPoolExecutor(ENGINES) as pool:
        list(pool.map(kill_while_installing, engines, range(ENGINES)))


def kill_while_installing(engine, number):
    chance = random.Random(number)
    for _ in range(KILLS // ENGINES):
        thread = threading.Thread(target=install, args=(engine, "whole"))
        thread.start()
        time.sleep(chance.uniform(0, 0.8))
        pid = wait_for(engine, "packer")
        os.kill(pid, signal.SIGKILL)
        thread.join()
        wait_for(engine, "packer", other_than=pid)
        rows = settled(engine, ask, "GET").json()
        there = any(row["language"] == "whole" and row["installed"] for row in rows)
        if there:
            assert engine.run("whole", "ls $SHELL_HOME/data | wc -l")["stdout"] == "1500\n"
            assert settled(engine, uninstall, "whole").status == 200
        else:
            assert engine.execute("whole", "true").status == 400
    assert settled(engine, install, "whole").status == 200
    assert engine.run("whole", "ls $SHELL_HOME/data | wc -l")["stdout"] == "1500\n"
    assert settled(engine, uninstall, "whole").status == 200
    deadline = time.monotonic() + 10
    while any(folder_of(engine).iterdir()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not list(folder_of(engine).rglob("*")), "something was left behind"


@pytest.mark.parametrize("victim", ["packer", "front", "runner", "ledger"])
def test_packages_survive(packaged, index, victim):
    name = f"keeps-{victim}"
    index.add(name, "1.0.0", shell_package(name, "1.0.0"))
    assert settled(packaged, install, name).status == 200
    kill(packaged, victim)
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        try:
            answer = packaged.execute(name, "echo still")
            if answer.status == 200 and answer.json()["run"]["stdout"] == "still\n":
                break
        except OSError:
            pass
        time.sleep(0.1)
    else:
        pytest.fail(f"{answer}\n{packaged.log()[-3000:]}")
    packaged.wait_until_healthy()
    assert settled(packaged, uninstall, name).status == 200
    assert settled(packaged, install, name).status == 200
    assert packaged.run(name, "echo again")["stdout"] == "again\n"


def test_packages_survive_the_engine(index):
    index.add("lasting", "1.0.0", shell_package("lasting", "1.0.0"))
    with tempfile.TemporaryDirectory(prefix="coderunr-tests-") as folder:
        for life in range(3):
            engine = conftest.Engine(folder, repo_url=index.url + "/index")
            try:
                if life == 0:
                    assert install(engine, "lasting").status == 200
                    leftover = pathlib.Path(folder) / "packages/torn/1.0.0"
                    leftover.mkdir(parents=True)
                    (leftover / "run").write_text("x")
                assert engine.run("lasting", "echo life")["stdout"] == "life\n"
                deadline = time.monotonic() + 10
                while life > 0 and leftover.exists() and time.monotonic() < deadline:
                    time.sleep(0.1)
                assert life == 0 or not leftover.exists()
                assert "torn" not in {row["language"] for row in engine.runtimes()}
            finally:
                assert engine.stop() == 0


def test_the_marker_is_pistons(packaged, index):
    index.add("marked", "1.0.0", shell_package("marked", "1.0.0"))
    assert settled(packaged, install, "marked").status == 200
    folder = folder_of(packaged) / "marked/1.0.0"
    assert abs(int((folder / ".ppman-installed").read_text()) / 1000 - time.time()) < 60
    assert "SHELL_HOME=/piston/packages/marked/1.0.0\n" in (folder / ".env").read_text()
    assert not {"PWD", "OLDPWD", "_", "SHLVL"} & {line.split("=")[0] for line in (folder / ".env").read_text().splitlines()}
    assert not (folder / "pkg.tar.gz").exists()


def test_the_packer_can_write_nowhere_else(packaged):
    status = pathlib.Path(f"/proc/{wait_for(packaged, 'packer')}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["CapEff"].strip() == fields["CapBnd"].strip() == "0" * 16
    assert fields["Seccomp"].strip() == "2" and fields["NoNewPrivs"].strip() == "1"
    assert "0" not in fields["Uid"].split()
    mounts = pathlib.Path(f"/proc/{wait_for(packaged, 'packer')}/mountinfo").read_text().splitlines()
    writable = {line.split()[4] for line in mounts if "rw" in line.split()[5].split(",")}
    assert writable == {str(folder_of(packaged))}
