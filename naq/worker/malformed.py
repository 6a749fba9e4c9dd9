"""Bytes in a queue that are no job: kept as a failed result, told by an event, and taken out of the queue.

The record is made first, and only once, so that whoever gets the bytes again after a crash tells what it says; the ack
comes last.
"""

from __future__ import annotations

import base64

from naq.connection import Connection
from naq.delivery import Received
from naq.errors import ConflictError, SerializationError
from naq.events import Events
from naq.models.event import JobEvent, JobEventType
from naq.models.job import JobStatus
from naq.models.result import JobError, JobResult
from naq.models.times import utcnow
from naq.worker.acks import ack
from naq.worker.lifecycle import PATIENCE_S, Lifecycle

BYTES_KEPT = 100_000


async def reject(connection: Connection, lifecycle: Lifecycle, worker_id: str, received: Received, reason: str) -> None:
    """Settle a delivery that can't be read, for `reason`."""
    raw, delivery = received.data, received.delivery
    job_id = f"malformed-{delivery.stream_seq}"
    error = JobError(type="MalformedJob", message=reason, fingerprint="malformed-job")
    record = JobResult(
        job_id=job_id,
        status=JobStatus.FAILED,
        queue=received.queue,
        worker_id=worker_id,
        error=error,
        stored_at=delivery.stored_at,
        finished_at=utcnow(),
        job={"raw": base64.b64encode(raw[:BYTES_KEPT]).decode(), "bytes": len(raw)},
    )
    try:
        await (await lifecycle.put(record, None, 0))
    except ConflictError:
        record = await _standing(lifecycle, job_id) or record
    event = JobEvent.of(
        JobEventType.FAILED,
        job_id=job_id,
        queue=received.queue,
        worker_id=record.worker_id,
        to_status=JobStatus.FAILED,
        error=error.for_event(),
        details={"stream_seq": delivery.stream_seq, "bytes": len(raw)},
    )
    told = await Events(connection).send(event, msg_id=f"{job_id}:failed", patience_s=PATIENCE_S)
    await told
    await ack(connection, received.reply)


async def _standing(lifecycle: Lifecycle, job_id: str) -> JobResult | None:
    try:
        return await lifecycle.results.get_record(job_id)
    except SerializationError:
        return None
