"""Find one job among those that wait in the queues: a work queue has no index by job, so it is read by sequence.

Ids made by naq tell when they were made, and a job is stored after its id was made: the search starts there, and only
where that finds nothing (another maker's clock, another kind of id) is everything read.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from naq import codec, ids
from naq.connection import Connection
from naq.errors import SerializationError
from naq.eventlog import DIRECT_BATCH_SINCE, direct_batch, direct_get, stream_range
from naq.jetstream import JetStreamError
from naq.models.times import format_time

PAGE = 500
NEAR = 50
"""Messages looked at around a place where a job is likely."""
SKEW = timedelta(minutes=1)
"""How far a producer's clock may run ahead of the server's before the whole queue is read."""


class WaitingJob(NamedTuple):
    """A job's message in the stream of jobs; a worker may hold it."""

    seq: int
    subject: str
    data: bytes


async def find_job(
    connection: Connection, job_id: str, *, since: datetime | None = None, near: int | None = None
) -> WaitingJob | None:
    """The stored message of a job; None where no queue has it.

    Args:
        since: it was not stored before that, by the server's clock; None where nothing is known of it.
        near: a sequence beside which it may well be, which is looked at first: the last one found, for many in a row.
    """
    stream = connection.names.jobs
    held = await stream_range(connection, stream)
    if held.messages == 0:
        return None
    if near is not None and connection.server_version >= DIRECT_BATCH_SINCE:
        start = {"seq": max(held.first_seq, near - NEAR // 2)}
        for job in await _page(connection, start, connection.names.queue_wildcard, NEAR):
            if _is_of(job, job_id):
                return job
    if since is not None and connection.server_version >= DIRECT_BATCH_SINCE:
        return await _search(connection, job_id, {"start_time": format_time(since)}, held.last_seq)
    made_at = ids.time_of(job_id)
    if made_at is not None and connection.server_version >= DIRECT_BATCH_SINCE:
        found = await _search(connection, job_id, {"start_time": format_time(made_at - SKEW)}, held.last_seq)
        if found is not None:
            return found
    return await _search(connection, job_id, {"seq": held.first_seq}, held.last_seq)


async def is_waiting(connection: Connection, seq: int) -> bool:
    """Whether the message at this sequence of the stream of jobs is there still: its job waits, or runs.

    Raises:
        NaqConnectionError: no answer in time.
    """
    return await direct_get(connection, connection.names.jobs, {"seq": seq}) is not None


async def remove(connection: Connection, seq: int) -> bool:
    """Take a message out of the stream of jobs; False where it was gone already. A worker that holds it goes on."""
    try:
        await connection.api(f"STREAM.MSG.DELETE.{connection.names.jobs}", {"seq": seq, "no_erase": True})
    except JetStreamError:
        return False
    return True


async def waiting_jobs(connection: Connection, queue: str, first_seq: int) -> list[WaitingJob]:
    """Stored jobs of one queue from a sequence on, oldest first: some of them, none where there are no more."""
    return await _page(connection, {"seq": first_seq}, connection.names.queue_subject(queue))


async def pages(connection: Connection) -> AsyncIterator[list[WaitingJob]]:
    """All jobs stored in any queue by now, the oldest first, page by page; those that run or wait for a retry are
    among them."""
    held = await stream_range(connection, connection.names.jobs)
    first = held.first_seq
    while held.messages and first <= held.last_seq:
        page = await _page(connection, {"seq": first}, connection.names.queue_wildcard)
        if not page:
            break
        yield page
        first = page[-1].seq + 1


async def oldest_jobs(connection: Connection, count: int) -> list[WaitingJob]:
    """The oldest stored jobs of all queues, up to `count` of them."""
    found: list[WaitingJob] = []
    async with aclosing(pages(connection)) as read:  # type: ignore[type-var]
        async for page in read:
            found += page
            if len(found) >= count:
                break
    return found[:count]


async def stored_job_ids(connection: Connection) -> set[str]:
    """The ids of all jobs stored in any queue, those that run or wait for a retry included."""
    found: set[str] = set()
    async with aclosing(pages(connection)) as read:  # type: ignore[type-var]
        async for page in read:
            found.update(job_id for job_id in (_id_of(job.data) for job in page) if job_id is not None)
    return found


async def _search(connection: Connection, job_id: str, start: dict[str, Any], last_seq: int) -> WaitingJob | None:
    while True:
        page = await _page(connection, start, connection.names.queue_wildcard)
        for job in page:
            if _is_of(job, job_id):
                return job
        if not page or page[-1].seq >= last_seq:
            return None
        start = {"seq": page[-1].seq + 1}


def _is_of(job: WaitingJob, job_id: str) -> bool:
    return job_id.encode() in job.data and _id_of(job.data) == job_id


async def _page(connection: Connection, start: dict[str, Any], subject: str, messages: int = PAGE) -> list[WaitingJob]:
    """Up to so many stored jobs; a work queue can't be read by a second consumer, so by direct reads."""
    names = connection.names
    request = {**start, "next_by_subj": subject}
    if connection.server_version >= DIRECT_BATCH_SINCE:
        found = await direct_batch(connection, names.jobs, {**request, "batch": messages})
        return [WaitingJob(message.seq, message.subject, message.data) for message in found.messages]
    message = await direct_get(connection, names.jobs, request)
    return [] if message is None else [WaitingJob(message.seq, message.subject, message.data)]


def _id_of(data: bytes) -> str | None:
    try:
        record = codec.loads(data)
    except SerializationError:
        return None
    job_id = record.get("job_id") if isinstance(record, dict) else None
    return job_id if isinstance(job_id, str) else None
