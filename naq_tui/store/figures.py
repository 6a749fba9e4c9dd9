"""Figures of a stretch of time that ends now, by function, queue or worker: a fold of the log, and its rows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from naq.figures import Course, Dimension, Figures, Fold
from naq.models.event import StoredEvent

MOST_NAMES = 200
"""Functions (queues, workers) told apart in the console; `naq stats` tells more of them."""
STEPS = 60
"""Steps of a window; by them the past falls out of it."""
STEPS_PER_BAR = 5
BARS = STEPS // STEPS_PER_BAR
"""Bars that a window is drawn with. They begin at whole multiples of their length, so they don't wander."""


class Window(NamedTuple):
    """How far back figures reach."""

    title: str
    words: str
    """As in "the last hour"."""
    since: str
    """The same as `naq stats --since` takes it."""
    length_s: int

    @property
    def step_s(self) -> int:
        """Seconds of a step."""
        return self.length_s // STEPS

    @property
    def bar_s(self) -> int:
        """Seconds of a bar."""
        return self.step_s * STEPS_PER_BAR


WINDOWS = (
    Window("5 min", "5 minutes", "5m", 300),
    Window("1 h", "hour", "1h", 3_600),
    Window("24 h", "day", "24h", 86_400),
)


class Times(NamedTuple):
    """Percentiles in milliseconds; None where nothing ran."""

    p50: float | None
    p95: float | None
    p99: float | None


class FigureRow(NamedTuple):
    """The figures of one name over a window. `name` is as others wrote it."""

    dimension: Dimension
    name: str | None
    """None stands for all that are not told apart."""
    window: Window
    enqueued: int
    completed: int
    failed: int
    retried: int
    cancelled: int
    rate: float
    """Jobs done (completed or failed) a second."""
    failed_share: float | None
    wait: Times
    run: Times
    worked_ms: float
    """Run time in all."""
    time_share: float | None
    """Of the run time of all names together, 0 to 1; None where nothing ran."""
    trend: tuple[int, ...]
    """Jobs done in each bar of the window, oldest first."""

    @property
    def done(self) -> int:
        return self.completed + self.failed


class Bar(NamedTuple):
    """What happened to one name in a bar of its window."""

    at: datetime
    """When it begins."""
    enqueued: int
    completed: int
    failed: int
    retried: int
    wait_p95: float | None
    run_p95: float | None


class FiguresTold(NamedTuple):
    """What is known now, for the screen."""

    dimension: Dimension
    window: Window
    rows: tuple[FigureRow, ...]
    """The most run time first, the others last."""
    from_at: datetime
    """Since when they count: where the log begins later than the window, that."""
    log_begins: bool
    """Whether that is so."""
    progress: float | None
    """How much of the past has been read, 0 to 1; None when all of it has."""
    problem: str = ""
    """Why it can't be read on now; it is tried again."""


class WindowFold:
    """Folds events into the figures of one window; `told` is what they come to. Pure: no clock."""

    def __init__(self, window: Window, from_seq: int, from_at: datetime, now: datetime, *, log_begins: bool) -> None:
        """
        Args:
            from_seq: the first event that belongs to the window.
            from_at: since when that is.
            log_begins: whether the log has nothing from before it.
        """
        self.window = window
        self.from_seq = from_seq
        self.reached = from_seq - 1
        """The last event that was looked at."""
        self._from_at = from_at
        self._log_begins = log_begins
        self._fold = Fold(window.step_s, MOST_NAMES)
        self._step = self._fold.step_of(now.timestamp())

    @staticmethod
    def since(window: Window, now: datetime) -> datetime:
        """When the oldest step begins that a window has at `now`."""
        step = int(now.timestamp() // window.step_s) - STEPS + 1
        return datetime.fromtimestamp(step * window.step_s, UTC)

    def add(self, events: Iterable[StoredEvent], reached: int) -> bool:
        """Count events that were not looked at yet, up to sequence `reached`; whether there were any to count."""
        found = False
        for stored in events:
            if stored.seq > self.reached:
                self._fold.add(stored.event, stored.stored_at.timestamp())
                found = True
        self.reached = max(self.reached, reached)
        return found

    def move(self, now: datetime) -> bool:
        """Let what is too old fall out; whether the window has moved by a step."""
        step = self._fold.step_of(now.timestamp())
        if step <= self._step:
            return False
        self._step = step
        self._fold.drop_before(step - STEPS + 1)
        since = self.since(self.window, now)
        if since >= self._from_at:
            self._from_at, self._log_begins = since, False
        return True

    def is_over(self, now: datetime) -> bool:
        """Whether nothing of what was counted belongs to the window any more."""
        return self._fold.step_of(now.timestamp()) - self._step >= STEPS

    def progress(self, last_seq: int) -> float:
        """How much of what is in the log up to `last_seq` has been looked at."""
        return min(1.0, (self.reached - self.from_seq + 1) / max(1, last_seq - self.from_seq + 1))

    def told(self, dimension: Dimension, now: datetime, progress: float | None, problem: str = "") -> FiguresTold:
        """What was counted comes to; `progress` and `problem` are handed on as they are."""
        named = [*self._fold.tables[dimension].named()]
        worked_ms = math.fsum(course.total.run.sum_ms for _, course in named)
        seconds = max(1.0, (now - self._from_at).total_seconds())
        rows = tuple(self._row(dimension, name, course, seconds, worked_ms) for name, course in named)
        return FiguresTold(dimension, self.window, rows, self._from_at, self._log_begins, progress, problem)

    def _row(
        self, dimension: Dimension, name: str | None, course: Course, seconds: float, worked_ms: float
    ) -> FigureRow:
        total = course.total
        return FigureRow(
            dimension,
            name,
            self.window,
            total.enqueued,
            total.completed,
            total.failed,
            total.retried,
            total.cancelled,
            total.done / seconds,
            total.failed_share,
            Times(*(total.wait.percentile(share) for share in (0.5, 0.95, 0.99))),
            Times(*(total.run.percentile(share) for share in (0.5, 0.95, 0.99))),
            total.run.sum_ms,
            total.run.sum_ms / worked_ms if worked_ms else None,
            tuple(sum(figures.done for figures in bar) for _, bar in self._bars(course)),
        )

    def bars(self, dimension: Dimension, name: str | None) -> tuple[Bar, ...]:
        """The history of one name, oldest first; empty where there is nothing of it."""
        table = self._fold.tables[dimension]
        course = table.others if name is None else table.courses.get(name)
        return () if course is None else tuple(self._bar(first, bar) for first, bar in self._bars(course))

    def _bars(self, course: Course) -> list[tuple[int, Sequence[Figures]]]:
        """The first step of each bar, and what is in it."""
        newest = self._step - self._step % STEPS_PER_BAR
        firsts = range(newest - (BARS - 1) * STEPS_PER_BAR, newest + 1, STEPS_PER_BAR)
        steps = course.steps
        return [
            (first, [steps[step] for step in range(first, first + STEPS_PER_BAR) if step in steps]) for first in firsts
        ]

    def _bar(self, first: int, steps: Sequence[Figures]) -> Bar:
        whole = Figures()
        for figures in steps:
            whole.take(figures)
        return Bar(
            datetime.fromtimestamp(0, UTC) + timedelta(seconds=first * self.window.step_s),
            whole.enqueued,
            whole.completed,
            whole.failed,
            whole.retried,
            whole.wait.percentile(0.95),
            whole.run.percentile(0.95),
        )
