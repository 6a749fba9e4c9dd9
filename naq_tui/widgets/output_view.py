"""The output of one process, which may be long and may never end."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from textual import events
from textual.message import Message
from textual.strip import Strip

from naq_tui import keys
from naq_tui.text import cut, safe, without_ansi
from naq_tui.widgets.painted import Painted, thumb

if TYPE_CHECKING:
    from naq_tui.launcher import OutputPage

_LEVELS = (
    (re.compile(r"\b(ERROR|CRITICAL|FATAL|Traceback)\b"), "failed"),
    (re.compile(r"\bWARN(ING)?\b"), "waiting"),
    (re.compile(r"\bDEBUG\b"), "muted"),
)


class OutputView(Painted, can_focus=True):
    """Follows the newest line until it is moved upwards, and again once it is at the end.

    Args:
        read: gives a page of lines from a number on; text as the process wrote it.
    """

    BINDINGS = keys.bindings("list")

    class Moved(Message):
        """Following or not may have changed."""

    def __init__(self, read: Callable[[int, int], OutputPage]) -> None:
        super().__init__()
        self._read = read
        self._top = 0
        self._oldest, self._total = 0, 0
        self.is_following = True

    def show(self) -> None:
        """Look at the output anew."""
        page = self._read(0, 0)
        if (page.oldest, page.total) != (self._oldest, self._total):
            self._oldest, self._total = page.oldest, page.total
            self._go_to(self._last_top if self.is_following else self._top)

    @property
    def total(self) -> int:
        return self._total

    def text(self) -> str:
        """All lines that are kept, for the clipboard."""
        return "\n".join(self._read(self._oldest, self._total - self._oldest).lines)

    def follow(self, wanted: bool) -> None:
        self.is_following = wanted
        self._go_to(self._last_top if wanted else self._top)

    def render_line(self, y: int) -> Strip:
        if not self._total:
            return self.strip([("It has written nothing yet.", "muted")] if y == 0 else [])
        number = self._top + y
        page = self._read(number, 1) if number < self._total else None
        cells: list[tuple[str, str]] = []
        room = self.size.width - 2
        if page is not None and page.lines and page.first == number:
            line = safe(without_ansi(page.lines[0]))
            tone = next((tone for pattern, tone in _LEVELS if pattern.search(line)), "")
            cells = [(cut(line, room), tone)]
        strip = self.strip(cells)
        kept = self._total - self._oldest
        start, length = thumb(self.size.height, kept, self._top - self._oldest)
        if length and start <= y < start + length:
            return Strip([*strip.crop(0, self.size.width - 1), *self.strip([("▐", "faint")]).crop(0, 1)])
        return strip

    @property
    def _last_top(self) -> int:
        return max(self._oldest, self._total - max(1, self.size.height))

    def _go_to(self, top: int) -> None:
        self._top = min(max(self._oldest, top), self._last_top)
        self.refresh()
        self.post_message(self.Moved())

    def _move(self, lines: int) -> None:
        self.is_following = lines > 0 and self._top + lines >= self._last_top
        self._go_to(self._top + lines)

    def action_list_up(self) -> None:
        self._move(-1)

    def action_list_down(self) -> None:
        self._move(1)

    def action_list_page_up(self) -> None:
        self._move(-self.size.height)

    def action_list_page_down(self) -> None:
        self._move(self.size.height)

    def action_list_first(self) -> None:
        self._move(-self._total)

    def action_list_last(self) -> None:
        self.follow(True)

    def on_resize(self) -> None:
        self._go_to(self._last_top if self.is_following else self._top)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._move(-3)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self._move(3)
