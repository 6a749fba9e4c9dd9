"""The bucket of results of the made-up system: those of the last two minutes, and a day's before them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import lru_cache

from naq.models.result import JobResult
from naq_tui.feed.sample import LATELY_S, RESULTS_STORED, results
from naq_tui.feed.sample_failures import failed_result, failures
from naq_tui.feed.sample_jobs import (
    INVOICE,
    POLL,
    QUEUE_OF,
    RECEIPT,
    RESIZE,
    RUN_MS,
    T0,
    WORKER_OF,
    before,
    call_of,
    job_id,
    tags_of,
    value_of,
)

OLDER = 40_000
"""The number of the job before those that ended longer ago."""
STEP_S = 7.0
"""Seconds between two of those."""


def stored_result(seq: int) -> JobResult:
    """The result at this sequence of the bucket."""
    return _bucket()[seq - 1]


def result_of(wanted: str) -> JobResult | None:
    """What is stored of a job; None where nothing is."""
    return _by_id().get(wanted)


@lru_cache(maxsize=1)
def _bucket() -> tuple[JobResult, ...]:
    newest = results()
    failed = [failed_result(event.event.job_id or "") for event in failures() if event.event is not None]
    past = [record for record in failed if record is not None]
    done = [_done(number) for number in range(RESULTS_STORED - len(newest) - len(past))]
    older = sorted((*past, *done), key=lambda record: record.saved_at or T0)
    return (*(replace(record, revision=place + 1) for place, record in enumerate(older)), *newest)


@lru_cache(maxsize=1)
def _by_id() -> dict[str, JobResult]:
    return {record.job_id: record for record in _bucket()}


def _done(back: int) -> JobResult:
    """One that went well, the more of them before it the higher `back`."""
    number = OLDER + back
    function = (INVOICE, RECEIPT, RESIZE, INVOICE, POLL)[back % 5]
    queue, at = QUEUE_OF[function], before(LATELY_S + STEP_S * (back + 1))
    run_ms, wait_ms = round(RUN_MS[function] * (0.7 + back * 37 % 70 / 100), 1), 2.0 + back * 13 % 40
    started_at = at - timedelta(milliseconds=run_ms)
    return JobResult(
        job_id=job_id(number),
        status="COMPLETED",
        function=function,
        queue=queue,
        value=value_of(number, function),
        enqueued_at=started_at - timedelta(milliseconds=wait_ms),
        started_at=started_at,
        finished_at=at,
        wait_ms=wait_ms,
        run_ms=run_ms,
        worker_id=WORKER_OF[queue],
        job=call_of(number, function),
        tags=tags_of(number, function),
        saved_at=at,
        size=412 + number % 97,
    )
