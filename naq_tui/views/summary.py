"""The rest of the overview in one line per pane, for terminals that show one pane at a time."""

from __future__ import annotations

from typing import NamedTuple

from naq_tui import hints
from naq_tui.format import count, plural, until
from naq_tui.store.state import State
from naq_tui.views.processes import launching
from naq_tui.views.queues import is_unserved, served_queues
from naq_tui.views.schedules import next_run
from naq_tui.views.table import Cell, Lens, spread, waiting_for
from naq_tui.views.workers import worker_counts


class SummaryLine(NamedTuple):
    key: str
    """The digit of the pane."""
    title: str
    cells: tuple[Cell, ...]


def summary(state: State, lens: Lens) -> list[SummaryLine]:
    """One line for each of workers, queues, schedules, results and processes."""
    return [
        SummaryLine("4", "Queues", _queues(state, lens)),
        SummaryLine("5", "Workers", _workers(state, lens)),
        SummaryLine("6", "Schedules", _schedules(state, lens)),
        SummaryLine("7", "Results", _results(state)),
        SummaryLine("8", "Processes", _processes(state)),
    ]


def _workers(state: State, lens: Lens) -> tuple[Cell, ...]:
    if not state.workers:
        starts = hints.hint("launch.worker", "starts one here")
        return (Cell(waiting_for(state, "workers", hints.advice("none yet", starts, end="")), "muted"),)
    counted = worker_counts(state, lens)
    return spread(
        [
            Cell(f"{counted['dead']} dead", "failed") if counted["dead"] else None,
            Cell(f"{counted['blocked']} blocked", "waiting") if counted["blocked"] else None,
            Cell(plural(counted["workers"], "worker")),
            Cell(plural(counted["schedulers"], "scheduler")) if counted["schedulers"] else None,
            Cell(f"{plural(counted['running'], 'job')} running", "" if counted["running"] else "muted"),
        ]
    )


def _queues(state: State, lens: Lens) -> tuple[Cell, ...]:
    if not state.queues:
        return (Cell(waiting_for(state, "queues", "none yet"), "muted"),)
    served = served_queues(state, lens)
    unserved = [row for row in state.queues if is_unserved(row, served)]
    waiting = sum(row.stats.waiting for row in state.queues)
    running = sum(row.stats.running for row in state.queues)
    return spread(
        [
            Cell(f"! {unserved[0].name} has no worker", "waiting") if unserved else None,
            Cell(plural(len(state.queues), "queue")),
            Cell(f"{count(waiting)} waiting", "" if waiting else "muted"),
            Cell(f"{count(running)} running", "" if running else "muted"),
        ]
    )


def _schedules(state: State, lens: Lens) -> tuple[Cell, ...]:
    if not state.schedules:
        return (Cell(waiting_for(state, "schedules", "none yet"), "muted"),)
    statuses = [row.status for row in state.schedules.values()]
    failed, paused, active = (statuses.count(name) for name in ("FAILED", "PAUSED", "ACTIVE"))
    moment = next_run(state)
    return spread(
        [
            Cell(f"{failed} failed", "failed") if failed else None,
            Cell(f"{active} active"),
            Cell(f"{paused} paused", "waiting") if paused else None,
            Cell(f"next {until(moment, lens.now)}") if moment is not None else None,
        ]
    )


def _results(state: State) -> tuple[Cell, ...]:
    if not state.results:
        return (Cell(waiting_for(state, "results", "none yet"), "muted"),)
    newest = next(reversed(state.results.values()))  # type: ignore[call-overload]
    tone = "failed" if newest.status == "FAILED" else "muted"
    return spread([Cell(f"{count(state.results_total)} stored"), Cell(f"newest {newest.function} {newest.text}", tone)])


def _processes(state: State) -> tuple[Cell, ...]:
    if not state.processes:
        return (Cell(hints.advice("none here", *launching(), end=""), "muted"),)
    running = [row for row in state.processes if row.view.is_running]
    crashed = [row for row in state.processes if row.status == "crashed"]
    return spread(
        [
            Cell(f"{crashed[0].name} crashed", "failed") if crashed else None,
            Cell(f"{len(running)} running"),
            Cell(", ".join(row.name for row in running[:4]), "muted") if running else None,
        ]
    )
