"""Read-only views of the whole system, for the console, the command line and anybody's own tools."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from naq import codec
from naq.backlog import find_job
from naq.connection import Connection
from naq.errors import JobNotFoundError, NaqConnectionError, PermissionDeniedError, SerializationError
from naq.eventlog import direct_get
from naq.kv import Bucket, BucketBatch, Entry
from naq.models.job import JobStatus
from naq.models.queue import QueuePause, QueueStats
from naq.models.schedule import ScheduleStatus
from naq.models.worker import WorkerRecord
from naq.queues import QueueControl
from naq.results import record_of
from naq.schedules import schedule_of


class Inspector:
    """What can be asked about one system."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        names = connection.names
        self._workers = Bucket(connection, names.workers)
        self._results = Bucket(connection, names.results)
        self._schedules = Bucket(connection, names.schedules)
        self._waiting = Bucket(connection, names.waiting)

    async def workers(self) -> list[WorkerRecord]:
        """Every heartbeat record that can be read, dead workers included, sorted by host and id."""
        records = []
        for entry in await self._workers.entries():
            try:
                records.append(worker_of(entry))
            except SerializationError:
                continue
        return sorted(records, key=lambda record: (record.kind, record.host, record.worker_id))

    async def watch_workers(self) -> AsyncIterator[BucketBatch]:
        """The workers bucket, then every heartbeat; entries are undecoded (`worker_of` reads one)."""
        async for batch in self._workers.watch():
            yield batch

    async def queues(self) -> list[QueueStats]:
        """Every queue that holds jobs, was ever served or is paused, by name."""
        names = self._connection.names
        info, consumers, pauses = await asyncio.gather(
            self._connection.api(f"STREAM.INFO.{names.jobs}", {"subjects_filter": names.queue_wildcard}),
            self._consumers(),
            QueueControl(self._connection).paused(),
        )
        stored: dict[str, int] = info.get("state", {}).get("subjects") or {}
        queues = {names.queue_of(subject): count for subject, count in stored.items()}
        for queue in (*consumers, *pauses):
            queues.setdefault(queue, 0)
        oldest = await self._oldest([queue for queue, count in queues.items() if count])
        return [
            _stats(queue, queues[queue], consumers.get(queue), oldest.get(queue), pauses.get(queue))
            for queue in sorted(queues)
        ]

    async def job_status(self, job_id: str) -> JobStatus:
        """Where a job stands, from its result, the workers that run it, its schedule or its queue.

        Raises:
            JobNotFoundError: none of them knows it.
        """
        ended = await self._status_at_end(job_id)
        if ended is not None:
            return ended
        for worker in await self.workers():
            if any(job.job_id == job_id for job in worker.running):
                return JobStatus.RUNNING
        entry = await self._schedules.get(job_id)
        if entry is not None:
            schedule = schedule_of(entry)
            if schedule.status == ScheduleStatus.PAUSED:
                return JobStatus.PAUSED
            if schedule.status == ScheduleStatus.CANCELLED:
                return JobStatus.CANCELLED
            return JobStatus.SCHEDULED
        if await self._waiting.get(job_id) is not None:
            return JobStatus.PENDING
        if await find_job(self._connection, job_id) is not None:
            return JobStatus.PENDING
        # it may have ended while it was looked for: the result is stored before the queue lets go of it
        ended = await self._status_at_end(job_id)
        if ended is not None:
            return ended
        raise JobNotFoundError(f"job {job_id} is not known: no result, worker, schedule or queue has it")

    async def _status_at_end(self, job_id: str) -> JobStatus | None:
        """The status that its result tells; None where there is no result yet."""
        entry = await self._results.get(job_id)
        if entry is None:
            return None
        status = record_of(entry).status
        return JobStatus(status) if status in JobStatus.__members__ else JobStatus.PENDING

    async def _oldest(self, queues: list[str]) -> dict[str, datetime]:
        names = self._connection.names

        async def of(queue: str) -> datetime | None:
            try:
                request = {"seq": 1, "next_by_subj": names.queue_subject(queue)}
                message = await direct_get(self._connection, names.jobs, request)
            except PermissionDeniedError:
                raise
            except NaqConnectionError:
                return None
            return None if message is None else message.stored_at

        moments = await asyncio.gather(*(of(queue) for queue in queues[:200]))
        return {queue: moment for queue, moment in zip(queues, moments, strict=False) if moment is not None}

    async def _consumers(self) -> dict[str, dict[str, Any]]:
        names = self._connection.names
        found: dict[str, dict[str, Any]] = {}
        offset = 0
        while True:
            answer = await self._connection.api(f"CONSUMER.LIST.{names.jobs}", {"offset": offset})
            page = answer.get("consumers") or []
            for consumer in page:
                subject = consumer.get("config", {}).get("filter_subject", "")
                found[names.queue_of(subject)] = consumer
            offset += len(page)
            if not page or offset >= codec.whole(answer, "total", 0):
                return found


def worker_of(entry: Entry) -> WorkerRecord:
    """Raises SerializationError where the entry is no heartbeat."""
    return WorkerRecord.from_wire(entry.value, beat_at=entry.saved_at)


def _stats(
    queue: str, stored: int, consumer: dict[str, Any] | None, oldest: datetime | None, pause: QueuePause | None
) -> QueueStats:
    figures = consumer or {}
    return QueueStats(
        queue=queue,
        waiting=stored if consumer is None else codec.whole(figures, "num_pending", 0),
        running=codec.whole(figures, "num_ack_pending", 0),
        redelivered=codec.whole(figures, "num_redelivered", 0),
        pulls=codec.whole(figures, "num_waiting", 0),
        oldest_at=oldest,
        has_consumer=consumer is not None,
        is_paused=pause is not None,
        paused_at=pause.at if pause else None,
        paused_reason=pause.reason if pause else None,
    )
