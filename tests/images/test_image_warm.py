"""What an image brings may wait in its box too, whatever libc it is linked to; it never gets a keeper's powers, and one that does
harm while it waits harms nobody."""
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading
import time

import conftest
import pytest
from images_support import busybox_tree, file, folder, musl_loader, pull, registry, write_manifest  # noqa: F401

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MANIFEST = """language: {{language}}
title: An interpreter of an image
image: {{image}}
find: [{tool}]
version:
  fixed: 1.0.0
extensions: [txt]
run:
  argv: ["{{{{tool}}}}", {word} "{{{{main}}}}", "{{{{args}}}}"]
  warm: {way}
"""
EVIL = ("leak", "forge", "flood", "bomb", "eat", "spin", "die", "hang")
CORPUS = {
    "itself": "args\nenv\ndescriptors\nsignals\nwho\n",
    "input": "input\n",
    "ends": "hello\nexit 7\n",
    "crashes": "crash\n",
    "is empty": "",
}
PROCESSES, MEMORY_MIB = 128, 128  # what a run may have unless something else is said


def build(target, name, *compiler):
    subprocess.run([*compiler, "-o", target, HERE / "programs" / f"{name}.c"], check=True, cwd=ROOT)
    return file(f"opt/{name}", target.read_bytes(), 0o755)


def libraries(program):
    """The files that a dynamic program of this machine needs, where it looks for them."""
    lines = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout.split()
    paths = sorted({word for word in lines if word.startswith("/")})
    folders = sorted({str(parent)[1:] for path in paths for parent in pathlib.Path(path).parents if str(parent) != "/"})
    return [*(folder(name) for name in folders), *(file(path[1:], pathlib.Path(path).read_bytes(), 0o755) for path in paths)]


def trees(scratch):
    """language: (the image's files, its manifest)"""
    parked = build(scratch / "parked", "parked", "cc", "-static", "-O1", "-Isrc", "-D_GNU_SOURCE")
    rows = {"evil-" + way: ([parked], MANIFEST.format(tool="parked", word=f"{way},", way="park")) for way in EVIL}
    interpreter = build(scratch / "glibc", "interpreter", "cc")
    rows["glibc"] = ([*libraries(scratch / "glibc"), interpreter], MANIFEST.format(tool="interpreter", word="", way="fork"))
    rows["static"] = ([], MANIFEST.format(tool="sh", word="", way="park"))
    if shutil.which("musl-gcc"):
        interpreter = build(scratch / "musl", "interpreter", "musl-gcc")
        rows["musl"] = ([*musl_loader(), interpreter], MANIFEST.format(tool="interpreter", word="", way="fork"))
    return rows


@pytest.fixture(scope="module")
def world(registry, tmp_path_factory):
    with tempfile.TemporaryDirectory(prefix="coderunr-images-") as folder_:
        data = pathlib.Path(folder_)
        runtimes = data / "runtimes"
        runtimes.mkdir()
        pulled = {}
        for language, (files, manifest) in trees(tmp_path_factory.mktemp("programs")).items():
            image = language.partition("-")[0]
            if image not in pulled:
                pulled[image] = registry.push(image, busybox_tree(folder("opt"), *files), env=["PATH=/opt:/bin", "FROM=image"])
                status, _, err = pull(data, pulled[image])
                assert status == 0, err
            write_manifest(runtimes, language, pulled[image], manifest)
        with conftest.engine_in(folder_, runtimes_directory=runtimes, max_concurrent_jobs=1, warm_idle_time="60s") as engine:
            engine.data = data
            yield engine


def run(engine, language, content="", **fields):
    """The stage without what differs from run to run, and whether it was warm."""
    answer = engine.execute(language, content, timing=True, **fields)
    assert answer.status == 200, answer
    answer = answer.json()
    shown = {name: answer["run"][name] for name in ("stdout", "stderr", "code", "signal", "status", "message")}
    return shown, answer["timing"]["run"]["warm"]


def warm(engine, language, content, **fields):
    """Once for the slot to know what to keep; then what is asked."""
    run(engine, language, "", **fields)
    shown, was_warm = run(engine, language, content, **fields)
    assert was_warm, engine.log()[-2000:]
    return shown


def need(engine, language):
    if not engine.has(language):
        pytest.skip("not installed: musl-tools")


@pytest.mark.parametrize("name", CORPUS)
@pytest.mark.parametrize("language", ["glibc", "musl"])
def test_nobody_can_tell(world, language, name):
    need(world, language)
    cold, was_warm = run(world, language, CORPUS[name], stdin="a\nb\n", warm=False)
    assert not was_warm and (cold["stdout"] or name in ("is empty", "crashes")), cold
    assert warm(world, language, CORPUS[name], stdin="a\nb\n") == cold


@pytest.mark.parametrize("language", ["glibc", "musl"])
def test_an_image_has_no_zygote(world, language):
    """Although the manifest says `fork`: what waits is in a pid namespace of its own and holds nothing."""
    need(world, language)
    warm(world, language, "who\n")
    waiting = wait_for(lambda: called(world, "interpreter"))
    assert len(waiting) == 1
    status = pathlib.Path(f"/proc/{waiting[0]}/status").read_text()
    assert [line.split()[1] for line in status.splitlines() if line.startswith("Cap")] == ["0000000000000000"] * 5
    assert len(next(line for line in status.splitlines() if line.startswith("NSpid")).split()) == 3
    assert "Seccomp:\t2" in status and "NoNewPrivs:\t1" in status


def wait_for(look, seconds=20):
    deadline = time.monotonic() + seconds
    while not (seen := look()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return seen


def called(engine, name):
    return [pid for pid in engine.processes() if name in command(pid)]


def resident_mib(pid):
    try:
        return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 2**20
    except OSError:
        return 0


def command(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def test_roots_and_what_waits_in_turn(world):
    """Each program comes from its own root, however the slot changes between them."""
    languages = [language for language in ("glibc", "static", "musl") if world.has(language)]
    for language in languages * 3:
        shown, _ = run(world, language, "echo hello\n" if language == "static" else "hello\n")
        assert shown["stdout"] == ("hello\n" if language == "static" else "say hello\n")


def test_a_static_program_is_served_cold(world):
    """It cannot be stopped; the slot tries once and lets it be for a while."""
    for _ in range(4):
        assert run(world, "static", "echo $FROM\n")[0]["stdout"] == "image\n"
    assert world.log().count("bring a program to the door") <= 1, world.log()


def test_what_waits_is_told_nothing_of_the_host(world):
    shown, was_warm = None, False
    for _ in range(2):
        shown, was_warm = run(world, "evil-leak")
    assert was_warm and "socket:[" in shown["stdout"]
    for secret in (str(world.data), "coderunr", "images", "warm.so", "/var/", "/home", str(ROOT)):
        assert secret not in shown["stdout"], shown["stdout"]


class Peak:
    """The most processes of a name, and the most memory they had, while it is looked."""

    def __init__(self, engine, name):
        self.engine, self.name, self.processes, self.mib, self.over = engine, name, 0, 0, False
        self.thread = threading.Thread(target=self.watch)

    def watch(self):
        while not self.over:
            pids = called(self.engine, self.name)
            self.processes = max(self.processes, len(pids))
            self.mib = max(self.mib, sum(map(resident_mib, pids)))
            time.sleep(0.02)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over = True
        self.thread.join()


@pytest.mark.parametrize("way", [way for way in EVIL if way not in ("leak", "spin")])
def test_what_waits_badly_harms_nobody(world, way):
    """Its own jobs are served cold, others as ever, and nothing of it goes on."""
    with Peak(world, "parked") as peak:
        for _ in range(3):
            assert run(world, f"evil-{way}")[0] == {"stdout": "cold\n", "stderr": "", "code": 0, "signal": None,
                                                   "status": None, "message": None}
        assert run(world, "static", "echo here\n")[0]["stdout"] == "here\n"
    assert peak.processes <= PROCESSES and peak.mib <= MEMORY_MIB * 1.2, (peak.processes, peak.mib)
    assert called(world, "parked") == []


def test_what_spins_instead_of_waiting_is_let_go(world):
    run(world, "static", "true\n")
    for keeper in called(world, "slot0"):
        os.kill(keeper, signal.SIGKILL)  # a new one trusts it again
    run(world, "static", "true\n")
    assert run(world, "evil-spin")[0]["stdout"] == "cold\n"
    assert wait_for(lambda: "which works instead" in world.log())
    assert wait_for(lambda: not called(world, "parked"))
    assert world.request("GET", "/health").status == 200
