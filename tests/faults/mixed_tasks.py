"""Jobs of every kind that a mixed run is made of."""

from __future__ import annotations

import asyncio
import time

from naq.context import current_job


async def succeed(number: int, seconds: float) -> int:
    await asyncio.sleep(seconds)
    return number


def block(number: int, seconds: float) -> int:
    time.sleep(seconds)
    return number


def fail_at_first(number: int, times: int) -> int:
    """Fail in the first `times` attempts."""
    if current_job().attempt <= times:
        raise ConnectionError(f"attempt {current_job().attempt} of {number} fails")
    return number


async def dawdle(seconds: float) -> None:
    """Take longer than anybody waits."""
    await asyncio.sleep(seconds)
