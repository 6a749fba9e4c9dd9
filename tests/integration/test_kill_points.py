"""Killed between any two writes: what `naq.worker.lifecycle` and `naq.queue` promise, with real processes that die."""

from __future__ import annotations

import asyncio
import signal
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from naq.client import AsyncClient
from naq.doctor.verify import verify
from naq.examples import tasks
from naq.models.job import Job, JobStatus
from naq.models.result import JobResult
from naq.settings import Settings
from naq.topology import DEDUPE_S
from naq.worker.told import tell_retry_if_untold
from tests.conftest import WorkerFactory, environment_of
from tests.integration import sample_tasks
from tests.integration.log import events_of

pytestmark = pytest.mark.nats
MODULES = ("naq.examples.tasks", "tests.integration.sample_tasks")


async def dies(settings: Settings, *arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.dying", *arguments, env=environment_of(settings)
    )
    try:
        async with asyncio.timeout(20):
            assert await process.wait() == -signal.SIGKILL
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def all_settled(client: AsyncClient) -> None:
    """The dead worker's delivery is acked too, so that nothing of the job is left; the server tells that to nobody."""
    for _ in range(200):
        if not any(queue.waiting or queue.running for queue in await client.list_queues()):
            return
        await asyncio.sleep(0.1)
    raise AssertionError("the queue still holds the job")


@pytest.mark.parametrize(
    ("point", "trail"),
    [
        ("before the start", ["ENQUEUED", "STARTED", "COMPLETED"]),
        ("during the run", ["ENQUEUED", "STARTED", "STARTED", "COMPLETED"]),
        ("before the result", ["ENQUEUED", "STARTED", "STARTED", "COMPLETED"]),
        ("before the terminal event", ["ENQUEUED", "STARTED", "COMPLETED"]),
        ("before the ack", ["ENQUEUED", "STARTED", "COMPLETED"]),
        ("before the result, not straight", ["ENQUEUED", "STARTED", "STARTED", "COMPLETED"]),
        ("before the terminal event, not straight", ["ENQUEUED", "STARTED", "COMPLETED"]),
        ("before the ack, not straight", ["ENQUEUED", "STARTED", "COMPLETED"]),
    ],
)
async def test_a_worker_dies(
    client: AsyncClient, settings: Settings, worker: WorkerFactory, point: str, trail: list[str]
) -> None:
    job = await client.enqueue(tasks.add, 20, 22)
    await dies(settings, point)
    async with worker():
        assert await job.result(timeout=20) == 42
        await all_settled(client)
    events = await events_of(client, job.job_id)
    assert [event.type for event in events] == trail
    workers = [event.worker_id for event in events if event.type == "STARTED"]
    assert len(set(workers)) == len(workers), "a run that died is not told as the next one's"
    record = await client.results.get_record(job.job_id)
    assert record is not None
    assert record.worker_id == workers[-1], "the result is of the run that stored it first"


async def test_a_producer_dies_between_its_writes(
    client: AsyncClient, settings: Settings, worker: WorkerFactory, tmp_path: Path
) -> None:
    await dies(settings, "producer", "order-1")
    assert [event.type for event in await events_of(client, "order-1")] == ["ENQUEUED"]
    async with worker(modules=MODULES):
        other = await client.enqueue(sample_tasks.fails_until, str(tmp_path / "calls"), 0)
        await other.result(timeout=10)
        assert await client.results.get_record("order-1") is None, "nothing of it runs"
        again = await client.enqueue(tasks.add, 20, 22, job_id="order-1")
        assert await again.result(timeout=10) == 42, "and sending it again is safe"
    assert [event.type for event in await events_of(client, "order-1")] == ["ENQUEUED", "STARTED", "COMPLETED"]


async def test_a_worker_dies_before_it_tells_a_retry(
    client: AsyncClient, settings: Settings, worker: WorkerFactory
) -> None:
    """Its record says so: whoever runs the job next tells it, before the next run, as the dead worker's."""
    job = await client.enqueue(tasks.fail, "twice", max_retries=1, retry_delay=0.1)
    await dies(settings, "before the retry is told")
    async with worker():
        record = await client.results.wait_record(job.job_id, timeout=20)
        await all_settled(client)
    events = await events_of(client, job.job_id)
    trail = [(event.type, event.attempt) for event in events[1:]]
    assert trail == [("STARTED", 1), ("RETRY_SCHEDULED", 1), ("STARTED", 2), ("FAILED", 2)]
    retried = events[2]
    assert retried.worker_id == events[1].worker_id != events[3].worker_id
    assert retried.error is not None
    assert retried.error["message"] == "twice"
    assert retried.details is not None
    assert (retried.details["retry"], retried.details["of"]) == (1, 1)
    assert record.attempts[0].worker_id == retried.worker_id
    assert (await verify(client.connection)).findings == ()


async def test_a_retry_is_told_once_though_the_server_has_forgotten_its_id(client: AsyncClient) -> None:
    job = Job(job_id="j", function="m:f", queue_name="q")
    long_ago = client.connection.server_now() - timedelta(seconds=DEDUPE_S)
    left = JobResult(job_id="j", status=JobStatus.RETRY, queue="q", worker_id="w-gone", saved_at=long_ago)
    await tell_retry_if_untold(client.connection, job, left)
    for age_s in (DEDUPE_S, 1):
        saved_at = client.connection.server_now() - timedelta(seconds=age_s)
        await tell_retry_if_untold(client.connection, job, replace(left, saved_at=saved_at))
    assert [event.type for event in await events_of(client, "j")] == ["RETRY_SCHEDULED"]
