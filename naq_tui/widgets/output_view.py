"""The output of one process, which may be long and may never end."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from textual import events
from textual.message import Message
from textual.strip import Strip

from naq_tui import keys
from naq_tui.text import cut, width, wrap
from naq_tui.views.output import Span, is_error, lit, plain, spans
from naq_tui.widgets.painted import Lines, thumb

if TYPE_CHECKING:
    from naq_tui.launcher import OutputPage

Find = Callable[[Callable[[str], bool], int, int], int | None]


class _Row(NamedTuple):
    """One row of the screen: a line, or a piece of a wrapped one."""

    number: int
    piece: int
    cells: list[Span]


class OutputView(Lines, can_focus=True):
    """Follows the newest line until it is moved upwards, and again once it is at the end.

    Only the rows in sight are made, so neither the number of lines nor wrapping them costs anything.

    Args:
        read: gives a page of lines from a number on; text as the process wrote it.
        find: number of the first wanted line from a number on, in steps of 1 or -1.
    """

    BINDINGS = keys.bindings("list")

    class Moved(Message):
        """Following or not may have changed."""

    def __init__(self, read: Callable[[int, int], OutputPage], find: Find) -> None:
        super().__init__()
        self._read, self._find = read, find
        self._top, self._skip = 0, 0
        """Number of the first line in sight, and how many rows of it are above."""
        self._rows: list[_Row] = []
        self._oldest, self._total = 0, 0
        self.is_following = True
        self.is_wrapped = False
        self.needle = ""
        """The text searched for."""
        self.mark: int | None = None
        """The line found last."""

    @property
    def total(self) -> int:
        """How many lines there ever were."""
        return self._total

    @property
    def top(self) -> int:
        """Number of the first line in sight."""
        return self._top

    def show(self) -> None:
        """Look at the output anew."""
        page = self._read(0, 0)
        if (page.oldest, page.total) != (self._oldest, self._total) or not self._painted:
            self._oldest, self._total = page.oldest, page.total
            self.lay_out()

    def text(self) -> str:
        """All lines that are kept, for the clipboard."""
        return "\n".join(self._read(self._oldest, self._total - self._oldest).lines)

    def follow(self, wanted: bool) -> None:
        self.is_following = wanted
        if wanted:
            self.mark = None
        self.lay_out()

    def wrap(self, wanted: bool) -> None:
        """Long lines in as many rows as they need, or cut at the edge."""
        self.is_wrapped, self._skip = wanted, 0
        self.lay_out()

    def search(self, text: str) -> bool:
        """Go to the nearest line with the text, upwards first: the newest is the one wanted. Whether there is one."""
        self.needle = text
        bottom = self._rows[-1].number if self._rows else 0
        start = bottom if self.mark is None else self.mark
        found = None
        if self.needle:
            found = self._find(self._matches, start, -1)
            found = self._find(self._matches, start, 1) if found is None else found
        return self._go_to_mark(found)

    def step_match(self, step: int) -> bool:
        """To the next match below, or with -1 above; past the end it begins anew."""
        return bool(self.needle) and self._step(self._matches, step)

    def step_error(self, step: int) -> bool:
        """To the next error; the first one of all where the newest line is followed."""
        return self._step(is_error, step)

    def line(self, y: int) -> Strip:
        if not self._total:
            return self.strip([("It has written nothing yet.", "muted")] if y == 0 else [])
        row = self._rows[y] if y < len(self._rows) else None
        cells = [] if row is None else lit(row.cells, self.needle)
        under = "cursor" if row is not None and row.number == self.mark else ""
        room = self.size.width - 1 - sum(width(text) for text, _ in cells)
        start, length = thumb(self.size.height, self._total - self._oldest, self._top - self._oldest)
        bar = "▐" if length and start <= y < start + length else " "
        return self.strip([*cells, (" " * max(0, room), ""), (bar, "faint")], under)

    # keys and mouse

    def action_list_up(self) -> None:
        self._move(-1)

    def action_list_down(self) -> None:
        self._move(1)

    def action_list_page_up(self) -> None:
        self._move(-self.size.height)

    def action_list_page_down(self) -> None:
        self._move(self.size.height)

    def action_list_first(self) -> None:
        self.is_following = self._total - self._oldest <= self.size.height
        self._top, self._skip = self._oldest, 0
        self.lay_out()

    def action_list_last(self) -> None:
        self.follow(True)

    def on_resize(self) -> None:
        self._skip = 0
        self.lay_out()
        super().on_resize()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._move(-3)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self._move(3)

    # layout

    @property
    def _height(self) -> int:
        return max(1, self.size.height)

    def lay_out(self) -> None:
        """Make the rows in sight, from the top down, or from the newest line up."""
        rows: list[_Row] = []
        if not self.is_following:
            self._top = min(max(self._oldest, self._top), max(self._oldest, self._total - 1))
            page = self._read(self._top, self._height)
            for place, line in enumerate(page.lines):
                rows += self._pieces(page.first + place, line)
            rows = rows[self._skip : self._skip + self._height]
        if len(rows) < self._height:
            page = self._read(max(self._oldest, self._total - self._height), self._height)
            rows = []
            for place, line in enumerate(page.lines):
                rows += self._pieces(page.first + place, line)
            rows = rows[-self._height :]
        self._rows = rows
        if rows:
            self._top, self._skip = rows[0].number, rows[0].piece
        self.repaint()
        self.post_message(self.Moved())

    def _pieces(self, number: int, line: str) -> list[_Row]:
        room = max(4, self.size.width - 2)
        parts = spans(plain(line))
        if not self.is_wrapped or sum(width(text) for text, _ in parts) <= room:
            return [_Row(number, 0, _cut(parts, room))]
        text = "".join(text for text, _ in parts)
        said = parts[-1][0]
        lead = min(width(text) - width(said.lstrip()), room // 2)
        head = wrap(text, room)[0]
        # what follows stands under the message, not under its time
        rest = wrap(text[len(head) :], room - lead)
        return [
            _Row(number, 0, _first(parts, len(head))),
            *(_Row(number, 1 + place, [(" " * lead + piece, parts[-1][1])]) for place, piece in enumerate(rest)),
        ]

    def _move(self, rows: int) -> None:
        if rows < 0:
            self.is_following = False
        elif self.is_following:
            return
        self._top, self._skip = self._moved(rows)
        self.lay_out()
        if rows > 0 and self._rows and self._rows[-1].number >= self._total - 1:
            self.is_following = True
            self.lay_out()

    def _moved(self, rows: int) -> tuple[int, int]:
        """Top and skip after a move by rows."""
        top, skip = self._top, self._skip
        if not self.is_wrapped:
            return top + rows, 0
        skip += rows
        while skip < 0 and top > self._oldest:
            top -= 1
            skip += self._rows_of(top)
        while top < self._total - 1 and skip >= (size := self._rows_of(top)):
            skip -= size
            top += 1
        return top, max(0, skip)

    def _rows_of(self, number: int) -> int:
        lines = self._read(number, 1).lines
        return len(self._pieces(number, lines[0])) if lines else 1

    # finding

    def _matches(self, line: str) -> bool:
        return self.needle.casefold() in plain(line).casefold()

    def _step(self, is_wanted: Callable[[str], bool], step: int) -> bool:
        if self.mark is not None:
            start = self.mark + step
        else:
            start = self._oldest if self.is_following and step > 0 else self._top if step > 0 else self._total - 1
        found = self._find(is_wanted, start, step)
        if found is None:
            found = self._find(is_wanted, self._oldest if step > 0 else self._total - 1, step)
        return self._go_to_mark(found)

    def _go_to_mark(self, number: int | None) -> bool:
        self.mark = number
        if number is not None and not any(row.number == number for row in self._rows):
            self.is_following = False
            self._top, self._skip = number - self._height // 3, 0
        elif number is not None:
            self.is_following = False
        self.lay_out()
        return number is not None


def _cut(parts: list[Span], room: int) -> list[Span]:
    """The spans in at most `room` cells."""
    shown: list[Span] = []
    for text, tone in parts:
        if room <= 0:
            break
        piece = cut(text, room)
        shown.append((piece, tone))
        room -= width(piece)
    return shown


def _first(parts: list[Span], characters: int) -> list[Span]:
    """The spans' first characters."""
    shown: list[Span] = []
    for text, tone in parts:
        shown.append((text[:characters], tone))
        characters = max(0, characters - len(text))
    return shown
