"""Queues: what waits, since when, and how fast it goes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from naq_tui import hints, status
from naq_tui.format import count, duration, rate, since, sparkline
from naq_tui.store.rows import QueueRow
from naq_tui.store.state import NO_TRAFFIC, State, Traffic
from naq_tui.views.judging import served_queues
from naq_tui.views.table import Cell, Column, Lens, TableView, figure, there, waiting_for, with_untold

RATE_WINDOW_S = 5
PACE_S = 60
LONGEST_S = 30 * 86_400
"""What would take longer does not drain."""
SPARK_CELLS = 8
SPARK_STEP_S = 6


class QueueItem(NamedTuple):
    """A queue with what else is known of it."""

    row: QueueRow
    traffic: Traffic
    is_unserved: bool
    """Jobs wait and nobody takes them."""


class QueuesView(TableView[QueueItem]):
    name = "queues"
    title = "Queues"
    columns = (
        Column(id="queue", title="  queue", width=11, most=40, grow=3, keep=10),
        Column(id="waiting", title="waiting", width=7, right=True, keep=10, starts_descending=True),
        Column(id="running", title="running", width=7, right=True, keep=8, starts_descending=True),
        Column(id="failed", title="fail/h", width=6, right=True, keep=6, starts_descending=True),
        Column(id="oldest", title="oldest", width=6, right=True, keep=7, starts_descending=True),
        Column(id="rate", title="out", width=6, right=True, keep=7, starts_descending=True),
        Column(id="trend", title="", width=SPARK_CELLS, keep=3),
        Column(id="drains", title="drains", width=8, right=True, keep=5),
        Column(id="in", title="in", width=6, right=True, keep=2, starts_descending=True),
        Column(id="redelivered", title="again", width=6, right=True, keep=1, starts_descending=True),
        Column(id="pulls", title="pulls", width=6, right=True, keep=0, starts_descending=True),
    )

    def items(self, state: State, lens: Lens) -> Sequence[QueueItem]:
        served = served_queues(state, lens)
        items = [
            QueueItem(row, state.queue_traffic.get(row.name, NO_TRAFFIC), is_unserved(row, served))
            for row in state.queues
        ]
        return sorted(items, key=lambda item: (not item.is_unserved, item.row.name))

    def depends_on(self, state: State) -> tuple[object, ...]:
        return (state.queues, state.queue_traffic, state.workers)

    def key(self, item: QueueItem) -> str:
        return item.row.stats.queue

    def cells(self, item: QueueItem, lens: Lens) -> tuple[Cell, ...]:
        stats = item.row.stats
        second = int(lens.now.timestamp())
        trend = item.traffic.finished.buckets(second, SPARK_STEP_S, SPARK_CELLS)
        failed = item.traffic.failed.total(second // 60, 60)
        warn = "waiting" if item.is_unserved or stats.is_paused else ""
        oldest = "" if stats.waiting + stats.running == 0 else since(stats.oldest_at, lens.now)
        cells = (
            Cell(f"{_mark(item, lens)} {item.row.name}", warn or "strong"),
            Cell(count(stats.waiting), warn or ("" if stats.waiting else "muted")),
            Cell(count(stats.running), "" if stats.running else "muted"),
            Cell(count(failed), "failed" if failed else "muted"),
            Cell(oldest, warn or "muted"),
            Cell(rate(item.traffic.finished.total(second - 1, RATE_WINDOW_S) / RATE_WINDOW_S)),
            Cell(sparkline(trend, ascii_only=lens.ascii_only), "accent" if any(trend) else "muted"),
            Cell(*drains(item, second)),
            Cell(rate(item.traffic.enqueued.total(second - 1, RATE_WINDOW_S) / RATE_WINDOW_S)),
            Cell(count(stats.redelivered), "waiting" if stats.redelivered else "muted"),
            Cell(count(stats.pulls), "muted"),
        )
        return with_untold(self.columns, cells, item.row.untold)

    def sort_value(self, item: QueueItem, column: str, lens: Lens) -> Any:
        stats, second = item.row.stats, int(lens.now.timestamp())
        match column:
            case "waiting":
                return stats.waiting
            case "running":
                return stats.running
            case "failed":
                return item.traffic.failed.total(second // 60, 60)
            case "oldest":
                return lens.now.timestamp() - stats.oldest_at.timestamp() if stats.oldest_at else 0.0
            case "rate" | "trend":
                return item.traffic.finished.total(second - 1, RATE_WINDOW_S)
            case "drains":
                return drain_s(item, second) if item.row.stats.waiting else -1.0
            case "in":
                return item.traffic.enqueued.total(second - 1, RATE_WINDOW_S)
            case "redelivered":
                return stats.redelivered
            case "pulls":
                return stats.pulls
        return item.row.name

    def text(self, item: QueueItem) -> str:
        return item.row.name

    def fields(self, item: QueueItem, lens: Lens) -> Mapping[str, str]:
        return {**super().fields(item, lens), "queue": item.row.name}

    def empty(self, state: State) -> str:
        starts = hints.hint("launch.worker", "starts a worker here")
        words = hints.advice("No queues yet", hints.hint("job.add", "enqueues a first job"), starts)
        return waiting_for(state, "queues", words)

    def headline(self, state: State, lens: Lens) -> tuple[Cell, ...]:
        if not state.queues:
            return ()
        waiting = sum(row.stats.waiting for row in state.queues)
        served = served_queues(state, lens)
        unserved = sum(is_unserved(row, served) for row in state.queues)
        paused = sum(row.stats.is_paused for row in state.queues)
        return there(
            [
                figure(unserved, "without a worker", "waiting") if unserved else None,
                figure(paused, "paused", "waiting") if paused else None,
                figure(waiting, "waiting"),
            ]
        )


def drain_s(item: QueueItem, second: int) -> float:
    """Seconds until the queue is empty at the pace of the last minute; infinite where it does not shrink."""
    gone, come = _pace(item, second)
    return item.row.stats.waiting * (PACE_S / (gone - come)) if gone > come else math.inf


def drains(item: QueueItem, second: int) -> tuple[str, str]:
    """Text and tone of that; empty where nothing waits."""
    if not item.row.stats.waiting:
        return "", ""
    if item.row.stats.is_paused:
        return "paused", "waiting"
    left = drain_s(item, second)
    if left <= LONGEST_S:
        return duration(left), "muted"
    gone, come = _pace(item, second)
    if not gone:
        return "stands", "waiting"
    return ("grows", "waiting") if come > gone * 1.05 else ("steady", "muted")


def _pace(item: QueueItem, second: int) -> tuple[int, int]:
    """Jobs that ended and jobs that came in the last minute."""
    traffic = item.traffic
    return traffic.finished.total(second - 1, PACE_S), traffic.enqueued.total(second - 1, PACE_S)


def _mark(item: QueueItem, lens: Lens) -> str:
    if item.row.stats.is_paused:
        return status.PAUSED.mark(lens.ascii_only)
    return "!" if item.is_unserved else " "


def is_unserved(row: QueueRow, served: frozenset[str]) -> bool:
    """Whether jobs wait and nobody would take them. (A busy worker has no open pull: that alone says nothing.)"""
    if "pulls" in row.untold:
        return False  # the log does not tell who listens
    return row.stats.waiting > 0 and row.stats.pulls == 0 and row.stats.queue not in served
