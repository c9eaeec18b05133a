"""What the tests of the command line share: the built program, its words, its streams and its exit status.

The fixtures are imported by the test files that use them: a second conftest.py would hide the first one from those
who import it by name.
"""
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("CODERUNR_BUILD", ROOT / "build/test")).resolve() / "coderunr"


def one_sentence(text):
    """An error is one line that says who speaks."""
    return text.startswith("coderunr: ") and text.count("\n") == 1 and text.endswith("\n")


@pytest.fixture
def coderunr(tmp_path):
    """Run `coderunr WORDS…` in an empty folder with a bare environment; streams are bytes only where asked.

    A variable of None is taken away.
    """

    def run(*words, env=None, text=True, stdin=None, timeout=60):
        bare = {name: value for name, value in os.environ.items()
                if not name.startswith(("CODERUNR_", "PISTON_", "RUNNER_")) or name == "CODERUNR_CGROUP_PARENT"}
        bare["CODERUNR_DATA_DIRECTORY"] = str(tmp_path / "data")
        merged = {name: value for name, value in {**bare, **(env or {})}.items() if value is not None}
        given = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
        return subprocess.run([BINARY, *words], capture_output=True, text=text, env=merged,
                              cwd=tmp_path, timeout=timeout, check=False, **given)

    return run


@pytest.fixture
def write(tmp_path):
    """Write a file into the folder the program is run in; gives its name back."""

    def write_file(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return name

    return write_file


@pytest.fixture
def run(coderunr, engine):
    """`coderunr run` against the engine of the tests."""

    def call(*words, **options):
        options["env"] = {"CODERUNR_URL": engine.url, **options.get("env", {})}
        return coderunr("run", *words, **options)

    return call
