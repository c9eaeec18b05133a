"""Upgrades and frames that break a rule, and clients that do nothing or too much."""
import json
import socket
import time

import pytest
from ws_processes import fds, rss  # noqa: F401 (fixtures)
from ws_support import (BINARY, CLOSE, MORE, PING, PONG, TEXT, Wire, frame, free_slots_again, init, output, stdin, text,
                        upgrade)

MIB = 1024 * 1024
HELLO = text(init("python", "print('hello')"))
SLEEPER = text(init("python", "import time\ntime.sleep(2.8)"))


def ask(engine, head):
    """The status, headers and body with which an upgrade is refused."""
    with socket.create_connection((engine.host, engine.port), timeout=10) as sock:
        sock.sendall(head)
        sock.shutdown(socket.SHUT_WR)
        data = b""
        while piece := sock.recv(65536):
            data += piece
    head, body = data.split(b"\r\n\r\n", 1)
    lines = head.decode("latin1").split("\r\n")
    headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines[1:])}
    return int(lines[0].split(" ")[1]), headers, body


KEY = "dGhlIHNhbXBsZSBub25jZQ=="
UPGRADES = [
    ("WS-01 no key", upgrade(key=None), 400),
    ("WS-01 short key", upgrade(key="dGhlIHNhbXBsZQ=="), 400),
    ("WS-01 long key", upgrade(key="dGhlIHNhbXBsZSBub25jZQAA"), 400),
    ("WS-01 key that is no base64", upgrade(key="!" * 22 + "=="), 400),
    ("WS-01 key with stray bits", upgrade(key="dGhlIHNhbXBsZSBub25jZR=="), 400),
    ("WS-01 two keys", upgrade(fields=f"Sec-WebSocket-Key: {KEY}\r\n"), 400),
    ("WS-02 version 8", upgrade(version="8"), 426),
    ("WS-02 no version", upgrade(version=None), 426),
    ("WS-02 two versions", upgrade(fields="Sec-WebSocket-Version: 13\r\n"), 426),
    ("WS-03 plain GET", b"GET /api/v2/connect HTTP/1.1\r\nHost: x\r\n\r\n", 426),
    ("WS-03 no Connection: upgrade", upgrade().replace(b"Connection: Upgrade", b"Connection: keep-alive"), 426),
    ("WS-03 another protocol", upgrade().replace(b"Upgrade: websocket", b"Upgrade: h2c"), 426),
    ("WS-03 HTTP/1.0", upgrade(minor=0), 426),
    ("WS-03 HEAD", upgrade(method="HEAD"), 426),
    ("WS-03 POST", upgrade(method="POST", fields="Content-Length: 0\r\n"), 404),
    ("WS-03 a body", upgrade(fields="Content-Length: 2\r\n") + b"{}", 400),
]


@pytest.mark.parametrize("head,status", [row[1:] for row in UPGRADES], ids=[row[0] for row in UPGRADES])
def test_upgrades(engine, head, status):
    was, headers, _ = ask(engine, head)
    assert was == status
    if status == 426:
        assert headers["sec-websocket-version"] == "13"
        assert headers["upgrade"].lower() == "websocket"


def test_accept_and_no_extension(engine):
    """WS-19: no extension is agreed on."""
    with socket.create_connection((engine.host, engine.port), timeout=10) as sock:
        sock.sendall(upgrade(key=KEY, fields="Sec-WebSocket-Extensions: permessage-deflate\r\n"
                                             "Sec-WebSocket-Protocol: chat\r\n"))
        head = sock.recv(65536).decode().lower()
    assert head.startswith("http/1.1 101 ")
    assert "s3pplmbitxaq9kygzzhzrbk+xoo=" in head
    assert "extensions" not in head and "protocol:" not in head


@pytest.mark.parametrize("origins,origin,status", [
    ("*", "https://evil.example", 101),
    ("https://a.example, https://b.example", "https://b.example", 101),
    ("https://a.example, https://b.example", "https://B.EXAMPLE", 101),
    ("https://a.example, https://b.example", None, 101),
    ("https://a.example, https://b.example", "https://c.example", 403),
    ("https://a.example, https://b.example", "https://a.example.evil", 403),
    ("https://a.example, https://b.example", "https://a.exampl", 403),
    ("https://a.example, https://b.example", "null", 403),
    ("", "https://a.example", 403),
])
def test_origins(origin_engines, origins, origin, status):
    """WS-04."""
    engine = origin_engines(origins)
    head = upgrade(fields=f"Origin: {origin}\r\n" if origin is not None else "")
    assert ask(engine, head)[0] == status


@pytest.fixture(scope="module")
def origin_engines(start_engine):
    started = {}

    def get(origins):
        if origins not in started:
            started[origins] = start_engine(websocket_origins=origins, max_concurrent_jobs=1)
        return started[origins]

    return get


LARGE = 17 * MIB
FRAMES = [
    ("WS-06 unmasked", frame(TEXT, "{}", masked=False), 1002),
    ("WS-07 RSV1", frame(TEXT, "{}", rsv=4), 1002),
    ("WS-07 RSV2", frame(TEXT, "{}", rsv=2), 1002),
    ("WS-07 RSV3", frame(PING, b"", rsv=1), 1002),
    ("WS-07 opcode 3", frame(3, "{}"), 1002),
    ("WS-07 opcode 11", frame(11, ""), 1002),
    ("WS-08 large ping", frame(PING, b"x" * 126), 1002),
    ("WS-08 fragmented ping", frame(PING, b"x", fin=False), 1002),
    ("WS-09 continuation of nothing", frame(MORE, b"x"), 1002),
    ("WS-09 text within a message", frame(TEXT, b"{", fin=False) + frame(TEXT, b"}"), 1002),
    ("WS-10 no UTF-8", frame(TEXT, b"\xff"), 1007),
    ("WS-10 no UTF-8 over two frames", frame(TEXT, b"\xe2\x82", fin=False) + frame(MORE, b"\x20"), 1007),
    ("WS-10 UTF-8 cut short", frame(TEXT, b"\xe2\x82"), 1007),
    ("WS-10 a surrogate", frame(TEXT, b"\xed\xa0\x80"), 1007),
    ("WS-11 close of one byte", frame(CLOSE, b"\x03"), 1002),
    ("WS-11 close 1005", frame(CLOSE, b"\x03\xed"), 1002),
    ("WS-11 close 1006", frame(CLOSE, b"\x03\xee"), 1002),
    ("WS-11 close 999", frame(CLOSE, b"\x03\xe7"), 1002),
    ("WS-11 close 5000", frame(CLOSE, b"\x13\x88"), 1002),
    ("WS-11 close without UTF-8", frame(CLOSE, b"\x03\xe8\xff"), 1007),
    ("WS-12 length with its top bit", frame(BINARY, b"", length=b"\x7f" + b"\xff" * 8), 1002),
    ("WS-12 length 2^40", frame(BINARY, b"", length=b"\x7f" + (1 << 40).to_bytes(8, "big")) + b"x", 1009),
    ("WS-13 message too big", frame(TEXT, b"", length=b"\x7f" + LARGE.to_bytes(8, "big")) + b"x", 1009),
    ("WS-14 two bytes for a short length", frame(TEXT, b"{}", length=b"\x7e\x00\x02"), 1002),
    ("WS-14 eight bytes for a short length", frame(TEXT, b"{}", length=b"\x7f" + (2).to_bytes(8, "big")), 1002),
    ("WS-08 large close", frame(CLOSE, b"\x03\xe8" + b"x" * 124), 1002),
]


@pytest.mark.parametrize("data,code", [row[1:] for row in FRAMES], ids=[row[0] for row in FRAMES])
def test_broken_frames(engine, data, code):
    with Wire(engine) as wire:
        wire.send(data)
        assert wire.close_code() == code
        assert wire.hear() is None


@pytest.mark.parametrize("data,code", [row[1:] for row in FRAMES[:12]], ids=[row[0] for row in FRAMES[:12]])
def test_broken_frames_end_the_job(engine, need, data, code):
    need("python")
    with Wire(engine, more=SLEEPER) as wire:
        wire.send(data)
        assert wire.close_code() == code
    free_slots_again(engine)


def test_close_is_answered(engine):
    """WS-21."""
    for payload, code in [(b"\x03\xe8", 1000), (b"\x03\xe8bye", 1000), (b"\x0f\xa0", 4000), (b"", 1005)]:
        with Wire(engine) as wire:
            wire.send(frame(CLOSE, payload) + HELLO + b"garbage")
            assert wire.close_code() == code
            assert wire.hear() is None


def test_ping_is_answered(engine):
    with Wire(engine) as wire:
        wire.send(frame(PING, b"x" * 125))
        assert wire.hear() == (PONG, b"x" * 125)
        wire.send(frame(PONG, b"unasked") + frame(PING))
        assert wire.hear() == (PONG, b"")


def test_fragments_and_pings_between_them(engine, need):
    need("python")
    message = json.dumps(init("python", "print('é' * 3)"), ensure_ascii=False).encode()
    pieces = [message[i:i + 1] for i in range(len(message))]
    data = frame(TEXT, b"", fin=False) + b"".join(
        frame(MORE, piece, fin=False) + (frame(PING, b"p") if i % 20 == 0 else b"") for i, piece in enumerate(pieces))
    with Wire(engine) as wire:
        wire.send(data + frame(MORE, b""))
        events, code = wire.events()
    assert code == 4999
    assert output(events) == ["ééé"]


def test_every_byte_alone(engine, need):
    need("python")
    with Wire(engine) as wire:
        for i in range(len(HELLO)):
            wire.send(HELLO[i:i + 1])
        events, code = wire.events()
    assert (output(events), code) == (["hello"], 4999)


def test_frames_behind_the_upgrade(engine, need):
    """WS-21."""
    need("python")
    program = "print(input())"
    with Wire(engine, more=text(init("python", program)) + text(stdin("early\n"))) as wire:
        events, code = wire.events()
    assert (output(events), code) == (["early"], 4999)


def test_upgrade_behind_a_request(engine):
    with socket.create_connection((engine.host, engine.port), timeout=10) as sock:
        sock.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n" + upgrade())
        data = b""
        while data.count(b"\r\n\r\n") < 2:
            data += sock.recv(65536)
    assert data.startswith(b"HTTP/1.1 200 ")
    assert b"OKHTTP/1.1 101 " in data


def test_message_limit_in_many_fragments(own_engine):
    """WS-13."""
    engine = own_engine(websocket_message_limit=100000, max_concurrent_jobs=1)
    with Wire(engine) as wire:
        assert wire.send(frame(TEXT, b" ", fin=False))
        for _ in range(101):
            if not wire.send(b"".join(frame(MORE, b" ", fin=False) for _ in range(1000))):
                break
        assert wire.close_code() == 1009
    with Wire(engine) as wire:
        wire.send(frame(TEXT, b" " * 100000))
        assert wire.close_code() == 1000, "the limit itself is no JSON, but may be sent"


def test_large_messages(engine, need):
    need("python")
    program = "#" * (3 * MIB) + "\nimport sys\nprint(len(sys.stdin.read()))"
    with Wire(engine) as wire:
        wire.send(text(init("python", program)) + text(stdin("x" * MIB)) + text({"type": "eof"}))
        events, code = wire.events()
    assert (output(events), code) == ([str(MIB)], 4999)


def test_ping_flood(engine):
    """WS-15."""
    with Wire(engine) as wire:
        flood = frame(PING) * 1000
        start = time.monotonic()
        for _ in range(100):
            if not wire.send(flood):
                break
        assert wire.close_code() in (1008, None)
        assert time.monotonic() - start < 5
    assert engine.request("GET", "/health").status == 200


def test_silence_is_closed(own_engine):
    """WS-15."""
    engine = own_engine(idle_timeout="2s", run_timeout="20s", max_concurrent_jobs=1)
    message = text(init("python", "import time\ntime.sleep(8)"))
    with Wire(engine, more=message) as wire:
        start = time.monotonic()
        while (heard := wire.hear()) is not None and heard[0] != CLOSE:
            pass
        assert heard is not None and heard[1][:2] == (1001).to_bytes(2, "big")
        assert 1 < time.monotonic() - start < 5
    with Wire(engine, more=message) as wire:
        start = time.monotonic()
        while (heard := wire.hear()) is not None and heard[0] != CLOSE:
            if heard[0] == PING:
                wire.send(frame(PONG, heard[1]))
        assert heard is not None and heard[1][:2] == (4999).to_bytes(2, "big"), "who answers pings may be silent"


def test_client_that_reads_nothing(own_engine, rss):
    """WS-16."""
    engine = own_engine(write_timeout="2s", max_concurrent_jobs=2, run_output_max_size="1GiB")
    flood = text(init("python", "import os\nwhile True: os.write(1, b'x' * 65536)"))
    before = rss(engine)
    with Wire(engine, receive_buffer=4096, more=flood) as wire:
        time.sleep(6)
        assert rss(engine) - before < 40 * MIB
        free_slots_again(engine)
        try:
            events, code = wire.events()
        except TimeoutError:
            code = None
        assert code in (1008, None)


def settled(fds, engine):
    for _ in range(20):
        time.sleep(0.1)
        yield fds(engine)


def test_dropped_connections_leave_nothing(engine, need, fds):
    """WS-20."""
    need("python")
    engine.run("python", "print(1)")
    # the slot of that run is without a box for a moment, and so without the descriptors of one
    before = max(settled(fds, engine))
    for i in range(300):
        wire = Wire(engine, more=SLEEPER if i % 2 else b"")
        if i % 3 == 0:
            wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        wire.socket.close()
    free_slots_again(engine, seconds=20)
    deadline = time.monotonic() + 10
    while fds(engine) > before + 4 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert fds(engine) <= before + 4


def test_drain(own_engine, need):
    need("python")
    engine = own_engine(max_concurrent_jobs=1)
    with Wire(engine) as idle, Wire(engine, more=text(init("python", "import time\ntime.sleep(1)\nprint('done')"))) as busy:
        assert busy.hear()[0] == TEXT
        engine.process.terminate()
        assert idle.close_code() == 1001
        events, code = busy.events()
        assert (output(events), code) == (["done"], 4999)
