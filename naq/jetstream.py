"""Requests to the JetStream API, and what its refusals mean."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import nats.errors

from naq import codec
from naq.errors import JetStreamUnavailableError, NaqConnectionError, NaqException
from naq.requests import Answer

if TYPE_CHECKING:
    from naq.connection import Connection

ASK_AGAIN_S = 1.5
LED_AGAIN_S = 0.2
"""Pause before a cluster that has no leader is asked again."""
UNAVAILABLE = 10008
"""What a server says that knows no leader: of the cluster, or of the stream."""
_UNAVAILABLE = b'"err_code":%d,' % UNAVAILABLE
NO_LEADER = "the cluster has no leader for it now: most of the servers it is stored on must be up"
_REPEATABLE = ("INFO", "STREAM.INFO.", "STREAM.CREATE.", "CONSUMER.CREATE.", "CONSUMER.DURABLE.", "CONSUMER.INFO.")


class JetStreamError(NaqException):
    """The JetStream API refused a request; `code` is its error code (10071: wrong last sequence, …)."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class JetStreamApi:
    """Asks the server of one connection about streams and consumers."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def ask(self, verb: str, payload: object = None, *, timeout: float | None = None) -> dict[str, Any]:
        """One request to the JetStream API (`$JS.API.<verb>`), answered as a JSON object.

        Raises:
            JetStreamError: the server's refusal, with its code.
            JetStreamUnavailableError: JetStream is off.
            PermissionDeniedError: this user may not ask that, or not hear the answer.
            NaqConnectionError: no answer in time.
        """
        settings = self._connection.settings
        data = b"" if payload is None else codec.dumps(payload)
        timeout_s = timeout or settings.connect_timeout_s
        try:
            reply = await self._until_led(verb, data, timeout_s)
        except nats.errors.NoRespondersError:
            raise JetStreamUnavailableError(
                f"JetStream is not available on {settings.server_label}: "
                "start that nats-server with JetStream on (-js), or enable it for this account"
            ) from None
        except (TimeoutError, nats.errors.Error) as exc:
            hint = "; are most servers of its cluster up?" if self._connection.cluster_name else ""
            asked = f"$JS.API.{verb.split('.')[0]}"
            why = str(exc) or f"nothing came within {timeout_s:g} s"
            raise NaqConnectionError(f"no answer from {settings.server_label} to {asked}: {why}{hint}") from exc
        answer = codec.loads(reply.data)
        if not isinstance(answer, dict):
            raise JetStreamError(f"unexpected answer to $JS.API.{verb}", 0)
        error = answer.get("error")
        if isinstance(error, dict):
            code = codec.whole(error, "err_code", 0)
            text = codec.text(error, "description", "unknown error")
            if code == UNAVAILABLE:
                raise NaqConnectionError(f"{verb}: {NO_LEADER} ({text})")
            if code in (10039, 10076):
                raise JetStreamUnavailableError(
                    f"JetStream is off on {settings.server_label} ({text}): start it with -js, "
                    "or enable it for this account"
                )
            raise JetStreamError(f"{verb}: {text}", code)
        return answer

    async def _until_led(self, verb: str, data: bytes, timeout: float) -> Answer:
        """What a cluster is asked while it elects a leader is never answered: asked again, where that is harmless."""
        loop, requests = asyncio.get_running_loop(), self._connection.requests
        subject = f"$JS.API.{verb}"
        until = loop.time() + timeout
        while (left := until - loop.time()) > ASK_AGAIN_S and verb.startswith(_REPEATABLE):
            try:
                answer = await requests.ask(subject, data, timeout=ASK_AGAIN_S)
            except TimeoutError:
                continue
            if _UNAVAILABLE not in answer.data:
                return answer
            await asyncio.sleep(LED_AGAIN_S)
        return await requests.ask(subject, data, timeout=max(LED_AGAIN_S, left))
