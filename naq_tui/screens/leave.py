"""The question at quitting while processes run that were started here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from naq_tui.format import plural
from naq_tui.screens.dialog import Dialog
from naq_tui.store.rows import ProcessRow
from naq_tui.text import cut, fit
from naq_tui.widgets.choice import Choice

_FATES = {"keep": "runs on", "drain": "is drained", "kill": "is killed"}
_FATES_OF_MANY = {"keep": "run on", "drain": "are drained", "kill": "are killed"}
_CELLS = 58
"""Of a line of the dialog."""


class LeaveScreen(Dialog[str]):
    """Answers "stop", "leave", "policy" or "stay".

    Args:
        running: the workers and schedulers that run or are about to.
        ends_server: whether the server they work for is the console's own, and ends with it.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "answer('stay')", show=False)]
    AUTO_FOCUS = "Choice"

    def __init__(self, running: Sequence[ProcessRow], *, ends_server: bool = False) -> None:
        super().__init__()
        self.running, self.ends_server = running, ends_server

    def compose(self) -> ComposeResult:
        counts = Counter(row.kind for row in self.running)
        words = " and ".join(plural(counts[kind], kind) for kind in ("worker", "scheduler") if counts[kind])
        verb = "is" if len(self.running) == 1 else "are"
        fates = fates_of(self.running)
        is_mixed = any(row.view.hangup != "keep" for row in self.running)
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Quit"
            names = "" if is_mixed else f": {cut(', '.join(row.name for row in self.running), 110)}"
            yield Static(f"{words} started here {verb} running{names}.", classes="say", markup=False)
            if is_mixed:
                lines = (f"{fit(fate, 13)}{cut(names, _CELLS - 13)}" for fate, names in fates)
                yield Static("As their hang-up policies say:", classes="fates-head", markup=False)
                yield Static("\n".join(lines), classes="say", markup=False)
            yield Static(
                "Stopped, they finish the jobs they have first. Left running, they are found again by the next "
                f"console on this machine{self._unminded()}.",
                classes="say -soft",
                markup=False,
            )
            if self.ends_server:
                yield Static(
                    "The server here ends with this console and comes back with the next: until then they wait.",
                    classes="say -soft",
                    markup=False,
                )
            with Horizontal(classes="buttons"):
                yield Choice("stay", "stay")
                if is_mixed:
                    yield Choice("as they say", "policy")
                yield Choice("leave all" if is_mixed else "leave them running", "leave")
                yield Choice("stop all" if is_mixed else "stop them", "stop", is_dangerous=True)

    def _unminded(self) -> str:
        if all(row.view.restart == "never" for row in self.running):
            return ""
        return "; until then nothing is started again"

    @on(Choice.Chosen)
    def _chosen(self, message: Choice.Chosen) -> None:
        self.dismiss(message.value)

    def action_answer(self, answer: str) -> None:
        self.dismiss(answer)


def fates_of(running: Sequence[ProcessRow]) -> list[tuple[str, str]]:
    """What a hang-up does, and to which: ("run on", "mail-1, mail-2")."""
    fates: list[tuple[str, str]] = []
    for policy in _FATES:
        names = [row.name for row in running if row.view.hangup == policy]
        if names:
            fates.append(((_FATES if len(names) == 1 else _FATES_OF_MANY)[policy], ", ".join(names)))
    return fates
