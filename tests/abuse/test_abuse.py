"""The abuse catalogue as tests: every quick row alone with all invariants of the host, and the process trees repeated.

A row whose control shows nothing on this machine is skipped as vacuous: it is no proof.  `./dev attack` runs the slow
rows, the rows four at a time and the long repeats too.
"""
import os
import pathlib
import re
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import table  # noqa: E402
import world as worlds  # noqa: E402

REPEATS = 50
QUICK = [row for row in table.ROWS if not row.slow]


@pytest.fixture(scope="module")
def world():
    if os.geteuid() != 0:
        pytest.skip("controls run as another user: needs root")
    with worlds.World() as made:
        yield made


@pytest.mark.parametrize("row", QUICK, ids=[row.id for row in QUICK])
def test_row(world, row):
    outcome = world.attack(row)
    assert not outcome.problems + outcome.timing, "\n".join(outcome.problems + outcome.timing)
    if outcome.vacuous:
        pytest.skip(f"vacuous: {outcome.vacuous}")


@pytest.mark.parametrize("row", [row for row in QUICK if row.tree], ids=lambda row: row.id)
def test_trees_leave_no_survivor(world, row):
    assert not world.repeat(row, REPEATS)


def test_the_toolchain_is_what_lies_on_the_disk(world):
    assert not world.host.toolchain_problems()


def test_every_id_is_told_once():
    ids = [row.id for row in table.ROWS] + [word for words in table.PENDING for word in words.split()]
    ids += list(table.ELSEWHERE)
    assert len(ids) == len(set(ids))


def test_attacks_made_elsewhere_are_there():
    rows = {row.id for row in table.ROWS}
    for where in table.ELSEWHERE.values():
        path, _, name = where.partition("::")
        there = (worlds.ROOT / path).is_file() and (not name or f"\ndef {name}(" in (worlds.ROOT / path).read_text())
        assert where.removeprefix("row ") in rows or there, where


def test_probes_are_small():
    folder = worlds.HERE / "probes"
    assert not [path.name for path in folder.glob("*.c") if len(path.read_text().splitlines()) > 60]
    named = {row.probe for row in table.ROWS} | worlds.scenarios.PROBES | {"neighbour"}
    assert not [path.name for path in folder.glob("*.c") if path.stem not in named], "probes without a row"


def test_the_threat_model_names_rows_that_are_there():
    text = (worlds.ROOT / "THREAT_MODEL.md").read_text()
    told = {row.id.split("/")[0] for row in table.ROWS} | set(table.ELSEWHERE)
    named = set(re.findall(r"\b(?:PT|ME|FS|NS|NW|SC|XJ|IO|CC|AR)-\d+", text))
    assert named and not named - told
    for name in set(re.findall(r"`((?:src/|tests/)?[\w/]+\.(?:py|c|def))(?:::\w+)?`", text)):
        assert list(worlds.ROOT.glob(name if "/" in name else f"src/*/{name}")) or \
            list(worlds.ROOT.glob(f"tests/*/{name}")), f"the threat model names {name}"


def test_doctor_attacks_an_engine_in_use(world):
    before = world.engine.log()
    done = subprocess.run([worlds.conftest.BINARY, "doctor", "--attacks", "--url", world.engine.url],
                          stdout=subprocess.PIPE, text=True, check=False)
    last = done.stdout.splitlines()[-1]
    held, broken, vacuous, _ = map(int, re.findall(r"\d+", last))
    told = [line for line in done.stdout.splitlines() if not line.startswith("held ")]
    assert done.returncode == 0 and broken == 0 and vacuous == 0 and held > 150, "\n".join(told)
    # what a hog's objects took of the slot's memory must be given back before the next box is made of it
    assert "could not" not in world.engine.log()[len(before):]


def test_doctor_attacks_nobody():
    done = subprocess.run([worlds.conftest.BINARY, "doctor", "--attacks", "--url", "http://127.0.0.1:9"],
                          stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 125 and done.stderr.count("\n") == 1 and "127.0.0.1:9" in done.stderr
