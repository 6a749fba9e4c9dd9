"""An operator's order that this worker or scheduler shall stop: heard as it is stored, removed once it is followed.

Killed before it removed the order, a worker leaves it behind; nobody else follows it (ids are never used twice), and
it goes with the worker's record, or by itself on servers with per-message TTL.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from naq.connection import Connection, LinkState
from naq.control import WORKER, Control
from naq.errors import NaqException
from naq.worker.orders import Orders

log = logging.getLogger(__name__)

PATIENCE_S = 2.5


class StopOrder:
    """The order `worker.<id>` of one worker or scheduler."""

    def __init__(self, connection: Connection, orders: Orders, worker_id: str, stop: Callable[[bool], None]) -> None:
        """`stop(now)` is called in the loop of `orders`; `now` means that nothing is waited for."""
        self._connection = connection
        self._worker_id = worker_id
        self._stop = stop
        self._is_given = False
        orders.on(WORKER, self._on_order)

    def _on_order(self, worker_id: str, record: dict[str, Any] | None) -> None:
        if worker_id != self._worker_id or record is None:
            return
        self._is_given = True
        log.info("an operator stops %s", worker_id)
        self._stop(record.get("now") is True)

    async def forget(self) -> None:
        """Remove the order where one was given; a server that is gone does not keep the process from ending."""
        if not self._is_given or self._connection.state is not LinkState.LIVE:
            return
        try:
            await Control(self._connection).bucket.delete(f"{WORKER}.{self._worker_id}", patience_s=PATIENCE_S)
        except NaqException as exc:
            log.debug("stop order not removed: %s", exc)
