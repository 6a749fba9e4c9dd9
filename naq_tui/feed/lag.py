"""Whether what arrives of the log is late: over a narrow line the newest event shown may be minutes old."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from naq.models.event import StoredEvent

LATE_S = 3.0
"""Seconds from an event's storing to its arrival, from which on the console counts as behind."""


class Lag:
    """Judges by what has arrived alone: while the line is full, answers to questions come no sooner than events."""

    def __init__(self) -> None:
        self.since: datetime | None = None
        """When the newest event that has arrived was stored (the server's clock); None where nothing is late."""
        self._past = self._newest = 0

    def begin(self, last_seq: int) -> None:
        """Reading begins; events up to `last_seq` are the past, old without being late."""
        self._past = last_seq

    def arrived(self, events: Sequence[StoredEvent], *, is_caught_up: bool, now: datetime) -> bool:
        """Whether that changes `since`; `is_caught_up` where no more had been stored as the last of them was sent."""
        newest = events[-1]
        self._newest = newest.seq
        is_late = (now - newest.stored_at).total_seconds() >= LATE_S
        is_past = newest.seq <= self._past
        return self._set(newest.stored_at if is_late and not (is_past and is_caught_up) else None)

    def holds(self, last_seq: int) -> bool:
        """Whether that changes `since`: the log ends at `last_seq`."""
        return self._newest >= last_seq and self._set(None)

    def _set(self, since: datetime | None) -> bool:
        before, self.since = self.since, since
        return before != since
