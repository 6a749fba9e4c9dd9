"""Results, newest first."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from naq_tui import hints, status
from naq_tui.format import at, count, milliseconds, size
from naq_tui.store.identity import Same
from naq_tui.store.rows import ResultRow
from naq_tui.store.state import State
from naq_tui.text import cut
from naq_tui.views.called_with import Argument, arguments
from naq_tui.views.jobs import tag_text
from naq_tui.views.table import Cell, Column, Lens, TableView, figure, spread, waiting_for, with_untold


class ResultsView(TableView[ResultRow]):
    name = "results"
    title = "Results"
    more_fields = ("error", "tag", "arg")
    columns = (
        Column(id="status", title="  status", width=1, most=11, grow=10, keep=10),
        Column(id="job", title="job", width=6, keep=9, is_id=True),
        Column(id="function", title="function", width=13, most=24, grow=4, keep=8),
        Column(id="value", title="value or error", width=20, most=40, grow=9, keep=10, fill=True),
        Column(id="run", title="run", width=7, right=True, keep=7, starts_descending=True),
        Column(id="at", title="stored", width=8, keep=6),
        Column(id="queue", title="queue", width=10, most=14, keep=4),
        Column(id="worker", title="worker", width=9, most=12, keep=3),
        Column(id="attempt", title="try", width=3, right=True, keep=2, starts_descending=True),
        Column(id="wait", title="wait", width=7, right=True, keep=2, starts_descending=True),
        Column(id="size", title="size", width=8, right=True, keep=1, starts_descending=True),
    )

    def items(self, state: State, lens: Lens) -> Sequence[ResultRow]:
        followed = reversed(state.results.values())  # type: ignore[call-overload]
        if state.older is None:
            return tuple(followed)
        older = reversed(state.older.rows.values())  # type: ignore[call-overload]
        return (*followed, *older) if self.begins_here(state) else tuple(older)

    def depends_on(self, state: State) -> tuple[object, ...]:
        return (state.results, state.older)

    def begins_here(self, state: State) -> bool:
        return state.older is None or state.older.joins(state.results_from)

    def key(self, item: ResultRow) -> str:
        return item.job_id

    def cells(self, item: ResultRow, lens: Lens) -> tuple[Cell, ...]:
        record = item.record
        look = status.of_job(item.status)
        cells = (
            Cell(f"{look.mark(lens.ascii_only)} {look.word}", look.tone),
            Cell(item.job, "muted"),
            Cell(item.function, "strong"),
            Cell(item.text, "failed" if item.status == "FAILED" else ""),
            Cell(milliseconds(record.run_ms)),
            Cell(at(item.at, lens.now), "muted"),
            Cell(item.queue, "muted"),
            Cell(item.worker, "muted"),
            Cell(str(record.attempt), "waiting" if record.attempt > 1 else "muted"),
            Cell(milliseconds(record.wait_ms), "muted"),
            Cell(size(record.size), "muted"),
        )
        return with_untold(self.columns, cells, item.untold)

    def sort_value(self, item: ResultRow, column: str, lens: Lens) -> Any:
        record = item.record
        match column:
            case "status":
                return item.status
            case "job":
                return item.job_id
            case "function":
                return item.function
            case "value":
                return item.text
            case "run":
                return record.run_ms or 0.0
            case "queue":
                return item.queue
            case "worker":
                return item.worker
            case "attempt":
                return record.attempt
            case "wait":
                return record.wait_ms or 0.0
            case "size":
                return record.size
        return -item.at.timestamp() if item.at else 0.0

    def not_held(self, state: State, facet: str) -> int:
        return 0 if state.as_of is not None or state.has_all_results else max(0, state.results_total - held(state))

    def text(self, item: ResultRow) -> str:
        return f"{item.status} {item.job_id} {item.function} {item.queue} {item.worker} {item.text}"

    def fields(self, item: ResultRow, lens: Lens) -> Mapping[str, str]:
        error = item.text if item.record.error is not None else ""
        about = {"job": item.job_id, "function": item.record.function, "tag": tag_text(item.record.tags)}
        return {**super().fields(item, lens), **about, "error": error}

    def call(self, item: ResultRow) -> Sequence[Argument] | None:
        return None if item.record.job is None else arguments(Same(item.record.job))

    def unknown(self, item: ResultRow) -> Collection[str]:
        return ("arg",) if item.record.job is None else ()

    def empty(self, state: State) -> str:
        return waiting_for(state, "results", "No results yet: each job that ends leaves one here.")

    def headline(self, state: State, lens: Lens) -> tuple[Cell, ...]:
        if state.as_of is not None:
            return (Cell("values as far as they are kept still", "muted"),) if state.results else ()
        number, total = held(state), max(state.results_total, held(state))
        if not total:
            return ()
        if state.has_all_results or (number == total and not state.results_from):
            return (figure(number, "stored"),) if number else ()
        if state.older is not None and not self.begins_here(state):
            which = "oldest" if state.has_oldest_result else "older"
            newest = hints.hint("list.first", "{} to the newest")
            told = (figure(number, which, "waiting", cells=5), _of_all(state, "waiting"))
            return (*told, Cell(newest, "muted")) if newest else told
        return (figure(number, "newest", cells=5), _of_all(state, "muted"))


def held(state: State) -> int:
    """Results among which the list shows those that match."""
    older = state.older
    if older is None:
        return len(state.results)
    number = older.looked_at + older.unreadable
    return number + len(state.results) if older.joins(state.results_from) else number


def _of_all(state: State, tone: str) -> Cell:
    """How many are stored, or at most are, where deleted ones are among them."""
    return figure(max(state.results_total, held(state)), "at most" if state.results_removed else "stored", tone)


def footing(state: State, found: int, *, reading: str, problem: str, is_filtered: bool) -> tuple[Cell, ...]:
    """What the frame says about reading on.

    Args:
        found: rows that match.
        reading: what is read now: "older", "newer", "oldest", or with a filter "search"; empty where nothing is.
        problem: why the last reading ended; empty where it did not fail. Safe text.
    """
    stops = hints.hint("back", "{} stops")
    if reading == "search":
        share = int(100 * held(state) / max(1, state.results_total))
        return spread([Cell(f"searching … {share} %", "waiting"), Cell(f"{count(found)} found", "muted"), _soft(stops)])
    if reading:
        return spread([Cell(f"reading {reading} ones …", "waiting"), _soft(stops)])
    if problem:
        return spread([Cell(cut(problem, 60), "failed"), _soft(hints.hint("list.down", "{} tries again"))])
    if not is_filtered:
        return ()
    if state.has_all_results or not state.results_from:
        return (Cell(f"{count(found)} found in all of them", "muted"),)
    if state.older is not None and state.older.is_full:
        return (Cell(f"the newest {count(found)} found, no more are kept", "muted"),)
    words = f"{count(found)} found in the newest {count(held(state))}"
    more = (_soft(hints.hint("list.down", "{} searches on")), _soft(hints.hint("list.last", "{} all")))
    return spread([Cell(words, "muted"), *more])


def _soft(words: str) -> Cell | None:
    return Cell(words, "muted") if words else None
