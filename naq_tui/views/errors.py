"""Failures by cause: what fails, how often, since when, and where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from naq_tui.format import count, since, sparkline
from naq_tui.store.failures import FAILURES_KEPT, ErrorGroup, groups
from naq_tui.store.rows import function_name
from naq_tui.store.state import State
from naq_tui.text import safe
from naq_tui.views.table import Cell, Column, Lens, TableView, figure, waiting_for

SPARK_CELLS = 12
SPARK_STEP_MIN = 5


class ErrorsView(TableView[ErrorGroup]):
    name = "errors"
    title = "Errors"
    columns = (
        Column(id="error", title="  error", width=20, most=60, grow=9, keep=10, fill=True),
        Column(id="count", title="failed", width=7, right=True, keep=10, starts_descending=True),
        Column(id="trend", title="last hour", width=SPARK_CELLS, keep=6),
        Column(id="last", title="last", width=6, right=True, keep=9),
        Column(id="first", title="first", width=6, right=True, keep=5),
        Column(id="functions", title="functions", width=14, most=24, grow=5, keep=8),
        Column(id="queues", title="queues", width=10, most=16, grow=3, keep=4),
    )

    def items(self, state: State, lens: Lens) -> Sequence[ErrorGroup]:
        return groups(state.failures)

    def depends_on(self, state: State) -> tuple[object, ...]:
        return (state.failures,)

    def key(self, item: ErrorGroup) -> str:
        return item.key

    def cells(self, item: ErrorGroup, lens: Lens) -> tuple[Cell, ...]:
        trend = hour(item, lens)
        mark = "x" if lens.ascii_only else "✗"
        return (
            Cell(f"{mark} {item.text}", "failed"),
            Cell(count(item.count), "strong"),
            Cell(sparkline(trend, ascii_only=lens.ascii_only), "accent" if any(trend) else "muted"),
            Cell(since(item.last_at, lens.now), "muted"),
            Cell(since(item.first_at, lens.now), "muted"),
            Cell(names(_short(item.functions)), ""),
            Cell(names(item.queues), "muted"),
        )

    def sort_value(self, item: ErrorGroup, column: str, lens: Lens) -> Any:
        match column:
            case "error":
                return item.text
            case "count":
                return item.count
            case "trend":
                return sum(hour(item, lens))
            case "first":
                return -item.first_at.timestamp()
            case "functions":
                return names(_short(item.functions))
            case "queues":
                return names(item.queues)
        return -item.last_at.timestamp()

    def text(self, item: ErrorGroup) -> str:
        return f"{item.text} {item.type} {' '.join(map(safe, item.functions))} {' '.join(item.queues)}"

    def empty(self, state: State) -> str:
        return waiting_for(state, "errors", "No failures in the last day. Jobs that fail for good are listed by cause.")

    def headline(self, state: State, lens: Lens) -> tuple[Cell, ...]:
        if not state.failures:
            return ()
        number = len(state.failures)
        words = "failed, the newest" if number >= FAILURES_KEPT else "failed"
        return (figure(number, words), Cell("since a day ago", "muted"))


def hour(group: ErrorGroup, lens: Lens) -> list[int]:
    """Failures of the last hour in steps of five minutes, oldest first."""
    now = int(lens.now.timestamp()) // 60
    steps = [0] * SPARK_CELLS
    for minute, number in group.minutes.items():
        back = (now - minute) // SPARK_STEP_MIN
        if 0 <= back < SPARK_CELLS:
            steps[SPARK_CELLS - 1 - back] += number
    return steps


def _short(counts: dict[str, int]) -> dict[str, int]:
    """By the functions' own names, without their modules."""
    found: dict[str, int] = {}
    for reference, number in counts.items():
        name = function_name(reference)
        found[name] = found.get(name, 0) + number
    return found


def names(counts: dict[str, int]) -> str:
    """`build, send_mail +2`: the most frequent first."""
    ordered = sorted(counts, key=lambda name: -counts[name])
    shown = ", ".join(ordered[:2])
    return f"{shown} +{len(ordered) - 2}" if len(ordered) > 2 else shown
