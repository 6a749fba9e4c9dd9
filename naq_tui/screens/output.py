"""What a local process has written."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from naq.errors import NaqException
from naq_tui import masking, status
from naq_tui.format import plural
from naq_tui.text import without_ansi
from naq_tui.views.table import Cell, spread
from naq_tui.widgets.key_line import KeyLine
from naq_tui.widgets.output_view import OutputView
from naq_tui.widgets.title_line import TitleLine

if TYPE_CHECKING:
    from naq_tui.app import NaqConsole
    from naq_tui.launcher import OutputPage


class OutputScreen(Screen[None]):
    """Captured output with follow; `y` copies all of it that is kept."""

    app: NaqConsole
    place = "output"
    AUTO_FOCUS = "OutputView"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("f", "follow", show=False)]

    def __init__(self, process_id: str) -> None:
        super().__init__()
        self.process_id = process_id
        self.is_revealed = False
        self.title_line, self.view = TitleLine(), OutputView(self._page)

    def compose(self) -> ComposeResult:
        yield self.title_line
        yield self.view
        yield KeyLine("output")

    def on_mount(self) -> None:
        self.watch(self.app, "state", self._show, init=False)
        self.watch(self.app, "now", self._show)

    def record_to_copy(self) -> str | None:
        return self.view.text() or None

    def reveal(self, wanted: bool) -> None:
        self.is_revealed = wanted
        self._show()
        self.view.refresh()

    def action_follow(self) -> None:
        self.view.follow(not self.view.is_following)

    def _page(self, first: int, count: int) -> OutputPage:
        try:
            page = self.app.supervisor.output(self.process_id, first, count)
        except NaqException:
            from naq_tui.launcher import OutputPage

            return OutputPage(0, (), 0, 0)
        hide = masking.active().text
        return page if self.is_revealed else replace(page, lines=tuple(hide(without_ansi(line)) for line in page.lines))

    @on(OutputView.Moved)
    def _show(self) -> None:
        row = next((row for row in self.app.state.processes if row.process_id == self.process_id), None)
        if row is None:
            self.title_line.title = "The process is no longer listed"
            return
        look = status.of_process(row.status)
        self.title_line.title = f"Output of {row.name}: {row.command}"
        self.title_line.right = spread(
            [
                Cell(f"{look.mark(self.app.ascii_only)} {row.status_text}", look.tone),
                Cell("secrets shown", "waiting") if self.is_revealed else None,
                Cell(plural(self.view.total, "line"), "muted"),
                Cell("following", "muted") if self.view.is_following else Cell("not following · G", "waiting"),
            ]
        )
        self.view.show()
