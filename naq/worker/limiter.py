"""Holds back jobs whose limit is exhausted, without holding a slot of the worker.

A job that may start soon, whose rate has room later, or whose place another run gives back, waits here with its
delivery leased, and comes back through the intake; it was handed out once and stays so. What is beyond `MAX_WAITING`
goes back to the server with a delay: it comes again as a redelivery that no run has left a trace of, so no attempt and
no crash is counted. First come, first served within a worker; between workers, whoever asks first when there is room.

What a crash does: what waits here is delivered again after the ack wait, as any job of a dead worker; places it held
are judged by `naq.worker.limit_store`.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import logging
import math
import random
from collections.abc import Callable
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

import nats.errors

from naq import backlog, codec
from naq.connection import Connection
from naq.delivery import Received
from naq.errors import NaqException
from naq.kv import Entry
from naq.limits import ConcurrencyLimit, Limit, RateLimit
from naq.models.job import Job
from naq.models.times import utcnow
from naq.topology import NANOSECONDS
from naq.worker.limit_store import LimitStore, holders_of

log = logging.getLogger(__name__)

HORIZON_S = 1.0
"""How far ahead a worker reserves starts of a rate and waits for them itself."""
MAX_WAITING = 1_000
"""Jobs one worker holds back itself."""
RECHECK_S = 0.5
"""A waiting job asks again at least this often: its place's holder may have died."""
SETTLE_S = 0.003
"""A write is passed on a moment before it can be read."""
MAX_BACK_OFF_S = 15.0
MAX_TURN_S = 300.0


class Waiting(NamedTuple):
    """A job that waits for a place, oldest first."""

    stream_seq: int
    order: int
    limit: Limit
    received: Received


class Limiter:
    """Admits jobs with limits for one worker; one without never comes here."""

    def __init__(
        self,
        connection: Connection,
        worker_id: str,
        *,
        resume: Callable[[Received], None],
        let_go: Callable[[Received], None],
    ) -> None:
        """Args:
        resume: takes a job that waited, to be asked about again once it has a slot.
        let_go: told of a delivery that went back, whose lease is not renewed any more.
        """
        self._connection = connection
        self._resume = resume
        self._let_go = let_go
        self._store = LimitStore(connection, worker_id)
        self._held: dict[str, list[ConcurrencyLimit]] = {}
        self._permits: dict[str, float] = {}
        self._timers: dict[asyncio.TimerHandle, Received] = {}
        self._waiting: dict[str, list[Waiting]] = {}
        self._paces: dict[str, asyncio.TimerHandle] = {}
        self._has_waited: set[str] = set()
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._trying: set[str] = set()
        self._noticed: set[str] = set()
        self._order = itertools.count()
        self._subscription: Any = None
        self._recheck: asyncio.TimerHandle | None = None
        self._is_closed = False

    @property
    def waiting(self) -> int:
        """Jobs held back here."""
        return len(self._timers) + sum(map(len, self._waiting.values()))

    async def admit(self, job: Job, received: Received) -> bool:
        """Whether the job may start now; if not it is looked after here, and its delivery stays leased or goes back.

        Raises:
            NaqConnectionError: the server does not answer; what was taken is given back or found stale later.
        """
        if received.reply in self._has_waited:
            self._has_waited.discard(received.reply)
            if not await backlog.is_waiting(self._connection, received.delivery.stream_seq):
                self._let_go(received)  # purged or deleted while it waited: whoever did has told it
                return False
        slots = sorted((li for li in job.limits if isinstance(li, ConcurrencyLimit)), key=lambda li: li.bucket_key)
        if slots and self._subscription is None:
            self._subscription = await self._connection.client.subscribe(
                f"$KV.{self._store.bucket.name}.slots.>", cb=self._on_write
            )
        for limit in slots:
            async with self._lock(limit.bucket_key):
                if not await self._take(limit, job, received):
                    await self.release(job)
                    return False
        rates = [limit for limit in job.limits if isinstance(limit, RateLimit)]
        if rates and not await self._keep_pace(job, rates, received):
            await self.release(job)
            return False
        return True

    async def release(self, job: Job) -> None:
        """Give back the places of a job that ended, or does not start after all; never raises."""
        for limit in self._held.pop(job.job_id, ()):
            try:
                await self._store.give_back(limit, job.job_id)
            except NaqException as exc:
                log.debug("place of %s under %s not given back, it runs out: %s", job.job_id, limit.key, exc)

    async def close(self) -> None:
        """Send everything that waits back to its queue."""
        self._is_closed = True
        if self._recheck is not None:
            self._recheck.cancel()
        for timer in (*self._timers, *self._paces.values()):
            timer.cancel()
        for received in [*self._timers.values(), *(w.received for heap in self._waiting.values() for w in heap)]:
            await self._send_back(received, None)
        self._timers.clear()
        self._waiting.clear()
        if self._subscription is not None:
            with contextlib.suppress(nats.errors.Error, OSError):
                await self._subscription.unsubscribe()

    async def _take(self, limit: ConcurrencyLimit, job: Job, received: Received) -> bool:
        key = limit.bucket_key
        ahead = self._waiting.get(key)
        if ahead and ahead[0].stream_seq < received.delivery.stream_seq:
            await self._wait(limit, received)
            return False
        self._trying.add(key)
        try:
            taken = await self._store.take(limit, job.job_id)
        finally:
            self._trying.discard(key)
        if taken is False:
            await self._wait(limit, received)  # where it runs elsewhere (None) the claim will say so
            if key in self._noticed:
                self._noticed.discard(key)
                self._wake(key)
            return False
        self._noticed.discard(key)
        if taken:
            self._held.setdefault(job.job_id, []).append(limit)
        return True

    async def _keep_pace(self, job: Job, rates: list[RateLimit], received: Received) -> bool:
        permit = self._permits.pop(job.job_id, None)
        now = self._store.now()
        if permit is not None and permit <= now <= permit + min(limit.late_s for limit in rates):
            return True
        start_at = now if permit is None or permit <= now else permit
        for limit in rates if start_at <= now else ():
            key = limit.bucket_key
            async with self._lock(key):
                ahead = self._waiting.get(key)
                if ahead and ahead[0].stream_seq < received.delivery.stream_seq:
                    await self._wait(limit, received)
                    return False
                place = await self._store.reserve(limit, HORIZON_S)
                if not place.is_taken:
                    await self._wait(limit, received, free_at=place.start_at)
                    return False
            start_at = max(start_at, place.start_at)
        delay_s = start_at - self._store.now()
        if delay_s <= 0:
            return True
        if self._is_closed:
            await self._send_back(received, None)
            return False
        self._permits[job.job_id] = start_at
        self._wait_until(delay_s, received)
        return False

    def _wait_until(self, delay_s: float, received: Received) -> None:
        def due() -> None:
            del self._timers[timer]
            self._resume(received)

        if len(self._permits) > 2 * MAX_WAITING:  # some are of jobs that went back in between
            now = self._store.now()
            self._permits = {job_id: at for job_id, at in self._permits.items() if at > now - HORIZON_S}
        timer = asyncio.get_running_loop().call_later(delay_s, due)
        self._timers[timer] = received
        self._has_waited.add(received.reply)

    async def _wait(self, limit: Limit, received: Received, *, free_at: float | None = None) -> None:
        """Hold the job back; `free_at` is when its rate was said to be free next, None where it was not asked."""
        key, loop = limit.bucket_key, asyncio.get_running_loop()
        if self._is_closed:
            await self._send_back(received, None)
            return
        if self.waiting >= MAX_WAITING:
            back_off = min(MAX_BACK_OFF_S, RECHECK_S * 2.0 ** min(received.delivery.deliveries, 10))
            if isinstance(limit, RateLimit):
                # come again when about half of those ahead have gone
                back_off = min(MAX_TURN_S, max(RECHECK_S, len(self._waiting.get(key, ())) * limit.interval_s / 2))
            await self._send_back(received, back_off * random.uniform(0.5, 1.0))
            return
        waiting = Waiting(received.delivery.stream_seq, next(self._order), limit, received)
        heapq.heappush(self._waiting.setdefault(key, []), waiting)
        self._has_waited.add(received.reply)
        if isinstance(limit, RateLimit):
            if key not in self._paces:
                delay_s = 0.0 if free_at is None else free_at - self._store.now() - HORIZON_S / 2
                self._paces[key] = loop.call_later(max(RECHECK_S / 10, delay_s), self._wake_at_pace, key)
        elif self._recheck is None:
            self._recheck = loop.call_later(RECHECK_S, self._check_again)

    def _wake_at_pace(self, key: str) -> None:
        """Let as many ask for a start as half the horizon has room for; those refused wait on."""
        del self._paces[key]
        heap = self._waiting.get(key)
        if not heap:
            return
        limit = heap[0].limit
        assert isinstance(limit, RateLimit)
        for _ in range(max(1, math.ceil(HORIZON_S / 2 / limit.interval_s))):
            self._wake(key)
        if key in self._waiting:
            # not in step with other workers, or the same one would always ask first
            pause_s = max(HORIZON_S / 2, limit.interval_s / 2) * random.uniform(0.5, 1.0)
            self._paces[key] = asyncio.get_running_loop().call_later(pause_s, self._wake_at_pace, key)

    def _check_again(self) -> None:
        self._recheck = None
        keys = [key for key, heap in self._waiting.items() if isinstance(heap[0].limit, ConcurrencyLimit)]
        for key in keys:
            self._wake(key)
        if keys:
            self._recheck = asyncio.get_running_loop().call_later(RECHECK_S, self._check_again)

    async def _on_write(self, message: Any) -> None:
        """A place may have come free; the write may also have been refused, so this is only a hint."""
        key = message.subject.removeprefix(f"$KV.{self._store.bucket.name}.")
        heap = self._waiting.get(key)
        if not heap and key not in self._trying:
            return
        holders = len(holders_of(Entry(key, message.data, 0, utcnow())))
        if heap and holders < heap[0].limit.count:
            asyncio.get_running_loop().call_later(SETTLE_S, self._wake, key)
        elif key in self._trying:
            self._noticed.add(key)

    def _wake(self, key: str) -> None:
        heap = self._waiting.get(key)
        if not heap:
            return
        received = heapq.heappop(heap).received
        if not heap:
            del self._waiting[key]
        self._resume(received)

    async def _send_back(self, received: Received, delay_s: float | None) -> None:
        kind = b"-NAK"
        if delay_s is not None:
            kind += b" " + codec.dumps({"delay": int(max(0.02, delay_s) * NANOSECONDS)})
        self._connection.outbox.ack(received.reply, kind)
        self._has_waited.discard(received.reply)
        self._let_go(received)

    def _lock(self, key: str) -> asyncio.Lock:
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = asyncio.Lock()
        return lock
