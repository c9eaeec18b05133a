"""What clients of each dialect count on without having configured anything."""
import os
import subprocess

import pytest
from conftest import BINARY


@pytest.mark.parametrize("option, value", [
    ("codeengine_timeout", 30000), ("codeengine_memory", 50 << 20), ("codeengine_jobs", 10), ("codeengine_cpu_share", 50),
    ("dispatch_timeout", 5000), ("exec_timeout", 20000), ("exec_memory", 100 << 20)])
def test_limits(option, value):
    env = {name: text for name, text in os.environ.items() if not name.startswith(("CODERUNR_", "PISTON_", "RUNNER_"))}
    said = subprocess.run([BINARY, "config", option], env=env, capture_output=True, text=True, check=True, timeout=30)
    assert said.stdout == f"{value}\n"


def test_the_admin_routes_are_off(engine):
    assert engine.request("GET", "/v1/admin/logs", headers={"X-API-Key": ""}).status == 403
