"""Piston's sessions over WebSocket, case by case."""
import asyncio
import pathlib
import sys

import pytest
from conformance_support import LABELS, Case, judge, rows

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "websocket"))
from ws_support import Session, init, output, stdin, talk  # noqa: E402

SLEEP = "import time; time.sleep(2.5)"
READY = "print('ready', flush=True)\n"
CLOSED = {"closed": (4999, "Job Completed")}


@pytest.fixture(scope="module")
def piston(start_engine):
    return start_engine(output_max_size=1024, websocket_dialect="piston")


def seen(events, closed):
    return {"types": [event["type"] for event in events], "events": events, "closed": closed, "stdout": "".join(output(events)),
            "last": events[-1] if events else None,
            "error": next((event["message"] for event in events if event["type"] == "error"), None)}


def say(*messages):
    return lambda engine: seen(*talk(engine, *messages))


def dialogue(first, until, then):
    """Say @first, hear up to an event of the type @until, say @then."""
    async def run(engine):
        async with Session(engine) as session:
            await session.say(first)
            heard = await session.hear_until(until)
            await session.say(*then)
            rest, closed = await session.hear_all()
            return seen(heard + rest, closed)
    return lambda engine: asyncio.run(run(engine))


def ending(code, signal, stage="run"):
    return {"last": {"type": "exit", "stage": stage, "code": code, "signal": signal}}


def signal(name):
    return {"type": "signal", "signal": name}


NAMES = (["SIGHUP", "SIGUSR1", "SIGSTKFLT", "SIGIO", "SIGPWR", "SIGSYS", "SIGRTMIN", "SIGRTMIN+1", "SIGRTMIN+15", "SIGRTMAX-14",
          "SIGRTMAX"])

CASES = [
    Case("order", say(init("python", "print(1)")), {**CLOSED, **ending(0, None), "types": ["runtime", "stage", "data", "exit"]}),
    Case("both stages", say(init("c", "int main(void) { return 3; }")),
         {**CLOSED, **ending(3, None), "types": ["runtime", "stage", "exit", "stage", "exit"]}),
    Case("does not compile", say(init("c", "int main(")), {**CLOSED, **ending(1, None, "compile")}),
    Case("data is raw", say(init("python", "print('a\\r\\nb', end='')")), {**CLOSED, "stdout": "a\r\nb"}),
    Case("exit says no more", say(init("python", "print(1)")), {"last": lambda event: set(event) == {
        "type", "stage", "code", "signal"}}),
    Case("wall clock", say(init("python", SLEEP, run_timeout=300)), {**CLOSED, **ending(None, "SIGKILL")}),
    Case("stdin of an init is not read", dialogue(init("python", "print(input())", stdin="no\n"), "stage", [stdin("yes\n")]),
         {**CLOSED, "stdout": "yes\n"}),
    Case("stdin", dialogue(init("python", READY + "print(input())"), "data", [stdin("a"), stdin("b\n")]),
         {**CLOSED, "stdout": "ready\nab\n"}),
    Case("two inits", say(init("python", SLEEP), init("python", SLEEP)), {"closed": (4000, "Already Initialized")}),
    Case("no init", say(), {"closed": (4001, "Initialization Timeout"), "types": []}),
    Case("data before init", say(stdin("x")), {"closed": (4003, "Not yet initialized")}),
    Case("signal before init", say(signal("SIGTERM")), {"closed": (4003, "Not yet initialized")}),
    Case("another stream", dialogue(init("python", SLEEP), "stage", [{"type": "data", "stream": "stdout", "data": "x"}]),
         {"closed": (4004, "Can only write to stdin")}),
    Case("no signal", dialogue(init("python", SLEEP), "stage", [signal("SIGFOO")]), {"closed": (4005, "Invalid signal")}),
    Case("unknown types", say({"type": "fly"}, init("python", "print(1)"), {"type": "fly"}), {**CLOSED, "stdout": "1\n"}),
    Case("unknown language", say(init("nope", "")),
         {"closed": (4002, "Notified Error"), "error": "nope-* runtime is unknown", "types": ["error"]}),
    Case("no language", say({"type": "init"}), {"closed": (4002, "Notified Error"), "error": "language is required as a string"}),
    Case("limit too high", say(init("python", "", run_timeout=3001)),
         {"closed": (4002, "Notified Error"), "error": "run_timeout cannot exceed the configured limit of 3000"}),
    Case("no JSON", say("{"), {"closed": (4002, "Notified Error"), "error": lambda text: "in JSON at position" in text}, "json-errors",
         {"closed": (4002, "Notified Error"), "error": lambda text: text and "position" not in text}),
    Case("name that escapes", say(init("python", [{"name": "../x", "content": ""}])),
         {"closed": (4002, "Notified Error"), "error": lambda text: "tries to escape parent directory" in text}, "names",
         {"closed": (4002, "Notified Error"), "error": lambda text: "../x" in text or "name" in text}),
    Case("data at once", say(init("python", "print(input())"), stdin("x\n")), {"closed": (4003, "Not yet initialized")},
         "ws-early-data", {**CLOSED, "stdout": "x\n"}),
    Case("signal", dialogue(init("python", READY + SLEEP), "data", [signal("SIGTERM")]), ending(0, None), "ws-signals",
         {**CLOSED, **ending(None, "SIGTERM")}),
    Case("end of stdin", dialogue(init("python", READY + "import sys; print(len(sys.stdin.read()))", run_timeout=1000), "data",
                                  [stdin("abc"), {"type": "eof"}]), ending(None, "SIGKILL"), "ws-eof",
         {**CLOSED, **ending(0, None), "stdout": "ready\n3\n"}),
    Case("stdin without an end", say(init("python", "import sys; sys.stdin.read()", run_timeout=500)),
         {**CLOSED, **ending(None, "SIGKILL")}),
    Case("output over the limit", say(init("python", "print('a' * 5000)")), {**ending(0, None), "stdout": "a" * 5000 + "\n"},
         "ws-output-limit", {**CLOSED, **ending(None, "SIGKILL"), "stdout": "a" * 1024}),
] + [Case(f"name {name}", dialogue(init("python", READY + "import signal, time\ntime.sleep(0.2)"), "data", [signal(name)]),
          {"closed": (4999, "Job Completed")}) for name in NAMES]


@rows(CASES)
def test_case(piston, need, case):
    need("python", "c")
    judge(case, case.ask(piston))


def test_every_row_of_the_page_has_a_case():
    from test_piston_http import ACCEPTED, ENDINGS, REFUSALS, SURFACE, SURROUNDINGS, VERSIONS
    cases = CASES + SURFACE + REFUSALS + ACCEPTED + VERSIONS + ENDINGS + SURROUNDINGS
    assert {case.label for case in cases if case.label} == set(LABELS)
    assert len(cases) - len(CASES) >= 95 and len(CASES) >= 20
