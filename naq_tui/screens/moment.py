"""The question which instant the whole console is to show."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import ClassVar

from textual import on
from textual.app import ComposeResult

from naq_tui.screens.dialog import Dialog
from naq_tui.views.moment import EXAMPLES, parse_moment
from naq_tui.widgets.ask_line import AskLine


class InstantLine(AskLine):
    """Like the log's own, but of the whole console."""

    MARK: ClassVar[str] = "as it was at"
    PLACEHOLDER: ClassVar[str] = EXAMPLES


class MomentScreen(Dialog[datetime | int | None]):
    """One line in the place of the footer, whatever screen is open; None stays.

    Args:
        suggested: what stands in it at first; empty is nothing.
        now: the moment that "now" is, by the server's clock.
    """

    AUTO_FOCUS = ""
    place = "moment"

    def __init__(self, suggested: str, now: datetime) -> None:
        super().__init__()
        self._suggested, self._now = suggested, now
        self.line = InstantLine()

    def compose(self) -> ComposeResult:
        yield self.line

    def on_mount(self) -> None:
        self.line.open(self._suggested)

    @on(AskLine.Changed)
    def _changed(self) -> None:
        self.line.problem = ""

    @on(AskLine.Done)
    def _done(self, message: AskLine.Done) -> None:
        try:
            place = parse_moment(message.text, self._now, UTC)
        except ValueError as exc:
            self.line.problem = str(exc)
            return
        self.dismiss(place)

    @on(AskLine.GivenUp)
    def _given_up(self) -> None:
        self.dismiss(None)
