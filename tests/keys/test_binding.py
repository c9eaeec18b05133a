"""Who may start an engine that others can reach: with keys, or by saying that anybody may use it."""
import os
import subprocess

import pytest
from conftest import BINARY, free_port
from keys_support import Ring


def start(tmp_path, *words, **env):
    """The end of an engine that does not start, or None for one that did and was ended."""
    bare = {name: value for name, value in os.environ.items()
            if not name.startswith(("CODERUNR_", "PISTON_", "RUNNER_")) or name == "CODERUNR_CGROUP_PARENT"}
    process = subprocess.Popen([BINARY, "serve", f"--data-directory={tmp_path / 'data'}", "--max-concurrent-jobs=1",
                                *words], env={**bare, **env}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True)
    said = ""
    for line in process.stderr:
        said += line
        if "serving on" in line:
            process.terminate()
    return process.wait(60), said


@pytest.mark.parametrize("address", ["0.0.0.0", "", "[::]", "127.0.0.1:{port},0.0.0.0"])
def test_without_keys_only_this_machine(tmp_path, address):
    port = free_port()
    status, said = start(tmp_path, f"--bind-address={address.format(port=port)}:{free_port()}")
    assert status == 1, said
    assert "--anonymous" in said and "keys_file" in said and said.count("\n") == 1


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2", "[::1]", "localhost"])
def test_this_machine_needs_no_keys(tmp_path, address):
    status, said = start(tmp_path, f"--bind-address={address}:{free_port()}")
    assert status == 0 and "API key" not in said, said


@pytest.mark.parametrize("words,env", [
    (["--anonymous"], {"CODERUNR_BIND_ADDRESS": "0.0.0.0:{port}"}),
    ([], {"CODERUNR_BIND_ADDRESS": "0.0.0.0:{port}", "CODERUNR_ANONYMOUS": "true"}),
    ([], {"PISTON_BIND_ADDRESS": "0.0.0.0:{port}"}),
    ([], {"PORT": "0.0.0.0:{port}"}),
])
def test_who_says_so_serves_everybody_and_is_warned(tmp_path, words, env):
    env = {name: value.format(port=free_port()) for name, value in env.items()}
    status, said = start(tmp_path, *words, **env)
    assert status == 0 and said.count("whoever can connect to") == 1, said


def test_piston_words_can_be_overruled(tmp_path):
    status, said = start(tmp_path, PISTON_BIND_ADDRESS=f"0.0.0.0:{free_port()}", CODERUNR_ANONYMOUS="false")
    assert status == 1 and "without API keys" in said


def test_with_keys_anywhere(tmp_path):
    ring = Ring(tmp_path)
    ring.new("a")
    status, said = start(tmp_path, f"--bind-address=0.0.0.0:{free_port()}", f"--keys-file={ring.path}")
    assert status == 0 and "whoever" not in said, said


@pytest.mark.parametrize("text,sentence", [
    (None, "coderunr key new NAME makes it"),
    ("a:\n  scopes: [jobs]\n", "a: has no hash"),
    ("a: {hash: x", "keys.yaml"),
])
def test_a_file_that_cannot_be_read_stops_the_start(tmp_path, text, sentence):
    path = tmp_path / "keys.yaml"
    if text is not None:
        path.write_text(text)
    status, said = start(tmp_path, f"--bind-address=127.0.0.1:{free_port()}", f"--keys-file={path}")
    assert status == 1 and sentence in said and said.count("\n") == 1, said


def test_a_folder_is_no_file(tmp_path):
    status, said = start(tmp_path, f"--bind-address=127.0.0.1:{free_port()}", f"--keys-file={tmp_path}")
    assert status == 1 and "is no file" in said
