"""Running a job again as a new one, with the same or other arguments: whatever became of the first.

The clone is an ordinary enqueue of a new id, so a process that dies in the middle leaves a whole job or none. Its
ENQUEUED event names the job it was made from and who asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from naq import backlog
from naq.actor import current_actor
from naq.connection import Connection
from naq.errors import ConflictError, JobNotFoundError
from naq.ids import uuid7
from naq.models.job import Job
from naq.models.times import utcnow
from naq.queue import Queue
from naq.reopen import edited, payload_of
from naq.results import Results


async def payload(connection: Connection, results: Results, job_id: str) -> Job:
    """What a job was called with: from its record where that keeps it, else from the queue it waits in.

    Raises:
        JobNotFoundError: nothing is known of it.
        ConflictError: it completed and was too large for its arguments to be kept.
        SerializationError: it can't be read.
    """
    record = await results.get_record(job_id)
    if record is not None and record.job is not None:
        return payload_of(record)
    waiting = await backlog.find_job(connection, job_id)
    if waiting is not None:
        return Job.from_wire(waiting.data)
    if record is not None:
        raise ConflictError(f"job {job_id}: its arguments are no longer stored, as it was large; enqueue it anew")
    raise JobNotFoundError(f"job {job_id} is unknown: it was never enqueued here, or its record has expired")


async def clone(
    connection: Connection,
    results: Results,
    job_id: str,
    *,
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    queue_name: str | None = None,
    is_packed: bool = False,
    reason: str | None = None,
    action_id: str | None = None,
    new_id: str | None = None,
    program: str = "naq",
) -> Job:
    """Enqueue the call of `job_id` again under a new id; its limits, retries and tags go with it.

    What ties a job to others does not: its unique key, its parents, its schedule.

    Args:
        args, kwargs: other arguments than it had; None keeps them.
        queue_name: another queue; None keeps it.
        new_id: the id of the new job, drawn before: the same once more is the same job; None draws one.
        is_packed: whether the arguments are in packed form already (`naq.codec`), as records hold them.

    Raises:
        JobNotFoundError, ConflictError, SerializationError: its payload can't be had, see `payload`.
        ConfigurationError: a bad queue name, or arguments the function does not take.
        EnqueueError: the server did not take it.
    """
    job = await payload(connection, results, job_id)
    if is_packed:
        job.args = job.args if args is None else list(args)
        job.kwargs = job.kwargs if kwargs is None else dict(kwargs)
        job = edited(job, None, None, queue_name)
    else:
        job = edited(job, args, kwargs, queue_name)
    fresh = replace(
        job,
        job_id=new_id or uuid7(),
        enqueued_at=utcnow(),
        schedule_id=None,
        run_at=None,
        unique=None,
        unique_for=None,
        depends_on=(),
        pass_results=None,
        is_id_given=new_id is not None,
        retry_seqs=(),
        earlier_attempts=0,
        wire_bytes=0,
    )
    extra: dict[str, Any] = {"actor": current_actor(program), "details": {"cloned_from": job_id}}
    if reason is not None:
        extra["reason"] = reason
    if action_id is not None:
        extra["action_id"] = action_id
    queue = Queue(fresh.queue_name, connection, results)
    return await (queue.store if new_id is None else queue.store_once)(fresh, extra=extra)
