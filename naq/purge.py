"""Take every waiting job out of a queue, and tell each one's end.

Waiting is what no worker was ever handed: what runs, waits for a retry or was handed back stays. Jobs that come while
the purge is under way stay too. The jobs are read and deleted one by one by their sequence, so that what is told is
what was removed. Each one gets a CANCELLED record (those who wait for its result hear at once) and a CANCELLED event;
QUEUE_PURGED tells their number at the end.

A chunk is deleted first, then told: a process that dies between the two leaves up to a chunk of jobs removed without
record or event beyond ENQUEUED, and QUEUE_PURGED missing; the jobs behind it wait on. A job that a worker is handed in
the moment of its deletion runs; whichever end of it is stored first stands.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from naq import codec
from naq.actor import current_actor
from naq.backlog import WaitingJob, remove, waiting_jobs
from naq.connection import Connection
from naq.errors import ConflictError, SerializationError
from naq.eventlog import stream_range
from naq.events import Events
from naq.jetstream import JetStreamError
from naq.kv import Bucket
from naq.models.event import JobEvent, JobEventType
from naq.models.job import Job, JobStatus
from naq.models.result import JobResult
from naq.models.times import utcnow

CHUNK = 200
"""Jobs removed before their ends are told."""
CONSUMER_NOT_FOUND = 10014


class Purge:
    """One purge of one queue."""

    def __init__(
        self,
        connection: Connection,
        queue: str,
        *,
        reason: str | None,
        program: str,
        action_id: str | None = None,
    ) -> None:
        self._connection = connection
        self._queue = queue
        self._reason = reason
        self._actor = current_actor(program)
        self._action_id = action_id
        self._results = Bucket(connection, connection.names.results)
        self._events = Events(connection)

    async def run(self) -> int:
        """Remove what waits; returns how many jobs were removed.

        Raises:
            NaqConnectionError: the server does not answer; part of the jobs may be removed.
        """
        purged = 0
        names = self._connection.names
        last_seq = (await stream_range(self._connection, names.jobs)).last_seq
        next_seq = await self._handed_out() + 1
        while next_seq <= last_seq:
            page = await waiting_jobs(self._connection, self._queue, next_seq)
            if not page:
                break
            next_seq = page[-1].seq + 1
            for start in range(0, len(page), CHUNK):
                handed_out = await self._handed_out()
                chunk = [job for job in page[start : start + CHUNK] if handed_out < job.seq <= last_seq]
                purged += await self._remove(chunk)
        await self._events.write(
            JobEvent.of(
                JobEventType.QUEUE_PURGED,
                queue=self._queue,
                actor=self._actor,
                reason=self._reason,
                action_id=self._action_id,
                details={"jobs": purged},
            )
        )
        return purged

    async def _handed_out(self) -> int:
        """Sequence up to which workers were handed the queue's jobs; 0 where it was never served."""
        names = self._connection.names
        try:
            info = await self._connection.api(f"CONSUMER.INFO.{names.jobs}.{names.consumer(self._queue)}")
        except JetStreamError as exc:
            if exc.code == CONSUMER_NOT_FOUND:
                return 0
            raise
        delivered = info.get("delivered")
        return codec.whole(delivered, "stream_seq", 0) if isinstance(delivered, dict) else 0

    async def _remove(self, chunk: Sequence[WaitingJob]) -> int:
        gone = await asyncio.gather(*(remove(self._connection, job.seq) for job in chunk))
        removed = [job for job, is_gone in zip(chunk, gone, strict=True) if is_gone]
        await asyncio.gather(*(self._tell(job) for job in removed))
        return len(removed)

    async def _tell(self, removed: WaitingJob) -> None:
        try:
            job = Job.from_wire(removed.data)
        except SerializationError:
            return  # it has no id to tell it by; it is counted
        record = JobResult(
            job_id=job.job_id,
            status=JobStatus.CANCELLED,
            function=job.function,
            queue=self._queue,
            enqueued_at=job.enqueued_at,
            finished_at=utcnow(),
            attempt=0,
            schedule_id=job.schedule_id,
            tags=job.tags,
            reason=f"queue purged: {self._reason}" if self._reason else "queue purged",
            job=job.to_record(),
        )
        if not await self._store(record):
            return
        await self._events.write(
            JobEvent.of(
                JobEventType.CANCELLED,
                job_id=job.job_id,
                queue=self._queue,
                function=job.function,
                schedule_id=job.schedule_id,
                from_status=JobStatus.PENDING,
                to_status=JobStatus.CANCELLED,
                actor=self._actor,
                reason=record.reason,
                action_id=self._action_id,
            ),
            msg_id=record.end_id,  # a worker that was handed the job meanwhile tells this end again
        )

    async def _store(self, record: JobResult) -> bool:
        """Store the job's end; False where it has ended by now."""
        revision, wire = 0, record.to_wire()
        while True:
            try:
                await self._results.update(record.job_id, wire, revision=revision)
                return True
            except ConflictError:
                newest = await self._results.newest(record.job_id)
                if newest is not None and not newest.is_deleted and _is_final(newest.value):
                    return False
                revision = newest.revision if newest is not None else 0


def _is_final(value: bytes) -> bool:
    try:
        return JobResult.from_wire(value).is_final
    except SerializationError:
        return False
