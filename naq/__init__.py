"""naq: background jobs on NATS JetStream, with every state change in an append-only log.

Names are resolved on first use, so `import naq` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_API = (
    "enqueue",
    "enqueue_many",
    "group",
    "chain",
    "chord",
    "waiting_jobs",
    "enqueue_at",
    "enqueue_in",
    "schedule",
    "cancel",
    "cancel_scheduled_job",
    "pause_scheduled_job",
    "resume_scheduled_job",
    "trigger_scheduled_job",
    "modify_scheduled_job",
    "pause_queue",
    "resume_queue",
    "purge_queue",
    "retry_job",
    "retry_jobs",
    "clone_job",
    "delete_job",
    "delete_jobs",
    "fetch_job_result",
    "get_job_status",
    "list_workers",
    "stop_worker",
    "forget_worker",
    "list_queues",
    "list_schedules",
)

_HOMES = {
    **dict.fromkeys(_API, "naq.api"),
    **{f"{name}_sync": "naq.sync" for name in _API},
    "SyncClient": "naq.sync",
    "AsyncClient": "naq.client",
    "Queue": "naq.queue",
    "Call": "naq.calls",
    "ScheduledJobManager": "naq.schedules",
    "Worker": "naq.worker",
    "Middleware": "naq.middleware",
    "WorkerStatusManager": "naq.worker",
    "Scheduler": "naq.scheduler",
    "Results": "naq.results",
    "JobGroup": "naq.dependencies.compositions",
    "WaitingChild": "naq.dependencies.waiting",
    "DeadLetters": "naq.deadletter",
    "BulkOutcome": "naq.deadletter",
    "JobFilter": "naq.jobfilter",
    "RateLimit": "naq.limits",
    "ConcurrencyLimit": "naq.limits",
    "Settings": "naq.settings",
    "setup_logging": "naq.logs",
    "Job": "naq.models.job",
    "JobStatus": "naq.models.job",
    "JobResult": "naq.models.result",
    "JobEvent": "naq.models.event",
    "JobEventType": "naq.models.event",
    "StoredEvent": "naq.models.event",
    "Schedule": "naq.models.schedule",
    "ScheduleStatus": "naq.models.schedule",
    "next_runs": "naq.scheduler.spec",
    "WorkerRecord": "naq.models.worker",
    "WorkerStatus": "naq.models.worker",
    "QueueStats": "naq.models.queue",
    "QueuePause": "naq.models.queue",
    "current_job": "naq.context",
    "JobContext": "naq.context",
    "NaqException": "naq.errors",
    "Cancel": "naq.errors",
    "Retry": "naq.errors",
    "JobAlreadyEndedError": "naq.errors",
    "ConfigurationError": "naq.errors",
    "ConflictError": "naq.errors",
    "EnqueueError": "naq.errors",
    "FunctionReferenceError": "naq.errors",
    "InvalidQueueNameError": "naq.errors",
    "IsolatedProcessDied": "naq.errors",
    "JetStreamUnavailableError": "naq.errors",
    "JobExecutionError": "naq.errors",
    "JobNotCompletedError": "naq.errors",
    "JobNotFoundError": "naq.errors",
    "NaqConnectionError": "naq.errors",
    "ScheduleNotFoundError": "naq.errors",
    "ScheduleSpecError": "naq.errors",
    "SerializationError": "naq.errors",
    "ServerStartError": "naq.errors",
    "WorkerNotFoundError": "naq.errors",
    "WorkerStateError": "naq.errors",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'naq' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


if TYPE_CHECKING:
    from naq.api import *  # noqa: F403
    from naq.middleware import Middleware as Middleware
