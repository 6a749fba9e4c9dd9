"""The module-level calls of `naq`, over the running loop's default client."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from naq.calls import Call
from naq.client import default_client
from naq.deadletter import BulkOutcome
from naq.dependencies.compositions import JobGroup
from naq.dependencies.waiting import WaitingChild
from naq.models.job import Job, JobStatus
from naq.models.queue import QueuePause, QueueStats
from naq.models.schedule import Schedule
from naq.models.worker import WorkerRecord
from naq.names import DEFAULT_QUEUE


async def enqueue(
    function: Callable[..., Any] | str, *args: Any, queue_name: str = DEFAULT_QUEUE, **options: Any
) -> Job:
    """Run `function(*args, **kwargs)` in the background.

    Args:
        function: an importable function, or its reference "module:qualname" (then its arguments are not checked here).
        queue_name: where workers look for it.
        job_id: your own id; the same id enqueued again is the same job (`is_duplicate`) while that one waits, runs or
            has a result. One is made where None.
        max_retries: runs after a failure, beyond the first run.
        retry_delay: seconds before a retry, or a list with one figure per retry.
        retry_strategy: how a single `retry_delay` grows: "linear" or "exponential" (each with a jitter of a quarter),
            or "full_jitter" (anywhere below the exponential delay).
        retry_on, ignore_on: exception classes (or names) to retry, and never to retry.
        timeout: seconds one run may take, before its queue's default; a plain function's thread goes on by itself, but
            its job is over. What is isolated is really stopped.
        isolate: run it in a process of its own (`naq.worker.isolation` says what that gives and costs).
        result_ttl: seconds the result is kept (by a server from 2.11 on; before that, and for jobs that failed or were
            cancelled, the bucket's own age holds: NAQ_RESULT_TTL).
        tags: texts to find it by.
        capture_logs: keep the log lines of its runs (INFO and above) in its result record.
        unique: a key that one job may hold at a time; where another holds it, that job's id comes back, with
            `is_duplicate` True, and nothing is enqueued.
        limits: `RateLimit`s and `ConcurrencyLimit`s by key, kept over all workers; it waits until all let it start.
        unique_for: seconds the key is taken; None means until the job has ended.
        depends_on: jobs or job ids (one or a list); it is put into its queue when the last of them has ended. Needs a
            running worker or scheduler. Where one fails or is cancelled, this job fails with that as its reason.
        allow_failed: run also where one of them failed or was cancelled.
        pass_results: the function gets their results as one more first argument: the value where `depends_on` is one
            job, the list of values, in order, where it is a list; None for one that failed.
        on_success: a function that is enqueued as `on_success(job_id, value)`, into the same queue, once it has
            completed (`naq.callbacks`); the value is None where it is too large for one message.
        on_failure: the same as `on_failure(job_id, error)` once it has failed and no retry is left; `error` has `type`,
            `message` and `traceback`.
        Every other keyword goes to the function. (A function whose own parameter has one of these names is called by
        `enqueue_many([Call(function, args, kwargs)])`.)

    Raises:
        ConfigurationError, SerializationError: the call is wrong (nothing was sent).
        EnqueueError, NaqConnectionError: the server did not take it.
    """
    return await (await default_client()).enqueue(function, *args, queue_name=queue_name, **options)


async def enqueue_many(
    calls: Iterable[Call | Sequence[Any]], *, queue_name: str = DEFAULT_QUEUE, **options: Any
) -> list[Job]:
    """Enqueue many calls, each `(function, args)` or `(function, args, kwargs)`; all are checked before one is sent.

    Options and errors as for `enqueue`. Returns the jobs in the order of the calls.
    """
    return await (await default_client()).enqueue_many(calls, queue_name=queue_name, **options)


async def group(calls: Iterable[Call | Sequence[Any]], *, queue_name: str = DEFAULT_QUEUE, **options: Any) -> JobGroup:
    """Enqueue calls that belong together; `await jobs.wait()` gives all values. Options as for `enqueue_many`."""
    return await (await default_client()).group(calls, queue_name=queue_name, **options)


async def chain(calls: Iterable[Call | Sequence[Any]], *, queue_name: str = DEFAULT_QUEUE, **options: Any) -> JobGroup:
    """Enqueue calls that run one after the other, each with the value of the one before as its first argument.

    Options go to every job. Where one fails, those behind it fail with that as their reason.
    """
    return await (await default_client()).chain(calls, queue_name=queue_name, **options)


async def chord(
    calls: Iterable[Call | Sequence[Any]],
    callback: Call | Sequence[Any],
    *,
    queue_name: str = DEFAULT_QUEUE,
    **options: Any,
) -> Job:
    """Enqueue calls and a callback that runs once all have completed, with the list of their values as first argument.

    Returns the callback's job. Options go to every job.

    Raises:
        ConfigurationError: there are no calls.
    """
    return await (await default_client()).chord(calls, callback, queue_name=queue_name, **options)


async def waiting_jobs() -> list[WaitingChild]:
    """Jobs that wait for other jobs, each with the ids of those that have not ended."""
    return await (await default_client()).waiting_jobs()


async def enqueue_at(moment: datetime, function: Callable[..., Any] | str, *args: Any, **options: Any) -> Job:
    """Enqueue at `moment`; a naive datetime is taken as UTC, a past one runs at once. Needs a running scheduler."""
    return await (await default_client()).enqueue_at(moment, function, *args, **options)


async def enqueue_in(delay: timedelta | float, function: Callable[..., Any] | str, *args: Any, **options: Any) -> Job:
    """Enqueue after `delay` (seconds or timedelta), by the server's clock. Needs a running scheduler."""
    return await (await default_client()).enqueue_in(delay, function, *args, **options)


async def schedule(function: Callable[..., Any] | str, *args: Any, **options: Any) -> Schedule:
    """Enqueue again and again.

    Args:
        cron: "minute hour day month weekday", or six fields with seconds first. One of `cron` and `interval`.
        interval: seconds, timedelta or text like "15m"; without drift from `start_at` on, or from now.
        repeat: runs in all; None means without end.
        timezone: IANA name the cron text is read in.
        start_at, end_at: no run before or after (aware datetimes).
        jitter: each run fires up to this many seconds after it is due.
        misfire: "skip", "run_once" or "run_all" for runs that were due while no scheduler was up.
        misfire_grace_s, misfire_cap: seconds after which a run is missed (30); most that "run_all" makes up for (100).
        overlap: "allow", "skip" or "buffer_one" for a run due while the job of the run before has not ended.
        schedule_id: its name; one is made where None.
        Other options and keywords as for `enqueue`.

    Raises:
        ScheduleSpecError: cron text, interval, timezone or bounds can't be used; the message has the position.
        ConfigurationError: a schedule of this id exists, or another argument is wrong.
    """
    return await (await default_client()).schedule(function, *args, **options)


async def cancel(job_id: str, *, reason: str | None = None) -> JobStatus:
    """Cancel a job wherever it stands; returns where it stands then.

    A job that waits, or is due later, never starts. A running coroutine, and whatever is isolated, is stopped within a
    second. A function that runs in a thread can't be stopped: RUNNING is returned, its
    `current_job().cancel_requested` becomes true, and it is not run again.

    Raises:
        JobNotFoundError: nothing is known of it.
        JobAlreadyEndedError: it has completed or failed.
    """
    return await (await default_client()).cancel(job_id, reason=reason)


async def cancel_scheduled_job(schedule_id: str, *, reason: str | None = None) -> Schedule:
    """End a schedule. Raises ScheduleNotFoundError."""
    return await (await default_client()).cancel_scheduled_job(schedule_id, reason=reason)


async def pause_scheduled_job(schedule_id: str, *, reason: str | None = None) -> Schedule:
    """Stop a schedule until it is resumed. Raises ScheduleNotFoundError."""
    return await (await default_client()).pause_scheduled_job(schedule_id, reason=reason)


async def resume_scheduled_job(schedule_id: str, *, reason: str | None = None) -> Schedule:
    """Let a paused schedule fire again. Raises ScheduleNotFoundError."""
    return await (await default_client()).resume_scheduled_job(schedule_id, reason=reason)


async def trigger_scheduled_job(schedule_id: str, *, reason: str | None = None) -> Job:
    """Enqueue a schedule's job once, now, beside what it fires by itself. Raises ScheduleNotFoundError."""
    return await (await default_client()).trigger_scheduled_job(schedule_id, reason=reason)


async def modify_scheduled_job(schedule_id: str, **changes: Any) -> Schedule:
    """Change a schedule in place: anything that `schedule` takes (but its id), `args` and `kwargs`, `run_at` of a
    single run; `reason` goes to the log. Raises ScheduleNotFoundError, and ConfigurationError for a value that can't be
    used: nothing is changed then."""
    return await (await default_client()).modify_scheduled_job(schedule_id, **changes)


async def pause_queue(queue_name: str = DEFAULT_QUEUE, *, reason: str | None = None) -> QueuePause:
    """Keep every worker from taking jobs of a queue, from now until `resume_queue`; running jobs go on.

    Workers that start later keep to it too. Returns the pause in force, which may be an earlier one.
    """
    return await (await default_client()).pause_queue(queue_name, reason=reason)


async def resume_queue(queue_name: str = DEFAULT_QUEUE, *, reason: str | None = None) -> bool:
    """Let workers take jobs of a paused queue again, at once; False where it was not paused."""
    return await (await default_client()).resume_queue(queue_name, reason=reason)


async def purge_queue(queue_name: str = DEFAULT_QUEUE, *, reason: str | None = None) -> int:
    """Remove every waiting job of a queue; returns how many. Each is CANCELLED, for who waits for its result too.

    Jobs that a worker was handed already stay: those that run, wait for a retry, or were handed back. The log keeps
    QUEUE_PURGED with who did it and how many were removed.
    """
    return await (await default_client()).purge_queue(queue_name, reason=reason)


async def retry_job(
    job_id: str,
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    queue_name: str | None = None,
    *,
    reason: str | None = None,
) -> Job:
    """Put a failed or cancelled job back into its queue under its own id; what is None stays as it was.

    Raises:
        JobNotFoundError: nothing is stored of it.
        ConflictError: it has not failed, or somebody else retried it a moment ago.
        ConfigurationError, SerializationError: the new arguments can't be used (nothing was sent).
        EnqueueError: the server did not take it.
    """
    return await (await default_client()).retry_job(job_id, args, kwargs, queue_name, reason=reason)


async def retry_jobs(
    *, limit: int | None = None, reason: str | None = None, queue_name: str | None = None, **wanted: Any
) -> BulkOutcome:
    """Retry every failed job that matches, at most `limit`.

    Args:
        queue_name: a queue to put them into in place of their own.
        wanted: fields of `naq.JobFilter`: queue, function, error_type, fingerprint, since, until, tags, status.
    """
    return await (await default_client()).retry_jobs(limit=limit, reason=reason, queue_name=queue_name, **wanted)


async def clone_job(
    job_id: str,
    *,
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    queue_name: str | None = None,
    reason: str | None = None,
) -> Job:
    """Enqueue the call of a job again as a new one, whatever became of the first; see `naq.clone.clone`.

    Args:
        args, kwargs, queue_name: other ones than it had; None keeps them.

    Raises:
        JobNotFoundError: nothing is known of it.
        ConflictError: its arguments are no longer stored.
        EnqueueError: the server did not take it.
    """
    return await (await default_client()).clone_job(
        job_id, args=args, kwargs=kwargs, queue_name=queue_name, reason=reason
    )


async def delete_job(job_id: str, *, reason: str | None = None) -> None:
    """Remove the record of a job that has ended. Raises JobNotFoundError, ConflictError (it has not ended)."""
    await (await default_client()).delete_job(job_id, reason=reason)


async def delete_jobs(*, limit: int | None = None, reason: str | None = None, **wanted: Any) -> BulkOutcome:
    """Remove the record of every failed job that matches; `wanted` as for `retry_jobs`."""
    return await (await default_client()).delete_jobs(limit=limit, reason=reason, **wanted)


async def fetch_job_result(job_id: str, *, timeout: float | None = None) -> Any:
    """The return value of a job; with `timeout` (seconds) waits for it to end.

    Raises:
        JobExecutionError: it failed.
        JobNotCompletedError: it has not ended (in time).
        JobNotFoundError: nothing is stored of it (only without `timeout`).
    """
    return await (await default_client()).fetch_job_result(job_id, timeout=timeout)


async def get_job_status(job_id: str) -> JobStatus:
    """Where a job stands. Raises JobNotFoundError where neither result, queue, worker nor schedule knows it."""
    return await (await default_client()).get_job_status(job_id)


async def list_workers() -> list[WorkerRecord]:
    """Every worker and scheduler that has a heartbeat record, dead ones included (`record.status_at(now)`)."""
    return await (await default_client()).list_workers()


async def stop_worker(
    worker_id: str, *, now: bool = False, reason: str | None = None, wait_s: float | None = None
) -> WorkerRecord:
    """Ask a worker or scheduler to stop; returns its record as it was when asked.

    Args:
        now: hand running jobs back to their queues at once, instead of giving them the worker's drain time.
        reason: why, for the audit log.
        wait_s: seconds to wait until it is gone; None returns as soon as the order is stored and told.

    Raises:
        WorkerNotFoundError: there is no such worker.
        WorkerStateError: it is dead; or, with `wait_s`, it died meanwhile or still runs.
    """
    return await (await default_client()).stop_worker(worker_id, now=now, reason=reason, wait_s=wait_s)


async def forget_worker(worker_id: str, *, reason: str | None = None) -> WorkerRecord:
    """Remove the record of a dead worker; returns it. Raises WorkerNotFoundError, or WorkerStateError: it is alive."""
    return await (await default_client()).forget_worker(worker_id, reason=reason)


async def list_queues() -> list[QueueStats]:
    """Every queue that holds jobs or was ever served."""
    return await (await default_client()).list_queues()


async def list_schedules() -> list[Schedule]:
    """Every schedule, by next run."""
    return await (await default_client()).list_schedules()
