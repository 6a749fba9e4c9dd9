"""`naq permissions`."""

from __future__ import annotations

import argparse
from typing import Any

from naq.cli.common import command, json_option, print_json, settings_of

_WHERE = "# a user for users: [ … ] of authorization or of an account in nats-server.conf"


def register(subparsers: Any) -> None:
    from naq.permissions import Role

    parser = command(
        subparsers,
        "permissions",
        "print what a role needs, for the configuration of a nats-server",
        "naq permissions worker --queue mail",
    )
    parser.add_argument("role", choices=[role.value for role in Role], help="whose permissions")
    parser.add_argument(
        "--queue", action="append", default=[], metavar="NAME", help="only this one (producer, worker; may be repeated)"
    )
    parser.add_argument(
        "--inbox", metavar="PREFIX", help="inbox of its own, like _INBOX.mail (NAQ_INBOX_PREFIX; default _INBOX)"
    )
    json_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from naq.permissions import Role, configuration, permissions_of

    settings = settings_of(args)
    role, inbox = Role(args.role), args.inbox or settings.inbox_prefix
    permissions = permissions_of(role, settings.names, queues=args.queue, inbox_prefix=inbox)
    if args.json:
        print_json({"role": role, "publish": permissions.publish, "subscribe": permissions.subscribe})
        return 0
    print(_WHERE)
    if inbox != "_INBOX":
        print(f"# its processes need NAQ_INBOX_PREFIX={inbox}")
    print(configuration(role, permissions), end="")
    return 0
