"""Webhooks: whoever sends them dies, or nobody listens."""
import json
import time

from crew import SLOW, eventually
from receiver_support import Receiver


def told(crew, job_id, state, seconds=60):
    def ask():
        webhook = crew.get(job_id)["webhook"]
        return webhook if webhook["state"] == state else None
    return eventually(ask, seconds * SLOW, f"a webhook that is {state}")


def courier_dies(crew):
    """Between sending and writing down, or anywhere else: told at least once, always by the same delivery."""
    receiver = Receiver()
    try:
        ids = [crew.hand_in("true", webhook={"url": receiver.url("/ok")}) for _ in range(4)]
        crew.pause(0.3)
        crew.kill("courier")
        for job_id in ids:
            told(crew, job_id, "delivered")
        deliveries = {}
        for one in receiver.deliveries:
            job_id = json.loads(one.body)["job"]["id"]
            assert deliveries.setdefault(job_id, one.headers["webhook-id"]) == one.headers["webhook-id"]
        assert set(deliveries) == set(ids)
    finally:
        receiver.close()
    crew.settle()


def nobody_listens(crew):
    """Tried until the patience ends, which is shown; a job without a listener is a job like any other."""
    receiver = Receiver()
    url = receiver.url("/ok")
    receiver.close()
    job_id = crew.hand_in("true", webhook={"url": url})
    start = time.monotonic()
    crew.settle()
    webhook = told(crew, job_id, "failed")
    assert webhook["attempts"] >= 2, webhook
    assert time.monotonic() - start < 30 * SLOW
