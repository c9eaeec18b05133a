"""The fault catalogue: a row is one fault, at one step in the life of a job, and what is expected of it.

Beyond what is written there everything of `crew.Crew.settle()` has to hold.  A row is done again and again, each time at another moment.
"""
import dataclasses
import typing

import deaths
import disks
import hooks
import peers
import whole


@dataclasses.dataclass(frozen=True)
class Row:
    id: str
    when: str
    fault: str
    expected: str
    play: typing.Callable
    flags: dict = dataclasses.field(default_factory=dict)
    own: bool = False    # the row starts its engines itself
    most: int = 20       # rounds that make sense: some take long and have no phase
    quick: bool = True   # part of the normal suite
    alone: bool = False  # it measures: nothing runs beside it


ROWS = (
    Row("FT-01", "s0", "the front dies within a request's body", "a reset; nothing, or the job of that key",
        deaths.front_within_a_body),
    Row("FT-02", "s2-s3", "the front dies between commit and 202", "the same key gives the same job",
        deaths.front_before_its_answer),
    Row("FT-03", "s8", "the front dies under a stream of results", "resumed after the last: each exactly once",
        deaths.front_under_a_stream),
    Row("FT-04", "s5", "the runner dies with a job just leased", "run to its end", deaths.runner_with_a_lease),
    Row("FT-05", "s6", "the runner dies while a box is made", "no half-made box; run to its end",
        deaths.runner_while_a_box_is_made),
    Row("FT-06", "s8", "the runner dies under a spinning program", "it is gone within a second; run again",
        deaths.runner_under_a_program),
    Row("FT-07", "s9", "runner and ledger die with a result not yet written", "one result", deaths.before_the_commit),
    Row("FT-08", "s10", "the ledger dies after the commit of a result", "the result stays, nothing is run again",
        deaths.ledger_after_the_commit),
    Row("FT-09", "s6, s8", "all keepers die", "their boxes with them; run again in new slots", deaths.keepers),
    Row("FT-10", "s8", "the first process of a box dies", "run again, no verdict about the program", deaths.box_init),
    Row("FT-11", "s8", "the keeper of a running job dies", "the program is gone within a second; run again",
        deaths.keeper_of_a_job),
    Row("FT-12", "s8", "an outside runner sleeps past its lease", "another finishes; the late result is refused",
        peers.sleeper, most=5),
    Row("FT-13", "any", "the ledger stands still", "503 soon, no pile; goes on without a restart", peers.ledger_stands,
        most=3),
    Row("FT-14", "s2, s5, s10", "the ledger dies again and again", "no committed job is lost", deaths.ledger_repeatedly),
    Row("FT-15", "backlog", "the queue is lost with 500 jobs in it", "built again from the store, in its order",
        deaths.queue_lost, most=5),
    Row("FT-17", "s4", "many runners ask for one job", "one of them gets it", peers.one_job_many_runners),
    Row("FT-20", "s2, s10", "written, and the answer is lost", "asking again changes nothing",
        deaths.ledger_before_its_answer),
    Row("FT-22", "load", "the ledger is slow", "202 or 503 in time; the front lives", peers.ledger_slow, most=3),
    Row("FT-26", "s6-s8", "disk full: where boxes are made", "programs have their own space", disks.full_for_boxes,
        own=True, most=3),
    Row("FT-27", "s2, s10", "disk full: the store", "no 202 that is not written; readiness 503; recovers", disks.full,
        own=True, most=5),
    Row("FT-28", "s6", "no inode is left", "as FT-27", disks.no_inodes, own=True, most=3),
    Row("FT-29", "s2", "the store becomes read-only", "503, readiness 503; recovers without restart", disks.read_only,
        own=True, most=3),
    Row("FT-30", "start", "a cgroup controller is not there", "the start is refused in a sentence",
        whole.controller_missing, own=True, most=1),
    Row("FT-34", "any", "the machine runs out of memory", "programs are chosen, the engine last", whole.oom_order, most=1),
    Row("FT-35", "s9", "many big results", "memory stays bounded", whole.big_results, most=1, quick=False),
    Row("FT-36", "any", "the front has no descriptor left", "no spinning; recovers", peers.no_descriptors, most=3),
    Row("FT-37", "s6", "a keeper has no descriptor left", "tried on another slot; nothing is left", peers.keeper_starved,
        most=5),
    Row("FT-41", "s5", "a job that takes its runner with it", "given up after its attempts; others go on", deaths.poison,
        most=2, quick=False),
    Row("FT-42", "s5", "an order that cannot be read", "that job fails, the ledger does not", disks.bad_record, own=True,
        most=5),
    Row("FT-43", "any", "everything dies with 1,000 queued", "all end; ready in 5 s; drains as before",
        whole.restart_with_backlog, own=True, most=3, quick=False, alone=True),
    Row("FT-44", "load", "restart after restart under load", "clients see 503 or a reset, and lose nothing",
        whole.rolling_restart, own=True, most=1, quick=False,
        flags={"rounds": 20}),
    Row("FT-45", "s8", "SIGTERM", "503 to new ones, what runs ends or is given back, exit 0", whole.graceful, own=True),
    Row("FT-46", "s8", "SIGTERM twice", "still clean", whole.graceful_twice, own=True),
    Row("FT-47", "any", "everything is killed at once", "the store is whole; nothing is lost", whole.power_loss, own=True),
    Row("FT-48", "start", "a store of another version", "not touched, told, 503; goes on when it is gone",
        disks.other_version, own=True, most=3),
    Row("FT-49", "start", "a second engine on the same data", "refused in a sentence", whole.second_engine, most=3),
    Row("FT-50", "start", "slots of an engine that was killed", "swept before the first job", whole.stale_slots, own=True,
        most=5),
    Row("FT-51", "s12", "the courier dies between sending and writing it down", "told again, by the same delivery",
        hooks.courier_dies, flags={"webhook_allow": "127.0.0.0/8"}),
    Row("FT-52", "s12", "nobody takes the webhook", "tried until its patience ends, and shown", hooks.nobody_listens, most=3,
        flags={"webhook_allow": "127.0.0.0/8", "webhook_patience": "4s"}),
    Row("FT-54", "any", "nobody reads the log", "logging blocks nobody", whole.log_blocked, own=True, most=2),
    Row("FT-55", "any", "all clients come back at once", "served within 30 s", whole.herd, most=3),
    Row("FT-57", "s6", "the runtime of a queued job is removed", "the job says so; no verdict about the program",
        whole.runtime_removed, own=True, most=3),
    Row("FT-58", "any", "a page of the store is damaged", "the others go on, or the start says it", disks.bad_page, own=True,
        most=5),
    Row("FT-59", "s8-s10", "cancel against finish", "exactly one of them", peers.cancel_races),
    Row("FT-60", "s13", "the sweep against a reader", "all of it or 404", peers.sweep_races, flags={"job_retention": "1s"},
        most=3),
)

_BROKER = "the queue is memory of the ledger (FT-15); for Redis and NATS"
_CLOCK = "the clock of the machine cannot be moved for one process; for a guest"
_SERVER = "the store is a file of the ledger (FT-13, FT-14); for PostgreSQL"
PENDING = {
    "FT-16 FT-18 FT-19": _BROKER,
    "FT-21 FT-23 FT-24 FT-25 FT-39": _SERVER,
    "FT-38 FT-40": _CLOCK,
    "FT-31": "the engine makes no cpuset groups",
    "FT-32 FT-33": "box/cgroups_test and box/faults_test hold groups and mounts busy; a namespace's mounts end with it",
    "FT-53": "there is no store for artifacts",
    "FT-56": "the configuration is read once; there is no reload",
}
