"""The events by which a worker says that it came and that it goes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from naq import __version__
from naq.actor import current_actor
from naq.models.event import JobEvent, JobEventType
from naq.worker.status import WorkerStatusManager


def started_event(status: WorkerStatusManager, modules: Sequence[str]) -> JobEvent:
    """WORKER_STARTED, with where it runs and what it serves."""
    details: dict[str, object] = {
        "host": status.host,
        "pid": os.getpid(),
        "queues": list(status.queues),
        "modules": list(modules),
        "concurrency": status.concurrency,
    }
    if status.name:
        details["name"] = status.name
    return JobEvent.of(
        JobEventType.WORKER_STARTED,
        worker_id=status.worker_id,
        actor=current_actor("naq worker"),
        code_version=__version__,
        details=details,
    )


def stopped_event(status: WorkerStatusManager, *, unfinished: int, hook_errors: Mapping[str, int]) -> JobEvent:
    """WORKER_STOPPED, with what it came to; `unfinished` jobs went back to their queues."""
    return JobEvent.of(
        JobEventType.WORKER_STOPPED,
        worker_id=status.worker_id,
        code_version=__version__,
        details={
            "completed": status.completed,
            "failed": status.failed,
            "retried": status.retried,
            "unfinished": unfinished,
            **({"hook_errors": dict(hook_errors)} if hook_errors else {}),
        },
    )
