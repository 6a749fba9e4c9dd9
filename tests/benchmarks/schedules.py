"""How late the last of many schedules is that are due at the same moment."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from contextlib import aclosing
from datetime import datetime, timedelta

from naq.client import AsyncClient
from naq.settings import Settings
from tests.benchmarks.stage import Stage, settings_for
from tests.benchmarks.table import Row

TASK = "naq.examples.tasks:add"
AHEAD = timedelta(seconds=3)
MAKING = 64
"""Schedules stored at once, before the clock runs."""


async def rows(stage: Stage) -> list[Row]:
    count = stage.size(10_000, 1_000)
    late: list[float] = []
    for _ in range(stage.size(3, 2)):
        async with stage.server() as server:
            late.append(await _last_after_s(settings_for(server), count))
        stage.tell(f"{count:,} schedules due at once: the last fired {late[-1]:.2f} s later")
    return [Row(what=f"{count:,} schedules due at once: the last one fires after", unit="s", values=late)]


async def _last_after_s(settings: Settings, count: int) -> float:
    """Seconds from the moment when all are due to the last one's event in the log, a scheduler process waiting."""
    environment = {**os.environ, "NAQ_NATS_URL": settings.nats_url or "", "NAQ_PREFIX": settings.prefix}
    async with AsyncClient(settings, program="benchmark") as client:
        # far enough off for all to be stored; then moved to one moment that is near
        await _store(client, count, client.connection.server_now() + timedelta(hours=1))
        command = [sys.executable, "-m", "naq", "scheduler", "--log-level", "ERROR"]
        scheduler = subprocess.Popen(command, env=environment)  # noqa: ASYNC220
        try:
            await _when(client, "LEADER_ELECTED", 1)
            due = client.connection.server_now() + timedelta(seconds=count / 1_000) + AHEAD
            await _move(client, count, due)
            if client.connection.server_now() >= due:
                raise RuntimeError("the machine is too slow: some were due before all were stored")
            last = await _when(client, "SCHEDULE_TRIGGERED", count)
            return (last - due).total_seconds()
        finally:
            scheduler.terminate()
            await asyncio.to_thread(scheduler.wait)


async def _store(client: AsyncClient, count: int, due: datetime) -> None:
    turns = asyncio.Semaphore(MAKING)

    async def one(number: int) -> None:
        async with turns:
            await client.schedule(TASK, 1, 2, interval=3600, start_at=due, schedule_id=f"s-{number}")

    await asyncio.gather(*(one(number) for number in range(count)))


async def _move(client: AsyncClient, count: int, due: datetime) -> None:
    turns = asyncio.Semaphore(MAKING)

    async def one(number: int) -> None:
        async with turns:
            await client.modify_scheduled_job(f"s-{number}", start_at=due)

    await asyncio.gather(*(one(number) for number in range(count)))


async def _when(client: AsyncClient, event_type: str, count: int) -> datetime:
    """When so many events of this type are stored; that of the last."""
    seen = 0
    async with asyncio.timeout(300), aclosing(client.events.follow()) as batches:  # type: ignore[type-var]
        async for batch in batches:
            for stored in batch.events:
                seen += stored.event is not None and stored.event.type == event_type
                if seen == count:
                    return stored.stored_at
    raise AssertionError("the log never ends by itself")
