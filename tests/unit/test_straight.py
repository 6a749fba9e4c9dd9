"""The short way writes byte by byte what the long one writes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from naq.calls import build_job
from naq.delivery import Delivery, Received
from naq.models.event import JobEvent, JobEventType, job_event
from naq.models.job import Job, JobStatus
from naq.models.times import milliseconds_between, utcnow
from naq.worker.outcome import Outcome, refusal
from naq.worker.run import PAYLOAD_KEPT_BYTES, Run
from naq.worker.straight import Straight, completed_record

WHOLE_SECOND = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def run_of(*args: Any, **options: Any) -> Run:
    """A run that has just begun, of a job as it arrives."""
    job = build_job("tests.tasks:work", args, {}, **options)
    job.enqueued_at, job.born_on = utcnow(), "ABCDEF"
    wire = job.to_wire()
    received = Received("default", wire, "$JS.ACK.s.c.1.7.7.1.0", Delivery(1, 7, WHOLE_SECOND, 0), 0.0)
    run = Run.of(Job.from_wire(wire), received, None, "w-abcdef")
    run.started_seq = 12
    return run


@pytest.mark.parametrize(
    ("args", "options"),
    [
        ((1, "ünï"), {}),
        (({"a": [1.5, None]}, WHOLE_SECOND), {"max_retries": 3, "timeout": 5, "tags": ["x", "y"], "result_ttl": 60}),
        (("x" * PAYLOAD_KEPT_BYTES,), {}),
    ],
)
def test_records_are_the_same(args: tuple[Any, ...], options: dict[str, Any]) -> None:
    run, ended = run_of(*args, **options), utcnow()
    run_ms = milliseconds_between(run.started_at, ended)
    for value in (None, 42, {"$naq": "tuple", "v": [1, "é"]}):
        assert Straight.takes(run, Outcome(value=value))
        expected = run.record(JobStatus.COMPLETED, ended, value=value).to_wire()
        assert completed_record(run, value, ended, run_ms) == expected


def test_a_schedules_run_is_the_same_too() -> None:
    run, ended = run_of(1), WHOLE_SECOND
    run.job.schedule_id = run.context.schedule_id = "nightly"
    run.started_at = ended
    run = Run.of(run.job, Received("q", run.job.to_wire(), "", run.delivery, 0.0), None, "w-abcdef")
    expected = run.record(JobStatus.COMPLETED, ended, value=1).to_wire()
    assert completed_record(run, 1, ended, milliseconds_between(run.started_at, ended)) == expected


def test_events_are_the_same() -> None:
    fields = {"from": "RUNNING", "to": "COMPLETED", "job_id": "j", "queue": "q", "function": "m:f", "worker_id": "w"}
    fields |= {"schedule_id": "s", "attempt": 2, "wait_ms": 1.5, "run_ms": 2.5, "details": {"crashes": 1}}
    written = job_event("COMPLETED", fields)
    read = JobEvent.from_wire(written)
    assert not read.extra
    told = {name: value for name, value in fields.items() if name not in ("from", "to")}
    event = JobEvent.of(
        JobEventType.COMPLETED, id=read.id, ts=read.ts, from_status="RUNNING", to_status="COMPLETED", **told
    )
    assert event.to_wire() == written
    assert list(orjson.loads(written))[:5] == ["v", "id", "type", "ts", "entity"]


@pytest.mark.parametrize(
    "options",
    [{"unique": "k"}, {"job_id": "mine"}, {"on_success": "tests.tasks:next"}, {"capture_logs": True}],
)
def test_what_has_more_to_it_goes_the_long_way(options: dict[str, Any]) -> None:
    assert not Straight.takes(run_of(1, **options), Outcome(value=1))


def test_what_happens_meanwhile_takes_it_the_long_way() -> None:
    assert not Straight.takes(run_of(1), refusal("ValueError", "no"))
    cancelled, moving, last_figure = run_of(1), run_of(1), run_of(1)
    cancelled.order = {"reason": "enough"}
    moving.context.tell = moving.progress.append
    moving.context.progress(1, 2)
    last_figure.context.progress(1, 2)
    last_figure.context.progress(2, 2)
    for run in (cancelled, moving, last_figure):
        assert not Straight.takes(run, Outcome(value=1))
