"""Schedules: jobs that run later, once or again and again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from naq import codec
from naq.errors import SerializationError
from naq.models.times import format_time, parse_time


class ScheduleStatus(StrEnum):
    ACTIVE = "ACTIVE"
    """Fires at `next_run_at`."""
    PAUSED = "PAUSED"
    """Keeps its place, fires nothing until resumed."""
    COMPLETED = "COMPLETED"
    """Ran as often as it should."""
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"
    """Its spec or its job can't be used any more; `last_error` says why."""


class MisfirePolicy(StrEnum):
    """What to do about runs that were due while no scheduler was up."""

    SKIP = "skip"
    RUN_ONCE = "run_once"
    RUN_ALL = "run_all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """One schedule, as stored under its id. Exactly one of `cron`, `interval_s` and `run_at` is set."""

    schedule_id: str
    function: str
    queue: str
    job: Mapping[str, Any]
    """The record of the job to enqueue (`Job.to_record`), with no id and no enqueue time."""
    status: str = ScheduleStatus.ACTIVE
    cron: str | None = None
    interval_s: float | None = None
    run_at: datetime | None = None
    """A single run; the job's id is the schedule's."""
    timezone: str = "UTC"
    """IANA name the cron text is read in."""
    repeat: int | None = None
    """Runs in all; None means without end."""
    misfire: str = MisfirePolicy.RUN_ONCE
    created_at: datetime | None = None
    anchor_at: datetime | None = None
    """Intervals count from here, so that they don't drift."""
    next_run_at: datetime | None = None
    """None where no further run is due."""
    last_run_at: datetime | None = None
    last_job_id: str | None = None
    run_count: int = 0
    failure_count: int = 0
    last_error: str | None = None
    revision: int = 0
    """Sequence of this record in its bucket, for compare-and-set (not on the wire)."""
    saved_at: datetime | None = None
    """The server's clock when it was stored (not on the wire)."""

    @property
    def is_due_ever(self) -> bool:
        return self.status == ScheduleStatus.ACTIVE and self.next_run_at is not None

    def to_wire(self) -> bytes:
        record: dict[str, Any] = {
            "v": 1,
            "schedule_id": self.schedule_id,
            "function": self.function,
            "queue": self.queue,
            "job": self.job,
            "status": str(self.status),
            "timezone": self.timezone,
            "misfire": str(self.misfire),
            "run_count": self.run_count,
            "failure_count": self.failure_count,
        }
        for name in ("cron", "interval_s", "repeat", "last_job_id", "last_error"):
            value = getattr(self, name)
            if value is not None:
                record[name] = value
        for name in ("run_at", "created_at", "anchor_at", "next_run_at", "last_run_at"):
            moment = getattr(self, name)
            if moment is not None:
                record[name] = format_time(moment)
        return codec.dumps(record)

    @classmethod
    def from_wire(cls, raw: bytes, *, revision: int = 0, saved_at: datetime | None = None) -> Schedule:
        """Read a schedule record.

        Raises:
            SerializationError: not a JSON object with text `schedule_id` and `function` and a `job` record.
        """
        record = codec.loads(raw)
        if (
            not isinstance(record, dict)
            or not isinstance(record.get("schedule_id"), str)
            or not isinstance(record.get("function"), str)
            or not isinstance(record.get("job"), dict)
        ):
            raise SerializationError(
                "not a schedule: a JSON object with 'schedule_id', 'function' and 'job' was expected", raw=raw
            )
        repeat = codec.number(record, "repeat", None)
        return cls(
            schedule_id=record["schedule_id"],
            function=record["function"],
            queue=codec.text(record, "queue", "default"),
            job=record["job"],
            status=codec.text(record, "status", ScheduleStatus.ACTIVE),
            cron=record["cron"] if isinstance(record.get("cron"), str) else None,
            interval_s=codec.number(record, "interval_s", None),
            run_at=parse_time(record.get("run_at")),
            timezone=codec.text(record, "timezone", "UTC"),
            repeat=None if repeat is None else int(repeat),
            misfire=codec.text(record, "misfire", MisfirePolicy.RUN_ONCE),
            created_at=parse_time(record.get("created_at")),
            anchor_at=parse_time(record.get("anchor_at")),
            next_run_at=parse_time(record.get("next_run_at")),
            last_run_at=parse_time(record.get("last_run_at")),
            last_job_id=record["last_job_id"] if isinstance(record.get("last_job_id"), str) else None,
            run_count=int(codec.number(record, "run_count", 0)),
            failure_count=int(codec.number(record, "failure_count", 0)),
            last_error=record["last_error"] if isinstance(record.get("last_error"), str) else None,
            revision=revision,
            saved_at=saved_at,
        )
