"""Results from before those that are followed: a part of the bucket in one piece, which goes where somebody looks.

It grows at the end that is read on at. Of more than is kept the other end is let go, so that any place of any bucket
can be reached; where only some are wanted nothing is let go, and no more are read once it is full.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from naq_tui.store.rows import ResultRow, result_row
from naq_tui.store.updates import OlderRead

OLDER_KEPT = 5_000
OLDER_BYTES = 32 * 2**20
"""Of the stored records; what they are as rows is some times that."""


@dataclass(frozen=True, slots=True)
class OlderResults:
    """Everything wanted that is stored between two sequences of the bucket."""

    from_seq: int
    """1 where the oldest of the bucket is among it."""
    to_seq: int
    """One before `from_seq` while nothing has been read."""
    rows: Mapping[str, ResultRow] = field(default_factory=dict)
    """By job id, oldest first."""
    looked_at: int = 0
    """Results in this part, wanted or not."""
    unreadable: int = 0
    wanted: Callable[[ResultRow], bool] | None = None
    """None where all are."""
    is_full: bool = False

    def joins(self, results_from: int) -> bool:
        """Whether nothing is missing between this and the results that are followed."""
        return self.to_seq >= results_from - 1

    def without(self, job_ids: Iterable[str]) -> OlderResults:
        """The same, less those that were deleted or have been stored anew."""
        gone = [job_id for job_id in job_ids if job_id in self.rows]
        if not gone:
            return self
        rows = dict(self.rows)
        for job_id in gone:
            del rows[job_id]
        return replace(self, rows=rows, looked_at=self.looked_at - len(gone))

    def followed_by(self, let_go: Sequence[ResultRow], from_seq: int, to_seq: int) -> OlderResults:
        """The same with those that are followed no more, which begin with `from_seq`; `to_seq` is where the others do.

        What is looked at here is not let go for them.
        """
        if not self.joins(from_seq):
            return self
        new = {row.job_id: row for row in let_go if self.wanted is None or self.wanted(row)}
        looked_at = self.looked_at + len(let_go)
        grown = replace(self, to_seq=to_seq - 1, rows={**self.rows, **new}, looked_at=looked_at)
        return grown._less("newest" if self.wanted is None else "oldest")

    def read_on(self, read: OlderRead, results_from: int) -> OlderResults:
        """The same with what was read; as it is where that does not go on from here."""
        new = {row.job_id: row for row in map(result_row, read.results)}
        to_seq = min(read.to_seq, results_from - 1)
        if read.is_jump:
            return OlderResults(read.from_seq, to_seq, new, read.looked_at, read.unreadable, self.wanted)
        unreadable = self.unreadable + read.unreadable
        if read.to_seq == self.from_seq - 1:
            rows = {**{job_id: row for job_id, row in new.items() if job_id not in self.rows}, **self.rows}
            looked_at = self.looked_at + read.looked_at
            grown = replace(self, from_seq=read.from_seq, rows=rows, looked_at=looked_at, unreadable=unreadable)
            return grown._less("newest" if self.wanted is None else "none")
        if read.from_seq == self.to_seq + 1:
            kept = self.without(new)  # they were stored anew behind what had been read
            looked_at = kept.looked_at + read.looked_at
            grown = replace(self, to_seq=to_seq, rows={**kept.rows, **new}, looked_at=looked_at, unreadable=unreadable)
            return grown._less("oldest")
        return self

    def _less(self, end: Literal["newest", "oldest", "none"]) -> OlderResults:
        """The same, at most as much as is kept; what goes is taken from this end."""
        extra = len(self.rows) - OLDER_KEPT
        size = sum(row.record.size for row in self.rows.values()) - OLDER_BYTES
        if end == "none" or (extra <= 0 and size <= 0):
            return replace(self, is_full=self.wanted is not None and (extra >= 0 or size >= 0))
        rows, last = dict(self.rows), 0
        for row in reversed(self.rows.values()) if end == "newest" else self.rows.values():  # type: ignore[call-overload]
            if extra <= 0 and size <= 0:
                break
            del rows[row.job_id]
            extra, size, last = extra - 1, size - row.record.size, row.record.revision
        less = replace(self, rows=rows, looked_at=self.looked_at - (len(self.rows) - len(rows)))
        return replace(less, to_seq=last - 1) if end == "newest" else replace(less, from_seq=last + 1)
