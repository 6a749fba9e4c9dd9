"""`naq events`: the audit log, read or followed; nothing is changed."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from naq import codec
from naq.cli.common import command, duration, json_option, moment, print_json, with_client
from naq.cli.parser import nearest
from naq.client import AsyncClient
from naq.display import inert
from naq.errors import ConfigurationError, SerializationError
from naq.eventquery import EventQuery, in_order, log_range, newest
from naq.models.event import JobEvent, JobEventType, StoredEvent
from naq.models.times import format_time

LIMIT = 20


def register(subparsers: Any) -> None:
    parser = command(
        subparsers,
        "events",
        "read or follow the audit log",
        "naq events --type FAILED --queue mail --since 2h\n  naq events --follow --json",
    )
    parser.add_argument("-f", "--follow", action="store_true", help="go on with every new event until interrupted")
    parser.add_argument(
        "-n",
        "--limit",
        "--lines",
        type=int,
        metavar="N",
        help=f"only the newest N stored events ({LIMIT}; with --since all)",
    )
    parser.add_argument(
        "--type", action="append", default=[], metavar="TYPE", help="only of this type, e.g. FAILED; may be given again"
    )
    parser.add_argument("--queue", metavar="QUEUE", help="only events of this queue")
    parser.add_argument("--job", metavar="JOB-ID", help="only events of this job")
    parser.add_argument("--action", metavar="ID", help="only events of this act, as it told its id")
    parser.add_argument("--since", metavar="TIME", help="only from this ISO time (UTC) on, or 15m for that long ago")
    json_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    if args.limit is not None and args.limit < 0:
        raise ConfigurationError(f"--limit must be from 0, not {args.limit}")
    query = EventQuery(
        types=frozenset(name.upper() for name in args.type),
        queue=args.queue,
        job_id=args.job,
        action_id=args.action,
        since=moment(args.since, "--since"),
    )
    for name in sorted(query.types - {*JobEventType}):  # another writer's, or a slip that would read as "none"
        print(
            f"naq: naq writes no events of type {name!r}{nearest(name, [known.value for known in JobEventType])}",
            file=sys.stderr,
        )
    limit = LIMIT if args.limit is None and query.since is None else args.limit
    show = _print_json if args.json else _print

    async def use(client: AsyncClient) -> int:
        held = await log_range(client.log)
        if limit is None:
            async for stored in in_order(client.log, query, held):
                show(stored)
        else:
            for stored in await newest(client.log, query, limit, held):
                show(stored)
        if args.follow:
            subject = query.subject(client.connection.names)
            async for batch in client.events.follow([subject] if subject else (), start_seq=held.last_seq + 1):
                for stored in batch.events:
                    if query.matches(stored):
                        show(stored)
        return 0

    return with_client(args, use, read_only=True)


def _print_json(stored: StoredEvent) -> None:
    try:
        record = codec.loads(stored.raw)
    except SerializationError:
        record = None
    if not isinstance(record, dict):
        record = {"undecodable": stored.raw.decode("ascii", "backslashreplace")}
    print_json({"seq": stored.seq, "stored_at": format_time(stored.stored_at), **record})


def _print(stored: StoredEvent) -> None:
    if stored.event is None:
        line = f"{'undecodable':<18}  {stored.raw[:200].decode('ascii', 'backslashreplace')}"
    else:
        line = _line(stored.event)
    when = format_time(stored.stored_at)[:23].replace("T", " ")
    print(inert(f"{stored.seq:>8}  {when}  {line}"), flush=True)


def _line(event: JobEvent) -> str:
    about = event.job_id or event.schedule_id or event.worker_id or "-"
    words = [f"{event.type.lower():<18}", f"{event.queue or '-':<12}", f"{about:<36}"]
    if event.function:
        words.append(event.function)
    if event.run_ms is not None:
        words.append(duration(event.run_ms))
    if event.error:
        words.append(f"{event.error.get('type')}: {event.error.get('message')}")
    if event.worker_id and event.worker_id != about:
        words.append(event.worker_id)
    if event.actor:
        words.append(f"by {event.actor.get('user')} on {event.actor.get('host')}")
    if event.reason:
        words.append(event.reason)
    return "  ".join(words).rstrip()
