"""What the tables of Piston 3.1.1 share.

A case says what Piston does, as seen on a running server.  Where `label` is None we do the same.  Where it is not, the case also says
what we do instead, which must not be what Piston does, and docs/from-piston.md has a row of that label: so a difference nobody wrote
down fails, and so does one that has gone.
"""
import collections
import pathlib
import re

import pytest

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs/from-piston.md"
LABELS = re.findall(r"^\| `([\w-]+)` \|", PAGE.read_text(), re.M)

Case = collections.namedtuple("Case", "name ask piston label ours", defaults=(None, None))


def rows(cases):
    """For parametrize; the name of a case is its id."""
    names = [case.name for case in cases]
    assert len(set(names)) == len(names), [name for name in names if names.count(name) > 1]
    return pytest.mark.parametrize("case", cases, ids=names)


def fits(expected, found):
    """Is @found what was expected?  Of objects the keys named, of anything callable its opinion."""
    if callable(expected):
        return bool(expected(found))
    if isinstance(expected, dict) and isinstance(found, dict):
        return all(key in found and fits(value, found[key]) for key, value in expected.items())
    return type(expected) is type(found) and expected == found


def judge(case, found):
    if case.label is None:
        assert fits(case.piston, found), found
        return
    assert case.label in LABELS, f"docs/from-piston.md has no row `{case.label}`"
    assert fits(case.ours, found), found
    assert not fits(case.piston, found), f"this is what Piston does; `{case.label}` is no difference any more"
