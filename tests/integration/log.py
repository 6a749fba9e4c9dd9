"""Reading the log in tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from naq.client import AsyncClient
from naq.models.event import JobEvent, StoredEvent


async def all_events(client: AsyncClient) -> list[StoredEvent]:
    held = await client.log.range()
    events: list[StoredEvent] = []
    next_seq = held.first_seq
    while next_seq <= held.last_seq:
        page = await client.log.read(next_seq, 1000)
        if not page:
            break
        events += page
        next_seq = page[-1].seq + 1
    return events


async def events_of(client: AsyncClient, job_id: str) -> list[JobEvent]:
    return [s.event for s in await all_events(client) if s.event is not None and s.event.job_id == job_id]


async def event_when(client: AsyncClient, matches: Callable[[JobEvent], bool], *, timeout: float = 15.0) -> JobEvent:
    """The first event, stored or to come, that matches."""

    async def find() -> JobEvent:
        async for batch in client.events.follow():
            for stored in batch.events:
                if stored.event is not None and matches(stored.event):
                    return stored.event
        raise AssertionError("the log ended")

    return await asyncio.wait_for(find(), timeout)
