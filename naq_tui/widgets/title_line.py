"""The first line of a screen that lies over the main one."""

from __future__ import annotations

from textual.reactive import reactive
from textual.strip import Strip

from naq_tui.text import cut
from naq_tui.views.table import Cell
from naq_tui.widgets.painted import Painted, cells_width, cut_cells


class TitleLine(Painted):
    """A title left, its state right."""

    title: reactive[str] = reactive("", layout=False)
    right: reactive[tuple[Cell, ...]] = reactive((), layout=False)

    def __init__(self) -> None:
        super().__init__(classes="report-title")

    def render_line(self, y: int) -> Strip:
        right = cut_cells(self.right, self.size.width // 2)
        left = cut(self.title, max(4, self.size.width - cells_width(right) - 4))
        gap = self.size.width - 2 - cells_width([(left, "")]) - cells_width(right)
        return self.strip([(" ", ""), (left, "strong"), (" " * max(1, gap), ""), *right, (" ", "")])
