"""Fields in rows, and the mistakes in what was typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widget import Widget
from textual.widgets import Input, Label, Static

from naq_tui.text import safe
from naq_tui.widgets.picker import Picker
from naq_tui.widgets.suggesting import Seen, Suggesting


class Field(NamedTuple):
    """One field of a form."""

    name: str
    label: str
    default: str = ""
    hint: str = ""
    values: tuple[str, ...] = ()
    """What there is to choose from; empty: it is typed."""
    labels: Mapping[str, str] | None = None
    """How values are called, where that differs from the value itself; safe text."""
    known: tuple[str, ...] | None = None
    """Suggested while it is typed, the likeliest first; None suggests nothing."""


Row = tuple[Field, ...]


class Form(Vertical):
    """One row of fields below the other; up and down go from field to field.

    Args:
        rows: the fields of each row.
        values: what they hold at first; a missing one holds its default.
        is_roomy: whether each row has a line for its mistake; else the screen has one for all.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
    ]

    def __init__(self, rows: Sequence[Row], values: Mapping[str, str], *, is_roomy: bool = False) -> None:
        super().__init__()
        self.rows = rows
        self.is_roomy = is_roomy
        self._first = values

    @property
    def fields(self) -> list[Field]:
        return [field for row in self.rows for field in row]

    def compose(self) -> ComposeResult:
        for row in self.rows:
            with Horizontal(classes="field"):
                for field in row:
                    second = "" if field is row[0] else "-second"
                    yield Label(field.label, markup=False, classes=second, id=f"label-{field.name}")
                    yield _widget(field, self._first.get(field.name, field.default))
            for field in row:
                if field.known is not None:
                    yield Seen(id=f"seen-{field.name}")
            if self.is_roomy:
                yield Static("", id=f"mistake-{row[0].name}", classes="mistake", markup=False)

    def text(self, name: str) -> str:
        """What a field holds; empty where this form has none of the name."""
        found = next(iter(self.query(f"#field-{name}")), None)
        return found.value.strip() if isinstance(found, Input | Picker) else ""

    @property
    def texts(self) -> dict[str, str]:
        """What every field holds, by name."""
        return {field.name: self.text(field.name) for field in self.fields}

    def fill(self, values: Mapping[str, str]) -> None:
        """Let the fields named hold these."""
        for name, value in values.items():
            widget = self.query_one(f"#field-{name}")
            if isinstance(widget, Picker):
                widget.choose(value)
            elif isinstance(widget, Input):
                widget.value = value

    @property
    def suggests(self) -> bool:
        return any(field.known for field in self.fields)

    def is_being_chosen(self, name: str) -> bool:
        """Whether this field has the focus and what is typed into it may become something known."""
        found = next(iter(self.query(f"#field-{name}").results(Suggesting)), None) if name else None
        return found is not None and found.has_focus and bool(found.fitting)

    def tell(self, mistakes: Mapping[str, str]) -> None:
        """Mark the fields that are wrong, and say why where there is room below each."""
        for field in self.fields:
            self.query_one(f"#label-{field.name}").set_class(field.name in mistakes, "-wrong")
        for row in self.rows if self.is_roomy else ():
            text = next((mistakes[field.name] for field in row if field.name in mistakes), "")
            self.query_one(f"#mistake-{row[0].name}", Static).update(safe(text, 200))


def _widget(field: Field, value: str) -> Widget:
    name = f"field-{field.name}"
    if field.values:
        return Picker(field.values, value, labels=dict(field.labels or {}), id=name)
    if field.known is not None:
        made: Input = Suggesting(value, field.known, placeholder=field.hint, id=name)
    else:
        made = Input(value, placeholder=field.hint, id=name, compact=True)
    made.cursor_blink = False
    return made
