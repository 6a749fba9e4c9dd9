"""Lines of which one is under the cursor."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from naq_tui.widgets.painted import Lines


class Choosing(Lines, can_focus=True):
    """A short list in a dialog; scrolls where it is longer than it is high. A subclass paints line by line.

    Args:
        number: of lines.
        most: lines shown at once.
        cursor: the line it begins on.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("home,g", "move(-1000)", show=False),
        Binding("end,G", "move(1000)", show=False),
    ]

    class Taken(Message):
        """A line was clicked twice."""

    def __init__(self, number: int, *, most: int = 1000, cursor: int = 0) -> None:
        super().__init__()
        self.number, self.cursor = number, cursor
        self.styles.height = min(most, number)

    def action_move(self, step: int) -> None:
        self.cursor = min(max(0, self.cursor + step), self.number - 1)
        self.repaint()

    @property
    def top(self) -> int:
        """The first line in sight."""
        return min(max(0, self.cursor - self.size.height + 1), max(0, self.number - self.size.height))

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self.cursor = min(self.top + event.y, self.number - 1)
        self.repaint()
        if event.chain == 2:
            self.post_message(self.Taken())
