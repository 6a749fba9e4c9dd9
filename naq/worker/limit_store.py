"""The bucket `naq_limits`: when each rate key is free next, and who runs under each concurrency key.

Everything is written by compare-and-set, so workers at one key can't both take the last place. What a crash does: a
rate's place taken by a worker that dies is not used. A run's place names its worker; where that worker is dead by its
heartbeat (silent for the ack wait), or alive and long without that job, the next one who wants the place takes it.
"""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from typing import Any, NamedTuple

from naq import codec
from naq.connection import Connection
from naq.errors import ConflictError, SerializationError
from naq.inspector import Inspector
from naq.kv import Bucket, Entry
from naq.limits import ConcurrencyLimit, RateLimit, reserve
from naq.models.times import format_time, parse_time
from naq.worker.status import MAX_RUNNING_LISTED

MAX_TRIES = 40
WORKERS_CACHE_S = 0.5
IDLE_TTL_S = 60.0
"""Seconds after which the server removes the record of a key nobody uses (from nats-server 2.11 on)."""


class Reservation(NamedTuple):
    """A place in a rate."""

    start_at: float
    """Server's clock, seconds: when it may start, or might if it asked again then."""
    is_taken: bool


class LimitStore:
    """Takes and gives back places for one worker."""

    def __init__(self, connection: Connection, worker_id: str) -> None:
        self._connection = connection
        self._worker_id = worker_id
        self.bucket = Bucket(connection, connection.names.limits)
        self._inspector = Inspector(connection)
        self._alive: tuple[float, dict[str, frozenset[str] | None]] = (float("-inf"), {})

    def now(self) -> float:
        """The server's clock in seconds."""
        return self._connection.server_now().timestamp()

    async def reserve(self, limit: RateLimit, horizon_s: float) -> Reservation:
        """Take the next start of a rate, unless it is further away than `horizon_s`."""
        for attempt in range(MAX_TRIES):
            entry = await self.bucket.get(limit.bucket_key)
            record = _record(entry)
            free_at = codec.number(record, "free_at", 0.0)
            now = self.now()
            place = reserve(free_at, now, limit.interval_s, horizon_s)
            if place is None:
                return Reservation(free_at, False)
            ttl_s = place[1] - now + IDLE_TTL_S
            if await self._write(entry, limit.bucket_key, {**record, "free_at": place[1]}, ttl_s, attempt):
                return Reservation(place[0], True)
        return Reservation(self.now() + horizon_s, False)

    async def take(self, limit: ConcurrencyLimit, job_id: str) -> bool | None:
        """Take a place for a run; False where all are taken, None where this job runs under it elsewhere."""
        for attempt in range(MAX_TRIES):
            entry = await self.bucket.get(limit.bucket_key)
            holders = holders_of(entry)
            mine = holders.pop(job_id, None)
            if mine is not None and mine.get("worker") != self._worker_id and await self._living({job_id: mine}):
                return None
            if len(holders) >= limit.count:
                holders = await self._living(holders)
                if len(holders) >= limit.count:
                    return False
            holders[job_id] = {"worker": self._worker_id, "at": format_time(self._connection.server_now())}
            if await self._write(entry, limit.bucket_key, {**_record(entry), "holders": holders}, None, attempt):
                return True
        return False

    async def give_back(self, limit: ConcurrencyLimit, job_id: str) -> None:
        """Let go of a run's place, where it is still this worker's."""
        for attempt in range(MAX_TRIES):
            entry = await self.bucket.get(limit.bucket_key)
            holders = holders_of(entry)
            mine = holders.pop(job_id, None)
            if mine is None or mine.get("worker") != self._worker_id:
                return
            ttl_s = None if holders else IDLE_TTL_S
            if await self._write(entry, limit.bucket_key, {**_record(entry), "holders": holders}, ttl_s, attempt):
                return

    async def _write(
        self, entry: Entry | None, key: str, record: dict[str, Any], ttl_s: float | None, attempt: int
    ) -> bool:
        if self._connection.server_version < (2, 11, 0):
            ttl_s = None
        try:
            if entry is None:
                await self.bucket.create(key, codec.dumps(record), ttl_s=ttl_s)
            else:
                await self.bucket.update(key, codec.dumps(record), revision=entry.revision, ttl_s=ttl_s)
        except ConflictError:
            # somebody got ahead, so the key makes progress; those who lost spread out
            await asyncio.sleep(random.uniform(0, 0.002 * min(attempt + 1, 10)))
            return False
        return True

    async def _living(self, holders: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """Those of `holders` whose run may still go on."""
        loop = asyncio.get_running_loop()
        ack_wait = timedelta(seconds=self._connection.settings.ack_wait_s)
        if loop.time() - self._alive[0] > WORKERS_CACHE_S:
            # with jobs in hand a worker beats at every lease renewal: one silent for the ack wait has lost them
            since = self._connection.server_now() - ack_wait * 0.9
            self._alive = (
                loop.time(),
                {
                    worker.worker_id: None
                    if len(worker.running) >= MAX_RUNNING_LISTED
                    else frozenset(job.job_id for job in worker.running)
                    for worker in await self._inspector.workers()
                    if worker.beat_at is not None and worker.beat_at > since
                },
            )
        alive, young = self._alive[1], self._connection.server_now() - ack_wait
        living = {}
        for job_id, holder in holders.items():
            worker_id, at = holder.get("worker"), parse_time(holder.get("at"))
            if not isinstance(worker_id, str) or worker_id not in alive:
                continue
            running = alive[worker_id]
            if running is None or job_id in running or (at is not None and at > young):
                living[job_id] = holder
        return living


def holders_of(entry: Entry | None) -> dict[str, dict[str, Any]]:
    """Who runs under a concurrency key, by job id; what can't be read holds no place."""
    holders = _record(entry).get("holders")
    if not isinstance(holders, dict):
        return {}
    return {job_id: holder for job_id, holder in holders.items() if isinstance(holder, dict)}


def _record(entry: Entry | None) -> dict[str, Any]:
    try:
        record = None if entry is None else codec.loads(entry.value)
    except SerializationError:
        return {}
    return record if isinstance(record, dict) else {}
