"""Processes that die: front, runner, ledger, keepers, the first process of a box."""
import json
import os
import socket
import threading
import time

import crew as crews
from crew import KEEPER, SLOW, UNSURE, eventually, jobs, send


def burst(crew, n=4, text="sleep 0.0$((RANDOM % 9))"):
    return [crew.hand_in(text) for _ in range(n)]


def front_within_a_body(crew):
    job = jobs.program("echo once")
    key = f"half-{crew.chance.random()}"
    body = json.dumps(job).encode()
    head = (f"POST /v3/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nIdempotency-Key: {key}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode()
    with socket.create_connection((crew.engine.host, crew.engine.port)) as sock:
        sock.settimeout(2)
        sock.sendall((head + body)[:crew.chance.randrange(1, len(head + body))])
        crew.pause(0.02)
        crew.kill("front")
        try:
            answer = sock.recv(1000)
            assert answer[:11] in (b"", b"HTTP/1.1 40"), f"an answer to half a request: {answer}"
        except ConnectionResetError:
            pass
        except TimeoutError:
            pass  # the first had not accepted it yet: the next one did, and waits for the rest
    eventually(lambda: crew.try_job(job, key), 20, "202 for the same key")
    assert crew.try_job(job, key)
    listed = crew.ask("GET", "/v3/jobs?limit=10").json()["jobs"]
    assert len([one for one in listed if one["id"] == crew.taken[key]]) == 1
    eventually(lambda: crew.state(crew.taken.pop(key)) if key in crew.taken else True, 20, "the job")
    crew.recover()
    crew.clean()


def answer_lost(crew, role):
    """A submission during which @role dies at some moment: whatever its client saw, its key means one job."""
    crew.count += 1
    key = f"lost-{os.getpid()}-{crew.count}-{crew.chance.random()}"
    job = jobs.program("cat", tests=[{"stdin": key, "expected": key}])
    killer = threading.Timer(crew.chance.uniform(0, 0.006), crew.kill, (role,))
    killer.start()
    for _ in range(20):
        crew.try_job(job, f"{key}-{crew.chance.randrange(5)}")
    killer.join()
    for i in range(5):
        eventually(lambda name=f"{key}-{i}": crew.try_job(job, name), 20, "202 for the same key")
    crew.settle()


def front_before_its_answer(crew):
    answer_lost(crew, "front")


def ledger_before_its_answer(crew):
    answer_lost(crew, "ledger")


def front_under_a_stream(crew):
    ids = crew.batch(20, "sleep 0.0$((RANDOM % 9)); cat")
    batch = crew.get(ids[0])["batch"]
    seen, after = [], 0
    killer = threading.Timer(crew.chance.uniform(0, 0.5), crew.kill, ("front",))
    killer.start()
    deadline = time.monotonic() + 60
    while len(seen) < len(ids) and time.monotonic() < deadline:
        try:
            stream = jobs.Stream(crew.engine, f"/v3/batches/{batch}/events?after={after}", timeout=30)
            for event in stream:
                if "job" in event:
                    seen.append(event["job"]["id"])
                    after = event["job"]["ended_number"]
            stream.close()
        except UNSURE + (ValueError,):
            time.sleep(0.05)
    killer.join()
    assert sorted(seen) == sorted(ids), f"{len(seen)} results of {len(ids)}, {len(set(seen))} different"
    crew.settle()


def runner_with_a_lease(crew):
    burst(crew)
    crew.pause(0.06)
    crew.kill("runner")
    crew.settle()


def runner_while_a_box_is_made(crew):
    """A box is made when the one before has ended: right after a short program."""
    first = crew.hand_in("true")
    crew.ended(first)
    burst(crew, 2)
    crew.pause(0.015)
    crew.kill("runner")
    crew.settle()


def gone_within_a_second(program):
    eventually(lambda: not os.path.exists(f"/proc/{program}"), 1 * SLOW, "the end of the program")


def runner_under_a_program(crew):
    crew.hand_in("for ((i = 0; i < 200000; i++)); do :; done")
    _, _, program = crew.wait_for_program()
    crew.pause(0.1)
    crew.kill("runner")
    gone_within_a_second(program)
    crew.settle()


def before_the_commit(crew):
    burst(crew, 3, "sleep 0.05")
    crew.wait_for_program()
    crew.pause(0.1, 0.02)
    crew.kill("runner", "ledger")
    crew.settle()


def ledger_after_the_commit(crew):
    job_id = crew.hand_in("head -c 8 /dev/urandom | od -An -tx1 >&2")
    before = crew.ended(job_id)
    crew.pause(0.003)
    crew.kill("ledger")
    crew.recover()
    after = crew.get(job_id)
    assert crews.digest_of(before) == crews.digest_of(after) and before["attempts"] == after["attempts"]
    crew.settle()


def ledger_repeatedly(crew):
    for _ in range(3):
        burst(crew, 2)
        crew.pause(0.05)
        crew.kill("ledger")
    crew.settle()


def keepers(crew):
    burst(crew, 4, "sleep 0.1")
    crew.pause(0.2)
    crew.kill(KEEPER)
    crew.settle()


def box_init(crew):
    crew.hand_in("sleep 0.3")
    _, init, _ = crew.wait_for_program()
    crew.pause(0.2)
    send([init])
    crew.settle()


def keeper_of_a_job(crew):
    crew.hand_in("sleep 0.3")
    keeper, _, program = crew.wait_for_program()
    crew.pause(0.2)
    send([keeper])
    gone_within_a_second(program)
    crew.settle()


def queue_lost(crew):
    """Started in the order of their acceptance, give or take what was under way."""
    ids = crew.batch(500)
    crew.pause(1.0)
    crew.kill("ledger")
    crew.recover()
    ended = [crew.ended(job_id) for job_id in ids]
    once = [job["started_ms"] for job in ended if job["attempts"] == 1]
    late = sum(1 for before, after in zip(once, once[1:]) if after < before - 1)
    assert late <= 2 * crews.SLOTS, f"{late} of {len(once)} started out of turn"
    crew.settle()


def poison(crew):
    """Its runner dies whenever it runs; jobs beside it are run."""
    bad = crew.hand_in("sleep 3")
    del crew.taken[next(key for key, job_id in crew.taken.items() if job_id == bad)]
    deadline = time.monotonic() + 90
    while (job := crew.get(bad))["state"] not in jobs.ENDED:
        assert time.monotonic() < deadline, f"not given up: {job}"
        if any(crews.comm_of(program) for _, _, program in crew.programs()):
            crew.kill("runner")
            time.sleep(0.3)
        time.sleep(0.05)
    assert (job["state"], job["verdict"]) == ("failed", "engine") and "attempts" in job["message"], job
    burst(crew)
    crew.settle()
