"""Workers: run jobs."""

from naq.worker.status import WorkerStatusManager
from naq.worker.worker import Worker

__all__ = ["Worker", "WorkerStatusManager"]
