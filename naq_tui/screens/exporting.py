"""What there is to export on the screen in front."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from naq_tui import export, masking
from naq_tui.format import plural, size
from naq_tui.screens.export import Exportable
from naq_tui.screens.value_reading import value_ref
from naq_tui.store.rows import EventRow, event_row
from naq_tui.views import events
from naq_tui.views.copying import copy_text
from naq_tui.views.extra import LARGEST_SHOWN
from naq_tui.views.table import Cell, Column

if TYPE_CHECKING:
    from naq_tui.app import NaqConsole

EVENTS_MOST = 50_000
"""Events in one file; a filter chooses which."""
_PAGE = 500
_GLYPHED = frozenset({"status", "event"})
"""Columns whose cells begin with a glyph, which says the same as the word after it."""


async def exportable(app: NaqConsole) -> Exportable | None:
    """The list that the keys are about, or the record of the report; None where there is nothing in it.

    Secrets that are revealed in a report are written as they are. Of the log it is all that the filter has found, or
    the newest there are.

    Raises:
        NaqException: events can't be read now.
    """
    screen: Any = app.screen
    if screen is not app.main:
        record = screen.record_to_copy() if hasattr(screen, "record_to_copy") else None
        return None if record is None else await _record(app, record, getattr(screen, "is_revealed", False))
    place, lens = app.main.place, app.lens()
    if place == "events":
        rows = await _events(app)
        cells: list[tuple[Cell, ...]] = [events.cells(row, lens) for row in rows]
        return _list("events", "Events", events.COLUMNS, rows, cells)
    table = app.main.tables.get(place)
    if table is None:
        return None
    cells = [table.view.cells(item, lens) for item in table.items]
    return _list(place, table.view.title, table.view.columns, table.items, cells)


async def _events(app: NaqConsole) -> list[EventRow]:
    found, feed, state = app.main.log_view.found, app.pages, app.state
    if found is not None:
        seqs = found.seqs[-EVENTS_MOST:]
        pages = [await feed.read_at(tuple(seqs[at : at + _PAGE])) for at in range(0, len(seqs), _PAGE)]
    else:
        first = max(state.first_seq, state.last_seq - EVENTS_MOST + 1)
        pages = [
            await feed.read_events(at, min(_PAGE, state.last_seq - at + 1))
            for at in range(first, state.last_seq + 1, _PAGE)
        ]
    return [event_row(event) for page in pages for event in page]


def _list(
    name: str, title: str, columns: Sequence[Column], items: Sequence[Any], cells: Sequence[Sequence[Cell]]
) -> Exportable | None:
    if not items:
        return None
    heads = [column.title.strip() or column.id for column in columns]
    rows = [
        [
            cell.text.strip().partition(" ")[2] if column.id in _GLYPHED else cell.text
            for column, cell in zip(columns, row, strict=True)
        ]
        for row in cells
    ]
    words = f"{plural(len(items), 'row')} of {title}"
    return Exportable(name, words, partial(export.records_json, items), partial(export.rows_csv, heads, rows))


async def _record(app: NaqConsole, record: Any, is_revealed: bool) -> Exportable:
    """One record; the result that lies in the object store is part of it."""
    _, what = copy_text(record)
    ref = value_ref(record)
    if ref is not None:
        if ref.size > LARGEST_SHOWN:
            app.say(f"Reading {size(ref.size)}…")
        value = await app.pages.read_value(ref, lambda _read: None)
        told = json.loads(record.record.to_wire())
        record = {**{name: item for name, item in told.items() if name != "value_ref"}, "value": value}

    def written(write: Callable[[Any], str]) -> str:
        with masking.revealed(is_revealed):
            return write(record)

    name = what.replace(" of ", " ")
    return Exportable(name, what, partial(written, export.record_json), partial(written, export.record_csv))
