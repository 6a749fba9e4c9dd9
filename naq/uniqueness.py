"""One job per key: `unique="…"` and job ids given by the caller, held by claims in the bucket `naq_unique`.

A claim is made by compare-and-set before the job is stored, so of two calls at the same time one wins. It says whose
it is (`job_id`), until when it holds (`until`, absent: until the job has ended) and, once the job is stored, at which
sequence (`seq`), so that a later caller sees with one read whether the job is still there. What a crash does:

- producer killed before the claim: nothing happened.
- producer killed between claim and job: a claim without `seq`. Callers within `GRACE_S` are told of a job that will
  never be; the first one after that finds no trace of the job and takes the claim over. A call with the same given
  job id does not wait: it stores the job under the same message id, which the server keeps once.
- producer not killed, but cut off, so that it can't know whether the job is stored: the claim stays and says so
  (`doubtful`), as far as the server can still be told. The next caller looks for the job at once, and joins it, or
  finds no trace of it and takes the claim over.
- producer killed between job and `seq`: the job is found by reading the queues, which costs more and says the same.
- worker killed between result and release, or a job purged, cancelled or deleted: the claim stays, and the next
  caller finds the job final or gone and takes the claim over by compare-and-set.
- a take-over or release by two at once: the compare-and-set lets one through, the other looks again.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from naq import codec
from naq.connection import Connection
from naq.errors import ConflictError, JobNotFoundError, NaqException
from naq.eventlog import direct_get
from naq.kv import Bucket, Entry
from naq.models.job import FINAL_STATUSES, Job, JobStatus
from naq.models.times import format_time, parse_time
from naq.names import key_of_text
from naq.outbox import PATIENCE_S

log = logging.getLogger(__name__)

GRACE_S = 20.0
"""Age at which a claim whose job was never stored may be taken over: longer than a producer tries to store one."""
DOUBT_WITHIN_S = 2.0
"""Seconds it is tried to write down that a job may be stored or not: the server was just out of reach."""
MAX_TRIES = 8


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim as stored."""

    key: str
    job_id: str
    until: datetime | None = None
    """The server's clock; None means until the job has ended."""
    seq: int | None = None
    """Sequence of the job in its stream; None while the job is not known to be stored."""
    is_doubtful: bool = False
    """Its producer has given up, and does not know whether the job is stored."""
    revision: int = 0
    saved_at: datetime | None = None

    def to_wire(self) -> bytes:
        record: dict[str, object] = {"v": 1, "job_id": self.job_id}
        if self.until is not None:
            record["until"] = format_time(self.until)
        if self.seq is not None:
            record["seq"] = self.seq
        if self.is_doubtful:
            record["doubtful"] = True
        return codec.dumps(record)


class Uniqueness:
    """Makes, judges and releases claims over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._bucket = Bucket(connection, connection.names.unique)
        self._results = Bucket(connection, connection.names.results)

    async def claim(self, job: Job, key: str, *, until: datetime | None = None) -> Claim:
        """Claim `key` for `job`; the claim returned is another job's where that one holds it (compare `job_id`).

        Raises:
            NaqConnectionError: the server does not answer; nothing is stored of the job.
            ConflictError: the claim changed hands under every try.
        """
        wanted = Claim(key, job.job_id, until)
        ttl_s = self._ttl_s(until)
        try:
            revision = await self._bucket.update(key, wanted.to_wire(), revision=0, ttl_s=ttl_s)
            return Claim(key, job.job_id, until, revision=revision)
        except ConflictError:
            log.debug("%s is claimed already", key)
        for _ in range(MAX_TRIES):
            entry = await self._bucket.get(key)
            try:
                if entry is None:
                    revision = await self._bucket.create(key, wanted.to_wire(), ttl_s=ttl_s)
                    return Claim(key, job.job_id, until, revision=revision)
                held = claim_of(entry)
                if held is not None and (held.job_id == job.job_id or await self._stands(held)):
                    return held
                revision = await self._bucket.update(key, wanted.to_wire(), revision=entry.revision, ttl_s=ttl_s)
                return Claim(key, job.job_id, until, revision=revision)
            except ConflictError:
                continue
        raise ConflictError(f"the claim on {key} changes hands all the time: call again")

    async def note_stored(self, claim: Claim, seq: int) -> None:
        """Write down where the claim's job lies; where that fails the claim still holds."""
        await self._note(replace(claim, seq=seq, is_doubtful=False))

    async def doubt(self, claim: Claim) -> None:
        """Write down that nobody knows whether the claim's job is stored; never raises, and never takes long."""
        if claim.seq is None:
            await self._note(replace(claim, is_doubtful=True), patience_s=DOUBT_WITHIN_S)

    async def _note(self, claim: Claim, *, patience_s: float = PATIENCE_S) -> None:
        try:
            await self._bucket.update(
                claim.key,
                claim.to_wire(),
                revision=claim.revision,
                ttl_s=self._ttl_s(claim.until),
                patience_s=patience_s,
            )
        except NaqException as exc:
            log.debug("claim %s: %s", claim.key, exc)  # over and released already, or the link is lost

    async def is_known(self, job: Job, claim: Claim) -> bool:
        """Whether a job of the id that `claim` stands for exists: waiting, running, or with a result."""
        if await self._results.get(job.job_id) is not None:
            return True
        if claim.seq is not None:
            return await self._lies_at(claim.seq, job.job_id)
        if claim.saved_at is None or (self._is_under_way(claim) and not claim.is_doubtful):
            return False  # made just now, or by a call so recent that the server still drops the same id
        return await self._status(job.job_id) is not None

    async def withdraw(self, claim: Claim) -> None:
        """Give up a claim whose job was not stored; never raises."""
        try:
            await self._remove(claim.key, claim.revision)
        except NaqException as exc:
            log.debug("claim %s not withdrawn, it is taken over later: %s", claim.key, exc)

    async def release(self, job: Job) -> None:
        """Let go of what an ended job claimed; never raises, since the next caller finds the job ended anyway."""
        for key in claim_keys(job):
            try:
                entry = await self._bucket.get(key)
                held = None if entry is None else claim_of(entry)
                if held is not None and held.job_id == job.job_id:
                    await self._remove(key, held.revision)
            except NaqException as exc:
                log.debug("claim %s not released, it is taken over later: %s", key, exc)

    async def _remove(self, key: str, revision: int) -> None:
        """Remove the claim unless it is newer than `revision`; a purge leaves no marker behind."""
        subject = f"$KV.{self._bucket.name}.{key}"
        await self._connection.api(f"STREAM.PURGE.{self._bucket.stream}", {"filter": subject, "seq": revision + 1})

    async def _stands(self, held: Claim) -> bool:
        """Whether another's claim still holds."""
        now = self._connection.server_now()
        if held.until is not None and held.until <= now:
            return False
        if held.until is not None and held.seq is not None:
            return True
        if held.seq is not None and await self._lies_at(held.seq, held.job_id):
            return True
        if held.seq is None and not held.is_doubtful and self._is_under_way(held):
            entry = await self._results.get(held.job_id)
            return held.until is not None or entry is None or not _is_final(entry)
        status = await self._status(held.job_id)
        return status is not None and (held.until is not None or status not in FINAL_STATUSES)

    def _is_under_way(self, claim: Claim) -> bool:
        """Whether its producer may still try to store the job."""
        return claim.saved_at is None or self._connection.server_now() - claim.saved_at < timedelta(seconds=GRACE_S)

    async def _status(self, job_id: str) -> JobStatus | None:
        """Where a job stands, from everything that may know it; None where nothing does. Dear: asked last."""
        from naq.inspector import Inspector

        try:
            return await Inspector(self._connection).job_status(job_id)
        except JobNotFoundError:
            return None

    async def _lies_at(self, seq: int, job_id: str) -> bool:
        """Whether the jobs stream holds this job at `seq`."""
        message = await direct_get(self._connection, self._connection.names.jobs, {"seq": seq})
        return message is not None and job_id.encode() in message.data

    def _ttl_s(self, until: datetime | None) -> float | None:
        """Where the server can, it removes a claim some time after its period."""
        if until is None or self._connection.server_version < (2, 11, 0):
            return None
        return (until - self._connection.server_now()).total_seconds() + 1


def key_of_unique(unique: str) -> str:
    """The bucket's key for a `unique` text."""
    return f"key.{key_of_text(unique)}"


def key_of_id(job_id: str) -> str:
    """The bucket's key for a job id given by the caller."""
    return f"job.{job_id}"


def claim_keys(job: Job) -> list[str]:
    """Claims that end with the job."""
    keys = [key_of_id(job.job_id)] if job.is_id_given else []
    if job.unique is not None and job.unique_for is None:
        keys.append(key_of_unique(job.unique))
    return keys


def claim_of(entry: Entry) -> Claim | None:
    """The stored claim; None where it can't be read, which then holds nobody up."""
    try:
        record = codec.loads(entry.value)
    except NaqException:
        return None
    if not isinstance(record, dict) or not isinstance(record.get("job_id"), str):
        return None
    return Claim(
        entry.key,
        record["job_id"],
        parse_time(record.get("until")),
        codec.whole(record, "seq", None),
        record.get("doubtful") is True,
        entry.revision,
        entry.saved_at,
    )


def _is_final(entry: Entry) -> bool:
    try:
        record = codec.loads(entry.value)
    except NaqException:
        return False
    return isinstance(record, dict) and record.get("status") in FINAL_STATUSES
