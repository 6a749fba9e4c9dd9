"""The nats-py client with what it lacks: it outlives being refused, and is silent where encryption was asked for."""

from __future__ import annotations

from typing import Any

import nats.errors
from nats.aio.client import Srv

from naq.access import NoEncryptionError
from naq.wire import Wire


class NatsClient(Wire):
    """A client that ends only when it is told to."""

    needs_tls = False
    """Send no credentials to a server that offers no TLS."""

    @property
    def server_info(self) -> dict[str, Any]:
        """What the server last said of itself; empty before it did."""
        return self._server_info if isinstance(self._server_info, dict) else {}

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
