"""The releaser: puts waiting children into their queues when their last parent ends; a duty of the caretaker.

It holds one plain subscription per outstanding parent on that parent's result key, and reads the record once after
subscribing and once after each reconnect, so nothing is missed. A tail on the whole results bucket would carry every
result of the system through this process; this way its work grows with the parents waited for, not with the rate of
results. What a parent's end sets off goes through a fixed number of readers, however many children wait.

A release is written in this order, killed at any point between:

- nothing yet: the successor finds the child waiting and its parents ended: it releases it;
- the marker "releasing" on the waiting record (compare-and-set), before the RELEASED event;
- the RELEASED event, before the job's message: in both cases the successor finds the marker, looks for the event, the
  message and the result, and writes what is missing;
- the job's message (its id is the message id), before the waiting record is removed: the successor finds the message
  in its queue, or the result of its run, and only removes the record. So a job is not run twice, though the server has
  forgotten the message id.

A child that can't run gets its FAILED record first, then its callback, then the event, then its waiting record is
removed: the successor finds the record and writes what is missing. Its own children see that record as they see any
parent's end.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import nats.errors

from naq.backlog import find_job
from naq.callbacks import enqueue_callback
from naq.connection import Connection, LinkState
from naq.dependencies.passing import obstacle, with_results
from naq.dependencies.waiting import RELEASING, Waiting, WaitingChild
from naq.errors import ConflictError, NaqConnectionError, NaqException, SerializationError
from naq.kv import Entry
from naq.models.event import JobEvent, JobEventType
from naq.models.job import JobStatus
from naq.models.result import JobError, JobResult
from naq.models.times import utcnow
from naq.queue import HEADROOM_BYTES
from naq.results import NOT_STORED_YET_S, Results
from naq.retelling import tell_if_untold

log = logging.getLogger(__name__)

READERS = 32
RETRY_S = 0.5


@dataclass(slots=True)
class _Parent:
    children: set[str] = field(default_factory=set)
    status: str | None = None
    """Its final status; None while it has none."""
    subscription: Any = None


class Releaser:
    """Releases waiting children over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting = Waiting(connection)
        self._results = Results(connection)
        self._children: dict[str, tuple[str, ...]] = {}
        self._parents: dict[str, _Parent] = {}
        self._work: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self._busy: set[tuple[str, str]] = set()
        self._again: set[tuple[str, str]] = set()

    async def run(self) -> None:
        """Serve until cancelled."""
        stop_listening = self._connection.on_state(self._on_state)
        readers = [asyncio.create_task(self._serve(), name=f"releaser-{n}") for n in range(READERS)]
        changes = self._waiting.bucket.watch()
        try:
            async for batch in changes:
                for entry in batch.entries:
                    await self._take(entry)
        finally:
            stop_listening()
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, return_exceptions=True)
            await changes.aclose()  # type: ignore[attr-defined]
            for name in list(self._parents):
                await self._drop_parent(name)

    def _on_state(self, state: LinkState) -> None:
        if state is LinkState.LIVE:
            for name, parent in self._parents.items():
                if parent.status is None:
                    self._work.put_nowait(("parent", name))

    async def _take(self, entry: Entry) -> None:
        if entry.is_deleted:
            await self._forget(entry.key)
            return
        try:
            child = WaitingChild.of(entry)
        except SerializationError as exc:
            log.warning("waiting job left alone: %s", exc)
            return
        self._children[entry.key] = child.job.depends_on
        if child.state == RELEASING:
            self._work.put_nowait(("child", entry.key))
            return
        for name in child.job.depends_on:
            self._watch_parent(name, entry.key)
        self._consider(entry.key)

    def _watch_parent(self, name: str, child_id: str) -> None:
        parent = self._parents.get(name)
        if parent is not None:
            parent.children.add(child_id)
            return
        self._parents[name] = _Parent({child_id})
        self._work.put_nowait(("parent", name))

    async def _subscribe(self, name: str, parent: _Parent) -> None:
        """Be told of writes to the parent's result. Raises NaqConnectionError, so that it is tried again."""

        async def on_write(message: Any) -> None:
            # a write that changes nothing final is passed over here, before it costs a read
            if any(status in message.data for status in (b"COMPLETED", b"FAILED", b"CANCELLED")):
                self._work.put_nowait(("parent", name))

        subject = f"$KV.{self._results.bucket.name}.{name}"
        try:
            parent.subscription = await self._connection.client.subscribe(subject, cb=on_write)
        except (nats.errors.Error, OSError) as exc:
            raise NaqConnectionError(f"the end of job {name} is not told yet: {exc}") from exc
        if self._parents.get(name) is not parent:  # nobody waits for it any more
            await self._unsubscribe(parent)

    async def _forget(self, child_id: str) -> None:
        for name in self._children.pop(child_id, ()):
            parent = self._parents.get(name)
            if parent is not None:
                parent.children.discard(child_id)
                if not parent.children:
                    await self._drop_parent(name)

    async def _drop_parent(self, name: str) -> None:
        parent = self._parents.pop(name)
        await self._unsubscribe(parent)

    async def _unsubscribe(self, parent: _Parent) -> None:
        subscription, parent.subscription = parent.subscription, None
        if subscription is not None:
            with contextlib.suppress(nats.errors.Error, OSError):
                await subscription.unsubscribe()

    async def _serve(self) -> None:
        while True:
            work = kind, name = await self._work.get()
            if work in self._busy:
                self._again.add(work)
                continue
            self._busy.add(work)
            try:
                if kind == "parent":
                    await self._read_parent(name)
                else:
                    await self._settle(name)
            except NaqException as exc:
                log.info("release of %s is tried again: %s", name, exc)
                await asyncio.sleep(RETRY_S)
                self._work.put_nowait((kind, name))
            except Exception:
                log.exception("release of %s failed", name)
            finally:
                self._busy.discard(work)
                if work in self._again:
                    self._again.discard(work)
                    self._work.put_nowait(work)

    async def _read_parent(self, name: str) -> None:
        for pause_s in NOT_STORED_YET_S[:6]:
            parent = self._parents.get(name)
            if parent is None or parent.status is not None:
                return
            if parent.subscription is None:
                await self._subscribe(name, parent)
            record = await self._waiting.result_of(name)
            if record is not None and record.is_final:
                parent.status = record.status
                await self._unsubscribe(parent)
                for child_id in tuple(parent.children):
                    self._consider(child_id)
                return
            await asyncio.sleep(pause_s)

    def _consider(self, child_id: str) -> None:
        """Have the child looked at if all its parents have ended, or one in another way than well."""
        statuses = self._statuses(self._children.get(child_id, ()))
        if all(statuses) or any(status not in (None, JobStatus.COMPLETED) for status in statuses):
            self._work.put_nowait(("child", child_id))

    def _statuses(self, parents: Iterable[str]) -> list[str | None]:
        known = (self._parents.get(name) for name in parents)
        return [None if parent is None else parent.status for parent in known]

    async def _settle(self, child_id: str) -> None:
        """Release the child, fail it, or leave it waiting, as its record and its parents say now."""
        child = await self._waiting.get(child_id)
        if child is None:
            return
        own = await self._waiting.result_of(child_id)
        is_begun = child.state == RELEASING
        if own is not None and own.is_final and not is_begun:
            if own.error is not None and own.status == JobStatus.FAILED:
                await enqueue_callback(self._connection, child.job, own)
                await self._tell_failed(own, is_repeated=True)
            await self._remove(child)
            return
        is_out = is_begun and (own is not None or await find_job(self._connection, child_id) is not None)
        data = b""
        if not is_out:
            records = [await self._waiting.result_of(parent) for parent in child.job.depends_on]
            statuses = [
                record.status if record is not None and record.is_final else known
                for record, known in zip(records, self._statuses(child.job.depends_on), strict=True)
            ]
            if not is_begun and not child.job.allow_failed:
                for parent, status, record in zip(child.job.depends_on, statuses, records, strict=True):
                    if status not in (None, JobStatus.COMPLETED):
                        await self._fail(child, "DependencyFailed", _why(parent, str(status), record))
                        return
            if not is_begun and not all(statuses):
                return
            problem = obstacle(child.job, records)
            if problem is not None:
                await self._fail(child, "DependencyFailed", problem)
                return
            data = with_results(child.job, records).to_wire()
            limit = self._connection.max_payload - HEADROOM_BYTES
            if len(data) > limit:
                told = f"with its parents' results the job is {len(data):,} bytes, {limit:,} fit: return references"
                await self._fail(child, "DependencyFailed", told)
                return
        if not is_begun:
            try:
                child = await self._mark(child)
            except ConflictError:
                return  # whoever changed it is told by the watch
        await self._tell_released(child, is_repeated=is_begun)
        if not is_out:
            await self._publish(child, data)
        await self._remove(child)

    async def _mark(self, child: WaitingChild) -> WaitingChild:
        marked = replace(child, state=RELEASING)
        revision = await self._waiting.bucket.update(child.job.job_id, marked.to_wire(), revision=child.revision)
        return replace(marked, revision=revision)

    async def _tell_released(self, child: WaitingChild, *, is_repeated: bool) -> None:
        job = child.job
        event = JobEvent.of(
            JobEventType.RELEASED,
            job_id=job.job_id,
            queue=job.queue_name,
            function=job.function,
            to_status=JobStatus.PENDING,
            reason="its parents have ended",
            details={"depends_on": list(job.depends_on)},
        )
        marked_at = child.saved_at if is_repeated else None
        await tell_if_untold(self._connection, event, msg_id=f"{job.job_id}:released", saved_at=marked_at)

    async def _publish(self, child: WaitingChild, data: bytes) -> None:
        subject = self._connection.names.queue_subject(child.job.queue_name)
        await self._connection.outbox.publish(subject, data, msg_id=child.job.job_id)

    async def _remove(self, child: WaitingChild) -> None:
        with contextlib.suppress(ConflictError):
            await self._waiting.bucket.delete(child.job.job_id, revision=child.revision)

    async def _fail(self, child: WaitingChild, kind: str, message: str) -> None:
        job = child.job
        record = JobResult(
            job_id=job.job_id,
            status=JobStatus.FAILED,
            function=job.function,
            queue=job.queue_name,
            error=JobError(type=kind, message=message, fingerprint=kind),
            enqueued_at=job.enqueued_at,
            finished_at=utcnow(),
            attempt=0,
            tags=job.tags,
            reason=message,
            job=job.to_record(),
        )
        try:
            await self._results.bucket.create(job.job_id, record.to_wire())
        except ConflictError:
            log.debug("job %s was ended by somebody else: that stands", job.job_id)
        else:
            await enqueue_callback(self._connection, job, record)
            await self._tell_failed(record, is_repeated=False)
        await self._remove(child)

    async def _tell_failed(self, record: JobResult, *, is_repeated: bool) -> None:
        event = JobEvent.of(
            JobEventType.FAILED,
            job_id=record.job_id,
            queue=record.queue or None,
            function=record.function or None,
            from_status=JobStatus.PENDING,
            to_status=JobStatus.FAILED,
            error=record.error.for_event() if record.error else None,
            reason=record.reason,
        )
        stored_at = record.saved_at if is_repeated else None
        await tell_if_untold(self._connection, event, msg_id=f"{record.job_id}:dependency-failed", saved_at=stored_at)


def _why(parent: str, status: str, record: JobResult | None) -> str:
    told = f"parent job {parent} {status.lower()}"
    if record is None:
        return told
    if record.error is not None:
        return f"{told}: {record.error.type}: {record.error.message}"[:1000]
    return f"{told}: {record.reason}"[:1000] if record.reason else told
