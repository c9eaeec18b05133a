#!/usr/bin/env python3
"""What the durable queue costs: part of ./dev bench, alone as tests/bench/backlog.py [BUILD].

Accepted means written to the disk and answered 202.  Prints a table; every figure is of this run on this machine.
"""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else HERE.parents[1] / "build/release").resolve()
os.environ["CODERUNR_BUILD"] = str(BUILD)
os.environ.setdefault("FAULTS_SLOWNESS", "1")
sys.path[:0] = [str(HERE.parent / "faults"), str(HERE.parent)]

import crew as crews  # noqa: E402
import whole  # noqa: E402

CONNECTIONS = 32
PROGRAM = {"language": "bash", "files": [{"content": "read x; echo $((x+1))"}], "stdin": "41"}
EMPTY = {"language": "bash", "files": [{"content": "read x; echo $((x+1))"}], "tests": []}


def load(crew, folder, job, count, connections=CONNECTIONS):
    path = folder / "body.json"
    path.write_text(json.dumps(job))
    done = subprocess.run([BUILD / "tests/bench-queue", str(crew.engine.port), path, str(count), str(connections)],
                          stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"backlog.py: not everything was accepted: {done.stdout}")
    return json.loads(done.stdout)


def cpu_ns(crew):
    return sum(int(pathlib.Path(f"/proc/{pid}/schedstat").read_text().split()[0])
               for pid in crew.pids("front", "ledger"))


def sync_ns(folder):
    """The median of writing 16 KiB to the end of a file and waiting for the disk."""
    took = []
    with open(folder / "sync", "wb", buffering=0) as file:
        for _ in range(300):
            file.write(b"x" * 16384)
            start = time.perf_counter_ns()
            os.fdatasync(file.fileno())
            took.append(time.perf_counter_ns() - start)
    return sorted(took)[len(took) // 2]


def settled(crew):
    """Wait until nothing is queued or runs."""
    def idle():
        return not any(crew.ask("GET", f"/v3/jobs?limit=1&state={state}").json()["jobs"] for state in
                       ("queued", "running"))
    crews.eventually(idle, 600, "the end of all jobs")


def engine(folder, name):
    return crews.Crew(0, folder / name, max_waiting_jobs=1000000, log_level="warn")


def paused_figures(folder, count):
    """While the runner stands still nothing else wants the processors: what the queue itself can take."""
    (folder / "paused").mkdir()
    with engine(folder, "paused") as crew:
        runner = crews.send(crew.pids("runner"), signal.SIGSTOP)
        before, used = crew.resident("ledger"), cpu_ns(crew)
        said = load(crew, folder, PROGRAM, count)
        said["cpu_ns"] = (cpu_ns(crew) - used) / count
        said["bytes"] = (crew.resident("ledger") - before) / count
        alone = load(crew, folder, PROGRAM, 500, 1)
        crews.send(runner, signal.SIGCONT)
        crew.die()
        return said, alone


def running_figures(folder, count):
    """Jobs without tests have nothing to run: what is left is accepting, leasing and ending them."""
    (folder / "running").mkdir()
    with engine(folder, "running") as crew:
        busy = load(crew, folder, PROGRAM, count // 10)
        settled(crew)
        used = cpu_ns(crew)
        load(crew, folder, EMPTY, count // 5)
        settled(crew)
        return busy, (cpu_ns(crew) - used) / (count // 5)


def main():
    with tempfile.TemporaryDirectory(prefix="coderunr-bench-") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        sync = sync_ns(folder)
        said, alone = paused_figures(folder, 100000)
        busy, overhead = running_figures(folder, 50000)
    ready, again, normal = whole.backlog_figures(1, 1000)
    rows = [
        ("waiting for the disk once (16 KiB, fdatasync)", f"{sync / 1e6:.2f} ms", ""),
        (f"accepted a second, {CONNECTIONS} clients, nothing runs", f"{said['per_second']:.0f}",
         f"{said['per_second'] * sync / 1e9:.1f} for each wait"),
        ("the same while jobs run", f"{busy['per_second']:.0f}", f"{busy['per_second'] / said['per_second']:.2f}"),
        (f"answer, {CONNECTIONS} clients: p50, p99", f"{said['p50'] / 1e6:.1f} ms, {said['p99'] / 1e6:.1f} ms", ""),
        ("answer, one client: p50", f"{alone['p50'] / 1e6:.2f} ms", f"{alone['p50'] / sync:.1f} waits"),
        ("processor time to accept a job", f"{said['cpu_ns'] / 1e3:.0f} µs", ""),
        ("processor time to accept, lease and end a job", f"{overhead / 1e3:.0f} µs", ""),
        ("memory of a queued job, of 100,000", f"{said['bytes']:.0f} bytes", ""),
        ("killed with 1,000 queued: ready after", f"{ready:.2f} s", ""),
        ("and drains, jobs a second", f"{again:.0f}", f"{again / normal:.2f} of before"),
    ]
    print("| durable jobs | | ratio |\n| --- | ---: | ---: |")
    for row in rows:
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
