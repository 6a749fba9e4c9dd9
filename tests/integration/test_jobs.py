"""Jobs from enqueue to result, on a real server."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from naq import codec
from naq.client import AsyncClient
from naq.errors import (
    ConfigurationError,
    EnqueueError,
    FunctionReferenceError,
    JobExecutionError,
    JobNotCompletedError,
    JobNotFoundError,
    SerializationError,
)
from naq.examples import tasks
from naq.models.job import JobStatus
from naq.models.worker import WorkerStatus
from tests.conftest import WorkerFactory
from tests.integration import sample_tasks
from tests.integration.log import all_events, event_when, events_of

pytestmark = pytest.mark.nats

SAMPLE = "tests.integration.sample_tasks"


async def test_a_job_runs_and_tells_its_three_events(client: AsyncClient, worker: WorkerFactory) -> None:
    async with worker() as w:
        job = await client.enqueue(tasks.add, 2, 3)
        assert await job.result(timeout=5) == 5
        assert await job.refresh() is JobStatus.COMPLETED
    events = await events_of(client, job.job_id)
    assert [event.type for event in events] == ["ENQUEUED", "STARTED", "COMPLETED"]
    assert [event.worker_id for event in events] == [None, w.worker_id, w.worker_id]
    assert events[2].run_ms is not None
    assert events[1].wait_ms is not None


async def test_arguments_and_results_keep_their_types(client: AsyncClient, worker: WorkerFactory) -> None:
    order = sample_tasks.Order(7, Decimal("1.10"), datetime(2026, 1, 2, tzinfo=UTC), sample_tasks.Colour.RED)
    async with worker(modules=[SAMPLE]):
        job = await client.enqueue(sample_tasks.describe, order, when=datetime(2026, 1, 2), labels={"a"})  # noqa: DTZ001
        assert await job.result(timeout=5) == (order, "datetime", {"a"})


async def test_a_failure_is_stored_with_its_traceback(client: AsyncClient, worker: WorkerFactory) -> None:
    async with worker():
        job = await client.enqueue(tasks.fail, "on purpose")
        with pytest.raises(JobExecutionError, match="RuntimeError: on purpose") as caught:
            await job.result(timeout=5)
    assert caught.value.traceback is not None
    assert "executor.py" not in caught.value.traceback
    assert "raise RuntimeError(message)" in caught.value.traceback
    record = await client.results.get_record(job.job_id)
    assert record is not None
    assert record.job is not None
    assert record.job["args"] == ["on purpose"], "a failed job keeps its payload"


async def test_a_failed_job_is_retried_with_each_attempt_kept(
    client: AsyncClient, worker: WorkerFactory, tmp_path: Path
) -> None:
    async with worker(modules=[SAMPLE]):
        job = await client.enqueue(
            sample_tasks.fails_until, str(tmp_path / "calls"), 2, max_retries=3, retry_delay=[0.05, 0.1]
        )
        assert await job.result(timeout=10) == "call 3 succeeds"
    record = await client.results.get_record(job.job_id)
    assert record is not None
    assert record.attempt == 3
    assert [a.error.message for a in record.attempts if a.error] == ["call 1 fails", "call 2 fails"]
    types = [event.type for event in await events_of(client, job.job_id)]
    assert types == [
        "ENQUEUED", "STARTED", "RETRY_SCHEDULED", "STARTED", "RETRY_SCHEDULED", "STARTED", "COMPLETED",
    ]  # fmt: skip


async def test_retries_end(client: AsyncClient, worker: WorkerFactory) -> None:
    async with worker():
        job = await client.enqueue(tasks.fail, max_retries=1, retry_delay=0.01)
        with pytest.raises(JobExecutionError):
            await job.result(timeout=5)
    assert [e.type for e in await events_of(client, job.job_id)][-1] == "FAILED"


async def test_an_exception_not_to_be_retried_is_final(client: AsyncClient, worker: WorkerFactory) -> None:
    async with worker():
        job = await client.enqueue(tasks.fail, max_retries=5, retry_delay=0.01, ignore_on=[RuntimeError])
        with pytest.raises(JobExecutionError):
            await job.result(timeout=5)
    assert [e.type for e in await events_of(client, job.job_id)] == ["ENQUEUED", "STARTED", "FAILED"]


async def test_an_async_function_is_stopped_at_its_time_limit(client: AsyncClient, worker: WorkerFactory) -> None:
    async with worker(modules=[SAMPLE]):
        job = await client.enqueue(sample_tasks.wait_long, timeout=0.1)
        with pytest.raises(JobExecutionError, match=r"TimeLimitExceeded: not done after 0\.1 s"):
            await job.result(timeout=5)


async def test_a_result_that_cannot_be_stored_fails_the_job(client: AsyncClient, worker: WorkerFactory) -> None:
    async with worker(modules=[SAMPLE]):
        job = await client.enqueue(sample_tasks.unserialisable)
        with pytest.raises(JobExecutionError, match="SerializationError"):
            await job.result(timeout=5)


async def test_a_worker_refuses_functions_outside_its_modules(client: AsyncClient, worker: WorkerFactory) -> None:
    async with worker(modules=[SAMPLE]):
        job = await client.enqueue("os:system", "true")
        with pytest.raises(JobExecutionError, match="module 'os' is not one this worker was started for"):
            await job.result(timeout=5)


async def test_a_worker_serves_several_queues_with_all_its_slots(client: AsyncClient, worker: WorkerFactory) -> None:
    async with worker("a", "b", concurrency=3) as w:
        jobs = [await client.enqueue(tasks.sleep, 0.05, queue_name=q) for q in ("a", "b", "a", "b", "b", "b", "a")]
        await asyncio.gather(*(job.result(timeout=10) for job in jobs))
    assert w.status.completed == len(jobs)


async def test_the_same_job_id_is_one_job(client: AsyncClient, worker: WorkerFactory) -> None:
    first = await client.enqueue(tasks.add, 1, 1, job_id="invoice-7")
    second = await client.enqueue(tasks.add, 1, 1, job_id="invoice-7")
    assert (first.is_duplicate, second.is_duplicate) == (False, True)
    async with worker():
        assert await second.result(timeout=5) == 2
    assert [e.type for e in await events_of(client, "invoice-7")] == ["ENQUEUED", "STARTED", "COMPLETED"]


async def test_many_jobs_are_enqueued_in_order(client: AsyncClient, worker: WorkerFactory) -> None:
    jobs = await client.enqueue_many([(tasks.echo, (number,)) for number in range(1200)])
    async with worker(concurrency=50):
        assert await asyncio.gather(*(job.result(timeout=30) for job in jobs)) == list(range(1200))
    enqueued = [s.event.job_id for s in await all_events(client) if s.event and s.event.type == "ENQUEUED"]
    assert enqueued == [job.job_id for job in jobs]


async def test_nothing_is_enqueued_by_half(client: AsyncClient) -> None:
    with pytest.raises(SerializationError, match=r"args\[0\]"):
        await client.enqueue_many([(tasks.echo, (1,)), (tasks.echo, (object(),))])
    with pytest.raises(EnqueueError, match="bytes"):
        await client.enqueue_many([(tasks.echo, (1,)), (tasks.echo, ("x" * 9_000_000,))])
    with pytest.raises(FunctionReferenceError, match="missing a required argument"):
        await client.enqueue(tasks.add, 1)
    with pytest.raises(FunctionReferenceError, match="lambda"):
        await client.enqueue(lambda: 1)
    with pytest.raises(ConfigurationError, match="queue name"):
        await client.enqueue(tasks.add, 1, 2, queue_name="a b")
    assert await all_events(client) == []
    assert await client.list_queues() == []


async def test_results_say_what_is_missing(client: AsyncClient) -> None:
    job = await client.enqueue(tasks.add, 1, 2)
    with pytest.raises(JobNotFoundError):
        await job.fetch_result()
    with pytest.raises(JobNotCompletedError, match=r"did not end within 0\.05 s"):
        await job.result(timeout=0.05)
    assert await client.get_job_status(job.job_id) is JobStatus.PENDING
    with pytest.raises(JobNotFoundError):
        await client.get_job_status("nobody-knows-it")


async def test_a_worker_with_a_blocked_loop_is_blocked_not_dead(client: AsyncClient, worker: WorkerFactory) -> None:
    async with worker(modules=[SAMPLE]) as w:
        started = asyncio.create_task(
            event_when(client, lambda event: event.type == "STARTED" and event.job_id == job.job_id)
        )
        # the loop that blocks is this test's own, so the judgement is the keeper's last word, read afterwards
        job = await client.enqueue(sample_tasks.block_loop, 3.5)
        assert await job.result(timeout=10) == 3.5
        await started
    events = await events_of(client, job.job_id)
    assert [event.type for event in events] == ["ENQUEUED", "STARTED", "COMPLETED"], "never delivered twice"
    assert w.status.completed == 1


async def test_heartbeats_tell_what_a_worker_does(client: AsyncClient, worker: WorkerFactory) -> None:
    async with worker("mail", concurrency=3) as w:
        job = await client.enqueue(tasks.sleep, 1.0, queue_name="mail")
        async for batch in client.inspector.watch_workers():
            records = [codec.loads(entry.value) for entry in batch.entries if entry.key == w.worker_id]
            if any(record["status"] == WorkerStatus.BUSY for record in records):
                break
        (record,) = await client.list_workers()
        assert [running.job_id for running in record.running] == [job.job_id]
        assert record.status_at(client.connection.server_now()) == WorkerStatus.BUSY
        assert (record.queues, record.concurrency) == (("mail",), 3)
        assert await client.get_job_status(job.job_id) is JobStatus.RUNNING
    assert await client.list_workers() == [], "a worker that stops leaves no record"
    types = [s.event.type for s in await all_events(client) if s.event and s.event.worker_id == w.worker_id]
    assert types[0] == "WORKER_STARTED"
    assert types[-1] == "WORKER_STOPPED"


async def test_a_purge_removes_waiting_jobs_and_says_who(client: AsyncClient) -> None:
    await client.enqueue_many([(tasks.add, (1, 2))] * 5, queue_name="mail")
    assert await client.purge_queue("mail", reason="test") == 5
    (purged,) = [s.event for s in await all_events(client) if s.event and s.event.type == "QUEUE_PURGED"]
    assert (purged.queue, purged.reason, purged.details) == ("mail", "test", {"jobs": 5})
    assert purged.actor is not None
    assert purged.actor["program"] == "test"


async def test_a_job_in_a_drain_is_finished(client: AsyncClient, worker: WorkerFactory) -> None:
    async with worker() as w:
        job = await client.enqueue(tasks.sleep, 0.3)
        await event_when(client, lambda event: event.type == "STARTED")
        w.stop()
    assert await job.fetch_result() == 0.3


async def test_full_jitter_and_errors_that_are_final(
    client: AsyncClient, worker: WorkerFactory, tmp_path: Path
) -> None:
    options = {"max_retries": 3, "retry_delay": 0.05, "retry_strategy": "full_jitter"}
    async with worker(modules=("tests.integration.sample_tasks",)):
        job = await client.enqueue(sample_tasks.fails_until, str(tmp_path / "calls"), 2, **options)
        assert await job.result(timeout=10) == "call 3 succeeds"
        final = await client.enqueue(
            sample_tasks.fails_until, str(tmp_path / "others"), 2, **options, ignore_on=[ValueError]
        )
        record = await client.results.wait_record(final.job_id, timeout=10)
    assert (record.status, record.attempt) == ("FAILED", 1)
    delays = [e.details["delay_s"] for e in await events_of(client, job.job_id) if e.type == "RETRY_SCHEDULED"]
    assert len(delays) == 2
    assert 0 <= delays[0] <= 0.05
    assert 0 <= delays[1] <= 0.1


async def test_a_time_limit_holds_for_functions_in_threads_and_is_told_apart(
    client: AsyncClient, worker: WorkerFactory
) -> None:
    async with worker(concurrency=1):
        job = await client.enqueue(tasks.block, 1.5, timeout=0.2, max_retries=1, retry_delay=0)
        other = await client.enqueue(tasks.add, 1, 2)
        assert await other.result(timeout=10) == 3, "its slot is free"
        record = await client.results.wait_record(job.job_id, timeout=10)
    assert record.status == "FAILED"
    assert record.error is not None
    assert record.error.type == "TimeLimitExceeded"
    told = [e for e in await events_of(client, job.job_id) if e.type in ("RETRY_SCHEDULED", "FAILED")]
    assert [(e.type, (e.details or {}).get("time_limit_s")) for e in told] == [
        ("RETRY_SCHEDULED", 0.2),
        ("FAILED", 0.2),
    ]
