"""Runtimes whose root is an image: the image's programs and libraries, our box, the same speed, other roots beside them."""
import contextlib
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import threading
import time

import conftest
import pytest
from images_support import busybox_tree, file, folder, image, link, musl_loader, pull, registry, write_manifest  # noqa: F401

COMPILED = """language: musl
title: A compiler that copies
image: {image}
find: [sh]
version:
  fixed: 7.0.0
extensions: [txt]
compile: [cp, "{{main}}", made]
run: [/opt/hello, "{{args}}"]
env: {{ FROM: manifest, PATH: /opt:/bin }}
"""
HELLO = """#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(int argc, char **argv) {
        char text[64] = "";
        FILE *made = fopen("made", "r");
        if (made && !fgets(text, sizeof(text), made)) return 2;
        printf("musl %s %s %s uid %d\\n", text, argc > 1 ? argv[1] : "", getenv("FROM"), (int)getuid());
        return 0;
}
"""
HOST = """language: hostsh
title: The host's shell
find: [sh]
version:
  fixed: 1.0.0
extensions: [sh]
run: ["{tool}", "{main}", "{args}"]
"""


def musl_tree():
    """A program linked to musl, its loader, and nothing of glibc; None without musl-gcc."""
    if not shutil.which("musl-gcc"):
        return None
    with tempfile.TemporaryDirectory() as here:
        source, program = pathlib.Path(here) / "hello.c", pathlib.Path(here) / "hello"
        source.write_text(HELLO)
        subprocess.run(["musl-gcc", "-o", program, source], check=True)
        return [folder("opt"), file("opt/hello", program.read_bytes(), 0o755), *musl_loader(), link("bin/cp", "busybox")]


@pytest.fixture(scope="module")
def world(registry):
    """An engine with runtimes of the host, of an image, of one linked to musl, of one not pulled, of a hostile one."""
    with tempfile.TemporaryDirectory(prefix="coderunr-images-") as folder_:
        data = pathlib.Path(folder_)
        runtimes = data / "runtimes"
        runtimes.mkdir()
        (runtimes / "hostsh.yaml").write_text(HOST)
        env = ["BOX_VERSION=1.2.3", "FROM=image", "PATH=/bin"]
        names = {"boxsh": registry.push("box", busybox_tree(file("etc/hosts", "bad\n")), env=env)}
        names["hostile"] = registry.push("hostile", busybox_tree(
            link("proc", "/"), link("box", "../../.."), link("run", "/root"), link("home", "/home"), link("up", "../../../.."),
            link("host-etc", "/etc"), file("sys", "x"), file("bin/setuid", b"", 0o4755)), env=["BOX_VERSION=2.0"])
        musl = musl_tree()
        if musl:
            names["musl"] = registry.push("musl", busybox_tree(*musl), env=["FROM=image"])
            write_manifest(runtimes, "musl", names["musl"], COMPILED)
        for name in names.values():
            assert pull(data, name)[0] == 0
        write_manifest(runtimes, "boxsh", names["boxsh"])
        write_manifest(runtimes, "hostile", names["hostile"])
        write_manifest(runtimes, "absent", f"{registry.host}/absent:1")
        with conftest.engine_in(folder_, runtimes_directory=runtimes, max_concurrent_jobs=2) as engine:
            engine.names = names
            engine.data = data
            yield engine


def out(engine, language, script, **fields):
    stage = engine.run(language, script, **fields)
    return stage["stdout"] + stage["stderr"]


def test_the_images_program_and_environment(world):
    assert {(row["language"], row["version"]) for row in world.runtimes()} >= {("hostsh", "1.0.0"), ("boxsh", "1.2.3"),
                                                                              ("hostile", "2.0.0")}
    text = out(world, "boxsh", "cat /etc/of-the-image; echo $FROM $PATH $HOME $PISTON_LANGUAGE; cat", stdin="in")
    assert text.split() == ["yes", "image", "/bin", "/tmp", "boxsh", "in"]


def test_a_program_linked_to_musl(world):
    if "musl" not in world.names:
        pytest.skip("not installed: musl-tools")
    answer = world.execute("musl", "the source", args=["word"]).json()
    assert answer["compile"]["code"] == 0
    assert answer["run"]["stdout"] == "musl the source word manifest uid 1000\n"


def test_what_was_not_pulled_is_told(world):
    assert not world.has("absent")
    done = subprocess.run([conftest.BINARY, "runtimes", "--all", f"--data-directory={world.data}",
                           f"--runtimes-directory={world.data}/runtimes"], capture_output=True, text=True)
    assert f"coderunr image pull {world.names['boxsh'].split('/')[0]}/absent:1" in done.stdout


@pytest.mark.parametrize("language", ["boxsh", "hostile"])
def test_the_box_is_the_same(world, language):
    """What the abuse catalogue asks of any root, asked of an image's: DSK, NAM, PRC and MNT rows."""
    rows = {
        "id": ("id -u; id -g", "1000\n1000\n"),
        "pwd": ("readlink /proc/self/cwd", "/box/submission\n"),
        "mounts": ("cut -d ' ' -f 2 /proc/mounts | sort", "/\n/box\n/dev\n/proc/pid\n/tmp\n"),
        "no path of the host in mountinfo": ("grep -c -e coderunr -e images /proc/self/mountinfo", "0\n"),
        "every mount but /dev without devices": ("grep -v nodev /proc/mounts | cut -d ' ' -f 2", "/dev\n"),
        "no mount with setuid": ("grep -v nosuid /proc/mounts", ""),
        "read-only": ("for f in /x /bin/x /etc/x /dev/x /proc/x; do echo x > $f; done 2>&1 | grep -c Read-only", "5\n"),
        "kernel": ("for f in kcore kmsg sysrq-trigger keys sched_debug sys/kernel/core_pattern; do cat /proc/$f; done 2>/dev/null",
                   ""),
        "other processes": ("ls /proc/pid | grep -c '^[0-9]'", None),
        "hosts": ("cat /etc/hosts", "127.0.0.1\tlocalhost box\n::1\tlocalhost\n"),
        "passwd": ("grep -c box /etc/passwd", "1\n"),
        "no secrets": ("cat /etc/shadow /root/.ssh/id_rsa /var/lib/coderunr/lock 2>/dev/null", ""),
        "no capability": ("grep -h Cap /proc/self/status | grep -v -c 0000000000000000", "0\n"),
        "filter": ("grep -c 'Seccomp:.2' /proc/self/status; grep NoNewPrivs /proc/self/status", "1\nNoNewPrivs:\t1\n"),
        "mount": ("mount -t tmpfs t /tmp 2>&1 | grep -c -i -e denied -e permitted", "1\n"),
        "mknod": ("mknod /tmp/d c 1 1 2>&1 | grep -c -i permitted", "1\n"),
        "chroot": ("chroot / true 2>&1 | grep -c -i permitted", "1\n"),
        "unshare": ("unshare -U true 2>&1 | grep -c -i permitted", "1\n"),
        "links of /tmp are not followed": ("ln -s /etc/passwd /tmp/l; cat /tmp/l 2>&1 | grep -c levels", "1\n"),
        "disk": ("dd if=/dev/zero of=/tmp/f bs=1M count=4096 2>&1 | grep -c -i -e space -e large", None),
    }
    for name, (script, expected) in rows.items():
        text = out(world, language, script)
        if expected is not None:
            assert text == expected, name
    assert int(out(world, language, rows["other processes"][0])) < 8


def test_keepers_that_show_images_hold_one_capability_more(world):
    """CAP_SYS_CHROOT, without which no mount namespace can be entered; a program holds none."""
    out(world, "boxsh", "true")
    statuses = []
    for pid in world.processes():
        with contextlib.suppress(OSError):  # a box's process may be gone by now; a keeper is not
            lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
            statuses.append(dict(line.split(":\t", 1) for line in lines if ":\t" in line))
    keepers = [status for status in statuses if status["Name"] == "coderunr-keeper" and int(status["PPid"]) == world.process.pid]
    assert len(keepers) == 2
    for status in keepers:
        held = {bit for bit in range(64) if int(status["CapEff"], 16) >> bit & 1}
        assert held == {5, 6, 7, 8, 18, 21}, held  # kill, setgid, setuid, setpcap, sys_chroot, sys_admin
    assert out(world, "boxsh", "grep -h Cap /proc/self/status | cut -f 2 | sort -u") == "0000000000000000\n"


def test_links_of_an_image_lead_nowhere_but_into_it(world):
    assert out(world, "hostile", "cat /host-etc/shadow /host-etc/machine-id /run/.bashrc 2>/dev/null") == \
        "00000000000040008000000000000000\n"
    assert out(world, "hostile", "ls /up/") == out(world, "hostile", "ls /")
    assert out(world, "hostile", "ls /home 2>/dev/null; ls /up/home 2>/dev/null") == ""
    assert out(world, "hostile", "test -d /box/submission && test -d /proc/pid && test -d /sys/devices && echo ours") == "ours\n"


def test_nothing_stays_for_the_next_of_the_same_image(world):
    out(world, "boxsh", "echo secret > /tmp/left; echo secret > left; (sleep 60 &)")
    for _ in range(6):
        assert out(world, "boxsh", "cat /tmp/left left 2>/dev/null; ps | grep -c 'sleep 60'") in ("0\n", "1\n")


def test_roots_in_turn_and_at_once(world):
    """Three roots in two slots: each job sees its own, in whatever order they come."""
    wrong = []

    def client(n):
        for i in range(12):
            language = ("hostsh", "boxsh", "hostile")[(n + i) % 3]
            text = out(world, language, "test -e /etc/of-the-image && echo image || echo host; test -e /up && echo up")
            if text != {"hostsh": "host\n", "boxsh": "image\n", "hostile": "image\nup\n"}[language]:
                wrong.append((language, text))

    threads = [threading.Thread(target=client, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_same_speed(world):
    """One after another: a job of the image takes about as long as one of the host's shell."""
    times = {"hostsh": [], "boxsh": []}
    for _ in range(40):
        for language, taken in times.items():
            started = time.perf_counter()
            assert out(world, language, "echo hi") == "hi\n"
            taken.append(time.perf_counter() - started)
    host, of_image = (statistics.median(taken[5:]) for taken in times.values())
    print(f"median: host {host * 1000:.2f} ms, image {of_image * 1000:.2f} ms")
    assert of_image < 3 * host + 0.02


def test_an_image_in_use_is_not_removed(world):
    status, _, err = image(world.data, "remove", world.names["boxsh"])
    assert status == 1 and "stop the engine first" in err
    assert out(world, "boxsh", "cat /etc/of-the-image") == "yes\n"


def test_a_tag_that_moves_under_a_running_engine(world, registry):
    registry.push("box", busybox_tree(file("etc/new", "new")), env=["BOX_VERSION=9.9.9"])
    assert pull(world.data, world.names["boxsh"])[0] == 0
    for _ in range(4):
        assert out(world, "boxsh", "cat /etc/of-the-image; cat /etc/new 2>/dev/null") == "yes\n"


def test_the_list_of_a_dialect_names_the_image(world):
    rows = world.request("GET", "/v1/spec").json()
    assert rows["boxsh"]["image"] == world.names["boxsh"]


@pytest.mark.parametrize("text, sentence", [
    ("version: { argv: [\"{tool}\", -V] }", "programs of an image are not asked"),
    ("image: a b\nversion: { fixed: 1.0.0 }", "no name of an image"),
    ("version: { fixed: 1 }", "is not three numbers"),
])
def test_manifests_that_are_wrong(tmp_path, text, sentence):
    runtimes = tmp_path / "runtimes"
    runtimes.mkdir()
    image_ = "" if "image:" in text else "image: python:alpine\n"
    (runtimes / "x.yaml").write_text(f"language: x\ntitle: X\nfind: [x]\nrun: [x]\n{image_}{text}\n")
    done = subprocess.run([conftest.BINARY, "runtimes", f"--data-directory={tmp_path}", f"--runtimes-directory={runtimes}"],
                          capture_output=True, text=True)
    assert done.returncode == 1 and sentence in done.stderr, done
