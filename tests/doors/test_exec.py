"""The exec v1 door: programs handed in, judged by questions, asked for later."""
import json
import re
import time

import pytest

KEY = "the admin's key"
JSON = {"Content-Type": "application/json"}
ADMIN = {**JSON, "X-API-Key": KEY}
FIELDS = ["id", "language", "code", "question_id", "status", "stdout", "stderr", "exec_time_ms", "memory_used",
          "passed_count", "total_count", "is_admin", "created_at"]
TROUBLE = "Runtime/Compilation Error"


@pytest.fixture(scope="module")
def exec_engine(start_engine):
    return start_engine(admin_key=KEY)


@pytest.fixture
def python(exec_engine):
    if not exec_engine.has("python"):
        pytest.skip("no runtime for python on this machine")


def post(engine, path, body, headers=JSON):
    return engine.request("POST", path, body if isinstance(body, (str, bytes)) else json.dumps(body), headers)


def submit(engine, language, code, **more):
    answer = post(engine, "/v1/exec", {"language": language, "code": code, **more})
    assert answer.status == 200, answer
    assert list(answer.json()) == ["submission_id", "status"]
    assert answer.json()["status"] == "PENDING"
    assert re.fullmatch("[0-9a-v]{20}", answer.json()["submission_id"])
    return answer.json()["submission_id"]


def finished(engine, submission, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = engine.request("GET", f"/v1/submissions/{submission}")
        assert answer.status == 200, answer
        assert list(answer.json()) == FIELDS
        if answer.json()["status"] not in ("PENDING", "PROCESSING"):
            return answer.json()
        time.sleep(0.03)
    pytest.fail(f"{submission} has not ended after {seconds} s")


def run(engine, language, code, **more):
    return finished(engine, submit(engine, language, code, **more))


def put_question(engine, **question):
    answer = post(engine, "/v1/admin/questions", question, ADMIN)
    assert answer.status == 200, answer
    return answer.json()["id"]


def brief(said):
    return said["status"], said["stdout"], said["stderr"], said["passed_count"], said["total_count"]


# ---- programs for themselves ----

def test_spec(exec_engine):
    spec = exec_engine.request("GET", "/v1/spec").json()
    for name, file in (("python3", "main.py"), ("go", "main.go"), ("node", "main.js")):
        if not exec_engine.has(name):
            continue
        assert list(spec[name]) == ["image", "entrypoint", "filename", "cmd", "language", "use"]
        assert all(isinstance(value, str) for value in spec[name].values())
        assert spec[name]["filename"] == file and file in spec[name]["cmd"]
        assert spec[name]["use"] == "" or spec[name]["use"] in spec
    assert spec


def test_a_program(exec_engine, python):
    said = run(exec_engine, "python3", 'print("hi")')
    assert brief(said) == ("SUCCESS", "hi", "", 0, 1)
    assert (said["language"], said["code"], said["question_id"]) == ("python3", 'print("hi")', "")
    assert said["exec_time_ms"] > 0 and re.fullmatch(r"\d+M", said["memory_used"]) and said["is_admin"] is False
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", said["created_at"])


@pytest.mark.parametrize("code, expected", [
    ("print('  a \\u3000\\n\\n')", ("SUCCESS", "a", "", 0, 1)),
    ("import sys\nprint('a')\nprint('b', file=sys.stderr)\nsys.exit(3)", ("SUCCESS", "a", "b\n", 0, 1)),
    ("print(repr(input()) if False else len(open(0).read()))", ("SUCCESS", "0", "", 0, 1)),
])
def test_how_it_ended_does_not_count(exec_engine, python, code, expected):
    assert brief(run(exec_engine, "python3", code)) == expected


def test_arguments(exec_engine, python):
    assert run(exec_engine, "python3", "import sys\nprint(sys.argv[1:])", arguments=["a b", ""],
               environment={"A": "b"})["stdout"] == "['a b', '']"


def test_a_program_that_does_not_compile(exec_engine):
    if not exec_engine.has("c"):
        pytest.skip("no C compiler")
    said = run(exec_engine, "c", "int main(void) { return nothing; }")
    assert said["status"] == "SUCCESS" and "nothing" in said["stderr"]


def test_unknown_language(exec_engine):
    assert brief(run(exec_engine, "klingon", "nuqneH")) == (
        "ERROR", TROUBLE, "Error on Test Case 1: unsupported language: klingon\n", 0, 1)
    assert "unsupported language: \n" in run(exec_engine, "", "")["stderr"]


def test_time(start_engine, python):
    engine = start_engine(exec_timeout="700ms", run_timeout="300ms")
    assert brief(run(engine, "python3", "import sys\nprint('x')\nprint('e', file=sys.stderr, flush=True)\nwhile True: pass")) == (
        "TIMEOUT", TROUBLE, "Error on Test Case 1: execution timed out\ne\n\n", 0, 1)
    assert run(engine, "python3", "import time\ntime.sleep(0.4)\nprint(1)")["stdout"] == "1"


def test_memory(start_engine, exec_engine, python):
    assert run(exec_engine, "python3", "x = bytearray(60 << 20)\nprint(1)")["stdout"] == "1"
    said = run(exec_engine, "python3", "x = bytearray(110 << 20)\nprint(1)")
    assert brief(said) == ("ERROR", TROUBLE, "Error on Test Case 1: memory limit exceeded\n\n", 0, 1)
    engine = start_engine(exec_memory="32MiB")
    assert run(engine, "python3", "x = bytearray(60 << 20)\nprint(1)")["status"] == "ERROR"


def test_output_is_capped(exec_engine, python):
    said = run(exec_engine, "python3", "print('x' * (2 << 20))")
    assert said["status"] == "SUCCESS" and said["stdout"] == "x" * (1 << 20)


def test_forms(exec_engine, python):
    answer = post(exec_engine, "/v1/exec", "language=python3&code=print%28%22a%22%29",
                  {"Content-Type": "application/x-www-form-urlencoded"})
    assert finished(exec_engine, answer.json()["submission_id"])["stdout"] == "a"


def test_wait(exec_engine, python):
    said = post(exec_engine, "/v1/exec?wait=20", {"language": "python3", "code": "import time\ntime.sleep(0.3)\nprint(1)"})
    assert (said.status, list(said.json()), said.json()["stdout"]) == (200, FIELDS, "1")
    submission = submit(exec_engine, "python3", "import time\ntime.sleep(0.3)\nprint(2)")
    assert exec_engine.request("GET", f"/v1/submissions/{submission}?wait=20").json()["stdout"] == "2"


# ---- bad requests ----

@pytest.mark.parametrize("method, path, status", [
    ("HEAD", "/v1/submissions/{id}", 404), ("HEAD", "/v1/questions/{id}", 404), ("POST", "/v1/submissions/{id}", 404),
    ("DELETE", "/v1/admin/questions/{id}", 401), ("PUT", "/v1/admin/questions/{id}", 401), ("OPTIONS", "/v1/exec", 200)])
def test_addresses(exec_engine, method, path, status):
    assert exec_engine.request(method, path.format(id="none")).status == status


@pytest.mark.parametrize("body, headers", [
    ("{", JSON), ("", JSON), ("[]", JSON), ("x", JSON), ('{"language":3}', JSON), ('{"code":[]}', JSON),
    ('{"arguments":"a"}', JSON), ('{"arguments":[3]}', JSON), ('{"code":"a","code":"b"}', JSON),
    ('{"language":"python3","code":"1"}', {}), ('{"language":"python3","code":"1"}', {"Content-Type": "text/plain"}),
    ("language=%zz", {"Content-Type": "application/x-www-form-urlencoded"})])
def test_what_is_no_request(exec_engine, body, headers):
    answer = post(exec_engine, "/v1/exec", body, headers)
    assert (answer.status, answer.json()) == (400, {"error": "Invalid JSON"})


def test_too_large(exec_engine):
    answer = post(exec_engine, "/v1/exec", {"language": "python3", "code": "x" * (4 << 20)})
    assert (answer.status, answer.json()) == (413, {"error": "Request Entity Too Large"})


@pytest.mark.parametrize("submission", ["0123", "x" * 300, "d2nuc3nkpr9s73f8q1bg"])
def test_unknown_submission(exec_engine, submission):
    answer = exec_engine.request("GET", f"/v1/submissions/{submission}")
    assert (answer.status, answer.json()) == (404, {"error": "Not found"})


def test_jobs_of_other_doors_are_no_submissions(exec_engine):
    job = post(exec_engine, "/run", {"language": "nobody"}).json()["jobID"]
    assert exec_engine.request("GET", f"/v1/submissions/{job}").status == 404
    submission = submit(exec_engine, "klingon", "")
    finished(exec_engine, submission)
    assert exec_engine.request("GET", f"/status/{submission}").status == 404


# ---- lists ----

def test_the_newest_fifty(start_engine, python):
    engine = start_engine(admin_key=KEY)
    assert engine.request("GET", "/v1/submissions").json() is None
    jobs = [submit(engine, "python3", f"print({i})") for i in range(53)]
    answer = post(engine, "/v1/admin/generate-inputs", {"language": "python3", "code": "print([])"}, ADMIN)
    finished(engine, answer.json()["submission_id"])
    for job in jobs:
        finished(engine, job)
    said = engine.request("GET", "/v1/submissions").json()
    assert [row["id"] for row in said] == jobs[:2:-1]
    assert [row["stdout"] for row in said] == [str(i) for i in range(52, 2, -1)]
    assert all(list(row) == FIELDS for row in said)
    assert jobs == sorted(jobs, key=lambda job: job[:6])


def test_four_jobs_on_three_workers(start_engine, python):
    engine = start_engine(max_concurrent_jobs=3)
    jobs = [submit(engine, "python3", "import time\na = time.time()\ntime.sleep(0.6)\nprint(a, time.time())")
            for _ in range(4)]
    spans = [tuple(map(float, finished(engine, job)["stdout"].split())) for job in jobs]
    assert max(sum(a <= b < c for a, c in spans) for b, _ in spans) == 3


# ---- questions ----

NUMBERS = [-26, 26, 95, -9, -96, -16, -88, -59] + [n * 7 % 100 - 50 for n in range(92)]
CASES = [{"id": str(i + 1), "input": f"{n}\n", "expected_output": str(2 * n + 1 if n > 0 else 2 * n - 1)}
         for i, n in enumerate(NUMBERS)]


@pytest.fixture(scope="module")
def question(exec_engine):
    return put_question(exec_engine, id="1", title="Odd", description="n>0: 2n+1, else 2n-1", test_cases=CASES,
                        solution_code="secret", solution_lang="python3")


def test_the_right_program(exec_engine, python, question):
    code = "n = int(input())\nprint(2 * n + 1 if n > 0 else 2 * n - 1)"
    assert brief(run(exec_engine, "python3", code, question_id=question)) == ("SUCCESS", "Success", "", 100, 100)


def test_white_space_at_the_ends_does_not_count(exec_engine, python, question):
    code = "n = int(input())\nprint('\\n\\u3000', 2 * n + 1 if n > 0 else 2 * n - 1, ' \\n\\n')"
    assert run(exec_engine, "python3", code, question_id=question)["passed_count"] == 100


def test_a_wrong_program(exec_engine, python, question):
    assert brief(run(exec_engine, "python3", "print(2 * int(input()) - 1)", question_id=question)) == (
        "FAILURE", "Failed Test case 2", "Input:\n26\n\n\nExpected:\n53\n\nGot:\n51", 1, 100)


def test_a_program_that_fails(exec_engine, python, question):
    code = "import sys\nn = int(input())\nif n == 95:\n    sys.exit('no')\nprint(2 * n + 1 if n > 0 else 2 * n - 1)"
    assert brief(run(exec_engine, "python3", code, question_id=question)) == (
        "ERROR", TROUBLE, "Error on Test Case 3: exit status 1\nno\n\n", 2, 100)


def test_a_slow_program(start_engine, python):
    engine = start_engine(admin_key=KEY, exec_timeout="500ms")
    question = put_question(engine, test_cases=[{"id": "a", "input": "1", "expected_output": "1"},
                                                {"id": "b", "input": "2", "expected_output": "2"}])
    code = "n = input()\nprint(n)\nwhile n == '2': pass"
    assert brief(run(engine, "python3", code, question_id=question)) == (
        "TIMEOUT", TROUBLE, "Error on Test Case b: execution timed out\n\n", 1, 2)


def test_judging_a_program_that_does_not_compile(exec_engine, question):
    if not exec_engine.has("c"):
        pytest.skip("no C compiler")
    said = run(exec_engine, "c", "int main(void) { return nothing; }", question_id=question)
    assert (said["status"], said["stdout"], said["passed_count"]) == ("ERROR", TROUBLE, 0)
    assert said["stderr"].startswith("Error on Test Case 1: ") and "nothing" in said["stderr"]


def test_a_question_that_is_not_there(exec_engine, python):
    assert brief(run(exec_engine, "python3", "print(1)", question_id="none")) == (
        "ERROR", "", "Failed to load question: question none not found", 0, 0)


def test_what_everybody_sees_of_questions(exec_engine, question):
    shown = {"id": "1", "title": "Odd", "description": "n>0: 2n+1, else 2n-1"}
    assert exec_engine.request("GET", "/v1/questions/1").json() == shown
    assert shown in exec_engine.request("GET", "/v1/questions").json()
    assert b"secret" not in exec_engine.request("GET", "/v1/questions").body
    whole = exec_engine.request("GET", "/v1/questions/1", headers=ADMIN).json()
    assert whole["test_cases"] == CASES and whole["solution_code"] == "secret"
    assert whole in exec_engine.request("GET", "/v1/questions", headers=ADMIN).json()
    answer = exec_engine.request("GET", "/v1/questions/none")
    assert (answer.status, answer.json()) == (404, {"error": "Question not found"})


def test_questions_are_changed(exec_engine):
    made = put_question(exec_engine, title="a")
    assert re.fullmatch("[0-9a-v]{20}", made)
    answer = exec_engine.request("PUT", f"/v1/admin/questions/{made}", json.dumps({"id": "x", "title": "b"}), ADMIN)
    assert (answer.status, answer.json()["id"], answer.json()["title"]) == (200, made, "b")
    assert exec_engine.request("GET", f"/v1/questions/{made}").json()["title"] == "b"
    for _ in range(2):
        answer = exec_engine.request("DELETE", f"/v1/admin/questions/{made}", headers=ADMIN)
        assert (answer.status, answer.json()) == (200, {"success": True})
    assert exec_engine.request("GET", f"/v1/questions/{made}").status == 404


@pytest.mark.parametrize("body", ["{", "[]", '{"title":[]}', '{"test_cases":{}}', '{"test_cases":[3]}',
                                  '{"test_cases":[{"input":{}}]}', '{"judge":"me"}', '{"id":"a","id":"b"}'])
def test_what_is_no_question(exec_engine, body):
    answer = post(exec_engine, "/v1/admin/questions", body, ADMIN)
    assert (answer.status, answer.json()) == (400, {"error": "Invalid JSON"})


@pytest.mark.parametrize("name", ["a/b", "a b", "x" * 64, "ü", "a\0"])
def test_what_is_no_id(exec_engine, name):
    assert post(exec_engine, "/v1/admin/questions", {"id": name}, ADMIN).status == 400


ADMIN_ROUTES = [("POST", "/v1/admin/questions"), ("PUT", "/v1/admin/questions/1"), ("DELETE", "/v1/admin/questions/1"),
                ("POST", "/v1/admin/generate"), ("POST", "/v1/admin/generate-inputs"), ("GET", "/v1/admin/logs")]


@pytest.mark.parametrize("method, path", ADMIN_ROUTES)
def test_the_admin_key(engine, exec_engine, question, method, path):
    for key in (None, "", "wrong", KEY + "x", KEY[:-1]):
        headers = dict(JSON) if key is None else {**JSON, "X-API-Key": key}
        answer = exec_engine.request(method, path, "{}", headers)
        assert (answer.status, answer.json()) == (401, {"error": "Unauthorized"})
    assert exec_engine.request("GET", "/v1/questions/1").status == 200
    answer = engine.request(method, path, "{}", {**JSON, "X-API-Key": ""})
    assert answer.status == 403 and "CODERUNR_ADMIN_KEY" in answer.json()["error"]


# ---- solve() ----

SOLVE_CASES = [{"id": "1", "input": "20", "expected_output": "41"}, {"id": "2", "input": "abc", "expected_output": "abc"},
               {"id": "3", "input": "1.5", "expected_output": "1.5"}]


@pytest.fixture(scope="module")
def solve(exec_engine):
    return put_question(exec_engine, id="solve", judge="solve", test_cases=SOLVE_CASES)


@pytest.mark.parametrize("language, code", [
    ("python3", "print('stray')\ndef solve(x):\n    print('more')\n    return 2 * x + 1 if isinstance(x, int) else x"),
    ("node", "console.log('stray'); module.exports = (x) => x === 20 ? 41 : x;"),
    ("node", "exports.solve = async (x) => { console.log('more'); return x === 20 ? 41 : x; };"),
])
def test_solve(exec_engine, solve, language, code):
    if not exec_engine.has(language):
        pytest.skip(f"no runtime for {language}")
    assert brief(run(exec_engine, language, code, question_id=solve)) == ("SUCCESS", "Success", "", 3, 3)


@pytest.mark.parametrize("language, code, status, part", [
    ("python3", "def solve(x): return 41", "FAILURE", "Got:\n41"),
    ("python3", "def solve(x): raise KeyError('k')", "ERROR", "KeyError: 'k'"),
    ("python3", "x = (", "ERROR", "SyntaxError"),
    ("python3", "y = 1", "ERROR", "ImportError"),
    ("python3", "import os\nos.write(1, b'[]')\nos._exit(0)", "FAILURE", "Got:\n"),
    ("python3", "import sys\nprint('[]')\nsys.exit(0)", "FAILURE", "Got:\n"),
    ("node", "module.exports = 3;", "ERROR", "exports no function"),
    ("node", "module.exports = () => { throw new Error('mine'); };", "ERROR", "mine"),
])
def test_solve_goes_wrong(exec_engine, solve, language, code, status, part):
    if not exec_engine.has(language):
        pytest.skip(f"no runtime for {language}")
    said = run(exec_engine, language, code, question_id=solve)
    assert said["status"] == status and part in said["stderr"], said


def test_solve_in_another_language(exec_engine, solve):
    if not exec_engine.has("bash"):
        pytest.skip("no bash")
    assert brief(run(exec_engine, "bash", "echo", question_id=solve)) == (
        "ERROR", "", "Failed to generate runner: language bash not fully supported", 0, 3)


# ---- the admin's runs ----

def generated(engine, path, **body):
    answer = post(engine, path, body, ADMIN)
    assert answer.status == 200 and list(answer.json()) == ["submission_id"], answer
    said = finished(engine, answer.json()["submission_id"])
    assert said["is_admin"] is True
    return said


def test_generate(exec_engine, python):
    said = generated(exec_engine, "/v1/admin/generate", language="python3", code="print(6 // int(input()))",
                     inputs=["2", "0", "-3\n"])
    assert (said["status"], said["passed_count"], said["total_count"]) == ("SUCCESS", 2, 3)
    assert json.loads(said["stdout"]) == {"generated": [
        {"input": "2", "expected_output": "3"},
        {"input": "0", "expected_output": "ERROR: ZeroDivisionError: integer division or modulo by zero"},
        {"input": "-3\n", "expected_output": "-2"}]}


def test_generate_for_solve(exec_engine, python, solve):
    said = generated(exec_engine, "/v1/admin/generate", language="python3", code="def solve(x): return [x]",
                     question_id=solve, inputs=["2", "a"])
    assert [row["expected_output"] for row in json.loads(said["stdout"])["generated"]] == ["[2]", "['a']"]


def test_generate_inputs(exec_engine, python):
    said = generated(exec_engine, "/v1/admin/generate-inputs", language="python3",
                     code="import json\nprint(json.dumps(['1', 'ü']))")
    assert (said["status"], json.loads(said["stdout"]), said["passed_count"]) == ("SUCCESS", ["1", "ü"], 2)


@pytest.mark.parametrize("printed", ["", "x", "[1]", "{}"])
def test_inputs_that_are_none(exec_engine, python, printed):
    said = generated(exec_engine, "/v1/admin/generate-inputs", language="python3", code=f"print('{printed}')")
    assert said["status"] == "ERROR"
    assert said["stderr"] == ("Failed to parse generated inputs as JSON array of strings.\nOutput was:\n" + printed)


def test_logs(exec_engine):
    lines = exec_engine.request("GET", "/v1/admin/logs", headers=ADMIN).json()
    assert all(list(line) == ["level", "message", "time"] for line in lines)


# ---- what was accepted stays ----

def test_they_survive(tmp_path_factory, python):
    from conftest import Engine
    folder = str(tmp_path_factory.mktemp("data"))
    engine = Engine(folder, admin_key=KEY, max_concurrent_jobs=1)
    try:
        question = put_question(engine, title="kept", test_cases=[{"input": "", "expected_output": "1"}])
        jobs = [submit(engine, "python3", "import time\ntime.sleep(0.5)\nprint(1)", question_id=question) for _ in range(6)]
    finally:
        assert engine.stop() == 0
    engine = Engine(folder, admin_key=KEY)
    try:
        assert engine.request("GET", f"/v1/questions/{question}").json()["title"] == "kept"
        for job in jobs:
            assert brief(finished(engine, job)) == ("SUCCESS", "Success", "", 1, 1)
    finally:
        assert engine.stop() == 0


def test_they_survive_a_kill(tmp_path_factory, python):
    from conftest import Engine
    folder = str(tmp_path_factory.mktemp("data"))
    engine = Engine(folder, admin_key=KEY, max_concurrent_jobs=1)
    question = put_question(engine, title="kept", test_cases=[{"input": "", "expected_output": "1"}])
    jobs = [submit(engine, "python3", "import time\ntime.sleep(0.3)\nprint(1)", question_id=question) for _ in range(6)]
    finished(engine, jobs[0])
    engine.process.kill()
    engine.process.wait()
    engine = Engine(folder, admin_key=KEY)
    try:
        for job in jobs:
            assert brief(finished(engine, job)) == ("SUCCESS", "Success", "", 1, 1)
    finally:
        assert engine.stop() == 0


def test_questions_in_memory(start_engine):
    engine = start_engine(ephemeral="true", admin_key=KEY)
    names = [put_question(engine, id=name, title=title) for name, title in (("b", "1"), ("a", "2"), ("c", "3"), ("b", "4"))]
    assert [(q["id"], q["title"]) for q in engine.request("GET", "/v1/questions").json()] == [
        ("a", "2"), ("b", "4"), ("c", "3")]
    engine.request("DELETE", "/v1/admin/questions/" + names[0], headers=ADMIN)
    assert [q["id"] for q in engine.request("GET", "/v1/questions").json()] == ["a", "c"]
