"""Write and follow the audit log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import NamedTuple

from naq.connection import Connection
from naq.errors import NaqException
from naq.models.event import JobEvent, StoredEvent
from naq.outbox import PATIENCE_S, PublishAck, Then
from naq.tail import Tail

log = logging.getLogger(__name__)

LAST_PATIENCE_S = 2.5


class EventBatch(NamedTuple):
    """Events that arrived together, in order."""

    events: list[StoredEvent]
    is_caught_up: bool


class Events:
    """The stream `naq_events` of one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._names = connection.names

    async def send(
        self, event: JobEvent, *, msg_id: str | None = None, patience_s: float = PATIENCE_S
    ) -> asyncio.Future[PublishAck]:
        """Write one event now and return the future of its ack (its `seq` is the event's sequence).

        `msg_id` names the fact the event tells, where the same fact may be told twice; default is the event's id.
        What it tells has come to pass: a log that is full is waited for, as long as `patience_s` lasts.
        """
        subject = self._names.event_subject(event.entity, event.type, event.queue)
        return await self._connection.outbox.send(
            subject, event.to_wire(), msg_id=msg_id or event.id, patience_s=patience_s, waits_for_room=True
        )

    def post(self, event: JobEvent, then: Then, *, msg_id: str, patience_s: float) -> None:
        """Write one event for who does not wait: `then` is told what became of it.

        A log that is full is waited for only with more patience than the outbox has by itself.
        """
        subject = self._names.event_subject(event.entity, event.type, event.queue)
        self._connection.outbox.post(subject, event.to_wire(), {"Nats-Msg-Id": msg_id}, then, patience_s)

    async def write(self, event: JobEvent, *, msg_id: str | None = None, patience_s: float = PATIENCE_S) -> int:
        """Write one event and return its sequence once it is stored."""
        return (await (await self.send(event, msg_id=msg_id, patience_s=patience_s))).seq

    async def write_last(self, event: JobEvent) -> None:
        """Write an event on the way out: a server that is gone must not keep a process from ending."""
        try:
            await self.write(event, patience_s=LAST_PATIENCE_S)
        except NaqException as exc:
            log.warning("%s not told: %s", event.type, exc)

    async def follow(
        self,
        subjects: Sequence[str] = (),
        *,
        start_seq: int | None = None,
        start_time: datetime | None = None,
        only_new: bool = False,
    ) -> AsyncIterator[EventBatch]:
        """Stored events from the given place on, then every new one as it comes; never ends by itself."""
        tail = Tail(
            self._connection,
            self._names.events,
            subjects,
            start_seq=start_seq,
            start_time=start_time,
            only_new=only_new,
        )
        batches = tail.batches()
        try:
            async for batch in batches:
                yield EventBatch(
                    [StoredEvent.from_stream(m.seq, m.stored_at, m.subject, m.data) for m in batch.messages],
                    batch.is_caught_up,
                )
        finally:
            await batches.aclose()  # type: ignore[attr-defined]
