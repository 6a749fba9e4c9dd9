"""How long the loop is held, step by step."""

from __future__ import annotations

import asyncio.events
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest

LONGEST_S = 0.05
"""Processor time that the loop may be held for: a key pressed meanwhile is answered after it."""
ATTEMPTS = 3


@contextmanager
def timing(found: list[float]) -> Iterator[None]:
    """Note the processor time, in seconds, of each step of the loop within the block."""
    run = asyncio.events.Handle._run

    def timed(handle: asyncio.events.Handle) -> None:
        begun = time.thread_time()
        run(handle)
        found.append(time.thread_time() - begun)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(asyncio.events.Handle, "_run", timed)
        yield


async def held_for(attempt: Callable[[list[float]], Awaitable[None]]) -> float:
    """The longest step of the loop, in seconds: what holds it does so each time, which what else the machine does
    does not, and processor time has some of that in it."""
    longest = float("inf")
    for _ in range(ATTEMPTS):
        steps: list[float] = []
        await attempt(steps)
        longest = min(longest, max(steps))
        if longest < LONGEST_S:
            break
    return longest
