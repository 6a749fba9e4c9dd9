"""Which runs a due schedule owes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from naq.models.schedule import Schedule, ScheduleStatus
from naq.scheduler.due import DueHeap
from naq.scheduler.firing import RUN_ALL_CAP, Firing, Outcome, after, firing_of, job_id_of, merged, uncounted
from naq.scheduler.jitter import fires_at

T0 = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def every_minute(**fields: object) -> Schedule:
    base = Schedule(
        schedule_id="s", function="m:f", queue="q", job={}, interval_s=60.0, anchor_at=T0, next_run_at=T0 + MINUTE
    )
    return replace(base, **fields)  # type: ignore[arg-type]


def fired(schedule: Schedule, firing: Firing) -> Schedule:
    outcome = Outcome(missed=firing.missed)
    for due in firing.runs:
        outcome.add(due, job_id_of(schedule, due), None)
    return after(schedule, outcome, firing.following)


def test_on_time_it_owes_one_run() -> None:
    firing = firing_of(every_minute(), T0 + MINUTE)
    assert firing.runs == (T0 + MINUTE,)
    assert (firing.missed, firing.following) == (0, T0 + 2 * MINUTE)
    saved = fired(every_minute(), firing)
    assert (saved.next_run_at, saved.run_count, saved.last_run_at) == (T0 + 2 * MINUTE, 1, T0 + MINUTE)
    assert (saved.last_job_id, saved.recent_job_ids) == ("s.1767225660000", ("s.1767225660000",))


def test_before_its_time_it_owes_nothing() -> None:
    schedule = every_minute()
    assert firing_of(schedule, T0).runs == ()
    assert firing_of(schedule, T0).following == schedule.next_run_at


@pytest.mark.parametrize(
    ("policy", "runs", "missed"),
    [("skip", 0, 10), ("run_once", 1, 9), ("run_all", 10, 0), ("of a newer version", 0, 10)],
)
def test_after_an_outage_the_policy_decides(policy: str, runs: int, missed: int) -> None:
    firing = firing_of(every_minute(misfire=policy), T0 + 10 * MINUTE + timedelta(seconds=45))
    assert (len(firing.runs), firing.missed) == (runs, missed)
    assert firing.following == T0 + 11 * MINUTE


@pytest.mark.parametrize("policy", ["skip", "of a newer version"])
def test_a_run_just_due_is_no_misfire(policy: str) -> None:
    firing = firing_of(every_minute(misfire=policy), T0 + 10 * MINUTE + timedelta(seconds=5))
    assert firing.runs == (T0 + 10 * MINUTE,)
    assert firing.missed == 9


def test_making_up_for_all_has_a_cap() -> None:
    firing = firing_of(every_minute(misfire="run_all"), T0 + timedelta(days=3, seconds=40))
    assert len(firing.runs) == RUN_ALL_CAP
    assert firing.missed == 3 * 24 * 60 - RUN_ALL_CAP


def test_the_last_repeat_ends_it() -> None:
    schedule = every_minute(repeat=3, run_count=2)
    over = fired(schedule, firing_of(schedule, T0 + MINUTE))
    assert (over.status, over.next_run_at, over.run_count) == (ScheduleStatus.COMPLETED, None, 3)


def test_a_single_run_happens_however_late() -> None:
    schedule = replace(every_minute(), interval_s=None, run_at=T0, next_run_at=T0, misfire="skip")
    firing = firing_of(schedule, T0 + timedelta(days=2))
    assert (firing.runs, fired(schedule, firing).status) == ((T0,), ScheduleStatus.COMPLETED)


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
    assert firing.following == T0 + silence + timedelta(seconds=1)


def test_grace_and_cap_are_the_schedules_own() -> None:
    late = T0 + 10 * MINUTE + timedelta(seconds=45)
    assert firing_of(every_minute(misfire="skip", misfire_grace_s=60.0), late).runs == (T0 + 10 * MINUTE,)
    firing = firing_of(every_minute(misfire="run_all", misfire_cap=3), late)
    assert firing.runs == tuple(T0 + n * MINUTE for n in (8, 9, 10))
    assert firing.missed == 7
    assert firing_of(every_minute(misfire="skip", misfire_grace_s=0.0), T0 + 1.5 * MINUTE).runs == ()
    hostile = every_minute(misfire="run_all", misfire_cap=-5)
    assert len(firing_of(hostile, late).runs) == 1


def test_past_its_end_it_is_over() -> None:
    schedule = every_minute(end_at=T0 + 2 * MINUTE)
    first = fired(schedule, firing_of(schedule, T0 + MINUTE))
    assert (first.status, first.next_run_at) == (ScheduleStatus.ACTIVE, T0 + 2 * MINUTE)
    last = fired(first, firing_of(first, T0 + 2 * MINUTE))
    assert (last.status, last.next_run_at, last.run_count) == (ScheduleStatus.COMPLETED, None, 2)


def test_jitter_delays_each_run_by_its_own_time_whoever_reckons() -> None:
    schedule = every_minute(jitter_s=30.0)
    delays = [(fires_at(schedule, T0 + n * MINUTE) - T0 - n * MINUTE).total_seconds() for n in range(200)]
    assert all(0 <= delay < 30 for delay in delays)
    assert len(set(delays)) == 200
    assert 10 < sum(delays) / 200 < 20
    assert fires_at(replace(schedule, run_count=7, revision=9), T0) == fires_at(schedule, T0)
    moment = fires_at(schedule, T0 + MINUTE)
    assert firing_of(schedule, moment - timedelta(milliseconds=1)).runs == ()
    assert firing_of(schedule, moment).runs == (T0 + MINUTE,), "the due time names the run, not when it fired"
    heap = DueHeap()
    heap.put(schedule)
    assert heap.next_at() == moment
    assert heap.pop_due(moment) is schedule


def test_the_last_run_may_be_a_buffered_one() -> None:
    schedule = every_minute(repeat=2, run_count=1)
    waits = after(schedule, Outcome(buffered_at=T0 + MINUTE), T0 + 2 * MINUTE)
    assert (waits.status, waits.next_run_at, waits.run_count) == (ScheduleStatus.ACTIVE, None, 1)
    over = after(waits, Outcome([T0 + MINUTE], ["j"]), None)
    assert (over.status, over.run_count, over.buffered_at) == (ScheduleStatus.COMPLETED, 2, None)


def outcome() -> Outcome:
    return Outcome([T0 + MINUTE], ["s.1"])


def test_a_run_is_counted_in_what_was_changed_meanwhile() -> None:
    fresh = every_minute(status=ScheduleStatus.PAUSED)
    paused = merged(fresh, outcome())
    assert (paused.status, paused.run_count, paused.next_run_at) == (ScheduleStatus.PAUSED, 1, T0 + 2 * MINUTE)
    retimed = merged(every_minute(next_run_at=T0 + 5 * MINUTE, unsettled_at=T0 + MINUTE), outcome())
    assert (retimed.run_count, retimed.next_run_at, retimed.unsettled_at) == (1, T0 + 5 * MINUTE, None)
    reached = merged(every_minute(repeat=1, next_run_at=T0 + 5 * MINUTE), outcome())
    assert (reached.status, reached.next_run_at) == (ScheduleStatus.COMPLETED, None)
    cancelled = merged(every_minute(status=ScheduleStatus.CANCELLED, next_run_at=None), outcome())
    assert (cancelled.status, cancelled.run_count, cancelled.next_run_at) == (ScheduleStatus.CANCELLED, 1, None)
    single = every_minute(interval_s=None, run_at=T0 + 9 * MINUTE, next_run_at=T0 + 9 * MINUTE)
    assert merged(single, outcome()).status == ScheduleStatus.COMPLETED, "moved too late: its one job is out"


def test_what_is_due_beyond_repeat_is_not_missed() -> None:
    schedule = every_minute(misfire="run_all", repeat=3)
    firing = firing_of(schedule, T0 + 10 * MINUTE)
    assert (firing.runs, firing.missed) == (tuple(T0 + n * MINUTE for n in (1, 2, 3)), 0)
    assert fired(schedule, firing).status == ScheduleStatus.COMPLETED
    overrun = every_minute(repeat=2, run_count=5)
    assert fired(overrun, firing_of(overrun, T0 + MINUTE)).status == ScheduleStatus.COMPLETED


def test_what_two_leaders_made_up_for_is_counted_once() -> None:
    schedule = every_minute(misfire="run_all")
    ours = Outcome()
    for minute in range(1, 6):
        ours.add(T0 + minute * MINUTE, f"job-{minute}", minute)
    theirs = fired(schedule, firing_of(schedule, T0 + 3 * MINUTE))
    assert (theirs.run_count, theirs.last_run_at) == (3, T0 + 3 * MINUTE)
    rest = uncounted(ours, schedule, theirs)
    assert rest is not None
    assert (rest.dues, rest.job_ids) == ([T0 + 4 * MINUTE, T0 + 5 * MINUTE], ["job-4", "job-5"])
    both = merged(theirs, rest)
    assert (both.run_count, both.next_run_at) == (5, T0 + 6 * MINUTE)


def test_what_another_leader_counted_is_not_counted_again() -> None:
    before = every_minute(skip_count=4, misfire_count=2)
    ours = Outcome(skipped=1, missed=3)
    assert uncounted(ours, before, before) == ours, "whoever changes a schedule counts nothing"
    theirs = replace(before, skip_count=5, misfire_count=5)
    assert uncounted(ours, before, theirs) is None
    half = uncounted(ours, before, replace(before, skip_count=5))
    assert half is not None
    assert (half.skipped, half.missed) == (0, 3)


def test_a_run_held_back_is_held_once() -> None:
    before, held = every_minute(overlap="buffer_one"), T0 + MINUTE
    ours = Outcome(buffered_at=held, first_decided=held, last_decided=held)
    rest = uncounted(ours, before, before)
    assert rest is not None
    kept = merged(before, rest)
    assert (kept.buffered_at, kept.next_run_at) == (held, T0 + 2 * MINUTE)
    assert uncounted(ours, before, kept) is None, "another leader has held it back too"
    ran = after(kept, Outcome([held], ["s.1"]), kept.next_run_at)
    assert uncounted(ours, before, ran) is None, "and another has run it"
    later = replace(ran, buffered_at=T0 + 2 * MINUTE)
    assert uncounted(Outcome([held], ["s.1"]), kept, later) is None, "what that one holds back now stays"


def test_the_last_run_that_was_missed_is_known() -> None:
    for misfire, last in (("run_once", 9), ("skip", 9), ("run_all", None)):
        firing = firing_of(every_minute(misfire=misfire), T0 + 10 * MINUTE)
        assert firing.last_missed == (None if last is None else T0 + last * MINUTE)
    long = timedelta(days=3)
    firing = firing_of(every_minute(misfire="run_all", misfire_cap=RUN_ALL_CAP), T0 + long)
    assert firing.last_missed == T0 + long - RUN_ALL_CAP * MINUTE == firing.runs[0] - MINUTE


def test_policies_of_a_newer_version_are_named_and_kept() -> None:
    assert every_minute(misfire="run_all", overlap="buffer_one").unknown_policies == {}
    newer = every_minute(misfire="run_last_hour", overlap="cancel_previous")
    assert newer.unknown_policies == {"misfire": "run_last_hour", "overlap": "cancel_previous"}
    assert (newer.misfire_policy, newer.overlap_policy) == ("skip", "skip")
    again = Schedule.from_wire(newer.to_wire())
    assert (again.misfire, again.overlap) == ("run_last_hour", "cancel_previous")
