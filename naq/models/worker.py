"""Worker heartbeats, and the one judgement of who is dead."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from naq import codec
from naq.errors import SerializationError
from naq.models.times import format_time, parse_time

DEAD_AFTER_BEATS = 2.5
"""Heartbeat intervals without a beat after which a worker is dead: the third beat is missing with certainty, and
the verdict falls within three intervals of the death however it fell between two beats."""


class WorkerStatus(StrEnum):
    """What a worker says of itself, and DEAD and BLOCKED, which others conclude."""

    STARTING = "STARTING"
    IDLE = "IDLE"
    BUSY = "BUSY"
    STOPPING = "STOPPING"
    """Takes no more jobs, finishes those it has."""
    BLOCKED = "BLOCKED"
    """Derived: it beats, but a job holds its event loop."""
    DEAD = "DEAD"
    """Derived: no heartbeat for `DEAD_AFTER_BEATS` intervals."""


BLOCKED_LAG_MS = 1000.0
_MARKS_SINCE = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningJob:
    """One job a worker is running now."""

    job_id: str
    function: str
    queue: str
    started_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRecord:
    """One heartbeat, as stored under the worker's id."""

    worker_id: str
    status: str
    """STARTING, IDLE, BUSY or STOPPING (text another version wrote is kept)."""
    kind: str = "worker"
    """"worker" or "scheduler"."""
    name: str | None = None
    host: str = ""
    pid: int = 0
    queues: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    concurrency: int = 0
    started_at: datetime | None = None
    heartbeat_interval_s: float = 5.0
    running: tuple[RunningJob, ...] = ()
    completed: int = 0
    """Jobs completed since it started."""
    failed: int = 0
    retried: int = 0
    cpu_percent: float | None = None
    """Of one core, over the last interval; None before it is known."""
    rss_bytes: int | None = None
    loop_lag_ms: float | None = None
    """How late the worker's event loop last answered its keeper."""
    leader: bool = False
    """Schedulers only: whether it fires schedules now."""
    version: str = ""
    beat_at: datetime | None = None
    """The server's clock at the last heartbeat (from the bucket; on the wire only once it is marked as lost)."""
    lost_at: datetime | None = None
    """The server's clock when the monitor marked it as lost; None where it did not."""
    lost_seq: int | None = None
    """Sequence in `naq_events` of its WORKER_LOST; None while that is not written (see `naq.monitor`)."""

    def status_at(self, now: datetime) -> str:
        """DEAD or BLOCKED where that is so at `now` (the server's clock), else what the worker said."""
        if self.is_dead(now):
            return WorkerStatus.DEAD
        if self.loop_lag_ms is not None and self.loop_lag_ms >= BLOCKED_LAG_MS:
            return WorkerStatus.BLOCKED
        return self.status

    def is_dead(self, now: datetime) -> bool:
        if self.beat_at is None:
            return False
        return (now - self.beat_at).total_seconds() >= self.heartbeat_interval_s * DEAD_AFTER_BEATS

    @property
    def busy(self) -> int:
        """Slots in use. More jobs than that may be `running`: one whose function has returned needs none while its end
        is stored."""
        return min(len(self.running), self.concurrency) if self.concurrency else len(self.running)

    def to_wire(self) -> bytes:
        record: dict[str, Any] = {
            "v": 1,
            "worker_id": self.worker_id,
            "status": self.status,
            "kind": self.kind,
            "host": self.host,
            "pid": self.pid,
            "queues": list(self.queues),
            "modules": list(self.modules),
            "concurrency": self.concurrency,
            "heartbeat_interval_s": self.heartbeat_interval_s,
            "running": [
                {
                    "job_id": job.job_id,
                    "function": job.function,
                    "queue": job.queue,
                    "started_at": format_time(job.started_at) if job.started_at else None,
                }
                for job in self.running
            ],
            "completed": self.completed,
            "failed": self.failed,
            "retried": self.retried,
            "leader": self.leader,
            "version": self.version,
        }
        for name, value in (
            ("name", self.name),
            ("started_at", format_time(self.started_at) if self.started_at else None),
            ("cpu_percent", self.cpu_percent),
            ("rss_bytes", self.rss_bytes),
            ("loop_lag_ms", self.loop_lag_ms),
            ("lost_at", format_time(self.lost_at) if self.lost_at else None),
            ("beat_at", format_time(self.beat_at) if self.beat_at and self.lost_at else None),
            ("lost_seq", self.lost_seq),
        ):
            if value is not None:
                record[name] = value
        return codec.dumps(record)

    @classmethod
    def from_wire(cls, raw: bytes, *, beat_at: datetime | None = None) -> WorkerRecord:
        """Read a heartbeat; `beat_at` is when the server stored it (of one marked as lost it is what the mark says).

        Raises:
            SerializationError: not a JSON object with a text `worker_id`.
        """
        record = codec.loads(raw)
        if not isinstance(record, dict) or not isinstance(record.get("worker_id"), str):
            raise SerializationError("not a worker heartbeat: a JSON object with a 'worker_id' was expected", raw=raw)
        running = record.get("running")
        lost_at = parse_time(record.get("lost_at"))
        latest = None if beat_at is None else beat_at + timedelta(minutes=1)
        if lost_at is not None and not _MARKS_SINCE <= lost_at <= (latest or lost_at):
            lost_at = None  # no monitor wrote that: it marks at the moment it stores
        if lost_at is not None:
            beat_at = parse_time(record.get("beat_at")) or beat_at  # the mark was stored later than the last beat
        return cls(
            worker_id=record["worker_id"],
            status=codec.text(record, "status", "UNKNOWN"),
            kind=codec.text(record, "kind", "worker"),
            name=record["name"] if isinstance(record.get("name"), str) else None,
            host=codec.text(record, "host", ""),
            pid=codec.whole(record, "pid", 0),
            queues=codec.texts(record, "queues"),
            modules=codec.texts(record, "modules"),
            concurrency=codec.whole(record, "concurrency", 0),
            started_at=parse_time(record.get("started_at")),
            heartbeat_interval_s=min(max(codec.number(record, "heartbeat_interval_s", 5.0), 0.1), 3600.0),
            running=tuple(
                RunningJob(
                    job_id=codec.text(job, "job_id", ""),
                    function=codec.text(job, "function", ""),
                    queue=codec.text(job, "queue", ""),
                    started_at=parse_time(job.get("started_at")),
                )
                for job in (running if isinstance(running, list) else ())
                if isinstance(job, dict)
            ),
            completed=codec.whole(record, "completed", 0),
            failed=codec.whole(record, "failed", 0),
            retried=codec.whole(record, "retried", 0),
            cpu_percent=codec.number(record, "cpu_percent", None),
            rss_bytes=codec.whole(record, "rss_bytes", None),
            loop_lag_ms=codec.number(record, "loop_lag_ms", None),
            leader=record.get("leader") is True,
            version=codec.text(record, "version", ""),
            beat_at=beat_at,
            lost_at=lost_at,
            lost_seq=codec.whole(record, "lost_seq", None),
        )
