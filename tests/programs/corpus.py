"""The corpus: <language>.yaml files of small programs with what they must do.

language: python
tasks:                  # solutions of tasks.yaml: stdin and stdout stand there
  sum:
    source: |
programs:
  name:
    stdin: text         # default: nothing; stdin_repeat: [text, times] for more
    args: [words]
    stdout: text        # default: nothing; or stdout_sha256 where it is long
    code: 7             # default 0
    signal: SIGSEGV     # ended by this signal: code 128 + n, or none
    stderr: text        # has to be part of stderr; without this key stderr has to be empty
    output: text        # has to be part of what the stage wrote
    compile_fails: true
    source: |
"""
import hashlib
import pathlib
import signal

import yaml

FOLDER = pathlib.Path(__file__).resolve().parent
RUNTIMES = FOLDER.parent.parent / "runtimes"


def load(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def programs():
    """(language, name, program), tasks filled in."""
    tasks = load(FOLDER / "tasks.yaml")
    for path in sorted(FOLDER.glob("*.yaml")):
        if path.name == "tasks.yaml":
            continue
        corpus = load(path)
        for name, program in corpus.get("tasks", {}).items():
            yield corpus["language"], name, {**tasks[name], **program}
        for name, program in corpus.get("programs", {}).items():
            yield corpus["language"], name, program


def stdin_of(program):
    if "stdin_repeat" in program:
        text, times = program["stdin_repeat"]
        return text * times
    return program.get("stdin", "")


def exit_is_right(program, stage):
    if "signal" in program:
        number = getattr(signal, program["signal"])
        return stage["code"] == 128 + number or stage["signal"] == program["signal"]
    code = program.get("code", 0)
    return stage["code"] == code or (stage["signal"] and code == 128 + getattr(signal, stage["signal"]))


def faults(program, answer):
    """What is wrong with an answer, as sentences."""
    run = answer["run"]
    if program.get("compile_fails"):
        compiled = answer["compile"]
        if compiled["code"] == 0:
            yield "it compiled"
        if run["code"] == 0:
            yield "it ran"
        run = compiled
    else:
        if answer.get("compile", {"code": 0})["code"] != 0:
            yield "it did not compile"
        if not exit_is_right(program, run):
            yield "it ended otherwise"
        if "stdout_sha256" in program:
            if hashlib.sha256(run["stdout"].encode()).hexdigest() != program["stdout_sha256"]:
                yield "stdout is another"
        elif run["stdout"] != program.get("stdout", ""):
            yield "stdout is another"
        if "stderr" not in program and run["stderr"] != "":
            yield "stderr is not empty"
    if program.get("stderr", "") not in run["stderr"]:
        yield "stderr lacks what it must say"
    if program.get("output", "") not in run["output"]:
        yield "output lacks what it must say"


def show(answer):
    lines = []
    for name in ("compile", "run"):
        stage = answer.get(name)
        if stage:
            lines.append(f"{name}: code={stage['code']} signal={stage['signal']} message={stage.get('message')}")
            lines += [f"{stream}: {stage[stream][-1500:]!r}" for stream in ("stdout", "stderr")]
    return "\n".join(lines)
