"""API keys at the doors: every address with no key, a wrong one, one that may not, and one that may."""
import asyncio
import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from conftest import BINARY, ROOT, Answer
from keys_support import JSON, Ring, execute, submit

sys.path.insert(0, str(ROOT / "tests/websocket"))
import ws_support  # noqa: E402

SCOPES = ("execute", "jobs", "packages", "worker", "questions", "admin")
ADMIN_KEY = "the-key-of-the-questions"
ROW = re.compile(r'^ROUTE\((\w+), "([^"]+)", \w+, (\w+), (\w+)\)', re.M)
ROUTES = ROW.findall((ROOT / "src/api/routes.def").read_text())


@pytest.fixture(scope="module")
def ring(tmp_path_factory):
    ring = Ring(tmp_path_factory.mktemp("keys"))
    for scope in SCOPES:
        ring.new(scope, scope)
    ring.new("nothing", "execute", concurrency=1)
    ring.new("alice")
    ring.new("bob")
    return ring


@pytest.fixture(scope="module")
def guarded(ring, start_engine):
    return start_engine(keys_file=ring.path, admin_key=ADMIN_KEY, repo_url="")


def ask(engine, method, path, headers):
    path = path.replace("{id}", "nosuch") + ("?lang=nolanguage&wait=0" if path == "/queue/next" else "")
    connection = http.client.HTTPConnection(engine.host, engine.port, timeout=60)
    try:
        connection.request(method, path, "{" if method in ("POST", "PUT", "PATCH") else None, headers)
        answer = connection.getresponse()
        named = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, named, b"" if answer.chunked else answer.read())  # a stream has no end
    finally:
        connection.close()


def refusal(answer, words):
    """The sentence of a refusal, which has to be in the words of its door."""
    if words == "TEXT":
        assert answer.headers["content-type"].startswith("text/plain")
        return answer.body.decode()
    said = answer.json()
    assert list(said) == ["message" if words == "MESSAGE" else "error"]
    return next(iter(said.values()))


def test_the_table_was_read():
    assert len(ROUTES) > 50
    assert {need for _, _, need, _ in ROUTES} == {"NOTHING", "KEY", *(scope.upper() for scope in SCOPES if scope != "admin")}


@pytest.mark.parametrize("method,path,need,words", ROUTES, ids=[f"{row[0]} {row[1]}" for row in ROUTES])
def test_every_address(guarded, ring, method, path, need, words):
    free = need == "NOTHING"
    for headers in ({}, {"X-API-Key": ""}, {"X-API-Key": "crk_" + "x" * 32}, {"Authorization": "Bearer crk_wrong"},
                    {"Authorization": "Basic YTpi"}, {"X-API-Key": "y" * 5000},
                    {"X-API-Key": ring.secrets["alice"][:-1]}, {"X-API-Key": ring.secrets["alice"] + "x"}):
        answer = ask(guarded, method, path, {**JSON, **headers})
        if free:
            assert answer.status not in (401, 403)
            continue
        assert answer.status == 401, (headers, answer)
        assert answer.headers["www-authenticate"] == 'Bearer realm="coderunr"'
        if method != "HEAD":
            assert "API key" in refusal(answer, words)
    for scope in SCOPES:
        answer = ask(guarded, method, path, ring.headers(scope))
        if free or need == "KEY" or scope in (need.lower(), "admin"):
            assert answer.status not in (401, 403, 429), (scope, answer)
        else:
            assert answer.status == 403, (scope, answer)
            assert f"'{need.lower()}'" in refusal(answer, words)


def test_both_ways_to_send_it(guarded, ring):
    secret = ring.secrets["execute"]
    for headers in ({"X-API-Key": secret}, {"x-api-key": secret}, {"Authorization": f"Bearer {secret}"},
                    {"authorization": f"bearer {secret}"}):
        assert guarded.request("GET", "/api/v2/runtimes", headers=headers).status == 200
    assert guarded.request("GET", f"/api/v2/runtimes?key={secret}").status == 401
    answer = guarded.request("HEAD", "/api/v2/runtimes")
    assert (answer.status, answer.body) == (401, b"")
    assert guarded.request("OPTIONS", "/api/v2/execute").status == 200  # browsers ask without
    assert guarded.request("GET", "/nowhere").status == 404


def test_no_body_is_read_without_a_key(guarded):
    """AQ-18: the answer comes before the body, of which not a byte is sent."""
    head = (f"POST /v3/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            f"Content-Length: {64 * 2**20}\r\nExpect: 100-continue\r\n\r\n")
    with socket.create_connection((guarded.host, guarded.port), timeout=20) as sock:
        sock.sendall(head.encode())
        said = b""
        while piece := sock.recv(65536):
            said += piece
    assert said.startswith(b"HTTP/1.1 401 ") and b"\r\nConnection: close\r\n" in said


def test_wrong_keys_take_as_long_as_others(guarded, ring):
    """AQ-17: no prefix, and no part of a hash, is found out by asking."""
    secret, n = ring.secrets["alice"], 150
    took = {}
    connection = http.client.HTTPConnection(guarded.host, guarded.port, timeout=60)
    for _ in range(n):
        for prefix in (0, 12, 24, len(secret) - 1):
            wrong = secret[:prefix] + "x" * (len(secret) - prefix)
            began = time.perf_counter()
            connection.request("GET", "/api/v2/runtimes", headers={"X-API-Key": wrong})
            answer = connection.getresponse()
            answer.read()
            took.setdefault(prefix, []).append(time.perf_counter() - began)
            assert answer.status == 401
    connection.close()
    medians = sorted(sorted(times)[n // 2] for times in took.values())
    assert medians[-1] < 2 * medians[0] + 0.001, medians


def test_openapi_tells_what_a_key_is_for(guarded):
    document = guarded.request("GET", "/openapi.json").json()
    assert document["components"]["securitySchemes"]["key"]["name"] == "X-API-Key"
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            need = next(row[2] for row in ROUTES if row[:2] == (method.upper(), path))
            assert ("401" in told["responses"]) == ("429" in told["responses"]) == (need != "NOTHING")


def test_it_works_with_a_key(guarded, ring, need):
    need("python")
    answer = execute(guarded, ring.headers("alice"), "print(6 * 7)")
    assert answer.status == 200 and answer.json()["run"]["stdout"] == "42\n"
    job = submit(guarded, ring.headers("alice"))
    said = guarded.request("GET", f"/v3/jobs/{job}?wait=30", headers=ring.headers("alice")).json()
    assert said["state"] == "done"


def test_an_owner_sees_its_own_only(guarded, ring, need):
    """AQ-03: another's job is as absent as one that never was."""
    need("python")
    job = submit(guarded, ring.headers("alice"), tag="of alice")
    absent = "0" * 32
    for method, path in (("GET", "/v3/jobs/{}"), ("DELETE", "/v3/jobs/{}"), ("GET", "/v3/jobs/{}/events"),
                         ("GET", "/status/{}"), ("GET", "/v1/submissions/{}")):
        theirs = guarded.request(method, path.format(job), headers=ring.headers("bob"))
        nobodys = guarded.request(method, path.format(absent), headers=ring.headers("bob"))
        assert (theirs.status, theirs.body) == (nobodys.status, nobodys.body)
        assert theirs.status == 404

    def listed(name):
        return [row["id"] for row in guarded.request("GET", "/v3/jobs", headers=ring.headers(name)).json()["jobs"]]

    assert job in listed("alice") and job in listed("admin") and job not in listed("bob")
    assert guarded.request("GET", f"/v3/jobs/{job}", headers=ring.headers("admin")).status == 200


def test_what_one_compiled_is_not_reused_for_another(guarded, ring, need):
    """How fast an answer comes would tell one owner what another has compiled."""
    need("c")
    body = json.dumps({"language": "c", "version": "*", "timing": True,
                       "files": [{"content": "int main(void) { return 0; /* a secret */ }"}]})
    job = json.dumps({"language": "c", "files": [{"name": "file0.code.c", "content": "int main(void) { return 1; }"}]})

    def cached(name):
        answer = guarded.request("POST", "/api/v2/execute", body, ring.headers(name))
        assert answer.status == 200, answer
        return answer.json()["timing"]["compile"]["cached"]

    def cached_job(name):
        answer = guarded.request("POST", "/v3/jobs?wait=60", job, ring.headers(name))
        assert answer.status == 200, answer
        return answer.json()["outcomes"][0]["cached"]

    assert [cached(name) for name in ("alice", "alice", "bob", "bob", "alice")] == [False, True, False, True, True]
    assert [cached_job(name) for name in ("alice", "alice", "bob")] == [False, True, False]


def test_the_same_idempotency_key_of_two_owners_is_two_jobs(guarded, ring, need):
    need("python")
    found = {submit(guarded, ring.headers(name, **{"Idempotency-Key": "same"})) for name in ("alice", "bob", "alice")}
    assert len(found) == 2


def test_the_admin_key_of_the_questions_goes_on_to_work(guarded, ring):
    admin = {**JSON, "X-API-Key": ADMIN_KEY}
    question = {"id": "q1", "title": "t", "description": "d", "solution_code": "secret", "test_cases": []}
    answer = guarded.request("POST", "/v1/admin/questions", json.dumps(question), admin)
    assert answer.status in (200, 201), answer
    for headers, sees in ((admin, True), (ring.headers("questions"), True), (ring.headers("admin"), True),
                          (ring.headers("alice"), False)):
        answer = guarded.request("GET", "/v1/questions/q1", headers=headers)
        assert answer.status == 200 and (b"secret" in answer.body) == sees
    assert guarded.request("POST", "/v3/jobs", "{}", admin).status == 403
    assert guarded.request("POST", "/api/v2/execute", "{}", admin).status == 403
    assert guarded.request("GET", "/v1/submissions", headers=admin).status == 403


def test_packages_need_their_scope(guarded, ring):
    """PK-15"""
    body = json.dumps({"language": "python", "version": "3"})
    for method in ("POST", "DELETE"):
        assert guarded.request(method, "/api/v2/packages", body, JSON).status == 401
        assert guarded.request(method, "/api/v2/packages", body, ring.headers("alice")).status == 403
        assert guarded.request(method, "/api/v2/packages", body, ring.headers("packages")).status not in (401, 403)


# ---- WebSocket ----

def test_websocket_is_asked_at_the_handshake(guarded, ring, need):
    """WS-05"""
    need("python")

    async def go(headers):
        async with ws_support.Session(guarded, "piston", extra_headers=headers) as session:
            await session.say(ws_support.init("python", "print(1)"))
            return await session.hear_until("exit")

    for headers, status in (({}, 401), ({"X-API-Key": "wrong"}, 401), ({"X-API-Key": ring.secrets["jobs"]}, 403)):
        with pytest.raises(ws_support.websockets.InvalidStatusCode) as failed:
            asyncio.run(go(headers))
        assert failed.value.status_code == status
    assert asyncio.run(go({"Authorization": "Bearer " + ring.secrets["execute"]}))[-1]["code"] == 0


# ---- how much ----

def test_concurrency_of_programs(guarded, ring, need):
    need("python")
    deadline = time.monotonic() + 20

    def sleep():
        while execute(guarded, ring.headers("nothing"), "import time; time.sleep(1.5)").status != 200:
            assert time.monotonic() < deadline

    sleeping = threading.Thread(target=sleep)
    sleeping.start()
    while (answer := execute(guarded, ring.headers("nothing"))).status == 200 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert answer.status == 429 and answer.headers["retry-after"] == "1"
    assert "message" in answer.json()
    assert guarded.request("GET", "/api/v2/runtimes", headers=ring.headers("nothing")).status == 200
    sleeping.join()
    assert execute(guarded, ring.headers("nothing")).status == 200


def test_a_session_counts_as_long_as_it_lasts(guarded, ring, need):
    need("python")

    async def go():
        async with ws_support.Session(guarded, "piston",
                                      extra_headers={"X-API-Key": ring.secrets["nothing"]}) as session:
            await session.say(ws_support.init("python", "input()"))
            await session.hear_until("runtime")
            during = await asyncio.to_thread(execute, guarded, ring.headers("nothing"))
        return during

    assert asyncio.run(go()).status == 429
    deadline = time.monotonic() + 20
    while (after := execute(guarded, ring.headers("nothing"))).status != 200 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert after.status == 200


def test_rate(ring, guarded):
    ring.new("slow", "jobs", rate="0.2", burst=3)
    headers = ring.headers("slow")
    deadline = time.monotonic() + 10
    while guarded.request("GET", "/v1/spec", headers=headers).status == 401 and time.monotonic() < deadline:
        time.sleep(0.1)
    found = [guarded.request("GET", "/v1/spec", headers=headers) for _ in range(4)]
    assert [answer.status for answer in found[:2]] == [200, 200]  # one was taken by the loop
    assert found[3].status == 429 and list(found[3].json()) == ["error"]
    assert 1 <= int(found[3].headers["retry-after"]) <= 5
    assert guarded.request("GET", "/v1/spec", headers=ring.headers("alice")).status == 200


# ---- new keys ----

def eventually(engine, headers, status, seconds=15):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = engine.request("GET", "/api/v2/runtimes", headers=headers)
        if answer.status == status:
            return
        time.sleep(0.05)
    pytest.fail(f"still {answer} after {seconds} s")


def test_keys_come_and_go_without_a_restart(guarded, ring):
    ring.new("guest")
    eventually(guarded, ring.headers("guest"), 200)
    before = ring.secrets["guest"]
    after = ring.command("rotate", "guest").stdout.strip()
    eventually(guarded, {"X-API-Key": after}, 200)
    assert guarded.request("GET", "/api/v2/runtimes", headers={"X-API-Key": before}).status == 200
    ring.command("revoke", "guest")
    eventually(guarded, {"X-API-Key": after}, 401)
    assert guarded.request("GET", "/api/v2/runtimes", headers={"X-API-Key": before}).status == 401
    assert guarded.request("GET", "/api/v2/runtimes", headers=ring.headers("alice")).status == 200


def test_a_broken_file_changes_nothing(guarded, ring):
    whole = ring.path.read_text()
    ring.path.write_text(whole + "mallory:\n  hash: none\n")
    deadline = time.monotonic() + 15
    while "the keys stay as they were" not in guarded.log() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert "mallory: hash: expected sha256:" in guarded.log()
    assert guarded.request("GET", "/api/v2/runtimes", headers=ring.headers("alice")).status == 200
    away = ring.path.rename(ring.path.with_suffix(".away"))
    time.sleep(1.2)
    assert guarded.request("GET", "/api/v2/runtimes", headers=ring.headers("alice")).status == 200
    away.write_text(whole)
    away.rename(ring.path)


def test_sighup_loads_them_at_once_and_does_not_end_it(guarded, ring):
    loaded = guarded.log().count(f"keys from {ring.path}")
    guarded.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 15
    while guarded.log().count(f"keys from {ring.path}") == loaded and time.monotonic() < deadline:
        time.sleep(0.02)
    assert guarded.log().count(f"keys from {ring.path}") > loaded
    assert guarded.process.poll() is None
    assert guarded.request("GET", "/api/v2/runtimes", headers=ring.headers("alice")).status == 200


def test_what_runs_with_a_revoked_key_ends(guarded, ring, need):
    need("python")
    ring.new("leaver", "execute", "jobs")
    eventually(guarded, ring.headers("leaver"), 200)
    secret = ring.secrets["leaver"]

    async def go():
        async with ws_support.Session(guarded, "piston", extra_headers={"X-API-Key": secret}) as session:
            await session.say(ws_support.init("python", "input()"))
            await session.hear_until("runtime")
            await asyncio.to_thread(ring.command, "revoke", "leaver")
            while isinstance(heard := await session.hear(), dict):
                pass
            return heard

    stream = http.client.HTTPConnection(guarded.host, guarded.port, timeout=30)
    stream.request("GET", "/v3/events", headers={"X-API-Key": secret, "Accept": "text/event-stream"})
    answer = stream.getresponse()
    assert answer.status == 200
    code, reason = asyncio.run(go())
    assert (code, reason) == (1008, "the API key is not known any more")
    with contextlib.suppress(http.client.IncompleteRead, ConnectionError):
        while answer.read(1):
            pass
    stream.close()
    assert guarded.request("GET", "/v3/jobs", headers={"X-API-Key": secret}).status == 401


def test_a_front_that_was_killed_knows_the_keys_again(guarded, ring):
    fronts = []
    for pid in guarded.processes():
        with contextlib.suppress(OSError):  # boxes come and go
            fronts += [pid] * (pathlib.Path(f"/proc/{pid}/comm").read_text() == "front\n")
    assert len(fronts) == 1
    os.kill(fronts[0], signal.SIGKILL)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if guarded.request("GET", "/api/v2/runtimes", headers=ring.headers("alice")).status == 200:
                break
        time.sleep(0.05)
    else:
        pytest.fail("nobody is let in after the front was killed")
    assert guarded.request("GET", "/api/v2/runtimes").status == 401


# ---- outside runners ----

def test_results_come_from_the_lease_holder_only(guarded, ring):
    ring.new("w1", "worker")
    ring.new("w2", "worker")
    eventually(guarded, ring.headers("w2"), 200)
    job = {"language": "klingon", "code": "x", "tests": [{"stdin": "", "expected": "1\n"}]}
    answer = guarded.request("POST", "/run", json.dumps(job), ring.headers("alice"))
    assert answer.status == 202
    job_id = answer.json()["jobID"]
    assert guarded.request("GET", "/queue/next?lang=klingon&wait=0", headers=ring.headers("alice")).status == 403
    taken = guarded.request("GET", "/queue/next?lang=klingon&wait=5", headers=ring.headers("w1")).json()
    assert taken["id"] == job_id and taken["lease"] < 2**53
    results = json.dumps([{"stdin": "", "stdout": "1\n", "stderr": "", "exitCode": 0, "expected": "1\n",
                           "timedOut": False, "oomKilled": False}])
    lease = taken["lease"]
    fence = lease >> 33
    for name, query in (("w2", f"?lease={lease}"), ("w2", ""), ("w1", ""), ("w1", "?lease=0"), ("w2", f"?lease={fence}"),
                        ("w1", f"?lease={fence}"), ("w1", f"?lease={fence << 33}"), ("w1", f"?lease={lease + 1}")):
        answer = guarded.request("POST", f"/result/{job_id}{query}", results, ring.headers(name))
        assert answer.status == 409, (name, query, answer)
        assert guarded.request("POST", f"/renew/{job_id}{query}", "", ring.headers(name)).status == 409
    assert guarded.request("POST", f"/renew/{job_id}?lease={lease}", "", ring.headers("w1")).status == 204
    assert guarded.request("POST", f"/result/{job_id}?lease={lease}", results, ring.headers("alice")).status == 403
    assert guarded.request("POST", f"/result/{job_id}?lease={lease}", results, ring.headers("w1")).status == 204
    answer = guarded.request("GET", f"/status/{job_id}?wait=10", headers=ring.headers("alice"))
    assert answer.status == 200 and answer.json()[0]["stdout"] == "1\n"
    assert guarded.request("GET", f"/status/{job_id}", headers=ring.headers("bob")).status == 404


def test_the_worker_sends_its_keys(guarded, ring, start_engine, tmp_path, need):
    need("bash")
    shutil.copy(ROOT / "runtimes/python.yaml", tmp_path)
    dispatcher = start_engine(keys_file=ring.path, runtimes_directory=tmp_path)
    job = {"language": "bash", "code": "echo 1", "tests": [{"stdin": "", "expected": "1\n"}]}
    answer = dispatcher.request("POST", "/run", json.dumps(job), ring.headers("alice"))
    assert answer.status == 202, answer
    words = [BINARY, "worker", f"--dispatcher={dispatcher.url}", f"--engine={guarded.url}", "--lang=bash"]
    env = {**os.environ, "CODERUNR_KEY": ring.secrets["worker"], "CODERUNR_ENGINE_KEY": ring.secrets["bob"]}
    process = subprocess.Popen(words, env=env, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        path = answer.json()["status"]
        answer = dispatcher.request("GET", f"{path}?wait=60", headers=ring.headers("alice"), timeout=90)
        assert answer.status == 200 and answer.json()[0]["stdout"] == "1\n"
    finally:
        process.terminate()
        said = process.communicate(timeout=60)[1]
    assert process.returncode == 0 and b"crk_" not in said


@pytest.mark.parametrize("words", [("run", "x.py"), ("run", "-i", "/dev/null", "x.py"), ("execute", "python", "x.py"),
                                   ("execute", "-t", "python", "x.py"), ("list",)])
def test_the_command_line_sends_its_key(guarded, ring, need, tmp_path, words):
    need("python")
    (tmp_path / "x.py").write_text("print(1)")

    def call(*more, **env):
        bare = {name: value for name, value in os.environ.items() if not name.startswith("CODERUNR_")}
        return subprocess.run([BINARY, *more], cwd=tmp_path, env={**bare, "CODERUNR_URL": guarded.url, **env},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)

    secret = ring.secrets["alice"]
    good = call(*words, CODERUNR_KEY=secret)
    assert good.returncode == 0, good
    assert call(words[0], f"--key={secret}", *words[1:]).stdout == good.stdout
    assert call("--key", secret, *words, CODERUNR_KEY="wrong").stdout == good.stdout
    without = call(*words)
    assert without.returncode not in (0, 2) and "API key" in without.stderr + without.stdout, without


# ---- where secrets must not be ----

def test_no_key_is_in_a_log_or_a_process_or_the_file(guarded, ring):
    guarded.request("GET", "/api/v2/runtimes", headers={"X-API-Key": "a-key-that-is-wrong"})
    texts = [guarded.log(), ring.path.read_text(), ring.command("list").stdout]
    for pid in guarded.processes():
        with contextlib.suppress(OSError):
            texts.append(pathlib.Path(f"/proc/{pid}/cmdline").read_text(errors="replace"))
    for secret in [*ring.secrets.values(), "a-key-that-is-wrong"]:
        assert not any(secret in text for text in texts)
    assert ring.path.stat().st_mode & 0o077 == 0
