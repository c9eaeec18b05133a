"""Bad JSON and bad fields at the native door: rows HT-55 to HT-85 of the catalogue of bad requests, by their ids.

400 is what is no JSON, or no number JSON's parsers agree on; 422 is JSON that is no job, and names the field.
"""
import base64
import json
import time

import pytest
from jobs_support import JSON, NDJSON, accepted, program, submit, submit_batch

JOB = program("true")
QUICK = 5  # seconds, on a busy machine


def post(engine, body, path="/v3/jobs", headers=JSON):
    return engine.request("POST", path, body, headers)


def with_value(text):
    """JOB as text with @text, which need not be JSON, as one of its limits."""
    return json.dumps({**JOB, "limits": {"run": {"timeout": "@"}}}).replace('"@"', text)


@pytest.mark.parametrize("text, status", [
    ("1e999", 400), ("-1e999", 400), ("9" * 60, 400), ("9223372036854775808", 400),
    ("-0", 422), ("9007199254740993", 422), ("1.5", 422), ("-1", 422), ("0", 422), ("1e3", 422), ("1.0", 422),
    ("NaN", 400), ("Infinity", 400), ("01", 400), ("1.", 400), (".5", 400), ("+1", 400), ("0x10", 400)])
def test_ht_57_ht_58_numbers(engine, text, status):
    answer = post(engine, with_value(text))
    assert answer.status == status, answer
    if status == 422:
        assert "limits.run.timeout" in answer.json()["message"]


@pytest.mark.parametrize("depth, status", [(33, 422), (2000, 422), (100000, 400)])
def test_ht_55_depth(engine, depth, status):
    began = time.monotonic()
    assert post(engine, "[" * depth + "]" * depth).status == status
    assert post(engine, '{"files":' * depth + "1" + "}" * depth).status == status
    assert time.monotonic() - began < QUICK
    assert engine.request("GET", "/health").status == 200


@pytest.mark.parametrize("body", ['{"language":"bash","language":"bash","files":[{"content":""}]}',
                                  '{"language":"bash","files":[{"content":"","content":"x"}]}',
                                  '{"language":"bash","files":[{"content":""}],"limits":{"run":{"timeout":1,"timeout":2}}}'])
def test_ht_56_the_same_key_twice(engine, body):
    assert post(engine, body).status == 400


@pytest.mark.parametrize("name", ["\0", "a\0b", "/etc/passwd", "../x", "a/../../x", "", "x" * 5000, "."])
def test_ht_61_names_of_files(engine, name):
    answer = submit(engine, {"language": "bash", "files": [{"name": "main.sh", "content": ""},
                                                           {"name": name, "content": ""}]})
    assert answer.status == 422, answer


@pytest.mark.parametrize("text", ['"\\ud800"', '"\\udc00x"', '"\\ud800\\ud800"', '"\\uZZZZ"', '"\x01"', '"\\x"'])
def test_ht_61_texts_that_are_none(engine, text):
    assert post(engine, json.dumps({**JOB, "tag": "@"}).replace('"@"', text)).status == 400


@pytest.mark.parametrize("body", ["[]", "[1]", '"text"', "null", "true", "1", "[" + json.dumps(JOB) + "]"])
def test_ht_62_no_object(engine, body):
    assert post(engine, body).status in (400, 422)


FIELDS = {
    "language": ["", [], {}, True, 0, None], "version": [[], {}, True, 0, None], "files": ["", [], {}, True, 0, None],
    "args": ["", {}, True, 0, None, [1], [None], [[]]], "stdin": [[], True, 0, None, {}, {"base64": 1}],
    "limits": ["", [], True, 0, None], "tests": ["", {}, True, 0, None, [1], [[]], [""]],
    "test_set": ["", [], {}, True, 0, None], "compare": ["", [], {}, True, 0, None, "sorted"],
    "stop": [[], {}, True, 0, None], "parallel": ["", [], {}, True, None, -1, 65, 1.5],
    "keep_output": [[], {}, True, 0, None], "priority": ["", [], {}, True, 0, None, "vital"],
    "key": [[], {}, True, 0, None], "expires_in": ["", [], {}, True, None, -1, 1.5],
    "tag": [[], {}, True, 0, None], "cache": ["", [], {}, 0, None], "warm": ["", [], {}, 0, None],
    "webhook": ["", [], {}, True, 0, None],
}


@pytest.mark.parametrize("field, value", [pytest.param(field, value, id=f"{field} {value!r}")
                                          for field, values in FIELDS.items() for value in values])
def test_ht_63_wrong_types(engine, field, value):
    job = {key: one for key, one in JOB.items() if not (field == "test_set" and key == "stdin")}
    answer = submit(engine, {**job, field: value})
    assert answer.status == 422, answer
    message = answer.json()["message"]
    assert field.rstrip("s") in message or (field in ("language", "version") and "runtime" in message), message


def test_ht_63_all_fields_are_tried(engine):
    document = engine.request("GET", "/openapi.json").json()
    assert set(document["components"]["schemas"]["JobRequest"]["properties"]) == set(FIELDS)


@pytest.mark.parametrize("where", ["", "files", "limits", "limits.run", "limits.compile", "tests", "compare"])
def test_ht_64_unknown_fields(engine, where):
    job = json.loads(json.dumps({**JOB, "limits": {"run": {}, "compile": {}}, "tests": [{"stdin": ""}],
                                 "compare": {"kind": "float"}}))
    at = job
    for part in where.split(".") if where else []:
        at = at[part]
    (at[0] if isinstance(at, list) else at)["surprise"] = 1
    answer = submit(engine, job)
    assert answer.status == 422 and "surprise" in answer.json()["message"], answer


@pytest.mark.parametrize("body", [
    json.dumps({f"k{i}": 0 for i in range(80000)}), json.dumps({"x" * 900000: 1}),
    json.dumps({**JOB, "args": [[]] * 100000}), json.dumps({**JOB, "files": [1] * 100000}),
], ids=["80000 keys", "one large key", "100000 arguments", "100000 files"])
def test_ht_65_much_of_it(engine, body):
    began = time.monotonic()
    answer = post(engine, body)
    assert answer.status == 422 and time.monotonic() - began < QUICK
    assert len(answer.body) < 8192


@pytest.mark.parametrize("text", ["a", "aa", "aaa", "aaaa=", "a===", "YQ=", "YQ", "YQ==YQ==", "Y Q=", "YQ==\n", "Y-Q_", "é===",
                                  "YQ=a", "====", "YR=="])
def test_ht_66_base64(engine, text):
    if text == "YR==":  # bits behind the end: many encoders leave them, and all readers agree on what it means
        assert submit(engine, {"language": "bash", "files": [{"content": {"base64": text}}]}).status == 202
        return
    answer = submit(engine, {"language": "bash", "files": [{"content": {"base64": text}}]})
    assert answer.status == 422 and "base64" in answer.json()["message"], answer


def test_ht_61_a_source_of_any_bytes(engine):
    source = base64.b64encode(b"echo hi\n# \xff\n").decode()
    answer = submit(engine, {"language": "bash", "files": [{"content": {"base64": source}}]}, "?wait=20")
    assert answer.json()["outcomes"][0]["exit_code"] == 0, answer


@pytest.mark.parametrize("language, version", [
    ("klingon", "*"), ("bash", "99999"), ("bash", "not a range"), ("bash", " || ".join(["1.2.3"] * 1000)),
    ("bash", ">" * 100), ("x" * 10000, "*"), ("bash\0", "*"), ("", "*")])
def test_ht_67_runtimes(engine, language, version):
    assert submit(engine, {**JOB, "language": language, "version": version}).status == 422


@pytest.mark.parametrize("stage", ["run", "compile"])
def test_ht_68_limits(engine, stage):
    document = engine.request("GET", "/openapi.json").json()
    keys = document["components"]["schemas"]["JobRequest"]["properties"]["limits"]["properties"][stage]["properties"]
    assert len(keys) >= 9
    for key in keys:
        for value in (0, -1, 1 << 62, "1", None, 1.5):
            answer = submit(engine, {**JOB, "limits": {stage: {key: value}}})
            assert answer.status == 422 and f"limits.{stage}.{key}" in answer.json()["message"], (key, value, answer)


@pytest.mark.parametrize("more", [
    {"files": [{"name": f"f{i}", "content": ""} for i in range(100000)]}, {"args": ["x"] * 100000},
    {"args": ["x" * 3000000]}, {"tests": [{}] * 100001}, {"tag": "x" * 5000}, {"key": "x" * 300}],
    ids=["files", "args", "a long argument", "tests", "tag", "key"])
def test_ht_69_too_many(engine, more):
    assert submit(engine, {**JOB, **more}).status == 422


@pytest.mark.parametrize("job_id", ["x", "0" * 32, "0" * 63, "0" * 64, "0" * 1000, "%2e%2e", "a%00b", "%c3%a9", "*", "'--", "..;"])
def test_ht_70_ids(engine, job_id):
    for method in ("GET", "DELETE"):
        assert engine.request(method, "/v3/jobs/" + job_id).status in (404, 400)
    assert engine.request("GET", f"/v3/jobs/{'0' * 10240}").status == 414


@pytest.mark.parametrize("headers", [
    {"X-Forwarded-For": "127.0.0.1"}, {"X-Forwarded-Host": "elsewhere"}, {"X-Forwarded-Proto": "https"},
    {"X-Real-IP": "::1"}, {"Forwarded": "for=127.0.0.1;host=elsewhere"}, {"X-Original-URL": "/v3/jobs"},
    {"X-HTTP-Method-Override": "DELETE"}])
def test_ht_76_ht_77_words_of_proxies_are_ignored(engine, headers):
    job_id = accepted(engine, JOB, **headers)
    answer = submit(engine, JOB, headers=headers)
    assert answer.headers["location"].startswith("/v3/jobs/")
    assert engine.request("GET", f"/v3/jobs/{job_id}", headers=headers).json()["id"] == job_id


def test_ht_78_preflights(start_engine, engine):
    closed = start_engine(cors_origin="https://ours.example")
    asking = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    for one, origin in ((engine, "*"), (closed, "https://ours.example")):
        for headers in (asking, {**asking, "Origin": "null"}):
            for method in ("OPTIONS", "GET"):
                answer = one.request(method, "/v3/jobs", headers=headers)
                assert answer.headers.get("access-control-allow-origin") == origin, "never what was asked"
                assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", None])
@pytest.mark.parametrize("path", ["/v3/jobs", "/v3/test-sets", "/api/v2/execute"])
def test_ht_79_forms_of_browsers(engine, path, kind):
    """What a page of somebody else's can send without a preflight is not taken."""
    assert post(engine, json.dumps(JOB), path, {"Content-Type": kind} if kind else {}).status == 415


@pytest.mark.parametrize("value", ["bytes=0-9", "bytes=-1", "bytes=9-0", "bytes=" + ",".join(["0-1"] * 1000), "x"])
def test_ht_80_ranges(engine, value):
    """There are no files to take parts of: a range is ignored."""
    answer = engine.request("GET", "/openapi.json", headers={"Range": value, "If-Range": '"x"'})
    assert answer.status == 200 and answer.json()["openapi"]


@pytest.mark.parametrize("headers", [{"Accept": "application/xml"}, {"Accept": ";;;q=,"}, {"Accept-Encoding": "gzip;q=x, ,;"},
                                     {"Accept-Encoding": "identity;q=0"}, {"Accept-Language": "\x7e" * 100}])
def test_ht_81_wishes_nobody_can_read(engine, headers):
    answer = engine.request("GET", "/v3/jobs", headers=headers)
    assert answer.status == 200 and "content-encoding" not in answer.headers and "jobs" in answer.json()


def test_ht_82_idempotency_keys(engine):
    for key in ("x" * 10240, "x" * 248, "a b", "\xe9", ""):
        assert submit(engine, JOB, headers={"Idempotency-Key": key}).status == 400, key[:20]
    first = accepted(engine, JOB, **{"Idempotency-Key": "ht-82"})
    assert accepted(engine, JOB, **{"Idempotency-Key": "ht-82"}) == first
    assert submit(engine, program("false"), headers={"Idempotency-Key": "ht-82"}).status == 409


def test_ht_83_batches(engine):
    before = engine.request("GET", "/v3/jobs?limit=1").json()["jobs"]
    answer = submit_batch(engine, [JOB, JOB, {**JOB, "tag": 1}, JOB])
    assert answer.status == 422 and answer.json()["message"].startswith("line 3:")
    body = (json.dumps(JOB) + "\n") * 10001
    answer = post(engine, body, headers=NDJSON)
    assert answer.status == 422 and "10000" in answer.json()["message"]
    assert post(engine, json.dumps(JOB) + "\nnope\n", headers=NDJSON).status == 400
    assert post(engine, "\n\n", headers=NDJSON).status == 422
    after = engine.request("GET", "/v3/jobs?limit=1").json()["jobs"]
    assert [job["id"] for job in before] == [job["id"] for job in after], "none of them was accepted"


@pytest.mark.parametrize("wait, status", [("-1", 400), ("x", 400), ("", 400), ("1e3", 400), ("0x10", 400),
                                          ("9" * 30, 400), ("18446744073709551615", 400), ("99999999999", 200)])
def test_ht_85_waits(engine, wait, status):
    assert submit(engine, JOB, f"?wait={wait}").status == status
