"""When a schedule is due, how it may be changed, and what its record keeps."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from naq import codec, next_runs
from naq.errors import ConfigurationError, ScheduleSpecError
from naq.models.schedule import Schedule, ScheduleStatus
from naq.scheduler.changes import difference, modified, resumed, unsettled
from naq.scheduler.spec import check_bounds, next_run, settings_of

T0 = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
JOB = {"v": 1, "function": "m:f", "args": [1], "kwargs": {}, "queue": "q"}


def hourly(**fields: Any) -> Schedule:
    base = Schedule(
        schedule_id="s", function="m:f", queue="q", job=JOB, interval_s=3600.0, anchor_at=T0, next_run_at=T0 + HOUR
    )
    return replace(base, **fields)


def daily(text: str, zone: str, **fields: Any) -> Schedule:
    schedule = hourly(interval_s=None, cron=text, timezone=zone, **fields)
    return replace(schedule, next_run_at=next_run(schedule, schedule.created_at or T0))


def test_an_interval_counts_from_its_start_and_is_due_there_first() -> None:
    start = T0 + timedelta(hours=5, minutes=7)
    schedule = hourly(start_at=start, end_at=start + 2 * HOUR)
    assert next_run(schedule, T0) == start
    assert next_run(schedule, start) == start + HOUR
    assert next_run(schedule, start + HOUR) == start + 2 * HOUR, "a run at the very end is made"
    assert next_run(schedule, start + 2 * HOUR) is None


def test_a_cron_entry_keeps_within_start_and_end() -> None:
    start = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
    schedule = hourly(interval_s=None, cron="0 2 * * *", start_at=start, end_at=start + timedelta(days=1))
    assert next_run(schedule, T0) == start
    assert next_run(schedule, start + timedelta(days=1)) is None


def test_next_runs_keep_to_repeat_end_and_status() -> None:
    assert next_runs(hourly(), 3, T0) == [T0 + n * HOUR for n in (1, 2, 3)]
    assert next_runs(hourly(), 2, T0 + 1.5 * HOUR) == [T0 + HOUR, T0 + 2 * HOUR], "one that is overdue comes first"
    assert next_runs(hourly(repeat=5, run_count=3), 9, T0) == [T0 + HOUR, T0 + 2 * HOUR]
    assert next_runs(hourly(repeat=5, run_count=3, buffered_at=T0), 9, T0) == [T0 + HOUR]
    assert len(next_runs(hourly(end_at=T0 + 3 * HOUR), 9, T0)) == 3
    assert next_runs(hourly(jitter_s=600.0), 1, T0) == [T0 + HOUR]
    paused = hourly(status=ScheduleStatus.PAUSED)
    assert next_runs(paused, 1, T0 + 2.5 * HOUR) == [T0 + 3 * HOUR]
    for status in (ScheduleStatus.COMPLETED, ScheduleStatus.CANCELLED, ScheduleStatus.FAILED):
        assert next_runs(hourly(status=status), 5, T0) == []
    single = hourly(interval_s=None, run_at=T0 + HOUR)
    assert next_runs(single, 5, T0) == [T0 + HOUR]
    with pytest.raises(ScheduleSpecError):
        next_runs(hourly(interval_s=-1.0, next_run_at=T0), 5, T0)


@pytest.mark.parametrize(
    ("text", "zone", "since", "runs"),
    [
        # clocks go forward: the skipped time runs once, as they have jumped
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00", ["29 03:00:00", "30 02:30:00"]),
        ("15 30 2 * * *", "Europe/Berlin", "2026-03-28T12:00", ["29 03:00:00", "30 02:30:15"]),
        ("30 2 * * *", "America/New_York", "2026-03-07T12:00", ["08 03:00:00", "09 02:30:00"]),
        ("15 30 2 * * *", "America/New_York", "2026-03-07T12:00", ["08 03:00:00", "09 02:30:15"]),
        ("0 0,30 2 * * *", "America/New_York", "2026-03-07T12:00", ["08 03:00:00", "09 02:00:00"]),
        # clocks go back: the repeated time runs once, the first time
        ("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00", ["25 02:30:00", "26 02:30:00"]),
        ("15 30 2 * * *", "Europe/Berlin", "2026-10-24T12:00", ["25 02:30:15", "26 02:30:15"]),
        ("30 1 * * *", "America/New_York", "2026-10-31T12:00", ["01 01:30:00", "02 01:30:00"]),
        ("15 30 1 * * *", "America/New_York", "2026-10-31T12:00", ["01 01:30:15", "02 01:30:15"]),
    ],
)
def test_clock_changes(text: str, zone: str, since: str, runs: list[str]) -> None:
    at = datetime.fromisoformat(since).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    dues = next_runs(daily(text, zone, created_at=at), 2, at)
    assert [f"{due.astimezone(ZoneInfo(zone)):%d %H:%M:%S}" for due in dues] == runs


@pytest.mark.parametrize("change", [datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)])
def test_intervals_do_not_see_clock_changes(change: datetime) -> None:
    before = change - 1.5 * HOUR
    schedule = hourly(timezone="Europe/Berlin", anchor_at=before, next_run_at=before + HOUR)
    assert next_runs(schedule, 4, before) == [before + n * HOUR for n in (1, 2, 3, 4)]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"start_at": datetime(2026, 1, 1)}, "start_at takes a datetime with a time zone"),  # noqa: DTZ001
        ({"end_at": "2026-01-01"}, "end_at takes a datetime with a time zone"),
        ({"jitter": -1}, "jitter must be seconds from 0"),
        ({"jitter": True}, "jitter must be seconds from 0"),
        ({"misfire_grace_s": 1e12}, "misfire_grace_s must be seconds"),
        ({"misfire_cap": 0}, "misfire_cap must be a whole number from 1 to 10,000"),
        ({"repeat": 1.5}, "repeat must be a whole number from 1, or None for no end"),
        ({"misfire": "sometimes"}, "misfire must be 'skip', 'run_once' or 'run_all', not 'sometimes'"),
        ({"overlap": "maybe"}, "overlap must be 'allow', 'skip' or 'buffer_one', not 'maybe'"),
    ],
)
def test_settings_that_cannot_be_used(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        settings_of(given)


def test_bounds_that_leave_nothing_to_run() -> None:
    with pytest.raises(ScheduleSpecError, match="must be later than start_at"):
        check_bounds(hourly(start_at=T0, end_at=T0), T0)
    with pytest.raises(ScheduleSpecError, match="would never run: its next run would be at 2026-01-01T01:00"):
        check_bounds(hourly(end_at=T0 + HOUR / 2), T0)
    with pytest.raises(ScheduleSpecError, match="shorter than the time between two runs, here 3600 s"):
        check_bounds(hourly(jitter_s=3600.0), T0)
    with pytest.raises(ScheduleSpecError, match="here 300 s"):
        check_bounds(hourly(interval_s=None, cron="0,5 * * * *", jitter_s=400.0), T0)
    check_bounds(hourly(jitter_s=3599.0, end_at=T0 + HOUR), T0)


def test_arguments_in_packed_form_stay_what_they_are() -> None:
    held = codec.pack([T0, 1])
    changed = modified(hourly(job={**JOB, "args": held}), {"args": [held[0], 2]}, T0, is_packed=True)
    assert changed.job["args"] == codec.pack([T0, 2])
    assert modified(changed, {"kwargs": {"a": 1}}, T0, is_packed=True).job["args"] == codec.pack([T0, 2])


def test_options_of_its_job_are_changed_and_the_rest_of_it_stays() -> None:
    schedule = hourly(job={**JOB, "max_retries": 2, "retry_delay": 5.0, "later": "kept", "tags": ["a"]})
    changed = modified(schedule, {"max_retries": 4, "timeout": 9, "tags": ["b", "c"], "queue_name": "mail"}, T0)
    assert changed.job == {
        **JOB,
        "queue": "mail",
        "max_retries": 4,
        "retry_delay": 5.0,
        "later": "kept",
        "tags": ["b", "c"],
        "timeout": 9.0,
    }
    assert (changed.queue, changed.next_run_at) == ("mail", schedule.next_run_at)
    assert difference(schedule, changed) == {
        "before": {"queue_name": "q", "max_retries": 2, "tags": ["a"]},
        "after": {"queue_name": "mail", "max_retries": 4, "tags": ["b", "c"], "timeout": 9.0},
    }
    cleared = modified(changed, {"timeout": None, "max_retries": 0, "tags": ()}, T0)
    assert not {"timeout", "max_retries", "retry_delay", "tags"} & cleared.job.keys()
    with pytest.raises(ConfigurationError, match="timeout must be a positive number"):
        modified(schedule, {"timeout": -1}, T0)
    with pytest.raises(ConfigurationError, match="can't modify depends_on"):
        modified(schedule, {"depends_on": "x"}, T0)


def test_long_values_are_cut_in_what_is_told() -> None:
    told = difference(hourly(), modified(hourly(), {"args": ("x" * 5000,)}, T0))
    assert told["before"] == {"args": [1]}
    assert len(told["after"]["args"]) <= 1000


def test_bounds_and_jitter_are_changed_in_place() -> None:
    changed = modified(hourly(), {"start_at": T0 + 5 * HOUR, "end_at": T0 + 9 * HOUR, "jitter": 60}, T0)
    assert (changed.next_run_at, changed.end_at, changed.jitter_s) == (T0 + 5 * HOUR, T0 + 9 * HOUR, 60.0)
    assert modified(changed, {"start_at": None}, T0).next_run_at == T0 + HOUR
    assert modified(hourly(), {"overlap": "skip", "misfire_cap": 7}, T0).next_run_at == T0 + HOUR
    with pytest.raises(ConfigurationError, match="a single run has no end_at, overlap"):
        modified(hourly(interval_s=None, run_at=T0), {"overlap": "skip", "end_at": T0}, T0)


def test_resumed_past_its_end_it_is_over() -> None:
    paused = hourly(status=ScheduleStatus.PAUSED, end_at=T0 + 2 * HOUR)
    assert resumed(paused, T0 + HOUR / 2).next_run_at == T0 + HOUR
    over = resumed(paused, T0 + 3 * HOUR)
    assert (over.status, over.next_run_at) == (ScheduleStatus.COMPLETED, None)


def test_a_due_time_that_had_come_is_not_forgotten() -> None:
    schedule = hourly()
    later = replace(schedule, next_run_at=T0 + 9 * HOUR)
    assert unsettled(schedule, later, T0 + HOUR / 2).unsettled_at is None, "it had not come"
    kept = unsettled(schedule, later, T0 + HOUR)
    assert kept.unsettled_at == T0 + HOUR
    moved_again = replace(kept, next_run_at=T0 + 20 * HOUR)
    assert unsettled(kept, moved_again, T0 + 10 * HOUR).unsettled_at == T0 + HOUR, "the first one is asked for"


def test_the_record_keeps_everything_and_older_ones_are_read() -> None:
    schedule = hourly(
        start_at=T0,
        end_at=T0 + 9 * HOUR,
        jitter_s=2.5,
        overlap="buffer_one",
        misfire_grace_s=5.0,
        misfire_cap=3,
        misfire_count=4,
        skip_count=5,
        buffered_at=T0 + HOUR,
        unsettled_at=T0,
        last_job_id="b",
        last_job_seq=77,
        recent_job_ids=("a", "b"),
    )
    assert Schedule.from_wire(schedule.to_wire()) == schedule
    old = {"v": 1, "schedule_id": "s", "function": "m:f", "job": JOB, "interval_s": 60.0, "status": "ACTIVE"}
    read = Schedule.from_wire(codec.dumps(old))
    assert (read.overlap, read.jitter_s, read.start_at, read.misfire_cap, read.recent_job_ids) == ("allow", 0, None, None, ())  # noqa: E501  # fmt: skip
    hostile = {**old, "jitter_s": -3, "overlap": 7, "end_at": "soon", "misfire_cap": "x", "recent_job_ids": {"a": 1}}
    read = Schedule.from_wire(codec.dumps(hostile))
    assert (read.jitter_s, read.overlap, read.end_at, read.misfire_cap, read.recent_job_ids) == (0, "allow", None, None, ())  # noqa: E501  # fmt: skip
