"""Which deliveries may have lost their lease before this worker ever saw them.

A worker that was stopped, or whose line carried nothing for a while, finds deliveries in its socket that the server
has long handed to another. Nothing in them tells. But the server is never silent for long to a worker that waits for
jobs, so a silence gives it away: whatever came before a round trip that follows it is looked up before it starts.
"""

from __future__ import annotations

import asyncio

from naq.connection import Connection, LinkState
from naq.errors import NaqException

TRUSTED_PART = 0.75
"""Part of the ack wait for which the server may be silent before what arrives is doubted."""
RETRY_S = 0.1


class Freshness:
    """Judges arrivals, by this loop's clock."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._silent_for_s = connection.settings.ack_wait_s * TRUSTED_PART
        self._loop = asyncio.get_running_loop()
        self._heard_at = self._fresh_since = self._loop.time()
        self._asking: asyncio.Task[None] | None = None

    def hear(self, now: float) -> None:
        """Something came from the server, or is asked of it from `now` on."""
        self._look(now)
        self._heard_at = now

    def _look(self, now: float) -> None:
        if now - self._heard_at > self._silent_for_s and self._asking is None:
            self._fresh_since = float("inf")
            self._asking = self._loop.create_task(self._ask(), name="freshness")

    def is_fresh(self, arrived_at: float) -> bool:
        """Whether what arrived then had its lease still, as far as can be known here."""
        self._look(self._loop.time())
        return arrived_at >= self._fresh_since

    def is_recent(self, moment: float) -> bool:
        """Whether a lease that was good at `moment` can't have run out since."""
        return self._loop.time() - moment <= self._silent_for_s

    async def _ask(self) -> None:
        """Everything sent before the answer to a ping arrives before it."""
        try:
            while self._connection.state is LinkState.LIVE:
                try:
                    await self._connection.round_trip()
                    break
                except NaqException:
                    await asyncio.sleep(RETRY_S)
            self._heard_at = self._fresh_since = self._loop.time()
        finally:
            self._asking = None
