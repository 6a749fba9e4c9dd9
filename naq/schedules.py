"""Schedules: store, change and end them. The scheduler process fires them.

What a crash does: the record in the bucket is changed first (compare-and-set), then its event is written. A process
that dies between the two leaves the change in force and its event missing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from naq.actor import current_actor
from naq.calls import Call, split_options
from naq.connection import Connection
from naq.errors import (
    ConfigurationError,
    ConflictError,
    NaqException,
    ScheduleNotFoundError,
    SerializationError,
)
from naq.events import Events
from naq.ids import uuid7
from naq.kv import Bucket, BucketBatch, Entry
from naq.models.event import JobEvent, JobEventType
from naq.models.job import Job
from naq.models.schedule import Schedule, ScheduleStatus
from naq.models.times import format_time
from naq.names import check_key
from naq.queue import Queue
from naq.results import Results
from naq.scheduler.changes import difference, modified, resumed, unsettled
from naq.scheduler.drafting import OPTIONS, draft, draft_once


class ScheduledJobManager:
    """The bucket `naq_scheduled_jobs`."""

    def __init__(self, connection: Connection, results: Results | None = None, *, program: str = "naq") -> None:
        self._connection = connection
        self._results = results
        self._events = Events(connection)
        self._program = program
        self.bucket = Bucket(connection, connection.names.schedules)

    async def enqueue_at(self, moment: datetime, function: Callable[..., Any] | str, *args: Any, **options: Any) -> Job:
        """Store one call to be enqueued at `moment` (naive is taken as UTC; past is at once).

        The job's id is the schedule's id too, so it is paused, cancelled and modified by it.
        """
        build, kwargs = split_options(options)
        return await self.enqueue_call_at(moment, Call(function, args, kwargs), **build)

    async def enqueue_call_at(
        self,
        moment: datetime,
        call: Call,
        *,
        reason: str | None = None,
        action_id: str | None = None,
        **options: Any,
    ) -> Job:
        """`enqueue_at` for a function with parameters named like options; the others go into its event."""
        job, schedule = draft_once(call, moment, self._connection.server_now(), **options)
        job._results = self._results
        await self._store_new(schedule, reason=reason, action_id=action_id)
        return job

    async def enqueue_in(
        self, delay: timedelta | float, function: Callable[..., Any] | str, *args: Any, **options: Any
    ) -> Job:
        """Store one call to be enqueued after `delay` (seconds or timedelta), by the server's clock."""
        from naq.scheduler.cron import parse_interval

        seconds = parse_interval(delay) if not _is_zero(delay) else 0.0
        due = self._connection.server_now() + timedelta(seconds=seconds)
        return await self.enqueue_at(due, function, *args, **options)

    async def schedule(self, function: Callable[..., Any] | str, *args: Any, **options: Any) -> Schedule:
        """Store a call to be enqueued again and again; options and errors as for `naq.scheduler.drafting.draft`.

        Raises:
            ConfigurationError: also where a schedule of this id exists.
        """
        spec = {name: options.pop(name) for name in OPTIONS & options.keys()}
        build, kwargs = split_options(options)
        return await self.schedule_call(Call(function, args, kwargs), **spec, **build)

    async def schedule_call(
        self, call: Call, *, reason: str | None = None, action_id: str | None = None, **options: Any
    ) -> Schedule:
        """`schedule` for a function with parameters named like options; the others go into its event."""
        return await self._store_new(self.draft_call(call, **options), reason=reason, action_id=action_id)

    def draft_call(self, call: Call, **options: Any) -> Schedule:
        """The schedule that `schedule_call` would store, checked; nothing is sent. See `naq.scheduler.drafting`."""
        return draft(call, self._connection.server_now(), **options)

    async def get(self, schedule_id: str) -> Schedule:
        """Raises ScheduleNotFoundError where there is none."""
        entry = await self.bucket.get(check_key(schedule_id, "schedule id"))
        if entry is None:
            raise ScheduleNotFoundError(f"schedule {schedule_id!r} does not exist; 'naq schedules' lists them")
        return schedule_of(entry)

    async def list(self) -> list[Schedule]:
        """All that can be read, by next run (those with none last)."""
        found: list[Schedule] = []
        for entry in await self.bucket.entries():
            try:
                found.append(schedule_of(entry))
            except SerializationError:
                continue
        return sorted(found, key=lambda s: (s.next_run_at is None, s.next_run_at, s.schedule_id))

    async def watch(self) -> AsyncIterator[BucketBatch]:
        """The bucket's content, then every change; entries are undecoded (`schedule_of` reads one)."""
        async for batch in self.bucket.watch():
            yield batch

    async def pause(self, schedule_id: str, *, reason: str | None = None, action_id: str | None = None) -> Schedule:
        """Stop firing until resumed; a paused schedule stays paused."""
        return await self._change(
            schedule_id,
            lambda schedule: replace(schedule, status=ScheduleStatus.PAUSED),
            JobEventType.SCHEDULE_PAUSED,
            allowed=(ScheduleStatus.ACTIVE, ScheduleStatus.PAUSED),
            reason=reason,
            action_id=action_id,
        )

    async def resume(self, schedule_id: str, *, reason: str | None = None, action_id: str | None = None) -> Schedule:
        """Fire again from the next due time on (a single run that became due meanwhile fires at once).

        One that is past its end meanwhile is COMPLETED instead.
        """
        now = self._connection.server_now()
        return await self._change(
            schedule_id,
            lambda schedule: resumed(schedule, now),
            JobEventType.SCHEDULE_RESUMED,
            allowed=(ScheduleStatus.PAUSED, ScheduleStatus.ACTIVE, ScheduleStatus.FAILED),
            reason=reason,
            action_id=action_id,
        )

    async def cancel(self, schedule_id: str, *, reason: str | None = None, action_id: str | None = None) -> Schedule:
        """End it; what it fired before is not touched."""
        return await self._change(
            schedule_id,
            lambda schedule: replace(schedule, status=ScheduleStatus.CANCELLED, next_run_at=None, buffered_at=None),
            JobEventType.SCHEDULE_CANCELLED,
            allowed=(ScheduleStatus.ACTIVE, ScheduleStatus.PAUSED, ScheduleStatus.FAILED),
            reason=reason,
            action_id=action_id,
        )

    async def modify(
        self,
        schedule_id: str,
        *,
        reason: str | None = None,
        action_id: str | None = None,
        is_packed: bool = False,
        **changes: Any,
    ) -> Schedule:
        """Change it in place: the arguments of `schedule` by their names, also of its job (`timeout`, `tags`, …).

        `args` and `kwargs` are the function's; `run_at` is that of a single run. A run that is due stays due unless the
        change is about when it runs. Its event tells what differs, before and after. `is_packed` says that `args` and
        `kwargs` are in packed form already (`naq.codec`), as records hold them.

        Raises:
            ConfigurationError: another name, or a value that can't be used; nothing is changed then.
        """
        now = self._connection.server_now()
        return await self._change(
            schedule_id,
            lambda schedule: modified(schedule, changes, now, is_packed=is_packed),
            JobEventType.SCHEDULE_MODIFIED,
            allowed=(ScheduleStatus.ACTIVE, ScheduleStatus.PAUSED, ScheduleStatus.FAILED),
            reason=reason,
            action_id=action_id,
        )

    async def trigger(self, schedule_id: str, *, reason: str | None = None, action_id: str | None = None) -> Job:
        """Enqueue its job once, now, beside what it fires by itself; a paused schedule too. Returns the job.

        It is no run of the schedule: it is not counted, and no overlap policy looks at it.

        A process that dies between the job and its SCHEDULE_TRIGGERED event leaves the job to run without it.

        Raises:
            ScheduleNotFoundError: there is none.
            SerializationError, EnqueueError: its job can't be read, or was not stored.
        """
        schedule = await self.get(schedule_id)
        record = {**schedule.job, "job_id": f"{schedule_id}.now.{uuid7()}", "queue": schedule.queue}
        job = Job.from_record(record)
        job.schedule_id = schedule_id
        extra = None if action_id is None else {"action_id": action_id}
        await Queue(schedule.queue, self._connection, self._results).store(job, extra=extra)
        await self._events.write(
            JobEvent.of(
                JobEventType.SCHEDULE_TRIGGERED,
                schedule_id=schedule_id,
                job_id=job.job_id,
                queue=schedule.queue,
                function=schedule.function,
                actor=current_actor(self._program),
                reason=reason,
                action_id=action_id,
                details={"manual": True},
            ),
            msg_id=f"{job.job_id}:triggered",
        )
        return job

    async def _store_new(self, schedule: Schedule, *, reason: str | None, action_id: str | None) -> Schedule:
        held = await self.bucket.get(schedule.schedule_id)
        try:
            if held is not None and schedule_of(held).is_over:
                revision = await self.bucket.update(schedule.schedule_id, schedule.to_wire(), revision=held.revision)
            else:
                revision = await self.bucket.create(schedule.schedule_id, schedule.to_wire())
        except (ConflictError, SerializationError):
            raise ConfigurationError(
                f"schedule {schedule.schedule_id!r} exists; modify or cancel it, or choose another id"
            ) from None
        await self._tell(JobEventType.SCHEDULED, schedule, None, reason, action_id=action_id)
        return replace(schedule, revision=revision)

    async def _change(
        self,
        schedule_id: str,
        change: Callable[[Schedule], Schedule],
        event_type: JobEventType,
        *,
        allowed: Sequence[str],
        reason: str | None,
        action_id: str | None,
    ) -> Schedule:
        for _ in range(20):
            schedule = await self.get(schedule_id)
            if schedule.status not in allowed:
                verb = event_type.removeprefix("SCHEDULE_").lower()
                raise NaqException(f"schedule {schedule_id!r} is {schedule.status.lower()}, so it can't be {verb}")
            changed = unsettled(schedule, change(schedule), self._connection.server_now())
            try:
                revision = await self.bucket.update(schedule_id, changed.to_wire(), revision=schedule.revision)
            except ConflictError:
                continue  # the scheduler saved a run in between
            differs = difference(schedule, changed) if event_type == JobEventType.SCHEDULE_MODIFIED else None
            await self._tell(event_type, changed, schedule.status, reason, differs, action_id)
            return replace(changed, revision=revision)
        raise ConflictError(f"schedule {schedule_id!r} keeps changing; try again")

    async def _tell(
        self,
        event_type: JobEventType,
        schedule: Schedule,
        before: str | None,
        reason: str | None,
        differs: dict[str, Any] | None = None,
        action_id: str | None = None,
    ) -> None:
        details: dict[str, Any] = dict(differs or {})
        for name in ("cron", "interval_s", "repeat"):
            if getattr(schedule, name) is not None:
                details[name] = getattr(schedule, name)
        if schedule.cron is not None and schedule.timezone != "UTC":
            details["timezone"] = schedule.timezone
        if schedule.next_run_at is not None:
            details["next_run_at"] = format_time(schedule.next_run_at)
        await self._events.write(
            JobEvent.of(
                event_type,
                schedule_id=schedule.schedule_id,
                job_id=schedule.schedule_id if schedule.run_at is not None else None,
                queue=schedule.queue,
                function=schedule.function,
                from_status=before,
                to_status=schedule.status,
                actor=current_actor(self._program),
                reason=reason,
                action_id=action_id,
                details=details or None,
            )
        )


def schedule_of(entry: Entry) -> Schedule:
    """Raises SerializationError where the entry holds no schedule."""
    return Schedule.from_wire(entry.value, revision=entry.revision, saved_at=entry.saved_at)


def _is_zero(delay: timedelta | float) -> bool:
    return isinstance(delay, int | float) and not isinstance(delay, bool) and delay == 0
