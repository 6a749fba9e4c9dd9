"""One caretaker per system: the lease, its duties, and who follows."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from naq import caretaker
from naq.caretaker import LEASE, Caretaker
from naq.client import AsyncClient
from naq.eventlog import stream_range
from naq.kv import Bucket
from naq.settings import Settings

pytestmark = pytest.mark.nats


class Log:
    """What a duty did, so that a test can wait for it."""

    def __init__(self, fails: int = 0) -> None:
        self.told: asyncio.Queue[str] = asyncio.Queue()
        self._fails = fails

    async def serve(self) -> None:
        if self._fails:
            self._fails -= 1
            self.told.put_nowait("failed")
            raise ValueError("a duty with a bug")
        self.told.put_nowait("began")
        try:
            await asyncio.Event().wait()
        finally:
            self.told.put_nowait("ended")

    async def next(self) -> str:
        return await asyncio.wait_for(self.told.get(), 10)


@pytest.fixture
def duty(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Awaitable[None]]], None]:
    def plan(serve: Callable[[], Awaitable[None]]) -> None:
        monkeypatch.setattr(caretaker, "duties", lambda connection, settings: {"test": serve})

    return plan


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_one_is_on_duty_and_a_stopped_one_passes_it_on(
    client: AsyncClient, settings: Settings, duty: Callable[[Callable[[], Awaitable[None]]], None]
) -> None:
    log = Log()
    duty(log.serve)
    one = Caretaker(client.connection, "one", settings)
    two = Caretaker(client.connection, "two", settings)
    first = asyncio.create_task(one.run())
    assert await log.next() == "began"
    second = asyncio.create_task(two.run())
    locks = Bucket(client.connection, client.connection.names.locks)
    held = await stream_range(client.connection, locks.stream)
    async for batch in locks.watch(LEASE, from_revision=held.last_seq + 1):
        if batch.entries:  # renewed while the other stood by
            break
    assert one.is_on_duty
    assert not two.is_on_duty
    await _end(first)
    assert await log.next() == "ended"
    assert await log.next() == "began"
    assert two.is_on_duty
    await _end(second)
    assert await locks.get(LEASE) is None, "given back at the stop"


async def test_duties_end_when_the_lease_is_taken_away(
    client: AsyncClient, settings: Settings, duty: Callable[[Callable[[], Awaitable[None]]], None]
) -> None:
    log = Log()
    duty(log.serve)
    mine = Caretaker(client.connection, "mine", settings)
    task = asyncio.create_task(mine.run())
    assert await log.next() == "began"
    locks = Bucket(client.connection, client.connection.names.locks)
    await locks.put(LEASE, b'{"holder":"another"}')
    assert await log.next() == "ended"
    assert not mine.is_on_duty
    assert await log.next() == "began", "the other never renewed it: it ran out"
    await _end(task)


async def test_a_failing_duty_is_logged_and_started_again(
    client: AsyncClient,
    settings: Settings,
    duty: Callable[[Callable[[], Awaitable[None]]], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = Log(fails=1)
    duty(log.serve)
    with caplog.at_level(logging.ERROR, "naq.caretaker"):
        task = asyncio.create_task(Caretaker(client.connection, "mine", settings).run())
        assert await log.next() == "failed"
        assert await log.next() == "began"
    assert "duty test failed" in caplog.text
    assert not task.done()
    await _end(task)
