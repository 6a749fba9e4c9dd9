"""What every question has in common."""

from __future__ import annotations

from textual.await_complete import AwaitComplete
from textual.content import Content
from textual.screen import ModalScreen, ScreenResultType

from naq_tui.mistakes import TellingMistakes


class Dialog(TellingMistakes, ModalScreen[ScreenResultType]):
    """A question that is answered once: two keys in one turn of the loop (enter twice, esc and enter) are one answer.

    Textual would take the screen below off as well, and end the program with it.
    """

    def dismiss(self, result: ScreenResultType | None = None) -> AwaitComplete:
        # `is_current` is true behind another dialog, too: what would be taken off is that one
        return super().dismiss(result) if self.is_active else AwaitComplete()


def plain(text: str) -> Content:
    """A title of a frame with what somebody else has named: Textual reads markup in a string."""
    return Content(text)
