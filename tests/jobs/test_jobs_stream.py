"""Streams of results: as they come, resumable, in both forms."""
import json
import time

from jobs_support import Stream, accepted, get, program, submit_batch

TESTS = [{"stdin": str(i), "expected": str(i)} for i in range(12)]


def test_outcomes_come_as_they_finish(engine):
    job_id = accepted(engine, program("sleep 0.3; cat", tests=TESTS, parallel=2))
    stamps, numbers = [], []
    for event in Stream(engine, f"/v3/jobs/{job_id}/events"):
        stamps.append(time.monotonic())
        if "outcome" in event:
            numbers.append(event["outcome"]["number"])
        last = event
    assert numbers == list(range(1, 13))
    assert last["end"]["state"] == "done" and last["end"]["tests"]["passed"] == 12
    assert stamps[-1] - stamps[0] > 0.6, "all at once is no stream"


def test_a_stream_goes_on_where_it_was_cut(engine):
    job_id = accepted(engine, program("sleep 0.1; cat", tests=TESTS))
    seen, after = [], 0
    for _ in range(50):
        stream = Stream(engine, f"/v3/jobs/{job_id}/events?after={after}")
        for event in stream:
            if "end" in event:
                break
            seen.append(event["outcome"]["number"])
            after = seen[-1]
            if len(seen) % 3 == 0:
                event = None
                break
        stream.close()
        if event and "end" in event:
            break
    assert seen == list(range(1, 13))


def test_server_sent_events(engine):
    job_id = accepted(engine, program("cat", tests=TESTS[:4]))
    get(engine, job_id, wait=30)
    stream = Stream(engine, f"/v3/jobs/{job_id}/events",
                    {"Accept": "text/event-stream", "Last-Event-ID": "2"})
    assert stream.answer.getheader("Content-Type") == "text/event-stream"
    events = "".join(stream.lines()).strip().split("\n\n")
    assert len(events) == 3
    first = dict(line.split(": ", 1) for line in events[0].split("\n"))
    assert (first["id"], first["event"]) == ("3", "outcome") and json.loads(first["data"])["number"] == 3
    last = dict(line.split(": ", 1) for line in events[-1].split("\n"))
    assert last["event"] == "end" and json.loads(last["data"])["id"] == job_id


def test_a_batch_as_its_jobs_end(engine):
    batch = submit_batch(engine, [program("cat", stdin=str(i), tag=str(i)) for i in range(30)]).json()
    jobs = []
    for event in Stream(engine, f"/v3/batches/{batch['batch']}/events?outcomes=1"):
        if "end" in event:
            break
        jobs.append(event["job"])
    assert {job["id"] for job in jobs} == {job["id"] for job in batch["jobs"]}
    assert all(job["outcomes"][0]["stdout"] == job["request"]["tag"] for job in jobs)
    numbers = [job["ended_number"] for job in jobs]
    assert numbers == sorted(numbers)
    rest = [event for event in Stream(engine, f"/v3/batches/{batch['batch']}/events?after={numbers[9]}")]
    assert [event["job"]["ended_number"] for event in rest[:-1]] == numbers[10:]


def test_everything_that_ends(engine):
    stream = Stream(engine, "/v3/events")
    job_id = accepted(engine, program("echo seen"))
    for event in stream:
        if event["job"]["id"] == job_id:
            break
    stream.close()
    assert event["job"]["state"] == "done"


def test_large_outputs_through_a_slow_reader(engine):
    job_id = accepted(engine, program("head -c 900000 /dev/zero | tr '\\0' x",
                                      tests=[{"stdin": str(i)} for i in range(12)]))
    total = 0
    for event in Stream(engine, f"/v3/jobs/{job_id}/events"):
        if "outcome" in event:
            total += len(event["outcome"]["stdout"])
            time.sleep(0.05)
    assert total == 12 * 900000


def test_heads_of_streams_end(engine):
    job_id = accepted(engine, program("sleep 1"))
    assert engine.request("HEAD", f"/v3/jobs/{job_id}/events", timeout=5).status == 200


def test_a_stream_does_not_hold_up_the_end(start_engine):
    engine = start_engine()
    stream = Stream(engine, "/v3/events")
    started = time.monotonic()
    assert engine.stop() == 0
    assert time.monotonic() - started < 10
    stream.close()
