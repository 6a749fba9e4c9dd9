"""What the event log needs of the feed: rows in sight, a filter's search, the next event of a kind, a moment's place.

Each is given up as soon as it is not wanted any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any

from textual.worker import Worker

from naq.errors import NaqException
from naq_tui.feed.query import Query
from naq_tui.store.rows import EventRow, event_row
from naq_tui.views.events import found_words, looking_words
from naq_tui.views.table import Cell
from naq_tui.widgets.event_pages import PAGE

if TYPE_CHECKING:
    from datetime import datetime

    from naq_tui.app import NaqConsole
    from naq_tui.messages import EventsWanted
    from naq_tui.widgets.event_log import EventLog

SETTLE_S = 0.2
"""How long a filter must stay as it is before the log is searched for it: it is being typed."""


class LogReading:
    """Mixed into the main screen. Handlers are named, not decorated: Textual finds no `@on` in a mixin."""

    if TYPE_CHECKING:
        app: NaqConsole
        log_view: EventLog

        def run_worker(self, *args: Any, **options: Any) -> Worker[None]: ...

        def _log_moved(self) -> None: ...

    _search: Worker[None] | None = None
    _look: Worker[None] | None = None
    _looked_at: float | None = None
    """How much of the log `_look` has been through; None while it has not begun or has ended."""

    def __init__(self) -> None:
        super().__init__()
        self._fetches: dict[int | tuple[int, ...], Worker[None]] = {}
        """By what is fetched: a page's first sequence, or single sequences."""

    # rows in sight

    def on_events_wanted(self, message: EventsWanted) -> None:
        message.stop()
        wanted: list[int | tuple[int, ...]] = [*message.pages, *([message.seqs] if message.seqs else [])]
        under_way = self._fetches
        for key in [key for key in under_way if key not in wanted]:
            under_way.pop(key).cancel()
        for key in wanted:
            if key not in under_way:
                under_way[key] = self._background("rows", partial(self._fetch, key))

    async def _fetch(self, key: int | tuple[int, ...]) -> None:
        log, feed = self.log_view, self.app.pages
        try:
            if isinstance(key, int):
                log.receive(key, [event_row(event) for event in await feed.read_events(key, PAGE)])
            else:
                log.receive_rows(key, [event_row(event) for event in await feed.read_at(key)])
        except NaqException:
            log.refused()
        self._fetches.pop(key, None)

    # a filter

    def on_event_log_filtered(self) -> None:
        self._stop(self._search)
        found = self.log_view.found
        if found is not None and found.state == "searching":
            self._search = self._background("search", self._search_log)

    async def _search_log(self) -> None:
        await asyncio.sleep(SETTLE_S)
        log = self.log_view
        found = log.found
        if found is None:
            return
        try:
            async with aclosing(self.app.pages.scan(found.wanted.query(), found.from_seq - 1, -1)) as steps:  # type: ignore[type-var]
                async for scanned in steps:
                    if log.found is not found:
                        return
                    log.receive_found(scanned.seqs, scanned.reached)
                    if found.state != "searching":
                        return
            if log.found is found:
                log.end_search(is_complete=True)
        except NaqException as exc:
            log.end_search(is_complete=False)
            self.app.say(str(exc), severity="error")

    # the next event of a kind

    def look_for(self, query: Query, is_wanted: Callable[[EventRow], bool], step: int, nothing: str) -> None:
        """Move to the next (or with -1 the previous) event that is wanted, wherever it is; `nothing` is said where
        there is none."""
        self._stop(self._look)
        seq, start = self.log_view.look(is_wanted, step)
        if seq is not None:
            self.log_view.jump(seq)
        else:
            self._look = self._background("look", partial(self._look_through, query, start, step, nothing))

    async def _look_through(self, query: Query, start: int, step: int, nothing: str) -> None:
        log, state = self.log_view, self.app.state
        ends = start if log.found is None else log.found.from_seq  # a filter shows nothing before what it has searched
        whole = max(1, state.last_seq - start if step > 0 else start - state.first_seq)
        try:
            async with aclosing(self.app.pages.scan(query, start, step)) as steps:  # type: ignore[type-var]
                async for scanned in steps:
                    if scanned.seqs:
                        seq = scanned.seqs[0 if step > 0 else -1]
                        if log.found is None or seq >= ends:
                            log.jump(seq)
                            return
                    if log.found is not None and scanned.reached < ends:
                        break
                    self._looked_at = abs(scanned.reached - start) / whole
                    self._log_moved()
            self.app.say(nothing)
        except NaqException as exc:
            self.app.say(str(exc), severity="error")
        finally:
            self._looked_at = None
            self._log_moved()

    # a moment

    def go_to(self, place: datetime | int) -> None:
        """Move to the first event at or after a moment or a sequence."""
        self._stop(self._look)
        self._look = self._background("look", partial(self._go_to, place))

    async def _go_to(self, place: datetime | int) -> None:
        try:
            seq = place if isinstance(place, int) else await self.app.pages.seq_at(place)
        except NaqException as exc:
            self.app.say(str(exc), severity="error")
            return
        state = self.app.state
        if seq > state.last_seq:
            self.log_view.follow(True)
            after = "Nothing has happened since: this is the end of the log."
            self.app.say(after if state.as_of is None else "That was after the instant that is shown.")
            return
        self.log_view.jump(seq)
        if seq < state.first_seq:
            self.app.say("The log begins here: what was before is no longer kept.")

    # ends

    def stop_reading(self) -> bool:
        """Give up what searches the log now; whether there was anything."""
        was_running = self._stop(self._search) | self._stop(self._look)
        self.log_view.end_search(is_complete=False)
        return was_running

    def leave_log(self) -> None:
        """Give up all that is under way: another log is shown from now on."""
        self.stop_reading()
        for fetch in self._fetches.values():
            fetch.cancel()
        self._fetches.clear()

    def log_footing(self) -> tuple[Cell, ...]:
        """What searches say in the frame; nothing where there is none."""
        found = self.log_view.found
        if self._looked_at is not None:
            return looking_words(self._looked_at)
        if found is None:
            return ()
        return found_words(found.state, len(found), found.progress(self.app.state.first_seq))

    def _background(self, group: str, work: Callable[[], Coroutine[Any, Any, None]]) -> Worker[None]:
        return self.run_worker(work, group=group, exit_on_error=False)

    @staticmethod
    def _stop(worker: Worker[None] | None) -> bool:
        if worker is None or worker.is_finished:
            return False
        worker.cancel()
        return True
