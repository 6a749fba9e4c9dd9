"""The question at quitting while processes run that were started here."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from naq_tui.format import plural
from naq_tui.text import cut
from naq_tui.widgets.choice import Choice


class LeaveScreen(ModalScreen[str]):
    """Answers "stop", "leave" or "stay".

    Args:
        running: kind and safe name of each.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "answer('stay')", show=False)]
    AUTO_FOCUS = "Choice"

    def __init__(self, running: tuple[tuple[str, str], ...]) -> None:
        super().__init__()
        self.running = running

    def compose(self) -> ComposeResult:
        counts = Counter(kind for kind, _ in self.running)
        words = " and ".join(plural(counts[kind], kind) for kind in ("worker", "scheduler") if counts[kind])
        verb = "is" if len(self.running) == 1 else "are"
        names = cut(", ".join(name for _, name in self.running), 110)
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Quit"
            yield Static(f"{words} started here {verb} running: {names}.", classes="say", markup=False)
            yield Static(
                "Stopped, they finish the jobs they have first. Left running, they are found again by the next "
                "console on this machine.",
                classes="say -soft",
                markup=False,
            )
            with Horizontal(classes="buttons"):
                yield Choice("stay", "stay")
                yield Choice("leave them running", "leave")
                yield Choice("stop them", "stop", is_dangerous=True)

    @on(Choice.Chosen)
    def _chosen(self, message: Choice.Chosen) -> None:
        self.dismiss(message.value)

    def action_answer(self, answer: str) -> None:
        self.dismiss(answer)
