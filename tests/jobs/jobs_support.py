"""What the tests of durable jobs share: requests of /v3, streams, and the processes of an engine by their names."""
import http.client
import json
import os
import pathlib
import signal
import time

JSON = {"Content-Type": "application/json"}
NDJSON = {"Content-Type": "application/x-ndjson"}
ENDED = {"done", "cancelled", "expired", "failed"}


def program(text, language="bash", **fields):
    return {"language": language, "files": [{"content": text}], **fields}


def submit(engine, job, query="", headers=None):
    return engine.request("POST", "/v3/jobs" + query, json.dumps(job), {**JSON, **(headers or {})})


def submit_batch(engine, jobs, headers=None):
    body = "".join(json.dumps(job) + "\n" for job in jobs)
    return engine.request("POST", "/v3/jobs", body, {**NDJSON, **(headers or {})})


def accepted(engine, job, **headers):
    answer = submit(engine, job, headers=headers)
    assert answer.status == 202, answer
    return answer.json()["id"]


def run(engine, job, wait=60):
    """Submit and wait for the end."""
    answer = submit(engine, job, f"?wait={wait}")
    assert answer.status == 200, answer
    return answer.json()


def get(engine, job_id, wait=0):
    answer = engine.request("GET", f"/v3/jobs/{job_id}?wait={wait}", timeout=wait + 30)
    assert answer.status == 200, answer
    return answer.json()


def wait_for_state(engine, job_id, *states, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        state = get(engine, job_id)["state"]
        if state in states:
            return state
        time.sleep(0.02)
    raise AssertionError(f"{job_id} is {state}, not {states}, after {seconds} s")


class Stream:
    """A stream of /v3: iterate over its objects; `close()` at any time."""

    def __init__(self, engine, path, headers=None, timeout=60):
        self.connection = http.client.HTTPConnection(engine.host, engine.port, timeout=timeout)
        self.connection.request("GET", path, headers=headers or {})
        self.answer = self.connection.getresponse()
        self.status = self.answer.status

    def __iter__(self):
        while line := self.answer.readline():
            if line.strip():
                yield json.loads(line)

    def lines(self):
        while line := self.answer.readline():
            yield line.decode()

    def close(self):
        self.connection.close()


def pids(engine, *names):
    """The engine's own processes of these names: front, runner, ledger."""
    found = []
    for pid in engine.processes():
        try:
            comm = pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
        except OSError:
            continue
        if comm in names:
            found.append(pid)
    return found


def kill(engine, *names):
    killed = pids(engine, *names)
    for pid in killed:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    return killed
