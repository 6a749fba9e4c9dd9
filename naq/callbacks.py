"""Callbacks: the jobs that a job's end sets off, `enqueue(f, on_success=g, on_failure=h)`.

A callback is a job of its own in the same queue, with its own result, events and retries by hand. It is enqueued after
the end is stored and before that is told and acked. A worker killed in between leaves a delivery that comes again,
finds the result final, and enqueues the callback again under the same job id, which is made of the job's id and the
number of its last run: it is one job, however often that happens. Each end has its own: a failed job that is retried by
hand and completes calls `h` after the first end and `g` after the second. A job that is cancelled calls neither.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

from naq import codec
from naq.connection import Connection
from naq.models.job import Job, JobStatus
from naq.models.result import JobResult
from naq.queue import HEADROOM_BYTES, Queue

MAX_ID = 128


async def enqueue_callback(connection: Connection, job: Job, record: JobResult) -> None:
    """Enqueue what `job` wants after the end that `record` tells of, if it wants anything.

    Raises:
        EnqueueError: the server did not store it.
    """
    callback = callback_of(job, record, limit=connection.max_payload - HEADROOM_BYTES)
    if callback is not None:
        details = {"callback_of": job.job_id, "end": str(record.status)}
        await Queue(callback.queue_name, connection).store_once(callback, extra={"details": details})


def callback_of(job: Job, record: JobResult, *, limit: int) -> Job | None:
    """The callback's job, at most `limit` bytes; None where this end has none."""
    args: list[Any]
    if record.status == JobStatus.COMPLETED and job.on_success is not None:
        function, args = job.on_success, [job.job_id, record.value]
    elif record.status == JobStatus.FAILED and job.on_failure is not None and record.error is not None:
        function, args = job.on_failure, [job.job_id, codec.pack(record.error)]
    else:
        return None
    callback = Job(
        job_id=_id_of(job, record),
        function=function,
        args=args,
        queue_name=job.queue_name,
        tags=job.tags,
        headers=job.headers,
        is_id_given=True,
    )
    if len(callback.to_wire()) <= limit:
        return callback
    if record.status == JobStatus.FAILED and record.error is not None:
        return replace(callback, args=[job.job_id, codec.pack(replace(record.error, traceback=None))])
    return replace(callback, args=[job.job_id, None])


def _id_of(job: Job, record: JobResult) -> str:
    name = f"{job.job_id}.after-{record.attempt}"
    return name if len(name) <= MAX_ID else "after-" + hashlib.sha256(name.encode()).hexdigest()
