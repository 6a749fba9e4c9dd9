"""The processes of this machine that the console started or took over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from naq_tui import status
from naq_tui.format import age, duration
from naq_tui.store.rows import ProcessRow
from naq_tui.store.state import State
from naq_tui.views.table import Cell, Column, Lens, TableView, spread


class ProcessesView(TableView[ProcessRow]):
    name = "processes"
    title = "Processes"
    columns = (
        Column(id="status", title="  status", width=12, most=19, grow=4, keep=9),
        Column(id="name", title="name", width=12, most=18, grow=4, keep=10),
        Column(id="up", title="up", width=7, right=True, keep=7, starts_descending=True),
        Column(id="pid", title="pid", width=8, right=True, keep=6),
        Column(id="output", title="last output", width=16, most=60, grow=9, keep=8, fill=True),
        Column(id="kind", title="kind", width=9, keep=2),
        Column(id="command", title="command", width=50, keep=1, most=70, grow=1),
    )

    def items(self, state: State, lens: Lens) -> Sequence[ProcessRow]:
        return state.processes

    def depends_on(self, state: State) -> tuple[object, ...]:
        return (state.processes,)

    def key(self, item: ProcessRow) -> str:
        return item.process_id

    def cells(self, item: ProcessRow, lens: Lens) -> tuple[Cell, ...]:
        look = status.of_process(item.status)
        view = item.view
        word = "crash loop" if view.crash_looping else item.status_text
        tone = "failed" if view.crash_looping else look.tone
        up = age(view.started_at, lens.local_now) if view.is_running else duration(view.uptime)
        return (
            Cell(f"{look.mark(lens.ascii_only)} {word}", tone),
            Cell(item.name, "strong"),
            Cell(up, "muted"),
            Cell(str(view.pid), "muted"),
            Cell(item.last_line),
            Cell(item.kind, "muted"),
            Cell(item.command, "muted"),
        )

    def sort_value(self, item: ProcessRow, column: str, lens: Lens) -> Any:
        match column:
            case "status":
                return item.status
            case "up":
                return -item.view.started_at.timestamp()
            case "pid":
                return item.view.pid
            case "output":
                return item.last_line
            case "kind":
                return item.kind
            case "command":
                return item.command
        return item.name

    def text(self, item: ProcessRow) -> str:
        return f"{item.name} {item.kind} {item.status_text} {item.command} {item.last_line}"

    def empty(self, state: State) -> str:
        return "Nothing runs here yet: w starts a worker, s a scheduler."

    def headline(self, state: State, lens: Lens) -> tuple[Cell, ...]:
        crashed = sum(row.status == "crashed" for row in state.processes)
        running = sum(row.view.is_running for row in state.processes)
        return spread(
            [
                Cell(f"{running} running", "muted") if state.processes else None,
                Cell(f"{crashed} crashed", "failed") if crashed else None,
            ]
        )
