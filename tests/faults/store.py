"""The streams and buckets as they lie on the server, by nats-py alone: nothing of naq reads here.

Used to break them (a stream that is full) and to judge them: what a checker reads must not pass through what it checks.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, TypeVar

import nats
import nats.errors
from nats.aio.client import Client
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, ReplayPolicy
from nats.js.errors import Error as JetStreamFailure

from tests.faults.server import HARNESS, PASSWORD

BATCH = 500
TRIES = 60
ROOM_LEFT = 4_000
"""Bytes the stream of events still takes when it is filled."""
_T = TypeVar("_T")


class Stored(NamedTuple):
    """One message of a stream."""

    seq: int
    at: float
    """When it was stored: seconds since 1970 by the server's clock."""
    subject: str
    data: bytes
    headers: dict[str, str]

    def record(self) -> dict[str, Any] | None:
        """As a JSON object; None where it is none."""
        try:
            record = json.loads(self.data)
        except ValueError:
            return None
        return record if isinstance(record, dict) else None


class Store:
    """One prefix on one server."""

    def __init__(self, client: Client, prefix: str) -> None:
        self._client = client
        self.prefix = prefix
        self.events, self.jobs = f"{prefix}_events", f"{prefix}_jobs"

    @classmethod
    @asynccontextmanager
    async def opened(cls, url: str, prefix: str) -> AsyncIterator[Store]:
        async def unheard(_: Exception) -> None:
            """Outages are what the run is made of."""

        client = await nats.connect(
            url, user=HARNESS, password=PASSWORD, max_reconnect_attempts=-1, reconnect_time_wait=0.2, error_cb=unheard
        )
        try:
            yield cls(client, prefix)
        finally:
            await client.close()

    def bucket(self, name: str) -> str:
        return f"KV_{self.prefix}_{name}"

    async def state(self, stream: str) -> dict[str, Any]:
        """`messages`, `bytes`, `first_seq`, `last_seq`, … as the server tells them."""
        state: dict[str, Any] = (await self._api(f"STREAM.INFO.{stream}"))["state"]
        return state

    async def fill_events(self, seconds: float) -> str:
        """Have the log take nothing more for so long; what it holds stays."""
        told = await self._api(f"STREAM.INFO.{self.events}")
        config = told["config"]
        full = {**config, "discard": "new", "max_bytes": int(told["state"]["bytes"]) + ROOM_LEFT}
        try:
            await self._api(f"STREAM.UPDATE.{self.events}", full)
            await asyncio.sleep(seconds)
        finally:
            await self._api(f"STREAM.UPDATE.{self.events}", config)
        return self.events

    async def pour(self, messages: list[tuple[str, bytes]]) -> None:
        """Store messages as they are, each once."""
        stream = self._client.jetstream()
        for start in range(0, len(messages), BATCH):
            part = messages[start : start + BATCH]
            await asyncio.gather(*(self._tried(lambda m=m: stream.publish(m[0], m[1])) for m in part))  # type: ignore[misc]

    async def read(self, stream: str) -> AsyncIterator[Stored]:
        """What a stream holds, from its first message to the one that is the last now."""
        state = await self.state(stream)
        if not state["messages"]:
            return
        last = int(state["last_seq"])
        config = ConsumerConfig(
            ack_policy=AckPolicy.NONE,
            deliver_policy=DeliverPolicy.ALL,
            replay_policy=ReplayPolicy.INSTANT,
            mem_storage=True,
            inactive_threshold=60.0,
        )
        info = await self._client.jetstream().add_consumer(stream, config)
        subscription = await self._client.jetstream().pull_subscribe_bind(info.name, stream)
        left = int(info.num_pending or 0)
        while left > 0:
            for message in await subscription.fetch(min(BATCH, left), timeout=10):
                meta = message.metadata
                yield Stored(
                    meta.sequence.stream,
                    meta.timestamp.timestamp(),
                    message.subject,
                    message.data,
                    message.headers or {},
                )
                left -= 1
                if meta.sequence.stream >= last:
                    left = 0
        await subscription.unsubscribe()

    async def entries(self, bucket: str) -> dict[str, Stored]:
        """What a bucket holds by key; removed ones left out."""
        start = len(f"$KV.{self.prefix}_{bucket}.")
        return {
            entry.subject[start:]: entry
            async for entry in self.read(self.bucket(bucket))
            if entry.headers.get("KV-Operation") is None and "Nats-Marker-Reason" not in entry.headers
        }

    async def _api(self, verb: str, payload: object = None) -> dict[str, Any]:
        data = b"" if payload is None else json.dumps(payload).encode()

        async def ask() -> dict[str, Any]:
            reply = await self._client.request(f"$JS.API.{verb}", data, timeout=5)
            answer: dict[str, Any] = json.loads(reply.data)
            if "error" in answer:
                raise AssertionError(f"{verb}: {answer['error']}")
            return answer

        return await self._tried(ask)

    async def _tried(self, call: Callable[[], Awaitable[_T]]) -> _T:
        """Through outages, however often it takes."""
        for _ in range(TRIES):
            try:
                return await call()
            except (nats.errors.Error, JetStreamFailure, OSError, TimeoutError) as exc:
                failed: Exception = exc
                await asyncio.sleep(0.5)
        raise failed
