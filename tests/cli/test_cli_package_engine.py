"""`coderunr package` from source to program: built here, served on loopback, installed by an engine, run, and taken away again."""
import functools
import http.server
import json
import threading

import pytest
from cli_support import ROOT, coderunr, write  # noqa: F401 (fixtures)

SOURCES = sorted(path for path in (ROOT / "packages").glob("*/*") if (path / "metadata.json").exists())

PROGRAMS = [("bf", "brainfuck/1.0.0/test.bf"), ("rpn", "rpn/1.0.0/test.rpn"), ("tawk", "textools/1.0.0/test.awk"),
            ("posix-sed", "textools/1.0.0/test.sed")]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """A folder that is served; its URL."""
    folder = tmp_path_factory.mktemp("shelf")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def host(start_engine, shelf):
    return start_engine(repo_url=shelf[1] + "/index")


def test_from_source_to_program(coderunr, host, shelf, write):
    folder, url = shelf
    assert len(SOURCES) >= 3
    lines = []
    for source in SOURCES:
        done = coderunr("package", "build", "-o", str(folder), "--base-url", url, str(source))
        assert done.returncode == 0, done.stderr
        lines.append(done.stdout)
    (folder / "index").write_text("".join(lines))

    def call(*words, **options):
        return coderunr("-u", host.url, *words, **options)

    names = [json.loads((source / "metadata.json").read_text())["language"] for source in SOURCES]
    listed = call("package", "list")
    assert [line.split()[0::2] for line in listed.stdout.splitlines()] == [[name, "available"] for name in names], listed
    assert call("package", "install", names[0], timeout=120).stdout.startswith(f"installed {names[0]} ")
    again = call("package", "install", names[0])
    assert (again.returncode, again.stderr.endswith(": Already installed\n")) == (1, True), again
    done = call("ppman", "spec", write("spec", f"* *\n!{names[0]} *\n"), timeout=120)
    assert done.returncode == 0, done.stderr
    assert sorted(line.split()[0] for line in done.stdout.splitlines()) == ["installed"] * (len(names) - 1) + ["uninstalled"]
    done = call("package", "spec", write("spec", "* *\n"), timeout=120)
    assert done.stdout.startswith(f"installed {names[0]} "), done
    for language, test in PROGRAMS:
        ran = call("execute", "-i", language, str(ROOT / "packages" / test), stdin="line\n")
        assert ran.stdout.strip() == "OK", ran
    assert call("package", "uninstall", *names).returncode == 0
    assert {line.split()[2] for line in call("package", "list").stdout.splitlines()} == {"available"}
    assert not {row["language"] for row in host.runtimes()} & set(names)


def test_index_that_is_not_there(coderunr, start_engine):
    host = start_engine(repo_url="http://127.0.0.1:1/index")
    done = coderunr("package", "list", env={"CODERUNR_URL": host.url})
    assert done.returncode == 125
    assert done.stderr.count("\n") == 1
