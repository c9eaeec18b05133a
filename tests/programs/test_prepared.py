"""What is prepared for compilers: used, read-only, kept over a start, and never waited for."""
import os
import pathlib
import tempfile
import time

import pytest
from conftest import Engine

PROGRAM = "#include <bits/stdc++.h>\nint main() { std::cout << std::vector<int>{1, 2, 3}.size() << std::endl; }\n"
PRAGMAS = """#pragma GCC optimize("O3")
#pragma GCC target("avx2")
#include <iostream>
typedef int eight __attribute__((vector_size(32)));
eight twice(eight x) { return x + x; }
int main() { std::cout << "fine" << std::endl; }
"""
DEBUG = "#define _GLIBCXX_DEBUG 1\n#include <iostream>\n#include <vector>\nint main() { std::vector<int> v; int i = 3; return v[i]; }\n"


def compile_of(engine, source):
    answer = engine.execute("c++", [{"name": "main.cpp", "content": source}], cache=False)
    assert answer.status == 200, answer
    return answer.json()


def wait_until_prepared(engine, seconds=280):
    deadline = time.monotonic() + seconds
    while "prepared c++" not in engine.log() or "preparing" in engine.log().splitlines()[-1]:
        assert time.monotonic() < deadline, engine.log()
        assert "could not be prepared" not in engine.log()
        time.sleep(0.2)
    time.sleep(1)  # slots are made again


def show(engine, command):
    return engine.run("bash", command)


@pytest.fixture(name="prepared", scope="module")
def fixture_prepared():
    with tempfile.TemporaryDirectory(prefix="coderunr-tests-") as folder:
        engine = Engine(folder, prepare_runtimes="true")
        try:
            if not engine.has("c++"):
                pytest.skip("no runtime for c++ on this machine")
            assert compile_of(engine, PROGRAM)["run"]["stdout"] == "3\n"  # nobody waits for it
            wait_until_prepared(engine)
            yield engine
        finally:
            assert engine.stop() == 0


def test_is_used_and_saves_time(prepared, engine):
    plain = min(compile_of(engine, PROGRAM)["compile"]["cpu_time"] for _ in range(3))
    with_headers = min(compile_of(prepared, PROGRAM)["compile"]["cpu_time"] for _ in range(3))
    assert with_headers < 0.75 * plain


@pytest.mark.parametrize("source, outcome", [(PRAGMAS, "fine\n"), (PROGRAM, "3\n")], ids=["pragmas", "plain"])
def test_means_the_same(prepared, source, outcome):
    reply = compile_of(prepared, source)
    assert reply["run"]["stdout"] == outcome, reply


def test_macros_before_the_header_count(prepared):
    reply = compile_of(prepared, DEBUG)
    assert "out-of-bounds" in reply["run"]["stderr"] or reply["run"]["signal"] == "SIGABRT"


def test_diagnostics_are_the_same(prepared, engine):
    source = PROGRAM.replace("std::endl;", "std::nothing_of_the_kind;")
    assert compile_of(prepared, source)["compile"]["stderr"] == compile_of(engine, source)["compile"]["stderr"]


def test_is_read_only_and_nobodys(prepared):
    found = show(prepared, "cd /coderunr/prepared/c++-*/ && ls; touch x; echo >>iostream.gch; rm -f iostream.gch; ls")
    assert found["stdout"].split().count("iostream.gch") == 2
    assert "Read-only file system" in found["stderr"]
    assert "/tmp" not in show(prepared, "cat /proc/self/mountinfo | grep prepared")["stdout"].split(" - ")[0]


def test_java_is_quiet(prepared):
    if not prepared.has("java"):
        pytest.skip("no runtime for java on this machine")
    for row in prepared.runtimes():
        if row["language"] == "java":
            answer = prepared.execute("java", "class Main { public static void main(String[] a) { System.out.println(1); } }",
                                      version=row["version"], cache=False).json()
            assert answer["compile"]["output"] == "" and answer["run"]["stdout"] == "1\n", answer


def test_kept_over_a_start_and_made_anew_after_a_death():
    with tempfile.TemporaryDirectory(prefix="coderunr-tests-") as folder:
        runtimes = pathlib.Path(folder, "runtimes")
        runtimes.mkdir()
        (runtimes / "x.yaml").write_text(
            'language: x\ntitle: X\nfind: [bash]\nversion: { fixed: 1.0.0 }\n'
            'prepare: [/bin/sh, -ec, "echo made >what; test -z \\"$SLOW\\"; id -u >who; ls /proc/self/fd | wc -l >fds"]\n'
            'run: ["{tool}", "{main}", "{prepared}"]\nextensions: [sh]\n')
        data = pathlib.Path(folder, "data")
        (data / "prepared/leftover/of/another").mkdir(parents=True)
        (data / "prepared/.new").mkdir()
        for start in range(2):
            engine = Engine(data, prepare_runtimes="true", runtimes_directory=runtimes)
            try:
                deadline = time.monotonic() + 30
                while True:
                    found = engine.run("x", 'cat "$1/what" "$1/who" "$1/fds"')
                    if found["code"] == 0:
                        break
                    assert time.monotonic() < deadline, engine.log()
                    time.sleep(0.05)
                made, who, fds = found["stdout"].split()
                assert made == "made" and int(who) >= 65536 and int(fds) <= 4
                assert len(os.listdir(data / "prepared")) == 1
                assert ("preparing x" in engine.log()) is (start == 0)
            finally:
                assert engine.stop() == 0


def test_a_recipe_that_fails_costs_speed_only(own_engine):
    with tempfile.TemporaryDirectory(prefix="coderunr-tests-") as runtimes:
        pathlib.Path(runtimes, "x.yaml").write_text(
            'language: x\ntitle: X\nfind: [bash]\nversion: { fixed: 1.0.0 }\nprepare: [/bin/false]\n'
            'run: ["{tool}", "{main}", "{prepared}"]\nextensions: [sh]\n')
        engine = own_engine(prepare_runtimes="true", runtimes_directory=runtimes)
        deadline = time.monotonic() + 30
        while "could not be prepared" not in engine.log():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert engine.run("x", "echo $#")["stdout"] == "0\n"
