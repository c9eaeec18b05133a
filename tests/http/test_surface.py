"""The addresses: what answers where, by which method, with which headers."""
import pytest
from http_support import HOST, Raw


def test_banner(engine):
    answer = engine.request("GET", "/")
    assert answer.status == 200
    assert answer.json() == {"message": "Piston v3.1.1"}
    assert answer.headers["content-type"] == "application/json; charset=utf-8"


def test_health(engine):
    answer = engine.request("GET", "/health")
    assert (answer.status, answer.body) == (200, b"OK")


@pytest.mark.parametrize("path", ["/api/v2/runtimes", "/api/v2/piston/runtimes"])
def test_runtimes(engine, path):
    answer = engine.request("GET", path)
    assert answer.status == 200
    assert isinstance(answer.json(), list)
    for row in answer.json():
        assert set(row) >= {"language", "version", "aliases"}
        assert isinstance(row["aliases"], list)
        assert len(row["version"].split(".")) == 3


@pytest.mark.parametrize("method,path", [
    ("GET", "/nowhere"), ("GET", "/api/v2"), ("GET", "/api/v2/execute"), ("PUT", "/api/v2/runtimes"),
    ("DELETE", "/api/v2/execute"), ("POST", "/"), ("HEAD", "/api/v2/execute"), ("OPTIONS", "/nowhere"),
])
def test_not_found(engine, method, path):
    """A method that a path does not have is Piston's 404, not 405."""
    answer = engine.request(method, path)
    assert answer.status == 404
    assert method == "HEAD" or answer.json() == {"message": "Not Found"}


@pytest.mark.parametrize("path", ["/", "/health", "/api/v2/runtimes", "/api/v2/piston/runtimes"])
def test_head(engine, path):
    """HT-84: the headers of GET and no body."""
    full = engine.request("GET", path)
    with Raw(engine) as raw:
        raw.send(b"HEAD " + path.encode() + b" HTTP/1.1\r\n" + HOST + b"\r\nGET /health HTTP/1.1\r\n" + HOST + b"\r\n")
        head = raw.reply(head_only=True)
        assert head.status == 200
        assert head.headers["content-length"] == full.headers["content-length"]
        assert head.headers["content-type"] == full.headers["content-type"]
        assert raw.reply().body == b"OK"


@pytest.mark.parametrize("path,methods", [
    ("/", "GET,HEAD"), ("/health", "GET,HEAD"), ("/api/v2/runtimes", "GET,HEAD"), ("/api/v2/execute", "POST"),
    ("/api/v2/piston/runtimes", "GET,HEAD"), ("/api/v2/piston/execute", "POST"),
])
def test_options(engine, path, methods):
    answer = engine.request("OPTIONS", path)
    assert answer.status == 200
    assert answer.headers["allow"] == methods
    assert answer.body.decode() == methods


def test_cors_by_default(engine):
    for path in ("/", "/nowhere"):
        headers = engine.request("GET", path, headers={"Origin": "https://example.org"}).headers
        assert headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in headers


def test_configured_surface(start_engine):
    engine = start_engine(banner="Judge 1", cors_origin="https://example.org", lenient_content_type="true")
    answer = engine.request("GET", "/")
    assert answer.json() == {"message": "Judge 1"}
    assert answer.headers["access-control-allow-origin"] == "https://example.org"
    assert answer.headers["vary"] == "Origin"
    answer = engine.request("POST", "/api/v2/execute", b"{}", {"Content-Type": "text/plain"})
    assert (answer.status, answer.json()["message"]) == (400, "language is required as a string")
    engine = start_engine(cors_origin="")
    assert not any(name.startswith("access-control") for name in engine.request("GET", "/").headers)


@pytest.mark.parametrize("path", ["/api/v2/execute", "/api/v2/piston/execute"])
def test_content_type(engine, path):
    answer = engine.request("POST", path, b"{}", {"Content-Type": "text/plain"})
    assert answer.status == 415
    assert answer.json()["message"] == "requests must be of type application/json"
