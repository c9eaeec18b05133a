"""Rows of the abuse catalogue inside the root of an image: the same probes, the same words expected of them.

The image is the hostile one: its own /proc, /dev, /box and /tmp are links to somewhere else, and a setuid program lies in it.
"""
import base64
import json
import pathlib
import sys
import tempfile

import conftest
import pytest
from images_support import busybox_tree, device, file, link, pull, registry, write_manifest  # noqa: F401

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "abuse"))
import outside  # noqa: E402
import table  # noqa: E402

FILE = """language: {language}
title: The given program, in an image
image: {image}
any_file: true
version: {{ fixed: 1.0.0 }}
run: ["./{{main}}", "{{args}}"]
"""
IDS = ("FS-16 FS-19 FS-20 FS-21 FS-22 FS-24 FS-25 FS-26 FS-27 FS-28 FS-29 FS-31 FS-42 FS-43 FS-44 FS-45 "
       "NS-01 NS-02 NS-04 NS-05 NS-06 NS-07 NS-08 NS-13 NS-14 NS-19 NS-22 NS-24 NS-27 "
       "NW-02 NW-07 NW-08 NW-09 NW-10 NW-12").split()
ROWS = [row for row in table.ROWS if row.id in IDS]


@pytest.fixture(scope="module")
def attacked(registry, tmp_path_factory):
    probes = outside.build_probes(tmp_path_factory.mktemp("probes"), {row.probe for row in ROWS})
    with tempfile.TemporaryDirectory(prefix="coderunr-images-") as folder:
        data = pathlib.Path(folder)
        runtimes = data / "runtimes"
        runtimes.mkdir()
        canary = data / "canary"
        canary.write_text("of the host\n")
        canary.chmod(0o666)
        name = registry.push("attacked", busybox_tree(
            link("proc", "/"), link("dev", "/etc"), link("box", "../../.."), link("tmp", "/"), link("run", "/root"),
            link("out", "/"), link("up", "../../../.."), file("bin/setuid", b"#!/bin/sh\nid\n", 0o6755),
            device("bin/mem", 1, 1)))
        status, _, err = pull(data, name)
        assert status == 0, err
        write_manifest(runtimes, "probe", name, FILE)
        with conftest.engine_in(folder, runtimes_directory=runtimes, max_concurrent_jobs=2) as engine:
            engine.probes, engine.canary = probes, canary
            yield engine


def words(engine, row):
    known = {"{canary}": str(engine.canary), "{own}": str(engine.canary), "{folder}": str(engine.canary.parent),
             "{log}": str(engine.log_path)}
    return [known.get(word, word) for word in row.args]


@pytest.mark.parametrize("row", ROWS, ids=[row.id for row in ROWS])
def test_row(attacked, row):
    program = base64.b64encode(attacked.probes[row.probe].read_bytes()).decode()
    answer = attacked.execute("probe", [{"name": "probe", "content": program, "encoding": "base64"}],
                              args=words(attacked, row), stdin=row.stdin, **row.limits)
    assert answer.status == 200, answer
    run = answer.json()["run"]
    assert "ESCAPED" not in run["stdout"], json.dumps(run, indent=1)
    assert run["code"] != 99, run
    assert run["stdout"].strip() or run["status"], run
    assert attacked.canary.read_text() == "of the host\n"


def test_every_id_is_a_row():
    assert {row.id for row in ROWS} == set(IDS)
