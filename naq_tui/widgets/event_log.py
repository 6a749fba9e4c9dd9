"""The audit log: a position is a sequence of the stream, so any part of it is one jump away."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence

from textual import events
from textual.message import Message
from textual.strip import Strip

from naq_tui import times
from naq_tui.messages import EventsWanted
from naq_tui.store.rows import EventRow
from naq_tui.store.state import EMPTY, State
from naq_tui.text import wrap
from naq_tui.views import events as view
from naq_tui.views.event_filter import FIELDS, EventFilter, known_values
from naq_tui.views.search import Needle
from naq_tui.views.table import Lens
from naq_tui.widgets.event_lines import EventLines
from naq_tui.widgets.event_pages import PAGE, EventPages, first_of, page_of
from naq_tui.widgets.found import Found
from naq_tui.widgets.list_keys import ListKeys
from naq_tui.widgets.painted import thumb


class EventLog(ListKeys, EventLines):
    """Newest at the bottom. Follows the log until it is moved upwards, and again once it is at the end.

    Whole, or with a filter only what that has found; the search for it is the screen's to run (see `Filtered`).
    """

    class Opened(Message):
        """`enter` on an event."""

        def __init__(self, seq: int) -> None:
            super().__init__()
            self.seq = seq

    class Moved(Message):
        """What the frame says may have changed: following or not, how many are new, how much is found."""

    class Filtered(Message):
        """`found` is another one: the log before its `from_seq` is to be searched, or nothing where it is None."""

    def __init__(self) -> None:
        super().__init__(id="list-events")
        self.pages = EventPages()
        self.needle = Needle("", FIELDS)
        self.fields = FIELDS
        self.found: Found | None = None
        """None where there is no filter."""
        self.is_following = True
        self.has_head = False
        self._state: State = EMPTY
        self._lens: Lens | None = None
        self._cursor_seq = 0
        self._top_seq = 0
        self._direction = -1
        """Of the last move: where rows are fetched ahead."""
        self._asked: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())
        self._was_refused = False
        self._seen_last = 0
        """The last sequence there was when following ended."""

    # what comes in

    def show(self, state: State, lens: Lens) -> None:
        before = self._state
        self._state, self._lens = state, lens
        if state.last_seq < before.last_seq:
            self.pages.clear()
            self.forget_lines()
            self.is_following = True
        self.pages.tail = state.events
        if self.found is not None:
            if state.last_seq < before.last_seq or self.pages.tail_start > self.found.to_seq + 1:
                self._begin_search()  # another log, or so much has come unseen that the tail has a gap before it
            self._match_new(self.found)
            self.found.drop_before(state.first_seq)
        if self.is_following:
            self._to_end()
        is_same = (
            before.events is state.events and before.first_seq == state.first_seq and before.last_seq == state.last_seq
        )
        is_same = is_same and times.active().mode != "relative"  # ages grow by themselves
        is_told_otherwise = before.loaded != state.loaded or before.link.state != state.link.state  # why it is empty
        if not is_same or is_told_otherwise or self._was_refused:
            self._was_refused = False
            self._changed()

    def receive(self, first_seq: int, rows: Sequence[EventRow]) -> None:
        """A page that was asked for by `EventsWanted`."""
        self.pages.receive(first_seq, rows)
        self.repaint()
        self.post_message(self.Moved())

    def receive_rows(self, seqs: Iterable[int], rows: Iterable[EventRow]) -> None:
        """Single events that were asked for by `EventsWanted`."""
        self.pages.receive_rows(seqs, rows)
        self.repaint()
        self.post_message(self.Moved())

    def refused(self) -> None:
        """Something could not be read: it is asked for again with the next change."""
        self._asked, self._was_refused = ((), ()), True

    def receive_found(self, seqs: Sequence[int], reached: int) -> None:
        """What the search has found before all that was known, having come to sequence `reached`."""
        if self.found is not None:
            self.found.add_older(seqs, reached)
            self._search_moved()

    def end_search(self, *, is_complete: bool) -> None:
        """The search has ended, at the beginning of the log or before."""
        if self.found is not None and self.found.state == "searching":
            self.found.state = "complete" if is_complete else "stopped"
            self._search_moved()

    def _search_moved(self) -> None:
        if self.is_following:
            self._to_end()
        elif not self._cursor_seq:
            self._fix_cursor()
        self._changed()
        self.post_message(self.Moved())

    def filter(self, text: str) -> None:
        """Show only the events that match; empty text shows the whole log."""
        before, self.needle = self.needle, Needle(text, FIELDS)
        if before.terms != self.needle.terms:
            self._begin_search()
            self._fix_cursor()
            if self.is_following:
                self._to_end()
            self._changed()
            self.post_message(self.Moved())

    def known_values(self, field: str) -> set[str]:
        """Values of a field that can be suggested."""
        known = known_values(field, self._state.events[-1000:])
        if field == "queue":
            known |= {row.name for row in self._state.queues}
        return known

    @property
    def new_count(self) -> int:
        """Events, of those shown, that came since following ended."""
        if self.is_following:
            return 0
        if self.found is not None:
            return self.found.count_after(self._seen_last)
        return max(0, self._state.last_seq - self._seen_last)

    @property
    def selected(self) -> EventRow | None:
        return self.pages.get(self._cursor_seq)

    @property
    def cursor_seq(self) -> int:
        return self._cursor_seq

    def follow(self, wanted: bool) -> None:
        if wanted:
            self.is_following = True
            self._direction = -1
            self._to_end()
        else:
            self._stop_following()
        self._changed()
        self.post_message(self.Moved())

    def jump(self, seq: int) -> None:
        """To the first event shown at or after `seq`; a third of the screen shows what was before."""
        if self._count:
            place = self._place_of(seq)
            is_in_sight = 0 <= place - self._place_of(self._top_seq) < self._height
            self._cursor_seq = self._seq_at(place)
            if not is_in_sight:
                last_top = max(0, self._count - self._height)
                self._top_seq = self._seq_at(min(max(0, place - self._height // 3), last_top))
            self._moved()

    def look(self, is_wanted: Callable[[EventRow], bool], step: int) -> tuple[int | None, int]:
        """Among the rows that are here in one piece from the cursor on: the sequence of the next wanted one after it
        (before it with -1), None where there is none; and the first sequence that was not looked at."""
        seq = self._cursor_seq + step
        first, last = self._state.first_seq, self._state.last_seq
        while first <= seq <= last and self.pages.is_known(seq):
            row = self.pages.get(seq)
            if row is not None and is_wanted(row) and (self.found is None or self.found.wanted.matches(row)):
                return seq, seq
            seq += step
        return None, seq

    # keys and mouse

    def action_list_first(self) -> None:
        self.move(-self._count)

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
        self.move(-3)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.move(3)

    def on_resize(self) -> None:
        if self.is_following:
            self._to_end()
        self._changed()

    # painting

    def line(self, y: int) -> Strip:
        if self._lens is None:
            return self.strip([])
        if not self._count:
            text = view.nothing_found(self.found.state) if self.found is not None else view.empty(self._state)
            lines = wrap(text, max(8, self.size.width - 4))
            return self.strip([("  ", ""), (lines[y], "muted")] if y < len(lines) else [])
        if y < self._head_height:
            return self.cells_line([(column.title, "head") for column in view.COLUMNS], "", " ")
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
            return self.missing_line(seq, "no longer in the log" if self.pages.is_known(seq) else "…", under, mark)
        return self.event_line(row, self._lens, under, mark)

    @property
    def _head_height(self) -> int:
        return 1 if self.has_head else 0

    @property
    def _height(self) -> int:
        return max(1, self.size.height - self._head_height)

    # positions: a place is the number of a row from the top of the whole list

    @property
    def _count(self) -> int:
        if self.found is not None:
            return len(self.found)
        return max(0, self._state.last_seq - self._state.first_seq + 1)

    def _seq_at(self, place: int) -> int:
        return self.found[place] if self.found is not None else self._state.first_seq + place

    def _place_of(self, seq: int) -> int:
        if self.found is not None:
            return self.found.place_of(seq)
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

    def move(self, rows: int) -> None:
        """The cursor by so many rows; the end follows again."""
        if self._count:
            place = min(max(0, self._place_of(self._cursor_seq) + rows), self._count - 1)
            self._direction = 1 if rows > 0 else -1
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
        self._moved()

    def _moved(self) -> None:
        self._stop_following()
        self._changed()
        self.post_message(self.Moved())

    def _stop_following(self) -> None:
        if self.is_following:
            self.is_following = False
            self._seen_last = self._state.last_seq

    # fetching

    def _changed(self) -> None:
        """Paint, and ask for what is in sight or will be next and is not here."""
        self.repaint()
        top = self._place_of(self._top_seq)
        ahead = PAGE // 2 if self.found is None else self._height
        first = max(0, top - (ahead if self._direction < 0 else 0))
        after = min(self._count, top + self._height + (ahead if self._direction > 0 else 0))
        missing = [
            seq
            for seq in map(self._seq_at, range(first, after))
            if not self.pages.is_known(seq) and not self.pages.is_coming(seq)
        ]
        is_whole = self.found is None
        pages = tuple(dict.fromkeys(first_of(page_of(seq)) for seq in missing)) if is_whole else ()
        wanted = (pages, () if is_whole else tuple(missing))
        if wanted != self._asked:
            self._asked = wanted
            self.post_message(EventsWanted(*wanted))

    # the filter

    def _begin_search(self) -> None:
        self.found = None
        if self.needle:
            first = self.pages.tail_start or self._state.last_seq + 1
            self.found = Found(EventFilter(self.needle, self._lens.now if self._lens else None), first)
            self._match_new(self.found)
            if first <= self._state.first_seq:
                self.found.state = "complete"
        self.post_message(self.Filtered())

    def _match_new(self, found: Found) -> None:
        tail = self._state.events
        if tail and tail[-1].seq > found.to_seq:
            start = bisect_right(tail, found.to_seq, key=lambda row: row.seq)
            found.add_newer((row.seq for row in tail[start:] if found.wanted.matches(row)), tail[-1].seq)
