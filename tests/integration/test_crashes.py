"""Jobs that kill their worker: each death is counted, the third one is the last, and retries are counted apart."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from naq.client import AsyncClient
from naq.errors import JobExecutionError
from naq.examples import tasks
from naq.models.event import JobEvent
from naq.models.job import Job, JobStatus
from naq.models.result import JobResult
from naq.settings import Settings
from tests.conftest import EXAMPLES, WorkerFactory, child
from tests.integration import sample_tasks
from tests.integration.log import event_when, events_of

pytestmark = pytest.mark.nats

TASKS = "tests.integration.sample_tasks"


async def die(settings: Settings, deaths: int) -> None:
    """Run workers one after the other, each until the job has killed it."""
    for _ in range(deaths):
        async with child(settings, "worker", "-m", TASKS) as doomed:
            assert await asyncio.wait_for(doomed.wait(), 30) == -signal.SIGKILL


async def trail(client: AsyncClient, job: Job) -> tuple[JobResult, list[str], list[int]]:
    """Its record, the types of its events, and the deaths each STARTED told of."""
    record = await client.results.get_record(job.job_id)
    assert record is not None
    events = await events_of(client, job.job_id)
    started = [e for e in events if e.type == "STARTED"]
    return record, [e.type for e in events], [_crashes(e) for e in started]


def _crashes(event: JobEvent) -> int:
    return int((event.details or {}).get("crashes", 0))


async def test_a_job_is_lost_after_its_third_death(
    client: AsyncClient, settings: Settings, worker: WorkerFactory, tmp_path: Path
) -> None:
    job = await client.enqueue(sample_tasks.kills_its_worker, str(tmp_path / "runs"), 99, max_retries=5)
    await die(settings, 3)
    async with worker(modules=(TASKS,)):
        with pytest.raises(JobExecutionError, match="3 workers died while they ran it"):
            await job.result(timeout=20)
    record, types, crashes = await trail(client, job)
    assert types == ["ENQUEUED", "STARTED", "STARTED", "STARTED", "LOST", "FAILED"]
    assert crashes == [0, 1, 2]
    assert (record.status, record.crashes, record.attempt) == (JobStatus.FAILED, 3, 1)
    assert record.error is not None
    assert record.error.type == "WorkerLost"
    lost = await event_when(client, lambda e: e.type == "LOST")
    assert _crashes(lost) == 3
    assert (tmp_path / "runs").read_text() == "xxx", "it never ran a fourth time"


async def test_a_job_that_lives_after_two_deaths_completes(
    client: AsyncClient, settings: Settings, worker: WorkerFactory, tmp_path: Path
) -> None:
    job = await client.enqueue(sample_tasks.kills_its_worker, str(tmp_path / "runs"), 2)
    await die(settings, 2)
    async with worker(modules=(TASKS,)):
        assert await job.result(timeout=20) == "run 3 lives", "deaths take nothing from max_retries, which is 0"
    record, types, crashes = await trail(client, job)
    assert types == ["ENQUEUED", "STARTED", "STARTED", "STARTED", "COMPLETED"]
    assert crashes == [0, 1, 2]
    assert (record.crashes, record.attempt) == (2, 1)


async def test_deaths_and_retries_are_counted_apart(
    client: AsyncClient, settings: Settings, worker: WorkerFactory, tmp_path: Path
) -> None:
    job = await client.enqueue(
        sample_tasks.kills_its_worker, str(tmp_path / "runs"), 2, failures=1, max_retries=1, retry_delay=0.1
    )
    await die(settings, 2)
    async with worker(modules=(TASKS,)):
        assert await job.result(timeout=20) == "run 4 lives"
    record, types, crashes = await trail(client, job)
    assert types == ["ENQUEUED", "STARTED", "RETRY_SCHEDULED", "STARTED", "STARTED", "STARTED", "COMPLETED"]
    assert crashes == [0, 0, 1, 2]
    assert (record.crashes, record.attempt) == (2, 2)


async def test_a_drain_is_no_death(client: AsyncClient, settings: Settings, worker: WorkerFactory) -> None:
    """Handed back three times, once from a claim on a job that came again: it still runs to its end."""
    job = await client.enqueue(tasks.sleep, 1.5)
    for number in range(1, 4):
        async with child(settings, "worker", "-m", EXAMPLES, "--drain", "0.1") as leaving:
            await _started(client, job, number)
            leaving.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(leaving.wait(), 10) == 0
    async with worker():
        assert await job.result(timeout=20) == 1.5
    record, types, crashes = await trail(client, job)
    assert types == ["ENQUEUED", "STARTED", "STARTED", "STARTED", "STARTED", "COMPLETED"]
    assert crashes == [0, 0, 0, 0]
    assert record.crashes == 0


async def _started(client: AsyncClient, job: Job, times: int) -> None:
    seen = 0

    async def count() -> None:
        nonlocal seen
        async for batch in client.events.follow():
            for stored in batch.events:
                event = stored.event
                seen += event is not None and event.type == "STARTED" and event.job_id == job.job_id
            if seen >= times:
                return

    await asyncio.wait_for(count(), 20)
