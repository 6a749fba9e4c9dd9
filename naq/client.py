"""One connection and everything that can be done over it; and the default one behind `naq.enqueue` and its kin."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any
from weakref import WeakKeyDictionary

from naq.calls import Call
from naq.cancellation import Cancellation
from naq.clone import clone
from naq.connection import Connection
from naq.deadletter import BulkOutcome, DeadLetters
from naq.dependencies.compositions import JobGroup, chain, chord
from naq.dependencies.waiting import Waiting, WaitingChild
from naq.eventlog import EventLog
from naq.events import Events
from naq.history import job_history
from naq.inspector import Inspector
from naq.jobfilter import JobFilter
from naq.models.event import StoredEvent
from naq.models.job import Job, JobStatus
from naq.models.queue import QueuePause, QueueStats
from naq.models.schedule import Schedule
from naq.models.worker import WorkerRecord
from naq.names import DEFAULT_QUEUE
from naq.queue import Queue
from naq.queues import QueueControl
from naq.results import Results
from naq.schedules import ScheduledJobManager
from naq.settings import Settings
from naq.topology import Topology, ensure_topology
from naq.workers import WorkerManager

MAX_QUEUES_KEPT = 1000
"""Made once each; a program that uses more makes them anew now and then."""


class AsyncClient:
    """One connection, many calls. Use as an async context manager, or `open` and `close`."""

    def __init__(self, settings: Settings | None = None, *, program: str = "naq", **overrides: Any) -> None:
        """`overrides` are fields of `Settings`; `program` names this client in events and on the server."""
        base = settings or Settings.load(**overrides)
        self.settings = base.with_(**overrides) if settings and overrides else base
        self.connection = Connection(self.settings, name=program)
        self.results = Results(self.connection)
        self.letters = DeadLetters(self.connection, self.results, program=program)
        self.events = Events(self.connection)
        self.log = EventLog(self.connection)
        self.schedules = ScheduledJobManager(self.connection, self.results, program=program)
        self.inspector = Inspector(self.connection)
        self.workers = WorkerManager(self.connection, program=program)
        self.cancellation = Cancellation(self.connection, self.results, self.schedules, program=program)
        self.queue_control = QueueControl(self.connection, program=program)
        self.topology: Topology | None = None
        self._queues: dict[str, Queue] = {}
        self._program = program

    async def __aenter__(self) -> AsyncClient:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def open(self) -> None:
        """Connect and make what is missing on the server.

        Raises:
            NaqConnectionError: no server, refused credentials, or no JetStream.
        """
        await self.connection.open()
        try:
            self.topology = await ensure_topology(self.connection)
        except BaseException:
            await self.connection.close()
            raise

    async def close(self) -> None:
        await self.connection.close()

    def queue(self, name: str = DEFAULT_QUEUE) -> Queue:
        """Raises InvalidQueueNameError."""
        queue = self._queues.get(name)
        if queue is None:
            if len(self._queues) >= MAX_QUEUES_KEPT:
                self._queues.clear()
            queue = self._queues[name] = Queue(name, self.connection, self.results)
        return queue

    async def enqueue(
        self, function: Callable[..., Any] | str, *args: Any, queue_name: str = DEFAULT_QUEUE, **options: Any
    ) -> Job:
        """See `naq.enqueue`."""
        return await self.queue(queue_name).enqueue(function, *args, **options)

    async def enqueue_many(
        self, calls: Iterable[Call | Sequence[Any]], *, queue_name: str = DEFAULT_QUEUE, **options: Any
    ) -> list[Job]:
        """See `naq.enqueue_many`."""
        return await self.queue(queue_name).enqueue_many(calls, **options)

    async def group(
        self, calls: Iterable[Call | Sequence[Any]], *, queue_name: str = DEFAULT_QUEUE, **options: Any
    ) -> JobGroup:
        """See `naq.group`."""
        return JobGroup(await self.queue(queue_name).enqueue_many(calls, **options))

    async def chain(
        self, calls: Iterable[Call | Sequence[Any]], *, queue_name: str = DEFAULT_QUEUE, **options: Any
    ) -> JobGroup:
        """See `naq.chain`."""
        return await chain(self.queue(queue_name), calls, **options)

    async def chord(
        self,
        calls: Iterable[Call | Sequence[Any]],
        callback: Call | Sequence[Any],
        *,
        queue_name: str = DEFAULT_QUEUE,
        **options: Any,
    ) -> Job:
        """See `naq.chord`."""
        return await chord(self.queue(queue_name), calls, callback, **options)

    async def waiting_jobs(self) -> list[WaitingChild]:
        """See `naq.waiting_jobs`."""
        return await Waiting(self.connection).children()

    async def enqueue_at(self, moment: datetime, function: Callable[..., Any] | str, *args: Any, **options: Any) -> Job:
        """See `naq.enqueue_at`."""
        return await self.schedules.enqueue_at(moment, function, *args, **options)

    async def enqueue_in(
        self, delay: timedelta | float, function: Callable[..., Any] | str, *args: Any, **options: Any
    ) -> Job:
        """See `naq.enqueue_in`."""
        return await self.schedules.enqueue_in(delay, function, *args, **options)

    async def schedule(self, function: Callable[..., Any] | str, *args: Any, **options: Any) -> Schedule:
        """See `naq.schedule`."""
        return await self.schedules.schedule(function, *args, **options)

    async def cancel(self, job_id: str, *, reason: str | None = None, action_id: str | None = None) -> JobStatus:
        """See `naq.cancel`."""
        return await self.cancellation.cancel(job_id, reason=reason, action_id=action_id)

    async def cancel_scheduled_job(self, schedule_id: str, *, reason: str | None = None) -> Schedule:
        """See `naq.cancel_scheduled_job`."""
        return await self.schedules.cancel(schedule_id, reason=reason)

    async def pause_scheduled_job(self, schedule_id: str, *, reason: str | None = None) -> Schedule:
        """See `naq.pause_scheduled_job`."""
        return await self.schedules.pause(schedule_id, reason=reason)

    async def resume_scheduled_job(self, schedule_id: str, *, reason: str | None = None) -> Schedule:
        """See `naq.resume_scheduled_job`."""
        return await self.schedules.resume(schedule_id, reason=reason)

    async def trigger_scheduled_job(self, schedule_id: str, *, reason: str | None = None) -> Job:
        """See `naq.trigger_scheduled_job`."""
        return await self.schedules.trigger(schedule_id, reason=reason)

    async def modify_scheduled_job(self, schedule_id: str, **changes: Any) -> Schedule:
        """See `naq.modify_scheduled_job`."""
        return await self.schedules.modify(schedule_id, **changes)

    async def pause_queue(
        self, queue_name: str = DEFAULT_QUEUE, *, reason: str | None = None, action_id: str | None = None
    ) -> QueuePause:
        """See `naq.pause_queue`."""
        return await self.queue_control.pause(queue_name, reason=reason, action_id=action_id)

    async def resume_queue(
        self, queue_name: str = DEFAULT_QUEUE, *, reason: str | None = None, action_id: str | None = None
    ) -> bool:
        """See `naq.resume_queue`."""
        return await self.queue_control.resume(queue_name, reason=reason, action_id=action_id)

    async def purge_queue(
        self, queue_name: str = DEFAULT_QUEUE, *, reason: str | None = None, action_id: str | None = None
    ) -> int:
        """See `naq.purge_queue`."""
        return await self.queue(queue_name).purge(reason=reason, action_id=action_id, program=self._program)

    async def fetch_job_result(self, job_id: str, *, timeout: float | None = None) -> Any:
        """See `naq.fetch_job_result`."""
        if timeout is None:
            return await self.results.fetch(job_id)
        return await self.results.wait(job_id, timeout=timeout)

    async def retry_job(self, job_id: str, *args: Any, **options: Any) -> Job:
        """See `naq.retry_job`."""
        return await self.letters.retry(job_id, *args, **options)

    async def retry_jobs(
        self, *, limit: int | None = None, reason: str | None = None, queue_name: str | None = None, **wanted: Any
    ) -> BulkOutcome:
        """See `naq.retry_jobs`."""
        return await self.letters.retry_many(JobFilter.of(**wanted), limit=limit, reason=reason, queue_name=queue_name)

    async def clone_job(self, job_id: str, **options: Any) -> Job:
        """See `naq.clone_job`."""
        return await clone(self.connection, self.results, job_id, program=self._program, **options)

    async def delete_job(self, job_id: str, *, reason: str | None = None, action_id: str | None = None) -> None:
        """See `naq.delete_job`."""
        await self.letters.delete(job_id, reason=reason, action_id=action_id)

    async def delete_jobs(self, *, limit: int | None = None, reason: str | None = None, **wanted: Any) -> BulkOutcome:
        """See `naq.delete_jobs`."""
        return await self.letters.delete_many(JobFilter.of(**wanted), limit=limit, reason=reason)

    async def job_history(self, job_id: str) -> list[StoredEvent]:
        """The stored events of one job, in order; see `naq.history.job_history`."""
        return await job_history(self.log, self.results, job_id)

    async def get_job_status(self, job_id: str) -> JobStatus:
        """See `naq.get_job_status`."""
        return await self.inspector.job_status(job_id)

    async def list_workers(self) -> list[WorkerRecord]:
        """See `naq.list_workers`."""
        return await self.inspector.workers()

    async def stop_worker(
        self,
        worker_id: str,
        *,
        now: bool = False,
        reason: str | None = None,
        action_id: str | None = None,
        wait_s: float | None = None,
    ) -> WorkerRecord:
        """See `naq.stop_worker`."""
        return await self.workers.stop(worker_id, now=now, reason=reason, action_id=action_id, wait_s=wait_s)

    async def forget_worker(
        self, worker_id: str, *, reason: str | None = None, action_id: str | None = None
    ) -> WorkerRecord:
        """See `naq.forget_worker`."""
        return await self.workers.forget(worker_id, reason=reason, action_id=action_id)

    async def list_queues(self) -> list[QueueStats]:
        """See `naq.list_queues`."""
        return await self.inspector.queues()

    async def list_schedules(self) -> list[Schedule]:
        """See `naq.list_schedules`."""
        return await self.schedules.list()


_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[AsyncClient]] = WeakKeyDictionary()


async def default_client() -> AsyncClient:
    """The client of the running loop, connected by the environment's settings on first use."""
    loop = asyncio.get_running_loop()
    opening = _clients.get(loop)
    if opening is None or (opening.done() and (opening.cancelled() or opening.exception() is not None)):
        opening = loop.create_task(_open_client(), name="naq-default-client")
        _clients[loop] = opening
    return await asyncio.shield(opening)


async def close_default_client() -> None:
    """Close the running loop's default client, if it has one; the next call opens another."""
    opening = _clients.pop(asyncio.get_running_loop(), None)
    if opening is not None:
        await (await opening).close()


async def _open_client() -> AsyncClient:
    client = AsyncClient()
    await client.open()
    return client
