"""All jobs that match, whether the console holds them or not: found by reading what is stored, kept as ids alone."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import aclosing
from typing import Any, NamedTuple, overload

from naq.ids import short
from naq.models.job import Job, JobStatus
from naq.models.result import JobResult
from naq_tui.acting.targets import SAMPLE, Target, targets_of
from naq_tui.feed.protocol import Pages
from naq_tui.store.failures import ErrorGroup
from naq_tui.store.jobs import JobRow, with_results, with_waiting
from naq_tui.store.rows import ResultRow, result_row
from naq_tui.store.state import State
from naq_tui.text import safe
from naq_tui.views.arranging import judge
from naq_tui.views.search import Needle
from naq_tui.views.table import Lens, TableView

MOST = 200_000
"""Jobs that one action is about; some two hundred bytes each."""

Row = JobRow | ResultRow


class Judged(NamedTuple):
    """What a stored record is as a row, and whether that is wanted."""

    row: Row
    is_wanted: bool | None
    """None where it can't be told."""


Judge = Callable[[JobResult | Job], Judged]


class Frozen(Sequence[Target]):
    """Targets that never change once they are found. Of each its id is kept, and a number for all it has in common
    with others."""

    def __init__(self) -> None:
        self._keys: set[str] = set()
        self._order: list[str] = []
        self._kinds: dict[Target, int] = {}
        self._kind_of: array[int] = array("L")
        self._sample: list[Target] = []

    def add(self, target: Target) -> None:
        """It must not be among them yet."""
        self._keys.add(target.key)
        self._order.append(target.key)
        kind = target._replace(key="", name="", text="")
        self._kind_of.append(self._kinds.setdefault(kind, len(self._kinds)))
        if len(self._sample) < SAMPLE:
            self._sample.append(target)

    def has(self, key: str) -> bool:
        return key in self._keys

    def __len__(self) -> int:
        return len(self._order)

    @overload
    def __getitem__(self, place: int) -> Target: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Target]: ...
    def __getitem__(self, place: int | slice) -> Target | Sequence[Target]:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        place = range(len(self))[place]
        return self._sample[place] if place < len(self._sample) else self._target(place, tuple(self._kinds))

    def __iter__(self) -> Iterator[Target]:
        kinds = tuple(self._kinds)
        for place in range(len(self)):
            yield self._sample[place] if place < len(self._sample) else self._target(place, kinds)

    def _target(self, place: int, kinds: Sequence[Target]) -> Target:
        key = self._order[place]
        return kinds[self._kind_of[place]]._replace(key=key, name=safe(short(key)))


class Matching:
    """A search for all that match, which can be looked at while it is under way.

    Args:
        judge: what is asked of each.
        statuses: only jobs in one of these are targets; the others that match are counted.
        reads_queues: whether what waits in the queues is looked through as well as what has a record.
        held: what the console holds and is wanted, once all is read: what is stored anew meanwhile is among it.
        whole: about how many there are to look at.
        nothing: what is said where there is none.
    """

    def __init__(
        self,
        judge: Judge,
        statuses: frozenset[str],
        *,
        reads_queues: bool,
        held: Callable[[], Iterable[Row]],
        whole: int,
        nothing: str = "Nothing that is stored now matches.",
    ) -> None:
        self.targets = Frozen()
        self.looked_at = 0
        self.left_out = 0
        """Those that match and can't be acted on so."""
        self.unjudged = 0
        """Those that could be acted on so, of which what is asked for is not known."""
        self.is_cut = False
        """Whether there are more than one action is about."""
        self.nothing = nothing
        self._judge = judge
        self._statuses = statuses
        self._reads_queues = reads_queues
        self._held = held
        self._whole = whole

    @property
    def whole(self) -> int:
        """About how many there are to look at, never fewer than have been looked at."""
        return max(1, self._whole, self.looked_at)

    async def run(self, pages: Pages, changed: Callable[[], None]) -> None:
        """Look through all that is stored, the oldest first; `changed` is called after each step.

        Raises:
            NaqException: something can't be read now.
        """
        again: set[str] = set()
        """What is to run again has a record, and is in its queue as well."""
        async with aclosing(pages.stored_results(1, 1)) as pieces:  # type: ignore[type-var]
            async for piece in pieces:
                again.update(record.job_id for record in piece.results if not record.is_final)
                if self._is_filled_by(piece.results):
                    return
                changed()
        if self._reads_queues:
            async with aclosing(pages.stored_jobs()) as queued:  # type: ignore[type-var]
                async for jobs in queued:
                    if self._is_filled_by([job for job in jobs if job.job_id not in again]):
                        return
                    changed()
        for row in self._held():
            if row.status in self._statuses and self._add(Judged(row, True)):
                return

    def _is_filled_by(self, records: Sequence[JobResult | Job]) -> bool:
        self.looked_at += len(records)
        return any(self._add(self._judge(record)) for record in records)

    def _add(self, judged: Judged) -> bool:
        """Whether there is no room for it."""
        row, can_be = judged.row, judged.row.status in self._statuses
        if judged.is_wanted is None and can_be:
            self.unjudged += 1
        if not judged.is_wanted or self.targets.has(row.job_id):
            return False
        if not can_be:
            self.left_out += 1
        elif len(self.targets) >= MOST:
            self.is_cut = True
        else:
            self.targets.add(targets_of([row])[0])
        return self.is_cut


def of_list(
    view: TableView[Any],
    facet: str,
    needle: Needle,
    lens: Lens,
    live: Callable[[], State],
    held: Callable[[], Iterable[Row]],
    statuses: frozenset[str],
) -> Matching:
    """All that a list would show if it held everything.

    Args:
        view: of jobs or of results.
        facet: the part of the list that is shown; empty is all of it.
        needle: its filter.
        live: the state now: what it knows of a job is newer than what is read.
        held: what the list shows.
        statuses: those that can be acted on so.
    """
    is_jobs = view.name == "jobs"

    def judge_one(record: JobResult | Job) -> Judged:
        row = _row(record, live() if is_jobs else None)
        is_in = not facet or view.in_facet(row, facet)
        return Judged(row, judge(view, needle, row, lens) if is_in else False)

    state, reads_queues = live(), is_jobs and "PENDING" in statuses
    waiting = sum(row.stats.waiting for row in state.queues) if reads_queues else 0
    whole = state.results_total + waiting
    return Matching(judge_one, statuses, reads_queues=reads_queues, held=held, whole=whole)


def of_causes(groups: Iterable[ErrorGroup], state: State, statuses: frozenset[str]) -> Matching:
    """All jobs that failed of one of these causes and still stand so."""
    groups = tuple(groups)
    fingerprints = {group.key for group in groups if group.has_fingerprint}
    types = {group.type for group in groups if not group.has_fingerprint}

    def judge_one(record: JobResult | Job) -> Judged:
        error = record.error if isinstance(record, JobResult) and record.status == JobStatus.FAILED else None
        is_one = error is not None and (error.fingerprint in fingerprints or safe(error.type, 100) in types)
        return Judged(_row(record, None), is_one)

    nothing = "No job that is stored has this error now: each was retried, cancelled or deleted."
    return Matching(judge_one, statuses, reads_queues=False, held=tuple, whole=state.results_total, nothing=nothing)


def _row(record: JobResult | Job, state: State | None) -> Row:
    known = state.jobs.get(record.job_id) if state is not None else None
    if known is not None:
        return known
    if isinstance(record, Job):
        return with_waiting({}, [record])[record.job_id]
    row = result_row(record)
    return row if state is None else with_results({}, [row], ())[record.job_id]
