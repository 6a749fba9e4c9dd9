"""Who acts: written into the events that operators and programs cause."""

from __future__ import annotations

import functools
import getpass
import os
import socket


@functools.cache
def current_actor(program: str) -> dict[str, str]:
    """`user`, `host`, `program`, and `ssh` (the client's address) where this is an SSH session."""
    actor = {"user": _user(), "host": socket.gethostname(), "program": program}
    ssh = os.environ.get("SSH_CONNECTION", "").split(" ", 1)[0]
    if ssh:
        actor["ssh"] = ssh
    return actor


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no passwd entry, as in many containers
        return str(os.getuid())
