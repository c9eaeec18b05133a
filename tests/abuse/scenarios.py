"""Attacks of more than one request.  Each takes the world, asserts, and returns why it was vacuous, if it was."""
import base64
import concurrent.futures
import contextlib
import http.client
import json
import os
import pathlib
import re
import socket
import struct
import subprocess
import threading
import time

import outside

# Probes that only scenarios use.
PROBES = {"exit_with", "touch", "toolchain_lock", "pipe_quota", "shared_names", "inherited_state", "sleeper", "spin",
          "words", "no_input", "forkbomb", "daemon", "fill_files", "flood",
          "network_state"}
NAMES = "|".join(("OK", "EXEC", "400", "413"))


def word_of(answer):
    import world
    return world.verdict(answer)


def expect(answer, words):
    got = word_of(answer)
    assert got in words.split("|"), f"answered {got} instead of {words}: {answer!r:.1500}"
    return answer


def script(world, text, language="bash", **fields):
    return world.engine.execute(language, text, **fields)


def said(world, text, language="bash", **fields):
    answer = expect(script(world, text, language, **fields), "OK")
    return answer.json()["run"]["stdout"]


# ---- two jobs at once ------------------------------------------------------------------------------------------------


def together(world, first, second):
    """@second runs inside while @first does, and the same outside: what each second one escaped."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        job = pool.submit(world.run, *first)
        time.sleep(0.4)
        inside = world.run(*second)
        inside_first = job.result()
    with world.outside.started([world.probes[first[0]], *first[1:]]) as child:
        time.sleep(0.4)
        control = world.outside.run(second[0], second[1:])
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(4)
        outside.end_marked(child.mark)
        control_first = child.stdout.read().decode(errors="replace")
    assert inside_first["status"] is None, inside_first
    escaped = [outside.words_of(text, "ESCAPED") for text in (inside["stdout"], inside_first["stdout"])]
    proved = control.escaped, outside.words_of(control_first, "ESCAPED")
    return escaped, proved


def lock_signal(world):
    escaped, proved = together(world, ("toolchain_lock", "hold"), ("toolchain_lock", "look"))
    assert not escaped[0], f"one job sees another's lock: {escaped[0]}"
    return "" if proved[0] else "no lock is seen outside either"


def watch_signal(world):
    escaped, proved = together(world, ("toolchain_lock", "watch"), ("toolchain_lock", "open"))
    assert not escaped[1], "one job sees what another opens"
    return "" if proved[1] else "no event comes outside either"


def pipe_quota(world):
    escaped, proved = together(world, ("pipe_quota", "fill"), ("pipe_quota", "look"))
    assert not escaped[0], "one job's pipes make another's smaller"
    return "" if proved[0] else "the quota is not reached outside either"


def process_quota(world):
    """One job at its limit of processes; another starts twenty."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        job = pool.submit(world.send, "forkbomb", run_cpu_time=1000)
        time.sleep(0.2)
        assert said(world, "for i in {1..20}; do sleep 0.1 & done; wait; echo all") == "all\n"
        expect(job.result(), "TLE-cpu|TLE-wall")


def shared_names(world):
    word = world.secret[:8]
    escaped, proved = together(world, ("shared_names", "make", word), ("shared_names", "find", word))
    assert not escaped[0], f"one job finds another's {escaped[0]}"
    return "" if proved[0] else "nothing is found outside either"


# ---- one job after another -------------------------------------------------------------------------------------------


def leftovers(world):
    places = "/tmp /var/tmp /dev/shm /box /box/submission /run $HOME"
    for _ in range(8):
        script(world, f"for p in {places}; do echo {world.secret} >$p/left; done; true")
        found = said(world, f"ls -A {places} 2>/dev/null | grep left; grep -rs {world.secret} /tmp /box/submission/left; true")
        assert "left" not in found and world.secret not in found.replace("grep", ""), found


def inherited_state(world):
    for _ in range(8):
        world.run("inherited_state", "spoil")
        found = outside.words_of(world.run("inherited_state", "look")["stdout"], "ESCAPED")
        assert not found, f"the next job finds {found}"
    control = world.outside.run("inherited_state", ("spoil",))
    return "" if control.escaped else "nothing is passed on outside either"


def network_state(world):
    for _ in range(8):
        world.run("network_state", "spoil")
    for _ in range(8):
        run = world.run("network_state", "look")
        found = outside.words_of(run["stdout"], "ESCAPED")
        assert not found and "DENIED dev " in run["stdout"], f"the next job finds {found} in {run}"
    world.outside.run("network_state", ("spoil",))
    control = world.outside.run("network_state", ("look",))
    return "" if {"dev", "sockstat", "flow-label"} <= control.escaped else f"outside only {sorted(control.escaped)} are found"


PORTS = """
import socket, sys
server = socket.socket()
try:
    server.bind(("127.0.0.1", int(sys.argv[1])))
except OSError as error:
    sys.exit(f"ESCAPED {error}")
server.listen()
client = socket.create_connection(server.getsockname())
accepted, _ = server.accept()
accepted.close()
client.recv(1)
print("free")
"""


def ports(world):
    """A server that closes first leaves its port in TIME-WAIT: the next job on the slot wants the same."""
    for _ in range(12):
        run = world.engine.run("python", PORTS, args=["8080"])
        assert run["stdout"] == "free\n", run
    outside_port = str(18000 + os.getpid() % 1000)
    words = ["python3", "-c", PORTS, outside_port]
    for _ in range(2):
        with world.outside.started(words) as child:
            text = child.communicate(timeout=20)[0].decode()
    return "" if "free" not in text else "the port is free again outside too"


CHANCES = {
    "python": "import random, uuid, secrets, tempfile\nprint(random.random(), uuid.uuid4(), secrets.token_hex(8), tempfile.mktemp())",
    "javascript": "console.log(Math.random(), require('crypto').randomBytes(8).toString('hex'))",
    "ruby": "require 'securerandom'; puts rand, SecureRandom.hex(8)", "perl": "print rand(), ' ', int(rand(1e9)), qq(\\n)",
    "php": "<?php echo mt_rand(), ' ', rand(), ' ', bin2hex(random_bytes(8)), \"\\n\";",
    "lua": "print(math.random(1 << 40))", "bash": "echo $RANDOM$RANDOM$RANDOM$RANDOM",
    "java": "class Main{public static void main(String[] a){System.out.println(Math.random()+\" \"+new java.util.Random().nextLong());}}",
}


def chance(world, times=6):
    """Interpreters that are forked from one that waited draw numbers of their own."""
    for language, text in CHANCES.items():
        if world.engine.has(language):
            seen = [said(world, text, language) for _ in range(times)]
            words = [list(one) for one in zip(*(line.split() for line in seen))]
            assert words and all(len(set(word)) == times for word in words), f"{language} repeats itself: {words}"


HOLDS = """
import builtins, gc, os, sys
status = dict(line.split(":\\t") for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
fds = sorted(int(fd) for fd in os.listdir("/proc/self/fd"))[:-1]
print("ids", os.getresuid(), os.getresgid(), os.getgroups(), status["CapPrm"], status["CapBnd"], status["NoNewPrivs"], status["Seccomp"])
print("fds", fds, "blocked", status["SigBlk"], "umask", status["Umask"], "nice", os.nice(0))
print("argv", sys.argv[1:], "cwd", os.getcwd(), "left", hasattr(builtins, "left"), os.environ.get("LEFT"), os.listdir("/tmp"))
print("alone", [p for p in os.listdir("/proc/pid") if p.isdigit()] == [str(os.getpid())])
builtins.left = os.environ["LEFT"] = "x"
os.umask(0o777); os.nice(19); open("/tmp/left", "w")
"""


def warm_program(world):
    """A program in a warm interpreter has what others have, finds nothing of the one before, and is as alone."""
    first = said(world, HOLDS, "python", args=["a"])
    assert "ids (1000, 1000, 1000) (1000, 1000, 1000) [] 0000000000000000 0000000000000000 1 2" in first, first
    assert "fds [0, 1, 2] blocked 0000000000000000 umask 0022 nice 0" in first, first
    assert "argv ['a'] cwd /box/submission left False None []" in first and "alone True" in first, first
    for _ in range(8):
        again = said(world, HOLDS, "python", args=["a"])
        assert again == first, f"{again} after {first}"


def cpu_carry(world):
    for _ in range(6):
        world.run("spin", run_cpu_time=500)
        second = world.run("exit_with", "0")
        assert second["cpu_time"] < 100, second


def memory_carry(world):
    for _ in range(8):
        assert world.run("touch", "60")["memory"] >= 60 << 20
        second = world.run("exit_with", "0")
        assert second["memory"] < 8 << 20, second


def nonces(world, jobs=120):
    def one(i):
        nonce = f"{world.secret}-{i}"
        run = world.run("words", nonce)
        assert run["stdout"] == f"1\n[{nonce}]\n" and run["stderr"] == "", run

    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        list(pool.map(one, range(jobs)))


# ---- clients ---------------------------------------------------------------------------------------------------------


def leave(world, probe, args=(), after=0.1):
    """Ask, and hang up before the answer."""
    body = json.dumps({"language": "file", "version": "*", "args": list(args),
                       "files": [{"content": world.encoded[probe], "encoding": "base64"}]})
    connection = http.client.HTTPConnection(world.engine.host, world.engine.port, timeout=30)
    connection.request("POST", "/api/v2/execute", body, {"Content-Type": "application/json"})
    time.sleep(after)
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def client_leaves(world):
    for _ in range(10):
        leave(world, "sleeper")
    start = time.monotonic()
    assert world.run("exit_with", "0")["code"] == 0
    assert time.monotonic() - start < 2, "the slots of clients that left are not free again"


def leaving_clients(world):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        beside = [pool.submit(world.neighbour) for _ in range(6)]
        for i in range(60):
            leave(world, "sleeper", after=i % 20 / 1000)
        for job in beside:
            assert job.result()["stdout"] == world.neighbour_says


def instant_exit(world, times=100):
    for _ in range(times):
        run = world.run("no_input", stdin="i" * 100000)
        assert run["code"] == 0 and run["stdout"] == "done\n", run


def giant_arguments(world):
    for args in (["x" * 131072], ["x" * 40000], ["y" * 100000] * 30, ["z"] * 10000, [""] * 100, ["a\0b"]):
        expect(world.engine.execute("file", [{"content": world.encoded["words"], "encoding": "base64"}], args=args),
               "OK|EXEC|400|413")
    assert world.run("words", "after")["stdout"] == "1\n[after]\n"


def strange_programs(world):
    for content in ("", "\ufeffecho x", "#!/bin/bash\r\necho x\r\n", "#!/nowhere/shell\n", "#!./main\n", "#!\n",
                    "\x7fELF", "\x7fELF" + "\0" * 200, "#!/bin/" + "x" * 5000, "not a program", "\0\0\0\0"):
        answer = world.engine.execute("file", [{"content": base64.b64encode(content.encode()).decode(),
                                                "encoding": "base64"}])
        got = word_of(answer)
        assert got in ("EXEC", "OK") or re.match(r"NZ|SIG", got), f"{content[:20]!r}: {got} {answer!r:.500}"


def soak(world, times=1500):
    kinds = [("exit_with", "0"), ("exit_with", "s9"), ("flood", "1"), ("daemon", "hold"), ("fill_files", ".", "empty"),
             ("words", "x"), ("no_input",), ("touch", "20")]

    def one(i):
        return word_of(world.send(*kinds[i % len(kinds)], run_cpu_time=500))

    pool_map(world, one, range(times))  # until heaps have been as large as they get
    before = {pid: resident(pid) for pid in world.host.own}
    seen = set(pool_map(world, one, range(times)))
    assert "IE" not in seen and "503" not in seen, seen
    grown = {pid: resident(pid) - before[pid] for pid in before}
    assert max(grown.values()) < 8 << 20, f"the engine's processes grew: {grown}"


def pool_map(world, function, items):
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        return list(pool.map(function, items))


def resident(pid):
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


# ---- programs --------------------------------------------------------------------------------------------------------


def elf32(world):
    """A 32-bit program that exits with 42 by interrupt 80."""
    code = b"\xb8\x01\0\0\0\xbb\x2a\0\0\0\xcd\x80"
    head = b"\x7fELF\1\1\1" + bytes(9) + struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, 0x8048054, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    program = head + struct.pack("<IIIIIIII", 1, 0, 0x8048000, 0x8048000, 84 + len(code), 84 + len(code), 5, 4096) + code
    answer = world.engine.execute("file", [{"content": base64.b64encode(program).decode(), "encoding": "base64"}])
    assert word_of(answer) in ("SIG(31)", "EXEC", "SIG(11)"), answer
    path = pathlib.Path(world.folder) / "elf32"
    path.write_bytes(program)
    path.chmod(0o755)
    try:
        status = subprocess.run([path], check=False).returncode
    except OSError:
        status = -1
    finally:
        path.unlink()
    return "" if status == 42 else "this kernel runs no 32-bit programs"


PRELOAD = r"""
cat >evil.c <<'END'
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
__attribute__((constructor)) static void before(void)
{
        puts(unshare(CLONE_NEWUSER) == 0 ? "ESCAPED user" : "DENIED user");
        puts(mount("x", "/tmp", "tmpfs", 0, "") == 0 ? "ESCAPED mount" : "DENIED mount");
        fflush(stdout);
}
END
gcc -shared -fPIC -o evil.so evil.c
LD_PRELOAD=./evil.so /usr/bin/env | grep -v =
LD_AUDIT=./evil.so GLIBC_TUNABLES=glibc.rtld.optional_static_tls=4096 /usr/bin/env >/dev/null
"""


def preload(world):
    text = said(world, PRELOAD)
    assert "DENIED user" in text and "ESCAPED" not in text, text
    with world.outside.started(["bash", "-c", PRELOAD]) as child:
        control = child.communicate(timeout=20)[0].decode()
    return "" if "ESCAPED" in control else "nothing is possible outside either"


def languages(world):
    """Every language offered runs a program of its own; what is refused by the filter must not be what it needs."""
    hello = {"python": "import threading,subprocess\nt=threading.Thread(target=print,args=('hello',));t.start();t.join()",
             "bash": "echo hello | cat", "perl": "print qx(echo hello)", "ruby": "Thread.new { puts 'hello' }.join",
             "javascript": "require('child_process').execSync('true'); console.log('hello')",
             "c": "#include <stdio.h>\nint main(void){puts(\"hello\");}", "lua": "print('hello')",
             "c++": "#include <thread>\n#include <iostream>\nint main(){std::thread([]{std::cout<<\"hello\\n\";}).join();}",
             "php": "<?php echo \"hello\\n\";", "go": "package main\nimport \"fmt\"\nfunc main(){fmt.Println(\"hello\")}",
             "java": "class Main{public static void main(String[] a){System.out.println(\"hello\");}}",
             "rust": "fn main(){std::thread::spawn(||println!(\"hello\")).join().unwrap();}"}
    for language, text in hello.items():
        if world.engine.has(language):
            answer = world.engine.execute(language, text)
            assert "hello" in answer.json()["run"]["stdout"], f"{language}: {answer!r:.800}"


# ---- the host while it runs ------------------------------------------------------------------------------------------


def propagation(world):
    where = pathlib.Path("/usr/local/src")
    if not where.is_dir() or not os.path.ismount("/tmp"):
        return "needs a mount namespace of the test run's own"
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        job = pool.submit(said, world, "sleep 0.6; cat /proc/self/mountinfo; ls /usr/local/src")
        time.sleep(0.3)
        subprocess.run(["mount", "-t", "tmpfs", "abuse-mount", where], check=True)
        try:
            (where / "seen").touch()
            text = job.result()
        finally:
            subprocess.run(["umount", where], check=True)
    assert "abuse-mount" not in text and "seen" not in text, text
    return ""


def dns(world):
    code = ("import socket, time\nstart = time.monotonic()\ntry: print(socket.getaddrinfo('example.com', 80))\n"
            "except OSError: print('refused', time.monotonic() - start < 1)")
    assert said(world, code, "python") == "refused True\n"


def listener(world):
    code = ("import socket\nfor f, a in ((socket.AF_INET, '0.0.0.0'), (socket.AF_INET6, '::')):\n"
            "  s = socket.create_server((a, 18080), family=f); s.settimeout(0.8)\n"
            "  try: s.accept(); print('visited')\n  except OSError: print('alone')\n  s.close()")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        job = pool.submit(said, world, code, "python")
        for _ in range(30):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", 18080), 0.1):
                raise AssertionError("the host reaches a listener in a box")
            time.sleep(0.04)
        assert job.result() == "alone\nalone\n", job.result()


# ---- the compile stage -----------------------------------------------------------------------------------------------


def compile_c(world, text, language="c", words="CE", **fields):
    answer = expect(world.engine.execute(language, text, **fields), words)
    reply = answer.json()
    assert world.secret not in answer.body.decode(errors="replace"), "the answer holds a byte of the host"
    return reply["compile"]


def include_secrets(world):
    for path in (world.targets["canary"], "/etc/shadow", "/proc/self/environ", "/proc/1/environ", world.targets["log"]):
        # what /proc has says that it is empty, and a compiler believes it
        said = compile_c(world, f'#include "{path}"\nint main(void){{}}', words="CE|OK")["stderr"]
        assert "root:" not in said and "CODERUNR_" not in said, said


def include_endless(world):
    for path in ("/dev/zero", "/dev/stdin", "/dev/tty", "/dev/random", "/proc/self/fd/0"):
        compile_c(world, f'#include "{path}"\nint main(void){{}}', words="CE|OK", compile_timeout=3000)


def incbin(world):
    for path in (world.targets["canary"], "/etc/shadow", "/root/.bashrc"):
        compile_c(world, f'__asm__(".incbin \\"{path}\\"");\nint main(void){{}}')


def compiler_bombs(world):
    macros = "#define A0 x,x,x,x,x,x,x,x,x,x\n" + "".join(
        f"#define A{i} {','.join([f'A{i - 1}'] * 10)}\n" for i in range(1, 10))
    compile_c(world, macros + "int main(void){ int x = 0; f(A9); }", compile_timeout=4000)
    if world.engine.has("c++"):
        compile_c(world, "template<int N> struct A { typename A<N+1>::t x; };\nint main(){ A<0> a; }", "c++")
        compile_c(world, "constexpr int f(){ int x = 0; while (true) x ^= 1; return x; }\n"
                         "static_assert(f() == 0);\nint main(){}", "c++")


def giant_object(world):
    compile_c(world, "int a[1ul << 30] = { 1 };\nint main(void) { return a[5]; }")


def error_flood(world):
    stage = compile_c(world, "int main(void) {\n" + "x y z;\n" * 30000 + "}", compile_timeout=8000)
    assert len(stage["stderr"]) + len(stage["stdout"]) <= 2 << 20, "the compile log is not capped"


RUN = "printf '#!/bin/bash\\n%s\\n' >program; chmod +x program; "


def staged(world, compile_text, run_text="echo ran", words="OK", **fields):
    return expect(world.engine.execute("abuse", RUN % run_text + compile_text, **fields), words)


def compile_daemon(world):
    look = "sleep 0.2; ls /proc | grep -c ^[0-9]; cat tick 2>/dev/null; true"
    answer = staged(world, "setsid bash -c 'while :; do echo tick >>tick; sleep 0.05; done' >/dev/null 2>&1 & true", look)
    run = answer.json()["run"]
    assert run["stdout"].count("tick\n") <= 2, f"the daemon went on: {run}"


def planted_links(world):
    canary = world.targets["canary"]
    names = "main stdin stdout output meta compile.out run.sh main.sh program2 .coderunr a.out"
    plant = (f"for n in {names}; do rm -rf $n; ln -sf {canary} $n; done; mkdir d; ln -s /etc d/etc; ln -s . loop; "
             "ln -s /usr/bin/env d/env; mkfifo fifo; ln -s /proc/self/root root; true")
    answer = staged(world, plant, "ls -la . d; cat main meta d/etc/shadow root/etc/shadow 2>&1; true", "OK|EXEC")
    assert world.secret not in answer.body.decode(), "a link was followed"
    assert pathlib.Path(canary).read_text() == world.secret, "the file of the host was changed"


def odd_binaries(world):
    for make in ("ln -s /bin/sh program", "mkfifo program", "mkdir program", ": >program; chmod +x program",
                 "true", "ln -s program program", "cp /bin/true program; chmod 0 program",
                 "mknod program c 1 3 || ln -s /dev/zero program", "ln -s /proc/self/exe program",
                 "exec 3>program; echo x >&3; truncate -s 1T program; true",
                 "printf '#!/bin/sh\\nid -u\\n' >program; chmod 6755 program"):
        answer = world.engine.execute("abuse", make, run_timeout=1500, run_memory_limit=64 << 20)
        got = word_of(answer)
        assert got != "IE" and answer.status == 200, f"{make}: {got} {answer!r:.800}"
        assert "\n0\n" not in "\n" + answer.json()["run"]["stdout"], answer


def collector(world):
    """What packs the folder is the parent of the compiler: it cannot be read, and its end is no fault of the engine."""
    look = "ls /proc/$PPID/fd /proc/$PPID/map_files; cat /proc/$PPID/environ /proc/$PPID/mem; echo x >/proc/$PPID/mem; exit 3"
    compile_of = world.engine.execute("abuse", look).json()["compile"]
    assert compile_of["code"] == 3 and compile_of["stdout"] == "", compile_of
    for attack in ("kill -9 $PPID", "kill -STOP $PPID", "kill -9 $PPID; sleep 9", "kill -TERM $PPID; exit 0",
                   "(sleep 0.1; kill -9 1 $PPID) & exit 0", "rm -rf . ../submission; exit 0"):
        answer = world.engine.execute("abuse", attack, compile_timeout=1000, run_timeout=1000)
        assert answer.status == 200 and word_of(answer) != "IE", f"{attack}: {answer!r:.800}"


def odd_artefacts(world):
    program = "printf '#!/bin/sh\\necho ran\\n' >program; chmod +x program; "
    for make in ("for i in {1..400}; do mkdir d; cd d; done", "for i in {1..3000}; do mkdir d 2>/dev/null; cd d; done",
                 "mkdir $'a\\nb' $'\\xff\\xfe' -- -rf; touch $'a\\nb/\\e[31m' \"$(printf 'n%.0s' {1..255})\"",
                 "mkdir x y; chmod 0 x; chmod 111 y; touch z; chmod 0 z", "ln program hard; ln -s program soft; mkfifo f",
                 "for i in {1..900}; do :>f$i; done", "truncate -s 8M sparse; truncate -s 9M other",
                 "python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"s\")'"):
        answer = world.engine.execute("abuse", program + make, compile_timeout=5000)
        assert answer.status == 200 and word_of(answer) != "IE", f"{make}: {word_of(answer)} {answer!r:.800}"


def compile_writes(world):
    answer = staged(world, "touch /usr/lib/x; touch /usr/bin/x; mkdir /etc/x; touch /x; echo x >/usr/bin/env; true")
    said = answer.json()["compile"]["stderr"]
    assert said.count("Read-only file system") + said.count("Permission denied") >= 5, said


def compile_network(world):
    start = time.monotonic()
    answer = staged(world, f"exec 3<>/dev/tcp/127.0.0.1/{world.targets['port']} || echo refused; "
                           "exec 3<>/dev/tcp/192.0.2.1/80 || echo refused; true")
    assert answer.json()["compile"]["stderr"].count("connect: ") >= 2, answer
    assert time.monotonic() - start < 2


def stage_accounting(world):
    burn = "e=$((SECONDS + 1)); i=0; while ((i++ < 200000)); do :; done; "
    reply = staged(world, burn, "exit 0").json()
    assert reply["compile"]["cpu_time"] > 100 and reply["run"]["cpu_time"] < reply["compile"]["cpu_time"] / 2, reply


def odd_sources(world):
    source = "int main(void) { return 0; }"
    for name in ("-o", "--help", "a b.c", "$(id).c", "@options.c", "*.c", "'.c", "\u202ec.c"):
        answer = world.engine.execute("c", [{"name": name, "content": source}])
        assert word_of(answer) in ("OK", "CE", "400"), f"{name}: {answer!r:.800}"
        assert "Usage:" not in answer.body.decode(), f"{name} was taken for an option: {answer!r:.800}"
    for name in ("@x.c", "-fplugin=x.c", "-wrapper,x.c", "-B.c"):
        files = [{"name": "main.c", "content": source}, {"name": name, "content": "int other;"}]
        answer = expect(world.engine.execute("c", files), "OK|400")
    answer = world.engine.execute("python", [{"name": "-c.py", "content": "print('name')"}])
    assert answer.status == 400 or answer.json()["run"]["stdout"] == "name\n", f"an option for the interpreter: {answer!r:.500}"


# ---- request files ---------------------------------------------------------------------------------------------------


def climbing_names(world):
    for name in ("../x", "/abs", "a/../../x", "..", ".", "a/", "a//b", "./x", "a\0b", "a/./b", "..\\x", "a\rb",
                 "x" * 300, "/etc/passwd", "../../../../tmp/abuse", "a/../../b"):
        files = [{"name": "main", "content": "#!/bin/bash\nls -A / .. . /tmp"}, {"name": name, "content": "planted"}]
        answer = world.engine.execute("file", files)
        got = word_of(answer)
        assert got in ("400", "OK"), f"{name!r}: {got} {answer!r:.500}"
        if got == "OK":
            assert name in ("..\\x", "a\rb", "a//b", "./x", "a/./b"), f"{name!r} was taken"
    assert not os.path.exists("/tmp/abuse")


def conflicting_names(world):
    main = {"name": "main", "content": "#!/bin/bash\nexit 0"}
    for names in (("a", "a"), ("a", "a/b"), ("a/b", "a"), ("A", "a"), ("\u00e9", "e\u0301"), ("main/x", "y")):
        files = [main, *({"name": name, "content": name} for name in names)]
        assert word_of(world.engine.execute("file", files)) in ("OK", "400", "EXEC"), names


def too_much(world):
    main = {"name": "main", "content": "#!/bin/bash\nexit 0"}
    many = [main, *({"name": f"f{i}", "content": ""} for i in range(20000))]
    deep = [main, {"name": "/".join("d" * 65), "content": ""}]
    large = [main, *({"name": f"l{i}", "content": "x" * (9 << 20)} for i in range(5))]
    over = [main, {"name": "one", "content": "x" * (65 << 20)}]
    for files in (many, deep, large, over):
        try:
            answer = world.engine.execute("file", files)
        except OSError:
            continue  # it hung up on a body that is too large
        got = word_of(answer)
        assert got in ("OK", "400", "413", "EXEC", "DISK", "INODES"), f"{got} {answer!r:.500}"
    assert world.run("exit_with", "0")["code"] == 0
