"""`on_success` and `on_failure`: one job for each end, whoever dies when."""

from __future__ import annotations

from typing import Any

import pytest

from naq.callbacks import callback_of
from naq.client import AsyncClient
from naq.errors import ConfigurationError, FunctionReferenceError, JobExecutionError
from naq.examples import tasks
from naq.models.event import JobEvent
from naq.models.job import Job
from naq.models.result import JobError, JobResult
from naq.settings import Settings
from tests.conftest import EXAMPLES, WorkerFactory
from tests.integration import sample_tasks
from tests.integration.log import all_events, event_when, events_of
from tests.integration.test_kill_points import all_settled, dies

pytestmark = pytest.mark.nats

HERE = "tests.integration.test_callbacks"
SAMPLES = "tests.integration.sample_tasks"
MODULES = (EXAMPLES, HERE)
called: list[tuple[Any, ...]] = []


@pytest.fixture(autouse=True)
def _nothing_called() -> None:
    called.clear()


def thank(job_id: str, value: Any) -> str:
    called.append(("thank", job_id, value))
    return "thanked"


async def apologise(job_id: str, error: JobError) -> None:
    called.append(("apologise", job_id, error.type, error.message, "RuntimeError" in (error.traceback or "")))


def needs_three(job_id: str, value: Any, more: Any) -> None: ...


def big(size: int) -> str:
    return "x" * size


def fails_by_attempt(attempts: int) -> str:
    import naq

    if naq.current_job().attempt <= attempts:
        raise RuntimeError("not yet")
    return "at last"


async def callback_ended(client: AsyncClient, job: Job) -> JobEvent:
    """The end of the callback that `job` set off."""
    told = await event_when(client, lambda event: (event.details or {}).get("callback_of") == job.job_id)
    return await event_when(
        client, lambda event: event.job_id == told.job_id and event.to_status in ("COMPLETED", "FAILED")
    )


async def test_each_end_calls_its_own(client: AsyncClient, worker: WorkerFactory) -> None:
    async with worker("mail", modules=MODULES):
        options: dict[str, Any] = {"on_success": thank, "on_failure": apologise, "queue_name": "mail"}
        good = await client.enqueue(tasks.add, 2, 3, **options)
        bad = await client.enqueue(tasks.fail, "no luck", max_retries=1, retry_delay=0.01, **options)
        for job in (good, bad):
            ended = await callback_ended(client, job)
            assert (ended.to_status, ended.queue) == ("COMPLETED", "mail")
    assert sorted(called) == [
        ("apologise", bad.job_id, "RuntimeError", "no luck", True),
        ("thank", good.job_id, 5),
    ]
    trail = [event.type for event in await events_of(client, good.job_id)]
    assert trail == ["ENQUEUED", "STARTED", "COMPLETED"]
    order = [s.event.type for s in await all_events(client) if s.event is not None and s.event.function]
    assert len([event for event in order if event == "ENQUEUED"]) == 4


async def test_a_failed_job_that_is_retried_by_hand_calls_both(client: AsyncClient, worker: WorkerFactory) -> None:
    async with worker(modules=MODULES):
        job = await client.enqueue(fails_by_attempt, 1, on_success=f"{HERE}:thank", on_failure=apologise)
        with pytest.raises(JobExecutionError):
            await job.result(timeout=10)
        await callback_ended(client, job)
        await client.retry_job(job.job_id)
        thanked = await event_when(
            client, lambda event: event.type == "COMPLETED" and event.function == f"{HERE}:thank"
        )
        assert thanked.job_id == f"{job.job_id}.after-2"
    assert [call[0] for call in called] == ["apologise", "thank"]


async def test_a_child_whose_parent_failed_calls_on_failure(client: AsyncClient, worker: WorkerFactory) -> None:
    async with worker(modules=MODULES):
        parent = await client.enqueue(tasks.fail, "no luck")
        child = await client.enqueue(tasks.echo, 1, depends_on=parent, on_failure=apologise, on_success=thank)
        assert (await callback_ended(client, child)).to_status == "COMPLETED"
    assert [call[:3] for call in called] == [("apologise", child.job_id, "DependencyFailed")]


async def test_a_cancelled_job_calls_nothing(client: AsyncClient, worker: WorkerFactory) -> None:
    async with worker(modules=MODULES):
        job = await client.enqueue(tasks.sleep, 30, on_success=thank, on_failure=apologise)
        await event_when(client, lambda event: event.type == "STARTED" and event.job_id == job.job_id)
        await client.cancel(job.job_id)
        await event_when(client, lambda event: event.type == "CANCELLED" and event.job_id == job.job_id)
        enqueued = [s.event for s in await all_events(client) if s.event is not None and s.event.type == "ENQUEUED"]
    assert [event.job_id for event in enqueued] == [job.job_id]


@pytest.mark.parametrize(
    "point", ["before the callback", "before the terminal event, not straight", "before the ack, not straight"]
)
async def test_a_worker_killed_around_the_callback(
    client: AsyncClient, settings: Settings, worker: WorkerFactory, point: str
) -> None:
    job = await client.enqueue(tasks.add, 20, 22, on_success=sample_tasks.end_of)
    await dies(settings, point)
    async with worker(modules=(EXAMPLES, SAMPLES)):
        ended = await callback_ended(client, job)
        await event_when(client, lambda event: event.type == "COMPLETED" and event.job_id == job.job_id)
        await all_settled(client)
    assert ended.job_id is not None
    assert await client.fetch_job_result(ended.job_id) == [job.job_id, 42]
    trail = [event.type for event in await events_of(client, ended.job_id)]
    assert (trail.count("ENQUEUED"), trail.count("COMPLETED")) == (1, 1)
    assert [event.type for event in await events_of(client, job.job_id)] == ["ENQUEUED", "STARTED", "COMPLETED"]


async def test_a_value_too_large_for_a_message_is_left_out(client: AsyncClient, worker: WorkerFactory) -> None:
    async with worker(modules=MODULES):
        job = await client.enqueue(big, client.connection.max_payload, on_success=thank)
        assert len(await job.result(timeout=20)) == client.connection.max_payload
        await callback_ended(client, job)
    assert called == [("thank", job.job_id, None)]


def test_a_long_traceback_is_left_out_and_a_long_id_is_shortened() -> None:
    job = Job(job_id="j" * 128, function="a:b", on_failure="a:c")
    error = JobError(type="E", message="m", traceback="t" * 5000)
    record = JobResult(job_id=job.job_id, status="FAILED", error=error)
    callback = callback_of(job, record, limit=2000)
    assert callback is not None
    assert len(callback.to_wire()) < 2000
    assert len(callback.job_id) <= 128
    other = callback_of(job, JobResult(job_id=job.job_id, status="FAILED", error=error, attempt=2), limit=2000)
    assert other is not None
    assert other.job_id != callback.job_id


async def test_a_callback_that_can_not_be_called_is_refused(client: AsyncClient) -> None:
    with pytest.raises(FunctionReferenceError, match="needs_three"):
        await client.enqueue(tasks.add, 1, 2, on_success=needs_three)
    with pytest.raises(FunctionReferenceError, match="lambda"):
        await client.enqueue(tasks.add, 1, 2, on_failure=lambda job_id, error: None)
    with pytest.raises(ConfigurationError, match="module:function"):
        await client.enqueue(tasks.add, 1, 2, on_failure="nowhere")
    assert await client.list_queues() == []
    damaged = Job.from_record({"job_id": "a", "function": "a:b", "on_success": 7, "on_failure": ["x"]})
    assert (damaged.on_success, damaged.on_failure, damaged.has_callbacks) == (None, None, False)
