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
from naq.calls import build_job, split_options
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
from naq.models.schedule import MisfirePolicy, OverlapPolicy, Schedule, ScheduleStatus
from naq.models.times import as_utc, format_time
from naq.names import check_key
from naq.queue import Queue
from naq.results import Results
from naq.scheduler.changes import difference, modified, resumed, unsettled
from naq.scheduler.spec import check_bounds, next_run, settings_of, spec_of

MAX_AHEAD = timedelta(days=3660)


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
        if not isinstance(moment, datetime):
            raise ConfigurationError(f"enqueue_at takes a datetime, not {moment!r}")
        due = as_utc(moment)
        if due - self._connection.server_now() > MAX_AHEAD:
            raise ConfigurationError(f"{format_time(due)} is more than ten years ahead")
        build, kwargs = split_options(options)
        job = _free(build_job(function, args, kwargs, **build))
        job.run_at = due
        job._results = self._results
        await self._store_new(self._new(job.job_id, job, run_at=due, next_run_at=due))
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
        """Store a call to be enqueued again and again; arguments and errors as for `draft`.

        Raises:
            ConfigurationError: also where a schedule of this id exists.
        """
        return await self._store_new(self.draft(function, *args, **options))

    def draft(
        self,
        function: Callable[..., Any] | str,
        *args: Any,
        cron: str | None = None,
        interval: timedelta | float | str | None = None,
        repeat: int | None = None,
        timezone: str = "UTC",
        start_at: datetime | None = None,
        end_at: datetime | None = None,
        jitter: timedelta | float = 0.0,
        misfire: str = MisfirePolicy.RUN_ONCE,
        misfire_grace_s: float | None = None,
        misfire_cap: int | None = None,
        overlap: str = OverlapPolicy.ALLOW,
        schedule_id: str | None = None,
        **options: Any,
    ) -> Schedule:
        """The schedule that `schedule` would store, checked; nothing is sent.

        Args:
            cron: five fields, or six with seconds first; read in `timezone`.
            interval: seconds, timedelta or text like "15m"; counted without drift from `start_at`, where the first run
                is, or from now: then the first run comes after one interval.
            repeat: runs in all; None means without end.
            timezone: IANA name.
            start_at, end_at: no run before or after (aware datetimes); past its last run it is COMPLETED.
            jitter: each run fires up to this many seconds after it is due; shorter than the time between two runs.
            misfire: "skip", "run_once" or "run_all": what to do about runs due while no scheduler was up.
            misfire_grace_s: seconds after which a run counts as missed; None means 30.
            misfire_cap: most missed runs that "run_all" makes up for at once; None means 100.
            overlap: what to do about a run while the job of the run before has not ended: "allow" enqueues it, "skip"
                leaves it out, "buffer_one" keeps one back until that job ends. Runs left out don't count for `repeat`.
            schedule_id: its name; one is made where None.
            Everything else as for `naq.enqueue`; what is no option of it goes to the function.

        Raises:
            ScheduleSpecError: the cron text, interval or timezone can't be understood; the message has the position.
            ConfigurationError: another argument is wrong.
        """
        build, kwargs = split_options(options)
        if "job_id" in build:
            raise ConfigurationError("schedule makes a job id for each run: leave out job_id")
        job = _free(build_job(function, args, kwargs, **build))
        record = self._new(
            uuid7() if schedule_id is None else check_key(schedule_id, "schedule id"),
            job,
            timezone=timezone,
            **settings_of(
                {
                    "repeat": repeat,
                    "start_at": start_at,
                    "end_at": end_at,
                    "jitter": jitter,
                    "misfire": misfire,
                    "misfire_grace_s": misfire_grace_s,
                    "misfire_cap": misfire_cap,
                    "overlap": overlap,
                }
            ),
            **spec_of(cron, interval, timezone),
        )
        now = self._connection.server_now()
        check_bounds(record, now)
        return replace(record, next_run_at=next_run(record, now))

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

    async def pause(self, schedule_id: str, *, reason: str | None = None) -> Schedule:
        """Stop firing until resumed; a paused schedule stays paused."""
        return await self._change(
            schedule_id,
            lambda schedule: replace(schedule, status=ScheduleStatus.PAUSED),
            JobEventType.SCHEDULE_PAUSED,
            allowed=(ScheduleStatus.ACTIVE, ScheduleStatus.PAUSED),
            reason=reason,
        )

    async def resume(self, schedule_id: str, *, reason: str | None = None) -> Schedule:
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
        )

    async def cancel(self, schedule_id: str, *, reason: str | None = None) -> Schedule:
        """End it; what it fired before is not touched."""
        return await self._change(
            schedule_id,
            lambda schedule: replace(schedule, status=ScheduleStatus.CANCELLED, next_run_at=None, buffered_at=None),
            JobEventType.SCHEDULE_CANCELLED,
            allowed=(ScheduleStatus.ACTIVE, ScheduleStatus.PAUSED, ScheduleStatus.FAILED),
            reason=reason,
        )

    async def modify(self, schedule_id: str, *, reason: str | None = None, **changes: Any) -> Schedule:
        """Change it in place: the arguments of `schedule` by their names, also of its job (`timeout`, `tags`, …).

        `args` and `kwargs` are the function's; `run_at` is that of a single run. A run that is due stays due unless the
        change is about when it runs. Its event tells what differs, before and after.

        Raises:
            ConfigurationError: another name, or a value that can't be used; nothing is changed then.
        """
        now = self._connection.server_now()
        return await self._change(
            schedule_id,
            lambda schedule: modified(schedule, changes, now),
            JobEventType.SCHEDULE_MODIFIED,
            allowed=(ScheduleStatus.ACTIVE, ScheduleStatus.PAUSED, ScheduleStatus.FAILED),
            reason=reason,
        )

    async def trigger(self, schedule_id: str, *, reason: str | None = None) -> Job:
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
        await Queue(schedule.queue, self._connection, self._results).store(job)
        await self._events.write(
            JobEvent.of(
                JobEventType.SCHEDULE_TRIGGERED,
                schedule_id=schedule_id,
                job_id=job.job_id,
                queue=schedule.queue,
                function=schedule.function,
                actor=current_actor(self._program),
                reason=reason,
                details={"manual": True},
            ),
            msg_id=f"{job.job_id}:triggered",
        )
        return job

    def _new(self, schedule_id: str, job: Job, **fields: Any) -> Schedule:
        record = job.to_record()
        if fields.get("run_at") is None:
            del record["job_id"]
        now = self._connection.server_now()
        return Schedule(
            schedule_id=schedule_id,
            function=job.function,
            queue=job.queue_name,
            job=record,
            created_at=now,
            anchor_at=now,
            **fields,
        )

    async def _store_new(self, schedule: Schedule) -> Schedule:
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
        await self._tell(JobEventType.SCHEDULED, schedule, None, None)
        return replace(schedule, revision=revision)

    async def _change(
        self,
        schedule_id: str,
        change: Callable[[Schedule], Schedule],
        event_type: JobEventType,
        *,
        allowed: Sequence[str],
        reason: str | None,
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
            await self._tell(event_type, changed, schedule.status, reason, differs)
            return replace(changed, revision=revision)
        raise ConflictError(f"schedule {schedule_id!r} keeps changing; try again")

    async def _tell(
        self,
        event_type: JobEventType,
        schedule: Schedule,
        before: str | None,
        reason: str | None,
        differs: dict[str, Any] | None = None,
    ) -> None:
        details: dict[str, Any] = dict(differs or {})
        for name in ("cron", "interval_s", "repeat"):
            if getattr(schedule, name) is not None:
                details[name] = getattr(schedule, name)
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
                details=details or None,
            )
        )


def schedule_of(entry: Entry) -> Schedule:
    """Raises SerializationError where the entry holds no schedule."""
    return Schedule.from_wire(entry.value, revision=entry.revision, saved_at=entry.saved_at)


def _free(job: Job) -> Job:
    if job.depends_on:
        raise ConfigurationError("a job given to the schedule can't wait for others too: leave out depends_on")
    return job


def _is_zero(delay: timedelta | float) -> bool:
    return isinstance(delay, int | float) and not isinstance(delay, bool) and delay == 0
