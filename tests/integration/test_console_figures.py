"""The console's figures on a real server: what is read for them is every event that counts, once, in order."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from naq.client import AsyncClient
from naq.figures import COUNTED, Dimension, Fold
from naq.settings import Settings
from naq_tui.feed import log as feed_log
from naq_tui.feed.as_of import PagesAsOf
from naq_tui.feed.log import LogReader
from naq_tui.feed.nats import NatsFeed
from naq_tui.feed.protocol import Pages
from naq_tui.feed.query import Counted
from naq_tui.store.figures import WINDOWS, WindowFold
from naq_tui.store.updates import EventsRange
from tests.benchmarks.events import fill
from tests.integration.log import all_events

pytestmark = pytest.mark.nats
EVENTS = 6_000


async def counted_all(pages: Pages | LogReader, start: int) -> list[Counted]:
    async with aclosing(pages.counted(start)) as pieces:  # type: ignore[type-var]
        return [piece async for piece in pieces]


async def test_what_is_counted_agrees_with_reading_everything(
    client: AsyncClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_log, "READ_AT_ONCE", 70)
    await fill(client, EVENTS)
    stored = await all_events(client)
    first, last, middle = stored[0].seq, stored[-1].seq, stored[len(stored) // 2].seq
    feed = NatsFeed(settings)
    try:
        async with aclosing(feed.batches()) as batches:  # type: ignore[type-var]
            while not any(isinstance(update, EventsRange) for update in await anext(batches)):
                pass
            for pages, start, end in (
                (feed, 0, last),
                (feed, middle, last),
                (PagesAsOf(feed, middle, stored[middle - first].stored_at), 0, middle),
            ):
                pieces = await counted_all(pages, start)
                found = [event.seq for piece in pieces for event in piece.events]
                wanted = [
                    event.seq
                    for event in stored
                    if start <= event.seq <= end and event.event is not None and event.event.type in COUNTED
                ]
                assert found == wanted
                assert len(pieces) > 10
                reached = [piece.reached for piece in pieces]
                assert reached == sorted(reached)
                assert reached[-1] == end
            assert await counted_all(feed, last + 1) == []
    finally:
        await feed.close()


async def test_the_fold_of_the_pieces_is_that_of_the_whole_log(client: AsyncClient) -> None:
    await fill(client, EVENTS)
    stored, reader, window = await all_events(client), LogReader(lambda: client), WINDOWS[2]
    now = stored[-1].stored_at
    figures = WindowFold(window, stored[0].seq, WindowFold.since(window, now), now, log_begins=True)
    for piece in await counted_all(reader, stored[0].seq):
        figures.add(piece.events, piece.reached)
    assert figures.progress(stored[-1].seq) == 1.0
    whole = Fold(60.0)
    for event in stored:
        whole.add(event.event, event.stored_at.timestamp())
    for dimension in Dimension:
        told = figures.told(dimension, now, None)
        assert {row.name: (row.enqueued, row.done, row.retried, row.run.p95) for row in told.rows} == {
            name: (c.total.enqueued, c.total.done, c.total.retried, c.total.run.percentile(0.95))
            for name, c in whole.tables[dimension].named()
        }


async def test_a_reader_that_is_stopped_leaves_nothing_behind(client: AsyncClient) -> None:
    await fill(client, EVENTS)
    connection, reader = client.connection, LogReader(lambda: client)
    pieces = reader.counted(0)
    await anext(pieces)
    await pieces.aclose()  # type: ignore[attr-defined]
    stream = connection.names.events
    async with asyncio.timeout(10):
        while (await connection.api(f"STREAM.INFO.{stream}"))["state"]["consumer_count"]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert [piece.reached for piece in await counted_all(reader, 0)][-1] == (await client.log.range()).last_seq


async def test_an_empty_log_has_nothing_to_count(client: AsyncClient) -> None:
    held = await client.log.range()
    assert [
        event for piece in await counted_all(LogReader(lambda: client), held.last_seq + 1) for event in piece.events
    ] == []
