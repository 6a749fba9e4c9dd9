"""Limits that are reached: producers are told in one line, nothing accepted is dropped, and room is used again."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from naq.client import AsyncClient
from naq.doctor.verify import verify
from naq.errors import EnqueueError
from naq.examples import tasks
from naq.inspector import worker_of
from naq.scheduler.fire import Firer
from naq.scheduler.overlap import LastJobs
from naq.server import EmbeddedServer
from naq.settings import Settings
from tests.conftest import WorkerFactory, run_naq
from tests.integration import sample_tasks
from tests.integration.log import all_events

pytestmark = pytest.mark.nats

FULL = 64 * 1024
PAYLOAD = "x" * 4000


async def limit(client: AsyncClient, stream: str, **limits: Any) -> None:
    config = (await client.connection.api(f"STREAM.INFO.{stream}"))["config"]
    await client.connection.api(f"STREAM.UPDATE.{stream}", {**config, **limits})


async def test_a_full_stream_of_jobs_refuses_and_keeps_what_it_has(settings: Settings, worker: WorkerFactory) -> None:
    small = settings.with_(jobs_max_bytes=FULL)
    async with AsyncClient(small) as client:
        stored = []

        async def fill() -> None:
            for _ in range(100):
                stored.append(await client.enqueue(tasks.echo, PAYLOAD))

        with pytest.raises(EnqueueError, match="maximum bytes exceeded") as refused:
            await fill()
        assert len(str(refused.value).splitlines()) == 1
        assert 5 < len(stored) < 20
        with pytest.raises(EnqueueError, match=r"^0 of 3 jobs were stored in queue 'default': .*maximum bytes"):
            await client.enqueue_many([(tasks.echo, (PAYLOAD,))] * 3)
        code, _, err = await run_naq(small, "enqueue", "naq.examples.tasks:echo", PAYLOAD)
        assert (code, len(err.splitlines())) == (1, 1)
        assert "maximum bytes exceeded" in err
        (queue,) = await client.list_queues()
        assert queue.waiting == len(stored), "none of the accepted ones made room"
        told = [each.event for each in await all_events(client) if each.event is not None]
        gone = [event for event in told if event.type == "CANCELLED"]
        assert len(gone) == 5
        assert all((event.details or {}).get("refused") for event in gone)
        async with worker():
            for job in stored:
                assert await job.result(timeout=20) == PAYLOAD
            again = await client.enqueue(tasks.echo, PAYLOAD)
            assert await again.result(timeout=20) == PAYLOAD
        assert (await verify(client.connection)).findings == ()


async def test_a_job_whose_result_finds_no_room_stays_until_there_is_some(
    client: AsyncClient, settings: Settings, worker: WorkerFactory, caplog: pytest.LogCaptureFixture
) -> None:
    bucket = f"KV_{client.connection.names.results}"
    await limit(client, bucket, max_bytes=2000)
    async with worker():
        job = await client.enqueue(tasks.echo, PAYLOAD)
        async with asyncio.timeout(20):
            while "maximum bytes exceeded" not in caplog.text:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        (queue,) = await client.list_queues()
        assert queue.waiting + queue.running == 1
        await limit(client, bucket, max_bytes=-1)
        assert await job.result(timeout=30) == PAYLOAD
    assert "Traceback" not in caplog.text
    told = [each.event.type for each in await all_events(client) if each.event and each.event.job_id == job.job_id]
    assert told == ["ENQUEUED", "STARTED", "COMPLETED"], "it ran once"


async def test_a_full_log_holds_producers_back_until_it_takes_their_events(
    client: AsyncClient, worker: WorkerFactory
) -> None:
    log = client.connection.names.events
    config = (await client.connection.api(f"STREAM.INFO.{log}"))["config"]
    async with worker():
        await limit(client, log, max_bytes=1, discard="new")
        calls = [asyncio.create_task(client.enqueue(tasks.add, number, 1)) for number in range(3)]
        schedule = asyncio.create_task(client.schedule(tasks.add, 1, 1, interval=3600))
        assert await asyncio.wait([*calls, schedule], timeout=1.5) == (set(), {*calls, schedule})
        await client.connection.api(f"STREAM.UPDATE.{log}", config)
        jobs = [await call for call in calls]
        assert [await job.result(timeout=20) for job in jobs] == [1, 2, 3]
        assert (await schedule).status == "ACTIVE"
    told = [each.event for each in await all_events(client) if each.event is not None]
    for job in jobs:
        types = [event.type for event in told if event.job_id == job.job_id]
        assert sorted(types) == ["COMPLETED", "ENQUEUED", "STARTED"]
    assert (await verify(client.connection)).findings == ()


async def test_a_run_is_told_however_long_the_log_was_full(client: AsyncClient) -> None:
    """Its job is given up with the leader's lease; where that is stored in time, its event is still waited for."""
    link, results, log = client.connection, client.results, client.connection.names.events
    config = (await link.api(f"STREAM.INFO.{log}"))["config"]
    firer = Firer(link, client.schedules, results, LastJobs(link, results, lambda _: None), "s-1")
    firer.leads_for_s = lambda: 0.3
    schedule = await client.schedule(tasks.add, 1, 2, interval=3600, schedule_id="hourly")
    assert schedule.next_run_at is not None
    await limit(client, log, max_bytes=1, discard="new")
    firing = asyncio.create_task(firer.fire(schedule, schedule.next_run_at))
    assert await asyncio.wait([firing], timeout=1.0) == (set(), {firing})
    await link.api(f"STREAM.UPDATE.{log}", config)
    await firing
    told = [each.event.type for each in await all_events(client) if each.event and each.event.job_id]
    assert told == ["ENQUEUED", "SCHEDULE_TRIGGERED"]


async def test_a_consumer_too_many_is_one_line(client: AsyncClient, settings: Settings, worker: WorkerFactory) -> None:
    names = client.connection.names
    config = (await client.connection.api(f"STREAM.INFO.{names.jobs}"))["config"]
    await client.connection.api(f"STREAM.DELETE.{names.jobs}")
    await client.connection.api(f"STREAM.CREATE.{names.jobs}", {**config, "max_consumers": 1})
    async with worker("one"):
        code, out, err = await run_naq(settings, "worker", "two", "-m", "naq.examples.tasks")
        assert (code, out, len(err.splitlines())) == (1, "", 1), err
        assert "maximum consumers limit reached" in err
        job = await client.enqueue(tasks.add, 1, 2, queue_name="one")
        assert await job.result(timeout=20) == 3


async def test_what_a_worker_can_not_keep_up_with_waits_on_the_server(
    client: AsyncClient, worker: WorkerFactory, tmp_path: Path
) -> None:
    release = tmp_path / "release"
    jobs = await client.enqueue_many([(sample_tasks.wait_for, (str(release),))] * 500)
    async with worker(modules=["tests.integration.sample_tasks"], concurrency=2):
        async with asyncio.timeout(15):
            async for batch in client.inspector.watch_workers():
                if any(len(worker_of(entry).running) == 2 for entry in batch.entries if not entry.is_deleted):
                    break
        (queue,) = await client.list_queues()
        assert 2 <= queue.running <= 10, "it holds what it runs, and little ahead"
        assert queue.waiting + queue.running == 500
        release.touch()
        for job in jobs:
            assert await job.result(timeout=30) == str(release)
    assert (await verify(client.connection)).findings == ()


async def test_a_server_whose_disk_hangs_holds_producers_back_and_loses_nothing(tmp_path: Path, prefix: str) -> None:
    """A disk that takes nothing for a while looks so from outside: the server answers nobody, and then everybody."""
    async with EmbeddedServer(tmp_path / "store") as server:
        settings = Settings(nats_url=server.url, prefix=prefix)
        async with AsyncClient(settings) as client:
            pid = server.pid
            assert pid is not None
            os.kill(pid, signal.SIGSTOP)
            try:
                calls = [asyncio.create_task(client.enqueue(tasks.add, number, 1)) for number in range(50)]
                many = asyncio.create_task(client.enqueue_many([(tasks.add, (number, 1)) for number in range(2000)]))
                done, _ = await asyncio.wait([*calls, many], timeout=2.0)
                assert done == set(), "told as stored by a server that stores nothing"
            finally:
                os.kill(pid, signal.SIGCONT)
            jobs = [await call for call in calls] + await many
            (queue,) = await client.list_queues()
            assert queue.waiting == len({job.job_id for job in jobs}) == 2050, "each is stored, and once"
            assert (await verify(client.connection)).findings == ()
