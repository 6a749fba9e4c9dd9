"""Where a cluster keeps each stream and bucket, as it says now. Reads only."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from naq.connection import Connection
from naq.errors import NaqException
from naq.models.copies import Copies, copies_of
from naq.topology import stream_configs


async def read_copies(
    connection: Connection, streams: Iterable[str] | None = None, *, timeout_s: float | None = None
) -> list[Copies]:
    """Of each stream and bucket of the system (or of `streams`), as far as they exist and are in a cluster.

    What can't be read within `timeout_s` (None: as long as the connection's settings say) is in the list with its
    error. Never raises for the server's sake.
    """

    async def look(stream: str) -> Copies | None:
        try:
            return copies_of(stream, await connection.api(f"STREAM.INFO.{stream}", timeout=timeout_s))
        except NaqException as exc:
            return Copies(stream, None, (), str(exc))

    names = [config["name"] for config in stream_configs(connection)] if streams is None else list(streams)
    return [found for found in await asyncio.gather(*map(look, names)) if found is not None]
