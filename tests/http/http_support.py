"""A client without manners: it sends the bytes it is given and reads what comes."""
import json
import socket
import time

HOST = b"Host: localhost\r\n"
HEALTH = b"GET /health HTTP/1.1\r\n" + HOST + b"\r\n"


def post(body, fields=b"", path=b"/api/v2/execute"):
    return (b"POST " + path + b" HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n" + fields
            + b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body)


def python_job(code, **fields):
    body = {"language": "python", "version": "*", "files": [{"content": code}], **fields}
    return post(json.dumps(body).encode())


class Reply:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:500]!r}>"


class Raw:
    """One connection."""

    def __init__(self, engine, timeout=10, receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        self.socket.connect((engine.host, engine.port))
        self.buffer = b""

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

    def finish_sending(self):
        self.socket.shutdown(socket.SHUT_WR)

    def more(self):
        data = self.socket.recv(65536)
        self.buffer += data
        return data != b""

    def reply(self, head_only=False):
        """The next answer, None at the end; interim answers are skipped."""
        while b"\r\n\r\n" not in self.buffer:
            if not self.more():
                assert self.buffer == b"", self.buffer
                return None
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        first, *lines = head.decode("latin1").split("\r\n")
        status = int(first.split(" ")[1])
        assert first.startswith("HTTP/1.1 "), first
        if status == 100:
            return self.reply(head_only)
        headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
        length = 0 if head_only else int(headers["content-length"])
        while len(self.buffer) < length:
            assert self.more(), "closed within a body"
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return Reply(status, headers, body)

    def replies(self):
        """All answers until the engine closes."""
        found = []
        while (reply := self.reply()) is not None:
            found.append(reply)
        return found

    def seconds_until_closed(self, limit):
        """How long the engine takes to close, whatever it sends before."""
        start = time.monotonic()
        self.socket.settimeout(limit)
        try:
            while self.more():
                pass
        except ConnectionResetError:
            pass
        return time.monotonic() - start
