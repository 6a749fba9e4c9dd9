"""A scheduler in the test's own loop, and what it did."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from naq.client import AsyncClient
from naq.models.event import JobEvent
from naq.models.schedule import Schedule
from naq.scheduler import Scheduler
from naq.schedules import schedule_of
from naq.settings import Settings
from tests.conftest import environment_of
from tests.integration.log import all_events


@asynccontextmanager
async def running_scheduler(settings: Settings) -> AsyncIterator[Scheduler]:
    scheduler = Scheduler(settings=settings)
    task = asyncio.create_task(scheduler.run())
    ready = asyncio.create_task(scheduler.ready.wait())
    await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        task.result()
    try:
        yield scheduler
    finally:
        scheduler.stop()
        await task


async def record_when(client: AsyncClient, schedule_id: str, matches: Callable[[Schedule], bool]) -> Schedule:
    """The first state of the schedule, now or to come, that matches."""

    async with asyncio.timeout(15):
        async for batch in client.schedules.watch():
            for entry in batch.entries:
                if entry.key == schedule_id and matches(record := schedule_of(entry)):
                    return record
    raise AssertionError("the watch ended")


async def removed(client: AsyncClient, schedule_id: str) -> None:
    """Wait until the schedule's record is gone."""
    is_there = False
    async with asyncio.timeout(15):
        async for batch in client.schedules.watch():
            for entry in batch.entries:
                if entry.key == schedule_id:
                    is_there = not entry.is_deleted
            if batch.is_caught_up and not is_there:
                return


async def told(client: AsyncClient, schedule_id: str, event_type: str) -> list[JobEvent]:
    """The events of this type about the schedule, in order."""
    return [
        stored.event
        for stored in await all_events(client)
        if stored.event and stored.event.type == event_type and stored.event.schedule_id == schedule_id
    ]


async def triggered(client: AsyncClient, schedule_id: str) -> list[JobEvent]:
    return await told(client, schedule_id, "SCHEDULE_TRIGGERED")


async def dies(settings: Settings, point: str, nth: int = 1) -> None:
    """A scheduler process has led and killed itself at this point (`dying_scheduler`), the `nth` time it came there."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.dying_scheduler", point, str(nth), env=environment_of(settings)
    )
    try:
        async with asyncio.timeout(20):
            assert await process.wait() == -signal.SIGKILL
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
