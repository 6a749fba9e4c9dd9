"""How much runs of what, how long it waits and runs, and what takes the most: by function, queue or worker."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from naq.figures import Dimension
from naq_tui.format import milliseconds, rate, short_count, sparkline
from naq_tui.store.figures import BARS, WINDOWS, FigureRow, Window
from naq_tui.store.rows import function_name
from naq_tui.store.rows import name as safe_name
from naq_tui.store.state import State
from naq_tui.text import safe
from naq_tui.views.table import Cell, Column, Lens, TableView, figure, there

OTHERS = "(others)"


class FiguresView(TableView[FigureRow]):
    name = "figures"
    title = "Figures"
    has_top_line = True
    columns = (
        Column(id="name", title="name", width=15, most=22, grow=9, keep=10, fill=True),
        Column(id="rate", title="rate", width=7, right=True, keep=9, starts_descending=True),
        Column(id="done", title="done", width=6, right=True, keep=7, starts_descending=True),
        Column(id="failed", title="failed", width=6, right=True, keep=9, starts_descending=True),
        Column(id="wait_p50", title="wait p50", width=8, right=True, keep=5, starts_descending=True),
        Column(id="wait_p95", title="wait p95", width=8, right=True, keep=8, starts_descending=True),
        Column(id="wait_p99", title="wait p99", width=8, right=True, keep=4, starts_descending=True),
        Column(id="run_p50", title="run p50", width=7, right=True, keep=5, starts_descending=True),
        Column(id="run_p95", title="run p95", width=7, right=True, keep=8, starts_descending=True),
        Column(id="run_p99", title="run p99", width=7, right=True, keep=4, starts_descending=True),
        Column(id="share", title="share", width=5, right=True, keep=9, starts_descending=True),
        Column(id="trend", title="trend", width=BARS, keep=6, starts_descending=True),
    )

    def items(self, state: State, lens: Lens) -> Sequence[FigureRow]:
        return state.figures.rows if state.figures is not None else ()

    def depends_on(self, state: State) -> tuple[object, ...]:
        return (state.figures,)

    def key(self, item: FigureRow) -> str:
        return key_of(item.dimension, item.name)

    def cells(self, item: FigureRow, lens: Lens) -> tuple[Cell, ...]:
        ran = "" if item.done else "muted"
        spark = sparkline(item.trend, ascii_only=lens.ascii_only)
        return (
            Cell(shown_name(item), "muted" if item.name is None else "strong"),
            Cell(pace(item.rate), ran),
            Cell(short_count(item.done), ran),
            Cell(percent(item.failed_share), "failed" if item.failed else "muted"),
            Cell(milliseconds(item.wait.p50), "muted"),
            Cell(milliseconds(item.wait.p95), ""),
            Cell(milliseconds(item.wait.p99), "muted"),
            Cell(milliseconds(item.run.p50), "muted"),
            Cell(milliseconds(item.run.p95), ""),
            Cell(milliseconds(item.run.p99), "muted"),
            Cell(percent(item.time_share), "strong" if item.worked_ms else "muted"),
            Cell(spark, "accent" if any(item.trend) else "muted"),
        )

    def sort_value(self, item: FigureRow, column: str, lens: Lens) -> Any:
        match column:
            case "name":
                return shown_name(item)
            case "rate" | "done":
                return item.done
            case "failed":
                return item.failed_share or 0.0
            case "share":
                return item.worked_ms
            case "trend":
                return item.trend[::-1]
        kind, _, percentile = column.partition("_")
        return getattr(getattr(item, kind), percentile) or 0.0

    def text(self, item: FigureRow) -> str:
        return safe(item.name or OTHERS, 300)

    def top_line(self, state: State, facet: str, room: int, *, ascii_only: bool) -> list[Cell]:
        """What figures are told by, and how far back; the chosen ones stand out."""
        told = state.figures
        line = [Cell("  by ", "muted")]
        for dimension in Dimension:
            is_chosen = told is not None and dimension is told.dimension
            line += [Cell(f" {dimension} ", "chip" if is_chosen else "muted"), Cell(" ")]
        line.append(Cell("    last ", "muted"))
        for window in WINDOWS:
            is_chosen = told is not None and window == told.window
            line += [Cell(f" {window.title} ", "chip" if is_chosen else "muted"), Cell(" ")]
        return line

    def empty(self, state: State) -> str:
        told = state.figures
        if told is not None and told.problem:
            return f"The log could not be read: {told.problem}"
        if told is not None and told.progress is None:
            return f"Nothing was enqueued or ran in {reach(told.window, state)}."
        if _can_be_read(state):
            return "Reading the log…"
        return "Nothing could be read: no connection to the server."

    def headline(self, state: State, lens: Lens) -> tuple[Cell, ...]:
        told = state.figures
        if told is None or (not told.rows and not told.problem and not _can_be_read(state)):
            return ()
        done, failed = sum(row.done for row in told.rows), sum(row.failed for row in told.rows)
        return there(
            [
                Cell(f"not read on: {told.problem}", "failed") if told.problem else None,
                Cell(f"read {told.progress:.0%}", "waiting") if told.progress is not None else None,
                Cell(f"the log begins {milliseconds(_age_ms(told.from_at, lens))} ago", "waiting")
                if told.log_begins
                else None,
                figure(done, "done"),
                figure(failed, "failed", "failed" if failed else "muted"),
            ]
        )


def _can_be_read(state: State) -> bool:
    return state.link.state in ("connecting", "live")


def reach(window: Window, state: State) -> str:
    """`the last hour`, in what is over `the hour before this instant`."""
    return f"the last {window.words}" if state.as_of is None else f"the {window.words} before this instant"


def _age_ms(moment: datetime, lens: Lens) -> float:
    return max(0.0, (lens.now - moment).total_seconds() * 1000)


def shown_name(row: FigureRow) -> str:
    """A function without its module, as in all lists."""
    if row.name is None:
        return OTHERS
    return function_name(row.name) if row.dimension is Dimension.FUNCTION else safe_name(row.name)


def key_of(dimension: Dimension, name: str | None) -> str:
    """What a row is held by, also in a report on it."""
    return dimension.value if name is None else f"{dimension.value} {name}"


def pace(per_second: float) -> str:
    """`398/s`, `48/min`, `2/h`: in the first unit of which there is at least one."""
    if per_second >= 0.95 or not per_second:
        return rate(per_second)
    per_minute = per_second * 60
    return f"{per_minute:.0f}/min" if per_minute >= 0.95 else f"{per_second * 3600:.0f}/h"


def percent(share: float | None) -> str:
    """`2.8%`, `41%`, `<0.1%`; empty where None. `share` is 0 to 1."""
    if share is None:
        return ""
    hundredths = share * 100
    if 0 < hundredths < 0.05:
        return "<0.1%"
    return f"{hundredths:.1f}%" if 0 < hundredths < 9.95 else f"{hundredths:.0f}%"
