"""Every variable of CodeRunr and of Piston, under either prefix: what it is set to, and what is in force then.

A row is a name, what may be written there, and what `coderunr config NAME` prints: times in milliseconds, sizes in bytes.
"""
import itertools
import json

import pytest
from cli_support import coderunr, one_sentence, write  # noqa: F401 (fixtures)

PREFIXES = ["CODERUNR_", "PISTON_"]

TIMES = [("3000", "3000"), ("250ms", "250"), ("3s", "3000"), ("1.5s", "1500"), ("1m30s", "90000"), ("1h", "3600000"),
         ("2500us", "2"), ("1m", "60000")]
MEMORY = [("134217728", "134217728"), ("64MiB", "67108864"), ("100MB", "100000000")]

ROWS = [
    ("LOG_LEVEL", [(level, level) for level in ("INFO", "DEBUG", "WARN", "ERROR", "NONE", "info", "warning", "trace",
                                                "fatal", "panic")]),
    ("BIND_ADDRESS", [("0.0.0.0:2000", "0.0.0.0:2000"), (":2000", ":2000"), ("127.0.0.1:80", "127.0.0.1:80")]),
    ("DATA_DIRECTORY", [("/opt/coderunr", "/opt/coderunr"), ("/piston", "/piston")]),
    ("MAX_CONCURRENT_JOBS", [("64", "64"), ("1", "1")]),
    ("COMPILE_TIMEOUT", TIMES), ("RUN_TIMEOUT", TIMES), ("COMPILE_CPU_TIME", TIMES), ("RUN_CPU_TIME", TIMES),
    ("COMPILE_MEMORY_LIMIT", MEMORY + [("-1", "536870912")]), ("RUN_MEMORY_LIMIT", MEMORY + [("-1", "134217728")]),
    ("MAX_PROCESS_COUNT", [("64", "64"), ("128", "128")]),
    ("MAX_OPEN_FILES", [("2048", "2048"), ("64", "64")]),
    ("MAX_FILE_SIZE", [("10000000", "10000000"), ("10MB", "10000000")]),
    ("OUTPUT_MAX_SIZE", [("1024", "1024"), ("1048576", "1048576"), ("1MiB", "1048576")]),
    ("REQUEST_BODY_LIMIT", [("1048576", "1048576"), ("1MiB", "1048576")]),
    ("DISABLE_NETWORKING", [("true", "true")]),
    ("REPO_URL", [("http://127.0.0.1:8000/index", "http://127.0.0.1:8000/index")]),
    ("LIMIT_OVERRIDES", [
        ("{}", "{}"),
        ('{"java":{"run_timeout":5000}}', '{"java": {"run_timeout": "5000"}}'),
        ('{"java":{"run_timeout":"5s"}}', '{"java": {"run_timeout": "5s"}}'),
        ("java: {run_timeout: 5s, max_process_count: 256}", '{"java": {"run_timeout": "5s", "max_process_count": "256"}}'),
        ("java:\n  run_timeout: 5000\n", '{"java": {"run_timeout": "5000"}}'),
        ('{"c++":{"compile_memory_limit":-1,"run_cpu_time":0}}', '{"c++": {}}'),
    ]),
]

# Read by the others without an effect, or by their entrypoints: said once, and no reason not to start.
IDLE = ["RUNNER_UID_MIN", "RUNNER_UID_MAX", "RUNNER_GID_MIN", "RUNNER_GID_MAX", "SKIP_CHOWN_PACKAGES", "ENABLE_NETWORK",
        "ENABLE_FILE_SYSTEM"]

# The ten limits that may be overridden for a language.
OVERRIDES = ["max_process_count", "max_open_files", "max_file_size", "compile_memory_limit", "run_memory_limit",
             "compile_timeout", "run_timeout", "compile_cpu_time", "run_cpu_time", "output_max_size"]

CASES = [(prefix + name, name.lower(), text, shown)
         for (name, pairs), prefix in itertools.product(ROWS, PREFIXES) for text, shown in pairs]


@pytest.mark.parametrize("variable, name, text, shown", CASES, ids=[f"{row[0]}={row[2]}" for row in CASES])
def test_value(coderunr, variable, name, text, shown):
    done = coderunr("config", name, env={"CODERUNR_DATA_DIRECTORY": None, variable: text})
    assert (done.stdout, done.stderr, done.returncode) == (shown + "\n", "", 0)
    if name == "limit_overrides":
        assert json.loads(done.stdout) == json.loads(shown)


@pytest.mark.parametrize("name", IDLE)
@pytest.mark.parametrize("prefix", PREFIXES)
def test_idle(coderunr, prefix, name):
    done = coderunr("config", "bind_address", env={prefix + name: "1001"})
    assert done.stdout == "127.0.0.1:2000\n"
    assert f"{prefix}{name}: has no meaning here and is ignored" in done.stderr


@pytest.mark.parametrize("text", ["false", "no", "0"])
@pytest.mark.parametrize("prefix", PREFIXES)
def test_network_is_refused_and_not_dropped(coderunr, prefix, text):
    done = coderunr("config", env={prefix + "DISABLE_NETWORKING": text})
    assert done.returncode == 1
    assert one_sentence(done.stderr) and "programs have no network here" in done.stderr


@pytest.mark.parametrize("name", OVERRIDES)
def test_each_limit_may_be_overridden(coderunr, name):
    value = 2000 if name.startswith("max_") else 2000000
    shown = coderunr("config", "limit_overrides", env={"PISTON_LIMIT_OVERRIDES": json.dumps({"java": {name: value}})})
    assert json.loads(shown.stdout) == {"java": {name: str(value)}}, shown


@pytest.mark.parametrize("text, says", [
    ('{"java":{"fly":1}}', "fly is not a limit"),
    ('{"java":{"run_timeout":"soon"}}', "run_timeout"),
    ('{"java":5}', "PISTON_LIMIT_OVERRIDES"),
    ('{"java"', "PISTON_LIMIT_OVERRIDES"),
    ('["java"]', "PISTON_LIMIT_OVERRIDES"),
])
def test_overrides_that_are_wrong_stop(coderunr, text, says):
    done = coderunr("config", env={"PISTON_LIMIT_OVERRIDES": text})
    assert done.returncode == 1
    assert one_sentence(done.stderr) and says in done.stderr


@pytest.mark.parametrize("env, shown", [
    ({"PORT": "3333"}, "127.0.0.1:3333"),
    ({"PORT": "0.0.0.0:3333"}, "0.0.0.0:3333"),
    ({"PORT": "3333", "PISTON_BIND_ADDRESS": "0.0.0.0:1"}, "0.0.0.0:1"),
    ({"PORT": "3333", "CODERUNR_BIND_ADDRESS": "0.0.0.0:1"}, "0.0.0.0:1"),
])
def test_port(coderunr, env, shown):
    assert coderunr("config", "bind_address", env=env).stdout == shown + "\n"


LAYERS = ["file", "PISTON_", "CODERUNR_", "flag"]


@pytest.mark.parametrize("name, texts, shown", [
    ("run_timeout", ["1s", "2s", "3s", "4s"], ["1000", "2000", "3000", "4000"]),
    ("max_process_count", ["11", "12", "13", "14"], ["11", "12", "13", "14"]),
    ("max_concurrent_jobs", ["1", "2", "3", "4"], ["1", "2", "3", "4"]),
    ("limit_overrides", [f"{{java: {{run_timeout: {i}s}}}}" for i in range(1, 5)],
     [f'{{"java": {{"run_timeout": "{i}s"}}}}' for i in range(1, 5)]),
], ids=lambda value: value if isinstance(value, str) else "")
@pytest.mark.parametrize("given", [subset for n in range(1, 5) for subset in itertools.combinations(range(4), n)],
                         ids=lambda subset: "+".join(LAYERS[i] for i in subset))
def test_the_last_layer_counts(coderunr, write, tmp_path, name, texts, shown, given):
    words, env = [], {}
    for i in given:
        if LAYERS[i] == "file":
            words += ["--config", str(tmp_path / write("config.yaml", f"{name}: {texts[i]}\n"))]
        elif LAYERS[i] == "flag":
            words += [f"--{name.replace('_', '-')}", texts[i]]
        else:
            env[LAYERS[i] + name.upper()] = texts[i]
    assert coderunr("config", name, *words, env=env).stdout == shown[given[-1]] + "\n"


def test_port_counts_where_nothing_else_does(coderunr, write, tmp_path):
    path = str(tmp_path / write("config.yaml", "bind_address: 0.0.0.0:1\n"))
    assert coderunr("config", "bind_address", "--config", path, env={"PORT": "3333"}).stdout == "0.0.0.0:1\n"


def test_minus_one_gives_back_the_default(coderunr, write, tmp_path):
    path = str(tmp_path / write("config.yaml", "run_memory_limit: 64MiB\n"))
    assert coderunr("config", "run_memory_limit", "--config", path).stdout == "67108864\n"
    assert coderunr("config", "run_memory_limit", "--config", path, env={"PISTON_RUN_MEMORY_LIMIT": "-1"}
                    ).stdout == "134217728\n"


def test_names_nobody_knows(coderunr):
    """PISTON_ may belong to something else; CODERUNR_ is most often a typing error in a limit."""
    done = coderunr("config", "bind_address", env={"PISTON_FLY": "1"})
    assert done.returncode == 0 and "PISTON_FLY" in done.stderr
    done = coderunr("config", "bind_address", env={"CODERUNR_RUN_TIMEOT": "1"})
    assert done.returncode == 1 and "did you mean CODERUNR_RUN_TIMEOUT?" in done.stderr


@pytest.mark.parametrize("env, dialect", [
    ({}, "coderunr"), ({"CODERUNR_RUN_TIMEOUT": "3000"}, "coderunr"), ({"PISTON_RUN_TIMEOUT": "3000"}, "piston"),
    ({"PISTON_RUN_TIMEOUT": "3000", "CODERUNR_WEBSOCKET_DIALECT": "coderunr"}, "coderunr"),
])
def test_who_configures_piston_speaks_it(coderunr, env, dialect):
    assert coderunr("config", "websocket_dialect", env=env).stdout == dialect + "\n"


def test_what_is_configured_is_in_force(start_engine, tmp_path_factory):
    """Override over global, 0 falls through, and the key is the language, whatever alias a client asks by."""
    path = tmp_path_factory.mktemp("parity") / "config.yaml"
    path.write_text("run_timeout: 2000\nrun_cpu_time: 1900ms\noutput_max_size: 2048\n"
                    "limit_overrides: {python: {run_timeout: 1234, run_cpu_time: 0}, py: {run_timeout: 99}}\n")
    engine = start_engine(config=path)
    limits = engine.execute("py", "print(1)").json()["limits"]
    assert limits["timeouts"]["run"] == 1234
    assert limits["cpu_times"]["run"] == 1900
    answer = engine.execute("py", "print(1)", run_timeout=1235)
    assert answer.json()["message"] == "run_timeout cannot exceed the configured limit of 1234"
    assert len(engine.run("py", "print('x' * 5000)")["stdout"]) == 2048
    assert engine.execute("bash", "echo 1").json()["limits"]["timeouts"]["run"] == 2000
