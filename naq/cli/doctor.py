"""`naq doctor`."""

from __future__ import annotations

import argparse
import asyncio
from typing import TYPE_CHECKING, Any

from naq.cli.common import command, print_json, print_table, settings_of
from naq.connection import Connection
from naq.display import inert

if TYPE_CHECKING:
    from naq.doctor.verify import Verdict

SHOWN = 100
"""Findings printed; `--json` prints all that are kept."""


def register(subparsers: Any) -> None:
    parser = command(
        subparsers,
        "doctor",
        "check the server and the system on it, or the whole log",
        "naq doctor\n  naq doctor --verify --json",
    )
    parser.add_argument("--json", action="store_true", help="print JSON: a check a line, or one object with --verify")
    asked = parser.add_mutually_exclusive_group()
    asked.add_argument("--verify", action="store_true", help="check the whole log, and every record against it")
    asked.add_argument(
        "--repair", action="store_true", help="make missing streams, and mend what can be changed without loss"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0 where nothing is wrong (warnings are not), 1 where something is."""
    return asyncio.run(_verify(args) if args.verify else _diagnose(args))


async def _diagnose(args: argparse.Namespace) -> int:
    from naq.doctor.checks import Level
    from naq.doctor.diagnose import diagnose

    checks = await diagnose(settings_of(args), repair=args.repair)
    for check in checks if args.json else ():
        print_json(check.to_record())
    if not args.json:
        width = max(len(inert(check.name)) for check in checks)
        for check in checks:
            print(f"{check.level:<8} {inert(check.name):<{width}}  {inert(check.found)}")
            if check.advice:
                print(f"{'':<8} {'':<{width}}  → {inert(check.advice)}")
        counts = [(level, sum(check.level == level for check in checks)) for level in Level]
        print("\n" + ", ".join(f"{count} {level}" for level, count in counts if count))
    return int(any(check.level == Level.PROBLEM for check in checks))


async def _verify(args: argparse.Namespace) -> int:
    from naq.doctor.verify import verify

    # not a client: that would make the streams whose state is in question
    async with Connection(settings_of(args), name="naq doctor") as connection:
        verdict = await verify(connection)
    if args.json:
        print_json(verdict.to_record())
    else:
        _print(verdict)
    return 0 if verdict.is_clean else 1


def _print(verdict: Verdict) -> None:
    rate = verdict.events / verdict.read_s if verdict.read_s else 0
    spent = f"{verdict.read_s:.1f} s, {rate:,.0f} events/s"
    print(f"log      {verdict.events:,} events, {verdict.first_seq:,} to {verdict.last_seq:,} ({spent})")
    jobs = ", ".join(f"{count:,} {inert(status)}" for status, count in verdict.jobs.items())
    print(f"jobs     {sum(verdict.jobs.values()):,}{': ' if jobs else ''}{jobs}")
    print(f"records  {verdict.results:,} results, {verdict.schedules:,} schedules, {verdict.workers:,} workers")
    for count, what in (
        (verdict.unreadable, "records of the log are no events"),
        (verdict.unknown, "events are of types this version does not know"),
        (verdict.unreadable_results, "results can't be read"),
        (verdict.moving, "jobs were still changing and were not judged: run it again"),
    ):
        if count:
            print(f"note     {count:,} {what}")
    if verdict.is_clean:
        print("clean    every job's history is complete, and every record agrees with it")
        return
    print(f"found    {verdict.found:,} that should not be:\n")
    print_table(
        ("event", "what", "id", "expected", "found"),
        [
            (str(finding.seq or "-"), finding.entity, finding.id, finding.expected, finding.found)
            for finding in verdict.findings[:SHOWN]
        ],
        right=("event",),
    )
    if verdict.found > SHOWN:
        print(f"… and {verdict.found - SHOWN:,} more; --json gives them all")
