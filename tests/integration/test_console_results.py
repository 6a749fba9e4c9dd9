"""The console's list of results on a real server: every one of a bucket larger than what is held, whichever way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from urllib.parse import urlsplit

import pytest
from textual.pilot import Pilot

from naq.client import AsyncClient
from naq.errors import NaqConnectionError
from naq.kv import Entry
from naq.models.result import JobError, JobResult
from naq.settings import Settings
from naq_tui.app import NaqConsole, make_console
from naq_tui.feed import nats as feed_nats
from naq_tui.feed import results as feed_results
from naq_tui.feed.fake import FakeProcesses
from naq_tui.feed.nats import NatsFeed
from naq_tui.store import older
from tests.faults.proxy import Proxy
from tests.integration.following import Console
from tests.tui.conftest import until
from tests.tui.steps import LONGEST_S, held_for, timing

pytestmark = pytest.mark.nats
RESULTS = 3_000
TALL = (80, 120)
"""So that a page is many rows."""


def record(number: int, value: object = "stored") -> JobResult:
    is_failed = number % 50 == 0
    return JobResult(
        job_id=f"job-{number:05}",
        status="FAILED" if is_failed else "COMPLETED",
        function="shop.tasks:send",
        queue="mail",
        value=None if is_failed else value,
        error=JobError(type="TimeoutError", message="too slow", fingerprint="f1") if is_failed else None,
    )


async def store(client: AsyncClient, *records: JobResult) -> None:
    await asyncio.gather(*(client.results.bucket.put(each.job_id, each.to_wire()) for each in records))


async def fill(client: AsyncClient) -> list[str]:
    """Store results, some of them twice, and delete some: what stands in the end, oldest first."""
    numbers = range(RESULTS)
    for first in range(0, RESULTS, 500):
        await store(client, *(record(number) for number in numbers[first : first + 500]))
    again, deleted = numbers[::7], numbers[3::11]
    await store(client, *(record(number, "anew") for number in again))
    await asyncio.gather(*(client.results.bucket.delete(f"job-{number:05}") for number in deleted))
    entries = sorted(await client.results.bucket.entries(), key=lambda entry: entry.revision)
    assert len(entries) == RESULTS - len(deleted)
    return [entry.key for entry in entries]


async def results_screen(pilot: Pilot[None], console: NaqConsole) -> None:
    await until(pilot, lambda: console.state.is_live and console.state.results_from)
    await pilot.press("7")
    await until(pilot, lambda: shown(console) and not console.main._reading)


def shown(console: NaqConsole) -> list[str]:
    return [row.job_id for row in reversed(console.main.tables["results"].items)]


async def test_reading_either_way_finds_every_result(client: AsyncClient) -> None:
    stored = await fill(client)
    await client.results.bucket.put("odd", b"no record")
    last = (await client.connection.api(f"STREAM.INFO.{client.results.bucket.stream}"))["state"]["last_seq"]
    for step, start in ((-1, last), (1, 1)):
        found: list[list[str]] = []
        reached, unreadable, removed = [start], 0, 0
        async with aclosing(feed_results.read_results(lambda: client, start, step)) as pieces:  # type: ignore[type-var]
            async for piece in pieces:
                found.append([result.job_id for result in piece.results])
                reached.append(piece.reached)
                unreadable, removed = unreadable + piece.unreadable, removed + piece.removed
        assert [job_id for ids in found[::step] for job_id in ids] == stored
        assert max(map(len, found)) <= 3 * feed_results.PIECE, "little at a time"
        assert reached == sorted(reached, reverse=step < 0)
        assert reached[-1] == (1 if step < 0 else last)
        assert (unreadable, removed) == (1, RESULTS - len(stored))


async def test_an_empty_bucket_is_read_to_its_end(client: AsyncClient) -> None:
    for step in (-1, 1):
        async with aclosing(feed_results.read_results(lambda: client, 1, step)) as pieces:  # type: ignore[type-var]
            assert [piece.results async for piece in pieces] == ([()] if step < 0 else [])


async def test_paging_down_shows_every_result_once_while_the_bucket_is_written(
    client: AsyncClient, settings: Settings
) -> None:
    stored = await fill(client)
    stop = asyncio.Event()

    async def write() -> int:
        """Old ones are stored anew, new ones come, some go."""
        number = 0
        while not stop.is_set():
            await store(client, record(10_000 + number), record((number * 13) % RESULTS, "written meanwhile"))
            if number % 5 == 0:
                await client.results.bucket.delete(f"job-{(number * 17) % RESULTS:05}")
            number += 1
            await asyncio.sleep(0.02)
        return number

    console = make_console(NatsFeed(settings), FakeProcesses())
    table = console.main.tables["results"]
    async with console.run_test(size=TALL) as pilot, asyncio.timeout(60):
        await results_screen(pilot, console)
        assert not console.state.has_all_results
        writing = asyncio.create_task(write())
        kept: str | None = None
        while not console.state.has_all_results:
            await pilot.press("pagedown")
            await until(pilot, lambda: not console.main._reading)
            assert not console.main._read_problem
            assert len(set(shown(console))) == len(shown(console)), "no row twice"
            kept = table.selected_key
        stop.set()
        assert await writing > 20
        newest = sorted(await client.results.bucket.entries(), key=lambda entry: entry.revision)
        stored = [entry.key for entry in newest]
        await until(pilot, lambda: shown(console)[-1:] == stored[-1:])
        assert shown(console) == stored, "none skipped, in the order of storing"
        assert kept not in stored or table.selected_key == kept
        assert console.main.panes["results"].headline[0].text.strip() == f"{len(stored):,} stored"


async def test_the_oldest_is_a_key_away_and_so_is_the_way_back(
    client: AsyncClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(older, "OLDER_KEPT", 400)
    stored = await fill(client)
    console = make_console(NatsFeed(settings), FakeProcesses())
    table = console.main.tables["results"]
    async with console.run_test(size=TALL) as pilot, asyncio.timeout(60):
        await results_screen(pilot, console)
        await pilot.press("G")
        await until(pilot, lambda: table.selected_key == stored[0])
        assert stored[: len(shown(console))] == shown(console)
        seen: dict[str, None] = {}
        while not console.state.older or not console.state.older.joins(console.state.results_from):
            await pilot.press("pageup")
            await until(pilot, lambda: not console.main._reading)
            held = shown(console)
            start = stored.index(held[0])
            assert held == stored[start : start + len(held)], "one piece, none skipped"
            seen |= dict.fromkeys(held)
            assert table.selected_key in held
        assert list(seen) == stored
        assert len(console.state.older.rows) <= 400
        await pilot.press("g")
        await until(pilot, lambda: table.selected_key == stored[-1])
        assert console.state.older is not None
        while not console.state.has_oldest_result:
            await pilot.press("pagedown")
            await until(pilot, lambda: not console.main._reading)
        await pilot.press("G")
        await until(pilot, lambda: table.selected_key == stored[0])


async def test_a_filter_searches_on_as_far_as_it_is_asked_to(client: AsyncClient, settings: Settings) -> None:
    failed = [job_id for job_id in await fill(client) if int(job_id[-5:]) % 50 == 0]
    console = make_console(NatsFeed(settings), FakeProcesses())
    async with console.run_test(size=(80, 24)) as pilot:
        await results_screen(pilot, console)
        await pilot.press("slash", *"status:failed", "enter")
        before = shown(console)
        assert set(before) < set(failed)
        await pilot.press("G")
        await until(pilot, lambda: console.state.has_all_results)
        assert shown(console) == failed
        footing = "".join(cell.text for cell in console.main.panes["results"].footing)
        assert footing == f"{len(failed)} found in all of them"
        assert console.state.older is not None
        assert len(console.state.older.rows) < len(failed), "only what matches is held"


async def test_a_server_that_goes_away_is_told_and_asked_again(client: AsyncClient, settings: Settings) -> None:
    stored = await fill(client)
    async with Proxy(urlsplit(settings.nats_url).port or 0).running() as proxy:
        url = settings.nats_url.replace(str(urlsplit(settings.nats_url).port), str(proxy.port))
        away = settings.with_(nats_url=url, connect_timeout_s=0.5)
        console = make_console(NatsFeed(away), FakeProcesses())
        async with console.run_test(size=(80, 24)) as pilot:
            await results_screen(pilot, console)
            holding = asyncio.create_task(proxy.hold(3.0))
            held = len(shown(console))
            await pilot.press("end", "pagedown")
            await until(pilot, lambda: console.main._read_problem)
            assert len(shown(console)) == held, "what is held stays"
            assert "no answer from" in "".join(cell.text for cell in console.main.panes["results"].footing)
            await holding
            await until(pilot, lambda: console.state.is_live)
            await pilot.press("end")
            await until(pilot, lambda: console.main.tables["results"].selected_key == stored[0])
            assert not console.main._read_problem


async def test_a_page_comes_over_a_narrow_line_though_it_takes_longer_than_an_answer_may(
    client: AsyncClient, settings: Settings
) -> None:
    await store(client, *(record(number, "x" * 2_000) for number in range(600)))
    async with Proxy(urlsplit(settings.nats_url).port or 0).running() as proxy:
        url = settings.nats_url.replace(str(urlsplit(settings.nats_url).port), str(proxy.port))
        away = settings.with_(nats_url=url, connect_timeout_s=1.0)
        async with AsyncClient(away, program="test") as narrow:
            line = asyncio.create_task(proxy.slow(60, delay_s=0.01, bytes_a_second=60_000))
            await asyncio.sleep(0)
            async with aclosing(feed_results.read_results(lambda: narrow, 600, -1)) as pieces:  # type: ignore[type-var]
                piece = await anext(pieces)
            line.cancel()
    assert [result.job_id for result in piece.results] == [f"job-{number:05}" for number in range(550, 600)]
    assert sum(result.size for result in piece.results) > 60_000, "more than such a line carries in that time"


async def test_what_is_deleted_while_results_are_not_followed_is_not_shown_on(
    client: AsyncClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_nats, "RETRY_S", 0.05)
    await store(client, *(record(number) for number in range(3)))
    feed = NatsFeed(settings)
    console = make_console(feed, FakeProcesses())
    breaks = asyncio.Event()
    watch = feed._client.results.watch

    async def broken(from_revision: int) -> AsyncIterator[list[Entry]]:
        await breaks.wait()
        monkeypatch.setattr(feed._client.results, "watch", watch)
        await client.results.bucket.delete("job-00001")
        raise NaqConnectionError("no answer")
        yield []

    monkeypatch.setattr(feed._client.results, "watch", broken)
    async with console.run_test(size=TALL) as pilot, asyncio.timeout(60):
        await until(pilot, lambda: len(console.state.results) == 3)
        breaks.set()
        await until(pilot, lambda: list(console.state.results) == ["job-00000", "job-00002"])
        await store(client, record(7))
        await until(pilot, lambda: list(console.state.results)[-1] == "job-00007")


async def test_results_of_megabytes_come_in_short_steps(client: AsyncClient, settings: Settings) -> None:
    """Parsed in one go each of them would hold the keys for a tenth of a second."""
    rows = [{"id": n, "name": f"name of {n}", "note": "as many words as are too long for a row"} for n in range(60_000)]
    await store(client, *(record(number, rows) for number in range(1, 4)))

    async def read_all(steps: list[float]) -> None:
        console = Console(settings)
        with timing(steps):
            async with console.running():
                state = await console.shows(lambda state: len(state.results) == 3)
                read = await console.feed.read_result("job-00001")
        assert read is not None
        assert all(each.value == rows for each in (read, *(row.record for row in state.results.values())))

    assert await held_for(read_all) < LONGEST_S
