"""What the frames of the log and of the tables say of how they are looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from naq_tui import hints
from naq_tui.format import count
from naq_tui.views.table import Cell, marked_words, spread, there

if TYPE_CHECKING:
    from datetime import date

    from naq_tui.store.state import State
    from naq_tui.widgets.event_log import EventLog
    from naq_tui.widgets.line_table import LineTable


def log_headline(log: EventLog, state: State, today: date) -> tuple[Cell, ...]:
    """Whether it follows, and where not, where it stands and how many have come since."""
    if log.is_following:
        words = "following" if state.as_of is None else "up to this instant"
        return (Cell(words, "muted"),) if state.events else ()
    new, row = log.new_count, log.selected
    return there(
        [
            # the rows tell the time of day only
            Cell(f"{row.at:%a %d %b}", "strong") if row is not None and row.at.date() != today else None,
            Cell(f"{f'+{count(new)} new' if new else 'not following':>13}", "waiting"),
            Cell(hints.hint("list.last", "follows"), "muted"),
        ]
    )


def table_footing(table: LineTable[Any]) -> tuple[Cell, ...]:
    """What is marked, how many rows a filter or a chosen part leaves, and how many of these it can't judge."""
    is_part = (table.needle or table.facet) and table.view.name != "results"
    return spread(
        [
            *marked_words(len(table.marks), table.not_marked, table.not_held if table.takes_all else None),
            Cell(f"{count(table.row_count)} shown", "muted") if is_part else None,
            Cell(f"{count(table.unjudged)} more without known {_unknown(table)}", "waiting")
            if table.unjudged
            else None,
        ]
    )


def _unknown(table: LineTable[Any]) -> str:
    """What the filter asks for that is not known of every row."""
    asked = {term.field for term in table.needle.terms}
    return " or ".join(words for name, words in (("arg", "arguments"), ("tag", "tags")) if name in asked)
