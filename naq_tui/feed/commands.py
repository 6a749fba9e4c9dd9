"""What an operator does, done over the console's own connection.

Every act leaves events with the actor and one action id: that of the record it is done to (`naq`); of many,
OPERATOR_ACTION before and after them; what leaves no event of its own, OPERATOR_ACTION alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from naq.actor import current_actor
from naq.calls import Call, check_options, job_of
from naq.client import AsyncClient
from naq.connection import LinkState
from naq.errors import NaqConnectionError
from naq.ids import uuid7
from naq.models.event import JobEvent, JobEventType
from naq.names import DEFAULT_QUEUE
from naq_tui.format import many

LINK_WITHIN_S = 5.0
"""How long an act waits for a link that is down: an action on many outlasts that of a server started again."""
LOCAL_PATIENCE_S = 5.0
IDS_TOLD = 100
"""Ids that the event of an action on many names; the events of each of them carry the action's id."""


class NatsCommands:
    """Implements `Commands`."""

    def __init__(self, client: Callable[[], AsyncClient]) -> None:
        """`client` gives the one of the moment: the feed makes a new one where connecting failed."""
        self._client = client

    async def _connected(self) -> AsyncClient:
        """The client, once its link is up: what is asked for while it is down is not left with it, to be sent when it
        is back and nobody waits for it any more.

        Raises:
            NaqConnectionError: it is not up within `LINK_WITHIN_S`; nothing was sent.
        """
        client = self._client()
        connection = client.connection
        if connection.state is LinkState.LIVE:
            return client
        is_up = asyncio.Event()
        stop = connection.on_state(lambda state: is_up.set() if state is LinkState.LIVE else None)
        try:
            async with asyncio.timeout(LINK_WITHIN_S):
                await is_up.wait()
        except TimeoutError:
            raise NaqConnectionError(f"nothing was sent: no connection to {connection.settings.server_label}") from None
        finally:
            stop()
        return client

    async def begin(self, verb: str, noun: str, keys: Sequence[str], *, reason: str | None = None) -> str:
        action_id, nouns = uuid7(), many(noun)
        named = "queue_names" if noun == "queue" else f"{noun}_ids"
        details = {"action": f"{verb} {nouns}", nouns: len(keys), named: list(keys[:IDS_TOLD])}
        await self._tell(action_id, details, reason)
        return action_id

    async def finish(self, action_id: str, verb: str, noun: str, *, done: int, refused: int) -> None:
        await self._tell(action_id, {"action": f"{verb} {many(noun)}", "done": done, "refused": refused}, None)

    async def tell(self, action: str, details: Mapping[str, Any], *, reason: str | None = None) -> str:
        action_id = uuid7()
        event = _action(action_id, {"action": action, **details}, reason)
        await self._client().events.write(event, patience_s=LOCAL_PATIENCE_S)
        return action_id

    async def _tell(self, action_id: str, details: Mapping[str, Any], reason: str | None, **about: str | None) -> None:
        await (await self._connected()).events.write(_action(action_id, details, reason, **about))

    async def enqueue_job(
        self,
        call: Call,
        options: Mapping[str, Any],
        *,
        due: datetime | timedelta | None = None,
        reason: str | None = None,
    ) -> str:
        client = await self._connected()
        if isinstance(due, timedelta):
            due = client.connection.server_now() + due
        if due is not None:
            return await self._enqueue_at(due, "enqueue job", call, options, reason)
        job = job_of(call, check_options(**options))
        action_id = await self._begin_making("enqueue job", call, job.queue_name, reason, job_id=job.job_id)
        extra = {"actor": _actor(), "action_id": action_id, **({} if reason is None else {"reason": reason})}
        queue = client.queue(job.queue_name)
        store = queue.store_once if job.is_id_given else queue.store
        return (await store(job, extra=extra)).job_id

    async def create_schedule(
        self, call: Call, options: Mapping[str, Any], *, run_at: datetime | None = None, reason: str | None = None
    ) -> str:
        if run_at is not None:
            return await self._enqueue_at(run_at, "create schedule", call, options, reason)
        schedule = (await self._connected()).schedules.draft_call(call, **options)
        action_id = await self._begin_making(
            "create schedule", call, schedule.queue, reason, schedule_id=schedule.schedule_id
        )
        options = {**options, "schedule_id": schedule.schedule_id}
        await (await self._connected()).schedules.schedule_call(call, reason=reason, action_id=action_id, **options)
        return schedule.schedule_id

    async def _enqueue_at(
        self, moment: datetime, action: str, call: Call, options: Mapping[str, Any], reason: str | None
    ) -> str:
        options = {**options, "job_id": options.get("job_id") or uuid7()}
        job_id = options["job_id"]
        queue = str(options.get("queue_name", DEFAULT_QUEUE))
        about = {"job_id": job_id, "schedule_id": job_id}
        action_id = await self._begin_making(action, call, queue, reason, **about)
        schedules = (await self._connected()).schedules
        return (await schedules.enqueue_call_at(moment, call, reason=reason, action_id=action_id, **options)).job_id

    async def _begin_making(self, action: str, call: Call, queue: str, reason: str | None, **ids: str) -> str:
        """Write into the log what is about to be made; returns the action's id, which is in the event of its making."""
        action_id = uuid7()
        await self._tell(action_id, {"action": action}, reason, function=str(call.function), queue=queue, **ids)
        return action_id

    async def pause_schedule(
        self, schedule_id: str, *, reason: str | None = None, action_id: str | None = None
    ) -> None:
        await (await self._connected()).schedules.pause(schedule_id, **_why(reason, action_id))

    async def resume_schedule(
        self, schedule_id: str, *, reason: str | None = None, action_id: str | None = None
    ) -> None:
        await (await self._connected()).schedules.resume(schedule_id, **_why(reason, action_id))

    async def cancel_schedule(
        self, schedule_id: str, *, reason: str | None = None, action_id: str | None = None
    ) -> None:
        await (await self._connected()).schedules.cancel(schedule_id, **_why(reason, action_id))

    async def trigger_schedule(
        self, schedule_id: str, *, reason: str | None = None, action_id: str | None = None
    ) -> str:
        return (await (await self._connected()).schedules.trigger(schedule_id, **_why(reason, action_id))).job_id

    async def modify_schedule(self, schedule_id: str, changes: Mapping[str, Any], *, reason: str | None = None) -> None:
        await (await self._connected()).schedules.modify(schedule_id, is_packed=True, **_why(reason), **changes)

    async def pause_queue(self, queue: str, *, reason: str | None = None, action_id: str | None = None) -> None:
        await (await self._connected()).pause_queue(queue, **_why(reason, action_id))

    async def resume_queue(self, queue: str, *, reason: str | None = None, action_id: str | None = None) -> None:
        await (await self._connected()).resume_queue(queue, **_why(reason, action_id))

    async def purge_queue(self, queue: str, *, reason: str | None = None, action_id: str | None = None) -> int:
        return await (await self._connected()).purge_queue(queue, **_why(reason, action_id))

    async def retry_job(self, job_id: str, *, reason: str | None = None, action_id: str | None = None) -> None:
        await (await self._connected()).retry_job(job_id, **_why(reason, action_id))

    async def cancel_job(self, job_id: str, *, reason: str | None = None, action_id: str | None = None) -> str:
        return str(await (await self._connected()).cancel(job_id, **_why(reason, action_id)))

    async def delete_job(self, job_id: str, *, reason: str | None = None, action_id: str | None = None) -> None:
        await (await self._connected()).delete_job(job_id, **_why(reason, action_id))

    async def clone_job(
        self,
        job_id: str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        *,
        new_id: str,
        reason: str | None = None,
        action_id: str | None = None,
    ) -> str:
        job = await (await self._connected()).clone_job(
            job_id, args=args, kwargs=kwargs, new_id=new_id, is_packed=True, **_why(reason, action_id)
        )
        return job.job_id

    async def stop_worker(
        self, worker_id: str, *, now: bool = False, reason: str | None = None, action_id: str | None = None
    ) -> None:
        await (await self._connected()).stop_worker(worker_id, now=now, **_why(reason, action_id))

    async def forget_worker(self, worker_id: str, *, reason: str | None = None, action_id: str | None = None) -> None:
        await (await self._connected()).forget_worker(worker_id, **_why(reason, action_id))


def _why(reason: str | None, action_id: str | None = None) -> dict[str, Any]:
    """What the events of an act have beside the actor; one that is no part of a larger one has an id of its own."""
    return {"reason": reason, "action_id": action_id or uuid7()}


def _action(action_id: str, details: Mapping[str, Any], reason: str | None, **about: str | None) -> JobEvent:
    return JobEvent.of(
        JobEventType.OPERATOR_ACTION,
        action_id=action_id,
        actor=_actor(),
        reason=reason,
        details=dict(details),
        **about,
    )


def _actor() -> dict[str, str]:
    return current_actor("naq-console")
