"""`naq queues`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from contextlib import suppress
from typing import Any

from naq.cli.common import (
    act_options,
    age,
    command,
    counted,
    json_option,
    print_act,
    print_json,
    print_table,
    verb,
    with_client,
)
from naq.cli.parser import nearest
from naq.client import AsyncClient
from naq.errors import ConfigurationError, NaqException
from naq.models.queue import QueueStats
from naq.models.times import format_time
from naq.names import check_queue_name


def register(subparsers: Any) -> None:
    parser = command(
        subparsers,
        "queues",
        "list, pause, resume and purge queues",
        "naq queues pause mail --reason 'provider is down'",
    )
    json_option(parser)
    parser.set_defaults(run=run_list)
    verbs = parser.add_subparsers(metavar="VERB")
    verb(verbs, "list", "list queues and what stands in them", "naq queues list --json").set_defaults(run=run_list)
    pause = verb(verbs, "pause", "keep workers from taking jobs of a queue", "naq queues pause mail --reason 'outage'")
    resume = verb(verbs, "resume", "let workers take jobs of a queue again", "naq queues resume mail")
    for change, run in ((pause, run_pause), (resume, run_resume)):
        change.add_argument("queue", metavar="QUEUE")
        act_options(change)
        change.set_defaults(run=run)
    purge = verb(verbs, "purge", "remove every waiting job of a queue", "naq queues purge mail --reason 'bad deploy'")
    purge_options(purge)
    purge.set_defaults(run=run_purge)


def purge_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("queue", metavar="QUEUE")
    act_options(parser)
    parser.add_argument("-y", "--yes", action="store_true", default=False, help="don't ask")


def run_list(args: argparse.Namespace) -> int:
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
                        "paused": queue.is_paused,
                        "paused_at": format_time(queue.paused_at) if queue.paused_at else None,
                        "paused_reason": queue.paused_reason,
                    }
                )
            return 0
        if not queues:
            print("no queues: enqueue a job with 'naq enqueue MODULE:FUNCTION ARGS…'")
            return 0
        print_table(
            ("queue", "waiting", "running", "oldest", "workers", "state"),
            [
                (
                    queue.queue,
                    f"{queue.waiting:,}",
                    f"{queue.running:,}",
                    age(queue.oldest_at, now),
                    "yes" if queue.pulls or queue.running else "none",
                    _state(queue),
                )
                for queue in queues
            ],
            right=("waiting", "running", "oldest"),
        )
        return 0

    return with_client(args, use)


def _state(queue: QueueStats) -> str:
    if not queue.is_paused:
        return "open"
    return f"paused: {queue.paused_reason}" if queue.paused_reason else "paused"


def run_pause(args: argparse.Namespace) -> int:
    check_queue_name(args.queue)

    async def use(client: AsyncClient) -> int:
        unused = None
        with suppress(NaqException):  # who may pause need not be let to look; a paused queue looks unused
            unused = await _unused(client, args.queue)
        pause = await client.pause_queue(args.queue, reason=args.reason, action_id=args.action_id)
        if unused is not None:
            print(unused, file=sys.stderr)
        at = format_time(pause.at) if pause.at else None
        print_act(
            args,
            {"queue": pause.queue, "paused": True, "paused_at": at, "paused_reason": pause.reason},
            f"queue {pause.queue!r} is paused: 'naq queues resume {pause.queue}' lets its jobs run again",
        )
        return 0

    return with_client(args, use)


async def _unused(client: AsyncClient, name: str) -> str | None:
    """What to say where nothing shows that there is such a queue: it may not have had its first job, or be misspelt."""
    used = [queue.queue for queue in await client.list_queues() if queue.waiting or queue.running or queue.pulls]
    if name in used:
        return None
    return f"naq: no job waits in queue {name!r} and no worker takes from it{nearest(name, used)}"


def run_resume(args: argparse.Namespace) -> int:
    check_queue_name(args.queue)

    async def use(client: AsyncClient) -> int:
        was_paused = await client.resume_queue(args.queue, reason=args.reason, action_id=args.action_id)
        if was_paused:
            print_act(
                args, {"queue": args.queue, "paused": False, "was_paused": True}, f"queue {args.queue!r} is resumed"
            )
        elif args.json:
            print_json({"queue": args.queue, "paused": False, "was_paused": False})
        else:
            print(f"queue {args.queue!r} was not paused")
        return 0

    return with_client(args, use)


def run_purge(args: argparse.Namespace) -> int:
    check_queue_name(args.queue)

    async def use(client: AsyncClient) -> int:
        if not args.yes:
            if not sys.stdin.isatty():
                raise ConfigurationError("purge asks before it removes jobs: add --yes where nobody can answer")
            waiting = sum(stats.waiting for stats in await client.list_queues() if stats.queue == args.queue)
            question = f"Remove {counted(waiting, 'waiting job')} of queue {args.queue!r}? [y/N] "
            answer = await asyncio.to_thread(input, question)
            if answer.strip().lower() not in ("y", "yes"):
                print("nothing removed")
                return 1
        purged = await client.purge_queue(args.queue, reason=args.reason, action_id=args.action_id)
        print_act(
            args,
            {"queue": args.queue, "purged": purged},
            f"{counted(purged, 'job')} removed from queue {args.queue!r}",
        )
        return 0

    return with_client(args, use)
