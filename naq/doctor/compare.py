"""What the log says of a thing against the record that stands for it: pure functions, None where they agree."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from naq.doctor.states import JobState, ScheduleState, WorkerState
from naq.models.job import JobStatus
from naq.models.result import JobResult
from naq.models.schedule import Schedule, ScheduleStatus
from naq.models.worker import WorkerRecord, WorkerStatus

EXPIRY_SLACK = timedelta(seconds=2)
"""A server removes what has expired a moment early or late."""


class Problem(NamedTuple):
    """What the log lets expect of a record, and what was found."""

    expected: str
    found: str


class Place(NamedTuple):
    """Where a job that has not ended is kept."""

    is_stored: bool
    """In a queue: its message stays there until its end is stored and told."""
    is_waiting: bool = False
    """Among the jobs that wait for others."""
    is_running: bool = False
    """On a live worker, by that one's heartbeat."""

    @property
    def is_kept(self) -> bool:
        return any(self)


class Retention(NamedTuple):
    """What may be gone by now."""

    now: datetime
    """The server's clock."""
    results_kept_s: float | None
    """Seconds the bucket keeps a result; None: for ever."""
    first_seq: int
    """First sequence the log still holds."""


def job_problem(job: JobState | None, record: JobResult | None, place: Place, kept: Retention) -> Problem | None:
    """What is wrong with one job. Its record is stored before its end is told, and that before its message goes."""
    if job is None:
        if record is None or kept.first_seq > 1:
            return None
        return Problem("ENQUEUED and the rest of its history", f"a record ({record.status}) and no event")
    if job.is_final and record is None:
        if job.is_refused or job.is_deleted or job.is_partial or _has_expired(job, kept):
            return None
        return Problem(f"a result record ({job.status}, told at {job.seq})", "no record")
    if job.is_final and record is not None:
        return _ends_agree(job, record, kept)
    if record is not None and record.is_final:
        if place.is_stored or place.is_waiting:
            return None  # its event is told by whoever is handed it next
        if job.is_manual and len(record.retry_seqs) < len(job.retries):
            told = f"still {record.status} in its record: who retried it may have died before the job was stored"
            return Problem(f"a job in its queue, as the retry by hand at {job.retries[-1]} says", told)
        return Problem(f"{record.status} told, as its record says", f"{job.status} in the log (last event {job.seq})")
    if place.is_kept or job.is_partial:
        return None
    if job.status == JobStatus.PENDING and record is None:
        return Problem("a job in its queue", "ENQUEUED and no job: its producer may have died between the two")
    return Problem("a job in its queue or on a live worker", f"{job.status} (last event {job.seq}), and it is nowhere")


def _ends_agree(job: JobState, record: JobResult, kept: Retention) -> Problem | None:
    if record.status != job.status:
        return Problem(f"{job.status} in its record, as told at {job.seq}", record.status)
    if job.end_attempt is not None and record.attempt != job.end_attempt:
        return Problem(f"attempt {job.end_attempt} in its record, as told at {job.seq}", f"attempt {record.attempt}")
    if job.worker and record.worker_id != job.worker:
        return Problem(f"worker {job.worker} in its record, as told at {job.seq}", record.worker_id or "none")
    starts = [attempt.started_seq for attempt in record.attempts]
    for seq in (*starts, record.started_seq):
        if seq is not None and seq >= kept.first_seq and seq not in job.starts:
            return Problem(f"its runs told at {_listed(job.starts)}", f"its record names {seq}")
    retries = tuple(seq for seq in record.retry_seqs if seq >= kept.first_seq)
    if retries != job.retries:
        return Problem(f"retries by hand at {_listed(job.retries)}", f"its record names {_listed(retries)}")
    is_last_run = bool(job.starts) and record.started_seq == job.starts[-1]
    if is_last_run and record.crashes != job.crashes:
        return Problem(f"{job.crashes} deaths in its record, as told", f"{record.crashes}")
    return None


def _has_expired(job: JobState, kept: Retention) -> bool:
    if job.ended_at is None:
        return False
    # what did not succeed is kept as long as the bucket keeps anything
    own = job.result_ttl_s if job.status == JobStatus.COMPLETED else None
    limits = [seconds for seconds in (own, kept.results_kept_s) if seconds is not None]
    return bool(limits) and kept.now - job.ended_at >= timedelta(seconds=min(limits)) - EXPIRY_SLACK


def schedule_problem(schedule: ScheduleState | None, record: Schedule | None, kept: Retention) -> Problem | None:
    if schedule is None:
        if record is None or kept.first_seq > 1:
            return None
        return Problem("SCHEDULED in the log", f"a record ({record.status}) and no event")
    is_over = schedule.status in (ScheduleStatus.COMPLETED, ScheduleStatus.CANCELLED)
    if record is None:
        return None if is_over or schedule.is_partial else Problem(f"a record ({schedule.status})", "no record")
    if record.status == ScheduleStatus.ACTIVE and record.next_run_at is not None and record.next_run_at <= kept.now:
        return None  # firing: what it fired is told first, and saved by whoever leads next
    has_run_out = record.status == ScheduleStatus.COMPLETED and record.next_run_at is None
    if record.status != schedule.status and not has_run_out:
        return Problem(f"{schedule.status} in its record, as told at {schedule.seq}", record.status)
    if record.run_count != schedule.run_count and not schedule.is_partial:
        return Problem(f"{schedule.run_count} firings in its record, as told", f"{record.run_count}")
    return None


def worker_problem(worker: WorkerState | None, record: WorkerRecord | None, kept: Retention) -> Problem | None:
    if worker is None:
        is_starting = record is not None and record.status == WorkerStatus.STARTING
        if record is None or kept.first_seq > 1 or is_starting:
            return None
        return Problem("WORKER_STARTED in the log", f"a heartbeat record ({record.status}) and no event")
    if record is None:
        if worker.status != "started" or worker.is_forgotten:
            return None
        return Problem("a heartbeat record, or its end told", f"no record (last event {worker.seq})")
    if worker.status == "stopped" and not record.is_dead(kept.now):
        return Problem(f"no heartbeat after WORKER_STOPPED ({worker.seq})", f"{record.status}")
    if record.lost_seq is not None and record.lost_seq != worker.lost_seq and record.lost_seq >= kept.first_seq:
        told = f"at {worker.lost_seq}" if worker.lost_seq is not None else "nowhere"
        return Problem(f"WORKER_LOST told {told}", f"its record names {record.lost_seq}")
    return None


def _listed(sequences: tuple[int, ...]) -> str:
    return ", ".join(map(str, sequences[-5:])) or "none"
