"""How long jobs of one function usually wait and run, as far as the console has heard of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from naq_tui.format import milliseconds, plural
from naq_tui.jsontext import Span
from naq_tui.store.jobs import JobRow

FEWEST = 20
"""Of fewer jobs the 95th percentile would be nothing but the longest time."""
_BY_RUNNING = frozenset({"COMPLETED", "FAILED"})


class Usual(NamedTuple):
    """Nearest-rank percentiles of jobs that ended by running, in milliseconds."""

    jobs: int
    wait_p50_ms: float | None
    """None where fewer than `FEWEST` of them tell how long they waited."""
    wait_p95_ms: float | None
    run_p50_ms: float
    run_p95_ms: float

    def spans(self) -> tuple[Span, ...]:
        """`wait p50 40 ms p95 1.2 s · run p50 228 ms p95 3 s · 143 jobs`, in 66 cells at most."""
        parts = []
        if self.wait_p50_ms is not None:
            parts.append(f"wait p50 {milliseconds(self.wait_p50_ms)} p95 {milliseconds(self.wait_p95_ms)}")
        parts.append(f"run p50 {milliseconds(self.run_p50_ms)} p95 {milliseconds(self.run_p95_ms)}")
        return ((" · ".join([*parts, plural(self.jobs, "job")]), "muted"),)


def usual_of(jobs: Iterable[JobRow], row: JobRow) -> Usual | None:
    """What is usual for the function of `row`, told by its other jobs; None where fewer than `FEWEST` are known."""
    function, job_id = row.function, row.job_id
    others = [
        other
        for other in jobs
        if other.function == function
        and other.run_ms is not None
        and other.status in _BY_RUNNING
        and other.job_id != job_id
    ]
    if len(others) < FEWEST or not function:
        return None
    runs = sorted(other.run_ms for other in others if other.run_ms is not None)
    waits = sorted(other.wait_ms for other in others if other.wait_ms is not None)
    has_waits = len(waits) >= FEWEST
    return Usual(
        jobs=len(others),
        wait_p50_ms=_nearest(waits, 0.5) if has_waits else None,
        wait_p95_ms=_nearest(waits, 0.95) if has_waits else None,
        run_p50_ms=_nearest(runs, 0.5),
        run_p95_ms=_nearest(runs, 0.95),
    )


def over(ms: float | None, p95_ms: float | None) -> Span:
    """Told behind a job's own time where 95 % of the others took no longer."""
    return (", over p95", "waiting") if ms is not None and p95_ms is not None and ms > p95_ms else ("", "")


def _nearest(ordered: Sequence[float], share: float) -> float:
    return ordered[math.ceil(share * len(ordered)) - 1]
