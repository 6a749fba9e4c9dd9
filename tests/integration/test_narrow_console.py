"""A console whose line to the server carries 10 kB/s while the log grows by ten times that."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from urllib.parse import urlsplit

import psutil
import pytest

from naq.client import AsyncClient
from naq.models.event import JobEvent, JobEventType
from naq.models.result import JobResult
from naq.models.times import utcnow
from naq.settings import Settings
from naq_tui.feed.nats import NatsFeed
from naq_tui.store.fold import apply
from naq_tui.store.state import EMPTY, State
from naq_tui.store.updates import EventsAppended
from naq_tui.views.header import truth
from naq_tui.views.table import Lens
from tests.faults.proxy import Proxy

pytestmark = pytest.mark.nats

EVENTS_PER_S = 500
MOST_GROWTH = 40_000_000
"""Bytes: the console's own bounds, reached; what the log gains meanwhile is another matter."""


class Console:
    """What a console knows, folded from its feed."""

    def __init__(self, feed: NatsFeed) -> None:
        self._feed = feed
        self.state: State = EMPTY
        self.seqs: list[int] = []
        """Of all events that have come, as they came."""
        self._news = asyncio.Event()

    async def run(self) -> None:
        async for batch in self._feed.batches():
            self.state = apply(self.state, batch)
            for update in batch:
                if isinstance(update, EventsAppended):
                    self.seqs += [stored.seq for stored in update.events]
            self._news.set()

    async def when(self, is_so: Callable[[], object]) -> None:
        async with asyncio.timeout(40):
            while not is_so():
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def growing_log(client: AsyncClient) -> AsyncIterator[None]:
    async def write() -> None:
        loop = asyncio.get_running_loop()
        began, written = loop.time(), 0
        while True:
            due = int((loop.time() - began) * EVENTS_PER_S) - written
            events = [JobEvent.of(JobEventType.ENQUEUED, job_id=f"j-{written + n}", queue="q") for n in range(due)]
            await asyncio.gather(*(client.events.write(event) for event in events))
            written += due
            await asyncio.sleep(0.05)

    writing = asyncio.create_task(write())
    try:
        yield
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)


async def test_a_console_on_a_narrow_line_says_that_it_is_behind_and_loses_nothing(
    client: AsyncClient, settings: Settings
) -> None:
    async with Proxy(urlsplit(settings.nats_url).port or 4222).running() as proxy:
        narrow = asyncio.create_task(proxy.slow(60, delay_s=0.001, bytes_a_second=10_000))
        feed = NatsFeed(settings.with_(nats_url=f"nats://127.0.0.1:{proxy.port}"))
        console = Console(feed)
        following = asyncio.create_task(console.run())
        try:
            await console.when(lambda: console.state.is_live)
            before = psutil.Process().memory_info().rss
            async with growing_log(client):
                await console.when(lambda: console.state.link.behind_at is not None)
                lens = Lens(client.connection.server_now(), utcnow())
                line = "".join(cell.text for part in truth(console.state, lens) for cell in part.cells)
                assert re.search(r"LIVE behind \d+ s", line), line
                await console.when(lambda: len(console.seqs) > 100)
                held = await client.log.range()
                assert held.last_seq - console.seqs[-1] > 500, "the line carried it all: it was not narrow"
            assert psutil.Process().memory_info().rss - before < MOST_GROWTH
            narrow.cancel()
            held = await client.log.range()
            await console.when(lambda: console.seqs[-1] >= held.last_seq and console.state.link.behind_at is None)
            assert console.seqs == list(range(console.seqs[0], held.last_seq + 1)), "lost or doubled"
        finally:
            narrow.cancel()
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            await feed.close()


async def test_a_console_comes_up_on_a_narrow_line_whatever_is_stored(client: AsyncClient, settings: Settings) -> None:
    """An answer comes behind all that was asked for before it: who asks anew meanwhile hears nothing any more."""
    value = "some words of a result " * 30
    results = [JobResult(job_id=f"j-{n}", status="COMPLETED", value=value) for n in range(400)]
    await asyncio.gather(
        *(client.results.bucket.put(result.job_id, result.to_wire()) for result in results),
        *(client.events.write(JobEvent.of(JobEventType.ENQUEUED, job_id=f"j-{n}", queue="q")) for n in range(1000)),
    )
    async with Proxy(urlsplit(settings.nats_url).port or 4222).running() as proxy:
        narrow = asyncio.create_task(proxy.slow(60, delay_s=0.05, bytes_a_second=15_000))
        feed = NatsFeed(settings.with_(nats_url=f"nats://127.0.0.1:{proxy.port}"))
        console = Console(feed)
        following = asyncio.create_task(console.run())
        try:
            await console.when(lambda: console.state.loaded >= {"workers", "queues", "schedules", "results"})
            assert list(console.state.results) == [f"j-{n}" for n in range(400)][-len(console.state.results) :]
            assert 50 <= len(console.state.results) < 400, "the line carried them all: it was not narrow"
            await console.when(lambda: len(console.seqs) > 100)
            narrow.cancel()
            await console.when(lambda: len(console.seqs) == 1000 and "failures" in console.state.loaded)
        finally:
            narrow.cancel()
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            await feed.close()


async def test_what_a_reader_has_under_way_holds_up_no_answer(client: AsyncClient, settings: Settings) -> None:
    """Once a narrow line is full of what was asked for, no answer comes in time, and asking anew fills it further."""
    await asyncio.gather(
        *(client.events.write(JobEvent.of(JobEventType.ENQUEUED, job_id=f"j-{n}", queue="q")) for n in range(3000))
    )
    async with Proxy(urlsplit(settings.nats_url).port or 4222).running() as proxy:
        narrowed = settings.with_(nats_url=f"nats://127.0.0.1:{proxy.port}")
        async with AsyncClient(narrowed, program="test") as behind:
            narrow = asyncio.create_task(proxy.slow(60, delay_s=0.001, bytes_a_second=20_000))
            seqs: list[int] = []
            try:
                async with aclosing(behind.events.follow(start_seq=1)) as batches:  # type: ignore[type-var]
                    async for batch in batches:
                        seqs += [stored.seq for stored in batch.events]
                        assert (await behind.log.range()).last_seq >= 3000
                        if len(seqs) > 300:
                            narrow.cancel()
                        if batch.is_caught_up:
                            break
            finally:
                narrow.cancel()
                await asyncio.gather(narrow, return_exceptions=True)
            assert seqs == list(range(1, seqs[-1] + 1)), "lost or doubled"
