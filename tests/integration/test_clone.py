"""A job run again as a new one: its call and options go with it, its ties to others do not."""

from __future__ import annotations

import pytest

from naq.client import AsyncClient
from naq.errors import JobNotFoundError
from naq.examples import tasks
from naq.models.event import JobEventType
from tests.conftest import WorkerFactory

pytestmark = pytest.mark.nats


async def test_a_completed_job_is_cloned_with_its_arguments(client: AsyncClient, worker: WorkerFactory) -> None:
    async with worker():
        first = await client.enqueue(tasks.add, 2, 3, tags=["a"], job_id="order-42")
        assert await first.result(timeout=10) == 5
        clone = await client.clone_job(first.job_id, reason="once more")
        assert clone.job_id != first.job_id
        assert await clone.result(timeout=10) == 5
    record = await client.results.get_record(clone.job_id)
    assert record is not None
    assert record.tags == ("a",)
    told = [stored.event for stored in await client.job_history(clone.job_id) if stored.event]
    assert told[0].type == JobEventType.ENQUEUED
    assert told[0].details == {"cloned_from": first.job_id}
    assert told[0].reason == "once more"
    assert told[0].actor


async def test_a_clone_takes_other_arguments(client: AsyncClient, worker: WorkerFactory) -> None:
    async with worker():
        first = await client.enqueue(tasks.add, 2, 3)
        await first.result(timeout=10)
        clone = await client.clone_job(first.job_id, args=[20, 30])
        assert await clone.result(timeout=10) == 50


async def test_a_waiting_job_is_cloned_from_its_queue(client: AsyncClient) -> None:
    first = await client.enqueue(tasks.add, 2, 3, queue_name="nobody", unique="once")
    clone = await client.clone_job(first.job_id)
    stats = {queue.queue: queue for queue in await client.list_queues()}
    assert stats["nobody"].waiting == 2
    assert not clone.is_duplicate


async def test_what_nobody_knows_is_not_cloned(client: AsyncClient) -> None:
    with pytest.raises(JobNotFoundError, match="unknown"):
        await client.clone_job("0198c0de-0000-7000-8a00-000000000000")
