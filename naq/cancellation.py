"""Cancel one job, wherever it stands.

The order goes into the control bucket first: from then on no worker starts the job, and the one that runs it stops it
and answers. Where nobody answers the job is not running, and its final record is stored here, by compare-and-set: of
two that end a job at the same time, the first record stands. Killed at any point between:

- after the order: no worker starts the job; whoever is handed it stores the record and tells it;
- after the record: the job's message is still in its queue, and the worker that gets it finds the final record, tells
  the event where it is missing and takes the message out. (Of a job that waited with the scheduler there is none: its
  record says CANCELLED and why, its schedule's event tells who did it, and only its own event is missing.)
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from naq import codec
from naq.actor import current_actor
from naq.backlog import WaitingJob, find_job, remove
from naq.connection import Connection
from naq.control import CANCEL, Control
from naq.dependencies.waiting import RELEASING, Waiting
from naq.errors import (
    ConflictError,
    JobAlreadyEndedError,
    JobNotCompletedError,
    JobNotFoundError,
    SerializationError,
)
from naq.events import Events
from naq.inspector import Inspector
from naq.models.event import JobEvent, JobEventType
from naq.models.job import Job, JobStatus
from naq.models.result import JobResult
from naq.models.schedule import ScheduleStatus
from naq.models.times import format_time, utcnow
from naq.names import check_key
from naq.results import Results
from naq.schedules import ScheduledJobManager, schedule_of

ANSWER_WITHIN_S = 0.3
"""How long the workers get to say that one of them runs the job."""
STOPPED_WITHIN_S = 10.0
ORDER_KEPT_S = 7 * 86_400.0
TRIES = 10


class Cancellation:
    """Cancels jobs over one connection."""

    def __init__(
        self, connection: Connection, results: Results, schedules: ScheduledJobManager, *, program: str = "naq"
    ) -> None:
        self._connection = connection
        self._results = results
        self._schedules = schedules
        self._control = Control(connection)
        self._waiting = Waiting(connection)
        self._events = Events(connection)
        self._inspector = Inspector(connection)
        self._program = program
        self._found_at: int | None = None
        """Where the last job was found that waited: who cancels many goes along a queue."""

    async def cancel(self, job_id: str, *, reason: str | None = None, action_id: str | None = None) -> JobStatus:
        """Cancel a job; returns where it stands now.

        CANCELLED: it will not run, or was stopped. RUNNING: it was asked to stop but runs in a thread, which nothing
        can stop: it ends by itself (or by looking at `current_job().cancel_requested`) and is not retried. COMPLETED
        or FAILED: it came to its end first.

        Raises:
            JobNotFoundError: no result, schedule or queue has it.
            JobAlreadyEndedError: it has completed or failed before.
        """
        check_key(job_id, "job id")
        told = {"actor": current_actor(self._program), "reason": reason, "action_id": action_id}
        asked = {name: value for name, value in told.items() if value is not None}
        for _ in range(TRIES):
            record = await self._record(job_id)
            if record is not None and record.is_final:
                if record.status != JobStatus.CANCELLED:
                    raise JobAlreadyEndedError(f"job {job_id} has {record.status.lower()} already: nothing to cancel")
                return JobStatus.CANCELLED
            try:
                return await self._cancel(job_id, record, asked)
            except ConflictError:
                continue  # it moved on in between
        raise ConflictError(f"job {job_id} keeps changing; try again")

    async def _cancel(self, job_id: str, record: JobResult | None, asked: Mapping[str, Any]) -> JobStatus:
        """`asked` is what events and orders say of who asks: `actor`, and `reason` and `action_id` where given."""
        scheduled = await self._take_off_schedule(job_id, asked)
        if scheduled is not None:
            await self._finish(job_id, record, scheduled, asked, JobStatus.SCHEDULED)
            return JobStatus.CANCELLED
        child = await self._waiting.get(job_id)
        if child is not None:
            if child.state == RELEASING:
                await asyncio.sleep(ANSWER_WITHIN_S)
                raise ConflictError(f"job {job_id} is on its way into its queue")
            await self._finish(job_id, record, child.job.to_record(), asked, JobStatus.PENDING)
            with contextlib.suppress(ConflictError):  # released in between: its worker finds the record
                await self._waiting.bucket.delete(job_id, revision=child.revision)
            return JobStatus.CANCELLED
        status = await self._ask_workers(job_id, asked)
        if status is not None:
            return status
        found = await find_job(self._connection, job_id, near=self._found_at)
        if found is not None:
            self._found_at = found.seq
        if found is None and record is None:
            await self._control.remove(CANCEL, job_id)
            if await self._record(job_id) is not None:
                raise ConflictError(f"job {job_id} ended meanwhile")
            raise JobNotFoundError(f"job {job_id} is not known: no result, schedule, worker or queue has it")
        before = JobStatus.PENDING if record is None else JobStatus.RETRY
        await self._finish(job_id, record, _payload(found, record), asked, before, found)
        await self._control.remove(CANCEL, job_id)
        return JobStatus.CANCELLED

    async def _record(self, job_id: str) -> JobResult | None:
        try:
            return await self._results.get_record(job_id)
        except SerializationError:
            return None

    async def _take_off_schedule(self, job_id: str, asked: Mapping[str, Any]) -> dict[str, Any] | None:
        """The job's own record where it waited for its time with the scheduler, which now fires it no more."""
        entry = await self._schedules.bucket.get(job_id)
        if entry is None:
            return None
        schedule = schedule_of(entry)
        if schedule.run_at is None or schedule.status not in (ScheduleStatus.ACTIVE, ScheduleStatus.PAUSED):
            return None
        await self._schedules.cancel(job_id, reason=asked.get("reason"), action_id=asked.get("action_id"))
        return dict(schedule.job)

    async def _ask_workers(self, job_id: str, asked: Mapping[str, Any]) -> JobStatus | None:
        """Give the order; None where no worker runs the job."""
        client = self._connection.client
        inbox = client.new_inbox()
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        async def on_answer(message: Any) -> None:
            if not answer.done():
                answer.set_result(message.data)

        subscription = await client.subscribe(inbox, cb=on_answer)
        try:
            order = {**asked, "at": format_time(utcnow()), "reply": inbox}
            await self._control.put(CANCEL, job_id, order, ttl_s=ORDER_KEPT_S)
            await asyncio.wait({answer}, timeout=ANSWER_WITHIN_S)
        finally:
            await subscription.unsubscribe()
        if not answer.done():
            # a worker whose loop is blocked answers later, but its heartbeat has named the job by then
            return JobStatus.RUNNING if await self._is_running(job_id) else None
        if not _stops(answer.result()):
            return JobStatus.RUNNING
        try:
            ended = await self._results.wait_record(job_id, timeout=STOPPED_WITHIN_S)
        except JobNotCompletedError:
            return JobStatus.RUNNING
        return JobStatus(ended.status) if ended.status in JobStatus.__members__ else JobStatus.RUNNING

    async def _is_running(self, job_id: str) -> bool:
        now = self._connection.server_now()
        return any(
            worker.status_at(now) != "DEAD" and any(job.job_id == job_id for job in worker.running)
            for worker in await self._inspector.workers()
        )

    async def _finish(
        self,
        job_id: str,
        record: JobResult | None,
        job: dict[str, Any],
        asked: Mapping[str, Any],
        before: JobStatus,
        found: WaitingJob | None = None,
    ) -> None:
        function, queue = codec.text(job, "function", ""), codec.text(job, "queue", "")
        base = record or JobResult(job_id=job_id, status=JobStatus.CANCELLED, attempt=0)
        final = replace(
            base,
            status=JobStatus.CANCELLED,
            function=function or base.function,
            queue=queue or base.queue,
            finished_at=utcnow(),
            retry_at=None,
            reason=asked.get("reason"),
            job=job or base.job,
        )
        if record is None:
            await self._results.bucket.create(job_id, final.to_wire())
        else:
            await self._results.bucket.update(job_id, final.to_wire(), revision=record.revision)
        event = JobEvent.of(
            JobEventType.CANCELLED,
            job_id=job_id,
            queue=final.queue or None,
            function=final.function or None,
            from_status=before,
            to_status=JobStatus.CANCELLED,
            **asked,
        )
        await self._events.write(event, msg_id=final.end_id)
        if found is not None:
            await remove(self._connection, found.seq)


def _payload(found: WaitingJob | None, record: JobResult | None) -> dict[str, Any]:
    if found is not None:
        try:
            return Job.from_wire(found.data).to_record()
        except SerializationError:
            return {}
    return dict(record.job) if record is not None and record.job is not None else {}


def _stops(answer: bytes) -> bool:
    try:
        record = codec.loads(answer)
    except SerializationError:
        return False
    return isinstance(record, dict) and record.get("stops") is True
