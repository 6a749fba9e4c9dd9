"""What a worker says of itself: its heartbeat record, kept up to date by the worker, read by its keeper."""

from __future__ import annotations

import itertools
import os
import socket
import threading
from collections.abc import Callable, Sequence
from datetime import datetime

import psutil

from naq import __version__
from naq.models.job import Job
from naq.models.times import utcnow
from naq.models.worker import RunningJob, WorkerRecord, WorkerStatus

MAX_RUNNING_LISTED = 100
"""Jobs named in one heartbeat; a worker with more in flight names the longest running."""


class WorkerStatusManager:
    """Status, counters and running jobs of one worker or scheduler.

    Written by the worker's thread, read by the keeper's: every change replaces a value or is one dict operation.
    """

    def __init__(
        self,
        worker_id: str,
        *,
        kind: str = "worker",
        name: str | None = None,
        queues: Sequence[str] = (),
        modules: Sequence[str] = (),
        concurrency: int = 0,
        heartbeat_interval_s: float = 5.0,
    ) -> None:
        self.worker_id = worker_id
        self.kind = kind
        self.name = name
        self.queues = tuple(queues)
        self.modules = tuple(modules)
        self.concurrency = concurrency
        self.heartbeat_interval_s = heartbeat_interval_s
        self.host = socket.gethostname()
        self.started_at = utcnow()
        self.loop_lag_ms: float | None = None
        self.leader = False
        self.completed = self.failed = self.retried = 0
        self.on_change: Callable[[], None] = lambda: None
        """Called in the worker's thread where the record changed in a way worth an early heartbeat."""
        self._is_stopping = False
        self._is_started = False
        self._running: dict[str, tuple[Job, datetime]] = {}
        """What runs and since when, by id, oldest first; put into words only for a heartbeat."""
        self._lock = threading.Lock()
        self._process = psutil.Process()
        self._process.cpu_percent()

    @property
    def status(self) -> WorkerStatus:
        if self._is_stopping:
            return WorkerStatus.STOPPING
        if not self._is_started:
            return WorkerStatus.STARTING
        return WorkerStatus.BUSY if self._running else WorkerStatus.IDLE

    def started(self) -> None:
        """The worker takes jobs from now on."""
        self._is_started = True
        self.on_change()

    def stopping(self) -> None:
        """The worker takes no more jobs."""
        self._is_stopping = True
        self.on_change()

    def job_started(self, job: Job, started_at: datetime) -> None:
        with self._lock:
            self._running[job.job_id] = (job, started_at)
        if len(self._running) == 1:
            self.on_change()

    def job_ended(self, job_id: str, counter: str) -> None:
        """`counter` is "completed", "failed" or "retried"; any other text counts nowhere."""
        with self._lock:
            self._running.pop(job_id, None)
            if counter in ("completed", "failed", "retried"):
                setattr(self, counter, getattr(self, counter) + 1)
        if not self._running:
            self.on_change()

    def record(self) -> WorkerRecord:
        """The heartbeat to send now. Measures CPU since the last call."""
        with self._lock:
            running = list(itertools.islice(self._running.values(), MAX_RUNNING_LISTED))
        return WorkerRecord(
            worker_id=self.worker_id,
            status=self.status,
            kind=self.kind,
            name=self.name,
            host=self.host,
            pid=os.getpid(),
            queues=self.queues,
            modules=self.modules,
            concurrency=self.concurrency,
            started_at=self.started_at,
            heartbeat_interval_s=self.heartbeat_interval_s,
            running=tuple(
                RunningJob(job_id=job.job_id, function=job.function, queue=job.queue_name, started_at=started_at)
                for job, started_at in running
            ),
            completed=self.completed,
            failed=self.failed,
            retried=self.retried,
            cpu_percent=round(self._process.cpu_percent(), 1),
            rss_bytes=self._process.memory_info().rss,
            loop_lag_ms=self.loop_lag_ms,
            leader=self.leader,
            version=__version__,
        )
