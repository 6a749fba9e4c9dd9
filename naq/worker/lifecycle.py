"""What is written as a job passes through a worker, in the order that makes a crash harmless.

STARTED goes out with the run. At its end the result is stored first: it is what decides that the job is over. Its event
goes out right behind it, and only when both are stored is the delivery acked. Killed at any point between:

- before the result: the job is delivered again and runs again (at least once);
- after the result: it is delivered again, its result is found final, its event is told again (the server drops the
  double), and it is acked without running.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from naq import codec
from naq.connection import Connection
from naq.delivery import Delivery
from naq.events import Events
from naq.models.event import JobEvent, JobEventType
from naq.models.job import Job, JobStatus
from naq.models.result import Attempt, JobError, JobResult
from naq.models.times import milliseconds_between, utcnow
from naq.outbox import PublishAck, StorageRefusedError
from naq.results import Results
from naq.topology import NANOSECONDS, Topology
from naq.worker.outcome import Outcome, refusal

log = logging.getLogger(__name__)

PATIENCE_S = 3600.0
"""How long a worker keeps trying to store what became of a job while the server is away."""
_EVENTS = {
    JobStatus.COMPLETED: JobEventType.COMPLETED,
    JobStatus.FAILED: JobEventType.FAILED,
    JobStatus.CANCELLED: JobEventType.CANCELLED,
}


@dataclass(slots=True, kw_only=True)
class Run:
    """One run of one job on this worker."""

    job: Job
    delivery: Delivery
    reply: str
    """Where to acknowledge it; replaced where the server delivers it again while it runs."""
    attempt: int
    earlier: tuple[Attempt, ...]
    crashes: int
    started_at: datetime
    wait_ms: float | None
    started: asyncio.Future[PublishAck] | None = None
    started_seq: int | None = None


class Lifecycle:
    """Writes events and results for one worker."""

    def __init__(self, connection: Connection, topology: Topology, worker_id: str) -> None:
        self._connection = connection
        self._topology = topology
        self._worker_id = worker_id
        self._events = Events(connection)
        self.results = Results(connection)

    async def begin(self, job: Job, delivery: Delivery, reply: str, record: JobResult | None) -> Run:
        """Tell that a job starts. `record` is what its earlier runs left, if there were any."""
        now = utcnow()
        earlier = record.attempts if record else ()
        attempt = len(earlier) + 1
        due = record.retry_at if record and record.retry_at else None
        since = due or job.enqueued_at
        run = Run(
            job=job,
            delivery=delivery,
            reply=reply,
            attempt=attempt,
            earlier=earlier,
            crashes=record.crashes if record else 0,
            started_at=now,
            wait_ms=milliseconds_between(since, now) if since else None,
        )
        details: dict[str, Any] = {}
        if delivery.deliveries > 1 and not earlier:
            details["redelivered"] = True
        if run.crashes:
            details["crashes"] = run.crashes
        run.started = await self._send(
            JobEventType.STARTED,
            run,
            msg_id=f"{job.job_id}:{attempt}:started:{delivery.deliveries}:{self._worker_id}",
            from_status=JobStatus.RETRY if earlier else JobStatus.PENDING,
            to_status=JobStatus.RUNNING,
            wait_ms=run.wait_ms,
            details=details or None,
        )
        return run

    async def finish(self, run: Run, outcome: Outcome) -> str:
        """Store what became of a run, tell it and ack; returns the counter it belongs to."""
        finished_at = utcnow()
        if run.started is not None:
            run.started_seq = (await run.started).seq
        if outcome.error is None:
            return await self._complete(run, outcome, finished_at)
        failures = sum(1 for attempt in run.earlier if attempt.error is not None) + 1
        if not outcome.is_final and run.job.retry.allows(failures, outcome.exception_names):
            await self._retry(run, outcome.error, finished_at, run.job.retry.delay_after(failures))
            return "retried"
        await self._fail(run, outcome.error, finished_at)
        return "failed"

    async def settle_again(self, record: JobResult, job: Job, reply: str) -> None:
        """A job came again though its result is final: make sure its event is told, and ack it."""
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
        )
        stored = await self._events.send(
            event, msg_id=f"{job.job_id}:{record.attempt}:{event_type.lower()}", patience_s=PATIENCE_S
        )
        await stored
        await self._ack(reply)

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
        if revision == 0:
            await self.results.bucket.create(job.job_id, claimed.to_wire())
        else:
            await self.results.bucket.update(job.job_id, claimed.to_wire(), revision=revision)
        return claimed

    async def hand_back(self, run: Run) -> None:
        """Let another worker have a run that is given up here."""
        await self._ack(run.reply, b"-NAK")

    async def lose(self, job: Job, record: JobResult, delivery: Delivery, reply: str) -> None:
        """Give up a job whose workers keep dying: LOST in the log, a final failure in its result."""
        run = Run(
            job=job,
            delivery=delivery,
            reply=reply,
            attempt=len(record.attempts) + 1,
            earlier=record.attempts,
            crashes=record.crashes + 1,
            started_at=record.started_at or utcnow(),
            wait_ms=None,
        )
        error = JobError(
            type="WorkerLost",
            message=f"its worker died during the run {run.crashes + 1} times",
            fingerprint="worker-lost",
        )
        await self._send(JobEventType.LOST, run, msg_id=f"{job.job_id}:lost", details={"crashes": run.crashes + 1})
        await self._fail(run, error, utcnow())

    async def reject(self, raw: bytes, queue: str, delivery: Delivery, reply: str, reason: str) -> None:
        """Bytes in the queue that are no job: kept as a failed result with an event, and taken out of the queue."""
        job_id = f"malformed-{delivery.stream_seq}"
        error = JobError(type="MalformedJob", message=reason, fingerprint="malformed-job")
        record = JobResult(
            job_id=job_id,
            status=JobStatus.FAILED,
            queue=queue,
            worker_id=self._worker_id,
            error=error,
            stored_at=delivery.stored_at,
            finished_at=utcnow(),
            job={"raw": base64.b64encode(raw[:100_000]).decode(), "bytes": len(raw)},
        )
        stored = await self._put(record, None)
        event = JobEvent.of(
            JobEventType.FAILED,
            job_id=job_id,
            queue=queue,
            worker_id=self._worker_id,
            to_status=JobStatus.FAILED,
            error=error.for_event(),
            details={"stream_seq": delivery.stream_seq, "bytes": len(raw)},
        )
        told = await self._events.send(event, msg_id=f"{job_id}:failed", patience_s=PATIENCE_S)
        await stored
        await told
        await self._ack(reply)

    async def _complete(self, run: Run, outcome: Outcome, finished_at: datetime) -> str:
        record = replace(self._record(run, JobStatus.COMPLETED, finished_at), value=outcome.value)
        try:
            stored = await self._put(record, run.job.result_ttl)
            told = await self._tell_end(run, record)
            await stored
        except StorageRefusedError as exc:
            problem = refusal("ResultTooLarge", f"the result can't be stored: {exc}")
            assert problem.error is not None
            await self._fail(run, problem.error, finished_at)
            return "failed"
        await told
        await self._ack(run.reply)
        return "completed"

    async def _fail(self, run: Run, error: JobError, finished_at: datetime) -> None:
        record = replace(
            self._record(run, JobStatus.FAILED, finished_at),
            error=error,
            job=run.job.to_record(),
            crashes=run.crashes,
        )
        stored = await self._put(record, run.job.result_ttl)
        told = await self._tell_end(run, record)
        await stored
        await told
        await self._ack(run.reply)

    async def _retry(self, run: Run, error: JobError, finished_at: datetime, delay_s: float) -> None:
        retry_at = finished_at + timedelta(seconds=delay_s)
        ended = Attempt(
            number=run.attempt,
            worker_id=self._worker_id,
            started_at=run.started_at,
            finished_at=finished_at,
            error=error,
            started_seq=run.started_seq,
        )
        record = replace(
            self._record(run, JobStatus.RETRY, finished_at),
            error=error,
            attempts=(*run.earlier, ended),
            retry_at=retry_at,
            crashes=run.crashes,
            job=run.job.to_record(),
        )
        stored = await self._put(record, None)
        told = await self._send(
            JobEventType.RETRY_SCHEDULED,
            run,
            msg_id=f"{run.job.job_id}:{run.attempt}:retry",
            from_status=JobStatus.RUNNING,
            to_status=JobStatus.RETRY,
            run_ms=record.run_ms,
            error=error.for_event(),
            details={
                "delay_s": round(delay_s, 3),
                "retry": len(record.attempts),
                "of": run.job.retry.max_retries,
            },
        )
        await stored
        await told
        nak = b"-NAK " + codec.dumps({"delay": int(delay_s * NANOSECONDS)})
        await self._ack(run.reply, nak)

    async def _ack(self, reply: str, kind: bytes = b"+ACK") -> None:
        """Ack without holding the slot for the answer: what decides is stored, and a job delivered again finds it."""
        confirmed = await self._connection.outbox.ack(reply, kind)
        confirmed.add_done_callback(_note_unconfirmed)

    def _record(self, run: Run, status: JobStatus, finished_at: datetime) -> JobResult:
        job = run.job
        return JobResult(
            job_id=job.job_id,
            status=status,
            function=job.function,
            queue=job.queue_name,
            enqueued_at=job.enqueued_at,
            stored_at=run.delivery.stored_at,
            started_at=run.started_at,
            finished_at=finished_at,
            wait_ms=run.wait_ms,
            run_ms=milliseconds_between(run.started_at, finished_at),
            attempt=run.attempt,
            worker_id=self._worker_id,
            attempts=run.earlier,
            started_seq=run.started_seq,
            schedule_id=job.schedule_id,
            tags=job.tags,
        )

    async def _put(self, record: JobResult, ttl_s: float | None) -> asyncio.Future[PublishAck]:
        headers = None
        if ttl_s is not None and self._topology.has_message_ttl and record.is_final:
            headers = {"Nats-TTL": f"{max(1, round(ttl_s))}s"}
        subject = f"$KV.{self._connection.names.results}.{record.job_id}"
        return await self._connection.outbox.send(subject, record.to_wire(), headers=headers, patience_s=PATIENCE_S)

    async def _tell_end(self, run: Run, record: JobResult) -> asyncio.Future[PublishAck]:
        event_type = _EVENTS[JobStatus(record.status)]
        return await self._send(
            event_type,
            run,
            msg_id=f"{record.job_id}:{record.attempt}:{event_type.lower()}",
            from_status=JobStatus.RUNNING,
            to_status=record.status,
            wait_ms=record.wait_ms,
            run_ms=record.run_ms,
            error=record.error.for_event() if record.error else None,
        )

    async def _send(
        self, event_type: JobEventType, run: Run, *, msg_id: str, **fields: Any
    ) -> asyncio.Future[PublishAck]:
        job = run.job
        event = JobEvent.of(
            event_type,
            job_id=job.job_id,
            queue=job.queue_name,
            function=job.function,
            worker_id=self._worker_id,
            schedule_id=job.schedule_id,
            attempt=run.attempt,
            **fields,
        )
        return await self._events.send(event, msg_id=msg_id, patience_s=PATIENCE_S)


def _note_unconfirmed(confirmed: asyncio.Future[PublishAck]) -> None:
    if not confirmed.cancelled() and confirmed.exception() is not None:
        log.debug("ack not confirmed: %s", confirmed.exception())
