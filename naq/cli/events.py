"""`naq events`."""

from __future__ import annotations

import argparse
from typing import Any

from naq import codec, ids
from naq.cli.common import command, duration, inert, json_option, print_json, with_client
from naq.client import AsyncClient
from naq.errors import ConfigurationError, SerializationError
from naq.models.event import JobEvent, StoredEvent


def register(subparsers: Any) -> None:
    parser = command(subparsers, "events", "read or follow the audit log", "naq events --follow --queue mail")
    parser.add_argument("-f", "--follow", action="store_true", help="go on with every new event until interrupted")
    parser.add_argument("-n", "--lines", type=int, default=20, metavar="N", help="newest events to begin with (20)")
    parser.add_argument("--job", metavar="JOB-ID", help="only events of this job")
    parser.add_argument("--queue", metavar="QUEUE", help="only events of this queue")
    parser.add_argument("--type", metavar="TYPE", help="only events of this type, e.g. FAILED")
    json_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    if args.lines < 0:
        raise ConfigurationError(f"--lines must be from 0, not {args.lines}")

    def matches(stored: StoredEvent) -> bool:
        event = stored.event
        if event is None:
            return not (args.job or args.queue or args.type)
        return (
            (not args.job or event.job_id == args.job)
            and (not args.queue or event.queue == args.queue)
            and (not args.type or event.type == args.type.upper())
        )

    show = _print_json if args.json else _print

    async def use(client: AsyncClient) -> int:
        held = await client.log.range()
        next_seq = held.last_seq + 1
        found: list[StoredEvent] = []
        # backwards in pages until enough match: a filter may be rare
        upper = held.last_seq
        while upper >= held.first_seq and len(found) < args.lines:
            lower = max(held.first_seq, upper - 999)
            page = [event for event in await client.log.read(lower, upper - lower + 1) if event.seq <= upper]
            found = [event for event in page if matches(event)] + found
            upper = lower - 1
        for stored in found[len(found) - args.lines if args.lines else len(found) :]:
            show(stored)
        if not args.follow:
            return 0
        async for batch in client.events.follow(start_seq=next_seq):
            for stored in batch.events:
                if matches(stored):
                    show(stored)
        return 0

    return with_client(args, use)


def _print_json(stored: StoredEvent) -> None:
    try:
        record = codec.loads(stored.raw)
    except SerializationError:
        record = None
    if not isinstance(record, dict):
        record = {"undecodable": stored.raw.decode("ascii", "backslashreplace")}
    print_json({"seq": stored.seq, **record})


def _print(stored: StoredEvent) -> None:
    event = stored.event
    if event is None:
        raw = stored.raw[:200].decode("ascii", "backslashreplace")
        print(f"{stored.seq:>8}  {stored.stored_at:%H:%M:%S.%f}  undecodable  {inert(raw)}", flush=True)
        return
    print(
        inert(f"{stored.seq:>8}  {event.ts:%H:%M:%S}.{event.ts.microsecond // 1000:03d}  {_line(event)}"),
        flush=True,
    )


def _line(event: JobEvent) -> str:
    words = [f"{event.type.lower():<18}"]
    if event.queue:
        words.append(event.queue)
    if event.function:
        words.append(event.function)
    if event.run_ms is not None:
        words.append(duration(event.run_ms))
    if event.error:
        words.append(f"{event.error.get('type')}: {event.error.get('message')}")
    if event.worker_id:
        words.append(event.worker_id)
    if event.job_id:
        words.append(ids.short(event.job_id))
    elif event.schedule_id:
        words.append(event.schedule_id)
    if event.reason:
        words.append(event.reason)
    return "  ".join(words)
