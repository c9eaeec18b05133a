"""cpu_share: how much of the processors a program gets, told by the counters of its own group.

Only upper bounds are looked at closely: on a busy machine everybody gets less.
"""
import json
import pathlib
import threading

import pytest

SPIN = "while [ ${EPOCHREALTIME/./} -lt $end ]; do :; done"
BUSY = "end=$((${EPOCHREALTIME/./} + 1500000)); "


@pytest.fixture(scope="module", autouse=True)
def quotas():
    v1, v2 = pathlib.Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"), pathlib.Path("/sys/fs/cgroup/cgroup.controllers")
    if not v1.exists() and not (v2.exists() and "cpu" in v2.read_text().split()):
        pytest.skip("this kernel or host bounds no group's share of the processors")


def share_of(engine, program, **limits):
    """The share of one core that the program had, in hundredths."""
    job = {"language": "bash", "files": [{"content": program}], "limits": {"run": limits}}
    answer = engine.request("POST", "/v3/jobs?wait=30", json.dumps(job), {"Content-Type": "application/json"})
    assert answer.status == 200, answer
    [outcome] = answer.json()["outcomes"]
    assert outcome["verdict"] == "ok", outcome
    return 100 * outcome["cpu_ns"] / outcome["wall_ns"]


@pytest.mark.parametrize("cpu_share", [5, 20, 50])
def test_no_more_than_its_share(engine, cpu_share):
    assert share_of(engine, BUSY + SPIN, cpu_share=cpu_share) <= cpu_share * 1.2 + 3


def test_all_processes_together(engine):
    assert share_of(engine, f"{BUSY} for i in 1 2 3 4; do {SPIN} & done; wait", cpu_share=30) <= 30 * 1.2 + 3


def test_the_next_one_is_not_bound(start_engine):
    engine = start_engine(max_concurrent_jobs=1)
    for _ in range(2):
        assert share_of(engine, BUSY + SPIN, cpu_share=5) <= 9
        assert share_of(engine, BUSY + SPIN) > 15


def test_a_neighbour_is_not_bound(start_engine):
    engine = start_engine(max_concurrent_jobs=2)
    bound = threading.Thread(target=share_of, args=(engine, BUSY + SPIN), kwargs={"cpu_share": 5})
    bound.start()
    assert share_of(engine, BUSY + SPIN) > 15
    bound.join()


def test_the_time_limit_comes_on_time(engine):
    """v1 bounds the keeper with the program."""
    body = {"language": "bash", "version": "*", "files": [{"content": "while :; do :; done"}], "run_timeout": 1000}
    job = {"language": "bash", "files": body["files"], "limits": {"run": {"cpu_share": 5, "timeout": 1000}}}
    answer = engine.request("POST", "/v3/jobs?wait=30", json.dumps(job), {"Content-Type": "application/json"})
    [outcome] = answer.json()["outcomes"]
    assert outcome["verdict"] == "wall" and 1e9 <= outcome["wall_ns"] < 2e9


@pytest.mark.parametrize("value", [0, -1, 102401, "50"])
def test_what_is_no_share(engine, value):
    job = {"language": "bash", "files": [{"content": ""}], "limits": {"run": {"cpu_share": value}}}
    assert engine.request("POST", "/v3/jobs", json.dumps(job), {"Content-Type": "application/json"}).status == 422


def test_configured(start_engine):
    engine = start_engine(run_cpu_share=10, max_concurrent_jobs=1)
    assert share_of(engine, BUSY + SPIN) <= 15
    assert share_of(engine, BUSY + SPIN, cpu_share=5) <= 9


def test_half_a_core_for_codeengine(engine, start_engine, need):
    need("python")
    code = "import time\nend = time.time() + 1.5\nwhile time.time() < end: pass\nprint(time.process_time() / 1.5)"
    body = json.dumps({"language": "python3", "code": code})
    assert float(engine.request("POST", "/execute", body).json()["output"]) <= 0.63
    quarter = start_engine(codeengine_cpu_share=25)
    assert float(quarter.request("POST", "/execute", body).json()["output"]) <= 0.33
