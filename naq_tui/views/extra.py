"""What is read for a report on top of the state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from naq.models.event import StoredEvent
from naq.models.result import JobResult, ValueRef
from naq_tui.store.figures import Bar
from naq_tui.store.kin import Kin
from naq_tui.store.rows import EventRow
from naq_tui.store.schedule_runs import ScheduleRuns

FOLD_ALL = 10_000
"""More levels than any value has."""
LARGEST_SHOWN = 16 * 2**20
"""Bytes of the largest result that is read to be shown; a larger one is written to a file."""


@dataclass(frozen=True, slots=True)
class Aside:
    """A result that lies in the object store, as far as it has been read."""

    ref: ValueRef
    read: int = 0
    """Bytes that have come."""
    value: Any = None
    """In packed form, once `is_read`."""
    is_read: bool = False
    problem: str = ""
    """Why it could not be read."""


@dataclass(frozen=True, slots=True)
class Extra:
    """What was read for a report on top of the state; None while it is on its way."""

    event: EventRow | None = None
    result: JobResult | None = None
    aside: Aside | None = None
    """The job's result, where it does not lie in its record."""
    payload: Mapping[str, Any] | None = None
    """The job's own record: what it was called with."""
    events: tuple[StoredEvent, ...] | None = None
    kin: Kin | None = None
    """Of a job: what it waits for and what waits for it."""
    runs: ScheduleRuns | None = None
    """Of a schedule: its last runs, the state followed."""
    bars: Sequence[Bar] = ()
    """Of figures: the course of their window, oldest first."""
    problem: str = ""
    """Why it could not be read."""
    is_read: bool = False
    """Whether all that can be read has been."""
    depth: int = FOLD_ALL
    """How deep values are unfolded."""

    def aside_of(self, ref: ValueRef) -> Aside:
        """The result that lies there, as far as it has been read."""
        return self.aside if self.aside is not None and self.aside.ref == ref else Aside(ref)


NOTHING = Extra()
