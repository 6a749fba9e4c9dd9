"""A text to read: lines of toned spans, wrapped to the width, scrolled by the keys of lists.

Lines that open a record are walked through like rows: one of those in sight is chosen, and is shown as a cursor. They
are one row each: what does not fit is cut, since it is told whole where the line leads.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence

from textual import events
from textual.message import Message
from textual.strip import Strip

from naq_tui import keys
from naq_tui.text import width, wrap
from naq_tui.views.related import Related
from naq_tui.widgets.painted import Painted, cut_cells, thumb

Line = Sequence[tuple[str, str]]
NO_LINKS: Mapping[int, Related] = {}


class Document(Painted, can_focus=True):
    """Shows `lines`; keeps its place when they change."""

    BINDINGS = keys.bindings("list")

    class Chosen(Message):
        """A click on a line that opens a record."""

        def __init__(self, item: Related) -> None:
            super().__init__()
            self.item = item

    def __init__(self, lines: Sequence[Line] = ()) -> None:
        super().__init__()
        self._lines: list[Line] = list(lines)
        self._links: dict[int, Related] = {}
        self._places: list[int] = []
        """Of the lines in `_links`, in order."""
        self._chosen: int | None = None
        """Place of the line that is chosen; None where none is in sight."""
        self._wrapped: list[list[tuple[str, str]]] = []
        self._row_of: list[int] = []
        """The first row of each line."""
        self._wrapped_for = -1
        self._top = 0

    def show(self, lines: Sequence[Line], links: Mapping[int, Related] = NO_LINKS) -> None:
        """`links`: what lines open, by their place."""
        new = list(lines)
        if new == self._lines and links == self._links:
            return
        chosen = self._nearest(links)
        self._lines, self._links, self._places, self._chosen = new, dict(links), sorted(links), None
        self._wrapped_for = -1
        if self.size:
            self._rows(self.size.width)
        if self.size and chosen is not None:
            self._choose(chosen)
        self.refresh(layout=self.styles.height is not None and self.styles.height.is_auto)

    def _nearest(self, links: Mapping[int, Related]) -> int | None:
        """Where the line that is chosen is now; where it has gone, the one that is nearest to its place."""
        chosen = self._chosen
        if chosen is None or not links:
            return None
        same = [place for place, item in links.items() if item == self._links[chosen]]
        return min(same or links, key=lambda place: abs(place - chosen))

    @property
    def chosen(self) -> Related | None:
        """What the chosen line opens."""
        return None if self._chosen is None else self._links[self._chosen]

    def step(self, step: int) -> None:
        """Choose the next line that opens something, wherever it is; after the last one the first."""
        if self._places:
            self._choose(self._places[self._beside(step) % len(self._places)])

    def _beside(self, step: int) -> int:
        """Index in `_places` of the one after (before) the chosen line, or after (before) what is in sight."""
        if self._chosen is not None:
            return self._places.index(self._chosen) + step
        behind = bisect_left(self._places, self._top, key=self._row_of.__getitem__)
        return behind if step > 0 else behind - 1

    def _choose(self, place: int) -> None:
        self._chosen = place
        self._keep_in_sight()
        self.refresh()

    def _keep_in_sight(self) -> None:
        if self._chosen is not None:
            row = self._row_of[self._chosen]
            self._go_to(min(max(self._top, row - max(1, self.size.height) + 1), row))

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        return len(self._rows(width))

    def render_line(self, y: int) -> Strip:
        rows = self._rows(self.size.width)
        place = self._top + y
        start, length = thumb(self.size.height, len(rows), self._top)
        mark = ("▐" if length and start <= y < start + length else " ", "faint")
        cells = rows[place] if place < len(rows) else []
        room = self.size.width - 1 - sum(width(text) for text, _ in cells)
        is_chosen = self._chosen is not None and place == self._row_of[self._chosen]
        return self.strip([*cells, (" " * max(0, room), ""), mark], "cursor" if is_chosen else "")

    def _rows(self, cells: int) -> list[list[tuple[str, str]]]:
        if self._wrapped_for != cells:
            self._wrapped_for = cells
            room = max(4, cells - 1)
            self._wrapped, self._row_of = [], []
            for place, line in enumerate(self._lines):
                self._row_of.append(len(self._wrapped))
                self._wrapped += [cut_cells(line, room)] if place in self._links else _wrap(line, room)
            self._go_to(self._top)
        return self._wrapped

    def _go_to(self, top: int) -> None:
        before = self._top
        self._top = min(max(0, top), max(0, len(self._wrapped) - max(1, self.size.height)))
        self._settle(is_downwards=self._top >= before)
        self.refresh()

    def _settle(self, *, is_downwards: bool) -> None:
        """What is chosen is in sight: where it has left it, the line that came to its end of the screen last."""
        end = self._top + max(1, self.size.height)
        if self._chosen is None or not self._top <= self._row_of[self._chosen] < end:
            seen = [place for place in self._places if self._top <= self._row_of[place] < end]
            self._chosen = None if not seen else seen[0] if is_downwards else seen[-1]

    def _move(self, step: int) -> None:
        """To the next line that opens something where that is in sight or the very next, else on by a row."""
        beside = self._beside(step) if self._chosen is not None else -1
        if 0 <= beside < len(self._places):
            row = self._row_of[self._places[beside]]
            if self._top - 1 <= row <= self._top + self.size.height:
                self._choose(self._places[beside])
                return
        self._go_to(self._top + step)

    def action_list_up(self) -> None:
        self._move(-1)

    def action_list_down(self) -> None:
        self._move(1)

    def action_list_page_up(self) -> None:
        self._go_to(self._top - self.size.height)

    def action_list_page_down(self) -> None:
        self._go_to(self._top + self.size.height)

    def action_list_first(self) -> None:
        self._go_to_end(0)

    def action_list_last(self) -> None:
        self._go_to_end(len(self._wrapped))

    def _go_to_end(self, top: int) -> None:
        self._go_to(top)
        self._chosen = None
        self._settle(is_downwards=top == 0)

    def on_click(self, event: events.Click) -> None:
        row = self._top + event.y
        place = next((place for place in self._places if self._row_of[place] == row), None)
        if place is not None:
            self._choose(place)
            self.post_message(self.Chosen(self._links[place]))

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
