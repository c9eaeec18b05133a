"""The document of the native door against the server: every address is in it, and what is answered has its shape."""
import pathlib
import re

import pytest
from jobs_support import JSON, Stream, accepted, program, submit, submit_batch

ROOT = pathlib.Path(__file__).resolve().parents[2]
TYPES = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "object": dict, "array": list,
         "null": type(None)}


@pytest.fixture(name="document", scope="module")
def fixture_document(engine):
    answer = engine.request("GET", "/openapi.json")
    assert answer.status == 200 and answer.headers["content-type"].startswith("application/json")
    return answer.json()


def fits_type(value, name):
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, TYPES[name])


def problems(document, schema, value, at="$"):
    """Where @value is not what @schema says; as much of JSON Schema as the document uses."""
    while "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        schema = document["components"]["schemas"][name]
    if "oneOf" in schema:
        found = [problems(document, one, value, at) for one in schema["oneOf"]]
        return [] if any(not one for one in found) else [f"{at}: fits none: {found}"]
    types = schema.get("type", [])
    types = types if isinstance(types, list) else [types]
    if types and not any(fits_type(value, name) for name in types):
        return [f"{at}: {value!r} is no {types}"]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{at}: {value!r} is none of {schema['enum']}"]
    found = []
    if isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value):
        found.append(f"{at}: {value!r} does not match")
    if isinstance(value, dict):
        found += [f"{at}: {key} is missing" for key in schema.get("required", []) if key not in value]
        for key, one in value.items():
            if key in schema.get("properties", {}):
                found += problems(document, schema["properties"][key], one, f"{at}.{key}")
            elif schema.get("properties"):
                found.append(f"{at}: {key} is not told of")
    if isinstance(value, list) and "items" in schema:
        for i, one in enumerate(value):
            found += problems(document, schema["items"], one, f"{at}[{i}]")
    return found


def check(document, path, method, answer):
    responses = document["paths"][path][method]["responses"]
    assert str(answer.status) in responses, f"{method} {path} answers {answer.status}, which is not told of"
    schema = responses[str(answer.status)]["content"]["application/json"]["schema"]
    assert problems(document, schema, answer.json()) == []


def test_every_address_is_in_it_and_no_other(document):
    rows = re.findall(r'^ROUTE\((\w+), "(/v3/[^"]*|/openapi.json)"',
                      (ROOT / "src/api/routes.def").read_text(), re.M)
    told = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert told == set(rows)
    assert document["openapi"].startswith("3.1")


def test_every_reference_leads_somewhere(document):
    names = set(re.findall(r'"#/components/schemas/(\w+)"', (ROOT / "src/api/openapi.json").read_text()))
    assert names <= set(document["components"]["schemas"])


def test_enumerations_are_those_of_the_tables(document):
    schemas = document["components"]["schemas"]
    verdicts = re.findall(r"^VERDICT\(\w+, (\w+),", (ROOT / "src/job/verdict.def").read_text(), re.M)
    states = re.findall(r"^FLOW_STATE\(\w+, (\w+),", (ROOT / "src/job/flow.def").read_text(), re.M)
    comparators = re.findall(r"^COMPARE\(\w+, (\w+),", (ROOT / "src/job/compare.def").read_text(), re.M)
    limits = re.findall(r"^LIMIT\(\w+, (\w+),", (ROOT / "src/config/limits.def").read_text(), re.M)
    assert schemas["Verdict"]["enum"] == verdicts
    assert schemas["State"]["enum"] == states
    assert schemas["Comparator"]["enum"] == comparators
    told = schemas["JobRequest"]["properties"]["limits"]["properties"]["run"]["properties"]
    assert list(told) == limits


def test_answers_have_the_shapes_it_tells(engine, document):
    tests = [{"stdin": "1", "expected": "1"}, {"stdin": "2", "expected": "3"}]
    check(document, "/v3/jobs", "post", submit(engine, program("cat", tests=tests), "?wait=30"))
    check(document, "/v3/jobs", "post", submit(engine, program("cat")))
    check(document, "/v3/jobs", "post", submit_batch(engine, [program("true")] * 3))
    check(document, "/v3/jobs", "post", engine.request("POST", "/v3/jobs", "{", JSON))
    check(document, "/v3/jobs", "post", engine.request("POST", "/v3/jobs", "{}", JSON))
    check(document, "/v3/jobs", "post", engine.request("POST", "/v3/jobs", "{}", {"Content-Type": "text/html"}))
    check(document, "/v3/jobs", "get", engine.request("GET", "/v3/jobs"))
    check(document, "/v3/jobs", "get", engine.request("GET", "/v3/jobs?limit=x"))
    job_id = accepted(engine, program("sleep 2", tests=tests))
    check(document, "/v3/jobs/{id}", "get", engine.request("GET", f"/v3/jobs/{job_id}"))
    check(document, "/v3/jobs/{id}", "delete", engine.request("DELETE", f"/v3/jobs/{job_id}"))
    check(document, "/v3/jobs/{id}", "delete", engine.request("DELETE", f"/v3/jobs/{job_id}"))
    check(document, "/v3/jobs/{id}", "get", engine.request("GET", f"/v3/jobs/{job_id}"))
    check(document, "/v3/jobs/{id}", "get", engine.request("GET", "/v3/jobs/none"))
    answer = engine.request("POST", "/v3/test-sets", '{"tests":[]}', JSON)
    check(document, "/v3/test-sets", "post", answer)
    name = answer.json()["test_set"]
    check(document, "/v3/test-sets/{id}", "get", engine.request("GET", f"/v3/test-sets/{name}"))
    check(document, "/v3/test-sets/{id}", "get", engine.request("GET", "/v3/test-sets/none"))


def test_streams_are_told_in_both_forms(engine, document):
    for path in ("/v3/jobs/{id}/events", "/v3/batches/{id}/events", "/v3/events"):
        content = document["paths"][path]["get"]["responses"]["200"]["content"]
        assert set(content) == {"application/x-ndjson", "text/event-stream"}
    batch = submit_batch(engine, [program("echo 1")]).json()["batch"]
    for event in Stream(engine, f"/v3/batches/{batch}/events?outcomes=1"):
        assert problems(document, {"$ref": "#/components/schemas/Event"}, event) == []
