"""The base of all our widgets: lines of text painted in the tones of the theme."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from naq_tui.status import TONES
from naq_tui.text import cut, width
from naq_tui.views.table import Cell

EXTRA_TONES = ("cursor", "head", "faint", "off", "key", "chip", "tab", "production", "string", "number", "word")

_ASCII = str.maketrans(
    dict.fromkeys("╭╮╰╯├└┌┐┘┬┴┼", "+")
    | dict.fromkeys("─━–·", "-")
    | dict.fromkeys("│┃▐▌❚", "|")
    | dict.fromkeys("▸▶→", ">")
    | dict.fromkeys("█▇▆▅▄▓", "#")
    | dict.fromkeys("▃▂▁▒░", "=")
    | {"▴": "^", "↑": "^", "▾": "v", "↓": "v", "✓": "v", "◀": "<", "←": "<", "…": "~", "✗": "x", "•": "*"}
)
"""Our own lines and marks where the terminal has none of them; texts of others stay as they are."""


def tone_class(name: str) -> str:
    """The component class that carries a tone."""
    return f"tone--{name}"


TONE_CLASSES = frozenset(tone_class(name) for name in (*TONES, *EXTRA_TONES))
"""Of the app, once: the style sheet is matched against every component class of every widget, again and again."""


class Painted(Widget):
    """A widget that draws its lines itself.

    Component classes `tone--NAME` of the app carry the colours; console.tcss defines them. Outside text reaches the
    screen as plain segments only, so it is never read as markup.
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._tones: dict[tuple[str, str], Style] = {}
        self._width: int | None = None

    @property
    def line_width(self) -> int:
        """`size.width`, which Textual works out anew each time; while many lines are made it is asked for once."""
        return self.size.width if self._width is None else self._width

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._tones.clear()

    def tone(self, name: str, under: str = "") -> Style:
        """The full style of a tone, on the ground of `under` ("cursor") where that is given."""
        style = self._tones.get((name, under))
        if style is None:
            style = self.rich_style
            if under:
                style += self.app.get_component_styles(tone_class(under)).partial_rich_style
            if name:
                style += self.app.get_component_styles(tone_class(name)).partial_rich_style
            self._tones[name, under] = style
        return style

    def strip(self, cells: Iterable[Cell | tuple[str, str]], under: str = "") -> Strip:
        """One line, filled to the widget's width."""
        if getattr(self.app, "ascii_only", False):
            cells = ((text.translate(_ASCII), tone) for text, tone in cells)
        segments = [Segment(text, self.tone(tone, under)) for text, tone in cells if text]
        return Strip(segments).adjust_cell_length(self.line_width, self.tone("", under))


class Lines(Painted):
    """Keeps its lines as they are on the screen, and repaints only the cells that differ.

    A subclass makes a line in `line`; `repaint` is called whenever what they are made of may have changed.
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._painted: list[Strip] = []

    def line(self, y: int) -> Strip:
        """Line `y` as it should be now."""
        raise NotImplementedError

    def repaint(self) -> None:
        before, size = self._painted, self.size
        self._width = size.width
        try:
            self._painted = [self.line(y) for y in range(size.height)]
        finally:
            self._width = None
        if len(before) != len(self._painted):
            self.refresh()
            return
        spans = ((y, *changed_span(old, new)) for y, (old, new) in enumerate(zip(before, self._painted, strict=True)))
        regions = [Region(start, y, length, 1) for y, start, length in spans if length]
        if regions:
            self.refresh(*regions)

    def render_line(self, y: int) -> Strip:
        return self._painted[y] if y < len(self._painted) else self.strip([])

    def on_resize(self) -> None:
        self.repaint()
        self.refresh()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        if self.is_mounted:
            self.repaint()
            self.refresh()


def changed_span(before: Strip, after: Strip) -> tuple[int, int]:
    """First cell and number of cells that differ between two lines; (0, 0) where they are the same.

    Few bytes on a slow line: a second that passes repaints some figures, not whole rows.
    """
    old, new = before._segments, after._segments
    if old == new:
        return 0, 0
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    start = sum(segment.cell_length for segment in new[:head])
    end = after.cell_length - sum(segment.cell_length for segment in new[len(new) - tail :])
    # where widths shifted, the old line's changed part may reach further
    old_end = before.cell_length - sum(segment.cell_length for segment in old[len(old) - tail :])
    return start, max(end, old_end) - start


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
