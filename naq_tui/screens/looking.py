"""The keys of the main screen that only look: filter, matches, failures, moments, follow, order."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

from naq_tui import hints, status
from naq_tui.screens.log_reading import LogReading
from naq_tui.views.event_filter import FIELDS, EventFilter, failures, moment_problem
from naq_tui.views.moment import parse_moment
from naq_tui.views.search import Needle

if TYPE_CHECKING:
    from naq_tui.store.rows import EventRow
    from naq_tui.widgets.ask_line import AskLine
    from naq_tui.widgets.event_log import EventLog
    from naq_tui.widgets.filter_line import FilterLine
    from naq_tui.widgets.key_line import KeyLine
    from naq_tui.widgets.line_table import LineTable
    from naq_tui.widgets.moment_line import MomentLine


NO_PROGRESS = "!type:progress"


class Looking(LogReading):
    """Mixed into the main screen. Handlers are named, not decorated: Textual finds no `@on` in a mixin."""

    if TYPE_CHECKING:
        tables: dict[str, LineTable[Any]]
        key_line: KeyLine
        filter_line: FilterLine
        moment_line: MomentLine

        @property
        def place(self) -> str: ...

        def _content(self, name: str) -> EventLog | LineTable[Any]: ...

        def _refresh_views(self) -> None: ...

        def leave_older(self) -> None: ...

    _filtered = "events"
    """The pane that the filter line is about."""
    _last_needle = Needle("")
    """What `n` and `N` look for."""

    # the filter

    def action_filter(self) -> None:
        self._filtered = "events" if self.place == "overview" else self.place
        content = self._content(self._filtered)
        self.filter_line.suggest(content.fields, content.known_values)
        self._open_line(self.filter_line, content.needle.text)
        self.filter_line.problem = self._problem_of(content.needle)

    def on_filter_line_changed(self, message: FilterLine.Changed) -> None:
        self.set_filter(self._filtered, message.text)
        self.filter_line.problem = self._problem_of(self._content(self._filtered).needle)

    def on_filter_line_done(self, message: FilterLine.Done) -> None:
        self.set_filter(self._filtered, message.text)
        self._close_line()

    def on_filter_line_given_up(self) -> None:
        self.set_filter(self._filtered, "")
        self._close_line()

    def _problem_of(self, needle: Needle) -> str:
        if needle.problem or self._filtered != "events":
            return needle.problem
        return moment_problem(needle, self.app.lens().now)

    def set_filter(self, place: str, text: str) -> None:
        content = self._content(place)
        if content.needle:
            self._last_needle = content.needle
        is_other = text != content.needle.text
        content.filter(text)
        if content.needle:
            self._last_needle = content.needle
        if place == "results" and is_other:
            self.leave_older()
        self._refresh_views()

    def _open_line(self, line: AskLine, text: str) -> None:
        self._close_line()
        self.key_line.display = False
        line.open(text)

    def _close_line(self) -> None:
        for line, place in ((self.filter_line, self._filtered), (self.moment_line, "events")):
            if line.display:
                line.display = False
                self.key_line.display = True
                self._content(place).focus(scroll_visible=False)

    @property
    def _is_asking(self) -> bool:
        return self.filter_line.display or self.moment_line.display

    def action_step_match(self, step: int) -> None:
        needle = self._last_needle
        nothing = f"No {'further' if step > 0 else 'earlier'} row matches {needle.text}."
        if not needle:
            self.app.say(hints.advice("No filter yet", hints.hint("list.filter", "sets one")))
        elif self.place == "events":
            wanted = EventFilter(Needle(needle.text, FIELDS), self.app.lens().now)
            if self.log_view.found is not None:
                self.log_view.move(step)
            else:
                self.look_for(wanted.query(), wanted.matches, step, nothing)
        elif self.place != "overview" and not self.tables[self.place].step_match(needle, step):
            self.app.say(nothing)

    def action_toggle_progress(self) -> None:
        """A row per job could only be made of what is read already, and would move rows as more is: a filter is true
        of the whole log, and can be seen and taken back like any other."""
        words = self.log_view.needle.text.split()
        if NO_PROGRESS in words:
            words.remove(NO_PROGRESS)
        else:
            words.append(NO_PROGRESS)
        self.set_filter("events", " ".join(words))

    # failures and moments

    def action_step_failure(self, step: int) -> None:
        found = self.log_view.found
        among = " among what the filter has found" if found is not None else ""
        nothing = f"No {'later' if step > 0 else 'earlier'} failure{among or ' in the log'}."
        query = failures() if found is None else found.wanted.query(_is_failure)
        self.look_for(query, _is_failure, step, nothing)

    def action_go_to(self) -> None:
        self._open_line(self.moment_line, "")

    def on_moment_line_changed(self, message: MomentLine.Changed) -> None:
        self.moment_line.problem = ""

    def on_moment_line_done(self, message: MomentLine.Done) -> None:
        try:
            place = parse_moment(message.text, self.app.lens().now, UTC)
        except ValueError as exc:
            self.moment_line.problem = str(exc)
            return
        self._close_line()
        self.go_to(place)

    def on_moment_line_given_up(self) -> None:
        self._close_line()

    # order

    def action_follow(self) -> None:
        self.log_view.follow(not self.log_view.is_following)

    def action_columns(self) -> None:
        from naq_tui.screens.columns import ColumnsScreen

        table = self.tables[self.place]
        self.app.push_screen(ColumnsScreen(table.view.title, table.view.columns, table.hidden, table.hide))

    def action_sort(self) -> None:
        self.tables[self.place].sort_next()

    def action_reverse(self) -> None:
        self.tables[self.place].reverse()

    def action_mark(self) -> None:
        self.tables[self.place].mark()
        self._refresh_views()

    def action_mark_range(self) -> None:
        self.tables[self.place].mark_range()
        self._refresh_views()

    def action_mark_all(self) -> None:
        self.tables[self.place].mark_all()
        self._refresh_views()

    def action_step_facet(self, step: int) -> None:
        self.tables[self.place].step_facet(step)
        self._refresh_views()


def _is_failure(row: EventRow) -> bool:
    return row.type in status.FAILURE_EVENTS
