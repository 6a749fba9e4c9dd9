"""Buckets: current state by key, with compare-and-set and watching."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import datetime
from typing import NamedTuple

import nats.errors

from naq.connection import Connection
from naq.errors import ConflictError, JetStreamUnavailableError, NaqConnectionError
from naq.ids import uuid7
from naq.models.times import parse_time, utcnow
from naq.outbox import PATIENCE_S
from naq.tail import Tail, TailMessage

_NO_KEY = re.compile(r"[\x00-\x20\x7f*>]|\.\.|^\.|\.\Z|^\Z")
"""What no key holds, since no subject does: space, controls, wildcards, an empty token."""
CONTENT_WITHIN_S = 10.0
"""Seconds of silence after which a bucket's content is given up: longer than a cluster takes to elect a leader."""


class Entry(NamedTuple):
    """One key of a bucket."""

    key: str
    value: bytes
    revision: int
    saved_at: datetime
    """The server's clock when it was stored."""
    is_deleted: bool = False
    """The key was deleted, purged or expired; `value` is empty."""


class BucketBatch(NamedTuple):
    """Changes of a watched bucket, oldest first; the first batches are its whole content."""

    entries: list[Entry]
    is_caught_up: bool


class Bucket:
    """One key-value bucket. Every method raises NaqConnectionError where the server does not answer."""

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection = connection
        self.name = name
        self.stream = f"KV_{name}"
        self._subject = f"$KV.{name}."

    async def get(self, key: str) -> Entry | None:
        """The key's newest value; None where there is none, or it was deleted."""
        entry = await self.newest(key)
        return None if entry is None or entry.is_deleted else entry

    async def newest(self, key: str) -> Entry | None:
        """The newest message of the key, a deletion's marker included."""
        return (await self._newest(key))[0]

    async def _newest(self, key: str) -> tuple[Entry | None, str | None]:
        """The newest message of the key, and the id it was sent under; nothing where there can be no such key."""
        if _NO_KEY.search(key):
            return None, None  # typed by somebody: the server would not even answer
        subject = f"$JS.API.DIRECT.GET.{self.stream}.{self._subject}{key}"
        try:
            message = await self._connection.requests.ask(
                subject, b"", timeout=self._connection.settings.connect_timeout_s
            )
        except nats.errors.NoRespondersError:
            raise JetStreamUnavailableError(
                f"bucket {self.name} does not answer: it is missing or allows no direct reads ('naq doctor' tells)"
            ) from None
        except (TimeoutError, nats.errors.Error) as exc:
            raise NaqConnectionError(
                f"no answer from {self._connection.settings.server_label} to a read of {self.name}/{key}"
            ) from exc
        headers = message.headers or {}
        if headers.get("Status"):
            return None, None
        entry = Entry(
            key=key,
            value=message.data,
            revision=int(headers.get("Nats-Sequence", 0)),
            saved_at=parse_time(headers.get("Nats-Time-Stamp")) or utcnow(),
            is_deleted=_is_deletion(headers),
        )
        return entry, headers.get("Nats-Msg-Id")

    async def put(self, key: str, value: bytes, *, ttl_s: float | None = None, patience_s: float = PATIENCE_S) -> int:
        """Store `value` whatever stood there; returns its revision."""
        ack = await self._connection.outbox.publish(
            self._subject + key, value, headers=_ttl(ttl_s), patience_s=patience_s
        )
        return ack.seq

    async def update(
        self, key: str, value: bytes, *, revision: int, ttl_s: float | None = None, patience_s: float = PATIENCE_S
    ) -> int:
        """Store `value` if the key still stands at `revision` (0: if it never existed); returns the new revision.

        Raises:
            ConflictError: somebody changed it in between.
        """
        return await self._replace(key, value, revision, _ttl(ttl_s) or {}, patience_s)

    async def create(self, key: str, value: bytes, *, ttl_s: float | None = None) -> int:
        """Store `value` if the key does not exist now; returns its revision.

        Raises:
            ConflictError: it exists.
        """
        last = await self.newest(key)
        if last is not None and not last.is_deleted:
            raise ConflictError(f"{self.name}/{key} exists")
        return await self.update(key, value, revision=last.revision if last else 0, ttl_s=ttl_s)

    async def delete(self, key: str, *, revision: int | None = None, patience_s: float = PATIENCE_S) -> None:
        """Remove the key and its history; a marker for watchers stays. With `revision` only if it stands there."""
        headers = {"KV-Operation": "PURGE", "Nats-Rollup": "sub"}
        if revision is not None:
            await self._replace(key, b"", revision, headers, patience_s)
        else:
            await self._connection.outbox.publish(self._subject + key, b"", headers=headers, patience_s=patience_s)

    async def _replace(self, key: str, value: bytes, revision: int, headers: dict[str, str], patience_s: float) -> int:
        """Write the key where it stands at `revision`; returns its new one.

        What is sent again, because its answer was lost with the link, meets what it did itself: from 2.12 on servers
        look at the sequence before they look whether they had the message.
        """
        headers = {**headers, "Nats-Expected-Last-Subject-Sequence": str(revision)}
        msg_id = uuid7()
        try:
            ack = await self._connection.outbox.publish(
                self._subject + key, value, msg_id=msg_id, headers=headers, patience_s=patience_s
            )
        except ConflictError:
            standing, sent_as = await self._newest(key)
            if standing is None or sent_as != msg_id:
                raise
            return standing.revision
        return ack.seq

    async def entries(self) -> list[Entry]:
        """The whole content, in no order of keys (deleted ones left out).

        Raises:
            NaqConnectionError: the server falls silent before all of it is there.
        """
        found: dict[str, Entry] = {}
        async with aclosing(self.watch()) as batches:  # type: ignore[type-var]
            while True:
                try:
                    async with asyncio.timeout(CONTENT_WITHIN_S):
                        batch = await anext(batches)
                except (TimeoutError, StopAsyncIteration):
                    label = self._connection.settings.server_label
                    raise NaqConnectionError(f"no answer from {label} to a read of all of {self.name}") from None
                for entry in batch.entries:
                    if entry.is_deleted:
                        found.pop(entry.key, None)
                    else:
                        found[entry.key] = entry
                if batch.is_caught_up:
                    return list(found.values())

    async def watch(self, key: str = ">", *, from_revision: int | None = None) -> AsyncIterator[BucketBatch]:
        """The content of the bucket (or one key), then every change, for ever, across lost links.

        With `from_revision` only what is stored there or later.
        """
        tail = Tail(
            self._connection,
            self.stream,
            [self._subject + key],
            start_seq=from_revision,
            last_per_subject=from_revision is None,
        )
        batches = tail.batches()
        try:
            async for batch in batches:
                yield BucketBatch([self.entry_of(message) for message in batch.messages], batch.is_caught_up)
        finally:
            await batches.aclose()  # type: ignore[attr-defined]

    def entry_of(self, message: TailMessage) -> Entry:
        """The entry that a message of this bucket's stream stands for."""
        return Entry(
            key=message.subject[len(self._subject) :],
            value=message.data,
            revision=message.seq,
            saved_at=message.stored_at,
            is_deleted=_is_deletion(message.headers),
        )


def _ttl(seconds: float | None) -> dict[str, str] | None:
    return None if seconds is None else {"Nats-TTL": f"{max(1, round(seconds))}s"}


def _is_deletion(headers: dict[str, str]) -> bool:
    return headers.get("KV-Operation") in ("DEL", "PURGE") or "Nats-Marker-Reason" in headers
