"""Schedules: what runs next, and what doesn't."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from naq_tui import hints, status
from naq_tui.format import count, due, since, until
from naq_tui.store.identity import Same
from naq_tui.store.rows import ScheduleRow
from naq_tui.store.state import State
from naq_tui.views.table import Cell, Column, Lens, TableView, waiting_for, with_untold

OVERDUE = timedelta(seconds=10)
"""How long after its time a schedule may fire without a word."""
_NEXT_CELLS = len("in 11 h 53 min")
_ORDER = {name: place for place, name in enumerate(status.SCHEDULE_ORDER)}


class SchedulesView(TableView[ScheduleRow]):
    name = "schedules"
    title = "Schedules"
    columns = (
        Column(id="status", title="  status", width=1, most=11, grow=10, keep=10),
        Column(id="schedule", title="schedule", width=10, most=20, grow=6, keep=10, is_id=True),
        Column(id="spec", title="when", width=14, most=28, grow=9, keep=9, fill=True),
        Column(id="next", title="next", width=14, right=True, keep=10),
        Column(id="last", title="last", width=7, right=True, keep=4),
        Column(id="runs", title="runs", width=7, right=True, keep=5, starts_descending=True),
        Column(id="failed", title="failed", width=6, right=True, keep=5, starts_descending=True),
        Column(id="function", title="function", width=12, most=24, keep=6),
        Column(id="queue", title="queue", width=10, most=14, keep=2),
        Column(id="error", title="error", width=16, keep=1, fill=True),
    )

    def items(self, state: State, lens: Lens) -> Sequence[ScheduleRow]:
        return _in_order(Same(state.schedules))

    def depends_on(self, state: State) -> tuple[object, ...]:
        return (state.schedules,)

    def key(self, item: ScheduleRow) -> str:
        return item.schedule_id

    def cells(self, item: ScheduleRow, lens: Lens) -> tuple[Cell, ...]:
        record = item.record
        look = status.of_schedule(item.status)
        is_active = item.status == "ACTIVE"
        late = is_active and is_overdue(item, lens.now)
        cells = (
            Cell(f"{look.mark(lens.ascii_only)} {look.word}", look.tone),
            Cell(item.name, "strong" if is_active else look.tone),
            Cell(item.spec, "" if is_active else "muted"),
            Cell(due(record.next_run_at, lens.now), "waiting" if late else "")
            if is_active
            else Cell(look.word, look.tone),
            Cell(since(record.last_run_at, lens.now), "muted"),
            Cell(count(record.run_count) + (f"/{record.repeat}" if record.repeat else "")),
            Cell(count(record.failure_count), "failed" if record.failure_count else "muted"),
            Cell(item.function),
            Cell(item.queue, "muted"),
            Cell(item.error, "failed"),
        )
        return with_untold(self.columns, cells, item.untold if is_active else item.untold - {"next"})

    def sort_value(self, item: ScheduleRow, column: str, lens: Lens) -> Any:
        record = item.record
        match column:
            case "status":
                return _ORDER.get(item.status, 0)
            case "spec":
                return item.spec
            case "next":
                return _next(item)
            case "last":
                return -record.last_run_at.timestamp() if record.last_run_at else 0.0
            case "runs":
                return record.run_count
            case "failed":
                return record.failure_count
            case "function":
                return item.function
            case "queue":
                return item.queue
            case "error":
                return item.error
        return item.name

    def text(self, item: ScheduleRow) -> str:
        return f"{item.schedule_id} {item.status} {item.spec} {item.function} {item.queue} {item.error}"

    def empty(self, state: State) -> str:
        starts = hints.hint("launch.scheduler", "starts a scheduler")
        words = hints.advice("No schedules yet", hints.hint("schedule.add", "on screen 6 makes one"), starts)
        return waiting_for(state, "schedules", words)

    def headline(self, state: State, lens: Lens) -> tuple[Cell, ...]:
        moment = next_run(state)
        if moment is None:
            return (Cell("none active", "muted"),) if state.schedules else ()
        return (Cell(f"next {until(moment, lens.now):<{_NEXT_CELLS}}", "muted"),)


def next_run(state: State) -> datetime | None:
    """When the next active schedule is due."""
    return next(iter(_census(Same(state.schedules)).due), None)


def overdue(state: State, now: datetime) -> int:
    """How many should have run and nobody made them."""
    return bisect_left(_census(Same(state.schedules)).due, now - OVERDUE)


def failed_schedules(state: State) -> tuple[ScheduleRow, ...]:
    """Those that have failed for good."""
    return _census(Same(state.schedules)).failed


class _Census(NamedTuple):
    """What the whole screen tells of all schedules: gone through once for each change of them, not for each frame."""

    due: list[datetime]
    """When the active ones are due, in order."""
    failed: tuple[ScheduleRow, ...]


@lru_cache(maxsize=2)
def _census(schedules: Same[Mapping[str, ScheduleRow]]) -> _Census:
    rows = schedules.value.values()
    due = (row.record.next_run_at for row in rows if row.record.is_due_ever)
    return _Census(
        sorted(moment for moment in due if moment is not None), tuple(row for row in rows if row.status == "FAILED")
    )


def is_overdue(row: ScheduleRow, now: datetime) -> bool:
    """Whether it should have run and nobody made it."""
    moment = row.record.next_run_at
    return row.status == "ACTIVE" and moment is not None and now - moment > OVERDUE


@lru_cache(maxsize=2)
def _in_order(schedules: Same[Mapping[str, ScheduleRow]]) -> tuple[ScheduleRow, ...]:
    rows = schedules.value.values()
    return tuple(sorted(rows, key=lambda row: (_ORDER.get(row.status, 0), _next(row), row.name)))


def _next(row: ScheduleRow) -> float:
    moment = row.record.next_run_at
    return moment.timestamp() if moment is not None and row.status == "ACTIVE" else float("inf")
