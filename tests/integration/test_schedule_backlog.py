"""A leader that has much to catch up on."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from naq.client import AsyncClient
from naq.eventlog import EventLog
from naq.examples import tasks
from naq.models.event import StoredEvent
from naq.settings import Settings
from tests.integration.log import all_events, event_when
from tests.integration.schedulers import running_scheduler

pytestmark = pytest.mark.nats

OVERDUE = 60


async def test_what_was_told_is_read_once_however_much_is_due(
    client: AsyncClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, since = [], EventLog.since

    async def reads(self: EventLog, *args: Any, **options: Any) -> list[StoredEvent]:
        page = await since(self, *args, **options)
        read.append(len(page))
        return page

    monkeypatch.setattr(EventLog, "since", reads)
    due = client.connection.server_now() + timedelta(seconds=0.5)
    jobs = [await client.enqueue_at(due + timedelta(milliseconds=n), tasks.add, n, 1) for n in range(OVERDUE)]
    await asyncio.sleep((due - client.connection.server_now()).total_seconds() + 0.1)
    async with running_scheduler(settings):
        await event_when(client, lambda e: e.type == "SCHEDULE_TRIGGERED" and e.job_id == jobs[-1].job_id)
    fired = [s.event.job_id for s in await all_events(client) if s.event and s.event.type == "SCHEDULE_TRIGGERED"]
    assert sorted(fired) == sorted(job.job_id for job in jobs), "each once; many are fired at the same time"
    assert len(read) >= OVERDUE, "each is looked for"
    assert sum(read) <= 3 * OVERDUE, "but nothing is read again and again"
