"""A question before something is changed."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from naq_tui.screens.dialog import Dialog
from naq_tui.widgets.choice import Choice


class ConfirmScreen(Dialog[bool]):
    """What will happen, on what; "no" has the focus.

    Args:
        question: one sentence that names the target; safe text.
        effect: what it does, in one or two sentences.
        verb: the words of the choice that does it.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,n", "answer(False)", show=False),
        Binding("y", "answer(True)", show=False),
    ]
    AUTO_FOCUS = "Choice"

    def __init__(self, question: str, effect: str, verb: str) -> None:
        super().__init__()
        self.question, self.effect, self.verb = question, effect, verb

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -danger") as dialog:
            dialog.border_title = "Are you sure?"
            yield Static(self.question, classes="say", markup=False)
            yield Static(self.effect, classes="say -soft", markup=False)
            with Horizontal(classes="buttons"):
                yield Choice("no", "no")
                yield Choice(f"yes, {self.verb}", "yes", is_dangerous=True)

    @on(Choice.Chosen)
    def _chosen(self, message: Choice.Chosen) -> None:
        self.dismiss(message.value == "yes")

    def action_answer(self, answer: bool) -> None:
        self.dismiss(answer)
