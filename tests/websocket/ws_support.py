"""WebSocket clients of the tests: one that knows the rules (python3-websockets) and one that breaks them."""
import asyncio
import base64
import json
import os
import socket
import struct
import time

import websockets

PATH = "/api/v2/connect"
TEXT, BINARY, CLOSE, PING, PONG, MORE = 1, 2, 8, 9, 10, 0


def init(language, content, **fields):
    files = [{"content": content}] if isinstance(content, str) else content
    return {"type": "init", "language": language, "version": "*", "files": files, **fields}


def stdin(text):
    return {"type": "data", "stream": "stdin", "data": text}


class Session:
    """A session by the rules: `async with Session(engine) as s`."""

    def __init__(self, engine, dialect=None, path=PATH, **options):
        query = f"?dialect={dialect}" if dialect else ""
        self.connecting = websockets.connect(f"ws://{engine.host}:{engine.port}{path}{query}", max_size=None,
                                             ping_interval=None, **options)

    async def __aenter__(self):
        self.ws = await self.connecting.__aenter__()
        return self

    async def __aexit__(self, *error):
        await self.connecting.__aexit__(*error)

    async def say(self, *messages):
        for message in messages:
            await self.ws.send(message if isinstance(message, (str, bytes)) else json.dumps(message))

    async def hear(self, seconds=20):
        """The next event; after the last one (code, reason) of the close."""
        try:
            return json.loads(await asyncio.wait_for(self.ws.recv(), seconds))
        except websockets.ConnectionClosed:
            return self.ws.close_code, self.ws.close_reason

    async def hear_until(self, kind, seconds=20):
        """All events up to the first of this type."""
        found = []
        while True:
            found.append(await self.hear(seconds))
            assert isinstance(found[-1], dict), found
            if found[-1]["type"] == kind:
                return found

    async def hear_all(self, seconds=20):
        """All events and how the connection was closed."""
        found = []
        while isinstance(event := await self.hear(seconds), dict):
            found.append(event)
        return found, event


def talk(engine, *messages, dialect=None, path=PATH, seconds=20):
    """Say all of @messages at once; what is heard, and how it was closed."""
    async def run():
        async with Session(engine, dialect, path) as session:
            await session.say(*messages)
            return await session.hear_all(seconds)
    return asyncio.run(run())


def output(events, stream="stdout"):
    return [event["data"] for event in events if event["type"] == "data" and event["stream"] == stream]


def lines(events, stream="stdout"):
    """The lines of CodeRunr's events: one each, but for those that were sent in parts because the rest was late."""
    found, part = [], ""
    for event in events:
        if event["type"] == "data" and event["stream"] == stream:
            part += event["data"]
            if not event.get("partial"):
                found.append(part)
                part = ""
    return found


def upgrade(path=PATH, key="dGhlIHNhbXBsZSBub25jZQ==", version="13", method="GET", minor=1, fields=""):
    lines = [f"{method} {path} HTTP/1.{minor}", "Host: localhost", "Connection: Upgrade", "Upgrade: websocket"]
    lines += [f"Sec-WebSocket-Key: {key}"] if key is not None else []
    lines += [f"Sec-WebSocket-Version: {version}"] if version is not None else []
    return ("\r\n".join(lines) + "\r\n" + fields + "\r\n").encode()


def frame(opcode, payload=b"", fin=True, rsv=0, masked=True, length=None):
    """One frame; @length is bytes of a length field of one's own."""
    if isinstance(payload, str):
        payload = payload.encode()
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    n = len(payload)
    if length is None:
        length = bytes([n]) if n < 126 else b"\x7e" + struct.pack(">H", n) if n < 65536 else b"\x7f" + struct.pack(">Q", n)
    head = bytes([first, length[0] | (0x80 if masked else 0)]) + length[1:]
    if not masked:
        return head + payload
    mask = os.urandom(4)
    pattern = (mask * (n // 4 + 1))[:n]
    body = (int.from_bytes(payload, "big") ^ int.from_bytes(pattern, "big")).to_bytes(n, "big")
    return head + mask + body


def text(message):
    return frame(TEXT, json.dumps(message))


class Wire:
    """A connection of frames, valid or not."""

    def __init__(self, engine, path=PATH, receive_buffer=None, more=b""):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(20)
        self.socket.connect((engine.host, engine.port))
        self.socket.sendall(upgrade(path, base64.b64encode(os.urandom(16)).decode()) + more)
        self.buffer = b""
        while b"\r\n\r\n" not in self.buffer:
            self.more()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        assert head.startswith(b"HTTP/1.1 101 "), head

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        """False when the engine had closed before it took all of it."""
        try:
            self.socket.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def more(self):
        data = self.socket.recv(65536)
        if data == b"":
            raise EOFError
        self.buffer += data

    def take(self, n):
        while len(self.buffer) < n:
            self.more()
        taken, self.buffer = self.buffer[:n], self.buffer[n:]
        return taken

    def hear(self):
        """(opcode, payload) of the next frame; None at the end."""
        try:
            first, n = self.take(2)
            assert first & 0x70 == 0 and n & 0x80 == 0, "a server sends no mask and no reserved bits"
            if n == 126:
                n, = struct.unpack(">H", self.take(2))
            elif n == 127:
                n, = struct.unpack(">Q", self.take(8))
            return first & 0x0f, self.take(n)
        except (EOFError, ConnectionResetError):
            return None

    def events(self):
        """All text messages and the close code (None: there was none)."""
        found = []
        while (heard := self.hear()) is not None:
            opcode, payload = heard
            if opcode == CLOSE:
                return found, struct.unpack(">H", payload[:2])[0] if len(payload) >= 2 else 1005
            if opcode == TEXT:
                found.append(json.loads(payload))
        return found, None

    def close_code(self):
        return self.events()[1]


def free_slots_again(engine, language="python", seconds=10):
    """Wait until a run starts at once."""
    deadline = time.monotonic() + seconds
    while True:
        start = time.monotonic()
        engine.run(language, "print(1)")
        if time.monotonic() - start < 1:
            return
        assert time.monotonic() < deadline, "the slots are still taken"
