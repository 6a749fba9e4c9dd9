"""Orders to cancel jobs, as one worker holds them and carries them out.

An order is stored in the control bucket before any worker hears of it (`naq.cancellation`): a worker that dies with an
order half done leaves it to whichever worker gets the job next.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from naq import codec
from naq.connection import Connection
from naq.control import CANCEL, Control
from naq.errors import NaqException
from naq.models.job import Job
from naq.worker.run import Run

log = logging.getLogger(__name__)


class CancelOrders:
    """What somebody asked to cancel, by job id."""

    def __init__(
        self,
        connection: Connection,
        worker_id: str,
        runs: Mapping[str, Run],
        *,
        can_stop: Callable[[Job], bool],
        aside: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        """`runs` are those at work here; `can_stop`: whether one ends with its task; `aside` runs something small."""
        self._connection = connection
        self._worker_id = worker_id
        self._runs = runs
        self._can_stop = can_stop
        self._aside = aside
        self._orders: dict[str, dict[str, Any]] = {}

    def of(self, job_id: str) -> dict[str, Any] | None:
        """Who asked to cancel this job, and why; None where nobody did."""
        return self._orders.get(job_id)

    def on_order(self, job_id: str, order: dict[str, Any] | None) -> None:
        """An order came, or (None) was taken back."""
        if order is None:
            self._orders.pop(job_id, None)
            return
        self._orders[job_id] = order
        run = self._runs.get(job_id)
        if run is None:
            return
        stops = not run.is_called or (run.task is not None and self._can_stop(run.job))
        run.order = order
        run.context.cancel_requested = True
        reply = order.get("reply")
        if isinstance(reply, str) and reply.startswith("_INBOX"):
            answer = {"worker_id": self._worker_id, "stops": stops}
            self._aside(self._connection.client.publish(reply, codec.dumps(answer)))
        if stops and run.task is not None:  # before its first turn there is none: it looks for an order itself
            run.task.cancel()

    async def forget(self, job_id: str) -> None:
        """The job it was about has ended: nobody needs to know of it any more."""
        self._orders.pop(job_id, None)
        try:
            await Control(self._connection).remove(CANCEL, job_id)
        except NaqException as exc:
            log.debug("order to cancel %s not removed: %s", job_id, exc)
