"""When a schedule fires, and how it may be changed: checked, pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from naq.errors import ConfigurationError, ScheduleSpecError
from naq.models.schedule import MisfirePolicy, Schedule, ScheduleStatus
from naq.models.times import as_utc
from naq.queue import build_job

RETIMING = {"cron", "interval", "repeat", "timezone", "run_at"}
"""Changes after which the next run is reckoned anew; after any other a run that is due stays due."""


def next_run(schedule: Schedule, after: datetime) -> datetime | None:
    """When `schedule` is due next, strictly after `after`; None where it has no further run.

    Raises:
        ScheduleSpecError: its spec can't be understood.
    """
    from naq.scheduler.cron import next_interval
    from naq.scheduler.cron import next_run as next_cron_run

    if schedule.repeat is not None and schedule.run_count >= schedule.repeat:
        return None
    if schedule.cron is not None:
        return next_cron_run(schedule.cron, schedule.timezone, after)
    if schedule.interval_s is not None:
        return next_interval(schedule.anchor_at or after, schedule.interval_s, after)
    if schedule.run_at is not None and schedule.run_count == 0:
        return schedule.run_at
    return None


def modified(schedule: Schedule, changes: Mapping[str, Any], now: datetime) -> Schedule:
    """`schedule` with the changes of `modify`, checked as `schedule` would check them; pure."""
    job = dict(schedule.job)
    if changes.keys() & {"args", "kwargs", "queue_name"}:
        checked = build_job(
            schedule.function,
            changes.get("args", ()),
            changes.get("kwargs", {}),
            queue_name=changes.get("queue_name", schedule.queue),
        ).to_record()
        for name, field in (("args", "args"), ("kwargs", "kwargs"), ("queue_name", "queue")):
            if name in changes:
                job[field] = checked[field]
    fields: dict[str, Any] = {"job": job, "queue": job.get("queue", schedule.queue)}
    timezone = changes.get("timezone", schedule.timezone)
    if changes.keys() & {"cron", "interval", "timezone"}:
        if schedule.run_at is not None:
            raise ConfigurationError("a single run has no cron, interval or timezone: change its run_at")
        spec = (changes.get("cron"), changes.get("interval"))
        if spec == (None, None):
            spec = (schedule.cron, schedule.interval_s)
        fields |= {"cron": None, "interval_s": None, "timezone": timezone}
        if "interval" in changes:
            fields["anchor_at"] = now
        fields |= spec_of(*spec, timezone)
    if "run_at" in changes:
        if schedule.run_at is None or not isinstance(changes["run_at"], datetime):
            raise ConfigurationError("run_at takes a datetime, and only a single run has one")
        fields["run_at"] = as_utc(changes["run_at"])
    if "repeat" in changes:
        fields["repeat"] = checked_repeat(changes["repeat"])
    if "misfire" in changes:
        fields["misfire"] = checked_misfire(changes["misfire"])
    changed = replace(schedule, **fields, last_error=None)
    if schedule.status == ScheduleStatus.FAILED:
        changed = replace(changed, status=ScheduleStatus.ACTIVE)
    if changes.keys() & RETIMING or schedule.status == ScheduleStatus.FAILED:
        changed = replace(changed, next_run_at=next_run(changed, now))
    if changed.next_run_at is None:  # `repeat` is reached already
        changed = replace(changed, status=ScheduleStatus.COMPLETED)
    return changed


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


def checked_repeat(repeat: int | None) -> int | None:
    """Raises ConfigurationError where it is neither None nor a whole number from 1."""
    if repeat is not None and (not isinstance(repeat, int) or isinstance(repeat, bool) or repeat < 1):
        raise ConfigurationError(f"repeat must be a whole number from 1, or None for no end, not {repeat!r}")
    return repeat


def checked_misfire(policy: str) -> MisfirePolicy:
    """Raises ConfigurationError for an unknown policy."""
    try:
        return MisfirePolicy(policy)
    except ValueError:
        raise ConfigurationError(f"misfire must be 'skip', 'run_once' or 'run_all', not {policy!r}") from None
