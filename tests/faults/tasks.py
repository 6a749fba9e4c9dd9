"""Jobs of every kind that a fault run is made of.

Each run notes in a file of its own (`JOURNAL`) that it begins and ends, by a clock that nobody skews: what really ran,
whatever the log says of it.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from naq.context import current_job

JOURNAL = "FAULTS_JOURNAL"
"""Environment variable with the path of the journal; absent: none is kept."""


@contextmanager
def noted() -> Iterator[int]:
    """Note a run's begin and end; gives its attempt."""
    job = current_job()
    _note("begin", job.job_id, job.attempt)
    try:
        yield job.attempt
    finally:
        _note("end", job.job_id, job.attempt)


def _note(what: str, job_id: str, attempt: int) -> None:
    path = os.environ.get(JOURNAL)
    if path is None:
        return
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(file, f"{what} {job_id} {attempt} {os.getpid()} {time.monotonic():.6f}\n".encode())
    finally:
        os.close(file)


async def succeed(number: int, seconds: float) -> int:
    with noted():
        await asyncio.sleep(seconds)
    return number


def block(number: int, seconds: float) -> int:
    with noted():
        time.sleep(seconds)
    return number


def fail_at_first(number: int, times: int) -> int:
    """Fail in the first `times` attempts."""
    with noted() as attempt:
        if attempt <= times:
            raise ConnectionError(f"attempt {attempt} of {number} fails")
    return number


async def dawdle(number: int, seconds: float) -> int:
    """Take longer than anybody waits."""
    with noted():
        await asyncio.sleep(seconds)
    return number


async def tick(seconds: float = 0.0) -> None:
    """What schedules run."""
    with noted():
        await asyncio.sleep(seconds)
