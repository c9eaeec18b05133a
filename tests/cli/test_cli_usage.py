"""Words: help, versions, and mistakes, each of which is one sentence and an exit status of its own."""
import pytest
from cli_support import coderunr, one_sentence  # noqa: F401 (fixtures)

COMMANDS = ["serve", "run", "worker", "runtimes", "config", "doctor", "execute", "list"]


def test_alone_lists_the_commands(coderunr):
    done = coderunr()
    assert done.returncode == 2
    for command in COMMANDS + ["version", "help"]:
        assert f"\n  {command} " in done.stdout


@pytest.mark.parametrize("words", [("help",), ("--help",), ("-h",)])
def test_help(coderunr, words):
    done = coderunr(*words)
    assert done.returncode == 0
    assert done.stdout.startswith("usage: coderunr COMMAND")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command(coderunr, command):
    done = coderunr(command, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"usage: coderunr {command}")
    assert done.stderr == ""
    assert coderunr("help", command).stdout == done.stdout


@pytest.mark.parametrize("words", [("version",), ("--version",)])
def test_version(coderunr, words):
    done = coderunr(*words)
    assert done.returncode == 0
    assert done.stdout.split()[0] == "coderunr"
    assert done.stdout.split()[1][0].isdigit()


@pytest.mark.parametrize("words, says", [
    (("fly",), "'fly'"),
    (("help", "fly"), "'fly'"),
    (("run",), "run needs a file"),
    (("run", "--fly", "x.py"), "--fly"),
    (("run", "-Z", "x.py"), "-Z"),
    (("run", "--time"), "--time needs a value"),
    (("run", "--json=yes", "x.py"), "--json takes no value"),
    (("run", "--bind-address=x", "x.py"), "coderunr serve"),
    (("run", "nothing.py"), "nothing.py: No such file"),
    (("runtimes", "more"), "'more'"),
    (("doctor", "more"), "'more'"),
    (("serve", "more"), "'more'"),
    (("worker",), "--dispatcher URL"),
    (("worker", "--dispatcher=http://localhost:1"), "--lang NAME"),
    (("worker", "--dispatcher=http://localhost:1", "--lang=c", "more"), "'more'"),
    (("worker", "--dispatcher=http://localhost:1", "--lang=c", "--engine=http://localhost:1"), "the same"),
    (("config", "one", "two"), "not 2"),
    (("config", "fly"), "'fly'"),
    (("execute",), "execute needs a language and a file"),
    (("execute", "python"), "execute needs a language and a file"),
    (("execute", "python", "nothing.py"), "nothing.py: No such file"),
    (("execute", "--run-timeout=soon", "python", "/dev/null"), "'soon' is not a time"),
    (("execute", "--output=xml", "python", "/dev/null"), "not 'xml'"),
    (("execute", "--bind-address=x", "python", "/dev/null"), "coderunr serve"),
    (("run", "python", "nothing.py"), "python: No such file"),
    (("list", "more"), "'more'"),
    (("-u", "http://127.0.0.1:1"), "no command behind -u"),
    (("-u", "http://127.0.0.1:1", "fly"), "'fly'"),
    (("package", "fly"), "'fly'"),
    (("package", "install"), "name of a package"),
    (("package", "install", "=3"), "'=3'"),
    (("package", "list", "one", "two"), "not 2"),
    (("package", "spec"), "one file"),
    (("package", "spec", "nothing"), "nothing: No such file"),
    (("package", "build"), "one folder"),
    (("package", "build", "nothing"), "nothing: No such file"),
])
def test_mistakes(coderunr, words, says):
    done = coderunr(*words)
    assert done.returncode == 2
    assert one_sentence(done.stderr)
    assert says in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("name", ["package", "pkg", "ppman"])
def test_actions_of_packages(coderunr, name):
    done = coderunr(name, "--help")
    assert done.returncode == 0
    for action in ("list", "install", "uninstall", "spec", "build"):
        assert f"\n  {action} " in done.stdout
        said = coderunr(name, action, "--help")
        assert said.returncode == 0
        assert said.stdout.startswith(f"usage: coderunr package {action}")
    assert coderunr(name).returncode == 2
