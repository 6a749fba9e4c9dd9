"""The scheduler: fires schedules on time. Any number may run; one leads, the others stand by.

What a crash does: the lease of a leader that is killed passes on, and the next leader takes up what it left half done;
`naq.scheduler.fire` says how.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from datetime import datetime, timedelta

from naq import __version__, ids
from naq.caretaker import Caretaker
from naq.connection import Connection, LinkState
from naq.errors import ConflictError, NaqException, SerializationError
from naq.events import LAST_PATIENCE_S, Events
from naq.lease import Lease
from naq.models.event import JobEvent, JobEventType
from naq.models.schedule import Schedule, ScheduleStatus
from naq.results import Results
from naq.scheduler.clock import Clock
from naq.scheduler.due import DueHeap
from naq.scheduler.fire import Firer
from naq.scheduler.overlap import LastJobs
from naq.schedules import ScheduledJobManager, schedule_of
from naq.settings import Settings
from naq.topology import ensure_topology
from naq.worker.keeper import Keeper
from naq.worker.orders import Orders
from naq.worker.status import WorkerStatusManager
from naq.worker.stop_order import StopOrder

log = logging.getLogger(__name__)

AT_ONCE = 64
"""Schedules that fire at the same time; the runs of each are made one after another."""
MAX_SLEEP_S = 60.0
RETRY_S = 0.5
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
        self._electing: asyncio.Task[None] | None = None
        self._to_look_at: set[str] = set()
        """Schedules to be looked at whether they are due or not: a run is unsettled, or a buffered one may go."""
        self._firing: set[str] = set()
        self._doubted: set[str] = set()
        """Schedules held since before the link was lost or came back: the server may have another store now."""

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
            connection.on_state(self._on_state)
            self._events = Events(connection)
            self._manager = ScheduledJobManager(connection)
            results = Results(connection)
            self._last_jobs = LastJobs(connection, results, self._look_at)
            self._firer = Firer(connection, self._manager, results, self._last_jobs, self.scheduler_id)
            self._lease = Lease(connection, "scheduler", self.scheduler_id, lease_s=self.settings.lease_s)
            self._firer.leads_for_s = lambda: self._lease.sure_for_s
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
            await self._last_jobs.stop()
            await orders.stop()
            self.status.stopping()
            await self._connection.outbox.drain(LAST_PATIENCE_S)  # events of what it was just firing
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

    def _on_state(self, state: LinkState) -> None:
        if state in (LinkState.LOST, LinkState.LIVE):  # what is written meanwhile goes to whoever answers then
            self._doubted = {schedule.schedule_id for schedule in self._heap.schedules()}

    async def _watch_schedules(self) -> None:
        async for batch in self._manager.watch():
            for entry in batch.entries:
                if entry.is_deleted:
                    self._drop(entry.key)
                    continue
                try:
                    self._keep(schedule_of(entry))
                except SerializationError as exc:
                    self._drop(entry.key)
                    log.warning("schedule %s can't be read and is left alone: %s", entry.key, exc)
            self._changed.set()

    def _keep(self, schedule: Schedule) -> None:
        """Hold `schedule` as it is stored now, unless what is held is newer."""
        self._heap.put(schedule)
        schedule = self._heap.get(schedule.schedule_id) or schedule
        self._last_jobs.follow(schedule)
        if schedule.unsettled_at is not None:
            self._look_at(schedule.schedule_id)

    def _drop(self, schedule_id: str) -> None:
        self._heap.remove(schedule_id)
        self._last_jobs.forget(schedule_id)

    def _look_at(self, schedule_id: str) -> None:
        self._to_look_at.add(schedule_id)
        self._changed.set()

    async def _lead(self) -> None:
        """Hold the lease, or wait for it."""
        pause = self.settings.lease_s / 4
        while True:
            try:
                if await self._has_lease():
                    if not self.status.leader:
                        await self._take_up()
                elif self.status.leader:
                    await self._step_down("another scheduler took over")
                self.ready.set()
            except (NaqException, TimeoutError) as exc:
                log.debug("lease: %s", exc)
                if self.status.leader:
                    await self._step_down("the server does not confirm the lease")
            await asyncio.sleep(pause if self._connection.state is LinkState.LIVE else RETRY_S)

    async def _has_lease(self) -> bool:
        if not self._lease.is_held:
            return await self._lease.acquire()
        async with asyncio.timeout(self.settings.lease_s):
            return await self._lease.renew()

    async def _take_up(self) -> None:
        await self._connection.sync_clock()
        self._firer.elected()
        self.status.leader = True
        self.status.on_change()
        log.info("%s leads", self.scheduler_id)
        # aside: a log that takes nothing just now must not cost the lease
        self._electing = asyncio.create_task(self._tell_elected(), name="election-told")
        self._changed.set()
        await self._forget_old()

    async def _tell_elected(self) -> None:
        try:
            await self._tell(JobEventType.LEADER_ELECTED, None)
        except NaqException as exc:
            log.warning("LEADER_ELECTED not told: %s", exc)

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
        """Fire what is due, many schedules at once: each costs some round trips, and thousands may share a minute."""
        async with asyncio.TaskGroup() as group:
            while True:
                now = self._clock.now()
                is_ready = self.status.leader and len(self._firing) < AT_ONCE
                schedule = self._next(now) if is_ready else None
                if schedule is not None:
                    self._firing.add(schedule.schedule_id)
                    group.create_task(self._fire(schedule, now), name=f"firing-{schedule.schedule_id}")
                    continue
                moment = self._heap.next_at() if is_ready else None
                delay = MAX_SLEEP_S if moment is None else min(MAX_SLEEP_S, (moment - now).total_seconds())
                self._changed.clear()
                try:
                    async with asyncio.timeout(delay):
                        await self._changed.wait()
                except TimeoutError:
                    pass

    async def _fire(self, schedule: Schedule, now: datetime) -> None:
        try:
            if schedule.schedule_id in self._doubted and not await self._is_stored(schedule):
                stored = self._heap.get(schedule.schedule_id)
            elif schedule.unsettled_at is not None:
                stored = await self._firer.settle(schedule)
            else:
                stored = await self._firer.fire(schedule, now)
        except NaqException as exc:
            log.warning("schedule %s could not fire yet: %s", schedule.schedule_id, exc)
            await asyncio.sleep(RETRY_S)
            stored = schedule
        if stored is not None:
            self._put_back(stored)
        else:
            held = self._heap.get(schedule.schedule_id)
            if held is None or held.created_at == schedule.created_at:  # else another of that id by now
                self._drop(schedule.schedule_id)
        self._firing.discard(schedule.schedule_id)
        held = self._heap.get(schedule.schedule_id)
        if held is not None:
            self._heap.put(held)  # its turn may have come, and been passed over, while it fired
        self._changed.set()

    async def _is_stored(self, schedule: Schedule) -> bool:
        """Whether it stands in the store as it is held; where it does not, what stands there is held from now on."""
        entry = await self._manager.bucket.get(schedule.schedule_id)
        self._doubted.discard(schedule.schedule_id)
        if entry is not None and entry.revision == schedule.revision:
            return True
        self._drop(schedule.schedule_id)
        if entry is not None:
            with contextlib.suppress(SerializationError):  # it is left alone, as the watch leaves it
                self._keep(schedule_of(entry))
        return False

    def _put_back(self, schedule: Schedule) -> None:
        """Hold what was taken to fire, unless it has been deleted meanwhile: by whoever fired it, or cancelled it."""
        if self._heap.get(schedule.schedule_id) is not None:
            self._keep(schedule)

    def _next(self, now: datetime) -> Schedule | None:
        """What is to be done next at `now`, of what is not firing; None where that is nothing."""
        for schedule_id in self._to_look_at - self._firing:
            self._to_look_at.discard(schedule_id)
            schedule = self._heap.get(schedule_id)
            if schedule is None:
                continue
            is_active = schedule.status == ScheduleStatus.ACTIVE
            if schedule.unsettled_at is not None or (is_active and schedule.buffered_at is not None):
                return schedule
        while (due := self._heap.pop_due(now)) is not None and due.schedule_id in self._firing:
            pass
        return due

    async def _forget_old(self) -> None:
        """Take schedules that ended long ago off the list; the log keeps them."""
        now = self._connection.server_now()
        for schedule in self._heap.schedules():
            if schedule.is_over and schedule.saved_at is not None and now - schedule.saved_at > FINAL_KEPT:
                try:
                    await self._manager.bucket.delete(schedule.schedule_id, revision=schedule.revision)
                except ConflictError:
                    continue

    async def _tell(self, event_type: JobEventType, details: dict[str, object] | None) -> None:
        await self._events.write(
            JobEvent.of(event_type, worker_id=self.scheduler_id, code_version=__version__, details=details)
        )
