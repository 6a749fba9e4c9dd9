"""Read a part of a stream, chosen by any number of subjects, on any server: a short-lived consumer, read in pieces."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import nats.errors

from naq import codec
from naq.connection import Connection
from naq.errors import NaqConnectionError
from naq.tail import NANOSECONDS, TailMessage, parse_delivered
from naq.wire import status_of

FORGOTTEN_AFTER_S = 10
"""Unused for so long the server drops the consumer by itself: the reader died before it could."""
_NO_MORE = ("404", "408")
"""With these the server says that nothing is left; with any other that the consumer is gone, or its server."""


class StreamCursor:
    """What a stream holds of some subjects from one sequence on, in order. Reads only; nothing is acknowledged."""

    def __init__(
        self,
        connection: Connection,
        stream: str,
        subjects: Sequence[str],
        first_seq: int,
        *,
        headers_only: bool = False,
    ) -> None:
        """`subjects` may hold wildcards but must not overlap; empty means all of them. With `headers_only` messages
        come without their data."""
        self._connection = connection
        self._stream = stream
        self._subjects = list(subjects)
        self._first_seq = max(1, first_seq)
        self._headers_only = headers_only
        self._consumer = ""
        self._subscription: Any = None
        self._inbox = ""
        self._arrived: list[TailMessage] = []
        self._wanted = 0
        self._done: asyncio.Future[None]
        self._came_at = 0.0
        self.pending = 0
        """Matching messages that have not been taken."""

    async def __aenter__(self) -> StreamCursor:
        """Raises NaqException where the stream can't be read."""
        config: dict[str, Any] = {
            "ack_policy": "none",
            "mem_storage": True,
            "num_replicas": 1,
            "inactive_threshold": FORGOTTEN_AFTER_S * NANOSECONDS,
            "replay_policy": "instant",
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": self._first_seq,
        }
        if self._headers_only:
            config["headers_only"] = True
        if len(self._subjects) == 1:
            config["filter_subject"] = self._subjects[0]
        elif self._subjects:
            config["filter_subjects"] = self._subjects
        answer = await self._connection.api(
            f"CONSUMER.CREATE.{self._stream}", {"stream_name": self._stream, "config": config}
        )
        self._consumer = str(answer["name"])
        self.pending = codec.whole(answer, "num_pending", 0)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with contextlib.suppress(nats.errors.Error, OSError):
            if self._subscription is not None:
                await self._subscription.unsubscribe()
            # no answer is waited for: a consumer that stays is dropped by the server
            await self._connection.client.publish(f"$JS.API.CONSUMER.DELETE.{self._stream}.{self._consumer}", b"")

    async def take(self, count: int) -> list[TailMessage]:
        """The next messages, at most `count`; none where there are no more.

        Raises:
            NaqConnectionError: no answer in time (what has begun to come may take its time), or the server has given
                the read up: it was restarted, or nothing was taken for some seconds.
        """
        self._wanted = min(count, self.pending)
        if self._wanted <= 0:
            return []
        self._arrived, self._done = [], asyncio.get_running_loop().create_future()
        client = self._connection.client
        try:
            if self._subscription is None:
                self._inbox = client.new_inbox()
                self._subscription = await client.listen(self._inbox, self._on_frame)
            subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._consumer}"
            with self._connection.requests.refusable(subject, self._done):
                request = {"batch": self._wanted, "no_wait": True}
                await client.publish(subject, codec.dumps(request), reply=self._inbox)
                patience_s = self._connection.settings.connect_timeout_s
                await client.patiently(self._done, patience_s, patience_s, lambda: self._came_at)
        except (TimeoutError, nats.errors.Error) as exc:
            raise NaqConnectionError(
                f"no answer from {self._connection.settings.server_label} to a read of {self._stream}"
            ) from exc
        return self._arrived

    def _on_frame(self, subject: bytes, reply: str, data: bytes, block: bytes) -> None:
        status = status_of(block)
        if status is not None and not data:
            if status in _NO_MORE:
                self.pending = 0
                self._end()
            elif not self._done.done():
                self._done.set_exception(NaqConnectionError(f"the read of {self._stream} ended before it was through"))
            return
        try:
            parsed, self.pending = parse_delivered(subject, reply, data, block)
        except ValueError:
            return  # nothing that a stream delivers
        self._arrived.append(parsed)
        self._came_at = time.monotonic()
        if len(self._arrived) >= self._wanted or not self.pending:
            self._end()

    def _end(self) -> None:
        if not self._done.done():
            self._done.set_result(None)
