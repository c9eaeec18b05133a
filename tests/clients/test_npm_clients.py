"""Clients of Piston from npm, unmodified: nobody who wrote them knows of this engine.

`./dev test` installs what package-lock.json names; each call below is one run of a small script beside this file.
"""
import json
import os
import pathlib
import shutil
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent
CLIENTS = HERE.parent / ".cache/clients"
STAGE_KEYS = {"signal", "stdout", "stderr", "code", "output", "memory", "message", "status", "cpu_time", "wall_time"}

pytestmark = pytest.mark.skipif(not shutil.which("node") or not (CLIENTS / "installed.json").exists(),
                                reason="npm could not install the clients; ./dev test says why")


def ask(script, engine, what, *words, seconds=60):
    """What the script says: {"ok": …} or {"error": …}."""
    words = [word if isinstance(word, str) else json.dumps(word) for word in words]
    done = subprocess.run(["node", HERE / f"{script}.mjs", engine.url, what, *words], capture_output=True, text=True,
                          env={**os.environ, "CLIENTS": str(CLIENTS)}, timeout=seconds, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def ok(*words, **options):
    said = ask(*words, **options)
    assert "ok" in said, said
    return said["ok"]


def body(language, code, **fields):
    return {"language": language, "version": "*", "files": [{"content": code}], **fields}


# ---- piston-api-client -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("kind", ["PistonClient", "NodePistonClient"])
class TestPistonApiClient:
    def test_runtimes(self, engine, kind):
        said = ok("piston-api-client", engine, f"{kind}.runtimes")
        assert said == {"success": True, "data": engine.runtimes()}

    def test_execute(self, engine, need, kind):
        need("python")
        said = ok("piston-api-client", engine, f"{kind}.execute",
                  body("py", "import sys; print(sys.argv[1:], input())", args=["a b", "ü"], stdin="word"))
        assert said["success"] is True
        assert said["data"]["language"] == "python"
        assert set(said["data"]["run"]) == STAGE_KEYS
        assert said["data"]["run"]["stdout"] == "['a b', 'ü'] word\n"

    def test_compiled(self, engine, need, kind):
        need("c")
        said = ok("piston-api-client", engine, f"{kind}.execute", body("c", "int main(void) { return 3; }"))
        assert said["data"]["compile"]["code"] == 0
        assert said["data"]["run"]["code"] == 3

    def test_does_not_compile(self, engine, need, kind):
        need("c")
        data = ok("piston-api-client", engine, f"{kind}.execute", body("c", "int main("))["data"]
        assert data["compile"]["code"] == 1
        assert data["run"] == data["compile"]

    def test_refusal(self, engine, kind):
        said = ok("piston-api-client", engine, f"{kind}.execute", body("klingon", "x"))
        assert said["data"]["message"] == "klingon-* runtime is unknown"

    def test_timeout(self, engine, need, kind):
        need("python")
        run = ok("piston-api-client", engine, f"{kind}.execute",
                 body("python", "import time; time.sleep(9)", run_timeout=300))["data"]["run"]
        assert (run["code"], run["signal"], run["status"]) == (None, "SIGKILL", "TO")


# ---- piston-client ---------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def lenient(start_engine):
    """piston-client sends its JSON as text/plain."""
    return start_engine(lenient_content_type="true")


class TestPistonClient:
    def test_runtimes(self, lenient):
        assert ok("piston-client", lenient, "runtimes") == lenient.runtimes()

    def test_execute(self, lenient, need):
        need("python")
        said = ok("piston-client", lenient, "execute", "python", "import sys; print(sys.argv[1:])", {"args": ["x"]})
        assert said["run"]["stdout"] == "['x']\n"
        assert said["version"].startswith("3.")

    def test_config_alone(self, lenient, need):
        need("python")
        config = {"language": "python", "version": "3.x", "stdin": "42",
                  "files": [{"name": "main.py", "content": "import other; print(other.x, input())"},
                            {"name": "other.py", "content": "x = 1"}]}
        assert ok("piston-client", lenient, "execute", "python", "", config)["run"]["stdout"] == "1 42\n"

    def test_refusal(self, lenient):
        said = ok("piston-client", lenient, "execute", "python", "1", {"version": "9.x"})
        assert said["message"] == "python-9.x runtime is unknown"

    def test_timeout(self, lenient, need):
        need("python")
        run = ok("piston-client", lenient, "execute", "python", "while True: pass", {"runTimeout": 300})["run"]
        assert (run["signal"], run["status"]) == ("SIGKILL", "TO")

    def test_error(self, lenient, need):
        need("python")
        run = ok("piston-client", lenient, "execute", "python", "1 / 0")["run"]
        assert run["code"] == 1
        assert "ZeroDivisionError" in run["stderr"]

    def test_strict_engine_refuses_it(self, engine, need):
        need("python")
        said = ok("piston-client", engine, "execute", "python", "print(1)")
        assert said["message"] == "requests must be of type application/json"


# ---- piston-api ------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def piston(start_engine):
    """piston-api's sessions ask for no dialect and speak Piston's."""
    return start_engine(websocket_dialect="piston")


class TestPistonApi:
    def test_runtimes(self, piston):
        said = ok("piston-api", piston, "runtimes")
        assert [row["language"] for row in said] == [row["language"] for row in piston.runtimes()]
        assert ok("piston-api", piston, "valid") is True

    def test_run(self, piston, need):
        need("python")
        said = ok("piston-api", piston, "run",
                  {"language": "python", "code": "import sys; print(input(), sys.argv[1:])", "stdin": "a", "args": ["b"]})
        assert said["run"]["stdout"] == "a ['b']\n"
        assert set(said["run"]) >= {"code", "signal", "status", "message"}

    def test_does_not_compile(self, piston, need):
        need("c")
        said = ok("piston-api", piston, "run", {"language": "c", "code": "int main("})
        assert said["compile"]["code"] == 1
        assert "error" in said["compile"]["stderr"]

    @pytest.mark.parametrize("code, ending", [
        ("import time; time.sleep(9)", (None, "SIGKILL", "TO")),
        ("import sys; sys.exit(3)", (3, None, "RE")),
        ("import os; os.abort()", (None, "SIGABRT", "SG")),
        ("while True: print('x' * 1000)", (None, "SIGKILL", "OL")),
        ("import sys\nwhile True: sys.stderr.write('x' * 1000)", (None, "SIGKILL", "EL")),
    ], ids=["TO", "RE", "SG", "OL", "EL"])
    def test_every_ending_passes_its_schema(self, piston, need, code, ending):
        need("python")
        run = ok("piston-api", piston, "run", {"language": "python", "code": code, "run_timeout": 1000})["run"]
        assert (run["code"], run["signal"], run["status"]) == ending

    def test_refusal(self, piston):
        said = ask("piston-api", piston, "run", {"language": "klingon", "code": "x"})
        assert said == {"error": "API Error: klingon-* runtime is unknown"}

    def test_session(self, piston, need):
        need("c")
        said = ok("piston-api", piston, "talk", "c", "#include <stdio.h>\nint main(void) { int x; puts(\"ready\"); "
                  "fflush(stdout); scanf(\"%d\", &x); printf(\"%d\\n\", x * 2); return 5; }", "ready", "21\n")
        assert ["sessionStage", "compile"] in said["told"] and ["sessionStage", "run"] in said["told"]
        assert said["output"] == "ready\n42\n"
        assert said["told"][-1] == ["sessionCompleted", 5]
        assert said["status"] == "completed"

    def test_session_interrupted(self, piston, need):
        """Upstream never delivers a signal."""
        need("python")
        code = ("import signal, sys, time\nsignal.signal(signal.SIGINT, lambda *_: sys.exit(7))\n"
                "print('ready', flush=True)\ntime.sleep(9)")
        said = ok("piston-api", piston, "interrupt", "python", code, "ready")
        assert said["told"][-1] == ["sessionCompleted", 7]

    def test_session_terminated(self, piston, need):
        need("python")
        said = ok("piston-api", piston, "terminate", "python", "print('ready', flush=True)\nwhile True: pass", "ready")
        assert ["sessionOutput", "ready\n"] in said["told"]

    def test_session_refused(self, piston):
        said = ok("piston-api", piston, "session", "klingon", "x")
        assert said["error"] == "klingon-* runtime is unknown"
