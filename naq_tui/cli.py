"""`naq-console`: finds or starts a server, then opens the console."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from naq import __version__
from naq.cli.parser import Parser
from naq.errors import ConfigurationError, NaqException
from naq_tui.collecting import collect_later
from naq_tui.config import Config, load_config, zone_name
from naq_tui.config_example import EXAMPLE, write_example

if TYPE_CHECKING:
    from naq_tui.feed.nats import NatsFeed
    from naq_tui.launcher import Supervisor

EXAMPLES = """examples:
  naq-console                              the server on this machine, or one of our own where none answers
  naq-console --demo                       a throw-away server with a small workload
  naq-console --server nats://prod:4222    a server elsewhere
  naq-console --context prod               a context of config.toml or of the nats command line
  naq-console --snapshot workers           one frame as text, for scripts and bug reports
"""
RESET_TERMINAL = (
    "\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1015l\x1b[?1016l\x1b[?1004l\x1b[?2004l\x1b[?2048l"
    "\x1b[<u\x1b[?1049l\x1b[?25h\x1b[?7h\x1b[0m"
)
"""Ends what a killed full-screen program leaves on: mouse, paste and focus reports, alternate screen, hidden cursor."""


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
    if args.read_only and args.write:
        print("naq-console: --read-only and --write contradict each other", file=sys.stderr)
        return 2
    if args.demo and (args.snapshot or args.server or args.context or args.prefix):
        print(
            "naq-console: --demo has a server of its own: leave out --snapshot, --server, --context and --prefix",
            file=sys.stderr,
        )
        return 2
    if args.snapshot is None and not (sys.stdin.isatty() and sys.stderr.isatty()):
        print("naq-console: it needs a terminal; in scripts use --snapshot, or 'naq' with --json", file=sys.stderr)
        return 2
    try:
        return asyncio.run(_run(args) if args.snapshot is None else _snapshot(args))
    except NaqException as exc:
        if args.debug:
            raise
        print(f"naq-console: {exc}", file=sys.stderr)
        return exc.exit_code
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="naq-console",
        description="The operations console of naq: events, workers, queues, results, schedules and local processes.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"naq-console {__version__}")
    parser.add_argument("--server", metavar="URL", help="NATS server (NAQ_NATS_URL; default nats://localhost:4222)")
    parser.add_argument(
        "--context", metavar="NAME", help="one of config.toml or of the nats command line (NAQ_CONTEXT)"
    )
    parser.add_argument("--prefix", metavar="NAME", help="first part of all stream names (NAQ_PREFIX; default naq)")
    parser.add_argument("--demo", action="store_true", help="a throw-away server with a small workload")
    parser.add_argument("--theme", metavar="NAME", help="naq-dark, naq-light or another theme of the palette")
    parser.add_argument("--read-only", action="store_true", help="only look: no key changes anything")
    parser.add_argument("--timezone", metavar="ZONE", help="times in UTC, local, or a zone like Europe/Berlin")
    parser.add_argument("--no-mouse", action="store_true", help="leave the mouse to the terminal")
    parser.add_argument("--write", action="store_true", help="allow changes on a production context from the start")
    parser.add_argument("--ascii", action="store_true", help="glyphs for terminals without Unicode")
    frame = parser.add_argument_group("one frame, without a terminal")
    frame.add_argument(
        "--snapshot", metavar="SCREEN", help="overview, events, workers, …; exit code 1 without a server"
    )
    frame.add_argument("--format", choices=("text", "svg"), default="text", help="default text")
    frame.add_argument("--size", metavar="COLSxLINES", default="120x40", help="default 120x40")
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


def _config(args: argparse.Namespace) -> Config:
    """The user's file with what the command line says instead; what is wrong in it is told."""
    from naq_tui.guarding import problems_of

    config = load_config()
    for problem in problems_of(config):
        print(f"naq-console: {problem}", file=sys.stderr)
    if args.theme:
        config = replace(config, theme=args.theme)
    if args.timezone:
        try:
            config = replace(config, timezone=zone_name(args.timezone))
        except ValueError as exc:
            raise ConfigurationError(f"--timezone: {exc}") from None
    return replace(config, mouse=False) if args.no_mouse else config


async def _snapshot(args: argparse.Namespace) -> int:
    """Print one frame of a server that is there; none is started, nothing is remembered."""
    from naq_tui.app import make_console
    from naq_tui.feed.nats import NatsFeed
    from naq_tui.launcher import Onlooker, recipes_of
    from naq_tui.opening import check, choose
    from naq_tui.snapshot import checked_screen, checked_size, snapshot

    screen, size = checked_screen(args.snapshot), checked_size(args.size)
    config = _config(args)
    choice = choose(config, server=args.server, context=args.context, prefix=args.prefix)
    await check(choice.settings)
    context = choice.context
    label = context.name if context is not None else choice.settings.server_label.removeprefix("nats://")
    feed = NatsFeed(choice.settings, label=label)
    recipes, _ = recipes_of(config.tables.get("recipes"))
    seen = Onlooker(recipes=recipes)
    app = make_console(
        feed=feed, supervisor=seen, ascii_only=args.ascii, config=config, context=context, read_only=True
    )
    frame = await snapshot(app, screen, args.format, size)
    sys.stdout.buffer.write(frame.encode("utf-8", "backslashreplace"))
    return 0


async def _run(args: argparse.Namespace) -> int:
    collect_later()  # what is imported from here on is never a cycle to be found
    from naq_tui.app import make_console
    from naq_tui.feed.late import late
    from naq_tui.launcher import Supervisor, recipes_of
    from naq_tui.opening import choose, connect, demo_target, environment_of, target_of
    from naq_tui.remembered import Remembered

    config = _config(args)
    if args.demo:
        config = replace(config, context=None)
    choice = choose(config, server=args.server, context=args.context, prefix=args.prefix)
    context = None if args.demo else choice.context
    opened = demo_target(choice.settings) if args.demo else target_of(choice.settings)
    async with opened as target:
        recipes, _ = recipes_of(config.tables.get("recipes"))
        supervisor = Supervisor(environment=environment_of(target.settings), recipes=recipes)
        if target.server is not None:
            supervisor.attach_server(target.server)
        if not args.demo:
            supervisor.adopt()

        def make_feed() -> NatsFeed:
            from naq_tui.feed.nats import NatsFeed

            label = context.name if context else target.label
            return NatsFeed(target.settings, label=label, is_embedded=target.server is not None)

        feed = late(make_feed)
        remembered = Remembered.of_user()
        app = make_console(
            feed=feed,
            supervisor=supervisor,
            remembered=remembered,
            commands=late(lambda: feed.commands),
            at_exit="stop" if args.demo else "leave",
            ascii_only=args.ascii,
            config=config,
            context=context,
            contexts=choice.contexts,
            connect=None if args.demo else connect,
            read_only=args.read_only,
            allow_changes=args.write,
        )
        demo = None
        if args.demo:
            from naq_tui.demo import Demo

            demo = Demo(target.settings, supervisor)
            demo.start()
        try:
            await app.run_async(mouse=config.mouse)
        finally:
            if demo is not None:
                await demo.stop()
            await feed.close()
            await _let_go(supervisor)
        return app.return_code or 0


async def _let_go(supervisor: Supervisor) -> None:
    """Stop watching what was left running; what was to be stopped was stopped by the quit question."""
    with contextlib.suppress(NaqException):
        await supervisor.close("leave")


if __name__ == "__main__":
    sys.exit(main())
