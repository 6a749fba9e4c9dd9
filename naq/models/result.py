"""The outcome of a job, as stored in `naq_results` under the job id."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from naq import codec
from naq.errors import SerializationError
from naq.models.job import FINAL_STATUSES
from naq.models.times import format_time, parse_time, wire_time

_OF_AN_ERROR = frozenset({"type", "message", "traceback", "fingerprint"})
_OF_AN_ATTEMPT = frozenset({"number", "worker_id", "started_at", "finished_at", "error", "started_seq"})
_OF_A_RESULT = frozenset(
    {
        *("v", "job_id", "status", "function", "queue", "value", "value_ref", "error", "enqueued_at", "stored_at"),
        *("started_at", "finished_at", "retry_at", "wait_ms", "run_ms", "attempt", "attempts", "worker_id", "job"),
        *("started_seq", "schedule_id", "reason", "tags", "logs", "crashes", "retry_seqs"),
    }
)
"""Fields this version reads, and writes itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobError:
    """An exception, as text."""

    type: str
    message: str
    traceback: str | None = None
    fingerprint: str = ""
    """Same for failures of the same cause: class and innermost frame, with numbers and ids left out."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """What a newer version wrote of it that this one does not know, kept as it came."""

    def to_wire(self) -> dict[str, Any]:
        record: dict[str, Any] = {"type": self.type, "message": self.message, "fingerprint": self.fingerprint}
        if self.traceback is not None:
            record["traceback"] = self.traceback
        return {**record, **self.extra}

    def for_event(self) -> dict[str, str]:
        """The error as events carry it: no traceback, the message bounded."""
        return {"type": self.type, "message": self.message[:500], "fingerprint": self.fingerprint}

    @classmethod
    def from_wire(cls, record: object) -> JobError | None:
        if not isinstance(record, dict):
            return None
        traceback = record.get("traceback")
        return cls(
            type=codec.text(record, "type", "Exception"),
            message=codec.text(record, "message", ""),
            traceback=traceback if isinstance(traceback, str) else None,
            fingerprint=codec.text(record, "fingerprint", ""),
            extra=codec.unknown(record, _OF_AN_ERROR),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One run of a job."""

    number: int
    """1 for the first run."""
    worker_id: str
    started_at: datetime | None
    finished_at: datetime | None
    error: JobError | None
    """None where this run succeeded."""
    started_seq: int | None = None
    """Sequence in `naq_events` of its STARTED event."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """What a newer version wrote of it that this one does not know, kept as it came."""

    def to_wire(self) -> dict[str, Any]:
        record: dict[str, Any] = {"number": self.number, "worker_id": self.worker_id}
        if self.started_at:
            record["started_at"] = format_time(self.started_at)
        if self.finished_at:
            record["finished_at"] = format_time(self.finished_at)
        if self.error:
            record["error"] = self.error.to_wire()
        if self.started_seq is not None:
            record["started_seq"] = self.started_seq
        return {**record, **self.extra}

    @classmethod
    def from_wire(cls, record: Mapping[str, Any]) -> Attempt:
        return cls(
            number=codec.whole(record, "number", 0),
            worker_id=codec.text(record, "worker_id", ""),
            started_at=parse_time(record.get("started_at")),
            finished_at=parse_time(record.get("finished_at")),
            error=JobError.from_wire(record.get("error")),
            started_seq=codec.whole(record, "started_seq", None),
            extra=codec.unknown(record, _OF_AN_ATTEMPT),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueRef:
    """Where a value lies that is too large for its record."""

    bucket: str
    name: str
    size: int
    """Bytes of the value as JSON in packed form."""
    sha256: str
    """Of those bytes, in hexadecimal."""

    def to_wire(self) -> dict[str, Any]:
        return {"bucket": self.bucket, "name": self.name, "size": self.size, "sha256": self.sha256}

    @classmethod
    def from_wire(cls, record: object) -> ValueRef | None:
        """None where `record` is no reference."""
        if not isinstance(record, dict):
            return None
        size = codec.whole(record, "size", None)
        bucket, name, sha256 = (codec.text(record, key, "") for key in ("bucket", "name", "sha256"))
        if size is None or size < 0 or not (bucket and name and sha256):
            return None
        return cls(bucket=bucket, name=name, size=size, sha256=sha256)


@dataclass(slots=True, kw_only=True)
class JobResult:
    """What became of a job: final where `status` is COMPLETED, FAILED or CANCELLED, else where it stands.

    To be read only; not frozen, because that makes each three times as dear to make.
    """

    job_id: str
    status: str
    function: str = ""
    queue: str = ""
    value: Any = None
    """The return value in packed form (see `naq.codec`); None unless COMPLETED, or where `value_ref` tells."""
    value_ref: ValueRef | None = None
    """Where the value lies that is too large for this record (`Results.whole` reads it); None for any other."""
    error: JobError | None = None
    enqueued_at: datetime | None = None
    """The producer's clock."""
    stored_at: datetime | None = None
    """The server's clock when the job was stored."""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    wait_ms: float | None = None
    run_ms: float | None = None
    attempt: int = 1
    worker_id: str = ""
    attempts: tuple[Attempt, ...] = ()
    """Earlier runs, oldest first; the last run is told by the record's own fields."""
    retry_at: datetime | None = None
    """When it runs again; only with status RETRY."""
    started_seq: int | None = None
    """Sequence in `naq_events` of the last run's STARTED event."""
    schedule_id: str | None = None
    job: Mapping[str, Any] | None = None
    """The job's own record, so that it can be run again or cloned; None where it completed and is large."""
    saved_at: datetime | None = None
    """The server's clock when this record was stored (from the bucket, not on the wire)."""
    revision: int = 0
    """Sequence of this record in its bucket (not on the wire)."""
    size: int = 0
    """Bytes of the record (not on the wire)."""
    tags: tuple[str, ...] = ()
    reason: str | None = None
    """Why it was cancelled or given up."""
    crashes: int = 0
    """Runs that are known to have died with their worker."""
    logs: tuple[str, ...] = ()
    """Log lines of the last run, oldest first, where the job asked for them (`capture_logs`)."""
    retry_seqs: tuple[int, ...] = ()
    """Sequences in `naq_events` of the retries somebody asked for, after the job had failed."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """What a newer version wrote of it that this one does not know, kept as it came."""

    @property
    def retries_asked(self) -> int:
        """How often somebody has put the failed job back into its queue."""
        return len(self.retry_seqs)

    @property
    def end_id(self) -> str:
        """Names the fact that the job ended so, for the event that tells it: the same however often it is told."""
        again = f":{self.retries_asked}" if self.retries_asked else ""
        return f"{self.job_id}:{self.attempt}:{self.status.lower()}{again}"

    @property
    def is_final(self) -> bool:
        return self.status in FINAL_STATUSES

    def to_wire(self) -> bytes:
        record: dict[str, Any] = {
            "v": 1,
            "job_id": self.job_id,
            "status": str(self.status),
            "function": self.function,
            "queue": self.queue,
            "attempt": self.attempt,
            "worker_id": self.worker_id,
        }
        if self.value_ref is not None:
            record["value_ref"] = self.value_ref.to_wire()
        elif self.status == "COMPLETED":
            record["value"] = self.value
        if self.error:
            record["error"] = self.error.to_wire()
        for name in ("enqueued_at", "stored_at", "started_at", "finished_at", "retry_at"):
            moment = getattr(self, name)
            if moment is not None:
                record[name] = wire_time(moment)
        for name in ("wait_ms", "run_ms", "started_seq", "schedule_id", "job", "reason"):
            value = getattr(self, name)
            if value is not None:
                record[name] = value
        if self.crashes:
            record["crashes"] = self.crashes
        if self.logs:
            record["logs"] = list(self.logs)
        if self.retry_seqs:
            record["retry_seqs"] = list(self.retry_seqs)
        if self.tags:
            record["tags"] = list(self.tags)
        if self.attempts:
            record["attempts"] = [attempt.to_wire() for attempt in self.attempts]
        if self.extra:
            record.update(self.extra)
        return codec.dumps(record)

    @classmethod
    def from_wire(
        cls,
        raw: bytes,
        *,
        saved_at: datetime | None = None,
        revision: int = 0,
        loads: Callable[[bytes], Any] = codec.loads,
    ) -> JobResult:
        """Read a result record; `loads` makes a JSON value of its bytes.

        Raises:
            SerializationError: not a JSON object with text `job_id` and `status`.
        """
        record = loads(raw)
        if (
            not isinstance(record, dict)
            or not isinstance(record.get("job_id"), str)
            or not isinstance(record.get("status"), str)
        ):
            raise SerializationError("not a result: a JSON object with 'job_id' and 'status' was expected", raw=raw)
        attempts = record.get("attempts")
        job, schedule_id, reason = record.get("job"), record.get("schedule_id"), record.get("reason")
        return cls(
            job_id=record["job_id"],
            status=record["status"],
            function=codec.text(record, "function", ""),
            queue=codec.text(record, "queue", ""),
            value=record.get("value"),
            value_ref=ValueRef.from_wire(record.get("value_ref")),
            error=JobError.from_wire(record.get("error")),
            enqueued_at=parse_time(record.get("enqueued_at")),
            stored_at=parse_time(record.get("stored_at")),
            started_at=parse_time(record.get("started_at")),
            finished_at=parse_time(record.get("finished_at")),
            wait_ms=codec.number(record, "wait_ms", None),
            run_ms=codec.number(record, "run_ms", None),
            attempt=codec.whole(record, "attempt", 1),
            worker_id=codec.text(record, "worker_id", ""),
            attempts=tuple(
                Attempt.from_wire(item)
                for item in (attempts if isinstance(attempts, list) else ())
                if isinstance(item, dict)
            ),
            retry_at=parse_time(record.get("retry_at")),
            started_seq=codec.whole(record, "started_seq", None),
            schedule_id=schedule_id if isinstance(schedule_id, str) else None,
            job=job if isinstance(job, dict) else None,
            reason=reason if isinstance(reason, str) else None,
            tags=codec.texts(record, "tags"),
            logs=codec.texts(record, "logs"),
            crashes=codec.whole(record, "crashes", 0),
            retry_seqs=codec.sequences(record, "retry_seqs"),
            extra=codec.unknown(record, _OF_A_RESULT),
            saved_at=saved_at,
            revision=revision,
            size=len(raw),
        )
