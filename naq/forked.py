"""A process that forks: what its connections are in the child, where they would write into what the parent says."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NoReturn
from weakref import WeakSet

from naq.errors import NaqConnectionError

if TYPE_CHECKING:
    from naq.connection import Connection
    from naq.natsclient import NatsClient

OPEN: WeakSet[Connection] = WeakSet()
"""The connections of this process."""


def silence(client: NatsClient) -> None:
    """Let nothing more of `client` reach its socket."""
    client._can_write = False
    for name in ("publish", "subscribe", "flush", "rtt"):
        setattr(client, name, _refuse)


async def _refuse(*args: object, **kwargs: object) -> NoReturn:
    raise NaqConnectionError("the process was forked after this client connected: open one of its own in the child")


def _disown_all() -> None:
    for connection in list(OPEN):
        connection.disown()
    OPEN.clear()


os.register_at_fork(after_in_child=_disown_all)
