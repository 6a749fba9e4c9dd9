"""Jobs that wait for other jobs: released, failed, cancelled, and a releaser killed between its writes."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable

import pytest

import naq
from naq.calls import Call
from naq.client import AsyncClient
from naq.examples import tasks
from naq.models.event import JobEvent
from naq.models.job import JobStatus
from naq.settings import Settings
from tests.conftest import WorkerFactory, environment_of
from tests.integration.log import all_events, event_when, events_of

pytestmark = pytest.mark.nats


def types_of(events: list[JobEvent]) -> list[str]:
    return [event.type for event in events]


async def test_a_child_starts_soon_after_its_last_parent(
    client: AsyncClient, worker: WorkerFactory, record_testsuite_property: Callable[[str, object], None]
) -> None:
    parents = [await client.enqueue(tasks.sleep, seconds) for seconds in (0.1, 0.4)]
    job = await client.enqueue(tasks.echo, depends_on=parents, pass_results=True)
    assert await client.get_job_status(job.job_id) == JobStatus.PENDING
    (waiting,) = await client.waiting_jobs()
    assert waiting.job.job_id == job.job_id
    assert waiting.outstanding == tuple(parent.job_id for parent in parents)
    async with worker():
        assert await job.result(timeout=10) == [0.1, 0.4]
    assert types_of(await events_of(client, job.job_id)) == ["ENQUEUED", "RELEASED", "STARTED", "COMPLETED"]
    stored = [s for s in await all_events(client) if s.event is not None]
    ended = [s for s in stored if s.event and s.event.job_id == parents[1].job_id and s.event.type == "COMPLETED"]
    started = [s for s in stored if s.event and s.event.job_id == job.job_id and s.event.type == "STARTED"]
    took = (started[0].stored_at - ended[0].stored_at).total_seconds()
    record_testsuite_property("start after the last parent's end, ms", round(took * 1000, 1))
    assert took < 1
    assert await client.waiting_jobs() == []


async def test_a_failure_goes_down_three_levels(client: AsyncClient, worker: WorkerFactory) -> None:
    root = await client.enqueue(tasks.fail, "no paper")
    child = await client.enqueue(tasks.add, 1, 2, depends_on=root)
    grandchild = await client.enqueue(tasks.add, 1, 2, depends_on=child.job_id)
    last = await client.enqueue(tasks.add, 1, 2, depends_on=[grandchild])
    hardy = await client.enqueue(tasks.echo, depends_on=[root], allow_failed=True, pass_results=True)
    async with worker():
        for job, parent in ((child, root), (grandchild, child), (last, grandchild)):
            with pytest.raises(naq.JobExecutionError, match=f"DependencyFailed: parent job {parent.job_id} failed"):
                await job.result(timeout=10)
        assert await hardy.result(timeout=10) == [None]
        await event_when(client, lambda e: e.job_id == last.job_id and e.type == "FAILED")
    for job in (child, grandchild, last):
        assert types_of(await events_of(client, job.job_id)) == ["ENQUEUED", "FAILED"]
    record = await client.results.get_record(child.job_id)
    assert record is not None
    assert record.job is not None, "its payload is kept"
    assert "no paper" in (record.reason or "")


async def test_a_chord_of_fifty_and_a_chain(client: AsyncClient, worker: WorkerFactory) -> None:
    async with worker():
        chord = await client.chord([(tasks.echo, (number,)) for number in range(50)], (tasks.echo,))
        assert await chord.result(timeout=20) == list(range(50))
        jobs = await client.chain([(tasks.add, (1, 2)), (tasks.add, (10,)), Call(tasks.add, (100,))])
        assert await jobs.wait(timeout=10) == [3, 13, 113]
        group = await client.group([(tasks.add, (n, n)) for n in range(3)])
        assert await group.wait(timeout=10) == [0, 2, 4]


async def test_parents_that_have_ended_release_at_once(client: AsyncClient, worker: WorkerFactory) -> None:
    async with worker():
        parent = await client.enqueue(tasks.add, 1, 2)
        assert await parent.result(timeout=10) == 3
        job = await client.enqueue(tasks.add, 4, depends_on=parent.job_id, pass_results=True)
        assert await job.result(timeout=5) == 7


async def test_unknown_parents_and_circles_are_refused(client: AsyncClient) -> None:
    with pytest.raises(naq.JobNotFoundError, match="can't depend on nobody"):
        await client.enqueue(tasks.add, 1, 2, depends_on="nobody")
    with pytest.raises(naq.ConfigurationError, match="wait for itself"):
        await client.enqueue(tasks.add, 1, 2, job_id="self", depends_on="self")
    await client.enqueue(tasks.add, 1, 2, job_id="a")
    await client.enqueue(tasks.add, 1, 2, job_id="b", depends_on="a")
    await client.enqueue(tasks.add, 1, 2, job_id="c", depends_on=["b"])
    with pytest.raises(naq.ConfigurationError, match="make a circle"):
        await client.enqueue(tasks.add, 1, 2, job_id="a", depends_on="c")
    with pytest.raises(naq.ConfigurationError, match="schedule"):
        await client.enqueue_in(5, tasks.add, 1, 2, depends_on="a")
    with pytest.raises(naq.ConfigurationError, match="depends_on"):
        await client.enqueue(tasks.add, 1, 2, pass_results=True)
    assert {child.job.job_id: child.outstanding for child in await client.waiting_jobs()} == {"b": ("a",), "c": ("b",)}


async def test_a_cancelled_child_never_starts_and_its_own_children_fail(
    client: AsyncClient, worker: WorkerFactory
) -> None:
    parent = await client.enqueue(tasks.sleep, 0.3)
    child = await client.enqueue(tasks.add, 1, 2, depends_on=parent)
    grandchild = await client.enqueue(tasks.add, 1, 2, depends_on=child)
    assert await client.cancel(child.job_id, reason="not needed") == JobStatus.CANCELLED
    async with worker():
        with pytest.raises(naq.JobExecutionError, match="cancelled: not needed"):
            await grandchild.result(timeout=10)
        await parent.result(timeout=10)
    assert types_of(await events_of(client, child.job_id)) == ["ENQUEUED", "CANCELLED"]


@pytest.mark.parametrize("method", ["_mark", "_tell_released", "_publish", "_remove"])
async def test_a_killed_releaser_is_followed(
    client: AsyncClient, worker: WorkerFactory, settings: Settings, method: str
) -> None:
    async with worker():
        parent = await client.enqueue(tasks.add, 1, 2)
        await parent.result(timeout=10)
    job = await client.enqueue(tasks.add, 4, depends_on=parent, pass_results=True)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.dying_releaser", method, env=environment_of(settings)
    )
    assert await asyncio.wait_for(process.wait(), 20) == -signal.SIGKILL
    async with worker():
        assert await job.result(timeout=20) == 7
        await event_when(client, lambda e: e.job_id == job.job_id and e.type == "COMPLETED")
        async for batch in client.inspector._waiting.watch():
            if any(entry.is_deleted for entry in batch.entries):
                break
    assert types_of(await events_of(client, job.job_id)) == ["ENQUEUED", "RELEASED", "STARTED", "COMPLETED"]
    assert await client.waiting_jobs() == []
