"""`coderunr execute` and its kin: the words of CodeRunr's and Piston's command lines."""
import os
import pathlib
import pty
import signal
import subprocess
import time

import pytest
from cli_support import BINARY, coderunr, one_sentence, write  # noqa: F401 (fixtures)

ECHO = "import sys\nprint(sys.argv[1:])\nfor line in sys.stdin: print('got', line.strip(), flush=True)\n"


@pytest.fixture
def call(coderunr, engine):
    """Any command against the engine of the tests."""

    def run(*words, **options):
        options["env"] = {"CODERUNR_URL": engine.url, **options.get("env", {})}
        return coderunr(*words, **options)

    return run


@pytest.mark.parametrize("command", ["execute", "exec", "run"])
def test_language_then_file(call, write, command):
    done = call(command, "python", write("a.py", "import sys\nprint(sys.argv[1:])\nsys.exit(7)\n"), "x", "ü z")
    assert (done.stdout, done.stderr, done.returncode) == ("['x', 'ü z']\n", "", 7)


def test_run_takes_a_file_in_front_for_its_own(call, write):
    write("python", "print('a program called python')\n")
    name = write("a.py", "print('a.py')\n")
    assert call("run", "--lang", "python", "python", name).stdout == "a program called python\n"
    assert call("execute", "python", name).stdout == "a.py\n"


def test_options_anywhere(call, write):
    name = write("a.py", "import sys\nprint(sys.argv[1:])\n")
    assert call("execute", "python", name, "a", "-l", "3.x", "b", "--", "-l", "-i").stdout == "['a', 'b', '-l', '-i']\n"
    assert call("run", "-l", "3.x", "python", name, "a").stdout == "['a']\n"
    assert call("execute", "-l", "9.x", "python", name).stderr == "coderunr: python-9.x runtime is unknown\n"


def test_stdin_only_when_asked_for(call, write):
    name = write("a.py", "import sys\nprint(repr(sys.stdin.read()))\n")
    assert call("execute", "python", name, stdin="word\n").stdout == "'\\n'\n"
    assert call("execute", "python", name, "-i", stdin="word\n").stdout == "'word\\n'\n"
    assert call("run", "python", name, "--stdin", stdin="word\n").stdout == "'word\\n'\n"


@pytest.mark.parametrize("words", [("-r", "300"), ("--rt", "300"), ("--run_timeout", "300"), ("--run-timeout=300ms",)])
def test_run_timeout(call, write, words):
    done = call("execute", *words, "python", write("a.py", "import time; time.sleep(9)\n"))
    assert done.returncode == 124
    assert "Time limit exceeded (wall clock)" in done.stderr


@pytest.mark.parametrize("words", [("-c", "1"), ("--ct", "1"), ("--compile_timeout=1",), ("--compile-timeout", "1ms")])
def test_compile_timeout(call, write, words):
    done = call("execute", "c", write("a.c", "int main(void) { return 0; }\n"), *words)
    assert done.returncode == 124
    assert "compiling: Time limit exceeded" in done.stderr


def test_more_files(call, write):
    """The program stands in front, whatever is beside it."""
    done = call("execute", "python", write("main.py", "import one, two; print(one.x + two.x)\n"),
                "-f", write("one.py", "x = 1\n"), "--files", write("sub/two.py", "x = 2\n"))
    assert done.stdout == "3\n"


def test_binary_file(call, write):
    done = call("execute", "python", write("main.py", "print(open('data', 'rb').read())\n"), "-f", write("data", b"\xff\0"))
    assert done.stdout == "b'\\xff\\x00'\n"


@pytest.mark.parametrize("words", [("-s",), ("--status",), ("-v",), ("-s", "-t")])
def test_status(call, write, words):
    done = call("execute", *words, "python", write("a.py", "raise SystemExit(3)\n"))
    assert done.returncode == 3
    assert "coderunr: run: exit code 3" in done.stderr


def test_output_json(call, write):
    assert '"stdout": "1\\n"' in call("execute", "--output", "json", "python", write("a.py", "print(1)\n")).stdout


@pytest.mark.parametrize("front", [("-u",), ("--url",), ("--piston-url",)])
def test_url_in_front(coderunr, engine, write, front):
    name = write("a.py", "print(1)\n")
    assert coderunr(*front, engine.url, "execute", "python", name).stdout == "1\n"
    assert coderunr("-v", *front, engine.url + "/", "execute", "python", name).stdout == "1\n"
    assert coderunr(*front, engine.url, "run", "python", name, env={"CODERUNR_URL": "http://127.0.0.1:1"}).stdout == "1\n"


@pytest.mark.parametrize("words", [("list",), ("ls",), ("runtimes",)])
def test_list(coderunr, engine, words):
    done = coderunr(*words, "--url", engine.url)
    assert done.returncode == 0
    assert done.stdout.startswith("LANGUAGE")
    for row in engine.runtimes():
        assert f"\n{row['language']} " in done.stdout
    assert '"language": "python"' in coderunr("-u", engine.url, *words, "--json").stdout
    assert '"language": "python"' in coderunr("--output", "json", "-u", engine.url, *words).stdout
    gone = coderunr(*words, "-u", "http://127.0.0.1:1")
    assert gone.returncode == 125
    assert one_sentence(gone.stderr)


# ---- interactive -----------------------------------------------------------------------------------------------------


@pytest.fixture
def talk(engine, tmp_path):
    """A session that is spoken to: talk(words…) gives the process, its streams as pipes."""
    children = []

    def start(*words, url=engine.url, **streams):
        given = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
        children.append(subprocess.Popen([BINARY, "execute", "-t", "-u", url, *words], cwd=tmp_path, **given))
        return children[-1]

    yield start
    for child in children:
        child.kill()
        child.wait()


def test_interactive_streams(call, write):
    done = call("execute", "-t", "python", write("a.py", ECHO + "print('err', file=sys.stderr)\nsys.exit(5)"), "x",
                stdin="one\nzwei ü\n")
    assert (done.stdout, done.stderr, done.returncode) == ("['x']\ngot one\ngot zwei ü\n", "err\n", 5)


def test_interactive_answers_while_it_runs(talk, write):
    child = talk("python", write("a.py", "while True:\n    print(input('? ') * 2, flush=True)"))
    for word in (b"ab", b"c"):
        child.stdin.write(word + b"\n")
        child.stdin.flush()
        assert child.stdout.readline() == b"? " + word * 2 + b"\n"
    child.stdin.close()
    assert child.wait(10) == 1
    assert b"EOFError" in child.stderr.read()


def test_interactive_large_streams_come_whole(call, write):
    text = "".join(f"{i:07}é\n" for i in range(40000))
    done = call("execute", "-t", "python", write("a.py", "import sys\nsys.stdout.write(sys.stdin.read())"), stdin=text)
    assert done.stdout == text


def test_interactive_bytes_that_are_no_text(call, write):
    done = call("execute", "-t", "python", write("a.py", "print(input())"), stdin=b"a\xffb\n", text=False)
    assert done.stdout.decode() == "a\ufffdb\n"


def test_interactive_compiled(call, write):
    done = call("execute", "-t", "c", write("a.c", "#include <stdio.h>\n#warning look\n"
                                                   "int main(void) { int c = getchar(); putchar(c); return 4; }"), stdin="x")
    assert (done.stdout, done.returncode) == ("x", 4)
    assert "look" in done.stderr
    done = call("execute", "-t", "c", write("b.c", "int main("))
    assert done.returncode == 1
    assert done.stderr.endswith("coderunr: b.c does not compile\n")


def test_interactive_signal_of_the_program(call, write):
    assert call("execute", "-t", "python", write("a.py", "import os; os.abort()")).returncode in (-signal.SIGABRT, 134)
    done = call("execute", "-t", "-r", "300", "python", write("b.py", "while True: pass"))
    assert done.returncode in (-signal.SIGKILL, 137)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGQUIT"])
def test_interactive_signals_are_forwarded(talk, write, name):
    number = getattr(signal, name)
    program = (f"import signal, sys, time\nsignal.signal({int(number)}, lambda *_: (print('caught'), sys.exit(9)))\n"
               "print('ready', flush=True)\ntime.sleep(2.5)")
    child = talk("python", write("a.py", program))
    assert child.stdout.readline() == b"ready\n"
    child.send_signal(number)
    assert child.stdout.read() == b"caught\n"
    assert child.wait(10) == 9


def test_interactive_signal_that_kills(talk, write):
    child = talk("python", write("a.py", "import time\nprint('ready', flush=True)\ntime.sleep(2.5)"))
    child.stdout.readline()
    child.send_signal(signal.SIGTERM)
    assert child.wait(10) == -signal.SIGTERM


def test_interactive_at_a_terminal(talk, write):
    """Ctrl-D ends the program's stdin; the terminal stays as it was."""
    leader, follower = pty.openpty()
    try:
        child = talk("python", write("a.py", ECHO), stdin=follower)
        os.write(leader, b"hello\n")
        assert child.stdout.readline() == b"[]\n"
        assert child.stdout.readline() == b"got hello\n"
        os.write(leader, b"\x04")
        assert child.wait(10) == 0
    finally:
        os.close(leader)
        os.close(follower)


def test_interactive_refusals(call, talk, write):
    name = write("a.py", "print(1)")
    done = call("execute", "-t", "klingon", name)
    assert (done.returncode, done.stderr) == (125, "coderunr: klingon-* runtime is unknown\n")
    done = call("execute", "-t", "-r", "1h", "python", name)
    assert done.returncode == 125
    assert "run_timeout cannot exceed the configured limit" in done.stderr
    done = call("execute", "-t", "python", name, env={"CODERUNR_URL": "http://127.0.0.1:1"})
    assert done.returncode == 125
    assert "no engine answers at http://127.0.0.1:1" in done.stderr


def test_interactive_needs_a_websocket(coderunr, engine, write):
    done = coderunr("execute", "-t", "-u", engine.url + "/nowhere", "python", write("a.py", "print(1)"))
    assert done.returncode == 125
    assert one_sentence(done.stderr)
    assert "HTTP/1.1 404" in done.stderr


def test_interactive_engine_that_dies(start_engine, talk, write):
    own = start_engine()
    child = talk("python", write("a.py", "import time\nprint('ready', flush=True)\ntime.sleep(2.8)"), url=own.url)
    child.stdout.readline()
    fronts = [pid for pid in own.processes() if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == "front"]
    os.kill(*fronts, signal.SIGKILL)
    start = time.monotonic()
    assert child.wait(10) == 125
    assert time.monotonic() - start < 2
    assert b"closed the session" in child.stderr.read()
