"""A receiver of webhooks that behaves as the path tells it to, and writes down everything it was sent."""
import base64
import collections
import hashlib
import hmac
import json
import re
import socket
import threading
import time

Delivery = collections.namedtuple("Delivery", "path headers body when")


def verify(secret, headers, body, tolerance=300):
    """What a receiver has to do; the README shows the same lines."""
    if abs(time.time() - int(headers["webhook-timestamp"])) > tolerance:
        return False
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(f"v1,{expected}", word) for word in headers["webhook-signature"].split())


class Receiver:
    """One listening address.  Paths: /ok, /STATUS, /fail/N (500 to the first N), /redirect/STATUS?to=URL, /silent,
    /drip-head, /drip-body, /endless, /later/SECONDS, /reset, /busy (429 with Retry-After first)."""

    def __init__(self, address="127.0.0.1", port=0, context=None):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.listener = socket.create_server((address, port), family=family, backlog=512)
        self.address, self.port, self.context = address, self.listener.getsockname()[1], context
        self.deliveries, self.connections, self.flying, self.most_flying = [], 0, 0, 0
        self.lock, self.closing, self.hold = threading.Lock(), False, threading.Event()
        threading.Thread(target=self.accept, daemon=True).start()

    def url(self, path="/ok", host=None):
        host = host or (f"[{self.address}]" if ":" in self.address else self.address)
        return f"{'https' if self.context else 'http'}://{host}:{self.port}{path}"

    def close(self):
        self.closing = True
        self.hold.set()
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()

    def accept(self):
        while not self.closing:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with self.lock:
            self.flying += 1
            self.most_flying = max(self.most_flying, self.flying)
        try:
            client.settimeout(30)
            if self.context:
                client = self.context.wrap_socket(client, server_side=True)
            self.talk(client)
        except OSError:
            pass
        finally:
            with self.lock:
                self.flying -= 1
            client.close()

    def talk(self, client):
        data = b""
        while b"\r\n\r\n" not in data:
            if not (piece := client.recv(65536)):
                return
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        while len(body) < int(headers.get("content-length", 0)):
            if not (piece := client.recv(65536)):
                return
            body += piece
        path = first.split(" ")[1]
        with self.lock:
            earlier = sum(one.path == path for one in self.deliveries)
            self.deliveries.append(Delivery(path, headers, body, time.monotonic()))
        self.answer(client, path, earlier)

    def answer(self, client, path, earlier):
        def say(status, more=""):
            client.sendall(f"HTTP/1.1 {status} x\r\nContent-Length: 2\r\n{more}\r\nok".encode())

        word, number = re.split(r"[/?]", path)[1], re.search(r"/(\d+)", path)
        number = int(number[1]) if number else 0
        if word == "ok":
            say(200)
        elif word == "fail":
            say(500 if earlier < number else 204)
        elif word == "redirect":
            say(number, f"Location: {path.partition('?to=')[2]}\r\n")
        elif word == "silent":
            self.hold.wait(30)
        elif word == "later":
            self.hold.wait(number)
            say(200)
        elif word == "busy":
            say(*((429, "Retry-After: 3\r\n") if earlier == 0 else (200,)))
        elif word == "reset":
            pass
        elif word == "drip-head":
            self.drip(client, b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 1000)
        elif word == "drip-body":
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            self.drip(client, b"x" * 1000)
        elif word == "endless":
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while not self.closing:
                client.sendall(b"x" * 65536)
        elif word == "endless-head":
            client.sendall(b"HTTP/1.1 200 OK\r\n")
            while not self.closing:
                client.sendall(b"X-A: " + b"x" * 1000 + b"\r\n")
        else:
            say(number or int(word))

    def drip(self, client, data):
        for byte in data:
            if self.hold.wait(0.2):
                return
            client.sendall(bytes([byte]))

    def wait_for(self, n, seconds=30, path=None):
        """The first @n deliveries (to @path), once they are there."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with self.lock:
                found = [one for one in self.deliveries if path is None or one.path == path]
            if len(found) >= n:
                return found
            time.sleep(0.02)
        raise AssertionError(f"{len(found)} of {n} deliveries after {seconds} s")

    def jobs(self):
        with self.lock:
            return [json.loads(one.body)["job"]["id"] for one in self.deliveries]
