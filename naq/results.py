"""Outcomes of jobs: read, wait for, store."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import nats.errors

from naq import codec
from naq.connection import Connection, LinkState
from naq.errors import (
    JobExecutionError,
    JobNotCompletedError,
    JobNotFoundError,
    NaqConnectionError,
    PermissionDeniedError,
    SerializationError,
)
from naq.kv import Bucket, Entry
from naq.models.job import JobStatus
from naq.models.result import JobResult, ValueRef
from naq.objects import Objects

RECHECK_S = 30.0
"""A safety net: a wait reads the record at least this often."""
EARLY_RECHECKS_S = (0.005, 0.05, 0.5)
"""A write that reached the server just before the subscription is not passed on, and may be readable only after the
first read: a wait that begins reads again this much later."""
NOT_STORED_YET_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
"""A write may be passed on a moment before it can be read."""


class Results:
    """The bucket `naq_results`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.bucket = Bucket(connection, connection.names.results)
        self._objects = Objects(connection)

    async def get_record(self, job_id: str) -> JobResult | None:
        """What is stored of the job, final or not; None where nothing is (it has not failed or ended yet).

        Raises:
            SerializationError: the stored record can't be read.
        """
        entry = await self.bucket.get(job_id)
        return None if entry is None else record_of(entry)

    async def fetch(self, job_id: str) -> Any:
        """The return value of a job that completed.

        Raises:
            JobNotFoundError: nothing is stored under this id: unknown, still pending, or past its retention.
            JobNotCompletedError: it is waiting for a retry.
            JobExecutionError: it failed.
        """
        record = await self.get_record(job_id)
        if record is None:
            raise JobNotFoundError(f"job {job_id} has no result: it has not ended yet, is unknown, or has expired")
        if not record.is_final:
            raise JobNotCompletedError(f"job {job_id} has not ended: its status is {record.status}")
        return outcome_of(await self.whole(record))

    async def whole(self, record: JobResult) -> JobResult:
        """`record` with its value, which lies in the object store where it is too large for one message.

        Raises:
            JobNotFoundError: the object is gone.
            SerializationError: it is not what the record says, or larger than `max_result_bytes`.
        """
        if record.value_ref is None or record.status != JobStatus.COMPLETED:
            return record
        return replace(record, value=codec.loads(await self.value_bytes(record.value_ref)))

    async def value_bytes(self, ref: ValueRef, told: Callable[[int], object] | None = None) -> bytes:
        """A value in the object store, as JSON in packed form; `told` hears how many bytes have come so far.

        Raises:
            JobNotFoundError: the object is gone.
            SerializationError: it is not what `ref` says, or larger than `max_result_bytes`.
        """
        return await self._objects.get(ref, told)

    async def wait(self, job_id: str, *, timeout: float | None = None) -> Any:
        """Wait for the job to end and return its value; the server says when, nothing is polled.

        Args:
            timeout: seconds; None waits for ever.

        Raises:
            JobExecutionError: it failed.
            JobNotCompletedError: not final within `timeout`.
        """
        return outcome_of(await self.whole(await self.wait_record(job_id, timeout=timeout)))

    async def wait_record(self, job_id: str, *, timeout: float | None = None) -> JobResult:
        """Wait for the job to end and return its record, whatever it says; errors of waiting as for `wait`."""
        try:
            async with asyncio.timeout(timeout):
                return await self._final_record(job_id)
        except TimeoutError:
            raise JobNotCompletedError(f"job {job_id} did not end within {timeout:g} s") from None

    async def _final_record(self, job_id: str) -> JobResult:
        """Read the record, and again whenever the server passes on a write to it.

        A write is passed on to plain subscribers as it is stored, so a wait costs the server one subscription and no
        consumer. What was missed while the link was lost is found by the read after it.
        """
        changed = asyncio.Event()
        changed.set()
        release = self._connection.on_state(lambda _state: changed.set())
        subscription = await self._connection.client.listen(
            f"$KV.{self.bucket.name}.{job_id}", lambda *_: changed.set()
        )
        revision = -1
        rechecks = itertools.chain((RECHECK_S, *EARLY_RECHECKS_S), itertools.repeat(RECHECK_S))
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(next(rechecks)):
                        await changed.wait()
                was_told = changed.is_set()
                changed.clear()
                if self._connection.state is LinkState.CLOSED:
                    raise NaqConnectionError("the connection was closed while waiting for a result")
                for pause in NOT_STORED_YET_S if was_told else (0.0,):
                    try:
                        entry = await self.bucket.get(job_id)
                    except PermissionDeniedError:
                        raise
                    except NaqConnectionError:
                        break  # the link is lost: its return sets the event
                    if entry is not None and (record := record_of(entry)).is_final:
                        return record
                    if revision == -1 or (entry is not None and entry.revision != revision):
                        revision = 0 if entry is None else entry.revision
                        break
                    await asyncio.sleep(pause)
        finally:
            release()
            with contextlib.suppress(nats.errors.Error, OSError):
                await subscription.unsubscribe()

    async def watch(self, from_revision: int) -> AsyncIterator[list[Entry]]:
        """Changes of the bucket from a revision on, as they come, undecoded."""
        async for batch in self.bucket.watch(from_revision=from_revision):
            if batch.entries:
                yield batch.entries

    async def delete(self, job_id: str) -> None:
        """Remove the record, then its large value if it has one; raises JobNotFoundError where there is none."""
        entry = await self.bucket.get(job_id)
        if entry is None:
            raise JobNotFoundError(f"job {job_id} has no result to delete")
        await self.remove(job_id, revision=entry.revision)

    async def remove(self, job_id: str, *, revision: int) -> None:
        """Remove a record that stands at `revision`, then its large value if it has one; raises ConflictError."""
        await self.bucket.delete(job_id, revision=revision)
        await self._objects.delete(job_id)


def record_of(entry: Entry, loads: Callable[[bytes], Any] = codec.loads) -> JobResult:
    """Raises SerializationError where the entry holds no result; `loads` makes a JSON value of its bytes."""
    return JobResult.from_wire(entry.value, saved_at=entry.saved_at, revision=entry.revision, loads=loads)


def outcome_of(record: JobResult) -> Any:
    """The value of a final record, or its error raised."""
    if record.status == JobStatus.COMPLETED:
        try:
            return codec.unpack(record.value)
        except SerializationError as exc:
            raise SerializationError(f"result of job {record.job_id}: {exc}") from None
    if record.error is None:
        raise JobExecutionError(
            f"job {record.job_id} was {record.status.lower()}: {record.reason or 'no reason given'}",
            error_type=record.status,
            error_message=record.reason or "",
            traceback=None,
        )
    raise JobExecutionError(
        f"job {record.job_id} failed: {record.error.type}: {record.error.message}",
        error_type=record.error.type,
        error_message=record.error.message,
        traceback=record.error.traceback,
    )
