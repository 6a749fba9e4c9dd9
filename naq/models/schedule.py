"""Schedules: jobs that run later, once or again and again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
    """Ran as often as it should, or is past its end."""
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"
    """Its spec or its job can't be used any more; `last_error` says why."""


class MisfirePolicy(StrEnum):
    """What to do about runs that were due while no scheduler was up.

    Where a newer version has written another one, this version makes up for nothing: those runs count as missed, which
    the log tells with the policy's name. Runs that are on time fire.
    """

    SKIP = "skip"
    RUN_ONCE = "run_once"
    RUN_ALL = "run_all"


class OverlapPolicy(StrEnum):
    """What to do about a run that is due while the job of the run before it has not ended.

    Where a newer version has written another one, this version leaves the run out, which the log tells with the
    policy's name: two jobs at once may be what it forbids.
    """

    ALLOW = "allow"
    """Enqueue it all the same."""
    SKIP = "skip"
    """Leave it out; an event tells so."""
    BUFFER_ONE = "buffer_one"
    """Keep one such run back until that job ends; leave out those due meanwhile."""


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
    start_at: datetime | None = None
    """No run before it; intervals count from here, the first run is at it. None means from its making on."""
    end_at: datetime | None = None
    """No run after it. None means without end."""
    jitter_s: float = 0.0
    """Each run fires up to this many seconds after it is due (`naq.scheduler.jitter`)."""
    misfire: str = MisfirePolicy.RUN_ONCE
    misfire_grace_s: float | None = None
    """Seconds after which a run counts as missed; None means the default (30)."""
    misfire_cap: int | None = None
    """Most runs that `run_all` makes up for at once; None means the default (100)."""
    overlap: str = OverlapPolicy.ALLOW
    created_at: datetime | None = None
    anchor_at: datetime | None = None
    """Intervals count from here, so that they don't drift."""
    next_run_at: datetime | None = None
    """When the next run is due, jitter not counted; None where no further run is."""
    last_run_at: datetime | None = None
    """When the newest run was due."""
    last_job_id: str | None = None
    last_job_seq: int | None = None
    """Where that job was stored in the stream of jobs, where known."""
    recent_job_ids: tuple[str, ...] = ()
    """The newest few jobs it fired, newest last."""
    buffered_at: datetime | None = None
    """Due time of the run that waits for the last job to end (`overlap`)."""
    unsettled_at: datetime | None = None
    """A due time that was changed away once it had come: the scheduler looks whether its job was fired, and counts it
    then."""
    run_count: int = 0
    misfire_count: int = 0
    """Runs missed and not made up for."""
    skip_count: int = 0
    """Runs left out because the job of the one before had not ended."""
    failure_count: int = 0
    last_error: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    """What a newer version wrote of it that this one does not know, kept as it came."""
    revision: int = 0
    """Sequence of this record in its bucket, for compare-and-set (not on the wire)."""
    saved_at: datetime | None = None
    """The server's clock when it was stored (not on the wire)."""

    @property
    def is_over(self) -> bool:
        """Whether it is only a memory: its id may be used again."""
        return self.status in (ScheduleStatus.COMPLETED, ScheduleStatus.CANCELLED)

    @property
    def misfire_policy(self) -> MisfirePolicy:
        """`misfire`, as this version follows it."""
        return MisfirePolicy(self.misfire) if self.misfire in tuple(MisfirePolicy) else MisfirePolicy.SKIP

    @property
    def overlap_policy(self) -> OverlapPolicy:
        """`overlap`, as this version follows it."""
        return OverlapPolicy(self.overlap) if self.overlap in tuple(OverlapPolicy) else OverlapPolicy.SKIP

    @property
    def unknown_policies(self) -> dict[str, str]:
        """What a newer version wrote that this one does not know, by field; followed as "skip"."""
        named = {"misfire": (self.misfire, self.misfire_policy), "overlap": (self.overlap, self.overlap_policy)}
        return {field: text for field, (text, followed) in named.items() if text != followed}

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
        if self.jitter_s:
            record["jitter_s"] = self.jitter_s
        if self.overlap != OverlapPolicy.ALLOW:
            record["overlap"] = str(self.overlap)
        if self.recent_job_ids:
            record["recent_job_ids"] = list(self.recent_job_ids)
        for name in ("misfire_count", "skip_count"):
            if getattr(self, name):
                record[name] = getattr(self, name)
        for name in _OPTIONAL:
            value = getattr(self, name)
            if value is not None:
                record[name] = value
        for name in _TIMES:
            moment = getattr(self, name)
            if moment is not None:
                record[name] = format_time(moment)
        return codec.dumps({**record, **self.extra})

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
        return cls(
            schedule_id=record["schedule_id"],
            function=record["function"],
            queue=codec.text(record, "queue", "default"),
            job=record["job"],
            status=codec.text(record, "status", ScheduleStatus.ACTIVE),
            cron=record["cron"] if isinstance(record.get("cron"), str) else None,
            interval_s=codec.number(record, "interval_s", None),
            timezone=codec.text(record, "timezone", "UTC"),
            repeat=codec.whole(record, "repeat", None),
            jitter_s=max(0.0, codec.number(record, "jitter_s", 0.0)),
            misfire=codec.text(record, "misfire", MisfirePolicy.RUN_ONCE),
            misfire_grace_s=codec.number(record, "misfire_grace_s", None),
            misfire_cap=codec.whole(record, "misfire_cap", None),
            overlap=codec.text(record, "overlap", OverlapPolicy.ALLOW),
            **{name: parse_time(record.get(name)) for name in _TIMES},
            last_job_id=record["last_job_id"] if isinstance(record.get("last_job_id"), str) else None,
            last_job_seq=codec.whole(record, "last_job_seq", None),
            recent_job_ids=codec.texts(record, "recent_job_ids"),
            run_count=codec.whole(record, "run_count", 0),
            misfire_count=codec.whole(record, "misfire_count", 0),
            skip_count=codec.whole(record, "skip_count", 0),
            failure_count=codec.whole(record, "failure_count", 0),
            last_error=record["last_error"] if isinstance(record.get("last_error"), str) else None,
            extra=codec.unknown(record, _KNOWN),
            revision=revision,
            saved_at=saved_at,
        )


_TIMES = (
    "run_at",
    "start_at",
    "end_at",
    "created_at",
    "anchor_at",
    "next_run_at",
    "last_run_at",
    "buffered_at",
    "unsettled_at",
)
_OPTIONAL = (
    "cron",
    "interval_s",
    "repeat",
    "misfire_grace_s",
    "misfire_cap",
    "last_job_id",
    "last_job_seq",
    "last_error",
)
_KNOWN = frozenset(
    {
        *("v", "schedule_id", "function", "queue", "job", "status", "timezone", "misfire", "run_count"),
        *("failure_count", "jitter_s", "overlap", "recent_job_ids", "misfire_count", "skip_count", *_OPTIONAL, *_TIMES),
    }
)
