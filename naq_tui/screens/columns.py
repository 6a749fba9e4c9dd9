"""Choosing the columns of a list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.strip import Strip
from textual.widgets import Static

from naq_tui.screens.dialog import Dialog, plain
from naq_tui.text import fit
from naq_tui.views.table import Column
from naq_tui.widgets.choosing import Choosing

Hide = Callable[[frozenset[str]], None]


class Ticks(Choosing):
    """One line per column: a tick where it is shown. The one that says what a row is stays."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space,x", "tick", show=False)]

    def __init__(self, columns: Sequence[Column], hidden: frozenset[str], hide: Hide) -> None:
        super().__init__(len(columns))
        self.columns, self.hidden, self._hide = columns, hidden, hide

    def action_tick(self) -> None:
        column = self.columns[self.cursor]
        if not column.is_fixed:
            self.hidden ^= {column.id}
            self.repaint()
            self._hide(self.hidden)

    def on_click(self, event: events.Click) -> None:
        event.stop()
        if event.y < len(self.columns):
            self.cursor = event.y
            self.action_tick()
            self.repaint()

    def line(self, y: int) -> Strip:
        if y >= len(self.columns):
            return self.strip([])
        column = self.columns[y]
        mark = " " if column.id in self.hidden else "✓"
        tone = "muted" if column.is_fixed or column.id in self.hidden else "strong"
        return self.strip(
            [
                (f" [{mark}] ", "muted" if column.is_fixed else "accent"),
                (fit(column.title.strip() or column.id, 20), tone),
                ("always" if column.is_fixed else "", "muted"),
            ],
            "cursor" if y == self.cursor else "",
        )


class ColumnsScreen(Dialog[None]):
    """Every change shows at once in the list behind it.

    Args:
        title: of the list.
        columns: all it has.
        hidden: ids of those that are not shown.
        hide: called with the ids after each change.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter,q,c", "dismiss", show=False)]
    AUTO_FOCUS = "Ticks"

    def __init__(self, title: str, columns: Sequence[Column], hidden: frozenset[str], hide: Hide) -> None:
        super().__init__()
        self.heading, self.columns, self.hidden, self._hide = title, columns, hidden, hide

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -narrow") as dialog:
            dialog.border_title = plain(f"Columns of {self.heading}")
            yield Ticks(self.columns, self.hidden, self._hide)
            yield Static("space shows or hides · esc is done", classes="hint", markup=False)
