"""The events a log can show without asking: the live tail, and pages that were fetched."""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterator, Sequence

from naq_tui.store.rows import EventRow

PAGE = 256
PAGES_KEPT = 64


class EventPages:
    """Rows by sequence: the tail of the state, and least recently used pages before it."""

    def __init__(self) -> None:
        self.tail: Sequence[EventRow] = ()
        self._pages: OrderedDict[int, dict[int, EventRow]] = OrderedDict()
        self._wanted: set[int] = set()

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
        page = self._pages.get(_page_of(seq))
        if page is None:
            return None
        self._pages.move_to_end(_page_of(seq))
        return page.get(seq)

    def is_known(self, seq: int) -> bool:
        """Whether `get` tells all there is: None then means that the log has no such event any more."""
        return (bool(self.tail) and seq >= self.tail_start) or _page_of(seq) in self._pages

    def want(self, seq: int) -> tuple[int, int] | None:
        """First sequence and count of the page to fetch for `seq`; None where that is under way or done."""
        page = _page_of(seq)
        if page in self._wanted or page in self._pages:
            return None
        self._wanted.add(page)
        return page * PAGE + 1, PAGE

    def receive(self, first_seq: int, rows: Sequence[EventRow]) -> None:
        """A page has come; rows beyond it are left out."""
        page = _page_of(first_seq)
        self._wanted.discard(page)
        self._pages[page] = {row.seq: row for row in rows if _page_of(row.seq) == page}
        while len(self._pages) > PAGES_KEPT:
            self._pages.popitem(last=False)

    def refuse(self, first_seq: int) -> None:
        """A page could not be read: it may be wanted again."""
        self._wanted.discard(_page_of(first_seq))

    def clear(self) -> None:
        self._pages.clear()
        self._wanted.clear()

    def loaded(self) -> Iterator[EventRow]:
        """Every row here, by sequence."""
        start = self.tail_start
        for page in sorted(self._pages):
            for seq, row in sorted(self._pages[page].items()):
                if not start or seq < start:
                    yield row
        yield from self.tail


def _page_of(seq: int) -> int:
    return (seq - 1) // PAGE
