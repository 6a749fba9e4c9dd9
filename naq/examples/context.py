"""Jobs that know what they are: progress, running again by themselves, ending early, stopping when asked."""

from __future__ import annotations

import asyncio
import logging
import time

import naq

log = logging.getLogger(__name__)


async def count(to: int, pause: float = 0.05) -> int:
    """Count with progress."""
    job = naq.current_job()
    for done in range(1, to + 1):
        await asyncio.sleep(pause)
        job.progress(done, to, f"counted {done}")
        log.info("counted %d", done)
    return to


def wait_for_upload(ready_at_attempt: int) -> str:
    """Ask to be run again until it is time; takes nothing from `max_retries`."""
    attempt = naq.current_job().attempt
    if attempt < ready_at_attempt:
        raise naq.Retry("not uploaded yet", delay=0.05)
    return f"ready at attempt {attempt}"


def stop_if_unknown(customer: str) -> str:
    """End as cancelled where there is nothing to do."""
    if customer == "unknown":
        raise naq.Cancel("no such customer")
    return customer


def careful(seconds: float) -> str:
    """A function in a thread that looks now and then whether somebody asked to cancel it."""
    job, end = naq.current_job(), time.monotonic() + seconds
    while time.monotonic() < end:
        job.check_cancelled()
        time.sleep(0.02)
    return "done"
