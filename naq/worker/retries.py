"""The event that tells of a retry, by who ends the run or by who is handed the job next.

A run that is to be retried stores its record first and tells it second. A worker that dies between the two leaves a
record that says RETRY and a log that says RUNNING: whoever is handed the job next tells it then, before the next run
begins. The server drops what was told already; only once it has forgotten that id is the log itself asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from naq.connection import Connection
from naq.eventlog import EventLog
from naq.events import Events
from naq.models.event import JobEvent, JobEventType
from naq.models.job import Job, JobStatus
from naq.models.result import JobResult
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
    """Names the fact that the run ended so, however often it is told."""
    return f"{record.job_id}:{record.attempt}:retry"


async def tell_if_untold(connection: Connection, job: Job, record: JobResult) -> None:
    """Tell the retry that `record`, left by a worker that is gone, stands for, unless the log tells it.

    Raises:
        NaqConnectionError: the server does not answer.
    """
    age = connection.server_now() - record.saved_at if record.saved_at is not None else timedelta(0)
    if age < timedelta(seconds=DEDUPE_S * 0.9) or not await _is_told(connection, job, record):
        event = retry_event(job, record, limit_details(record.error, job.timeout))
        await Events(connection).write(event, msg_id=retry_id(record))


async def _is_told(connection: Connection, job: Job, record: JobResult) -> bool:
    assert record.saved_at is not None
    subject = connection.names.event_filter(
        entity="job", event_type=JobEventType.RETRY_SCHEDULED, queue=record.queue or job.queue_name
    )
    log, since, seen = EventLog(connection), record.saved_at - BEFORE, 0
    while True:
        page = [stored for stored in await log.since(since, PAGE, subject=subject) if stored.seq > seen]
        for stored in page:
            event = stored.event
            if event is not None and (event.job_id, event.attempt) == (job.job_id, record.attempt):
                return True
        if not page or page[-1].stored_at > record.saved_at + AFTER:
            return False
        since, seen = page[-1].stored_at, page[-1].seq
