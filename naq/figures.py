"""Figures of a part of the event log: how much of each function, queue and worker, how long it waited and ran. Pure.

Times are kept as counts in logarithmic buckets, so that a percentile costs no list of values and is at most
`RELATIVE_ERROR` away from the exact one. A run counts when it ends: its wait and its run time are told by that event.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from enum import StrEnum

from naq.models.event import JobEvent, JobEventType

RELATIVE_ERROR = 0.025
"""How far a percentile may be from the exact one (nearest rank), as a part of it."""
SHORTEST_MS = 0.001
"""What is shorter counts as no time at all; no clock here is finer."""
LONGEST_MS = 1e12
"""Thirty years; what is longer counts as that."""
MOST_NAMES = 1_000
"""Functions (queues, workers) told apart; what comes after them is told as the others."""
NAME_LENGTH = 200
UNNAMED = "-"
"""Stands for what an event does not name."""
COUNTED: dict[str, str] = {
    JobEventType.ENQUEUED: "enqueued",
    JobEventType.COMPLETED: "completed",
    JobEventType.FAILED: "failed",
    JobEventType.RETRY_SCHEDULED: "retried",
    JobEventType.CANCELLED: "cancelled",
}
"""The events that are counted, and as what."""
_LOG_BASE = math.log((1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR))
_NO_TIME = round(math.log(SHORTEST_MS) / _LOG_BASE) - 1
"""The bucket of what is shorter than `SHORTEST_MS`."""


class Dimension(StrEnum):
    """What figures are told by."""

    FUNCTION = "function"
    QUEUE = "queue"
    WORKER = "worker"


class Histogram:
    """How often which time occurred, in some 700 buckets at most, whatever comes."""

    __slots__ = ("buckets", "count", "sum_ms")

    def __init__(self) -> None:
        self.buckets: dict[int, int] = {}
        self.count = 0
        self.sum_ms = 0.0

    def add(self, ms: float) -> None:
        """Count one time in milliseconds; what is none (negative, not finite) is left out."""
        if not 0 <= ms < math.inf:
            return
        ms = min(ms, LONGEST_MS)
        bucket = math.ceil(math.log(ms) / _LOG_BASE) if ms >= SHORTEST_MS else _NO_TIME
        self.buckets[bucket] = self.buckets.get(bucket, 0) + 1
        self.count += 1
        self.sum_ms += ms

    def take(self, other: Histogram, sign: int = 1) -> None:
        """Add what `other` counted, or with -1 take back what was added."""
        for bucket, count in other.buckets.items():
            left = self.buckets.get(bucket, 0) + sign * count
            if left > 0:
                self.buckets[bucket] = left
            else:
                self.buckets.pop(bucket, None)
        self.count += sign * other.count
        self.sum_ms = max(0.0, self.sum_ms + sign * other.sum_ms) if self.count else 0.0

    def percentile(self, share: float) -> float | None:
        """The time in milliseconds that at least `share` (0 to 1) of them did not exceed; None where there are none."""
        if not self.count:
            return None
        left = max(1, math.ceil(share * self.count))
        for bucket in sorted(self.buckets):
            left -= self.buckets[bucket]
            if left <= 0:
                break
        return 0.0 if bucket == _NO_TIME else math.exp(bucket * _LOG_BASE) * (1 - RELATIVE_ERROR)

    @property
    def mean(self) -> float | None:
        return self.sum_ms / self.count if self.count else None


class Figures:
    """Counts and times of one name, or of one step of its history."""

    __slots__ = ("cancelled", "completed", "enqueued", "failed", "retried", "run", "wait")

    def __init__(self) -> None:
        self.enqueued = 0
        self.completed = 0
        self.failed = 0
        """Jobs that failed for good."""
        self.retried = 0
        """Runs that failed and were to be followed by another."""
        self.cancelled = 0
        self.wait = Histogram()
        """From when a job could run until it did."""
        self.run = Histogram()
        """Of every run that ended, however it did."""

    def add(self, event: JobEvent, counted: str) -> None:
        """Count an event; `counted` is what `COUNTED` has for its type."""
        setattr(self, counted, getattr(self, counted) + 1)
        if event.run_ms is not None:  # it ran: its wait is told with it
            self.run.add(event.run_ms)
            if event.wait_ms is not None:
                self.wait.add(event.wait_ms)

    def take(self, other: Figures, sign: int = 1) -> None:
        """Add the figures of `other`, or with -1 take back what was added."""
        for name in COUNTED.values():
            setattr(self, name, getattr(self, name) + sign * getattr(other, name))
        self.wait.take(other.wait, sign)
        self.run.take(other.run, sign)

    @property
    def done(self) -> int:
        """Jobs that ended by running: completed or failed."""
        return self.completed + self.failed

    @property
    def failed_share(self) -> float | None:
        """Failed ones of those done, 0 to 1; None where none was."""
        return self.failed / self.done if self.done else None

    @property
    def is_empty(self) -> bool:
        return not any(getattr(self, name) for name in COUNTED.values())


class Course:
    """The figures of one name, and of each step of time."""

    __slots__ = ("steps", "total")

    def __init__(self) -> None:
        self.total = Figures()
        self.steps: dict[int, Figures] = {}
        """By step; only those in which something happened."""

    def drop_before(self, step: int) -> None:
        """Leave out what lies before `step`."""
        for old in [known for known in self.steps if known < step]:
            self.total.take(self.steps.pop(old), -1)


class Table:
    """Courses by the names of one dimension, of which at most `most_names` are told apart."""

    def __init__(self, dimension: Dimension, most_names: int = MOST_NAMES) -> None:
        self.dimension = dimension
        self.courses: dict[str, Course] = {}
        self.others = Course()
        """What came when there were as many names as are told apart."""
        self._most_names = most_names

    def add(self, event: JobEvent, counted: str, step: int) -> None:
        """Count an event; where it names nothing it counts for `UNNAMED`, but no worker enqueues."""
        if self.dimension is Dimension.FUNCTION:
            name = event.function
        elif self.dimension is Dimension.QUEUE:
            name = event.queue
        elif (name := event.worker_id) is None and counted == "enqueued":
            return
        name = name[:NAME_LENGTH] if name else UNNAMED
        course = self.courses.get(name)
        if course is None:
            if len(self.courses) >= self._most_names:
                course = self.others
            else:
                course = self.courses[name] = Course()
        figures = course.steps.get(step)
        if figures is None:
            figures = course.steps[step] = Figures()
        figures.add(event, counted)
        course.total.add(event, counted)

    def drop_before(self, step: int) -> None:
        """Leave out what lies before `step`, and names of which nothing is left."""
        for name, course in [*self.courses.items()]:
            course.drop_before(step)
            if not course.steps:
                del self.courses[name]
        self.others.drop_before(step)

    def named(self) -> Iterator[tuple[str | None, Course]]:
        """Every name with its course, by run time in all, the longest first; None are the others, last."""
        yield from sorted(self.courses.items(), key=lambda item: (-item[1].total.run.sum_ms, item[0]))
        if not self.others.total.is_empty:
            yield None, self.others


class Fold:
    """Takes events, in any order, and keeps their figures by every dimension and by steps of time."""

    def __init__(self, step_s: float, most_names: int = MOST_NAMES) -> None:
        """`step_s` is how long a step of the history is, in seconds."""
        self.step_s = step_s
        self.tables = {dimension: Table(dimension, most_names) for dimension in Dimension}

    def step_of(self, seconds: float) -> int:
        """The step in which a moment lies, given in seconds since 1970."""
        return int(seconds // self.step_s)

    def add(self, event: JobEvent | None, seconds: float) -> None:
        """Count an event that was stored at `seconds` since 1970; what tells no figures, or can't be read, does not."""
        if event is None:
            return
        counted = COUNTED.get(event.type)
        if counted is None or event.is_refusal:
            return
        step = self.step_of(seconds)
        for table in self.tables.values():
            table.add(event, counted, step)

    def drop_before(self, step: int) -> None:
        """Leave out what lies before `step`."""
        for table in self.tables.values():
            table.drop_before(step)
