"""Jobs that do nothing: what is measured is everything around them."""

from __future__ import annotations

import time


async def nothing(value: int) -> int:
    """An async job."""
    return value


def nothing_sync(value: int) -> int:
    """A job that runs in a thread."""
    return value


async def waited(sent_at: float) -> float:
    """Seconds since `sent_at`, by the clock of this machine (`time.time`): how long this job took to start."""
    return time.time() - sent_at
