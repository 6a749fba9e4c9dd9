"""What an operator does, done over the console's own connection. Every act leaves an event with the actor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from naq.client import AsyncClient


class NatsCommands:
    """Implements `Commands`."""

    def __init__(self, client: Callable[[], AsyncClient]) -> None:
        """`client` gives the one of the moment: the feed makes a new one where connecting failed."""
        self._client = client

    async def pause_schedule(self, schedule_id: str, *, reason: str | None = None) -> None:
        await self._client().schedules.pause(schedule_id, reason=reason)

    async def resume_schedule(self, schedule_id: str, *, reason: str | None = None) -> None:
        await self._client().schedules.resume(schedule_id, reason=reason)

    async def cancel_schedule(self, schedule_id: str, *, reason: str | None = None) -> None:
        await self._client().schedules.cancel(schedule_id, reason=reason)

    async def trigger_schedule(self, schedule_id: str, *, reason: str | None = None) -> str:
        return (await self._client().schedules.trigger(schedule_id, reason=reason)).job_id

    async def modify_schedule(self, schedule_id: str, changes: Mapping[str, Any], *, reason: str | None = None) -> None:
        await self._client().schedules.modify(schedule_id, reason=reason, **changes)

    async def pause_queue(self, queue: str, *, reason: str | None = None) -> None:
        await self._client().pause_queue(queue, reason=reason)

    async def resume_queue(self, queue: str, *, reason: str | None = None) -> None:
        await self._client().resume_queue(queue, reason=reason)

    async def purge_queue(self, queue: str, *, reason: str | None = None) -> int:
        return await self._client().purge_queue(queue, reason=reason)

    async def retry_job(self, job_id: str, *, reason: str | None = None) -> None:
        await self._client().retry_job(job_id, reason=reason)

    async def cancel_job(self, job_id: str, *, reason: str | None = None) -> str:
        return str(await self._client().cancel(job_id, reason=reason))

    async def delete_job(self, job_id: str, *, reason: str | None = None) -> None:
        await self._client().delete_job(job_id, reason=reason)

    async def clone_job(self, job_id: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
        job = await self._client().clone_job(job_id, args=args, kwargs=kwargs, is_packed=True)
        return job.job_id

    async def stop_worker(self, worker_id: str, *, now: bool = False, reason: str | None = None) -> None:
        await self._client().stop_worker(worker_id, now=now, reason=reason)

    async def forget_worker(self, worker_id: str, *, reason: str | None = None) -> None:
        await self._client().forget_worker(worker_id, reason=reason)
