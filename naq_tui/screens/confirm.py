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
from naq_tui.widgets.consent import Consent, ConsentFields


class ConfirmScreen(Dialog[Consent | None]):
    """What will happen, on what; "no" has the focus. Returns None for no, else the reason for the log.

    Args:
        question: one sentence that names the target; safe text.
        effect: what it does, in one or two sentences.
        verb: the words of the choice that does it.
        number: how many it is done to: ten or more have to be typed.
        noun: what those are, in the plural.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,n", "answer(False)", show=False),
        Binding("y", "answer(True)", show=False),
    ]
    AUTO_FOCUS = "#field-count, Choice"

    def __init__(self, question: str, effect: str, verb: str, *, number: int = 1, noun: str = "") -> None:
        super().__init__()
        self.question, self.effect, self.verb = question, effect, verb
        self._fields = ConsentFields(number, noun)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -danger") as dialog:
            dialog.border_title = "Are you sure?"
            yield Static(self.question, classes="say", markup=False)
            yield Static(self.effect, classes="say -soft", markup=False)
            yield self._fields
            with Horizontal(classes="buttons"):
                yield Choice("no", "no")
                yield Choice(f"yes, {self.verb}", "yes", is_dangerous=True)

    @on(Choice.Chosen)
    def _chosen(self, message: Choice.Chosen) -> None:
        self.action_answer(message.value == "yes")

    def action_answer(self, answer: bool) -> None:
        if not answer:
            self.dismiss(None)
            return
        consent = self._fields.consent()
        if consent is not None:
            self.dismiss(consent)
