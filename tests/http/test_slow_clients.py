"""Clients that take their time, and clients that are too many."""
import socket
import time

import pytest
from http_support import HEALTH, HOST, Raw, post, python_job

HEADER, BODY, IDLE, WRITE = 0.6, 0.9, 0.8, 1.0
SLACK = 0.5
MAX_CONNECTIONS = 20


@pytest.fixture(scope="module")
def hasty(start_engine):
    return start_engine(header_timeout="600ms", body_timeout="900ms", idle_timeout="800ms", write_timeout="1s",
                        max_connections=MAX_CONNECTIONS, max_concurrent_jobs=1)


def drip(raw, data, seconds):
    """Send byte by byte over @seconds, or until the engine closes; how long it went on."""
    start = time.monotonic()
    raw.socket.settimeout(seconds / len(data))
    for i in range(len(data)):
        if not raw.send(data[i:i + 1]):
            break
        try:
            if not raw.more():
                break
        except TimeoutError:
            pass
        except ConnectionResetError:
            break
        if raw.buffer:
            break
    raw.socket.settimeout(5)
    return time.monotonic() - start


def test_silence(hasty):
    """HT-48: closed without a word."""
    with Raw(hasty) as raw:
        assert HEADER - 0.05 <= raw.seconds_until_closed(5) <= HEADER + SLACK
        assert raw.buffer == b""


def test_dripped_head(hasty):
    """HT-46: no byte gains time."""
    with Raw(hasty) as raw:
        assert drip(raw, HEALTH, 5) <= HEADER + SLACK
        replies = raw.replies()
        assert [reply.status for reply in replies] == [408]
        assert replies[0].headers["connection"] == "close"


def test_dripped_head_on_a_kept_connection(hasty):
    with Raw(hasty) as raw:
        raw.send(HEALTH)
        assert raw.reply().status == 200
        time.sleep(IDLE / 2)
        assert drip(raw, HEALTH, 5) <= HEADER + SLACK
        assert [reply.status for reply in raw.replies()] == [408]


def test_dripped_body(hasty):
    """HT-47"""
    data = post(b" " * 50)
    with Raw(hasty) as raw:
        raw.send(data[:-50])
        assert BODY - 0.1 <= drip(raw, data[-50:], 10) <= BODY + SLACK
        assert [reply.status for reply in raw.replies()] == [408]


def test_idle_connection(hasty):
    with Raw(hasty) as raw:
        raw.send(HEALTH)
        assert raw.reply().status == 200
        assert IDLE - 0.05 <= raw.seconds_until_closed(5) <= IDLE + SLACK
        assert raw.buffer == b""


def test_client_that_never_reads(hasty):
    """HT-49: once its answers pile up its requests are not read either, and it is closed."""
    data = (b"GET /api/v2/runtimes HTTP/1.1\r\n" + HOST + b"\r\n") * 200
    with Raw(hasty, receive_buffer=4096) as raw:
        raw.socket.settimeout(0.1)
        start = progress = time.monotonic()
        try:
            while time.monotonic() - start < 5:
                try:
                    raw.socket.send(data)
                    progress = time.monotonic()
                except TimeoutError:
                    pass
            pytest.fail("still open after 5 s")
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert WRITE - 0.1 <= time.monotonic() - start <= WRITE + 2
        assert progress - start < WRITE


def test_room_is_made_by_closing_the_longest_idle(hasty):
    """HT-50"""
    idle = [Raw(hasty) for _ in range(MAX_CONNECTIONS)]
    for raw in idle:
        raw.send(HEALTH)
        assert raw.reply().status == 200
    with Raw(hasty) as raw:
        raw.send(HEALTH)
        assert raw.reply().status == 200
    assert idle[0].seconds_until_closed(0.3) < 0.2
    idle[-1].send(HEALTH)
    assert idle[-1].reply().status == 200
    for raw in idle:
        raw.socket.close()


def test_when_all_are_at_work_a_new_one_is_turned_away(hasty):
    busy = [Raw(hasty) for _ in range(MAX_CONNECTIONS)]
    for raw in busy:
        raw.send(b"G")
    time.sleep(0.1)
    with Raw(hasty) as raw:
        reply = raw.reply()
        assert (reply.status, reply.headers["retry-after"]) == (503, "1")
        assert reply.json() == {"message": "too many connections"}
    for raw in busy:
        raw.socket.close()


def wait_for_slot(engine):
    """Seconds until the only slot ran a small job."""
    start = time.monotonic()
    assert engine.run("python", "print(1)")["stdout"] == "1\n"
    return time.monotonic() - start


@pytest.mark.parametrize("leave", ["close", "reset", "close with a request behind"])
def test_client_that_leaves_ends_its_job(hasty, need, leave):
    need("python")
    with Raw(hasty) as raw:
        raw.send(python_job("import time; time.sleep(2.8)"))
        time.sleep(0.4)
        if leave == "reset":
            raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        elif leave == "close with a request behind":
            raw.send(HEALTH)
            time.sleep(0.1)
    assert wait_for_slot(hasty) < 1.5


def test_half_close_while_the_job_runs(hasty, need):
    """HT-52: the client has said all it had to say, and waits."""
    need("python")
    with Raw(hasty) as raw:
        raw.send(python_job("import time; time.sleep(1); print('slept')"))
        raw.finish_sending()
        assert [reply.json()["run"]["stdout"] for reply in raw.replies()] == ["slept\n"]


def test_no_timeout_while_the_job_runs(hasty, need):
    need("python")
    with Raw(hasty) as raw:
        raw.send(python_job("import time; time.sleep(1.5)"))
        assert raw.reply().json()["run"]["code"] == 0
        raw.send(HEALTH)
        assert raw.reply().status == 200


def test_requests_in_flight_are_finished_at_the_end(start_engine, need):
    need("python")
    engine = start_engine()
    with Raw(engine) as raw, Raw(engine) as idle:
        raw.send(python_job("import time; time.sleep(1); print('done')"))
        time.sleep(0.3)
        engine.process.terminate()
        reply = raw.reply()
        assert reply.json()["run"]["stdout"] == "done\n"
        assert reply.headers["connection"] == "close"
        assert raw.reply() is None
        assert idle.reply() is None
        assert engine.process.wait(10) == 0


def test_answers_nobody_takes_do_not_pile_up(start_engine, need):
    """Past 256 MiB of waiting answers the slowest reader is closed; others get theirs."""
    need("python")
    engine = start_engine()
    code = "import os\nfor fd in 1, 2:\n  for i in range(16): os.write(fd, bytes(65536))"  # 24 MiB once escaped
    readers = []
    for i in range(14):
        readers.append(Raw(engine, receive_buffer=4096 if i < 13 else None))
        readers[-1].send(python_job(code))
        while b"HTTP/1.1 200" not in readers[-1].buffer:
            assert readers[-1].more()
    assert len(readers[-1].reply().json()["run"]["output"]) == 2 << 20
    with pytest.raises((AssertionError, ConnectionResetError)):
        readers[0].reply()
    for raw in readers:
        raw.socket.close()


def test_bodies_that_never_end_do_not_pile_up(start_engine):
    """Eight bodies of the largest size may be on their way; the ninth client is told to come back."""
    engine = start_engine(request_body_limit=1 << 20)
    data = post(b" " * (1 << 20))[:-1]
    slow = [Raw(engine) for _ in range(8)]
    for raw in slow:
        raw.send(data)
    time.sleep(0.3)
    with Raw(engine) as raw:
        raw.send(data)
        assert (reply := raw.reply()).status == 503
        assert reply.headers["retry-after"] == "1"
    slow[0].send(b" ")
    assert slow[0].reply().status == 400
    for raw in slow:
        raw.socket.close()


def test_time_to_take_an_answer_is_no_idle_time(start_engine, need):
    need("python")
    engine = start_engine(idle_timeout="400ms", write_timeout="10s")
    with Raw(engine, receive_buffer=4096) as raw:
        raw.send(python_job("import os\nfor i in range(16): os.write(1, bytes(65536))") + HEALTH)
        assert raw.more()
        time.sleep(1.2)
        raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        assert raw.reply().json()["run"]["stdout"] == "\0" * (1 << 20)
        assert raw.reply().body == b"OK"
        assert raw.seconds_until_closed(5) < 1
