"""Read the event log (or any stream) at any place: pages by sequence or time, straight from the store."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import nats.errors

from naq import codec
from naq.connection import Connection
from naq.errors import JetStreamUnavailableError, NaqConnectionError
from naq.models.event import StoredEvent
from naq.models.times import format_time, parse_time, utcnow
from naq.names import Names
from naq.tail import TailMessage
from naq.wire import Message

DIRECT_BATCH_SINCE = (2, 11, 0)
"""Servers before this answer one direct read at a time."""
FIRST_WITHIN_S = (0.5, 1.5)
"""After which a batch of which nothing has come is asked for again: the server that was to answer may be stopped."""


class Page(NamedTuple):
    """Messages of a stream in order."""

    messages: list[TailMessage]
    pending: int
    """Matching messages behind the last one."""


class StreamRange(NamedTuple):
    """What a stream holds now."""

    first_seq: int
    last_seq: int
    """first_seq - 1 where the stream is empty."""
    messages: int
    size_bytes: int
    made_at: str = ""
    """When the stream was made, as the server writes it: another time is another stream."""


async def direct_batch(connection: Connection, stream: str, request: Mapping[str, Any]) -> Page:
    """One batched direct read (ADR-31): `seq` or `start_time`, `batch`, `next_by_subj`, `multi_last`, …

    Raises:
        NaqConnectionError: no answer in time.
    """
    patience_s = connection.settings.connect_timeout_s
    for first_within_s in (*FIRST_WITHIN_S, patience_s):
        with contextlib.suppress(TimeoutError):
            return await _read_batch(connection, stream, request, min(first_within_s, patience_s))
    raise NaqConnectionError(f"no answer from {connection.settings.server_label} to a read of {stream}")


async def _read_batch(connection: Connection, stream: str, request: Mapping[str, Any], within_s: float) -> Page:
    """Raises TimeoutError where nothing comes within `within_s`; what has begun to come may take its time."""
    client, loop = connection.client, asyncio.get_running_loop()
    inbox = client.new_inbox()
    messages: list[TailMessage] = []
    end: asyncio.Future[dict[str, str]] = loop.create_future()
    came_at = 0.0

    def on_message(message: Message) -> None:
        nonlocal came_at
        headers = message.headers
        if not message.data and "Status" in headers:
            if not end.done():
                end.set_result(headers)
            return
        came_at = loop.time()
        messages.append(_stored(message.data, headers))

    subject = f"$JS.API.DIRECT.GET.{stream}"
    subscription = await client.receive(inbox, on_message)
    try:
        with connection.requests.refusable(subject, end):
            await client.publish(subject, codec.dumps(request), reply=inbox)
            patience_s = connection.settings.connect_timeout_s
            headers = await client.patiently(end, within_s, patience_s, lambda: came_at)
    except nats.errors.Error as exc:
        raise NaqConnectionError(f"no answer from {connection.settings.server_label} to a read of {stream}") from exc
    finally:
        with contextlib.suppress(nats.errors.Error):
            await subscription.unsubscribe()
    status = headers.get("Status")
    if status == "503":
        raise JetStreamUnavailableError(f"stream {stream} does not answer; does it exist?")
    return Page(messages, int(headers.get("Nats-Num-Pending", 0) or 0))


async def direct_get(connection: Connection, stream: str, request: Mapping[str, Any]) -> TailMessage | None:
    """One direct read of one message: by `seq`, or the next of `next_by_subj` from there on; None where there is none.

    Raises:
        NaqConnectionError: no answer in time.
    """
    try:
        answer = await connection.requests.ask(
            f"$JS.API.DIRECT.GET.{stream}", codec.dumps(request), timeout=connection.settings.connect_timeout_s
        )
    except (TimeoutError, nats.errors.Error) as exc:
        raise NaqConnectionError(f"no answer from {connection.settings.server_label} to a read of {stream}") from exc
    return None if answer.headers.get("Status") else _stored(answer.data, answer.headers)


def _stored(data: bytes, headers: dict[str, str]) -> TailMessage:
    return TailMessage(
        seq=int(headers.get("Nats-Sequence", 0)),
        stored_at=parse_time(headers.get("Nats-Time-Stamp")) or utcnow(),
        subject=headers.get("Nats-Subject", ""),
        data=data,
        headers=headers,
    )


class EventLog:
    """Random access to `naq_events`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stream = connection.names.events

    async def range(self) -> StreamRange:
        """First and last sequence that can be read now."""
        return await stream_range(self._connection, self._stream)

    @property
    def names(self) -> Names:
        return self._connection.names

    async def read(self, first_seq: int, count: int, *, subject: str | None = None) -> list[StoredEvent]:
        """Up to `count` events from sequence `first_seq` on, in order; fewer at the end of the log.

        `subject` may be a wildcard; None means any.
        """
        request: dict[str, Any] = {"seq": max(1, first_seq), "batch": count}
        if subject is not None:
            request["next_by_subj"] = subject
        return _events(await self._page(request))

    async def newest(self, count: int) -> list[StoredEvent]:
        """The last `count` events, oldest first."""
        held = await self.range()
        if held.last_seq < held.first_seq:
            return []
        return await self.read(max(held.first_seq, held.last_seq - count + 1), count)

    async def since(self, moment: datetime, count: int, *, subject: str | None = None) -> list[StoredEvent]:
        """Up to `count` events stored at or after `moment` (the server's clock); `subject` may be a wildcard."""
        request: dict[str, Any] = {"start_time": format_time(moment), "batch": count}
        if subject is not None:
            request["next_by_subj"] = subject
        return _events(await self._page(request))

    async def _page(self, request: dict[str, Any]) -> Page:
        return await read_page(self._connection, self._stream, request)


async def read_page(connection: Connection, stream: str, request: Mapping[str, Any]) -> Page:
    """A page of any stream that is no work queue, on any server: `direct_batch`, or what comes to the same."""
    if connection.server_version >= DIRECT_BATCH_SINCE:
        return await direct_batch(connection, stream, request)
    return await _page_by_consumer(connection, stream, request)


async def stream_range(connection: Connection, stream: str) -> StreamRange:
    """What `stream` holds now."""
    info = await connection.api(f"STREAM.INFO.{stream}")
    state = info.get("state", {})
    first = codec.whole(state, "first_seq", 0)
    last = codec.whole(state, "last_seq", 0)
    return StreamRange(
        first_seq=max(1, first),
        last_seq=last,
        messages=codec.whole(state, "messages", 0),
        size_bytes=codec.whole(state, "bytes", 0),
        made_at=str(info.get("created", "")),
    )


async def _page_by_consumer(connection: Connection, stream: str, request: Mapping[str, Any]) -> Page:
    """The same page on a server without batched direct reads, by a short-lived tail."""
    from naq.tail import Tail

    tail = Tail(
        connection,
        stream,
        [request["next_by_subj"]] if "next_by_subj" in request else (),
        start_seq=request.get("seq"),
        start_time=parse_time(request.get("start_time")),
    )
    wanted, found = int(request["batch"]), list[TailMessage]()
    batches = tail.batches()
    try:
        async for batch in batches:
            found += batch.messages
            if batch.is_caught_up or len(found) >= wanted:
                break
    finally:
        await batches.aclose()  # type: ignore[attr-defined]
    return Page(found[:wanted], max(0, len(found) - wanted))


def _events(page: Page) -> list[StoredEvent]:
    return [StoredEvent.from_stream(m.seq, m.stored_at, m.subject, m.data) for m in page.messages]
