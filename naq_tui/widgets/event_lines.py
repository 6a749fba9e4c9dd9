"""Lines of the event log, in the columns that fit."""

from __future__ import annotations

from collections.abc import Sequence

from textual.strip import Strip

from naq_tui.format import count
from naq_tui.text import fit
from naq_tui.views import events as view
from naq_tui.views.table import lay_out
from naq_tui.widgets.painted import Painted

_MARGIN = 2
"""Cells beside the columns: one left, one for the scrollbar."""


class EventLines(Painted):
    """Paints one event, or the place of one that is not here."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._layout_of: tuple[int, list[tuple[int, int, int]]] = (-1, [])

    def cells_line(self, cells: Sequence[tuple[str, str]], under: str, mark: str) -> Strip:
        """One cell per column, as many as fit; `mark` is the scrollbar's."""
        line: list[tuple[str, str]] = [(" ", "")]
        room = self.size.width - _MARGIN
        for place, gap, cell_width in self._layout(room):
            text, tone = cells[place]
            if view.COLUMNS[place].id == "time":
                text = text[:cell_width]  # without the milliseconds where room is short
            line.append((" " * gap, ""))
            line.append((fit(text, cell_width, right=view.COLUMNS[place].right), tone))
        line.append((mark, "faint"))
        return self.strip(line, under)

    def _layout(self, room: int) -> list[tuple[int, int, int]]:
        if self._layout_of[0] != room:
            self._layout_of = (room, lay_out(view.COLUMNS, room))
        return self._layout_of[1]

    def missing_line(self, seq: int, note: str, under: str, mark: str) -> Strip:
        """The place of an event that is on its way, or gone."""
        text = fit(f"#{count(seq)} {note}", self.size.width - _MARGIN)
        return self.strip([(" ", ""), (text, "muted"), (mark, "faint")], under)
