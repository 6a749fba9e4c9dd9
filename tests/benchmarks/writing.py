"""Messages into streams as fast as a server takes them in, none lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from naq.client import AsyncClient
from naq.wire import Message

CONFIRMED_EVERY = 1_000
"""One message in so many is answered by the server: those before it are stored then."""
UNCONFIRMED = 3
"""Answers that may be outstanding: what a stream has not taken in yet is bounded, and dropped beyond."""
PATIENCE_S = 60.0


async def write(client: AsyncClient, messages: Iterable[tuple[str, bytes]], *, per_second: float | None = None) -> int:
    """Publish to one stream, at full speed or at a steady rate; returns how many, once all are stored."""
    wire, loop = client.connection.client, asyncio.get_running_loop()
    confirmed: asyncio.Queue[Message] = asyncio.Queue()
    inbox = wire.new_inbox()
    subscription = await wire.receive(inbox, confirmed.put_nowait)
    number = outstanding = 0
    last = ("", b"")
    begun = loop.time()

    async def settle(most: int) -> None:
        nonlocal outstanding
        async with asyncio.timeout(PATIENCE_S):
            while outstanding > most:
                await confirmed.get()
                outstanding -= 1

    try:
        for subject, data in messages:
            if number and number % CONFIRMED_EVERY == 0:
                outstanding += 1
                await wire.publish(*last, reply=inbox)
                await settle(UNCONFIRMED)
            elif number and not wire.write(*_plain(last)):
                await wire.publish(*last)
            last = (subject, data)
            number += 1
            if per_second and number % 100 == 0:
                await asyncio.sleep(max(0.0, begun + number / per_second - loop.time()))
            elif number % 200 == 0:
                await asyncio.sleep(0)
        if number:
            outstanding += 1
            await wire.publish(*last, reply=inbox)
            await settle(0)
    finally:
        await subscription.unsubscribe()
    return number


def _plain(message: tuple[str, bytes]) -> tuple[str, str, bytes]:
    subject, data = message
    return subject, "", data
