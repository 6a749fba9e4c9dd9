"""Figures of the log: percentiles against exact ones, counts, the bound on names, and steps that fall out."""

from __future__ import annotations

import math
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from naq.figures import (
    COUNTED,
    LONGEST_MS,
    NAME_LENGTH,
    RELATIVE_ERROR,
    SHORTEST_MS,
    UNNAMED,
    Course,
    Dimension,
    Figures,
    Fold,
    Histogram,
)
from naq.models.event import JobEvent

TIMES = st.floats(min_value=SHORTEST_MS, max_value=LONGEST_MS)
ROUNDING = 1 + 1e-9


def histogram(values: list[float]) -> Histogram:
    found = Histogram()
    for value in values:
        found.add(value)
    return found


def content(figures: Figures) -> tuple[object, ...]:
    counts = [getattr(figures, name) for name in COUNTED.values()]
    return (*counts, figures.wait.buckets, figures.run.buckets, figures.wait.count, figures.run.count)


@given(st.lists(TIMES, min_size=1), st.floats(min_value=0, max_value=1))
def test_a_percentile_is_near_the_exact_one(values: list[float], share: float) -> None:
    exact = sorted(values)[max(1, math.ceil(share * len(values))) - 1]
    told = histogram(values).percentile(share)
    assert told is not None
    assert exact * (1 - RELATIVE_ERROR) <= told * ROUNDING
    assert told <= exact * (1 + RELATIVE_ERROR) * ROUNDING


@given(st.lists(st.floats(), max_size=50))
def test_any_number_is_taken_and_the_buckets_stay_few(values: list[float]) -> None:
    found = histogram(values)
    assert found.count == sum(found.buckets.values()) == sum(0 <= value < math.inf for value in values)
    lowest, highest = histogram([0.0]), histogram([LONGEST_MS])
    assert all(min(lowest.buckets) <= bucket <= max(highest.buckets) for bucket in found.buckets)
    assert max(highest.buckets) - min(lowest.buckets) < 1_000


def test_nothing_has_no_percentile_and_no_time_is_none() -> None:
    assert (Histogram().percentile(0.5), Histogram().mean) == (None, None)
    assert histogram([0.0, 0.0, 0.0, 100.0]).percentile(0.5) == 0.0


@given(st.lists(TIMES), st.lists(TIMES))
def test_what_is_taken_back_leaves_the_rest(kept: list[float], dropped: list[float]) -> None:
    both = histogram(kept + dropped)
    both.take(histogram(dropped), -1)
    assert (both.buckets, both.count) == (histogram(kept).buckets, len(kept))
    assert (
        both.sum_ms == 0
        if not kept
        else math.isclose(both.sum_ms, sum(kept), rel_tol=1e-6, abs_tol=sum(dropped) * 1e-9)
    )


NAMES = st.sampled_from(["a", "b", "c", "d"])
EVENTS = st.builds(
    JobEvent,
    type=st.sampled_from([*COUNTED, "STARTED", "PROGRESS", "of another writer"]),
    function=st.none() | NAMES,
    queue=st.none() | NAMES,
    worker_id=st.none() | NAMES,
    wait_ms=st.none() | TIMES,
    run_ms=st.none() | TIMES,
)


@given(st.lists(st.tuples(EVENTS, st.integers(min_value=0, max_value=100)), max_size=60))
def test_every_event_is_counted_once_in_each_dimension(told: list[tuple[JobEvent, int]]) -> None:
    fold = Fold(10, most_names=2)
    for event, second in told:
        fold.add(event, second)
    expected = Counter(COUNTED[event.type] for event, _ in told if event.type in COUNTED)
    for dimension in (Dimension.FUNCTION, Dimension.QUEUE):
        table = fold.tables[dimension]
        assert len(table.courses) <= 2
        rows = [course for _, course in table.named()]
        for name in COUNTED.values():
            assert sum(getattr(course.total, name) for course in rows) == expected[name]
    ran = [event for event, _ in told if event.type in COUNTED and event.run_ms is not None]
    assert sum(course.total.run.count for _, course in fold.tables[Dimension.FUNCTION].named()) == len(ran)


@given(st.lists(st.tuples(EVENTS, st.integers(min_value=0, max_value=100)), max_size=60), st.integers(0, 11))
def test_a_fold_whose_past_is_dropped_is_one_that_never_saw_it(told: list[tuple[JobEvent, int]], step: int) -> None:
    whole, late = Fold(10), Fold(10)
    for event, second in told:
        whole.add(event, second)
        if second >= step * 10:
            late.add(event, second)
    whole.drop_before(step)
    for dimension in Dimension:
        there, expected = whole.tables[dimension].courses, late.tables[dimension].courses
        assert there.keys() == expected.keys()
        for name, course in there.items():
            assert content(course.total) == content(expected[name].total)
            assert course.steps.keys() == expected[name].steps.keys()


def test_what_is_beyond_the_most_names_is_told_as_the_others() -> None:
    fold = Fold(60, most_names=2)
    for number, name in enumerate(("a", "b", "c", "d", "a")):
        fold.add(JobEvent(type="COMPLETED", function=name, run_ms=10.0 * (number + 1)), 0)
    told = {name: course.total.completed for name, course in fold.tables[Dimension.FUNCTION].named()}
    assert told == {"a": 2, "b": 1, None: 2}
    assert next(reversed(told)) is None, "the others are last"


def test_what_is_not_named_and_what_is_too_long() -> None:
    fold = Fold(60)
    fold.add(JobEvent(type="ENQUEUED", function="f" * 1_000, queue=None), 0)
    fold.add(JobEvent(type="CANCELLED", function="f" * 1_000, details={"refused": True}), 0)
    fold.add(None, 0)
    courses = {dimension: list(table.courses) for dimension, table in fold.tables.items()}
    assert courses == {Dimension.FUNCTION: ["f" * NAME_LENGTH], Dimension.QUEUE: [UNNAMED], Dimension.WORKER: []}
    assert fold.tables[Dimension.FUNCTION].courses["f" * NAME_LENGTH].total.cancelled == 0, "it was never stored"


def test_done_and_failed_share() -> None:
    assert (Figures().failed_share, Course().total.is_empty) == (None, True)
    figures = Figures()
    for kind in ("COMPLETED", "COMPLETED", "COMPLETED", "FAILED", "RETRY_SCHEDULED", "CANCELLED"):
        figures.add(JobEvent(type=kind), COUNTED[kind])
    assert (figures.done, figures.failed_share, figures.retried, figures.cancelled) == (4, 0.25, 1, 1)
