"""A text to read: lines of toned spans, wrapped to the width, scrolled by the keys of lists."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.strip import Strip

from naq_tui import keys
from naq_tui.text import width, wrap
from naq_tui.widgets.painted import Painted, thumb

Line = Sequence[tuple[str, str]]


class Document(Painted, can_focus=True):
    """Shows `lines`; keeps its place when they change."""

    BINDINGS = keys.bindings("list")

    def __init__(self, lines: Sequence[Line] = ()) -> None:
        super().__init__()
        self._lines: list[Line] = list(lines)
        self._wrapped: list[list[tuple[str, str]]] = []
        self._wrapped_for = -1
        self._top = 0

    def show(self, lines: Sequence[Line]) -> None:
        new = list(lines)
        if new != self._lines:
            self._lines = new
            self._wrapped_for = -1
            self.refresh(layout=self.styles.height is not None and self.styles.height.is_auto)

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        return len(self._rows(width))

    def render_line(self, y: int) -> Strip:
        rows = self._rows(self.size.width)
        place = self._top + y
        start, length = thumb(self.size.height, len(rows), self._top)
        mark = ("▐" if length and start <= y < start + length else " ", "faint")
        cells = rows[place] if place < len(rows) else []
        room = self.size.width - 1 - sum(width(text) for text, _ in cells)
        return self.strip([*cells, (" " * max(0, room), ""), mark])

    def _rows(self, cells: int) -> list[list[tuple[str, str]]]:
        if self._wrapped_for != cells:
            self._wrapped_for = cells
            self._wrapped = [row for line in self._lines for row in _wrap(line, max(4, cells - 1))]
            self._go_to(self._top)
        return self._wrapped

    def _go_to(self, top: int) -> None:
        self._top = min(max(0, top), max(0, len(self._wrapped) - max(1, self.size.height)))
        self.refresh()

    def action_list_up(self) -> None:
        self._go_to(self._top - 1)

    def action_list_down(self) -> None:
        self._go_to(self._top + 1)

    def action_list_page_up(self) -> None:
        self._go_to(self._top - self.size.height)

    def action_list_page_down(self) -> None:
        self._go_to(self._top + self.size.height)

    def action_list_first(self) -> None:
        self._go_to(0)

    def action_list_last(self) -> None:
        self._go_to(len(self._wrapped))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self._go_to(self._top + 3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._go_to(self._top - 3)


def _wrap(line: Line, cells: int) -> list[list[tuple[str, str]]]:
    """One line in rows of at most `cells`; continued rows are indented like the line's last span."""
    if sum(width(text) for text, _ in line) <= cells:
        return [list(line)]
    rows: list[list[tuple[str, str]]] = [[]]
    used = 0
    # what stands before the long part stays in its column
    lead = sum(width(text) for text, _ in line[:-1])
    indent = lead if lead <= cells // 2 else 2
    for text, tone in line:
        while text:
            room = cells - used
            if width(text) <= room:
                rows[-1].append((text, tone))
                used += width(text)
                break
            if room >= 4:
                piece = wrap(text, room)[0]
                rows[-1].append((piece, tone))
                text = text[len(piece) :]
            rows.append([(" " * indent, "")])
            used = indent
    return rows
