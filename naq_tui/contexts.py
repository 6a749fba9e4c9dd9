"""The systems a console can be opened on: contexts of the user's file and of the `nats` command line, as one list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from naq.contexts import context_names, load_context
from naq.errors import ConfigurationError, NaqException
from naq.settings import Settings, mask_url
from naq_tui.config import Config, ContextEntry

if TYPE_CHECKING:
    from naq_tui.feed.protocol import Commands, Feed

_CONNECTION = ("user", "password", "token", "creds", "nkey", "tls_ca", "tls_cert", "tls_key", "prefix")


@dataclass(frozen=True, slots=True)
class Context:
    """One system by its name. What the user's file says goes before what the `nats` command line keeps."""

    name: str
    entry: ContextEntry
    """What the user wrote; for a context of the `nats` command line alone only its name."""
    is_written: bool = True
    """Whether the user's file has it; else only the `nats` command line does."""

    @property
    def is_production(self) -> bool:
        return self.entry.production

    @property
    def is_read_only(self) -> bool:
        """Whether it is opened read-only."""
        return self.entry.production if self.entry.read_only is None else self.entry.read_only

    @property
    def can_be_lifted(self) -> bool:
        """Whether read-only is what comes with production, to be lifted by typing the name; else it is a promise."""
        return self.entry.production and not self.entry.read_only

    def settings(self, env: Mapping[str, str], **overrides: str | None) -> Settings:
        """How to reach it. The environment's own server and context are left aside: this one was asked for by name.

        Raises:
            ConfigurationError: it can't be used; the message says why.
        """
        left = {name: value for name, value in env.items() if not name.startswith(("NAQ_NATS_", "NAQ_CONTEXT"))}
        values = {name: getattr(self.entry, name) for name in _CONNECTION}
        values |= {name: value for name, value in overrides.items() if value is not None}
        if self.entry.server is not None:
            return Settings.load(left, nats_url=self.entry.server, **values)
        return Settings.load(left, context=self.entry.nats_context or self.name, **values)

    def where(self, env: Mapping[str, str]) -> str:
        """Its address for people, secrets masked; why it can't be told where it can't."""
        try:
            return self.settings(env).server_label
        except NaqException as exc:
            return str(exc)


@dataclass(frozen=True, slots=True)
class Connection:
    """A context opened: what the console follows and acts through from then on."""

    feed: Feed
    commands: Commands | None
    environment: Mapping[str, str]
    """What processes launched from here need to reach the same system."""


Connect = Callable[[Context], Connection]
"""Opens a context; returns at once, the feed connects by itself. Raises NaqException: it can't be used."""


def known_contexts(config: Config, env: Mapping[str, str]) -> tuple[Context, ...]:
    """Those of the user's file in its order, then the others of the `nats` command line."""
    written = [Context(name, entry) for name, entry in config.contexts.items()]
    used = {*config.contexts, *(entry.nats_context for entry in config.contexts.values())}
    others = [name for name in context_names(env) if name not in used]
    return (*written, *(Context(name, ContextEntry(name=name), is_written=False) for name in others))


def find_context(name: str, known: tuple[Context, ...]) -> Context:
    """The context of this name. Raises ConfigurationError, which lists those there are."""
    for context in known:
        if context.name == name or (context.entry.server is None and context.entry.nats_context == name):
            return context
    names = ", ".join(context.name for context in known) or "none"
    raise ConfigurationError(f"context {name!r} does not exist (known: {names}): add [contexts.{name}] to config.toml")


def context_of(settings: Settings, known: tuple[Context, ...], env: Mapping[str, str]) -> Context | None:
    """The context that a connection is to without having been named: the selected one of the `nats` command line, or a
    written one with one of its addresses. So production is production by whichever way it is reached; None for none.
    """
    addresses = {_address(url) for url in settings.servers}
    for context in known:
        if not context.is_written:
            continue
        try:
            servers = context.settings(env).servers
        except NaqException:
            continue
        if addresses & {_address(url) for url in servers}:
            return context
    selected = None if settings.context is not None or "NAQ_NATS_URL" in env else _selected(env)
    return next((context for context in known if context.name == selected), None)


def _selected(env: Mapping[str, str]) -> str | None:
    try:
        context = load_context(None, env)
    except NaqException:
        return None
    return None if context is None else context.name


def _address(url: str) -> str:
    """Host and port alone."""
    bare = mask_url(url if "//" in url else f"nats://{url}").rpartition("//")[2].rpartition("@")[2].rstrip("/")
    host, _, port = bare.rpartition(":") if ":" in bare.rpartition("]")[2] else (bare, "", "4222")
    return f"{host.casefold()}:{port}"
