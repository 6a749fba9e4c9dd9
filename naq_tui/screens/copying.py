"""What of a report goes to the clipboard: all of it or one of its fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.strip import Strip
from textual.widgets import Static

from naq_tui.format import plural
from naq_tui.screens.dialog import Dialog
from naq_tui.text import cut, fit, safe
from naq_tui.views.parts import Part
from naq_tui.widgets.choosing import Choosing

ROWS = 14
_LABEL = 14
_SHOWN = 400
"""Characters of a text that a line is made of."""


class Parts(Choosing):
    """A line for each field: its key, its name, how it begins."""

    def __init__(self, parts: Sequence[Part]) -> None:
        super().__init__(len(parts), most=ROWS)
        self.parts = parts

    def line(self, y: int) -> Strip:
        place = self.top + y
        if place >= len(self.parts):
            return self.strip([])
        part = self.parts[place]
        lines = part.text.rstrip("\n").count("\n") + 1
        size = f"  {plural(lines, 'line')}" if lines > 1 else ""
        room = self.size.width - _LABEL - 5 - len(size)
        begins = safe(" ".join(part.text[:_SHOWN].split()))
        cells = [(f"  {part.key}  ", "key"), (fit(part.label, _LABEL), "strong"), (fit(cut(begins, room), room), "")]
        return self.strip([*cells, (size, "muted")], "cursor" if place == self.cursor else "")


class CopyScreen(Dialog[Part | None]):
    """The key of a field, or `enter` on its line, answers with it; `y` is the whole record, `esc` nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", show=False),
        Binding("enter", "choose", show=False),
    ]
    AUTO_FOCUS = "Parts"

    def __init__(self, parts: Sequence[Part]) -> None:
        super().__init__()
        self.parts = parts

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -wide") as dialog:
            dialog.border_title = "Copy"
            yield Parts(self.parts)
            hint = "y y copies the whole record · a key, or enter, one field · esc leaves"
            yield Static(hint, classes="hint", markup=False)

    @on(Choosing.Taken)
    def action_choose(self) -> None:
        self.dismiss(self.parts[self.query_one(Parts).cursor])

    def on_key(self, event: events.Key) -> None:
        part = next((part for part in self.parts if part.key == event.key), None)
        if part is not None:
            event.stop()
            self.dismiss(part)
