"""What every list does with the keys that move, and with the focus."""

from __future__ import annotations

from textual.widget import Widget

from naq_tui import keys
from naq_tui.widgets.painted import Lines


class ListKeys(Lines, can_focus=True):
    """Lines of which one is under the cursor."""

    BINDINGS = keys.bindings("list")

    @property
    def _height(self) -> int:
        """Rows that are in sight at once."""
        raise NotImplementedError

    def move(self, rows: int) -> None:
        """The cursor by so many rows, upwards where they are negative; no further than to the end."""
        raise NotImplementedError

    def action_list_up(self) -> None:
        self.move(-1)

    def action_list_down(self) -> None:
        self.move(1)

    def action_list_page_up(self) -> None:
        self.move(-self._height)

    def action_list_page_down(self) -> None:
        self.move(self._height)

    def on_focus(self) -> None:
        self.repaint()
        if isinstance(self.parent, Widget):
            self.parent.refresh()  # its frame shows the focus

    def on_blur(self) -> None:
        self.on_focus()
