"""A generator of realistic events, and the quick way to put them into a log."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator

from naq.client import AsyncClient
from naq.models.event import JobEvent, JobEventType

QUEUES = ("mail", "default", "reports", "images", "billing", "search", "audit", "slow")
FUNCTIONS = ("send_invoice", "send_receipt", "resize_image", "build", "charge", "index", "export", "poll")
WORKER_LOST_EVERY = 50_000
MARKED_EVERY = 100_000
"""One event in so many has the text `needle-NUMBER` in its error."""
UNFLUSHED = 2_000


def events(count: int, seed: int = 7) -> Iterator[JobEvent]:
    """The lives of jobs, interleaved: enqueued, started, then completed, retried (3 %) or failed (1 %)."""
    chance = random.Random(seed)
    running: list[dict[str, str]] = []
    for number in range(count):
        if number % WORKER_LOST_EVERY == WORKER_LOST_EVERY // 2:
            yield JobEvent.of(JobEventType.WORKER_LOST, worker_id=f"w-{number % 50}", reason="no heartbeat for 15 s")
        elif number % MARKED_EVERY == MARKED_EVERY // 3:
            error = {"type": "KeyError", "message": f"needle-{number}", "fingerprint": "f2"}
            yield JobEvent.of(JobEventType.RETRY_SCHEDULED, **_job(chance, number), error=error, details={"delay_s": 8})
        elif number % 3 == 0 or not running:
            about = _job(chance, number)
            running.append(about)
            yield JobEvent.of(JobEventType.ENQUEUED, to_status="PENDING", **about)
        elif number % 3 == 1:
            about = running[chance.randrange(len(running))]
            worker = {"worker_id": f"w-{chance.randrange(50)}", "attempt": 1, "wait_ms": chance.uniform(1, 40)}
            yield JobEvent.of(JobEventType.STARTED, from_status="PENDING", to_status="RUNNING", **about, **worker)
        else:
            yield _ended(chance, running.pop(chance.randrange(len(running))))


def _job(chance: random.Random, number: int) -> dict[str, str]:
    place = chance.choices(range(8), (30, 20, 5, 15, 10, 10, 8, 2))[0]
    job_id = f"0198c0de-{number >> 16:04x}-7{number & 0xFFF:03x}-8a00-{number * 2654435761 % 16**12:012x}"
    return {"job_id": job_id, "queue": QUEUES[place], "function": f"shop.tasks:{FUNCTIONS[place]}"}


def _ended(chance: random.Random, about: dict[str, str]) -> JobEvent:
    worker = {"worker_id": f"w-{chance.randrange(50)}", "run_ms": round(chance.uniform(5, 900), 1)}
    luck = chance.random()
    error = {"type": "TimeoutError", "message": "upstream took longer than 30 s", "fingerprint": "f1"}
    if luck < 0.01:
        return JobEvent.of(JobEventType.FAILED, to_status="FAILED", error=error, **about, **worker)
    if luck < 0.04:
        return JobEvent.of(JobEventType.RETRY_SCHEDULED, error=error, details={"delay_s": 8}, **about, **worker)
    return JobEvent.of(JobEventType.COMPLETED, to_status="COMPLETED", **about, **worker)


async def fill(client: AsyncClient, count: int, *, per_second: float | None = None, seed: int = 7) -> None:
    """Write `count` events, as fast as the server takes them or at a steady rate; returns when all are stored."""
    connection = client.connection
    before = (await client.log.range()).messages
    loop = asyncio.get_running_loop()
    begun = loop.time()
    for number, event in enumerate(events(count, seed), 1):
        subject = connection.names.event_subject(event.entity, event.type, event.queue)
        await connection.client.publish(subject, event.to_wire())
        if number % UNFLUSHED == 0:
            await connection.client.flush()
        if per_second and number % 100 == 0:
            await asyncio.sleep(max(0.0, begun + number / per_second - loop.time()))
    async with asyncio.timeout(60):
        # without an answer to each: that all are stored is seen by their number
        while (await client.log.range()).messages < before + count:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
