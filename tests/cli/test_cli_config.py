"""`coderunr config`: what is in force, and where it came from."""
import json

import pytest
from cli_support import coderunr, one_sentence, write  # noqa: F401 (fixtures)


def test_defaults(coderunr):
    done = coderunr("config")
    assert done.returncode == 0
    assert "127.0.0.1:2000" in done.stdout


def test_json(coderunr):
    done = coderunr("config", "--json")
    assert done.returncode == 0
    assert "bind_address" in json.dumps(json.loads(done.stdout))


def test_one_value(coderunr):
    assert coderunr("config", "bind_address").stdout == "127.0.0.1:2000\n"
    assert coderunr("config", "header_timeout").stdout == "10000\n"
    assert coderunr("config", "disable_networking").stdout == "true\n"
    assert coderunr("config", "request_body_limit").stdout == str(64 * 1024 * 1024) + "\n"
    assert coderunr("config", "run_timeout").stdout == "3000\n"
    assert coderunr("config", "max_process_count").stdout == "128\n"
    assert coderunr("config", "max_process_count", "--compile-max-process-count=64").returncode == 2


def test_precedence(coderunr, write, tmp_path):
    path = str(tmp_path / write("c.yaml", "bind_address: 127.0.0.1:1001\n"))

    def address(*words, **env):
        return coderunr("config", "bind_address", *words, env=env).stdout.strip()

    assert address("--config", path) == "127.0.0.1:1001"
    assert address(CODERUNR_CONFIG=path) == "127.0.0.1:1001"
    assert address("--config", path, PISTON_BIND_ADDRESS="127.0.0.1:1002") == "127.0.0.1:1002"
    assert address("--config", path, PISTON_BIND_ADDRESS="127.0.0.1:1002",
                   CODERUNR_BIND_ADDRESS="127.0.0.1:1003") == "127.0.0.1:1003"
    assert address("--config", path, "--bind-address=127.0.0.1:1004",
                   CODERUNR_BIND_ADDRESS="127.0.0.1:1003") == "127.0.0.1:1004"
    assert address("--bind-address", "127.0.0.1:1005") == "127.0.0.1:1005"


@pytest.mark.parametrize("words, env, says", [
    (("--max-connections=many",), {}, "--max-connections"),
    (("--max-connections=0",), {}, "--max-connections"),
    ((), {"CODERUNR_MAX_CONNECTIONS": "-1"}, "CODERUNR_MAX_CONNECTIONS"),
    ((), {"PISTON_RUN_TIMEOUT": "soon"}, "PISTON_RUN_TIMEOUT"),
    ((), {"CODERUNR_CONFIG": "/nowhere/c.yaml"}, "/nowhere/c.yaml"),
])
def test_bad_values_stop(coderunr, words, env, says):
    done = coderunr("config", *words, env=env)
    assert done.returncode == 1
    assert one_sentence(done.stderr)
    assert says.lower() in done.stderr.lower()
    assert done.stdout == ""


def test_unknown_key_in_the_file(coderunr, write, tmp_path):
    path = str(tmp_path / write("c.yaml", "bind_adress: 127.0.0.1:1001\n"))
    done = coderunr("config", "--config", path)
    assert done.returncode == 1
    assert one_sentence(done.stderr)
    assert "bind_adress" in done.stderr
    assert path in done.stderr
