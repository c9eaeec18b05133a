"""The compile cache through the doors: what is answered is the same, warm and cold, and nothing is answered for anything else."""
import concurrent.futures
import os
import pathlib
import signal
import subprocess
import tempfile
import time

import pytest
from conftest import Engine
from jobs_support import pids, program, run

ECHO = '#include <stdio.h>\nint main(int n, char **v) { int c; while ((c = getchar()) > 0) putchar(c); ' \
       'if (n > 1) puts(v[1]); return 0; }\n'
WARNS = "int main(void) { int unused; return 7; }\n#warning careful\n"


def execute(engine, content=ECHO, **fields):
    answer = engine.execute("c", content, timing=True, **fields)
    assert answer.status == 200, answer
    return answer.json()


def cached(reply):
    return reply["timing"]["compile"]["cached"]


def files_of(engine):
    folder = next(word.split("=", 1)[1] for word in engine.process.args if str(word).startswith("--data-directory="))
    return sorted(pathlib.Path(folder, "cache").iterdir())


def settled(engine, n):
    """The files of the cache once there are @n: they are written after the answer."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        found = [path for path in files_of(engine) if len(path.name) == 64]
        if len(found) == n:
            return found
        time.sleep(0.02)
    raise AssertionError(f"{files_of(engine)} instead of {n} files")


def told(reply):
    """All of an answer that must not depend on the cache: not how long the program took this time."""
    return {stage: {key: value for key, value in reply[stage].items()
                    if stage == "compile" or key not in ("cpu_time", "wall_time", "memory")}
            for stage in ("compile", "run")}


@pytest.fixture(autouse=True)
def fixture_needs_c(need):
    need("c")


def test_the_same_answer_warm_and_cold(own_engine):
    engine = own_engine()
    for content, fields in [(ECHO, {"stdin": "some\ninput"}), (ECHO, {"args": ["an argument"]}), (WARNS, {})]:
        first = execute(engine, content, **fields)
        again = execute(engine, content, **fields)
        cold = execute(engine, content, cache=False, **fields)
        assert cached(again) and not cached(cold)
        assert told(first) == told(again)
        usage = ("cpu_time", "wall_time", "memory")
        strip = [{key: value for key, value in reply["compile"].items() if key not in usage} for reply in (again, cold)]
        assert strip[0] == strip[1]
        assert first["compile"]["wall_time"] == again["compile"]["wall_time"]  # that of the original
    assert "careful" in again["compile"]["stderr"] and again["run"]["code"] == 7


def test_one_program_many_inputs(own_engine):
    engine = own_engine()
    replies = [execute(engine, stdin=f"input {i}\n") for i in range(20)]
    assert [cached(reply) for reply in replies] == [False] + [True] * 19
    assert [reply["run"]["stdout"] for reply in replies] == [f"input {i}\n" for i in range(20)]


@pytest.mark.parametrize("fields", [
    {"content": ECHO + "\n"},
    {"content": [{"name": "other.c", "content": ECHO}]},
    {"content": [{"name": "main.c", "content": ECHO}, {"name": "x.h", "content": "int x;"}]},
    {"compile_timeout": 9000},
    {"compile_memory_limit": 400000000},
    {"compile_cpu_time": 9000},
], ids=["content", "name", "files", "timeout", "memory", "cpu"])
def test_whatever_differs_is_compiled(engine, fields):
    execute(engine, [{"name": "main.c", "content": ECHO}])
    assert cached(execute(engine, [{"name": "main.c", "content": ECHO}]))
    assert not cached(execute(engine, **fields))
    assert cached(execute(engine, **fields))


def test_what_the_run_differs_in_is_no_matter(own_engine):
    engine = own_engine()
    execute(engine)
    assert cached(execute(engine, run_timeout=1000, run_memory_limit=60000000, args=["x"], stdin="y"))


def test_a_source_that_reads_stdin(own_engine):
    engine = own_engine()
    source = '#include <stdio.h>\nint main(void) { printf("%s\\n", (const char *)\n#include "/dev/stdin"\n); return 0; }\n'
    for word in ("one", "two", "one"):
        reply = execute(engine, source, stdin=f'"{word}"')
        assert reply["run"]["stdout"] == word + "\n"
        assert not cached(reply)


def test_failures_are_compiled_again(engine):
    for _ in range(2):
        reply = execute(engine, "int main(void) { nothing of the kind; }\n")
        assert reply["compile"]["code"] == 1 and not cached(reply)


def test_opt_out_keeps_nothing(own_engine):
    engine = own_engine()
    assert not cached(execute(engine, cache=False))
    assert not cached(execute(engine))
    assert cached(execute(engine))
    settled(engine, 1)


def test_many_of_one_at_once_compile_once(own_engine):
    engine = own_engine()
    source = "#include <stdio.h>\n" + "".join(f"int f{i}(int x) {{ return x * {i}; }}\n" for i in range(400)) \
             + 'int main(void) { puts("big"); return 0; }\n'
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        replies = list(pool.map(lambda _: execute(engine, source), range(12)))
    assert [reply["run"]["stdout"] for reply in replies] == ["big\n"] * 12
    assert sum(not cached(reply) for reply in replies) == 1


def test_survives_the_engine_and_its_death():
    with tempfile.TemporaryDirectory(prefix="coderunr-tests-") as folder:
        engine = Engine(folder)
        execute(engine)
        kept = settled(engine, 1)
        assert all(path.stat().st_mode & 0o777 == 0o600 for path in kept)
        for pid in pids(engine, "runner"):
            os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while True:  # a new runner takes a moment
            try:
                assert cached(execute(engine))
                break
            except (AssertionError, OSError):
                assert time.monotonic() < deadline
                time.sleep(0.1)
        assert engine.stop() == 0
        engine = Engine(folder)
        try:
            assert cached(execute(engine))
        finally:
            assert engine.stop() == 0


def test_a_broken_file_is_a_miss():
    with tempfile.TemporaryDirectory(prefix="coderunr-tests-") as folder:
        engine = Engine(folder)
        execute(engine)
        kept, = settled(engine, 1)
        assert engine.stop() == 0
        content = bytearray(kept.read_bytes())
        content[-100] ^= 1
        kept.write_bytes(content)
        engine = Engine(folder)
        try:
            reply = execute(engine, stdin="fine")
            assert not cached(reply) and reply["run"]["stdout"] == "fine\n"
            assert "is broken" in engine.log()
            assert cached(execute(engine))
            kept, = settled(engine, 1)
            assert kept.read_bytes() != bytes(content)
        finally:
            assert engine.stop() == 0


def test_a_changed_manifest_is_a_miss():
    with tempfile.TemporaryDirectory(prefix="coderunr-tests-") as folder:
        engine = Engine(folder)
        execute(engine)
        settled(engine, 1)
        assert engine.stop() == 0
        copy = pathlib.Path(folder, "c.yaml")
        source = pathlib.Path(__file__).parents[2] / "runtimes/c.yaml"
        copy.write_text(source.read_text().replace("-O2", "-O1"))
        engine = Engine(folder, runtimes_directory=folder)
        try:
            assert not cached(execute(engine))
        finally:
            assert engine.stop() == 0


@pytest.fixture(name="toolchain")
def fixture_toolchain():
    """A compiler of our own, beside the host's."""
    with tempfile.TemporaryDirectory(prefix="coderunr-tests-", dir="/opt") as folder:
        os.chmod(folder, 0o755)
        write_compiler(folder, "one")
        pathlib.Path(folder, "x.yaml").write_text(
            f'language: x\ntitle: X\nfind: ["{folder}/cc"]\nversion: {{ fixed: 1.0.0 }}\nextensions: [x]\n'
            'compile: ["{tool}", "{main}"]\nrun: [/bin/cat, a.out]\n')
        yield pathlib.Path(folder)


def write_compiler(folder, word):
    fresh = pathlib.Path(folder, "fresh")
    fresh.write_text(f"#!/bin/sh\necho {word} >a.out\n")
    fresh.chmod(0o755)
    fresh.rename(pathlib.Path(folder, "cc"))


def test_a_toolchain_that_changes_while_the_engine_runs(own_engine, toolchain):
    engine = own_engine(runtimes_directory=toolchain, extra_directories=toolchain)

    def ask():
        answer = engine.execute("x", "source", timing=True)
        assert answer.status == 200, answer
        return cached(answer.json())

    assert [ask(), ask()] == [False, True]
    write_compiler(toolchain, "two")
    time.sleep(0.3)
    assert [ask(), ask()] == [False, True]
    write_compiler(toolchain, "three")
    for pid in pids(engine, "runner"):  # the next one has to see it for itself
        os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while True:
        answer = engine.execute("x", "source", timing=True)
        if answer.status == 200:
            break
        assert time.monotonic() < deadline, answer
        time.sleep(0.1)
    assert not cached(answer.json())


def test_bounded(own_engine):
    engine = own_engine(compile_cache_size="200KiB", compile_cache_memory="40KiB")
    for i in range(15):
        execute(engine, ECHO + f"int number_{i};\n")
    time.sleep(0.3)
    files = files_of(engine)
    assert 5 <= len(files) <= 12
    assert sum(path.stat().st_size for path in files) <= 200 * 1024
    assert cached(execute(engine, ECHO + "int number_14;\n"))
    assert not cached(execute(engine, ECHO + "int number_0;\n"))


@pytest.mark.parametrize("flags", [{"compile_cache_size": "0"}, {"ephemeral": "true"}], ids=["off", "ephemeral"])
def test_nothing_on_disk(own_engine, flags):
    engine = own_engine(**flags)
    execute(engine)
    assert cached(execute(engine)) is ("ephemeral" in flags)
    folder = pathlib.Path(next(w.split("=", 1)[1] for w in engine.process.args if "--data-directory=" in str(w)))
    assert not list(folder.glob("cache/*"))


def test_full_disk():
    with tempfile.TemporaryDirectory(prefix="coderunr-tests-") as folder:
        pathlib.Path(folder, "cache").mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "none", folder + "/cache"], check=True)
        try:
            engine = Engine(folder, compile_cache_memory="0")
            try:
                for _ in range(3):
                    assert execute(engine, stdin="fine")["run"]["stdout"] == "fine\n"
                assert "cannot be written" in engine.log()
                assert not [path for path in files_of(engine) if len(path.name) != 64]
            finally:
                assert engine.stop() == 0
        finally:
            subprocess.run(["umount", "-l", folder + "/cache"], check=True)


def test_read_only_folder():
    with tempfile.TemporaryDirectory(prefix="coderunr-tests-") as folder:
        pathlib.Path(folder, "cache").mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", folder + "/cache"], check=True)
        try:
            engine = Engine(folder)
            try:
                execute(engine)
                assert cached(execute(engine))  # from memory
                assert "keeps nothing on disk" in engine.log()
            finally:
                assert engine.stop() == 0
        finally:
            subprocess.run(["umount", "-l", folder + "/cache"], check=True)


def test_durable_jobs(own_engine):
    engine = own_engine()
    tests = [{"stdin": f"{i}", "expected": f"{i}"} for i in range(5)]
    first = run(engine, program(ECHO, "c", tests=tests))
    again = run(engine, program(ECHO, "c", tests=tests))
    fresh = run(engine, program(ECHO, "c", tests=tests, cache=False))
    by_stage = [[outcome for outcome in job["outcomes"] if outcome["stage"] == "compile"]
                for job in (first, again, fresh)]
    assert [outcomes[0]["cached"] for outcomes in by_stage] == [False, True, False]
    assert by_stage[0][0]["cpu_ns"] == by_stage[1][0]["cpu_ns"]
    assert all(outcome["passed"] for outcome in again["outcomes"])
    timing = [outcome for outcome in again["outcomes"] if outcome["stage"] == "run"][0]["timing"]
    assert set(timing) == {f"{key}_ns" for key in ("queue", "prepare", "spawn", "program", "collect", "reply")}
    assert timing["program_ns"] > 0 and timing["prepare_ns"] > 0


def test_bad_words(engine):
    answer = engine.request("POST", "/v3/jobs", '{"language": "c", "files": [{"content": ""}], "cache": 1}',
                            {"Content-Type": "application/json"})
    assert answer.status == 422 and "cache" in answer.json()["message"]


def test_timing_is_told_to_those_who_ask(engine):
    assert "timing" not in engine.execute("c", ECHO).json()
    times = execute(engine, "int main(void) { for (volatile long i = 0; i < 100000000; i++); return 0; }\n")["timing"]["run"]
    assert times["program"] > 1000
    assert all(isinstance(times[key], int) for key in ("queue", "prepare", "spawn", "collect", "reply"))
