"""GET, POST and DELETE /api/v2/packages: what Piston's clients and CodeRunr's see."""
import concurrent.futures
import hashlib
import json
import tarfile
import threading
import time

import pytest
from packages_support import (Index, ask, bomb, index, info, install, installed, link,  # noqa: F401
                              packaged, shell_package, special, tar, uninstall)


def said(answer):
    return answer.status, answer.json()["message"]


def languages(engine):
    return {row["language"] for row in engine.runtimes()}


# ---- the contract ----


def test_list_is_the_index_in_its_order(packaged, index):
    index.add("zeta", "2.0.0", shell_package("zeta", "2.0.0"))
    index.add("alpha", "1.0.0", shell_package("alpha", "1.0.0"))
    index.lines.insert(0, "\nnot a line\n,,,\n../up,1.0.0," + "0" * 64 + ",http://x/\nbad,version," + "0" * 64 + ",x\n")
    rows = [row for row in ask(packaged, "GET").json() if row["language"] in ("zeta", "alpha", "bad", "../up")]
    assert rows == [{"language": "zeta", "language_version": "2.0.0", "installed": False},
                    {"language": "alpha", "language_version": "1.0.0", "installed": False}]


def test_install_run_uninstall(packaged, index):
    index.add("demo", "1.2.3", shell_package("demo", "1.2.3", aliases=["dm"]))
    index.add("demo", "1.10.0", shell_package("demo", "1.10.0", aliases=["dm"]))
    index.add("demo", "2.0.0", shell_package("demo", "2.0.0", aliases=["dm"]))
    answer = install(packaged, "demo", "1.x")
    assert (answer.status, answer.json()) == (200, {"language": "demo", "version": "1.10.0"})
    assert said(install(packaged, "demo", "1.x")) == (500, "Already installed")
    assert ("demo", "1.10.0") in installed(packaged)
    run = packaged.run("dm", 'echo "$PISTON_LANGUAGE $CODERUNR_LANGUAGE $HOME $SHELL_HOME $1"; cat', args=["a b"], stdin="in")
    assert run["stdout"] == "demo demo /tmp /piston/packages/demo/1.10.0 a b\nin\n"
    assert uninstall(packaged, "demo", "1.10.0").json() == {"language": "demo", "version": "1.10.0"}
    assert said(uninstall(packaged, "demo", "1.10.0")) == (500, "demo-1.10.0 is not installed")
    assert "demo" not in languages(packaged)
    assert packaged.execute("dm", "true").status == 400


def test_two_versions_side_by_side(packaged, index):
    for version in ("3.1.0", "3.2.0"):
        index.add("pair", version, shell_package("pair", version))
        assert install(packaged, "pair", version).status == 200
    body = {"language": "pair", "files": [{"content": "echo $SHELL_HOME"}]}
    for asked, got in (("*", "3.2.0"), ("3.1.x", "3.1.0"), ("~3.2", "3.2.0")):
        answer = packaged.request("POST", "/api/v2/execute", json.dumps({**body, "version": asked}),
                                  {"Content-Type": "application/json"}).json()
        assert answer["version"] == got and answer["run"]["stdout"].endswith(got + "\n")
    assert uninstall(packaged, "pair").json()["version"] == "3.2.0"
    assert packaged.run("pair", "echo $SHELL_HOME")["stdout"].endswith("3.1.0\n")


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize("body,status,message", [
    ({}, 404, "Requested package undefined-undefined does not exist"),
    ({"language": "nope", "version": "1"}, 404, "Requested package nope-1 does not exist"),
    ({"language": "alpha", "version": "junk"}, 404, "Requested package alpha-junk does not exist"),
    ({"language": "../../etc", "version": "1"}, 404, "Requested package ../../etc-1 does not exist"),
    ({"language": "a;b", "version": "latest\n"}, 404, "Requested package a;b-latest\n does not exist"),
    ({"language": "x" * 300, "version": "*"}, 404, "Requested package " + "x" * 300 + "-* does not exist"),
])
def test_what_does_not_exist(packaged, method, body, status, message):
    answer = packaged.request(method, "/api/v2/packages", json.dumps(body), {"Content-Type": "application/json"})
    assert said(answer) == (status, message)


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_bodies_that_are_none(packaged, method):
    kind = {"Content-Type": "application/json"}
    assert packaged.request(method, "/api/v2/packages", "{", kind).status == 400
    assert packaged.request(method, "/api/v2/packages", "[1]", kind).status == 400
    assert packaged.request(method, "/api/v2/packages", "{}", {"Content-Type": "text/plain"}).status == 415


def test_readme_style_package(packaged, index):
    index.add("readme", "1.0.0", tar([
        ("package.json", json.dumps({"language": "readme", "version": "1.0.0", "aliases": ["rdm"], "runtime": "tool"})),
        ("bin/tool", '#!/bin/bash\necho "tool $1 $2"; echo $PATH; bash "$1"\n'), ("lib/libx.so", "x")]))
    assert install(packaged, "readme").status == 200
    out = packaged.run("rdm", "echo inner", args=["arg"])["stdout"].split("\n")
    assert out[0].endswith("arg") and out[1].startswith("/piston/packages/readme/1.0.0/bin:") and out[2] == "inner"


def test_links_inside_the_package_work(packaged, index):
    index.add("linked", "1.0.0", shell_package("linked", "1.0.0", ("lib/real/data", "data"), link("bin/tool", "../lib/real/tool"),
                                               ("lib/real/tool", "#!/bin/bash\ncat $SHELL_HOME/now/data"),
                                               link("now", "lib/real")))
    assert install(packaged, "linked").status == 200
    assert packaged.run("linked", "tool")["stdout"] == "data"


def test_packages_are_read_only_in_boxes(packaged, index):
    index.add("closed", "1.0.0", shell_package("closed", "1.0.0"))
    assert install(packaged, "closed").status == 200
    run = packaged.run("closed", 'echo x >$SHELL_HOME/run; touch $SHELL_HOME/new; rm -f $SHELL_HOME/run; ls -A /piston/packages; '
                                 'grep -c coderunr-tests /proc/self/mountinfo')
    assert run["stderr"].count("Read-only file system") == 3, run
    assert ".staging" not in run["stdout"].split()
    assert run["stdout"].split()[-1] == "0", "the host's path shows in mountinfo"


# ---- indexes and archives that are not as they should be ----


def test_index_out_of_reach(start_engine):
    gone = Index()
    gone.close()
    engine = start_engine(repo_url=gone.url + "/index")
    for answer in (ask(engine, "GET"), install(engine, "x"), uninstall(engine, "x")):
        status, message = said(answer)
        assert status == 502 and gone.url in message, message
    assert engine.request("GET", "/health").status == 200


def test_no_index(start_engine):
    engine = start_engine(repo_url="")
    assert said(ask(engine, "GET")) == (502, "no package index is configured: set repo_url")


def test_index_from_a_file(start_engine, tmp_path):
    archive = shell_package("local", "1.0.0")
    (tmp_path / "a.tar.gz").write_bytes(archive)
    (tmp_path / "index").write_text(f"local,1.0.0,{hashlib.sha256(archive).hexdigest()},a.tar.gz\n")
    for path in (tmp_path, *tmp_path.parents):
        path.chmod(path.stat().st_mode | 0o055)
    engine = start_engine(repo_url=f"file://{tmp_path}/index")
    assert install(engine, "local").status == 200
    assert engine.run("local", "echo here")["stdout"] == "here\n"


def test_wrong_checksum(packaged, index):
    archive = shell_package("wrong", "1.0.0")
    index.add("wrong", "1.0.0", archive, sum="ab" * 32)
    got = hashlib.sha256(archive).hexdigest()
    assert said(install(packaged, "wrong")) == (500, f"Checksum miss-match want: {'ab' * 32} got: {got}")
    assert "wrong" not in languages(packaged)


def test_archive_that_is_not_there(packaged, index):
    index.add("lost", "1.0.0", b"", url=index.url + "/nowhere")
    status, message = said(install(packaged, "lost"))
    assert status == 502 and "404" in message


def test_redirects(packaged, index):
    archive = shell_package("moved", "1.0.0")
    index.add("moved", "1.0.0", archive, url=index.url + "/moved")
    target = {"to": index.url + "/moved-1.0.0.pkg.tar.gz"}

    def redirect(handler):
        handler.send_response(302)
        handler.send_header("Location", target["to"])
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    index.hooks["/moved"] = redirect
    for refused in ("file:///etc/passwd", index.url + "/moved", "http://127.0.0.2:9/", "ftp://127.0.0.1/x"):
        good, target["to"] = target["to"], refused
        assert install(packaged, "moved").status == 502, refused
        target["to"] = good
    assert install(packaged, "moved").status == 200


def test_archive_larger_than_allowed(packaged, index):
    index.add("fat", "1.0.0", bytes(17 * 1024 * 1024))
    status, message = said(install(packaged, "fat"))
    assert status == 502 and "larger than" in message


def test_truncated_and_endless_answers(packaged, index):
    archive = shell_package("cut", "1.0.0")
    index.add("cut", "1.0.0", archive, url=index.url + "/cut")

    def cut(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(archive)))
        handler.end_headers()
        handler.wfile.write(archive[:100])
        handler.close_connection = True

    def endless(handler):
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.close_connection = True
        try:
            while True:
                handler.wfile.write(bytes(65536))
        except OSError:
            pass

    for hook in (cut, endless):
        index.hooks["/cut"] = hook
        assert install(packaged, "cut").status == 502, hook
    assert packaged.request("GET", "/health").status == 200


HOSTILE = {
    "zip_slip": [("../../evil", "x")],
    "absolute": [("/tmp/evil", "x")],
    "link_up": [link("out", "../../../../etc"), ("ok", "x")],
    "link_absolute": [link("out", "/root")],
    "link_into_another": [link("out", "../../other/1.0.0")],
    "link_then_entry": [link("d", "/tmp"), ("d/evil", "x")],
    "link_farm": [link(f"l{i}", "/proc/self/root") for i in range(1000)],
    "hard_link_out": [special("hard", tarfile.LNKTYPE, "/etc/passwd")],
    "device": [special("sda", tarfile.BLKTYPE)],
    "fifo": [special("pipe", tarfile.FIFOTYPE)],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archives(packaged, index, name):
    # Positive control: the same package without the hostile entries can be installed.
    plain = name.replace("_", "-")
    index.add(plain, "1.0.0", shell_package(plain, "1.0.0"))
    index.add(plain, "6.6.6", shell_package(plain, "6.6.6", *HOSTILE[name]))
    assert install(packaged, plain, "6.6.6").status == 500
    assert install(packaged, plain, "1.0.0").status == 200
    assert uninstall(packaged, plain, "1.0.0").status == 200


def test_bombs(packaged, index):
    index.add("bomb", "1.0.0", bomb(8 * 1024 ** 3 // 16))
    many = tar([(f"{i}", "") for i in range(70000)])
    index.add("crowd", "1.0.0", many)
    sparse = tarfile.TarInfo("sparse")
    sparse.size = 0
    index.add("nested", "1.0.0", shell_package("nested", "1.0.0", ("inner.tar.gz", bomb(64 * 1024 * 1024))))
    for name in ("bomb", "crowd"):
        begun = time.monotonic()
        assert install(packaged, name).status == 500
        assert time.monotonic() - begun < 20
    assert install(packaged, "nested").status == 200, "an archive in an archive is a file"


@pytest.mark.parametrize("archive", [b"", b"no archive", shell_package("x", "1.0.0")[:200]])
def test_damaged_archives(packaged, index, archive):
    name = "damaged" + hashlib.sha256(archive).hexdigest()[:6]
    index.add(name, "1.0.0", archive)
    status, message = said(install(packaged, name))
    assert status == 500 and "cannot be unpacked" in message


@pytest.mark.parametrize("entries,word", [
    ([("run", "x")], "pkg-info.json"), ([("pkg-info.json", "{"), ("run", "x")], "pkg-info.json"),
    ([("pkg-info.json", info("x", "1.0.0"))], "run script"), ([("pkg-info.json", "{}"), ("run", "x")], "language"),
])
def test_packages_without_what_they_need(packaged, index, entries, word):
    name = "lacking" + hashlib.sha256(repr(entries).encode()).hexdigest()[:6]
    index.add(name, "1.0.0", tar(entries))
    status, message = said(install(packaged, name))
    assert status == 500 and word in message, message
    assert (name, "1.0.0") not in installed(packaged)


def test_environment_runs_in_a_box(packaged, index):
    script = 'echo hacked >/piston/packages/evil; echo hacked >$PWD/mark; export WHO=$(id -u) SEES="$(ls /)" LANG=x\n' \
             'export NET=$( (echo >/dev/tcp/127.0.0.1/%s) 2>/dev/null && echo open)\n' % index.url.rsplit(":", 1)[1]
    index.add("env", "1.0.0", tar([("pkg-info.json", info("env", "1.0.0")), ("run", '#!/bin/bash\nenv\n'),
                                   ("environment", script)]))
    assert install(packaged, "env").status == 200
    out = dict(line.split("=", 1) for line in packaged.run("env", "x")["stdout"].splitlines() if "=" in line)
    assert out["LANG"] == "x" and out["WHO"] == "1000" or int(out["WHO"]) > 0
    assert out.get("NET", "") == "", "the script reached the network"


def test_environment_that_never_ends(start_engine, index):
    engine = start_engine(repo_url=index.url + "/index", package_timeout="2s")
    index.add("sleepy", "1.0.0", tar([("pkg-info.json", info("sleepy", "1.0.0")), ("run", "x"),
                                      ("environment", "while :; do sleep 1; done")]))
    begun = time.monotonic()
    assert install(engine, "sleepy").status == 500
    assert time.monotonic() - begun < 10


# ---- races ----


def test_one_install_of_ten_wins(packaged, index):
    path = index.add("race", "1.0.0", shell_package("race", "1.0.0"))
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: install(packaged, "race"), range(10)))
    assert sorted(answer.status for answer in answers) == [200] + [500] * 9
    assert {said(answer)[1] for answer in answers if answer.status == 500} == {"Already installed"}
    assert index.hits.count(path) == 1
    assert packaged.run("race", "echo once")["stdout"] == "once\n"


def test_different_packages_at_once(packaged, index):
    names = [f"many{i}" for i in range(6)]
    for name in names:
        index.add(name, "1.0.0", shell_package(name, "1.0.0"))
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        assert {answer.status for answer in pool.map(lambda name: install(packaged, name), names)} == {200}
        runs = list(pool.map(lambda name: packaged.run(name, "echo $PISTON_LANGUAGE")["stdout"], names))
        assert runs == [name + "\n" for name in names]
        assert {answer.status for answer in pool.map(lambda name: uninstall(packaged, name), names)} == {200}


def test_uninstall_under_running_jobs(packaged, index):
    index.add("busy", "1.0.0", shell_package("busy", "1.0.0", ("bin/late", "#!/bin/bash\necho late")))
    assert install(packaged, "busy").status == 200
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        runs = [pool.submit(packaged.run, "busy", "sleep 1.5; late; ls $SHELL_HOME | wc -l") for _ in range(8)]
        time.sleep(0.7)
        assert uninstall(packaged, "busy").status == 200
        assert packaged.execute("busy", "true").status == 400
        again = pool.submit(install, packaged, "busy")
        for run in runs:
            assert run.result()["stdout"] == "late\n4\n", run.result()
        assert again.result().status == 200
    assert packaged.run("busy", "late")["stdout"] == "late\n"


def test_no_job_is_lost_while_packages_change(packaged, index):
    index.add("churn", "1.0.0", shell_package("churn", "1.0.0"))
    index.add("steady", "1.0.0", shell_package("steady", "1.0.0"))
    assert install(packaged, "steady").status == 200
    stop, wrong, count = threading.Event(), [], [0]

    def work():
        while not stop.is_set():
            answer = packaged.execute("steady", "echo fine")
            count[0] += 1
            if answer.status != 200 or answer.json()["run"]["stdout"] != "fine\n":
                wrong.append(answer)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        assert install(packaged, "churn").status == 200
        assert uninstall(packaged, "churn").status == 200
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong and count[0] > 5
