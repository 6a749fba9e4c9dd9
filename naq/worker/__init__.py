"""Workers: run jobs."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from naq.worker.status import WorkerStatusManager
    from naq.worker.worker import Worker

__all__ = ["Worker", "WorkerStatusManager"]


def __getattr__(name: str) -> Any:
    # lazily: the processes of isolated jobs need neither a worker nor the NATS client
    if name == "Worker":
        from naq.worker.worker import Worker

        return Worker
    if name == "WorkerStatusManager":
        from naq.worker.status import WorkerStatusManager

        return WorkerStatusManager
    raise AttributeError(f"module 'naq.worker' has no attribute {name!r}")
