"""Results too large for one message: stored aside, read back whole, bounded, and removed with their record."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace

import pytest

from naq.client import AsyncClient
from naq.errors import JobExecutionError, JobNotFoundError, SerializationError
from naq.jetstream import JetStreamError
from naq.models.job import JobStatus
from naq.models.result import JobResult
from naq.objects import Objects
from naq.settings import Settings
from tests.conftest import WorkerFactory, child
from tests.integration import sample_tasks
from tests.integration.log import event_when, events_of

pytestmark = pytest.mark.nats

SAMPLES = "tests.integration.sample_tasks"
LARGE = 10_000_000


async def record_of(client: AsyncClient, job_id: str) -> JobResult:
    record = await client.results.get_record(job_id)
    assert record is not None
    return record


async def messages_of(client: AsyncClient) -> int:
    info = await client.connection.api(f"STREAM.INFO.OBJ_{client.connection.names.objects}")
    return int(info["state"]["messages"])


def has_message_ttl(client: AsyncClient) -> bool:
    """Whether this server can keep one message shorter than its stream (from 2.11 on)."""
    assert client.topology is not None
    assert client.topology.has_message_ttl == (client.connection.server_version >= (2, 11, 0))
    return client.topology.has_message_ttl


async def test_a_large_result_comes_back_whole(client: AsyncClient, worker: WorkerFactory) -> None:
    async with worker(modules=(SAMPLES,)):
        job = await client.enqueue(sample_tasks.many_bytes, LARGE, result_ttl=300)
        assert await job.result(timeout=20) == "é" * (LARGE // 2)
        assert await client.fetch_job_result(job.job_id) == "é" * (LARGE // 2)
    record = await record_of(client, job.job_id)
    assert record.status == JobStatus.COMPLETED
    assert record.size < 2_000
    assert record.value is None
    assert record.value_ref is not None
    assert (record.value_ref.bucket, record.value_ref.name) == (client.connection.names.objects, job.job_id)
    assert record.value_ref.size == LARGE + 2
    assert [e.type for e in await events_of(client, job.job_id)] == ["ENQUEUED", "STARTED", "COMPLETED"]
    message = await client.connection.client.request(
        f"$JS.API.DIRECT.GET.OBJ_{client.connection.names.objects}", b'{"seq": 1}', timeout=5
    )
    assert message.headers.get("Nats-TTL") == ("360s" if has_message_ttl(client) else None)


async def test_other_tools_read_the_object(client: AsyncClient) -> None:
    data = os.urandom(1_000_000)
    await Objects(client.connection).put("job", data)
    store = await client.connection.client.jetstream().object_store(client.connection.names.objects)
    assert (await store.get("job")).data == data


async def test_a_small_result_makes_no_object_store(client: AsyncClient, worker: WorkerFactory) -> None:
    async with worker(modules=(SAMPLES,)):
        job = await client.enqueue(sample_tasks.many_bytes, 1_000)
        assert len(await job.result(timeout=10)) == 500
    with pytest.raises(JetStreamError):
        await messages_of(client)


async def test_a_result_above_the_limit_fails_the_job(client: AsyncClient, settings: Settings) -> None:
    job = await client.enqueue(sample_tasks.many_bytes, LARGE)
    async with child(settings.with_(max_result_bytes=9_000_000), "worker", "-m", SAMPLES):
        with pytest.raises(JobExecutionError, match="NAQ_MAX_RESULT_BYTES") as caught:
            await job.result(timeout=20)
        await event_when(client, lambda event: event.type == "FAILED")
    assert caught.value.error_type == "ResultTooLarge"
    assert [event.type for event in await events_of(client, job.job_id)] == ["ENQUEUED", "STARTED", "FAILED"]


async def test_a_result_that_is_no_data_fails_the_job(client: AsyncClient, worker: WorkerFactory) -> None:
    async with worker(modules=(SAMPLES,)):
        job = await client.enqueue(sample_tasks.unserialisable)
        with pytest.raises(JobExecutionError, match="can't travel") as caught:
            await job.result(timeout=10)
    assert caught.value.error_type == "SerializationError"


async def test_a_failure_with_a_job_as_large_as_a_message_is_stored(client: AsyncClient, worker: WorkerFactory) -> None:
    async with worker(modules=(SAMPLES,)):
        job = await client.enqueue(sample_tasks.fails_with, "x" * (client.connection.max_payload - 1_000))
        with pytest.raises(JobExecutionError, match="ValueError"):
            await job.result(timeout=20)
    record = await record_of(client, job.job_id)
    assert record.error is not None
    assert (record.status, record.job) == (JobStatus.FAILED, None)
    assert record.reason is not None
    assert "can't be retried" in record.reason


async def test_an_object_is_replaced_and_removed(client: AsyncClient) -> None:
    objects = Objects(client.connection)
    first = await objects.put("job", b"a" * 1_000_000)
    second = await objects.put("job", b"b" * 300_000)
    assert await messages_of(client) == 3 + 1, "the chunks of the first are gone"
    assert await objects.get(second) == b"b" * 300_000
    with pytest.raises(SerializationError, match="was replaced"):
        await objects.get(first)
    with pytest.raises(SerializationError, match="the limit here"):
        await objects.get(replace(second, size=2**60))
    await objects.delete("job")
    await objects.delete("job")
    assert await messages_of(client) == 0
    with pytest.raises(JobNotFoundError, match="is gone"):
        await objects.get(second)


async def test_the_object_goes_with_its_record(client: AsyncClient, worker: WorkerFactory) -> None:
    async with worker(modules=(SAMPLES,)):
        job = await client.enqueue(sample_tasks.many_bytes, LARGE)
        await client.results.wait_record(job.job_id, timeout=20)
    assert await messages_of(client) > 70
    await client.delete_job(job.job_id)
    assert await messages_of(client) == 0
    with pytest.raises(JobNotFoundError):
        await client.fetch_job_result(job.job_id)


async def test_a_worker_killed_while_it_stores_a_result_leaves_nothing_wrong(
    client: AsyncClient, settings: Settings, worker: WorkerFactory
) -> None:
    job = await client.enqueue(sample_tasks.many_bytes, 60_000_000)
    stored = asyncio.Event()

    async def on_chunk(_message: object) -> None:
        stored.set()

    await client.connection.client.subscribe(f"$O.{client.connection.names.objects}.C.>", cb=on_chunk)
    async with child(settings, "worker", "-m", SAMPLES) as process:
        async with asyncio.timeout(20):
            await stored.wait()
        process.send_signal(signal.SIGKILL)
        await process.wait()
    assert await client.results.get_record(job.job_id) is None
    async with worker(modules=(SAMPLES,)):
        assert len(await job.result(timeout=40)) == 30_000_000
    assert [e.type for e in await events_of(client, job.job_id)].count("COMPLETED") == 1


@pytest.mark.parametrize(
    "reference",
    [b"1", b"{}", b'{"bucket": "x", "name": "y", "size": -1, "sha256": "z"}', b'{"bucket": 1, "size": "9"}'],
)
async def test_hostile_references_are_no_reference(client: AsyncClient, reference: bytes) -> None:
    await client.results.bucket.put("j", b'{"job_id": "j", "status": "COMPLETED", "value_ref": ' + reference + b"}")
    assert await client.fetch_job_result("j") is None


async def test_a_completed_result_keeps_its_own_age_and_a_failure_the_longest(
    client: AsyncClient, worker: WorkerFactory
) -> None:
    async with worker(modules=(SAMPLES,)):
        good = await client.enqueue(sample_tasks.many_bytes, 10, result_ttl=60)
        bad = await client.enqueue(sample_tasks.unserialisable, result_ttl=60)
        await client.results.wait_record(good.job_id, timeout=10)
        await client.results.wait_record(bad.job_id, timeout=10)
    ages = []
    for job in (good, bad):
        bucket = client.results.bucket
        message = await client.connection.client.request(
            f"$JS.API.DIRECT.GET.{bucket.stream}.$KV.{bucket.name}.{job.job_id}", b"", timeout=5
        )
        ages.append(message.headers.get("Nats-TTL"))
    assert ages == (["60s", None] if has_message_ttl(client) else [None, None])


async def test_a_server_without_batched_reads_gives_the_same(
    client: AsyncClient, worker: WorkerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("naq.eventlog.DIRECT_BATCH_SINCE", (99, 0, 0))
    data = os.urandom(6_000_000)
    objects = Objects(client.connection)
    assert await objects.get(await objects.put("job", data)) == data
    async with worker(modules=(SAMPLES,)):
        jobs = [await client.enqueue(sample_tasks.unserialisable) for _ in range(120)]
        for job in jobs:
            await client.results.wait_record(job.job_id, timeout=20)
    assert (await client.delete_jobs()).done == 120
