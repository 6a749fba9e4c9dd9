"""A scheduler beside a server that comes back with another store fires what is in that, not what it remembers."""

from __future__ import annotations

import asyncio
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from naq.client import AsyncClient
from naq.examples import tasks
from naq.scheduler import Scheduler
from naq.server import EmbeddedServer
from naq.settings import Settings
from naq.testing import ManualClock
from tests.integration.schedulers import record_when, told

pytestmark = pytest.mark.nats


async def test_what_was_in_the_store_before_is_not_fired_into_the_one_after(tmp_path: Path) -> None:
    store = tmp_path / "store"
    server = EmbeddedServer(store)
    async with server:
        settings = Settings(nats_url=server.url, events_max_bytes=0, lease_s=2)
        clock = ManualClock()
        scheduler = Scheduler(settings=settings, clock=clock)
        running = asyncio.create_task(scheduler.run())
        await scheduler.ready.wait()
        async with AsyncClient(settings) as client:
            for _ in range(5):  # so that what comes after stands at a lower revision
                await client.schedule(tasks.add, 9, 9, interval=3_600, schedule_id="filler")
                await client.cancel_scheduled_job("filler")
            for name in ("gone", "anew"):
                await client.schedule(tasks.add, 1, 1, interval=60, schedule_id=name)
            clock.put_forward(clock.now() + timedelta(seconds=61))
            for name in ("gone", "anew"):
                await record_when(client, name, lambda schedule: schedule.run_count == 1)
        await server.stop()
        shutil.rmtree(store)
        await server.start()
        async with AsyncClient(settings) as client:
            await client.schedule(tasks.add, 2, 2, interval=30, schedule_id="anew")
            clock.put_forward(clock.now() + timedelta(seconds=61))
            await record_when(client, "anew", lambda schedule: schedule.run_count >= 1)
            clock.put_forward(clock.now() + timedelta(seconds=61))
            await record_when(client, "anew", lambda schedule: schedule.run_count >= 2)
            assert not await told(client, "gone", "SCHEDULE_TRIGGERED")
        scheduler.stop()
        await running
