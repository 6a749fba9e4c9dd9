"""`naq schedules add` and `naq schedules edit`."""

from __future__ import annotations

import argparse
from typing import Any

from naq import callables, codec
from naq.calls import Call
from naq.cli.common import import_from_here, print_json, with_client
from naq.cli.enqueue import parse_arguments
from naq.cli.schedule_options import given
from naq.cli.schedule_show import print_next, show, summary
from naq.client import AsyncClient
from naq.display import inert
from naq.models.schedule import Schedule
from naq.scheduler.changes import difference, modified


def run_add(args: argparse.Namespace) -> int:
    import_from_here()
    positional, named = parse_arguments(args.arguments)
    callables.check_reference(args.function)
    if not args.unchecked:
        callables.check_arguments(callables.import_function(args.function), tuple(positional), named)
    options = given(args)
    call = Call(args.function, positional, named)

    async def use(client: AsyncClient) -> int:
        manager = client.schedules
        options["schedule_id"] = args.schedule_id
        if args.dry_run:
            schedule = manager.draft_call(call, **options)
            show(schedule, client.connection.server_now(), as_json=args.json)
            return 0
        schedule = await manager.schedule_call(call, reason=args.reason, action_id=args.action_id, **options)
        if args.json:
            print_json({**summary(schedule), "action_id": args.action_id})
        else:
            print(schedule.schedule_id)
        return 0

    return with_client(args, use, read_only=args.dry_run)


def run_edit(args: argparse.Namespace) -> int:
    async def use(client: AsyncClient) -> int:
        before = await client.schedules.get(args.schedule_id)
        changes = given(args, before.timezone)
        now = client.connection.server_now()
        if args.dry_run:
            after = modified(before, changes, now)
        else:
            change = client.schedules.modify
            after = await change(args.schedule_id, reason=args.reason, action_id=args.action_id, **changes)
        record = {**summary(after), "changed": difference(before, after)}
        if args.json:
            print_json(record if args.dry_run else {**record, "action_id": args.action_id})
        else:
            _print_changes(before, after, "" if args.dry_run else f" (action {args.action_id})")
            print_next(after, now)
        return 0

    return with_client(args, use, read_only=args.dry_run)


def _print_changes(before: Schedule, after: Schedule, action: str) -> None:
    differs = difference(before, after)
    print(f"schedule {after.schedule_id!r} is {inert(after.status.lower())}{action}")
    for name in {**differs["before"], **differs["after"]}:
        if name != "next_run_at":
            old, new = (_shown(differs[side], name) for side in ("before", "after"))
            print(f"  {name:<16}{inert(old)} -> {inert(new)}")


def _shown(values: dict[str, Any], name: str) -> str:
    return codec.display_text(values[name], 200) if name in values else "none"
