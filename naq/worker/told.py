"""What a worker could not tell any more is told by who is handed its job next.

A run stores its record first and tells it second. A worker that dies between the two leaves a record that says how the
run ended and a log that says RUNNING. Whoever meets that record (the job came again, or a copy of it ended later) tells
it, as the dead worker's. The server drops what was told already; only once it has forgotten that id is the log asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from naq.connection import Connection
from naq.eventlog import EventLog
from naq.events import Events
from naq.models.event import JobEvent, JobEventType
from naq.models.job import Job, JobStatus
from naq.models.result import JobResult
from naq.outbox import PATIENCE_S
from naq.topology import DEDUPE_S
from naq.worker.run import limit_details

BEFORE = timedelta(seconds=1)
AFTER = timedelta(seconds=60)
"""How far around its record's own time the event is looked for."""
PAGE = 500


def retry_event(job: Job, record: JobResult, limit: Mapping[str, Any]) -> JobEvent:
    """RETRY_SCHEDULED of the run that left `record`, with status RETRY; `limit` are further details."""
    details: dict[str, object] = {"retry": len(record.attempts), "of": job.retry.max_retries}
    if record.retry_at is not None and record.finished_at is not None:
        details["delay_s"] = round((record.retry_at - record.finished_at).total_seconds(), 3)
    return JobEvent.of(
        JobEventType.RETRY_SCHEDULED,
        job_id=job.job_id,
        queue=job.queue_name,
        function=job.function,
        worker_id=record.worker_id,
        schedule_id=job.schedule_id,
        attempt=record.attempt,
        from_status=JobStatus.RUNNING,
        to_status=JobStatus.RETRY,
        run_ms=record.run_ms,
        error=record.error.for_event() if record.error else None,
        details={**details, **limit},
    )


def retry_id(record: JobResult) -> str:
    """Names the fact that this run ended so, however often it is told; another copy's end is another fact."""
    return f"{record.job_id}:{record.attempt}:retry:{record.worker_id}"


async def tell_retry_if_untold(connection: Connection, job: Job, record: JobResult) -> None:
    """Tell the retry that `record`, left by a worker that is gone, stands for.

    Raises:
        NaqConnectionError: the server does not answer.
    """
    event = retry_event(job, record, limit_details(record.error, job.timeout))
    await tell_if_untold(connection, event, msg_id=retry_id(record), saved_at=record.saved_at)


async def tell_if_untold(
    connection: Connection,
    event: JobEvent,
    *,
    msg_id: str,
    saved_at: datetime | None,
    patience_s: float = PATIENCE_S,
) -> None:
    """Tell what a record stored at `saved_at` stands for, unless the log tells it. Raises as the one above."""
    is_old = saved_at is not None and connection.server_now() - saved_at > timedelta(seconds=DEDUPE_S * 0.9)
    if saved_at is not None and is_old and await _is_told(connection, event, saved_at):
        return
    await Events(connection).write(event, msg_id=msg_id, patience_s=patience_s)


async def _is_told(connection: Connection, event: JobEvent, saved_at: datetime) -> bool:
    subject = connection.names.event_filter(entity="job", event_type=event.type, queue=event.queue or "*")
    log, since, seen = EventLog(connection), saved_at - BEFORE, 0
    while True:
        page = [stored for stored in await log.since(since, PAGE, subject=subject) if stored.seq > seen]
        if any(stored.event is not None and _is_same(stored.event, event) for stored in page):
            return True
        if not page or page[-1].stored_at > saved_at + AFTER:
            return False
        since, seen = page[-1].stored_at, page[-1].seq


def _is_same(told: JobEvent, event: JobEvent) -> bool:
    """Whether two events of one type tell the same fact; an end from outside names neither attempt nor worker."""
    if told.job_id != event.job_id:
        return False
    if event.type == JobEventType.RETRY_SCHEDULED:
        return (told.attempt, told.worker_id) == (event.attempt, event.worker_id)
    return told.attempt is None or told.attempt == event.attempt
