"""Paused queues, and the order between queues, on a real server."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest

from naq.calls import Call
from naq.client import AsyncClient
from naq.control import QUEUE, Control
from naq.errors import ConfigurationError, JobExecutionError
from naq.examples import tasks
from naq.models.job import JobStatus
from naq.settings import Settings
from naq.worker import Worker
from tests.conftest import EXAMPLES, WorkerFactory, child, run_naq
from tests.integration import sample_tasks
from tests.integration.log import all_events, event_when, events_of

SAMPLES = "tests.integration.sample_tasks"

pytestmark = pytest.mark.nats


async def started_queues(client: AsyncClient, ids: set[str]) -> list[str]:
    """The queues of these jobs in the order of their starts."""
    return [
        stored.event.queue or ""
        for stored in await all_events(client)
        if stored.event is not None and stored.event.type == "STARTED" and stored.event.job_id in ids
    ]


async def queue_events(client: AsyncClient) -> list[Any]:
    return [s.event for s in await all_events(client) if s.event is not None and s.event.type.startswith("QUEUE_")]


async def until_running(client: AsyncClient, job_id: str) -> None:
    await event_when(client, lambda event: event.type == "STARTED" and event.job_id == job_id)


async def test_a_paused_queue_starts_nothing_until_it_is_resumed(client: AsyncClient, worker: WorkerFactory) -> None:
    async with worker("mail", "other", concurrency=1):
        running = await client.enqueue(tasks.sleep, 0.5, queue_name="mail")
        await until_running(client, running.job_id)
        held = await client.enqueue(tasks.add, 1, 2, queue_name="mail")
        pause = await client.pause_queue("mail", reason="provider is down")
        assert pause.reason == "provider is down"
        later = await client.enqueue(tasks.add, 3, 4, queue_name="mail")
        await running.result(timeout=5)
        other = await client.enqueue(tasks.add, 5, 6, queue_name="other")
        assert await other.result(timeout=5) == 11, "other queues go on"
        types = [event.type for job in (held, later) for event in await events_of(client, job.job_id)]
        assert types == ["ENQUEUED", "ENQUEUED"]
        (stats,) = [stats for stats in await client.list_queues() if stats.queue == "mail"]
        assert (stats.is_paused, stats.paused_reason, stats.pulls) == (True, "provider is down", 0)
        assert stats.paused_at is not None

        assert await client.resume_queue("mail", reason="it is back") is True
        assert await held.result(timeout=1.5) == 3, "resumed at once, not after the ack wait"
        assert await later.result(timeout=1.5) == 7
    told = await queue_events(client)
    assert [(event.type, event.queue, event.reason) for event in told] == [
        ("QUEUE_PAUSED", "mail", "provider is down"),
        ("QUEUE_RESUMED", "mail", "it is back"),
    ]
    assert all(event.actor["program"] == "test" for event in told)


async def test_a_worker_that_starts_later_sees_the_pause_before_its_first_job(
    client: AsyncClient, worker: WorkerFactory
) -> None:
    job = await client.enqueue(tasks.add, 1, 2, queue_name="mail")
    await client.pause_queue("mail")
    async with worker("mail", "other"):
        assert await (await client.enqueue(tasks.add, 1, 1, queue_name="other")).result(timeout=5) == 2
        assert await client.get_job_status(job.job_id) is JobStatus.PENDING
        await client.resume_queue("mail")
        assert await job.result(timeout=2) == 3
    assert [event.type for event in await events_of(client, job.job_id)] == ["ENQUEUED", "STARTED", "COMPLETED"]


async def test_one_of_two_who_pause_or_resume_does_it(client: AsyncClient) -> None:
    pauses = await asyncio.gather(*(client.pause_queue("mail", reason=f"reason {n}") for n in range(4)))
    assert len({pause.reason for pause in pauses}) == 1, "the first one stands"
    assert sorted(await asyncio.gather(*(client.resume_queue("mail") for _ in range(4)))) == [False, False, False, True]
    assert await client.resume_queue("mail") is False
    assert [event.type for event in await queue_events(client)] == ["QUEUE_PAUSED", "QUEUE_RESUMED"]


async def test_an_unreadable_pause_is_a_pause(client: AsyncClient, worker: WorkerFactory) -> None:
    await Control(client.connection).bucket.put(f"{QUEUE}.mail", b"\xff not JSON")
    (stats,) = await client.list_queues()
    assert (stats.queue, stats.is_paused, stats.paused_at, stats.paused_reason) == ("mail", True, None, None)
    async with worker("mail"):
        job = await client.enqueue(tasks.add, 1, 2, queue_name="mail")
        assert (await client.list_queues())[0].pulls == 0
        await client.resume_queue("mail")
        assert await job.result(timeout=2) == 3


async def test_pause_and_resume_reach_other_processes_and_come_from_the_command_line(
    client: AsyncClient, settings: Settings
) -> None:
    async with child(settings, "worker", "mail", "-m", EXAMPLES):
        assert await (await client.enqueue(tasks.add, 1, 1, queue_name="mail")).result(timeout=15) == 2
        code, out, _ = await run_naq(settings, "queues", "pause", "mail", "--reason", "deploy", "--json")
        assert (code, json.loads(out)["paused_reason"]) == (0, "deploy")
        job = await client.enqueue(tasks.add, 1, 2, queue_name="mail")
        code, out, _ = await run_naq(settings, "queues", "--json")
        (listed,) = [json.loads(line) for line in out.splitlines()]
        assert (listed["paused"], listed["paused_reason"], listed["consumed"]) == (True, "deploy", False)
        assert "paused: deploy" in (await run_naq(settings, "queues", "list"))[1]
        assert await client.get_job_status(job.job_id) is JobStatus.PENDING
        assert (await run_naq(settings, "queues", "resume", "mail"))[0] == 0
        assert await job.result(timeout=3) == 3
    assert (await run_naq(settings, "queues", "pause", "no.dots"))[0] == 2


async def test_a_pause_of_a_queue_that_nothing_uses_says_so(client: AsyncClient, settings: Settings) -> None:
    await client.enqueue(tasks.add, 1, 1, queue_name="mail")
    assert await run_naq(settings, "queues", "pause", "mial", "--json") == (
        0,
        ANY,
        "naq: no job waits in queue 'mial' and no worker takes from it, did you mean 'mail'?\n",
    )
    assert (await run_naq(settings, "queues", "pause", "mail", "--json"))[2] == ""


@pytest.mark.parametrize("concurrency", [1, 4])
async def test_weights_are_shares_of_the_starts(client: AsyncClient, worker: WorkerFactory, concurrency: int) -> None:
    weights = {"critical": 6, "default": 3, "low": 1}
    ids: set[str] = set()
    for queue in weights:
        jobs = await client.enqueue_many([Call(tasks.add, (1, 1))] * 300, queue_name=queue)
        ids |= {job.job_id for job in jobs}
    async with worker(*weights, concurrency=concurrency, weights=weights):
        async with asyncio.timeout(40):
            async for batch in client.events.follow():
                ids -= {s.event.job_id for s in batch.events if s.event and s.event.type == "COMPLETED"}  # type: ignore[misc]
                if not ids:
                    break
    order = [
        stored.event.queue
        for stored in await all_events(client)
        if stored.event is not None and stored.event.type == "STARTED"
    ]
    assert len(order) == 900, "each job ran once"
    shares = Counter(order[:400])
    for queue, weight in weights.items():
        assert abs(shares[queue] - 40 * weight) <= 20, shares


async def test_in_strict_order_a_lower_queue_waits_for_the_higher_ones(
    client: AsyncClient, worker: WorkerFactory
) -> None:
    ids = set()
    for queue in ("low", "default", "critical"):
        jobs = await client.enqueue_many([Call(tasks.add, (1, 1))] * 100, queue_name=queue)
        ids |= {job.job_id for job in jobs}
    last = jobs[-1]
    async with worker("critical", "default", "low", concurrency=2, strict=True):
        await event_when(client, lambda event: event.type == "STARTED" and event.queue == "low", timeout=20)
        assert await last.result(timeout=5) == 2
        async with asyncio.timeout(20):
            while len(order := await started_queues(client, ids)) < 300:
                await event_when(client, lambda event: event.type == "COMPLETED")
                await asyncio.sleep(0.1)
    assert order == ["critical"] * 100 + ["default"] * 100 + ["low"] * 100


async def test_an_idle_queue_costs_the_others_nothing(client: AsyncClient, worker: WorkerFactory) -> None:
    async with worker("critical", "low", concurrency=1, weights={"critical": 100}):
        for _ in range(20):
            job = await client.enqueue(tasks.add, 1, 1, queue_name="low")
            assert await job.result(timeout=5) == 2
    waits = [
        s.event.wait_ms for s in await all_events(client) if s.event and s.event.type == "STARTED" and s.event.wait_ms
    ]
    assert len(waits) == 20
    assert sorted(waits)[10] < 15, "no waiting for the answer of a queue that has nothing"


@pytest.mark.parametrize(
    ("weights", "strict"), [({"a": 0}, False), ({"a": -1}, False), ({"b": 1}, False), ({"a": 1}, True)]
)
def test_wrong_weights_are_refused(settings: Settings, weights: dict[str, float], strict: bool) -> None:
    with pytest.raises(ConfigurationError):
        Worker(["a"], modules=[EXAMPLES], settings=settings, weights=weights, strict=strict)


async def test_a_wrong_weight_on_the_command_line_is_wrong_usage(settings: Settings) -> None:
    code, _, errors = await run_naq(settings, "worker", "mail:much", "-m", EXAMPLES)
    assert code == 2
    assert "mail:much" in errors


async def test_a_purge_ends_every_waiting_job_and_leaves_the_running(
    client: AsyncClient, worker: WorkerFactory, tmp_path: Path
) -> None:
    async with worker("mail", concurrency=1, modules=[SAMPLES]):
        running = await client.enqueue(sample_tasks.wait_for, str(tmp_path / "go"), queue_name="mail")
        await until_running(client, running.job_id)
        jobs = await client.enqueue_many([Call(tasks.add, (1, 1))] * 450, queue_name="mail")
        other = await client.enqueue(tasks.add, 1, 1, queue_name="other")
        waiter = asyncio.create_task(jobs[-1].result(timeout=20))
        assert await client.purge_queue("mail", reason="bad deploy") == 450
        with pytest.raises(JobExecutionError, match="cancelled"):
            await waiter
        (tmp_path / "go").touch()
        assert await running.result(timeout=5) == str(tmp_path / "go")
    assert await client.get_job_status(other.job_id) is JobStatus.PENDING
    assert await client.get_job_status(jobs[0].job_id) is JobStatus.CANCELLED
    record = await client.results.get_record(jobs[7].job_id)
    assert record is not None
    assert record.reason == "queue purged: bad deploy"
    events = [s.event for s in await all_events(client) if s.event is not None]
    assert {e.job_id for e in events if e.type == "CANCELLED"} == {job.job_id for job in jobs}
    assert [e.details for e in events if e.type == "QUEUE_PURGED"] == [{"jobs": 450}]
    assert [e.job_id for e in events if e.type == "STARTED"] == [running.job_id]


async def test_a_purge_beside_a_busy_worker_tells_each_job_once(client: AsyncClient, worker: WorkerFactory) -> None:
    jobs = await client.enqueue_many([Call(tasks.add, (1, 1))] * 2000, queue_name="mail")
    async with worker("mail", concurrency=2):
        await event_when(client, lambda event: event.type == "COMPLETED")
        purged = await client.purge_queue("mail")
        for job in jobs:
            await client.results.wait_record(job.job_id, timeout=10)
    ends = Counter(
        s.event.job_id for s in await all_events(client) if s.event and s.event.type in ("COMPLETED", "CANCELLED")
    )
    assert set(ends) == {job.job_id for job in jobs}
    assert set(ends.values()) == {1}
    assert 0 < purged < 2000
    assert (await client.list_queues())[0].waiting == 0
