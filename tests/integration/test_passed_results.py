"""A child's retry by hand gets its parents' results; a parent is watched though its subscription failed at first."""

from __future__ import annotations

import asyncio
from typing import Any

import nats.errors
import pytest

from naq.client import AsyncClient
from naq.connection import Connection
from naq.dependencies.releaser import Releaser
from naq.errors import ConflictError
from naq.examples import tasks
from naq.models.job import JobStatus
from naq.settings import Settings
from tests.conftest import WorkerFactory
from tests.integration.log import event_when, events_of

pytestmark = pytest.mark.nats


async def test_a_retry_gets_the_results_that_were_not_there(client: AsyncClient, worker: WorkerFactory) -> None:
    parent = await client.enqueue(tasks.add, 1, "x")
    child = await client.enqueue(tasks.add, 4, depends_on=parent, pass_results=True)
    async with worker():
        record = await client.results.wait_record(child.job_id, timeout=10)
        assert (record.status, record.attempt) == (JobStatus.FAILED, 0)
        with pytest.raises(ConflictError, match=f"its parent {parent.job_id} is FAILED: retry that one first"):
            await client.retry_job(child.job_id)
        await event_when(client, lambda e: e.job_id == child.job_id and e.type == "FAILED")
        assert [e.type for e in await events_of(client, child.job_id)] == ["ENQUEUED", "FAILED"], "nothing was changed"
        await client.retry_job(parent.job_id, [1, 2])
        assert await parent.result(timeout=10) == 3
        await client.retry_job(child.job_id)
        assert await child.result(timeout=10) == 7


async def test_arguments_that_are_whole_stay_so(client: AsyncClient, worker: WorkerFactory) -> None:
    parent = await client.enqueue(tasks.add, 1, 2)
    released = await client.enqueue(tasks.add, "x", depends_on=parent, pass_results=True)
    given = await client.enqueue(tasks.add, 4, depends_on=await client.enqueue(tasks.fail), pass_results=True)
    async with worker():
        for job in (released, given):
            assert (await client.results.wait_record(job.job_id, timeout=10)).status == JobStatus.FAILED
        await client.retry_job(given.job_id, [10, 20])
        assert await given.result(timeout=10) == 30
        again = await client.retry_job(released.job_id)
        failed = await event_when(
            client, lambda e: e.job_id == again.job_id and e.type == "FAILED" and (e.attempt or 0) > 1
        )
        assert failed.error is not None
        assert failed.error["type"] == "TypeError"
        record = await client.results.get_record(released.job_id)
        assert record is not None
        assert record.job is not None
        assert record.job["args"] == [3, "x"], "the parent's result was not put in twice"


async def test_a_subscription_that_failed_is_made_again(
    client: AsyncClient, settings: Settings, worker: WorkerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = await client.enqueue(tasks.add, 1, 2)
    child = await client.enqueue(tasks.add, 4, depends_on=parent, pass_results=True, queue_name="children")
    failures = [nats.errors.ConnectionReconnectingError(), OSError("no link")]
    async with Connection(settings, name="releaser") as connection:
        subscribe = connection.client.subscribe
        subscribed = asyncio.Event()

        async def failing(subject: str, *args: Any, **options: Any) -> Any:
            if subject.endswith(parent.job_id):
                if failures:
                    raise failures.pop()
                subscribed.set()
            return await subscribe(subject, *args, **options)

        monkeypatch.setattr(connection.client, "subscribe", failing)
        releasing = asyncio.create_task(Releaser(connection).run())
        async with asyncio.timeout(10):
            await subscribed.wait()
        assert failures == []
        assert [e.type for e in await events_of(client, child.job_id)] == ["ENQUEUED"]
        monkeypatch.setattr("naq.dependencies.releaser.Releaser", _Idle)  # the worker's own would release it as well
        async with worker("default", "children"):
            assert await child.result(timeout=10) == 7
        releasing.cancel()
        await asyncio.gather(releasing, return_exceptions=True)
    assert [e.type for e in await events_of(client, child.job_id)].count("RELEASED") == 1


class _Idle:
    def __init__(self, _connection: Connection) -> None:
        pass

    async def run(self) -> None:
        await asyncio.Event().wait()
