"""Which row of a table the cursor is on, and which are in sight: kept through every change of the rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from textual import events
from textual.message import Message

from naq_tui.store.state import EMPTY, State
from naq_tui.views.table import TableView
from naq_tui.widgets.list_keys import ListKeys

Item = TypeVar("Item")


class RowCursor(ListKeys, Generic[Item]):
    """Moves over rows by keys and mouse, and tells what was opened and where rows come to an end."""

    class Opened(Message):
        """`enter` on a row."""

        def __init__(self, view_name: str, key: str) -> None:
            super().__init__()
            self.view_name = view_name
            self.key = key

    class Moved(Message):
        """The cursor may be on another row."""

    class Reached(Message):
        """A key or the wheel has come near an end of the rows."""

        def __init__(self, view_name: str, step: int, *, is_beyond: bool, wants_end: bool = False) -> None:
            super().__init__()
            self.view_name = view_name
            self.step = step
            """1 is the end below, -1 the one above."""
            self.is_beyond = is_beyond
            """Whether it would have gone past the last row there is."""
            self.wants_end = wants_end
            """Whether it asked for the very first or last row."""

    def __init__(self, view: TableView[Item]) -> None:
        super().__init__(id=f"list-{view.name}")
        self.view = view
        self._state: State = EMPTY
        self._items: Sequence[Item] = ()
        self._cursor_key: str | None = None
        """None is the first row, whichever that is."""
        self._cursor = 0
        self._top = 0

    @property
    def _height(self) -> int:
        """Rows that fit below the head."""
        return max(1, self.size.height - 1 - self._above)

    @property
    def _above(self) -> int:
        """Lines above the head."""
        return 1 if self.view.has_top_line else 0

    def _click_head(self, x: int) -> None:
        raise NotImplementedError

    @property
    def selected(self) -> Item | None:
        """The row under the cursor."""
        return self._items[self._cursor] if 0 <= self._cursor < len(self._items) else None

    @property
    def selected_key(self) -> str | None:
        item = self.selected
        return None if item is None else self.view.key(item)

    @property
    def row_count(self) -> int:
        return len(self._items)

    # keys and mouse

    def action_list_first(self) -> None:
        self.to_end(-1)
        self.post_message(self.Reached(self.view.name, -1, is_beyond=False, wants_end=True))

    def action_list_last(self) -> None:
        self.to_end(1)
        self.post_message(self.Reached(self.view.name, 1, is_beyond=False, wants_end=True))

    def to_end(self, step: int) -> None:
        """The cursor to the last row (1) or the first (-1)."""
        self._move(len(self._items) - 1 if step > 0 else 0)

    def move(self, rows: int) -> None:
        place = self._cursor + rows
        self._move(place)
        self._tell_reach(1 if rows > 0 else -1, is_beyond=not 0 <= place < len(self._items))

    def _tell_reach(self, step: int, *, is_beyond: bool) -> None:
        """Tell where less than a screen of rows is left this way."""
        left = len(self._items) - self._top - self._height if step > 0 else self._top
        if left < self._height:
            self.post_message(self.Reached(self.view.name, step, is_beyond=is_beyond))

    def action_list_open(self) -> None:
        key = self.selected_key
        if key is not None:
            self.hold()
            self.post_message(self.Opened(self.view.name, key))

    def on_click(self, event: events.Click) -> None:
        y = event.y - self._above
        if y <= 0:
            if y == 0:
                self._click_head(event.x)
            return
        place = self._top + y - 1
        if place >= len(self._items):
            return
        is_again = place == self._cursor and event.chain == 2
        self._move(place)
        if is_again:
            self.action_list_open()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self._scroll(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._scroll(-3)

    def on_resize(self) -> None:
        self._find_cursor()
        super().on_resize()

    # moving

    def _find_cursor(self) -> None:
        """Put the cursor back on its row, at the same height of the screen; where the row is gone, on its neighbour."""
        last = max(0, len(self._items) - 1)
        offset = self._cursor - self._top
        if self._cursor_key is None:
            self._cursor = 0
        else:
            here = self._items[self._cursor] if self._cursor <= last and self._items else None
            if here is None or self.view.key(here) != self._cursor_key:
                place = next((i for i, item in enumerate(self._items) if self.view.key(item) == self._cursor_key), None)
                self._cursor = min(self._cursor, last) if place is None else place
        if self._cursor_key is not None or self._top:
            self._top = self._cursor - offset
        self._top = min(max(0, self._top), max(0, len(self._items) - self._height))

    def _move(self, place: int) -> None:
        if not self._items:
            return
        self._cursor = min(max(0, place), len(self._items) - 1)
        self._hold()
        if self._cursor < self._top:
            self._top = self._cursor
        elif self._cursor >= self._top + self._height:
            self._top = self._cursor - self._height + 1
        self.repaint()
        self.post_message(self.Moved())

    def hold(self) -> None:
        """Stay on this row from now on, also on the first of all: what is opened or acted on keeps the cursor."""
        self._cursor_key = self.selected_key

    def _hold(self) -> None:
        """Stay on this row from now on; on the first of all, on whichever that is."""
        is_first = self._cursor == 0 and self.view.begins_here(self._state)
        self._cursor_key = None if is_first else self.selected_key

    def _scroll(self, rows: int) -> None:
        top = self._top + rows
        self._top = min(max(0, top), max(0, len(self._items) - self._height))
        if self._cursor_key is None and self._top:
            self._cursor_key = self.selected_key
        self.repaint()
        self._tell_reach(1 if rows > 0 else -1, is_beyond=self._top != top)
