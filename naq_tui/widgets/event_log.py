"""The audit log: a position is a sequence of the stream, so any part of it is one jump away."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence

from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from naq_tui import keys, status
from naq_tui.format import count
from naq_tui.messages import PageWanted
from naq_tui.store.rows import EventRow
from naq_tui.store.state import EMPTY, State
from naq_tui.text import fit, wrap
from naq_tui.views import events as view
from naq_tui.views.search import Needle
from naq_tui.views.table import Lens, lay_out
from naq_tui.widgets.event_pages import EventPages
from naq_tui.widgets.painted import Painted, thumb

_MARGIN = 2
_MATCHES_KEPT = 50_000


class EventLog(Painted, can_focus=True):
    """Newest at the bottom. Follows the log until it is moved upwards, and again once it is at the end."""

    BINDINGS = keys.bindings("list")

    class Opened(Message):
        """`enter` on an event."""

        def __init__(self, seq: int) -> None:
            super().__init__()
            self.seq = seq

    class Moved(Message):
        """What the frame says may have changed: following or not, how many are new."""

    def __init__(self) -> None:
        super().__init__(id="list-events")
        self.pages = EventPages()
        self.needle = Needle("")
        self.is_following = True
        self.has_head = False
        self._state: State = EMPTY
        self._lens: Lens | None = None
        self._matches: list[int] = []
        """Sequences of the loaded rows that match, while there is a filter."""
        self._matched_to = 0
        self._cursor_seq = 0
        self._top_seq = 0
        self._layout_of: tuple[int, list[tuple[int, int, int]]] = (-1, [])
        self._seen_last = 0
        """The last sequence there was when following ended."""

    # what comes in

    def show(self, state: State, lens: Lens) -> None:
        before = self._state
        self._state, self._lens = state, lens
        if state.last_seq < before.last_seq:
            self.pages.clear()
            self._matches, self._matched_to = [], 0
            self.is_following = True
        self.pages.tail = state.events
        if self.needle:
            self._match_new()
        if self.is_following:
            self._to_end()
        if before.events is not state.events or before.loaded != state.loaded or before.first_seq != state.first_seq:
            self.refresh()

    def receive(self, first_seq: int, rows: Sequence[EventRow]) -> None:
        """A page that was asked for by `PageWanted`."""
        self.pages.receive(first_seq, rows)
        if self.needle:
            self._match_all()
        self.refresh()

    def filter(self, text: str) -> None:
        """Show only the loaded rows that match; empty text shows the whole log."""
        self.needle = Needle(text)
        self._match_all()
        self._fix_cursor()
        if self.is_following:
            self._to_end()
        self.refresh()
        self.post_message(self.Moved())

    @property
    def new_count(self) -> int:
        """Events that came since following ended."""
        return 0 if self.is_following else max(0, self._state.last_seq - self._seen_last)

    @property
    def selected(self) -> EventRow | None:
        return self.pages.get(self._cursor_seq)

    def follow(self, wanted: bool) -> None:
        if wanted:
            self.is_following = True
            self._to_end()
        else:
            self._stop_following()
        self.refresh()
        self.post_message(self.Moved())

    def step(self, is_wanted: Callable[[EventRow], bool], step: int) -> bool:
        """Move to the next (or with -1 the previous) loaded row that is wanted; whether there is one."""
        rows = list(self.pages.loaded())
        place = (bisect_right if step > 0 else bisect_left)(rows, self._cursor_seq, key=lambda row: row.seq)
        candidates = rows[place:] if step > 0 else reversed(rows[:place])
        for row in candidates:
            if is_wanted(row) and (not self.needle or self.needle.matches(view.text(row))):
                self._move_to(row.seq)
                return True
        return False

    def step_match(self, needle: Needle, step: int) -> bool:
        return self.step(lambda row: needle.matches(view.text(row)), step)

    def step_failure(self, step: int) -> bool:
        return self.step(lambda row: row.type in status.FAILURE_EVENTS, step)

    # keys and mouse

    def action_list_up(self) -> None:
        self._move(-1)

    def action_list_down(self) -> None:
        self._move(1)

    def action_list_page_up(self) -> None:
        self._move(-self._height)

    def action_list_page_down(self) -> None:
        self._move(self._height)

    def action_list_first(self) -> None:
        self._move(-self._count)

    def action_list_last(self) -> None:
        self.follow(True)

    def action_list_open(self) -> None:
        if self.selected is not None:
            self.post_message(self.Opened(self._cursor_seq))

    def on_click(self, event: events.Click) -> None:
        place = self._place_of(self._top_seq) + event.y - self._head_height
        if not self._count or event.y < self._head_height or place >= self._count:
            return
        seq = self._seq_at(place)
        if seq == self._cursor_seq and event.chain == 2:
            self.action_list_open()
        else:
            self._move_to(seq)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._move(-3)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self._move(3)

    def on_focus(self) -> None:
        self.refresh()
        if isinstance(self.parent, Widget):
            self.parent.refresh()  # its frame shows the focus

    def on_blur(self) -> None:
        self.on_focus()

    def on_resize(self) -> None:
        if self.is_following:
            self._to_end()
        self.refresh()

    # painting

    def render_line(self, y: int) -> Strip:
        if self._lens is None:
            return self.strip([])
        if not self._count:
            text = (
                f"Nothing loaded matches {self.needle.text}: esc shows all." if self.needle else view.empty(self._state)
            )
            lines = wrap(text, max(8, self.size.width - 4))
            return self.strip([("  ", ""), (lines[y], "muted")] if y < len(lines) else [])
        if y < self._head_height:
            return self._line([(column.title, "head") for column in view.COLUMNS], "", " ")
        y -= self._head_height
        place = self._place_of(self._top_seq) + y
        start, length = thumb(self._height, self._count, self._place_of(self._top_seq))
        mark = "▐" if length and start <= y < start + length else " "
        if place >= self._count:
            return self.strip([(" " * (self.size.width - 1), ""), (mark, "faint")])
        seq = self._seq_at(place)
        under = "cursor" if seq == self._cursor_seq and self.has_focus else ""
        row = self.pages.get(seq)
        if row is None:
            is_gone = self.pages.is_known(seq)
            if not is_gone:
                self._want(seq)
            note = "no longer in the log" if is_gone else "…"
            room = self.size.width - 2
            return self.strip([(" ", ""), (fit(f"#{count(seq)} {note}", room), "muted"), (mark, "faint")], under)
        return self._line(view.cells(row, self._lens.ascii_only), under, mark)

    def _line(self, cells: Sequence[tuple[str, str]], under: str, mark: str) -> Strip:
        line: list[tuple[str, str]] = [(" ", "")]
        room = self.size.width - _MARGIN
        for place, gap, cell_width in self._layout(room):
            text, tone = cells[place]
            if view.COLUMNS[place].id == "time":
                text = text[:cell_width]  # without the milliseconds where room is short
            line.append((" " * gap, ""))
            line.append((fit(text, cell_width, right=view.COLUMNS[place].right), tone))
        line.append((mark, "faint"))
        return self.strip(line, under)

    def _layout(self, room: int) -> list[tuple[int, int, int]]:
        if self._layout_of[0] != room:
            self._layout_of = (room, lay_out(view.COLUMNS, room))
        return self._layout_of[1]

    @property
    def _head_height(self) -> int:
        return 1 if self.has_head else 0

    @property
    def _height(self) -> int:
        return max(1, self.size.height - self._head_height)

    # positions: a place is the number of a row from the top of the whole list

    @property
    def _count(self) -> int:
        if self.needle:
            return len(self._matches)
        return max(0, self._state.last_seq - self._state.first_seq + 1)

    def _seq_at(self, place: int) -> int:
        return self._matches[place] if self.needle else self._state.first_seq + place

    def _place_of(self, seq: int) -> int:
        if self.needle:
            return min(bisect_left(self._matches, seq), max(0, len(self._matches) - 1))
        return min(max(0, seq - self._state.first_seq), max(0, self._count - 1))

    def _to_end(self) -> None:
        if self._count:
            self._cursor_seq = self._seq_at(self._count - 1)
            self._top_seq = self._seq_at(max(0, self._count - self._height))

    def _fix_cursor(self) -> None:
        if self._count:
            place = self._place_of(self._cursor_seq)
            self._cursor_seq = self._seq_at(place)
            self._top_seq = self._seq_at(max(0, min(place - self._height // 2, self._count - self._height)))

    def _move(self, rows: int) -> None:
        if self._count:
            place = min(max(0, self._place_of(self._cursor_seq) + rows), self._count - 1)
            if rows > 0 and place == self._count - 1:
                self.follow(True)
            else:
                self._move_to(self._seq_at(place))

    def _move_to(self, seq: int) -> None:
        self._cursor_seq = seq
        place, top = self._place_of(seq), self._place_of(self._top_seq)
        if place < top:
            top = place
        elif place >= top + self._height:
            top = place - self._height + 1
        self._top_seq = self._seq_at(max(0, top))
        self._stop_following()
        self.refresh()
        self.post_message(self.Moved())

    def _stop_following(self) -> None:
        if self.is_following:
            self.is_following = False
            self._seen_last = self._state.last_seq

    def _want(self, seq: int) -> None:
        page = self.pages.want(seq)
        if page is not None:
            self.post_message(PageWanted(*page))

    # the filter

    def _match_all(self) -> None:
        self._matched_to = self._state.last_seq
        self._matches = (
            [row.seq for row in self.pages.loaded() if self.needle.matches(view.text(row))] if self.needle else []
        )

    def _match_new(self) -> None:
        tail = self._state.events
        start = bisect_right(tail, self._matched_to, key=lambda row: row.seq)
        self._matches += [row.seq for row in tail[start:] if self.needle.matches(view.text(row))]
        self._matched_to = self._state.last_seq
        if len(self._matches) > 2 * _MATCHES_KEPT:
            self._matches = self._matches[-_MATCHES_KEPT:]
