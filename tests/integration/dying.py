"""Programs that kill themselves with SIGKILL at a named point between two writes: `python -m … POINT [JOB-ID]`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from inspect import iscoroutinefunction
from typing import Any, NoReturn

from naq.client import AsyncClient
from naq.deadletter import DeadLetters
from naq.examples import tasks
from naq.kv import Bucket
from naq.middleware import Middleware
from naq.queue import Queue
from naq.settings import Settings
from naq.worker import Worker, lifecycle, straight
from naq.worker.executor import Executor
from naq.worker.lifecycle import Lifecycle
from naq.worker.run import Run
from naq.worker.runs import Runs

LEFT_S = 0.2
"""Seconds after which what was written before has left."""

POINTS = {
    "before the start": (Runs, "accept"),
    "during the run": (Executor, "run"),
    "before the result": (straight._Settling, "store"),
    "before the terminal event": (straight._Settling, "tell"),
    "before the ack": (straight._Settling, "ack"),
    "before the result, not straight": (Lifecycle, "finish"),
    "before the callback": (lifecycle, "enqueue_callback"),
    "before the terminal event, not straight": (Lifecycle, "_tell_end"),
    "before the ack, not straight": (lifecycle, "ack"),
    "before the retry is told": (lifecycle, "retry_event"),
}
"""Where a worker dies: as it calls this method. Middleware keeps it off the straight way."""


class Onlooker(Middleware):
    def on_start(self, run: Run) -> None:
        """Be there."""


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("still alive")


async def work(point: str) -> None:
    owner, name = POINTS[point]

    async def at_the_point(*_args: Any, **_options: Any) -> NoReturn:
        await asyncio.sleep(LEFT_S)
        die()

    def at_the_straight_point(*_args: Any) -> None:
        asyncio.get_running_loop().call_later(LEFT_S, die)

    if name == "retry_event":
        setattr(owner, name, lambda *_: die())
    else:
        setattr(owner, name, at_the_point if iscoroutinefunction(getattr(owner, name)) else at_the_straight_point)
    middleware = [Onlooker()] if point.endswith("not straight") else []
    await Worker(modules=["naq.examples.tasks", "tests.integration.sample_tasks"], middleware=middleware).run()


async def produce(job_id: str) -> None:
    """Tell that a job is enqueued, and die before the job itself leaves."""
    tell = Queue._send_event

    async def tell_and_die(self: Queue, *args: Any) -> NoReturn:
        await (await tell(self, *args))
        die()

    Queue._send_event = tell_and_die  # type: ignore[assignment]
    async with AsyncClient(Settings.load()) as client:
        await client.enqueue(tasks.add, 20, 22, job_id=job_id)


async def retry(point: str, job_id: str) -> None:
    """Retry a failed job, and die on the way: "retry: before the message" or "retry: before the record"."""
    owner, name = (DeadLetters, "_send") if point == "retry: before the message" else (Bucket, "update")

    async def at_the_point(*_args: Any, **_options: Any) -> NoReturn:
        die()

    async with AsyncClient(Settings.load()) as client:
        setattr(owner, name, at_the_point)
        await client.retry_job(job_id)


if __name__ == "__main__":
    if sys.argv[1] == "producer":
        asyncio.run(produce(sys.argv[2]))
    elif sys.argv[1].startswith("retry"):
        asyncio.run(retry(*sys.argv[1:3]))
    else:
        asyncio.run(work(sys.argv[1]))
