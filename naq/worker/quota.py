"""When a worker has done enough: after so many jobs, or once its queues are empty."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from naq import codec
from naq.connection import Connection
from naq.errors import ConfigurationError, NaqException

log = logging.getLogger(__name__)

LOOK_AGAIN_S = 0.25
"""An empty queue tells nobody that it is: a worker in a burst asks this often."""


class Quota:
    """The jobs a worker may take; None means any number."""

    def __init__(self, max_jobs: int | None) -> None:
        """Raises ConfigurationError where `max_jobs` is no whole number from 1."""
        if max_jobs is not None and (isinstance(max_jobs, bool) or not isinstance(max_jobs, int) or max_jobs < 1):
            raise ConfigurationError(f"max_jobs must be a whole number from 1, not {max_jobs!r}")
        self._left = max_jobs

    @property
    def is_set(self) -> bool:
        """Whether there is any limit."""
        return self._left is not None

    @property
    def is_used_up(self) -> bool:
        return self._left == 0

    def take(self) -> bool:
        """Count one job; False where none is left to take."""
        if self._left == 0:
            return False
        if self._left is not None:
            self._left -= 1
        return True


async def until_empty(connection: Connection, queues: Sequence[str]) -> None:
    """Return once nothing waits in these queues, nothing of them runs anywhere and no retry of theirs is due later."""
    names = connection.names
    while True:
        try:
            infos = [await connection.api(f"CONSUMER.INFO.{names.jobs}.{names.consumer(queue)}") for queue in queues]
        except NaqException as exc:
            log.debug("can't tell yet whether the queues are empty: %s", exc)
        else:
            if not any(codec.number(info, key, 0) for info in infos for key in ("num_pending", "num_ack_pending")):
                return
        await asyncio.sleep(LOOK_AGAIN_S)
