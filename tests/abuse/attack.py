#!/usr/bin/env python3
"""The abuse catalogue against a real engine, as `./dev attack` runs it.

Each row alone with every invariant of the host; then all rows shuffled, four at a time, with three seeds; then the
process trees a thousand times.  --quick: the rows alone, without the slow ones.  Words choose rows by id or name.
The last line is `N held, N broken, N vacuous, N pending`.
"""
import argparse
import os
import pathlib
import signal
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import run as suite  # noqa: E402
import table  # noqa: E402

SEEDS = (1, 2, 3)
REPEATS = 1000


def chosen(options):
    rows = [row for row in table.ROWS if not (options.quick and row.slow)]
    if options.names:
        rows = [row for row in rows if any(word == row.id or word in row.name for word in options.names)]
    return rows


def tell(outcome, prefix=""):
    print(f"{outcome.word:8} {prefix}{outcome.row.id:11} {outcome.row.name}", flush=True)
    for line in [*outcome.problems, *outcome.timing, *([outcome.vacuous] if outcome.vacuous else [])]:
        print(f"         {line}", flush=True)


def shuffled(world, rows, words):
    broken = 0
    for seed in SEEDS:
        suite.step(f"four at a time, seed {seed}")
        done, left = world.concurrent(rows, seed)
        for outcome in done:
            if outcome.word == "broken":
                tell(outcome, f"seed {seed} ")
                words[outcome.row.id] = "broken"
        for line in left:
            print(f"broken   seed {seed}: {line}")
        broken += bool(left)
    return broken


def repeated(world, rows):
    suite.step(f"process trees, {REPEATS} times")
    trees = [row for row in rows if row.tree]
    broken = 0
    for row in trees:
        problems = world.repeat(row, REPEATS // len(trees) + 1)
        broken += bool(problems)
        print(f"{'broken' if problems else 'held':8} {row.id:11} {row.name}, again and again", flush=True)
        for line in problems:
            print(f"         {line}")
    return broken


def inside(options):
    suite.loopback_up()
    suite.private_folders()
    import world as worlds
    rows = chosen(options)
    words, broken = {}, 0
    with worlds.World() as world:
        suite.step(f"{len(rows)} rows, each alone")
        for row in rows:
            outcome = world.attack(row)
            words[row.id] = outcome.word
            tell(outcome)
        if not options.quick:
            broken += shuffled(world, [row for row in rows if not row.slow], words)
            broken += repeated(world, rows)
        left = world.host.toolchain_problems()
        for line in left:
            print(f"broken   XJ-24: {line}")
        broken += bool(left)
    pending = sum(len(ids.split()) for ids in table.PENDING)
    for ids, reason in table.PENDING.items():
        print(f"pending  {ids}: {reason}")
    count = list(words.values()).count
    broken += count("broken")
    print(f"{count('held')} held, {broken} broken, {count('vacuous')} vacuous, {pending} pending", flush=True)
    return 1 if broken else 0


def outside(options):
    """Cgroups and namespaces of this run's own, as for the whole suite."""
    def stop(number, _):
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, stop)
    with suite.Groups():
        words = ["unshare", "--mount", "--net", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc",
                 "--propagation", "private", sys.executable, __file__, "--inside", *(["--quick"] * options.quick)]
        env = {**os.environ, "CODERUNR_BUILD": options.build}
        with subprocess.Popen([*words, "--", *options.names], env=env, stdin=subprocess.DEVNULL) as child:
            try:
                return child.wait()
            finally:
                child.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=os.path.abspath, default=os.environ.get("CODERUNR_BUILD", str(ROOT / "build/test")))
    parser.add_argument("--quick", action="store_true", help="the rows alone, without the slow ones")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*", help="ids of rows, or parts of their names")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("attack.py: needs root")
    if not options.inside:
        sys.exit(outside(options))
    worker = os.fork()
    sys.exit(inside(options) if worker == 0 else suite.reap_until(worker))


if __name__ == "__main__":
    main()
