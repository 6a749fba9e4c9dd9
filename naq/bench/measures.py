"""What can be measured in a `Trial`, each by itself; times are of this machine's clocks unless it says otherwise."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

from naq.bench import tasks
from naq.bench.trial import Drained, Progress, Trial, nobody
from naq.models.event import JobEvent, JobEventType
from naq.queue import Queue

CHUNK = 5000
"""Jobs of one `enqueue_many`."""
RESULT_S = 60.0
"""Seconds the result of one job is waited for."""


async def one_at_a_time(queue: Queue, jobs: int, progress: Progress = nobody) -> list[float]:
    """Enqueue, each awaited before the next; the seconds of each."""
    taken = []
    for number in range(jobs):
        start = time.perf_counter()
        await queue.enqueue(tasks.nothing, number)
        taken.append(time.perf_counter() - start)
        progress(number + 1)
    return taken


async def concurrently(queue: Queue, jobs: int, at_once: int, progress: Progress = nobody) -> float:
    """Enqueue from `at_once` tasks, each awaiting its own; seconds of all together."""
    numbers = iter(range(jobs))

    async def produce() -> None:
        for number in numbers:
            await queue.enqueue(tasks.nothing, number)
            progress(number + 1)

    start = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(produce())
    return time.perf_counter() - start


async def many(
    queue: Queue, jobs: int, function: Callable[..., object] = tasks.nothing, progress: Progress = nobody
) -> float:
    """`enqueue_many` in calls of 5,000; seconds."""
    taken = 0.0
    for first in range(0, jobs, CHUNK):
        calls = [(function, (number,)) for number in range(first, min(first + CHUNK, jobs))]
        start = time.perf_counter()
        await queue.enqueue_many(calls)
        taken += time.perf_counter() - start
        progress(first + len(calls))
    return taken


async def drain(
    trial: Trial,
    queue: str,
    jobs: int,
    function: Callable[..., object] = tasks.nothing,
    *,
    concurrency: int,
    progress: Progress = nobody,
) -> Drained:
    """Let one worker process work off `jobs` waiting jobs of `function`; `queue` must be new."""
    await many(trial.client.queue(queue), jobs, function)
    async with trial.worker(queue, "--concurrency", str(concurrency)) as worker:
        await trial.emptied(queue, worker, jobs, progress)
        return await trial.drained(queue, jobs)


async def ready(queue: Queue) -> None:
    """Wait until a worker runs a job of this queue."""
    await (await queue.enqueue(tasks.nothing, 0)).result(timeout=RESULT_S)


async def waits(queue: Queue, jobs: int, per_second: float, progress: Progress = nobody) -> list[float]:
    """Seconds from the call of `enqueue` to the start of the function, with a worker that is otherwise idle."""
    enqueued = []
    start = time.perf_counter()
    for number in range(jobs):
        await asyncio.sleep(max(0.0, start + number / per_second - time.perf_counter()))
        enqueued.append(await queue.enqueue(tasks.waited, time.time()))
        progress(number + 1)
    return [await job.result(timeout=RESULT_S) for job in enqueued]


async def round_trips(queue: Queue, jobs: int, progress: Progress = nobody) -> list[float]:
    """Seconds from the call of `enqueue` to the result in hand, one after the other."""
    taken = []
    for number in range(jobs):
        start = time.perf_counter()
        await (await queue.enqueue(tasks.nothing, number)).result(timeout=RESULT_S)
        taken.append(time.perf_counter() - start)
        progress(number + 1)
    return taken


async def read_log(trial: Trial, progress: Progress = nobody) -> tuple[int, float]:
    """Read the whole log from its start, each event decoded: how many events, and the seconds it took."""
    read = 0
    start = time.perf_counter()
    async with contextlib.aclosing(trial.client.events.follow()) as batches:  # type: ignore[type-var]
        async for batch in batches:
            read += len(batch.events)
            progress(read)
            if batch.is_caught_up:
                break
    return read, time.perf_counter() - start


async def told(trial: Trial, events: int, per_second: float, progress: Progress = nobody) -> list[float]:
    """Seconds from writing an event to its arrival at a reader that follows the log."""
    sent: dict[str, float] = {}
    taken: list[float] = []
    following = asyncio.Event()

    async def follow() -> None:
        async with contextlib.aclosing(trial.client.events.follow(only_new=True)) as batches:  # type: ignore[type-var]
            async for batch in batches:
                arrived = time.perf_counter()
                following.set()
                taken.extend(
                    arrived - sent[stored.event.id]
                    for stored in batch.events
                    if stored.event is not None and stored.event.id in sent
                )
                if len(taken) == events:
                    return

    async with asyncio.timeout(RESULT_S), asyncio.TaskGroup() as group:
        group.create_task(follow())
        await following.wait()
        start = time.perf_counter()
        for number in range(events):
            await asyncio.sleep(max(0.0, start + number / per_second - time.perf_counter()))
            event = JobEvent.of(JobEventType.PROGRESS, job_id="bench", queue="told")
            sent[event.id] = time.perf_counter()
            await trial.client.events.write(event)
            progress(number + 1)
    return taken
