"""The scheduler: fires schedules on time. Any number may run; one leads, the others stand by.

What a crash does: a run's job has an id made of the schedule and its due time, and is enqueued before the schedule is
saved. A leader killed between the two leaves a schedule that is still due; the next leader fires it again under the
same job id, which the queue stores once: it remembers ids for a minute, and later the job is looked for where it is, in
its queue or among the results. A leader killed between the job and its SCHEDULE_TRIGGERED event leaves that event to
the next one; only where that comes after the minute is it missing.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from dataclasses import replace
from datetime import datetime, timedelta

from naq import __version__, ids
from naq.backlog import find_job
from naq.caretaker import Caretaker
from naq.connection import Connection, LinkState
from naq.errors import ConflictError, NaqException, ScheduleSpecError, SerializationError
from naq.events import Events
from naq.lease import Lease
from naq.models.event import JobEvent, JobEventType
from naq.models.job import Job
from naq.models.schedule import Schedule, ScheduleStatus
from naq.models.times import format_time
from naq.names import check_queue_name
from naq.queue import Queue
from naq.results import Results
from naq.scheduler.clock import Clock
from naq.scheduler.due import DueHeap
from naq.scheduler.firing import Firing, firing_of, job_id_of
from naq.schedules import ScheduledJobManager, schedule_of
from naq.settings import Settings
from naq.topology import DEDUPE_S, ensure_topology
from naq.worker.keeper import Keeper
from naq.worker.orders import Orders
from naq.worker.status import WorkerStatusManager
from naq.worker.stop_order import StopOrder

log = logging.getLogger(__name__)

MAX_SLEEP_S = 60.0
RETRY_S = 0.5
REMEMBERED = timedelta(seconds=DEDUPE_S * 0.9)
"""A job stored less than this ago is not stored twice, whoever sends it again."""
FINAL_KEPT = timedelta(days=1)
"""How long a schedule that is over stays listed."""


class Scheduler:
    """Fires the schedules of one system. `run` returns after `stop`."""

    def __init__(
        self, *, name: str | None = None, settings: Settings | None = None, clock: Clock | None = None
    ) -> None:
        """`clock` is for tests (`naq.testing.ManualClock`); None means the server's, which judges what is due."""
        self.settings = settings or Settings.load()
        self.scheduler_id = ids.scheduler_id()
        self.status = WorkerStatusManager(
            self.scheduler_id,
            kind="scheduler",
            name=name,
            heartbeat_interval_s=self.settings.heartbeat_interval_s,
        )
        self.ready = asyncio.Event()
        """Set once it leads or stands by."""
        self._stopping = asyncio.Event()
        self._changed = asyncio.Event()
        self._heap = DueHeap()
        self._clock = clock or Clock()

    @property
    def is_leader(self) -> bool:
        return self.status.leader

    def stop(self) -> None:
        """Begin to stop; leadership is given back at once. Harmless to call twice or before `run`."""
        self._stopping.set()
        self._changed.set()

    async def run(self, *, handle_signals: bool = False) -> None:
        """Serve until stopped.

        Args:
            handle_signals: stop at SIGTERM and SIGINT.

        Raises:
            NaqConnectionError: the server can't be reached at the start (later losses are waited out).
        """
        async with Connection(self.settings, name=f"{self.scheduler_id} scheduler") as connection:
            await ensure_topology(connection)
            self._connection = connection
            self._clock.attach(connection, self._changed)
            self._events = Events(connection)
            self._manager = ScheduledJobManager(connection)
            self._results = Results(connection)
            self._lease = Lease(connection, "scheduler", self.scheduler_id, lease_s=self.settings.lease_s)
            keeper = Keeper(self.settings, self.status)
            await keeper.start()
            if handle_signals:
                for number in (signal.SIGTERM, signal.SIGINT):
                    asyncio.get_running_loop().add_signal_handler(number, self.stop)
            try:
                await self._serve()
            finally:
                await keeper.stop(forget=True)

    async def _serve(self) -> None:
        await self._tell(
            JobEventType.WORKER_STARTED, {"kind": "scheduler", "host": self.status.host, "pid": os.getpid()}
        )
        self.status.started()
        services = [
            asyncio.create_task(self._watch_schedules(), name="schedules-watch"),
            asyncio.create_task(self._lead(), name="leadership"),
            asyncio.create_task(self._fire_when_due(), name="firing"),
            asyncio.create_task(Caretaker(self._connection, self.scheduler_id, self.settings).run(), name="caretaker"),
        ]
        orders = Orders(self._connection)
        stop_order = StopOrder(self._connection, orders, self.scheduler_id, lambda _now: self.stop())
        stopped = asyncio.create_task(self._stopping.wait(), name="stop-wait")
        try:
            await orders.start()
            done, _ = await asyncio.wait({*services, stopped}, return_when=asyncio.FIRST_COMPLETED)
            for service in done - {stopped}:
                service.result()  # a service ends only by failing: let it be known
        finally:
            for task in (*services, stopped):
                task.cancel()
            await asyncio.gather(*services, stopped, return_exceptions=True)
            await orders.stop()
            self.status.stopping()
            await self._resign("stopped")
            await stop_order.forget()
        await self._events.write_last(
            JobEvent.of(
                JobEventType.WORKER_STOPPED,
                worker_id=self.scheduler_id,
                code_version=__version__,
                details={"kind": "scheduler"},
            )
        )

    async def _watch_schedules(self) -> None:
        async for batch in self._manager.watch():
            for entry in batch.entries:
                if entry.is_deleted:
                    self._heap.remove(entry.key)
                    continue
                try:
                    self._heap.put(schedule_of(entry))
                except SerializationError as exc:
                    self._heap.remove(entry.key)
                    log.warning("schedule %s can't be read and is left alone: %s", entry.key, exc)
            self._changed.set()

    async def _lead(self) -> None:
        """Hold the lease, or wait for it."""
        pause = self.settings.lease_s / 4
        while True:
            try:
                if self._lease.is_held:
                    async with asyncio.timeout(self.settings.lease_s):
                        held = await self._lease.renew()
                    if not held:
                        await self._step_down("another scheduler took over")
                elif await self._lease.acquire():
                    await self._connection.sync_clock()
                    self.status.leader = True
                    self.status.on_change()
                    log.info("%s leads", self.scheduler_id)
                    await self._tell(JobEventType.LEADER_ELECTED, None)
                    self._changed.set()
                    await self._forget_old()
                self.ready.set()
            except (NaqException, TimeoutError) as exc:
                log.debug("lease: %s", exc)
                if self.status.leader:
                    await self._step_down("the server does not confirm the lease")
            await asyncio.sleep(pause if self._connection.state is LinkState.LIVE else RETRY_S)

    async def _step_down(self, reason: str, *, level: int = logging.WARNING) -> None:
        self.status.leader = False
        self.status.on_change()
        log.log(level, "%s no longer leads: %s", self.scheduler_id, reason)
        await self._events.write_last(
            JobEvent.of(JobEventType.LEADER_LOST, worker_id=self.scheduler_id, code_version=__version__, reason=reason)
        )

    async def _resign(self, reason: str) -> None:
        if self.status.leader:
            await self._step_down(reason, level=logging.INFO)
        try:
            await self._lease.release()
        except NaqException as exc:
            log.debug("lease not released, it runs out by itself: %s", exc)

    async def _fire_when_due(self) -> None:
        while True:
            now = self._clock.now()
            due = self._heap.next_at() if self.status.leader else None
            if due is None or due > now:
                delay = MAX_SLEEP_S if due is None else min(MAX_SLEEP_S, (due - now).total_seconds())
                self._changed.clear()
                try:
                    async with asyncio.timeout(delay):
                        await self._changed.wait()
                except TimeoutError:
                    pass
                continue
            schedule = self._heap.pop_due(now)
            if schedule is None:
                continue
            try:
                await self._fire(schedule, now)
            except ConflictError:
                log.debug("schedule %s changed while it fired", schedule.schedule_id)
            except NaqException as exc:
                log.warning("schedule %s could not fire yet: %s", schedule.schedule_id, exc)
                self._heap.put(schedule)
                await asyncio.sleep(RETRY_S)

    async def _fire(self, schedule: Schedule, now: datetime) -> None:
        try:
            firing = firing_of(schedule, now)
        except ScheduleSpecError as exc:
            await self._break(schedule, str(exc))
            return
        last_job_id = schedule.last_job_id
        # of a firing that an earlier leader left half done the first runs are stored already
        may_be_stored = now - firing.runs[0] > REMEMBERED if firing.runs else False
        for due in firing.runs:
            try:
                job = job_of(schedule, due)
                queue = Queue(check_queue_name(schedule.queue), self._connection)
            except (SerializationError, NaqException) as exc:
                await self._break(schedule, str(exc))
                return
            may_be_stored = may_be_stored and await self._is_stored(job.job_id)
            if may_be_stored:
                last_job_id = job.job_id
                continue
            fired_id = job.job_id
            await queue.store(job)
            last_job_id = job.job_id
            await self._events.write(
                JobEvent.of(
                    JobEventType.SCHEDULE_TRIGGERED,
                    schedule_id=schedule.schedule_id,
                    job_id=job.job_id,
                    queue=job.queue_name,
                    function=job.function,
                    worker_id=self.scheduler_id,
                    details={
                        "due": format_time(due),
                        "late_ms": round((now - due).total_seconds() * 1000, 1),
                        # its unique key is held by an earlier job, which stands for this run too
                        **({"duplicate": True} if job.job_id != fired_id else {}),
                    },
                ),
                msg_id=f"{fired_id}:triggered",
            )
        if firing.missed:
            await self._tell_missed(schedule, firing)
        await self._save(schedule, replace(firing.after, last_job_id=last_job_id))

    async def _is_stored(self, job_id: str) -> bool:
        """Whether the job is known though the server has forgotten its id: it has a record, or lies in its queue."""
        if await self._results.get_record(job_id) is not None:
            return True
        return await find_job(self._connection, job_id) is not None

    async def _save(self, before: Schedule, after: Schedule) -> None:
        bucket = self._manager.bucket
        if after.run_at is not None and after.status == ScheduleStatus.COMPLETED:
            self._heap.remove(after.schedule_id)
            await bucket.delete(after.schedule_id, revision=before.revision)
            return
        revision = await bucket.update(after.schedule_id, after.to_wire(), revision=before.revision)
        self._heap.put(replace(after, revision=revision))

    async def _break(self, schedule: Schedule, reason: str) -> None:
        """A schedule that can't fire: FAILED, with the reason, until somebody modifies or resumes it."""
        log.warning("schedule %s failed: %s", schedule.schedule_id, reason)
        failed = replace(
            schedule,
            status=ScheduleStatus.FAILED,
            next_run_at=None,
            last_error=reason[:1000],
            failure_count=schedule.failure_count + 1,
        )
        await self._save(schedule, failed)
        await self._events.write(
            JobEvent.of(
                JobEventType.SCHEDULE_FAILED,
                schedule_id=schedule.schedule_id,
                queue=None,
                function=schedule.function,
                worker_id=self.scheduler_id,
                from_status=schedule.status,
                to_status=ScheduleStatus.FAILED,
                reason=reason[:1000],
            )
        )

    async def _tell_missed(self, schedule: Schedule, firing: Firing) -> None:
        await self._events.write(
            JobEvent.of(
                JobEventType.SCHEDULE_MISFIRED,
                schedule_id=schedule.schedule_id,
                queue=schedule.queue,
                function=schedule.function,
                worker_id=self.scheduler_id,
                details={
                    "missed": firing.missed,
                    "made_up": len(firing.runs),
                    "policy": str(schedule.misfire),
                },
            )
        )

    async def _forget_old(self) -> None:
        """Take schedules that ended long ago off the list; the log keeps them."""
        now = self._connection.server_now()
        for schedule in self._heap.schedules():
            is_over = schedule.status in (ScheduleStatus.COMPLETED, ScheduleStatus.CANCELLED)
            if is_over and schedule.saved_at is not None and now - schedule.saved_at > FINAL_KEPT:
                try:
                    await self._manager.bucket.delete(schedule.schedule_id, revision=schedule.revision)
                except ConflictError:
                    continue

    async def _tell(self, event_type: JobEventType, details: dict[str, object] | None) -> None:
        await self._events.write(
            JobEvent.of(event_type, worker_id=self.scheduler_id, code_version=__version__, details=details)
        )


def job_of(schedule: Schedule, due: datetime) -> Job:
    """The job of one run. Raises SerializationError where the schedule's job record is broken."""
    job = Job.from_record({**schedule.job, "job_id": job_id_of(schedule, due), "queue": schedule.queue})
    job.schedule_id = schedule.schedule_id
    return job
