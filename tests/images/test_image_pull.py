"""`coderunr image`: what is pulled is whole, by digest, root's and harmless; what is not says one sentence and leaves nothing."""
import gzip
import json
import os
import pathlib
import random
import signal
import stat
import subprocess
import tarfile
import threading
import time

import pytest
from images_support import (DOCKER, MANIFEST, busybox_tree, clean_environment, device, file, folder, hard_link,  # noqa: F401
                            image, link, pull, registry, tar, words)

KILLS = 20


@pytest.fixture()
def data(tmp_path):
    os.chmod(tmp_path, 0o755)
    return tmp_path / "data"


def files_of(data, digest):
    return data / "images/roots" / digest / "files"


def pulled(data, name, *more):
    status, out, err = pull(data, name, *more)
    assert status == 0, err
    assert err == ""
    full, digest = out.split()
    assert full == name
    return files_of(data, digest)


def assert_refused(data, name, sentence, *more):
    status, out, err = pull(data, name, *more)
    assert (status, out) == (1, ""), (out, err)
    assert err.startswith("coderunr: ") and err.count("\n") == 1 and sentence in err, err
    assert leftovers(data) == []


def leftovers(data):
    """What is there beside whole images."""
    names = {path.read_text().strip() for path in (data / "images/names").iterdir()}
    roots = [path.name for path in (data / "images/roots").iterdir() if path.name not in names]
    return roots + [path.name for path in (data / "images").iterdir() if path.name not in ("names", "roots", "lock")]


def test_an_image_is_pulled_listed_and_removed(registry, data):
    name = registry.push("box", busybox_tree(), [file("etc/second", "layer\n")], env=["A=1", "HOME=/root", "PATH=/bin"])
    files = pulled(data, name)
    assert (files / "etc/of-the-image").read_text() == "yes\n"
    assert (files / "etc/second").read_text() == "layer\n"
    assert (files.parent / "env").read_text() == "A=1\nPATH=/bin\n"
    assert pulled(data, name) == files
    status, out, _ = image(data, "list")
    assert status == 0 and name in out.splitlines()[1] and files.parent.name[:19] in out
    rows = json.loads(image(data, "list", "--json")[1])
    assert [(row["name"], row["digest"]) for row in rows] == [(name, files.parent.name)]
    assert rows[0]["bytes"] > 100_000
    assert image(data, "remove", name) == (0, "", "")
    assert not files.exists() and leftovers(data) == []
    assert json.loads(image(data, "list", "--json")[1]) == []
    status, _, err = image(data, "remove", name)
    assert status == 1 and "there is no image" in err


def test_two_names_of_one_image_are_one_folder(registry, data):
    one = registry.push("one", busybox_tree())
    two = registry.push("two", busybox_tree(), tag="7", indexed=True)
    files = pulled(data, one)
    assert pulled(data, two) == files
    assert image(data, "remove", one)[0] == 0
    assert files.exists()
    assert image(data, "remove", two)[0] == 0
    assert not files.exists()


@pytest.mark.parametrize("indexed", [False, True])
def test_images_in_dockers_own_form(registry, data, indexed):
    name = registry.push("docker", busybox_tree(), [file("etc/second", "layer\n")], env=["A=1"], kinds=DOCKER, indexed=indexed)
    files = pulled(data, name)
    assert (files / "etc/second").read_text() == "layer\n"
    assert (files.parent / "env").read_text() == "A=1\n"


def test_a_tag_that_moved_takes_the_new_image(registry, data):
    name = registry.push("moving", busybox_tree(file("etc/state", "old")))
    old = pulled(data, name)
    registry.push("moving", busybox_tree(file("etc/state", "new")))
    new = pulled(data, name)
    assert (new / "etc/state").read_text() == "new"
    assert not old.exists()


def test_whiteouts_of_later_layers_count(registry, data):
    name = registry.push("white", busybox_tree(folder("opt"), file("opt/a", "a"), file("opt/b", "b")),
                         [file("opt/.wh.a", "")], [file("etc/.wh..wh..opq", ""), file("etc/new", "new")])
    files = pulled(data, name)
    assert sorted(path.name for path in (files / "opt").iterdir()) == ["b"]
    assert sorted(path.name for path in (files / "etc").iterdir()) == ["new"]


def test_files_become_roots_and_lose_their_powers(registry, data):
    setuid = file("bin/setuid", "x", 0o6755)
    setuid[0].uid = 0
    owned = file("etc/owned", "x", 0o640)
    owned[0].uid, owned[0].gid = 1234, 1234
    name = registry.push("powers", busybox_tree(setuid, owned, folder("srv", 0o3777), folder("dev"), folder("tmp", 0o1777),
                                                file("tmp/left", "x"), device("dev/mem", 1, 1), device("srv/mem", 1, 1),
                                                device("srv/disk", 7, 0, tarfile.BLKTYPE),
                                                device("srv/fifo", 0, 0, tarfile.FIFOTYPE)))
    files = pulled(data, name)
    for path in [files, *files.rglob("*")]:
        seen = path.lstat()
        assert (seen.st_uid, seen.st_gid) == (0, 0), path
        assert not seen.st_mode & 0o7000 or path.is_symlink(), path
        assert stat.S_ISREG(seen.st_mode) or stat.S_ISDIR(seen.st_mode) or stat.S_ISLNK(seen.st_mode), path
    assert not (files / "dev").exists() and not (files / "tmp").exists()


# What leads out of the folder: each entry is unpacked inside it or refused, and the host's file stays as it is.
def hostile_rows(victim):
    up = "../" * 12
    return {
        "name-up": [file(f"{up}{victim.lstrip('/')}", "bad")],
        "name-absolute": [file(victim, "bad")],
        "link-absolute": [link("out", os.path.dirname(victim)), file(f"out/{os.path.basename(victim)}", "bad")],
        "link-up": [link("out", f"{up}{os.path.dirname(victim).lstrip('/')}"), file(f"out/{os.path.basename(victim)}", "bad")],
        "link-to-the-file": [link("out", victim), file("out", "bad")],
        "hard-link": [hard_link("out", victim), file("out", "bad")],
        "hard-link-up": [hard_link("out", f"{up}{victim.lstrip('/')}"), file("out", "bad")],
        "root-is-a-link": [link(".", os.path.dirname(victim)), file(os.path.basename(victim), "bad")],
        "whiteout-up": [file(f"{up}{os.path.dirname(victim).lstrip('/')}/.wh.{os.path.basename(victim)}", "")],
        "whiteout-of-up": [file("bin/.wh...", "")],
        "whiteout-of-self": [file("bin/.wh..", "")],
    }


@pytest.mark.parametrize("row", sorted(hostile_rows("/x/y")))
def test_no_entry_leads_out(registry, data, tmp_path, row):
    victim = tmp_path / "victim" / "file"
    victim.parent.mkdir()
    victim.write_text("good")
    os.chmod(victim.parent, 0o777)
    os.chmod(victim, 0o666)
    name = registry.push(row, busybox_tree(*hostile_rows(str(victim))[row]))
    status, _, err = pull(data, name)
    assert status in (0, 1), err
    assert victim.read_text() == "good"
    assert sorted(path.name for path in victim.parent.iterdir()) == ["file"]
    assert victim.stat().st_nlink == 1
    assert leftovers(data) == []


def test_what_is_too_large_is_refused(registry, data):
    zeros = 64 * 1024 * 1024
    name = registry.push("bomb", busybox_tree(file("zeros", bytes(zeros))))
    assert len(gzip.compress(bytes(zeros))) < 1024 * 1024
    assert_refused(data, name, "cannot unpack", "--image-size-limit=16MiB")
    many = [file(f"many/{i}", bytes(65536)) for i in range(400)]
    name = registry.push("many", busybox_tree(folder("many"), *many))
    assert_refused(data, name, "image_size_limit", "--image-size-limit=16MiB")
    assert pulled(data, name, "--image-size-limit=64MiB").exists()


def refuse(handler, status, body=b""):
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def test_a_registry_that_says_nothing_is_given_up(registry, data):
    name = registry.push("silent", busybox_tree())
    layer = json.loads(registry.manifests["silent", "latest"][1])["layers"][0]["digest"]
    let_go = threading.Event()

    def silent(handler):
        if "blobs" in handler.path:
            handler.send_response(200)
            handler.send_header("Content-Length", "1000000")
            handler.end_headers()
            handler.wfile.flush()
        let_go.wait(60)
        handler.close_connection = True

    for path in (f"/v2/silent/blobs/{layer}", "/v2/"):
        registry.hooks[path] = silent
        try:
            begun = time.monotonic()
            assert_refused(data, name, "nothing came for 2 s", "--package-timeout=2s")
            assert time.monotonic() - begun < 30
        finally:
            del registry.hooks[path]
    let_go.set()
    assert pulled(data, name).exists()


def test_failures_are_one_sentence(registry, data):
    assert_refused(data, f"{registry.host}/none:1", "cannot fetch")
    assert_refused(data, "127.0.0.1:9/none:1", "connection refused")
    name = registry.push("other", busybox_tree(), machine="s390x")
    assert_refused(data, name, "it is for s390x")
    name = registry.push("broken", b"this is no tar archive, however one looks at it" * 100)
    assert_refused(data, name, "cannot unpack")
    name = registry.push("lying", busybox_tree())
    layer = json.loads(registry.manifests["lying", "latest"][1])["layers"][0]["digest"]
    registry.blobs[layer] = registry.blobs[layer][:-1] + b"x"
    assert_refused(data, name, "cannot fetch")
    del registry.blobs[layer]
    assert_refused(data, name, "cannot fetch")
    registry.manifests["odd", "latest"] = (MANIFEST, b"[]")
    assert_refused(data, f"{registry.host}/odd:latest", "cannot fetch")
    registry.manifests["huge", "latest"] = (MANIFEST, b"{" + b" " * (64 * 1024 * 1024) + b"}")
    assert_refused(data, f"{registry.host}/huge:latest", "cannot fetch")


@pytest.mark.parametrize("words_", [["pull"], ["pull", "a", "b"], ["pull", "-x"], ["pull", "a b"], ["pull", "../a"], ["push", "a"],
                                    [], ["remove"], ["list", "a"]])
def test_words_that_are_none(data, words_):
    status, out, err = image(data, *words_)
    assert (status, out) == (2, ""), err
    assert err.startswith("coderunr: ") and err.count("\n") == 1
    assert not data.exists()


def test_only_root_pulls(registry, data):
    done = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", *words(data, "pull", "a")], capture_output=True,
                          text=True, env=clean_environment())
    assert done.returncode == 1 and "run it with sudo" in done.stderr


def test_passwords_are_lent_and_taken_back(registry, data, tmp_path):
    name = registry.push("secret", busybox_tree())

    def challenge(handler):
        if not handler.headers.get("Authorization"):
            handler.send_response(401)
            handler.send_header("WWW-Authenticate", 'Basic realm="here"')
            handler.send_header("Content-Length", "0")
            handler.end_headers()
        else:
            refuse(handler, 200, b"{}")

    auth = tmp_path / "auth.json"
    auth.write_text(json.dumps({"auths": {registry.host: {"auth": "dXNlcjpwYXNz"}}}))
    auth.chmod(0o600)
    manifest = registry.manifests["secret", "latest"]

    def guarded(handler):
        if handler.headers.get("Authorization") != "Basic dXNlcjpwYXNz":
            refuse(handler, 401)
            return
        handler.send_response(200)
        handler.send_header("Content-Type", manifest[0])
        handler.send_header("Content-Length", str(len(manifest[1])))
        handler.end_headers()
        handler.wfile.write(manifest[1])

    registry.hooks["/v2/"] = challenge
    registry.hooks["/v2/secret/manifests/latest"] = guarded
    try:
        assert_refused(data, name, "cannot fetch")
        assert pulled(data, name, f"--authfile={auth}").exists()
    finally:
        registry.hooks.clear()
    assert not [path for path in data.rglob("*") if path.name == "auth.json"]


def mounts_and_processes(data):
    mounts = [line for line in pathlib.Path("/proc/self/mounts").read_text().splitlines() if str(data) in line]
    busy = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words_ = path.read_bytes()
        except OSError:
            continue
        if b"/tmp/oci:image" in words_ or str(data).encode() in words_:
            busy.append(words_)
    return mounts + busy


def test_killed_at_any_point_it_is_whole_or_not_there(registry, data):
    """SIGKILL to `image pull` at 20 points of its time: no half image, no process, no mount; the next pull mends all."""
    many = [file(f"many/{i}", os.urandom(3000)) for i in range(1500)]
    name = registry.push("killed", busybox_tree(folder("many"), *many))
    started = time.monotonic()
    files = pulled(data, name)
    takes = time.monotonic() - started
    whole = sorted(str(path.relative_to(files)) for path in files.rglob("*"))
    assert image(data, "remove", name)[0] == 0
    chance = random.Random(5)
    ended_early = 0
    for i in range(KILLS):
        process = subprocess.Popen(words(data, "pull", name, "--plain-http"), env=clean_environment(),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(takes * (i + chance.random()) / KILLS)
        process.send_signal(signal.SIGKILL)
        ended_early += process.wait() == -signal.SIGKILL
        listed = json.loads(image(data, "list", "--json")[1])
        if listed:
            found = files_of(data, listed[0]["digest"])
            assert sorted(str(path.relative_to(found)) for path in found.rglob("*")) == whole
            assert image(data, "remove", name)[0] == 0
    deadline = time.monotonic() + 20
    while mounts_and_processes(data) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert mounts_and_processes(data) == []
    assert ended_early > KILLS // 2
    files = pulled(data, name)
    assert sorted(str(path.relative_to(files)) for path in files.rglob("*")) == whole
    assert leftovers(data) == []


def test_two_pulls_at_once_wait_for_each_other(registry, data):
    names = [registry.push(f"race{i % 2}", busybox_tree(file("etc/n", str(i % 2)))) for i in range(4)]
    running = [subprocess.Popen(words(data, "pull", name, "--plain-http"), env=clean_environment(), stderr=subprocess.PIPE)
               for name in names]
    for process in running:
        err = process.communicate(timeout=120)[1]
        assert process.returncode == 0, err
    assert len(json.loads(image(data, "list", "--json")[1])) == 2
    assert leftovers(data) == []


def test_the_disk_full_leaves_nothing(registry, data, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=0755", "tmpfs", disk], check=True)
    try:
        name = registry.push("full", busybox_tree(file("blob", os.urandom(6 * 1024 * 1024))))
        assert_refused(disk / "data", name, "no space left")
    finally:
        subprocess.run(["umount", disk], check=True)
