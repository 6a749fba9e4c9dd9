"""Where a moment or a sequence is typed, to go there in the log."""

from __future__ import annotations

from textual.message import Message

from naq_tui.views.moment import EXAMPLES
from naq_tui.widgets.ask_line import AskLine


class MomentLine(AskLine):
    """Posts its text; whoever goes there tells it when that names no moment."""

    MARK = "go to"
    PLACEHOLDER = EXAMPLES

    class Changed(AskLine.Changed):
        """Another letter."""

    class Done(AskLine.Done):
        """The place wanted."""

    class GivenUp(Message):
        """Stay."""
