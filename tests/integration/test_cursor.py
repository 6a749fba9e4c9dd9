"""Reading a part of a stream piece by piece, and what ends that before its end."""

from __future__ import annotations

import asyncio

import pytest

from naq.client import AsyncClient
from naq.cursor import StreamCursor
from naq.errors import NaqConnectionError

pytestmark = pytest.mark.nats
STORED = 40


def cursor(client: AsyncClient) -> StreamCursor:
    return StreamCursor(client.connection, client.results.bucket.stream, [], 1)


async def fill(client: AsyncClient) -> None:
    await asyncio.gather(*(client.results.bucket.put(f"job-{number}", b"{}") for number in range(STORED)))


async def test_everything_is_read_and_then_nothing(client: AsyncClient) -> None:
    await fill(client)
    async with cursor(client) as reading:
        assert reading.pending == STORED
        assert [message.seq for message in await reading.take(STORED - 1)] == list(range(1, STORED))
        assert [message.seq for message in await reading.take(STORED)] == [STORED]
        assert await reading.take(1) == []


async def test_what_is_removed_meanwhile_is_no_end_and_no_error(client: AsyncClient) -> None:
    await fill(client)
    async with cursor(client) as reading:
        await reading.take(1)
        await client.connection.api(f"STREAM.PURGE.{client.results.bucket.stream}", {"seq": STORED})
        assert [message.seq for message in await reading.take(STORED)] == [STORED]
        assert await reading.take(1) == []


async def test_a_consumer_that_is_gone_is_not_taken_for_the_end(client: AsyncClient) -> None:
    """The server drops it where nobody asked for some seconds, as while a console is stopped with ctrl+z."""
    await fill(client)
    async with cursor(client) as reading:
        assert len(await reading.take(1)) == 1
        await client.connection.api(f"CONSUMER.DELETE.{reading._stream}.{reading._consumer}")
        with pytest.raises(NaqConnectionError, match=r"read of .* ended before"):
            await reading.take(STORED)
