"""Bytes from strangers in every stream and bucket stop nothing and can be seen."""

from __future__ import annotations

import pytest

from naq.client import AsyncClient
from naq.errors import SerializationError
from naq.examples import tasks
from naq.models.job import JobStatus
from naq.models.result import JobResult
from naq.settings import Settings
from tests.conftest import WorkerFactory
from tests.hostile import HOSTILE
from tests.integration.log import all_events, event_when
from tests.integration.schedulers import running_scheduler

pytestmark = pytest.mark.nats


async def test_a_malformed_job_is_kept_as_a_failure(client: AsyncClient, worker: WorkerFactory) -> None:
    for raw in HOSTILE:
        await client.connection.outbox.publish(client.connection.names.queue_subject("default"), raw)
    async with worker() as w:
        job = await client.enqueue(tasks.add, 1, 2)
        assert await job.result(timeout=5) == 3
        await event_when(client, lambda e: e.type == "FAILED" and e.job_id == f"malformed-{len(HOSTILE)}")
        assert w.status.completed == 1
    record = await client.results.get_record("malformed-2")
    assert record is not None
    assert record.error is not None
    assert record.error.type == "MalformedJob"
    assert record.job is not None
    assert record.job["raw"] == "//4A", "its bytes are kept"


async def test_a_malformed_job_that_comes_again_is_told_as_it_is_kept(
    client: AsyncClient, worker: WorkerFactory
) -> None:
    """As where its first worker was lost between the record and the event."""
    first = JobResult(job_id="malformed-1", status=JobStatus.FAILED, queue="default", worker_id="w-first")
    await client.results.bucket.create("malformed-1", first.to_wire())
    await client.connection.outbox.publish(client.connection.names.queue_subject("default"), HOSTILE[0])
    async with worker():
        told = await event_when(client, lambda e: e.type == "FAILED")
    assert told.worker_id == "w-first"
    record = await client.results.get_record("malformed-1")
    assert record is not None
    assert record.worker_id == "w-first"


async def test_malformed_events_are_kept_as_bytes(client: AsyncClient) -> None:
    subject = client.connection.names.event_subject("job", "started", "default")
    for raw in HOSTILE:
        await client.connection.outbox.publish(subject, raw)
    await client.connection.outbox.publish(subject, b'{"type": "TEA_BREAK", "sugar": 2, "attempt": "x"}')
    events = await all_events(client)
    assert [stored.raw for stored in events[: len(HOSTILE)]] == HOSTILE
    assert all(stored.event is None for stored in events[: len(HOSTILE)])
    unknown = events[-1].event
    assert unknown is not None
    assert (unknown.type, dict(unknown.extra)) == ("TEA_BREAK", {"sugar": 2, "attempt": "x"})


async def test_malformed_records_in_the_buckets_stop_nobody(
    client: AsyncClient, worker: WorkerFactory, settings: Settings
) -> None:
    names = client.connection.names
    for bucket in (names.workers, names.results, names.schedules):
        for number, raw in enumerate(HOSTILE):
            await client.connection.outbox.publish(f"$KV.{bucket}.bad{number}", raw)
    async with worker(), running_scheduler(settings):
        await client.schedule(tasks.add, 1, 2, interval=0.1, repeat=1)
        await event_when(client, lambda e: e.type == "COMPLETED")
        assert len(await client.list_workers()) == 2
        assert len(await client.list_schedules()) == 1
    with pytest.raises(SerializationError):
        await client.results.get_record("bad1")
