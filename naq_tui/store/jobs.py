"""Jobs as the console knows them: folded from events, result records, heartbeats, schedules and queues.

All of these tell of the same jobs and none arrives in step with the others; what was stored last stands. Of one
moment a record tells more than an event, so it wins there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from naq.ids import short
from naq.models.event import JobEvent
from naq.models.job import FINAL_STATUSES, Job
from naq.models.result import JobResult
from naq.models.schedule import Schedule
from naq.models.worker import WorkerRecord
from naq_tui.store.copied import copied
from naq_tui.store.rows import EventRow, ResultRow, error_text, function_name, progress_text
from naq_tui.text import safe

JOBS_KEPT = 5_000
_SLACK = 1_000
"""How many more there may be before the oldest are dropped."""
NEVER = datetime(1970, 1, 1, tzinfo=UTC)

_STATUS_OF = {
    "ENQUEUED": "PENDING",
    "RELEASED": "PENDING",
    "STARTED": "RUNNING",
    "RETRY_SCHEDULED": "RETRY",
    "COMPLETED": "COMPLETED",
    "FAILED": "FAILED",
    "LOST": "FAILED",
    "CANCELLED": "CANCELLED",
}


class JobRow(NamedTuple):
    """One job. Text is safe; None is what is not known or does not apply."""

    job_id: str
    job: str
    """Short form of its id."""
    status: str
    function: str
    queue: str
    worker: str = ""
    text: str = ""
    """Its value, error, progress or reason, on one line."""
    attempt: int = 0
    enqueued_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    retry_at: datetime | None = None
    """When it runs next: a retry, or a job for later."""
    wait_ms: float | None = None
    run_ms: float | None = None
    changed_at: datetime = NEVER
    """The server's clock at the last change."""
    error_type: str = ""
    record: JobResult | None = None
    call: Mapping[str, Any] | None = None
    """Its own record with `args`, `kwargs` and `tags`, what it was called with: events don't tell it."""

    @property
    def is_final(self) -> bool:
        return self.status in FINAL_STATUSES


Jobs = Mapping[str, JobRow]
"""By job id, the one that changed last at the end."""


def with_events(jobs: Jobs, rows: Iterable[EventRow]) -> Jobs:
    changed = copied(jobs)
    for row in rows:
        event = row.raw.event
        if event is None or event.job_id is None or event.entity != "job":
            continue
        known = changed.get(event.job_id)
        if known is not None and known.changed_at >= row.at:
            continue
        after = _after_event(known, row, event)
        if after is not None:
            changed.pop(event.job_id, None)
            changed[event.job_id] = after
    return _bounded(changed)


def with_results(jobs: Jobs, results: Iterable[ResultRow], removed: Iterable[str]) -> Jobs:
    changed = copied(jobs)
    for result in results:
        known = changed.get(result.job_id)
        at = result.at or NEVER
        if known is not None and known.changed_at > at and known.status != result.status:
            # the log has gone on since
            changed[result.job_id] = known._replace(record=result.record, call=result.record.job or known.call)
            continue
        changed.pop(result.job_id, None)
        changed[result.job_id] = _of_result(result, at, known)
    for job_id in removed:
        known = changed.get(job_id)
        if known is not None and known.is_final:
            del changed[job_id]
    return _bounded(changed)


def with_running(jobs: Jobs, workers: Iterable[WorkerRecord]) -> Jobs:
    """Add what workers say they run, where nothing else has told of it. What one had whose death is told was handed
    out again: where it stands now is not for its record to say."""
    found: dict[str, JobRow] = {}
    for worker in workers:
        if worker.lost_at is not None:
            continue
        for running in worker.running:
            if running.job_id not in jobs:
                found[running.job_id] = JobRow(
                    job_id=running.job_id,
                    job=safe(short(running.job_id)),
                    status="RUNNING",
                    function=function_name(running.function),
                    queue=safe(running.queue, 100),
                    worker=safe(worker.worker_id, 100),
                    attempt=1,
                    started_at=running.started_at,
                    changed_at=running.started_at or NEVER,
                )
    return _bounded({**found, **jobs}) if found else jobs


def with_scheduled(jobs: Jobs, schedules: Iterable[Schedule]) -> Jobs:
    """Add the jobs that are due once, at a time to come."""
    found = {
        schedule.schedule_id: JobRow(
            job_id=schedule.schedule_id,
            job=safe(short(schedule.schedule_id)),
            status="PAUSED" if schedule.status == "PAUSED" else "SCHEDULED",
            function=function_name(schedule.function),
            queue=safe(schedule.queue, 100),
            enqueued_at=schedule.created_at,
            retry_at=schedule.run_at,
            changed_at=schedule.created_at or NEVER,
            call=schedule.job,
        )
        for schedule in schedules
        if schedule.run_at is not None
        and schedule.status in ("ACTIVE", "PAUSED")
        and (schedule.schedule_id not in jobs or jobs[schedule.schedule_id].status in ("SCHEDULED", "PAUSED"))
    }
    return _bounded({**jobs, **found}) if found else jobs


def with_waiting(jobs: Jobs, waiting: Collection[Job]) -> Jobs:
    """Add jobs found in the queues; a worker may hold them, which its events tell."""
    found = {
        job.job_id: JobRow(
            job_id=job.job_id,
            job=safe(short(job.job_id)),
            status="PENDING",
            function=function_name(job.function),
            queue=safe(job.queue_name, 100),
            enqueued_at=job.enqueued_at,
            changed_at=job.enqueued_at or NEVER,
            call=_call_of(job),
        )
        for job in waiting
        if job.job_id not in jobs
    }
    told = {
        job.job_id: jobs[job.job_id]._replace(call=_call_of(job))
        for job in waiting
        if job.job_id in jobs and jobs[job.job_id].call is None
    }
    return _bounded({**found, **jobs, **told}) if found or told else jobs


def _call_of(job: Job) -> Mapping[str, Any]:
    return {"args": job.args, "kwargs": job.kwargs, "tags": job.tags}


def _after_event(known: JobRow | None, row: EventRow, event: JobEvent) -> JobRow | None:
    if event.type == "PROGRESS":
        return None if known is None else known._replace(text=progress_text(event.details or {}), changed_at=row.at)
    status = _STATUS_OF.get(event.type)
    if status is None:
        return None
    assert event.job_id is not None
    if event.is_refusal and known is not None and (known.attempt or known.started_at is not None):
        return None  # it runs, or ran, though its producer was told that it is not stored
    before = known or JobRow(event.job_id, row.job, status, row.function, row.queue)
    enqueued_at, started_at, ended_at, retry_at = before.enqueued_at, before.started_at, before.ended_at, None
    wait_ms, run_ms = before.wait_ms, before.run_ms
    text, error_type = row.text, before.error_type
    if status == "COMPLETED":
        text = before.text if before.status == status else ""  # its result may be here before the event
    if event.type == "ENQUEUED":
        enqueued_at = row.at
        parents = (event.details or {}).get("depends_on")
        if isinstance(parents, list) and parents:
            text = f"after {len(parents)} other {'job' if len(parents) == 1 else 'jobs'}"
    elif status == "RUNNING":
        started_at, ended_at, run_ms, error_type = row.at, None, None, ""
        if event.wait_ms is not None:
            wait_ms = event.wait_ms
    elif status == "RETRY":
        delay = (event.details or {}).get("delay_s")
        if isinstance(delay, int | float) and delay >= 0:
            retry_at = row.at + timedelta(seconds=min(float(delay), 1e8))
        ended_at, run_ms = None, event.run_ms
    elif status in FINAL_STATUSES:
        ended_at, run_ms = row.at, event.run_ms
        if event.wait_ms is not None:
            wait_ms = event.wait_ms
    if event.error is not None:
        text = error_text(event.error.get("type") or "error", event.error.get("message"))
        error_type = safe(str(event.error.get("type") or "error"), 100)
    # every field by its place: `_replace` costs as much as all the rest, and this is done for each event
    return JobRow(
        event.job_id,
        before.job,
        status,
        before.function,
        row.queue or before.queue,
        row.worker or before.worker,
        text,
        before.attempt if event.attempt is None else int(event.attempt),
        enqueued_at,
        started_at,
        ended_at,
        retry_at,
        wait_ms,
        run_ms,
        row.at,
        error_type,
        before.record,
        before.call,
    )


def _of_result(result: ResultRow, at: datetime, known: JobRow | None) -> JobRow:
    record = result.record
    return JobRow(
        job_id=result.job_id,
        job=result.job,
        status=result.status,
        function=result.function,
        queue=result.queue,
        worker=result.worker or (known.worker if known else ""),
        text=_text_beside(result, known),
        attempt=record.attempt,
        enqueued_at=record.stored_at or record.enqueued_at or (known.enqueued_at if known else None),
        started_at=record.started_at,
        ended_at=record.finished_at if record.is_final else None,
        retry_at=record.retry_at,
        wait_ms=record.wait_ms,
        run_ms=record.run_ms,
        changed_at=at,
        error_type=safe(record.error.type, 100) if record.error is not None else "",
        record=record,
        call=record.job or (known.call if known else None),
    )


def _text_beside(result: ResultRow, known: JobRow | None) -> str:
    """The record's own text; who cancelled it only the event says."""
    before = known.text if known is not None else ""
    if not result.record.is_final and result.record.error is None:
        return before
    is_told = known is not None and known.status == result.status == "CANCELLED"
    return (before if is_told else "") or result.text


def _bounded(jobs: dict[str, JobRow]) -> dict[str, JobRow]:
    """The same, without the oldest that have ended (and, where that is not enough, the oldest) beyond the limit."""
    extra = len(jobs) - JOBS_KEPT
    if extra <= _SLACK:
        return jobs
    for job_id in [job_id for job_id, row in jobs.items() if row.is_final][:extra]:
        del jobs[job_id]
    extra = len(jobs) - JOBS_KEPT
    for job_id in list(jobs)[: max(0, extra)]:
        del jobs[job_id]
    return jobs
