"""What the commands share: the connection options, the client, and how things are printed."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from naq.client import AsyncClient
from naq.display import inert, inert_json
from naq.errors import ConfigurationError, ScheduleSpecError
from naq.ids import uuid7
from naq.models.times import parse_time, utcnow
from naq.settings import Settings


def command(subparsers: Any, name: str, summary: str, example: str, **options: Any) -> argparse.ArgumentParser:
    """A subcommand's parser, with the options that every one of them has; `options` are those of `add_parser`."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        **options,
    )
    parser.set_defaults(parser=parser)
    group = parser.add_argument_group("connection")
    group.add_argument("--server", metavar="URL", help="NATS server (NAQ_NATS_URL; default nats://localhost:4222)")
    group.add_argument("--context", metavar="NAME", help="context of the nats command line (NAQ_CONTEXT)")
    group.add_argument("--prefix", metavar="NAME", help="first part of all stream names (NAQ_PREFIX; default naq)")
    group.add_argument("--debug", action="store_true", help="show tracebacks")
    return parser


def verb(verbs: Any, name: str, summary: str, example: str) -> argparse.ArgumentParser:
    """The parser of a verb below a subcommand, with --json; options given before the verb hold as well.

    So an option of it that may be left out needs a default of its own (None), or it is absent.
    """
    parser = command(verbs, name, summary, example, argument_default=argparse.SUPPRESS)
    json_option(parser)
    return parser


def act_options(parser: argparse.ArgumentParser) -> None:
    """What every command has that changes something: why, and an id that all events of the act get."""
    parser.add_argument("--reason", default=None, help="why, for the audit log")
    parser.set_defaults(action_id=uuid7())


def json_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON, one object per line")


def settings_of(args: argparse.Namespace) -> Settings:
    """Settings from the options of `command` and the environment."""
    return Settings.load(nats_url=args.server, context=args.context, prefix=args.prefix)


def with_client(
    args: argparse.Namespace, use: Callable[[AsyncClient], Awaitable[int]], *, read_only: bool = False
) -> int:
    """Open a client by the options, run `use` with it, close it; returns what `use` returns.

    With `read_only`, streams that are missing are not made.
    """
    client = AsyncClient(settings_of(args), program="naq cli")

    async def run() -> int:
        async with client.connection if read_only else client:
            return await use(client)

    return asyncio.run(run())


def import_from_here() -> None:
    """Let modules of the current folder be imported, as `python -m` does."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)


def print_json(record: Any) -> None:
    """One JSON object on one line, with nothing in it that a terminal would obey."""
    from naq import codec

    sys.stdout.write(inert_json(codec.dumps(record).decode()) + "\n")
    sys.stdout.flush()


def print_act(args: argparse.Namespace, record: Mapping[str, Any], text: str) -> None:
    """What an act came to, `record` with --json or else `text`, and the id that its events have."""
    if args.json:
        print_json({**record, "action_id": args.action_id})
    else:
        print(inert(f"{text} (action {args.action_id})"))


def print_table(titles: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[str] = ()) -> None:
    """Aligned columns, never cut; those named in `right` are right-aligned. Control characters are made visible."""
    from rich.cells import cell_len  # wide characters take two cells

    table = [[title.upper() for title in titles], *([inert(cell) for cell in row] for row in rows)]
    widths = [max(map(cell_len, column)) for column in zip(*table, strict=True)]
    for row in table:
        cells = []
        for title, cell, width in zip(titles, row, widths, strict=True):
            gap = " " * (width - cell_len(cell))
            cells.append(gap + cell if title in right else cell + gap)
        print("  ".join(cells).rstrip())


def age(moment: datetime | None, now: datetime) -> str:
    """How long ago that was; `-` where there is no such time."""
    return "-" if moment is None else duration(max(0.0, (now - moment).total_seconds() * 1000))


def moment(text: str | None, option: str) -> datetime | None:
    """A time as people give it: ISO, UTC unless it says otherwise, or `15m` for that long ago; None stays None.

    Raises:
        ConfigurationError: it is neither; the message names `option`.
    """
    if text is None:
        return None
    from naq.scheduler.cron import parse_interval

    found = parse_time(text)
    if found is None:
        try:
            found = utcnow() - timedelta(seconds=parse_interval(text))
        except (ScheduleSpecError, OverflowError):
            raise ConfigurationError(
                f"{option} {text!r} is no time: write it like 2026-12-24T18:00:00+01:00, or 15m for that long ago"
            ) from None
    return found


def counted(count: int, noun: str) -> str:
    """`1 job`, `2,000 jobs`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def seconds(text: str) -> float:
    """The type of an option that is a time to wait: a number from 0."""
    number = float(text)
    if not 0 <= number < 1e9:
        raise argparse.ArgumentTypeError(f"seconds from 0 were expected, not {text!r}")
    return number


def duration(milliseconds: float | None) -> str:
    """`228 ms`, `1.2 s`, `14 min`; `-` where there is none."""
    if milliseconds is None:
        return "-"
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms" if milliseconds >= 10 else f"{milliseconds:.1f} ms"
    seconds = milliseconds / 1000
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
