"""Read a bounded part of the log up to an instant and fold it, in pieces: the keys are free all the while."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from naq.models.event import StoredEvent
from naq_tui.feed.protocol import Feed
from naq_tui.store.replay import Replay

HORIZON = 100_000
"""Events read before the instant: what happened to jobs before them is not known."""
STANDING = 20_000
"""Events of workers, of schedules, … read from before those."""
PAGE = 2_000
SLICE = 250
"""Events folded between two looks at the keys: a few ms."""
KEPT = 12
"""Folds kept behind pages, the newest: a step back reads one page at most."""


class Replayer:
    """Goes to one instant after the other, each time from the nearest that it has been at.

    Args:
        feed: whose log it is.
        breathe: awaited between two pieces of work.
        tell: called with the share that is done, 0 to 1.
    """

    def __init__(self, feed: Feed, breathe: Callable[[], Awaitable[None]], tell: Callable[[float], None]) -> None:
        self._feed, self._breathe, self._tell = feed, breathe, tell
        self._kept: list[Replay] = []
        """Never fed again, by `last_seq`."""

    async def to(self, seq: int, first_seq: int) -> Replay:
        """The log folded up to event `seq` (the last one before, where the log has no such event).

        Can be cancelled between any two pieces, and called again. Raises NaqException where the log can't be read.

        Args:
            first_seq: the first event that the log holds.
        """
        replay = await self._nearest(seq, first_seq)
        begun, page = replay.last_seq, self._read(replay.last_seq + 1, seq)
        try:
            while replay.last_seq < seq:
                events = await page
                if not events:
                    break
                # the next page comes while this one is folded
                page = self._read(events[-1].seq + 1, seq)
                for at in range(0, len(events), SLICE):
                    replay.feed(events[at : at + SLICE])
                    self._tell((replay.last_seq - begun) / max(1, seq - begun))
                    await self._breathe()
                self._keep(replay)
        finally:
            page.cancel()
        return replay

    async def _nearest(self, seq: int, first_seq: int) -> Replay:
        """A fold of what was before `seq`, to be fed further: one that was kept where that is less to read."""
        from_seq = max(first_seq, seq - HORIZON + 1)
        known = [kept for kept in self._kept if kept.last_seq <= seq and seq - kept.last_seq < seq - from_seq + 1]
        if known:
            return max(known, key=lambda kept: kept.last_seq).copy()
        replay = Replay(from_seq)
        standing = await self._feed.read_standing(from_seq, STANDING) if from_seq > first_seq else ()
        replay.begin(standing)
        self._kept.clear()
        return replay

    def _read(self, first_seq: int, last_seq: int) -> asyncio.Task[tuple[StoredEvent, ...]]:
        return asyncio.create_task(self._page(first_seq, last_seq))

    async def _page(self, first_seq: int, last_seq: int) -> tuple[StoredEvent, ...]:
        if first_seq > last_seq:
            return ()
        page = await self._feed.read_events(first_seq, min(PAGE, last_seq - first_seq + 1))
        return tuple(stored for stored in page if stored.seq <= last_seq)

    def _keep(self, replay: Replay) -> None:
        """Keep a copy, where none is near: single steps don't push out what lies behind them."""
        if not any(abs(replay.last_seq - kept.last_seq) < PAGE // 2 for kept in self._kept):
            self._kept = sorted((*self._kept, replay.copy()), key=lambda kept: kept.last_seq)[-KEPT:]
