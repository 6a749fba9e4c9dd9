"""What else can be opened from a report, one of it chosen."""

from __future__ import annotations

from textual import events
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from naq_tui.text import width
from naq_tui.views.related import Related
from naq_tui.widgets.painted import Painted, cut_cells


class RelatedLine(Painted):
    """One line; gone where there is nothing."""

    DEFAULT_CSS = "RelatedLine { height: 1; margin: 1 1 0 1; }"

    items: reactive[tuple[Related, ...]] = reactive((), layout=False)
    chosen: reactive[int] = reactive(0, layout=False)

    class Chosen(Message):
        """A click on one."""

        def __init__(self, item: Related) -> None:
            super().__init__()
            self.item = item

    def watch_items(self) -> None:
        self.display = bool(self.items)
        self.chosen = min(self.chosen, max(0, len(self.items) - 1))

    def step(self, step: int) -> None:
        """Choose the next, after the last one the first."""
        if self.items:
            self.chosen = (self.chosen + step) % len(self.items)

    @property
    def item(self) -> Related | None:
        """The one chosen."""
        return self.items[self.chosen] if self.items else None

    def render_line(self, y: int) -> Strip:
        line = [("open ", "muted")]
        for place, item in enumerate(self.items):
            line += [(f" {item.label} ", "chip" if place == self.chosen else "strong"), (" ", "")]
        return self.strip(cut_cells(line, self.size.width))

    def on_click(self, event: events.Click) -> None:
        left = len("open ")
        for item in self.items:
            right = left + width(item.label) + 2
            if left <= event.x < right:
                self.post_message(self.Chosen(item))
                return
            left = right + 1
