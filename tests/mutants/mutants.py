#!/usr/bin/env python3
"""./dev mutants: build each weakened engine of table.py and show which test catches it.

usage: mutants.py [PART-OF-NAME…]
Ends in `N caught, N survived`; exit status 1 when one survived.
"""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from table import MUTANTS

ROOT = pathlib.Path(__file__).resolve().parents[2]
COPIED = ("meson.build", "meson_options.txt", "src", "runtimes", "tests", "tools", "docs")
TEST_SECONDS = 300


def copy_tree(target):
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns(".cache", "__pycache__"))
        else:
            shutil.copy2(source, target / name)


def run(words, folder, **env):
    return subprocess.run(words, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=TEST_SECONDS, check=False, env={**os.environ, **env})


def build(tree):
    done = run(["ninja", "-C", "build"], tree)
    if done.returncode != 0:
        sys.exit(f"mutants: the tree does not build:\n{done.stdout[-3000:]}")


def red(test, tree):
    """What this test says when it fails on the built tree, else nothing.  One that hangs is red, too."""
    try:
        if test.startswith("unit:"):
            done = run([tree / "build" / test[5:]], tree)
            return done.stdout or "no word" if done.returncode not in (0, 77) else None
        done = run(["/usr/bin/python3", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *test.split()], tree,
                   CODERUNR_BUILD=str(tree / "build"))
        return done.stdout if done.returncode == 1 else None  # 5: no test of that name
    except subprocess.TimeoutExpired:
        return "it hangs"


def end_engines(tree):
    """A weakened engine may not end when it should; what runs out of our copy of the tree is ours to end."""
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes().startswith(bytes(tree)):
                os.kill(int(path.parent.name), signal.SIGKILL)
        except OSError:
            pass


def catch(mutant, tree):
    """The test that turned red, or None."""
    path = tree / mutant.file
    text = path.read_text()
    if text.count(mutant.old) != 1:
        sys.exit(f"mutants: {mutant.name}: '{mutant.old[:60]}' stands {text.count(mutant.old)} times in {mutant.file}")
    path.write_text(text.replace(mutant.old, mutant.new))
    try:
        build(tree)
        return next((test for test in mutant.red if red(test, tree)), None)
    finally:
        path.write_text(text)
        end_engines(tree)


def green_first(mutants, tree):
    """A test that is red without any mutant catches nothing."""
    for test in dict.fromkeys(test for mutant in mutants for test in mutant.red):
        text = red(test, tree)
        if text:
            sys.exit(f"mutants: {test} fails on the engine as it is:\n{text[-3000:]}")


def main():
    parts = sys.argv[1:]
    chosen = [m for m in MUTANTS if not parts or any(part in m.name for part in parts)]
    survived = []
    with tempfile.TemporaryDirectory(prefix="coderunr-mutants-") as folder:
        tree = pathlib.Path(folder)
        tree.chmod(0o755)
        copy_tree(tree)
        done = run(["meson", "setup", "build", "-Drun_from_build=true"], tree)
        if done.returncode != 0:
            sys.exit(f"mutants: meson failed:\n{done.stdout[-3000:]}")
        build(tree)
        green_first(chosen, tree)
        for mutant in chosen:
            start = time.monotonic()
            caught = catch(mutant, tree)
            if not caught:
                survived.append(mutant.name)
            print(f"{'caught' if caught else 'SURVIVED':9} {mutant.name:32} {caught or '-':36} "
                  f"{time.monotonic() - start:5.1f} s  {mutant.why}", flush=True)
    print(f"{len(chosen) - len(survived)} caught, {len(survived)} survived")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
