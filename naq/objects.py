"""Values too large for one message, in the object store `naq_objects`: chunks first, then the entry that names them.

The layout is that of NATS object stores, so `nats object get naq_objects <job id>` reads one too. An object is written
whole before anything refers to it. Killed in between, a process leaves chunks without an entry, or an object without a
record: the next run of the same job replaces the object under its name, and what nobody names any more ages out.
"""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from naq import codec
from naq.connection import Connection
from naq.errors import JobNotFoundError, SerializationError
from naq.eventlog import read_page
from naq.jetstream import JetStreamError
from naq.models.result import ValueRef
from naq.models.times import format_time, utcnow
from naq.topology import STREAM_NOT_FOUND, ensure_objects

NO_MESSAGE = 10037
CHUNK_BYTES = 128 * 1024
HEADROOM_BYTES = 1024
PAGE = 32
"""Chunks read with one request."""
LONGER_S = 60.0
"""How much longer than its record an object is kept, so that no record outlives its value."""


class Objects:
    """The object store of one connection; its bucket is made by the first object."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.bucket = connection.names.objects
        self.stream = f"OBJ_{self.bucket}"

    async def put(self, name: str, data: bytes, *, ttl_s: float | None = None) -> ValueRef:
        """Store `data` under `name` in place of what was there; kept for `ttl_s` where the server can do that (2.11).

        Raises:
            NaqConnectionError, StorageRefusedError, JetStreamError: it is not stored.
        """
        has_ttl = await ensure_objects(self._connection)
        before = await self._entry(name)
        headers = {"Nats-TTL": f"{max(1, round(ttl_s + LONGER_S))}s"} if ttl_s is not None and has_ttl else None
        token = uuid.uuid4().hex
        digest = hashlib.sha256(data)
        step = min(CHUNK_BYTES, self._connection.max_payload - HEADROOM_BYTES)
        pieces = range(0, len(data), step)
        for number, start in enumerate(pieces):
            # one by one: the order of the stream is the order of the chunks
            await self._connection.outbox.publish(
                self._chunks(token), data[start : start + step], msg_id=f"{token}:{number}", headers=headers
            )
        entry = {
            "name": name,
            "bucket": self.bucket,
            "nuid": token,
            "size": len(data),
            "mtime": format_time(utcnow()),
            "chunks": len(pieces),
            "digest": f"SHA-256={base64.urlsafe_b64encode(digest.digest()).decode()}",
            "options": {"max_chunk_size": step},
        }
        await self._connection.outbox.publish(
            self._entry_subject(name),
            codec.dumps(entry),
            msg_id=f"{token}:entry",
            headers={"Nats-Rollup": "sub", **(headers or {})},
        )
        if before is not None:
            await self._purge(self._chunks(_token_of(before)))
        return ValueRef(bucket=self.bucket, name=name, size=len(data), sha256=digest.hexdigest())

    async def get(self, ref: ValueRef, told: Callable[[int], object] | None = None) -> bytes:
        """The bytes that `ref` stands for, checked against it; `told` hears how many have come, page by page.

        Raises:
            JobNotFoundError: they are gone: removed or past their age.
            SerializationError: what lies there is something else, or larger than `max_result_bytes`.
        """
        limit = self._connection.settings.max_result_bytes
        if ref.size > limit:
            raise SerializationError(
                f"value {ref.name} is {ref.size:,} bytes, the limit here is {limit:,} (NAQ_MAX_RESULT_BYTES)"
            )
        entry = await self._entry(ref.name)
        if entry is None:
            raise JobNotFoundError(f"the value of job {ref.name} is gone from {self.bucket}: removed, or past its age")
        subject = self._chunks(_token_of(entry))
        first, pieces, size, digest = 1, list[bytes](), 0, hashlib.sha256()
        while size < ref.size:
            page = await read_page(
                self._connection, self.stream, {"seq": first, "batch": PAGE, "next_by_subj": subject}
            )
            for message in page.messages:
                pieces.append(message.data)
                size += len(message.data)
                digest.update(message.data)  # as they come: all at once would hold up the loop
            if told is not None:
                told(size)
            if not page.messages or size > ref.size:
                break
            first = page.messages[-1].seq + 1
        if digest.hexdigest() != ref.sha256:
            raise SerializationError(
                f"value {ref.name} in {self.bucket} is not the one its record names "
                f"({size:,} of {ref.size:,} bytes read): it was replaced or cut; read the record again"
            )
        return b"".join(pieces)

    async def delete(self, name: str) -> None:
        """Remove an object; harmless where there is none."""
        entry = await self._entry(name)
        if entry is not None:
            await self._purge(self._entry_subject(name))
            await self._purge(self._chunks(_token_of(entry)))

    async def _entry(self, name: str) -> Mapping[str, Any] | None:
        try:
            answer = await self._connection.api(
                f"STREAM.MSG.GET.{self.stream}", {"last_by_subj": self._entry_subject(name)}
            )
            raw = base64.b64decode(codec.text(answer.get("message") or {}, "data", ""))
            entry = codec.loads(raw)
        except JetStreamError as exc:
            if exc.code in (STREAM_NOT_FOUND, NO_MESSAGE):
                return None
            raise
        except (ValueError, SerializationError):
            return None  # not ours: it is replaced
        return entry if isinstance(entry, dict) else None

    async def _purge(self, subject: str) -> None:
        await self._connection.api(f"STREAM.PURGE.{self.stream}", {"filter": subject})

    def _chunks(self, token: str) -> str:
        return f"$O.{self.bucket}.C.{token}"

    def _entry_subject(self, name: str) -> str:
        return f"$O.{self.bucket}.M.{base64.urlsafe_b64encode(name.encode()).decode()}"


def _token_of(entry: Mapping[str, Any]) -> str:
    """The token its chunks lie under; anybody may have written it, so nothing but one plain token is used."""
    token = codec.text(entry, "nuid", "")
    return token if token.isalnum() and token.isascii() else "none"
