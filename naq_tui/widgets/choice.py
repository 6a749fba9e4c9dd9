"""One answer of a dialog."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Static


class Choice(Static, can_focus=True):
    """A flat button: enter, space or a click chooses it; left and right go to the next one, up and down to what is
    above and below."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,space", "choose", show=False),
        Binding("left,h", "step(-1)", show=False),
        Binding("right,l", "step(1)", show=False),
        Binding("up", "app.focus_previous", show=False),
        Binding("down", "app.focus_next", show=False),
    ]

    class Chosen(Message):
        def __init__(self, value: str) -> None:
            super().__init__()
            self.value = value

    def __init__(self, label: str, value: str, *, is_dangerous: bool = False) -> None:
        super().__init__(label, markup=False, classes="-danger" if is_dangerous else "")
        self.value = value

    def action_choose(self) -> None:
        self.post_message(self.Chosen(self.value))

    def action_step(self, step: int) -> None:
        if step > 0:
            self.screen.focus_next(Choice)
        else:
            self.screen.focus_previous(Choice)

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self.action_choose()
