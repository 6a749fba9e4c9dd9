"""The keeper: heartbeats and lease renewals from a thread with its own loop and connection.

A job that blocks the worker's event loop stops neither: its lease is renewed and the worker is shown as blocked, not
dead, and nothing is delivered twice. When the whole process dies, the keeper dies with it, and both stop at once.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from typing import Protocol

import nats.errors

from naq.connection import Connection
from naq.errors import NaqException
from naq.kv import Bucket
from naq.settings import Settings
from naq.worker.status import WorkerStatusManager

log = logging.getLogger(__name__)

EARLY_BEAT_GAP_S = 0.5
"""A change of status is told at once, but not more often than this."""
PROBE_S = 1.0
"""How often a busy worker's event loop is asked whether it still turns."""
RETRY_S = 0.25


class Leased(Protocol):
    """Something with a delivery, which may be replaced."""

    @property
    def reply(self) -> str: ...


class Keeper:
    """Keeps one worker (or scheduler) known and its jobs leased."""

    def __init__(self, settings: Settings, status: WorkerStatusManager) -> None:
        self._settings = settings
        self._status = status
        self._leases: dict[str, Leased] = {}
        self._worker_loop = asyncio.get_running_loop()
        self._probe_sent: float | None = None
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake: asyncio.Event | None = None
        self._is_woken = False
        self._stop = False
        self._forget = False
        self._thread = threading.Thread(target=self._run, name=f"keeper-{status.worker_id}", daemon=True)

    async def start(self) -> None:
        """Start the thread and wait for the first heartbeat to be stored.

        Raises:
            NaqException: its connection could not be made.
        """
        self._thread.start()
        await asyncio.to_thread(self._ready.wait)
        if self._failure is not None:
            raise self._failure
        self._status.on_change = self.wake

    async def stop(self, *, forget: bool) -> None:
        """Stop the thread; with `forget` remove the heartbeat record, since nobody died."""
        self._status.on_change = lambda: None
        self._forget = forget
        self._stop = True
        self._is_woken = False
        self.wake()
        await asyncio.to_thread(self._thread.join, 5)

    def hold(self, key: str, leased: Leased) -> None:
        """Renew the delivery of `leased` until `release(key)`."""
        self._leases[key] = leased

    def release(self, key: str) -> None:
        self._leases.pop(key, None)

    def wake(self) -> None:
        """Tell the keeper's thread that something changed; callable from any thread.

        Until that is told by a heartbeat, more changes wake nobody: a switch of threads for each job would be dear.
        """
        if self._is_woken:
            return
        self._is_woken = True
        loop, wake = self._loop, self._wake
        if loop is not None and wake is not None and not loop.is_closed():
            try:
                loop.call_soon_threadsafe(wake.set)
            except RuntimeError:
                return  # the loop closed in between: the worker is going down

    def _run(self) -> None:
        try:
            asyncio.run(self._keep())
        except BaseException as exc:
            self._failure = exc
            if self._ready.is_set():
                log.exception("the keeper died: this worker will be seen as dead")
        finally:
            self._ready.set()

    async def _keep(self) -> None:
        self._loop, self._wake = asyncio.get_running_loop(), asyncio.Event()
        async with Connection(self._settings, name=f"{self._status.worker_id} keeper") as connection:
            # a server that came back should hear at once who runs what
            connection.on_state(lambda _state: self.wake())
            bucket = Bucket(connection, connection.names.workers)
            await bucket.put(self._status.worker_id, self._status.record().to_wire())
            self._ready.set()
            now = time.monotonic()
            renewal_s = self._settings.ack_wait_s / 3
            next_beat, next_renewal, last_beat = now + self._status.heartbeat_interval_s, now + renewal_s, now
            while not self._stop:
                due = min(next_beat, next_renewal, now + PROBE_S) if self._leases else next_beat
                try:
                    async with asyncio.timeout(max(0.0, due - time.monotonic())):
                        await self._wake.wait()
                    self._wake.clear()
                    next_beat = min(next_beat, max(time.monotonic(), last_beat + EARLY_BEAT_GAP_S))
                except TimeoutError:
                    pass
                now = time.monotonic()
                if self._leases or now >= next_beat:
                    self._probe(now)
                if now >= next_renewal:
                    next_renewal = now + renewal_s
                    if self._leases:
                        await self._renew(connection)
                        # whoever is given one of these jobs again looks here for a sign of life as fresh as the lease
                        next_beat = now
                if now >= next_beat:
                    last_beat, next_beat = now, now + self._status.heartbeat_interval_s
                    await self._beat(bucket)
            if self._forget:
                await self._forget_record(bucket)
            else:
                await self._beat(bucket)

    async def _beat(self, bucket: Bucket) -> None:
        self._is_woken = False
        try:
            # a beat that can't be stored soon is worth nothing: the next one is newer
            await bucket.put(self._status.worker_id, self._status.record().to_wire(), patience_s=2.0)
        except NaqException as exc:
            log.debug("heartbeat not stored: %s", exc)

    async def _forget_record(self, bucket: Bucket) -> None:
        try:
            await bucket.delete(self._status.worker_id, patience_s=2.5)
        except NaqException as exc:
            log.debug("heartbeat record not removed: %s", exc)

    async def _renew(self, connection: Connection) -> None:
        for leased in list(self._leases.values()):
            try:
                await connection.client.publish(leased.reply, b"+WPI")
            except (nats.errors.Error, OSError):
                log.debug("lease not renewed", exc_info=True)
                return

    def _probe(self, now: float) -> None:
        """Measure how late the worker's loop answers; an unanswered probe grows until it is answered."""
        if self._probe_sent is not None:
            self._status.loop_lag_ms = round((now - self._probe_sent) * 1000, 1)
            return
        self._probe_sent = now
        try:
            self._worker_loop.call_soon_threadsafe(self._answer)
        except RuntimeError:
            return  # the worker's loop is closed: it is going down

    def _answer(self) -> None:
        if self._probe_sent is not None:
            self._status.loop_lag_ms = round((time.monotonic() - self._probe_sent) * 1000, 1)
            self._probe_sent = None
