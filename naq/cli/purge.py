"""`naq purge`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import Any

from naq.cli.common import command, json_option, print_json, with_client
from naq.client import AsyncClient
from naq.errors import ConfigurationError
from naq.names import check_queue_name


def register(subparsers: Any) -> None:
    parser = command(subparsers, "purge", "remove every waiting job of a queue", "naq purge mail --reason 'bad deploy'")
    parser.add_argument("queue", metavar="QUEUE")
    parser.add_argument("--reason", help="why, for the audit log")
    parser.add_argument("-y", "--yes", action="store_true", help="don't ask")
    json_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    check_queue_name(args.queue)

    async def use(client: AsyncClient) -> int:
        if not args.yes:
            if not sys.stdin.isatty():
                raise ConfigurationError("purge asks before it removes jobs: add --yes where nobody can answer")
            waiting = sum(stats.waiting for stats in await client.list_queues() if stats.queue == args.queue)
            question = f"Remove all {waiting:,} waiting jobs of queue {args.queue!r}? [y/N] "
            answer = await asyncio.to_thread(input, question)
            if answer.strip().lower() not in ("y", "yes"):
                print("nothing removed")
                return 1
        purged = await client.purge_queue(args.queue, reason=args.reason)
        if args.json:
            print_json({"queue": args.queue, "purged": purged})
        else:
            print(f"{purged:,} jobs removed from queue {args.queue!r}")
        return 0

    return with_client(args, use)
