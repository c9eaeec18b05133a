#!/usr/bin/env python3
"""The fault catalogue, as `./dev faults` runs it: every row again and again, each time at another moment.

usage: faults.py [ROUNDS] [ID…]           20 rounds; the seed of every broken round is printed, and --seed repeats it
       faults.py storm [SECONDS] [JOBS]   everything killed at random while jobs come: 120 seconds, 10,000 jobs
Ends in `N held, N broken, N vacuous, N pending`; vacuous is what this machine does not allow to be tried.
"""
import argparse
import concurrent.futures
import os
import pathlib
import random
import signal
import subprocess
import sys
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import run as suite  # noqa: E402

AT_ONCE = 6
ROUNDS = 20


def rounds_of(row, rounds, seed):
    """Play them; yields the seed before each."""
    from crew import Crew
    if row.own:
        for i in range(rounds):
            yield seed + i
            row.play(seed + i, **row.flags)
        return
    with Crew(seed, **row.flags) as crew:
        for i in range(rounds):
            yield seed + i
            crew.chance = random.Random(seed + i)
            row.play(crew)


def told(error):
    frames = [f"{pathlib.Path(frame.filename).name}:{frame.lineno}" for frame in
              traceback.extract_tb(error.__traceback__) if str(HERE) in frame.filename]
    return f"{' '.join(frames)}: {type(error).__name__}: {str(error)[:1500]}"


def play(row, rounds, seed):
    """(word, rounds, text, seconds); the first round that is broken ends the row."""
    from crew import Vacuous
    start, rounds, at, word, text = time.monotonic(), min(rounds, row.most), seed, "held", ""
    try:
        for at in rounds_of(row, rounds, seed):
            pass
    except Vacuous as reason:
        word, text = "vacuous", str(reason)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # pytest's own are no Exception
        word, text = "broken", f"seed {at}: {told(error)}"
    return word, rounds, text, time.monotonic() - start


def tell(row, word, rounds, text, seconds):
    print(f"{word:7} {row.id}  {rounds:2} times {seconds:6.1f} s  {row.when:12} {row.fault}: {row.expected}", flush=True)
    if text:
        print(f"        {text}", flush=True)


def play_all(rows, rounds, seed, each=lambda *_: None, seconds=float("inf")):
    """{id: what play() says}; some at once, those that measure one after the other at the end.  After @seconds no row is begun."""
    done, deadline = {}, time.monotonic() + seconds

    def begin(row):
        if time.monotonic() > deadline:
            return "late", 0, f"not begun in {seconds} s", 0
        return play(row, rounds, seed)

    def keep(row, said):
        done[row.id] = said
        each(row, *said)

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        running = {pool.submit(begin, row): row for row in rows if not row.alone}
        for future in concurrent.futures.as_completed(running):
            keep(running[future], future.result())
    for row in rows:
        if row.alone:
            keep(row, begin(row))
    return done


def catalogue(options):
    import fault_table
    rows = [row for row in fault_table.ROWS if not options.names or row.id in options.names]
    seed = options.seed if options.seed is not None else random.randrange(10 ** 6)
    print(f"seed {seed}, {options.rounds} rounds, {AT_ONCE} rows at once", flush=True)
    words = [said[0] for said in play_all(rows, options.rounds, seed, tell).values()]
    for ids, reason in fault_table.PENDING.items():
        print(f"pending {ids}: {reason}")
    pending = sum(len(ids.split()) for ids in fault_table.PENDING)
    print(f"{words.count('held')} held, {words.count('broken')} broken, {words.count('vacuous')} vacuous, "
          f"{pending} pending", flush=True)
    return 1 if "broken" in words else 0


def storm(options):
    from storm import Storm
    numbers = [int(word) for word in options.names] + [120, 10000][len(options.names):]
    seed = options.seed if options.seed is not None else random.randrange(10 ** 6)
    print(f"seed {seed}: {numbers[0]} seconds, {numbers[1]} jobs", flush=True)
    problems, figures = Storm(seed, *numbers[:2]).run()
    for line in problems[:50]:
        print(f"broken  {line}")
    print(figures)
    print(f"{0 if problems else 1} held, {len(problems)} broken", flush=True)
    return 1 if problems else 0


def inside(options):
    suite.loopback_up()
    suite.private_folders()
    return storm(options) if options.storm else catalogue(options)


def outside(options, words):
    """Cgroups and namespaces of this run's own, as for the whole suite."""
    def stop(number, _):
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, stop)
    with suite.Groups():
        command = ["unshare", "--mount", "--net", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc",
                   "--propagation", "private", sys.executable, __file__, "--inside", *words]
        env = {"FAULTS_SLOWNESS": "1", **os.environ, "CODERUNR_BUILD": options.build}
        with subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL) as child:
            try:
                return child.wait()
            finally:
                child.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=os.path.abspath,
                        default=os.environ.get("CODERUNR_BUILD", str(ROOT / "build/release")))
    parser.add_argument("--seed", type=int)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*", help="[ROUNDS] [ID…], or storm [SECONDS] [JOBS]")
    options = parser.parse_args()
    options.storm = options.names[:1] == ["storm"]
    options.names = options.names[options.storm:]
    options.rounds = ROUNDS
    if not options.storm and options.names and options.names[0].isdigit():
        options.rounds = int(options.names.pop(0))
    if os.geteuid() != 0:
        sys.exit("faults.py: needs root")
    if not options.inside:
        sys.exit(outside(options, sys.argv[1:]))
    worker = os.fork()
    sys.exit(inside(options) if worker == 0 else suite.reap_until(worker))


if __name__ == "__main__":
    main()
