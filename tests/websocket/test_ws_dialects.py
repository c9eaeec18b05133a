"""/api/v2/connect in CodeRunr's words and in Piston's: events, their order, and how it ends."""
import asyncio
import json
import time

import pytest
from ws_support import Session, init, output, stdin, talk

HELLO = "print('Hello WebSocket!')"
SLEEP = "import time\ntime.sleep(2.5)"
DIALECTS = ["coderunr", "piston"]


def payload(message):
    fields = {key: value for key, value in message.items() if key != "type"}
    return {"type": "init", "payload": fields}


@pytest.mark.parametrize("message", [init("python", HELLO), payload(init("python", HELLO))],
                         ids=["fields", "payload"])
def test_coderunr_order(engine, need, message):
    need("python")
    events, closed = talk(engine, message)
    version = events[0].pop("version")
    assert version.startswith("3.")
    assert events == [
        {"type": "runtime", "language": "python"},
        {"type": "init_ack"},
        {"type": "stage_start", "stage": "run"},
        {"type": "data", "stream": "stdout", "data": "Hello WebSocket!"},
        {"type": "stage_end", "stage": "run", "code": 0},
    ]
    assert closed == (4999, "Job Completed")


@pytest.mark.parametrize("where", [{"dialect": "piston"}, {"path": "/api/v2/piston/connect"}], ids=["query", "path"])
def test_piston_order(engine, need, where):
    need("python")
    events, closed = talk(engine, init("python", HELLO), **where)
    assert events.pop(0)["type"] == "runtime"
    assert events == [
        {"type": "stage", "stage": "run"},
        {"type": "data", "stream": "stdout", "data": "Hello WebSocket!\n"},
        {"type": "exit", "stage": "run", "code": 0, "signal": None},
    ]
    assert closed == (4999, "Job Completed")


@pytest.mark.parametrize("dialect,kinds", [
    ("coderunr", ["runtime", "init_ack", "stage_start", "stage_end", "stage_start", "data", "stage_end"]),
    ("piston", ["runtime", "stage", "exit", "stage", "data", "exit"]),
], ids=DIALECTS)
def test_both_stages(engine, need, dialect, kinds):
    need("c")
    source = "#include <stdio.h>\nint main(void) { puts(\"hi\"); return 3; }"
    events, closed = talk(engine, init("c", source), dialect=dialect)
    assert [event["type"] for event in events] == kinds
    assert [event["stage"] for event in events if "stage" in event] == ["compile", "compile", "run", "run"]
    assert events[-1]["code"] == 3
    assert closed == (4999, "Job Completed")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_failed_compile_has_no_run(engine, need, dialect):
    need("c")
    events, closed = talk(engine, init("c", "int main( {"), dialect=dialect)
    assert "error" in "".join(output(events, "stderr"))
    assert "run" not in [event.get("stage") for event in events]
    assert events[-1]["stage"] == "compile"
    assert events[-1]["code"] == 1
    assert closed == (4999, "Job Completed")


def test_syntax_error(engine, need):
    need("python")
    events, closed = talk(engine, init("python", "print("))
    assert events[-1]["type"] == "stage_end"
    assert events[-1]["code"] != 0
    assert "SyntaxError" in "\n".join(output(events, "stderr"))
    assert closed == (4999, "Job Completed")


def test_timeout(engine, need):
    need("python")
    message = init("python", "print('before', flush=True)\nwhile True: pass", run_timeout=300)
    events, _ = talk(engine, message, dialect="piston")
    assert output(events) == ["before\n"]
    assert events[-1] == {"type": "exit", "stage": "run", "code": None, "signal": "SIGKILL"}
    events, _ = talk(engine, message)
    assert output(events) == ["before"]
    assert events[-1]["code"] == -1, "no program that was killed ended well"


def test_limits_cannot_be_lifted(engine, need):
    need("python")
    events, closed = talk(engine, init("python", HELLO, run_timeout=9000), dialect="piston")
    assert events == [{"type": "error", "message": "run_timeout cannot exceed the configured limit of 3000"}]
    assert closed == (4002, "Notified Error")


def test_output_limit(own_engine):
    engine = own_engine(run_output_max_size=1024)
    message = init("python", "for i in range(100): print('X' * 100, flush=True)")
    events, closed = talk(engine, message)
    assert events[-2] == {"type": "error", "message": "output limit exceeded", "error": "output limit exceeded"}
    assert events[-1]["type"] == "stage_end"
    assert events[-1]["code"] != 0
    assert closed == (4999, "Job Completed")
    lines = output(events)
    assert len("".join(line + "\n" for line in lines[:-1]) + lines[-1]) == 1024
    events, closed = talk(engine, message, dialect="piston")
    assert len("".join(output(events))) == 1024
    assert events[-1] == {"type": "exit", "stage": "run", "code": None, "signal": "SIGKILL"}


REFUSALS = [
    ({"type": "init"}, "language is required", "language is required as a string"),
    ({"type": "init", "language": "python"}, "version is required", "version is required as a string"),
    ({"type": "init", "language": "python", "version": "*"}, "files array is required",
     "files is required as an array"),
    (init("python", []), "files array is required", "files must include at least one utf8 encoded file"),
    (init("python", [{"name": "x"}]), "files[].content must be string", "files[0].content is required as a string"),
    (init("klingon", "x"), "Runtime not found: klingon-*", "klingon-* runtime is unknown"),
]


@pytest.mark.parametrize("message,coderunr,piston", REFUSALS, ids=[row[1] + f" {i}" for i, row in enumerate(REFUSALS)])
def test_refused_init(engine, need, message, coderunr, piston):
    """WS-18."""
    need("python")
    events, closed = talk(engine, message, dialect="piston")
    assert events == [{"type": "error", "message": piston}]
    assert closed == (4002, "Notified Error")
    events, closed = talk(engine, message, init("python", HELLO))
    assert events[0] == {"type": "error", "message": coderunr, "error": coderunr}
    assert [event["type"] for event in events[1:4]] == ["runtime", "init_ack", "stage_start"], "it may try again"
    assert closed == (4999, "Job Completed")


def test_file_that_escapes(engine, need):
    need("python")
    events, closed = talk(engine, init("python", [{"name": "../x", "content": ""}]), dialect="piston")
    assert events[0]["type"] == "error"
    assert closed == (4002, "Notified Error")


TOO_EARLY = (4003, "Not yet initialized")
CLOSES = [
    ([init("python", SLEEP), init("python", SLEEP)], (4000, "Already Initialized")),
    ([stdin("x")], TOO_EARLY),
    ([{"type": "signal", "signal": "SIGTERM"}], TOO_EARLY),
    ([{"type": "eof"}], TOO_EARLY),
    ([init("python", SLEEP), {"type": "data", "stream": "stdout", "data": "x"}], (4004, "Can only write to stdin")),
    ([init("python", SLEEP), {"type": "data", "data": "x"}], (4004, "Can only write to stdin")),
    ([init("python", SLEEP), {"type": "signal", "signal": "SIGFOO"}], (4005, "Invalid signal")),
    ([init("python", SLEEP), {"type": "signal", "signal": 9}], (4005, "Invalid signal")),
    ([init("python", SLEEP), {"type": "signal"}], (4005, "Invalid signal")),
]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("messages,closed", CLOSES, ids=[f"{row[1][0]} {i}" for i, row in enumerate(CLOSES)])
def test_closes(engine, need, dialect, messages, closed):
    """WS-18 and, of signals, WS-22."""
    need("python")
    events, was = talk(engine, *messages, dialect=dialect)
    assert was == closed
    assert "error" not in [event["type"] for event in events]


@pytest.mark.parametrize("dialect,seconds", [("coderunr", 5), ("piston", 1)], ids=DIALECTS)
def test_init_that_does_not_come(engine, dialect, seconds):
    """WS-17."""
    start = time.monotonic()
    events, closed = talk(engine, dialect=dialect)
    assert seconds - 0.1 <= time.monotonic() - start <= seconds + 2
    assert closed == (4001, "Initialization Timeout")
    assert [event["message"] for event in events] == (["Initialization timeout"] if dialect == "coderunr" else [])


@pytest.mark.parametrize("text", ["{", "", "nope", '{"type":"init"', "[" * 100000, '{"a":"\\ud800"}', '{"a":1,"a":2}'],
                         ids=range(7))
def test_no_json(engine, text):
    """WS-18."""
    events, closed = talk(engine, text)
    assert [event["message"] for event in events] == ["Invalid message JSON"]
    assert closed == (1000, "Connection closed")
    events, closed = talk(engine, text, dialect="piston")
    assert [event["type"] for event in events] == ["error"]
    assert closed == (4002, "Notified Error")


def test_other_messages(engine, need):
    need("python")
    others = ["[]", "5", "null", '"init"', '{"type":5}', {"type": "bogus"}, {}]
    events, closed = talk(engine, *others, init("python", HELLO))
    assert [event["message"] for event in events[:7]] == ["Invalid message fields"] * 5 + [
        "Unknown message type: bogus", "Unknown message type: "]
    assert closed == (4999, "Job Completed")
    events, closed = talk(engine, *others, init("python", HELLO), dialect="piston")
    assert [event["type"] for event in events] == ["runtime", "stage", "data", "exit"]


def test_dialect_option(own_engine, engine):
    piston = own_engine(websocket_dialect="piston")
    events, _ = talk(piston, init("python", HELLO))
    assert [event["type"] for event in events] == ["runtime", "stage", "data", "exit"]
    events, _ = talk(piston, init("python", HELLO), dialect="coderunr")
    assert events[1] == {"type": "init_ack"}
    answer = engine.request("GET", "/api/v2/connect?dialect=klingon")
    assert answer.status == 400


def test_binary_messages_are_read(engine, need):
    need("python")
    events, closed = talk(engine, json.dumps(init("python", HELLO)).encode())
    assert closed == (4999, "Job Completed")


def test_prompt_without_newline_is_sent(engine, need):
    need("python")

    async def run():
        async with Session(engine) as session:
            await session.say(init("python", "print('name? ', end='', flush=True)\nprint('hi', input())"))
            events = await session.hear_until("data")
            assert events[-1] == {"type": "data", "stream": "stdout", "data": "name? ", "partial": True}
            await session.say(stdin("you\n"))
            events, closed = await session.hear_all()
            assert output(events) == ["hi you"]
            assert closed == (4999, "Job Completed")
    asyncio.run(run())


def test_characters_stay_whole(engine, need):
    need("python")
    program = ("import os, time\n"
               "for byte in 'aé€😀'.encode() + b'\\xff\\n': os.write(1, bytes([byte])); time.sleep(0.01)")
    for dialect in DIALECTS:
        events, _ = talk(engine, init("python", program), dialect=dialect)
        assert "".join(output(events)).rstrip("\n") == "aé€😀\ufffd"
