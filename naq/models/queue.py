"""Figures of one queue, as the server counts them, and its pause."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from naq import codec
from naq.models.times import parse_time


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
    is_paused: bool = False
    """Whether workers are kept from taking its jobs."""
    paused_at: datetime | None = None
    """Since when (the clock of who paused it); None where it is not paused."""
    paused_reason: str | None = None
    """Why; None where no reason was given or it is not paused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePause:
    """A queue is paused."""

    queue: str
    actor: Mapping[str, Any] | None
    """Who paused it; None where that can't be read."""
    reason: str | None
    at: datetime | None
    """When, by the clock of who paused it; None where that can't be read."""

    @classmethod
    def from_wire(cls, queue: str, record: Mapping[str, Any]) -> QueuePause:
        """Read the record of a paused queue, whose existence alone is the pause."""
        actor, reason = record.get("actor"), record.get("reason")
        return cls(
            queue=queue,
            actor=actor if isinstance(actor, dict) else None,
            reason=reason if isinstance(reason, str) else None,
            at=parse_time(codec.text(record, "at", "")),
        )
