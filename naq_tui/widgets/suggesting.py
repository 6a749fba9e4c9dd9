"""A field that knows what is likely to be typed into it."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on
from textual.reactive import reactive
from textual.strip import Strip
from textual.widgets import Input

from naq_tui.text import cut, width
from naq_tui.widgets.painted import Painted

LABEL = 14
"""Cells in front of what is suggested: it stands under its field."""


class Suggesting(Input):
    """Names what fits what is typed in the `Seen` line below it; → at the end of the text takes the first of them.

    Args:
        value: what it holds at first.
        known: what may be meant, the likeliest first; safe text.
    """

    def __init__(self, value: str, known: Sequence[str], *, placeholder: str, id: str) -> None:
        super().__init__(value, placeholder=placeholder, id=id, compact=True)
        self.known = known

    @property
    def fitting(self) -> list[str]:
        """What is known and holds the text: where it begins with it, or its own name does, first."""
        text = self.value.strip().casefold()
        found = [name for name in self.known if text in name.casefold() and name != self.value.strip()]
        return sorted(found, key=lambda name: not _begins(name.casefold(), text))

    def action_cursor_right(self, select: bool = False) -> None:
        fitting = self.fitting
        if select or not self.cursor_at_end or not fitting or self.value.strip() in self.known:
            super().action_cursor_right(select)
        else:
            self.value = fitting[0]
            self.cursor_position = len(self.value)

    @on(Input.Changed)
    def _tell(self) -> None:
        self._seen.names = () if self.value.strip() in self.known else tuple(self.fitting)

    def on_mount(self) -> None:
        self._tell()

    @property
    def _seen(self) -> Seen:
        return self.screen.query_one(f"#seen-{(self.id or '').removeprefix('field-')}", Seen)


class Seen(Painted):
    """One line with what fits; empty where nothing does."""

    DEFAULT_CSS = "Seen { height: 1; }"
    names: reactive[tuple[str, ...]] = reactive(())

    def render_line(self, y: int) -> Strip:
        if not self.names:
            return self.strip([])
        cells = [(" " * LABEL, ""), ("→ ", "key")]
        room = self.size.width - LABEL - 10
        shown = 0
        for name in self.names:
            if shown and width(name) + 2 > room:
                break
            text = cut(name, room)
            cells += [(text, "strong" if not shown else "muted"), ("  ", "")]
            room -= width(text) + 2
            shown += 1
        left = len(self.names) - shown
        return self.strip([*cells, (f"+{left}" if left else "", "muted")])


def _begins(name: str, text: str) -> bool:
    return name.startswith(text) or name.rpartition(":")[2].startswith(text)
