"""`coderunr worker`: engines joined only by the dispatcher's protocol finish each other's jobs."""
import contextlib
import http.server
import json
import shutil
import signal
import subprocess
import threading
import time

import pytest
from conftest import BINARY, ROOT
from test_dispatcher import post, result, status, submit, take


@contextlib.contextmanager
def worker(dispatcher, engine, *languages, must_end_well=True):
    words = [f"--lang={language}" for language in languages]
    process = subprocess.Popen([BINARY, "worker", f"--dispatcher={dispatcher}", f"--engine={engine}", *words],
                               stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=60)[1]
    if must_end_well:
        assert process.returncode == 0, said


@pytest.fixture(scope="module")
def engines(start_engine, tmp_path_factory):
    """One that knows Python only, and one that knows bash only."""
    found = []
    for language in ("python", "bash"):
        folder = tmp_path_factory.mktemp(language)
        shutil.copy(ROOT / "runtimes" / f"{language}.yaml", folder)
        found.append(start_engine(runtimes_directory=folder))
    return found


def test_each_finishes_the_others_jobs(engines):
    python, bash = engines
    with worker(python.url, bash.url, "bash"), worker(bash.url, python.url, "python", "python3"):
        jobs = []
        for i in range(10):
            text = f"{i}\0ü\n"
            jobs += [(python, submit(python, "bash", "read x; echo $x; exit 3", [{"stdin": f"{i}\n", "expected": "e"}] * 3),
                      [result(f"{i}\n", f"{i}\n", "e", exitCode=3)] * 3),
                     (bash, submit(bash, "python3", "print(end=open(0, newline='').read())", [{"stdin": text, "expected": ""}]),
                      [result(text, text, "")]),
                     (bash, submit(bash, "bash", "echo here", [{}]), [result("", "here\n", "")]),
                     (python, submit(python, "python", "print(1)", []), [])]
        for engine, job, expected in jobs:
            assert status(engine, job, 60) == expected


def test_what_is_for_one_engine_only(engines):
    python, _ = engines
    job = post(python, "/run?local=1", {"language": "python", "code": "print(1)", "tests": [{}]}).json()["jobID"]
    assert status(python, job) == [result("", "1\n", "")]
    answer = post(python, "/run?local=1", {"language": "bash", "code": "echo"})
    assert (answer.status, answer.body) == (400, b"there is no runtime for bash here\n")


def test_status_waits(engines):
    python, _ = engines
    job = submit(python, "python", "import time\ntime.sleep(0.7)\nprint(1)", [{}])
    answer = python.request("GET", f"/status/{job}?wait=30")
    assert (answer.status, answer.json()) == (200, [result("", "1\n", "")])


def test_a_killed_workers_job_comes_back(engines):
    python, bash = engines
    job = submit(python, "bash", "sleep 2; echo $RANDOM", [{}])
    with worker(python.url, bash.url, "bash", must_end_well=False) as process:
        deadline = time.monotonic() + 20
        while take_is_leased(python, job) and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.5)
        process.kill()
    # Its lease has to be over first; one asked for is shorter than the worker's.
    assert post(python, f"/renew/{job}?seconds=1", "").status in (204, 409)
    with worker(python.url, bash.url, "bash"):
        [said] = status(python, job, 60)
        assert said["exitCode"] == 0 and said["stdout"].strip().isdigit()


def take_is_leased(engine, job):
    """True while nobody has taken it."""
    return post(engine, f"/renew/{job}?seconds=60", "").status == 409


def test_it_ends_after_the_job_at_hand(engines):
    python, bash = engines
    job = submit(python, "bash", "sleep 2; echo done", [{}])
    with worker(python.url, bash.url, "bash"):
        while take_is_leased(python, job):
            time.sleep(0.05)
    assert status(python, job, 1) == [result("", "done\n", "")]


def test_it_waits_for_its_engine(engines):
    python, bash = engines
    with worker(python.url, "http://127.0.0.1:1", "bash", must_end_well=False) as process:
        time.sleep(0.5)
        assert process.poll() is None
        process.kill()
    assert take(bash, "nothing-was-lost", wait=0) == 204


class Original(http.server.BaseHTTPRequestHandler):
    """A dispatcher as the original is: 204 at once, no lease, no wait, any id."""
    jobs, results = [], {}

    def answer(self, code, body=b""):
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.jobs:
            self.answer(200, json.dumps(self.jobs.pop()).encode())
        else:
            self.answer(204)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.startswith("/result/") and "?" not in self.path:
            self.results[self.path[8:]] = json.loads(body)
            self.answer(204)
        else:
            self.answer(404)

    def log_message(self, *_):
        pass


def test_a_dispatcher_as_the_original_is(engines):
    _, bash = engines
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Original)
    threading.Thread(target=server.serve_forever).start()
    try:
        tests = [{"stdin": "x\n", "expected": "X\n"}]
        Original.jobs.append({"id": "ab12", "request": {"language": "bash", "code": "tr a-z A-Z", "tests": tests}})
        with worker(f"http://127.0.0.1:{server.server_port}", bash.url, "bash"):
            deadline = time.monotonic() + 30
            while "ab12" not in Original.results and time.monotonic() < deadline:
                time.sleep(0.05)
        assert Original.results == {"ab12": [result("x\n", "X\n", "X\n")]}
    finally:
        server.shutdown()
        server.server_close()
