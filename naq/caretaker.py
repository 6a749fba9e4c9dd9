"""The caretaker: what must be done once per system, done by one of the workers and schedulers that are up.

Every worker and scheduler runs one `Caretaker`; whoever holds the lease "caretaker" runs the duties, the others look
again when that lease could run out, at the price of one read. A holder that is killed is followed within the lease
time. One that was away for longer (stopped, cut off) finds out at its next renewal and may until then act beside its
successor, and a killed one leaves off anywhere: so a duty writes by compare-and-set and begins by looking at what is
left half done.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable

from naq.connection import Connection, LinkState
from naq.errors import NaqException
from naq.lease import Lease
from naq.settings import Settings

log = logging.getLogger(__name__)

LEASE = "caretaker"
RETRY_S = 0.5
JITTER = 0.1
"""Part of the lease time by which those standing by differ, so that they don't all ask at once."""
MAX_BACK_OFF_S = 30.0

Duty = Callable[[], Awaitable[None]]
"""Runs until it is cancelled; started again with growing pauses where it raises or returns."""


def duties(connection: Connection, settings: Settings) -> dict[str, Duty]:
    """What the caretaker does, by name."""
    from naq.dependencies.releaser import Releaser
    from naq.monitor import Monitor  # lazily: what most of those standing by never need

    return {"monitor": Monitor(connection, settings).run, "releaser": Releaser(connection).run}


class Caretaker:
    """Runs the duties while it holds the lease."""

    def __init__(self, connection: Connection, holder_id: str, settings: Settings) -> None:
        """`holder_id` is the id of the worker or scheduler it belongs to."""
        self._connection = connection
        self._settings = settings
        self._lease = Lease(connection, LEASE, holder_id, lease_s=settings.lease_s)
        self._running: list[asyncio.Task[None]] = []
        self._held_until = 0.0

    @property
    def is_on_duty(self) -> bool:
        """Whether the duties run here."""
        return bool(self._running)

    async def run(self) -> None:
        """Stand by and serve until cancelled; then the lease is given back. Never raises for the server's sake."""
        try:
            while True:
                pause_s = await self._renew() if self._running else await self._stand_by()
                await asyncio.sleep(pause_s)
        finally:
            await self._stop_duties()
            await self._release()

    async def _stand_by(self) -> float:
        """Take the lease where it is free; returns the seconds until it is worth looking again."""
        asked_at = time.monotonic()
        try:
            # no timeout of its own: reads and writes give up by themselves, and nothing is at stake yet
            if not await self._lease.acquire():
                return max(self._lease.free_in_s, 0.0) + random.uniform(0, JITTER) * self._settings.lease_s
            await self._connection.sync_clock()
        except NaqException as exc:
            log.debug("caretaker's lease: %s", exc)
            return RETRY_S
        self._held_until = asked_at + self._settings.lease_s
        for name, duty in duties(self._connection, self._settings).items():
            self._running.append(asyncio.create_task(_perform(name, duty), name=f"duty-{name}"))
        log.debug("on duty as caretaker")
        return self._settings.lease_s / 4

    async def _renew(self) -> float:
        """Keep the lease, or stop where it is lost or not confirmed in time; returns the seconds to the next look."""
        asked_at = time.monotonic()
        try:
            async with asyncio.timeout(max(0.0, self._held_until - asked_at)):
                held = await self._lease.renew()
        except TimeoutError:
            held = False
        except NaqException as exc:
            log.debug("caretaker's lease: %s", exc)
            return RETRY_S
        if held:
            self._held_until = asked_at + self._settings.lease_s
            return self._settings.lease_s / 4
        log.info("no longer on duty as caretaker: its lease passed on or could not be renewed")
        await self._stop_duties()
        return RETRY_S

    async def _stop_duties(self) -> None:
        tasks, self._running = self._running, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _release(self) -> None:
        if self._connection.state is not LinkState.LIVE:
            return  # it runs out by itself; a server that is gone must not keep a process from ending
        try:
            await self._lease.release()
        except NaqException as exc:
            log.debug("caretaker's lease not released, it runs out by itself: %s", exc)


async def _perform(name: str, duty: Duty) -> None:
    back_off_s = RETRY_S
    while True:
        started_at = time.monotonic()
        try:
            await duty()
            log.error("duty %s ended by itself; it is started again", name)
        except NaqException as exc:
            log.warning("duty %s failed and is started again: %s", name, exc)
        except Exception:
            log.exception("duty %s failed and is started again", name)
        if time.monotonic() - started_at > MAX_BACK_OFF_S:
            back_off_s = RETRY_S
        await asyncio.sleep(back_off_s * random.uniform(0.75, 1.25))
        back_off_s = min(back_off_s * 2, MAX_BACK_OFF_S)
