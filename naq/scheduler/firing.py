"""Which runs a due schedule owes, and what it looks like afterwards: pure functions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from naq.models.schedule import MisfirePolicy, Schedule, ScheduleStatus
from naq.scheduler.spec import next_run

MISFIRE_AFTER = timedelta(seconds=30)
"""A run later than this was missed, and the misfire policy decides."""
MAX_WALK = 10_000
"""Missed runs that are counted one by one; of more, the rest is reckoned by their distance."""
RUN_ALL_CAP = 100
"""Most missed runs that `run_all` makes up for at once."""


@dataclass(frozen=True, slots=True)
class Firing:
    """What to do about one due schedule."""

    runs: tuple[datetime, ...]
    """Due times to enqueue a job for, oldest first."""
    missed: int
    """Due times passed over."""
    after: Schedule
    """The schedule once that is done (its `last_job_id` is the caller's to set)."""


def firing_of(schedule: Schedule, now: datetime) -> Firing:
    """What `schedule`, due at `now`, owes.

    Raises:
        ScheduleSpecError: its cron text or timezone can't be understood any more.
    """
    due = schedule.next_run_at
    if due is None or due > now:
        return Firing((), 0, schedule)
    if schedule.run_at is not None:
        return Firing((due,), 0, _after(schedule, (due,), None))
    dues = [due]
    following = next_run(replace(schedule, run_count=0), due)
    skipped = 0
    is_walked = False
    while following is not None and following <= now:
        dues.append(following)
        if len(dues) > RUN_ALL_CAP:
            dues.pop(0)
            skipped += 1
        following = next_run(replace(schedule, run_count=0), following)
        if skipped > MAX_WALK and following is not None and not is_walked:
            # a schedule by the second after days of silence: go on at the last runs before now
            is_walked = True
            period = (dues[-1] - dues[0]) / (len(dues) - 1)
            resume = now - 2 * RUN_ALL_CAP * period
            if resume > following:
                skipped += (resume - following) // period + 1
                following = next_run(replace(schedule, run_count=0), resume)
    on_time = [moment for moment in dues if now - moment <= MISFIRE_AFTER]
    late = [moment for moment in dues if now - moment > MISFIRE_AFTER]
    if schedule.misfire == MisfirePolicy.RUN_ALL:
        runs = late + on_time
    elif schedule.misfire == MisfirePolicy.SKIP:
        runs = on_time[-1:]
    else:
        runs = (on_time or late)[-1:]
    if schedule.repeat is not None:
        runs = runs[: max(0, schedule.repeat - schedule.run_count)]
    missed = len(dues) + skipped - len(runs)
    return Firing(tuple(runs), missed, _after(schedule, tuple(runs), following))


def _after(schedule: Schedule, runs: tuple[datetime, ...], following: datetime | None) -> Schedule:
    count = schedule.run_count + len(runs)
    is_over = following is None or (schedule.repeat is not None and count >= schedule.repeat)
    return replace(
        schedule,
        run_count=count,
        last_run_at=runs[-1] if runs else schedule.last_run_at,
        next_run_at=None if is_over else following,
        status=ScheduleStatus.COMPLETED if is_over else schedule.status,
        last_error=None,
    )


def job_id_of(schedule: Schedule, due: datetime) -> str:
    """The id of the job that a run enqueues: the same whoever fires it, so that it is stored once."""
    if schedule.run_at is not None:
        return schedule.schedule_id
    return f"{schedule.schedule_id}.{int(due.timestamp() * 1000)}"
