"""A server, a worker and a scheduler for the length of a test, in the test's own loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from naq.client import AsyncClient, close_default_client
from naq.errors import JobNotCompletedError, NaqException
from naq.models.event import Entity
from naq.models.job import FINAL_STATUSES, JobStatus
from naq.models.schedule import Schedule
from naq.names import DEFAULT_QUEUE
from naq.scheduler import Scheduler
from naq.scheduler.clock import ManualClock
from naq.schedules import schedule_of
from naq.server import EmbeddedServer
from naq.settings import Settings
from naq.sync import close_default_portal_client
from naq.worker import Worker

_OPEN = (JobStatus.PENDING, JobStatus.RUNNING, JobStatus.RETRY)


@asynccontextmanager
async def server() -> AsyncIterator[Settings]:
    """A nats-server of one's own, gone with its data at the end of the block; gives the settings to reach it by.

    Heartbeats and leases are short, so that a test of a worker's death takes seconds.

    Raises:
        ServerStartError: it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="naq-testing-", ignore_cleanup_errors=True) as folder:
        async with EmbeddedServer(Path(folder) / "store") as running:
            yield Settings(
                nats_url=running.url, ack_wait_s=2.0, heartbeat_interval_s=0.5, lease_s=2.0, events_max_bytes=0
            )


def isolated(settings: Settings) -> Settings:
    """The same server with a prefix that nobody has used: nothing of other tests is seen."""
    return settings.with_(prefix=f"t{uuid.uuid4().hex[:12]}")


@dataclass(kw_only=True)
class RunningWorker:
    """A worker in the test's own loop."""

    worker: Worker
    client: AsyncClient
    settings: Settings
    _task: asyncio.Task[None] = field(repr=False)

    async def all_final(self, *, timeout: float = 10.0) -> dict[str, str]:
        """Wait until every job that was enqueued has ended, those included that jobs enqueue; retries are waited for.

        Jobs that a schedule or `enqueue_in` has not fired yet are not meant.

        Args:
            timeout: seconds.

        Returns:
            The status of each job by its id, in the order in which they ended.

        Raises:
            JobNotCompletedError: some did not end in time; the message names them.
        """
        log = _JobLog(self.client)
        reading = asyncio.create_task(log.read())
        try:
            async with asyncio.timeout(timeout):
                await asyncio.wait({reading, self._task}, return_when=asyncio.FIRST_COMPLETED)
                if reading.done():
                    reading.result()
                    return log.ended
                self._task.result()
                log = _JobLog(self.client)
                await log.read(to_its_end=True)
                if not log.open:
                    return log.ended
                why = "the worker has stopped"
        except TimeoutError:
            why = f"{timeout:g} s have passed"
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        told = ", ".join(f"{job_id} is {status}" for job_id, status in list(log.open.items())[:5])
        raise JobNotCompletedError(f"{len(log.open)} jobs have not ended and {why}: {told}")


class _JobLog:
    """Which jobs have ended, by the event log from its start."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self.open: dict[str, str] = {}
        self.ended: dict[str, str] = {}

    async def read(self, *, to_its_end: bool = False) -> None:
        """Read until all that is stored has been read, and, unless `to_its_end`, no job is open."""
        async with contextlib.aclosing(self._client.events.follow()) as batches:  # type: ignore[type-var]
            async for batch in batches:
                for stored in batch.events:
                    event = stored.event
                    if event is None or event.entity != Entity.JOB or event.job_id is None:
                        continue
                    if event.to_status in FINAL_STATUSES:
                        self.open.pop(event.job_id, None)
                        self.ended[event.job_id] = str(event.to_status)
                    elif event.to_status in _OPEN:
                        self.ended.pop(event.job_id, None)
                        self.open[event.job_id] = str(event.to_status)
                if batch.is_caught_up and (to_its_end or not self.open):
                    return


@asynccontextmanager
async def worker(
    settings: Settings, *modules: str, queues: Sequence[str] = (DEFAULT_QUEUE,), **options: Any
) -> AsyncIterator[RunningWorker]:
    """A worker for `modules` in the running loop, which takes jobs before the block is entered and is drained after it.

    Within the block `naq.enqueue`, its kin and their blocking twins talk to the server of `settings`, in this whole
    process: the environment says so.

    Args:
        options: those of `naq.Worker`.
    """
    instance = Worker(queues, modules=modules, settings=settings, **options)
    async with (
        _environment(settings),
        AsyncClient(settings, program="naq.testing") as client,
        _running(instance) as task,
    ):
        yield RunningWorker(worker=instance, client=client, settings=settings, _task=task)


@dataclass(kw_only=True)
class RunningScheduler:
    """A scheduler in the test's own loop, with a clock that the test puts forward."""

    scheduler: Scheduler
    client: AsyncClient
    clock: ManualClock

    async def advance(self, by: timedelta | float, *, timeout: float = 10.0) -> None:
        """Let so much time pass (seconds or a timedelta), firing what becomes due on the way, each run at its time.

        Returns once the jobs of all of them are enqueued. To see what a scheduler makes of an outage, put the clock
        forward in one step: `clock.put_forward(moment)`.

        Raises:
            NaqException: not everything has fired within `timeout` seconds of real time.
        """
        by = by if isinstance(by, timedelta) else timedelta(seconds=by)
        until = self.clock.now() + by
        schedules: dict[str, Schedule] = {}
        try:
            async with asyncio.timeout(timeout), contextlib.aclosing(self.client.schedules.watch()) as batches:  # type: ignore[type-var]
                async for batch in batches:
                    for entry in batch.entries:
                        if entry.is_deleted:
                            schedules.pop(entry.key, None)
                        else:
                            schedules[entry.key] = schedule_of(entry)
                    due = [each.next_run_at for each in schedules.values() if each.is_due_ever and each.next_run_at]
                    if not batch.is_caught_up:
                        continue
                    if not due or min(due) > until:
                        self.clock.put_forward(until)
                        return
                    self.clock.put_forward(min(due))
        except TimeoutError:
            raise NaqException(f"schedules did not fire within {timeout:g} s: {', '.join(schedules)}") from None


@asynccontextmanager
async def scheduler(settings: Settings) -> AsyncIterator[RunningScheduler]:
    """A scheduler in the running loop; it leads as the block is entered. Its clock starts at the server's time."""
    clock = ManualClock()
    instance = Scheduler(settings=settings, clock=clock)
    async with AsyncClient(settings, program="naq.testing") as client, _running(instance):
        yield RunningScheduler(scheduler=instance, client=client, clock=clock)


@asynccontextmanager
async def _running(instance: Worker | Scheduler) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(instance.run())
    ready = asyncio.create_task(instance.ready.wait())
    await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        ready.cancel()
        task.result()
    try:
        yield task
    finally:
        instance.stop()
        await task


@asynccontextmanager
async def _environment(settings: Settings) -> AsyncIterator[None]:
    """Have the default clients of this process, blocking ones included, go by `settings` within the block."""

    async def forget_clients() -> None:
        await close_default_client()
        await asyncio.to_thread(close_default_portal_client)

    with _variables(settings.to_env()):
        await forget_clients()
        try:
            yield
        finally:
            await forget_clients()


@contextlib.contextmanager
def _variables(wanted: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
