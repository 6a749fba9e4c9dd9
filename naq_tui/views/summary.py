"""The rest of the overview in one line per pane, for terminals that show one pane at a time."""

from __future__ import annotations

from typing import NamedTuple

from naq_tui import hints
from naq_tui.format import plural, short_count, until
from naq_tui.store.state import State
from naq_tui.views.judging import served_queues
from naq_tui.views.processes import launching
from naq_tui.views.queues import is_unserved
from naq_tui.views.schedules import next_run
from naq_tui.views.table import BLANK, Cell, Column, Lens, waiting_for
from naq_tui.views.workers import worker_counts


def _column(id: str, keep: int, width: int = 14, *, fill: bool = False) -> Column:
    return Column(id=id, title="", keep=keep, width=width, fill=fill)


ALONE = (_column("words", 9, 4, fill=True),)
"""A line that is one sentence."""
QUEUES = (_column("waiting", 9), _column("running", 8), _column("unserved", 7, 30, fill=True))
WORKERS = (_column("workers", 9), _column("running", 8), _column("schedulers", 7, 17), _column("worst", 6))
SCHEDULES = (_column("active", 9), _column("paused", 8), _column("next", 7, 18), _column("failed", 6))
RESULTS = (_column("stored", 9), _column("newest", 8, 8, fill=True))
PROCESSES = (_column("running", 9), _column("crashed", 8), _column("names", 7, 8, fill=True))


class SummaryLine(NamedTuple):
    key: str
    """The digit of the pane."""
    title: str
    columns: tuple[Column, ...]
    """Where its facts stand, whatever they are: those at the end go first where there is no room."""
    cells: tuple[Cell, ...]
    """One per column."""


def summary(state: State, lens: Lens) -> list[SummaryLine]:
    """One line for each of workers, queues, schedules, results and processes."""
    return [
        _line("4", "Queues", QUEUES, _queues(state, lens)),
        _line("5", "Workers", WORKERS, _workers(state, lens)),
        _line("6", "Schedules", SCHEDULES, _schedules(state, lens)),
        _line("7", "Results", RESULTS, _results(state)),
        _line("8", "Processes", PROCESSES, _processes(state)),
    ]


def _line(key: str, title: str, columns: tuple[Column, ...], facts: Cell | tuple[Cell, ...]) -> SummaryLine:
    """A line of facts, or of one sentence in place of them."""
    if isinstance(facts, Cell):
        return SummaryLine(key, title, ALONE, (Cell(f" {facts.text}", facts.tone),))
    return SummaryLine(key, title, columns, facts)


def _number(number: int, words: str, tone: str = "") -> Cell:
    """A figure in a place that is wide enough for any, and what it counts."""
    return Cell(f"{short_count(number):>5} {words}", tone if number else "muted")


def _workers(state: State, lens: Lens) -> Cell | tuple[Cell, ...]:
    if not state.workers:
        starts = hints.hint("launch.worker", "starts one here")
        return Cell(waiting_for(state, "workers", hints.advice("none yet", starts, end="")), "muted")
    counted = worker_counts(state, lens)
    dead, blocked, schedulers = counted["dead"], counted["blocked"], counted["schedulers"]
    return (
        _number(counted["workers"], "worker" if counted["workers"] == 1 else "workers"),
        _number(counted["running"], "running"),
        _number(schedulers, "scheduler" if schedulers == 1 else "schedulers"),
        _number(dead, "dead", "failed") if dead or not blocked else _number(blocked, "blocked", "waiting"),
    )


def _queues(state: State, lens: Lens) -> Cell | tuple[Cell, ...]:
    if not state.queues:
        return Cell(waiting_for(state, "queues", "none yet"), "muted")
    served = served_queues(state, lens)
    unserved = [row for row in state.queues if is_unserved(row, served)]
    return (
        _number(sum(row.stats.waiting for row in state.queues), "waiting"),
        _number(sum(row.stats.running for row in state.queues), "running"),
        Cell(f" ! {unserved[0].name} has no worker", "waiting")
        if unserved
        else Cell(f"   in {plural(len(state.queues), 'queue')}", "muted"),
    )


def _schedules(state: State, lens: Lens) -> Cell | tuple[Cell, ...]:
    if not state.schedules:
        return Cell(waiting_for(state, "schedules", "none yet"), "muted")
    statuses = [row.status for row in state.schedules.values()]
    failed, paused, active = (statuses.count(name) for name in ("FAILED", "PAUSED", "ACTIVE"))
    moment = next_run(state)
    return (
        _number(active, "active"),
        _number(paused, "paused", "waiting"),
        BLANK if moment is None else Cell(f" {until(moment, lens.now)}"),
        _number(failed, "failed", "failed"),
    )


def _results(state: State) -> Cell | tuple[Cell, ...]:
    if not state.results:
        return Cell(waiting_for(state, "results", "none yet"), "muted")
    newest = next(reversed(state.results.values()))  # type: ignore[call-overload]
    tone = "failed" if newest.status == "FAILED" else "muted"
    word = "stored" if state.as_of is None else "ended"
    return (_number(state.results_total, word), Cell(f" newest {newest.function} {newest.text}", tone))


def _processes(state: State) -> Cell | tuple[Cell, ...]:
    if state.as_of is not None:
        return Cell("not in the log", "muted")
    if not state.processes:
        return Cell(hints.advice("none here", *launching(), end=""), "muted")
    running = [row for row in state.processes if row.view.is_running]
    crashed = [row for row in state.processes if row.status == "crashed"]
    return (
        _number(len(running), "running"),
        _number(len(crashed), "crashed", "failed"),
        Cell(" " + ", ".join(row.name for row in (crashed or running)[:4]), "failed" if crashed else "muted"),
    )
