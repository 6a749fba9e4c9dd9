"""The console's log on a real server: every search agrees with reading the whole log, and leaves nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta

import pytest

from naq.client import AsyncClient
from naq.models.event import JobEvent, JobEventType
from naq.settings import Settings
from naq_tui.app import make_console
from naq_tui.feed import log as feed_log
from naq_tui.feed import past
from naq_tui.feed.fake import FakeProcesses
from naq_tui.feed.log import LogReader
from naq_tui.feed.nats import NatsFeed
from naq_tui.feed.query import Scanned
from naq_tui.store.rows import event_row
from naq_tui.views.event_filter import FIELDS, EventFilter, failures
from naq_tui.views.search import Needle
from tests.benchmarks.events import fill
from tests.integration.log import all_events

pytestmark = pytest.mark.nats
EVENTS = 12_000
FILTERS = (
    "type:failed",
    "type:failed,retry queue:mail",
    "!type:completed !queue:mail",
    "error:timeout queue:reports",
    "job:0198c0de-0000-7123",
    "worker:w-7 !type:started",
    "upstream",
    "fn:build 900",
    "type:cancelled",
)


@pytest.fixture
async def reader(client: AsyncClient, monkeypatch: pytest.MonkeyPatch) -> LogReader:
    """On a log of some events, read in pieces small enough for it to need many."""
    monkeypatch.setattr(feed_log, "FIRST_STEP", 200)
    monkeypatch.setattr(feed_log, "MATCHES_PER_STEP", 150)
    monkeypatch.setattr(feed_log, "READ_AT_ONCE", 70)
    await fill(client, EVENTS)
    return LogReader(lambda: client)


async def scanned_all(steps: AsyncIterator[Scanned]) -> tuple[list[tuple[int, ...]], list[int]]:
    found: list[tuple[int, ...]] = []
    reached: list[int] = []
    async with aclosing(steps) as open_steps:  # type: ignore[type-var]
        async for step in open_steps:
            found.append(step.seqs)
            reached.append(step.reached)
    return found, reached


async def test_every_search_agrees_with_reading_everything(client: AsyncClient, reader: LogReader) -> None:
    stored = await all_events(client)
    last, middle = stored[-1].seq, stored[len(stored) // 2].seq
    for text in FILTERS:
        chosen = EventFilter(Needle(text, FIELDS))
        wanted = [event.seq for event in stored if chosen.matches(event_row(event))]
        found, reached = await scanned_all(reader.scan(chosen.query(), last, -1))
        backwards = [seq for step in reversed(found) for seq in step]
        assert backwards == wanted, text
        assert reached[-1] == stored[0].seq
        assert reached == sorted(reached, reverse=True)
        found, reached = await scanned_all(reader.scan(chosen.query(), middle, 1))
        assert [seq for step in found for seq in step] == [seq for seq in wanted if seq >= middle], text
        assert reached[-1] == last
    assert wanted == [], "the last filter is one that nothing matches"


async def test_the_next_failure_is_the_first_one_found(client: AsyncClient, reader: LogReader) -> None:
    query = failures()
    stored = await all_events(client)
    failed = [event.seq for event in stored if query.is_wanted(event)]
    assert len(failed) > 20
    async with aclosing(reader.scan(query, failed[7] - 1, -1)) as steps:  # type: ignore[type-var]
        async for step in steps:
            if step.seqs:
                assert step.seqs[-1] == failed[6]
                break


async def test_failures_of_the_past_come_in_pieces_the_newest_first(
    client: AsyncClient, reader: LogReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past, "_PIECE", 7)
    query = failures()
    failed = [event.seq for event in await all_events(client) if query.is_wanted(event)]
    for kept in (1_000, 20, 3):
        monkeypatch.setattr(past, "FAILURES_KEPT", kept)
        async with aclosing(past.past_failures(client)) as pieces:  # type: ignore[type-var]
            found = [[event.seq for event in piece] async for piece in pieces]
        assert max(map(len, found)) <= 7
        assert [seq for piece in reversed(found) for seq in piece] == failed[-kept:]


async def test_what_tells_of_the_system_before_an_event(client: AsyncClient, reader: LogReader) -> None:
    for number in range(40):
        await client.events.write(JobEvent.of(JobEventType.WORKER_LOST, worker_id=f"w-{number}"))
        await client.events.write(JobEvent.of(JobEventType.QUEUE_PAUSED, queue="mail"))
    await fill(client, 1_000)
    stored = await all_events(client)
    told = [event.seq for event in stored if event.subject.split(".")[2] in ("worker", "queue")]
    assert len(told) == 80
    for before, most, expected in (
        (stored[-1].seq, 100, told),
        (stored[-1].seq, 15, told[-30:]),
        (told[21], 100, told[:21]),
        (told[0], 100, []),
    ):
        assert [event.seq for event in await past.standing_events(client, before, most)] == expected


async def test_moments_and_single_events(client: AsyncClient, reader: LogReader) -> None:
    stored = await all_events(client)
    here = stored[5_000]
    at = await reader.seq_at(here.stored_at)
    assert at <= here.seq
    assert next(event for event in stored if event.seq == at).stored_at >= here.stored_at.replace(microsecond=0)
    assert await reader.seq_at(stored[0].stored_at - timedelta(days=1)) == stored[0].seq
    assert await reader.seq_at(stored[-1].stored_at + timedelta(days=1)) == stored[-1].seq + 1
    seqs = (stored[3].seq, here.seq, stored[-1].seq + 100)
    assert [event.seq for event in await reader.read_at(seqs)] == [stored[3].seq, here.seq]


async def test_a_search_given_up_leaves_no_consumer(client: AsyncClient, reader: LogReader) -> None:
    stream = client.connection.names.events
    async with aclosing(reader.scan(EventFilter(Needle("upstream", FIELDS)).query(), EVENTS, -1)) as steps:  # type: ignore[type-var]
        async for _ in steps:
            break
    async with asyncio.timeout(5):  # the deletion is not waited for
        while (await client.connection.api(f"STREAM.INFO.{stream}"))["state"]["consumer_count"]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_the_console_searches_and_jumps_through_a_real_log(client: AsyncClient, settings: Settings) -> None:
    await fill(client, EVENTS)
    stored = await all_events(client)
    failed = [event.seq for event in stored if event.event is not None and event.event.type == "FAILED"]
    lost = [seq for seq in failed if seq < EVENTS - 2_000]
    console = make_console(NatsFeed(settings), FakeProcesses())
    log = console.main.log_view
    async with console.run_test(size=(120, 40)) as pilot, asyncio.timeout(30):
        while console.state.last_seq < stored[-1].seq or not log.pages.tail:
            await pilot.pause(0.05)
        await pilot.press("2", "slash", *"type:failed", "enter")
        while log.found is None or log.found.state != "complete":
            await pilot.pause(0.05)
        assert list(log.found.seqs) == failed
        await pilot.press("g")
        while log.selected is None:
            await pilot.pause(0.05)
        assert log.selected.seq == failed[0]
        await pilot.press("escape", "t", *f"#{lost[-1] + 1}", "enter")
        while log.cursor_seq != lost[-1] + 1:
            await pilot.pause(0.05)
        await pilot.press("E")
        while log.cursor_seq != lost[-1]:
            await pilot.pause(0.05)
        await pilot.press("E")
        while log.cursor_seq != lost[-2]:
            await pilot.pause(0.05)
