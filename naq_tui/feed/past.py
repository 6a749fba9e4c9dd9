"""What is read once, or when somebody looks: jobs in the queues, failures of the last day, one job's payload."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import aclosing
from datetime import timedelta
from operator import attrgetter
from typing import Any

from naq import backlog
from naq.client import AsyncClient
from naq.clone import payload
from naq.dependencies.waiting import Waiting
from naq.errors import ConflictError, JobNotFoundError, SerializationError
from naq.eventlog import StreamRange, read_page
from naq.kv import Entry
from naq.models.event import Entity, JobEventType, StoredEvent
from naq.models.job import Job
from naq.tail import TailMessage
from naq_tui.feed.log import backwards
from naq_tui.feed.results import FIRST, PIECE
from naq_tui.store.failures import FAILURES_KEPT

WAITING_READ = 500
PAST_RESULTS = 500
RESULTS_S = 3.0
FAILURES_SINCE = timedelta(days=1)
_PIECE = 1_000


async def waiting_jobs(client: AsyncClient) -> tuple[Job, ...]:
    """The oldest jobs that lie in the queues; what can't be read is left out, a worker will tell of it."""
    return _jobs(await backlog.oldest_jobs(client.connection, WAITING_READ))


async def stored_jobs(client: AsyncClient) -> AsyncIterator[tuple[Job, ...]]:
    """See `Pages.stored_jobs`."""
    async with aclosing(backlog.pages(client.connection)) as pages:  # type: ignore[type-var]
        async for page in pages:
            yield _jobs(page)


def _jobs(stored: Iterable[backlog.WaitingJob]) -> tuple[Job, ...]:
    found: list[Job] = []
    for waiting in stored:
        try:
            found.append(Job.from_wire(waiting.data))
        except SerializationError:
            continue
    return tuple(found)


async def newest_results(client: AsyncClient, held: StreamRange) -> tuple[int, list[Entry]]:
    """The entries stored last of those that the bucket of results holds, oldest first, with marks of deleted ones; and
    from which sequence on they are all there are, `FIRST` where that is the whole bucket.

    In pieces, so that on a narrow line others get their answers in between, and no more than come in `RESULTS_S`:
    older ones are a key away.
    """
    bucket, loop = client.results.bucket, asyncio.get_running_loop()
    oldest = max(held.first_seq, held.last_seq - PAST_RESULTS + 1)
    begun, first, entries = loop.time(), held.last_seq + 1, list[Entry]()
    while first > oldest and (not entries or loop.time() - begun < RESULTS_S):
        last, first = first - 1, max(oldest, first - PIECE)
        wanted = {"seq": first, "batch": PIECE, "next_by_subj": f"$KV.{bucket.name}.>"}
        page = await read_page(client.connection, bucket.stream, wanted)
        entries[:0] = [bucket.entry_of(message) for message in page.messages if message.seq <= last]
    return FIRST if first <= held.first_seq else first, entries


async def past_failures(client: AsyncClient) -> AsyncIterator[tuple[StoredEvent, ...]]:
    """The FAILED events of the last day in pieces, the newest piece first, each oldest first; of very many the newest.

    Not by `EventLog.since`: the server answers the direct reads of a stream one after the other, and one for a rare
    subject goes through much of the log, so that a page asked for meanwhile would wait. A consumer has its own turn.
    """
    subject = client.connection.names.event_filter(entity="job", event_type=JobEventType.FAILED)
    oldest = await client.log.since(client.connection.server_now() - FAILURES_SINCE, 1)
    if not oldest:
        return
    last, left = (await client.log.range()).last_seq, FAILURES_KEPT
    stream, first = client.connection.names.events, oldest[0].seq
    async with aclosing(backwards(lambda: client, stream, [subject], last, first, _events)) as pieces:  # type: ignore[type-var]
        async for found, _ in pieces:
            for end in range(len(found), max(0, len(found) - left), -_PIECE):
                yield tuple(found[max(0, end - min(_PIECE, left)) : end])
                left -= min(_PIECE, end)
            if left <= 0:
                return


def _events(messages: Iterable[TailMessage], last: int) -> list[StoredEvent]:
    return [StoredEvent.from_stream(m.seq, m.stored_at, m.subject, m.data) for m in messages if m.seq <= last]


async def standing_events(client: AsyncClient, before_seq: int, most: int) -> tuple[StoredEvent, ...]:
    """What tells of workers, schedules, queues and operators before `before_seq`; of very many of a kind the newest."""
    first, found = (await client.log.range()).first_seq, list[StoredEvent]()
    for entity in (Entity.WORKER, Entity.SCHEDULE, Entity.QUEUE, Entity.OPERATOR):
        kept: list[StoredEvent] = []
        names = client.connection.names
        subjects = [names.event_filter(entity=entity)]
        steps = backwards(lambda: client, names.events, subjects, before_seq - 1, first, _events)
        async with aclosing(steps) as pieces:  # type: ignore[type-var]
            async for piece, _ in pieces:
                kept = [*piece, *kept][-most:]
                if len(kept) == most:
                    break
        found += kept
    return tuple(sorted(found, key=attrgetter("seq")))


async def read_payload(client: AsyncClient, job_id: str) -> Mapping[str, Any] | None:
    """What a job was called with; None where that is not stored."""
    try:
        job = await payload(client.connection, client.results, job_id)
    except JobNotFoundError:
        return await _waiting_child(client, job_id)
    except (ConflictError, SerializationError):
        return None
    return job.to_record()


async def _waiting_child(client: AsyncClient, job_id: str) -> Mapping[str, Any] | None:
    """The record of a job that waits for others: it is in no queue yet."""
    try:
        child = await Waiting(client.connection).get(job_id)
    except SerializationError:
        return None
    return None if child is None else child.job.to_record()
