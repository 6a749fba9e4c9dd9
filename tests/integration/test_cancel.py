"""Cancel a job wherever it stands; jobs that ask to run again or to end; what a job says of itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import naq
from naq import backlog, cancellation
from naq.client import AsyncClient
from naq.eventlog import Page
from naq.examples import context, tasks
from naq.models.event import JobEvent
from naq.models.job import JobStatus
from naq.settings import Settings
from tests.conftest import EXAMPLES, WorkerFactory, child
from tests.integration import sample_tasks
from tests.integration.log import event_when, events_of

pytestmark = pytest.mark.nats
CONTEXT = "naq.examples.context"
MODULES = (EXAMPLES, CONTEXT, "tests.integration.sample_tasks")


def types_of(events: list[JobEvent]) -> list[str]:
    return [event.type for event in events]


async def test_a_waiting_job_never_starts(client: AsyncClient, worker: WorkerFactory) -> None:
    job = await client.enqueue(tasks.add, 1, 2)
    other = await client.enqueue(tasks.add, 3, 4)
    assert await client.cancel(job.job_id, reason="not needed") == JobStatus.CANCELLED
    assert [queue.waiting for queue in await client.list_queues()] == [1], "it is taken out of its queue"
    async with worker():
        assert await other.result(timeout=10) == 7
        with pytest.raises(naq.JobExecutionError, match="cancelled: not needed"):
            await job.result(timeout=5)
    events = await events_of(client, job.job_id)
    assert types_of(events) == ["ENQUEUED", "CANCELLED"]
    assert events[-1].reason == "not needed"
    assert events[-1].actor is not None
    assert events[-1].actor["program"] == "test"
    record = await client.results.get_record(job.job_id)
    assert record is not None
    assert record.job is not None, "its payload is kept"
    assert await client.cancel(job.job_id) == JobStatus.CANCELLED, "harmless to repeat"


@pytest.mark.parametrize("step", [1, -1], ids=["oldest first", "newest first"])
async def test_many_waiting_jobs_are_not_each_looked_for_in_the_whole_queue(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    jobs = await client.enqueue_many([(tasks.add, (1, 2))] * 1_500)
    read, direct_batch = 0, backlog.direct_batch

    async def counted(*args: Any) -> Page:
        nonlocal read
        page = await direct_batch(*args)
        read += len(page.messages)
        return page

    monkeypatch.setattr(backlog, "direct_batch", counted)
    monkeypatch.setattr(cancellation, "ANSWER_WITHIN_S", 0.001)  # no worker is there to answer
    for job in jobs[500:800][::step]:
        assert await client.cancel(job.job_id) == JobStatus.CANCELLED
    assert [queue.waiting for queue in await client.list_queues()] == [1_200]
    assert read <= 1_500 + 300 * backlog.NEAR


async def test_a_running_coroutine_stops(client: AsyncClient, worker: WorkerFactory) -> None:
    async with worker(modules=MODULES):
        job = await client.enqueue(sample_tasks.wait_long, max_retries=3)
        await event_when(client, lambda e: e.type == "STARTED" and e.job_id == job.job_id)
        assert await client.cancel(job.job_id, reason="too slow") == JobStatus.CANCELLED
        assert await client.get_job_status(job.job_id) == JobStatus.CANCELLED
        assert await (await client.enqueue(tasks.add, 1, 1)).result(timeout=5) == 2, "the worker goes on"
    events = await events_of(client, job.job_id)
    assert types_of(events) == ["ENQUEUED", "STARTED", "CANCELLED"]
    assert events[-1].reason == "too slow"
    assert events[-1].from_status == "RUNNING"
    assert await client.cancellation._control.get("cancel", job.job_id) is None, "the order is done with"


async def test_a_thread_is_told_and_not_run_again(client: AsyncClient, worker: WorkerFactory) -> None:
    async with worker(modules=MODULES):
        deaf = await client.enqueue(tasks.block, 1.0)
        careful = await client.enqueue(context.careful, 30.0)
        started: set[str | None] = set()
        while started < {deaf.job_id, careful.job_id}:
            started.add((await event_when(client, lambda e: e.type == "STARTED" and e.job_id not in started)).job_id)
        assert await client.cancel(deaf.job_id) == JobStatus.RUNNING
        assert await client.cancel(careful.job_id) in (JobStatus.RUNNING, JobStatus.CANCELLED)
        assert await deaf.result(timeout=10) == 1.0, "what it came to is true, and kept"
        assert (await client.results.wait_record(careful.job_id, timeout=10)).status == JobStatus.CANCELLED


async def test_a_job_waiting_for_its_retry_never_runs_again(client: AsyncClient, worker: WorkerFactory) -> None:
    async with worker():
        job = await client.enqueue(tasks.fail, max_retries=5, retry_delay=1.5)
        await event_when(client, lambda e: e.type == "RETRY_SCHEDULED")
        assert await client.cancel(job.job_id) == JobStatus.CANCELLED
        record = await client.results.get_record(job.job_id)
        assert record is not None
        assert [attempt.number for attempt in record.attempts] == [1]
        queue = (await client.list_queues())[0]
        assert (queue.waiting, queue.running) == (0, 0), "the server holds no delivery of it any more"
    assert types_of(await events_of(client, job.job_id)) == ["ENQUEUED", "STARTED", "RETRY_SCHEDULED", "CANCELLED"]


async def test_a_scheduled_job_never_comes(client: AsyncClient) -> None:
    job = await client.enqueue_at(datetime.now(UTC) + timedelta(hours=1), tasks.add, 1, 2)
    assert await client.cancel(job.job_id, reason="plans changed") == JobStatus.CANCELLED
    assert await client.get_job_status(job.job_id) == JobStatus.CANCELLED
    assert "CANCELLED" in types_of(await events_of(client, job.job_id))


async def test_what_can_not_be_cancelled(client: AsyncClient, worker: WorkerFactory) -> None:
    with pytest.raises(naq.JobNotFoundError, match="nowhere"):
        await client.cancel("nowhere")
    async with worker():
        job = await client.enqueue(tasks.add, 1, 2)
        await job.result(timeout=5)
        with pytest.raises(naq.JobAlreadyEndedError, match="completed already"):
            await client.cancel(job.job_id)
        assert await job.fetch_result() == 3


async def test_cancel_reaches_a_worker_that_starts_later(
    client: AsyncClient, settings: Settings, worker: WorkerFactory
) -> None:
    """The canceller died right after its order: whoever is handed the job ends it and tells it."""
    job = await client.enqueue(tasks.add, 1, 2)
    await client.cancellation._control.put("cancel", job.job_id, {"actor": {"user": "ada"}, "reason": "oops"})
    async with child(settings, "worker", "-m", EXAMPLES):
        record = await client.results.wait_record(job.job_id, timeout=15)
        await event_when(client, lambda e: e.type == "CANCELLED")  # told behind the record
    assert record.status == JobStatus.CANCELLED
    events = await events_of(client, job.job_id)
    assert types_of(events) == ["ENQUEUED", "CANCELLED"]
    assert (events[-1].actor, events[-1].reason) == ({"user": "ada"}, "oops")


async def test_the_first_end_of_a_job_stands(client: AsyncClient, worker: WorkerFactory) -> None:
    """Somebody stored an end while a worker ran the job, and died: that end is told, the own one is dropped."""
    async with worker():
        job = await client.enqueue(tasks.sleep, 0.5)
        await event_when(client, lambda e: e.type == "STARTED")
        final = naq.JobResult(job_id=job.job_id, status=JobStatus.CANCELLED, reason="elsewhere")
        await client.results.bucket.create(job.job_id, final.to_wire())
    record = await client.results.get_record(job.job_id)
    assert record is not None
    assert (record.status, record.reason) == (JobStatus.CANCELLED, "elsewhere")
    events = await events_of(client, job.job_id)
    assert types_of(events) == ["ENQUEUED", "STARTED", "CANCELLED"]
    assert events[-1].reason == "elsewhere"
    assert [queue.running for queue in await client.list_queues()] == [0], "and acked"


async def test_a_job_asks_to_run_again(client: AsyncClient, worker: WorkerFactory) -> None:
    async with worker(modules=MODULES):
        job = await client.enqueue(context.wait_for_upload, 3)
        assert await job.result(timeout=10) == "ready at attempt 3"
    record = await client.results.get_record(job.job_id)
    assert record is not None
    assert [(a.number, a.error.type if a.error else None) for a in record.attempts] == [(1, "Retry"), (2, "Retry")]
    assert types_of(await events_of(client, job.job_id)) == [
        *("ENQUEUED", "STARTED", "RETRY_SCHEDULED", "STARTED", "RETRY_SCHEDULED", "STARTED", "COMPLETED")
    ]


async def test_a_job_ends_itself(client: AsyncClient, worker: WorkerFactory) -> None:
    async with worker(modules=MODULES):
        job = await client.enqueue(context.stop_if_unknown, "unknown", max_retries=3)
        record = await client.results.wait_record(job.job_id, timeout=10)
    assert (record.status, record.reason) == (JobStatus.CANCELLED, "no such customer")
    assert types_of(await events_of(client, job.job_id)) == ["ENQUEUED", "STARTED", "CANCELLED"]


async def test_progress_and_log_lines(
    client: AsyncClient, worker: WorkerFactory, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "naq.examples.context")  # this process has its logging set up: its levels hold
    async with worker(modules=MODULES):
        job = await client.enqueue(context.count, 20, 0.04, capture_logs=True)
        assert await job.result(timeout=10) == 20
    told = [event.details for event in await events_of(client, job.job_id) if event.type == "PROGRESS"]
    assert 2 <= len(told) <= 4, "at most two a second"
    assert told[0] == {"done": 1, "total": 20, "note": "counted 1"}
    assert told[-1] == {"done": 20, "total": 20, "note": "counted 20"}, "the last one is always told"
    assert types_of(await events_of(client, job.job_id))[-1] == "COMPLETED"
    record = await client.results.get_record(job.job_id)
    assert record is not None
    assert len(record.logs) == 20
    assert record.logs[0].endswith("INFO naq.examples.context: counted 1")
