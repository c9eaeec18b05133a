"""Whatever is killed comes back; whatever ends leaves nothing; the second copy is told so."""
import glob
import os
import pathlib
import re
import signal
import subprocess
import threading
import time

import pytest

from conftest import BINARY, Engine, free_port


def children(pid):
    return [int(word) for word in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def named(engine, name):
    found = []
    for pid in children(engine.process.pid):
        try:
            if pathlib.Path(f"/proc/{pid}/comm").read_text().startswith(name):
                found.append(pid)
        except OSError:
            pass
    return found


def answers(engine, seconds=15):
    """The engine runs a program again, within a bound."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            answer = engine.execute("python", "print(6 * 7)")
            if answer.status == 200 and answer.json()["run"]["stdout"] == "42\n":
                return True
        except OSError:
            pass
        time.sleep(0.1)
    return False


def cgroups():
    """What engines started by us have made: below our own group of every hierarchy."""
    found = []
    for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
        path = line.split(":", 2)[2].rstrip("/")
        for mount in glob.glob("/sys/fs/cgroup/*") + ["/sys/fs/cgroup"]:
            found += glob.glob(f"{mount}{path}/coderunr-[0-9]*")
    return {path: pathlib.Path(path).stat().st_ino for path in found}


SLOTS = 4


@pytest.fixture(scope="module")
def own(start_engine):
    return start_engine(max_concurrent_jobs=SLOTS)


def settled(engine, role, number):
    """The pids of a role when all of it is there: an earlier test may have ended some."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline and len(named(engine, role)) != number:
        time.sleep(0.1)
    return named(engine, role)


@pytest.mark.parametrize("role, number", [("front", 1), ("runner", 1), ("ledger", 1), ("coderunr-keep", SLOTS)])
def test_killed_role_comes_back(own, role, number):
    before = settled(own, role, number)
    assert len(before) == number
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    assert answers(own)
    after = settled(own, role, number)
    assert len(after) == number and not set(after) & set(before)


def test_killed_runner_leaves_no_program(own):
    job = threading.Thread(target=lambda: own.execute("python", "import time; time.sleep(3)"))
    job.start()
    time.sleep(0.7)
    os.kill(named(own, "runner")[0], signal.SIGKILL)
    job.join()
    assert answers(own)
    for pid in own.processes():
        try:
            assert b"time.sleep" not in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            pass


def test_an_engine_fault_is_not_a_verdict(own):
    """The keeper of a running job is killed twice over: the answer is 5xx, or right after a retry."""
    answers_seen = []
    job = threading.Thread(target=lambda: answers_seen.append(
        own.execute("python", "import time; time.sleep(1); print('late')")))
    job.start()
    time.sleep(0.4)
    for pid in named(own, "coderunr-keep"):
        os.kill(pid, signal.SIGKILL)
    job.join()
    answer = answers_seen[0]
    if answer.status == 200:
        assert answer.json()["run"]["stdout"] == "late\n" and answer.json()["run"]["code"] == 0
    else:
        assert answer.status >= 500
    assert answers(own)


def test_killed_warden_takes_everything_with_it(tmp_path):
    engine = Engine(tmp_path, max_concurrent_jobs=2)
    assert answers(engine)
    everybody = engine.processes()
    assert len(everybody) >= 5
    os.kill(engine.process.pid, signal.SIGKILL)
    engine.process.wait()
    deadline = time.monotonic() + 35
    while time.monotonic() < deadline and any(os.path.exists(f"/proc/{pid}") for pid in everybody):
        time.sleep(0.1)
    assert [pid for pid in everybody if os.path.exists(f"/proc/{pid}")] == []
    # what it could not remove, the next one of that name does
    again = Engine(tmp_path, max_concurrent_jobs=2)
    assert answers(again)
    assert again.stop() == 0


def test_a_clean_end_leaves_nothing(tmp_path):
    engine = Engine(tmp_path, max_concurrent_jobs=2)
    assert answers(engine)
    everybody = engine.processes()
    keeper = named(engine, "coderunr-keep")[0]
    name = re.search(r"coderunr-\d+", pathlib.Path(f"/proc/{keeper}/cgroup").read_text())[0]
    ours = {path: inode for path, inode in cgroups().items() if path.endswith(name)}
    assert ours and engine.stop() == 0
    assert [pid for pid in everybody if os.path.exists(f"/proc/{pid}")] == []
    assert not ours.items() & cgroups().items()
    assert list((tmp_path / "root").iterdir()) == []


def test_ending_lets_the_running_job_finish(tmp_path):
    engine = Engine(tmp_path)
    seen = []
    job = threading.Thread(target=lambda: seen.append(engine.run("python", "import time; time.sleep(1); print('done')")))
    job.start()
    time.sleep(0.5)
    assert engine.stop() == 0
    job.join()
    assert seen and seen[0]["stdout"] == "done\n"


def serve(*words, **kwargs):
    return subprocess.run([BINARY, "serve", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=60, check=False, **kwargs)


def one_sentence(text):
    lines = text.strip().splitlines()
    assert len(lines) == 1, text
    return lines[0]


def test_second_copy_on_the_port_is_told_so(own, tmp_path):
    done = serve(f"--bind-address=127.0.0.1:{own.port}", f"--data-directory={tmp_path}")
    assert done.returncode == 1
    assert f"port {own.port}" in one_sentence(done.stderr) and "in use" in done.stderr


def test_second_copy_on_the_data_is_told_so(tmp_path):
    engine = Engine(tmp_path)
    done = serve(f"--bind-address=127.0.0.1:{free_port()}", f"--data-directory={tmp_path}")
    assert done.returncode == 1
    assert str(tmp_path) in one_sentence(done.stderr)
    assert engine.stop() == 0


def test_two_engines_live_side_by_side(own, tmp_path):
    other = Engine(tmp_path)
    assert answers(other) and answers(own)
    assert other.stop() == 0
    assert answers(own)


def test_no_root_is_one_sentence(tmp_path):
    done = serve(f"--bind-address=127.0.0.1:{free_port()}", f"--data-directory={tmp_path}",
                 preexec_fn=lambda: (os.setgroups([]), os.setgid(65534), os.setuid(65534)))
    if done.returncode in (126, 127):
        pytest.skip("the build folder cannot be read by an ordinary user")
    assert done.returncode == 1
    assert "root" in one_sentence(done.stderr)


def test_missing_keeper_is_one_sentence(tmp_path):
    done = serve(f"--bind-address=127.0.0.1:{free_port()}", f"--data-directory={tmp_path}", "--keeper=/no/keeper")
    assert done.returncode == 1
    assert "/no/keeper" in one_sentence(done.stderr)
