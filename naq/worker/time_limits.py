"""How long a run may take: the job's own `timeout`, else what its worker gives its queue."""

from __future__ import annotations

from collections.abc import Mapping

from naq.errors import ConfigurationError
from naq.models.job import Job
from naq.names import check_queue_name

OTHERS = "*"
"""Stands for every queue that is not named."""


class TimeLimitExceeded(Exception):
    """A run took longer than its time limit."""


class TimeLimits:
    """The default time limits of one worker's queues."""

    def __init__(self, by_queue: Mapping[str, float] | None) -> None:
        """Seconds by queue; `"*"` for those not named. Raises ConfigurationError."""
        self._by_queue: dict[str, float] = {}
        for queue, seconds in (by_queue or {}).items():
            if queue != OTHERS:
                check_queue_name(queue)
            if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < 1e9:
                raise ConfigurationError(f"time limit of queue {queue!r}: positive seconds expected, not {seconds!r}")
            self._by_queue[queue] = float(seconds)

    def of(self, job: Job) -> float | None:
        """Seconds a run of this job may take; None means no limit."""
        if job.timeout is not None:
            return job.timeout
        return self._by_queue.get(job.queue_name, self._by_queue.get(OTHERS))
