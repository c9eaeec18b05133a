"""`coderunr runtimes`: what this host offers, without an engine."""
import json

from cli_support import coderunr, one_sentence, write  # noqa: F401 (fixtures)


def test_table(coderunr):
    done = coderunr("runtimes")
    assert done.returncode == 0
    assert done.stdout.startswith("LANGUAGE")
    assert "\npython " in done.stdout


def test_json(coderunr):
    rows = json.loads(coderunr("runtimes", "--json").stdout)
    languages = {row["language"]: row for row in rows}
    assert languages["python"]["version"].count(".") == 2
    assert "py" in languages["python"]["aliases"] + languages["python"]["extensions"]


def test_all_tells_how_to_get_the_rest(coderunr):
    """With one tool hidden its language is listed with the line that brings it."""
    done = coderunr("runtimes", "--all", "--json")
    assert done.returncode == 0
    rows = json.loads(done.stdout)
    assert any(row["installed"] for row in rows)
    for row in rows:
        assert row["installed"] or row["install"].startswith("apt-get install")


def test_broken_manifest_is_named(coderunr, write, tmp_path):
    write("runtimes/bad.yaml", "language: [\n")
    done = coderunr("runtimes", f"--runtimes-directory={tmp_path}/runtimes")
    assert done.returncode == 1
    assert one_sentence(done.stderr)
    assert "bad.yaml" in done.stderr


def test_no_manifests_at_all(coderunr, tmp_path):
    done = coderunr("runtimes", f"--runtimes-directory={tmp_path}/nowhere")
    assert done.returncode == 1
    assert one_sentence(done.stderr)
    assert "nowhere" in done.stderr
