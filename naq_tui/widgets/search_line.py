"""Where a text is typed that is searched for in an output."""

from __future__ import annotations

from naq_tui.widgets.ask_line import AskLine


class SearchLine(AskLine):
    """Plain text: output has no fields, and its colons mean themselves."""

    MARK = "/"
    PLACEHOLDER = "text in the line; upper and lower case are the same"

    class Changed(AskLine.Changed):
        """Another letter."""

    class Done(AskLine.Done):
        """What `n` and `N` look for."""

    class GivenUp(AskLine.GivenUp):
        """Nothing is searched for."""
