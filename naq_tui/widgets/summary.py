"""The compact overview's second half: one line for each pane that is not in sight."""

from __future__ import annotations

from textual import events
from textual.message import Message
from textual.strip import Strip

from naq_tui.store.state import State
from naq_tui.text import fit
from naq_tui.views.summary import SummaryLine, summary
from naq_tui.views.table import Lens, lay_out
from naq_tui.widgets.painted import Lines


class Summary(Lines):
    """Each line begins with the digit of its pane; a click opens it."""

    class Chosen(Message):
        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self) -> None:
        super().__init__(id="summary")
        self._lines: list[SummaryLine] = []

    def show(self, state: State, lens: Lens) -> None:
        lines = summary(state, lens)
        if lines != self._lines:
            self._lines = lines
            self.repaint()

    def line(self, y: int) -> Strip:
        if y >= len(self._lines):
            return self.strip([])
        entry = self._lines[y]
        head = [(f" {entry.key} ", "key"), (fit(entry.title, 11), "strong")]
        room = self.size.width - 15
        line = []
        for place, gap, cells in lay_out(entry.columns, room):
            text, tone = entry.cells[place]
            line.append((" " * gap + entry.columns[place].fitted(text, cells), tone))
        return self.strip([*head, *line])

    def on_click(self, event: events.Click) -> None:
        if event.y < len(self._lines):
            self.post_message(self.Chosen(self._lines[event.y].key))
