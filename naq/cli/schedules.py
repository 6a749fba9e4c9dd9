"""`naq schedules`."""

from __future__ import annotations

import argparse
from typing import Any

from naq import callables, codec
from naq.cli.common import command, import_from_here, json_option, print_json, print_table, with_client
from naq.cli.enqueue import parse_arguments
from naq.client import AsyncClient
from naq.models.schedule import Schedule
from naq.models.times import format_time


def register(subparsers: Any) -> None:
    parser = command(
        subparsers,
        "schedules",
        "list, add, pause, resume, trigger and cancel schedules",
        "naq schedules add myapp.tasks:nightly --cron '0 2 * * *' --timezone Europe/Berlin --id nightly",
    )
    json_option(parser)
    parser.set_defaults(run=run_list)
    verbs = parser.add_subparsers(metavar="VERB")
    add = verbs.add_parser("add", help="store a new one")
    add.add_argument("function", metavar="MODULE:FUNCTION")
    add.add_argument("arguments", nargs="*", metavar="ARG")
    add.add_argument("--cron", help="five fields, or six with seconds first")
    add.add_argument("--every", metavar="INTERVAL", help="30s, 15m, 2h, 1d")
    add.add_argument("--repeat", type=int, metavar="N", help="runs in all (default: without end)")
    add.add_argument("--timezone", default="UTC")
    add.add_argument("--misfire", default="run_once", choices=["skip", "run_once", "run_all"])
    add.add_argument("--id", dest="schedule_id", help="its name")
    add.add_argument("-q", "--queue", default="default")
    add.add_argument("--unchecked", action="store_true", help="the function's code is not on this machine")
    add.set_defaults(run=run_add)
    for verb in ("pause", "resume", "cancel"):
        change = verbs.add_parser(verb, help=f"{verb} one")
        change.add_argument("schedule_id", metavar="SCHEDULE-ID")
        change.add_argument("--reason", help="why, for the audit log")
        change.set_defaults(run=run_change, verb=verb)
    trigger = verbs.add_parser("trigger", help="enqueue its job once, now")
    trigger.add_argument("schedule_id", metavar="SCHEDULE-ID")
    trigger.add_argument("--reason", help="why, for the audit log")
    trigger.set_defaults(run=run_trigger)


def run_list(args: argparse.Namespace) -> int:
    async def use(client: AsyncClient) -> int:
        schedules = await client.list_schedules()
        if args.json:
            for schedule in schedules:
                print_json(summary(schedule))
        elif not schedules:
            print("no schedules: add one with 'naq schedules add MODULE:FUNCTION --cron …'")
        else:
            print_table(
                ("status", "schedule", "function", "queue", "spec", "next", "runs"),
                [
                    (
                        schedule.status.lower(),
                        schedule.schedule_id,
                        schedule.function,
                        schedule.queue,
                        spec_text(schedule),
                        format_time(schedule.next_run_at)[:19] if schedule.next_run_at else "-",
                        f"{schedule.run_count:,}",
                    )
                    for schedule in schedules
                ],
                right=("runs",),
            )
        return 0

    return with_client(args, use)


def run_add(args: argparse.Namespace) -> int:
    import_from_here()
    positional, named = parse_arguments(args.arguments)
    callables.check_reference(args.function)
    if not args.unchecked:
        callables.check_arguments(callables.import_function(args.function), tuple(positional), named)

    async def use(client: AsyncClient) -> int:
        schedule = await client.schedule(
            args.function,
            *positional,
            cron=args.cron,
            interval=args.every,
            repeat=args.repeat,
            timezone=args.timezone,
            misfire=args.misfire,
            schedule_id=args.schedule_id,
            queue_name=args.queue,
            **named,
        )
        if args.json:
            print_json(summary(schedule))
        else:
            print(schedule.schedule_id)
        return 0

    return with_client(args, use)


def run_change(args: argparse.Namespace) -> int:
    async def use(client: AsyncClient) -> int:
        schedule: Schedule = await getattr(client.schedules, args.verb)(args.schedule_id, reason=args.reason)
        if args.json:
            print_json(summary(schedule))
        else:
            print(f"schedule {schedule.schedule_id!r} is {schedule.status.lower()}")
        return 0

    return with_client(args, use)


def run_trigger(args: argparse.Namespace) -> int:
    async def use(client: AsyncClient) -> int:
        job = await client.trigger_scheduled_job(args.schedule_id, reason=args.reason)
        if args.json:
            print_json({"schedule_id": args.schedule_id, "job_id": job.job_id})
        else:
            print(job.job_id)
        return 0

    return with_client(args, use)


def summary(schedule: Schedule) -> dict[str, Any]:
    """The record as plain JSON."""
    record: dict[str, Any] = codec.loads(schedule.to_wire())
    record["args"] = codec.display(record["job"].get("args", []))
    record["kwargs"] = codec.display(record["job"].get("kwargs", {}))
    del record["job"]
    return record


def spec_text(schedule: Schedule) -> str:
    """What makes it fire, in one short text."""
    if schedule.cron is not None:
        return f"{schedule.cron} {schedule.timezone}" if schedule.timezone != "UTC" else schedule.cron
    if schedule.interval_s is not None:
        return f"every {schedule.interval_s:g} s"
    return "once"
