"""What the figures need of the feed: the log of their window, read in the background, and then what comes."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from textual.worker import Worker

from naq.errors import NaqException
from naq.figures import Dimension
from naq_tui.store.figures import WINDOWS, Bar, FigureRow, FiguresTold, WindowFold
from naq_tui.text import safe

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from naq.models.event import StoredEvent
    from naq_tui.app import NaqConsole

PACE_S = 0.5
"""Least time between two pictures of the figures: more often nobody can read them."""
RETRY_S = 2.0
SLICE = 250
"""Events counted between two looks at the keys: a few ms."""
TOLD_EVERY = 20_000
"""Sequences read between two pictures of the past that is being read."""


class FiguresReading:
    """Mixed into the main screen. What is counted is the log of what is shown: up to now, or up to an instant."""

    if TYPE_CHECKING:
        app: NaqConsole
        current: str

        def _background(self, group: str, work: Callable[[], Coroutine[Any, Any, None]]) -> Worker[None]: ...

        @staticmethod
        def _stop(worker: Worker[None] | None) -> bool: ...

    _counting: Worker[None] | None = None

    def __init__(self) -> None:
        super().__init__()
        self._dimension, self._window = Dimension.FUNCTION, WINDOWS[1]
        self._figures: WindowFold | None = None
        self._progress: float | None = 0.0
        """How much of the log of the window has been read, 0 to 1; None when all of it has."""
        self._figures_news = asyncio.Event()

    def count_while_shown(self) -> None:
        """Read and follow the log while the figures are the screen chosen; what has been read is kept after that."""
        if self.current != "figures":
            self._stop(self._counting)
            self._counting = None
        elif self._counting is None or self._counting.is_finished:
            self._counting = self._background("figures", self._count)

    def leave_figures(self) -> None:
        """Forget them: another log, another instant or another window is counted from now on."""
        self._stop(self._counting)
        self._counting = self._figures = None

    def figures_moved(self) -> None:
        """There may be something to count, or to let fall out."""
        self._figures_news.set()

    def bars_of(self, row: FigureRow) -> Sequence[Bar]:
        """The course of one row over the window, oldest first; empty where nothing is known of it."""
        return () if self._figures is None else self._figures.bars(row.dimension, row.name)

    def action_figures_by(self, step: int) -> None:
        """By function, queue, worker, or with -1 the other way round."""
        every = [*Dimension]
        self._dimension = every[(every.index(self._dimension) + step) % len(every)]
        self._tell_figures()

    def action_figures_window(self) -> None:
        """1 h, 24 h, 5 min: each is read anew."""
        self._window = WINDOWS[(WINDOWS.index(self._window) + 1) % len(WINDOWS)]
        self.leave_figures()
        self._tell_figures()
        self.count_while_shown()

    # reading

    async def _count(self) -> None:
        while True:
            try:
                await self._read_on()
            except NaqException as exc:
                self._tell_figures(safe(str(exc), 300))
                await asyncio.sleep(RETRY_S)
                continue
            await asyncio.sleep(PACE_S)
            await self._figures_news.wait()

    async def _read_on(self) -> None:
        """Count what is stored and was not counted: the feed has what is past, the state what has just come."""
        app = self.app
        self._figures_news.clear()
        if "events" not in app.state.loaded or app.state.stale_since is not None:
            if app.state.figures is None:
                self._tell_figures()  # what would be counted
            return
        figures, told = self._figures, app.state.figures
        # the state forgets them where the log is another; of a window left long ago all has fallen out
        if figures is None or told is None or figures.is_over(app.lens().now):
            figures, told = await self._begin(), None
        is_told = told is not None and told.progress is None and not told.problem
        if not self._state_has_all(figures):
            is_told = False
            await self._read_past(figures)
            if not self._state_has_all(figures):
                self._figures_news.set()
                return
        self._progress = None
        fresh = [row.raw for row in takewhile(lambda row: row.seq > figures.reached, reversed(app.state.events))][::-1]
        has_come = await self._add(figures, fresh)
        if figures.move(app.lens().now) or has_come or not is_told:
            self._tell_figures()

    def _state_has_all(self, figures: WindowFold) -> bool:
        """Whether the newest events go back to what has been counted."""
        state = self.app.state
        if state.events:
            return state.events[0].seq <= figures.reached + 1
        return state.last_seq <= figures.reached

    async def _begin(self) -> WindowFold:
        pages, now = self.app.pages, self.app.lens().now
        since = WindowFold.since(self._window, now)
        self._figures = None
        self._tell_figures()
        seq = await pages.seq_at(since)
        first = await pages.read_events(self.app.state.first_seq, 1)
        log_begins = bool(first) and first[0].stored_at > since
        from_at = first[0].stored_at if log_begins else since
        self._figures, self._progress = WindowFold(self._window, seq, from_at, now, log_begins=log_begins), 0.0
        return self._figures

    async def _read_past(self, figures: WindowFold) -> None:
        told_at = figures.reached
        async with aclosing(self.app.pages.counted(figures.reached + 1)) as pieces:  # type: ignore[type-var]
            async for counted in pieces:
                await self._add(figures, counted.events)
                figures.add((), counted.reached)
                if counted.reached - told_at >= TOLD_EVERY:
                    told_at = counted.reached
                    self._progress = figures.progress(max(self.app.state.last_seq, told_at))
                    self._tell_figures()

    async def _add(self, figures: WindowFold, events: Sequence[StoredEvent]) -> bool:
        has_come = False
        for at in range(0, len(events), SLICE):
            piece = events[at : at + SLICE]
            has_come |= figures.add(piece, piece[-1].seq)
            await self.app.keys_first()
        return has_come

    def _tell_figures(self, problem: str = "") -> None:
        if self.app.state.figures is None:
            self._figures = None  # they are of a log that is gone
        now, figures = self.app.lens().now, self._figures
        if figures is None:
            told = FiguresTold(self._dimension, self._window, (), now, log_begins=False, progress=0.0, problem=problem)
        else:
            told = figures.told(self._dimension, now, self._progress, problem)
        self.app.tell_figures(told)
