"""Lines of the event log, in the columns that fit."""

from __future__ import annotations

from collections.abc import Sequence

from textual.strip import Strip

from naq_tui import times
from naq_tui.format import count
from naq_tui.store.rows import EventRow
from naq_tui.text import fit
from naq_tui.views import events as view
from naq_tui.views.table import Lens, lay_out, run_on
from naq_tui.widgets.painted import Lines

_MARGIN = 2
"""Cells beside the columns: one left, one for the scrollbar."""
_LINES_KEPT = 500


class EventLines(Lines):
    """Paints one event, or the place of one that is not here."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._layout_of: tuple[int, list[tuple[int, int, int]]] = (-1, [])
        self._made: dict[tuple[int, str, str], Strip] = {}
        """Lines of events, by sequence, ground and mark: what an event says does not change."""

    def event_line(self, row: EventRow, lens: Lens, under: str, mark: str) -> Strip:
        if times.active().mode == "relative":  # an age does
            return self.cells_line(view.cells(row, lens), under, mark)
        key = (row.seq, under, mark)
        line = self._made.get(key)
        if line is None or line.cell_length != self.line_width:
            if len(self._made) >= _LINES_KEPT:
                self._made.clear()
            line = self._made[key] = self.cells_line(view.cells(row, lens), under, mark)
        return line

    def forget_lines(self) -> None:
        """Events look otherwise from now on, or are others."""
        self._made.clear()

    def again(self) -> None:
        """Make all that is in sight anew."""
        self.forget_lines()
        self.repaint()

    def notify_style_update(self) -> None:
        self.forget_lines()
        super().notify_style_update()

    def cells_line(self, cells: Sequence[tuple[str, str]], under: str, mark: str) -> Strip:
        """One cell per column, as many as fit; `mark` is the scrollbar's."""
        line: list[tuple[str, str]] = [(" ", "")]
        room = self.line_width - _MARGIN
        placed = self._layout(room)
        if not view.has_worker(placed):
            cells = view.without_worker(cells)
        for place, gap, cell_width in run_on(placed, view.COLUMNS, cells):
            text, tone = cells[place]
            if view.COLUMNS[place].id == "time":
                text = text[:cell_width]  # without the milliseconds where room is short
            line.append((" " * gap, ""))
            line.append((view.COLUMNS[place].fitted(text, cell_width), tone))
        line.append((mark, "faint"))
        return self.strip(line, under)

    def _layout(self, room: int) -> list[tuple[int, int, int]]:
        if self._layout_of[0] != room:
            self._layout_of = (room, lay_out(view.COLUMNS, room))
        return self._layout_of[1]

    def missing_line(self, seq: int, note: str, under: str, mark: str) -> Strip:
        """The place of an event that is on its way, or gone."""
        text = fit(f"#{count(seq)} {note}", self.line_width - _MARGIN)
        return self.strip([(" ", ""), (text, "muted"), (mark, "faint")], under)
