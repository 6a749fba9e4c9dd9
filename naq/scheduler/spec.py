"""When a schedule is due, and whether its settings can be used: checked, pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from naq.errors import ConfigurationError, ScheduleSpecError
from naq.models.schedule import MisfirePolicy, OverlapPolicy, Schedule, ScheduleStatus

MAX_SECONDS = 366 * 86_400.0
MAX_CAP = 10_000
_INSTANT = timedelta(microseconds=1)


def next_run(schedule: Schedule, after: datetime) -> datetime | None:
    """When `schedule` is due next, strictly after `after`; None where it has no further run.

    Raises:
        ScheduleSpecError: its spec can't be understood.
    """
    if schedule.repeat is not None and schedule.run_count >= schedule.repeat:
        return None
    return following(schedule, after)


def following(schedule: Schedule, after: datetime) -> datetime | None:
    """`next_run`, however often it ran already."""
    try:
        return _following(schedule, after)
    except OverflowError:
        raise ScheduleSpecError("its next run lies outside of the calendar: check its start and its interval") from None


def _following(schedule: Schedule, after: datetime) -> datetime | None:
    from naq.scheduler.cron import MIN_INTERVAL_S, next_interval
    from naq.scheduler.cron import next_run as next_cron_run

    if schedule.start_at is not None:
        after = max(after, schedule.start_at - _INSTANT)
    if schedule.cron is not None:
        due = next_cron_run(schedule.cron, schedule.timezone, after)
    elif schedule.interval_s is not None:
        if not MIN_INTERVAL_S <= schedule.interval_s <= MAX_SECONDS:
            raise ScheduleSpecError(f"an interval of {schedule.interval_s:g} seconds can't be used")
        anchor = schedule.anchor_at or after
        if schedule.start_at is not None:  # the first run is at the start itself
            anchor = schedule.start_at - timedelta(seconds=schedule.interval_s)
        due = next_interval(anchor, schedule.interval_s, after)
    elif schedule.run_at is not None and schedule.run_count == 0:
        return schedule.run_at
    else:
        return None
    return None if schedule.end_at is not None and due > schedule.end_at else due


def next_runs(schedule: Schedule, n: int, now: datetime) -> list[datetime]:
    """The next `n` times at which `schedule` is due, aware UTC, jitter not counted; fewer where it has no more.

    A run that is due and not made yet comes first. Of a paused schedule: as if it were resumed `now`. Pure.

    Raises:
        ScheduleSpecError: its spec can't be understood.
    """
    if schedule.is_over or schedule.status == ScheduleStatus.FAILED:
        return []
    if schedule.repeat is not None:
        pending = 0 if schedule.buffered_at is None else 1
        n = min(n, schedule.repeat - schedule.run_count - pending)
    is_going = schedule.status == ScheduleStatus.ACTIVE or schedule.run_at is not None
    due = schedule.next_run_at if is_going else following(schedule, now)
    found: list[datetime] = []
    while due is not None and len(found) < n:
        found.append(due)
        due = None if schedule.run_at is not None else following(schedule, due)
    return found


def spec_of(cron: str | None, interval: timedelta | float | str | None, timezone: str) -> dict[str, Any]:
    """The fields of a schedule that say when it fires. Raises ScheduleSpecError."""
    from naq.scheduler.cron import check_cron, check_timezone, parse_interval

    check_timezone(timezone)
    if (cron is None) == (interval is None):
        raise ScheduleSpecError("give either cron or interval, one of the two")
    if cron is not None:
        return {"cron": check_cron(cron, timezone)}
    assert interval is not None
    return {"interval_s": parse_interval(interval)}


def settings_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a schedule for those of `repeat`, `misfire`, `start_at`, `jitter`, … that are given.

    Raises:
        ConfigurationError: a value can't be used; the message names it.
    """
    fields: dict[str, Any] = {}
    for name, value in given.items():
        if name == "repeat":
            fields[name] = _whole(name, value, "None for no end")
        elif name == "misfire_cap":
            fields[name] = _whole(name, value, "None for the default", most=MAX_CAP)
        elif name == "misfire_grace_s":
            fields[name] = None if value is None else _seconds(name, value)
        elif name == "jitter":
            fields["jitter_s"] = 0.0 if value is None else _seconds(name, value)
        elif name == "misfire":
            fields[name] = _policy(name, value, MisfirePolicy)
        elif name == "overlap":
            fields[name] = _policy(name, value, OverlapPolicy)
        elif name in ("start_at", "end_at"):
            fields[name] = None if value is None else _aware(name, value)
    return fields


def check_bounds(schedule: Schedule, now: datetime) -> None:
    """Whether start, end and jitter go with what makes it fire.

    Raises:
        ScheduleSpecError: it is over before its first run, or runs could fire in another order than they are due.
    """
    if schedule.run_at is not None:
        return
    start, end = schedule.start_at, schedule.end_at
    if end is not None and start is not None and end <= start:
        raise ScheduleSpecError(f"end_at ({end.isoformat()}) must be later than start_at ({start.isoformat()})")
    unbounded = replace(schedule, end_at=None, repeat=None, status=ScheduleStatus.ACTIVE)
    unbounded = replace(unbounded, next_run_at=following(unbounded, now))
    first = unbounded.next_run_at
    if end is not None and first is not None and first > end:
        raise ScheduleSpecError(
            f"it would never run: its next run would be at {first.isoformat()}, after end_at ({end.isoformat()})"
        )
    if schedule.jitter_s:
        shortest = min((later - due).total_seconds() for due, later in pairwise(next_runs(unbounded, 10, now)))
        if schedule.jitter_s >= shortest:
            raise ScheduleSpecError(
                f"jitter of {schedule.jitter_s:g} s must be shorter than the time between two runs, here {shortest:g} s"
            )


def _whole(name: str, value: Any, none: str, *, most: int | None = None) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 1 or (most is not None and value > most):
        upto = "" if most is None else f" to {most:,}"
        raise ConfigurationError(f"{name} must be a whole number from 1{upto}, or {none}, not {value!r}")
    return value


def _seconds(name: str, value: Any) -> float:
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_SECONDS:
        raise ConfigurationError(f"{name} must be seconds from 0 up to a year, not {value!r}")
    return float(value)


def _aware(name: str, value: Any) -> datetime:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ConfigurationError(f"{name} takes a datetime with a time zone (datetime.now(UTC)), not {value!r}")
    return value.astimezone(UTC)


def _policy(name: str, value: Any, kinds: type[MisfirePolicy] | type[OverlapPolicy]) -> str:
    try:
        return kinds(value)
    except ValueError:
        *others, last = (f"'{kind}'" for kind in kinds)
        raise ConfigurationError(f"{name} must be {', '.join(others)} or {last}, not {value!r}") from None
