"""`coderunr run`: the manners of a local program, over the engine's own door."""
import json
import signal
import socket
import subprocess
import threading
import time

import pytest
from cli_support import BINARY, coderunr, one_sentence, run, write  # noqa: F401 (fixtures)


def test_stdout_stderr_and_status_pass_through(run, write):
    done = run(write("a.py", "import sys\nprint('out')\nprint('err', file=sys.stderr)\nsys.exit(7)\n"))
    assert (done.stdout, done.stderr, done.returncode) == ("out\n", "err\n", 7)


def test_arguments_are_the_programs_own(run, write):
    done = run(write("a.py", "import sys\nprint(sys.argv[1:])\n"), "--json", "-l", "--", "zwei ü", "")
    assert done.stdout == "['--json', '-l', '--', 'zwei ü', '']\n"


def test_stdin_passes_through(run, write):
    name = write("a.py", "import sys\nprint(sys.stdin.read().upper(), end='')\n")
    assert run(name, stdin="a\nb\n").stdout == "A\nB\n"
    assert run("--stdin", write("in", "c\n"), name, stdin="d\n").stdout == "C\n"


def test_program_from_stdin(run):
    assert run("--lang", "python", "-", stdin="print(6 * 7)\n").stdout == "42\n"


def test_extra_files(run, write):
    main = write("main.c", '#include <stdio.h>\n#include "answer.h"\nint main(void) { printf("%d\\n", ANSWER); }\n')
    done = run("-f", write("sub/answer.h", "#define ANSWER 42\n"), main)
    assert done.stdout == "42\n"


@pytest.mark.parametrize("name, text", [
    ("a.py", "print(42)"),
    ("a.js", "console.log(42)"),
    ("a.c", "#include <stdio.h>\nint main(void) { puts(\"42\"); }"),
    ("a.cpp", "#include <iostream>\nint main() { std::cout << 42 << std::endl; }"),
    ("a.sh", "echo 42"),
    ("a.pl", "print \"42\\n\";"),
])
def test_language_by_extension(run, write, name, text):
    assert run(write(name, text)).stdout == "42\n"


def test_language_and_version_by_name(run, write):
    name = write("program", "print(42)\n")
    assert run("--lang", "python", "--version", ">=3", name).stdout == "42\n"
    done = run("--lang", "python", "--version", "99.x", name)
    assert done.returncode == 125
    assert done.stderr == "coderunr: python-99.x runtime is unknown\n"


def test_unknown_extension(run, write):
    for name in ("a.unheardof", "noextension"):
        done = run(write(name, "x"))
        assert done.returncode == 2
        assert one_sentence(done.stderr)
        assert "--lang" in done.stderr


def test_compile_errors_go_to_stderr(run, write):
    done = run(write("a.c", "int main(void) { return x; }\n"))
    assert done.returncode == 1
    assert done.stdout == ""
    assert "undeclared" in done.stderr
    assert done.stderr.endswith("coderunr: a.c does not compile\n")


def test_warnings_do_not_hide_the_output(run, write):
    done = run(write("a.c", '#include <stdio.h>\nint main(void) { puts("42"); }\n#warning look\n'))
    assert (done.stdout, done.returncode) == ("42\n", 0)


def test_signal_passes_through(run, write):
    done = run(write("a.c", "#include <stdlib.h>\nint main(void) { abort(); }\n"))
    assert done.returncode in (-signal.SIGABRT, 128 + signal.SIGABRT)


def test_wall_limit(run, write):
    began = time.monotonic()
    done = run("--time", "300ms", write("a.py", "import time\nprint('before', flush=True)\ntime.sleep(9)\n"))
    assert done.returncode == 124
    assert done.stdout == "before\n"
    assert done.stderr == "coderunr: a.py: Time limit exceeded (wall clock)\n"
    assert time.monotonic() - began < 5


def test_cpu_limit(run, write):
    done = run("--cpu-time", "300ms", write("a.py", "while True: pass\n"))
    assert done.returncode == 124
    assert done.stderr == "coderunr: a.py: Time limit exceeded\n"


def test_memory_limit(run, write):
    done = run("--memory", "32MiB", write("a.py", "x = bytearray(10**9)\n"))
    assert done.returncode == 137
    assert one_sentence(done.stderr)
    assert "memory" in done.stderr


def test_output_limit(run, write):
    done = run(write("a.py", "while True: print('a' * 1000)\n"))
    assert done.returncode == 123
    assert done.stdout.startswith("aaaa")
    assert "stdout length exceeded" in done.stderr


@pytest.mark.parametrize("words", [("--time", "soon"), ("--memory", "0"), ("--compile-time", "-1s"), ("-m", "2s")])
def test_bad_amounts(run, write, words):
    done = run(*words, write("a.py", "print(1)\n"))
    assert done.returncode == 2
    assert one_sentence(done.stderr)
    assert words[1] in done.stderr


def test_limit_above_the_configured(run, write):
    done = run("--time", "1h", write("a.py", "print(1)\n"))
    assert done.returncode == 125
    assert "run_timeout cannot exceed the configured limit of" in done.stderr


def test_json(run, write):
    done = run("--json", write("a.py", "print(42)\nraise SystemExit(3)\n"))
    reply = json.loads(done.stdout)
    assert reply["run"]["stdout"] == "42\n"
    assert reply["language"] == "python"
    assert done.returncode == 3


def test_stdin_that_is_no_text_is_refused(run, write):
    done = run(write("a.py", "print(1)\n"), stdin=b"\xff\xfe", text=False)
    assert done.returncode == 2
    assert b"stdin is not UTF-8" in done.stderr


def test_no_engine(coderunr, write):
    done = coderunr("run", "--url", "http://127.0.0.1:1", write("a.py", "print(1)\n"))
    assert done.returncode == 125
    assert one_sentence(done.stderr)
    assert "no engine answers at http://127.0.0.1:1" in done.stderr
    assert "coderunr serve" in done.stderr


def test_something_else_answers(coderunr, write):
    """A server that is no engine, and one that hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", b""]

        def serve():
            for answer in answers:
                peer, _ = server.accept()
                peer.recv(65536)
                peer.sendall(answer)
                peer.close()

        thread = threading.Thread(target=serve)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        name = write("a.py", "print(1)\n")
        for _ in answers:
            done = coderunr("run", "--url", url, name)
            assert done.returncode == 125
            assert one_sentence(done.stderr)
        thread.join()


def test_interrupt_cancels(engine, write, tmp_path):
    """Ctrl-C ends the command at once; the slot is free again long before the program would have ended."""
    name = write("a.py", "import time\ntime.sleep(2.5)\n")
    words = [BINARY, "run", "--url", engine.url, name]
    with subprocess.Popen(words, cwd=tmp_path, stdin=subprocess.DEVNULL) as child:
        time.sleep(0.7)
        child.send_signal(signal.SIGINT)
        assert child.wait(timeout=2) == -signal.SIGINT


def test_timing_says_where_the_time_went(run, write, need):
    need("c")
    name = write("timed.c", '#include <stdio.h>\nint main(void) { puts("42"); return 0; }\n')
    run(name)  # from now on it is compiled
    done = run("--timing", name)
    head, compiled, ran, whole = done.stderr.splitlines()
    assert done.stdout == "42\n" and "from the cache" in compiled and whole.startswith("coderunr: all")
    parts = dict(zip(head.split()[2:], map(float, ran.split()[2:])))
    assert list(parts) == ["queue", "prepare", "spawn", "program", "collect", "reply"]
    assert parts["program"] > 0 and sum(parts.values()) - parts["prepare"] <= float(whole.split()[2].rstrip(","))
    fresh = run("--timing", "--no-cache", name).stderr.splitlines()
    assert "from the cache" not in fresh[1]
