"""What is written as a job passes through a worker, in the order that makes a crash harmless.

STARTED goes out with the run. At its end the result is stored first, by compare-and-set: it is what decides that the
job is over, and of two ends (a second copy's, somebody's cancel) the first one stands. Its event follows, and only when
both are stored is the delivery acked. Killed at any point between:

- before the result: the job is delivered again and runs again (at least once);
- after the result: it is delivered again, its result is found final, its callback is enqueued and its event told again
  (each is there once), and it is acked without running.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from naq import codec
from naq.callbacks import enqueue_callback
from naq.connection import Connection, LinkState
from naq.delivery import Received
from naq.errors import ConflictError, NaqException, SerializationError
from naq.events import Events
from naq.ids import uuid7
from naq.kv import Entry
from naq.models.event import JobEvent, JobEventType, job_event
from naq.models.job import Job, JobStatus
from naq.models.result import JobError, JobResult
from naq.models.times import utcnow
from naq.outbox import PublishAck, StorageRefusedError
from naq.queue import HEADROOM_BYTES
from naq.results import Results, record_of
from naq.retelling import tell_if_untold
from naq.topology import Topology
from naq.worker.acks import ack, again_in
from naq.worker.large import slimmer, with_value_aside
from naq.worker.outcome import Outcome, refusal
from naq.worker.run import Run, bounded
from naq.worker.told import retry_event, retry_id

log = logging.getLogger(__name__)

PATIENCE_S = 3600.0
"""How long a worker keeps trying to store what became of a job while the server is away."""
_EVENTS = {
    JobStatus.COMPLETED: JobEventType.COMPLETED,
    JobStatus.FAILED: JobEventType.FAILED,
    JobStatus.CANCELLED: JobEventType.CANCELLED,
}


class Lifecycle:
    """Writes events and results for one worker."""

    def __init__(self, connection: Connection, topology: Topology, worker_id: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._connection = connection
        self._topology = topology
        self._worker_id = worker_id
        self._events = Events(connection)
        self.results = Results(connection)

    def begin(self, job: Job, received: Received, record: JobResult | None) -> Run:
        """Tell that a job starts. `record` is what its earlier runs left, if there were any."""
        run = Run.of(job, received, record, self._worker_id)
        deliveries = received.delivery.deliveries
        details: dict[str, Any] = {}
        if deliveries > 1 and not run.earlier:
            details["redelivered"] = True
        if run.crashes:
            details["crashes"] = run.crashes
        fields: dict[str, Any] = {
            "from": "RETRY" if run.earlier or job.retry_seqs else "PENDING",
            "to": "RUNNING",
            "job_id": job.job_id,
            "queue": job.queue_name,
            "function": job.function,
            "worker_id": self._worker_id,
        }
        if job.schedule_id is not None:
            fields["schedule_id"] = job.schedule_id
        fields["attempt"] = run.attempt
        if run.wait_ms is not None:
            fields["wait_ms"] = run.wait_ms
        if details:
            fields["details"] = details
        run.started = self._loop.create_future()
        self._connection.outbox.post(
            self._connection.names.event_subject("job", "started", job.queue_name),
            job_event("STARTED", fields),
            {"Nats-Msg-Id": f"{job.job_id}:{run.attempt}:started:{deliveries}:{self._worker_id}"},
            run.note_started,
            PATIENCE_S,
        )
        return run

    async def announced(self, run: Run) -> None:
        """Wait until even a run that kills this process at once is told: for a claimed one STARTED is stored first."""
        if run.started is not None and run.revision:
            await run.started
        else:
            await asyncio.sleep(0)  # the loop's turn in which STARTED goes to the socket

    async def _until_started(self, run: Run) -> None:
        """Wait until STARTED is stored: no end is told, nor a record written, before it."""
        if run.started is not None:
            run.started_seq = (await run.started).seq

    async def finish(self, run: Run, outcome: Outcome) -> str:
        """Store what became of a run, tell it and ack; returns the counter it belongs to."""
        finished_at = run.finished_at = run.finished_at or utcnow()
        await self._until_started(run)
        untold = run.context.take_untold()
        if untold is not None:
            run.progress.append(untold)
        await self.tell_progress(run)
        ending = run.ending(outcome)
        if ending.status is JobStatus.CANCELLED:
            return await self.cancel(run, ending.reason)
        if ending.error is None:
            return await self._complete(run, outcome, finished_at)
        if ending.status is JobStatus.RETRY:
            return await self._retry(run, ending.error, finished_at, ending.delay_s)
        return await self._fail(run, ending.error, finished_at)

    async def cancel(self, run: Run, reason: str | None = None) -> str:
        """End a run as CANCELLED: on the order that came for it, or with the reason its function gave."""
        await self._until_started(run)
        order = run.order or {}
        record = run.record(
            JobStatus.CANCELLED,
            utcnow(),
            reason=reason if reason is not None else codec.text(order, "reason", "") or None,
            job=run.job.to_record(),
        )
        return await self._end(run, record, "cancelled", **_who(order))

    async def cancel_delivered(self, job: Job, received: Received, order: Mapping[str, Any]) -> None:
        """A job came that somebody has asked to cancel: end it without a start."""
        record = await self.results.get_record(job.job_id)
        if record is not None and record.is_final:
            await self.settle_again(record, job, received.reply, order)
            return
        run = Run.of(job, received, record, self._worker_id)
        run.order = order
        run.attempt = record.attempt if record else 0
        await self.cancel(run)

    async def tell_progress(self, run: Run) -> None:
        """PROGRESS for each figure that is not told yet, in order."""
        while run.progress:
            figures = run.progress.popleft()._asdict()
            details = {name: value for name, value in figures.items() if value is not None}
            await self._send(JobEventType.PROGRESS, run, msg_id=uuid7(), details=details)

    async def settle_again(
        self, record: JobResult, job: Job, reply: str, order: Mapping[str, Any] | None = None
    ) -> None:
        """A job came again though its result is final: make sure its callback is there and its event told; ack."""
        if job.has_callbacks:
            await enqueue_callback(self._connection, job, record)
        event_type = _EVENTS.get(JobStatus(record.status), JobEventType.FAILED)
        event = JobEvent.of(
            event_type,
            job_id=job.job_id,
            queue=job.queue_name,
            function=job.function,
            worker_id=record.worker_id,
            attempt=record.attempt,
            to_status=record.status,
            wait_ms=record.wait_ms,
            run_ms=record.run_ms,
            error=record.error.for_event() if record.error else None,
            reason=record.reason,
            **_who(order or {}),
        )
        await tell_if_untold(
            self._connection, event, msg_id=record.end_id, saved_at=record.saved_at, patience_s=PATIENCE_S
        )
        await ack(self._connection, reply)

    async def claim(self, job: Job, record: JobResult | None, *, crashed: bool) -> JobResult:
        """Take a job that may have run elsewhere, by compare-and-set; `crashed` if its last claim died.

        Raises:
            ConflictError: another worker took it in between.
        """
        base = record or JobResult(job_id=job.job_id, status=JobStatus.RUNNING, enqueued_at=job.enqueued_at)
        claimed = replace(
            base,
            status=JobStatus.RUNNING,
            function=job.function,
            queue=job.queue_name,
            worker_id=self._worker_id,
            started_at=utcnow(),
            crashes=base.crashes + (1 if crashed else 0),
        )
        revision = record.revision if record else 0
        bucket = self.results.bucket
        if revision == 0:
            return replace(claimed, revision=await bucket.create(job.job_id, claimed.to_wire()))
        return replace(claimed, revision=await bucket.update(job.job_id, claimed.to_wire(), revision=revision))

    async def hand_back(self, run: Run) -> None:
        """Let another worker have a run that is given up here; a claim is given back, so that it counts as no death."""
        if run.revision and self._connection.state is LinkState.LIVE:
            try:
                record = await self.results.get_record(run.job.job_id)
                if record is not None and record.status == JobStatus.RUNNING and record.worker_id == self._worker_id:
                    given_back = replace(record, status=JobStatus.PENDING)
                    await self.results.bucket.update(record.job_id, given_back.to_wire(), revision=record.revision)
            except NaqException as exc:
                log.debug("claim of %s not given back, it will count as a death: %s", run.job.job_id, exc)
        await ack(self._connection, run.reply, b"-NAK")

    async def lose(self, job: Job, record: JobResult, received: Received) -> None:
        """Give up a job whose workers keep dying: LOST in the log, a final failure in its result."""
        run = Run.of(job, received, record, self._worker_id)
        run.crashes, run.wait_ms = record.crashes + 1, None
        run.started_at = record.started_at or run.started_at
        error = JobError(
            type="WorkerLost",
            message=f"{run.crashes} workers died while they ran it: it may be what kills them",
            fingerprint="worker-lost",
        )
        msg_id = f"{job.job_id}:{run.attempt}:lost"
        await self._send(JobEventType.LOST, run, msg_id=msg_id, details={"crashes": run.crashes})
        await self._fail(run, error, utcnow())

    async def _complete(self, run: Run, outcome: Outcome, finished_at: datetime) -> str:
        record = run.record(JobStatus.COMPLETED, finished_at, value=outcome.value)
        try:
            return await self._end(run, record, "completed")
        except StorageRefusedError:
            log.debug("result of job %s: too large for its record", record.job_id)
        try:
            aside = await with_value_aside(self._connection, record, run.job.result_ttl)
            return await self._end(run, aside, "completed")
        except StorageRefusedError as exc:
            problem = refusal("ResultTooLarge", f"the result can't be stored: {exc}")
            assert problem.error is not None
            return await self._fail(run, problem.error, finished_at)

    async def _fail(self, run: Run, error: JobError, finished_at: datetime) -> str:
        record = run.record(JobStatus.FAILED, finished_at, error=error, job=run.job.to_record())
        for slim in (record, *slimmer(record)):
            try:
                return await self._end(run, slim, "failed")
            except StorageRefusedError as exc:
                log.debug("record of job %s: %s", record.job_id, exc)
                refused = exc
        raise refused

    async def _end(self, run: Run, record: JobResult, counter: str, **fields: Any) -> str:
        """Store a final record, tell it and ack. Where the job had ended before, that end stands and "" is returned."""
        standing = await self._store(run, record)
        if standing is not None:
            log.info("job %s had ended before: what this run came to is dropped", record.job_id)
            await self.settle_again(standing, run.job, run.reply)  # whoever stored it may have died before it told it
            return ""
        if run.job.has_callbacks:
            await enqueue_callback(self._connection, run.job, record)
        await (await self._tell_end(run, record, **fields))
        await ack(self._connection, run.reply)
        return counter

    async def _retry(self, run: Run, error: JobError, finished_at: datetime, delay_s: float) -> str:
        retry_at = finished_at + timedelta(seconds=delay_s)
        record = run.record(
            JobStatus.RETRY,
            finished_at,
            error=error,
            attempts=bounded((*run.earlier, run.as_attempt(error, finished_at))),
            retry_at=retry_at,
            job=run.job.to_record(),
        )
        standing = await self._store(run, record)
        if standing is not None:
            await self.settle_again(standing, run.job, run.reply)
            return ""
        event = retry_event(run.job, record, run.limit_details(error))
        told = await self._events.send(event, msg_id=retry_id(record), patience_s=PATIENCE_S)
        await told
        await ack(self._connection, run.reply, again_in(delay_s))
        return "retried"

    async def _store(self, run: Run, record: JobResult) -> JobResult | None:
        """Store the record of a run by compare-and-set; returns the final one that stands already, which then stays.

        Only one end of a job can be first, however many copies of it ran: that one is kept and told.
        """
        # what did not succeed is kept as long as the bucket keeps anything: it may be looked into and retried
        ttl_s = run.job.result_ttl if record.status == JobStatus.COMPLETED else None
        revision = run.revision
        while True:
            try:
                run.revision = (await (await self.put(record, ttl_s, revision))).seq
                return None
            except ConflictError:
                newest = await self.results.bucket.newest(record.job_id)
                revision = newest.revision if newest is not None else 0
                standing = None if newest is None or newest.is_deleted else readable(newest)
                if standing is None or not standing.is_final:
                    continue
                # a write that was sent twice finds itself
                own = (record.worker_id, record.attempt, record.status, record.finished_at)
                is_own = own == (standing.worker_id, standing.attempt, standing.status, standing.finished_at)
                return None if is_own else standing

    async def put(
        self, record: JobResult, ttl_s: float | None, revision: int | None = None
    ) -> asyncio.Future[PublishAck]:
        """Write a record; `revision` is what it replaces, 0 for nothing, None for whatever is there.

        The future raises ConflictError; StorageRefusedError is raised at once where it is too large.
        """
        headers: dict[str, str] = {}
        if ttl_s is not None and self._topology.has_message_ttl and record.is_final:
            headers["Nats-TTL"] = f"{max(1, round(ttl_s))}s"
        if revision is not None:
            headers["Nats-Expected-Last-Subject-Sequence"] = str(revision)
        subject = f"$KV.{self._connection.names.results}.{record.job_id}"
        data, limit = record.to_wire(), self._connection.max_payload - HEADROOM_BYTES
        if len(data) > limit:
            raise StorageRefusedError(f"{len(data):,} bytes, the server takes {limit:,} in one message")
        return await self._connection.outbox.send(subject, data, headers=headers, patience_s=PATIENCE_S)

    async def _tell_end(self, run: Run, record: JobResult, **fields: Any) -> asyncio.Future[PublishAck]:
        event_type = _EVENTS[JobStatus(record.status)]
        return await self._send(
            event_type,
            run,
            msg_id=record.end_id,
            from_status=JobStatus.RUNNING,
            to_status=record.status,
            wait_ms=record.wait_ms,
            run_ms=record.run_ms,
            error=record.error.for_event() if record.error else None,
            reason=record.reason,
            **({"details": details} if (details := run.limit_details(record.error)) else {}),
            **fields,
        )

    async def _send(
        self, event_type: JobEventType, run: Run, *, msg_id: str, **fields: Any
    ) -> asyncio.Future[PublishAck]:
        job = run.job
        event = JobEvent(
            type=event_type,
            job_id=job.job_id,
            queue=job.queue_name,
            function=job.function,
            worker_id=self._worker_id,
            schedule_id=job.schedule_id,
            attempt=run.attempt,
            **fields,
        )
        return await self._events.send(event, msg_id=msg_id, patience_s=PATIENCE_S)


def _who(order: Mapping[str, Any]) -> dict[str, Any]:
    """What the event of a cancelled run says of who asked for it; empty where that can't be read."""
    actor, action_id = order.get("actor"), order.get("action_id")
    who: dict[str, Any] = {"actor": actor} if isinstance(actor, dict) else {}
    return {**who, "action_id": action_id} if isinstance(action_id, str) else who


def readable(entry: Entry) -> JobResult | None:
    """The record of an entry; None where it can't be read, so that a good one may replace it."""
    try:
        return record_of(entry)
    except SerializationError:
        return None
