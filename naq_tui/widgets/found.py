"""Which events of the log a filter has found: their sequences only, in order, however far the search has come."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import Literal

from naq_tui.views.event_filter import EventFilter

FOUND_KEPT = 200_000
"""Eight bytes each."""

SearchState = Literal["searching", "stopped", "full", "complete"]


class Found:
    """The result of one filter. It grows at its end with what is new, and at its beginning as the search goes back."""

    def __init__(self, wanted: EventFilter, next_seq: int) -> None:
        """`next_seq` is where what is new begins."""
        self.wanted = wanted
        self.seqs = array("Q")
        self.from_seq = next_seq
        """Everything from here up to `to_seq` has been looked at."""
        self.to_seq = next_seq - 1
        self.state: SearchState = "searching"
        """"full" is a search that ended because no more can be kept."""

    def __len__(self) -> int:
        return len(self.seqs)

    def __getitem__(self, place: int) -> int:
        return self.seqs[place]

    def place_of(self, seq: int) -> int:
        """The place of the first one at or after `seq`, the last place where there is none."""
        return min(bisect_left(self.seqs, seq), max(0, len(self.seqs) - 1))

    def count_after(self, seq: int) -> int:
        return len(self.seqs) - bisect_right(self.seqs, seq)

    def add_newer(self, seqs: Iterable[int], to_seq: int) -> None:
        """What was found among the events up to `to_seq`."""
        self.seqs.extend(seqs)
        self.to_seq = to_seq
        if len(self.seqs) > FOUND_KEPT + FOUND_KEPT // 10:
            self.drop_before(self.seqs[-FOUND_KEPT])
            self.state = "full"

    def add_older(self, seqs: Iterable[int], from_seq: int) -> None:
        """What the search has found before all that was known, down to `from_seq`."""
        self.seqs = array("Q", seqs) + self.seqs
        self.from_seq = min(self.from_seq, from_seq)
        if len(self.seqs) >= FOUND_KEPT:
            self.state = "full"

    def drop_before(self, seq: int) -> None:
        """Forget those before `seq`: the log no longer has them."""
        place = bisect_left(self.seqs, seq)
        if place:
            del self.seqs[:place]
        self.from_seq = max(self.from_seq, seq)

    def progress(self, first_seq: int) -> float:
        """How much of a log that begins with `first_seq` has been looked at, 0 to 1."""
        whole = self.to_seq - first_seq + 1
        return 1.0 if whole <= 0 else min(1.0, (self.to_seq - self.from_seq + 1) / whole)
