"""The real feed: one NATS connection, gathered into frames.

Readers put what arrives into one `Frame`; `batches` hands it over at most ten times a second. Nothing is dropped:
events are cut to frames, of everything else the newest state is what counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from datetime import timedelta
from typing import Any

from naq.client import AsyncClient
from naq.connection import LinkState
from naq.errors import NaqException, PermissionDeniedError, SerializationError
from naq.eventlog import StreamRange, stream_range
from naq.inspector import worker_of
from naq.jetstream import JetStreamError
from naq.kv import Entry
from naq.models.times import utcnow
from naq.schedules import schedule_of
from naq.settings import Settings
from naq.topology import STREAM_NOT_FOUND, ensure_topology
from naq_tui.feed import large, past
from naq_tui.feed.cluster import ClusterWatch
from naq_tui.feed.commands import NatsCommands
from naq_tui.feed.frame import Frame
from naq_tui.feed.lag import Lag
from naq_tui.feed.nats_pages import NatsPages
from naq_tui.store.updates import JobsFound, LinkChanged, QueuesSampled, Update

log = logging.getLogger(__name__)

FRAME_S = 0.15
"""Shortest time between two frames."""
EVENTS_PER_FRAME = 5_000
PAST_EVENTS = 1_000
SAMPLE_S = 1.0
IDLE_SAMPLE_S = 5.0
"""How often queues are counted while nothing happens."""
CLOCK_S = 30.0
RETRY_S = 1.0
MAX_RETRY_S = 5.0
FORBIDDEN_RETRY_S = 30.0
"""What is not permitted is asked for again: permissions are mended while consoles are open."""


class NatsFeed(NatsPages):
    """One system, followed over one connection. Implements `Feed`; `commands` acts over the same connection."""

    def __init__(self, settings: Settings, *, label: str | None = None, is_embedded: bool = False) -> None:
        """`label` is shown for the server (default: its address); `is_embedded` says that it is our own child."""
        super().__init__(AsyncClient(settings, program="naq-console"))
        self._settings = settings
        self._label = label or settings.server_label
        self._is_embedded = is_embedded
        self._frame = Frame()
        self._cluster = ClusterWatch(self._frame)
        self._lag = Lag()
        self._log_held: StreamRange | None = None
        """What the log held when it was last looked at."""
        self._is_other_store = asyncio.Event()
        """Set where the store is no longer the one that is read: made anew, or without what it stored last."""
        self._active = asyncio.Event()
        self._has_newest = asyncio.Event()
        """Set once the newest events are here, or can't be had for now."""
        self._has_results = False
        """Whether the newest results are here: how many there are is not told before."""
        self._is_open = False
        self._rtt_ms: float | None = None
        self._message = self._forbids = ""
        self._tasks: list[asyncio.Task[None]] = []
        self.commands = NatsCommands(lambda: self._client)

    async def batches(self) -> AsyncIterator[tuple[Update, ...]]:
        """See `Feed.batches`."""
        opening = asyncio.create_task(self._open(), name="feed-open")
        self._tasks.append(opening)
        self._tell_link("connecting")
        try:
            while True:
                await self._frame.wait()
                batch = self._frame.take(EVENTS_PER_FRAME)
                if batch:
                    yield batch
                await self._pause()
        finally:
            await self.close()

    async def _pause(self) -> None:
        """Between two frames. The newest events, which are looked at, wait for none."""
        if self._has_newest.is_set():
            await asyncio.sleep(FRAME_S)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FRAME_S):
                await self._has_newest.wait()

    async def close(self) -> None:
        """See `Feed.close`."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._is_open:
            self._is_open = False
            await self._client.close()

    async def _open(self) -> None:
        """Connect, however long it takes, and start the readers."""
        pause_s = RETRY_S
        while True:
            try:
                await self._client.open()
                break
            except NaqException as exc:
                self._message = str(exc)
                self._tell_link("failed")
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, MAX_RETRY_S)
                self._client = AsyncClient(self._settings, program="naq-console")
        self._is_open = True
        self._message = ""
        self._client.connection.on_state(self._on_state)
        try:
            await self._measure()
        except NaqException as exc:
            log.debug("the link is measured later: %s", exc)  # a round trip of a second is one that failed
        self._tell_link("connecting")  # ages of events need the server's clock
        while True:
            await self._read_store()
            self._frame.other_store()
            try:
                await ensure_topology(self._client.connection)
            except NaqException as exc:
                log.debug("what is missing can't be made: %s", exc)
                await self._pause_after(exc)

    async def _read_store(self) -> None:
        """Run all readers, until it is another store."""
        self._is_other_store.clear()
        self._log_held, self._has_results, self._lag = None, False, Lag()
        readers: list[asyncio.Task[None]] = []

        def begin(name: str, reading: Coroutine[Any, Any, None]) -> None:
            readers.append(asyncio.create_task(reading, name=f"feed-{name}"))

        try:
            # the newest events are asked for first: they are what is looked at
            begin("events", self._keep_reading(self._follow_events))
            await self._look_at_permissions()
            self._tell_live()
            for name, read in (
                ("workers", self._watch_workers),
                ("schedules", self._watch_schedules),
                ("results", self._watch_results),
                ("queues", self._sample_queues),
                ("link", self._watch_link),
            ):
                begin(name, self._keep_reading(read))
            begin("past", self._read_past())
            begin("cluster", self._cluster.run(self._client.connection))
            await self._is_other_store.wait()
        finally:
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, return_exceptions=True)

    async def _look_at_permissions(self) -> None:
        from naq.doctor.permissions import forbids_acting

        try:
            self._forbids = await forbids_acting(self._client.connection)
        except NaqException as exc:
            log.debug("permissions: %s", exc)

    async def _pause_after(self, exc: NaqException) -> None:
        """Wait until it is worth reading again; what is not permitted is told."""
        self._has_newest.set()
        if not isinstance(exc, PermissionDeniedError):
            self._cluster.doubt()
            await asyncio.sleep(RETRY_S)
            return
        self._message = str(exc)
        self._tell_live()
        await asyncio.sleep(FORBIDDEN_RETRY_S)

    async def _read_past(self) -> None:
        """What the readers, who follow what is new, don't tell.

        The server searches the log for it, long where that is large: after the newest events, not beside them.
        """
        await self._has_newest.wait()
        while True:
            try:
                self._frame.put(JobsFound(await past.waiting_jobs(self._client)))
                async with contextlib.aclosing(past.past_failures(self._client)) as pieces:  # type: ignore[type-var]
                    async for failures in pieces:
                        await self._frame.failures(failures)
                await self._frame.failures((), is_all=True)
                return
            except NaqException as exc:
                log.debug("reading the past begins anew: %s", exc)
                await self._pause_after(exc)

    async def _keep_reading(self, read: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """A reader that fails begins anew: the console never goes blind in one pane."""
        while True:
            try:
                await read()
            except NaqException as exc:
                log.debug("reader %s begins anew: %s", read.__name__, exc)
                if isinstance(exc, JetStreamError) and exc.code == STREAM_NOT_FOUND:
                    self._is_other_store.set()
                await self._pause_after(exc)
            except Exception as exc:  # a mistake of ours: told, as nothing else on the screen would say so
                self._message = f"reading begins anew after {type(exc).__name__}: {exc}"
                self._tell_live()
                await asyncio.sleep(FORBIDDEN_RETRY_S)
            else:
                await asyncio.sleep(RETRY_S)

    async def _follow_events(self) -> None:
        held = await self._client.log.range()
        start = max(held.first_seq, held.last_seq - PAST_EVENTS + 1)
        self._log_held = self._log_held or held
        self._frame.range(held.first_seq, held.last_seq)
        self._lag.begin(held.last_seq)
        if not held.messages:
            self._has_newest.set()
        expected = start
        async for batch in self._client.events.follow(start_seq=start):
            if batch.is_caught_up or batch.events[-1].seq >= held.last_seq:
                self._has_newest.set()
            if not batch.events:
                continue
            self._active.set()
            if batch.events[0].seq < expected:  # numbers that stood for others
                self._is_other_store.set()
                return
            expected = batch.events[-1].seq + 1
            self._frame.events(batch.events)
            now = self._client.connection.server_now()
            if self._lag.arrived(batch.events, is_caught_up=batch.is_caught_up, now=now):
                self._tell_live()
            await self._frame.room(EVENTS_PER_FRAME * 4)  # what is too much waits on the server, not in our memory

    async def _watch_workers(self) -> None:
        async for batch in self._client.inspector.watch_workers():
            self._take("workers", batch.entries, worker_of)
            if batch.is_caught_up:
                self._frame.known("workers")

    async def _watch_schedules(self) -> None:
        async for batch in self._client.schedules.watch():
            self._take("schedules", batch.entries, schedule_of)
            if batch.is_caught_up:
                self._frame.known("schedules")

    async def _watch_results(self) -> None:
        bucket = self._client.results.bucket
        held = await stream_range(self._client.connection, bucket.stream)
        from_seq, entries = await past.newest_results(self._client, held)
        self._frame.results_from(from_seq)
        await self._take_results(entries)
        self._frame.total_results(held.messages)
        self._has_results = True
        async for entries in self._client.results.watch(held.last_seq + 1):
            await self._take_results(entries)

    async def _take_results(self, entries: Sequence[Entry]) -> None:
        async for entry, record in large.records(entries):
            if record is None:
                self._frame.remove("results", entry.key)
            elif isinstance(record, SerializationError):
                self._frame.malformed("results", entry.key, entry.value, str(record))
            else:
                self._frame.record("results", entry.key, record)

    async def _sample_queues(self) -> None:
        while True:
            self._active.clear()
            connection = self._client.connection
            if connection.state is LinkState.LIVE:
                queues = await self._client.inspector.queues()
                self._frame.put(QueuesSampled(tuple(queues), connection.server_now()))
                if self._has_results:
                    held = await stream_range(connection, self._client.results.bucket.stream)
                    self._frame.total_results(held.messages)
                log_range = await self._look_at_log()
                self._frame.range(log_range.first_seq, log_range.last_seq)
                if self._lag.holds(log_range.last_seq):
                    self._tell_live()
            await asyncio.sleep(SAMPLE_S)
            try:
                async with asyncio.timeout(IDLE_SAMPLE_S - SAMPLE_S):
                    await self._active.wait()
            except TimeoutError:
                continue

    async def _look_at_log(self) -> StreamRange:
        """What the log holds now; notices where it is no longer the one that is read."""
        held = await self._client.log.range()
        before, self._log_held = self._log_held or held, held
        if held.made_at != before.made_at or held.last_seq < before.last_seq:
            self._is_other_store.set()
        return held

    async def _watch_link(self) -> None:
        while True:
            await asyncio.sleep(CLOCK_S)
            if self._client.connection.state is LinkState.LIVE:
                await self._measure()
                self._tell_live()

    async def _measure(self) -> None:
        await self._client.connection.sync_clock()
        self._rtt_ms = await self._client.connection.round_trip() * 1000

    def _on_state(self, state: LinkState) -> None:
        if state is LinkState.LIVE:
            self._message = ""
            self._active.set()
            self._cluster.doubt()
            self._tell_link("live")
        elif state is LinkState.LOST:
            told = self._client.connection.lost_because
            self._message = told or f"the connection to {self._settings.server_label} is lost, trying again"
            self._tell_link("lost")

    def _tell_live(self) -> None:
        """Tell of the link as it is; one that was lost meanwhile has been told of as lost."""
        if self._client.connection.state is LinkState.LIVE:
            self._tell_link("live")

    def _tell_link(self, state: Any) -> None:
        connection = self._client.connection
        offset: timedelta = connection.clock_offset
        version = ".".join(str(part) for part in connection.server_version) if self._is_open else ""
        self._frame.put(
            LinkChanged(
                state=state,
                server_label=self._label,
                server_version=version,
                rtt_ms=self._rtt_ms,
                message=self._message,
                forbids=self._forbids,
                clock_offset_s=offset.total_seconds(),
                at=utcnow(),
                is_embedded=self._is_embedded,
                behind_at=self._lag.since,
            )
        )

    def _take(self, where: str, entries: Iterable[Entry], read: Callable[[Entry], Any]) -> None:
        for entry in entries:
            if entry.is_deleted:
                self._frame.remove(where, entry.key)
                continue
            try:
                self._frame.record(where, entry.key, read(entry))
            except SerializationError as exc:
                self._frame.malformed(where, entry.key, entry.value, str(exc))
