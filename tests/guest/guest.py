#!/usr/bin/env python3
"""./dev guest: boots small Debian guests under qemu and checks the engine on kernels and cgroup trees of theirs.

    v2     6.12, cgroup v2 alone, as distributions of today
    mixed  6.12, pids and cpu on v1, memory on v2
    v1     6.1, every controller on v1
    bare   6.12, cgroup v2, no Landlock and no other security module

Each check is one line `ok SCENARIO NAME`, `not ok SCENARIO NAME: why` or `skip SCENARIO NAME: why`; the last line is
`N passed, N failed, N skipped`.  Without KVM everything takes about thirty times as long as it would outside.
"""
import argparse
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

import image

# Kernel series, cgroup tree, more for the kernel's command line, checks when not all.
SCENARIOS = {"v2": ("6.12", "v2", "", ""), "mixed": ("6.12", "mixed", "", ""), "v1": ("6.1", "v1", "", ""),
             "bare": ("6.12", "v2", "lsm=capability", "smoke")}
BOOT_SECONDS = 1500
SMOKE_SECONDS = 300


class Totals:
    def __init__(self):
        self.counts = {"ok": 0, "not ok": 0, "skip": 0}

    def add(self, word, text):
        self.counts[word] += 1
        print(f"{word} {text}", flush=True)

    def report(self):
        print("{ok} passed, {not ok} failed, {skip} skipped".format(**self.counts), flush=True)
        return 1 if self.counts["not ok"] or not self.counts["ok"] else 0


def qemu_words(kernel, disk, scenario, what):
    _, tree, more, _ = SCENARIOS[scenario]
    return ["qemu-system-x86_64", "-accel", os.environ.get("CODERUNR_GUEST_ACCEL", "tcg,thread=multi"), "-cpu", "max",
            "-machine", "q35", "-smp", "2", "-m", "1536", "-nodefaults", "-nographic", "-serial", "stdio", "-no-reboot",
            "-kernel", str(kernel.image), "-initrd", str(kernel.initrd),
            "-drive", f"file={disk},format=raw,if=virtio,cache=unsafe,snapshot=on",
            "-append", f"console=ttyS0 quiet loglevel=1 panic=-1 mitigations=off guest.mode={tree} guest.what={what} {more}"]


def read_lines(process, scenario, totals):
    """The guest's lines; true when it ended as it should."""
    ended = False
    for line in process.stdout:
        line = line.rstrip()
        match = re.fullmatch(r"(ok|not ok|skip) (\w+.*)", line)
        if match:
            totals.add(match[1], f"{scenario} {match[2]}")
        elif line.startswith("guest: status "):
            ended = True
        elif line.strip():
            print(f"    {line}", flush=True)
    return ended


def boot(kernel, disk, scenario, what, totals):
    started = time.monotonic()
    limit = SMOKE_SECONDS if what == "smoke" else BOOT_SECONDS
    print(f"guest: {scenario} on {kernel.version}", flush=True)
    with subprocess.Popen(qemu_words(kernel, disk, scenario, what), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace") as process:
        timer = threading.Timer(limit, process.kill)
        timer.start()
        try:
            ended = read_lines(process, scenario, totals)
        finally:
            timer.cancel()
            process.kill()
    if not ended:
        totals.add("not ok", f"{scenario} the guest comes to its end: it was stopped after {time.monotonic() - started:.0f} s")
    print(f"guest: {scenario} took {time.monotonic() - started:.0f} s", flush=True)


def on_signal(number, _):
    raise SystemExit(128 + number)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=image.ROOT / "build/guest")
    parser.add_argument("--smoke", action="store_true", help="v2 boots and the engine answers")
    parser.add_argument("--offline", action="store_true", help="download nothing; exit 77 when something is missing")
    parser.add_argument("--only", default="", help="names of checks, comma between")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=f"of {', '.join(SCENARIOS)}")
    options = parser.parse_args()
    wanted = ["v2"] if options.smoke else options.scenarios or list(SCENARIOS)
    for name in wanted:
        if name not in SCENARIOS:
            sys.exit(f"guest: there is no scenario '{name}'; they are {', '.join(SCENARIOS)}")
    signal.signal(signal.SIGTERM, on_signal)
    totals = Totals()
    disk = None
    try:
        kernels, disk = image.make_disk(options.build.resolve(), sorted({SCENARIOS[name][0] for name in wanted}),
                                        not options.offline)
        for name in wanted:
            what = "smoke" if options.smoke else options.only or SCENARIOS[name][3] or "all"
            boot(kernels[SCENARIOS[name][0]], disk, name, what, totals)
    except image.Unavailable as error:
        if options.offline:
            print(f"guest: {error}")
            sys.exit(77)
        totals.add("not ok", f"the guest can be built: {str(error).splitlines()[0]}")
    finally:
        if disk:
            disk.unlink(missing_ok=True)
    sys.exit(totals.report())


if __name__ == "__main__":
    main()
