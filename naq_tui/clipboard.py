"""What the console hands to the clipboard of the terminal (OSC 52)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual import work

from naq.errors import NaqException
from naq_tui import masking
from naq_tui.looking_back import LookingBackApp

if TYPE_CHECKING:
    from naq_tui.views.parts import Part


class ClipboardApp(LookingBackApp):
    """`y` and `ctrl+y`: a screen says with `record_to_copy` what they are about, a report with `parts_to_copy` too."""

    def action_copy(self) -> None:
        from naq_tui.views.copying import copy_text

        record = self.screen.record_to_copy() if hasattr(self.screen, "record_to_copy") else None
        if record is None:
            self.say("Nothing to copy here.")
        elif hasattr(self.screen, "parts_to_copy"):
            self._copy_part(self.screen.parts_to_copy())
        else:
            try:
                with masking.revealed(getattr(self.screen, "is_revealed", False)):
                    self.to_clipboard(*copy_text(record))
            except NaqException as exc:
                self.say(f"Not copied: {exc}", severity="error")

    @work(group="copying", exclusive=True, exit_on_error=False)
    async def _copy_part(self, parts: Sequence[Part]) -> None:
        from naq_tui.screens.copying import CopyScreen

        part = await self.push_screen_wait(CopyScreen(parts))
        if part is not None:
            self.to_clipboard(part.text, f"the {part.label}")

    def to_clipboard(self, text: str, what: str) -> None:
        """Hand `text` to the terminal, and say what it was."""
        # lone surrogates are no text, and a terminal takes none
        self.copy_to_clipboard(text.encode("utf-8", "backslashreplace").decode())
        self.say(f"Copied {what}.")

    def action_copy_command(self) -> None:
        from naq_tui.views.command_line import command_line

        record = self.screen.record_to_copy() if hasattr(self.screen, "record_to_copy") else None
        line = command_line(record)
        if line is None:
            self.say("No command shows this.")
            return
        self.copy_to_clipboard(line)
        self.say(f"Copied {line}")
