"""Every limit through the door: its own verdict, told as the Piston dialect tells it, within the promised bounds."""
import threading
import time

import pytest

MIB = 1024 * 1024


def test_wall(engine):
    run = engine.run("python", "import time; print('kept', flush=True); time.sleep(60)", run_timeout=500)
    assert (run["status"], run["signal"], run["code"]) == ("TO", "SIGKILL", None)
    assert run["message"] == "Time limit exceeded (wall clock)"
    assert run["stdout"] == "kept\n"
    assert 500 <= run["wall_time"] <= 1500  # 501 on an idle machine


def test_cpu(engine):
    run = engine.run("python", "while True: pass", run_cpu_time=500)
    assert (run["status"], run["signal"], run["code"]) == ("TO", "SIGKILL", None)
    assert run["message"] == "Time limit exceeded"
    assert 500 <= run["cpu_time"] <= 800  # 501 on an idle machine


def test_cpu_of_children_counts(engine):
    run = engine.run("python", "import os\nfor i in range(6):\n  if os.fork() == 0:\n    while True: pass\nos.wait()",
                     run_cpu_time=600)
    assert run["message"] == "Time limit exceeded"
    assert 600 <= run["cpu_time"] <= 1200


def test_memory_names_itself(engine):
    run = engine.run("python", "x = bytearray(300 << 20)", run_memory_limit=64 * MIB)
    assert run["code"] == 137
    assert "memory" in run["message"].lower()
    assert run["memory"] <= 65 * MIB


def test_memory_of_a_child_counts(engine):
    code = "import subprocess, sys\nsys.exit(subprocess.run([sys.executable, '-c', 'x = bytearray(300 << 20)']).returncode != 0)"
    run = engine.run("python", code, run_memory_limit=64 * MIB)
    assert "memory" in run["message"].lower()


@pytest.mark.parametrize("over", [False, True])
def test_memory_just_under_and_just_over(engine, over):
    # the interpreter itself takes about 9 MiB; 64 MiB limit
    size = (64 + 2) * MIB if over else (64 - 14) * MIB
    for _ in range(5):
        run = engine.run("python", f"x = bytearray({size}); print('fits')", run_memory_limit=64 * MIB)
        assert (run["stdout"] == "fits\n") is not over, run


def test_reserved_memory_is_not_used_memory(engine):
    run = engine.run("python", "import mmap; m = mmap.mmap(-1, 8 << 30); print('reserved')", run_memory_limit=64 * MIB)
    assert run["stdout"] == "reserved\n" and run["code"] == 0


def test_page_cache_is_no_memory_of_the_program(engine):
    code = "open('f', 'wb').write(bytes(8 << 20))\nfor _ in range(50): open('f', 'rb').read()\nprint('read')"
    run = engine.run("python", code, run_memory_limit=64 * MIB)
    assert run["stdout"] == "read\n" and run["code"] == 0


@pytest.mark.parametrize("stream, status", [("stdout", "OL"), ("stderr", "EL")])
def test_output_flood(engine, stream, status):
    run = engine.run("python", f"import sys\nwhile True: sys.{stream}.write('x' * 65536)")
    assert (run["status"], run["signal"], run["code"]) == (status, "SIGKILL", None)
    assert run["message"] == f"{stream} length exceeded"
    assert len(run[stream]) == MIB, "the prefix is kept, exactly to the limit"


@pytest.mark.parametrize("size, status", [(MIB - 1, None), (MIB, None), (MIB + 1, "OL")])
def test_output_edges(engine, size, status):
    run = engine.run("python", f"import sys; sys.stdout.write('y' * {size})")
    assert run["status"] == status
    assert len(run["stdout"]) == min(size, MIB)


def test_processes(engine):
    code = "import os, time\nn = 0\nwhile True:\n  if os.fork() == 0:\n    time.sleep(60)\n  n += 1"
    run = engine.run("python", code)
    assert run["code"] == 1 and "process" in run["message"]


def test_threads_at_the_limit_are_the_programs_own_business(engine):
    code = ("import threading, time\nts = []\ntry:\n  for i in range(1000):\n"
            "    t = threading.Thread(target=time.sleep, args=(0.5,)); t.start(); ts.append(t)\n"
            "except RuntimeError: print('refused')\nfor t in ts: t.join()")
    run = engine.run("python", code)
    assert run["stdout"] == "refused\n" and run["code"] == 0 and run["status"] is None


def test_file_size(engine):
    run = engine.run("c", "#include <stdio.h>\nint main(void){static char b[1<<20];FILE*f=fopen(\"f\",\"w\");"
                          "for(int i=0;i<64;i++)fwrite(b,1,sizeof b,f);return 0;}")
    assert run["signal"] == "SIGXFSZ"
    assert "file" in run["message"]


def test_disk_full(engine):
    code = "for i in range(100):\n  open(f'f{i}', 'wb').write(bytes(4 << 20))"
    run = engine.run("python", code, run_memory_limit=128 * MIB)
    assert run["code"] == 1 and "No space left" in run["stderr"]
    assert "disk" in run["message"]


def test_inodes(engine):
    run = engine.run("python", "for i in range(20000): open(f'/tmp/{i}', 'w').close()")
    assert run["code"] == 1 and "No space left" in run["stderr"]
    assert "files" in run["message"]


def test_open_files(engine):
    run = engine.run("python", "fs = []\ntry:\n  while True: fs.append(open('/dev/null'))\n"
                               "except OSError as e: print(e.errno, len(fs) + 3)")
    assert run["stdout"] == "24 2048\n"


@pytest.mark.parametrize("number, name", [(6, "SIGABRT"), (8, "SIGFPE"), (9, "SIGKILL"), (11, "SIGSEGV"), (15, "SIGTERM")])
def test_signals(engine, number, name):
    run = engine.run("python", f"import os; os.kill(os.getpid(), {number})")
    assert (run["status"], run["signal"], run["code"]) == ("SG", name, None)
    assert run["message"] == f"Caught fatal signal {number}"


@pytest.mark.parametrize("code", [1, 2, 42, 127, 137, 139, 255])
def test_exit_codes(engine, code):
    run = engine.run("python", f"import sys; sys.exit({code})")
    assert (run["status"], run["signal"], run["code"]) == ("RE", None, code)
    assert run["message"] == f"Exited with error status {code}"


def test_a_daemon_does_not_delay_the_answer(engine):
    """A grandchild in a session of its own keeps stdout open and sleeps."""
    code = "import os, sys, time\nif os.fork() == 0:\n  os.setsid()\n  time.sleep(60)\nprint('done'); sys.stdout.flush(); os._exit(0)"
    start = time.monotonic()
    run = engine.run("python", code)
    assert run["stdout"] == "done\n" and run["code"] == 0
    assert time.monotonic() - start < 30  # the daemon sleeps 60
    assert run["wall_time"] < 2900


def test_a_stopped_program_ends_by_the_clock(engine):
    run = engine.run("python", "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)", run_timeout=300)
    assert run["message"] == "Time limit exceeded (wall clock)"


def test_kill_everything_hurts_only_itself(engine):
    run = engine.run("python", "import os, time\nif os.fork() == 0: time.sleep(60)\nos.kill(-1, 9); print('alone')")
    assert run["stdout"] == "alone\n" and run["code"] == 0
    assert engine.run("python", "print(1)")["stdout"] == "1\n"


def test_compile_limits(engine):
    bomb = "template<int N> struct A { typedef typename A<N+1>::t t; }; int main() { A<0>::t x; }"
    answer = engine.execute("c++", "#include <type_traits>\n" + bomb.replace("N+1", "N+1"), compile_timeout=2000).json()
    assert answer["compile"]["code"] != 0
    assert answer["run"] == answer["compile"]


def test_compile_time_runs_out(engine):
    answer = engine.execute("c", "#include \"/dev/stdin\"\nint main(void){}", compile_timeout=700,
                            stdin="x").json()
    assert answer["compile"]["code"] != 0 or answer["compile"]["status"] == "TO"


def test_many_at_once_keep_their_own_output(engine):
    seen = {}

    def one(i):
        seen[i] = engine.run("python", f"print('nonce-{i}' * 3)")["stdout"]

    threads = [threading.Thread(target=one, args=(i,)) for i in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {i: f"nonce-{i}" * 3 + "\n" for i in range(40)}


def test_nothing_of_one_job_is_seen_by_the_next(engine):
    places = "/tmp/x", "/dev/shm/x", "/var/tmp/x", "/box/x", "/box/submission/x"
    write = f"for p in {places!r}:\n  open(p, 'w').write('secret')"
    look = f"import os; print([p for p in {places!r} if os.path.exists(p)])"
    for _ in range(12):
        assert engine.run("python", write)["code"] == 0
        assert engine.run("python", look)["stdout"] == "[]\n"
