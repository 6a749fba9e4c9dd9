"""Children that wait for their parents: the bucket `naq_waiting_jobs`, key = job id.

A child is written in this order: its ENQUEUED event, then its waiting record. A producer that dies between the two
leaves an event without a job and its caller without an answer: nothing runs. Sending again with the same `job_id` is
safe: the record that stands stays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from naq import codec
from naq.connection import Connection
from naq.errors import (
    ConfigurationError,
    ConflictError,
    EnqueueError,
    JobNotFoundError,
    NaqConnectionError,
    SerializationError,
)
from naq.events import Events
from naq.kv import Bucket, Entry
from naq.models.event import JobEvent, JobEventType
from naq.models.job import Job, JobStatus
from naq.outbox import StorageRefusedError

if TYPE_CHECKING:
    from naq.models.result import JobResult

WAITING = "waiting"
RELEASING = "releasing"
AT_ONCE = 50
_KNOWN = frozenset({"v", "state", "job"})


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingChild:
    """A job that waits for others."""

    job: Job
    outstanding: tuple[str, ...] = ()
    """Ids of the parents that have not ended, as far as is known; one whose result was deleted stays here."""
    state: str = WAITING
    """"waiting", or "releasing" from when its release has begun until its record is removed."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """What a newer version wrote of it that this one does not know, kept as it came."""
    revision: int = 0
    """Of the record in its bucket (not on the wire)."""
    saved_at: datetime | None = None
    """The server's clock when that was stored (not on the wire)."""

    def to_wire(self) -> bytes:
        return codec.dumps({"v": 1, "state": self.state, "job": self.job.to_record(), **self.extra})

    @classmethod
    def of(cls, entry: Entry) -> WaitingChild:
        """Raises SerializationError where the entry is no waiting child."""
        record = codec.loads(entry.value)
        job = record.get("job") if isinstance(record, dict) else None
        if not isinstance(job, dict):
            raise SerializationError(f"{entry.key} is no waiting job: an object 'job' was expected", raw=entry.value)
        child = Job.from_record(job, raw=entry.value)
        return cls(
            job=child,
            outstanding=child.depends_on,
            state=codec.text(record, "state", WAITING),
            extra=codec.unknown(record, _KNOWN),
            revision=entry.revision,
            saved_at=entry.saved_at,
        )


class Waiting:
    """The waiting children of one system."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._events = Events(connection)
        self.bucket = Bucket(connection, connection.names.waiting)
        self._results = Bucket(connection, connection.names.results)

    async def get(self, job_id: str) -> WaitingChild | None:
        """The child, with every parent named as outstanding; None where it does not wait (any more)."""
        entry = await self.bucket.get(job_id)
        return None if entry is None else WaitingChild.of(entry)

    async def children(self) -> list[WaitingChild]:
        """Every waiting child, with the parents it still waits for; records that can't be read are left out."""
        found = []
        for entry in await self.bucket.entries():
            try:
                found.append(WaitingChild.of(entry))
            except SerializationError:
                continue
        gate = asyncio.Semaphore(AT_ONCE)

        async def has_ended(parent: str) -> bool:
            async with gate:
                record = await self.result_of(parent)
            return record is not None and record.is_final

        parents = list({parent for child in found for parent in child.outstanding})
        ended = dict(zip(parents, await asyncio.gather(*map(has_ended, parents)), strict=True))
        return [replace(child, outstanding=tuple(p for p in child.outstanding if not ended[p])) for child in found]

    async def result_of(self, job_id: str) -> JobResult | None:
        """The job's result record; None where there is none that can be read."""
        from naq.results import record_of

        entry = await self._results.get(job_id)
        try:
            return None if entry is None else record_of(entry)
        except SerializationError:
            return None

    async def check(self, job: Job, known: Sequence[str] = ()) -> None:
        """Refuse a job that depends on itself, in a circle, or on jobs nobody knows; `known` are not looked up.

        Raises:
            ConfigurationError: it would wait for itself.
            JobNotFoundError: a parent is neither stored, waiting nor ended.
        """
        seen: set[str] = set()
        ahead = list(job.depends_on) if job.is_id_given else []
        while ahead:
            parent = ahead.pop()
            if parent == job.job_id:
                raise ConfigurationError(f"job {job.job_id} would wait for itself: its depends_on make a circle")
            if parent not in seen:
                seen.add(parent)
                waiting = await self.get(parent)
                ahead += waiting.job.depends_on if waiting is not None else ()
        from naq.inspector import Inspector

        needless = frozenset(known)
        for parent in job.depends_on:
            if parent in needless:
                continue
            try:
                await Inspector(self._connection).job_status(parent)
            except JobNotFoundError:
                raise JobNotFoundError(
                    f"job {job.job_id} can't depend on {parent}: no result, worker, schedule or queue has that job"
                ) from None

    async def store(self, job: Job, data_limit: int) -> None:
        """Write the child; where its id waits already, that job stands and this one is marked `is_duplicate`.

        Raises:
            EnqueueError: the server did not store it; its ENQUEUED event may be told.
        """
        data = WaitingChild(job=job).to_wire()
        if len(data) > data_limit:
            raise ConfigurationError(
                f"job of {job.function} is {len(data):,} bytes, {data_limit:,} fit: pass a reference to the data"
            )
        event = JobEvent.of(
            JobEventType.ENQUEUED,
            ts=job.enqueued_at,
            job_id=job.job_id,
            queue=job.queue_name,
            function=job.function,
            to_status=JobStatus.PENDING,
            details=_told(job),
        )
        try:
            await self._events.write(event, msg_id=f"{job.job_id}:enqueued")
            await self.bucket.create(job.job_id, data)
        except ConflictError:
            job.is_duplicate = True
        except (NaqConnectionError, StorageRefusedError) as exc:
            raise EnqueueError(f"job of {job.function} was not stored among those that wait: {exc}") from exc


def _told(job: Job) -> dict[str, Any]:
    details: dict[str, Any] = {"depends_on": list(job.depends_on)}
    if job.allow_failed:
        details["allow_failed"] = True
    if job.result_ttl is not None:
        details["result_ttl_s"] = job.result_ttl
    return details
