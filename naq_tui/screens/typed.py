"""A name typed out, before something is done where it matters most."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Label, Static

from naq_tui.screens.dialog import Dialog, plain
from naq_tui.text import safe


class TypedScreen(Dialog[bool]):
    """Goes on only when the name was typed exactly; `esc` leaves.

    Args:
        title: what kind of place this is.
        question: what is about to be done; safe text.
        name: what has to be typed.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(False)", show=False)]
    AUTO_FOCUS = "Input"

    def __init__(self, title: str, question: str, name: str) -> None:
        super().__init__()
        self.heading, self.question, self.wanted = title, question, name

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -production") as dialog:
            dialog.border_title = plain(self.heading)
            yield Static(self.question, classes="say", markup=False)
            yield Static(f"Type {safe(self.wanted, 60)} to go on.", classes="say -soft", markup=False)
            with Horizontal(classes="field"):
                yield Label("name", markup=False)
                field = Input(compact=True)
                field.cursor_blink = False
                yield field
            yield Static("", classes="mistake", markup=False)
            yield Static("enter goes on · esc leaves", classes="hint", markup=False)

    @on(Input.Submitted)
    def _submitted(self, message: Input.Submitted) -> None:
        if message.value.strip() == self.wanted:
            self.dismiss(True)
        else:
            self.query_one(".mistake", Static).update("That is not the name: nothing was done.")
