"""The file of API keys as an operator makes it, and callers who have one."""
import json
import subprocess

from conftest import BINARY

JSON = {"Content-Type": "application/json"}


class Ring:
    """A file of keys, and the secrets that were told when it was made."""

    def __init__(self, folder):
        self.path = folder / "keys.yaml"
        self.secrets = {}

    def command(self, *words, status=0, **options):
        done = subprocess.run([BINARY, "key", *words, f"--keys-file={self.path}"], capture_output=True, text=True,
                              check=False, **options)
        assert done.returncode == status, done
        return done

    def new(self, name, *scopes, **options):
        words = [f"--scope={scope}" for scope in scopes] + [f"--{key}={value}" for key, value in options.items()]
        self.secrets[name] = self.command("new", name, *words).stdout.strip()
        return self.secrets[name]

    def headers(self, name, **more):
        return {**JSON, "X-API-Key": self.secrets.get(name, name), **more}


def submit(engine, headers, **job):
    """POST /v3/jobs of one job; its id."""
    job = {"language": "python", "files": [{"content": "print(1)"}], **job}
    answer = engine.request("POST", "/v3/jobs", json.dumps(job), headers)
    assert answer.status == 202, answer
    return answer.json()["id"]


def execute(engine, headers, code="print(1)"):
    body = {"language": "python", "version": "*", "files": [{"content": code}]}
    return engine.request("POST", "/api/v2/execute", json.dumps(body), headers)
