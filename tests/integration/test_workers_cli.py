"""Operators list, stop and forget workers."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from naq import codec
from naq.client import AsyncClient
from naq.control import WORKER, Control
from naq.errors import WorkerNotFoundError, WorkerStateError
from naq.examples import tasks
from naq.models.event import JobEvent
from naq.models.worker import WorkerRecord
from naq.settings import Settings
from tests.conftest import EXAMPLES, WorkerFactory, child, run_naq
from tests.integration import sample_tasks
from tests.integration.log import all_events, event_when
from tests.integration.test_monitor import record_when

SAMPLES = "tests.integration.sample_tasks"

pytestmark = pytest.mark.nats


async def actions(client: AsyncClient) -> list[JobEvent]:
    return [s.event for s in await all_events(client) if s.event is not None and s.event.type == "OPERATOR_ACTION"]


async def idle_worker(client: AsyncClient) -> WorkerRecord:
    return await record_when(client, lambda r: r.kind == "worker" and r.status == "IDLE")


async def test_a_stopped_worker_ends_its_job_first(client: AsyncClient, settings: Settings, tmp_path: Path) -> None:
    async with child(settings, "worker", "-m", SAMPLES) as process:
        about = await idle_worker(client)
        job = await client.enqueue(sample_tasks.wait_for, str(tmp_path / "go"))
        await event_when(client, lambda e: e.type == "STARTED")
        arguments = ("workers", "stop", about.worker_id, "--wait", "20", "--reason", "update", "--json")
        stop = asyncio.create_task(run_naq(settings, *arguments))
        await event_when(client, lambda e: e.type == "OPERATOR_ACTION")
        (tmp_path / "go").touch()
        code, out, err = await stop
        assert (code, err) == (0, "")
        told = codec.loads(out.encode())
        assert (told["worker_id"], told["action"], told["is_gone"]) == (about.worker_id, "stop", True)
        assert await asyncio.wait_for(process.wait(), 10) == 0
    assert await job.result(timeout=1) == str(tmp_path / "go")
    (action,) = await actions(client)
    assert (action.worker_id, action.reason) == (about.worker_id, "update")
    assert action.actor is not None
    assert action.actor["program"] == "naq cli"
    assert action.details is not None
    assert (action.details["action"], action.details["now"]) == ("stop_worker", False)
    types = [s.event.type for s in await all_events(client) if s.event is not None]
    assert types.index("OPERATOR_ACTION") < types.index("COMPLETED") < types.index("WORKER_STOPPED")
    assert await Control(client.connection).get(WORKER, about.worker_id) is None, "the order is done with"
    assert await client.list_workers() == []


async def test_now_hands_running_jobs_back_at_once(
    client: AsyncClient, settings: Settings, worker: WorkerFactory
) -> None:
    async with child(settings, "worker", "-m", EXAMPLES) as process:
        about = await idle_worker(client)
        job = await client.enqueue(tasks.sleep, 1.5)
        await event_when(client, lambda e: e.type == "STARTED")
        await client.stop_worker(about.worker_id, now=True, wait_s=20)
        assert await asyncio.wait_for(process.wait(), 10) == 0
    stopped = await event_when(client, lambda e: e.type == "WORKER_STOPPED")
    assert stopped.details is not None
    assert stopped.details["unfinished"] == 1
    async with worker():
        assert await job.result(timeout=10) == 1.5


async def test_a_scheduler_is_stopped_alike(client: AsyncClient, settings: Settings) -> None:
    async with child(settings, "scheduler") as process:
        about = await record_when(client, lambda r: r.kind == "scheduler" and r.status == "IDLE")
        code, out, err = await run_naq(settings, "workers", "stop", about.worker_id)
        assert (code, err) == (0, "")
        assert out.startswith(f"scheduler {about.worker_id} was told to stop, running jobs: 0 (action ")
        assert await asyncio.wait_for(process.wait(), 10) == 0
    assert await Control(client.connection).get(WORKER, about.worker_id) is None


async def test_one_that_does_not_stop_in_time_is_told(client: AsyncClient, worker: WorkerFactory) -> None:
    async with worker() as busy:
        job = await client.enqueue(tasks.sleep, 2.0)
        await record_when(client, lambda r: bool(r.running))
        with pytest.raises(WorkerStateError, match=r"has not stopped within 0\.3 s \(running jobs: 1\)"):
            await client.stop_worker(busy.worker_id, wait_s=0.3)
        assert await job.result(timeout=10) == 2.0


async def test_only_the_dead_are_forgotten_and_only_the_living_stopped(
    client: AsyncClient, settings: Settings, worker: WorkerFactory
) -> None:
    async with worker(name="mailer") as alive, child(settings, "worker", "other", "-m", EXAMPLES) as doomed:
        about = await record_when(client, lambda r: r.queues == ("other",) and r.status == "IDLE")
        doomed.send_signal(signal.SIGKILL)
        await record_when(client, lambda r: r.worker_id == about.worker_id and r.lost_seq is not None)
        code, out, err = await run_naq(settings, "workers", "list", "--json")
        listed = {record["worker_id"]: record for record in map(codec.loads, out.encode().splitlines())}
        assert listed[about.worker_id]["status"] == "DEAD"
        assert listed[about.worker_id]["lost_at"] is not None
        assert listed[alive.worker_id]["status"] == "IDLE"

        code, out, err = await run_naq(settings, "workers", "stop", about.worker_id)
        assert (code, out) == (1, "")
        assert "is dead since" in err
        code, out, err = await run_naq(settings, "workers", "forget", alive.worker_id)
        assert (code, out) == (1, "")
        assert "is alive: stop it with" in err
        code, out, err = await run_naq(settings, "workers", "forget", "nobody")
        assert (code, out) == (1, "")
        assert "no worker or scheduler nobody is known" in err
        assert (await run_naq(settings, "workers", "stop", "no body"))[0] == 2
        for named in ("mailer", f"{listed[alive.worker_id]['host']}/mailer"):
            code, _, err = await run_naq(settings, "workers", "stop", named)
            assert (code, err) == (1, f"naq: {named} is the name of {alive.worker_id}: give the id\n")
        assert await actions(client) == [], "nothing was done, nothing is told"

        code, out, err = await run_naq(
            settings, "workers", "--json", "forget", about.worker_id, "--reason", "host is gone"
        )
        assert (code, err) == (0, "")
        assert codec.loads(out.encode())["pid"] == about.pid
        assert [record.worker_id for record in await client.list_workers()] == [alive.worker_id]
        (action,) = await actions(client)
        assert action.details is not None
        assert (action.worker_id, action.reason) == (about.worker_id, "host is gone")
        assert action.details["action"] == "forget_worker"
        with pytest.raises(WorkerNotFoundError):
            await client.forget_worker(about.worker_id)
