#!/usr/bin/env python3
"""One table of what a sandboxed run costs, all in one run: ./dev bench.

Starts an engine of its own from build/release, waits until its compilers are prepared, measures with
build/release/tests/bench, prints the table and the bars.  --write puts it into the README and docs/performance.md and
saves its figures, with which the next run is compared.
"""
import argparse
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import cases
import peers

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("CODERUNR_BUILD", ROOT / "build/release"))
SAVED = ROOT / "tests/bench/last.json"
OPEN = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def compile_c(folder, name, text, *words):
    source = folder / f"{name}.c"
    source.write_text(text)
    subprocess.run(["gcc", "-O2", *words, "-o", folder / name, source], check=True)
    return folder / name


def bench(*words):
    done = subprocess.run([BUILD / "tests/bench", *map(str, words)], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit("bench: stopped")
    return json.loads(done.stdout)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Engine:
    def __init__(self, folder, **options):
        self.port = free_port()
        self.log = folder / "log"
        flags = {"bind_address": f"127.0.0.1:{self.port}", "data_directory": folder / "data", **options}
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [BUILD / "coderunr", "serve", *(f"--{key.replace('_', '-')}={value}" for key, value in flags.items())],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def __enter__(self):
        for _ in range(400):
            try:
                OPEN(f"http://127.0.0.1:{self.port}/health", timeout=2).close()
                return self
            except OSError:
                if self.process.poll() is not None:
                    sys.exit(f"bench: the engine did not start:\n{self.log.read_text()}")
                time.sleep(0.05)
        sys.exit("bench: the engine does not answer")

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

    def call(self, path, body=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body and json.dumps(body).encode(),
                                         {"Content-Type": "application/json"})
        with OPEN(request, timeout=300) as answer:
            return json.loads(answer.read())

    def has(self, language):
        return any(language == row["language"] or language in row["aliases"]
                   for row in self.call("/api/v2/runtimes"))

    def wait_until_prepared(self):
        """Compilers get what they are faster with after the start."""
        while any(process[0] == "provision" for process in self.processes()):
            time.sleep(0.5)
        time.sleep(2)

    def processes(self):
        """(comm, pid) of all of it."""
        found, rest = [], [self.process.pid]
        while rest:
            pid = rest.pop()
            try:
                found.append((pathlib.Path(f"/proc/{pid}/comm").read_text().strip(), pid))
                for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                    rest += map(int, (task / "children").read_text().split())
            except OSError:
                continue
        return found

    def resident(self):
        """name -> number of processes, MiB with shared pages in part, MiB as a plain sum."""
        sums = {}
        for name, pid in self.processes():
            try:
                text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
            except OSError:
                continue
            row = sums.setdefault(name, [0, 0.0, 0.0])
            row[0] += 1
            for i, key in enumerate(("Pss", "Rss")):
                row[i + 1] += sum(map(int, re.findall(rf"^{key}: +(\d+)", text, re.M))) / 1024
        return sums

    def cpu_ns(self, *names):
        """What processes of these names have used, all their threads; never what they had others do."""
        total = 0
        for name, pid in self.processes():
            if name in names:
                for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                    total += int((task / "schedstat").read_text().split()[0])
        return total


class Bench:
    def __init__(self, folder, rounds):
        self.folder, self.rounds, self.rows = folder, rounds, []

    def row(self, name, figures, bars=None):
        say(name)
        self.rows.append({"name": name, **figures, "bars": bars or []})

    # ---- the box ----

    def boxes(self):
        true = compile_c(self.folder, "true", "int main(void) { return 0; }\n", "-static")
        keeper = BUILD / "coderunr-keeper"
        found = bench("host", keeper, "/usr/bin/true", self.rounds)
        ratio, cold = (found[key]["p50"] / found["bare"]["p50"] for key in ("ours", "cold"))
        self.row("box: dynamic `/bin/true`, prepared", found, [("ratio", ratio, "≤", cases.BOX_BARS["prepared"])])
        self.row("box: dynamic `/bin/true`, not prepared", {"bare": found["bare"], "ours": found["cold"]},
                 [("ratio", cold, "≤", cases.BOX_BARS["cold"])])
        self.row("box: static C `true`, as a file of the job", bench("box", keeper, true, self.rounds))

    def peers(self):
        bare = bench("bare", self.rounds, 0, 1, "--", self.folder / "true")["ours"]
        for name, words in peers.words(self.folder):
            self.row(f"{name}: static C `true`, no HTTP",
                     {"bare": bare, "ours": bench("bare", max(self.rounds // 4, 20), 0, 1, "--", *words)["ours"]})

    # ---- HTTP ----

    def body(self, case):
        path = self.folder / "body.json"
        path.write_text(json.dumps({"language": case.language, "version": "*", **case.fields,
                                    "files": [{"name": case.file, "content": case.source}]}))
        return path

    def bare_words(self, case):
        source = self.folder / case.file
        source.write_text(case.source)
        if case.bare:
            return [word.replace("{f}", str(source)).replace("{d}", str(self.folder)) for word in case.bare]
        compiler = "g++" if case.language == "c++" else "gcc"
        subprocess.run([compiler, "-O2", "-o", self.folder / "program", source], check=True)
        return [self.folder / "program"]

    def http(self, engine, case, body, words, gap, workers, rounds):
        return bench("http", engine.port, body, '"stdout":"hello\\n"', max(int(rounds), 3), gap, workers, "--", *words)

    def case(self, engine, case):
        if not engine.has(case.language):
            say(f"{case.name}: left out, no runtime for {case.language}")
            return
        body, words, rounds = self.body(case), self.bare_words(case), self.rounds * case.rounds
        if case.alone:
            found = self.http(engine, case, body, words, 0, 1, rounds)
            self.row(f"HTTP: {case.name}", found, alone_bars(case, found))
        if case.gaps:
            found = self.http(engine, case, body, words, 120, 1, min(rounds, 60))
            self.row(f"HTTP: {case.name}, 120 ms gaps", found,
                     [("ratio", found["ours"]["p50"] / found["bare"]["p50"], "≤", case.bars["gaps"])]
                     if "gaps" in case.bars else [])
        if case.rate:
            self.rates(engine, case, body, words)

    def rates(self, engine, case, body, words):
        best = bare = 0
        for clients in cases.CLIENTS:
            rounds = self.rounds * 2 if clients == 1 else self.rounds * 4
            plain = bench("bare", rounds, 0, max(clients, 2), "--", *words)
            if clients == 1:  # one client alone has no rate of its own in the bench
                found = self.http(engine, case, body, words, 0, 1, self.rounds)
                found["per_second"] = 1e9 / found["ours"]["p50"]
            else:
                found = self.http(engine, case, body, words, 0, clients, rounds)
            best, bare = max(best, found["per_second"]), max(bare, plain["per_second"])
            found.pop("bare", None)
            self.row(f"HTTP: {case.name}, {clients} client{'s' * (clients > 1)}", found)
        if "rate" in case.bars:
            self.rows[-1]["bars"].append(("best of them per second", best, "≥", case.bars["rate"]))
        if "rate_of_bare" in case.bars:
            self.rows[-1]["bars"].append((f"of {bare:.0f} bare per second", best / bare, "≥",
                                          case.bars["rate_of_bare"]))

    # ---- what is not one program again and again ----

    def inputs(self, engine):
        """One program with many inputs, as one durable job; bare is the program that many times."""
        case = next(case for case in cases.CASES if case.name.endswith("again"))
        if not engine.has("c++"):
            return
        words = self.bare_words(case)
        tests = [{"stdin": f"{i}\n", "expected": "hello\n"} for i in range(cases.INPUTS)]
        job = {"language": "c++", "files": [{"name": "main.cpp", "content": case.source}], "tests": tests,
               "parallel": 1, "cache": False}
        runs = []
        for _ in range(3):
            done = engine.call("/v3/jobs?wait=60", job)
            compiles = [row for row in done["outcomes"] if row["stage"] == "compile"]
            if len(compiles) != 1 or compiles[0]["verdict"] != "ok":
                say(f"left out: the compiler ended with {compiles[0]['verdict']}; the machine is too busy")
                return
            if not all(row["passed"] for row in done["outcomes"] if row["stage"] == "run"):
                sys.exit(f"bench: {done}")
            runs += [sum(row["timing"][key] for key in ("queue_ns", "spawn_ns", "program_ns", "collect_ns", "reply_ns"))
                     for row in done["outcomes"] if row["stage"] == "run"]
        bare = bench("bare", self.rounds // 4, 0, 1, "--", *words)["ours"]
        runs.sort()
        ours = {"n": len(runs), **{f"p{p}": runs[(len(runs) - 1) * p // 100] for p in (50, 90, 99)}}
        self.row(f"one C++ program, {cases.INPUTS} inputs: one compile, then each", {"bare": bare, "ours": ours},
                 [("ratio", ours["p50"] / bare["p50"], "≤", cases.INPUTS_BAR)])

    def cpu(self, engine):
        """Of front, runner and keepers, for one run of the C program."""
        case, names = cases.CASES[0], ("front", "runner", "coderunr-keeper")
        body, words = self.body(case), self.bare_words(case)
        found = {}
        for name in names:
            before = engine.cpu_ns(name)
            self.http(engine, case, body, words, 0, 2, self.rounds * 2)
            warm_up = 20
            found[name] = (engine.cpu_ns(name) - before) / (self.rounds * 2 + warm_up) / 1000
        total = sum(found.values())
        say("CPU per run")
        return {"parts": found, "total": total, "bar": cases.CPU_BAR_US}


def alone_bars(case, found):
    bars, ours, bare = [], found["ours"], found["bare"]
    if "alone" in case.bars:
        bars.append(("ratio", ours["p50"] / bare["p50"], "≤", case.bars["alone"]))
    if "tail" in case.bars:
        bars.append(("p99 / p50", ours["p99"] / ours["p50"], "≤", case.bars["tail"]))
    if "above_ms" in case.bars:
        bars.append(("ms over the program", (ours["p50"] - bare["p50"]) / 1e6, "≤", case.bars["above_ms"]))
    return bars


def measure(folder, rounds, only):
    run = Bench(folder, rounds)
    run.boxes()
    run.peers()
    with Engine(folder, max_concurrent_jobs=2, prepare_runtimes="false") as engine:
        time.sleep(3)
        for _ in range(10 if engine.has("python") else 0):  # what is used is kept warm
            engine.call("/api/v2/execute", {"language": "python", "version": "*", "files": [{"content": "print(1)"}]})
        time.sleep(2)
        idle = engine.resident()
    with Engine(folder) as engine:
        say("waiting for compilers to be prepared")
        engine.wait_until_prepared()
        for case in cases.CASES:
            if only in case.name:
                run.case(engine, case)
        run.inputs(engine)
        cpu = run.cpu(engine)
    return {"machine": machine(), "rows": run.rows, "idle": idle, "cpu": cpu}


def machine():
    model = re.search(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    return f"{os.cpu_count()} × {model[1] if model else 'CPU'}, Linux {os.uname().release}"


# ---- telling ----

def met(bar):
    return bar[1] <= bar[3] if bar[2] == "≤" else bar[1] >= bar[3]


def told(bar):
    what, value, sign, wanted = bar
    digits = 0 if wanted >= 100 else 2
    return f"{'✓' if met(bar) else '✗'} {what} {value:.{digits}f} ({sign} {wanted:g})"


def change(row, last):
    """How the middle of our times moved against the last saved table."""
    for old in last.get("rows", []):
        if old["name"] == row["name"]:
            return f"{100 * (row['ours']['p50'] / old['ours']['p50'] - 1):+.0f} %"
    return "new"


def table_row(row, last):
    ours, bare = row["ours"], row.get("bare")
    rate = row.get("per_second")
    cells = [row["name"], f"{bare['p50'] / 1e6:.2f} ms" if bare else "",
             *(f"{ours[key] / 1e6:.2f} ms" for key in ("p50", "p90", "p99")),
             f"{ours['p50'] / bare['p50']:.2f}" if bare else "", f"{rate:.0f}" if rate else "",
             " · ".join(told(bar) for bar in row["bars"]), *([change(row, last)] if last else [])]
    return "| " + " | ".join(cells) + " |"


def table(figures, last):
    head = ["what", "bare p50", "ours p50", "p90", "p99", "ratio", "per second", "bar"] + ["change"] * bool(last)
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    lines += [table_row(row, last) for row in figures["rows"]]
    idle, cpu = figures["idle"], figures["cpu"]
    total, plain = (sum(row[i] for row in idle.values()) for i in (1, 2))
    parts = ", ".join(f"{name} {value:.0f}" for name, value in cpu["parts"].items())
    sizes = ", ".join(f"{row[0]} × {name} {row[1]:.1f}" for name, row in sorted(idle.items(), key=lambda i: -i[1][1]))
    lines += ["", f"CPU of engine code per run of the C program: {cpu['total']:.0f} µs ({parts}); "
              + told(("µs", cpu["total"], "≤", cpu["bar"])) + ".",
              "", f"Idle, two slots, all that is kept warm: {sum(row[0] for row in idle.values())} processes, "
              f"{total:.1f} MiB resident (shared pages counted once; {plain:.1f} MiB as a plain sum); "
              + told(("MiB", total, "≤", cases.IDLE_BAR_MIB)) + f". In MiB: {sizes}.",
              "", f"Measured on {figures['machine']}. Bare is `posix_spawn` of the same program to the end of its output, in "
              "turns with ours, in the same mode."]
    return "\n".join(lines)


def put(path, text):
    path.write_text(re.sub(r"(<!-- bench:begin -->\n).*?(<!-- bench:end -->)", lambda m: m[1] + text + "\n" + m[2],
                           path.read_text(), flags=re.S))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=400)
    parser.add_argument("--write", action="store_true", help="put the table into the papers and save its figures")
    parser.add_argument("--only", default="", help="of the programs over HTTP only those whose name holds this")
    options = parser.parse_args()
    last = json.loads(SAVED.read_text()) if SAVED.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        figures = measure(pathlib.Path(folder), options.rounds, options.only)
    print(table(figures, last))
    missed = [bar for row in figures["rows"] for bar in row["bars"] if not met(bar)]
    print(f"\n{len(missed)} bars missed.")
    if options.write:
        SAVED.write_text(json.dumps(figures, indent=1) + "\n")
        for name in ("README.md", "docs/performance.md"):
            put(ROOT / name, table(figures, {}))


if __name__ == "__main__":
    main()
