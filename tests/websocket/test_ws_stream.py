"""What a session is for: output as it comes, stdin and signals to a running program, and nothing that piles up."""
import asyncio
import contextlib
import hashlib
import json
import os
import signal
import statistics
import threading
import time

import pytest
from ws_processes import rss  # noqa: F401 (fixtures)
from ws_support import TEXT, Session, Wire, init, lines, output, stdin, talk, text

MIB = 1024 * 1024
CAT = "import sys\nfor line in sys.stdin: print('got', line, end='', flush=True)\nprint('end')"


def test_first_byte_comes_soon(engine, need):
    """The program says when it wrote; the clock of boxes is ours."""
    need("python")
    program = ("import os, time\n"
               "for i in range(50):\n"
               "    time.sleep(0.02)\n"
               "    os.write(1, b'%d\\n' % time.clock_gettime_ns(time.CLOCK_MONOTONIC))")
    delays = []
    with Wire(engine, "/api/v2/connect?dialect=piston", more=text(init("python", program))) as wire:
        while (heard := wire.hear()) is not None and heard[0] == TEXT:
            event = json.loads(heard[1])
            if event["type"] == "data":
                delays.append((time.clock_gettime_ns(time.CLOCK_MONOTONIC) - int(event["data"])) / 1e6)
    assert len(delays) == 50
    print(f"first byte: median {statistics.median(delays):.2f} ms, worst {max(delays):.2f} ms")
    assert statistics.median(delays) < 5, delays


def test_drip(engine, need):
    need("python")
    program = "import os, time\nfor i in range(20): os.write(1, b'.'); time.sleep(0.1)"
    for dialect in ("piston", "coderunr"):
        with Wire(engine, f"/api/v2/connect?dialect={dialect}", more=text(init("python", program))) as wire:
            times, dots = [], 0
            while (heard := wire.hear()) is not None and heard[0] == TEXT:
                event = json.loads(heard[1])
                if event["type"] == "data":
                    times.append(time.monotonic())
                    dots += len(event["data"])
        assert dots == 20
        assert len(times) >= 10, "it is not kept until the end"
        assert max(later - earlier for earlier, later in zip(times, times[1:])) < 0.4


def test_partial_output_before_the_time_limit(engine, need):
    need("python")
    program = "import os, time\nwhile True: os.write(1, b'.'); time.sleep(0.05)"
    events, closed = talk(engine, init("python", program, run_timeout=500), dialect="piston")
    assert 5 <= len("".join(output(events))) <= 11
    assert events[-1]["signal"] == "SIGKILL"
    assert closed == (4999, "Job Completed")


@pytest.mark.parametrize("dialect", ["coderunr", "piston"])
def test_conversation(engine, need, dialect):
    need("python")

    async def run():
        async with Session(engine, dialect) as session:
            await session.say(init("python", CAT), stdin("0\n"))
            for i in range(1, 20):
                events = await session.hear_until("data")
                assert events[-1]["data"].rstrip() == f"got {i - 1}"
                await session.say(stdin(f"{i}\n"))
            await session.say({"type": "eof"}, stdin("never\n"), {"type": "eof"})
            events, closed = await session.hear_all()
            assert "".join(output(events)).replace("\n", "") == "got 19end"
            assert closed == (4999, "Job Completed")
    asyncio.run(run())


def test_stdin_waits_for_the_run_stage(engine, need):
    need("c")
    source = "#include <stdio.h>\nint main(void) { int c; while ((c = getchar()) != EOF) putchar(c); }"
    events, closed = talk(engine, init("c", source), stdin("through "), stdin("the compiler\n"), {"type": "eof"})
    assert output(events) == ["through the compiler"]
    assert closed == (4999, "Job Completed")


def test_stdin_of_init_is_not_used(engine, need):
    need("python")
    events, _ = talk(engine, init("python", "print(repr(input()))", stdin="init"), stdin("data\n"))
    assert output(events) == ["'data'"]


def test_stdin_is_open_until_eof(engine, need):
    need("python")
    program = "import sys\nprint(repr(sys.stdin.read()))"
    events, _ = talk(engine, init("python", program, run_timeout=700), stdin("x"), dialect="piston")
    assert output(events) == []
    assert events[-1]["signal"] == "SIGKILL"
    events, _ = talk(engine, init("python", program), stdin("x\0é"), {"type": "eof"}, dialect="piston")
    assert output(events) == ["'x\\x00é'\n"]


TRAPS = """
import os, signal, time
names = {names}
def on(number, frame):
    os.write(1, signal.Signals(number).name.encode() + b"\\n")
for name in names:
    signal.signal(getattr(signal, name), on)
print("ready", flush=True)
while True:
    time.sleep(0.05)
"""
TRAPPED = ["SIGHUP", "SIGINT", "SIGUSR1", "SIGUSR2", "SIGTERM", "SIGPIPE", "SIGALRM", "SIGWINCH", "SIGCONT"]


def test_signals_reach_the_program(engine, need):
    need("python")

    async def run():
        async with Session(engine, "piston") as session:
            await session.say(init("python", TRAPS.format(names=TRAPPED)))
            assert (await session.hear_until("data"))[-1]["data"] == "ready\n"
            for name in TRAPPED:
                await session.say({"type": "signal", "signal": name})
                assert (await session.hear_until("data"))[-1]["data"] == name + "\n"
            await session.say({"type": "signal", "signal": "SIGKILL"})
            events, closed = await session.hear_all()
            assert events == [{"type": "exit", "stage": "run", "code": None, "signal": "SIGKILL"}]
            assert closed == (4999, "Job Completed")
    asyncio.run(run())


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGKILL"])
def test_signals_in_coderunr(engine, need, name):
    need("python")

    async def run():
        async with Session(engine) as session:
            await session.say(init("python", "print('ready', flush=True)\nimport time\ntime.sleep(2.5)"))
            await session.hear_until("data")
            start = time.monotonic()
            await session.say({"type": "signal", "signal": name})
            events, closed = await session.hear_all()
            assert time.monotonic() - start < 1
            assert events[-1]["code"] != 0
            assert closed == (4999, "Job Completed")
    asyncio.run(run())


NAMES = (["SIGHUP", "SIGQUIT", "SIGSTKFLT", "SIGIO", "SIGPWR", "SIGSYS", "SIGRTMIN", "SIGRTMIN+1", "SIGRTMIN+15",
          "SIGRTMAX-14", "SIGRTMAX-1", "SIGRTMAX"], ["SIG0", "SIG32", "SIGRTMIN+16", "SIGRTMAX-15", "sigterm", "TERM",
                                                       "", "9", "SIGKILL ", "SIGNULL"])


def test_signal_names(engine, need):
    need("python")
    program = "import signal, time\nfor n in set(range(1, 65)) - {9, 19, 32, 33}: signal.signal(n, signal.SIG_IGN)\ntime.sleep(0.5)"
    events, closed = talk(engine, init("python", program), *({"type": "signal", "signal": name} for name in NAMES[0]),
                          dialect="piston")
    assert closed == (4999, "Job Completed")
    for name in NAMES[1] + [-1, 0, 65, None, {}]:
        _, closed = talk(engine, init("python", program), {"type": "signal", "signal": name}, dialect="piston")
        assert closed == (4005, "Invalid signal"), name
    for name in ["SIGHUP", "SIGUSR1", "SIGSTOP"]:
        _, closed = talk(engine, init("python", program), {"type": "signal", "signal": name})
        assert closed == (4005, "Invalid signal"), name


def test_large_output_is_whole(own_engine):
    engine = own_engine(run_output_max_size="64MiB", run_timeout="30s")
    program = ("import sys\n"
               "for i in range(20000): sys.stdout.write('%06d' % i + 'o' * 993 + '\\n'); "
               "i % 100 or (sys.stdout.flush(), sys.stderr.write('%06d\\n' % i))")
    events, closed = talk(engine, init("python", program), seconds=60)
    assert closed == (4999, "Job Completed")
    assert [int(line[:6]) for line in lines(events)] == list(range(20000))
    assert {len(line) for line in lines(events)} == {999}
    assert [int(line) for line in lines(events, "stderr")] == list(range(0, 20000, 100))
    events, _ = talk(engine, init("python", program), dialect="piston", seconds=60)
    assert [int(line[:6]) for line in "".join(output(events)).splitlines()] == list(range(20000))


def test_slow_reader_gets_all(own_engine):
    engine = own_engine(run_output_max_size="16MiB", run_timeout="30s", max_concurrent_jobs=1)
    program = "for i in range(100000): print('%06d' % i, 'x' * 33)"
    with Wire(engine, receive_buffer=4096, more=text(init("python", program))) as wire:
        time.sleep(2)
        events, code = wire.events()
    assert code == 4999
    assert [int(line[:6]) for line in lines(events)] == list(range(100000))


@pytest.mark.parametrize("how", ["small", "large"])
def test_stdin_flood_is_bounded(own_engine, rss, how):
    engine = own_engine(max_concurrent_jobs=1)
    size = 10000 if how == "small" else 5 * MIB
    before = rss(engine)
    most = before
    with Wire(engine, more=text(init("python", "import time\nprint('on', flush=True)\ntime.sleep(2)"))) as wire:
        wire.socket.settimeout(None)
        flood = threading.Thread(target=send_all, args=(wire, text(stdin("x" * size)), 100 * MIB // size))
        flood.start()
        while flood.is_alive() and wire.hear()[0] == TEXT:
            most = max(most, rss(engine))
        events, code = wire.events()
        wire.socket.close()
        flood.join()
    # of 100 MiB; a sanitizer keeps what was freed for a while, so that it can tell who still uses it
    assert most - before < (48 if how == "small" else 64) * MIB


def send_all(wire, data, times):
    with contextlib.suppress(OSError):
        for _ in range(times):
            if not wire.send(data):
                return


def test_stdin_goes_through_whole(own_engine):
    engine = own_engine(run_timeout="30s", max_concurrent_jobs=1)
    program = ("import hashlib, sys, time\ntime.sleep(0.5)\nh = hashlib.sha256()\nn = 0\n"
               "while data := sys.stdin.buffer.read1(50000): h.update(data); n += len(data)\nprint(n, h.hexdigest())")
    pieces = [("%09d " % i) * 2000 for i in range(400)]
    whole = "".join(pieces).encode()
    events, closed = talk(engine, init("python", program), *map(stdin, pieces), {"type": "eof"}, seconds=60)
    assert output(events) == [f"{len(whole)} {hashlib.sha256(whole).hexdigest()}"]


def test_stdin_nobody_reads(engine, need):
    need("python")
    program = "import os, time\nos.close(0)\ntime.sleep(0.5)\nprint('done')"
    events, closed = talk(engine, init("python", program), *[stdin("x" * 50000)] * 40)
    assert output(events) == ["done"]
    assert closed == (4999, "Job Completed")


def test_disconnect_frees_the_slot(own_engine):
    engine = own_engine(max_concurrent_jobs=1, run_timeout="60s")
    for more in ([], [stdin("x" * 60000)] * 10):
        wire = Wire(engine, more=text(init("python", "import time\nprint(1, flush=True)\ntime.sleep(60)")))
        assert wire.hear()[0] == TEXT
        for message in more:
            wire.send(text(message))
        time.sleep(0.3)
        wire.socket.close()
        start = time.monotonic()
        assert engine.run("python", "print('next')", run_timeout=3000)["stdout"] == "next\n"
        assert time.monotonic() - start < 3


def test_full_queue(own_engine):
    engine = own_engine(max_concurrent_jobs=1, max_queued_jobs=1)
    sleeper = text(init("python", "import time\ntime.sleep(2)"))
    path = "/api/v2/connect?dialect=piston"
    with contextlib.ExitStack() as stack:
        wires = [stack.enter_context(Wire(engine, path, more=sleeper)) for _ in range(5)]
        ends = [wire.events() for wire in wires]
    assert {code for _, code in ends} == {4002, 4999}
    refused = [events for events, code in ends if code == 4002]
    assert all(events[-1]["type"] == "error" for events in refused)
    assert all("wait" in events[-1]["message"] for events in refused)


def test_runner_that_dies(own_engine):
    """A program that has spoken is not run again behind its client's back; one that only waits is."""
    engine = own_engine(max_concurrent_jobs=1, run_timeout="20s")
    path = "/api/v2/connect?dialect=piston"
    speaker = text(init("python", "import time\nprint('on', flush=True)\ntime.sleep(20)"))
    waiter = text(init("python", "print(input())")) + text(stdin("kept\n"))
    with Wire(engine, path, more=speaker) as first, Wire(engine, path, more=waiter) as second:
        while json.loads(first.hear()[1])["type"] != "data":
            pass
        time.sleep(0.3)
        for pid in engine.processes():
            with contextlib.suppress(OSError), open(f"/proc/{pid}/comm") as comm:
                if "runner" in comm.read():
                    os.kill(pid, signal.SIGKILL)
        events, code = first.events()
        assert (events[-1]["type"], code) == ("error", 4002)
        events, code = second.events()
        assert (output(events), code) == (["kept\n"], 4999)


def test_two_hundred_sessions_lose_nothing(own_engine):
    engine = own_engine(max_concurrent_jobs=16, run_timeout="60s", run_cpu_time="60s", max_queued_jobs=1000)
    program = ("import sys\n"
               "for i in range(500):\n"
               "    print(i, 'x' * 40, flush=i % 20 == 0)\n"
               "print('echo', input())")

    async def one(n):
        async with Session(engine) as session:
            await session.say(init("python", program), stdin(f"{n}\n"))
            return n, *(await session.hear_all(120))

    async def run():
        return await asyncio.gather(*(one(n) for n in range(200)))

    for n, events, closed in asyncio.run(run()):
        assert closed == (4999, "Job Completed"), (events[-3:], closed)
        got = lines(events)
        assert [int(line.split()[0]) for line in got[:-1]] == list(range(500))
        assert got[-1] == f"echo {n}"


@pytest.mark.parametrize("what", ["connected", "waiting"])
def test_two_thousand_idle_sessions(own_engine, rss, what):
    """2,000 of them may cost 200 MiB; those that wait for a slot hold a job each."""
    engine = own_engine(max_connections=5000, max_concurrent_jobs=2, max_queued_jobs=3000, run_timeout="60s")
    more = b"" if what == "connected" else text(init("python", "import time\ntime.sleep(60)"))
    engine.run("python", "print(1)")
    before = rss(engine)
    wires = []
    try:
        for _ in range(2000):
            wires.append(Wire(engine, more=more))
        if more:
            time.sleep(1)
        grown = rss(engine) - before
        assert len(wires) == 2000
        assert wires[-1].socket.fileno() >= 0
        assert grown < 200 * MIB, f"{grown / MIB:.1f} MiB"
        print(f"{what}: {grown / MIB:.1f} MiB")
    finally:
        for wire in wires:
            wire.socket.close()
    assert engine.request("GET", "/health").status == 200
