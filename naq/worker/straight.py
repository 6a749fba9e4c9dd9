"""The short way to a job's end, which nearly every job takes: no task, no future, no object for what is only written.

It writes what `naq.worker.lifecycle` writes, byte by byte and in its order, and a crash between any two writes does
what is said there: the result once STARTED is stored, its event once the result is, the ack once the event is. Each
step is taken as the server's answer to the one before is read. A run with more to it than a value, or with any answer
but an ack, is given up to `Lifecycle`, which finds what is stored already and goes on from there.

Meanwhile the next job begins in the slot (`naq.worker.runs` bounds how many). Should the worker die, one more job for
each of those runs again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson

from naq import codec
from naq.connection import Connection
from naq.models.event import job_event
from naq.models.times import milliseconds_between, utcnow, wire_time
from naq.outbox import Answer, PublishAck
from naq.queue import HEADROOM_BYTES
from naq.topology import Topology
from naq.worker.lifecycle import PATIENCE_S
from naq.worker.outcome import Outcome
from naq.worker.run import PAYLOAD_KEPT_BYTES, Run


class Straight:
    """Settles the plain runs of one worker."""

    def __init__(
        self,
        connection: Connection,
        topology: Topology,
        *,
        ended: Callable[[Run], None],
        give_up: Callable[[Run, Outcome], None],
    ) -> None:
        """`ended` is told of a run that is acked, `give_up` of one that `Lifecycle` has to settle."""
        self.under_way = 0
        """Runs that are being settled."""
        self.is_stopped = False
        """Told from now on: nobody. What is under way is handed back."""
        self._connection = connection
        self._outbox = connection.outbox
        self._has_message_ttl = topology.has_message_ttl
        self._bucket = f"$KV.{connection.names.results}."
        self._ended = ended
        self._give_up = give_up

    @staticmethod
    def takes(run: Run, outcome: Outcome) -> bool:
        """Whether a value is all there is to it, and nothing has to be done for anybody but the caller."""
        job = run.job
        return (
            outcome.error is None
            and run.order is None
            and not (run.revision or run.earlier or run.progress)
            and not (
                job.has_callbacks or job.unique or job.is_id_given or job.capture_logs or job.retry_seqs or job.limits
            )
            and not run.context.has_untold
        )

    def settle(self, run: Run, outcome: Outcome) -> None:
        """Store, tell and ack, then call `ended`; or `give_up` on the way."""
        run.finished_at = utcnow()
        self.under_way += 1
        settling = _Settling(self, run, outcome)
        if run.started is None or run.started.done():
            settling.store()
        else:
            run.when_started = settling.store

    def _leave(self, run: Run, outcome: Outcome) -> None:
        self.under_way -= 1
        self._give_up(run, outcome)

    def _done(self, run: Run) -> None:
        self.under_way -= 1
        self._ended(run)


class _Settling:
    __slots__ = ("outcome", "run", "run_ms", "way")

    def __init__(self, way: Straight, run: Run, outcome: Outcome) -> None:
        self.way, self.run, self.outcome = way, run, outcome

    def store(self) -> None:
        way, run = self.way, self.run
        if way.is_stopped:
            return
        if run.started is not None:
            if run.started.exception() is not None:
                way._leave(run, self.outcome)
                return
            run.started_seq = run.started.result().seq
        assert run.finished_at is not None
        self.run_ms = milliseconds_between(run.started_at, run.finished_at)
        data = completed_record(run, self.outcome.value, run.finished_at, self.run_ms)
        if len(data) > way._connection.max_payload - HEADROOM_BYTES:
            way._leave(run, self.outcome)
            return
        headers = {"Nats-Expected-Last-Subject-Sequence": "0"}
        if run.job.result_ttl is not None and way._has_message_ttl:
            headers["Nats-TTL"] = f"{max(1, round(run.job.result_ttl))}s"
        way._outbox.post(way._bucket + run.job.job_id, data, headers, self.stored, PATIENCE_S)

    def stored(self, answer: Answer) -> None:
        way, run = self.way, self.run
        if way.is_stopped:
            return
        if type(answer) is not PublishAck:
            way._leave(run, self.outcome)
            return
        run.revision = answer.seq
        self.tell()

    def tell(self) -> None:
        way, run = self.way, self.run
        job = run.job
        fields: dict[str, Any] = {
            "from": "RUNNING",
            "to": "COMPLETED",
            "job_id": job.job_id,
            "queue": job.queue_name,
            "function": job.function,
            "worker_id": run.worker_id,
        }
        if job.schedule_id is not None:
            fields["schedule_id"] = job.schedule_id
        fields["attempt"] = run.attempt
        if run.wait_ms is not None:
            fields["wait_ms"] = run.wait_ms
        fields["run_ms"] = self.run_ms
        subject = way._connection.names.event_subject("job", "completed", job.queue_name)
        headers = {"Nats-Msg-Id": f"{job.job_id}:{run.attempt}:completed"}
        way._outbox.post(subject, job_event("COMPLETED", fields), headers, self.told, PATIENCE_S)

    def told(self, answer: Answer) -> None:
        way, run = self.way, self.run
        if way.is_stopped:
            return
        if type(answer) is not PublishAck:
            way._leave(run, self.outcome)
            return
        self.ack()

    def ack(self) -> None:
        self.way._outbox.ack(self.run.reply)
        self.way._done(self.run)


def completed_record(run: Run, value: Any, finished_at: datetime, run_ms: float) -> bytes:
    """`run.record(COMPLETED, finished_at, value=value).to_wire()` of a run that `Straight` takes."""
    job = run.job
    record: dict[str, Any] = {
        "v": 1,
        "job_id": job.job_id,
        "status": "COMPLETED",
        "function": job.function,
        "queue": job.queue_name,
        "attempt": run.attempt,
        "worker_id": run.worker_id,
        "value": value,
    }
    if job.enqueued_at is not None:
        record["enqueued_at"] = wire_time(job.enqueued_at)
    record["stored_at"] = wire_time(run.delivery.stored_at)
    record["started_at"] = wire_time(run.started_at)
    record["finished_at"] = wire_time(finished_at)
    if run.wait_ms is not None:
        record["wait_ms"] = run.wait_ms
    record["run_ms"] = run_ms
    if run.started_seq is not None:
        record["started_seq"] = run.started_seq
    if job.schedule_id is not None:
        record["schedule_id"] = job.schedule_id
    if job.wire_bytes <= PAYLOAD_KEPT_BYTES:
        # as it came: it was read from just these bytes
        record["job"] = orjson.Fragment(run.wire) if run.wire else job.to_record()
    if run.crashes:
        record["crashes"] = run.crashes
    if job.tags:
        record["tags"] = job.tags
    return codec.dumps(record)
