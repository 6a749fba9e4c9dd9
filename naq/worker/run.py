"""One run of one job on this worker: what is known as it begins, and the record it leaves."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from naq.context import JobContext, Progress, new_log, to_nobody
from naq.delivery import Delivery, Received
from naq.models.job import Job, JobStatus
from naq.models.result import Attempt, JobError, JobResult
from naq.models.times import milliseconds_between, utcnow
from naq.outbox import Answer, PublishAck, resolve
from naq.worker.outcome import WISH_RETRY, Outcome, Wish, refusal

MAX_ATTEMPTS = 1_000
"""Runs of one job, those it asked for itself by `Retry` included."""
FULL_TRACEBACKS = 5
"""The newest attempts keep their whole traceback; a record has to fit into one message."""
SHORT_TRACEBACK = 500
PAYLOAD_KEPT_BYTES = 16 * 1024
"""Up to this size a completed job keeps what it was called with beside its value, to be shown and cloned."""


class Ending(NamedTuple):
    """What a job comes to by a run."""

    status: JobStatus
    """COMPLETED, FAILED, CANCELLED, or RETRY where it runs again."""
    error: JobError | None = None
    delay_s: float = 0.0
    """Seconds until it runs again."""
    reason: str | None = None
    """Why its function ended it as cancelled; None where the order to cancel it says that."""


@dataclass(slots=True, kw_only=True)
class Run:
    """One run of one job on this worker."""

    job: Job
    delivery: Delivery
    reply: str
    """Where to acknowledge it; replaced where the server delivers it again while it runs."""
    lease: str
    """Where it was to be acknowledged at first: what its keeper knows it by."""
    wire: bytes
    """The job as it came."""
    worker_id: str
    attempt: int
    earlier: tuple[Attempt, ...]
    crashes: int
    extra: Mapping[str, Any]
    """What a newer version wrote into the job's record: it stays there."""
    started_at: datetime
    wait_ms: float | None
    context: JobContext
    """The run as its own function sees it."""
    asked_at: float = 0.0
    """When the job was surely this worker's, by the loop's clock."""
    revision: int = 0
    """Where the job's record stood as the run began; 0 where it had none."""
    order: Mapping[str, Any] | None = None
    """Who asked to cancel it, and why; None where nobody did."""
    progress: deque[Progress] = field(default_factory=deque)
    """Figures that no event has told yet, oldest first."""
    task: asyncio.Task[Any] | None = None
    """What awaits the function, while it runs."""
    is_called: bool = False
    """Whether its function was called; until then an order to cancel it keeps it from being called, whatever it is."""
    started: asyncio.Future[PublishAck] | None = None
    """Whether STARTED is stored; None where none was written."""
    when_started: Callable[[], None] | None = None
    """Called once `started` is done."""
    started_seq: int | None = None
    is_beside: bool = False
    """Whether its slot is another's already while its end is stored."""
    finished_at: datetime | None = None
    """When the function had ended; None while it runs."""

    @classmethod
    def of(cls, job: Job, received: Received, record: JobResult | None, worker_id: str) -> Run:
        """A run that begins now; `record` is what earlier ones left."""
        now = utcnow()
        earlier = record.attempts if record else ()
        since = (record.retry_at if record else None) or job.enqueued_at
        attempt = len(earlier) + 1
        return cls(
            job=job,
            delivery=received.delivery,
            reply=received.reply,
            lease=received.reply,
            wire=received.data,
            worker_id=worker_id,
            attempt=attempt,
            earlier=earlier,
            crashes=record.crashes if record else 0,
            extra=record.extra if record else {},
            started_at=now,
            wait_ms=milliseconds_between(since, now) if since else None,
            revision=record.revision if record else 0,
            context=JobContext(
                job_id=job.job_id,
                function=job.function,
                queue=job.queue_name,
                attempt=attempt,
                worker_id=worker_id,
                tags=job.tags,
                schedule_id=job.schedule_id,
                time_limit_s=job.timeout,
                logs=new_log() if job.capture_logs else None,
            ),
        )

    def note_started(self, answer: Answer) -> None:
        """What became of the STARTED event."""
        assert self.started is not None
        resolve(self.started, answer)
        if self.when_started is not None:
            self.when_started()

    def let_go(self) -> None:
        """It is over: let go of what refers back to it, so that its memory comes free at once."""
        self.context.tell, self.when_started = to_nobody, None

    @property
    def failures_before(self) -> int:
        """Earlier runs that failed, since somebody last retried the job; those that asked to be run again did not."""
        counted = self.earlier[self.job.earlier_attempts :]
        return sum(1 for attempt in counted if attempt.error and attempt.error.fingerprint != WISH_RETRY)

    def ending(self, outcome: Outcome) -> Ending:
        """What the job comes to by this run, by its retry policy and what the function or an operator asked for."""
        error = outcome.error
        if error is None:
            return Ending(JobStatus.COMPLETED)
        if outcome.wish is Wish.CANCEL or self.order is not None:
            return Ending(JobStatus.CANCELLED, reason=error.message if outcome.wish is Wish.CANCEL else None)
        if self.attempt >= MAX_ATTEMPTS:
            return Ending(
                JobStatus.FAILED,
                refusal("TooManyRuns", f"it ran {self.attempt:,} times, last: {error.message}").error,
            )
        failures = self.failures_before + (outcome.wish is not Wish.RETRY)
        policy = self.job.retry
        if outcome.wish is Wish.RETRY:
            delay_s = policy.delay_after(max(1, failures)) if outcome.delay_s is None else outcome.delay_s
            return Ending(JobStatus.RETRY, error, delay_s)
        if not outcome.is_final and policy.allows(failures, outcome.exception_names):
            return Ending(JobStatus.RETRY, error, policy.delay_after(failures))
        return Ending(JobStatus.FAILED, error)

    def as_attempt(self, error: JobError | None, finished_at: datetime) -> Attempt:
        """This run as the job's later ones remember it."""
        return Attempt(
            number=self.attempt,
            worker_id=self.worker_id,
            started_at=self.started_at,
            finished_at=finished_at,
            error=error,
            started_seq=self.started_seq,
        )

    def limit_details(self, error: JobError | None) -> dict[str, Any]:
        return limit_details(error, self.context.time_limit_s)

    def record(self, status: JobStatus, finished_at: datetime, **more: Any) -> JobResult:
        """What is stored of this run, with `more` fields of its end; the payload of a large job is left out."""
        job = self.job
        return JobResult(
            job_id=job.job_id,
            status=status,
            function=job.function,
            queue=job.queue_name,
            enqueued_at=job.enqueued_at,
            stored_at=self.delivery.stored_at,
            started_at=self.started_at,
            finished_at=finished_at,
            wait_ms=self.wait_ms,
            run_ms=milliseconds_between(self.started_at, finished_at),
            attempt=self.attempt,
            worker_id=self.worker_id,
            started_seq=self.started_seq,
            schedule_id=job.schedule_id,
            tags=job.tags,
            logs=tuple(self.context.logs or ()),
            retry_seqs=job.retry_seqs,
            crashes=self.crashes,
            extra=self.extra,
            **{
                "attempts": self.earlier,
                "job": job.to_record() if job.wire_bytes <= PAYLOAD_KEPT_BYTES else None,
                **more,
            },
        )


def limit_details(error: JobError | None, limit_s: float | None) -> dict[str, Any]:
    """What tells a run that took too long from one that failed; empty for any other."""
    is_limit = error is not None and error.type == "TimeLimitExceeded" and limit_s is not None
    return {"time_limit_s": limit_s} if is_limit else {}


def bounded(attempts: tuple[Attempt, ...]) -> tuple[Attempt, ...]:
    """The same attempts, the tracebacks of all but the newest ones cut to their last lines."""
    old = attempts[:-FULL_TRACEBACKS]
    return (*(_shortened(attempt) for attempt in old), *attempts[len(old) :])


def _shortened(attempt: Attempt) -> Attempt:
    error = attempt.error
    if error is None or error.traceback is None or len(error.traceback) <= SHORT_TRACEBACK:
        return attempt
    return replace(attempt, error=replace(error, traceback="…" + error.traceback[-SHORT_TRACEBACK:]))


def over(run: Run) -> None:
    """The function has ended: nothing is left to cancel, and the task goes on to tell its end."""
    while run.order is not None and run.task is not None and run.task.cancelling():
        run.task.uncancel()
    run.task = None
