"""HT-23: names under which the engine may be asked, against pages that make a name of theirs lead here."""
import pytest


@pytest.fixture(scope="module", name="named")
def fixture_named(start_engine):
    return start_engine(allowed_hosts="engine.example, localhost,[::1], 127.0.0.1", max_concurrent_jobs=1)


@pytest.mark.parametrize("host, status", [
    ("engine.example", 200), ("ENGINE.example", 200), ("localhost:2000", 200), ("localhost", 200), ("[::1]:2000", 200),
    ("[::1]", 200), ("evil.example", 421), ("127.0.0.2", 421), ("engine.example.evil", 421), ("xlocalhost", 421),
    ("local", 421), ("[::2]", 421), ("a" * 300, 421)])
def test_ht_23_hosts(named, engine, host, status):
    for method, path in (("GET", "/health"), ("GET", "/"), ("POST", "/api/v2/execute"), ("OPTIONS", "/v3/jobs"),
                         ("GET", "/nowhere")):
        answer = named.request(method, path, "{}" if method == "POST" else None,
                               {"Host": host, "Content-Type": "application/json"})
        assert (answer.status == 421) == (status == 421), (method, path, answer)
    assert engine.request("GET", "/health", headers={"Host": host}).status == 200, "by default any name will do"
