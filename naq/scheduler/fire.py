"""Fire one due schedule: enqueue what it owes, tell it, save it.

What a crash does: a run's job has an id made of the schedule and its due time. It is enqueued, then its event is
written, then the schedule is saved; runs that were missed are saved before any is made up for. So a scheduler killed
at any point leaves a schedule whose next run is the first one that may have been made. The next leader makes it again
under the same id, which the queue stores once: it remembers ids for a minute. What may be older is looked for first
(among the results, the events, and in the queue), counted, and its events written where they are missing: with a log
that takes nothing, a job may be stored, and its scheduler killed, while its ENQUEUED is tried again.

A pause, a modification or a cancellation that is saved while a run is under way stays, and the run is counted in it, as
what was skipped or missed is. Where it takes the due time away, it leaves it in `unsettled_at`: a run that a killed
scheduler had made, or told as skipped, is found by it.
Only a job that ran and whose result has expired before the next leader came, and whose event is missing, is run again.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from naq.backlog import find_job
from naq.connection import Connection
from naq.errors import ConflictError, NaqException, ScheduleSpecError, SerializationError
from naq.models.event import JobEventType
from naq.models.job import Job
from naq.models.schedule import OverlapPolicy, Schedule, ScheduleStatus
from naq.names import check_queue_name
from naq.queue import ENQUEUE_PATIENCE_S, Queue
from naq.results import Results
from naq.scheduler.firing import Firing, Outcome, after, firing_of, is_counted, job_id_of, merged, uncounted
from naq.scheduler.jitter import fires_at
from naq.scheduler.overlap import LastJobs
from naq.scheduler.spec import MAX_CAP, following
from naq.scheduler.telling import Telling
from naq.schedules import ScheduledJobManager, schedule_of

log = logging.getLogger(__name__)

HANDOVER = timedelta(seconds=1)
"""How far apart two schedulers' ideas of the server's clock may be."""
SAVE_ATTEMPTS = 20


class _Found(NamedTuple):
    """A run's job that an earlier attempt stored."""

    job_id: str
    seq: int | None
    is_told: bool
    enqueued_at: datetime | None = None
    """When, as its record says; None where it is not read."""


class Firer:
    """Fires schedules for one leader."""

    def __init__(
        self, connection: Connection, manager: ScheduledJobManager, results: Results, last_jobs: LastJobs, leader: str
    ) -> None:
        self._connection = connection
        self._bucket = manager.bucket
        self._results = results
        self._last_jobs = last_jobs
        self._telling = Telling(connection, leader)
        self._led_since = connection.server_now()
        self._unfinished: set[str] = set()
        self.leads_for_s: Callable[[], float] = lambda: math.inf
        """For how long nobody else can lead: asked before each run, since another passes over what it finds missed."""

    def elected(self) -> None:
        """From now on it leads: what was due before may have been begun by another."""
        self._led_since = self._connection.server_now()

    async def fire(self, schedule: Schedule, now: datetime) -> Schedule | None:
        """Do what `schedule` owes at `now`; returns it as it is stored then, None where it is over and gone.

        Raises:
            NaqException: the server does not answer, or refuses; calling again takes up where it stopped.
        """
        is_again = schedule.schedule_id in self._unfinished
        self._unfinished.add(schedule.schedule_id)
        try:
            fired = await self._fire(schedule, now, is_again)
        except ScheduleSpecError as exc:
            fired = await self._break(schedule, str(exc))
        except OverflowError as exc:  # a time or a number in it that no clock has
            fired = await self._break(schedule, f"it can't be reckoned with: {exc}")
        self._unfinished.discard(schedule.schedule_id)
        return fired

    async def settle(self, schedule: Schedule) -> Schedule | None:
        """Count the run of `unsettled_at` if its job was fired, or it was held back; then that is settled."""
        due, outcome = schedule.unsettled_at, Outcome(buffered_at=schedule.buffered_at)
        if due is None:
            return schedule
        changed = replace(schedule, unsettled_at=None)
        if not is_counted(schedule, due):
            found = await self._found(schedule, due)
            if found is not None:
                await self._count(schedule, due, found, outcome)
            if found is not None or await self._was_held_back(schedule, due, outcome):
                outcome.decide(due)
                changed = merged(changed, outcome)
        return await self._save(schedule, changed, outcome)

    async def _fire(self, schedule: Schedule, now: datetime, is_again: bool) -> Schedule | None:
        # a server that was killed has forgotten the ids of jobs that are over: only looking tells
        may_be_begun = is_again or self._may_be_begun(schedule)
        firing = firing_of(schedule, now)
        if may_be_begun and firing.missed:
            recovered = await self._recover(schedule, now)
            if recovered is None or recovered is not schedule:
                return recovered
        if firing.missed:
            self._sure_lead_s()
            saved = await self._pass_over(schedule, firing)
            if saved is None or not firing.runs or not saved.is_due_ever:
                return saved
            if firing_of(saved, now) != replace(firing, missed=0, last_missed=None):
                return saved  # somebody has changed it: that is judged anew
            schedule = saved
        dues = firing.runs if schedule.buffered_at is None else (schedule.buffered_at, *firing.runs)
        outcome = Outcome(buffered_at=schedule.buffered_at)
        for due in dues:
            try:
                job = job_of(schedule, due)
                queue = Queue(check_queue_name(schedule.queue), self._connection)
            except NaqException as exc:
                return await self._break(schedule, str(exc))
            found = await self._found(schedule, due) if may_be_begun else None
            if found is not None:
                await self._count(schedule, due, found, outcome)
            elif await self._may_go(schedule, due, outcome, may_be_begun):
                fired_id = job.job_id
                # what is not stored while it leads must not be stored: whoever leads next may pass it over
                await queue.store(job, patience_s=min(ENQUEUE_PATIENCE_S, self._sure_lead_s()))
                await self._telling.triggered(schedule, due, fired_id, job.job_id, now)
                outcome.add(due, job.job_id, job.stored_seq)
            if due != schedule.buffered_at:  # that was decided on before
                outcome.decide(due)
            if found is not None or due in outcome.dues:
                outcome.buffered_at = None if due == outcome.buffered_at else outcome.buffered_at
        changed = after(schedule, outcome, firing.following)
        return schedule if changed == schedule else await self._save(schedule, changed, outcome, may_be_begun)

    def _sure_lead_s(self) -> float:
        """Raises NaqException where another may lead."""
        left_s = self.leads_for_s()
        if left_s <= 0:
            raise NaqException("its lease has run out and is not renewed yet")
        return left_s

    def _may_be_begun(self, schedule: Schedule) -> bool:
        """Whether an earlier leader may have made runs that are not counted yet."""
        before = self._led_since + HANDOVER
        if schedule.buffered_at is not None and (schedule.saved_at is None or schedule.saved_at <= before):
            return True
        return schedule.next_run_at is not None and fires_at(schedule, schedule.next_run_at) <= before

    async def _recover(self, schedule: Schedule, now: datetime) -> Schedule | None:
        """Count the runs that an earlier leader made, skipped or held back from the next run on.

        The same object where there are none.
        """
        outcome = Outcome(buffered_at=schedule.buffered_at)
        due = schedule.next_run_at
        judged = 0
        while due is not None and fires_at(schedule, due) <= now and judged < MAX_CAP:
            found = await self._found(schedule, due)
            if found is not None:
                await self._count(schedule, due, found, outcome)
            elif not await self._was_held_back(schedule, due, outcome):
                break
            outcome.decide(due)
            due = following(schedule, due)
            judged += 1
        if not judged:
            return schedule
        return await self._save(schedule, after(schedule, outcome, due), outcome, is_looked_for=True)

    async def _was_held_back(self, schedule: Schedule, due: datetime, outcome: Outcome) -> bool:
        """Whether this run is told as skipped or buffered; it is so in `outcome` then."""
        if schedule.overlap_policy == OverlapPolicy.ALLOW:
            return False
        if await self._is_told(JobEventType.SCHEDULE_SKIPPED, schedule, due):
            outcome.skipped += 1
            return True
        if outcome.buffered_at is None and await self._is_told(JobEventType.SCHEDULE_BUFFERED, schedule, due):
            outcome.buffered_at = due
            return True
        return False

    async def _pass_over(self, schedule: Schedule, firing: Firing) -> Schedule | None:
        """Save which runs are missed, before one is made up for: the first of those is due next."""
        await self._telling.missed(schedule, firing.missed, len(firing.runs))
        self._sure_lead_s()  # whoever leads by now tells the same runs, and those after them, in the place of this
        coming = firing.runs[0] if firing.runs else firing.following
        outcome = Outcome(
            buffered_at=schedule.buffered_at,
            missed=firing.missed,
            first_decided=schedule.next_run_at,
            last_decided=firing.last_missed,
        )
        return await self._save(schedule, after(schedule, outcome, coming), outcome)

    async def _may_go(self, schedule: Schedule, due: datetime, outcome: Outcome, is_looked_for: bool) -> bool:
        """Whether the job of this run is to be enqueued now; where not, it is skipped or buffered."""
        if schedule.overlap_policy == OverlapPolicy.ALLOW:
            return True
        last_id, last_seq = schedule.last_job_id, schedule.last_job_seq
        if outcome.job_ids:
            last_id, last_seq = outcome.job_ids[-1], outcome.last_job_seq
        is_held = due == schedule.buffered_at
        if last_id is None:
            return True
        if is_looked_for and not is_held and await self._is_told(JobEventType.SCHEDULE_SKIPPED, schedule, due):
            outcome.skipped += 1  # judged once: that job may have ended since
            return False
        if not await self._last_jobs.is_running(last_id, last_seq):
            return True
        if is_held:
            return False
        if schedule.overlap_policy == OverlapPolicy.BUFFER_ONE and outcome.buffered_at is None:
            outcome.buffered_at = due
            is_told = is_looked_for and await self._is_told(JobEventType.SCHEDULE_BUFFERED, schedule, due)
            if not is_told:
                await self._telling.held_back(JobEventType.SCHEDULE_BUFFERED, schedule, due, last_id)
            return False
        outcome.skipped += 1
        await self._telling.held_back(JobEventType.SCHEDULE_SKIPPED, schedule, due, last_id)
        return False

    async def _is_told(self, event_type: JobEventType, schedule: Schedule, due: datetime) -> bool:
        return await self._telling.told(event_type, schedule, due) is not None

    async def _found(self, schedule: Schedule, due: datetime) -> _Found | None:
        """The job of this run, where an earlier attempt stored it."""
        told = await self._telling.told(JobEventType.SCHEDULE_TRIGGERED, schedule, due)
        if told is not None:
            return _Found(told or job_id_of(schedule, due), None, is_told=True)
        job_id = job_id_of(schedule, due)
        message = await find_job(self._connection, job_id, since=due - HANDOVER)
        try:
            if message is not None:
                return _Found(job_id, message.seq, False, Job.from_wire(message.data).enqueued_at)
            record = await self._results.get_record(job_id)
        except SerializationError:
            return _Found(job_id, None if message is None else message.seq, is_told=False)
        return None if record is None else _Found(job_id, None, False, record.enqueued_at)

    async def _count(self, schedule: Schedule, due: datetime, found: _Found, outcome: Outcome) -> None:
        if not found.is_told:
            if not await self._telling.is_enqueued_told(found.job_id, schedule.queue, due):
                job = job_of(schedule, due)
                job.enqueued_at = found.enqueued_at or due
                await Queue(schedule.queue, self._connection).tell_enqueued(job)
            await self._telling.triggered(schedule, due, job_id_of(schedule, due), found.job_id, None)
        outcome.add(due, found.job_id, found.seq)

    async def _save(
        self, before: Schedule, changed: Schedule, outcome: Outcome, is_looked_for: bool = False
    ) -> Schedule | None:
        """Store `changed` in the place of `before`; what came of it is counted in whatever stands there now."""
        for _ in range(SAVE_ATTEMPTS):
            is_single = changed.run_at is not None
            ends = changed.status == ScheduleStatus.COMPLETED and before.status != changed.status
            if ends and not is_single:
                due = outcome.dues[-1] if outcome.dues else before.next_run_at or outcome.last_decided
                assert due is not None  # a schedule ends by a run, or by passing one over
                await self._tell_completed(before, changed, due, is_looked_for)
            try:
                if is_single and ends:
                    await self._bucket.delete(before.schedule_id, revision=before.revision)
                    return None
                revision = await self._bucket.update(before.schedule_id, changed.to_wire(), revision=before.revision)
                return replace(changed, revision=revision, saved_at=self._connection.server_now())
            except ConflictError:
                entry = await self._bucket.get(before.schedule_id)
            try:
                fresh = None if entry is None else schedule_of(entry)
            except SerializationError:
                fresh = None  # whoever wrote that wants it left alone
            if fresh is None:
                return None
            log.debug("schedule %s changed while it fired", fresh.schedule_id)
            rest = uncounted(outcome, before, fresh)
            if rest is None or fresh.created_at != before.created_at:
                return fresh
            before, changed, outcome = fresh, merged(fresh, rest), rest
        raise ConflictError(f"schedule {before.schedule_id!r} keeps changing")

    async def _tell_completed(self, before: Schedule, changed: Schedule, due: datetime, is_looked_for: bool) -> None:
        is_told = is_looked_for and await self._is_told(JobEventType.SCHEDULE_COMPLETED, before, due)
        if not is_told:
            await self._telling.completed(before, due, changed.run_count)

    async def _break(self, schedule: Schedule, reason: str) -> Schedule | None:
        """A schedule that can't fire: FAILED, with the reason, until somebody modifies or resumes it."""
        log.warning("schedule %s failed: %s", schedule.schedule_id, reason)
        reason = reason[:1000]
        await self._telling.failed(schedule, reason)
        failed = replace(
            schedule,
            status=ScheduleStatus.FAILED,
            next_run_at=None,
            last_error=reason,
            failure_count=schedule.failure_count + 1,
        )
        return await self._save(schedule, failed, Outcome())


def job_of(schedule: Schedule, due: datetime) -> Job:
    """The job of one run. Raises SerializationError where the schedule's job record is broken."""
    job = Job.from_record({**schedule.job, "job_id": job_id_of(schedule, due), "queue": schedule.queue})
    job.schedule_id = schedule.schedule_id
    return job
