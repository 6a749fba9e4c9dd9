"""A job longer than many ack waits: its worker renews its lease, and whoever follows a dead worker starts it again."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from naq.client import AsyncClient
from naq.doctor.verify import verify
from naq.inspector import worker_of
from naq.models.event import JobEvent
from naq.settings import Settings
from tests.conftest import child
from tests.integration import sample_tasks
from tests.integration.log import event_when, events_of

pytestmark = pytest.mark.nats

MODULE = "tests.integration.sample_tasks"
ACK_WAITS = 6


async def beats_after(client: AsyncClient, worker_id: str, job_id: str, seconds: float) -> None:
    """Wait for a heartbeat, that long after the job's start by the server's clock, that says it still runs there."""
    started = await client.job_history(job_id)
    until = started[-1].stored_at + timedelta(seconds=seconds)
    async with asyncio.timeout(seconds + 15):
        async for batch in client.inspector.watch_workers():
            for entry in batch.entries:
                if entry.key == worker_id and entry.saved_at >= until:
                    assert [job.job_id for job in worker_of(entry).running] == [job_id]
                    return


async def test_a_long_job_starts_once_while_its_worker_lives_and_again_when_that_is_killed(
    settings: Settings, tmp_path: Path
) -> None:
    short = settings.with_(ack_wait_s=1.0, heartbeat_interval_s=0.4)
    release = tmp_path / "release"

    def of_job(kind: str, event: JobEvent) -> bool:
        return event.type == kind and event.job_id == job.job_id

    async with AsyncClient(short, program="test") as client, child(short, "worker", "-m", MODULE) as first:
        job = await client.enqueue(sample_tasks.wait_for, str(release))
        started = await event_when(client, lambda event: of_job("STARTED", event))
        async with child(short, "worker", "-m", MODULE):
            await event_when(
                client, lambda event: event.type == "WORKER_STARTED" and event.worker_id != started.worker_id
            )
            await beats_after(client, str(started.worker_id), job.job_id, ACK_WAITS * short.ack_wait_s)
            assert [event.type for event in await events_of(client, job.job_id)] == ["ENQUEUED", "STARTED"]
            first.kill()
            again = await event_when(
                client, lambda event: of_job("STARTED", event) and event.worker_id != started.worker_id
            )
            release.touch()
            done = await event_when(client, lambda event: of_job("COMPLETED", event))
            assert done.worker_id == again.worker_id
        types = [event.type for event in await events_of(client, job.job_id)]
        assert types == ["ENQUEUED", "STARTED", "STARTED", "COMPLETED"]
        assert (again.details or {})["crashes"] == 1
        assert (await verify(client.connection)).findings == ()
