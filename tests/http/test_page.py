"""The page at `/`: for browsers only, alone in what it may load, and able to do what it is there for."""
import base64
import hashlib
import json
import pathlib
import re
import shutil
import subprocess

import pytest

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
STAGE = pathlib.Path(__file__).with_name("page_stage.mjs")


@pytest.fixture(name="page", scope="module")
def fixture_page(engine):
    return engine.request("GET", "/", headers=BROWSER)


def test_c10_a_browser_gets_a_page(page):
    assert page.status == 200 and page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.body.startswith(b"<!doctype html>") and page.body.rstrip().endswith(b"</html>")


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "application/json, text/plain, */*"])
def test_other_clients_get_the_banner(engine, accept):
    answer = engine.request("GET", "/", headers={"Accept": accept} if accept else {})
    assert answer.status == 200 and list(answer.json()) == ["message"]


def test_head(engine, page):
    answer = engine.request("HEAD", "/", headers=BROWSER)
    assert answer.status == 200 and answer.body == b""
    assert answer.headers["content-length"] == str(len(page.body))


def test_nothing_is_loaded_from_anywhere(page):
    text = page.body.decode()
    assert not re.search(r"https?://|//cdn|@import|url\(", text)
    assert not re.search(r"<(link|script|img|iframe|object)[^>]*(src|href)=\"(?!data:)", text)
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
        assert word not in text, "what a program prints is text, never markup"


def test_the_policy_allows_what_is_there_and_no_more(page):
    policy = dict(part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'" and policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["form-action"] == policy["base-uri"] == "'none'"
    for tag, directive in (("script", "script-src"), ("style", "style-src")):
        found = re.findall(rf"<{tag}>(.*?)</{tag}>".encode(), page.body, re.S)
        hashes = [f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'" for text in found]
        assert policy[directive].split() == hashes and len(hashes) == 1
    assert not re.search(rb"\s(on\w+|style)=\"", page.body), "neither would be allowed"
    assert page.headers["x-content-type-options"] == "nosniff" and page.headers["referrer-policy"] == "no-referrer"


def test_its_parts_are_labelled(page):
    text = page.body.decode()
    ids = re.findall(r'\bid="(\w+)"', text)
    assert len(ids) == len(set(ids)) and '<html lang="en">' in text
    assert set(re.findall(r'part\("(\w+)"\)', text)) <= set(ids), "the script asks for what is there"
    for control in ("code", "stdin"):
        assert f'<label for="{control}">' in text


def play(engine, page, *steps):
    """The page's script in node, on a stage that has the page's parts and no browser; what is to be seen after @steps."""
    script = re.search(rb"<script>(.*?)</script>", page.body, re.S)[1].decode()
    ids = re.findall(r'<(\w+)[^>]*\bid="(\w+)"', page.body.decode())
    done = subprocess.run(["node", STAGE], input=json.dumps({"url": engine.url, "script": script, "ids": ids,
                                                             "steps": steps}),
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(name="node", scope="module")
def fixture_node(engine):
    if not shutil.which("node"):
        pytest.skip("no node on this machine")
    if not engine.has("python"):
        pytest.skip("no runtime for python on this machine")
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    if int(version[1:].split(".")[0]) < 18:
        pytest.skip(f"node {version.strip()} has no fetch")


def test_a_program_is_run(engine, page, node):
    seen = play(engine, page, ["set", "stdin", "you\n"], ["click", "run"])
    assert seen["language"]["value"].startswith("python ") and not seen["run"]["disabled"]
    assert seen["stdout"]["textContent"] == "Hello, you!\n" and seen["stderr"]["textContent"] == ""
    assert seen["verdict"] == {**seen["verdict"], "textContent": "the program ended well", "className": "good"}
    assert re.search(r"\d ms · \d+ ms of CPU · .*iB of memory", seen["usage"]["textContent"])
    assert seen["stop"]["hidden"] and seen["keyed"]["hidden"]


def test_markup_in_output_is_text(engine, page, node):
    seen = play(engine, page, ["set", "code", "print('<b>&amp;</b>'); raise SystemExit(3)"], ["click", "run"])
    assert seen["stdout"]["textContent"] == "<b>&amp;</b>\n"
    assert "exit code 3" in seen["verdict"]["textContent"] and seen["verdict"]["className"] == "bad"


def test_a_program_that_takes_too_long(engine, page, node):
    seen = play(engine, page, ["set", "code", "while True: pass"], ["click", "run"])
    assert "took too long" in seen["verdict"]["textContent"] or "SIGKILL" in seen["verdict"]["textContent"]


def test_a_compiler_that_refuses(engine, page, node):
    if not engine.has("c"):
        pytest.skip("no runtime for c on this machine")
    seen = play(engine, page, ["pick", "language", "c "], ["set", "code", "int main(void) { return x; }"],
                ["click", "run"])
    assert not seen["compiled"]["hidden"] and "error" in seen["compile"]["textContent"]
    assert seen["verdict"]["textContent"].startswith("the compiler ended with exit code 1")


def test_a_sample_gives_way_and_a_program_of_ones_own_does_not(engine, page, node):
    if not engine.has("bash"):
        pytest.skip("no runtime for bash on this machine")
    seen = play(engine, page, ["pick", "language", "bash "])
    assert seen["code"]["value"] == "echo 'Hello, world!'\n"
    seen = play(engine, page, ["set", "code", "mine"], ["pick", "language", "bash "])
    assert seen["code"]["value"] == "mine"


def test_stop_ends_the_job(engine, page, node):
    seen = play(engine, page, ["set", "code", "import time; time.sleep(2.5)"], ["start", "run"], ["click", "stop"])
    assert seen["verdict"]["textContent"] == "stopped"


def test_refusals_are_shown(engine, page, node):
    seen = play(engine, page, ["set", "code", "x" * (65 * 1024 * 1024)], ["click", "run"])
    assert seen["verdict"]["className"] == "bad" and seen["verdict"]["textContent"] not in ("", "running …")
