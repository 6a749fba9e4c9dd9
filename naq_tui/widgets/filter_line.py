"""Where a filter is typed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.suggester import Suggester

from naq_tui.views.search import complete
from naq_tui.widgets.ask_line import AskLine

Values = Callable[[str], Iterable[str]]


class FilterLine(AskLine):
    """Suggests fields and values behind the text: tab or → takes them."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("down,up,shift+tab", "keep", show=False)]
    MARK = "/"
    PLACEHOLDER = 'words   field:value,other   !not   "two words"'

    class Changed(AskLine.Changed):
        """Another letter."""

    class Done(AskLine.Done):
        """The filter as it is to stay."""

    class GivenUp(Message):
        """No filter."""

    def suggest(self, fields: Iterable[str], values: Values) -> None:
        """Complete with these fields, and with the values each of them is known to have."""
        self.field.suggester = _Completion(tuple(fields), values)

    def action_keep(self) -> None:
        self.post_message(self.Done(self.field.value))

    def action_complete(self) -> None:
        completion = self.field.suggester
        text = completion.complete(self.field.value) if isinstance(completion, _Completion) else None
        if text is None:
            self.action_keep()
        else:
            self.field.value = text
            self.field.action_end()


class _Completion(Suggester):
    def __init__(self, fields: tuple[str, ...], values: Values) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._fields, self._values = fields, values

    def complete(self, text: str) -> str | None:
        return complete(text, self._fields, self._values)

    async def get_suggestion(self, value: str) -> str | None:
        return self.complete(value)
