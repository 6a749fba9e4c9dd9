"""Questions to the server, each with one answer, over one reply inbox per connection.

The client's own `request` waits with `asyncio.wait_for`, which in Python 3.11 loses a cancellation that arrives in the
same turn of the loop as the answer: whoever was to stop then goes on for ever.
"""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import nats.errors
from nats.aio.client import Client

NO_RESPONDERS = "503"


class Requests:
    """The questions of one connection."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._waiting: dict[str, tuple[str, asyncio.Future[Any]]] = {}
        self._tokens = itertools.count(1)
        self._inbox = ""

    async def start(self) -> None:
        """Subscribe to the reply inbox; the connection does this as it opens."""
        self._inbox = self._client.new_inbox() + "."
        await self._client.subscribe(self._inbox + "*", cb=self._on_reply)

    async def ask(self, subject: str, data: bytes, *, timeout: float) -> Any:
        """The answering message (its `data` and `headers`).

        Raises:
            nats.errors.NoRespondersError: nobody listens there.
            TimeoutError: no answer within `timeout` seconds.
            nats.errors.Error: the link is closed or its buffer full, or the server does not permit the question.
        """
        token = str(next(self._tokens))
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[token] = (subject, answer)
        try:
            await self._client.publish(subject, data, reply=self._inbox + token)
            async with asyncio.timeout(timeout):
                message = await answer
        finally:
            del self._waiting[token]
        if not message.data and (message.headers or {}).get("Status") == NO_RESPONDERS:
            raise nats.errors.NoRespondersError
        return message

    def refuse(self, subject: str, error: Exception) -> None:
        """The server does not let this client ask `subject`: what waits for its answer fails now."""
        for asked, answer in list(self._waiting.values()):
            if asked.lower() == subject.lower() and not answer.done():
                answer.set_exception(error)

    async def _on_reply(self, message: Any) -> None:
        _, answer = self._waiting.get(message.subject[len(self._inbox) :], (None, None))
        if answer is not None and not answer.done():
            answer.set_result(message)
