"""Questions to the server, each with one answer, over one reply inbox per connection.

The client's own `request` waits with `asyncio.wait_for`, which in Python 3.11 loses a cancellation that arrives in the
same turn of the loop as the answer: whoever was to stop then goes on for ever.
"""

from __future__ import annotations

import asyncio
import itertools
from typing import NamedTuple

import nats.errors

from naq.wire import Wire, headers_of

NO_RESPONDERS = "503"


class Answer(NamedTuple):
    """What came back."""

    data: bytes
    headers: dict[str, str]
    """Empty where the answer has none."""


class Requests:
    """The questions of one connection."""

    def __init__(self, client: Wire) -> None:
        self._client = client
        self._waiting: dict[str, tuple[str, asyncio.Future[Answer]]] = {}
        self._tokens = itertools.count(1)
        self._inbox = ""

    async def start(self) -> None:
        """Subscribe to the reply inbox; the connection does this as it opens."""
        self._inbox = self._client.new_inbox() + "."
        await self._client.listen(self._inbox + "*", self._on_reply)

    async def ask(self, subject: str, data: bytes, *, timeout: float) -> Answer:
        """The answer to `data` sent to `subject`.

        Raises:
            nats.errors.NoRespondersError: nobody listens there.
            TimeoutError: no answer within `timeout` seconds.
            nats.errors.Error: the link is closed or its buffer full, or the server does not permit the question.
        """
        token = str(next(self._tokens))
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        self._waiting[token] = (subject, answer)
        try:
            if not self._client.write(subject, self._inbox + token, data):
                await self._client.publish(subject, data, reply=self._inbox + token)
            given_up = loop.call_later(timeout, _give_up, answer)
            try:
                message = await answer
            finally:
                given_up.cancel()
        finally:
            del self._waiting[token]
        if not message.data and message.headers.get("Status") == NO_RESPONDERS:
            raise nats.errors.NoRespondersError
        return message

    def refuse(self, subject: str, error: Exception) -> None:
        """The server does not let this client ask `subject`: what waits for its answer fails now."""
        for asked, answer in list(self._waiting.values()):
            if asked.lower() == subject.lower() and not answer.done():
                answer.set_exception(error)

    def _on_reply(self, subject: bytes, _reply: str, data: bytes, headers: bytes) -> None:
        _, answer = self._waiting.get(subject[len(self._inbox) :].decode(), (None, None))
        if answer is not None and not answer.done():
            answer.set_result(Answer(data, headers_of(headers)))


def _give_up(answer: asyncio.Future[Answer]) -> None:
    if not answer.done():
        answer.set_exception(TimeoutError())
