"""Which event of a job may follow which.

At least once is legal: a run may begin while an earlier one of the same attempt has no end, if the log says why (the
delivery came again, a death was counted, the earlier worker was lost or gave its jobs back). So is what races: the end
that is stored first stands, and a copy's STARTED may follow somebody's CANCELLED.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from sys import intern
from typing import TYPE_CHECKING

from naq import codec
from naq.doctor.states import DoubleRun, Finding, JobState, Run
from naq.models.event import JobEvent, StoredEvent
from naq.models.job import JobStatus

if TYPE_CHECKING:
    from naq.doctor.fold import Fold

PENDING, RUNNING, RETRY = str(JobStatus.PENDING), str(JobStatus.RUNNING), str(JobStatus.RETRY)
FAILED, CANCELLED, COMPLETED = str(JobStatus.FAILED), str(JobStatus.CANCELLED), str(JobStatus.COMPLETED)


class JobRules:
    """Judges and applies the events of jobs for one fold."""

    def __init__(self, fold: Fold) -> None:
        self._fold = fold
        self._rules = {
            "ENQUEUED": self._enqueued,
            "RELEASED": self._released,
            "STARTED": self._started,
            "PROGRESS": self._progress,
            "RETRY_SCHEDULED": self._retried,
            "LOST": self._lost,
            "COMPLETED": self._ended,
            "FAILED": self._ended,
            "CANCELLED": self._ended,
        }

    def take(self, kind: str, event: JobEvent, stored: StoredEvent) -> bool:
        """Apply an event; False where it is none of a job."""
        rule = self._rules.get(kind)
        if rule is None:
            return False
        job_id = event.job_id
        if job_id is not None:
            job = self._fold.jobs.get(job_id)
            if job is None:
                job = self._fold.jobs[job_id] = self._first(kind, event)
            rule(job_id, job, event, stored)
            self._fold.jobs[job_id].seq = stored.seq
        return True

    def incomplete(self) -> Iterator[Finding]:
        """What is missing, now that nothing comes behind."""
        for job_id, job in self._fold.jobs.items():
            # what kept the job from being stored may have kept its ENQUEUED, too
            if not job.is_enqueued and not job.is_partial and not job.is_refused:
                yield Finding(job.seq, "job", job_id, "ENQUEUED", "none in the whole log")
            if job.untold is not None:
                yield Finding(job.seq, "job", job_id, f"the end of attempt {job.untold} told", "only its retry")

    def _first(self, kind: str, event: JobEvent) -> JobState:
        job = JobState(PENDING, intern(event.queue or ""), is_partial=self._fold.is_partial and kind != "ENQUEUED")
        # bytes that are no job are told by their end alone, and so is a job that never left the schedule
        job.is_enqueued = (kind == "FAILED" and (event.job_id or "").startswith("malformed-")) or (
            kind == "CANCELLED" and event.from_status == JobStatus.SCHEDULED
        )
        return job

    def _report(self, stored: StoredEvent, job_id: str, expected: str, found: str) -> None:
        self._fold.report(stored.seq, "job", job_id, expected, found)

    def _enqueued(self, job_id: str, job: JobState, event: JobEvent, stored: StoredEvent) -> None:
        details = event.details or {}
        if job.is_final and job.is_enqueued:
            if not self._is_free(job, stored):
                self._report(stored, job_id, "no ENQUEUED while its result is kept", f"ENQUEUED after {job.status}")
            job = self._fold.jobs[job_id] = JobState(PENDING, intern(event.queue or ""))
        elif job.is_enqueued and (job.status != PENDING or job.starts):
            self._report(stored, job_id, "one ENQUEUED", f"another while {job.status}")
        # else the first one (it may be stored behind STARTED: another stream), or one of a producer that tries again
        job.is_enqueued = True
        job.result_ttl_s = codec.number(details, "result_ttl_s", None)
        job.is_child = "depends_on" in details
        job.waits = job.is_child and not job.starts and job.status == PENDING

    def _is_free(self, job: JobState, stored: StoredEvent) -> bool:
        """Whether the id of an ended job may be used again: nothing is kept of it."""
        if job.is_refused or job.is_deleted or job.is_partial or job.ended_at is None:
            return True
        limits = [s for s in (job.result_ttl_s, self._fold.results_kept_s) if s is not None]
        return bool(limits) and stored.stored_at - job.ended_at >= timedelta(seconds=min(limits))

    def _released(self, job_id: str, job: JobState, event: JobEvent, stored: StoredEvent) -> None:
        if not job.waits and not job.is_partial and job.status != CANCELLED:
            self._report(stored, job_id, "a job that waits for others before RELEASED", job.status)
        job.waits = False

    def _started(self, job_id: str, job: JobState, event: JobEvent, stored: StoredEvent) -> None:
        attempt, worker, details = event.attempt or 0, intern(event.worker_id or ""), event.details or {}
        crashes = codec.whole(details, "crashes", 0)
        is_told = "redelivered" in details or crashes > job.crashes
        is_second = not is_told and job.first_attempt == attempt > 0
        self._check_worker(job_id, worker, stored)
        if not job.is_final:
            job.is_again |= "redelivered" in details or crashes > 0
        if job.waits:
            self._report(stored, job_id, "RELEASED before STARTED", "it still waits for other jobs")
            job.waits = False
        # begun before what stands by a worker out of reach, whose word came through behind that of the one who was
        # given the job next. The server hands a job out for the first time once: of such a start there is one, unless
        # the first worker has gone
        is_late = job.is_again and "redelivered" not in details and worker != job.worker and attempt <= job.attempt
        is_doubled = is_second and not self._fold.is_excused(job.first_worker, job.starts[0])
        if job.status == RUNNING and attempt == job.attempt:
            self._check_double(job_id, job, stored, is_told=is_told)
        elif job.is_final and not job.is_refused:
            # or handed out in the moment somebody cancelled or purged it: that end stands
            is_raced = job.status == CANCELLED and job.end_attempt is None
            if not (is_late or is_raced) or is_doubled:
                self._report(stored, job_id, f"no run after {job.status}", f"STARTED by {worker}")
            self._note_start(job, attempt, worker, stored, is_told=is_told)
            return
        elif attempt < job.attempt and job.status in (RUNNING, RETRY) and is_late and not is_doubled:
            self._note_start(job, attempt, worker, stored, is_told=is_told)
            job.open = (*job.open, Run(worker, int(attempt)))
            return
        elif job.status == RETRY and not job.is_manual and attempt == job.attempt and job.starts:
            # a copy that was handed out while the first still ran, and begins behind its end: the retry stands
            self._check_double(job_id, job, stored, is_told=is_told)
            self._note_start(job, attempt, worker, stored, is_told=is_told)
            job.open = (*job.open, Run(worker, int(attempt)))
            return
        elif attempt not in self._next_attempts(job) and not job.is_partial:
            expected = " or ".join(str(number) for number in self._next_attempts(job))
            self._report(stored, job_id, f"attempt {expected} after {job.status}", f"STARTED of attempt {attempt}")
        job.status, job.attempt, job.worker, job.crashes = RUNNING, int(attempt), worker, crashes
        self._note_start(job, attempt, worker, stored, is_told=is_told)
        job.open = (*job.open, Run(worker, int(attempt)))
        job.is_enqueued |= job.is_refused  # stored after all, and told of by what was to take it back
        job.is_refused, job.is_given_up, job.ended_at = False, False, None

    @staticmethod
    def _note_start(job: JobState, attempt: int, worker: str, stored: StoredEvent, *, is_told: bool) -> None:
        job.starts = (*job.starts, stored.seq)
        if not is_told:
            job.first_attempt, job.first_worker = int(attempt), worker

    def _next_attempts(self, job: JobState) -> tuple[int, ...]:
        if job.status == RUNNING:
            return (job.attempt,)
        if job.is_manual and job.attempt:  # a run that died unseen is not counted
            return (job.attempt, job.attempt + 1)
        return (job.attempt + 1,)

    def _check_worker(self, job_id: str, worker: str, stored: StoredEvent) -> None:
        state = self._fold.workers.get(worker)
        if state is None and not self._fold.is_partial:
            self._report(stored, job_id, "a worker that has started", f"{worker or 'nobody'}, unknown")
        elif state is not None and state.status == "stopped":
            self._report(stored, job_id, "nothing by a worker that has stopped", f"an event of {worker}")

    def _check_double(self, job_id: str, job: JobState, stored: StoredEvent, *, is_told: bool) -> None:
        if is_told or job.is_partial or self._fold.is_excused(job.worker, job.starts[-1]):
            return
        self._fold.doubt(DoubleRun(stored.seq, job_id, job.worker, job.starts[-1]))

    def _progress(self, job_id: str, job: JobState, event: JobEvent, stored: StoredEvent) -> None:
        if not job.starts and not job.is_partial:
            self._report(stored, job_id, "STARTED before PROGRESS", job.status)

    def _retried(self, job_id: str, job: JobState, event: JobEvent, stored: StoredEvent) -> None:
        if (event.details or {}).get("manual") is True:
            self._retried_by_hand(job_id, job, event, stored)
            return
        run = Run(event.worker_id or "", event.attempt or 0)
        if run in job.open and not job.is_final:
            job.open = tuple(other for other in job.open if other != run)
            if run.attempt == job.attempt:
                job.status, job.is_manual = RETRY, False
        elif not job.is_partial:
            expected = f"a run of attempt {run.attempt} by {run.worker} before its retry"
            self._report(stored, job_id, expected, _standing(job))
        else:
            job.status, job.attempt = RETRY, run.attempt

    def _retried_by_hand(self, job_id: str, job: JobState, event: JobEvent, stored: StoredEvent) -> None:
        if job.status == RUNNING:
            job.untold = job.attempt  # its record is stored before its end is told
        elif job.status not in (FAILED, CANCELLED) and not job.is_partial:
            self._report(stored, job_id, "FAILED or CANCELLED before a retry by hand", _standing(job))
        if job.is_partial and event.attempt is not None:
            job.attempt = int(event.attempt)
        job.status, job.is_manual, job.crashes, job.open, job.ended_at = RETRY, True, 0, (), None
        job.queue = intern(event.queue or job.queue)
        job.retries = (*job.retries, stored.seq)
        job.waits, job.first_attempt = False, 0

    def _lost(self, job_id: str, job: JobState, event: JobEvent, stored: StoredEvent) -> None:
        self._check_worker(job_id, event.worker_id or "", stored)
        if not job.is_partial and (job.status != RUNNING or event.attempt != job.attempt):
            self._report(stored, job_id, f"a run of attempt {event.attempt} before LOST", _standing(job))
        job.crashes = codec.whole(event.details or {}, "crashes", 0)
        job.is_given_up = True

    def _ended(self, job_id: str, job: JobState, event: JobEvent, stored: StoredEvent) -> None:
        kind, worker, attempt = event.type, intern(event.worker_id or ""), event.attempt
        if job.untold is not None and attempt == job.untold and kind != COMPLETED:
            job.untold = None
            return
        if event.is_refusal and job.starts:
            job.is_enqueued = True  # stored after all; what kept that from its producer may have kept ENQUEUED, too
            return
        if job.is_final:
            is_same = (kind, attempt, worker) == (job.status, job.end_attempt, job.worker) or attempt is None
            if kind != job.status or not is_same:
                self._report(stored, job_id, f"nothing after {_standing(job)}", f"{kind} by {worker or 'an operator'}")
            return  # told again by whoever could not know that it was told
        if not job.is_partial:
            self._check_end(job_id, job, event, stored)
        job.is_refused = event.is_refusal
        job.status = kind
        job.end_attempt = None if attempt is None else int(attempt)
        job.worker = worker
        if worker and attempt is not None:
            job.attempt = max(job.attempt, int(attempt))
        job.open, job.waits, job.ended_at = (), False, stored.stored_at
        job.queue = intern(event.queue or job.queue)

    def _check_end(self, job_id: str, job: JobState, event: JobEvent, stored: StoredEvent) -> None:
        kind, worker, attempt = event.type, event.worker_id or "", event.attempt or 0
        if Run(worker, attempt) in job.open or (kind == FAILED and job.is_given_up and attempt == job.attempt):
            return
        if kind == CANCELLED and (not worker or attempt <= job.attempt + 1):
            return  # wherever it stands, an order may end it, by whoever is handed it next
        is_malformed = job_id.startswith("malformed-")
        is_first = not job.starts and job.status == PENDING and (job.is_child or is_malformed)
        if kind == FAILED and (not worker or is_malformed) and (is_first or event.from_status == RETRY):
            return  # its parents failed, it is no job, or its retry was not taken
        told = f"{kind} of attempt {attempt} by {worker or 'nobody'}"
        self._report(stored, job_id, "a run by the worker that ends it", f"{told} while {_standing(job)}")


def _standing(job: JobState) -> str:
    where = f" attempt {job.attempt}" if job.attempt else ""
    return f"{job.status}{where}{f' by {job.worker}' if job.worker else ''}"
