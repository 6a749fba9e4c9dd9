"""The failures of the made-up system's last day, by cause, and one job's arguments."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from naq.models.event import JobEvent, JobEventType, StoredEvent
from naq.models.job import Job
from naq.models.result import JobError, JobResult
from naq_tui.feed.sample import T0, TRACEBACK, job_id, stored

CAUSES = (
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
                worker_id="w-3",
                attempt=3,
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
            head, _, _ = TRACEBACK.rpartition("\n")
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
                worker_id="w-3",
                attempt=3,
                error=error,
                finished_at=event.stored_at,
                saved_at=event.stored_at,
            )
    return None


def waiting_jobs() -> tuple[Job, ...]:
    """Jobs that lie in the queues, oldest first."""
    return tuple(
        Job(
            job_id=job_id(9_000 + place),
            function="shop.reports:build" if place < 8 else "shop.tasks:send_invoice",
            queue_name="reports" if place < 8 else "mail",
            enqueued_at=T0 - timedelta(seconds=840 - 60 * place if place < 8 else 0.8),
        )
        for place in range(20)
    )


def payload(wanted: str, function: str | None) -> Mapping[str, Any]:
    """What any job of the made-up system was called with; None is a job of which nothing else tells."""
    call = {"job_id": wanted, "function": function or "shop.tasks:send_invoice", "max_retries": 2, "timeout": 60}
    if function == "shop.reports:build":
        return {**call, "args": ["2026-11", {"region": "EU"}], "kwargs": {"dry_run": False}}
    return {
        **call,
        "args": [10_482, {"to": "customer-042", "lines": [{"sku": "A-7", "count": 3}, {"sku": "B-1", "count": 12}]}],
        "kwargs": {"language": "de", "copies": 2},
    }
