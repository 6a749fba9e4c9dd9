"""Fuzz targets: what is folded from the log alone, and two jobs beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from naq.figures import Dimension
from naq.models.event import StoredEvent
from naq_tui.store.figures import WINDOWS, WindowFold
from naq_tui.store.fold import apply
from naq_tui.store.replay import Replay
from naq_tui.store.state import EMPTY, State
from naq_tui.store.updates import FiguresChanged
from naq_tui.views.comparing import Compared, comparison
from naq_tui.views.figures import FiguresView
from naq_tui.views.figures_report import figures_report
from tests.fuzz.harness import Target, next_call
from tests.fuzz.screens import Part, check_report, look, parts_of, show_list, system, view
from tests.fuzz.seeds import T0

_FIGURES = FiguresView()
_TOLD = ("Jobs", "Errors", "Queues", "Workers", "Schedules", "Results")
"""The screens that an instant of the past has."""


def _figures(parts: list[Part]) -> None:
    """Counts, percentiles and the course of every name."""
    _, stored = system(parts)
    with look(parts) as lens:
        for window in WINDOWS:
            fold = WindowFold(window, 1, WindowFold.since(window, T0), T0, log_begins=len(parts) == 1)
            fold.add(stored, len(stored))
            for dimension in Dimension:
                state = apply(EMPTY, [FiguresChanged(fold.told(dimension, T0, None))])
                show_list(_FIGURES, state, lens)
                for row in _FIGURES.items(state, lens):
                    next_call()
                    check_report(figures_report(state, row, fold.bars(dimension, row.name), lens), "figures")
            fold.move(T0 + timedelta(days=2))


def _past(parts: list[Part]) -> None:
    """The console at an instant, reached at once and in steps, is the same."""
    live, stored = system(parts)
    next_call()
    at_once, stepped = Replay(1), Replay(1)
    at_once.feed(stored)
    for event in stored:
        stepped = stepped.copy()
        stepped.feed([event])
    picture = at_once.picture(T0, live)
    assert _records(stepped.picture(T0, live)) == _records(picture)
    with look(parts) as lens:
        for name in _TOLD:
            next_call()
            show_list(view(name), picture, lens)


def _records(state: State) -> tuple[object, ...]:
    return state.queues, {*state.workers}, {*state.schedules}, {*state.results}, {*state.jobs}


def _compared(parts: list[Part]) -> None:
    state, stored = system(parts)
    found = [row.record for row in state.results.values()]
    payloads = [part for kind, part in parts if kind == "job" and isinstance(part, dict)]
    ids = [*state.jobs, *state.results, "a", "b"]
    events: Sequence[StoredEvent] = stored
    sides = [
        Compared(
            job_id,
            state.jobs.get(job_id),
            found[place] if place < len(found) else None,
            payloads[place] if place < len(payloads) else None,
            tuple(events[place::2]),
        )
        for place, job_id in enumerate(ids[:2])
    ]
    with look(parts) as lens:
        for cells in (80, 120):
            next_call()
            check_report(comparison(sides[0], sides[1], lens, cells), "comparison")


TARGETS = (
    Target(f"screen: {_FIGURES.title}", parts_of("event"), _figures, (), 0),
    Target("screens as of an instant", parts_of("event", "event", "result"), _past, (), 0),
    Target("report: comparison", parts_of("event", "result", "job", "job"), _compared, (), 0),
)
