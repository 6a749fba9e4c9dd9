"""What a worker could not tell any more is told by who is handed its job next.

A run stores its record first and tells it second. A worker that dies between the two leaves a record that says how the
run ended and a log that says RUNNING. Whoever meets that record (the job came again, or a copy of it ended later) tells
it, as the dead worker's; `naq.retelling` sees to it that it is told once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from naq.connection import Connection
from naq.models.event import JobEvent, JobEventType
from naq.models.job import Job, JobStatus
from naq.models.result import JobResult
from naq.retelling import tell_if_untold
from naq.worker.run import limit_details


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
