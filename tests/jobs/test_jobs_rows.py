"""Rows of the catalogue of attacks on the API of durable jobs, each by its id: AQ-10, AQ-12, AQ-13, AQ-14, AQ-16."""
import contextlib
import json
import os
import pathlib
import re
import socket
import sqlite3
import tempfile
import time

from conftest import Engine
from jobs_support import JSON, accepted, get, kill, pids, program, submit

WAITERS, MIB = 1500, 1 << 20
LINE = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (error|warn|info|debug) +[a-z0-9 ]+: ")
EVIL = "x\n2026-01-01T00:00:00.000Z error front: forged\r\n\x1b[31mred\x1b[0m \"quoted\" \\ \u2028 " + "y" * 3000


def resident(pid):
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def waiter(engine, path):
    sock = socket.create_connection((engine.host, engine.port))
    sock.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return sock


def test_aq_10_a_record_that_is_none_fails_with_a_reason_and_stops_nobody():
    """Orders that were changed in the store: each of those jobs fails, the others run, and the ledger is the same one all along."""
    damages = {
        "empty": lambda order: b"", "cut": lambda order: order[:len(order) // 2], "noise": lambda order: os.urandom(len(order)),
        "large": lambda order: order + b"x" * (8 * MIB), "version": lambda order: bytes([order[0] ^ 0xff]) + order[1:],
        "numbers": lambda order: order[:8] + b"\xff" * 32 + order[40:], "none": None,
    }
    with tempfile.TemporaryDirectory(prefix="coderunr-tests-") as folder:
        engine = Engine(folder, max_concurrent_jobs=1, run_timeout="60s")
        try:
            blocker = accepted(engine, program("sleep 50"))
            bad = {name: accepted(engine, program("echo fine")) for name in damages}
            good = accepted(engine, program("echo good"))
        finally:
            engine.process.kill()
            engine.process.wait()
        with contextlib.closing(sqlite3.connect(f"{folder}/jobs/jobs.db")) as base, base:
            for name, damage in damages.items():
                (seq,) = base.execute("SELECT seq FROM entries WHERE id = ?", (bad[name],)).fetchone()
                (order,) = base.execute("SELECT bytes FROM orders WHERE seq = ?", (seq,)).fetchone()
                if damage is None:
                    base.execute("DELETE FROM orders WHERE seq = ?", (seq,))
                else:
                    base.execute("UPDATE orders SET bytes = ? WHERE seq = ?", (damage(order), seq))
        engine = Engine(folder, max_concurrent_jobs=1, run_timeout="60s")
        try:
            ledger = pids(engine, "ledger")
            engine.request("DELETE", f"/v3/jobs/{blocker}")
            assert get(engine, good, wait=60)["verdict"] == "ok"
            for name, job in bad.items():
                told = get(engine, job, wait=30)
                assert told["state"] == "failed" and told["message"], (name, told)
            assert pids(engine, "ledger") == ledger, "the ledger died of a record"
        finally:
            assert engine.stop() == 0


def test_aq_12_a_storm_of_waiting_clients(own_engine):
    """Polls and streams of a job that does not end: bounded memory, /health at once, and all of them are told in the end."""
    engine = own_engine(max_connections=4000, max_concurrent_jobs=1, run_timeout="120s")
    blocker = accepted(engine, program("sleep 100"))
    job = accepted(engine, program("echo told"))
    front, ledger = pids(engine, "front")[0], pids(engine, "ledger")[0]
    before = resident(front) + resident(ledger)
    socks = []
    try:
        for i in range(WAITERS):
            socks.append(waiter(engine, f"/v3/jobs/{job}?wait=60" if i % 2 else f"/v3/jobs/{job}/events"))
        times = []
        for _ in range(100):
            started = time.monotonic()
            assert engine.request("GET", "/health").status == 200
            times.append(time.monotonic() - started)
        grown = resident(front) + resident(ledger) - before
        assert grown < 150 * MIB, f"{grown / MIB:.1f} MiB"
        assert sorted(times)[98] < 1.0, sorted(times)[-3:]
        engine.request("DELETE", f"/v3/jobs/{blocker}")
        for sock in socks[1:41:2]:
            sock.settimeout(60)
            assert sock.recv(65536).startswith(b"HTTP/1.1 200 ")
    finally:
        for sock in socks:
            sock.close()
    assert get(engine, job, wait=30)["state"] == "done"


def test_aq_13_nothing_of_a_client_forges_a_line_of_the_log(own_engine):
    engine = own_engine(log_level="debug")
    bodies = [program("true", language=EVIL), program("true", tag=EVIL), {"language": "bash", "files": [{"name": EVIL, "content": "x"}]},
              program("true", **{EVIL: 1}), program("true", args=[EVIL]), program("true", webhook={"url": EVIL})]
    for body in bodies:
        submit(engine, body)
        engine.request("POST", "/api/v2/execute", json.dumps({"version": EVIL, **body}), JSON)
        engine.request("POST", "/api/v2/packages", json.dumps({"language": EVIL, "version": EVIL}), JSON)
    for i in range(200):
        engine.request("POST", "/api/v2/execute", json.dumps({"language": f"name{i}\n\x1b", "version": "*", "files": []}), JSON)
    assert engine.request("GET", "/health").status == 200
    lines = engine.log_path.read_bytes().decode(errors="replace").split("\n")
    assert [line for line in lines if line and not LINE.match(line)] == []
    assert not [line for line in lines if "error front: forged" in line and line.startswith("2026-01-01")]
    assert "\x1b" not in "".join(lines) and "\r" not in "".join(lines)
    assert max(map(len, lines)) < 8192


def test_aq_14_markup_is_data(engine):
    """What a program prints, and what it is called, reaches a browser as data of a type it does not guess."""
    markup = "<script>alert(1)</script>"
    job = accepted(engine, program(f"echo '{markup}'", tag="markup"))
    get(engine, job, wait=30)
    answers = [engine.execute("bash", f"echo '{markup}'"), engine.request("GET", f"/v3/jobs/{job}"),
               engine.request("GET", f"/v3/jobs/{markup}"), engine.request("GET", f"/{markup.replace(' ', '')}"),
               engine.request("POST", "/v3/jobs", json.dumps(program("x", language=markup)), JSON)]
    for answer in answers:
        kind = answer.headers.get("content-type", "")
        assert kind.startswith(("application/json", "text/plain", "application/problem+json")), (kind, answer)
        assert answer.headers.get("x-content-type-options") == "nosniff", answer.headers


def test_aq_16_faults_tell_nothing_of_the_inside(own_engine):
    """A runner killed again and again: a fault is told, and no path, process, statement or address with it."""
    engine = own_engine(max_concurrent_jobs=2)
    job = accepted(engine, program("sleep 30"))
    for _ in range(4):
        deadline = time.monotonic() + 20
        while get(engine, job)["state"] in ("queued", "retry") and time.monotonic() < deadline:
            time.sleep(0.1)
        if get(engine, job)["state"] in ("failed", "done"):
            break
        kill(engine, "runner")
        time.sleep(0.5)
    told = json.dumps(get(engine, job))
    secrets = [str(engine.log_path.parent), "src/", ".c:", "sqlite", "SELECT", "INSERT", "0x7f", "errno", "pid="]
    assert not [word for word in secrets if word in told], told
    for body in (b"{", b"\xff\xfe", b"[" * 20000, b'{"language":' + b"9" * 400 + b"}"):
        answer = engine.request("POST", "/v3/jobs", body, JSON)
        assert 400 <= answer.status < 500
        assert not [word for word in secrets if word in answer.body.decode(errors="replace")], answer
