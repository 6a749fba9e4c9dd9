"""Workers and schedulers: the worst first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from naq_tui import hints, status
from naq_tui.format import count, since, size
from naq_tui.store.rows import WorkerRow
from naq_tui.store.state import State
from naq_tui.text import safe
from naq_tui.views.judging import worker_status, worker_statuses
from naq_tui.views.table import BLANK, Cell, Column, Lens, TableView, figure, there, waiting_for, with_untold

_OF_WORKERS = frozenset({"done", "failed"})
_ORDER = {name: place for place, name in enumerate(status.WORKER_ORDER)}


class WorkersView(TableView[WorkerRow]):
    name = "workers"
    title = "Workers"
    more_fields = ("host", "module", "kind")
    columns = (
        Column(id="status", title="  status", width=10, keep=10),
        Column(id="worker", title="worker", width=13, most=30, grow=6, keep=10),
        Column(id="id", title="id", width=9, keep=3),
        Column(id="queues", title="queues", width=11, most=20, grow=9, keep=6, fill=True),
        Column(id="jobs", title="jobs", width=6, right=True, keep=8),
        Column(id="beat", title="beat", width=6, right=True, keep=9),
        Column(id="done", title="done", width=8, right=True, keep=4, starts_descending=True),
        Column(id="failed", title="failed", width=7, right=True, keep=4, starts_descending=True),
        Column(id="cpu", title="cpu", width=6, right=True, keep=3, starts_descending=True),
        Column(id="memory", title="memory", width=8, right=True, keep=3, starts_descending=True),
        Column(id="up", title="up", width=7, right=True, keep=2, starts_descending=True),
        Column(id="pid", title="pid", width=8, right=True, keep=1),
        Column(id="version", title="version", width=9, keep=0),
    )

    def items(self, state: State, lens: Lens) -> Sequence[WorkerRow]:
        statuses = worker_statuses(state, lens)
        return sorted(
            state.workers.values(),
            key=lambda row: (_place(statuses[row.worker_id]), row.is_scheduler, row.name),
        )

    def depends_on(self, state: State) -> tuple[object, ...]:
        return (state.workers,)

    def key(self, item: WorkerRow) -> str:
        return item.worker_id

    def cells(self, item: WorkerRow, lens: Lens) -> tuple[Cell, ...]:
        record = item.record
        state = worker_status(item, lens)
        look = status.of_worker(state)
        dead = state == "DEAD"
        tone = "failed" if dead else ""
        jobs = (
            Cell("", "")
            if item.is_scheduler
            else Cell(f"{record.busy}/{record.concurrency or '?'}", tone or ("" if record.running else "muted"))
        )
        cells = (
            Cell(f"{look.mark(lens.ascii_only)} {look.word}", look.tone),
            Cell(item.name, tone or "strong"),
            Cell(safe(item.worker_id, 40), tone or "muted"),
            Cell("scheduler" if item.is_scheduler else item.queues, "muted" if item.is_scheduler else tone),
            jobs,
            Cell(since(record.beat_at, lens.now), tone or "muted"),
            BLANK if item.is_scheduler else Cell(count(record.completed)),
            BLANK if item.is_scheduler else Cell(count(record.failed), "failed" if record.failed else "muted"),
            Cell("" if record.cpu_percent is None or dead else f"{record.cpu_percent:.0f} %"),
            Cell("" if record.rss_bytes is None or dead else size(record.rss_bytes)),
            Cell(since(record.started_at, lens.now), "muted"),
            Cell(str(record.pid) if record.pid else "", "muted"),
            Cell(item.version, "muted"),
        )
        return with_untold(self.columns, cells, item.untold - _OF_WORKERS if item.is_scheduler else item.untold)

    def sort_value(self, item: WorkerRow, column: str, lens: Lens) -> Any:
        record = item.record
        now = lens.now.timestamp()
        match column:
            case "status":
                return _place(worker_status(item, lens))
            case "id":
                return item.worker_id
            case "queues":
                return item.queues
            case "jobs":
                return record.busy
            case "beat":
                return now - record.beat_at.timestamp() if record.beat_at else 0.0
            case "done":
                return record.completed
            case "failed":
                return record.failed
            case "cpu":
                return record.cpu_percent or 0.0
            case "memory":
                return record.rss_bytes or 0
            case "up":
                return now - record.started_at.timestamp() if record.started_at else 0.0
            case "pid":
                return record.pid
            case "version":
                return item.version
        return item.name

    def text(self, item: WorkerRow) -> str:
        return f"{item.worker_id} {item.name} {item.queues} {item.record.kind} {item.record.status} {item.modules}"

    def fields(self, item: WorkerRow, lens: Lens) -> Mapping[str, str]:
        more = {"worker": f"{item.name} {item.worker_id}", "queues": item.queues, "host": item.host}
        return {**super().fields(item, lens), **more, "module": item.modules, "kind": item.record.kind}

    def empty(self, state: State) -> str:
        starts = hints.hint("launch.worker", "press {} to start one here")
        return waiting_for(state, "workers", hints.advice("No workers yet", starts))

    def headline(self, state: State, lens: Lens) -> tuple[Cell, ...]:
        if not state.workers:
            return ()
        counted = worker_counts(state, lens)
        return there(
            [
                Cell("no heartbeats in the log", "muted") if state.as_of is not None else None,
                figure(counted["versions"], "versions", "waiting", cells=5) if counted["versions"] > 1 else None,
                figure(counted["blocked"], "blocked", "waiting", cells=5) if counted["blocked"] else None,
                figure(counted["dead"], "dead", "failed", cells=5) if counted["dead"] else None,
                figure(counted["live"], "live", cells=5),
            ]
        )


def _place(status: str) -> int:
    # busy and idle alternate many times a second: they rank the same, so that rows stay where they are
    return min(_ORDER.get(status, 0), _ORDER["BUSY"])


def worker_counts(state: State, lens: Lens) -> Counter[str]:
    """How many are "live", "dead", "blocked", and among the live "workers", "schedulers" and "versions" of naq."""
    counted: Counter[str] = Counter()
    versions = set()
    statuses = worker_statuses(state, lens)
    for worker_id, row in state.workers.items():
        dead = statuses[worker_id] == "DEAD"
        counted["dead" if dead else "live"] += 1
        if dead:
            continue
        counted["schedulers" if row.is_scheduler else "workers"] += 1
        counted["running"] += len(row.record.running)
        versions.add(row.version)
        if statuses[worker_id] == "BLOCKED":
            counted["blocked"] += 1
    counted["versions"] = len(versions - {""})
    return counted
