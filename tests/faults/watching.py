"""What the log tells while a fault run lasts: which workers are up, who leads, which jobs have not ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager

from naq.client import AsyncClient
from naq.models.event import JobEvent
from naq.models.job import FINAL_STATUSES
from naq.models.times import parse_time


class Watch:
    """Follows the log from its beginning, through every outage."""

    def __init__(self) -> None:
        self.open: set[str] = set()
        """Jobs told of that have not ended."""
        self.ended = 0
        self.runs_again = 0
        self.ids: dict[int, str] = {}
        """Worker and scheduler ids by process id."""
        self.gone: set[str] = set()
        """Those told as stopped or lost."""
        self.leader: str | None = None
        self.fired: dict[str, float] = {}
        """When the newest run of each schedule was due, in seconds since 1970."""
        self._final: set[str] = set()
        self._news = asyncio.Condition()

    @asynccontextmanager
    async def following(self, client: AsyncClient) -> AsyncIterator[Watch]:
        task = asyncio.create_task(self._follow(client))
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def until(self, is_so: Callable[[], bool], within_s: float) -> bool:
        """Wait until the log has told something; False where it did not in time."""
        try:
            async with asyncio.timeout(within_s), self._news:
                await self._news.wait_for(is_so)
        except TimeoutError:
            return is_so()
        return True

    async def up(self, pid: int, within_s: float = 30.0) -> bool:
        """Wait until the process has told that it serves."""
        return await self.until(lambda: pid in self.ids, within_s)

    async def _follow(self, client: AsyncClient) -> None:
        async with aclosing(client.events.follow()) as batches:  # type: ignore[type-var]
            async for batch in batches:
                for stored in batch.events:
                    if stored.event is not None:
                        self._take(stored.event)
                async with self._news:
                    self._news.notify_all()

    def _take(self, event: JobEvent) -> None:
        kind, job_id, worker_id, details = event.type, event.job_id, event.worker_id, event.details or {}
        if kind == "WORKER_STARTED" and worker_id is not None:
            self.ids[int(details.get("pid", 0))] = worker_id
        elif kind in ("WORKER_STOPPED", "WORKER_LOST") and worker_id is not None:
            self.gone.add(worker_id)
        elif kind == "SCHEDULE_TRIGGERED" and event.schedule_id is not None and (due := parse_time(details.get("due"))):
            self.fired[event.schedule_id] = due.timestamp()
        elif kind == "LEADER_ELECTED":
            self.leader = worker_id
        elif kind == "ENQUEUED" and job_id is not None and job_id not in self._final:
            self.open.add(job_id)
        elif kind == "STARTED" and (details.get("redelivered") or details.get("crashes")):
            self.runs_again += 1
        elif kind in FINAL_STATUSES and job_id is not None:
            self.open.discard(job_id)
            if job_id not in self._final:
                self._final.add(job_id)
                self.ended += 1

    def has_ended(self, job_id: str) -> bool:
        return job_id in self._final
