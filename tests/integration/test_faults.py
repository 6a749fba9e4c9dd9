"""Processes that die at any instant: nothing is lost."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from naq.client import AsyncClient
from naq.connection import LinkState
from naq.examples import tasks
from naq.models.worker import WorkerStatus
from naq.server import EmbeddedServer
from naq.settings import Settings
from tests.conftest import EXAMPLES, WorkerFactory, child
from tests.integration.log import all_events, event_when

pytestmark = pytest.mark.nats


async def lifecycles(client: AsyncClient) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for stored in await all_events(client):
        if stored.event is not None and stored.event.job_id is not None:
            found[stored.event.job_id][stored.event.type] += 1
    return found


async def test_a_thousand_jobs_survive_the_kill_of_their_worker(
    client: AsyncClient, settings: Settings, worker: WorkerFactory
) -> None:
    jobs = await client.enqueue_many([(tasks.sleep, (0.01,)) for _ in range(1000)])
    async with child(settings, "worker", "-m", EXAMPLES) as doomed:
        completed = 0
        async for batch in client.events.follow():
            completed += sum(s.event is not None and s.event.type == "COMPLETED" for s in batch.events)
            if completed >= 300:
                break
        doomed.send_signal(signal.SIGKILL)
    async with worker(concurrency=50):
        assert await asyncio.gather(*(job.result(timeout=60) for job in jobs)) == [0.01] * 1000
    seen = await lifecycles(client)
    assert len(seen) == 1000
    assert all(types["ENQUEUED"] == 1 and types["STARTED"] >= 1 and types["COMPLETED"] == 1 for types in seen.values())
    assert sum(types["STARTED"] for types in seen.values()) <= 1010, "only what the dead worker held ran again"


async def test_a_killed_worker_is_seen_dead_and_its_job_runs_elsewhere(
    client: AsyncClient, settings: Settings, worker: WorkerFactory
) -> None:
    async with child(settings, "worker", "-m", EXAMPLES) as doomed:
        job = await client.enqueue(tasks.sleep, 1.0)
        started = await event_when(client, lambda e: e.type == "STARTED")
        doomed.send_signal(signal.SIGKILL)
    async with worker() as other:
        assert await job.result(timeout=20) == 1.0
        again = await event_when(client, lambda e: e.type == "STARTED" and e.worker_id == other.worker_id)
        assert again.details is not None
        assert again.details["redelivered"] is True
        records = {record.worker_id: record for record in await client.list_workers()}
        now = client.connection.server_now()
        assert records[started.worker_id or ""].status_at(now) == WorkerStatus.DEAD
        assert records[other.worker_id].status_at(now) != WorkerStatus.DEAD


async def test_everybody_carries_on_after_the_server_was_killed(tmp_path: Path, prefix: str) -> None:
    server = EmbeddedServer(tmp_path / "store")
    await server.start()
    settings = Settings(nats_url=server.url, prefix=prefix, ack_wait_s=2.0, heartbeat_interval_s=0.5, lease_s=2.0)
    try:
        async with (
            AsyncClient(settings) as client,
            child(settings, "worker", "-m", EXAMPLES) as one,
            child(settings, "scheduler") as scheduler,
        ):
            await client.schedule(tasks.add, 1, 2, interval=0.2, schedule_id="beat")
            jobs = await client.enqueue_many([(tasks.sleep, (0.02,)) for _ in range(300)])
            await event_when(client, lambda e: e.type == "COMPLETED")
            await event_when(client, lambda e: e.type == "SCHEDULE_TRIGGERED")
            assert server.pid is not None
            lost = asyncio.Event()
            client.connection.on_state(lambda state: lost.set() if state is LinkState.LOST else None)
            os.kill(server.pid, signal.SIGKILL)
            await server.wait()
            await asyncio.wait_for(lost.wait(), 10)
            await server.start()
            late = await client.enqueue(tasks.add, 20, 22)
            assert await late.result(timeout=30) == 42
            assert await asyncio.gather(*(job.result(timeout=60) for job in jobs)) == [0.02] * 300
            held = await client.log.range()
            async for batch in client.events.follow(start_seq=held.last_seq + 1):
                if any(s.event and s.event.type == "SCHEDULE_TRIGGERED" for s in batch.events):
                    break
            assert one.returncode is None
            assert scheduler.returncode is None
            seen = await lifecycles(client)
            assert all(seen[job.job_id]["COMPLETED"] == 1 for job in jobs)
    finally:
        await server.stop()


async def test_sigterm_drains_and_hands_back(client: AsyncClient, settings: Settings, worker: WorkerFactory) -> None:
    async with child(settings, "worker", "-m", EXAMPLES, "--drain", "0.2") as leaving:
        job = await client.enqueue(tasks.sleep, 1.5)
        await event_when(client, lambda e: e.type == "STARTED")
        leaving.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(leaving.wait(), 10) == 0
    stopped = await event_when(client, lambda e: e.type == "WORKER_STOPPED")
    assert stopped.details is not None
    assert stopped.details["unfinished"] == 1
    async with worker():
        assert await job.result(timeout=10) == 1.5
