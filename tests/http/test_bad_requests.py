"""Bytes no client should send: what HTTP/1.1 leaves to leniency has been used for attacks, so nothing is left to it.

Each row is sent alone, again behind a valid request in the same packet, and again byte by byte.
"""
import pytest
from http_support import HEALTH, HOST, Raw, post

BODY_LIMIT = 65536
NEXT = b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n"


def get(fields=b"", target=b"/health", version=b"HTTP/1.1", host=HOST):
    return b"GET " + target + b" " + version + b"\r\n" + host + fields + b"\r\n"


def raw_post(fields, body=b"", version=b"HTTP/1.1"):
    return (b"POST /api/v2/execute " + version + b"\r\n" + HOST + b"Content-Type: application/json\r\n" + fields
            + b"\r\n" + body)


def chunked(body):
    return raw_post(b"Transfer-Encoding: chunked\r\n", body)


# What is refused: id, bytes, status.  The connection is closed and what follows is not answered.
REFUSED = [
    ("HT-01 length and coding", raw_post(b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"), 400),
    ("HT-01 coding and length", raw_post(b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", b"0\r\n\r\n"), 400),
    ("HT-02 two lengths", raw_post(b"Content-Length: 2\r\nContent-Length: 3\r\n", b"{}"), 400),
    ("HT-03 the same length twice", raw_post(b"Content-Length: 2\r\nContent-Length: 2\r\n", b"{}"), 400),
    ("HT-03 list of lengths", raw_post(b"Content-Length: 2, 2\r\n", b"{}"), 400),
    ("HT-04 plus", raw_post(b"Content-Length: +2\r\n", b"{}"), 400),
    ("HT-04 minus", raw_post(b"Content-Length: -1\r\n"), 400),
    ("HT-04 hex", raw_post(b"Content-Length: 0x2\r\n", b"{}"), 400),
    ("HT-04 inner space", raw_post(b"Content-Length: 2 2\r\n", b"{}"), 400),
    ("HT-04 exponent", raw_post(b"Content-Length: 1e3\r\n"), 400),
    ("HT-04 empty", raw_post(b"Content-Length:\r\n"), 400),
    ("HT-05 2^63", raw_post(b"Content-Length: 9223372036854775808\r\n"), 400),
    ("HT-05 2^64+5", raw_post(b"Content-Length: 18446744073709551621\r\n", b"hello"), 400),
    ("HT-05 400 digits", raw_post(b"Content-Length: " + b"1" * 400 + b"\r\n"), 400),
    ("HT-06 xchunked", raw_post(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n"), 400),
    ("HT-06 chunked twice", raw_post(b"Transfer-Encoding: chunked, chunked\r\n", b"0\r\n\r\n"), 400),
    ("HT-06 chunked not last", raw_post(b"Transfer-Encoding: chunked, gzip\r\n", b"0\r\n\r\n"), 400),
    ("HT-06 tab", raw_post(b"Transfer-Encoding:\tchunked\r\n", b"0\r\n\r\n"), 400),
    ("HT-06 vertical tab", raw_post(b"Transfer-Encoding: \x0bchunked\r\n", b"0\r\n\r\n"), 400),
    ("HT-07 gzip, chunked", raw_post(b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n"), 501),
    ("unknown coding", raw_post(b"Transfer-Encoding: brotli\r\n", b"0\r\n\r\n"), 501),
    ("HT-08 coding in 1.0", raw_post(b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n", b"HTTP/1.0"), 400),
    ("space before the colon of a coding", raw_post(b"Transfer-Encoding : chunked\r\nContent-Length: 2\r\n", b"{}"), 400),
    ("HT-09 empty extension", chunked(b"2;\r\n{}\r\n0\r\n\r\n"), 400),
    ("HT-09 extension", chunked(b"2;a=b\r\n{}\r\n0\r\n\r\n"), 413),
    ("HT-09 space", chunked(b"2 ;x\r\n{}\r\n0\r\n\r\n"), 400),
    ("HT-09 0x", chunked(b"0x2\r\n{}\r\n0\r\n\r\n"), 400),
    ("HT-09 minus", chunked(b"-1\r\n{}\r\n0\r\n\r\n"), 400),
    ("HT-09 no digit", chunked(b"g\r\n{}\r\n0\r\n\r\n"), 400),
    ("HT-09 empty", chunked(b"\r\n{}\r\n0\r\n\r\n"), 400),
    ("HT-10 overflow", chunked(b"FFFFFFFFFFFFFFFF1\r\n{}\r\n0\r\n\r\n"), 400),
    ("HT-10 zeros", chunked(b"0" * 100000 + b"2\r\n{}\r\n0\r\n\r\n"), 413),
    ("HT-11 no CRLF after data", chunked(b"2\r\n{}XX0\r\n\r\n"), 400),
    ("HT-11 LF after size", chunked(b"2\n{}\r\n0\r\n\r\n"), 400),
    ("HT-12 endless tiny chunks", chunked(b"1\r\n \r\n" * (BODY_LIMIT + 1)), 413),
    ("100 KB of extension", chunked(b"2;" + b"a" * 100000 + b"\r\n{}\r\n0\r\n\r\n"), 413),
    ("HT-13 trailers", chunked(b"0\r\n" + b"X: y\r\n" * 170000), 431),
    ("HT-13 forbidden trailer", chunked(b"2\r\n{}\r\n0\r\nAuthorization: x\r\n\r\n"), 431),
    ("HT-14 LF line ends", b"GET /health HTTP/1.1\nHost: localhost\n\n", 400),
    ("HT-15 CR in a value", get(b"X: a\rb\r\n"), 400),
    ("HT-15 CR ends a field", get(b"X: a\rTransfer-Encoding: chunked\r\n"), 400),
    ("HT-16 NUL in a value", get(b"X: a\x00b\r\n"), 400),
    ("HT-16 control byte in a value", get(b"X: a\x1bb\r\n"), 400),
    ("HT-16 control byte in the target", get(target=b"/he\x01alth"), 400),
    ("HT-17 space before the colon", get(host=b"Host : localhost\r\n"), 400),
    ("HT-18 folded line", get(b"X: a\r\n b\r\n"), 400),
    ("HT-19 blank line first", b"GET /health HTTP/1.1\r\n \r\n" + HOST + b"\r\n", 400),
    ("HT-20 no token", get(b"X(y): a\r\n"), 400),
    ("HT-20 empty name", get(b": a\r\n"), 400),
    ("HT-21 no Host", get(host=b""), 400),
    ("HT-22 two Hosts", get(host=HOST + HOST), 400),
    ("HT-22 Host with a path", get(host=b"Host: localhost/x\r\n"), 400),
    ("HT-22 Host with a user", get(host=b"Host: u@localhost\r\n"), 400),
    ("HT-22 Host with port 99999", get(host=b"Host: localhost:99999\r\n"), 400),
    ("HT-24 target of another host", get(target=b"http://elsewhere/health"), 400),
    ("HT-25 request line of 9 KiB", get(target=b"/" + b"a" * 9216), 414),
    ("64 KB of target", get(target=b"/" + b"a" * 65536), 414),
    ("HT-26 field of 17 KiB", get(b"X: " + b"a" * 17408 + b"\r\n"), 431),
    ("HT-26 65 fields", get(b"X: a\r\n" * 64), 431),
    ("HT-26 100000 empty fields", get(b"X:\r\n" * 100000), 431),
    ("HT-27 HTTP/0.9", b"GET /health\r\n", 400),
    ("HT-27 lower case version", get(version=b"http/1.1"), 400),
    ("HT-27 HTTP/1.x", get(version=b"HTTP/1.x"), 400),
    ("HT-27 HTTP/11.1", get(version=b"HTTP/11.1"), 400),
    ("HT-28 HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ("HT-28 HTTP/3.0", get(version=b"HTTP/3.0"), 505),
    ("HTTP/9.9", get(version=b"HTTP/9.9"), 505),
    ("HT-30 unknown method", b"BREW /health HTTP/1.1\r\n" + HOST + b"\r\n", 501),
    ("HT-30 lower case method", b"get /health HTTP/1.1\r\n" + HOST + b"\r\n", 501),
    ("HT-32 two spaces", b"GET  /health HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ("HT-32 tab", b"GET\t/health HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ("HT-32 two empty lines", b"\r\n\r\n" + get(), 400),
    ("HT-33 TLS", bytes.fromhex("16030100f1010000ed0303") + b"\xaa" * 200, 400),
    ("HT-33 SSH", b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", 400),
    ("HT-33 noise", bytes((i * 167 + 13) % 256 for i in range(1024)), 400),
    ("HT-34 %00", get(target=b"/%00"), 400),
    ("HT-34 %zz", get(target=b"/%zz"), 400),
    ("HT-34 backslash", get(target=b"/..\\x"), 400),
    ("HT-34 raw UTF-8", get(target="/é".encode()), 400),
    ("HT-34 fragment", get(target=b"/health#x"), 400),
    ("HT-35 asterisk with GET", get(target=b"*"), 400),
    ("HT-36 expectation over the limit", raw_post(b"Expect: 100-continue\r\nContent-Length: 65537\r\n"), 413),
    ("HT-37 other expectation", raw_post(b"Expect: miracles\r\nContent-Length: 2\r\n", b"{}"), 417),
    ("HT-42 length over the limit", raw_post(b"Content-Length: 65537\r\n"), 413),
    ("HT-43 chunks over the limit", chunked(b"8000\r\n" + b" " * 32768 + b"\r\n8001\r\n" + b" " * 32769), 413),
    ("HT-45 no length", raw_post(b""), 411),
    ("HT-73 two of Authorization", get(b"Authorization: Bearer a\r\nauthorization: Bearer a\r\n"), 400),
    ("HT-73 two keys", get(b"X-API-Key: a\r\nX-API-Key: b\r\n"), 400),
]

# What is answered like any request; the connection goes on.
ANSWERED = [
    ("HT-29 HTTP/1.2", get(version=b"HTTP/1.2"), 200),
    ("HT-31 TRACE", b"TRACE /health HTTP/1.1\r\n" + HOST + b"\r\n", 405),
    ("HT-31 CONNECT", b"CONNECT localhost:443 HTTP/1.1\r\n" + HOST + b"\r\n", 405),
    ("HT-31 PUT", b"PUT /health HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n\r\n{}", 404),
    ("HT-32 one empty line", b"\r\n" + get(), 200),
    ("HT-34 encoded traversal", get(target=b"/%2e%2e/etc/passwd"), 404),
    ("HT-34 plain traversal", get(target=b"/../etc/passwd"), 404),
    ("HT-34 two slashes", get(target=b"//health"), 404),
    ("HT-38 text", post(b"{}").replace(b"application/json", b"text/plain"), 415),
    ("HT-38 form", post(b"{}").replace(b"application/json", b"multipart/form-data; boundary=x"), 415),
    ("HT-38 utf-16", post(b"{}").replace(b"application/json", b"application/json;charset=utf-16"), 415),
    ("HT-38 none", post(b"{}").replace(b"Content-Type: application/json\r\n", b""), 415),
    ("HT-39 gzip", post(b"{}", b"Content-Encoding: gzip\r\n"), 415),
    ("HT-44 GET with a body", get(b"Content-Length: 2\r\n") + b"{}", 200),
    ("HT-44 GET with chunks", get(b"Transfer-Encoding: chunked\r\n") + b"2\r\n{}\r\n0\r\n\r\n", 200),
    ("HT-53 empty body", post(b""), 400),
    ("HT-54 no JSON", post(b"nope"), 400),
    ("HT-54 truncated", post(b'{"language":'), 400),
    ("HT-54 garbage behind", post(b"{} x"), 400),
    ("HT-54 two documents", post(b"{}{}"), 400),
    ("HT-54 comment", post(b"{}//"), 400),
    ("HT-54 single quotes", post(b"{'a':1}"), 400),
    ("HT-55 depth", post(b"[" * 60000), 400),
    ("HT-56 twice the same key", post(b'{"language":"a","language":"b"}'), 400),
    ("HT-57 NaN", post(b'{"a":NaN}'), 400),
    ("HT-57 leading zero", post(b'{"a":01}'), 400),
    ("HT-59 no UTF-8", post(b'{"a":"\xff"}'), 400),
    ("HT-59 overlong", post(b'{"a":"\xc0\xaf"}'), 400),
    ("HT-59 UTF-16", post('{"a":1}'.encode("utf-16")), 400),
    ("HT-60 BOM", post(b"\xef\xbb\xbf{}"), 400),
    ("HT-62 top-level text", post(b'"x"'), 400),
    ("HT-77 method override", get(b"X-HTTP-Method-Override: DELETE\r\nX-Original-URL: /nowhere\r\n"), 200),
    ("HT-86 trailing slash", get(target=b"/health/"), 404),
    ("HT-86 case", get(target=b"/HEALTH"), 404),
    ("HT-87 12 KiB of cookies", get(b"Cookie: " + b"a=b; " * 2400 + b"\r\n"), 200),
    ("HT-88 Connection names Host", get(b"Connection: keep-alive, Host, Authorization\r\n"), 200),
    ("HT-73 one of each", get(b"Authorization: Bearer a\r\nX-API-Key: b\r\n"), 200),
    ("absolute form", get(target=b"http://LOCALHOST/health"), 200),
    ("chunked body", chunked(b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"), 400),
    ("obs-text", get(b"X: \xe9\r\n"), 200),
]


@pytest.fixture(scope="module")
def small(start_engine):
    return start_engine(request_body_limit=BODY_LIMIT)


def rows(table):
    return pytest.mark.parametrize("data,status", [row[1:] for row in table], ids=[row[0] for row in table])


def check_refusal(replies, status):
    assert [reply.status for reply in replies] == [status]
    assert replies[0].headers["connection"] == "close"
    assert replies[0].headers["content-type"] == "application/json; charset=utf-8"
    assert replies[0].json()["message"]


@rows(REFUSED)
def test_refused(small, data, status):
    with Raw(small) as raw:
        raw.send(data + NEXT)
        check_refusal(raw.replies(), status)


@rows(REFUSED)
def test_refused_behind_a_valid_request(small, data, status):
    with Raw(small) as raw:
        raw.send(HEALTH + data + NEXT)
        first, *rest = raw.replies()
        assert (first.status, first.body) == (200, b"OK")
        check_refusal(rest, status)


@rows([row for row in REFUSED if len(row[1]) < 400])
def test_refused_byte_by_byte(small, data, status):
    with Raw(small) as raw:
        for i in range(len(data)):
            if not raw.send(data[i:i + 1]):
                break
        check_refusal(raw.replies(), status)


@rows(ANSWERED)
def test_answered(small, data, status):
    with Raw(small) as raw:
        raw.send(HEALTH + data + HEALTH)
        assert [raw.reply().status, raw.reply().status] == [200, status]
        last = raw.reply()
        assert (last.status, last.body) == (200, b"OK")


@rows([row for row in ANSWERED if len(row[1]) < 400])
def test_answered_byte_by_byte(small, data, status):
    with Raw(small) as raw:
        for i in range(len(data)):
            assert raw.send(data[i:i + 1])
        assert raw.reply().status == status
        raw.send(HEALTH)
        assert raw.reply().status == 200


def test_large_refused_body_does_not_take_the_answer_away(small):
    """CodeRunr's clients send 2 MB and read the 413 afterwards."""
    with Raw(small) as raw:
        assert raw.send(raw_post(b"Content-Length: 2000000\r\n", b" " * 2000000))
        check_refusal(raw.replies(), 413)


def test_expect_continue(small):
    with Raw(small) as raw:
        raw.send(raw_post(b"Expect: 100-continue\r\nContent-Length: 2\r\n"))
        assert raw.socket.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        raw.send(b"{}")
        assert raw.reply().status == 400


def test_expectation_over_the_limit_gets_no_100(small):
    with Raw(small) as raw:
        raw.send(raw_post(b"Expect: 100-continue\r\nContent-Length: 65537\r\n"))
        assert raw.socket.recv(1000).startswith(b"HTTP/1.1 413 ")


def test_body_longer_than_its_length(small):
    """HT-40: the first is answered, what is too much is read as a request and refused."""
    with Raw(small) as raw:
        raw.send(raw_post(b"Content-Length: 2\r\n", b"{}{}{}\r\n\r\n"))
        assert [reply.status for reply in raw.replies()] == [400, 400]


def test_body_shorter_than_its_length(small):
    """HT-41"""
    with Raw(small) as raw:
        raw.send(raw_post(b"Content-Length: 20\r\n", b"{}"))
        raw.finish_sending()
        assert [reply.status for reply in raw.replies()] in ([], [400])


def test_half_a_head(small):
    with Raw(small) as raw:
        raw.send(HEALTH[:-2])
        raw.finish_sending()
        assert raw.replies() == []


def test_http_1_0(small):
    with Raw(small) as raw:
        raw.send(b"GET /health HTTP/1.0\r\n\r\n")
        assert [reply.headers["connection"] for reply in raw.replies()] == ["close"]
    with Raw(small) as raw:
        raw.send(b"GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert raw.reply().headers["connection"] == "keep-alive"
        raw.send(b"GET /health HTTP/1.0\r\n\r\n")
        assert raw.reply().status == 200
        assert raw.reply() is None


def test_connection_close(small):
    with Raw(small) as raw:
        raw.send(get(b"Connection: close\r\n") + NEXT)
        assert [(reply.status, reply.headers["connection"]) for reply in raw.replies()] == [(200, "close")]


def test_a_thousand_pipelined(small):
    """HT-51: answered in order."""
    paths = [b"/health" if i % 3 else b"/nowhere" for i in range(1000)]
    with Raw(small) as raw:
        raw.send(b"".join(get(target=path) for path in paths))
        assert [raw.reply().status for _ in paths] == [200 if path == b"/health" else 404 for path in paths]


def test_half_close_gets_its_answers(small):
    """HT-52"""
    with Raw(small) as raw:
        raw.send(HEALTH + HEALTH)
        raw.finish_sending()
        assert [reply.body for reply in raw.replies()] == [b"OK", b"OK"]


def test_bodies_as_large_as_allowed(small):
    body = b"{}" + b" " * (BODY_LIMIT - 2)
    with Raw(small) as raw:
        raw.send(post(body) + post(body))
        assert [raw.reply().json()["message"] for _ in range(2)] == ["language is required as a string"] * 2


def test_error_bodies_repeat_no_bytes_of_the_request(small):
    with Raw(small) as raw:
        raw.send(get(b"X-<script>: 1\r\n"))
        assert b"script" not in raw.reply().body
