"""The last runs of one schedule, as the log tells of them: when each was due, what came of it, why one was not made.

Pure: the reader of the log adds what is older, the state what has come since.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import takewhile
from typing import Any, NamedTuple

from naq.models.event import JobEvent, JobEventType, StoredEvent
from naq.models.times import parse_time
from naq_tui.store.jobs import JobRow
from naq_tui.store.rows import EventRow, event_row
from naq_tui.store.state import State

RUNS = frozenset(
    {
        JobEventType.SCHEDULE_TRIGGERED,
        JobEventType.SCHEDULE_MISFIRED,
        JobEventType.SCHEDULE_SKIPPED,
        JobEventType.SCHEDULE_BUFFERED,
        JobEventType.SCHEDULE_FAILED,
        JobEventType.SCHEDULE_PAUSED,
        JobEventType.SCHEDULE_RESUMED,
    }
)
"""The events of a schedule that tell of a run, or why there was none."""


class ScheduleRun(NamedTuple):
    """A run, or what stood in the place of one."""

    row: EventRow
    job: JobRow | None = None
    """Its job, as far as anything is known of it."""
    is_read: bool = False
    """Whether all that tells of its job has been read: what is not known then can't be."""

    @property
    def event(self) -> JobEvent:
        event = self.row.raw.event
        assert event is not None  # `is_run`
        return event

    @property
    def job_id(self) -> str | None:
        """Of the job that was made; None where none was."""
        return self.event.job_id if self.event.type == JobEventType.SCHEDULE_TRIGGERED else None

    @property
    def details(self) -> Mapping[str, Any]:
        return self.event.details or {}

    @property
    def due(self) -> datetime | None:
        """The time it is about; None where it has none, as one that was triggered by hand."""
        return parse_time(self.details.get("due"))

    @property
    def is_by_hand(self) -> bool:
        return self.details.get("manual") is True

    @property
    def is_duplicate(self) -> bool:
        """Whether an earlier job, which held its unique key, stands for it."""
        return self.details.get("duplicate") is True

    @property
    def late_s(self) -> float | None:
        """How long after it was due its job was made; None where that is not told."""
        late_ms = self.details.get("late_ms")
        if isinstance(late_ms, int | float) and not isinstance(late_ms, bool) and abs(late_ms) < 1e15:
            return late_ms / 1000
        return None


def is_run(stored: StoredEvent, schedule_id: str) -> bool:
    """Whether an event is one of `RUNS` of this schedule."""
    event = stored.event
    return event is not None and event.type in RUNS and event.schedule_id == schedule_id


@dataclass(frozen=True, slots=True)
class ScheduleRuns:
    """Runs in one piece: all that there are between two places of the log, the newest first."""

    schedule_id: str
    seen: int
    """The last sequence that was looked at."""
    reached: int
    """The first sequence that was looked at."""
    most: int
    """How many are kept."""
    runs: tuple[ScheduleRun, ...] = ()
    is_reading: bool = True

    def has_all(self, first_seq: int) -> bool:
        """Whether there is none before them in a log that begins with `first_seq`."""
        return self.reached <= first_seq

    def older(self, events: Sequence[StoredEvent], reached: int) -> ScheduleRuns:
        """With those that lie before, in order; everything from `reached` on has been looked at."""
        added = tuple(ScheduleRun(event_row(stored)) for stored in reversed(events))
        return replace(self, runs=(*self.runs, *added), reached=min(self.reached, reached))

    def unread(self) -> tuple[ScheduleRun, ...]:
        """Those of whose jobs nothing is known yet."""
        return tuple(run for run in self.runs if run.job_id is not None and run.job is None and not run.is_read)

    def with_job(self, seq: int, job: JobRow | None) -> ScheduleRuns:
        """With what was read of the job of the run with this event; None is that nothing tells of it."""
        runs = (run._replace(job=run.job or job, is_read=True) if run.row.seq == seq else run for run in self.runs)
        return replace(self, runs=tuple(runs))

    def followed(self, state: State) -> ScheduleRuns:
        """With what the state knows: the runs that have come since, and how their jobs stand."""
        fresh = [
            ScheduleRun(row)
            for row in takewhile(lambda row: row.seq > self.seen, reversed(state.events))
            if is_run(row.raw, self.schedule_id)
        ]
        runs = tuple(_with_job(run, state) for run in (*fresh, *self.runs))
        reached = self.reached
        if len(runs) > self.most:
            runs = runs[: self.most]
            reached = runs[-1].row.seq
        return replace(self, runs=runs, reached=reached, seen=newest_of(state, self.seen))


def newest_of(state: State, seen: int = 0) -> int:
    """The newest event that the state holds, where that comes after `seen`."""
    return max(seen, state.events[-1].seq) if state.events else seen


def _with_job(run: ScheduleRun, state: State) -> ScheduleRun:
    job = state.jobs.get(run.job_id) if run.job_id is not None else None
    if job is None or job is run.job or (run.job is not None and run.job.changed_at > job.changed_at):
        return run
    return run._replace(job=job)
