"""Figures of one queue, as the server counts them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStats:
    """What stands in one queue at one moment."""

    queue: str
    waiting: int
    """Jobs not handed to any worker yet (delayed retries count as running until they return)."""
    running: int
    """Jobs handed out and not acked: running, or waiting for their retry."""
    redelivered: int
    """Of `running`, those handed out more than once."""
    pulls: int
    """Open pull requests of workers: 0 means nobody consumes this queue."""
    oldest_at: datetime | None
    """When the oldest job still stored was enqueued (server clock); None where the queue is empty."""
    has_consumer: bool
    """Whether a worker ever served this queue."""
