"""Runs the checks of the guest: checks.py MODE WHAT.  WHAT is all, smoke, or names with comma between.

A check is a function of a module below, its name the name of the check.  It fails by an exception, and is skipped by
Skip.  `modes` says where it makes sense; a check that takes an argument gets the engine that all share.
"""
import os
import sys
import time
import traceback

import engine
import hostile
import limits
import trees
from check import CHECKS, Skip


class Shared:
    """One engine for the checks that do not break theirs."""

    def __init__(self):
        self.engine = None

    def get(self):
        if not self.engine:
            self.engine = engine.Engine()
        return self.engine

    def close(self):
        if self.engine:
            self.engine.stop()
            self.engine = None


def text_of(error):
    frame = traceback.extract_tb(error.__traceback__)[-1]
    said = " ".join(str(error).split())
    return f"{type(error).__name__} {said[-900:]} ({os.path.basename(frame.filename)}:{frame.lineno} {frame.line})"


def run_check(check, shared):
    """One line of the result."""
    started = time.monotonic()
    if not check.shares:
        shared.close()
    try:
        if check.shares:
            check.call(shared.get())
        else:
            check.call()
    except Skip as reason:
        print(f"skip {check.name}: {reason}")
        return
    except Exception as error:  # pylint: disable=broad-except
        print(f"not ok {check.name}: {text_of(error)}")
        if shared.engine:
            print("log: " + shared.engine.log()[-1500:])
        shared.close()
        return
    print(f"ok {check.name} ({time.monotonic() - started:.1f} s)")


def main():
    engine.MODE, what = sys.argv[1:3]
    shared = Shared()
    for check in CHECKS:
        wanted = check.name in what.split(",") or what == "all" or (what == "smoke" and check.smoke)
        if wanted and engine.MODE in check.modes:
            run_check(check, shared)
    shared.close()


assert all((hostile, limits, trees))
main()
