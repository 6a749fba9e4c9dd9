"""Results, schedules, workers and queues by the thousand, as the engine would have written them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta

from naq.client import AsyncClient
from naq.models.job import Job
from naq.models.result import JobError, JobResult
from naq.models.schedule import Schedule
from naq.models.times import utcnow
from naq.models.worker import RunningJob, WorkerRecord
from tests.benchmarks.events import FUNCTIONS, QUEUES
from tests.benchmarks.writing import write

BEAT_S = 5.0
_ERROR = JobError(type="TimeoutError", message="upstream took longer than 30 s", fingerprint="f1")


async def results(client: AsyncClient, count: int) -> None:
    """One in a hundred failed."""
    now = utcnow()

    def messages() -> Iterator[tuple[str, bytes]]:
        for number in range(count):
            has_failed = number % 100 == 0
            record = JobResult(
                job_id=_id(number),
                status="FAILED" if has_failed else "COMPLETED",
                function=f"shop.tasks:{FUNCTIONS[number % 8]}",
                queue=QUEUES[number % 8],
                value=None if has_failed else {"invoice": number, "sent": True},
                error=_ERROR if has_failed else None,
                enqueued_at=now,
                started_at=now,
                finished_at=now + timedelta(milliseconds=81.5),
                wait_ms=4.2,
                run_ms=81.5,
                worker_id=f"w-{number % 50}",
            )
            yield f"$KV.{client.connection.names.results}.{record.job_id}", record.to_wire()

    await write(client, messages())


async def schedules(client: AsyncClient, count: int) -> None:
    """Half by cron text, half at intervals."""
    now = utcnow()

    def messages() -> Iterator[tuple[str, bytes]]:
        for number in range(count):
            function = f"shop.tasks:{FUNCTIONS[number % 8]}"
            record = Schedule(
                schedule_id=f"report-{number:05}",
                function=function,
                queue=QUEUES[number % 8],
                job={"function": function, "args": [number], "kwargs": {}},
                cron=f"{number % 60} {number % 24} * * *" if number % 2 else None,
                interval_s=None if number % 2 else 900.0 + number,
                created_at=now,
                next_run_at=now + timedelta(minutes=10 + number % 1_440),
                run_count=number % 97,
            )
            yield f"$KV.{client.connection.names.schedules}.{record.schedule_id}", record.to_wire()

    await write(client, messages())


async def queues(client: AsyncClient, count: int) -> None:
    """One job in each."""
    names = client.connection.names
    jobs = (
        Job(job_id=_id(number), function="shop.tasks:build", queue_name=f"tenant-{number:03}", enqueued_at=utcnow())
        for number in range(count)
    )
    await write(client, ((names.queue_subject(job.queue_name), job.to_wire()) for job in jobs))


@asynccontextmanager
async def workers(client: AsyncClient, count: int) -> AsyncIterator[None]:
    """So many beat within the block, each every 5 s and none at the same moment as another; half of them are busy."""
    started_at = utcnow()

    def beat(number: int) -> tuple[str, bytes]:
        job = RunningJob(
            job_id=_id(number), function="shop.tasks:build", queue=QUEUES[number % 8], started_at=started_at
        )
        running = (job,) if number % 2 else ()
        record = WorkerRecord(
            worker_id=f"w-{number:04}",
            status="BUSY" if running else "IDLE",
            name=f"web-{number:04}",
            host=f"host-{number % 40:02}",
            pid=1_000 + number,
            queues=QUEUES[:3],
            modules=("shop.tasks",),
            concurrency=10,
            started_at=started_at,
            running=running,
            completed=number,
            cpu_percent=3.5,
            rss_bytes=45 * 2**20,
            version="2.0",
        )
        return f"$KV.{client.connection.names.workers}.{record.worker_id}", record.to_wire()

    async def go_on_beating() -> None:
        while True:
            await write(client, map(beat, range(count)), per_second=count / BEAT_S)

    await write(client, map(beat, range(count)))
    beating = asyncio.create_task(go_on_beating())
    try:
        yield
    finally:
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)


def _id(number: int) -> str:
    return f"0198c0de-{number >> 16:04x}-7{number & 0xFFF:03x}-8a00-{number * 2654435761 % 16**12:012x}"
