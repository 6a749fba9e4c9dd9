"""Queues as the log alone tells of them: the jobs of each that have not ended, and its pause."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from naq.models.event import JobEvent, StoredEvent
from naq.models.queue import QueueStats
from naq.models.worker import RunningJob
from naq_tui.store.rows import QueueRow, queue_row
from naq_tui.store.state import QUEUES_COUNTED

_ENDS = frozenset({"COMPLETED", "FAILED", "LOST", "CANCELLED"})
_NEVER_TOLD = frozenset({"redelivered", "pulls"})


class OpenJob(NamedTuple):
    """A job that has not ended."""

    queue: str
    function: str
    worker: str
    status: str
    """"WAITING" for other jobs, "PENDING" in its queue, "RUNNING" or "RETRY"."""
    since: datetime
    """The server's clock when it was first heard of."""
    started_at: datetime | None = None


class ToldQueues:
    """Fed with every event of jobs and queues, in the order of the log."""

    def __init__(self) -> None:
        self.open: dict[str, OpenJob] = {}
        """By job id, the one heard of first in front."""
        self._pauses: dict[str, tuple[datetime, str | None] | None] = {}
        """Of each queue that was ever heard of: since when it is paused, and why; None where it isn't."""

    def copy(self) -> ToldQueues:
        """One that can be fed apart."""
        other = ToldQueues()
        other.open, other._pauses = dict(self.open), dict(self._pauses)
        return other

    def take_job(self, event: JobEvent, stored: StoredEvent) -> None:
        """An event of a job; never raises, whatever it holds."""
        kind, job_id = event.type, event.job_id
        if job_id is None:
            return
        if event.queue:
            self._heard(event.queue)
        known = self.open.get(job_id)
        if kind in _ENDS:
            if not (event.is_refusal and known is not None and known.status in ("RUNNING", "RETRY")):
                self.open.pop(job_id, None)
            return
        started_at = None
        if kind == "ENQUEUED":
            if known is not None and known.status == "RUNNING":
                return  # a worker may tell of its start before the producer's event is stored
            status = "WAITING" if (event.details or {}).get("depends_on") else "PENDING"
        elif kind == "RELEASED":
            status = "PENDING"
        elif kind == "STARTED":
            status, started_at = "RUNNING", stored.stored_at
        elif kind == "RETRY_SCHEDULED":
            # asked for by somebody it lies in its queue at once; else its worker's delivery is held back
            status = "PENDING" if (event.details or {}).get("manual") is True else "RETRY"
        else:
            return
        self.open[job_id] = OpenJob(
            event.queue or (known.queue if known is not None else ""),
            event.function or (known.function if known is not None else ""),
            event.worker_id or (known.worker if known is not None else ""),
            status,
            known.since if known is not None else stored.stored_at,
            started_at,
        )

    def take_queue(self, event: JobEvent, stored: StoredEvent) -> None:
        """An event of a queue."""
        if event.queue is None:
            return
        self._heard(event.queue)
        if event.queue in self._pauses and event.type in ("QUEUE_PAUSED", "QUEUE_RESUMED"):
            paused = event.type == "QUEUE_PAUSED"
            self._pauses[event.queue] = (stored.stored_at, event.reason) if paused else None

    def running(self) -> dict[str, list[RunningJob]]:
        """What runs, by worker."""
        found: dict[str, list[RunningJob]] = {}
        for job_id, job in self.open.items():
            if job.status == "RUNNING" and job.worker:
                found.setdefault(job.worker, []).append(
                    RunningJob(job_id=job_id, function=job.function, queue=job.queue, started_at=job.started_at)
                )
        return found

    def running_of(self, worker_id: str) -> list[RunningJob]:
        return self.running().get(worker_id, [])

    def rows(self) -> tuple[QueueRow, ...]:
        """All queues that were heard of, by name."""
        waiting: dict[str, int] = dict.fromkeys(self._pauses, 0)
        held = dict(waiting)
        oldest: dict[str, datetime] = {}
        for job in self.open.values():
            if job.queue not in waiting or job.status == "WAITING":
                continue
            counts = waiting if job.status == "PENDING" else held
            counts[job.queue] += 1
            oldest.setdefault(job.queue, job.since)
        return tuple(
            queue_row(self._stats(name, waiting[name], held[name], oldest))._replace(untold=_NEVER_TOLD)
            for name in sorted(self._pauses)
        )

    def _stats(self, name: str, waiting: int, held: int, oldest: Mapping[str, datetime]) -> QueueStats:
        pause = self._pauses[name]
        return QueueStats(
            queue=name,
            waiting=waiting,
            running=held,
            redelivered=0,
            pulls=0,
            oldest_at=oldest.get(name),
            has_consumer=True,
            is_paused=pause is not None,
            paused_at=pause[0] if pause is not None else None,
            paused_reason=pause[1] if pause is not None else None,
        )

    def _heard(self, queue: str) -> None:
        if queue not in self._pauses and len(self._pauses) < QUEUES_COUNTED:
            self._pauses[queue] = None
