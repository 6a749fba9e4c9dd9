"""`naq scheduler`."""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

from naq.cli.common import command, settings_of
from naq.logs import setup_logging


def register(subparsers: Any) -> None:
    parser = command(subparsers, "scheduler", "fire schedules", "naq scheduler")
    parser.add_argument("--name", help="a name to know it by")
    parser.add_argument("--log-level", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"])
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from naq.scheduler import Scheduler

    setup_logging(args.log_level)
    asyncio.run(Scheduler(name=args.name, settings=settings_of(args)).run(handle_signals=True))
    return 0
