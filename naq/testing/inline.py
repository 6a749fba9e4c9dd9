"""Run a job without a server, through everything else that a worker does with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from naq import ids
from naq.calls import build_job, split_options
from naq.context import Progress
from naq.delivery import Delivery, Received
from naq.models.job import Job, JobStatus
from naq.models.result import Attempt, JobResult
from naq.models.times import utcnow
from naq.results import outcome_of
from naq.worker.executor import Executor
from naq.worker.run import Run


@dataclass(frozen=True, kw_only=True)
class InlineRun:
    """What became of a job that was run inline."""

    job: Job
    result: JobResult
    """The record as a worker stores it."""
    progress: tuple[Progress, ...]
    """What its function said by `current_job().progress`, in order and without a limit on the rate."""
    exception: BaseException | None
    """What its last run raised; None where it did not."""

    @property
    def status(self) -> str:
        """COMPLETED, FAILED or CANCELLED."""
        return self.result.status

    @property
    def value(self) -> Any:
        """What the function returned, as a reader gets it. Raises JobExecutionError where the job did not complete."""
        return outcome_of(self.result)


async def run_inline(function: Callable[..., Any] | str, *args: Any, **options: Any) -> InlineRun:
    """Run a job here and now, as a worker would, without a server.

    The call and its value pass through JSON, the function is looked up by its name, `naq.current_job()` works, and
    timeouts and retries do what they do; retries follow at once, their delays are not waited for.

    Args:
        options: those of `naq.enqueue` (uniqueness, limits, dependencies and callbacks are left aside: they need a
            server); every other keyword goes to the function.

    Raises:
        ConfigurationError, SerializationError: `naq.enqueue` would refuse the call.
    """
    build, kwargs = split_options(options)
    job = build_job(function, args, kwargs, **build)
    job.enqueued_at = utcnow()
    job = Job.from_wire(job.to_wire())
    executor = Executor([job.function.partition(":")[0]], threads=1)
    earlier: tuple[Attempt, ...] = ()
    progress: list[Progress] = []
    try:
        while True:
            record = JobResult(job_id=job.job_id, status=JobStatus.RETRY, attempts=earlier) if earlier else None
            received = Received(job.queue_name, b"", "", Delivery(1, 0, utcnow(), 0), 0.0)
            run = Run.of(job, received, record, ids.worker_id())
            run.context.tell, run.context.tell_every_s = progress.append, 0.0
            outcome = await executor.run(job, run.context)
            ending, finished_at = run.ending(outcome), utcnow()
            if ending.status is not JobStatus.RETRY:
                break
            earlier = (*earlier, run.as_attempt(ending.error, finished_at))
    finally:
        await executor.close()
    record = replace(
        run.record(ending.status, finished_at), value=outcome.value, error=ending.error, reason=ending.reason
    )
    return InlineRun(
        job=job,
        result=JobResult.from_wire(record.to_wire()),
        progress=tuple(progress),
        exception=outcome.exception,
    )


def run_inline_sync(function: Callable[..., Any] | str, *args: Any, **options: Any) -> InlineRun:
    """`run_inline` for tests without an event loop."""
    return asyncio.run(run_inline(function, *args, **options))
