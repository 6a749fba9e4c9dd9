"""Who acts: written into the events that operators and programs cause."""

from __future__ import annotations

import functools
import os
import pwd
import socket


def current_actor(program: str) -> dict[str, str]:
    """`user`, `host`, `program`, and `ssh` (the client's address) where this is an SSH session."""
    return {**_place(), "program": program}


@functools.cache
def _place() -> dict[str, str]:
    place = {"user": _user(), "host": socket.gethostname()}
    words = os.environ.get("SSH_CONNECTION", "").split()
    if words:
        place["ssh"] = words[0]
    return place


def _user() -> str:
    # by the process's uid: LOGNAME and USER say what they were told to
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # no passwd entry, as in many containers
        return str(os.getuid())
