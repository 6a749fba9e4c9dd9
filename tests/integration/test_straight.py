"""The short way to a job's end, where something else than an ack comes back."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from naq.client import AsyncClient
from naq.errors import JobExecutionError
from naq.models.job import JobStatus
from naq.models.result import JobResult
from naq.models.times import utcnow
from tests.conftest import WorkerFactory
from tests.integration import sample_tasks
from tests.integration.log import event_when, events_of

pytestmark = pytest.mark.nats


async def test_an_end_that_stands_already_stays(client: AsyncClient, worker: WorkerFactory) -> None:
    """Somebody else ended the job while it ran here: his end is told, and this one is dropped."""
    async with worker(modules=["tests.integration.sample_tasks"]):
        job = await client.enqueue(sample_tasks.block_thread, 0.5)
        await event_when(client, lambda event: event.type == "STARTED")
        first = JobResult(
            job_id=job.job_id, status=JobStatus.CANCELLED, function=job.function, queue="default", reason="enough"
        )
        first = replace(first, worker_id="w-other", finished_at=utcnow())
        await client.results.bucket.create(job.job_id, first.to_wire())
        with pytest.raises(JobExecutionError, match="enough"):
            await job.result(timeout=10)
        await event_when(client, lambda event: event.type == "CANCELLED")
        async with asyncio.timeout(10):
            while any(queue.waiting or queue.running for queue in await client.list_queues()):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    assert [event.type for event in await events_of(client, job.job_id)] == ["ENQUEUED", "STARTED", "CANCELLED"]
