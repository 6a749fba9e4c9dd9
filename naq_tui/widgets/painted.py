"""The base of all our widgets: lines of text painted in the tones of the theme."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from naq_tui.status import TONES
from naq_tui.text import cut, width
from naq_tui.views.table import Cell

EXTRA_TONES = ("cursor", "head", "faint", "key", "chip", "tab")


class Painted(Widget):
    """A widget that draws its lines itself.

    Component classes `tone--NAME` carry the colours; console.tcss defines them. Outside text reaches the screen as
    plain segments only, so it is never read as markup.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"tone--{name}" for name in (*TONES, *EXTRA_TONES)}

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._tones: dict[tuple[str, str], Style] = {}

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._tones.clear()

    def tone(self, name: str, under: str = "") -> Style:
        """The full style of a tone, on the ground of `under` ("cursor") where that is given."""
        style = self._tones.get((name, under))
        if style is None:
            style = self.rich_style
            if under:
                style += self.get_component_rich_style(f"tone--{under}", partial=True)
            if name:
                style += self.get_component_rich_style(f"tone--{name}", partial=True)
            self._tones[name, under] = style
        return style

    def strip(self, cells: Iterable[Cell | tuple[str, str]], under: str = "") -> Strip:
        """One line, filled to the widget's width."""
        segments = [Segment(text, self.tone(tone, under)) for text, tone in cells if text]
        return Strip(segments).adjust_cell_length(self.size.width, self.tone("", under))


def cells_width(cells: Sequence[Cell | tuple[str, str]]) -> int:
    return sum(width(text) for text, _ in cells)


def cut_cells(cells: Sequence[Cell | tuple[str, str]], room: int) -> list[tuple[str, str]]:
    """The cells in at most `room` cells of the screen."""
    kept: list[tuple[str, str]] = []
    for text, tone in cells:
        if room <= 0:
            break
        piece = cut(text, room)
        kept.append((piece, tone))
        room -= width(piece)
    return kept


def thumb(height: int, total: int, top: int) -> tuple[int, int]:
    """First line and length of a scrollbar's thumb; length 0 where all `total` rows fit into `height`."""
    if total <= height or height <= 0:
        return 0, 0
    length = max(1, height * height // total)
    start = round((height - length) * top / max(1, total - height))
    return min(max(0, start), height - length), length
