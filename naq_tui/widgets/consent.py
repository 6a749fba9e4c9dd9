"""What is asked along with "are you sure?": a reason for the log and, of many, their number typed out."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Label, Static

from naq_tui.widgets.choice import Choice

TYPED_FROM = 10
"""So many targets need their number typed."""


class Consent(NamedTuple):
    """A yes, and why; None where no reason was given."""

    reason: str | None = None


def reason_field() -> Input:
    """Where a reason is typed."""
    return _field("reason", "for the log; may stay empty")


def _field(name: str, hint: str) -> Input:
    field = Input(placeholder=hint, id=f"field-{name}", compact=True)
    field.cursor_blink = False
    return field


class ConsentFields(Vertical):
    """`enter` and the arrows only move on: the answer itself is always chosen.

    Args:
        number: how many targets there are.
        noun: what they are, in the plural.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
    ]

    def __init__(self, number: int, noun: str) -> None:
        super().__init__()
        self.number, self.noun = number, noun

    def compose(self) -> ComposeResult:
        with Horizontal(classes="field"):
            yield Label("reason", markup=False)
            yield reason_field()
        if self._is_number_typed:
            with Horizontal(classes="field"):
                yield Label("how many", markup=False)
                yield _field("count", f"type {self.number} to go on")
            yield Static("", id="mistake", classes="mistake", markup=False)

    @property
    def _is_number_typed(self) -> bool:
        return self.number >= TYPED_FROM

    def consent(self) -> Consent | None:
        """What was agreed to; None, said and put right by the person, while the number is not typed."""
        if self._is_number_typed:
            count = self.query_one("#field-count", Input)
            if count.value.strip().replace(",", "") != str(self.number):
                self.query_one("#mistake", Static).update(f"Type {self.number}, the number of {self.noun}, to go on.")
                count.focus()
                return None
        return Consent(self.query_one("#field-reason", Input).value.strip() or None)

    @on(Input.Submitted)
    def _submitted(self, message: Input.Submitted) -> None:
        message.stop()
        self.screen.query_one(Choice).focus()
