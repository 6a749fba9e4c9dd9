"""A worker that was stopped finds deliveries in its socket that the server has long given to others."""

from __future__ import annotations

import asyncio
import signal

import pytest

from naq.client import AsyncClient
from naq.doctor.verify import verify
from naq.examples import tasks
from naq.settings import Settings
from tests.conftest import EXAMPLES, WorkerFactory, child
from tests.integration.log import all_events, event_when

pytestmark = pytest.mark.nats


async def test_what_came_while_it_was_stopped_does_not_run_again(
    client: AsyncClient, settings: Settings, worker: WorkerFactory
) -> None:
    async with child(settings, "worker", "-m", EXAMPLES, "--concurrency", "10") as stopped:
        first = await client.enqueue(tasks.add, 1, 1)
        assert await first.result(timeout=20) == 2
        stopped.send_signal(signal.SIGSTOP)
        jobs = [await client.enqueue(tasks.add, number, 1) for number in range(5)]
        async with worker():
            assert [await job.result(timeout=20) for job in jobs] == [1, 2, 3, 4, 5]
            stopped.send_signal(signal.SIGCONT)
            again = await client.enqueue(tasks.sleep, 0.1)
            assert await again.result(timeout=20) == 0.1
        last = await client.enqueue(tasks.add, 2, 2)  # the only worker now is the one that was stopped
        assert await last.result(timeout=20) == 4
        await event_when(client, lambda e: e.type == "COMPLETED" and e.job_id == last.job_id)
        told = [each.event for each in await all_events(client) if each.event is not None]
        for job in jobs:
            assert [event.type for event in told if event.job_id == job.job_id] == ["ENQUEUED", "STARTED", "COMPLETED"]
        assert (await verify(client.connection)).findings == ()


async def test_a_worker_that_was_idle_for_long_starts_jobs_at_once(
    client: AsyncClient, settings: Settings, worker: WorkerFactory
) -> None:
    async with worker() as idle:
        await asyncio.sleep(settings.ack_wait_s * 1.5)  # silence of the producers is none of the server's
        freshness = idle._runs.claims.freshness
        assert freshness.is_fresh(asyncio.get_running_loop().time())
        job = await client.enqueue(tasks.add, 1, 2)
        assert await job.result(timeout=5) == 3
        assert freshness.is_fresh(asyncio.get_running_loop().time())
