"""What an operator does, done over the console's own connection. Every act leaves an event with the actor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from naq.actor import current_actor
from naq.client import AsyncClient
from naq.ids import uuid7
from naq.models.event import JobEvent, JobEventType

IDS_TOLD = 100
"""Job ids that the event of an action names; the events of the jobs carry the action's id."""


class NatsCommands:
    """Implements `Commands`."""

    def __init__(self, client: Callable[[], AsyncClient]) -> None:
        """`client` gives the one of the moment: the feed makes a new one where connecting failed."""
        self._client = client

    async def begin(self, verb: str, job_ids: Sequence[str], *, reason: str | None = None) -> str:
        action_id = uuid7()
        details = {"action": f"{verb} jobs", "jobs": len(job_ids), "job_ids": list(job_ids[:IDS_TOLD])}
        await self._tell(action_id, details, reason)
        return action_id

    async def finish(self, action_id: str, verb: str, *, done: int, refused: int) -> None:
        await self._tell(action_id, {"action": f"{verb} jobs", "done": done, "refused": refused}, None)

    async def _tell(self, action_id: str, details: Mapping[str, Any], reason: str | None) -> None:
        actor = current_actor("naq-console")
        event = JobEvent.of(
            JobEventType.OPERATOR_ACTION, action_id=action_id, actor=actor, reason=reason, details=dict(details)
        )
        await self._client().events.write(event)

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

    async def retry_job(self, job_id: str, *, reason: str | None = None, action_id: str | None = None) -> None:
        await self._client().retry_job(job_id, reason=reason, action_id=action_id)

    async def cancel_job(self, job_id: str, *, reason: str | None = None) -> str:
        return str(await self._client().cancel(job_id, reason=reason))

    async def delete_job(self, job_id: str, *, reason: str | None = None) -> None:
        await self._client().delete_job(job_id, reason=reason)

    async def clone_job(
        self, job_id: str, args: Sequence[Any], kwargs: Mapping[str, Any], *, reason: str | None = None
    ) -> str:
        job = await self._client().clone_job(job_id, args=args, kwargs=kwargs, is_packed=True, reason=reason)
        return job.job_id

    async def stop_worker(self, worker_id: str, *, now: bool = False, reason: str | None = None) -> None:
        await self._client().stop_worker(worker_id, now=now, reason=reason)

    async def forget_worker(self, worker_id: str, *, reason: str | None = None) -> None:
        await self._client().forget_worker(worker_id, reason=reason)
