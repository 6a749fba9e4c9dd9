"""Figures of a window that ends now: counts and percentiles, what falls out as it moves, bars, and hostile numbers."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naq.figures import COUNTED, RELATIVE_ERROR, UNNAMED, Dimension
from naq.models.event import JobEvent, StoredEvent
from naq_tui.store.figures import BARS, MOST_NAMES, STEPS, WINDOWS, FigureRow, Window, WindowFold

NOW = datetime(2026, 11, 24, 14, 7, 12, tzinfo=UTC)
FIVE_MINUTES, HOUR, DAY = WINDOWS


def ended(seq: int, ago_s: float, kind: str = "COMPLETED", **fields: Any) -> StoredEvent:
    fields = {"function": "m:f", "queue": "mail", "worker_id": "w-1", **fields}
    event = JobEvent(type=kind, job_id=f"j-{seq}", **fields)
    return StoredEvent(seq=seq, stored_at=NOW - timedelta(seconds=ago_s), subject="", raw=b"", event=event)


def fold(*events: StoredEvent, window: Window = HOUR) -> WindowFold:
    found = WindowFold(window, 1, WindowFold.since(window, NOW), NOW, log_begins=False)
    found.add(events, max((event.seq for event in events), default=0))
    return found


def rows(found: WindowFold, dimension: Dimension = Dimension.FUNCTION, now: datetime = NOW) -> dict[Any, FigureRow]:
    return {row.name: row for row in found.told(dimension, now, None).rows}


@pytest.mark.parametrize("window", WINDOWS, ids=[window.since for window in WINDOWS])
def test_a_window_is_whole_steps_and_bars(window: Window) -> None:
    assert window.step_s * STEPS == window.length_s == window.bar_s * BARS
    assert 0 <= (NOW - WindowFold.since(window, NOW)).total_seconds() - window.length_s + window.step_s < window.step_s


def test_counts_rates_and_shares_by_every_dimension() -> None:
    found = fold(
        ended(1, 60, "ENQUEUED", worker_id=None),
        ended(2, 50, wait_ms=10.0, run_ms=300.0),
        ended(3, 40, "FAILED", wait_ms=10.0, run_ms=300.0, worker_id="w-2"),
        ended(4, 30, "RETRY_SCHEDULED", run_ms=300.0),
        ended(5, 20, "CANCELLED", function="m:g", queue="other"),
        ended(6, 10, function="m:g", run_ms=100.0),
    )
    by_function = rows(found)
    f, g = by_function["m:f"], by_function["m:g"]
    assert (f.enqueued, f.completed, f.failed, f.retried, f.cancelled, f.done) == (1, 1, 1, 1, 0, 2)
    assert (g.completed, g.cancelled, g.failed_share) == (1, 1, 0.0)
    assert f.failed_share == 0.5
    assert (f.worked_ms, f.time_share) == (900.0, 0.9)
    assert f.rate == 2 / (NOW - WindowFold.since(HOUR, NOW)).total_seconds()
    assert [*by_function] == ["m:f", "m:g"], "the most run time first"
    assert {name: row.done for name, row in rows(found, Dimension.QUEUE).items()} == {"mail": 3, "other": 0}
    by_worker = rows(found, Dimension.WORKER)
    assert {name: (row.enqueued, row.done) for name, row in by_worker.items()} == {"w-1": (0, 2), "w-2": (0, 1)}


def test_percentiles_are_those_of_the_runs() -> None:
    found = fold(*(ended(n, 60, wait_ms=float(n), run_ms=10.0 * n) for n in range(1, 101)))
    row = rows(found)["m:f"]
    for told, share in ((row.run.p50, 50), (row.run.p95, 95), (row.run.p99, 99)):
        assert told == pytest.approx(10 * share, rel=RELATIVE_ERROR * 1.01)
    assert row.wait.p95 == pytest.approx(95, rel=RELATIVE_ERROR * 1.01)


def test_nothing_has_no_share_and_no_times() -> None:
    assert fold().told(Dimension.FUNCTION, NOW, None).rows == ()
    row = rows(fold(ended(1, 5, "ENQUEUED")))["m:f"]
    assert (row.rate, row.failed_share, row.time_share) == (0.0, None, None)
    assert {*row.wait, *row.run} == {None}
    assert fold().bars(Dimension.FUNCTION, "m:f") == ()


def test_an_event_is_counted_once_however_often_it_comes() -> None:
    found, event = fold(ended(1, 60), ended(2, 50)), ended(3, 40)
    assert found.add([ended(2, 50), event], 3)
    assert not found.add([event], 3)
    assert not found.add([], 9)
    assert (rows(found)["m:f"].done, found.reached) == (3, 9)


def test_what_gets_too_old_falls_out_step_by_step() -> None:
    found = fold(ended(1, 3_500, function="m:old"), ended(2, 5, "FAILED"))
    assert not found.move(NOW), "no step has passed"
    assert not found.move(NOW - timedelta(hours=1)), "a clock that was set back takes nothing along"
    later = NOW + timedelta(minutes=3)
    assert found.move(later)
    assert [*rows(found, now=later)] == ["m:f"]
    assert not found.is_over(NOW + timedelta(minutes=59))
    long_after = later + timedelta(hours=2)
    assert found.is_over(long_after)
    assert found.move(long_after)
    assert rows(found, now=long_after) == {}


def test_a_log_that_began_lately_is_told_until_the_window_is_full() -> None:
    began = NOW - timedelta(minutes=10)
    found = WindowFold(HOUR, 1, began, NOW, log_begins=True)
    found.add([ended(n, 300) for n in range(1, 61)], 60)
    told = found.told(Dimension.FUNCTION, NOW, None)
    assert (told.log_begins, told.from_at, told.rows[0].rate) == (True, began, 0.1)
    found.move(NOW + timedelta(minutes=30))
    assert found.told(Dimension.FUNCTION, NOW, None).log_begins
    full = NOW + timedelta(minutes=52)
    found.move(full)
    told = found.told(Dimension.FUNCTION, full, None)
    assert (told.log_begins, told.from_at) == (False, WindowFold.since(HOUR, full))


def test_bars_begin_at_whole_multiples_and_hold_what_happened_in_them() -> None:
    found = fold(
        ended(1, 10, run_ms=40.0), ended(2, 130, "FAILED"), ended(3, 120, "RETRY_SCHEDULED"), ended(4, 600, "ENQUEUED")
    )
    bars = found.bars(Dimension.FUNCTION, "m:f")
    assert [bar.at for bar in bars] == [
        datetime(2026, 11, 24, 14, 5, tzinfo=UTC) - timedelta(minutes=5 * back) for back in reversed(range(BARS))
    ]
    newest, before = bars[-1], bars[-2]
    assert (newest.completed, newest.failed, newest.retried) == (1, 1, 1)
    assert newest.run_p95 == pytest.approx(40, rel=RELATIVE_ERROR * 1.01)
    assert (before.enqueued, before.completed, before.wait_p95, before.run_p95) == (0, 0, None, None)
    assert sum(bar.enqueued for bar in bars) == 1
    assert rows(found)["m:f"].trend == (*[0] * (BARS - 1), 2)


def test_more_names_than_are_told_apart_are_the_others_and_come_last() -> None:
    found = fold(*(ended(n + 1, 30, function=f"m:{n}", run_ms=5.0) for n in range(MOST_NAMES + 7)))
    told = found.told(Dimension.FUNCTION, NOW, None).rows
    assert (len(told), told[-1].name, told[-1].done) == (MOST_NAMES + 1, None, 7)
    assert sum(bar.completed for bar in found.bars(Dimension.FUNCTION, None)) == 7


def test_how_far_reading_has_come() -> None:
    found = WindowFold(HOUR, 101, WindowFold.since(HOUR, NOW), NOW, log_begins=False)
    assert (found.reached, found.progress(200)) == (100, 0.0)
    found.add((), 150)
    assert found.progress(200) == 0.5
    assert found.progress(120) == 1.0
    assert WindowFold(HOUR, 101, NOW, NOW, log_begins=False).progress(100) == 0.0


NUMBERS = st.none() | st.floats() | st.sampled_from([-1.0, 1e300, 5e-324, math.inf, math.nan])
HOSTILE = st.builds(
    lambda seq, ago, kind, name, wait, run: ended(
        seq, ago, kind, function=name, queue=name, worker_id=name, wait_ms=wait, run_ms=run
    ),
    st.integers(1, 60),
    st.floats(-7_200, 7_200),
    st.sampled_from([*COUNTED, "STARTED", "of another writer"]),
    st.sampled_from([None, "", "a", "[b]\x1b[2J", "c" * 9_000]),
    NUMBERS,
    NUMBERS,
)


@given(st.lists(HOSTILE, max_size=40), st.sampled_from(WINDOWS), st.integers(0, 10_000))
def test_any_number_name_and_time_is_taken(events: list[StoredEvent], window: Window, after_s: int) -> None:
    found = fold(window=window)
    for event in events:
        found.add([event], event.seq)
    later = NOW + timedelta(seconds=after_s)
    found.move(later)
    for dimension in Dimension:
        told = found.told(dimension, later, None)
        for row in told.rows:
            assert row.name is None or 0 < len(row.name) <= 200
            numbers = [row.rate, row.worked_ms, *row.wait, *row.run]
            assert all(number is None or 0 <= number < math.inf for number in numbers)
            assert row.failed_share is None or 0 <= row.failed_share <= 1
            assert row.time_share is None or 0 <= row.time_share <= 1 + 1e-9
            assert len(found.bars(dimension, row.name)) == len(row.trend) == BARS
            assert sum(row.trend) <= row.done


def test_what_names_nothing_is_counted_as_unnamed() -> None:
    found = fold(ended(1, 5, function=None, queue=None, worker_id=None))
    assert [[*rows(found, dimension)] for dimension in Dimension] == [[UNNAMED]] * 3
