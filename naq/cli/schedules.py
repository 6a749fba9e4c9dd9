"""`naq schedules`."""

from __future__ import annotations

import argparse
from typing import Any

from naq.cli.common import act_options, command, json_option, print_act, print_json, print_table, verb, with_client
from naq.cli.schedule_edit import run_add, run_edit
from naq.cli.schedule_options import argument_options, spec_options
from naq.cli.schedule_show import show, spec_text, summary
from naq.client import AsyncClient
from naq.models.schedule import Schedule
from naq.models.times import format_time


def register(subparsers: Any) -> None:
    parser = command(
        subparsers,
        "schedules",
        "list, show, add, edit, pause, resume, trigger and cancel schedules",
        "naq schedules --json",
    )
    json_option(parser)
    parser.set_defaults(run=run_list)
    verbs = parser.add_subparsers(metavar="VERB")
    verb(verbs, "list", "list schedules by their next run", "naq schedules list --json").set_defaults(run=run_list)
    shown = verb(verbs, "show", "show one: what it does, how it went, when it runs next", "naq schedules show nightly")
    shown.add_argument("schedule_id", metavar="SCHEDULE-ID")
    shown.set_defaults(run=run_show)
    add = verb(
        verbs,
        "add",
        "store a new one",
        "naq schedules add naq.examples.tasks:add 1 2 --cron '0 2 * * *' --timezone Europe/Berlin --id nightly\n"
        "  naq schedules add naq.examples.tasks:add 1 2 --every 15m --overlap skip --end 2030-01-01 --dry-run",
    )
    add.add_argument("function", metavar="MODULE:FUNCTION")
    add.add_argument("arguments", nargs="*", default=[], metavar="ARG")
    add.add_argument("--id", dest="schedule_id", default=None, help="its name")
    spec_options(add)
    add.add_argument("--unchecked", action="store_true", default=False, help="its code is not on this machine")
    add.add_argument("--dry-run", action="store_true", default=False, help="show its next runs and store nothing")
    add.set_defaults(run=run_add)
    edit = verb(
        verbs,
        "edit",
        "change one in place: only what is given changes",
        "naq schedules edit nightly --cron '0 3 * * *' --timeout 600 --reason 'the backup ends at 2'",
    )
    edit.add_argument("schedule_id", metavar="SCHEDULE-ID")
    spec_options(edit)
    argument_options(edit)
    edit.add_argument("--dry-run", action="store_true", default=False, help="show what would change, change nothing")
    edit.set_defaults(run=run_edit)
    for name, says in (
        ("pause", "fire nothing until it is resumed"),
        ("resume", "fire again, from the next due time on"),
        ("cancel", "end it"),
    ):
        change = verb(verbs, name, says, f"naq schedules {name} nightly --reason 'year-end closing'")
        change.add_argument("schedule_id", metavar="SCHEDULE-ID")
        change.set_defaults(run=run_change, verb=name)
    trigger = verb(verbs, "trigger", "enqueue its job once, now", "naq schedules trigger nightly")
    trigger.add_argument("schedule_id", metavar="SCHEDULE-ID")
    trigger.set_defaults(run=run_trigger)
    for name in ("add", "edit", "pause", "resume", "cancel", "trigger"):
        act_options(verbs.choices[name])


def run_show(args: argparse.Namespace) -> int:
    async def use(client: AsyncClient) -> int:
        show(await client.schedules.get(args.schedule_id), client.connection.server_now(), as_json=args.json)
        return 0

    return with_client(args, use, read_only=True)


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


def run_change(args: argparse.Namespace) -> int:
    async def use(client: AsyncClient) -> int:
        change = getattr(client.schedules, args.verb)
        schedule: Schedule = await change(args.schedule_id, reason=args.reason, action_id=args.action_id)
        print_act(args, summary(schedule), f"schedule {schedule.schedule_id!r} is {schedule.status.lower()}")
        return 0

    return with_client(args, use)


def run_trigger(args: argparse.Namespace) -> int:
    async def use(client: AsyncClient) -> int:
        job = await client.schedules.trigger(args.schedule_id, reason=args.reason, action_id=args.action_id)
        if args.json:
            print_act(args, {"schedule_id": args.schedule_id, "job_id": job.job_id}, "")
        else:
            print(job.job_id)  # alone, for scripts
        return 0

    return with_client(args, use)
