"""Columns, frames and heads stay where they are while a screen is open, whatever the data does."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from textual.pilot import Pilot

from naq.models.event import JobEvent, JobEventType
from naq_tui import keys
from naq_tui.app import NaqConsole
from naq_tui.feed.fake import FakeFeed, FakeProcesses
from naq_tui.feed.sample import T0, job_id, process, queues, results, schedules, stored, workers
from naq_tui.store.updates import (
    EventsAppended,
    QueuesSampled,
    ResultsChanged,
    SchedulesChanged,
    Update,
    WorkersChanged,
)
from naq_tui.text import width
from naq_tui.views.events import COLUMNS, has_worker, without_worker
from naq_tui.views.events import cells as event_cells
from naq_tui.views.table import Column, run_on
from naq_tui.widgets.event_log import EventLog
from tests.tui.conftest import fake_console, settle, text_on

LONG, WIDE = "a-name-that-is-longer-than-any-column-of-any-list", "請求書を送る" * 8
FIRST_SEQ = 190_000
FRAME = "╭╮╰╯│┌┐└┘"


def failed(seq: int, queue: str, function: str, message: str) -> Any:
    error = {"type": "ValueError", "message": message, "fingerprint": f"f-{function}"}
    about = {"job_id": job_id(seq), "queue": queue, "function": f"shop:{function}", "worker_id": f"w-{queue}"}
    event = JobEvent.of(JobEventType.FAILED, ts=T0, id=f"steady-{seq}", error=error, attempt=999, **about)
    return stored(seq, T0, event)


def longer() -> tuple[Update, ...]:
    """Every value longer, figures of ten digits, and rows that were not there."""
    counts = {"waiting": 9_876_543_210, "running": 1_234_567, "pulls": 88_888}
    samples = tuple(replace(stats, **counts, redelivered=77_777) for stats in queues())
    more = replace(samples[0], queue=LONG), replace(samples[0], queue=WIDE)
    people = tuple(
        replace(record, host=LONG, queues=(LONG, WIDE), completed=10**10, failed=10**9, cpu_percent=1_600.0)
        for record in workers()
    )
    plans = tuple(
        replace(plan, function=f"shop:{WIDE}", queue=LONG, run_count=10**9, failure_count=10**8) for plan in schedules()
    )
    kept = tuple(
        replace(result, function=f"shop:{LONG}", queue=WIDE, worker_id=LONG, run_ms=9e9, attempt=999, size=10**12)
        for result in results()
    )
    return (
        EventsAppended(tuple(failed(FIRST_SEQ + i, LONG, LONG if i % 2 else WIDE, WIDE) for i in range(40))),
        WorkersChanged((*people, replace(people[0], worker_id=LONG), replace(people[0], worker_id=WIDE))),
        QueuesSampled((*samples, *more), T0),
        SchedulesChanged((*plans, replace(plans[0], schedule_id=LONG), replace(plans[0], schedule_id=WIDE))),
        ResultsChanged((*kept, replace(kept[0], job_id="order-2026-11-24-000123")), total=10**10),
    )


def shorter() -> tuple[Update, ...]:
    """Next to nothing in the rows, and most of them gone."""
    kept = results()
    return (
        EventsAppended(tuple(failed(FIRST_SEQ + 100 + i, "q", "f", "") for i in range(40))),
        WorkersChanged(
            (replace(workers()[0], host="h", queues=("q",), running=(), completed=0),), (LONG, WIDE, "w-4", "w-5")
        ),
        QueuesSampled((replace(queues()[0], queue="q", waiting=0, running=0),), T0),
        SchedulesChanged((replace(schedules()[0], function="f", queue="q", run_count=0),), (LONG, WIDE, "digest")),
        ResultsChanged(
            tuple(replace(result, function="f", queue="q", run_ms=1.0, size=1) for result in kept[:2]),
            tuple(result.job_id for result in kept[2:]),
            total=2,
        ),
    )


def processes() -> Iterator[tuple[Any, ...]]:
    """Local ones along with the batches."""
    yield (process(LONG, "worker", 4_000_000, WIDE * 3, uptime=9e8), process(WIDE, "scheduler", 1, ""))
    yield (process("p", "worker", 1, ""),)


NO_CELLS = (("", ""),) * 20


def columns_of(console: NaqConsole, name: str) -> tuple[Any, tuple[Column, ...], list[tuple[int, int, int]], int]:
    """The list, its columns, where they are, and the line of its first row."""
    if name == "events":
        log = console.main.log_view
        return log, COLUMNS, log._layout(log.size.width - 2), log._head_height
    table = console.main.tables[name]
    return table, table.view.columns, table._layout(), table._above + 1


def places(console: NaqConsole) -> dict[str, Any]:
    """Per list in sight its place on the screen, its columns and its head."""
    found = {}
    for name in console.main._visible_panes():
        widget, _, layout, first = columns_of(console, name)
        head = widget.render_line(first - 1).text if first else ""
        found[name] = (widget.region, list(layout), head)
    return found


def frames(pilot: Pilot[Any]) -> list[tuple[int, int]]:
    """Where the panes' sides are. Their top and bottom lines hold words that change."""
    corners = []
    for y, line in enumerate(text_on(pilot).splitlines()):
        x = 0
        for character in line:
            if character in FRAME:
                corners.append((x, y))
            x += width(character)
    return corners


def cells_of(widget: Any, row: int) -> Any:
    """The cells of a row in sight; none where there is no row."""
    if not isinstance(widget, EventLog):
        place = widget._top + row
        return widget.view.cells(widget.items[place], widget._lens) if place < widget.row_count else NO_CELLS
    place = widget._place_of(widget._top_seq) + row
    found = widget.pages.get(widget._seq_at(place)) if place < widget._count else None
    if found is None:
        return NO_CELLS
    told = event_cells(found, widget._lens)
    return told if has_worker(widget._layout(widget.line_width - 2)) else without_worker(told)


def spilled(console: NaqConsole) -> list[str]:
    """Rows in sight in which anything stands between the columns."""
    found = []
    for name in console.main._visible_panes():
        widget, columns, layout, first = columns_of(console, name)
        for y in range(first, widget.size.height):
            cells: list[str] = []
            for character in widget.render_line(y).text:
                cells += [character, *([""] * (width(character) - 1))]
            left = 1
            for index, gap, size in run_on(layout, columns, cells_of(widget, y - first)):
                if "".join(cells[left : left + gap]).strip():
                    found.append(f"{name}, before {columns[index].id}: {''.join(cells)}")
                left += gap + size
    return found


async def took_in(pilot: Pilot[Any], console: NaqConsole, batch: tuple[Update, ...]) -> None:
    assert isinstance(console.feed, FakeFeed)
    last = max(event.seq for update in batch if isinstance(update, EventsAppended) for event in update.events)
    console.feed.push(*batch)
    async with asyncio.timeout(10):
        while console.state.last_seq < last:
            await pilot.pause(0.02)
    await pilot.pause()


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
async def test_nothing_moves_while_data_changes(size: tuple[int, int]) -> None:
    """Live batches come in over each open screen: longer, shorter, as it was; more rows, fewer rows."""
    for name, (digit, _) in keys.SCREENS.items():
        local = FakeProcesses.usual()
        console = fake_console(processes=local)
        async with console.run_test(size=size) as pilot:
            await settle(pilot)
            await pilot.press(digit)
            await pilot.pause()
            before, sides = places(console), frames(pilot)
            assert before
            seen = {text_on(pilot)}
            for batch, views in zip((longer(), shorter()), processes(), strict=True):
                local.views[:] = views
                console._look_at_processes()
                console.clock.moment += timedelta(seconds=7)  # type: ignore[attr-defined]
                await took_in(pilot, console, batch)
                console._tick()
                await pilot.pause()
                assert places(console) == before, name
                assert frames(pilot) == sides, name
                assert spilled(console) == [], name
                seen.add(text_on(pilot))
            assert len(seen) == 3, "the data did change"


def worded(lines: list[str]) -> list[tuple[int, int, str]]:
    """Every word that is no figure, and where it begins."""
    found = []
    for y, line in enumerate(lines):
        cells = "".join(character + "\0" * (width(character) - 1) for character in line)
        found += [(y, match.start(), match.group()) for match in re.finditer(r"[^\s\d.,]{2,}", cells)]
    return found


def grown(digits: int) -> tuple[Update, ...]:
    """The same things in greater numbers: queues, results and jobs in each state."""
    number = 10 ** (digits - 1)
    samples = tuple(replace(stats, waiting=number, running=number) for stats in queues())
    statuses = ("COMPLETED", "FAILED", "CANCELLED")
    stored = results()
    kept = tuple(
        replace(stored[0], job_id=job_id(digits * 10_000 + i), status=statuses[i % 3], saved_at=T0)
        for i in range(min(number, 4_000))
    )
    last = replace(stored[-1], saved_at=T0 + timedelta(seconds=1))
    event = failed(FIRST_SEQ + digits, "q", "f", "")
    return EventsAppended((event,)), QueuesSampled(samples, T0), ResultsChanged((*kept, last), total=number)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
async def test_figures_that_grow_move_no_words(size: tuple[int, int]) -> None:
    """The overview's lines and the parts of Jobs hold every word where it was while their numbers gain digits."""
    console = fake_console()
    async with console.run_test(size=size) as pilot:
        await settle(pilot)
        jobs, glance = console.main.tables["jobs"], console.main.summary
        seen: set[tuple[str, str]] = set()
        places: list[Any] = []
        for digits in (1, 3, 4, 10):
            await took_in(pilot, console, grown(digits))
            for facet in ("", "FAILED"):
                await pilot.press("3")
                jobs.show_facet(facet)
                await pilot.pause()
                parts = jobs.render_line(0).text
                await pilot.press("1")
                await pilot.pause()
                lines = [glance.render_line(y).text for y in range(5)] if size == (80, 24) else []
                seen.add((parts, "".join(lines)))
                places.append((facet, worded([parts]), worded(lines)))
        assert len(seen) >= 4, "the figures did change"
        for facet, parts_at, lines_at in places[2:]:
            first = next(known for known in places if known[0] == facet)
            assert (parts_at, lines_at) == first[1:]
        assert "all" in {word for _, _, word in places[0][1]}
        assert "failed" in {word for _, _, word in places[1][1]}
        if size == (80, 24):
            assert {"waiting", "running", "workers", "stored"} <= {word for _, _, word in places[0][2]}


def many(number: int) -> tuple[Update, ...]:
    """So many of all that the headlines of the panes count."""
    live = workers()[0]
    people = (replace(live, worker_id=f"w-live-{i}") for i in range(number))
    dead = (replace(live, worker_id=f"w-dead-{i}", beat_at=T0 - timedelta(hours=1)) for i in range(number))
    samples = tuple(replace(queues()[0], queue=f"q{i}", waiting=10**4 * number, pulls=1) for i in range(number))
    paused = tuple(replace(stats, queue=f"p{stats.queue}", is_paused=True, paused_at=T0) for stats in samples)
    first = FIRST_SEQ + 10_000 * number
    return (
        EventsAppended(tuple(failed(first + i, "q", "f", "") for i in range(number))),
        WorkersChanged((*people, *dead)),
        QueuesSampled((*samples, *paused), T0),
        ResultsChanged((replace(results()[0], saved_at=T0),), total=10**4 * number),
        SchedulesChanged(tuple(replace(plan, next_run_at=T0 + timedelta(minutes=number)) for plan in schedules())),
    )


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
async def test_headlines_keep_their_words_where_they_are(size: tuple[int, int]) -> None:
    """The right of each pane's upper edge, while what it counts gains digits."""
    local = FakeProcesses.usual()
    console = fake_console(processes=local)
    async with console.run_test(size=size) as pilot:
        await settle(pilot)
        first: dict[str, Any] = {}
        seen: set[str] = set()
        for number in (2, 30, 400):
            local.views[:] = [process(f"p{i}", "worker", i, "") for i in range(number)]
            console._look_at_processes()
            await took_in(pilot, console, many(number))
            for name, (digit, _) in keys.SCREENS.items():
                await pilot.press(digit)
                await pilot.pause()
                for pane in console.main._visible_panes():
                    edge = console.main.panes[pane].render_line(0).text
                    seen.add(edge)
                    # how long until the next run has words of its own; how far it is read comes and goes
                    moving = ("in", "min", "read")
                    words = [word for word in worded([edge.replace("─", " ")]) if word[2] not in moving]
                    assert first.setdefault(f"{name} {pane}", words) == words
        found = {word for words in first.values() for _, _, word in words}
        assert found >= {"live", "dead", "waiting", "paused", "newest", "running", "failed", "next"}
        assert len(seen) >= 20, "the figures did change"
