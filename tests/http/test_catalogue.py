"""Every row of the catalogue of bad requests is a test somewhere, which names it."""
import pathlib
import re

import pytest

TESTS = pathlib.Path(__file__).resolve().parents[1]
ROWS = {"HT": 88, "WS": 22}

# Rows whose test has another name, since it is about more: row, file, test.
ELSEWHERE = {
    "HT-71": ("keys/test_keys.py", "test_every_address"),
    "HT-72": ("keys/test_keys.py", "test_every_address"),
    "HT-74": ("keys/test_keys.py", "test_rate"),
    "HT-75": ("jobs/test_jobs_api.py", "test_a_full_queue_says_so"),
    "HT-84": ("http/test_surface.py", "test_options"),
}


def named():
    folders = [path for path in TESTS.iterdir() if path.is_dir() and not path.name.startswith(".")]
    texts = [path.read_text() for folder in folders for path in folder.glob("test_*.py") if path.name != "test_catalogue.py"]
    return {f"{kind.upper()}-{number}" for kind, number in re.findall(r"\b(?:test_)?(ht|HT|ws|WS)[-_](\d\d)", "\n".join(texts))
            } | {f"{kind.upper()}-{number}" for kind, number in re.findall(r"_(ht|ws)_(\d\d)(?=_)", "\n".join(texts))}


@pytest.mark.parametrize("kind", ROWS)
def test_no_row_is_missing(kind):
    known = named() | set(ELSEWHERE)
    assert [f"{kind}-{n:02}" for n in range(1, ROWS[kind] + 1) if f"{kind}-{n:02}" not in known] == []


@pytest.mark.parametrize("row", ELSEWHERE)
def test_what_is_elsewhere_is_there(row):
    path, test = ELSEWHERE[row]
    assert f"def {test}(" in (TESTS / path).read_text()
