"""Schedules as they would be stored: checked, pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from naq.calls import Call, check_options, job_of
from naq.errors import ConfigurationError
from naq.ids import uuid7
from naq.models.job import Job
from naq.models.schedule import MisfirePolicy, OverlapPolicy, Schedule
from naq.models.times import as_utc, format_time
from naq.names import check_key
from naq.scheduler.spec import check_bounds, next_run, settings_of, spec_of

MAX_AHEAD = timedelta(days=3660)


def draft(
    call: Call,
    now: datetime,
    *,
    cron: str | None = None,
    interval: timedelta | float | str | None = None,
    repeat: int | None = None,
    timezone: str = "UTC",
    start_at: datetime | None = None,
    end_at: datetime | None = None,
    jitter: timedelta | float = 0.0,
    misfire: str = MisfirePolicy.RUN_ONCE,
    misfire_grace_s: float | None = None,
    misfire_cap: int | None = None,
    overlap: str = OverlapPolicy.ALLOW,
    schedule_id: str | None = None,
    **options: Any,
) -> Schedule:
    """A schedule of a call to be enqueued again and again.

    Args:
        now: the server's clock.
        cron: five fields, or six with seconds first; read in `timezone`.
        interval: seconds, timedelta or text like "15m"; counted without drift from `start_at`, where the first run
            is, or from now: then the first run comes after one interval.
        repeat: runs in all; None means without end.
        timezone: IANA name.
        start_at, end_at: no run before or after (aware datetimes); past its last run it is COMPLETED.
        jitter: each run fires up to this many seconds after it is due; shorter than the time between two runs.
        misfire: "skip", "run_once" or "run_all": what to do about runs due while no scheduler was up.
        misfire_grace_s: seconds after which a run counts as missed; None means 30.
        misfire_cap: most missed runs that "run_all" makes up for at once; None means 100.
        overlap: what to do about a run while the job of the run before has not ended: "allow" enqueues it, "skip"
            leaves it out, "buffer_one" keeps one back until that job ends. Runs left out don't count for `repeat`.
        schedule_id: its name; one is made where None.
        Everything else as for `naq.enqueue`.

    Raises:
        ScheduleSpecError: the cron text, interval or timezone can't be understood; the message has the position.
        ConfigurationError: another argument is wrong.
        SerializationError: an argument can't be written as JSON; the message names it.
    """
    if "job_id" in options:
        raise ConfigurationError("schedule makes a job id for each run: leave out job_id")
    job = _free(job_of(call, check_options(**options)))
    record = _schedule_of(
        uuid7() if schedule_id is None else check_key(schedule_id, "schedule id"),
        job,
        now,
        timezone=timezone,
        **settings_of(
            {
                "repeat": repeat,
                "start_at": start_at,
                "end_at": end_at,
                "jitter": jitter,
                "misfire": misfire,
                "misfire_grace_s": misfire_grace_s,
                "misfire_cap": misfire_cap,
                "overlap": overlap,
            }
        ),
        **spec_of(cron, interval, timezone),
    )
    check_bounds(record, now)
    return replace(record, next_run_at=next_run(record, now))


OPTIONS = frozenset(draft.__kwdefaults__ or ())
"""What makes a schedule of a job."""


def draft_once(call: Call, moment: datetime, now: datetime, **options: Any) -> tuple[Job, Schedule]:
    """A job to be enqueued at `moment` (naive is taken as UTC), and its schedule; the job's id is that of both.

    Raises:
        ConfigurationError, SerializationError: no moment, one too far ahead, or a call or option that can't be used.
    """
    if not isinstance(moment, datetime):
        raise ConfigurationError(f"enqueue_at takes a datetime, not {moment!r}")
    due = as_utc(moment)
    if due - now > MAX_AHEAD:
        raise ConfigurationError(f"{format_time(due)} is more than ten years ahead")
    job = _free(job_of(call, check_options(**options)))
    job.run_at = due
    return job, _schedule_of(job.job_id, job, now, run_at=due, next_run_at=due)


def _schedule_of(schedule_id: str, job: Job, now: datetime, **fields: Any) -> Schedule:
    record = job.to_record()
    if fields.get("run_at") is None:
        del record["job_id"]
    return Schedule(
        schedule_id=schedule_id,
        function=job.function,
        queue=job.queue_name,
        job=record,
        created_at=now,
        anchor_at=now,
        **fields,
    )


def _free(job: Job) -> Job:
    if job.depends_on:
        raise ConfigurationError("a job given to the schedule can't wait for others too: leave out depends_on")
    return job
