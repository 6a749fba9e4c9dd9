"""A text to read: lines of toned spans, wrapped to the width, scrolled by the keys of lists.

Lines that open a record, and rows where a value can be folded, are walked through like rows of a list: one of those in
sight is chosen, and is shown as a cursor. Lines that open a record are one row each: what does not fit is cut, since it
is told whole where the line leads.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from textual import events, work
from textual.message import Message
from textual.strip import Strip
from textual.worker import Worker

from naq_tui import keys
from naq_tui.text import width
from naq_tui.views.related import Related
from naq_tui.views.values import Value
from naq_tui.widgets.laid_out import LaidOut, Line, Moved
from naq_tui.widgets.painted import Painted, thumb

if TYPE_CHECKING:
    from naq_tui.app import NaqConsole

NO_LINKS: Mapping[int, Related] = {}
FIRST_ROWS = 300
"""Rows of a value that are made before it is shown."""
ROWS_AHEAD = 20_000
"""Rows of values that are made beyond what is in sight: the rest once somebody goes there."""
ROWS_TO_THE_END = 500_000
"""Rows that are made on the way to the end; who goes on to the end from there has as many more."""
PIECE_S = 0.006
"""How long the rest is gone on with between two looks at the keys."""


class Document(Painted, can_focus=True):
    """Shows `lines`; keeps its place when they change."""

    app: NaqConsole
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
        """The row that is chosen; None where none is in sight."""
        self._laid_out = LaidOut((), (), 80, {}, {})
        self._laid_out_for = -1
        self._folds: dict[str, dict[int, bool]] = {}
        self._top = 0
        self._is_at_end = False
        """Whether it is to stay at the end while rows are still to come."""
        self._wanted = 0
        """Rows that are to be made; what is nearer to those in sight always is."""
        self._laying: Worker[None] | None = None

    def show(self, lines: Iterable[Line], links: Mapping[int, Related] = NO_LINKS) -> None:
        """`links`: what lines open, by their place."""
        new = [self._as_known(line) if isinstance(line, Value) else line for line in lines]
        if new == self._lines and links == self._links:
            return
        link, within, chosen = self._nearest(links), self._within_value(), self._chosen or 0
        self._lines, self._links, self._places, self._chosen = new, dict(links), sorted(links), None
        self._laid_out_for = -1
        if self.size:
            rows = self._rows(self.size.width)
            row = rows.row_in_value(*within) if within is not None else None
            if link is not None:
                self._choose(rows.row_of[link])
            elif row is not None:
                self._hold_on_to(row, was=chosen)
        self.refresh(layout=self.styles.height is not None and self.styles.height.is_auto)

    def _as_known(self, value: Value) -> Value:
        """The value that is shown already, where it is the same: what has been laid out and folded of it stays."""
        known = next((line for line in self._lines if isinstance(line, Value) and line.name == value.name), None)
        if known is None or not known.holds_as(value):
            self._folds.pop(value.name, None)
            return value
        if known.depth != value.depth:
            self._folds.pop(value.name, None)
        is_same = known.depth == value.depth and known.rules is value.rules
        return known if is_same else replace(value, value=known.value)

    def _nearest(self, links: Mapping[int, Related]) -> int | None:
        """The line that is chosen, in its new place; where it has gone, the one that is nearest to it."""
        link = self._link_at(self._chosen)
        if link is None or not links:
            return None
        same = [place for place, item in links.items() if item == self._links[link]]
        return min(same or links, key=lambda place: abs(place - link))

    def _hold_on_to(self, row: int, was: int) -> None:
        """What was chosen in row `was` is in `row` now: who has read on to it stays there, at the top nothing moves."""
        self._chosen = row
        self._go_to(self._top + row - was if self._top else 0)

    def _within_value(self) -> tuple[str, int] | None:
        return self._laid_out.place_in_value(self._chosen) if self.can_fold and self._chosen is not None else None

    def _link_at(self, row: int | None) -> int | None:
        """The place of the line in this row, where it opens something."""
        if row is None:
            return None
        at = bisect_left(self._places, row, key=self._laid_out.row_of.__getitem__)
        is_there = at < len(self._places) and self._laid_out.row_of[self._places[at]] == row
        return self._places[at] if is_there else None

    @property
    def chosen(self) -> Related | None:
        """What the chosen line opens."""
        link = self._link_at(self._chosen)
        return None if link is None else self._links[link]

    @property
    def can_fold(self) -> bool:
        """Whether what is chosen can be folded or unfolded."""
        return self._chosen is not None and self._laid_out.can_fold(self._chosen)

    def fold(self) -> None:
        """Fold the object or list that is chosen, or unfold it."""
        if self._chosen is not None and self.can_fold:
            self._has_moved(self._laid_out.toggle(self._chosen))
            for name, value in self._laid_out.values.items():
                self._folds[name] = value.folds
            moved = self._laid_out.lay(0.0, FIRST_ROWS)
            if moved is not None:
                self._has_moved(moved)
            self._lay_on_later()
            self._go_to(self._top)

    def step(self, step: int) -> None:
        """Choose the next line that opens something, wherever it is; after the last one the first."""
        if self._places:
            place = self._places[self._beside(step) % len(self._places)]
            self._choose(self._laid_out.row_of[place])

    def _beside(self, step: int) -> int:
        """Index in `_places` of the one after (before) the chosen row, or after (before) what is in sight."""
        link = self._link_at(self._chosen)
        if link is not None:
            return self._places.index(link) + step
        from_row = self._top if self._chosen is None else self._chosen
        behind = bisect_left(self._places, from_row, key=self._laid_out.row_of.__getitem__)
        return behind if step > 0 else behind - 1

    def _choose(self, row: int) -> None:
        self._chosen = row
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
        return self.strip([*cells, (" " * max(0, room), ""), mark], "cursor" if place == self._chosen else "")

    def _rows(self, cells: int) -> LaidOut:
        if self._laid_out_for != cells:
            self._laid_out_for = cells
            self._laid_out = LaidOut(self._lines, self._links, max(4, cells - 1), self._folds, self._laid_out.values)
            self._laid_out.lay_first(FIRST_ROWS)
            self._lay_on_later()
            self._go_to(self._top)
        return self._laid_out

    # values

    def _lay_on_later(self) -> None:
        is_laying = self._laying is not None and not self._laying.is_finished
        if not is_laying and self._wants_rows and not self._laid_out.is_whole:
            self._laying = self._lay_on()

    @property
    def _wants_rows(self) -> bool:
        ahead = 0 if self._is_at_end else self._top + ROWS_AHEAD
        return len(self._laid_out) < max(self._wanted, ahead)

    @work(group="laying")
    async def _lay_on(self) -> None:
        await self.app.keys_first()
        while self._wants_rows and (moved := self._laid_out.lay(PIECE_S)) is not None:
            self._has_moved(moved)
            if self._is_at_end:
                self._go_to_end(len(self._laid_out))
            self.refresh()
            await self.app.keys_first()

    def _has_moved(self, moved: Moved) -> None:
        """Keep what is in sight, and what is chosen, where it is."""
        if self._top > moved.after:
            self._top = max(moved.after, self._top + moved.by)
        if self._chosen is not None and self._chosen > moved.after:
            self._chosen = max(moved.after, self._chosen + moved.by)

    # moving

    def _go_to(self, top: int) -> None:
        before = self._top
        self._is_at_end = False
        self._top = min(max(0, top), max(0, len(self._laid_out) - max(1, self.size.height)))
        self._settle(is_downwards=self._top >= before)
        self._lay_on_later()
        self.refresh()

    def _settle(self, *, is_downwards: bool) -> None:
        """What is chosen is in sight: where it has left it, the row that came to its end of the screen last."""
        end = min(self._top + max(1, self.size.height), len(self._laid_out))
        if self._chosen is None or not self._top <= self._chosen < end or not self._is_stop(self._chosen):
            seen = range(self._top, end) if is_downwards else range(end - 1, self._top - 1, -1)
            self._chosen = next(filter(self._is_stop, seen), None)

    def _is_stop(self, row: int) -> bool:
        return self._laid_out.can_fold(row) or self._link_at(row) is not None

    def _move(self, step: int) -> None:
        """To the next row that can be chosen where that is in sight or the very next, else on by a row."""
        if self._chosen is not None:
            end = self._top + max(1, self.size.height) if step > 0 else self._top - 1
            row = next(filter(self._is_stop, range(self._chosen + step, end + step, step)), None)
            if row is not None:
                self._choose(row)
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
        self._wanted = len(self._laid_out) + ROWS_TO_THE_END
        self._go_to_end(len(self._laid_out))

    def _go_to_end(self, top: int) -> None:
        self._go_to(top)
        self._chosen = None
        self._settle(is_downwards=top == 0)
        self._is_at_end = top > 0

    def on_click(self, event: events.Click) -> None:
        row = self._top + event.y
        link = self._link_at(row)
        if link is not None:
            self._choose(row)
            self.post_message(self.Chosen(self._links[link]))
        elif self._laid_out.can_fold(row):
            self._choose(row)
            self.fold()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self._go_to(self._top + 3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._go_to(self._top - 3)
