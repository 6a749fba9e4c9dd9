"""`naq purge`, which is `naq queues purge`."""

from __future__ import annotations

from typing import Any

from naq.cli.common import command, json_option
from naq.cli.queues import purge_options, run_purge


def register(subparsers: Any) -> None:
    parser = command(subparsers, "purge", "remove every waiting job of a queue", "naq purge mail --reason 'bad deploy'")
    json_option(parser)
    purge_options(parser)
    parser.set_defaults(run=run_purge)
