"""The line of screens with their digits."""

from __future__ import annotations

from textual import events
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from naq_tui.keys import SCREENS
from naq_tui.widgets.painted import Painted


class TabLine(Painted):
    """Which screens there are, and which one this is. A click chooses one."""

    current: reactive[str] = reactive("overview", layout=False)
    marks: reactive[frozenset[str]] = reactive(frozenset(), layout=False)
    """Screens with something wrong in them."""

    class Chosen(Message):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.screen_name = name

    def __init__(self) -> None:
        super().__init__(id="tabs")

    def _tabs(self) -> list[tuple[str, str, str]]:
        """Name, digit and title, the title empty where room is too short for all."""
        tabs = [(name, digit, title) for name, (digit, title) in SCREENS.items()]
        if sum(len(title) + 4 for _, _, title in tabs) <= self.size.width:
            return tabs
        if sum(len(title) + 3 for _, _, title in tabs) <= self.size.width + 1:
            return tabs
        return [(name, digit, title if name == self.current else "") for name, digit, title in tabs]

    @property
    def _gap(self) -> int:
        return 2 if sum(len(title) + 4 for _, title in SCREENS.values()) <= self.size.width else 1

    def render_line(self, y: int) -> Strip:
        line: list[tuple[str, str]] = [(" ", "")]
        for name, digit, title in self._tabs():
            is_current = name == self.current
            ground = "tab" if is_current else ""
            line.append((digit, "failed" if name in self.marks else "key"))
            line.append((" " if title else "", ""))
            line.append((title, ground or "muted"))
            line.append((" " * self._gap, ""))
        return self.strip(line)

    def on_click(self, event: events.Click) -> None:
        left = 1
        for name, digit, title in self._tabs():
            right = left + len(digit) + (len(title) + 1 if title else 0)
            if left <= event.x < right + 1:
                self.post_message(self.Chosen(name))
                return
            left = right + self._gap
