"""Where a list or a report is written to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, NamedTuple

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Label, Static

from naq_tui.export import ExportError, checked_path, write
from naq_tui.screens.dialog import Dialog, plain
from naq_tui.text import safe

HINT = "the name ends in .json or .csv · enter writes · esc leaves"


class Exportable(NamedTuple):
    """Something that can be written to a file."""

    name: str
    """For the name of the file: `workers`."""
    words: str
    """What it is, for people: `5 rows of Workers`. What makes the text is called in a thread."""
    as_json: Callable[[], str]
    as_csv: Callable[[], str]


class ExportScreen(Dialog[Path | None]):
    """Asks for the file; answers with what was written, None where nothing was.

    Args:
        what: what is written.
        default: the name offered, in the current folder.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", show=False)]
    AUTO_FOCUS = "Input"

    def __init__(self, what: Exportable, default: str) -> None:
        super().__init__()
        self.what, self.default = what, default
        self._is_writing = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = plain(f"Export {self.what.words}")
            with Horizontal(classes="field"):
                yield Label("file", markup=False)
                field = Input(self.default, compact=True)
                field.cursor_blink = False
                yield field
            yield Static("", classes="mistake", markup=False)
            yield Static(HINT, classes="hint", markup=False)

    @on(Input.Submitted)
    def _submitted(self, message: Input.Submitted) -> None:
        if not self._is_writing:
            self._is_writing = True
            self._write(message.value)

    def action_leave(self) -> None:
        if not self._is_writing:
            self.dismiss(None)

    @work(exit_on_error=False)
    async def _write(self, name: str) -> None:
        """Beside the keys: what is written can be a thousand times what is on the screen."""
        try:
            path = checked_path(name)
            make = self.what.as_csv if path.suffix.lower() == ".csv" else self.what.as_json
            self.query_one(".hint", Static).update("writing…")
            await asyncio.to_thread(lambda: write(path, make()))
        except ExportError as exc:
            self.query_one(".mistake", Static).update(safe(str(exc), 200))
            self.query_one(".hint", Static).update(HINT)
            return
        finally:
            self._is_writing = False
        self.dismiss(path)
