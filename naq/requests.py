"""Questions to the server, each with one answer, over one reply inbox per connection.

The client's own `request` waits with `asyncio.wait_for`, which in Python 3.11 loses a cancellation that arrives in the
same turn of the loop as the answer: whoever was to stop then goes on for ever.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import nats.errors

from naq.errors import NaqException
from naq.natsclient import NatsClient
from naq.wire import headers_of

NO_RESPONDERS = "503"
READS = ("$JS.API.DIRECT.GET.", "$JS.API.STREAM.INFO.", "$JS.API.STREAM.MSG.GET.", "$JS.API.CONSUMER.INFO.")
"""Questions that change nothing: they may be asked twice."""

DIRECT = "$JS.API.DIRECT.GET."
"""Reads that any server with a copy may answer. One of them may be stopped, and is asked like the others."""
DIRECT_AGAIN_S = 0.5
"""After which such a read is asked for again, for the first time; each pause is twice the one before."""


class Answer(NamedTuple):
    """What came back."""

    data: bytes
    headers: dict[str, str]
    """Empty where the answer has none."""


class Requests:
    """The questions of one connection."""

    def __init__(self, client: NatsClient) -> None:
        self._client = client
        self._waiting: dict[str, tuple[str, str, asyncio.Future[Any]]] = {}
        self._reads: dict[str, tuple[str, bytes]] = {}
        """Subject and data of what may be asked twice, by token."""
        self._mute: NaqException | None = None
        self._tokens = itertools.count(1)
        self._inbox = ""

    async def start(self) -> None:
        """Subscribe to the reply inbox; the connection does this as it opens."""
        self._inbox = self._client.new_inbox() + "."
        await self._client.listen(self._inbox + "*", self._on_reply)

    async def ask(self, subject: str, data: bytes, *, timeout: float) -> Answer:
        """The answer to `data` sent to `subject`. A read that a lost link took away is asked again when it is back.

        Raises:
            nats.errors.NoRespondersError: nobody listens there.
            TimeoutError: no answer within `timeout` seconds, on a slow line once all is read that came before.
            PermissionDeniedError: the server does not permit this user the question, or to hear the answer.
            nats.errors.Error: the link is closed or its buffer full.
        """
        if self._mute is not None:
            raise self._mute
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        with self.refusable(subject, answer) as token:
            if subject.startswith(READS):
                self._reads[token] = subject, data
            if not self._client.write(subject, self._inbox + token, data):
                await self._client.publish(subject, data, reply=self._inbox + token)
            if subject.startswith(DIRECT) and self._client.server_info.get("cluster"):
                loop.call_later(DIRECT_AGAIN_S, self._ask_again, subject, token, data, answer, DIRECT_AGAIN_S)
            try:
                message = await self._client.patiently(answer, timeout)
            finally:
                self._reads.pop(token, None)
        if not message.data and message.headers.get("Status") == NO_RESPONDERS:
            raise nats.errors.NoRespondersError
        return message

    async def resend(self) -> None:
        """Ask every read that is under way again: the link was lost in between."""
        with suppress(nats.errors.Error, OSError):  # lost anew: called again when it is back
            for token, (subject, data) in list(self._reads.items()):
                await self._client.publish(subject, data, reply=self._inbox + token)

    def _ask_again(self, subject: str, token: str, data: bytes, answer: asyncio.Future[Answer], pause_s: float) -> None:
        if not answer.done():
            self._client.write(subject, self._inbox + token, data)
            again = asyncio.get_running_loop().call_later
            again(2 * pause_s, self._ask_again, subject, token, data, answer, 2 * pause_s)

    @contextmanager
    def refusable(self, subject: str, answer: asyncio.Future[Any], *, kind: str = "publish") -> Iterator[str]:
        """Within this, `answer` fails with PermissionDeniedError where the server forbids this user `subject`."""
        token = str(next(self._tokens))
        self._waiting[token] = (kind, subject.lower(), answer)
        try:
            yield token
        finally:
            del self._waiting[token]

    def refuse(self, subject: str, error: NaqException, *, kind: str = "publish") -> bool:
        """The server does not let this client do that: what waits for it fails now. False where nothing did."""
        is_mute = kind == "subscription" and subject.lower() == f"{self._inbox}*".lower()
        if is_mute:
            self._mute = error
        refused = [
            answer
            for waits_for, asked, answer in self._waiting.values()
            if (is_mute or (waits_for == kind and asked == subject.lower())) and not answer.done()
        ]
        for answer in refused:
            answer.set_exception(error)
        return bool(refused)

    def _on_reply(self, subject: bytes, _reply: str, data: bytes, headers: bytes) -> None:
        _, _, answer = self._waiting.get(subject[len(self._inbox) :].decode(), (None, None, None))
        if answer is not None and not answer.done():
            answer.set_result(Answer(data, headers_of(headers)))
