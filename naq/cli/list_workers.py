"""`naq list-workers`: `naq workers list` under its first name."""

from __future__ import annotations

from typing import Any

from naq.cli.common import command, json_option
from naq.cli.workers import run_list


def register(subparsers: Any) -> None:
    parser = command(
        subparsers, "list-workers", "list workers and schedulers, dead ones too", "naq list-workers --json"
    )
    json_option(parser)
    parser.set_defaults(run=run_list)
