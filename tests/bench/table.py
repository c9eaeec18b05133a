#!/usr/bin/env python3
"""One table of what a sandboxed run costs, all in one run: ./dev bench.

Starts an engine of its own from build/release, measures with build/release/tests/bench, prints the table;
with --write it also goes into the README.
"""
import argparse
import base64
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

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build/release"
HELLO = '#include <stdio.h>\nint main(void) { puts("hello"); }\n'


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
    def __init__(self, folder):
        self.port = free_port()
        env = {**os.environ, "CODERUNR_BIND_ADDRESS": f"127.0.0.1:{self.port}", "CODERUNR_LOG_LEVEL": "warn",
               "CODERUNR_DATA_DIRECTORY": str(folder / "data")}
        self.process = subprocess.Popen([BUILD / "coderunr", "serve"], env=env)

    def __enter__(self):
        for _ in range(400):
            try:
                urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
                    f"http://127.0.0.1:{self.port}/health", timeout=2).close()
                return self
            except OSError:
                if self.process.poll() is not None:
                    sys.exit("bench: the engine did not start")
                time.sleep(0.05)
        sys.exit("bench: the engine does not answer")

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

    def resident(self):
        """All its processes: resident bytes as the kernel charges them (shared pages in part), and the plain sum."""
        pids, rest = [], [self.process.pid]
        while rest:
            pid = rest.pop()
            pids.append(pid)
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                rest += map(int, (task / "children").read_text().split())
        text = "".join(pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids)
        total = {key: sum(map(int, re.findall(rf"^{key}: +(\d+)", text, re.M))) / 1024 for key in ("Pss", "Rss")}
        return len(pids), total["Pss"], total["Rss"]


def execute_body(folder, name, request):
    path = folder / f"{name}.json"
    path.write_text(json.dumps(request))
    return path


def measure(folder, rounds):
    true = compile_c(folder, "true", "int main(void) { return 0; }\n", "-static")
    hello = compile_c(folder, "hello", HELLO)
    (folder / "one.py").write_text("print(1)\n")
    keeper = BUILD / "coderunr-keeper"
    rows = [("box: static C `true`", bench("box", keeper, true, rounds)),
            ("box: dynamic `/bin/true`", bench("host", keeper, "/usr/bin/true", rounds))]
    compiled = execute_body(folder, "hello", {"language": "file", "version": "*", "files": [
        {"name": "hello", "encoding": "base64", "content": base64.b64encode(hello.read_bytes()).decode()}]})
    script = execute_body(folder, "one", {"language": "python", "version": "*", "files": [
        {"name": "one.py", "content": "print(1)\n"}]})
    programs = [("compiled C hello", compiled, '"stdout":"hello\\n"', [hello]),
                ("Python `print(1)`", script, '"stdout":"1\\n"', ["/usr/bin/python3", folder / "one.py"])]
    with Engine(folder) as engine:
        time.sleep(1)
        idle = engine.resident()
        for name, body, wanted, argv in programs:
            for mode, count, gap, workers in (("sequential", rounds, 0, 1), ("120 ms gaps", min(rounds, 60), 120, 1),
                                              ("4 at once", rounds * 4, 0, 4)):
                rows.append((f"HTTP: {name}, {mode}",
                             bench("http", engine.port, body, wanted, count, gap, workers, "--", *argv)))
    return rows, idle


def machine():
    model = re.search(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    return f"{os.cpu_count()} × {model[1] if model else 'CPU'}, Linux {os.uname().release}"


def table(rows, idle):
    lines = ["| what | bare p50 | ours p50 | ratio | ours p99 | p99 / p50 | runs per second |",
             "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"]
    for name, row in rows:
        bare, ours = row.get("bare"), row["ours"]
        rate = row.get("per_second") or (1e9 / row["cycle"]["p50"] if "cycle" in row else None)
        lines.append(f"| {name} | {bare['p50'] / 1e6:.2f} ms | " if bare else f"| {name} | | ")
        lines[-1] += (f"{ours['p50'] / 1e6:.2f} ms | " + (f"{ours['p50'] / bare['p50']:.2f}" if bare else "") +
                      f" | {ours['p99'] / 1e6:.2f} ms | {ours['p99'] / ours['p50']:.1f} | " +
                      (f"{rate:.0f}" if rate else "") + " |")
    lines.append("")
    lines.append(f"Idle: {idle[0]} processes, {idle[1]:.1f} MiB resident in all (shared pages counted once; "
                 f"{idle[2]:.1f} MiB as a plain sum).")
    lines.append(f"Measured on {machine()}. Bare is `posix_spawn` of the same program to the end of its output, in turns "
                 "with ours, in the same mode.")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=400)
    parser.add_argument("--write", action="store_true", help="put the table into the README")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        text = table(*measure(pathlib.Path(folder), options.rounds))
    print(text)
    if options.write:
        readme = ROOT / "README.md"
        readme.write_text(re.sub(r"(<!-- bench:begin -->\n).*?(<!-- bench:end -->)", lambda m: m[1] + text + "\n" + m[2],
                                 readme.read_text(), flags=re.S))


if __name__ == "__main__":
    main()
