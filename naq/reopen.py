"""An ended job on its way back into its queue: pure rules for who asks and for the worker."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from naq import callables, codec
from naq.errors import ConflictError, NaqException, SerializationError
from naq.models.job import Job, JobStatus
from naq.models.result import Attempt, JobResult
from naq.names import check_queue_name

RETRYABLE = frozenset({JobStatus.FAILED, JobStatus.CANCELLED})


def reopened(record: JobResult, job: Job, moment: datetime) -> JobResult:
    """The record of an ended job as it stands once `job`, its retry, is in its queue."""
    return replace(
        record,
        status=JobStatus.RETRY,
        queue=job.queue_name,
        attempts=attempts_of(record),
        retry_at=moment,
        job=job.to_record(),
        retry_seqs=job.retry_seqs,
        crashes=0,  # the count of workers it killed begins anew, as its retries do
    )


def edited(job: Job, args: Sequence[Any] | None, kwargs: Mapping[str, Any] | None, queue_name: str | None) -> Job:
    """`job` with what is given in place of what it had, checked as `enqueue` checks it.

    Raises:
        SerializationError: an argument can't travel.
        ConfigurationError: a bad queue name, or arguments the function does not take (checked where its module is
            loaded here).
    """
    if args is not None or kwargs is not None:
        packed_args, packed_kwargs = codec.pack_call(tuple(args or ()), dict(kwargs or {}))
        job.args = packed_args if args is not None else job.args
        job.kwargs = packed_kwargs if kwargs is not None else job.kwargs
        if job.function.partition(":")[0] in sys.modules:
            callables.check_arguments(callables.import_function(job.function), tuple(job.args), job.kwargs)
    if queue_name is not None:
        job.queue_name = check_queue_name(queue_name)
    return job


def payload_of(record: JobResult) -> Job:
    if record.job is None:
        raise ConflictError(f"job {record.job_id} can't be retried: its record holds no payload")
    try:
        job = Job.from_record(record.job)
        check_queue_name(job.queue_name)
    except NaqException as exc:
        raise SerializationError(f"job {record.job_id} can't be retried: its payload can't be read: {exc}") from None
    if job.job_id != record.job_id:
        raise SerializationError(f"job {record.job_id} can't be retried: its payload is that of {job.job_id!r}")
    return job


def attempts_of(record: JobResult) -> tuple[Attempt, ...]:
    """Every run of an ended job, the last one included; a job cancelled before it ran has none."""
    told = record.attempts[-1].number if record.attempts else 0
    if record.started_at is None or record.attempt <= told:
        return record.attempts
    last = Attempt(
        number=record.attempt,
        worker_id=record.worker_id,
        started_at=record.started_at,
        finished_at=record.finished_at,
        error=record.error,
        started_seq=record.started_seq,
    )
    return (*record.attempts, last)
