"""What operators ask of running workers, kept in the bucket `naq_control` so that nobody misses it.

A key is `<kind>.<name>`: `queue.<queue>` (the queue is paused), `cancel.<job id>` (the job must not run on),
`worker.<worker id>` (it shall stop). A worker reads the whole bucket before it takes its first job and hears of every
change as it is stored (`naq.worker.orders`). Whoever asks writes the record before the event that tells it: a process
that dies between the two leaves the request in force and its event missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from naq import codec
from naq.connection import Connection
from naq.errors import SerializationError
from naq.kv import Bucket, Entry

QUEUE = "queue"
CANCEL = "cancel"
WORKER = "worker"


class Control:
    """The bucket `naq_control` of one connection."""

    def __init__(self, connection: Connection) -> None:
        self.bucket = Bucket(connection, connection.names.control)

    async def get(self, kind: str, name: str) -> dict[str, Any] | None:
        """The record asked for; None where there is none. What can't be read counts as an empty record."""
        entry = await self.bucket.get(f"{kind}.{name}")
        return None if entry is None else record_of(entry)

    async def put(self, kind: str, name: str, record: Mapping[str, Any], *, ttl_s: float | None = None) -> int:
        """Ask; returns the revision. `ttl_s` is kept to only where the server has per-message TTL (2.11)."""
        return await self.bucket.put(f"{kind}.{name}", codec.dumps(dict(record)), ttl_s=ttl_s)

    async def remove(self, kind: str, name: str) -> None:
        """Ask no more; harmless where nothing was asked."""
        await self.bucket.delete(f"{kind}.{name}")


def record_of(entry: Entry) -> dict[str, Any]:
    """The record an entry holds; empty where it is no JSON object, since its key alone says what is asked."""
    try:
        record = codec.loads(entry.value)
    except SerializationError:
        return {}
    return record if isinstance(record, dict) else {}
