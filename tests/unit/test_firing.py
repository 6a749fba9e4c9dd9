"""Which runs a due schedule owes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from naq.models.schedule import Schedule, ScheduleStatus
from naq.scheduler.due import DueHeap
from naq.scheduler.firing import RUN_ALL_CAP, firing_of, job_id_of

T0 = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def every_minute(**fields: object) -> Schedule:
    base = Schedule(
        schedule_id="s", function="m:f", queue="q", job={}, interval_s=60.0, anchor_at=T0, next_run_at=T0 + MINUTE
    )
    return replace(base, **fields)  # type: ignore[arg-type]


def test_on_time_it_owes_one_run() -> None:
    firing = firing_of(every_minute(), T0 + MINUTE)
    assert firing.runs == (T0 + MINUTE,)
    assert (firing.missed, firing.after.next_run_at, firing.after.run_count) == (0, T0 + 2 * MINUTE, 1)


def test_before_its_time_it_owes_nothing() -> None:
    schedule = every_minute()
    assert firing_of(schedule, T0).runs == ()
    assert firing_of(schedule, T0).after is schedule


@pytest.mark.parametrize(
    ("policy", "runs", "missed"),
    [("skip", 0, 10), ("run_once", 1, 9), ("run_all", 10, 0)],
)
def test_after_an_outage_the_policy_decides(policy: str, runs: int, missed: int) -> None:
    firing = firing_of(every_minute(misfire=policy), T0 + 10 * MINUTE + timedelta(seconds=45))
    assert (len(firing.runs), firing.missed) == (runs, missed)
    assert firing.after.next_run_at == T0 + 11 * MINUTE


def test_a_run_just_due_is_no_misfire() -> None:
    firing = firing_of(every_minute(misfire="skip"), T0 + 10 * MINUTE + timedelta(seconds=5))
    assert firing.runs == (T0 + 10 * MINUTE,)
    assert firing.missed == 9


def test_making_up_for_all_has_a_cap() -> None:
    firing = firing_of(every_minute(misfire="run_all"), T0 + timedelta(days=3, seconds=40))
    assert len(firing.runs) == RUN_ALL_CAP
    assert firing.missed == 3 * 24 * 60 - RUN_ALL_CAP


def test_the_last_repeat_ends_it() -> None:
    firing = firing_of(every_minute(repeat=3, run_count=2), T0 + MINUTE)
    assert (firing.after.status, firing.after.next_run_at, firing.after.run_count) == (
        ScheduleStatus.COMPLETED,
        None,
        3,
    )


def test_a_single_run_happens_however_late() -> None:
    schedule = replace(every_minute(), interval_s=None, run_at=T0, next_run_at=T0, misfire="skip")
    firing = firing_of(schedule, T0 + timedelta(days=2))
    assert (firing.runs, firing.after.status) == ((T0,), ScheduleStatus.COMPLETED)


def test_the_id_of_a_run_is_the_same_whoever_fires_it() -> None:
    schedule = every_minute()
    assert job_id_of(schedule, T0) == job_id_of(replace(schedule, run_count=5), T0) == "s.1767225600000"
    assert job_id_of(replace(schedule, run_at=T0), T0) == "s"


def test_the_heap_forgets_what_has_changed() -> None:
    heap = DueHeap()
    heap.put(every_minute(revision=1))
    heap.put(replace(every_minute(revision=2), next_run_at=T0 + 5 * MINUTE))
    heap.put(every_minute(revision=1))
    assert heap.next_at() == T0 + 5 * MINUTE
    assert heap.pop_due(T0 + MINUTE) is None
    due = heap.pop_due(T0 + 5 * MINUTE)
    assert due is not None
    assert due.revision == 2
    heap.put(replace(due, revision=3, status=ScheduleStatus.PAUSED))
    assert heap.next_at() is None
    heap.put(replace(due, revision=4))
    heap.remove("s")
    assert heap.next_at() is None
    assert len(heap) == 0


def test_days_of_silence_are_counted_and_the_last_run_is_made_up() -> None:
    silence = timedelta(days=3)
    by_the_second = every_minute(interval_s=1.0, next_run_at=T0 + timedelta(seconds=1))
    firing = firing_of(by_the_second, T0 + silence)
    assert firing.runs == (T0 + silence,)
    assert firing.missed + len(firing.runs) == silence.total_seconds()
    assert firing.after.next_run_at == T0 + silence + timedelta(seconds=1)
