"""What the console hands to the clipboard of the terminal (OSC 52)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from textual import work

from naq.errors import NaqException
from naq_tui import hints, masking
from naq_tui.format import size
from naq_tui.looking_back import LookingBackApp

if TYPE_CHECKING:
    from naq_tui.views.parts import Part

Made = TypeVar("Made")
SURE_BYTES = 74_994
"""What every terminal takes that knows OSC 52 at all: a sequence of 100,000 letters in base64."""
MOST_BYTES = 700 * 1024
"""tmux drops sequences beyond a megabyte, without a word."""


class ClipboardApp(LookingBackApp):
    """`y` and `ctrl+y`: a screen says with `record_to_copy` what they are about, a report with `parts_to_copy` too."""

    def action_copy(self) -> None:
        from naq_tui.views.extra import NOTHING
        from naq_tui.views.parts import is_large

        screen = self.screen
        record = screen.record_to_copy() if hasattr(screen, "record_to_copy") else None
        if record is None:
            self.say("Nothing to copy here.")
        elif hasattr(screen, "parts_to_copy"):
            self._copy_part(screen.parts_to_copy, is_large(record, getattr(screen, "extra", NOTHING)))
        else:
            self._copy_record(record, getattr(screen, "is_revealed", False), is_large(record))

    @work(group="copying", exclusive=True, exit_on_error=False)
    async def _copy_part(self, parts_of: Callable[[], Sequence[Part]], is_large: bool) -> None:
        """What is large is made ready in a thread: the keys go on, and are of the report until it is there."""
        from naq_tui.screens.copying import CopyScreen

        screen = self.screen
        parts = await self._made(parts_of) if is_large else parts_of()
        if self.screen is screen:
            part = await self.push_screen_wait(CopyScreen(parts))
            if part is not None:
                self.to_clipboard(part.text, f"the {part.label}")

    @work(group="copying", exclusive=True, exit_on_error=False)
    async def _copy_record(self, record: Any, is_revealed: bool, is_large: bool) -> None:
        from naq_tui.views.copying import copy_text

        def made() -> tuple[str, str]:
            with masking.revealed(is_revealed):
                return copy_text(record)

        try:
            self.to_clipboard(*(await self._made(made) if is_large else made()))
        except NaqException as exc:
            self.say(f"Not copied: {exc}", severity="error")

    async def _made(self, make: Callable[[], Made]) -> Made:
        self.say("Making the copy…")
        return await asyncio.to_thread(make)

    def to_clipboard(self, text: str, what: str) -> None:
        """Hand `text` to the terminal, and say what it was."""
        # lone surrogates are no text, and a terminal takes none
        data = text.encode("utf-8", "backslashreplace")
        if len(data) > MOST_BYTES:
            writes = hints.hint("export", "writes it to a file")
            told = f"Not copied: {what} is {size(len(data))}, and terminals take {size(MOST_BYTES)} at most"
            self.say(hints.advice(told, writes), severity="warning")
            return
        self.copy_to_clipboard(data.decode())
        doubt = f" Many terminals take {size(SURE_BYTES)} at most." if len(data) > SURE_BYTES else ""
        self.say(f"Copied {what}{f', {size(len(data))}' if doubt else ''}.{doubt}")

    def action_copy_command(self) -> None:
        from naq_tui.views.command_line import command_line

        record = self.screen.record_to_copy() if hasattr(self.screen, "record_to_copy") else None
        line = command_line(record)
        if line is None:
            self.say("No command shows this.")
            return
        self.copy_to_clipboard(line)
        self.say(f"Copied {line}")
