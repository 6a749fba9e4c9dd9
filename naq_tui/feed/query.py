"""What is looked for in the log: told to the feed, so that the server leaves out as much as it can."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from naq.models.event import StoredEvent
from naq.models.result import JobResult


@dataclass(frozen=True, slots=True)
class Query:
    """Which events are wanted. `wants_subject` and `parts` only spare work: they may let through what is not wanted,
    and leave out nothing that is."""

    is_wanted: Callable[[StoredEvent], bool]
    wants_subject: Callable[[str, str, str], bool] | None = None
    """Whether events with this entity, type (lower case) and queue ("_" where none) in their subject may be wanted;
    None where the subject says nothing about it."""
    is_by_subject: bool = False
    """Whether `wants_subject` is all there is to it: then no event needs to be read."""
    parts: tuple[tuple[bytes, ...], ...] = ()
    """In the lower-cased bytes of a wanted event at least one of each group occurs."""

    def may_want(self, raw: bytes) -> bool:
        """Whether an event with these bytes may be wanted."""
        if not self.parts:
            return True
        lower = raw.lower()
        return all(any(part in lower for part in group) for group in self.parts)


@dataclass(frozen=True, slots=True)
class Counted:
    """One step of reading what figures are made of."""

    events: tuple[StoredEvent, ...]
    reached: int
    """Everything between the start and this sequence has been looked at."""


@dataclass(frozen=True, slots=True)
class ResultsPiece:
    """One step of reading results."""

    results: tuple[JobResult, ...]
    """In the order they were stored, whichever way they are read."""
    reached: int
    """Everything between the start and this sequence of the bucket has been read; 1 is its beginning, whatever has
    expired there."""
    unreadable: int = 0
    """Records among them that are no results."""
    removed: int = 0
    """Marks of results that were deleted, which the bucket counts like results."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """One step of a scan."""

    seqs: tuple[int, ...]
    """Sequences of the wanted ones among those looked at, in order."""
    reached: int
    """Everything between the start of the scan and this sequence has been looked at."""
