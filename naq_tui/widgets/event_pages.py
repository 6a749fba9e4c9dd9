"""The events a log can show without asking: the live tail, pages that were fetched, and single rows beside them."""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterable, Sequence

from naq_tui.store.rows import EventRow

PAGE = 256
PAGES_KEPT = 64
ROWS_KEPT = 4_096
"""Of the rows that a filter has found."""


class EventPages:
    """Rows by sequence; what was not looked at for longest goes first."""

    def __init__(self) -> None:
        self.tail: Sequence[EventRow] = ()
        self._pages: OrderedDict[int, dict[int, EventRow]] = OrderedDict()
        self._rows: OrderedDict[int, EventRow | None] = OrderedDict()

    @property
    def tail_start(self) -> int:
        """First sequence of the tail; 0 where there is none."""
        return self.tail[0].seq if self.tail else 0

    def get(self, seq: int) -> EventRow | None:
        """The row of this sequence, None where it isn't here (see `is_known`)."""
        tail = self.tail
        if tail and seq >= tail[0].seq:
            place = seq - tail[0].seq
            if place < len(tail) and tail[place].seq == seq:
                return tail[place]
            place = bisect_left(tail, seq, key=lambda row: row.seq)
            return tail[place] if place < len(tail) and tail[place].seq == seq else None
        page = self._pages.get(page_of(seq))
        if page is not None:
            self._pages.move_to_end(page_of(seq))
            return page.get(seq)
        if seq in self._rows:
            self._rows.move_to_end(seq)
        return self._rows.get(seq)

    def is_known(self, seq: int) -> bool:
        """Whether `get` tells all there is: None then means that the log has no such event any more."""
        if self.tail and seq >= self.tail_start:
            return seq <= self.tail[-1].seq
        return page_of(seq) in self._pages or seq in self._rows

    def is_coming(self, seq: int) -> bool:
        """Whether the feed brings this event by itself."""
        return not self.tail or seq > self.tail[-1].seq

    def receive(self, first_seq: int, rows: Sequence[EventRow]) -> None:
        """A page has come; rows beyond it are left out."""
        page = page_of(first_seq)
        self._pages[page] = {row.seq: row for row in rows if page_of(row.seq) == page}
        while len(self._pages) > PAGES_KEPT:
            self._pages.popitem(last=False)

    def receive_rows(self, seqs: Iterable[int], rows: Iterable[EventRow]) -> None:
        """Single rows; those of `seqs` that are missing are gone from the log."""
        for seq in seqs:
            self._rows.setdefault(seq, None)
        for row in rows:
            self._rows[row.seq] = row
        while len(self._rows) > ROWS_KEPT:
            self._rows.popitem(last=False)

    def clear(self) -> None:
        self._pages.clear()
        self._rows.clear()


def page_of(seq: int) -> int:
    return (seq - 1) // PAGE


def first_of(page: int) -> int:
    """The first sequence of a page."""
    return page * PAGE + 1
