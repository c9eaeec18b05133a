"""`coderunr package`: what it asks of an engine, and archives that are the same twice.

The engine here is a small server that keeps a list and remembers what it was asked, in the answers of CodeRunr or of Piston;
packages of a real engine are tests/packages' business.
"""
import hashlib
import http.server
import io
import json
import tarfile
import threading
import time

import pytest
from cli_support import coderunr, one_sentence, write  # noqa: F401 (fixtures)

INDEX = [("python", "3.11.0"), ("python", "3.12.0"), ("python", "2.7.18"), ("node", "18.15.0"), ("c++", "10.2.0")]


class Packages(http.server.BaseHTTPRequestHandler):
    def reply(self, status, body=None):
        text = json.dumps(body).encode() if body is not None else b""
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        if self.server.broken:
            self.reply(502, {"message": "the index cannot be reached"})
        else:
            self.reply(200, [{"language": language, "language_version": version,
                              "installed": (language, version) in self.server.installed} for language, version in INDEX])

    def change(self, status, act):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert self.headers["Content-Type"] == "application/json"
        self.server.asked.append((self.command, body["language"], body["version"]))
        found = [row for row in INDEX if row[0] == body["language"] and body["version"] in ("*", row[1])]
        if not found:
            self.reply(404, {"message": f"Requested package {body['language']}-{body['version']} does not exist"})
            return
        act(found[0])
        self.reply(status, {"language": found[0][0], "version": found[0][1]} if status != 204 else None)

    def do_POST(self):
        self.change(201 if self.server.coderunr else 200, self.server.installed.add)

    def do_DELETE(self):
        self.change(204 if self.server.coderunr else 200, self.server.installed.discard)

    def log_message(self, *_):
        pass


@pytest.fixture(params=["coderunr", "piston"])
def host(request):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Packages) as server:
        server.coderunr = request.param == "coderunr"
        server.installed, server.asked, server.broken = set(), [], False
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def package(coderunr, host):
    def call(*words, name="package"):
        return coderunr(name, *words, env={"CODERUNR_URL": host.url})
    return call


def test_list(package, host, coderunr):
    host.installed.add(("python", "3.12.0"))
    rows = [line.split() for line in package("list").stdout.splitlines()]
    assert rows == [[*row, "installed" if row == ("python", "3.12.0") else "available"] for row in INDEX]
    for words in (("list", "node"), ("l", "-l", "node"), ("list", "--language=node")):
        assert package(*words).stdout.split() == ["node", "18.15.0", "available"]
    assert len(json.loads(package("list", "--json").stdout)) == len(INDEX)
    assert len(json.loads(coderunr("-u", host.url, "--output", "json", "ppman", "list", "python").stdout)) == 3


@pytest.mark.parametrize("name", ["package", "pkg", "ppman"])
def test_install_and_uninstall(package, host, name):
    done = package("install", "python", "node=18.15.0", "c++==10.2.0", name=name)
    assert done.returncode == 0
    assert done.stdout == "installed python 3.11.0\ninstalled node 18.15.0\ninstalled c++ 10.2.0\n"
    assert host.asked == [("POST", "python", "*"), ("POST", "node", "18.15.0"), ("POST", "c++", "10.2.0")]
    host.asked.clear()
    assert package("u", "node=18.15.0", name=name).stdout == "uninstalled node 18.15.0\n"
    assert host.asked == [("DELETE", "node", "18.15.0")]


def test_what_fails_is_said_and_the_rest_is_done(package, host):
    done = package("i", "perl", "python>=9", "node")
    assert done.returncode == 1
    assert done.stdout == "installed node 18.15.0\n"
    assert done.stderr == ("coderunr: could not install perl *: Requested package perl-* does not exist\n"
                           "coderunr: could not install python >=9: Requested package python->=9 does not exist\n")


def test_spec_only_adds(package, host, write):
    host.installed = {("node", "18.15.0"), ("python", "3.11.0")}
    done = package("spec", write("spec", "# ours\npython 3.x\nc* *\n"))
    assert done.returncode == 0
    assert host.asked == [("POST", "python", "3.12.0"), ("POST", "c++", "10.2.0")]


@pytest.mark.parametrize("words", [("ppman", "spec"), ("pkg", "s", "--prune")])
def test_spec_of_piston_takes_away_what_it_does_not_name(package, host, write, words):
    host.installed = {("node", "18.15.0"), ("python", "3.11.0"), ("c++", "10.2.0")}
    done = package(*words[1:], write("spec", "* *\n!node *\n! c++ 10.x\n"), name=words[0])
    assert done.returncode == 0
    assert host.asked == [("POST", "python", "3.12.0"), ("DELETE", "python", "3.11.0"), ("DELETE", "node", "18.15.0"),
                          ("DELETE", "c++", "10.2.0")]


def test_ppman_spec_can_be_told_to_keep(package, host, write):
    host.installed = {("node", "18.15.0")}
    assert package("spec", "--keep", write("spec", "python 2.x"), name="ppman").returncode == 0
    assert host.asked == [("POST", "python", "2.7.18")]


def test_spec_that_is_wrong_changes_nothing(package, host, write):
    for text, says in (("python 3.x\nnode", "spec:2: node needs"), ("python latest", "spec:1: latest is no range")):
        done = package("spec", write("spec", text))
        assert done.returncode == 2
        assert one_sentence(done.stderr) and says in done.stderr
    assert host.asked == []


def test_spec_names_what_the_index_lacks(package, host, write):
    done = package("spec", write("spec", "perl *\npython 3.x\n"))
    assert done.returncode == 1
    assert "spec:1: the index has no package perl *" in done.stderr
    assert host.asked == [("POST", "python", "3.12.0")]


def test_spec_waits_for_the_engine(coderunr, write):
    name = write("spec", "python *")
    start = time.monotonic()
    done = coderunr("package", "spec", "--wait", "700ms", name, env={"CODERUNR_URL": "http://127.0.0.1:1"})
    assert done.returncode == 125
    assert 0.7 <= time.monotonic() - start < 5


def test_index_that_cannot_be_reached(package, host, write):
    host.broken = True
    done = package("list")
    assert (done.returncode, done.stderr) == (125, "coderunr: the index cannot be reached\n")


# ---- build -----------------------------------------------------------------------------------------------------------

METADATA = '{"language": "hello", "version": "1.2.3", "aliases": ["hi"]}'


@pytest.fixture
def source(write):
    write("hello/metadata.json", METADATA)
    write("hello/run", "echo hello\n")
    write("hello/build.sh", "mkdir -p bin && echo made > bin/made && echo noise\n")
    write("hello/.env", "SECRET=1\n")
    write("hello/.ppman-installed", "1\n")
    return "hello"


def test_build(coderunr, source, tmp_path):
    done = coderunr("package", "build", source, "--base-url", "http://127.0.0.1:8000/x")
    assert done.returncode == 0, done.stderr
    path = tmp_path / "hello-1.2.3.pkg.tar.gz"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert done.stdout == f"hello,1.2.3,{digest},http://127.0.0.1:8000/x/hello-1.2.3.pkg.tar.gz\n"
    with tarfile.open(path) as archive:
        names = archive.getnames()
        info = json.load(archive.extractfile("./pkg-info.json"))
        assert archive.extractfile("./bin/made").read() == b"made\n"
        assert {(member.uid, member.gid, member.mtime) for member in archive.getmembers()} == {(0, 0, 0)}
    assert names == sorted(names)
    assert "./.env" not in names and "./.ppman-installed" not in names
    assert {key: info[key] for key in ("language", "version", "aliases")} == json.loads(METADATA)
    assert info["build_platform"].startswith("linux/")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["hello", "hello-1.2.3.pkg.tar.gz"]
    assert not (tmp_path / "hello/bin").exists()


def test_build_is_the_same_twice(coderunr, source, tmp_path):
    lines, bodies = set(), set()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / "hello/run").touch()
        lines.add(coderunr("pkg", "b", source, "-o", name).stdout)
        bodies.add((tmp_path / name / "hello-1.2.3.pkg.tar.gz").read_bytes())
    assert len(lines) == len(bodies) == 1


def test_build_without_its_script(coderunr, source, tmp_path):
    assert coderunr("package", "build", "--no-script", "--platform=docker-debian", source).returncode == 0
    with tarfile.open(fileobj=io.BytesIO((tmp_path / "hello-1.2.3.pkg.tar.gz").read_bytes())) as archive:
        assert "./bin/made" not in archive.getnames()
        assert json.load(archive.extractfile("./pkg-info.json"))["build_platform"] == "docker-debian"


@pytest.mark.parametrize("name, content, says", [
    ("metadata.json", "{", "metadata.json:1:"),
    ("metadata.json", '{"version": "1.0.0"}', '"language"'),
    ("metadata.json", '{"language": "../x", "version": "1.0.0"}', '"language"'),
    ("metadata.json", '{"language": "a,b", "version": "1.0.0"}', '"language"'),
    ("metadata.json", '{"language": "a", "version": "1.0"}', '"version"'),
    ("metadata.json", '{"language": "a", "version": "1.0.0-/x"}', '"version"'),
    ("other.json", "{}", "holds no metadata.json"),
    ("build.sh", "exit 3\n", "build.sh failed"),
])
def test_build_that_fails_leaves_nothing(coderunr, write, tmp_path, name, content, says):
    if name == "build.sh":
        write("a/metadata.json", '{"language": "a", "version": "1.0.0"}')
    write(f"a/{name}", content)
    done = coderunr("package", "build", "a")
    assert done.returncode == 1
    assert says in done.stderr.splitlines()[-1]
    assert done.stdout == ""
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]
