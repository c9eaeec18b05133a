"""The self test of every manifest, on each installed version; the first thirteen languages have to be there."""
import corpus
import pytest

FIRST = ["c", "c++", "python", "javascript", "typescript", "go", "java", "rust", "ruby", "perl", "php", "lua", "bash"]
MANIFESTS = [corpus.load(path) for path in sorted(corpus.RUNTIMES.glob("*.yaml"))]
BY_LANGUAGE = {}
for manifest in MANIFESTS:
    BY_LANGUAGE.setdefault(manifest["language"], []).append(manifest)


def run_self_test(engine, manifest, version):
    test = manifest["self_test"]
    file = {"content": test["source"]}
    if "name" in test:
        file["name"] = test["name"]
    return engine.execute(manifest["language"], [file], version=version, stdin=test.get("stdin", ""))


@pytest.mark.parametrize("language", BY_LANGUAGE)
def test_self_test(engine, language):
    versions = [row["version"] for row in engine.runtimes() if row["language"] == language]
    if not versions and language in FIRST:
        pytest.fail(f"{language} is not installed: apt-get install -y {' '.join(BY_LANGUAGE[language][0]['apt'])}")
    if not versions:
        pytest.skip(f"{language} is not installed")
    test = BY_LANGUAGE[language][0]
    for version in versions:
        answer = run_self_test(engine, test, version)
        assert answer.status == 200, answer
        assert not list(corpus.faults(test["self_test"], answer.json())), f"{version}\n{corpus.show(answer.json())}"


def test_aliases_are_those_of_the_manifests(engine):
    for row in engine.runtimes():
        assert row["aliases"] in [manifest.get("aliases", []) for manifest in BY_LANGUAGE[row["language"]]], row


def test_the_first_thirteen_have_manifests():
    assert set(FIRST) <= set(BY_LANGUAGE)
    assert all("self_test" in manifest for manifest in MANIFESTS)
