"""Which arrivals had their lease still, as a worker can know it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from naq.worker.freshness import Freshness

ACK_WAIT_S = 8.0


class Clock:
    """Stands in for the loop."""

    now = 100.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("asyncio.get_running_loop", lambda: clock)
    return clock


@pytest.fixture
def freshness(clock: Clock) -> Freshness:
    connection: Any = SimpleNamespace(settings=SimpleNamespace(ack_wait_s=ACK_WAIT_S))
    return Freshness(connection)


def test_what_arrives_while_the_server_answers_is_fresh(clock: Clock, freshness: Freshness) -> None:
    for _ in range(20):
        asked_at = clock.now
        clock.now += 2
        freshness.answered(asked_at)
        assert freshness.is_fresh(clock.now)


def test_what_arrived_before_a_stop_or_in_a_silence_is_doubted(clock: Clock, freshness: Freshness) -> None:
    freshness.answered(clock.now)
    arrived_at = clock.now
    assert freshness.is_fresh(arrived_at)
    clock.now += ACK_WAIT_S  # stopped, or cut off
    assert not freshness.is_fresh(arrived_at)
    assert not freshness.is_fresh(clock.now), "it may have waited in the socket"
    freshness.answered(clock.now - ACK_WAIT_S)
    assert not freshness.is_fresh(clock.now), "an answer to a question of before says nothing"
    asked_at = clock.now
    clock.now += 0.1
    freshness.answered(asked_at)
    assert freshness.is_fresh(clock.now)
    assert not freshness.is_fresh(asked_at), "it had come before the answer"


def test_on_a_line_that_is_slower_than_the_lease_nothing_is_fresh(clock: Clock, freshness: Freshness) -> None:
    """Something comes all the time, and all of it is old."""
    questions = [clock.now]
    for _ in range(40):
        clock.now += 0.5
        questions.append(clock.now)
        if clock.now - questions[0] >= ACK_WAIT_S:
            freshness.answered(questions.pop(0))
    assert not freshness.is_fresh(clock.now)


async def test_it_ends_though_the_wait_for_an_answer_swallows_the_cancellation() -> None:
    """As `wait_for` of Python 3.11 does where the answer comes in the same moment: a worker would never end."""
    asked = asyncio.Event()

    async def round_trip() -> float:
        asked.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return 0.0
        raise AssertionError("nobody cancelled it")

    connection: Any = SimpleNamespace(settings=SimpleNamespace(ack_wait_s=0.05), round_trip=round_trip)
    freshness = Freshness(connection)
    task = asyncio.create_task(freshness.run())
    await asked.wait()
    freshness.is_stopped = True
    task.cancel()
    async with asyncio.timeout(5):
        await asyncio.wait({task})
