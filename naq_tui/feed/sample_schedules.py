"""What the made-up log holds of its schedules' runs.

The story: `digest` ran every quarter of an hour, was paused for a deploy two hours ago, and had its troubles before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from naq.models.event import JobEvent, JobEventType
from naq.models.times import format_time
from naq_tui.feed.sample_jobs import before

DIGEST = "shop.tasks:digest"
PAUSED_AT = before(2 * 3600 + 340)
LAST_DIGEST = PAUSED_AT.replace(minute=0, second=0, microsecond=0)
QUARTERS = 26


def triggered(
    schedule_id: str, function: str, due: datetime, job_id: str, late_ms: float | None, **more: Any
) -> JobEvent:
    """The event of a run; `late_ms` None is one that was triggered by hand."""
    details: dict[str, Any] = {"manual": True} if late_ms is None else {"due": format_time(due), "late_ms": late_ms}
    about: dict[str, Any] = {"schedule_id": schedule_id, "function": function, "queue": "default", "job_id": job_id}
    at = due + timedelta(milliseconds=late_ms or 0)
    return JobEvent.of(JobEventType.SCHEDULE_TRIGGERED, ts=at, details=details, **about, **more)


def earlier_runs() -> Iterable[Sequence[JobEvent]]:
    """The events of each run, or of what stood in its place; those of the last two minutes are told apart."""
    yield _digest(JobEventType.SCHEDULE_PAUSED, PAUSED_AT, reason="deploy", actor={"user": "mara", "host": "web-1"})
    by_hand, actor = LAST_DIGEST + timedelta(minutes=4), {"user": "mara", "host": "web-1"}
    job_id = "digest.now.0198c0de-0000-7abc-8a00-00000000d16e"
    yield [
        triggered("digest", DIGEST, by_hand, job_id, None, actor=actor, reason="again, with the new layout"),
        *_life(job_id, by_hand, 3_900, "digest", DIGEST),
    ]
    details: dict[str, Any]
    for place in range(QUARTERS):
        due = LAST_DIGEST - timedelta(minutes=15 * place)
        if place == 2:
            running = run_id("digest", due - timedelta(minutes=15))
            details = {"due": format_time(due), "running": running}
            yield _digest(JobEventType.SCHEDULE_SKIPPED, due, details=details, reason=f"job {running} has not ended")
        elif place == 3:
            yield _run("digest", DIGEST, due, 1_104_000, late_ms=8.0)
        elif place == 5:
            first = due - timedelta(minutes=45)
            details = {"due": format_time(first), "missed": 3, "made_up": 1, "policy": "run_once"}
            missed = _digest(JobEventType.SCHEDULE_MISFIRED, due + timedelta(minutes=3), details=details)
            yield [*missed, *_run("digest", DIGEST, due, 4_020, late_ms=180_020.0)]
        elif place not in (6, 7, 8):
            error = {"type": "KeyError", "message": "'layout'", "fingerprint": "f3"} if place == 1 else None
            yield _run("digest", DIGEST, due, 4_100 - 130 * (place % 4), late_ms=4.0 + place % 9, error=error)


def run_id(schedule_id: str, due: datetime) -> str:
    """The id of a run's job, as schedulers make it."""
    return f"{schedule_id}.{int(due.timestamp() * 1000)}"


def _digest(kind: JobEventType, at: datetime, **fields: Any) -> list[JobEvent]:
    return [JobEvent.of(kind, ts=at, schedule_id="digest", queue="default", function=DIGEST, **fields)]


def _run(
    schedule_id: str, function: str, due: datetime, run_ms: float, late_ms: float, error: dict[str, Any] | None = None
) -> list[JobEvent]:
    job_id = run_id(schedule_id, due)
    run = triggered(schedule_id, function, due, job_id, late_ms)
    return [run, *_life(job_id, run.ts, run_ms, schedule_id, function, error)]


def _life(
    job_id: str, at: datetime, run_ms: float, schedule_id: str, function: str, error: dict[str, Any] | None = None
) -> list[JobEvent]:
    about: dict[str, Any] = {"job_id": job_id, "queue": "default", "function": function, "worker_id": "w-4"}
    about |= {"schedule_id": schedule_id, "attempt": 1}
    ended = JobEventType.COMPLETED if error is None else JobEventType.FAILED
    ended_at = at + timedelta(milliseconds=run_ms)
    return [
        JobEvent.of(JobEventType.STARTED, ts=at, wait_ms=3.0, **about),
        JobEvent.of(ended, ts=ended_at, run_ms=run_ms, error=error, **about),
    ]
