"""Which jobs a dead worker took down with it, where they left no record: asked of its heartbeat and of the log.

The first run of a job writes no record before it ends, so that it costs nothing. A worker that died is known by its
heartbeat record (one that stops removes it), which names the jobs it was running; what it began after its last beat
the log tells. That stretch of the log, a few heartbeat intervals of one queue, is read once per death, and only when a
job comes whose earlier fate is not known.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from naq.connection import Connection
from naq.events import Events
from naq.models.event import JobEventType
from naq.models.job import Job
from naq.models.worker import DEAD_AFTER_BEATS, WorkerRecord

SLACK = timedelta(seconds=1)
"""A beat is put together a moment before it is stored, and the job's STARTED may be on its way meanwhile."""


class Casualties:
    """What dead workers were running."""

    def __init__(self, connection: Connection) -> None:
        self._names = connection.names
        self._events = Events(connection)
        self._begun: dict[tuple[str, str], frozenset[str]] = {}
        """Job ids by worker and queue."""

    async def took_down(self, job: Job, dead: Iterable[WorkerRecord]) -> bool:
        """Whether one of the `dead` workers was running the job."""
        suspects = [worker for worker in dead if job.queue_name in worker.queues]
        if any(running.job_id == job.job_id for worker in suspects for running in worker.running):
            return True
        for worker in suspects:
            key = (worker.worker_id, job.queue_name)
            if key not in self._begun:
                self._begun[key] = await self._begun_after_last_beat(worker, job.queue_name)
            if job.job_id in self._begun[key]:
                return True
        return False

    def forget_all_but(self, workers: Iterable[WorkerRecord]) -> None:
        """Keep what was read of these only."""
        kept = {worker.worker_id for worker in workers}
        self._begun = {key: begun for key, begun in self._begun.items() if key[0] in kept}

    async def _begun_after_last_beat(self, worker: WorkerRecord, queue: str) -> frozenset[str]:
        if worker.beat_at is None:
            return frozenset()
        end = worker.beat_at + timedelta(seconds=worker.heartbeat_interval_s * DEAD_AFTER_BEATS) + SLACK
        subject = self._names.event_filter(entity="job", event_type=JobEventType.STARTED, queue=queue)
        begun: set[str] = set()
        async for batch in self._events.follow([subject], start_time=worker.beat_at - SLACK):
            for stored in batch.events:
                if stored.event is not None and stored.event.worker_id == worker.worker_id and stored.event.job_id:
                    begun.add(stored.event.job_id)
            if batch.is_caught_up or (batch.events and batch.events[-1].stored_at > end):
                break
        return frozenset(begun)
