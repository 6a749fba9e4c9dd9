"""What a scheduler tells of schedules in the log, and what an earlier one has told already."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any

from naq.connection import Connection
from naq.eventlog import EventLog
from naq.events import Events
from naq.models.event import Entity, JobEvent, JobEventType, StoredEvent
from naq.models.schedule import Schedule, ScheduleStatus
from naq.models.times import format_time

UNKNOWN_POLICY = "its overlap policy is known to a newer version only"
PAGE = 500
SKEW = timedelta(seconds=1)
TOLD_KEPT = 100_000
"""Events of one type that are remembered; with more they are read anew, from what is asked for then."""
_FIRST = datetime(2000, 1, 1, tzinfo=UTC)
"""No log holds anything from before."""


class _Told:
    """The events of one type from a moment on: read once, since a leader with much to catch up on asks for each run."""

    def __init__(self, since: datetime) -> None:
        self.since = since
        self.jobs: dict[tuple[str, str], str] = {}
        """Job id, "" where none is named, by schedule and due time."""
        self._read_to, self._last_seq = since, 0
        self._reading = asyncio.Lock()

    async def read_on(self, log: EventLog, subject: str) -> None:
        async with (
            self._reading,
            aclosing(_stored(log, subject, self._read_to, self._last_seq)) as pages,  # type: ignore[type-var]
        ):
            async for page in pages:
                for stored in page:
                    if (event := stored.event) is not None and event.schedule_id:
                        due = (event.details or {}).get("due")
                        run = event.schedule_id, due if isinstance(due, str) else ""
                        self.jobs.setdefault(run, event.job_id or "")
                self._read_to, self._last_seq = page[-1].stored_at, page[-1].seq


async def _stored(log: EventLog, subject: str, since: datetime, after_seq: int) -> AsyncIterator[Sequence[StoredEvent]]:
    """Pages of events stored at or after `since` and after a sequence, up to the newest; none is empty."""
    while True:
        page = await log.since(since, PAGE, subject=subject)
        fresh = [stored for stored in page if stored.seq > after_seq]
        if fresh:
            yield fresh
            since, after_seq = fresh[-1].stored_at, fresh[-1].seq
        if not fresh or len(page) < PAGE:
            return


class Telling:
    """Events of one scheduler about its schedules.

    Each names the due time it is about. The server drops one that is told twice within a minute; `told` finds those
    told before that.
    """

    def __init__(self, connection: Connection, scheduler_id: str) -> None:
        self._names = connection.names
        self._events = Events(connection)
        self._log = EventLog(connection)
        self._scheduler_id = scheduler_id
        self._told: dict[JobEventType, _Told] = {}

    async def told(self, event_type: JobEventType, schedule: Schedule, due: datetime) -> str | None:
        """The job that an event of this type names for this due time, "" for none; None where nobody has told it."""
        since = max(due, _FIRST) - SKEW
        told = self._told.get(event_type)
        if told is None or since < told.since or len(told.jobs) > TOLD_KEPT:
            told = self._told[event_type] = _Told(since)
        await told.read_on(self._log, self._names.event_filter(entity=event_type.entity, event_type=event_type))
        return told.jobs.get((schedule.schedule_id, format_time(due)))

    async def is_enqueued_told(self, job_id: str, queue: str, due: datetime) -> bool:
        """Whether the log holds ENQUEUED of this run's job."""
        subject = self._names.event_filter(entity=Entity.JOB, event_type=JobEventType.ENQUEUED, queue=queue)
        async with aclosing(_stored(self._log, subject, max(due, _FIRST) - SKEW, 0)) as pages:  # type: ignore[type-var]
            async for page in pages:
                if any(stored.event is not None and stored.event.job_id == job_id for stored in page):
                    return True
        return False

    async def triggered(
        self, schedule: Schedule, due: datetime, fired_id: str, job_id: str, now: datetime | None
    ) -> None:
        """The run's job is stored, `now` or (None) by an earlier scheduler; `job_id` is that of the job which stands
        for it."""
        details: dict[str, Any] = {"due": format_time(due)}
        if now is not None:
            details["late_ms"] = round((now - due).total_seconds() * 1000, 1)
        if job_id != fired_id:  # its unique key is held by an earlier job
            details["duplicate"] = True
        await self._write(
            JobEventType.SCHEDULE_TRIGGERED, schedule, f"{fired_id}:triggered", job_id=job_id, details=details
        )

    async def missed(self, schedule: Schedule, missed: int, made_up: int) -> None:
        """Runs from the one that was next on were passed over."""
        assert schedule.next_run_at is not None
        await self._write(
            JobEventType.SCHEDULE_MISFIRED,
            schedule,
            f"{schedule.schedule_id}.{schedule.next_run_at.timestamp():.3f}.{missed}:misfired",
            details={
                "due": format_time(schedule.next_run_at),
                "missed": missed,
                "made_up": made_up,
                "policy": str(schedule.misfire),
            },
        )

    async def held_back(self, event_type: JobEventType, schedule: Schedule, due: datetime, running: str) -> None:
        """A run is skipped or buffered since the job `running` has not ended."""
        unknown = schedule.unknown_policies.get("overlap")
        await self._write(
            event_type,
            schedule,
            f"{schedule.schedule_id}.{due.timestamp():.3f}:{event_type.lower()}",
            details={"due": format_time(due), "running": running, **({"policy": unknown} if unknown else {})},
            reason=f"job {running} has not ended" + (f", and {UNKNOWN_POLICY}: {unknown:.40}" if unknown else ""),
        )

    async def completed(self, before: Schedule, due: datetime, run_count: int) -> None:
        await self._write(
            JobEventType.SCHEDULE_COMPLETED,
            before,
            f"{before.schedule_id}.{before.revision}:completed",
            from_status=before.status,
            to_status=ScheduleStatus.COMPLETED,
            details={"due": format_time(due), "runs": run_count},
        )

    async def failed(self, before: Schedule, reason: str) -> None:
        await self._write(
            JobEventType.SCHEDULE_FAILED,
            before,
            f"{before.schedule_id}.{before.revision}:failed",
            queue=None,
            from_status=before.status,
            to_status=ScheduleStatus.FAILED,
            reason=reason,
        )

    async def _write(self, event_type: JobEventType, schedule: Schedule, msg_id: str, **fields: Any) -> None:
        fields = {"queue": schedule.queue, **fields}
        event = JobEvent.of(
            event_type,
            schedule_id=schedule.schedule_id,
            function=schedule.function,
            worker_id=self._scheduler_id,
            **fields,
        )
        await self._events.write(event, msg_id=msg_id)
