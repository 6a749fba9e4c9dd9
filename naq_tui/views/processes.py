"""The processes of this machine that the console started or took over, and the recipes they come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from naq_tui import hints, status
from naq_tui.format import age, count, duration, since, size, until
from naq_tui.store.rows import ProcessRow, WorkerRow
from naq_tui.store.state import State
from naq_tui.views.output import message
from naq_tui.views.table import BLANK, Cell, Column, Lens, TableView, figure, there


class ProcessItem(NamedTuple):
    """A process, with what its worker says of itself."""

    row: ProcessRow
    worker: WorkerRow | None
    """None where no heartbeat of it was seen."""


def launching() -> tuple[str, str]:
    """The keys that start something here."""
    return hints.hint("launch.worker", "starts a worker"), hints.hint("launch.scheduler", "a scheduler")


class ProcessesView(TableView[ProcessItem]):
    name = "processes"
    title = "Processes"
    columns = (
        Column(id="status", title="  status", width=12, most=19, grow=9, keep=9),
        Column(id="name", title="name", width=12, most=18, grow=4, keep=10),
        Column(id="scale", title="scale", width=5, right=True, keep=7),
        Column(id="jobs", title="jobs", width=5, right=True, keep=5),
        Column(id="up", title="up", width=7, right=True, keep=7, starts_descending=True),
        Column(id="pid", title="pid", width=7, right=True, keep=3),
        Column(id="output", title="last output", width=16, most=40, grow=9, keep=8, fill=True),
        Column(id="cpu", title="cpu", width=5, right=True, keep=4, starts_descending=True),
        Column(id="memory", title="memory", width=8, right=True, keep=4, starts_descending=True),
        Column(id="restarts", title="restarts", width=8, right=True, keep=6, starts_descending=True),
        Column(id="ended", title="last end", width=14, most=24, grow=8, keep=6),
        Column(id="kind", title="kind", width=9, keep=1),
        Column(id="command", title="command", width=50, keep=1, most=70, grow=1),
    )

    def items(self, state: State, lens: Lens) -> Sequence[ProcessItem]:
        workers = by_place(state)
        return [ProcessItem(row, worker_of(row, workers)) for row in state.processes]

    def depends_on(self, state: State) -> tuple[object, ...]:
        return (state.processes, state.workers)

    def key(self, item: ProcessItem) -> str:
        return item.row.process_id

    def cells(self, item: ProcessItem, lens: Lens) -> tuple[Cell, ...]:
        row, view = item.row, item.row.view
        if view.is_recipe:
            up, last = "", Cell(hints.hint("process.more", "starts one"), "muted")
        else:
            up = age(view.started_at, lens.local_now) if view.is_running else duration(view.uptime)
            last = Cell(*message(row.last_line))
        record = item.worker.record if item.worker is not None and not item.worker.is_scheduler else None
        is_known = record is not None and view.is_running
        return (
            status_cell(row, lens),
            Cell(row.name, "strong"),
            scale(row),
            Cell(f"{record.busy}/{record.concurrency}") if record is not None and is_known else BLANK,
            Cell(up, "muted"),
            Cell(str(view.pid) if view.pid else "", "muted"),
            last,
            Cell("" if view.cpu_percent is None else f"{view.cpu_percent:.0f} %", "muted"),
            Cell("" if view.rss_bytes is None else size(view.rss_bytes), "muted"),
            Cell(count(view.restarts) if view.restarts else "", "waiting"),
            last_end(row, lens),
            Cell(row.kind, "muted"),
            Cell(row.command, "muted"),
        )

    def sort_value(self, item: ProcessItem, column: str, lens: Lens) -> Any:
        row, view = item.row, item.row.view
        match column:
            case "status":
                return row.status
            case "scale":
                return (row.recipe, row.name)
            case "jobs":
                return -1 if item.worker is None else item.worker.record.busy
            case "up":
                return -view.started_at.timestamp()
            case "pid":
                return view.pid
            case "output":
                return row.last_line
            case "cpu":
                return -1.0 if view.cpu_percent is None else view.cpu_percent
            case "memory":
                return -1 if view.rss_bytes is None else view.rss_bytes
            case "restarts":
                return view.restarts
            case "ended":
                return -view.last_run.ended_at.timestamp() if view.last_run is not None else 0.0
            case "kind":
                return row.kind
            case "command":
                return row.command
        return row.name

    def text(self, item: ProcessItem) -> str:
        row = item.row
        return f"{row.name} {row.recipe} {row.kind} {row.status} {row.status_text} {row.command} {row.last_line}"

    def empty(self, state: State) -> str:
        if state.as_of is not None:
            return hints.advice(
                "The log does not tell of this machine's processes", hints.hint("instant.now", "shows those of now")
            )
        return hints.advice("Nothing runs here yet", *launching())

    def headline(self, state: State, lens: Lens) -> tuple[Cell, ...]:
        crashed = sum(row.status == "crashed" for row in state.processes)
        waiting = sum(row.status == "waiting" for row in state.processes)
        running = sum(row.view.is_running for row in state.processes)
        return there(
            [
                figure(crashed, "crashed", "failed") if crashed else None,
                figure(waiting, "to restart", "waiting") if waiting else None,
                figure(running, "running") if state.processes else None,
            ]
        )


def worker_of(row: ProcessRow, workers: Mapping[tuple[str, int | str], WorkerRow]) -> WorkerRow | None:
    """The worker or scheduler that a process is; one that starts again on changes is the child of its process."""
    view = row.view
    return workers.get((view.host, view.pid)) or workers.get((view.host, view.name))


def by_place(state: State) -> Mapping[tuple[str, int | str], WorkerRow]:
    """Workers and schedulers by host and pid, and by host and name; of two with the same the later one."""
    ordered = sorted(
        state.workers.values(),
        key=lambda worker: worker.record.started_at.timestamp() if worker.record.started_at else 0.0,
    )
    found: dict[tuple[str, int | str], WorkerRow] = {}
    for worker in ordered:
        record = worker.record
        found[record.host, record.pid] = worker
        if record.name:
            found[record.host, record.name] = worker
    return found


def status_cell(row: ProcessRow, lens: Lens) -> Cell:
    """Glyph and word of a process's state."""
    look = status.of_process(row.status)
    view = row.view
    if view.crash_looping:
        return Cell(f"{look.mark(lens.ascii_only)} crash loop", "failed")
    word = row.status_text
    if view.restart_at is not None:
        word = f"restarts {until(view.restart_at, lens.local_now)}"
    return Cell(f"{look.mark(lens.ascii_only)} {word}", look.tone)


def last_end(row: ProcessRow, lens: Lens) -> Cell:
    """When its last life ended, and how: `12 s  exit code 1`, `3 min  SIGKILL`."""
    run = row.view.last_run
    if run is None:
        return BLANK
    how = f"exit {run.exit_code}" if run.exit_code is not None and run.exit_code >= 0 else run.how
    return Cell(f"{since(run.ended_at, lens.local_now):<6} {how}", "failed" if run.is_crash else "muted")


def scale(row: ProcessRow) -> Cell:
    """How many of its recipe run, of how many that should."""
    view = row.view
    if not row.recipe:
        return BLANK
    is_short = view.recipe_running < view.recipe_wanted and not view.is_recipe
    return Cell(f"{view.recipe_running}/{view.recipe_wanted}", "waiting" if is_short else "muted")
