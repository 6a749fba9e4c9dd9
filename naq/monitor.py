"""The monitor: tells once, in the log, that a worker or scheduler died, and clears its record away later.

A duty of the caretaker. It watches the heartbeats and sleeps until the next of them can be overdue by the server's
clock; the verdict is `WorkerRecord.is_dead`, the same that the console shows. After an outage of its own (a lost link,
a process that was stopped, a server that answers late) everybody first has the time to beat again, and a monitor that
takes over waits one interval: who was stopped together with it beats within that.

A death is three writes: the record is marked (`lost_at`, by compare-and-set: a beat in between wins), WORKER_LOST is
written under a message id made of the mark, and its sequence goes into the record. A monitor killed after the first
leaves a mark without `lost_seq`; the next one writes the event: the server drops a double that comes within its
memory for ids, and after that time the log itself is asked. A worker that was only stopped overwrites its record with
its next beat, marks and all; where that falls between mark and event of a monitor that was killed, nothing is told.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from naq import __version__, codec
from naq.connection import Connection, LinkState
from naq.control import WORKER, Control
from naq.errors import ConflictError, NaqException, SerializationError
from naq.events import Events
from naq.inspector import worker_of
from naq.kv import Bucket, Entry
from naq.models.event import JobEvent, JobEventType
from naq.models.times import format_time, utcnow
from naq.models.worker import DEAD_AFTER_BEATS, WorkerRecord, WorkerStatus
from naq.settings import Settings
from naq.topology import DEDUPE_S

log = logging.getLogger(__name__)

MAX_SLEEP_S = 60.0
RETRY_S = 0.5
LATE_S = 1.0
"""A wake-up or an answer later than this counts as an outage: others' beats may be late as well."""
MAX_JOBS_TOLD = 100


class Seen(NamedTuple):
    """One record of the bucket."""

    record: WorkerRecord
    revision: int
    not_before: datetime | None = None
    """When to try again what could not be done; None where nothing failed."""


class Monitor:
    """Judges every record of one system; `run` serves until cancelled."""

    def __init__(self, connection: Connection, settings: Settings) -> None:
        self._connection = connection
        self._kept = timedelta(seconds=settings.dead_worker_kept_s)
        self._bucket = Bucket(connection, connection.names.workers)
        self._control = Control(connection)
        self._events = Events(connection)
        self._seen: dict[str, Seen] = {}
        self._changed = asyncio.Event()
        self._wake_at: datetime | None = None
        self._started_at = connection.server_now()
        self._resumed_at: datetime | None = None

    async def run(self) -> None:
        """Watch and judge. Raises nothing for the server's sake; ends only when cancelled."""
        release = self._connection.on_state(self._on_link)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._watch(), name="monitor-watch")
                group.create_task(self._judge(), name="monitor-judge")
        finally:
            release()

    async def _watch(self) -> None:
        async for batch in self._bucket.watch():
            for entry in batch.entries:
                self._note(entry)

    def _on_link(self, state: LinkState) -> None:
        if state is LinkState.LIVE:
            self._changed.set()

    def _note(self, entry: Entry) -> None:
        seen = self._seen.get(entry.key)
        if seen is not None and entry.revision < seen.revision:
            return
        if entry.is_deleted:
            self._seen.pop(entry.key, None)
            return
        try:
            seen = Seen(worker_of(entry), entry.revision)
        except SerializationError as exc:
            log.debug("worker record %s can't be read and is left alone: %s", entry.key, exc)
            self._seen.pop(entry.key, None)
            return
        self._seen[entry.key] = seen
        if self._wake_at is None or self._due_at(seen) < self._wake_at:
            self._changed.set()

    def _due_at(self, seen: Seen) -> datetime:
        """When there is something to do about it, by the server's clock."""
        record = seen.record
        if record.lost_at is None:
            interval = timedelta(seconds=record.heartbeat_interval_s)
            since = max(moment for moment in (record.beat_at, self._live_since(), self._resumed_at) if moment)
            due_at = max(since + interval * DEAD_AFTER_BEATS, self._started_at + interval)
        elif record.lost_seq is None:
            due_at = record.lost_at
        else:
            due_at = record.lost_at + self._kept
        return due_at if seen.not_before is None else max(due_at, seen.not_before)

    def _live_since(self) -> datetime:
        """The server's clock when the link last came up."""
        return (self._connection.live_since or utcnow()) + self._connection.clock_offset

    async def _judge(self) -> None:
        while True:
            await self._sleep()
            try:
                await self._check_clock()
            except NaqException as exc:
                log.debug("the monitor waits for the server: %s", exc)
                await asyncio.sleep(RETRY_S)
                continue
            now = self._connection.server_now()
            for key, seen in list(self._seen.items()):
                if self._due_at(seen) <= now and self._seen.get(key) is seen:
                    await self._settle(key, seen)

    async def _sleep(self) -> None:
        """Until the first record is due, or one that is due earlier comes in."""
        while True:
            self._changed.clear()
            now = self._connection.server_now()
            self._wake_at = min(
                (self._due_at(seen) for seen in self._seen.values()), default=now + timedelta(seconds=MAX_SLEEP_S)
            )
            delay_s = (self._wake_at - now).total_seconds()
            if delay_s <= 0:
                return
            pause_s = min(delay_s, MAX_SLEEP_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._changed.wait()
            woken_at = self._connection.server_now()
            if (woken_at - now).total_seconds() > pause_s + LATE_S:  # stopped, suspended, or its loop was held
                self._resumed_at = woken_at
                log.debug("the monitor was held up; everybody gets the time to beat again")

    async def _check_clock(self) -> None:
        asked_at = time.monotonic()
        await self._connection.sync_clock()
        if time.monotonic() - asked_at > LATE_S:
            self._resumed_at = self._connection.server_now()

    async def _settle(self, key: str, seen: Seen) -> None:
        try:
            if seen.record.lost_at is None:
                seen = await self._mark(key, seen)
            if seen.record.lost_seq is None:
                await self._tell(key, seen)
            else:
                await self._bucket.delete(key, revision=seen.revision)
                self._seen.pop(key, None)
                if await self._control.get(WORKER, key) is not None:
                    await self._control.remove(WORKER, key)  # it was told to stop and died first
                log.info("record of %s removed: it was lost at %s", key, seen.record.lost_at)
        except ConflictError:
            await self._read_again(key)
        except NaqException as exc:
            log.warning("the death of %s is not settled yet: %s", key, exc)
        if self._seen.get(key) is seen:  # no progress that the watch has told of
            retry_at = self._connection.server_now() + timedelta(seconds=RETRY_S)
            self._seen[key] = seen._replace(not_before=retry_at)

    async def _mark(self, key: str, seen: Seen) -> Seen:
        """Raises ConflictError where the worker beat, or another monitor marked it, in between."""
        entry = await self._bucket.get(key)
        if entry is None or entry.revision != seen.revision:
            raise ConflictError(f"{key} changed")
        lost_at, beat_at = self._connection.server_now(), seen.record.beat_at or entry.saved_at
        revision = await self._write(
            entry.value, {"lost_at": format_time(lost_at), "beat_at": format_time(beat_at)}, key, entry.revision
        )
        marked = Seen(replace(seen.record, lost_at=lost_at, beat_at=beat_at), revision)
        self._seen[key] = marked
        return marked

    async def _tell(self, key: str, seen: Seen) -> None:
        lost_at = seen.record.lost_at
        assert lost_at is not None
        event = lost_event(key, seen.record)
        seq = None
        if (self._connection.server_now() - lost_at).total_seconds() > DEDUPE_S / 2:
            seq = await self._told_at(key, lost_at)
        if seq is None:
            seq = await self._events.write(event, msg_id=f"{key}:lost:{format_time(lost_at)}")
            log.warning("%s %s is lost: no heartbeat since %s", seen.record.kind, key, seen.record.beat_at)
        entry = await self._bucket.get(key)
        if entry is None or entry.revision != seen.revision:
            raise ConflictError(f"{key} changed")
        revision = await self._write(entry.value, {"lost_seq": seq}, key, entry.revision)
        self._seen[key] = Seen(replace(seen.record, lost_seq=seq), revision)

    async def _told_at(self, key: str, lost_at: datetime) -> int | None:
        """Sequence of the event of this very death, looked up in the log; None where it was never written."""
        names = self._connection.names
        subject = names.event_filter(entity="worker", event_type=JobEventType.WORKER_LOST)
        async for batch in self._events.follow([subject], start_time=lost_at - timedelta(seconds=LATE_S)):
            for stored in batch.events:
                event = stored.event
                if event is None or event.worker_id != key or event.details is None:
                    continue
                if event.details.get("lost_at") == format_time(lost_at):
                    return stored.seq
            if batch.is_caught_up:
                break
        return None

    async def _write(self, value: bytes, marks: dict[str, Any], key: str, revision: int) -> int:
        # into the record as it stands, so that what another version wrote there is kept
        return await self._bucket.update(key, codec.dumps({**codec.loads(value), **marks}), revision=revision)

    async def _read_again(self, key: str) -> None:
        try:
            entry = await self._bucket.get(key)
        except NaqException as exc:
            log.debug("record of %s not read: %s", key, exc)
            return
        if entry is None:
            self._seen.pop(key, None)
        else:
            self._note(entry)


def lost_event(worker_id: str, record: WorkerRecord) -> JobEvent:
    """WORKER_LOST of a record that is marked: who it was, its last beat, and the jobs it takes down (the first 100)."""
    details: dict[str, Any] = {
        "kind": record.kind,
        "host": record.host,
        "pid": record.pid,
        "queues": list(record.queues),
        "running": [job.job_id for job in record.running[:MAX_JOBS_TOLD]],
    }
    if len(record.running) > MAX_JOBS_TOLD:
        details["running_in_all"] = len(record.running)
    for name, value in (("name", record.name), ("version", record.version or None)):
        if value is not None:
            details[name] = value
    if record.beat_at is not None:
        details["beat_at"] = format_time(record.beat_at)
    if record.lost_at is not None:
        details["lost_at"] = format_time(record.lost_at)
    return JobEvent.of(
        JobEventType.WORKER_LOST,
        worker_id=worker_id,
        from_status=record.status,
        to_status=WorkerStatus.DEAD,
        code_version=__version__,
        reason=f"no heartbeat for {DEAD_AFTER_BEATS:g} intervals of {record.heartbeat_interval_s:g} s",
        details=details,
    )
