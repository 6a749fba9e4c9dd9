"""The nats-py client with what it lacks: it outlives being refused, and is silent where encryption was asked for.

It tells a slow link from a dead one: whatever comes is a sign of life. It leaves a server that has stopped without
waiting for what that one will never read. And it brings to the next server nothing of what was written before: who
still waits for an answer asks again by himself, and what was given up meanwhile must not come to pass after all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import nats.errors
from nats.aio.client import Srv

from naq.access import NoEncryptionError
from naq.wire import Wire

T = TypeVar("T")
Came = Callable[[], float]
PONG_WITHIN_S = 3.0
"""Silence of a server, after an answer has failed to come, for which another one is looked for."""
SILENT_S = 3.0
"""Silence after which a link carries nothing any more; less is a pause between two pieces on a slow one."""


class NatsClient(Wire):
    """A client that ends only when it is told to."""

    needs_tls = False
    """Send no credentials to a server that offers no TLS."""

    def __init__(self) -> None:
        super().__init__()
        self._check: asyncio.Task[None] | None = None

    def suspect(self) -> None:
        """An answer did not come in time: see whether the server still lives, and go to another where it does not.

        Where there is no other, nothing is gained by leaving: the pings alone decide then.
        """
        if self.is_connected and len(self._server_pool) > 1 and (self._check is None or self._check.done()):
            self._check = asyncio.get_running_loop().create_task(self._check_link(), name="check-link")

    async def _check_link(self) -> None:
        link, heard, pong = self._transport, self._frames.received, asyncio.get_running_loop().create_future()
        await self._send_ping(pong)
        await asyncio.wait([pong], timeout=PONG_WITHIN_S)
        if self._transport is link and self.is_connected and self._frames.received == heard:
            await self._process_op_err(nats.errors.StaleConnectionError())

    async def patiently(
        self, answer: asyncio.Future[T], within_s: float, more_within_s: float = 0.0, came_at: Came = lambda: 0.0
    ) -> T:
        """What comes of `answer`.

        Time alone says nothing on a slow line, where an answer comes behind all that was asked for before it; to ask
        anew would only make the line longer.

        Args:
            within_s: the time there is for it, or for its first part.
            more_within_s: the time there is for each further part.
            came_at: when the last part came, by the loop's clock; before the call where none has.

        Raises:
            TimeoutError: that time is over, and all that the server had sent by then is read.
        """
        loop = asyncio.get_running_loop()
        begun = loop.time()
        while not answer.done():
            came = came_at()
            until = came + more_within_s if came > begun else begun + within_s
            if (left := until - loop.time()) > 0:
                await asyncio.wait([answer], timeout=left)
                continue
            self.suspect()
            await self.read_up()
            if not answer.done() and came_at() == came:
                raise TimeoutError
        return answer.result()

    async def read_up(self) -> None:
        """Wait until all that the server has sent by now is read, or the link is lost or silent."""
        loop, link = asyncio.get_running_loop(), self._transport
        pong: asyncio.Future[Any] = loop.create_future()
        is_asked = False
        while self.is_connected and self._transport is link and not pong.done():
            left = self._frames.heard_at + SILENT_S - loop.time()
            if left <= 0:
                return
            if not is_asked:
                is_asked = True
                await self._send_ping(pong)
            await asyncio.wait([pong], timeout=min(left, 1.0))

    @property
    def server_info(self) -> dict[str, Any]:
        """What the server last said of itself; empty before it did."""
        return self._server_info if isinstance(self._server_info, dict) else {}

    async def _ping_interval(self) -> None:
        """The original wants an answer to each ping in time: on a slow line that comes behind megabytes."""
        heard, unanswered = self._frames.received, 0
        while True:
            await asyncio.sleep(self.options["ping_interval"])
            unanswered = 0 if self._frames.received != heard else unanswered + 1
            heard = self._frames.received
            if unanswered > self.options["max_outstanding_pings"]:
                await self._process_op_err(nats.errors.StaleConnectionError())
                return
            await self._send_ping()

    async def _process_pong(self) -> None:
        """One that came after its asker gave up ends the reading of the original."""
        if self._pongs and self._pongs[0].done():
            self._pongs.pop(0)
        else:
            await super()._process_pong()

    async def _attempt_reconnect(self) -> None:
        """The original first waits until a server that reads no more has read what was written to it."""
        writer = getattr(self._transport, "_io_writer", None)
        if writer is not None:
            writer.transport.abort()
        await super()._attempt_reconnect()

    async def _process_connect_init(self) -> None:
        """The original sends next whatever was written since the link was lost, or shortly before."""
        await super()._process_connect_init()
        self._pending, self._pending_data_size = [], 0

    async def _select_next_server(self) -> None:
        """Not first the one that was just lost, to which the original's shuffle may lead."""
        if self._server_pool and self._server_pool[0] is self._current_server:
            self._server_pool.append(self._server_pool.pop(0))
        await super()._select_next_server()

    async def _connect_to_server(self, s: Srv) -> None:
        """Close what is left of an attempt that failed, which the original forgets."""
        if self._transport:
            self._transport.close()  # type: ignore[no-untyped-call]
        await super()._connect_to_server(s)

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        if initial_connection and self.needs_tls and not info.get("tls_required"):
            scheme = self._current_server.uri.scheme if self._current_server else ""
            if scheme != "wss":
                raise NoEncryptionError("nats: the server offers no TLS")
        await super()._process_info(info, initial_connection)

    def _connect_command(self) -> bytes:
        writer = getattr(self._transport, "_io_writer", None)
        if writer is not None and writer.get_extra_info("ssl_object") is not None:
            # else asyncio complains on standard error as each encrypted link ends
            writer._protocol._over_ssl = True
        command: bytes = super()._connect_command()
        return command

    async def _process_err(self, err_msg: str) -> None:
        """An error the server closes a live link for (expired or revoked credentials, too many connections, …).

        The original closes the client for good. What is refused now may be permitted in a minute: files of
        credentials are rotated, accounts are mended; so it reconnects like after any other loss.
        """
        text = self._frames.in_its_words(err_msg.strip(" '"))
        error = nats.errors.Error(f"nats: {text}")
        if "permissions violation" in text.lower():
            await self._error_cb(error)
        elif not self.is_connected or "stale connection" in text.lower():
            await super()._process_err(err_msg)
        else:
            await self._error_cb(error)
            await self._process_op_err(error)
