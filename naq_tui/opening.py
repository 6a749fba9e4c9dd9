"""Finding what the console is opened on: the server asked for, one on this machine, or one of our own."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from naq.errors import NaqConnectionError
from naq.settings import Settings
from naq_tui.config import Config
from naq_tui.contexts import Connection, Context, context_of, find_context, known_contexts

if TYPE_CHECKING:
    from naq.server import EmbeddedServer


@dataclass(frozen=True, slots=True)
class Target:
    """The system the console is opened on."""

    settings: Settings
    label: str
    server: EmbeddedServer | None
    """Our own child, where we started one."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What the command line, the environment and the user's file ask for."""

    settings: Settings
    context: Context | None
    """Whose settings they are; None where no context is to it."""
    contexts: tuple[Context, ...]
    """All that can be opened."""


def choose(
    config: Config, *, server: str | None = None, context: str | None = None, prefix: str | None = None
) -> Choice:
    """The server or context of the command line, else of the environment, else of the user's file, else the selected
    one of the `nats` command line.

    Raises:
        ConfigurationError: what was asked for does not exist or can't be used.
    """
    known = known_contexts(config, os.environ)
    name = context
    if name is None and server is None and not os.environ.get("NAQ_NATS_URL"):
        name = os.environ.get("NAQ_CONTEXT") or config.context
    if name is not None and server is None:
        found = find_context(name, known)
        return Choice(found.settings(os.environ, prefix=prefix), found, known)
    settings = Settings.load(nats_url=server, context=context, prefix=prefix)
    return Choice(settings, context_of(settings, known, os.environ), known)


def connect(context: Context) -> Connection:
    """Open a context; see `naq_tui.contexts.Connect`."""
    from naq_tui.feed.nats import NatsFeed

    settings = context.settings(os.environ)
    feed = NatsFeed(settings, label=context.name)
    return Connection(feed, feed.commands, environment_of(settings))


@asynccontextmanager
async def target_of(settings: Settings) -> AsyncIterator[Target]:
    """The server asked for; or the one at the default address; or one of our own, started there.

    Raises:
        NaqConnectionError: the server asked for does not answer or can't be used.
        ServerStartError: our own can't be started.
    """
    from naq.server import EmbeddedServer, default_store_dir, probe
    from naq.settings import DEFAULT_URL

    if settings.is_address_explicit:
        await check(settings)
        yield Target(settings, settings.server_label.removeprefix("nats://"), None)
        return
    port = int(DEFAULT_URL.rsplit(":", 1)[1])
    answer = await probe("127.0.0.1", port)
    if answer == "other":
        raise NaqConnectionError(
            f"port {port} of this machine is taken by something that is not NATS: "
            "free it, or name your NATS server with --server"
        )
    if answer == "nats":
        await check(settings)
        yield Target(settings, "local", None)
        return
    server = EmbeddedServer(default_store_dir(), port=port)
    await server.start()
    try:
        yield Target(settings.with_(nats_url=server.url), "local", server)
    finally:
        await server.stop()


@asynccontextmanager
async def demo_target(settings: Settings) -> AsyncIterator[Target]:
    """A server of our own in a folder that goes with it."""
    from naq.server import EmbeddedServer

    with tempfile.TemporaryDirectory(prefix="naq-demo-", ignore_cleanup_errors=True) as folder:
        os.environ["NAQ_STATE_DIR"] = str(Path(folder) / "state")
        async with EmbeddedServer(Path(folder) / "store") as server:
            yield Target(settings.with_(nats_url=server.url, prefix="naq"), "demo", server)


async def check(settings: Settings) -> None:
    """Connect once before the screen is taken over, so that what is wrong is said in one line of the shell."""
    from naq.connection import Connection
    from naq.topology import ensure_topology

    async with Connection(settings, name="naq-console") as connection:
        await ensure_topology(connection)


def environment_of(settings: Settings) -> dict[str, str]:
    """What launched children need to reach the same system; secrets travel here, never in arguments.

    What is not needed is there too, empty: a child must not take up what the console's own environment says of
    another system.
    """
    values = {
        "NAQ_NATS_URL": ",".join(settings.servers),
        "NAQ_PREFIX": settings.prefix,
        "NAQ_NATS_USER": settings.user,
        "NAQ_NATS_PASSWORD": settings.password,
        "NAQ_NATS_TOKEN": settings.token,
        "NAQ_NATS_CREDS": settings.creds,
        "NAQ_NATS_NKEY": settings.nkey,
        "NAQ_NATS_TLS_CA": settings.tls_ca,
        "NAQ_NATS_TLS_CERT": settings.tls_cert,
        "NAQ_NATS_TLS_KEY": settings.tls_key,
        "NAQ_INBOX_PREFIX": settings.inbox_prefix,
    }
    return {"NAQ_CONTEXT": ""} | {name: value or "" for name, value in values.items()}
