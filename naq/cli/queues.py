"""`naq queues`."""

from __future__ import annotations

import argparse
from typing import Any

from naq.cli.common import command, duration, json_option, print_json, print_table, with_client
from naq.client import AsyncClient
from naq.models.times import format_time


def register(subparsers: Any) -> None:
    parser = command(subparsers, "queues", "list queues and what stands in them", "naq queues --json")
    json_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    async def use(client: AsyncClient) -> int:
        now = client.connection.server_now()
        queues = await client.list_queues()
        if args.json:
            for queue in queues:
                print_json(
                    {
                        "queue": queue.queue,
                        "waiting": queue.waiting,
                        "running": queue.running,
                        "redelivered": queue.redelivered,
                        "consumed": queue.pulls > 0,
                        "oldest_at": format_time(queue.oldest_at) if queue.oldest_at else None,
                    }
                )
            return 0
        if not queues:
            print("no queues: enqueue a job with 'naq enqueue MODULE:FUNCTION ARGS…'")
            return 0
        print_table(
            ("queue", "waiting", "running", "oldest", "workers"),
            [
                (
                    queue.queue,
                    f"{queue.waiting:,}",
                    f"{queue.running:,}",
                    duration((now - queue.oldest_at).total_seconds() * 1000) if queue.oldest_at else "-",
                    "yes" if queue.pulls or queue.running else "none",
                )
                for queue in queues
            ],
            right=("waiting", "running", "oldest"),
        )
        return 0

    return with_client(args, use)
