"""What a local process has written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.screen import Screen

from naq.errors import NaqException
from naq_tui import keys, masking, status
from naq_tui.format import count, plural
from naq_tui.mistakes import TellingMistakes
from naq_tui.text import without_ansi
from naq_tui.views.table import Cell, spread
from naq_tui.widgets.key_line import KeyLine
from naq_tui.widgets.output_view import OutputView
from naq_tui.widgets.search_line import SearchLine
from naq_tui.widgets.title_line import TitleLine

if TYPE_CHECKING:
    from naq_tui.app import NaqConsole
    from naq_tui.launcher import OutputPage


class OutputScreen(TellingMistakes, Screen[None]):
    """Captured output with follow, search and errors one key away; `y` copies all of it that is kept."""

    app: NaqConsole
    place = "output"
    AUTO_FOCUS = "OutputView"
    BINDINGS = keys.bindings("output")

    def __init__(self, process_id: str) -> None:
        super().__init__()
        self.process_id = process_id
        self.is_revealed = False
        self.title_line, self.view = TitleLine(), OutputView(self._page, self._find)
        self.key_line = KeyLine("output")
        self.search_line = SearchLine()

    def compose(self) -> ComposeResult:
        yield self.title_line
        yield self.view
        yield self.key_line
        yield self.search_line

    def on_mount(self) -> None:
        self.watch(self.app, "state", self._show, init=False)
        self.watch(self.app, "now", self._show)

    def record_to_copy(self) -> str | None:
        return self.view.text() or None

    def reveal(self, wanted: bool) -> None:
        self.is_revealed = wanted
        self.view.lay_out()
        self._show()

    # keys

    def action_follow_output(self) -> None:
        self.view.follow(not self.view.is_following)

    def action_wrap_output(self) -> None:
        self.view.wrap(not self.view.is_wrapped)

    def action_search_output(self) -> None:
        self.key_line.display = False
        self.search_line.open(self.view.needle)

    def action_step_output(self, step: int) -> None:
        if not self.view.needle:
            self.app.say("Nothing searched for yet: / searches.")
        elif not self.view.step_match(step):
            self.app.say(f"No line has {self.view.needle}.")

    def action_step_error(self, step: int) -> None:
        if not self.view.step_error(step):
            self.app.say("No error in the lines that are kept.")

    def action_process_details(self) -> None:
        from naq_tui.screens.detail import DetailScreen

        self.app.push_screen(DetailScreen("process", self.process_id))

    @on(SearchLine.Changed)
    def _typed(self, message: SearchLine.Changed) -> None:
        self.view.search(message.text)

    @on(SearchLine.Done)
    def _searched(self, message: SearchLine.Done) -> None:
        is_found = self.view.search(message.text)
        self._close_search()
        if message.text and not is_found:
            self.app.say(f"No line has {message.text}.")

    @on(SearchLine.GivenUp)
    def _given_up(self) -> None:
        self.view.search("")
        self._close_search()

    def _close_search(self) -> None:
        self.search_line.display = False
        self.key_line.display = True
        self.view.focus()

    # data

    def _page(self, first: int, size: int) -> OutputPage:
        try:
            page = self.app.supervisor.output(self.process_id, first, size)
        except NaqException:
            from naq_tui.launcher import OutputPage

            return OutputPage(0, (), 0, 0)
        hide = masking.active().text
        return page if self.is_revealed else replace(page, lines=tuple(hide(without_ansi(line)) for line in page.lines))

    def _find(self, is_wanted: Callable[[str], bool], start: int, step: int) -> int | None:
        try:
            return self.app.supervisor.find_output(self.process_id, is_wanted, start, step)
        except NaqException:
            return None

    @on(OutputView.Moved)
    def _show(self) -> None:
        row = next((row for row in self.app.state.processes if row.process_id == self.process_id), None)
        if row is None:
            self.title_line.title = "The process is no longer listed"
            return
        look = status.of_process(row.status)
        view = self.view
        needle = f"/{view.needle}" if view.needle else ""
        self.title_line.title = f"Output of {row.name}: {row.command}"
        where = [Cell(plural(view.total, "line"), "muted"), Cell("following", "muted")]
        if not view.is_following:
            here = view.top if view.mark is None else view.mark
            where = [Cell(f"line {count(here + 1)} of {count(view.total)}", "waiting")]
        self.title_line.right = spread(
            [
                Cell(needle, "accent") if needle else None,
                Cell(f"{look.mark(self.app.ascii_only)} {row.status_text}", look.tone),
                Cell("secrets shown", "waiting") if self.is_revealed else None,
                *where,
            ]
        )
        view.show()
