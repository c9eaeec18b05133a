"""Who asked to be told of the end of a job is told: signed, again until it is heard, and never inside of our own network.

WH-01 to WH-13 are the rows of the abuse catalogue about outbound requests.
"""
import base64
import collections
import json
import os
import pathlib
import sqlite3
import ssl
import subprocess
import tempfile
import time

import pytest
from conftest import Engine
from jobs_support import accepted, get, kill, pids, program, submit, submit_batch
from receiver_support import Receiver, verify
from test_openapi import problems

OPEN = {"webhook_allow": "127.0.0.0/8, ::1"}


@pytest.fixture(scope="module")
def told(start_engine):
    """An engine that may tell receivers on this machine."""
    return start_engine(webhook_timeout="2s", max_concurrent_jobs=4, **OPEN)


@pytest.fixture(scope="module")
def closed(start_engine):
    """An engine as it is by default."""
    return start_engine(max_concurrent_jobs=2)


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


def hooked(url, text="echo hi", secret=None, **fields):
    webhook = {"url": url, **({"secret": secret} if secret else {})}
    return program(text, webhook=webhook, **fields)


def webhook_of(engine, job_id, *states, attempts=0, seconds=40):
    """The job's webhook once it is in one of @states, after so many attempts at least."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        webhook = get(engine, job_id, wait=5)["webhook"]
        if webhook["state"] in states and webhook["attempts"] >= attempts:
            return webhook
        time.sleep(0.05)
    raise AssertionError(f"{webhook} is not {states} after {seconds} s")


# ---- what is sent ----

def test_the_job_is_told(told, receiver):
    job_id = accepted(told, hooked(receiver.url("/ok?a=b"), "echo out; echo err >&2; exit 3", tag="mine"))
    webhook = webhook_of(told, job_id, "delivered")
    sent, = receiver.wait_for(1)
    body = json.loads(sent.body)
    assert sent.path == "/ok?a=b" and sent.headers["content-type"] == "application/json"
    assert body["type"] == "job.ended" and body["href"] == f"/v3/jobs/{job_id}"
    assert body["delivery"] == sent.headers["webhook-id"] == webhook["delivery"]
    assert "webhook-signature" not in sent.headers, "without a secret there is nothing to sign with"
    seen, document = get(told, job_id), told.request("GET", "/openapi.json").json()
    assert problems(document, document["components"]["schemas"]["Job"], seen) == []
    assert problems(document, document["components"]["schemas"]["Notice"], body) == []
    seen.pop("webhook")
    assert body["job"] == seen, "a receiver is told what a question would be answered"
    assert (webhook["attempts"], webhook["status"], webhook["message"], webhook["next_ms"]) == (1, 200, None, None)


@pytest.mark.parametrize("secret, key", [("a plain secret", b"a plain secret"),
                                         ("whsec_" + base64.b64encode(b"\0\1\2 24 bytes of a key").decode(),
                                          b"\0\1\2 24 bytes of a key")])
def test_wh_10_deliveries_are_signed(told, receiver, secret, key):
    job_id = accepted(told, hooked(receiver.url(), secret=secret))
    sent, = receiver.wait_for(1)
    assert verify(key, sent.headers, sent.body)
    assert not verify(key, sent.headers, sent.body + b" ")
    assert not verify(key + b"x", sent.headers, sent.body)
    assert not verify(key, {**sent.headers, "webhook-timestamp": "1700000000"}, sent.body)
    assert secret not in json.dumps(get(told, job_id)) and secret.encode() not in sent.body


def test_wh_10_a_repeat_is_known_by_its_delivery(told, receiver):
    job_id = accepted(told, hooked(receiver.url("/fail/2"), secret="s"))
    webhook = webhook_of(told, job_id, "delivered")
    sent = receiver.wait_for(3)
    assert webhook["attempts"] == 3 and webhook["status"] == 204
    assert {one.headers["webhook-id"] for one in sent} == {webhook["delivery"]}
    assert len({one.body for one in sent}) == 1, "the same is told every time"
    assert all(verify(b"s", one.headers, one.body) for one in sent), "signed anew each time"
    pauses = [later.when - sooner.when for sooner, later in zip(sent, sent[1:])]
    assert pauses[0] >= 0.4 and pauses[1] >= 0.9, f"each pause is longer: {pauses}"


def test_wh_13_nothing_of_ours_is_sent_along(told, receiver):
    accepted(told, hooked(receiver.url()))
    sent, = receiver.wait_for(1)
    assert set(sent.headers) <= {"host", "user-agent", "accept", "content-type", "content-length", "webhook-id",
                                 "webhook-timestamp"}
    assert sent.headers["user-agent"].startswith("coderunr/")
    for word in (f":{told.port}", "/var/lib", "jobs.db", "hostname"):
        assert word not in sent.body.decode()


def test_what_is_large_is_told_without_its_outputs(told, receiver):
    job_id = accepted(told, hooked(receiver.url(), "head -c 900000 /dev/zero | tr '\\0' x"))
    sent, = receiver.wait_for(1)
    body = json.loads(sent.body)
    assert len(sent.body) <= 256 * 1024 and "outcomes" not in body["job"]
    assert body["job"]["verdict"] == "ok" and body["job"]["tests"]["passed"] == 1
    assert len(get(told, job_id)["outcomes"][0]["stdout"]) == 900000, "href leads to the rest"


@pytest.mark.parametrize("end", ["cancelled", "expired"])
def test_ends_without_a_run_are_told_too(own_engine, receiver, end):
    engine = own_engine(max_concurrent_jobs=1, **OPEN)
    blocker = accepted(engine, program("sleep 4"))
    job_id = accepted(engine, hooked(receiver.url(), **({"expires_in": 1} if end == "expired" else {})))
    if end == "cancelled":
        assert engine.request("DELETE", f"/v3/jobs/{job_id}").status == 200
    sent, = receiver.wait_for(1)
    assert json.loads(sent.body)["job"]["state"] == end
    engine.request("DELETE", f"/v3/jobs/{blocker}")


def test_every_line_of_a_batch_has_its_own(told, receiver):
    answer = submit_batch(told, [hooked(receiver.url(f"/ok/{i}")) for i in range(50)] + [program("true")])
    assert answer.status == 202
    receiver.wait_for(50)
    time.sleep(0.5)
    assert collections.Counter(one.path for one in receiver.deliveries) == {f"/ok/{i}": 1 for i in range(50)}


def test_a_job_handed_in_twice_is_told_once(told, receiver):
    job = hooked(receiver.url())
    ids = {accepted(told, job, **{"Idempotency-Key": "told-once"}) for _ in range(3)}
    webhook_of(told, ids.pop(), "delivered")
    time.sleep(0.5)
    assert not ids and len(receiver.deliveries) == 1


def test_a_pending_webhook_is_shown(told):
    job = submit(told, hooked("http://127.0.0.1:2100/", "sleep 1")).json()
    seen = get(told, job["id"])["webhook"]
    assert seen["state"] == "pending" and seen["attempts"] == 0 and seen["url"] == "http://127.0.0.1:2100/"
    assert "secret" not in seen


# ---- when it is not heard ----

def test_refused_connections_are_tried_again(told):
    quiet = Receiver()
    quiet.close()
    job_id = accepted(told, hooked(quiet.url()))
    webhook = webhook_of(told, job_id, "pending", attempts=2)
    assert webhook["status"] is None and "connect" in webhook["message"]
    assert webhook["next_ms"] > webhook["tried_ms"]
    back = Receiver(port=quiet.port)
    try:
        back.wait_for(1)
        assert webhook_of(told, job_id, "delivered")["attempts"] >= 3
    finally:
        back.close()


@pytest.mark.parametrize("path", ["/silent", "/drip-head", "/endless-head", "/reset"])
def test_wh_08_answers_that_do_not_come(told, receiver, path):
    job_id = accepted(told, hooked(receiver.url(path)))
    receiver.wait_for(2)
    assert webhook_of(told, job_id, "pending", attempts=1)["message"]


@pytest.mark.parametrize("path", ["/drip-body", "/endless"])
def test_wh_08_a_status_is_an_answer_whatever_follows(told, receiver, path):
    webhook = webhook_of(told, accepted(told, hooked(receiver.url(path))), "delivered")
    assert webhook["attempts"] == 1 and webhook["status"] == 200
    assert len(receiver.deliveries) == 1


@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_errors_are_tried_again(told, receiver, status):
    job_id = accepted(told, hooked(receiver.url(f"/{status}")))
    receiver.wait_for(2)
    webhook = webhook_of(told, job_id, "pending", attempts=1)
    assert webhook["status"] == status and str(status) in webhook["message"]


def test_gone_is_not_tried_again(told, receiver):
    webhook = webhook_of(told, accepted(told, hooked(receiver.url("/410"))), "failed")
    assert webhook["attempts"] == 1 and webhook["next_ms"] is None
    time.sleep(1.5)
    assert len(receiver.deliveries) == 1


def test_a_receiver_may_say_when(told, receiver):
    job_id = accepted(told, hooked(receiver.url("/busy")))
    first, second = receiver.wait_for(2)[:2]
    assert second.when - first.when >= 2.9
    assert webhook_of(told, job_id, "delivered")["attempts"] == 2


def test_patience_ends(own_engine, receiver):
    engine = own_engine(webhook_patience="3s", max_concurrent_jobs=2, **OPEN)
    webhook = webhook_of(engine, accepted(engine, hooked(receiver.url("/500"), secret="s")), "failed")
    assert webhook["attempts"] >= 2 and webhook["status"] == 500 and webhook["next_ms"] is None
    sent = len(receiver.deliveries)
    time.sleep(3)
    assert len(receiver.deliveries) == sent


def test_wh_09_a_dead_receiver_delays_nobody(told, receiver):
    """Hundreds of jobs to one that never answers, then one to another."""
    dead = Receiver()
    try:
        assert submit_batch(told, [hooked(dead.url("/silent"), "true") for _ in range(300)]).status == 202
        dead.wait_for(1)
        for _ in range(3):
            job_id = accepted(told, hooked(receiver.url(), "true", priority="interactive"))
            before = time.monotonic()
            webhook_of(told, job_id, "delivered", seconds=60)
            ended = get(told, job_id)["ended_ms"]
            assert receiver.deliveries[-1].when >= before - 1
            assert get(told, job_id)["webhook"]["tried_ms"] - ended <= 2000
        assert dead.most_flying <= 4, "the bound on one receiver"
    finally:
        dead.close()


def test_one_receiver_gets_four_at_once(told, receiver):
    assert submit_batch(told, [hooked(receiver.url("/later/1"), "true") for _ in range(20)]).status == 202
    receiver.wait_for(20, seconds=60)
    assert receiver.most_flying == 4


# ---- where it may not go ----

BAD_URLS = {
    "WH-01": ["file:///etc/passwd", "gopher://h/", "ftp://h/", "data:text/plain,x", "javascript:alert(1)",
              "unix:///run/x", "ws://h/", "h", ""],
    "WH-02": ["http://127.0.0.1/", "http://127.1/", "http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/",
              "http://0.0.0.0/", "http://[::1]/", "http://[::]/", "http://[::ffff:127.0.0.1]/",
              "http://%6c%6f%63%61%6chost/", "http://%31%32%37.0.0.1/", "http://127.0.0.1.:8080/"],
    "WH-03": ["http://10.0.0.1/", "http://172.16.0.1/", "http://192.168.0.1/", "http://100.64.0.1/",
              "http://169.254.169.254/latest/", "http://198.18.0.1/", "http://224.0.0.1/", "http://240.0.0.1/",
              "http://255.255.255.255/", "http://[fc00::1]/", "http://[fe80::1]/", "http://[ff02::1]/",
              "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/", "http://[2001:db8::1]/", "http://[::127.0.0.1]/"],
    "WH-07": ["http://u:p@example.org/", "http://u@example.org/", "http://example.org:22/", "http://example.org:25/",
              "http://example.org:6379/", "http://example.org:0/", "http://example.org:65536/", "http://example.org:x/",
              "http://example.org/\r\nX: y", "http://example.org/a b", "http://example.org/\u00e9",
              "http://example.org/#x", "http://example.org\\@127.0.0.1/", "http://" + "a" * 2050 + "/"],
}


@pytest.mark.parametrize("url", [pytest.param(url, id=f"{row} {url[:40]!r}")
                                 for row, urls in BAD_URLS.items() for url in urls])
def test_refused_when_handed_in(closed, url):
    answer = submit(closed, hooked(url))
    assert answer.status == 422 and "webhook" in answer.json()["message"], answer


@pytest.mark.parametrize("webhook", [None, [], "http://example.org/", 1, {}, {"url": 1}, {"url": None},
                                     {"url": "http://example.org/", "secret": 1},
                                     {"url": "http://example.org/", "secret": ""},
                                     {"url": "http://example.org/", "secret": "x" * 257},
                                     {"url": "http://example.org/", "secret": "a\0b"},
                                     {"url": "http://example.org/", "secret": "whsec_?"},
                                     {"url": "http://example.org/", "headers": {}}])
def test_malformed_webhooks(closed, webhook):
    answer = submit(closed, program("true", webhook=webhook))
    assert answer.status == 422 and "webhook" in answer.json()["message"], answer


@pytest.mark.parametrize("host", ["localhost", "localhost.", "LOCALHOST", "ip6-localhost"])
def test_wh_04_names_that_lead_here(closed, receiver, host):
    webhook = webhook_of(closed, accepted(closed, hooked(receiver.url(host=host))), "blocked", "pending", attempts=1)
    assert "private address" in webhook["message"] or (host not in ("localhost", "LOCALHOST") and
                                                       "cannot be resolved" in webhook["message"])
    assert receiver.connections == 0, "nothing was connected to"


def test_wh_04_what_is_allowed_is_no_more_than_that(own_engine, receiver):
    engine = own_engine(webhook_allow="127.0.0.2", max_concurrent_jobs=2)
    assert submit(engine, hooked(receiver.url())).status == 422
    webhook_of(engine, accepted(engine, hooked(receiver.url(host="localhost"))), "blocked")
    other = Receiver("127.0.0.2")
    try:
        webhook_of(engine, accepted(engine, hooked(other.url())), "delivered")
    finally:
        other.close()
    assert receiver.connections == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_wh_06_redirects_are_not_followed(told, receiver, status):
    target = Receiver()
    try:
        url = receiver.url(f"/redirect/{status}?to={target.url('/ok')}")
        webhook = webhook_of(told, accepted(told, hooked(url)), "failed")
        assert webhook["status"] == status and "redirect" in webhook["message"] and webhook["attempts"] == 1
        assert target.connections == 0 and len(receiver.deliveries) == 1
    finally:
        target.close()


def test_wh_11_certificates_are_looked_at(told):
    with tempfile.TemporaryDirectory() as folder:
        made = subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj",
                               "/CN=localhost", "-keyout", f"{folder}/key", "-out", f"{folder}/cert"],
                              capture_output=True, check=False)
        assert made.returncode == 0, made.stderr
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{folder}/cert", f"{folder}/key")
        receiver = Receiver(context=context)
        try:
            job_id = accepted(told, hooked(receiver.url()))
            webhook = webhook_of(told, job_id, "pending", attempts=1)
            assert "certificate" in webhook["message"].lower()
            assert receiver.deliveries == []
        finally:
            receiver.close()


def test_the_courier_can_write_nothing(told):
    courier, = pids(told, "courier")
    mounts = [line.split() for line in pathlib.Path(f"/proc/{courier}/mountinfo").read_text().splitlines()]
    assert mounts and all("ro" in fields[5].split(",") for fields in mounts), "each of them read-only"
    status = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{courier}/status").read_text().splitlines())
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    users = {pathlib.Path(f"/proc/{pid}").stat().st_uid for name in ("front", "runner", "ledger", "packer")
             for pid in pids(told, name)}
    assert int(status["Uid"].split()[0]) > 65535 and int(status["Uid"].split()[0]) not in users
    seen = [os.readlink(path) for path in pathlib.Path(f"/proc/{courier}/fd").iterdir()]
    assert not [name for name in seen if "jobs" in name or "packages" in name]


# ---- what survives ----

def test_ft_51_a_courier_killed_before_it_wrote_it_down(own_engine, receiver):
    """The receiver is told again, with the same delivery id; what was told before is not."""
    engine = own_engine(webhook_timeout="20s", max_concurrent_jobs=2, **OPEN)
    done = accepted(engine, hooked(receiver.url("/ok/done")))
    webhook_of(engine, done, "delivered")
    job_id = accepted(engine, hooked(receiver.url("/later/2")))
    receiver.wait_for(1, path="/later/2")
    assert kill(engine, "courier")
    assert webhook_of(engine, job_id, "delivered")
    sent = receiver.wait_for(2, path="/later/2")
    assert len({one.headers["webhook-id"] for one in sent}) == 1 and len({one.body for one in sent}) == 1
    assert len([one for one in receiver.deliveries if one.path == "/ok/done"]) == 1


def test_killed_couriers_and_ledgers_lose_nothing(own_engine, receiver):
    engine = own_engine(max_concurrent_jobs=4, **OPEN)
    ids = set()
    for round_number in range(6):
        answer = submit_batch(engine, [hooked(receiver.url(), "true") for _ in range(20)])
        ids |= {job["id"] for job in answer.json()["jobs"]}
        time.sleep(0.4)
        kill(engine, "courier", *(["ledger"] if round_number % 2 else []))
        time.sleep(1)
    for job_id in ids:
        webhook_of(engine, job_id, "delivered", seconds=90)
    assert set(receiver.jobs()) == ids
    known = collections.defaultdict(set)
    for one in receiver.deliveries:
        known[json.loads(one.body)["job"]["id"]].add(one.headers["webhook-id"])
    assert all(len(deliveries) == 1 for deliveries in known.values())


@pytest.mark.parametrize("hard", [False, True])
def test_an_engine_started_again_tells_the_rest(receiver, hard):
    with tempfile.TemporaryDirectory(prefix="coderunr-test-") as folder:
        engine = Engine(folder, webhook_timeout="2s", max_concurrent_jobs=2, **OPEN)
        told_before = accepted(engine, hooked(receiver.url("/ok/before")))
        webhook_of(engine, told_before, "delivered")
        quiet = Receiver()
        quiet.close()
        waiting = accepted(engine, hooked(quiet.url("/ok/waiting"), secret="kept"))
        get(engine, waiting, wait=20)
        queued = accepted(engine, hooked(receiver.url("/ok/queued"), "sleep 3"))
        if hard:
            engine.process.kill()
            engine.process.wait()
            time.sleep(1)
        else:
            engine.stop()
        back = Receiver(port=quiet.port)
        engine = Engine(folder, webhook_timeout="2s", max_concurrent_jobs=2, **OPEN)
        try:
            assert webhook_of(engine, waiting, "delivered")["attempts"] >= 1
            webhook_of(engine, queued, "delivered")
            sent = back.wait_for(1)[0]
            assert verify(b"kept", sent.headers, sent.body)
            time.sleep(0.5)
            assert len([one for one in receiver.deliveries if one.path == "/ok/before"]) == 1
        finally:
            back.close()
            engine.stop()


def test_what_is_swept_is_not_told_for_ever(own_engine):
    engine = own_engine(job_retention="1s", max_concurrent_jobs=2, ephemeral="true", **OPEN)
    quiet = Receiver()
    quiet.close()
    job_id = accepted(engine, hooked(quiet.url()))
    deadline = time.monotonic() + 20
    while engine.request("GET", f"/v3/jobs/{job_id}").status != 404:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    back = Receiver(port=quiet.port)
    time.sleep(8)
    back.close()
    assert back.deliveries == []


def test_what_was_swept_meanwhile_leaves_nothing(receiver):
    """The job goes while its receiver is being told."""
    with tempfile.TemporaryDirectory(prefix="coderunr-tests-") as folder:
        engine = Engine(folder, job_retention="1s", max_concurrent_jobs=2, **OPEN)
        try:
            job_id = accepted(engine, hooked(receiver.url("/later/5"), secret="s"))
            receiver.wait_for(1)
            deadline = time.monotonic() + 20
            while engine.request("GET", f"/v3/jobs/{job_id}").status != 404:
                assert time.monotonic() < deadline
                time.sleep(0.1)
            time.sleep(6)
        finally:
            assert engine.stop() == 0
        with sqlite3.connect(f"{folder}/jobs/jobs.db") as store:
            assert store.execute("SELECT drawer, name FROM cards").fetchall() == []
        assert len(receiver.deliveries) == 1
