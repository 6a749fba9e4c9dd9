"""Where a filter is typed; it takes the place of the footer while it is open."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Label


class FilterLine(Horizontal):
    """Posts `Changed` with every letter and `Done` at the end."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", show=False),
        Binding("down,up,tab,shift+tab", "keep", show=False),
    ]

    class Changed(Message):
        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Done(Message):
        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def compose(self) -> ComposeResult:
        yield Label(" / ", id="filter-mark")
        field = Input(id="filter-input", compact=True, placeholder="text in the row, ! in front for rows without it")
        field.cursor_blink = False
        yield field

    def open(self, text: str) -> None:
        self.display = True
        field = self.query_one(Input)
        with field.prevent(Input.Changed):
            field.value = text
        field.focus()
        field.action_end()

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(event.value))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Done(event.value))

    def action_keep(self) -> None:
        self.post_message(self.Done(self.query_one(Input).value))

    def action_cancel(self) -> None:
        self.post_message(self.Done(""))
