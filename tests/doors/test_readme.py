"""The curl lines of the README do what they are there to show."""
import pathlib
import re
import subprocess

import pytest

README = pathlib.Path(__file__).resolve().parents[2] / "README.md"

# A part of each command, and what its answer holds; in the order of the README.
ANSWERS = [
    ("/api/v2/execute", r'"run":\{.*"code":0'),
    ("/v3/jobs?wait=10", r'"passed":1'),
    ("example.invalid", r'"state":"queued"'),
    ("/execute -d", r'\{"output":"45\\n"\}'),
    ("-F code=@prog.py", r'\{"output":"from a file\\n"\}'),
    ("/run", r'"jobID":"([0-9a-f]{32})"'),
    ("/status/", r'"stdout":"A\\n"'),
    ("/queue/next", r""),
    ("/v1/exec?wait=10' -H 'content-type: application/json' -d '{\"language\":\"python3\",\"code\"", r"SUCCESS"),
    ("/v1/submissions", r"SUCCESS"),
    ("/v1/admin/questions", r"Double"),
    ("question_id", r"SUCCESS"),
]


def commands():
    text = README.read_text().replace("\\\n", " ")
    return [line.split("  #")[0].strip() for line in text.splitlines() if line.startswith("curl ")]


@pytest.fixture(scope="module", name="said")
def fixture_said(start_engine, tmp_path_factory):
    """Every command with what it printed, run one after the other."""
    engine = start_engine(admin_key="secret", max_concurrent_jobs=2)
    if not engine.has("python"):
        pytest.skip("no runtime for python on this machine")
    folder = tmp_path_factory.mktemp("readme")
    (folder / "prog.py").write_text("print('from a file')\n")
    job, said = "", []
    for command in commands():
        line = re.sub(r" +", " ", command).replace("localhost:2000", f"{engine.host}:{engine.port}")
        line = line.replace("<jobID>", job).replace("&wait=30", "&wait=1").replace("example.org", "example.invalid")
        done = subprocess.run(["bash", "-c", line], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
        if found := re.search(r'"jobID":"([0-9a-f]{32})"', done.stdout):
            job = found[1]
        said.append((line, done))
    return said


def test_every_command_has_an_answer(said):
    assert len(said) == len(ANSWERS)


@pytest.mark.parametrize("number", range(len(ANSWERS)), ids=[row[0][:24] for row in ANSWERS])
def test_command(said, number):
    line, done = said[number]
    part, answer = ANSWERS[number]
    assert part in line
    assert done.returncode == 0, done
    assert re.search(answer, done.stdout), f"{line}\n{done.stdout}{done.stderr}"
