"""The keys of the main screen that only look: filter, matches, failures, follow, order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from naq_tui.views.search import Needle

if TYPE_CHECKING:
    from naq_tui.app import NaqConsole
    from naq_tui.widgets.event_log import EventLog
    from naq_tui.widgets.filter_line import FilterLine
    from naq_tui.widgets.key_line import KeyLine
    from naq_tui.widgets.line_table import LineTable


class Looking:
    """Mixed into the main screen. Handlers are named, not decorated: Textual finds no `@on` in a mixin."""

    if TYPE_CHECKING:
        app: NaqConsole
        tables: dict[str, LineTable[Any]]
        log_view: EventLog
        key_line: KeyLine
        filter_line: FilterLine

        @property
        def place(self) -> str: ...

        def _content(self, name: str) -> EventLog | LineTable[Any]: ...

        def _refresh_views(self) -> None: ...

    _filtered = "events"
    """The pane that the filter line is about."""
    _last_needle = Needle("")
    """What `n` and `N` look for."""

    def action_filter(self) -> None:
        place = "events" if self.place == "overview" else self.place
        self.key_line.display = False
        self.filter_line.open(self._content(place).needle.text)
        self._filtered = place

    def on_filter_line_changed(self, message: FilterLine.Changed) -> None:
        self._set_filter(self._filtered, message.text)

    def on_filter_line_done(self, message: FilterLine.Done) -> None:
        self._set_filter(self._filtered, message.text)
        self._close_filter()

    def _set_filter(self, place: str, text: str) -> None:
        content = self._content(place)
        if content.needle:
            self._last_needle = content.needle
        content.filter(text)
        if content.needle:
            self._last_needle = content.needle
        self._refresh_views()

    def _close_filter(self) -> None:
        if self.filter_line.display:
            self.filter_line.display = False
            self.key_line.display = True
            self._content(self._filtered).focus(scroll_visible=False)

    def action_step_match(self, step: int) -> None:
        if not self._last_needle:
            self.app.say("No filter yet: / sets one.")
        elif self.place != "overview" and not self._content(self.place).step_match(self._last_needle, step):
            self.app.say(f"No {'further' if step > 0 else 'earlier'} row matches {self._last_needle.text}.")

    def action_step_failure(self, step: int) -> None:
        if not self.log_view.step_failure(step):
            self.app.say(f"No {'later' if step > 0 else 'earlier'} failure among the events loaded.")

    def action_follow(self) -> None:
        self.log_view.follow(not self.log_view.is_following)

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
