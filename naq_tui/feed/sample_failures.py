"""The failures of the made-up system's last day, by cause, and one job's arguments."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from naq.models.event import JobEvent, JobEventType, StoredEvent
from naq.models.job import Job
from naq.models.result import JobError, JobResult
from naq_tui.feed.sample import stored
from naq_tui.feed.sample_jobs import INVOICE, MAIL_TRACEBACK, T0, TRACEBACK, call_of, job_id, lives

_TRACEBACKS = {"f1": TRACEBACK, "f2": MAIL_TRACEBACK}
_WORKERS = {"mail": "w-3", "images": "w-5", "reports": "w-7", "default": "w-2"}
"""Of those of `default` a worker tells that has been stopped since."""
CAUSES = (
    ("f1", "TimeoutError", "upstream took longer than 30 s", "reports", "shop.reports:build", 38, 290),
    ("f2", "ConnectionResetError", "peer closed the connection", "mail", "shop.tasks:send_invoice", 61, 1_380),
    ("f3", "ValueError", "invoice 10482 has no address", "mail", "shop.tasks:send_receipt", 7, 340),
    ("f4", "TimeLimitExceeded", "it ran longer than its limit of 60 s", "images", "shop.tasks:resize_image", 22, 55),
    ("f5", "KeyError", "'customer'", "default", "shop.tasks:poll", 2, 700),
)
"""Fingerprint, type, message, queue, function, how often, and over how many minutes until now."""


def failures(seed: int = 5) -> tuple[StoredEvent, ...]:
    """FAILED events from before those of `job_events`, oldest first."""
    chance = random.Random(seed)
    made = []
    for place, (fingerprint, kind, message, queue, function, number, minutes) in enumerate(CAUSES):
        for i in range(number):
            at = T0 - timedelta(minutes=3 + minutes * chance.random() ** 2)
            made.append((at, 7_000 + place * 100 + i, queue, function, kind, message, fingerprint))
    made.sort()
    return tuple(
        stored(
            90_000 + 700 * place,
            at,
            JobEvent.of(
                JobEventType.FAILED,
                ts=at,
                id=f"failure-{place}",
                job_id=job_id(number),
                queue=queue,
                function=function,
                worker_id=_WORKERS[queue],
                attempt=2 if queue == "reports" else 3,
                error={"type": kind, "message": message, "fingerprint": fingerprint},
            ),
        )
        for place, (at, number, queue, function, kind, message, fingerprint) in enumerate(made)
    )


def failed_result(wanted: str) -> JobResult | None:
    """The stored result of one of these jobs; None for any other."""
    for event in failures():
        told = event.event
        if told is not None and told.job_id == wanted and told.error is not None:
            head, _, _ = _TRACEBACKS.get(told.error["fingerprint"], MAIL_TRACEBACK).rpartition("\n")
            error = JobError(
                type=told.error["type"],
                message=told.error["message"],
                fingerprint=told.error["fingerprint"],
                traceback=f"{head}\n{told.error['type']}: {told.error['message']}",
            )
            return JobResult(
                job_id=wanted,
                status="FAILED",
                function=told.function or "",
                queue=told.queue or "",
                worker_id=told.worker_id or "",
                attempt=told.attempt or 1,
                job=payload(wanted, told.function),
                error=error,
                finished_at=event.stored_at,
                saved_at=event.stored_at,
            )
    return None


def waiting_jobs() -> tuple[Job, ...]:
    """Jobs that lie in the queues, oldest first."""
    return tuple(life.waiting() for life in lives() if not life.runs)


def payload(wanted: str, function: str | None) -> Mapping[str, Any]:
    """What any job of the made-up system was called with; None is a job of which nothing else tells."""
    known = next((life.call() for life in lives() if life.job_id == wanted), None)
    return known or {**call_of(10_482, function or INVOICE), "job_id": wanted}
