"""`coderunr doctor`: every row asked, nothing left behind, and what a missing row does."""
import json
import os
import subprocess

import pytest
from cli_support import BINARY, coderunr, one_sentence  # noqa: F401 (fixtures)

REQUIRED = ["root", "capabilities", "kernel", "clone3", "pidfd", "mount_api", "mount_ns", "pid_ns", "net_ns", "ipc_ns",
            "uts_ns", "cgroup_ns", "user_ns", "nosymfollow", "overlay", "proc_subset", "devices", "seccomp", "memfd",
            "cgroup_memory", "cgroup_pids", "cgroup_cpu", "cgroup_own", "uid_range"]
ADVISED = ["cgroup_v2", "sys_resource", "swap", "core_pattern", "yama", "landlock", "cpu_flaws", "smt", "thp", "ksm",
           "disk", "runtimes"]


def rows_of(done):
    return {row["id"]: row for row in json.loads(done.stdout)["checks"]}


def test_every_row_is_there(coderunr):
    rows = rows_of(coderunr("doctor", "--json"))
    assert {name for name, row in rows.items() if row["required"]} == set(REQUIRED)
    assert {name for name, row in rows.items() if not row["required"]} == set(ADVISED)
    for row in rows.values():
        assert row["title"] and row["found"] and row["lost"] and row["mend"]


def test_the_host_of_the_tests_is_healthy(coderunr):
    done = coderunr("doctor", "--json")
    assert [name for name, row in rows_of(done).items() if row["required"] and not row["ok"]] == []
    assert done.returncode == 0


def test_table(coderunr):
    done = coderunr("doctor")
    assert done.returncode == 0
    assert "\033" not in done.stdout
    assert done.stdout.rstrip().endswith("the engine can serve here")


@pytest.mark.parametrize("path, line", [
    ("/etc/passwd", "somebody:x:300000:300000::/:/bin/false"),
    ("/etc/group", "somebody:x:304095:"),
    ("/etc/subuid", "somebody:290000:65536"),
])
def test_taken_user_ids_are_missing(tmp_path, path, line):
    if not os.path.exists(path):
        pytest.skip(f"this host has no {path} to hide")
    (tmp_path / "taken").write_text(line + "\n")
    script = f'mount --bind "{tmp_path}/taken" {path} && exec "$@" --uid-base=300000'
    done = without("unshare", "--mount", "sh", "-c", script, "sh")
    assert done.returncode == 1
    assert not rows_of(done)["uid_range"]["ok"]
    assert "somebody" in rows_of(done)["uid_range"]["found"]


def test_no_languages_is_weak(coderunr, tmp_path):
    (tmp_path / "none").mkdir()
    done = coderunr("doctor", "--json", f"--runtimes-directory={tmp_path}/none")
    assert not rows_of(done)["runtimes"]["ok"]
    assert done.returncode == 0


def without(*words):
    """Run the program as setpriv or unshare leaves it."""
    return subprocess.run([*words, BINARY, "doctor", "--json"], capture_output=True, text=True, timeout=60, check=False,
                          stdin=subprocess.DEVNULL)


def test_lost_capability_is_named():
    done = without("setpriv", "--bounding-set=-sys_admin", "--inh-caps=-all", "--")
    rows = rows_of(done)
    assert done.returncode == 1
    assert "SYS_ADMIN" in rows["capabilities"]["found"]
    assert not rows["mount_ns"]["ok"]


def test_hidden_cgroups_are_missing():
    done = without("unshare", "--mount", "sh", "-c", 'umount -l /sys/fs/cgroup && exec "$@"', "sh")
    rows = rows_of(done)
    assert done.returncode == 1
    assert not rows["cgroup_memory"]["ok"]
    assert not rows["cgroup_pids"]["ok"]


def refused(*words):
    """Serve where it must refuse: one sentence, exit status 1."""
    done = subprocess.run([*words, BINARY, "serve", "--bind-address=127.0.0.1:0"], capture_output=True, text=True,
                          timeout=60, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 1
    assert one_sentence(done.stderr)
    return done.stderr


def test_serve_refuses_without_root():
    """In a user namespace without a map we are nobody, but still may read the program."""
    assert "root" in refused("unshare", "--user")


def test_serve_refuses_with_the_first_missing_row():
    said = refused("setpriv", "--bounding-set=-sys_admin", "--inh-caps=-all", "--")
    assert "missing: capabilities of root (not held: SYS_ADMIN)" in said
    assert "to mend it: " in said


def test_json_tells_the_isolation_every_result_tells(coderunr, engine):
    told = json.loads(coderunr("doctor", "--json").stdout)["isolation"]
    job = {"language": "python", "version": "*", "files": [{"name": "a.py", "content": "print(1)"}]}
    answer = engine.request("POST", "/v3/jobs?wait=30", json.dumps(job), {"Content-Type": "application/json"})
    assert answer.status == 200, answer
    assert answer.json()["isolation"] == told
    assert told["level"] == "full" and len(told["filter"]) == 32
