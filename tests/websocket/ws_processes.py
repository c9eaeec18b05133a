"""What the engine's processes hold: fixtures for those who import them; a second conftest.py would hide the first one."""
import os
import pathlib

import pytest

PAGE = os.sysconf("SC_PAGE_SIZE")


def of_us(engine):
    """The processes of the engine itself: not what runs in boxes."""
    for pid in engine.processes():
        try:
            words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if words and b"coderunr" in words[0]:
            yield pid


@pytest.fixture
def rss():
    """rss(engine): resident bytes of its processes, memory of files in RAM included."""
    def count(engine):
        total = 0
        for pid in of_us(engine):
            try:
                total += int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
            except OSError:
                pass
        return total
    return count


@pytest.fixture
def fds():
    """fds(engine): open descriptors of its processes."""
    def count(engine):
        total = 0
        for pid in of_us(engine):
            try:
                total += len(os.listdir(f"/proc/{pid}/fd"))
            except OSError:
                pass
        return total
    return count
