"""Which deliveries may have lost their lease before this worker ever saw them.

A worker that was stopped, or whose line carried nothing, or little, for a while finds deliveries in its socket that the
server has long handed to another. Nothing in them tells. So the server is asked again and again when it is: what
arrives behind an answer left the server after the question. Where the last question that was answered is too old,
whatever comes is looked up before it starts, until one is answered in time.
"""

from __future__ import annotations

import asyncio

from naq.connection import Connection
from naq.errors import NaqException

TRUSTED_PART = 0.75
"""Part of the ack wait by which a delivery may have been on its way unnoticed before it is doubted."""
QUESTIONS = 4
"""How often the server is asked in that time."""


class Freshness:
    """Judges arrivals, by this loop's clock."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._trusted_s = connection.settings.ack_wait_s * TRUSTED_PART
        self._loop = asyncio.get_running_loop()
        self._asked_at = self._fresh_since = self._loop.time()
        """The newest question that was answered; and since when no answer was too old."""
        self.is_stopped = False
        """Ends `run`, also where the wait for an answer swallows a cancellation, as `wait_for` of Python 3.11 can."""

    async def run(self) -> None:
        """Ask until stopped."""
        while not self.is_stopped:
            asked_at = self._loop.time()
            try:
                await self._connection.round_trip()
            except NaqException:
                pass  # the line is lost, or as slow as if it were
            else:
                self.answered(asked_at)
            await asyncio.sleep(self._trusted_s / QUESTIONS)

    def answered(self, asked_at: float) -> None:
        """Everything that the server had sent before it answered the question of that moment has arrived."""
        self._look()
        self._asked_at = asked_at
        if self._fresh_since == float("inf") and self.is_recent(asked_at):
            self._fresh_since = self._loop.time()

    def is_fresh(self, arrived_at: float) -> bool:
        """Whether what arrived then had its lease still, as far as can be known here."""
        self._look()
        return arrived_at >= self._fresh_since

    def is_recent(self, moment: float) -> bool:
        """Whether a lease that was good at `moment` can't have run out since."""
        return self._loop.time() - moment <= self._trusted_s

    def _look(self) -> None:
        if not self.is_recent(self._asked_at):
            self._fresh_since = float("inf")
