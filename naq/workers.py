"""What operators do to workers and schedulers: stop one that runs, forget one that died.

Each is stored before it is told: the order in the control bucket, or the record's removal, then OPERATOR_ACTION. A
caller that dies between the two leaves it done and not told; the worker's own WORKER_STOPPED tells its stop anyway.
"""

from __future__ import annotations

import asyncio
from typing import Any

from naq.actor import current_actor
from naq.connection import Connection
from naq.control import WORKER, Control
from naq.errors import ConfigurationError, ConflictError, SerializationError, WorkerNotFoundError, WorkerStateError
from naq.events import Events
from naq.ids import uuid7
from naq.inspector import worker_of
from naq.kv import Bucket
from naq.models.event import JobEvent, JobEventType
from naq.models.times import format_time
from naq.models.worker import WorkerRecord, WorkerStatus
from naq.names import check_key

ORDER_TTL_S = 86_400.0
MAX_JOBS_TOLD = 100


class WorkerManager:
    """Operator's actions on the workers of one system."""

    def __init__(self, connection: Connection, *, program: str = "naq") -> None:
        self._connection = connection
        self._program = program
        self._bucket = Bucket(connection, connection.names.workers)
        self._control = Control(connection)
        self._events = Events(connection)

    async def stop(
        self,
        worker_id: str,
        *,
        now: bool = False,
        reason: str | None = None,
        action_id: str | None = None,
        wait_s: float | None = None,
    ) -> WorkerRecord:
        """Ask a worker or scheduler to stop; returns its record as it was when asked.

        Args:
            now: hand running jobs back to their queues at once, instead of giving them the worker's drain time.
            wait_s: seconds to wait until it is gone; None returns as soon as the order is stored and told.

        Raises:
            WorkerNotFoundError: there is no such worker.
            WorkerStateError: it is dead; or, with `wait_s`, it died of it or still runs.
        """
        if wait_s is not None and (isinstance(wait_s, bool) or not 0 < wait_s < 1e9):
            raise ConfigurationError(f"wait_s must be a positive number of seconds, not {wait_s!r}")
        record, _ = await self._read(worker_id)
        if record.status_at(self._connection.server_now()) == WorkerStatus.DEAD:
            raise WorkerStateError(
                f"{record.kind} {worker_id} is dead since {_time(record)}: nothing is left to stop; "
                "'naq workers forget' removes its record"
            )
        action_id = action_id or uuid7()
        order = {"now": now, "action_id": action_id, "actor": current_actor(self._program)}
        if reason is not None:
            order["reason"] = reason
        await self._control.put(WORKER, worker_id, order, ttl_s=ORDER_TTL_S if await self._has_ttl() else None)
        await self._tell("stop_worker", worker_id, record, action_id, reason, {"now": now})
        if wait_s is not None:
            await self._wait_gone(worker_id, record, wait_s)
        return record

    async def forget(self, worker_id: str, *, reason: str | None = None, action_id: str | None = None) -> WorkerRecord:
        """Remove the record of a dead worker or scheduler now; returns it. The log keeps its WORKER_LOST.

        Raises:
            WorkerNotFoundError: there is no such worker.
            WorkerStateError: it is alive.
        """
        record, revision = await self._read(worker_id)
        alive = WorkerStateError(
            f"{record.kind} {worker_id} is alive: stop it with 'naq workers stop {worker_id}', which ends its record"
        )
        if record.status_at(self._connection.server_now()) != WorkerStatus.DEAD:
            raise alive
        try:
            await self._bucket.delete(worker_id, revision=revision)
        except ConflictError:
            if record.lost_seq is None:  # the monitor may have marked it this very moment
                record, revision = await self._read(worker_id)
                if record.status_at(self._connection.server_now()) != WorkerStatus.DEAD:
                    raise alive from None
                await self._bucket.delete(worker_id, revision=revision)
            else:
                raise alive from None
        await self._remove_order(worker_id)
        await self._tell("forget_worker", worker_id, record, action_id or uuid7(), reason, {})
        return record

    async def _read(self, worker_id: str) -> tuple[WorkerRecord, int]:
        check_key(worker_id, "worker id")
        await self._connection.sync_clock()
        entry = await self._bucket.get(worker_id)
        if entry is not None:
            try:
                return worker_of(entry), entry.revision
            except SerializationError as exc:
                raise WorkerStateError(f"the record of {worker_id} can't be read: {exc}") from exc
        raise WorkerNotFoundError(f"no worker or scheduler {worker_id} is known: 'naq workers list' names them all")

    async def _wait_gone(self, worker_id: str, asked: WorkerRecord, wait_s: float) -> None:
        running = len(asked.running)
        try:
            async with asyncio.timeout(wait_s):
                is_listed = False
                async for batch in self._bucket.watch(worker_id):
                    for entry in batch.entries:
                        is_listed = not entry.is_deleted
                        if is_listed:
                            record = worker_of(entry)
                            running = len(record.running)
                            if record.lost_at is not None:
                                raise WorkerStateError(f"{record.kind} {worker_id} died while it stopped")
                    if batch.is_caught_up and not is_listed:
                        break
        except TimeoutError:
            raise WorkerStateError(
                f"{asked.kind} {worker_id} has not stopped within {wait_s:g} s (running jobs: {running}); "
                "the order stands: wait longer, or hand its jobs back at once with --now"
            ) from None
        await self._remove_order(worker_id)

    async def _remove_order(self, worker_id: str) -> None:
        if await self._control.get(WORKER, worker_id) is not None:
            await self._control.remove(WORKER, worker_id)

    async def _has_ttl(self) -> bool:
        info = await self._connection.api(f"STREAM.INFO.{self._control.bucket.stream}")
        return bool(info.get("config", {}).get("allow_msg_ttl"))

    async def _tell(
        self,
        action: str,
        worker_id: str,
        record: WorkerRecord,
        action_id: str,
        reason: str | None,
        details: dict[str, Any],
    ) -> None:
        await self._events.write(
            JobEvent.of(
                JobEventType.OPERATOR_ACTION,
                worker_id=worker_id,
                actor=current_actor(self._program),
                reason=reason,
                action_id=action_id,
                details={
                    "action": action,
                    "kind": record.kind,
                    "host": record.host,
                    "pid": record.pid,
                    "running": [job.job_id for job in record.running[:MAX_JOBS_TOLD]],
                    **details,
                },
            ),
            msg_id=f"{action_id}:{action}",
        )


def _time(record: WorkerRecord) -> str:
    return format_time(record.beat_at) if record.beat_at else "an unknown time"
