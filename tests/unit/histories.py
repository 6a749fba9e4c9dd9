"""Legal histories of jobs, made from plans; and ways to make one illegal."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from naq.models.event import JobEvent, JobEventType, StoredEvent

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Plan:
    """One job: what becomes of its runs, its last end, and whether it waits first or is retried by hand after."""

    runs: tuple[str, ...]
    """"retry", "crash" or "hand back" for each run before the last."""
    end: str
    """"complete", "fail", "cancel", "cancel from outside" or "lost"."""
    waits: bool
    again: bool


plans = st.builds(
    Plan,
    runs=st.lists(st.sampled_from(("retry", "crash", "hand back")), max_size=4).map(tuple),
    end=st.sampled_from(("complete", "fail", "cancel", "cancel from outside", "lost")),
    waits=st.booleans(),
    again=st.booleans(),
)


def history(of: Sequence[Plan], order: random.Random) -> list[JobEvent]:
    """The events of all plans, woven into each other in a random order that keeps each job's own."""
    lines = [list(_job(f"job-{number}", plan)) for number, plan in enumerate(of)]
    woven: list[JobEvent] = []
    while any(lines):
        woven.append(order.choice([line for line in lines if line]).pop(0))
    return woven


def stored(events: Sequence[JobEvent], first_seq: int = 1) -> list[StoredEvent]:
    """The events as a stream holds them."""
    return [stored_as(seq, event) for seq, event in enumerate(events, first_seq)]


def stored_as(seq: int, event: JobEvent | None) -> StoredEvent:
    return StoredEvent(seq=seq, stored_at=BEGIN + timedelta(seconds=seq), subject="", raw=b"", event=event)


def event(kind: str, **fields: Any) -> JobEvent:
    return JobEvent.of(JobEventType(kind), **fields)


def _job(job_id: str, plan: Plan) -> Iterator[JobEvent]:
    yield event("ENQUEUED", job_id=job_id, queue="q", details={"depends_on": ["p"]} if plan.waits else None)
    if plan.waits:
        yield event("RELEASED", job_id=job_id, queue="q")
    attempt = yield from _life(job_id, plan, 1, "a")
    if plan.again and plan.end != "complete":
        yield event("RETRY_SCHEDULED", job_id=job_id, queue="q", attempt=attempt, details={"manual": True})
        yield from _life(job_id, replace(plan, end="complete"), attempt + 1, "b")


def _life(job_id: str, plan: Plan, attempt: int, life: str) -> Iterator[JobEvent]:
    """Runs up to an end; returns the attempt of the last."""
    crashes, is_again = 0, False
    deaths = ("crash", "crash") if plan.end == "lost" else ()
    fates = [*plan.runs, *deaths, plan.end]
    for number, fate in enumerate(fates):
        worker = f"{job_id}-{life}{number}"
        yield event("WORKER_STARTED", worker_id=worker)
        details: dict[str, Any] = {"crashes": crashes} if crashes else {}
        if is_again and attempt == 1:
            details["redelivered"] = True
        run = {"job_id": job_id, "queue": "q", "worker_id": worker, "attempt": attempt}
        yield event("STARTED", **run, details=details or None)
        is_again = fate in ("crash", "hand back")
        if fate == "retry":
            yield event("RETRY_SCHEDULED", **run)
            attempt += 1
        elif fate == "crash":
            crashes += 1
            yield event("WORKER_LOST", worker_id=worker, details={"lost_at": f"{number}"})
        elif fate == "hand back":
            yield event("WORKER_STOPPED", worker_id=worker)
        elif fate == "complete":
            yield event("COMPLETED", **run)
        elif fate == "fail":
            yield event("FAILED", **run)
        elif fate == "cancel":
            yield event("CANCELLED", **run)
        elif fate == "cancel from outside":
            yield event("CANCELLED", job_id=job_id, queue="q")
        else:
            judge = f"{job_id}-{life}-judge"
            yield event("WORKER_STARTED", worker_id=judge)
            yield event("LOST", **{**run, "worker_id": judge}, details={"crashes": crashes + 1})
            yield event("FAILED", **{**run, "worker_id": judge})
    return attempt


def _without(events: Sequence[JobEvent], kind: str, order: random.Random) -> list[JobEvent] | None:
    places = [n for n, one in enumerate(events) if one.type == kind]
    if not places:
        return None
    place = order.choice(places)
    return [*events[:place], *events[place + 1 :]]


def _changed(
    events: Sequence[JobEvent], kinds: Sequence[str], order: random.Random, **fields: Any
) -> list[JobEvent] | None:
    places = [n for n, one in enumerate(events) if one.type in kinds and one.worker_id is not None]
    if not places:
        return None
    place = order.choice(places)
    return [*events[:place], replace(events[place], **fields), *events[place + 1 :]]


def _no_start(events: Sequence[JobEvent], order: random.Random) -> list[JobEvent] | None:
    """Without the only STARTED that explains a COMPLETED."""
    ends = [one for one in events if one.type == "COMPLETED"]
    if not ends:
        return None
    end = order.choice(ends)
    return [one for one in events if one.type != "STARTED" or one.worker_id != end.worker_id]


def _second_end(events: Sequence[JobEvent], order: random.Random) -> list[JobEvent] | None:
    ends = [one for one in events if one.type == "COMPLETED"]
    return [*events, replace(order.choice(ends), type="FAILED")] if ends else None


def _unexplained(events: Sequence[JobEvent], order: random.Random) -> list[JobEvent] | None:
    """A second run of one attempt with nothing in the log that says why."""
    seconds = [one for one in events if one.type == "STARTED" and (one.details or {}).keys() & {"redelivered"}]
    if not seconds:
        return None
    told = order.choice(seconds)
    return [
        replace(one, details=None) if one is told else one
        for one in events
        if one.type not in ("WORKER_LOST", "WORKER_STOPPED")
    ]


def _run_after_end(events: Sequence[JobEvent], order: random.Random) -> list[JobEvent] | None:
    ends = [one for one in events if one.type == "COMPLETED"]
    if not ends:
        return None
    end = order.choice(ends)
    start = event("STARTED", job_id=end.job_id, queue=end.queue, worker_id=end.worker_id, attempt=end.attempt)
    return [*events, start]


def _late(
    events: Sequence[JobEvent], order: random.Random, *, cancelled: bool = False, later: int = 0, starts: int = 1
) -> list[JobEvent] | None:
    """Starts behind the end, by workers that come only then, of a job whose log says that it was handed on before."""
    starts_of = [(one.job_id, one.attempt, one.details or {}) for one in events if one.type == "STARTED"]
    ends = [
        one
        for one in events
        if one.type == "COMPLETED"
        and len([told for told in starts_of if told[:2] == (one.job_id, one.attempt)]) == 1
        and any(job_id == one.job_id and told.get("redelivered") for job_id, _, told in starts_of)
    ]
    if not ends:
        return None
    end = order.choice(ends)
    told: list[JobEvent] = []
    for number in range(starts):
        worker, attempt = f"late-{number}", (end.attempt or 0) + later
        told.append(event("WORKER_STARTED", worker_id=worker))
        told.append(event("STARTED", job_id=end.job_id, queue=end.queue, worker_id=worker, attempt=attempt))
    outside = event("CANCELLED", job_id=end.job_id, queue=end.queue)
    return [*(outside if cancelled and one is end else one for one in events), *told]


def _failed_by_nobody(events: Sequence[JobEvent], order: random.Random) -> list[JobEvent] | None:
    """A job that waits for no other, fails before it began, and nobody says that he failed it."""
    told = order.choice([one for one in events if one.type == "ENQUEUED"])
    others = [one for one in events if one.job_id != told.job_id]
    return [*others, replace(told, details=None), event("FAILED", job_id=told.job_id, queue=told.queue)]


def _refused_and_ended(events: Sequence[JobEvent], order: random.Random) -> list[JobEvent] | None:
    """A job that was told as not stored, and ends without a run."""
    told = order.choice([one for one in events if one.type == "COMPLETED"])
    others = [one for one in events if one.job_id != told.job_id or one.type == "ENQUEUED"]
    return [*others, event("CANCELLED", job_id=told.job_id, queue=told.queue, details={"refused": True}), told]


Mutation = Callable[[Sequence[JobEvent], random.Random], "list[JobEvent] | None"]
MUTATIONS: dict[str, Mutation] = {
    "no ENQUEUED": lambda events, order: _without(events, "ENQUEUED", order),
    "no RELEASED": lambda events, order: _without(events, "RELEASED", order),
    "no RETRY_SCHEDULED": lambda events, order: _without(events, "RETRY_SCHEDULED", order),
    "no WORKER_STARTED": lambda events, order: _without(events, "WORKER_STARTED", order),
    "no STARTED": _no_start,
    "another worker's end": lambda events, order: _changed(
        events, ("COMPLETED", "RETRY_SCHEDULED"), order, worker_id="somebody"
    ),
    "another attempt": lambda events, order: _changed(events, ("STARTED",), order, attempt=17),
    "two ends": _second_end,
    "unexplained double run": _unexplained,
    "a run after the end": _run_after_end,
    "a second first run behind the end": _late,
    "two late runs": lambda events, order: _late(events, order, starts=2),
    "a late run of an attempt that never was due": lambda events, order: _late(events, order, later=1),
    "a second first run behind a cancellation": lambda events, order: _late(events, order, cancelled=True),
    "failed by nobody": _failed_by_nobody,
    "refused, and ended without a run": _refused_and_ended,
}
"""What may go wrong with a log, each giving None where the history has no place for it."""
