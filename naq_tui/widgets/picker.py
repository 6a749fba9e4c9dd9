"""A field of a form with few possible values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from naq_tui.widgets.painted import Painted


class Picker(Painted, can_focus=True):
    """One of its values, changed with left, right or space.

    Args:
        values: at least one; the first is the default.
        value: the one chosen at first; one that isn't possible is the default.
        labels: how values are called where that differs from the value itself.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "step(-1)", show=False),
        Binding("right,l,space", "step(1)", show=False),
    ]

    class Changed(Message):
        def __init__(self, picker: Picker) -> None:
            super().__init__()
            self.picker = picker

    def __init__(
        self, values: Sequence[str], value: str = "", *, labels: dict[str, str] | None = None, id: str | None = None
    ) -> None:
        super().__init__(id=id)
        self.values = tuple(values)
        self.labels = labels or {}
        self.value = value if value in self.values else self.values[0]

    def choose(self, value: str) -> None:
        """Show another value without telling of it."""
        self.value = value if value in self.values else self.values[0]
        self.refresh()

    def render_line(self, y: int) -> Strip:
        arrow = "accent" if self.has_focus else "faint"
        label = self.labels.get(self.value, self.value)
        cells = [(" ", ""), ("‹ ", arrow), (label, "strong" if self.has_focus else ""), (" ›", arrow)]
        return self.strip(cells, "cursor" if self.has_focus else "")

    def action_step(self, step: int) -> None:
        self.value = self.values[(self.values.index(self.value) + step) % len(self.values)]
        self.refresh()
        self.post_message(self.Changed(self))

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self.action_step(1)
