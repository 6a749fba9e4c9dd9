"""A frame around one list, with its title, what matters about it, and its filter."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.geometry import Region
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from naq_tui.text import cut, safe, width
from naq_tui.views.table import Cell
from naq_tui.widgets.painted import Painted, cells_width, cut_cells


class Pane(Painted):
    """Draws a rounded frame and holds one widget inside it.

    `border_title` of Textual has one line of text per edge; this one has a title left and a headline right.
    """

    DEFAULT_CSS = """
    Pane { layout: vertical; height: 1fr; width: 1fr; }
    Pane > * { margin: 1 1; height: 1fr; width: 1fr; }
    """

    headline: reactive[tuple[Cell, ...]] = reactive((), repaint=False)
    """At the right of the upper edge, in parts that stand apart: the edge goes on between them, and through the spaces
    that a part begins with or the last one ends with, which keep room for its figure."""
    footing: reactive[tuple[Cell, ...]] = reactive((), repaint=False)
    """At the right of the lower edge."""
    chips: reactive[tuple[str, ...]] = reactive((), repaint=False)
    """The terms of the active filter, behind the title."""

    def __init__(self, name: str, title: str, content: Widget) -> None:
        super().__init__(id=f"pane-{name}", classes="pane")
        self.pane_name = name
        self.title = title
        self.content = content

    def compose(self) -> ComposeResult:
        yield self.content

    # only the edge: the rest of the frame, and what is in it, stays as it is

    def watch_headline(self) -> None:
        self.refresh(Region(0, 0, self.size.width, 1))

    def watch_chips(self) -> None:
        self.watch_headline()

    def watch_footing(self) -> None:
        self.refresh(Region(0, self.size.height - 1, self.size.width, 1))

    def render_line(self, y: int) -> Strip:
        height, cells = self.size.height, self.size.width
        edge = "accent" if self.content.has_focus else "faint"
        if cells < 4 or height < 2:
            return self.strip([])
        if y == 0:
            title = [("╭─", edge), (f" {self.title} ", "accent" if self.content.has_focus else "strong")]
            room = cells // 2
            for chip in self.chips:
                text = f" {cut(safe(chip), max(4, cells // 3))} "
                room -= width(text) + 1
                if room < 0:
                    title.append(("… ", "muted"))
                    break
                title += [(text, "chip"), (" ", "")]
            room = cells - cells_width(title) - 5
            return self._edge(title, _apart(self.headline, room, edge), "─╮", edge)
        if y == height - 1:
            return self._edge([("╰─", edge)], self.footing, "─╯", edge)
        return self.strip([("│", edge), (" " * (cells - 2), ""), ("│", edge)])

    def _edge(self, left: list[tuple[str, str]], right: Sequence[Cell | tuple[str, str]], end: str, edge: str) -> Strip:
        cells = self.size.width
        left = cut_cells(left, cells - 2)
        room = cells - cells_width(left) - width(end)
        shown: list[tuple[str, str]] = []
        if right and room > 6:
            shown = [(" ", ""), *cut_cells(right, room - 3)]
            shown.append(("─", edge) if shown[-1][0].endswith("─") else (" ", ""))
        line = "─" * max(0, room - cells_width(shown))
        return self.strip([*left, (line, edge), *shown, (end, edge)])


def _apart(parts: Sequence[Cell], room: int, edge: str) -> list[tuple[str, str]]:
    """The parts with the edge between them; where that is too long for `room` no room is kept for figures, and the
    last parts go, whole."""
    if sum(width(part.text) + 3 for part in parts) - sum(map(_lead, parts[:1])) - 3 > room:
        parts = [Cell(part.text.strip(), part.tone) for part in parts]
        while len(parts) > 1 and sum(width(part.text) + 3 for part in parts) - 3 > room:
            parts = parts[:-1]
    cells: list[tuple[str, str]] = []
    for place, part in enumerate(parts):
        if place:
            cells.append((f" {'─' * (_lead(part) + 1)} ", edge))
        cells.append((part.text.strip(), part.tone))
    trail = sum(len(part.text) - len(part.text.rstrip()) for part in parts[-1:])
    return [*cells, (f" {'─' * (trail - 1)}", edge)] if trail else cells


def _lead(part: Cell) -> int:
    return len(part.text) - len(part.text.lstrip())
