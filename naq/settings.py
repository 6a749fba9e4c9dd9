"""Settings: parsed once from the environment and the caller's arguments, then trusted."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from naq.contexts import NatsContext, load_context
from naq.errors import ConfigurationError
from naq.names import Names

DEFAULT_URL = "nats://localhost:4222"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Settings:
    """Everything that can be set. Each field says its environment variable, unit and meaning of None."""

    nats_url: str | None = None
    """NAQ_NATS_URL: server address(es), comma separated; None means the context's, else `nats://localhost:4222`."""
    context: str | None = None
    """NAQ_CONTEXT: a context of the `nats` command line; None means its selected one, if any."""
    user: str | None = None
    """NAQ_NATS_USER."""
    password: str | None = None
    """NAQ_NATS_PASSWORD."""
    token: str | None = None
    """NAQ_NATS_TOKEN."""
    creds: str | None = None
    """NAQ_NATS_CREDS: path of a credentials file."""
    nkey: str | None = None
    """NAQ_NATS_NKEY: path of an nkey seed file."""
    tls_ca: str | None = None
    """NAQ_NATS_TLS_CA: path of a CA certificate."""
    tls_cert: str | None = None
    """NAQ_NATS_TLS_CERT."""
    tls_key: str | None = None
    """NAQ_NATS_TLS_KEY."""
    inbox_prefix: str = "_INBOX"
    """NAQ_INBOX_PREFIX: first part of the subjects where the server's answers to this process arrive."""
    prefix: str = "naq"
    """NAQ_PREFIX: first part of every stream, subject and bucket name."""
    replicas: int = 1
    """NAQ_REPLICAS: copies of each stream in a cluster, 1 to 5."""
    connect_timeout_s: float = 5.0
    """NAQ_CONNECT_TIMEOUT: seconds until an unreachable server is an error."""
    ack_wait_s: float = 8.0
    """NAQ_ACK_WAIT: seconds after which the job of a silent worker is handed to another."""
    heartbeat_interval_s: float = 5.0
    """NAQ_HEARTBEAT_INTERVAL: seconds between a worker's heartbeats."""
    lease_s: float = 5.0
    """NAQ_LEASE: seconds after which a silent scheduler's leadership passes on."""
    dead_worker_kept_s: float = 86_400.0
    """NAQ_DEAD_WORKER_KEPT: seconds the record of a dead worker is kept."""
    result_ttl_s: float = 7 * 86_400.0
    """NAQ_RESULT_TTL: seconds a result is kept."""
    max_result_bytes: int = 64 * 2**20
    """NAQ_MAX_RESULT_BYTES: largest result that is stored or read; a job that returns more fails."""
    events_max_age_s: float = 30 * 86_400.0
    """NAQ_EVENTS_MAX_AGE: seconds an event is kept; 0 keeps it for ever."""
    jobs_max_bytes: int = 0
    """NAQ_JOBS_MAX_BYTES: size of all waiting and running jobs at which enqueues are refused; 0 sets no limit."""
    events_max_bytes: int = 8 * 2**30
    """NAQ_EVENTS_MAX_BYTES: size at which the oldest events go; 0 sets no limit."""

    def __repr__(self) -> str:
        """What differs from the defaults, with every secret masked: a record of settings may end up in any log."""
        told = {field.name: getattr(self, field.name) for field in fields(self)}
        changed = {name: value for name, value in told.items() if value != _DEFAULTS[name]}
        masked: dict[str, str] = {name: "***" for name in changed if name in ("user", "password", "token")}
        if "nats_url" in changed:
            masked["nats_url"] = self.server_label
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in {**changed, **masked}.items())})"

    @property
    def names(self) -> Names:
        return Names(self.prefix)

    @property
    def is_address_explicit(self) -> bool:
        """Whether the caller or a context named the server (then nothing is started in its place)."""
        return self.nats_url is not None

    @property
    def servers(self) -> list[str]:
        """The addresses to try, in order."""
        return [url.strip() for url in (self.nats_url or DEFAULT_URL).split(",") if url.strip()]

    @property
    def server_label(self) -> str:
        """The addresses with any secret masked, fit for screens and logs."""
        return ", ".join(mask_url(url) for url in self.servers)

    def with_(self, **overrides: Any) -> Settings:
        """A copy with the overrides that are not None."""
        return _checked(replace(self, **{name: value for name, value in overrides.items() if value is not None}))

    def to_env(self) -> dict[str, str]:
        """The environment variables that give another process these settings; what is None is left out."""
        values = ((variable, getattr(self, name)) for name, (variable, _) in _VARIABLES.items())
        return {variable: str(value) for variable, value in values if value is not None}

    @classmethod
    def load(cls, env: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
        """Settings of this process: overrides that are not None, then the environment, then the `nats` context.

        Raises:
            ConfigurationError: a value can't be used; the message names its variable or argument.
        """
        env = os.environ if env is None else env
        values: dict[str, Any] = {}
        for name, (variable, parse) in _VARIABLES.items():
            if variable in env and env[variable] != "":
                try:
                    values[name] = parse(env[variable])
                except ValueError as exc:
                    raise ConfigurationError(f"{variable}={env[variable]!r}: {exc}") from None
        unknown = set(overrides) - {field.name for field in fields(cls)}
        if unknown:
            raise ConfigurationError(f"unknown setting {', '.join(sorted(unknown))}")
        if overrides.get("context") is not None:
            values.pop("nats_url", None)  # a context named by the caller goes before the environment's address
        values.update({name: value for name, value in overrides.items() if value is not None})
        if values.get("nats_url") is None:
            _apply_context(values, load_context(values.get("context"), env))
        return _checked(cls(**values))


_DEFAULTS = {field.name: field.default for field in fields(Settings)}


def mask_url(url: str) -> str:
    """`url` with user, password or token replaced by `***`."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "***"
    if "@" not in parts.netloc:
        return url
    return urlunsplit(parts._replace(netloc=f"***@{parts.netloc.rsplit('@', 1)[1]}"))


def _apply_context(values: dict[str, Any], context: NatsContext | None) -> None:
    if context is None:
        return
    for name, value in context.settings().items():
        if values.get(name) is None:
            values[name] = value


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < 1e9:
        raise ValueError("a positive number of seconds was expected")
    return number


def _not_negative(text: str) -> float:
    number = float(text)
    if not 0 <= number < 1e12:
        raise ValueError("a number from 0 was expected")
    return number


def _count(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        number = int(text)
        if not low <= number <= high:
            raise ValueError(f"a whole number from {low} to {high} was expected")
        return number

    return parse


def _inbox_prefix(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", text):
        raise ValueError("letters, digits, '_' and '-' with dots between were expected, like _INBOX.mail")
    return text


_VARIABLES: dict[str, tuple[str, Callable[[str], Any]]] = {
    "nats_url": ("NAQ_NATS_URL", str),
    "context": ("NAQ_CONTEXT", str),
    "user": ("NAQ_NATS_USER", str),
    "password": ("NAQ_NATS_PASSWORD", str),
    "token": ("NAQ_NATS_TOKEN", str),
    "creds": ("NAQ_NATS_CREDS", str),
    "nkey": ("NAQ_NATS_NKEY", str),
    "tls_ca": ("NAQ_NATS_TLS_CA", str),
    "tls_cert": ("NAQ_NATS_TLS_CERT", str),
    "tls_key": ("NAQ_NATS_TLS_KEY", str),
    "inbox_prefix": ("NAQ_INBOX_PREFIX", _inbox_prefix),
    "prefix": ("NAQ_PREFIX", str),
    "replicas": ("NAQ_REPLICAS", _count(1, 5)),
    "connect_timeout_s": ("NAQ_CONNECT_TIMEOUT", _positive),
    "ack_wait_s": ("NAQ_ACK_WAIT", _positive),
    "heartbeat_interval_s": ("NAQ_HEARTBEAT_INTERVAL", _positive),
    "lease_s": ("NAQ_LEASE", _positive),
    "dead_worker_kept_s": ("NAQ_DEAD_WORKER_KEPT", _positive),
    "result_ttl_s": ("NAQ_RESULT_TTL", _positive),
    "max_result_bytes": ("NAQ_MAX_RESULT_BYTES", _count(1, 2**40)),
    "jobs_max_bytes": ("NAQ_JOBS_MAX_BYTES", _count(0, 2**62)),
    "events_max_age_s": ("NAQ_EVENTS_MAX_AGE", _not_negative),
    "events_max_bytes": ("NAQ_EVENTS_MAX_BYTES", _count(0, 2**62)),
}


def _checked(settings: Settings) -> Settings:
    settings.names  # noqa: B018  (checks the prefix)
    if not settings.servers:
        raise ConfigurationError("the server address is empty: expected nats://host:port (NAQ_NATS_URL or --server)")
    for url in settings.servers:
        try:
            parts = urlsplit(url if "//" in url else f"nats://{url}")
            bad = parts.scheme not in ("nats", "tls", "ws", "wss") or not parts.hostname or parts.port == 0
        except ValueError:
            bad = True
        if bad:
            raise ConfigurationError(
                f"server address {mask_url(url)!r} is not valid: expected nats://host:port (NAQ_NATS_URL or --server)"
            )
    return settings
