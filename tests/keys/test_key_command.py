"""`coderunr key`: what it writes, what it refuses, and that nothing is lost when two write at once."""
import os
import re
import subprocess

import pytest
from conftest import BINARY
from keys_support import Ring


@pytest.fixture
def ring(tmp_path):
    return Ring(tmp_path)


def rows(ring):
    return [line.split() for line in ring.command("list").stdout.splitlines()[1:]]


def test_new_list_rotate_revoke(ring):
    secret = ring.new("alice")
    assert re.fullmatch("crk_[A-Za-z0-9_-]{32}", secret)
    ring.new("ci", "jobs", "worker", rate="2.5", concurrency=4, share=3)
    assert rows(ring) == [["alice", "-", "-", "-", "1", "execute", "jobs"],
                          ["ci", "2.5", "2", "4", "3", "jobs", "worker"]]
    again = ring.command("rotate", "alice").stdout.strip()
    assert again != secret and ring.path.read_text().count("sha256:") == 3
    assert ring.command("revoke", "alice").stdout == ""
    assert [row[0] for row in rows(ring)] == ["ci"]
    assert os.listdir(ring.path.parent) == ["keys.yaml"]


def test_the_file_keeps_its_mode_and_its_place(ring, tmp_path):
    ring.new("a")
    assert ring.path.stat().st_mode & 0o777 == 0o600
    ring.path.chmod(0o640)
    link = Ring(tmp_path / "elsewhere")
    link.path.parent.mkdir()
    link.path.symlink_to(ring.path)
    link.new("b")
    assert link.path.is_symlink() and ring.path.stat().st_mode & 0o777 == 0o640
    assert [row[0] for row in rows(ring)] == ["a", "b"]


@pytest.mark.parametrize("words,status,sentence", [
    ((), 2, "one of new, list, rotate, revoke"),
    (("make", "x"), 2, "one of new, list, rotate, revoke"),
    (("new",), 2, "takes one NAME"),
    (("new", "x", "y"), 2, "takes one NAME"),
    (("list", "x"), 2, "takes no more words"),
    (("new", "a b"), 2, "is no name of a key"),
    (("new", "known"), 2, "has a key"),
    (("new", "x", "--scope=root"), 2, "there is no scope 'root'"),
    (("new", "x", "--rate=fast"), 2, "is no rate"),
    (("new", "x", "--share=0"), 2, "from 1 to 100"),
    (("revoke", "x"), 1, "x has no key"),
    (("rotate", "x"), 1, "x has no key"),
    (("revoke", "known", "--rate=1"), 2, "for key new"),
])
def test_mistakes_are_one_sentence_and_change_nothing(ring, words, status, sentence):
    ring.new("known")
    before = ring.path.read_text()
    said = ring.command(*words, status=status).stderr
    assert said.startswith("coderunr: ") and said.count("\n") == 1 and sentence in said, said
    assert ring.path.read_text() == before


def test_what_is_not_there_or_broken(ring):
    assert "No such file" in ring.command("list", status=1).stderr
    ring.path.write_text("a: [")
    assert "keys.yaml" in ring.command("new", "b", status=1).stderr
    assert ring.path.read_text() == "a: ["


def test_two_at_once_lose_nothing(ring):
    running = [subprocess.Popen([BINARY, "key", "new", f"k{i}", f"--keys-file={ring.path}"], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE) for i in range(20)]
    secrets = {process.communicate()[0] for process in running}
    assert len(secrets) == 20 and sorted(row[0] for row in rows(ring)) == sorted(f"k{i}" for i in range(20))
