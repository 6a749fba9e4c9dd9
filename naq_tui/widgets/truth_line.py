"""The top line."""

from __future__ import annotations

from collections.abc import Sequence

from textual.strip import Strip

from naq_tui.store.state import State
from naq_tui.views.header import Part, truth
from naq_tui.views.table import Cell, Lens
from naq_tui.widgets.painted import Lines, cells_width


class TruthLine(Lines):
    """What is looked at, whether it is live, how busy it is, and the time. Parts go where room is short."""

    def __init__(self, id: str = "truth") -> None:
        super().__init__(id=id)
        self._parts: list[Part] = []

    def show(self, state: State, lens: Lens, badges: Sequence[Cell] = ()) -> None:
        self._set_parts(truth(state, lens, badges))

    def _set_parts(self, parts: list[Part]) -> None:
        if parts != self._parts:
            self._parts = parts
            self.repaint()

    def line(self, y: int) -> Strip:
        room = self.size.width
        parts = list(self._parts)
        while parts and sum(cells_width(part.cells) + 2 for part in parts if part.side == "middle") + sum(
            cells_width(part.cells) for part in parts if part.side != "middle"
        ) > (room - 2):
            least = min(parts, key=lambda part: part.keep)
            if least.keep >= 9:
                break
            parts.remove(least)
        left = [cell for part in parts if part.side == "left" for cell in part.cells]
        right = [cell for part in parts if part.side == "right" for cell in part.cells]
        middle: list[tuple[str, str]] = []
        for part in parts:
            if part.side == "middle":
                middle += [("  ", ""), *part.cells]
        free = room - cells_width(left) - cells_width(right) - cells_width(middle)
        # the state keeps its place while figures and names change
        before = min(max(1, room * 2 // 5 - cells_width(left)), max(1, free - 1)) if room >= 100 else 1
        gap = max(0, free - before)
        return self.strip([*left, (" " * before, ""), *middle, (" " * gap, ""), *right])
