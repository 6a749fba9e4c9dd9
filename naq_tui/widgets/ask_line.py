"""One line of text asked for at the bottom of the screen, in the place of the footer."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Label

from naq_tui.text import cut, safe


class AskLine(Horizontal):
    """Posts `Changed` with every letter and `Done` or `GivenUp` at the end. What is wrong is named beside the text."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "give_up", show=False),
        Binding("tab", "complete", show=False),
    ]
    MARK: ClassVar[str] = ""
    PLACEHOLDER: ClassVar[str] = ""

    class Changed(Message):
        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Done(Message):
        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class GivenUp(Message):
        """`esc`."""

    def compose(self) -> ComposeResult:
        yield Label(f" {self.MARK} ", classes="mark")
        field = Input(compact=True, placeholder=self.PLACEHOLDER)
        field.cursor_blink = False
        yield field
        yield Label("", classes="problem", markup=False)

    @property
    def field(self) -> Input:
        return self.query_one(Input)

    @property
    def problem(self) -> str:
        return str(self.query_one(".problem", Label).content)

    @problem.setter
    def problem(self, text: str) -> None:
        room = self.app.size.width * 3 // 5
        self.query_one(".problem", Label).update(f" {cut(safe(text, 200), room)} " if text else "")

    def open(self, text: str) -> None:
        self.display = True
        self.problem = ""
        with self.field.prevent(Input.Changed):
            self.field.value = text
        self.field.focus()
        self.field.action_end()

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(event.value))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Done(event.value))

    def action_give_up(self) -> None:
        self.post_message(self.GivenUp())

    def action_complete(self) -> None:
        """Nothing to complete with."""
