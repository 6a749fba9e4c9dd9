"""The one place that talks to NATS: a process opens one `Connection` per event loop and hands it to everything else."""

from __future__ import annotations

import asyncio
import logging
import random
import re
import ssl
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from types import TracebackType
from typing import Any

import nats.errors

from naq import access, codec, forked
from naq.errors import NaqConnectionError, PermissionDeniedError
from naq.jetstream import JetStreamApi
from naq.models.times import parse_time, utcnow
from naq.natsclient import NatsClient
from naq.outbox import Outbox
from naq.requests import Requests
from naq.settings import Settings

log = logging.getLogger(__name__)

RECONNECT_WAIT_S = 0.2
REFUSED_WAIT_S = 5.0
"""Pause before refused credentials are tried again; with some jitter, since whole fleets are refused together."""
PING_INTERVAL_S = 5
"""With two pings unanswered a half-open link counts as lost, so within 15 s. Sooner where an answer is waited for."""
LEAST_CONNECT_S = 1.0
"""Given to each of several servers, so that one that is stopped does not use up the time of the others."""

MAX_DENIALS = 1000
"""Kept of what the server did not permit."""
_DENIED = re.compile(r'permissions violation for (publish|subscription) to "([^"]+)"', re.IGNORECASE)


class LinkState(StrEnum):
    CONNECTING = "connecting"
    LIVE = "live"
    LOST = "lost"
    """Was live; reconnecting without end."""
    CLOSED = "closed"


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
        self.lost_because: str | None = None
        """Why a lost link does not come back, where the server said so: one line; else None."""
        self._complaint: Exception | None = None
        self._client = NatsClient()
        self._client.needs_tls = access.wants_tls(settings)
        self.requests = Requests(self._client)
        self._api = JetStreamApi(self)
        self.outbox = Outbox(self)
        self._listeners: list[Callable[[LinkState], None]] = []
        self._clock_offset = timedelta(0)
        self._storing_server = ""

    async def __aenter__(self) -> Connection:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def client(self) -> NatsClient:
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
        return codec.text(self._client.server_info, "server_name", "")

    @property
    def cluster_name(self) -> str:
        """Of the connected server's cluster; empty where it is in none."""
        return codec.text(self._client.server_info, "cluster", "")

    @property
    def server_run(self) -> str:
        """Another text each time the server starts; empty where that says nothing of who hands out the jobs.

        It does where one server, which is in no cluster, is connected and stores all there is.
        """
        if self.cluster_name or not self._storing_server or self.server_name != self._storing_server:
            return ""
        return codec.text(self._client._server_info, "server_id", "")[:12]

    @property
    def cluster_size(self) -> int:
        """Servers of that cluster that it tells of, itself included; at least 1."""
        return max(1, len(codec.texts(self._client.server_info, "connect_urls")))

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
        self._client._public_nkey = access.public_nkey(self.settings)
        try:
            async with asyncio.timeout(self.settings.connect_timeout_s):
                await self._client.connect(**options)
        except (TimeoutError, OSError, nats.errors.Error, ValueError) as exc:
            await self._abandon()
            raise NaqConnectionError(self._explain(exc)) from exc
        except BaseException:
            await self._abandon()
            raise
        await self.requests.start()
        await self.outbox.start()
        forked.OPEN.add(self)
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
        """One request to the JetStream API (`$JS.API.<verb>`), answered as a JSON object; see `JetStreamApi.ask`."""
        return await self._api.ask(verb, payload, timeout=timeout)

    async def sync_clock(self) -> timedelta:
        """Compare clocks with the server (half a round trip exact); keeps and returns the offset.

        An answer that was long in coming, as from a server that has just come up, changes nothing that it leaves
        possible.
        """
        before = utcnow()
        answer = await self.api(f"STREAM.INFO.{self.names.events}")
        after = utcnow()
        self._storing_server = codec.text(answer.get("cluster") or {}, "leader", "")
        server = parse_time(answer.get("ts"))
        if server is not None:
            half = (after - before) / 2
            offset = server - (before + half)
            if abs(offset - self._clock_offset) > half:
                self._clock_offset = offset
        return self._clock_offset

    async def round_trip(self) -> float:
        """Seconds of one round trip to the server. Raises NaqConnectionError where it takes over a second."""
        try:
            return float(await self._client.rtt(timeout=1))
        except (TimeoutError, nats.errors.Error, OSError) as exc:
            raise NaqConnectionError(f"{self.settings.server_label} does not answer") from exc

    def disown(self) -> None:
        """In a forked child: what it wrote to the socket would break into what its parent says there."""
        self.state = LinkState.CLOSED
        forked.silence(self._client)

    def _options(self) -> dict[str, Any]:
        return {
            "servers": self.settings.servers,
            "name": self.name,
            "max_reconnect_attempts": -1,
            "reconnect_time_wait": RECONNECT_WAIT_S,
            "connect_timeout": self._connect_share(),
            "ping_interval": PING_INTERVAL_S,
            "inbox_prefix": self.settings.inbox_prefix,
            "error_cb": self._on_error,
            "disconnected_cb": self._on_disconnected,
            "reconnected_cb": self._on_reconnected,
            "closed_cb": self._on_closed,
            **access.access_options(self.settings),
        }

    def _connect_share(self) -> float:
        """Seconds for one attempt at one of the servers."""
        whole = self.settings.connect_timeout_s
        return min(whole, max(LEAST_CONNECT_S, whole / len(self.settings.servers)))

    def _explain(self, exc: BaseException) -> str:
        label, server = self.settings.server_label, self._client.server_info
        if access.is_refusal(exc):
            return access.refusal_text(self.settings, server, exc)
        tls = access.tls_text(self.settings, server, self._complaint or exc)
        if tls is not None:
            return tls
        text = f"{self.last_error or ''} {exc}"
        if isinstance(exc, ConnectionRefusedError) or "Connect call failed" in text or "refused" in text:
            return f"no server answers at {label}: start one there ('naq server'), or name another with --server"
        silence = f"no answer within {self.settings.connect_timeout_s:g} s (NAQ_CONNECT_TIMEOUT)"
        reason = self.last_error or str(exc) or silence
        return f"can't connect to {label}: {reason}; is it a NATS server, and is the address right?"

    async def _abandon(self) -> None:
        try:
            # after a TLS handshake that failed the socket never says that it is closed
            async with asyncio.timeout(2 if self.live_since else 0.2):
                await self._client.close()
        except (nats.errors.Error, OSError, TimeoutError, AttributeError):
            log.debug("closing the client failed", exc_info=True)

    def _set_state(self, state: LinkState) -> None:
        if self.state is state:
            return
        self.state = state
        if state is LinkState.LIVE:
            self.live_since = utcnow()
        self._tell_state()

    def _tell_state(self) -> None:
        for listener in tuple(self._listeners):
            listener(self.state)

    async def _on_error(self, exc: Exception) -> None:
        """Told by the client of every error. Raised on while it first connects, an error ends the attempt."""
        text = str(exc) or type(exc).__name__
        is_new, self.last_error = text != self.last_error, text
        denied = _DENIED.search(text)
        if denied is not None:
            self._on_denied(denied[1].lower(), denied[2])
        elif self.live_since is None:
            self._complaint = exc
            # neither gets better by asking again twice a second until the time is up
            if access.is_refusal(exc) or isinstance(exc, ssl.SSLError | access.NoEncryptionError):
                raise exc
        elif access.is_refusal(exc):
            self._on_refused(exc)
        elif is_new:
            log.info("nats: %s", text.removeprefix("nats: "))

    def _on_refused(self, exc: Exception) -> None:
        """A reconnect was turned down: try again, but not as often as after a lost link."""
        self._client.options["reconnect_time_wait"] = REFUSED_WAIT_S * random.uniform(0.75, 1.25)
        because = access.refusal_text(self.settings, self._client.server_info, exc)
        if because != self.lost_because:
            self.lost_because = because
            log.warning("%s; trying again every %g s", because, REFUSED_WAIT_S)
            if self.state is LinkState.LOST:
                self._tell_state()

    def _on_denied(self, kind: str, subject: str) -> None:
        error = self.denial(subject, kind)
        is_new = not self.is_denied(subject, kind)
        if len(self.denied) < MAX_DENIALS:
            self.denied.add((kind, subject.lower()))
        is_told = self.requests.refuse(subject, error, kind=kind)
        if kind == "publish":
            is_told |= self.outbox.refuse(subject, error)
        if is_new and not is_told:
            log.info("%s", error)

    def is_denied(self, subject: str, kind: str = "publish") -> bool:
        """Whether the server has refused that to this user; `kind` is "publish" or "subscription"."""
        return (kind, subject.lower()) in self.denied

    def denial(self, subject: str, kind: str = "publish") -> PermissionDeniedError:
        """The error that says so, for raising."""
        label = self.settings.server_label
        if kind == "publish":
            what = f"publish to {subject}"
        elif subject.startswith(f"{self.settings.inbox_prefix}."):
            what = f"subscribe to {self.settings.inbox_prefix}.>, where all answers arrive (NAQ_INBOX_PREFIX)"
        else:
            what = f"subscribe to {subject}"
        return PermissionDeniedError(
            f"{label} does not permit this user to {what}: 'naq permissions' prints what each role needs, "
            "'naq doctor' lists what is missing"
        )

    async def _on_disconnected(self) -> None:
        if self.state is LinkState.LIVE:
            log.info("the connection to %s is lost: it is tried again until it is back", self.settings.server_label)
            self._set_state(LinkState.LOST)

    async def _on_reconnected(self) -> None:
        self._client.options["reconnect_time_wait"] = RECONNECT_WAIT_S
        log.info("connected to %s again", self.settings.server_label)
        self.lost_because = None
        self.denied.clear()  # they may have been mended meanwhile
        self._set_state(LinkState.LIVE)
        self.outbox.resend()
        await self.requests.resend()

    async def _on_closed(self) -> None:
        if self.state is LinkState.LOST:
            self._set_state(LinkState.CLOSED)
