"""What holds a worker's slot: a function that runs, but for a few not one whose end is being stored."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from naq.client import AsyncClient
from naq.outbox import Outbox
from tests.conftest import WorkerFactory
from tests.integration.log import all_events

pytestmark = pytest.mark.nats

MODULE = __name__
at_once = 0
most_at_once = 0
returned = 0


async def counted(size: int = 1) -> str:
    """How many run together is kept in this module."""
    global at_once, most_at_once, returned
    at_once += 1
    most_at_once = max(most_at_once, at_once)
    await asyncio.sleep(0.01)
    at_once -= 1
    returned += 1
    return "x" * size


class Gate:
    """Holds back what is to be stored in the bucket of results."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_open = False
        self.held: list[Callable[[], None]] = []
        post = Outbox.post

        def gated(outbox: Outbox, subject: str, *rest: Any) -> None:
            if self.is_open or "_results." not in subject:
                post(outbox, subject, *rest)
            else:
                self.held.append(lambda: post(outbox, subject, *rest))

        monkeypatch.setattr(Outbox, "post", gated)

    def open(self) -> None:
        self.is_open = True
        for write in self.held:
            write()


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    global at_once, most_at_once, returned
    at_once = most_at_once = returned = 0
    return Gate(monkeypatch)


async def held(gate: Gate, ends: int) -> None:
    async with asyncio.timeout(10):
        while len(gate.held) < ends:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def told(client: AsyncClient) -> list[str]:
    return [stored.event.type for stored in await all_events(client) if stored.event is not None]


@pytest.mark.parametrize(("slots", "begun"), [(1, 1), (2, 3), (5, 9)])
async def test_as_many_but_one_are_stored_beside_the_slots(
    client: AsyncClient, worker: WorkerFactory, gate: Gate, slots: int, begun: int
) -> None:
    """With one slot, a job is over before the next one begins."""
    jobs = [await client.enqueue(counted) for _ in range(20)]
    async with worker(modules=[MODULE], concurrency=slots) as running:
        await held(gate, begun)
        await asyncio.sleep(0.3)  # in which nothing more may begin
        assert (returned, (await told(client)).count("STARTED")) == (begun, begun)
        record = running.status.record()
        assert (len(record.running), record.busy) == (begun, slots)
        gate.open()
        for job in jobs:
            assert await job.result(timeout=10) == "x"
    assert most_at_once <= slots


async def test_no_slot_is_lost_or_doubled_by_an_end_of_another_kind(
    client: AsyncClient, worker: WorkerFactory, gate: Gate
) -> None:
    """Results too large for a message leave the short way at once, and one that meets a record leaves it later."""
    gate.is_open = True
    large = [await client.enqueue(counted, 1_500_000) for _ in range(3)]
    async with worker(modules=[MODULE], concurrency=3) as running:
        for job in large:
            assert len(await job.result(timeout=20)) == 1_500_000
        gate.is_open = False
        met = [await client.enqueue(counted) for _ in range(4)]
        await held(gate, 4)
        for job in met:
            await client.results.bucket.put(job.job_id, b'{"v":1,"status":"COMPLETED","value":"first"}')
        gate.open()
        plain = [await client.enqueue(counted) for _ in range(30)]
        for job in plain:
            assert await job.result(timeout=10) == "x"
        assert most_at_once == 3
        async with asyncio.timeout(10):
            while running.status.record().running:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert running._intake.free == 3


async def test_a_drain_waits_for_what_is_stored_beside_the_slots(
    client: AsyncClient, worker: WorkerFactory, gate: Gate
) -> None:
    jobs = [await client.enqueue(counted) for _ in range(3)]
    async with worker(modules=[MODULE], concurrency=2) as running:
        await held(gate, 3)
        running.stop()
        await asyncio.sleep(0.1)
        gate.open()
    assert [await job.result(timeout=1) for job in jobs] == ["x"] * 3
    assert (await told(client))[-1] == "WORKER_STOPPED"
