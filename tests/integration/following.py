"""Following something in the background until it shows what a test waits for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from naq.settings import Settings
from naq_tui.feed.nats import NatsFeed
from naq_tui.store.fold import apply
from naq_tui.store.state import EMPTY, State


class Following:
    """Whoever follows says with `_tell` that something has come."""

    def __init__(self) -> None:
        self._news = asyncio.Event()

    async def _follow(self) -> None:
        raise NotImplementedError

    def _tell(self) -> None:
        self._news.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._follow())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def until(self, is_so: Callable[[], object]) -> None:
        async with asyncio.timeout(30):
            while not is_so():
                self._news.clear()
                await self._news.wait()


class Console(Following):
    """What a console knows, as its feed tells it."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.feed = NatsFeed(settings)
        self.state = EMPTY

    async def _follow(self) -> None:
        try:
            async for batch in self.feed.batches():
                self.state = apply(self.state, batch)
                self._tell()
        finally:
            await self.feed.close()

    async def shows(self, is_wanted: Callable[[State], object]) -> State:
        await self.until(lambda: is_wanted(self.state))
        return self.state
