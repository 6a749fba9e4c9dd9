"""`naq-console`: finds or starts a server, then opens the console."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from naq import __version__
from naq.errors import NaqConnectionError, NaqException
from naq_tui.config import EXAMPLE, load_config, write_example

if TYPE_CHECKING:
    from naq.server import EmbeddedServer
    from naq.settings import Settings
    from naq_tui.launcher import Supervisor

EXAMPLES = """examples:
  naq-console                              the server on this machine, or one of our own where none answers
  naq-console --demo                       a throw-away server with a small workload
  naq-console --server nats://prod:4222    a server elsewhere
"""
RESET_TERMINAL = (
    "\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1015l\x1b[?1016l\x1b[?1004l\x1b[?2004l\x1b[?2048l"
    "\x1b[<u\x1b[?1049l\x1b[?25h\x1b[?7h\x1b[0m"
)
"""Ends what a killed full-screen program leaves on: mouse, paste and focus reports, alternate screen, hidden cursor."""


@dataclass(frozen=True, slots=True)
class Target:
    """The system the console is opened on."""

    settings: Settings
    label: str
    server: EmbeddedServer | None
    """Our own child, where we started one."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the console; returns the exit code."""
    args = _parser().parse_args(argv)
    if args.reset_terminal:
        sys.stdout.write(RESET_TERMINAL)
        sys.stdout.flush()
        os.system("stty sane 2>/dev/null")
        return 0
    if args.example_config:
        print(EXAMPLE, end="")
        return 0
    if args.list_keys:
        return _list_keys()
    if args.write_config or args.check_config:
        return _write_config() if args.write_config else _check_config()
    if not sys.stdin.isatty() or not sys.stderr.isatty():
        print("naq-console: it needs a terminal; for scripts use 'naq' with --json", file=sys.stderr)
        return 2
    try:
        return asyncio.run(_run(args))
    except NaqException as exc:
        if args.debug:
            raise
        print(f"naq-console: {exc}", file=sys.stderr)
        return exc.exit_code
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="naq-console",
        description="The operations console of naq: events, workers, queues, results, schedules and local processes.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"naq-console {__version__}")
    parser.add_argument("--server", metavar="URL", help="NATS server (NAQ_NATS_URL; default nats://localhost:4222)")
    parser.add_argument("--context", metavar="NAME", help="context of the nats command line (NAQ_CONTEXT)")
    parser.add_argument("--prefix", metavar="NAME", help="first part of all stream names (NAQ_PREFIX; default naq)")
    parser.add_argument("--demo", action="store_true", help="a throw-away server with a small workload")
    parser.add_argument("--theme", metavar="NAME", help="naq-dark, naq-light or another theme of the palette")
    parser.add_argument("--read-only", action="store_true", help="only look: no key changes anything")
    parser.add_argument("--ascii", action="store_true", help="glyphs for terminals without Unicode")
    written = parser.add_argument_group("configuration (config.toml in NAQ_CONFIG_DIR or your configuration folder)")
    written.add_argument("--example-config", action="store_true", help="print one, with every setting explained")
    written.add_argument("--write-config", action="store_true", help="put that where it is read, if none is there")
    written.add_argument("--check-config", action="store_true", help="say what in it can't be used; exit code 1 then")
    written.add_argument("--list-keys", action="store_true", help="names of all actions, with their keys")
    parser.add_argument("--reset-terminal", action="store_true", help="repair a terminal after a killed console")
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    return parser


def _list_keys() -> int:
    from naq_tui import keys

    actions, _ = keys.rebound(keys.ACTIONS, load_config().keys)
    for action in actions:
        print(f"{action.id:<24} {action.all_key_labels:<14} {action.help}")
    return 0


def _write_config() -> int:
    try:
        print(f"Written: {write_example()}")
    except FileExistsError as exc:
        print(f"naq-console: {exc.filename} is there already: it stays as it is", file=sys.stderr)
        return 1
    except OSError as exc:
        print(f"naq-console: {exc.filename} can't be written: {exc.strerror}", file=sys.stderr)
        return 1
    return 0


def _check_config() -> int:
    from naq_tui.guarding import problems_of

    config = load_config()
    problems = problems_of(config)
    for problem in problems:
        print(problem, file=sys.stderr)
    if not problems:
        print(f"{config.path}: nothing wrong" if config.path.exists() else f"{config.path}: there is none")
    return 1 if problems else 0


async def _run(args: argparse.Namespace) -> int:
    from naq.settings import Settings
    from naq_tui.app import make_console
    from naq_tui.demo import Demo
    from naq_tui.feed.nats import NatsFeed
    from naq_tui.guarding import problems_of
    from naq_tui.launcher import Supervisor, recipes_of
    from naq_tui.remembered import Remembered

    config = load_config()
    for problem in problems_of(config):
        print(f"naq-console: {problem}", file=sys.stderr)
    settings = Settings.load(nats_url=args.server, context=args.context, prefix=args.prefix)
    opened = _demo_target(settings) if args.demo else _target(settings)
    async with opened as target:
        recipes, _ = recipes_of(config.tables.get("recipes"))
        supervisor = Supervisor(environment=_environment(target.settings), recipes=recipes)
        if target.server is not None:
            supervisor.attach_server(target.server)
        if not args.demo:
            supervisor.adopt()
        feed = NatsFeed(target.settings, label=target.label, is_embedded=target.server is not None)
        remembered = Remembered.of_user()
        if args.theme:
            config = replace(config, theme=args.theme)
        app = make_console(
            feed=feed,
            supervisor=supervisor,
            remembered=remembered,
            commands=feed.commands,
            at_exit="stop" if args.demo else "leave",
            ascii_only=args.ascii,
            config=config,
            read_only=args.read_only,
        )
        demo = Demo(target.settings, supervisor) if args.demo else None
        if demo is not None:
            demo.start()
        try:
            await app.run_async()
        finally:
            if demo is not None:
                await demo.stop()
            await feed.close()
            await _let_go(supervisor)
        return app.return_code or 0


@asynccontextmanager
async def _target(settings: Settings) -> AsyncIterator[Target]:
    """The server asked for; or the one at the default address; or one of our own, started there.

    Raises:
        NaqConnectionError: the server asked for does not answer or can't be used.
        ServerStartError: our own can't be started.
    """
    from naq.server import EmbeddedServer, default_store_dir, probe
    from naq.settings import DEFAULT_URL

    if settings.is_address_explicit:
        await _check(settings)
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
        await _check(settings)
        yield Target(settings, "local", None)
        return
    server = EmbeddedServer(default_store_dir(), port=port)
    await server.start()
    try:
        yield Target(settings.with_(nats_url=server.url), "local", server)
    finally:
        await server.stop()


@asynccontextmanager
async def _demo_target(settings: Settings) -> AsyncIterator[Target]:
    """A server of our own in a folder that goes with it."""
    from naq.server import EmbeddedServer

    with tempfile.TemporaryDirectory(prefix="naq-demo-", ignore_cleanup_errors=True) as folder:
        os.environ["NAQ_STATE_DIR"] = str(Path(folder) / "state")
        async with EmbeddedServer(Path(folder) / "store") as server:
            yield Target(settings.with_(nats_url=server.url, prefix="naq"), "demo", server)


async def _check(settings: Settings) -> None:
    """Connect once before the screen is taken over, so that what is wrong is said in one line of the shell."""
    from naq.client import AsyncClient

    async with AsyncClient(settings, program="naq-console"):
        return


def _environment(settings: Settings) -> dict[str, str]:
    """What launched children need to reach the same system; secrets travel here, never in arguments."""
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
    }
    return {name: value for name, value in values.items() if value is not None}


async def _let_go(supervisor: Supervisor) -> None:
    """Stop watching what was left running; what was to be stopped was stopped by the quit question."""
    with contextlib.suppress(NaqException):
        await supervisor.close("leave")


if __name__ == "__main__":
    sys.exit(main())
