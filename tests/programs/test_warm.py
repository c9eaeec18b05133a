"""A program cannot tell whether its interpreter was up before it came: the corpus, and what looks closest, cold and warm."""
import collections
import json
import re
import subprocess

import corpus
import pytest
from conftest import BINARY

NAMES = {"python": "main.py", "perl": "main.pl", "ruby": "main.rb", "php": "main.php", "lua": "main.lua", "bash": "main.sh",
         "javascript": "main.js", "java": "Main.java"}
SHOWN = ("stdout", "stderr", "code", "signal", "message", "status")

# What looks at its own process, at its start and at its end.
CLOSE = {
    "python": {
        "itself": "import sys, os\nprint(sys.argv, sys.orig_argv, sys.flags, __name__, __file__, __spec__, sys.path)\n"
                  "print(sorted(os.environ.items()), os.getcwd(), os.getuid(), os.getppid(), os.getpgrp() == os.getpid())\n"
                  "print([sys.stdin.line_buffering, sys.stdout.line_buffering, sys.stdin.isatty(), sys.stdout.encoding])\n"
                  "print(sorted(map(int, os.listdir('/proc/self/fd')))[:4], oct(os.umask(0)))",
        "signals": "import signal\nprint([(s.name, str(signal.getsignal(s))) for s in sorted(signal.valid_signals()) "
                   "if isinstance(s, signal.Signals)], signal.pthread_sigmask(signal.SIG_BLOCK, []))",
        "limits": "import resource\nprint([resource.getrlimit(n) for n in range(7)])",
        "interrupt": "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nimport time\ntime.sleep(5)",
        "killed": "import os, signal\nprint('x', flush=True)\nos.kill(os.getpid(), signal.SIGKILL)",
        "ends": "import atexit, sys\nclass D:\n    def __init__(self, n): self.n = n\n    def __del__(self): print('del', self.n)\n"
                "d = D(1)\natexit.register(print, 'first')\natexit.register(print, 'second')\ne = [D(2)]\ne.append(e)\nsys.exit(7)",
        "ends elsewhere": "import builtins, contextvars, json, os, sys, threading\n"
                          "class D:\n    def __init__(self, n): self.n = n\n"
                          "    def __del__(self, say=os.write): say(1, b'del %d\\n' % self.n)\n"
                          "context = contextvars.ContextVar('context')\ncontext.set(D(1))\n"
                          "local = threading.local()\nlocal.d = D(2)\nbuiltins.d = D(3)\nsys.d = D(4)",
        "ends in a module": "import json, threading\nclass D:\n    def __del__(self): print('del')\nd = D()\njson.d = D()\n"
                            "threading.local_of_mine = threading.local()\nthreading.local_of_mine.d = D()",
        "ends in a hook": "import os, sys\nclass D:\n    def __call__(self, *a): pass\n"
                          "    def __del__(self, say=os.write): say(1, b'del\\n')\nsys.setprofile(D())",
        "ends in a context": "import decimal\nprint(decimal.Decimal(1) / 3)",
        "cannot flush": "import os\nprint('x')\nos.close(1)",
        "complains at exit": "import sys\nsys.unraisablehook = lambda u: sys.stderr.write(u.exc_type.__name__)\n"
                             "class D:\n    def __del__(self): 1 / 0\nd = D()",
        "daemons": "import threading, time\ndef f():\n    while True: time.sleep(0.001)\n"
                   "def g():\n    while True: pass\n"
                   "for t in (f, f, g): threading.Thread(target=t, daemon=True).start()\nprint('x')",
        "audited": "import sys\nsys.addaudithook(lambda e, a: e.startswith('cpython') and sys.__stderr__.write(e))",
        "atexit by hand": "import atexit\natexit.register(print, 'r')\natexit._run_exitfuncs()\nimport json\nprint(json.dumps(1))",
        "no atexit": "import atexit\natexit.register(print, 'r')\natexit._clear()\nraise SystemExit(9)",
        "said at exit": "import sys\nsys.exit('a sentence')",
        "fails at exit": "import atexit\natexit.register(lambda: 1 / 0)\nprint('x')",
        "thread at exit": "import threading, time\n"
                          "threading.Thread(target=lambda: (time.sleep(0.1), print('later'))).start()\nprint('now')",
        "children": "import subprocess, os\nprint(subprocess.run(['sh', '-c', 'echo $PPID $0; ls /proc/self/fd | wc -l'], "
                    "capture_output=True, text=True).stdout.split()[1:])\npid = os.fork()\n"
                    "if pid == 0:\n    print('child')\n    raise SystemExit(3)\nprint(os.waitstatus_to_exitcode(os.wait()[1]))",
        "processes": "import multiprocessing\ndef f(x): return x * x\n"
                     "if __name__ == '__main__':\n    with multiprocessing.Pool(2) as p: print(p.map(f, range(5)))",
        "threads": "import threading\nprint(threading.main_thread() is threading.current_thread(), threading.active_count())\n"
                   "t = threading.Thread(target=print, args=('in',)); t.start(); t.join()\n"
                   "print(threading.main_thread().native_id == threading.get_native_id())",
        "traceback": "def f(n):\n    return f(n - 1) if n else 1 / 0\nimport traceback\ntry: f(2)\nexcept Exception: traceback.print_exc()\n"
                     "try:\n    {}['x']\nexcept KeyError as e:\n    raise ValueError('why') from e",
        "frames": "import inspect, sys\nprint([f.filename for f in inspect.stack()], sys._getframe().f_back)",
        "syntax": "print('x')\nif True print",
        "deep": "def f(n): return 0 if n == 0 else 1 + f(n - 1)\nprint(f(900))\nf(10**6)",
        "input": "import sys\nprint(input(), sys.stdin.readline(), sys.stdin.read())",
        "written": "import sys\nsys.stdout.write('a' * 70000)\nsys.stderr.write('e')\nsys.stdout.buffer.write(b'\\xff')",
        "shadowed": "open('json.py', 'w').write('x = 1')\nimport sys\nprint('shadow' in sys.modules)",
        "encodings": "print('\\u20ac', '\\U0001f600'.encode('utf-16'))\nopen('f', 'w').write('\\u20ac')\nprint(open('f').read())",
        "main": "import __main__, pickle\nclass A: pass\nprint(__main__.A is A, type(pickle.loads(pickle.dumps(A()))).__module__)",
    },
    "perl": {
        "itself": "print \"$0 @ARGV $< $> $$ \", getppid(), \" $^W $^X \", __FILE__, __LINE__, \"\\n\"; "
                  "print join(',', map { \"$_=$ENV{$_}\" } sort keys %ENV), join(',', @INC), \"\\n\"".replace("$$ ", ""),
        "data": "print <DATA>;\nwarn 'w';\nEND { print 'end' }\n__DATA__\nx\ny\n",
        "dies": "use strict; use warnings; my $x; print $x . 'a'; sub f { die { a => 1 } } eval { f() }; print ref $@; die 'end'",
        "children": "print `echo sub`; my $p = fork; if (!$p) { print 'child'; exit 3 } waitpid $p, 0; print $? >> 8;",
    },
    "ruby": {
        "itself": "p $0, __FILE__, ARGV, Process.uid, Process.ppid, Dir.pwd, ENV.to_h, $LOADED_FEATURES.size, $:, caller, __dir__",
        "data": "puts DATA.read\nat_exit { puts 'bye' }\nwarn 'w'\n__END__\nrest\n",
        "first line": "#!/usr/bin/env ruby\nputs __LINE__\n",
        "comment": "# frozen_string_literal: true\nbegin; 'a' << 'b'; rescue => e; puts e.class; end",
        "fails": "def f; raise ArgumentError, 'x'; end\nbegin; f; rescue => e; puts e.backtrace; end\nnil.foo",
        "threads": "a = 3.times.map { |i| Thread.new { i * i } }\np a.map(&:value)\nq = Queue.new\n"
                   "Thread.new { 5.times { |i| q << i } }.join\np q.size\np Thread.list.size",
        "children": "puts `echo sub`\npid = fork { puts 'child'; exit 3 }\nProcess.wait pid\np $?.exitstatus",
        "syntax": "puts 'x'\nend end",
        "first fails": "undefined_thing + 1\n",
        "empty": "",
    },
    "php": {
        "itself": "<?php var_dump($argv, $argc, __FILE__, __DIR__, getcwd(), PHP_SAPI, get_included_files(), getenv('PATH'), "
                  "error_reporting(), ini_get('display_errors'));",
        "streams": "<?php fwrite(STDERR, 'e'); echo fgets(STDIN); print_r(stream_get_contents(STDIN)); register_shutdown_function(fn() => print('bye'));",
        "fails": "<?php function f() { throw new Exception('x'); } echo 'a'; f();",
        "children": "<?php echo shell_exec('echo sub'); exit(3);",
    },
    "lua": {
        "itself": "print(arg[0], #arg, ..., os.getenv('HOME'), debug.traceback())",
        "fails": "local function f() error({}) end\nprint(pcall(f))\nerror('end')",
        "reads": "print(io.read('l'), io.read('a'))\nio.stderr:write('e')\nos.exit(3)",
    },
    "bash": {
        "itself": "echo $0 $# $UID $EUID $PWD $PPID $SHLVL $BASH_SUBSHELL $- ${BASH_SOURCE[0]} ${FUNCNAME[0]} $LINENO $SECONDS\n"
                  "[ $$ = $BASHPID ] && echo same\nenv | sort\nulimit -a\ntrap\numask\nset -o | grep on",
        "jobs": "sleep 0.1 & wait $!; echo $?; (exit 4); echo $?; echo a | { read x; echo $x; }; exec 3>f; echo x >&3; cat f",
        "fails": "set -e\nnosuchcommand\necho never",
        "reads": "read a; echo $a; cat; trap 'echo bye' EXIT; exit 5",
    },
    "javascript": {
        "itself": "console.log(process.argv, __filename, process.cwd(), process.env, require.main === module, module.paths, process.ppid)",
        "stdout": "const o = process.stdout, tell = () => console.log(o.bytesWritten, o.writableLength, o.writableNeedDrain, o._type, "
                  "o.fd, o.isTTY, o.destroyed, o.writableEnded, Object.keys(o), o.eventNames(), Object.keys(o._writableState), "
                  "o._handle.constructor.name, require('fs').readlinkSync('/proc/self/fd/1').slice(0, 4))\n"
                  "tell(); o.write('a', tell); o.write(''); o.end('b', () => console.error(o.bytesWritten, o.writableFinished))",
        "stderr": "console.error('%s', {}, process.stderr.bytesWritten); process.stderr.write('x'); console.trace === console.log",
        "globals": "console.log(Object.getOwnPropertyNames(globalThis).sort(), Object.keys(require.cache), module.children, "
                   "process.execArgv, process.eventNames(), process._events, Object.keys(process), new Error('e').stack, "
                   "process._getActiveHandles().length, process._getActiveRequests().length)",
        "console": "console.count(); console.group(); console.log(1); console.groupEnd(); console.table([[1]]); "
                   "console.log(Object.keys(console), require('util').inspect(new Map([[1, {a: {b: {c: {}}}}]])))",
        "much": "for (let i = 0; i < 20000; i++) console.log('line', i)\nsetTimeout(() => process.stdout.write('x'.repeat(200000)), 5)",
        "flags": "const fs = require('fs')\n"
                 "const flags = fd => fs.readFileSync('/proc/self/fdinfo/' + fd, 'utf8').match(/flags:\\s*(\\d+)/)[1]\n"
                 "process.stdout; fs.writeSync(1, [0, 1, 2].map(flags).join() + '\\n'); process.stderr; process.stdin\n"
                 "fs.writeSync(1, [0, 1, 2].map(flags).join() + '\\n')",
        "lines": "const rl = require('readline').createInterface({ input: process.stdin })\n"
                 "rl.on('line', l => console.log(l.toUpperCase())).on('close', () => console.log('closed'))",
        "workers": "const { Worker } = require('worker_threads')\n"
                   "new Worker('require(\"worker_threads\").parentPort.postMessage(process.stdout.fd ?? 1)', { eval: true })"
                   ".on('message', m => console.log('got', m)).on('exit', c => console.log('exit', c))",
        "exits": "process.on('exit', () => console.log('bye')); process.stdout.write('now '); process.exit(3)",
        "ends": "process.on('exit', c => console.log('exit', c)); setTimeout(() => console.log('later'), 10); process.exitCode = 4",
        "reads": "process.stdin.on('data', d => process.stdout.write('got ' + d)); process.stdin.on('end', () => console.log('end'))",
        "fails": "function f() { throw new TypeError('x') }\nf()",
        "waits": "(async () => { for await (const x of [1, Promise.resolve(2)]) console.log(x); await Promise.reject(new Error('r')) })()",
        "children": "console.log(require('child_process').execSync('echo sub').toString()); "
                    "new (require('worker_threads').Worker)('console.log(1)', { eval: true })",
    },
    "java": {
        "itself": "public class Main { public static void main(String[] a) throws Exception { System.out.println(a.length + "
                  "System.getProperty(\"user.dir\") + System.getProperty(\"java.class.path\") + new java.util.TreeMap<>(System.getenv())); "
                  "System.out.println(System.in.read()); throw new IllegalStateException(\"end\"); } }",
    },
}


def cases():
    for language, name, program in corpus.programs():
        if language in NAMES and not program.get("args"):
            yield language, name, program["source"], corpus.stdin_of(program)
    for language, programs in CLOSE.items():
        for name, source in programs.items():
            yield language, f"close: {name}", source, "one\ntwo\nthree\n"


CASES = list(cases())


def ask(engine, language, source, stdin, warm):
    body = {"language": language, "version": "*", "files": [{"name": NAMES[language], "content": source}],
            "stdin": stdin, "warm": warm, "timing": True}
    answer = engine.request("POST", "/api/v2/execute", json.dumps(body), {"Content-Type": "application/json"})
    assert answer.status == 200, answer
    run = answer.json()["run"]
    run = {key: re.sub("0x[0-9a-f]{6,}", "0x", value) if isinstance(value, str) else value for key, value in run.items()}
    return {key: run.get(key) for key in SHOWN}, answer.json().get("timing", {}).get("run", {}).get("warm")


@pytest.fixture(scope="module")
def installed(engine):
    return {row["language"] for row in engine.runtimes()}


@pytest.fixture(scope="module")
def counted():
    """How many answers came from an interpreter that was up, of how many that were meant to."""
    return collections.defaultdict(lambda: [0, 0])


@pytest.mark.parametrize("language, name, source, stdin", CASES, ids=[f"{case[0]}-{case[1]}" for case in CASES])
def test_cold_and_warm(engine, installed, counted, language, name, source, stdin):
    if language not in installed:
        pytest.skip(f"{language} is not installed")
    cold, was_warm = ask(engine, language, source, stdin, False)
    assert not was_warm
    for _ in range(5):  # the slot that is free may not be warm yet
        warm, was_warm = ask(engine, language, source, stdin, True)
        if was_warm or was_warm is None:
            break
    counted[language][0] += bool(was_warm)
    counted[language][1] += was_warm is not None
    assert warm == cold


def test_warm_is_what_was_asked_for(counted, installed):
    if not counted:
        pytest.skip("nothing was run")
    for language, (warm, asked) in counted.items():
        assert asked == 0 or warm >= asked * 0.8, f"{language}: {warm} of {asked} were warm"


def test_doctor_tells_what_is_warm(engine, installed):
    if "python" not in installed:
        pytest.skip("python is not installed")
    for _ in range(5):
        if ask(engine, "python", "print(1)", "", True)[1]:
            break
    done = subprocess.run([BINARY, "doctor", "--json"], capture_output=True, text=True, check=False)
    rows = [row for row in json.loads(done.stdout)["warm"] if row["command"].endswith("main.py")]
    assert rows and rows[0]["zygotes"] >= 1 and 1 << 20 < rows[0]["zygote_bytes"] < 1 << 28
