"""The way to all that match: how far it has come, and a key that gives it up."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from naq.errors import NaqException
from naq_tui.acting.matching import Matching
from naq_tui.screens.dialog import Dialog
from naq_tui.views.course import Search
from naq_tui.widgets.choice import Choice
from naq_tui.widgets.course_lines import CourseLines

if TYPE_CHECKING:
    from naq_tui.app import NaqConsole


class CollectScreen(Dialog[bool]):
    """Reads until all that is stored has been looked at. Returns whether it has; nothing is changed by it."""

    app: NaqConsole
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "stop", show=False)]
    AUTO_FOCUS = "Choice"

    def __init__(self, matching: Matching) -> None:
        super().__init__()
        self._matching = matching
        self._course = CourseLines(is_search=True)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "All that match"
            yield Static("Looking in all that is stored: nothing is changed yet.", classes="say", markup=False)
            yield self._course
            with Horizontal(classes="buttons"):
                yield Choice("esc stop", "stop")

    def on_mount(self) -> None:
        self._show()
        self._collect()

    @work(exit_on_error=False)
    async def _collect(self) -> None:
        try:
            await self._matching.run(self.app.pages, self._show)
        except NaqException as exc:
            self.app.say(f"Nothing was done: {exc}", severity="error")
            self.dismiss(False)
            return
        self.dismiss(True)

    def _show(self) -> None:
        found = self._matching
        self._course.course = Search(found.whole, found.looked_at, len(found.targets))

    @on(Choice.Chosen)
    def action_stop(self) -> None:
        self.workers.cancel_node(self)
        self.dismiss(False)
