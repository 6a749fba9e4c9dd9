"""Which runs a due schedule owes, and what it looks like afterwards: pure functions."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from naq.models.schedule import MisfirePolicy, Schedule, ScheduleStatus
from naq.scheduler.jitter import fires_at
from naq.scheduler.spec import MAX_CAP, MAX_SECONDS, following

MISFIRE_GRACE_S = 30.0
"""A run later than this was missed, and the misfire policy decides."""
MAX_WALK = 2_000
"""Missed runs that are counted one by one; of more, the rest is reckoned by their distance."""
RUN_ALL_CAP = 100
"""Most missed runs that `run_all` makes up for at once."""
RECENT = 5
"""Jobs whose ids a schedule keeps."""


@dataclass(frozen=True, slots=True)
class Firing:
    """What to do about one due schedule."""

    runs: tuple[datetime, ...]
    """Due times to enqueue a job for, oldest first."""
    missed: int
    """Due times passed over."""
    following: datetime | None
    """The due time after these; None where there is none."""
    last_missed: datetime | None = None
    """The last of those passed over; None where none is."""


@dataclass(slots=True)
class Outcome:
    """What came of a firing, as far as it got."""

    dues: list[datetime] = field(default_factory=list)
    """Due times whose jobs are stored, oldest first."""
    job_ids: list[str] = field(default_factory=list)
    last_job_seq: int | None = None
    """Where the last of those jobs is stored; None where that is not known."""
    buffered_at: datetime | None = None
    """Due time of the run that waits for the last job to end."""
    missed: int = 0
    skipped: int = 0
    first_decided: datetime | None = None
    """The first due time that was run, skipped, held back or passed over; None where none was."""
    last_decided: datetime | None = None

    def decide(self, due: datetime) -> None:
        """What becomes of this run, and of all since the first, is known. They come oldest first."""
        self.first_decided = self.first_decided or due
        self.last_decided = due

    def has_decided(self, due: datetime) -> bool:
        if self.first_decided is None or self.last_decided is None:
            return False
        return self.first_decided <= due <= self.last_decided

    def add(self, due: datetime, job_id: str, seq: int | None) -> None:
        self.dues.append(due)
        self.job_ids.append(job_id)
        self.last_job_seq = seq


def firing_of(schedule: Schedule, now: datetime) -> Firing:
    """What `schedule` owes at `now`.

    Raises:
        ScheduleSpecError: its cron text or timezone can't be understood any more.
    """
    due = schedule.next_run_at
    if due is None or fires_at(schedule, due) > now:
        return Firing((), 0, due)
    if schedule.run_at is not None:
        return Firing((due,), 0, None)
    cap = min(max(1, schedule.misfire_cap or RUN_ALL_CAP), MAX_CAP)
    window = max(cap, RUN_ALL_CAP)
    dues = [due]
    coming = following(schedule, due)
    skipped, last_skipped = 0, due
    is_walked = False
    while coming is not None and fires_at(schedule, coming) <= now:
        dues.append(coming)
        if len(dues) > window:
            last_skipped = dues.pop(0)
            skipped += 1
        coming = following(schedule, coming)
        if skipped > MAX_WALK and coming is not None and not is_walked:
            # a schedule by the second after days of silence: go on at the last runs before now
            is_walked = True
            period = (dues[-1] - dues[0]) / (len(dues) - 1)
            resume = now - 2 * window * period
            if resume > coming:
                skipped += (resume - coming) // period + 1
                coming = following(schedule, resume)
    grace_s = MISFIRE_GRACE_S if schedule.misfire_grace_s is None else schedule.misfire_grace_s
    grace = timedelta(seconds=max(0.0, min(grace_s, MAX_SECONDS)))
    on_time = [moment for moment in dues if now - fires_at(schedule, moment) <= grace]
    if schedule.misfire_policy == MisfirePolicy.RUN_ALL:
        runs = dues[-cap:]
    elif schedule.misfire_policy == MisfirePolicy.SKIP:
        runs = on_time[-1:]
    else:
        runs = (on_time or dues)[-1:]
    missed = len(dues) + skipped - len(runs)
    last_missed = None if not missed else ([last_skipped, *dues])[-len(runs) - 1]
    if schedule.repeat is not None:  # what is due beyond it is not owed, so not missed either
        waiting = 0 if schedule.buffered_at is None else 1
        runs = runs[: max(0, schedule.repeat - schedule.run_count - waiting)]
    return Firing(tuple(runs), missed, coming, last_missed)


def after(schedule: Schedule, outcome: Outcome, coming: datetime | None) -> Schedule:
    """`schedule` once `outcome` is what it fired and `coming` is due next."""
    count = schedule.run_count + len(outcome.dues)
    left = None if schedule.repeat is None else schedule.repeat - count
    if left is not None and left <= (0 if outcome.buffered_at is None else 1):
        coming = None
    changed = replace(
        schedule,
        run_count=count,
        misfire_count=schedule.misfire_count + outcome.missed,
        skip_count=schedule.skip_count + outcome.skipped,
        buffered_at=outcome.buffered_at,
        next_run_at=coming,
        last_error=None,
    )
    if outcome.dues:
        changed = replace(
            changed,
            last_run_at=outcome.dues[-1],
            last_job_id=outcome.job_ids[-1],
            last_job_seq=outcome.last_job_seq,
            recent_job_ids=(*schedule.recent_job_ids, *outcome.job_ids)[-RECENT:],
        )
    if coming is None and (outcome.buffered_at is None or left == 0):
        changed = replace(changed, status=ScheduleStatus.COMPLETED, buffered_at=None)
    return changed


def merged(fresh: Schedule, outcome: Outcome) -> Schedule:
    """`fresh`, which somebody changed while `outcome` was under way, with that counted.

    Its own times stay; where it is still due for a run that `outcome` decided on, the run after that is next.

    Raises:
        ScheduleSpecError: the changed spec can't be understood.
    """
    coming, last = fresh.next_run_at, max((*outcome.dues, *filter(None, [outcome.last_decided])), default=None)
    if fresh.run_at is not None:
        coming = None if outcome.dues else coming  # whatever time it was moved to, its one job is out
    elif coming is not None and last is not None and coming <= last:
        coming = following(fresh, last)
    due = fresh.unsettled_at
    if due is not None and (due in outcome.dues or outcome.has_decided(due)):
        fresh = replace(fresh, unsettled_at=None)
    changed = after(fresh, outcome, coming)
    if fresh.is_over or fresh.status == ScheduleStatus.FAILED:
        changed = replace(changed, status=fresh.status, next_run_at=None, buffered_at=None)
    return changed


def uncounted(outcome: Outcome, before: Schedule, fresh: Schedule) -> Outcome | None:
    """What of `outcome`, which came of `before`, is not in `fresh`, which somebody has put in its place; None: nothing.

    Another leader may have made up for the same runs, and counted them. Whoever changes a schedule counts none.
    """
    rest = replace(outcome, dues=[], job_ids=[])
    for due, job_id in zip(outcome.dues, outcome.job_ids, strict=True):
        if not is_counted(fresh, due):
            rest.add(due, job_id, outcome.last_job_seq)
    if fresh.misfire_count != before.misfire_count:
        rest.missed = 0
    if fresh.skip_count != before.skip_count:
        rest.skipped = 0
    held = outcome.buffered_at
    if held == before.buffered_at or (held is None and not rest.dues) or (held and is_counted(fresh, held)):
        rest.buffered_at = fresh.buffered_at
    is_news = rest.dues or rest.missed or rest.skipped or rest.buffered_at != fresh.buffered_at
    return rest if is_news else None


def is_counted(schedule: Schedule, due: datetime) -> bool:
    """Whether the run of this due time is among those that `schedule` has counted."""
    return schedule.last_run_at is not None and schedule.last_run_at >= due


def job_id_of(schedule: Schedule, due: datetime) -> str:
    """The id of the job that a run enqueues: the same whoever fires it, so that it is stored once."""
    if schedule.run_at is not None:
        return schedule.schedule_id
    return f"{schedule.schedule_id}.{int(due.timestamp() * 1000)}"
