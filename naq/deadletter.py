"""The dead letter: jobs that ended without success, put back into their queues or removed, singly or many at once.

Failed (and cancelled) jobs keep their payload in their result record. A retry keeps the job's id and its attempts. It
is written in this order: the event RETRY_SCHEDULED, the job's message, then the record (FAILED to RETRY, by
compare-and-set). The message decides: it carries the number of this retry, and a worker that finds a final record older
than that opens it again. Killed at any point between:

- before the message: the log tells of a retry that did not come about; the record still says FAILED: retry it again;
- before the record: it runs all the same; until a worker takes it, its record says FAILED.

Two that retry one job at once write the event under one message id: the server keeps the first, and the second is told
whose it is and goes no further. A retry that died behind its event therefore can be repeated a minute later. Where the
id is forgotten, a second message finds the first one's number in the record and is dropped.

Removing writes the event first: a process that dies behind it leaves the record, to be removed again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from naq import codec
from naq.actor import current_actor
from naq.connection import Connection
from naq.control import CANCEL, Control
from naq.dependencies.passing import obstacle, with_results, without_passing
from naq.dependencies.waiting import Waiting
from naq.errors import (
    ConflictError,
    EnqueueError,
    JobNotFoundError,
    NaqConnectionError,
    NaqException,
    SerializationError,
)
from naq.eventlog import EventLog, read_page, stream_range
from naq.events import Events
from naq.ids import uuid7
from naq.jobfilter import JobFilter
from naq.models.event import JobEvent, JobEventType
from naq.models.job import FINAL_STATUSES, Job, JobStatus
from naq.models.result import JobResult
from naq.models.times import utcnow
from naq.outbox import StorageRefusedError
from naq.queue import HEADROOM_BYTES
from naq.reopen import RETRYABLE, attempts_of, edited, payload_of, reopened
from naq.results import Results, record_of
from naq.uniqueness import Uniqueness, key_of_unique

PAGE = 100
PAGE_BYTES = 8 * 2**20
"""At most so much of the bucket is held at once."""
AT_ONCE = 50
PROBLEMS_KEPT = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkOutcome:
    """What an action on many jobs came to."""

    action_id: str
    """The same in every event the action wrote."""
    matched: int
    """Jobs the filter found, up to the limit."""
    done: int
    """Jobs acted on."""
    refused: int
    """Jobs that changed in between, or can't be acted on."""
    problems: tuple[str, ...] = ()
    """Why, of the first few refused."""


class DeadLetters:
    """Jobs that ended, and what can be done about them."""

    def __init__(self, connection: Connection, results: Results, *, program: str = "naq") -> None:
        self._connection = connection
        self._results = results
        self._events = Events(connection)
        self._program = program

    async def retry(
        self,
        job_id: str,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        queue_name: str | None = None,
        *,
        reason: str | None = None,
        action_id: str | None = None,
    ) -> Job:
        """Put a failed or cancelled job back into its queue, under its own id; its attempts are kept.

        Args:
            args, kwargs: other arguments than it had; None keeps them. A child that failed before it got its parents'
                results gets them now, unless `args` gives all its positional arguments.
            queue_name: another queue; None keeps it.
            reason: why, for the log.

        Raises:
            JobNotFoundError: nothing is stored of it.
            ConflictError: it has not failed, or somebody else retried it a moment ago.
            SerializationError, ConfigurationError: the new arguments can't travel, or its payload can't be read.
            EnqueueError: the server did not take it; it stands as it was.
        """
        record = await self._results.get_record(job_id)
        if record is None:
            raise JobNotFoundError(f"job {job_id} has no record: it is unknown, has not ended yet, or has expired")
        return await self._retry(record, args, kwargs, queue_name, reason, action_id or uuid7())

    async def retry_many(
        self, wanted: JobFilter, *, limit: int | None = None, reason: str | None = None, queue_name: str | None = None
    ) -> BulkOutcome:
        """Retry every job that `wanted` matches now, oldest record first, at most `limit` of them.

        Jobs that fail meanwhile are not included. One OPERATOR_ACTION tells what was asked, another what came of it.
        """

        async def act(record: JobResult, action_id: str) -> None:
            await self._retry(record, None, None, queue_name, reason, action_id)

        return await self._each("retry", wanted, limit, reason, act)

    async def delete(self, job_id: str, *, reason: str | None = None, action_id: str | None = None) -> None:
        """Remove the record of a job that has ended; the log keeps what it said.

        Raises:
            JobNotFoundError: nothing is stored of it.
            ConflictError: it has not ended, or changed in between.
        """
        entry = await self._results.bucket.get(job_id)
        if entry is None:
            raise JobNotFoundError(f"job {job_id} has no record to delete")
        try:
            record = record_of(entry)
        except SerializationError:
            record = JobResult(job_id=job_id, status="", revision=entry.revision, size=len(entry.value))
        await self._delete(record, reason, action_id or uuid7())

    async def delete_many(
        self, wanted: JobFilter, *, limit: int | None = None, reason: str | None = None
    ) -> BulkOutcome:
        """Remove the record of every job that `wanted` matches now, as `retry_many` does it."""

        async def act(record: JobResult, action_id: str) -> None:
            await self._delete(record, reason, action_id)

        return await self._each("delete", wanted, limit, reason, act)

    async def find(self, wanted: JobFilter, *, limit: int | None = None) -> AsyncIterator[list[JobResult]]:
        """Records that match now, oldest first, page by page; what can't be read is passed over."""
        stream = self._results.bucket.stream
        last = (await stream_range(self._connection, stream)).last_seq
        first, left = 1, limit if limit is not None else 2**62
        while first <= last and left > 0:
            page = await read_page(
                self._connection,
                stream,
                {
                    "seq": first,
                    "batch": PAGE,
                    "max_bytes": PAGE_BYTES,
                    "next_by_subj": f"$KV.{self._results.bucket.name}.>",
                },
            )
            found: list[JobResult] = []
            for message in page.messages:
                entry = self._results.bucket.entry_of(message)
                if entry.is_deleted or message.seq > last:
                    continue
                try:
                    record = record_of(entry)
                except SerializationError:
                    continue
                if wanted.matches(record):
                    found.append(record)
            if found:
                yield found[:left]
                left -= len(found[:left])
            if not page.messages:
                return
            first = page.messages[-1].seq + 1

    async def count(self, wanted: JobFilter, *, limit: int | None = None) -> int:
        """How many match now, up to `limit`."""
        return sum([len(page) async for page in self.find(wanted, limit=limit)])

    async def _retry(
        self,
        record: JobResult,
        args: Sequence[Any] | None,
        kwargs: Mapping[str, Any] | None,
        queue_name: str | None,
        reason: str | None,
        action_id: str,
    ) -> Job:
        if record.status not in RETRYABLE:
            raise ConflictError(
                f"job {record.job_id} is {record.status}: only a FAILED or CANCELLED job can be retried"
            )
        job = edited(payload_of(record), args, kwargs, queue_name)
        if job.pass_results is not None:
            job = without_passing(job) if args is not None else await self._with_parents(job)
        was_edited = args is not None or kwargs is not None or queue_name is not None
        number = record.retries_asked + 1
        job.earlier_attempts = len(attempts_of(record))
        data_limit = self._connection.max_payload - HEADROOM_BYTES
        if len(job.to_wire()) > data_limit:
            raise EnqueueError(f"job {job.job_id} would be larger than the {data_limit:,} bytes the server takes")
        event = JobEvent.of(
            JobEventType.RETRY_SCHEDULED,
            job_id=job.job_id,
            queue=job.queue_name,
            function=job.function,
            schedule_id=job.schedule_id,
            attempt=record.attempt,
            from_status=record.status,
            to_status=JobStatus.RETRY,
            actor=current_actor(self._program),
            reason=reason,
            action_id=action_id,
            details={"manual": True, "edited": was_edited, "retry": number},
        )
        await self._claim_key(job)
        if record.status == JobStatus.CANCELLED:
            await Control(self._connection).remove(CANCEL, job.job_id)  # or workers would follow the order again
        job.retry_seqs = (*record.retry_seqs, await self._tell_first(event, f"{job.job_id}:retry:{number}"))
        await self._send(job, record, number, action_id)
        job._results = self._results
        job._stored_status = JobStatus.RETRY
        opened = reopened(record, job, utcnow())
        with contextlib.suppress(ConflictError):  # a worker has it already, and has opened the record itself
            await self._results.bucket.update(job.job_id, opened.to_wire(), revision=record.revision)
        return job

    async def _with_parents(self, job: Job) -> Job:
        """A child that was never released, with its parents' values as they are now."""
        waiting = Waiting(self._connection)
        records = [await waiting.result_of(parent) for parent in job.depends_on]
        problem = obstacle(job, records)
        for record in records:
            good = FINAL_STATUSES if job.allow_failed else {JobStatus.COMPLETED}
            if record is not None and record.status not in good:
                problem = f"its parent {record.job_id} is {record.status}: retry that one first, or give all arguments"
        if problem is not None:
            raise ConflictError(f"job {job.job_id} can't be retried: {problem}")
        return with_results(job, records)

    async def _claim_key(self, job: Job) -> None:
        if job.unique is None or job.unique_for is not None:
            return  # a key taken for a time is taken by the call, not by the job
        held = await Uniqueness(self._connection).claim(job, key_of_unique(job.unique))
        if held.job_id != job.job_id:
            raise ConflictError(
                f"job {job.job_id} can't be retried: job {held.job_id} has its unique key {job.unique!r} now"
            )

    async def _send(self, job: Job, record: JobResult, number: int, action_id: str) -> None:
        subject = self._connection.names.queue_subject(job.queue_name)
        try:
            await self._connection.outbox.publish(subject, job.to_wire(), msg_id=f"{job.job_id}:retry:{number}")
        except (StorageRefusedError, NaqConnectionError) as exc:
            await self._take_back(job, record, action_id, exc)
            raise EnqueueError(f"job {job.job_id} was not put back into queue {job.queue_name!r}: {exc}") from exc

    async def _tell_first(self, event: JobEvent, msg_id: str) -> int:
        """Write the event of a retry and return its sequence; raises ConflictError where another told it before."""
        stored = await (await self._events.send(event, msg_id=msg_id))
        if stored.is_duplicate:
            # a double is our own where the first answer was lost and the event sent again
            for other in await EventLog(self._connection).read(stored.seq, 1):
                if other.event is not None and other.event.id != event.id:
                    who = codec.text(other.event.actor or {}, "user", "somebody")
                    raise ConflictError(f"job {event.job_id} was retried by {who} within the last minute: look again")
        return stored.seq

    async def _take_back(self, job: Job, record: JobResult, action_id: str, refusal: NaqException) -> None:
        """The log already tells of the retry: let it also tell that it came to nothing."""
        event_type = JobEventType.FAILED if record.status == JobStatus.FAILED else JobEventType.CANCELLED
        event = JobEvent.of(
            event_type,
            job_id=job.job_id,
            queue=job.queue_name,
            function=job.function,
            from_status=JobStatus.RETRY,
            to_status=record.status,
            error=record.error.for_event() if record.error else None,
            action_id=action_id,
            reason=f"not put back into its queue: {refusal}"[:500],
        )
        try:
            await self._events.write(event, patience_s=2.0)
        except NaqException:
            return  # whoever asked is told anyway

    async def _delete(self, record: JobResult, reason: str | None, action_id: str) -> None:
        if record.status and record.status not in FINAL_STATUSES:
            raise ConflictError(f"job {record.job_id} is {record.status}: cancel it before its record is deleted")
        before: dict[str, Any] = {"status": record.status or "unreadable", "bytes": record.size}
        if record.status:
            before |= {"attempt": record.attempt, "attempts": len(attempts_of(record))}
        await self._events.write(
            JobEvent.of(
                JobEventType.OPERATOR_ACTION,
                job_id=record.job_id,
                queue=record.queue or None,
                function=record.function or None,
                actor=current_actor(self._program),
                reason=reason,
                action_id=action_id,
                error=record.error.for_event() if record.error else None,
                details={"action": "delete", "before": before},
            )
        )
        await self._results.remove(record.job_id, revision=record.revision)

    async def _each(
        self,
        action: str,
        wanted: JobFilter,
        limit: int | None,
        reason: str | None,
        act: Callable[[JobResult, str], Awaitable[None]],
    ) -> BulkOutcome:
        action_id, matched, done, problems = uuid7(), 0, 0, list[str]()
        asked: dict[str, Any] = {"action": action, "filter": wanted.told()}
        if limit is not None:
            asked["limit"] = limit
        await self._tell(action_id, reason, {**asked, "phase": "asked"})
        async for page in self.find(wanted, limit=limit):
            matched += len(page)
            for start in range(0, len(page), AT_ONCE):
                answers = await asyncio.gather(
                    *(act(record, action_id) for record in page[start : start + AT_ONCE]), return_exceptions=True
                )
                for answer in answers:
                    if answer is None:
                        done += 1
                    elif not isinstance(answer, NaqException):
                        raise answer
                    elif len(problems) < PROBLEMS_KEPT:
                        problems.append(str(answer))
        outcome = BulkOutcome(
            action_id=action_id, matched=matched, done=done, refused=matched - done, problems=tuple(problems)
        )
        counts = {"matched": matched, "done": done, "refused": outcome.refused}
        await self._tell(action_id, reason, {**asked, "phase": "done", "counts": counts})
        return outcome

    async def _tell(self, action_id: str, reason: str | None, details: Mapping[str, Any]) -> None:
        await self._events.write(
            JobEvent.of(
                JobEventType.OPERATOR_ACTION,
                actor=current_actor(self._program),
                reason=reason,
                action_id=action_id,
                details=details,
            )
        )
