"""The three packages of packages/: built by the command line, installed over HTTP, run."""
import subprocess

import pytest
from conftest import BINARY
from packages_support import ROOT, index, install, installed, packaged, uninstall  # noqa: F401

OURS = [
    ("brainfuck", ["brainfuck", "bf"], "test.bf"),
    ("rpn", ["rpn", "reverse-polish"], "test.rpn"),
    ("textools", ["posix-awk", "tawk"], "test.awk"),
    ("textools", ["posix-sed", "tsed"], "test.sed"),
]


def build(folder, name, *words):
    done = subprocess.run([BINARY, "package", "build", *words, "--output", folder, ROOT / "packages" / name / "1.0.0"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def ours(packaged, index, tmp_path_factory):
    folder = tmp_path_factory.mktemp("archives")
    for name in {name for name, _, _ in OURS}:
        line = build(folder, name, "--base-url", index.url)
        assert line.startswith(f"{name},1.0.0,")
        file = f"{name}-1.0.0.pkg.tar.gz"
        index.lines.append(line)
        index.files["/" + file] = (folder / file).read_bytes()
        answer = install(packaged, name, "1.x")
        assert (answer.status, answer.json()) == (200, {"language": name, "version": "1.0.0"}), answer
    return packaged


@pytest.mark.parametrize("name,languages,test", OURS)
def test_prints_ok(ours, name, languages, test):
    source = (ROOT / "packages" / name / "1.0.0" / test).read_text()
    for language in languages:
        answer = ours.execute(language, [{"name": test, "content": source}], stdin="line\n")
        assert answer.status == 200, answer
        assert answer.json()["run"]["stdout"].strip() == "OK", answer
        assert answer.json()["language"] == languages[0]
        assert ("compile" in answer.json()) == (name == "rpn")


def test_runtimes_tell_the_package_of_several_languages(ours):
    rows = {row["language"]: row for row in ours.runtimes()}
    assert rows["posix-awk"] == {"language": "posix-awk", "version": "1.0.0", "aliases": ["tawk"],
                                 "runtime": "textools"}
    assert "runtime" not in rows["rpn"]


def test_input_and_arguments(ours):
    assert ours.run("bf", ",+.,+.", stdin="HM")["stdout"] == "IN"
    assert ours.run("rpn", "arg1 arg2 * print", args=["6", "7"])["stdout"] == "42\n"
    assert ours.run("tawk", "{ print toupper($0) }", stdin="abc\n")["stdout"] == "ABC\n"


def test_compile_stage_that_fails_ends_the_job(ours):
    answer = ours.execute("rpn", [{"name": "a.rpn", "content": "1 what"}]).json()
    assert answer["compile"]["code"] == 1
    assert "a.rpn:1: what is what?" in answer["compile"]["stderr"]
    assert answer["run"]["stdout"] == ""


def test_every_code_file_reaches_the_compiler(ours):
    files = [{"name": "a.rpn", "content": "1 print"}, {"name": "b.rpn", "content": "2 print"}]
    assert ours.run("rpn", files)["stdout"] == "1\n2\n"


def test_limits_of_the_package(ours):
    assert ours.execute("bf", "+.", run_timeout=5000).status == 200
    answer = ours.execute("bf", "+.", run_timeout=5001)
    assert (answer.status, answer.json()["message"]) == (
        400, "run_timeout cannot exceed the configured limit of 5000")
    assert ours.execute("tsed", "p", run_timeout=2001).status == 400
    assert ours.execute("tawk", "{}", run_timeout=3000).status == 200


def test_all_languages_leave_together(ours):
    assert uninstall(ours, "textools", "1.0.0").status == 200
    assert not {"posix-awk", "posix-sed"} & {row["language"] for row in ours.runtimes()}
    answer = ours.execute("tsed", "p")
    assert (answer.status, answer.json()["message"]) == (400, "tsed-* runtime is unknown")
    assert install(ours, "textools").status == 200
    assert ours.run("tsed", "s/a/b/", stdin="a\n")["stdout"] == "b\n"
    assert ("textools", "1.0.0") in installed(ours)


