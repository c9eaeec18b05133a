"""Rows of the catalogue of attacks on packages that need an engine of their own or several of a package's lives; the test of
each row is named in tests/packages/test_row_names.py."""
import json
import os
import pathlib
import subprocess
import tarfile
import tempfile
import threading
import time

import conftest
from packages_support import (ask, index, info, install, installed, link, packaged, shell_package, special, tar,  # noqa: F401
                              uninstall)

JSON = {"Content-Type": "application/json"}


def hear(engine, language, script="echo here"):
    return engine.run(language, script)["stdout"]


def test_drip_feed_is_cut_off_and_disturbs_nobody(start_engine, index):
    """PK-02: a byte a second, of an archive and of the index: an error when package_timeout is over, and jobs run meanwhile."""
    engine = start_engine(repo_url=index.url + "/index", package_timeout="3s")
    archive = shell_package("drip", "1.0.0")
    index.add("drip", "1.0.0", archive, url=index.url + "/drip")
    let_go = threading.Event()

    def drip(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(archive)))
        handler.end_headers()
        try:
            for i in range(len(archive)):
                handler.wfile.write(archive[i:i + 1])
                handler.wfile.flush()
                if let_go.wait(0.2):
                    return
        except OSError:
            pass

    index.hooks["/drip"] = drip
    answers = []
    thread = threading.Thread(target=lambda: answers.append(install(engine, "drip")))
    begun = time.monotonic()
    thread.start()
    try:
        for _ in range(5):
            assert hear(engine, "bash") == "here\n"
        assert engine.request("GET", "/health").status == 200
        thread.join(30)
        assert not thread.is_alive() and 2 < time.monotonic() - begun < 20
    finally:
        let_go.set()
        thread.join()
        del index.hooks["/drip"]
    assert answers[0].status == 502 and answers[0].json()["message"]
    assert "drip" not in {row["language"] for row in engine.runtimes()}
    index.files["/drip"] = archive
    assert install(engine, "drip").status == 200
    assert uninstall(engine, "drip").status == 200


def test_the_index_drips_or_never_ends(start_engine, index):
    """PK-02, PK-14: an index without end, or slow beyond package_timeout, is a 502 and not a full memory."""
    engine = start_engine(repo_url=index.url + "/slow-index", package_timeout="3s")
    stop = threading.Event()

    def endless(handler):
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.close_connection = True
        line = b"x,1.0.0," + b"0" * 64 + b",http://127.0.0.1:9/x\n"
        try:
            while not stop.is_set():
                handler.wfile.write(line * 10000)
        except OSError:
            pass

    def slow(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        try:
            while not stop.wait(0.2):
                handler.wfile.write(b"x")
                handler.wfile.flush()
        except OSError:
            pass

    try:
        for hook in (endless, slow):
            index.hooks["/slow-index"] = hook
            begun = time.monotonic()
            assert ask(engine, "GET").status == 502, hook
            assert time.monotonic() - begun < 20
    finally:
        stop.set()
        del index.hooks["/slow-index"]
    packer = next(pid for pid in engine.processes() if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == "packer")
    peak = next(line for line in pathlib.Path(f"/proc/{packer}/status").read_text().splitlines() if line.startswith("VmHWM"))
    assert int(peak.split()[1]) < 512 * 1024, peak


def test_an_index_of_nonsense(start_engine, index):
    """PK-14: lines without end, bytes of every kind, one name 50,000 times: what is well formed is offered, once."""
    engine = start_engine(repo_url=index.url + "/odd")
    good = shell_package("good", "1.0.0")
    index.add("good", "1.0.0", good)
    line = index.lines[-1]
    index.files["/odd"] = (b"\xff\x00\xfe,1,2,3\n" + b"x" * 100000 + b"\n" + b"," * 5000 + b"\n" + line.encode() * 50000 +
                           b'{"a": ' * 10000 + b"\n")
    rows = ask(engine, "GET").json()
    assert {row["language"] for row in rows} == {"good"}
    assert install(engine, "good").status == 200
    assert hear(engine, "good") == "here\n"


def test_a_version_that_was_replaced_stays_what_it_was(index, tmp_path):
    """PK-11: other bytes under the same version, an index that went back: nothing that is installed changes, at no start."""
    index.add("fixed", "2.0.0", shell_package("fixed", "2.0.0", ("which", "first")))
    with tempfile.TemporaryDirectory(prefix="coderunr-tests-") as folder:
        for life in range(2):
            engine = conftest.Engine(folder, repo_url=index.url + "/index")
            try:
                if life == 0:
                    assert install(engine, "fixed").status == 200
                index.lines[:] = [line for line in index.lines if not line.startswith("fixed,")]
                index.add("fixed", "2.0.0", shell_package("fixed", "2.0.0", ("which", "second")))
                for asked in ("2.0.0", "*"):
                    answer = install(engine, "fixed", asked)
                    assert (answer.status, answer.json()["message"]) == (500, "Already installed")
                assert hear(engine, "fixed", "cat $SHELL_HOME/which") == "first"
                # an index that went back offers an older one: it comes beside, and takes nobody's place
                index.lines[:] = [line for line in index.lines if not line.startswith("fixed,")]
                index.add("fixed", "1.0.0", shell_package("fixed", "1.0.0", ("which", "older")))
                if life == 0:
                    assert install(engine, "fixed", "*").json()["version"] == "1.0.0"
                assert hear(engine, "fixed", "cat $SHELL_HOME/which") == "first"
                answer = engine.execute("fixed", "true").json()
                assert answer["version"] == "2.0.0"
            finally:
                assert engine.stop() == 0


def test_the_bytes_must_be_those_of_the_index(packaged, index):
    """PK-11: a mirror that hands out an older archive under a newer name."""
    old = shell_package("rolled", "1.0.0")
    path = index.add("rolled", "2.0.0", shell_package("rolled", "2.0.0"))
    index.files[path] = old
    assert install(packaged, "rolled").status == 500
    assert "rolled" not in {row["language"] for row in packaged.runtimes()}
    # and where the hash is the older one's, what the archive says of itself still has to be what the index says
    index.lines[:] = [line for line in index.lines if not line.startswith("rolled,")]
    index.add("rolled", "2.0.0", old)
    answer = install(packaged, "rolled")
    if answer.status == 200:
        assert answer.json()["version"] == "2.0.0"
        assert packaged.execute("rolled", "true").json()["version"] == "2.0.0"
        assert uninstall(packaged, "rolled").status == 200


def test_other_packages_cannot_be_overwritten(packaged, index):
    """PK-12: by a path, a link or a hard link; and no package comes in another's place."""
    index.add("victim", "1.0.0", shell_package("victim", "1.0.0", ("data", "good")))
    assert install(packaged, "victim").status == 200
    rows = {
        "path": [("../../victim/1.0.0/data", "bad")],
        "absolute": [("/piston/packages/victim/1.0.0/data", "bad")],
        "link": [link("d", "/piston/packages/victim/1.0.0"), ("d/data", "bad")],
        "link-up": [link("d", "../../victim/1.0.0"), ("d/data", "bad")],
        "hard": [special("h", tarfile.LNKTYPE, "/piston/packages/victim/1.0.0/data"), ("h", "bad")],
        "system": [("../../../../usr/bin/env", "bad")],
    }
    for name, entries in rows.items():
        index.add(f"over-{name}", "1.0.0", shell_package(f"over-{name}", "1.0.0", *entries))
        assert install(packaged, f"over-{name}").status == 500, name
        assert hear(packaged, "victim", "cat $SHELL_HOME/data") == "good", name
    # a package that brings what another one has brought
    index.add("liar", "1.0.0", tar([("pkg-info.json", info("victim", "1.0.0")), ("run", "#!/bin/bash\necho lies\n")]))
    answer = install(packaged, "liar", "1.0.0")
    assert answer.status == 500 and "victim-1.0.0 has brought" in answer.json()["message"], answer
    assert hear(packaged, "victim", "cat $SHELL_HOME/data") == "good"
    assert ("liar", "1.0.0") not in installed(packaged)
    assert uninstall(packaged, "victim").status == 200


def test_odd_entries_are_refused_or_stripped(packaged, index, tmp_path):
    """AR-05: setuid and owners are stripped; a sparse tebibyte, a path of a mebibyte, a case-folded twin do no harm."""
    powers = tarfile.TarInfo("powers")
    powers.mode, powers.uid, powers.uname, powers.size = 0o6777, 0, "root", 0
    index.add("powers", "1.0.0", shell_package("powers", "1.0.0", powers, ("POWERS", "twin")))
    assert install(packaged, "powers").status == 200
    assert hear(packaged, "powers", "stat -c %a $SHELL_HOME/powers; cat $SHELL_HOME/POWERS") in ("755\ntwin", "777\ntwin")
    assert uninstall(packaged, "powers").status == 200
    with open(tmp_path / "hole", "wb") as hole:
        hole.truncate(1 << 40)
    done = subprocess.run(["tar", "-C", tmp_path, "-S", "-czf", "-", "hole"], capture_output=True, check=True, timeout=60)
    index.add("hole", "1.0.0", done.stdout)
    index.add("path", "1.0.0", shell_package("path", "1.0.0", ("d/" * (512 * 1024) + "file", "x")))
    for name in ("hole", "path"):
        begun = time.monotonic()
        assert install(packaged, name).status == 500, name
        assert time.monotonic() - begun < 30
        assert name not in {row["language"] for row in packaged.runtimes()}
    assert hear(packaged, "bash") == "here\n"


def test_hooks_are_never_run(packaged, index):
    """PK-06: scripts that other package managers would start stay files; only `environment` runs, in a box."""
    hook = "#!/bin/bash\ntouch /tmp/coderunr-hook-was-run /piston/packages/hook\n"
    names = ("install", "install.sh", "postinst", "preinst", "DEBIAN/postinst", "setup", "setup.py", "post-install", "compile.sh",
             ".bashrc", "build.sh", "prerm")
    index.add("hooked", "1.0.0", shell_package("hooked", "1.0.0", *((name, hook) for name in names)))
    assert install(packaged, "hooked").status == 200
    assert not os.path.exists("/tmp/coderunr-hook-was-run")
    assert hear(packaged, "hooked", "ls /piston/packages | grep -c hook; ls /tmp") == "1\n"
    assert uninstall(packaged, "hooked").status == 200
    assert not os.path.exists("/tmp/coderunr-hook-was-run")


def test_a_full_disk_refuses_the_package_and_nothing_else(index, tmp_path):
    """PK-13: no room for the tree: an error, the space is free again, the engine lives, a smaller package still fits."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=0755", "tmpfs", disk], check=True)
    try:
        index.add("big", "1.0.0", shell_package("big", "1.0.0", ("blob", os.urandom(6 * 1024 * 1024)),
                                                *((f"copies/{i}", bytes(1024 * 1024)) for i in range(40))))
        index.add("small", "1.0.0", shell_package("small", "1.0.0"))
        (disk / "data").mkdir()
        engine = conftest.Engine(str(disk / "data"), repo_url=index.url + "/index")
        try:
            before = os.statvfs(disk).f_bfree
            answer = install(engine, "big")
            assert answer.status == 500 and "space" in answer.json()["message"].lower(), answer
            deadline = time.monotonic() + 10
            while os.statvfs(disk).f_bfree < before - 64 and time.monotonic() < deadline:
                time.sleep(0.1)
            assert os.statvfs(disk).f_bfree >= before - 64
            assert "big" not in {row["language"] for row in engine.runtimes()}
            assert hear(engine, "bash") == "here\n"
            assert install(engine, "small").status == 200
            assert hear(engine, "small") == "here\n"
        finally:
            assert engine.stop() == 0, engine.log()[-3000:]
    finally:
        subprocess.run(["umount", disk], check=True)


def submit(engine, language, script, **fields):
    body = {"language": language, "version": "*", "files": [{"content": script}], **fields}
    answer = engine.request("POST", "/v3/jobs", json.dumps(body), JSON)
    assert answer.status == 202, answer
    return answer.json()["id"]


def ended(engine, job):
    return engine.request("GET", f"/v3/jobs/{job}?wait=30", timeout=60).json()


def test_a_durable_job_of_a_package(packaged, index):
    """A job that waits keeps its package's files until it has ended, though the package was uninstalled meanwhile."""
    index.add("durable", "1.0.0", shell_package("durable", "1.0.0", ("data", "kept")))
    assert install(packaged, "durable").status == 200
    jobs = [submit(packaged, "durable", "sleep 0.2; cat $SHELL_HOME/data") for _ in range(12)]
    assert uninstall(packaged, "durable").status == 200
    states = [ended(packaged, job) for job in jobs]
    for state in states:
        outcome = state["outcomes"][0] if state.get("outcomes") else state
        assert state["state"] in ("done", "failed"), state
        if state["state"] == "done" and state.get("verdict") == "ok":
            assert "kept" in json.dumps(outcome), state
        else:
            assert "durable" in json.dumps(state), state
    assert packaged.execute("durable", "true").status == 400


def test_durable_jobs_of_a_package_outlive_the_engine(index):
    """The engine dies with jobs of a package in its queue: after the next start each of them ends as it should."""
    index.add("outlives", "1.0.0", shell_package("outlives", "1.0.0", ("data", "kept")))
    with tempfile.TemporaryDirectory(prefix="coderunr-tests-") as folder:
        engine = conftest.Engine(folder, repo_url=index.url + "/index", max_concurrent_jobs=1)
        try:
            assert install(engine, "outlives").status == 200
            jobs = [submit(engine, "outlives", "sleep 0.3; cat $SHELL_HOME/data") for _ in range(8)]
        finally:
            engine.process.kill()
            engine.process.wait()
        engine = conftest.Engine(folder, repo_url=index.url + "/index", max_concurrent_jobs=2)
        try:
            for job in jobs:
                state = ended(engine, job)
                assert (state["state"], state["verdict"]) == ("done", "ok"), (json.dumps(state), engine.log()[-3000:])
                assert "kept" in json.dumps(state), state
        finally:
            assert engine.stop() == 0
