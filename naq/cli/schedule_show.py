"""How `naq schedules` shows one schedule."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from naq import codec
from naq.cli.common import age, counted, duration, print_json
from naq.display import inert
from naq.errors import ScheduleSpecError
from naq.models.schedule import Schedule
from naq.models.times import format_time
from naq.scheduler.cron import check_timezone
from naq.scheduler.spec import next_runs
from naq.scheduler.words import spec_in_words

SHOWN_RUNS = 5
LINE = 2_000
"""Characters shown of the arguments; --json has them whole."""
_SHOWN_ELSEWHERE = {"v", "job_id", "function", "queue", "args", "kwargs", "id_given", "enqueued_at"}


def summary(schedule: Schedule) -> dict[str, Any]:
    """The record as plain JSON."""
    record: dict[str, Any] = codec.loads(schedule.to_wire())
    job = record.pop("job")
    record["args"] = codec.display(job.get("args", []))
    record["kwargs"] = codec.display(job.get("kwargs", {}))
    record["options"] = {name: value for name, value in job.items() if name not in _SHOWN_ELSEWHERE}
    return record


def spec_text(schedule: Schedule) -> str:
    """What makes it fire, in one short text."""
    if schedule.cron is not None:
        return f"{schedule.cron} {schedule.timezone}" if schedule.timezone != "UTC" else schedule.cron
    return "once" if schedule.interval_s is None else spec_in_words(schedule)


def show(schedule: Schedule, now: datetime, *, as_json: bool) -> None:
    """Print all there is to know of it, and when it runs next."""
    if as_json:
        runs = [format_time(due) for due in _next(schedule, now)]
        print_json({**summary(schedule), "in_words": spec_in_words(schedule), "next_runs": runs})
        return
    print(inert(f"{schedule.status}  {schedule.schedule_id}"))
    for name, value in _facts(schedule, now):
        if value:
            print(f"  {name:<10}{inert(value)}")
    print_next(schedule, now)


def print_next(schedule: Schedule, now: datetime) -> None:
    """The next few runs, in the schedule's own time zone."""
    runs = _next(schedule, now)
    if not runs:
        print("  no further run")
    for place, due in enumerate(runs):
        wait = duration(abs((due - now).total_seconds()) * 1000)
        relative = f"in {wait}" if due > now else f"{wait} overdue"
        print(f"  {'next' if place == 0 else '':<10}{_local(schedule, due)}  {relative}")


def _next(schedule: Schedule, now: datetime) -> list[datetime]:
    try:
        return next_runs(schedule, SHOWN_RUNS, now)
    except ScheduleSpecError:
        return []  # its status and last error say so


def _local(schedule: Schedule, moment: datetime) -> str:
    try:
        there = moment.astimezone(check_timezone(schedule.timezone))
    except (ScheduleSpecError, OverflowError):
        return format_time(moment)
    return f"{there:%a %Y-%m-%d %H:%M:%S %Z}"


def _facts(schedule: Schedule, now: datetime) -> list[tuple[str, str]]:
    words = spec_in_words(schedule)
    job = summary(schedule)["options"]
    of_all = f" of {schedule.repeat:,}" if schedule.repeat is not None else ""
    counts = [
        f"{schedule.run_count:,}{of_all}",
        f"{schedule.misfire_count:,} missed",
        f"{schedule.skip_count:,} skipped",
        counted(schedule.failure_count, "failure"),
    ]
    last = schedule.last_run_at
    unknown = schedule.unknown_policies
    misfire, overlap = (
        f"{unknown[name][:40]} (not known here: followed as skip)" if name in unknown else known
        for name, known in (("misfire", schedule.misfire), ("overlap", schedule.overlap))
    )
    if schedule.misfire_grace_s is not None:
        misfire += f", after {schedule.misfire_grace_s:g} s"
    if schedule.misfire_cap is not None:
        misfire += f", at most {schedule.misfire_cap:,}"
    return [
        ("function", schedule.function),
        ("arguments", codec.display_call(schedule.job.get("args", []), schedule.job.get("kwargs", {}), LINE)),
        ("queue", schedule.queue),
        ("options", ", ".join(f"{name} {codec.display_text(value, 200)}" for name, value in job.items())),
        ("when", words if schedule.cron in (None, words) else f"{words} ({schedule.cron})"),
        ("timezone", schedule.timezone),
        ("start", _local(schedule, schedule.start_at) if schedule.start_at else ""),
        ("end", _local(schedule, schedule.end_at) if schedule.end_at else ""),
        ("jitter", f"up to {schedule.jitter_s:g} s" if schedule.jitter_s else ""),
        ("misfire", misfire),
        ("overlap", overlap),
        ("runs", ", ".join(counts)),
        ("last run", f"{_local(schedule, last)}  {age(last, now)} ago" if last else "none yet"),
        ("last jobs", " ".join(schedule.recent_job_ids) or schedule.last_job_id or ""),
        ("waiting", f"the run of {_local(schedule, schedule.buffered_at)}" if schedule.buffered_at else ""),
        ("error", schedule.last_error or ""),
    ]
