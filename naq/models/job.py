"""A job: one call of one function, and where it stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from naq import codec
from naq.errors import ConfigurationError, SerializationError
from naq.limits import Limit, limits_from_wire
from naq.models.retry import NEVER, RetryPolicy
from naq.models.times import format_time, parse_time, wire_time
from naq.names import check_key, check_queue_name

if TYPE_CHECKING:
    from naq.results import Results


class JobStatus(StrEnum):
    """Where a job stands. PENDING, RUNNING, COMPLETED and FAILED follow from its times and error."""

    PENDING = "PENDING"
    """Stored in its queue, not started."""
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    """Final: no retry is left."""
    RETRY = "RETRY"
    """Failed and waiting for its next run."""
    SCHEDULED = "SCHEDULED"
    """Due at a time to come; the scheduler enqueues it then."""
    PAUSED = "PAUSED"
    CANCELLED = "CANCELLED"
    """Final: it will not run."""


FINAL_STATUSES = frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED})


_ALWAYS = frozenset({"v", "job_id", "function", "args", "kwargs", "queue", "enqueued_at", "born_on"})
"""What the record of every job has."""
_KNOWN = _ALWAYS | {
    *("max_retries", "retry_delay", "retry_strategy", "retry_on", "ignore_on", "jitter", "timeout", "result_ttl"),
    *("tags", "capture_logs", "isolate", "schedule_id", "unique", "unique_for", "limits", "depends_on", "allow_failed"),
    *("pass_results", "on_success", "on_failure", "id_given", "headers", "retry_seqs", "earlier_attempts"),
}


@dataclass(slots=True, kw_only=True, eq=False)
class Job:
    """One call of one function.

    Producers get it from `enqueue`; workers read it from the wire. `args` and `kwargs` are in packed form
    (`naq.codec.pack_call`), so a job can be shown and handed on without importing anything.
    """

    job_id: str
    function: str
    """`module:qualname`."""
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    queue_name: str = "default"
    enqueued_at: datetime | None = None
    """The producer's clock, aware UTC; None before it is enqueued."""
    retry: RetryPolicy = NEVER
    timeout: float | None = None
    """Seconds one run may take; None means no limit."""
    result_ttl: float | None = None
    """Seconds the result is kept; None means the bucket's own limit."""
    tags: tuple[str, ...] = ()
    capture_logs: bool = False
    """Keep the log lines written during a run in its result record."""
    isolate: bool = False
    """Run it in a process of its own, which can be stopped at any instant."""
    schedule_id: str | None = None
    """The schedule that fired it, if one did."""
    run_at: datetime | None = None
    """When it is due, for a job given to the scheduler."""
    unique: str | None = None
    """At most one job of this key at a time; None where nothing forbids another."""
    unique_for: float | None = None
    """Seconds the key is taken; None means until the job has ended."""
    limits: tuple[Limit, ...] = ()
    """What holds its start back: rates and concurrency by key."""
    depends_on: tuple[str, ...] = ()
    """Ids of the jobs that must end before it is put into its queue."""
    allow_failed: bool = False
    """Run it too where one of those failed or was cancelled."""
    pass_results: str | None = None
    """"value" (one parent's value) or "list" (a list of all) is put before its own arguments; None passes nothing."""
    on_success: str | None = None
    """`module:qualname` of what is called with the job's id and value once it has completed; see `naq.callbacks`."""
    on_failure: str | None = None
    """The same with the job's id and `JobError`, once it has failed."""
    is_id_given: bool = False
    """True where the caller named the job id, which then stands for this job as long as anything is known of it."""
    born_on: str | None = None
    """Which run of a standalone server its id was made under: nobody can have had it before. None where not known."""
    retry_seqs: tuple[int, ...] = ()
    """Sequences in `naq_events` of the retries somebody asked for, after the job had failed; empty where nobody has."""
    earlier_attempts: int = 0
    """Runs before the last such retry: the retry policy counts failures from there."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """What producer hooks (`naq.middleware.add_enqueue_hook`) send along for the worker's middleware."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """What a newer version wrote of it that this one does not know, kept as it came."""
    is_duplicate: bool = False
    """True where this call found the job already enqueued; the first call's job stands."""
    wire_bytes: int = 0
    """Size of the message it was read from; 0 for one that was made here."""
    stored_seq: int | None = None
    """Where its message was stored in the stream of jobs; None where this process did not store it."""
    error: str | None = None
    """`Type: message` of the failure, once known."""
    _start_time: datetime | None = None
    _finish_time: datetime | None = None
    _stored_status: JobStatus | None = None
    _results: Results | None = field(default=None, repr=False)

    @property
    def retries_asked(self) -> int:
        """How often somebody has put the failed job back into its queue."""
        return len(self.retry_seqs)

    @property
    def has_callbacks(self) -> bool:
        """Whether its end sets off another job."""
        return self.on_success is not None or self.on_failure is not None

    @property
    def status(self) -> JobStatus:
        """Where the job stands as far as this object knows; `refresh()` asks the server."""
        if self._stored_status is not None:
            return self._stored_status
        if self._finish_time is not None:
            return JobStatus.FAILED if self.error is not None else JobStatus.COMPLETED
        if self._start_time is not None:
            return JobStatus.RUNNING
        return JobStatus.SCHEDULED if self.run_at is not None else JobStatus.PENDING

    async def refresh(self) -> JobStatus:
        """Ask the server where the job stands, and remember it."""
        record = await self._reader().get_record(self.job_id)
        if record is not None:
            self._start_time, self._finish_time = record.started_at, record.finished_at
            self.error = f"{record.error.type}: {record.error.message}" if record.error else None
            known = record.status in JobStatus.__members__
            self._stored_status = JobStatus(record.status) if known else None
        return self.status

    async def result(self, timeout: float | None = None) -> Any:
        """Wait for the job to end and return what its function returned.

        Args:
            timeout: seconds to wait; None waits for as long as it takes.

        Raises:
            JobExecutionError: it failed, with the worker's exception.
            JobNotCompletedError: not final within `timeout`.
        """
        return await self._reader().wait(self.job_id, timeout=timeout)

    async def fetch_result(self) -> Any:
        """The result as it stands now; raises JobNotCompletedError or JobNotFoundError where there is none."""
        return await self._reader().fetch(self.job_id)

    def fetch_result_sync(self, timeout: float | None = None) -> Any:
        """`fetch_result` for code that does not run in an event loop; waits up to `timeout` seconds where given."""
        from naq.sync import fetch_job_result_sync

        return fetch_job_result_sync(self.job_id, timeout=timeout)

    def _reader(self) -> Results:
        if self._results is None:
            raise ConfigurationError(
                f"job {self.job_id} was read from the wire and has no connection: use fetch_job_result(job_id)"
            )
        return self._results

    def to_record(self) -> dict[str, Any]:
        """The job as plain data, without what only this process knows."""
        record = self._record()
        if self.enqueued_at is not None:
            record["enqueued_at"] = format_time(self.enqueued_at)
        return record

    def _record(self) -> dict[str, Any]:
        record: dict[str, Any] = {
            "v": 1,
            "job_id": self.job_id,
            "function": self.function,
            "args": self.args,
            "kwargs": self.kwargs,
            "queue": self.queue_name,
        }
        if self.enqueued_at is not None:
            record["enqueued_at"] = wire_time(self.enqueued_at)
        if self.retry is not NEVER:
            record.update(self.retry.to_wire())
        if self.timeout is not None:
            record["timeout"] = self.timeout
        if self.result_ttl is not None:
            record["result_ttl"] = self.result_ttl
        if self.tags:
            record["tags"] = list(self.tags)
        if self.capture_logs:
            record["capture_logs"] = True
        if self.isolate:
            record["isolate"] = True
        if self.schedule_id is not None:
            record["schedule_id"] = self.schedule_id
        if self.unique is not None:
            record["unique"] = self.unique
        if self.unique_for is not None:
            record["unique_for"] = self.unique_for
        if self.limits:
            record["limits"] = [limit.to_wire() for limit in self.limits]
        if self.depends_on:
            record["depends_on"] = list(self.depends_on)
        if self.allow_failed:
            record["allow_failed"] = True
        if self.pass_results is not None:
            record["pass_results"] = self.pass_results
        if self.on_success is not None:
            record["on_success"] = self.on_success
        if self.on_failure is not None:
            record["on_failure"] = self.on_failure
        if self.is_id_given:
            record["id_given"] = True
        if self.born_on is not None:
            record["born_on"] = self.born_on
        if self.headers:
            record["headers"] = dict(self.headers)
        if self.retry_seqs:
            record["retry_seqs"] = list(self.retry_seqs)
            record["earlier_attempts"] = self.earlier_attempts
        if self.extra:
            record.update(self.extra)
        return record

    def to_wire(self) -> bytes:
        return codec.dumps(self._record())

    @classmethod
    def from_record(cls, record: Mapping[str, Any], *, raw: bytes | None = None) -> Job:
        """Read `to_record`'s form.

        Raises:
            SerializationError: a part is missing or has another shape.
        """
        job_id, function = record.get("job_id"), record.get("function")
        args, kwargs = record.get("args", []), record.get("kwargs", {})
        if not isinstance(job_id, str) or not isinstance(function, str):
            raise SerializationError("not a job: text 'job_id' and 'function' were expected", raw=raw)
        if not isinstance(args, list | tuple) or not isinstance(kwargs, dict):
            raise SerializationError(f"job {job_id}: 'args' must be a list and 'kwargs' an object", raw=raw)
        if record.keys() <= _ALWAYS and record.get("v") == 1:  # most jobs ask for nothing of what follows
            return cls(
                job_id=job_id,
                function=function,
                args=args,
                kwargs=kwargs,
                queue_name=codec.text(record, "queue", "default"),
                enqueued_at=parse_time(record.get("enqueued_at")),
                born_on=codec.text(record, "born_on", "") or None,
            )
        try:
            retry = RetryPolicy.from_wire(record)
            limits = limits_from_wire(record.get("limits"))
        except (ConfigurationError, TypeError) as exc:
            raise SerializationError(f"job {job_id}: {exc}", raw=raw) from None
        return cls(
            job_id=job_id,
            function=function,
            args=args,
            kwargs=kwargs,
            queue_name=codec.text(record, "queue", "default"),
            enqueued_at=parse_time(record.get("enqueued_at")),
            retry=retry,
            timeout=codec.number(record, "timeout", None),
            result_ttl=codec.number(record, "result_ttl", None),
            tags=codec.texts(record, "tags"),
            capture_logs=record.get("capture_logs") is True,
            isolate=record.get("isolate") is True,
            schedule_id=record["schedule_id"] if isinstance(record.get("schedule_id"), str) else None,
            unique=record["unique"] if isinstance(record.get("unique"), str) else None,
            unique_for=codec.number(record, "unique_for", None),
            limits=limits,
            depends_on=codec.texts(record, "depends_on"),
            allow_failed=record.get("allow_failed") is True,
            pass_results=record["pass_results"] if record.get("pass_results") in ("value", "list") else None,
            on_success=record["on_success"] if isinstance(record.get("on_success"), str) else None,
            on_failure=record["on_failure"] if isinstance(record.get("on_failure"), str) else None,
            is_id_given=record.get("id_given") is True,
            born_on=codec.text(record, "born_on", "") or None,
            headers=codec.text_items(record, "headers"),
            retry_seqs=codec.sequences(record, "retry_seqs"),
            earlier_attempts=max(0, codec.whole(record, "earlier_attempts", 0)),
            extra=codec.unknown(record, _KNOWN),
        )

    @classmethod
    def from_wire(cls, raw: bytes) -> Job:
        """Raises SerializationError (with the bytes) where `raw` is no job."""
        record = codec.loads(raw)
        if not isinstance(record, dict):
            raise SerializationError("not a job: a JSON object was expected", raw=raw)
        job = cls.from_record(record, raw=raw)
        try:
            check_key(job.job_id, "job id")  # parts of subjects: the server ends the connection over some
            check_queue_name(job.queue_name)
        except ConfigurationError as exc:
            raise SerializationError(f"not a job: {exc}"[:500], raw=raw) from None
        job.wire_bytes = len(raw)
        return job


def function_label(function: str | Callable[..., Any]) -> str:
    """The part of `module:qualname` that people recognise: the qualified name."""
    return function.rsplit(":", 1)[-1] if isinstance(function, str) else function.__qualname__
