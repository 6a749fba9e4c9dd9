"""Events as lines of the log."""

from __future__ import annotations

from collections.abc import Sequence

from naq_tui import hints, status
from naq_tui.format import at_ms, count
from naq_tui.store.rows import EventRow
from naq_tui.store.state import State
from naq_tui.views.table import Cell, Column, Lens, waiting_for

COLUMNS = (
    Column(id="time", title="time", width=8, most=12, grow=8, keep=9),
    Column(id="event", title="  event", width=13, keep=10),
    Column(id="queue", title="queue", width=8, most=14, grow=4, keep=6),
    Column(id="function", title="function", width=12, most=24, grow=6, keep=8),
    Column(id="worker", title="worker", width=9, most=12, grow=1, keep=4),
    Column(id="text", title="what", width=6, most=24, grow=9, keep=7, fill=True),
    Column(id="job", title="job", width=6, most=8, grow=2, keep=6, is_id=True),
    Column(id="seq", title="#", width=11, right=True, keep=1),
)
_FUNCTION, _WORKER = (
    next(i for i, column in enumerate(COLUMNS) if column.id == name) for name in ("function", "worker")
)


def has_worker(placed: Sequence[tuple[int, int, int]]) -> bool:
    """Whether the worker has a column among those that fit (see `lay_out`)."""
    return any(place == _WORKER for place, _, _ in placed)


def cells(row: EventRow, lens: Lens) -> tuple[Cell, ...]:
    """One cell per column."""
    look = status.of_event(row.type) if row.type else status.UNREADABLE_EVENT
    is_failure = row.type in status.FAILURE_EVENTS
    return (
        Cell(at_ms(row.at, lens.now), "muted"),
        Cell(f"{look.mark(lens.ascii_only)} {look.word}", look.tone),
        Cell(row.queue, ""),
        Cell(row.function or row.schedule, "strong"),
        Cell(row.worker, "muted"),
        Cell(row.text, "failed" if is_failure else ("" if row.type else "waiting")),
        Cell(row.job, "muted"),
        Cell(count(row.seq), "muted"),
    )


def without_worker(cells: Sequence[tuple[str, str]]) -> Sequence[tuple[str, str]]:
    """The cells where there is no room for the worker's column: an event of a worker has it in place of a function."""
    if cells[_FUNCTION][0] or not cells[_WORKER][0]:
        return cells
    return [*cells[:_FUNCTION], (cells[_WORKER][0], cells[_FUNCTION][1]), *cells[_FUNCTION + 1 :]]


def empty(state: State) -> str:
    return waiting_for(state, "events", "No events yet: the first job, worker or schedule writes the first one.")


def total(state: State) -> str:
    """`184,223 events`."""
    held = max(0, state.last_seq - state.first_seq + 1)
    words = "1 event" if held == 1 else f"{count(held)} events"
    return words + (f" · {count(state.unreadable_events)} unreadable" if state.unreadable_events else "")


def nothing_found(search_state: str) -> str:
    """What stands in a filtered log with no row."""
    shows_all = hints.hint("back", "shows all")
    match search_state:
        case "searching":
            return "Nothing yet: the search goes on through the whole log."
        case "stopped":
            return hints.advice("Nothing found before the search was stopped", shows_all)
    return hints.advice("Nothing in the whole log matches", shows_all)


def found_words(search_state: str, number: int, progress: float) -> tuple[Cell, ...]:
    """What the frame of a filtered log says: how much is found, and how far the search has come."""
    found = f"{count(number)} found"
    match search_state:
        case "searching":
            return (
                Cell(f"scanning … {int(progress * 100)} %", "waiting"),
                Cell(f" · {found} · {hints.hint('back', 'stops')}", "muted"),
            )
        case "stopped":
            return (Cell(f"{found} · stopped after {int(progress * 100)} % of the log", "muted"),)
        case "full":
            return (Cell(f"the newest {found}, no more are kept", "muted"),)
    return (Cell(f"{found} in the whole log", "muted"),)


def looking_words(progress: float) -> tuple[Cell, ...]:
    """What the frame says while the next event of some kind is looked for."""
    return (Cell(f"looking … {int(progress * 100)} %", "waiting"), Cell(f" · {hints.hint('back', 'stops')}", "muted"))
