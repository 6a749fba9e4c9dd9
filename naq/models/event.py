"""Events: the append-only record of every state change, schema version 1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from operator import attrgetter
from typing import Any

from naq import codec
from naq.errors import SerializationError
from naq.ids import uuid7
from naq.models.times import parse_time, utcnow, wire_time

SCHEMA_VERSION = 1


class Entity(StrEnum):
    """What an event is about; the third token of its subject."""

    JOB = "job"
    WORKER = "worker"
    SCHEDULE = "schedule"
    QUEUE = "queue"
    OPERATOR = "operator"


class JobEventType(StrEnum):
    """Every event type naq writes. Other writers may use others: they are kept as plain text."""

    ENQUEUED = "ENQUEUED"
    STARTED = "STARTED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    RETRY_SCHEDULED = "RETRY_SCHEDULED"
    CANCELLED = "CANCELLED"
    PROGRESS = "PROGRESS"
    RELEASED = "RELEASED"
    LOST = "LOST"
    SCHEDULED = "SCHEDULED"
    SCHEDULE_TRIGGERED = "SCHEDULE_TRIGGERED"
    SCHEDULE_PAUSED = "SCHEDULE_PAUSED"
    SCHEDULE_RESUMED = "SCHEDULE_RESUMED"
    SCHEDULE_MODIFIED = "SCHEDULE_MODIFIED"
    SCHEDULE_CANCELLED = "SCHEDULE_CANCELLED"
    SCHEDULE_MISFIRED = "SCHEDULE_MISFIRED"
    SCHEDULE_SKIPPED = "SCHEDULE_SKIPPED"
    SCHEDULE_BUFFERED = "SCHEDULE_BUFFERED"
    SCHEDULE_COMPLETED = "SCHEDULE_COMPLETED"
    SCHEDULE_FAILED = "SCHEDULE_FAILED"
    WORKER_STARTED = "WORKER_STARTED"
    WORKER_STOPPED = "WORKER_STOPPED"
    WORKER_LOST = "WORKER_LOST"
    LEADER_ELECTED = "LEADER_ELECTED"
    LEADER_LOST = "LEADER_LOST"
    QUEUE_PAUSED = "QUEUE_PAUSED"
    QUEUE_RESUMED = "QUEUE_RESUMED"
    QUEUE_PURGED = "QUEUE_PURGED"
    OPERATOR_ACTION = "OPERATOR_ACTION"

    @property
    def entity(self) -> Entity:
        """The entity this type belongs to (leadership belongs to schedules, which it serves)."""
        if self.startswith(("SCHEDULE", "LEADER")):
            return Entity.SCHEDULE
        if self.startswith("WORKER"):
            return Entity.WORKER
        if self.startswith("QUEUE"):
            return Entity.QUEUE
        if self is JobEventType.OPERATOR_ACTION:
            return Entity.OPERATOR
        return Entity.JOB


_ENTITIES = {event_type: event_type.entity for event_type in JobEventType}
_WIRE_NAMES = {"from_status": "from", "to_status": "to"}
_OPTIONAL = (
    "from_status",
    "to_status",
    "job_id",
    "queue",
    "function",
    "worker_id",
    "schedule_id",
    "attempt",
    "wait_ms",
    "run_ms",
    "error",
    "actor",
    "reason",
    "action_id",
    "code_version",
    "details",
)
_OPTIONAL_ON_WIRE = tuple(_WIRE_NAMES.get(name, name) for name in _OPTIONAL)
_optional_values = attrgetter(*_OPTIONAL)
_OBJECTS = ("error", "actor", "details")
_NUMBERS = ("attempt", "wait_ms", "run_ms")
_HEAD = frozenset({"v", "id", "type", "ts", "entity"})
_READERS: dict[str, tuple[str, tuple[type, ...]]] = {
    _WIRE_NAMES.get(name, name): (name, (dict,) if name in _OBJECTS else (int, float) if name in _NUMBERS else (str,))
    for name in _OPTIONAL
}
"""By name on the wire: the field, and the types its value can have as JSON is read."""
_NO_TIME = datetime.fromtimestamp(0, tz=UTC)


@dataclass(slots=True, kw_only=True)
class JobEvent:
    """One state change, to be read only. `None` means the fact does not apply, and is absent on the wire.

    Not frozen because of what that costs: three times as much for each one that is made.
    """

    type: str
    """A `JobEventType`, or the text another writer used."""
    ts: datetime = field(default_factory=utcnow)
    """The writer's clock, aware UTC; the order of events is the stream's sequence, not this."""
    id: str = field(default_factory=uuid7)
    entity: str = Entity.JOB
    v: int = SCHEMA_VERSION
    from_status: str | None = None
    to_status: str | None = None
    job_id: str | None = None
    queue: str | None = None
    function: str | None = None
    worker_id: str | None = None
    schedule_id: str | None = None
    attempt: int | None = None
    """1 for the first run of a job, 2 for its first retry."""
    wait_ms: float | None = None
    run_ms: float | None = None
    error: Mapping[str, Any] | None = None
    """`type`, `message`, `fingerprint` of an exception, all text."""
    actor: Mapping[str, Any] | None = None
    """`user`, `host`, `ssh`, `program` of whoever asked for it."""
    reason: str | None = None
    action_id: str | None = None
    """The same in all events of one act of an operator, on one record or many."""
    code_version: str | None = None
    details: Mapping[str, Any] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Fields this version does not know, kept as they came."""

    @property
    def is_refusal(self) -> bool:
        """Whether a producer tells that its job was not stored, as far as it could know: one that runs, runs."""
        return self.type == JobEventType.CANCELLED and (self.details or {}).get("refused") is True

    @classmethod
    def of(cls, event_type: JobEventType, **fields: Any) -> JobEvent:
        """An event of a known type, with the entity that goes with it."""
        return cls(type=event_type, entity=_ENTITIES[event_type], **fields)

    def to_wire(self) -> bytes:
        record: dict[str, Any] = {
            "v": self.v,
            "id": self.id,
            "type": self.type,
            "ts": wire_time(self.ts),
            "entity": self.entity,
        }
        for name, value in zip(_OPTIONAL_ON_WIRE, _optional_values(self), strict=True):
            if value is not None:
                record[name] = value
        if self.extra:
            record = {**self.extra, **record}
        return codec.dumps(record)

    @classmethod
    def from_wire(cls, raw: bytes) -> JobEvent:
        """Read an event written by any version.

        Raises:
            SerializationError: not a JSON object with a text `type`; `raw` keeps the bytes.
        """
        record = codec.loads(raw)
        if not isinstance(record, dict) or not isinstance(record.get("type"), str):
            raise SerializationError("not an event: a JSON object with a 'type' was expected", raw=raw)
        values: dict[str, Any] = {}
        extra: dict[str, Any] = {}
        for key, value in record.items():  # once over what is there: logs are read by the million
            known = _READERS.get(key)
            if known is None:
                if key not in _HEAD:
                    extra[key] = value
            elif type(value) in known[1]:
                values[known[0]] = value
            elif value is not None:
                extra[key] = value
        ts = parse_time(record.get("ts"))
        if ts is None and "ts" in record:
            extra["ts"] = record["ts"]
        version = record.get("v")
        return cls(
            type=record["type"],
            ts=ts or _NO_TIME,
            id=str(record.get("id", "")),
            entity=str(record.get("entity", "")),
            v=version if isinstance(version, int) else 0,
            extra=extra,
            **values,
        )


def job_event(event_type: str, fields: Mapping[str, Any], *, ts: datetime | None = None) -> bytes:
    """`JobEvent(type=event_type, …).to_wire()` of a job's event, for what is written by the thousand; `ts` None is now.

    `fields` are those on the wire behind `entity`, in the order of `JobEvent`, without any that is None.
    """
    ts = utcnow() if ts is None else ts
    head = {"v": SCHEMA_VERSION, "id": uuid7(), "type": event_type, "ts": wire_time(ts), "entity": "job"}
    return codec.dumps({**head, **fields})


class _Unread:
    """Stands for an event that nobody has asked for yet."""


_UNREAD = _Unread()


class StoredEvent:
    """An event as the stream holds it, to be read only. Its bytes are made sense of when `event` is first asked for:
    most of a log is only ever counted, or passed over."""

    __slots__ = ("_event", "raw", "seq", "stored_at", "subject")

    seq: int
    """Sequence in the stream: the order of events."""
    stored_at: datetime
    """The server's clock when it was stored, aware UTC."""
    subject: str
    raw: bytes

    def __init__(
        self, *, seq: int, stored_at: datetime, subject: str, raw: bytes, event: JobEvent | _Unread | None = _UNREAD
    ) -> None:
        """`event` is given where it is known already, or is to be none."""
        self.seq = seq
        self.stored_at = stored_at
        self.subject = subject
        self.raw = raw
        self._event = event

    @classmethod
    def from_stream(cls, seq: int, stored_at: datetime, subject: str, raw: bytes) -> StoredEvent:
        """Never raises: what can't be read is kept as bytes."""
        return cls(seq=seq, stored_at=stored_at, subject=subject, raw=raw)

    @property
    def event(self) -> JobEvent | None:
        """None when `raw` is not an event that can be read."""
        event = self._event
        if event is _UNREAD:
            try:
                event = JobEvent.from_wire(self.raw)
            except SerializationError:
                event = None
            self._event = event
        return event  # type: ignore[return-value]  # _UNREAD has gone

    def __repr__(self) -> str:
        return f"StoredEvent(seq={self.seq}, stored_at={self.stored_at!r}, subject={self.subject!r}, raw={self.raw!r})"
