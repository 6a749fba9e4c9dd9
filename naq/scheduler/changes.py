"""What `modify` makes of a schedule, and what of it changed: checked, pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from naq import codec
from naq.calls import build_job
from naq.errors import ConfigurationError
from naq.models.job import Job
from naq.models.schedule import Schedule, ScheduleStatus
from naq.models.times import as_utc, format_time
from naq.scheduler.spec import check_bounds, next_run, settings_of, spec_of

SETTINGS = ("repeat", "misfire", "misfire_grace_s", "misfire_cap", "overlap", "jitter", "start_at", "end_at")
JOB_OPTIONS = (
    "queue_name",
    "max_retries",
    "retry_delay",
    "retry_strategy",
    "retry_on",
    "ignore_on",
    "timeout",
    "result_ttl",
    "tags",
    "capture_logs",
    "unique",
    "unique_for",
    "limits",
)
CHANGEABLE = ("cron", "interval", "timezone", "run_at", *SETTINGS, "args", "kwargs", *JOB_OPTIONS)
RETIMING = {"cron", "interval", "repeat", "timezone", "run_at", "start_at", "end_at"}
"""Changes after which the next run is reckoned anew; after any other a run that is due stays due."""
BOUNDED = {"cron", "interval", "timezone", "start_at", "end_at", "jitter"}
MAX_TOLD = 1000
"""Characters that an event tells of one value."""
_BOOKKEEPING = {"v", "schedule_id", "status", "anchor_at", "created_at", "last_error", "unsettled_at", "buffered_at"}
_TOLD_AS = {"interval_s": "interval", "jitter_s": "jitter", "queue": "queue_name"}


def modified(schedule: Schedule, changes: Mapping[str, Any], now: datetime, *, is_packed: bool = False) -> Schedule:
    """`schedule` with the changes of `modify`, checked as `schedule` would check them.

    Args:
        is_packed: whether `args` and `kwargs` are in packed form already (`naq.codec`), as records hold them.

    Raises:
        ConfigurationError: another name, or a value that can't be used.
        SerializationError: its job can't be read, or an argument can't be written.
    """
    unknown = set(changes) - set(CHANGEABLE)
    if unknown or not changes:
        what = ", ".join(sorted(unknown)) or "nothing"
        raise ConfigurationError(f"can't modify {what} of a schedule; these can be: {', '.join(CHANGEABLE)}")
    fields = settings_of(changes)
    if changes.keys() & {"args", "kwargs", *JOB_OPTIONS}:
        job = _job_record(schedule, changes, is_packed)
        fields |= {"job": job, "queue": job["queue"]}
    if schedule.run_at is not None:
        given = changes.keys() & {"cron", "interval", "timezone", *SETTINGS}
        if given:
            raise ConfigurationError(f"a single run has no {', '.join(sorted(given))}: change its run_at")
    if changes.keys() & {"cron", "interval", "timezone"}:
        timezone = changes.get("timezone", schedule.timezone)
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
    changed = replace(schedule, **fields, last_error=None)
    if changes.keys() & BOUNDED:
        check_bounds(changed, now)
    if schedule.status == ScheduleStatus.FAILED:
        changed = replace(changed, status=ScheduleStatus.ACTIVE)
    if changes.keys() & RETIMING or schedule.status == ScheduleStatus.FAILED:
        changed = replace(changed, next_run_at=next_run(changed, now))
    return _ended(changed)


def resumed(schedule: Schedule, now: datetime) -> Schedule:
    """`schedule` set going again. Raises ScheduleSpecError where its spec can't be understood."""
    coming = schedule.run_at or next_run(schedule, now)
    return _ended(replace(schedule, status=ScheduleStatus.ACTIVE, next_run_at=coming, last_error=None))


def _ended(schedule: Schedule) -> Schedule:
    """`schedule`, COMPLETED where no run is left."""
    is_reached = schedule.repeat is not None and schedule.run_count >= schedule.repeat
    if schedule.next_run_at is None and (is_reached or schedule.buffered_at is None):
        return replace(schedule, status=ScheduleStatus.COMPLETED, buffered_at=None)
    return schedule


def unsettled(before: Schedule, changed: Schedule, now: datetime) -> Schedule:
    """`changed`, and which due time it takes away that a scheduler may have made a run of already."""
    due = before.next_run_at
    if due is None or due > now or changed.next_run_at == due or changed.unsettled_at is not None:
        return changed
    return replace(changed, unsettled_at=due)


def difference(before: Schedule, after: Schedule) -> dict[str, Any]:
    """`before` and `after`: what differs, by the names that `modify` takes; long values are cut."""
    old, new = _told(before), _told(after)
    names = [name for name in (*old, *(name for name in new if name not in old)) if old.get(name) != new.get(name)]
    return {
        "before": {name: _short(old[name]) for name in names if name in old},
        "after": {name: _short(new[name]) for name in names if name in new},
    }


def _job_record(schedule: Schedule, changes: Mapping[str, Any], is_packed: bool) -> dict[str, Any]:
    """The record of its job with the changed options; what this version does not know of it stays."""
    held = Job.from_record({**schedule.job, "job_id": schedule.schedule_id, "queue": schedule.queue})
    options: dict[str, Any] = {
        "queue_name": held.queue_name,
        "max_retries": held.retry.max_retries,
        "retry_delay": held.retry.delay,
        "retry_strategy": held.retry.strategy,
        "retry_on": held.retry.retry_on,
        "ignore_on": held.retry.ignore_on,
        "timeout": held.timeout,
        "result_ttl": held.result_ttl,
        "tags": held.tags,
        "capture_logs": held.capture_logs,
        "unique": held.unique,
        "unique_for": held.unique_for,
        "limits": held.limits,
    }
    options |= {name: changes[name] for name in JOB_OPTIONS if name in changes}
    call = {} if is_packed else changes
    job = build_job(held.function, call.get("args", ()), call.get("kwargs", {}), **options)
    job.extra = held.extra
    if "args" not in call:
        job.args = list(changes.get("args", held.args))
    if "kwargs" not in call:
        job.kwargs = dict(changes.get("kwargs", held.kwargs))
    old, new = held.to_record(), job.to_record()
    record = {**schedule.job, "queue": job.queue_name}
    for name in (old.keys() | new.keys()) - {"job_id", "id_given"}:
        if old.get(name) != new.get(name):
            record.pop(name, None)
            if name in new:
                record[name] = new[name]
    return record


def _told(schedule: Schedule) -> dict[str, Any]:
    record = codec.loads(schedule.to_wire())
    job = record.pop("job")
    told = {_TOLD_AS.get(name, name): value for name, value in record.items() if name not in _BOOKKEEPING}
    for name, value in job.items():
        if name in ("args", "kwargs"):
            told[name] = codec.display(value)
        elif name not in ("v", "job_id", "function", "queue", "id_given"):
            told[name] = value
    if schedule.next_run_at is not None:
        told["next_run_at"] = format_time(schedule.next_run_at)
    return told


def _short(value: Any) -> Any:
    if len(codec.dumps(value)) <= MAX_TOLD:
        return value
    return codec.display_text(value, MAX_TOLD)
