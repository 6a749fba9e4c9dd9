"""What the list of results needs of the feed: those from before the ones that are followed, as somebody comes to them.

Without a filter a page is read whenever the cursor comes near an end of what is held; with one only when it is asked
for more than what is found, and nothing is kept but what matches.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from textual.worker import Worker

from naq.errors import NaqException
from naq.models.result import JobResult
from naq_tui.feed.query import ResultsPiece
from naq_tui.format import plural
from naq_tui.store.older import OLDER_KEPT
from naq_tui.store.rows import ResultRow, result_row
from naq_tui.store.updates import OlderLeft, OlderRead, OlderWanted
from naq_tui.text import safe
from naq_tui.views.arranging import judge
from naq_tui.views.results import footing
from naq_tui.views.table import Cell

if TYPE_CHECKING:
    from naq_tui.app import NaqConsole
    from naq_tui.widgets.line_table import LineTable
    from naq_tui.widgets.row_cursor import RowCursor

PAGE = 100
"""Rows that one key brings at least, if there are so many."""
SEARCHED_AT_ONCE = 2_000
"""Results that one key searches at most, where it did not ask for all."""
Reading = Literal["", "older", "newer", "oldest", "search"]


class ResultsReading:
    """Mixed into the main screen. Handlers are named, not decorated: Textual finds no `@on` in a mixin."""

    if TYPE_CHECKING:
        app: NaqConsole
        tables: dict[str, LineTable[Any]]
        current: str

        def run_worker(self, *args: Any, **options: Any) -> Worker[None]: ...

        def _refresh_views(self) -> None: ...

    _reads: Worker[None] | None = None
    _reading: Reading = ""
    _read_problem = ""
    """Why the last reading failed; empty where it did not."""
    _is_given_up = False
    """Whether it failed or was stopped: it is not tried again before a key asks for it."""

    @property
    def _results(self) -> LineTable[ResultRow]:
        return self.tables["results"]

    def on_row_cursor_reached(self, message: RowCursor.Reached) -> None:
        message.stop()
        table = self._results
        if message.view_name != table.view.name or self.app.is_past:
            return
        is_turned = table.is_reversed and not table.sort_column
        if (-message.step if is_turned else message.step) < 0:
            self._to_newer(wants_end=message.wants_end and not is_turned)
        elif table.needle:
            if message.is_beyond or message.wants_end:
                self._search_on(OLDER_KEPT if message.wants_end else PAGE, through=message.wants_end)
        elif message.wants_end and not is_turned and not table.sort_column:
            self._to_oldest()
        else:
            self._to_older()

    def results_shown(self) -> None:
        """Read on where what is held does not fill the list: the newest may be marks of deleted ones alone."""
        table = self._results
        is_short = not table.needle and table.row_count < min(PAGE, table.size.height)
        if is_short and not self._is_given_up and self.app.state.is_live and not self.app.is_past:
            self._to_older()

    def results_footing(self) -> tuple[Cell, ...]:
        """What the frame says of what is held, read and searched; nothing where there is nothing to say."""
        state, table = self.app.state, self._results
        if state.as_of is not None:
            return (Cell(f"{table.row_count:,} shown", "muted"),) if table.needle else ()
        return footing(
            state,
            table.row_count,
            reading=self._reading,
            problem=self._read_problem,
            is_filtered=bool(table.needle),
        )

    # the ways to go

    def _to_older(self) -> None:
        state = self.app.live
        if state.results_from and not state.has_oldest_result:
            self._begin_reading("older", partial(self._read_results, -1))

    def _to_newer(self, *, wants_end: bool) -> None:
        state = self.app.live
        if state.older is None or state.older.joins(state.results_from):
            return
        if wants_end:
            self.leave_older()
            self._results.to_end(-1)
        else:
            self._begin_reading("newer", partial(self._read_results, 1))

    def _to_oldest(self) -> None:
        state = self.app.live
        if self._results.has_marks:
            self._to_older()  # what is marked stays in sight of the keys that act
        elif state.results_from and not state.has_oldest_result:
            self._stop_reads()
            self._begin_reading("oldest", self._jump)

    def _search_on(self, wanted: int, *, through: bool) -> None:
        state = self.app.live
        is_over = state.has_oldest_result or (state.older is not None and state.older.is_full)
        if state.results_from and not is_over:
            self._begin_reading("search", partial(self._search_results, wanted, through))

    # reading

    def _begin_reading(self, reading: Reading, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if self._reads is None or self._reads.is_finished:
            self._read_problem, self._is_given_up, self._reading = "", False, reading
            self._reads = self.run_worker(partial(self._guarded, work), group="results", exit_on_error=False)
            self._want()

    def _want(self) -> None:
        """From now on what is followed no more is kept as well, as far as it is wanted."""
        table, lens = self._results, self.app.lens()
        needle = table.needle
        wanted = (lambda row: judge(table.view, needle, row, lens) is not False) if needle else None
        self.app.take([OlderWanted(wanted)])

    async def _guarded(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        this = self._reads
        try:
            await work()
        except NaqException as exc:
            self._read_problem, self._is_given_up = safe(str(exc), 300), True
        finally:
            if self._reads is this:
                self._reading = ""
                self._refresh_views()

    async def _read_results(self, step: int) -> None:
        older = self.app.live.older
        if older is None:  # the newest are followed from elsewhere by now
            return
        start, got = older.from_seq - 1 if step < 0 else older.to_seq + 1, 0
        async with aclosing(self.app.pages.stored_results(start, step)) as pieces:  # type: ignore[type-var]
            async for piece in pieces:
                low, high = (piece.reached, start) if step < 0 else (start, piece.reached)
                self._take(piece, piece.results, low, high)
                start, got = piece.reached + step, got + len(piece.results)
                older = self.app.live.older
                if got >= PAGE or older is None or (step > 0 and older.joins(self.app.live.results_from)):
                    return

    async def _jump(self) -> None:
        """To the oldest of all: what lies between is read when somebody comes there."""
        results, reached = list[JobResult](), 0
        unreadable = removed = 0
        async with aclosing(self.app.pages.stored_results(1, 1)) as pieces:  # type: ignore[type-var]
            async for piece in pieces:
                results += piece.results
                reached, unreadable, removed = piece.reached, unreadable + piece.unreadable, removed + piece.removed
                if len(results) >= PAGE:
                    break
        whole = ResultsPiece(tuple(results), reached, unreadable, removed)
        self._take(whole, whole.results, 1, reached, is_jump=True)
        self._results.to_end(1)

    async def _search_results(self, wanted: int, through: bool) -> None:
        older = self.app.live.older
        if older is None:
            return
        start, looked_at, got = older.from_seq - 1, 0, 0
        last_row = self._results.selected_key
        async with aclosing(self.app.pages.stored_results(start, -1)) as pieces:  # type: ignore[type-var]
            async for piece in pieces:
                older = self.app.live.older
                if older is None or older.wanted is None:
                    return
                found = tuple(record for record in piece.results if older.wanted(result_row(record)))
                self._take(piece, found, piece.reached, start)
                start, got, looked_at = piece.reached - 1, got + len(found), looked_at + len(piece.results)
                older = self.app.live.older
                if older is None or older.is_full or got >= wanted or (looked_at >= SEARCHED_AT_ONCE and not through):
                    break
        if through and self._results.selected_key == last_row:
            self._results.to_end(1)

    def _take(self, piece: ResultsPiece, kept: Any, from_seq: int, to_seq: int, *, is_jump: bool = False) -> None:
        looked_at, has_removed = len(piece.results), piece.removed > 0
        self._change(OlderRead(kept, from_seq, to_seq, looked_at, piece.unreadable, has_removed, is_jump))

    def _change(self, update: OlderRead | OlderLeft) -> None:
        marked = len(self._results.marks)
        self.app.take([update])
        lost = marked - len(self._results.marks)
        if lost > 0:
            self.app.say(f"{plural(lost, 'mark')} taken off: what it was on is no longer held.", severity="warning")

    # ends

    def stop_results(self) -> bool:
        """Give up what is read now; whether there was anything."""
        was_running = self._stop_reads()
        if was_running:
            self._is_given_up = True
            self._refresh_views()
        return was_running

    def _stop_reads(self) -> bool:
        reads, self._reads, self._reading = self._reads, None, ""
        if reads is None or reads.is_finished:
            return False
        reads.cancel()
        return True

    def leave_older(self) -> None:
        """Back to the newest: what was read beside them is let go."""
        self._stop_reads()
        self._read_problem, self._is_given_up = "", False
        if self.app.live.older is not None:
            self._change(OlderLeft())
