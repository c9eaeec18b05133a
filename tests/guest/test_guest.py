"""A smoke boot: on a cgroup v2 tree with a newer kernel the engine starts, answers and leaves nothing.  The whole: ./dev guest."""
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("CODERUNR_BUILD", HERE.parents[1] / "build/test"))
NOTHING_HERE = 77


def test_engine_serves_on_cgroup_v2():
    if not shutil.which("qemu-system-x86_64"):
        pytest.skip("qemu is not installed; ./dev guest installs it")
    done = subprocess.run([sys.executable, HERE / "guest.py", "--smoke", "--offline", "--build", BUILD], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=400, check=False)
    if done.returncode == NOTHING_HERE:
        pytest.skip(done.stdout.strip().splitlines()[-1])
    assert done.returncode == 0, done.stdout
