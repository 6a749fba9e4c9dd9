"""The one place that talks to NATS: a process opens one `Connection` per event loop and hands it to everything else."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import ssl
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn
from weakref import WeakSet

import nats
import nats.errors

from naq import codec
from naq.errors import ConfigurationError, JetStreamUnavailableError, NaqConnectionError, NaqException
from naq.models.times import parse_time, utcnow
from naq.outbox import Outbox
from naq.requests import Requests
from naq.settings import Settings
from naq.wire import Wire

log = logging.getLogger(__name__)

RECONNECT_WAIT_S = 0.2
PING_INTERVAL_S = 5
"""With two pings unanswered a half-open link counts as lost, so within 15 s."""


MAX_DENIALS = 1000
"""Kept of what the server did not permit."""
_DENIED = re.compile(r'permissions violation for (publish|subscription) to "([^"]+)"', re.IGNORECASE)


class LinkState(StrEnum):
    CONNECTING = "connecting"
    LIVE = "live"
    LOST = "lost"
    """Was live; reconnecting without end."""
    CLOSED = "closed"


class JetStreamError(NaqException):
    """The JetStream API refused a request; `code` is its error code (10071: wrong last sequence, …)."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class Connection:
    """One NATS connection with its outbox, the server's clock, and listeners for the link's state.

    Use as an async context manager, or `open` and `close`. After a lost link it reconnects for ever by itself;
    writes in the outbox are sent again, readers resume.
    """

    def __init__(self, settings: Settings, *, name: str = "naq") -> None:
        self.settings = settings
        self.names = settings.names
        self.name = name
        self.state = LinkState.CONNECTING
        self.live_since: datetime | None = None
        """This machine's clock when the link last came up; None before it ever did."""
        self.last_error: str | None = None
        """The latest complaint of the client, for messages; None where there was none."""
        self.denied: set[tuple[str, str]] = set()
        """What the server did not permit: ("publish" or "subscription", subject in lower case)."""
        self._refused = False
        self._client = Wire()
        self.requests = Requests(self._client)
        self.outbox = Outbox(self)
        self._listeners: list[Callable[[LinkState], None]] = []
        self._clock_offset = timedelta(0)

    async def __aenter__(self) -> Connection:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def client(self) -> Wire:
        """The nats-py client, for this package's own modules."""
        return self._client

    @property
    def server_version(self) -> tuple[int, int, int]:
        """(major, minor, patch) of the connected server."""
        version = self._client.connected_server_version
        return (version.major, version.minor, version.patch)

    @property
    def server_name(self) -> str:
        """What the connected server calls itself; empty where it does not say."""
        return codec.text(self._client._server_info, "server_name", "")

    @property
    def cluster_name(self) -> str:
        """Of the connected server's cluster; empty where it is in none."""
        return codec.text(self._client._server_info, "cluster", "")

    @property
    def cluster_size(self) -> int:
        """Servers of that cluster that it tells of, itself included; at least 1."""
        return max(1, len(codec.texts(self._client._server_info, "connect_urls")))

    @property
    def max_payload(self) -> int:
        """Largest message the server takes, in bytes."""
        return int(self._client.max_payload)

    def server_now(self) -> datetime:
        """The server's clock, as far as the last `sync_clock` knows it; aware UTC."""
        return utcnow() + self._clock_offset

    @property
    def clock_offset(self) -> timedelta:
        """What to add to this machine's clock to get the server's."""
        return self._clock_offset

    def on_state(self, listener: Callable[[LinkState], None]) -> Callable[[], None]:
        """Call `listener` at each change of the link; returns what takes it off again."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    async def open(self) -> None:
        """Connect.

        Raises:
            NaqConnectionError: nothing answers within `connect_timeout_s`, or the credentials are refused.
            ConfigurationError: a credentials or certificate file can't be used.
        """
        options = self._options()
        label = self.settings.server_label
        try:
            async with asyncio.timeout(self.settings.connect_timeout_s):
                await self._client.connect(**options)
        except (TimeoutError, OSError, nats.errors.Error, ValueError) as exc:
            await self._abandon()
            raise NaqConnectionError(self._explain(label, exc)) from exc
        except BaseException:
            await self._abandon()
            raise
        await self.requests.start()
        await self.outbox.start()
        _open.add(self)
        self._set_state(LinkState.LIVE)

    async def close(self) -> None:
        """Send what is buffered, then close; safe to call twice and on a lost link."""
        if self.state is LinkState.CLOSED:
            return
        was_live = self.state is LinkState.LIVE
        self._set_state(LinkState.CLOSED)
        self.outbox.stop()
        if was_live and self._client.is_connected:
            try:
                await self._client.flush(timeout=1)
            except (nats.errors.Error, OSError, TimeoutError):
                log.debug("flush before close failed", exc_info=True)
        await self._abandon()

    async def api(self, verb: str, payload: object = None, *, timeout: float | None = None) -> dict[str, Any]:
        """One request to the JetStream API (`$JS.API.<verb>`), answered as a JSON object.

        Raises:
            JetStreamError: the server's refusal, with its code.
            JetStreamUnavailableError: JetStream is off, or a permission is missing.
            NaqConnectionError: no answer in time.
        """
        data = b"" if payload is None else codec.dumps(payload)
        try:
            reply = await self.requests.ask(f"$JS.API.{verb}", data, timeout=timeout or self.settings.connect_timeout_s)
        except nats.errors.NoRespondersError:
            raise JetStreamUnavailableError(
                f"JetStream is not available on {self.settings.server_label}: "
                "start that nats-server with JetStream on (-js), or enable it for this account"
            ) from None
        except (TimeoutError, nats.errors.Error) as exc:
            if self.is_denied(f"$JS.API.{verb}"):
                raise self._denial(f"$JS.API.{verb}") from None
            raise NaqConnectionError(
                f"no answer from {self.settings.server_label} to $JS.API.{verb.split('.')[0]}: {exc or 'timed out'}"
            ) from exc
        answer = codec.loads(reply.data)
        if not isinstance(answer, dict):
            raise JetStreamError(f"unexpected answer to $JS.API.{verb}", 0)
        error = answer.get("error")
        if isinstance(error, dict):
            code = int(codec.number(error, "err_code", 0))
            text = codec.text(error, "description", "unknown error")
            if code in (10039, 10076):
                raise JetStreamUnavailableError(
                    f"JetStream is off on {self.settings.server_label} ({text}): start it with -js, "
                    "or enable it for this account"
                )
            raise JetStreamError(f"{verb}: {text}", code)
        return answer

    async def sync_clock(self) -> timedelta:
        """Compare clocks with the server (half a round trip exact); keeps and returns the offset."""
        before = utcnow()
        answer = await self.api(f"STREAM.INFO.{self.names.events}")
        after = utcnow()
        server = parse_time(answer.get("ts"))
        if server is not None:
            self._clock_offset = server - (before + (after - before) / 2)
        return self._clock_offset

    async def round_trip(self) -> float:
        """Seconds of one round trip to the server. Raises NaqConnectionError where it takes over a second."""
        try:
            return float(await self._client.rtt(timeout=1))
        except (TimeoutError, nats.errors.Error, OSError) as exc:
            raise NaqConnectionError(f"{self.settings.server_label} does not answer") from exc

    def _disown(self) -> None:
        """In a forked child: what it wrote to the socket would break into what its parent says there."""
        self.state = LinkState.CLOSED
        self._client._can_write = False
        for name in ("publish", "subscribe", "flush", "rtt"):
            setattr(self._client, name, _refuse_in_child)

    def _options(self) -> dict[str, Any]:
        settings = self.settings
        for name in ("creds", "nkey", "tls_ca", "tls_cert", "tls_key"):
            path = getattr(settings, name)
            if path is not None and not Path(path).is_file():
                raise ConfigurationError(f"{name} file {path!r} does not exist")
        options: dict[str, Any] = {
            "servers": settings.servers,
            "name": self.name,
            "max_reconnect_attempts": -1,
            "reconnect_time_wait": RECONNECT_WAIT_S,
            "connect_timeout": settings.connect_timeout_s,
            "ping_interval": PING_INTERVAL_S,
            "error_cb": self._on_error,
            "disconnected_cb": self._on_disconnected,
            "reconnected_cb": self._on_reconnected,
            "closed_cb": self._on_closed,
        }
        for option, value in (
            ("user", settings.user),
            ("password", settings.password),
            ("token", settings.token),
            ("user_credentials", settings.creds),
            ("nkeys_seed", settings.nkey),
        ):
            if value is not None:
                options[option] = value
        if settings.tls_ca or settings.tls_cert:
            try:
                context = ssl.create_default_context(cafile=settings.tls_ca)
                if settings.tls_cert:
                    context.load_cert_chain(settings.tls_cert, settings.tls_key)
            except (ssl.SSLError, OSError) as exc:
                raise ConfigurationError(f"TLS files can't be used: {exc}") from exc
            options["tls"] = context
        return options

    def _explain(self, label: str, exc: BaseException) -> str:
        text = f"{self.last_error or ''} {exc}"
        if self._refused:
            return (
                f"{label} refused the credentials: check user, password, token or credentials file "
                "(NAQ_NATS_USER, NAQ_NATS_PASSWORD, NAQ_NATS_TOKEN, NAQ_NATS_CREDS, or the nats context)"
            )
        if isinstance(exc, ConnectionRefusedError) or "Connect call failed" in text or "refused" in text:
            return f"no server answers at {label}: start one there ('naq server'), or name another with --server"
        reason = self.last_error or str(exc) or f"no answer within {self.settings.connect_timeout_s:g} s"
        return f"can't connect to {label}: {reason}; is it a NATS server, and is the address right?"

    async def _abandon(self) -> None:
        try:
            async with asyncio.timeout(2):
                await self._client.close()
        except (nats.errors.Error, OSError, TimeoutError, AttributeError):
            log.debug("closing the client failed", exc_info=True)

    def _set_state(self, state: LinkState) -> None:
        if self.state is state:
            return
        self.state = state
        if state is LinkState.LIVE:
            self.live_since = utcnow()
        for listener in tuple(self._listeners):
            listener(state)

    async def _on_error(self, exc: Exception) -> None:
        text = str(exc) or type(exc).__name__
        if text != self.last_error:
            # before the link first came up, `open` raises what is to be said
            log.log(logging.DEBUG if self.live_since is None else logging.INFO, "nats: %s", text)
        self.last_error = text
        if "uthorization" in text or "uthentication" in text:
            # kept apart from last_error: the client tries again, and the server may reset that attempt without a word
            self._refused = True
        denied = _DENIED.search(text)
        if denied is not None:
            kind, subject = denied[1].lower(), denied[2]
            if len(self.denied) < MAX_DENIALS:
                self.denied.add((kind, subject.lower()))
            if kind == "publish":
                self.requests.refuse(subject, exc)
                self.outbox.refuse(subject, self._denial(subject))

    def is_denied(self, subject: str, kind: str = "publish") -> bool:
        """Whether the server has refused that to this user; `kind` is "publish" or "subscription"."""
        return (kind, subject.lower()) in self.denied

    def _denial(self, subject: str) -> JetStreamUnavailableError:
        return JetStreamUnavailableError(
            f"{self.settings.server_label} does not permit this user to publish to {subject}: ask for that permission "
            "('naq doctor' lists what is missing)"
        )

    async def _on_disconnected(self) -> None:
        if self.state is LinkState.LIVE:
            self._set_state(LinkState.LOST)

    async def _on_reconnected(self) -> None:
        self._set_state(LinkState.LIVE)
        self.outbox.resend()

    async def _on_closed(self) -> None:
        if self.state is LinkState.LOST:
            self._set_state(LinkState.CLOSED)


_open: WeakSet[Connection] = WeakSet()


async def _refuse_in_child(*args: object, **kwargs: object) -> NoReturn:
    raise NaqConnectionError("the process was forked after this client connected: open one of its own in the child")


def _disown_all() -> None:
    for connection in list(_open):
        connection._disown()
    _open.clear()


os.register_at_fork(after_in_child=_disown_all)
