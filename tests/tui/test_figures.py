"""The screen of figures: what it is told by, reading in pieces, leaving it, and what it says when it can't."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from textual.pilot import Pilot

from naq.errors import NaqConnectionError
from naq.figures import Dimension
from naq.models.event import JobEvent, JobEventType, StoredEvent
from naq_tui.app import NaqConsole
from naq_tui.config import ContextEntry
from naq_tui.contexts import Connection, Context
from naq_tui.feed.fake import FakeCommands, FakeFeed, FixedClock
from naq_tui.feed.sample import T0, job_events, link, stored
from naq_tui.screens import figures_reading
from naq_tui.screens.detail import DetailScreen
from naq_tui.screens.moment import MomentScreen
from naq_tui.store.figures import WINDOWS, FiguresTold
from naq_tui.store.updates import EventsAppended, EventsRange
from naq_tui.views.command_line import command_line
from naq_tui.views.copying import copy_text
from naq_tui.views.figures import FiguresView
from tests.tui.conftest import NOTHING, fake_console, settle, shown, text_on, until

EVENTS = job_events()
LAST = EVENTS[-1].seq
FIVE_MINUTES, HOUR, DAY = WINDOWS


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures_reading, "PACE_S", 0.0)
    monkeypatch.setattr(figures_reading, "RETRY_S", 0.0)


def told(console: NaqConsole) -> FiguresTold:
    assert console.state.figures is not None
    return console.state.figures


def is_read(console: NaqConsole) -> bool:
    figures = console.state.figures
    return figures is not None and figures.progress is None


def done(console: NaqConsole) -> dict[str | None, int]:
    return {row.name: row.done for row in told(console).rows}


def chosen(console: NaqConsole) -> list[str]:
    line = FiguresView().top_line(console.state, "", 120, ascii_only=False)
    return [cell.text.strip() for cell in line if cell.tone == "chip"]


def feed_of(console: NaqConsole) -> FakeFeed:
    assert isinstance(console.feed, FakeFeed)
    return console.feed


def ended(seq: int, kind: JobEventType = JobEventType.COMPLETED, function: str = "new:f") -> StoredEvent:
    at = T0 + timedelta(seconds=(seq - LAST) / 100)
    return stored(seq, at, JobEvent.of(kind, ts=at, job_id=f"n-{seq}", queue="q", function=function, run_ms=9.0))


async def open_figures(pilot: Pilot[Any], console: NaqConsole) -> None:
    await settle(pilot)
    await pilot.press("0")
    await until(pilot, lambda: is_read(console))


async def test_0_shows_what_was_read_of_the_log_and_of_what_just_came() -> None:
    console = fake_console()
    feed = feed_of(console)
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        assert console.state.figures is None, "nothing is read before somebody looks"
        await pilot.press("0")
        await until(pilot, lambda: is_read(console))
        assert console.main.current == "figures"
        before = done(console)
        assert sum(before.values()) > 1_000
        feed.push(EventsAppended((ended(LAST + 1), ended(LAST + 2, JobEventType.FAILED))))
        await until(pilot, lambda: "new:f" in done(console))
        assert done(console) == {**before, "new:f": 2}
        assert "50%" in text_on(pilot)


async def test_failures_of_another_module_with_the_same_function_are_not_mixed_in() -> None:
    console = fake_console()
    names = ("shop.mail:send", "shop.sms:send", "shop.sms:send")
    failed = tuple(ended(LAST + n, JobEventType.FAILED, name) for n, name in enumerate(names, 1))
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        feed_of(console).push(EventsAppended(failed))
        await pilot.press("0")
        await until(pilot, lambda: set(done(console)) >= set(names))
        report = DetailScreen("figures", "function shop.mail:send")
        await console.push_screen(report)
        await shown(pilot, DetailScreen)
        assert "Failures of shop.mail:send in the last day" in text_on(pilot)
        assert [item.key for item in report.document._links.values()] == [f"n-{LAST + 1}"]


async def test_left_and_right_choose_what_figures_are_told_by() -> None:
    console = fake_console()
    async with console.run_test(size=(120, 40)) as pilot:
        await open_figures(pilot, console)
        found: list[Dimension] = []
        for key in ("right", "l", "right", "left", "h"):
            await pilot.press(key)
            await pilot.pause()
            found.append(told(console).dimension)
        function, queue, worker = Dimension
        assert found == [queue, worker, function, worker, queue]
        assert {row.name for row in console.main.tables["figures"].items} == {"mail", "images", "reports", "default"}


async def test_p_reads_another_window() -> None:
    console = fake_console()
    async with console.run_test(size=(120, 40)) as pilot:
        await open_figures(pilot, console)
        counts = {}
        for window in (DAY, FIVE_MINUTES, HOUR):
            await pilot.press("p")
            await until(pilot, lambda: is_read(console))
            assert told(console).window == window
            counts[window] = sum(done(console).values())
        assert counts[FIVE_MINUTES] < counts[HOUR] < counts[DAY]


async def test_it_is_read_in_pieces_and_can_be_left_while_it_is() -> None:
    console = fake_console()
    feed = feed_of(console)
    feed.counting_stalls_at = LAST - 3_000
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("0")
        await until(pilot, lambda: console.state.figures is not None)
        assert not is_read(console)
        await pilot.press("right", "3")
        assert console.main.current == "jobs"
        feed.counting_stalls_at = None
        await pilot.press("0")
        await until(pilot, lambda: is_read(console))
        assert told(console).dimension is Dimension.QUEUE
        whole = done(console)
        console.main.leave_figures()
        console.main.count_while_shown()
        await until(pilot, lambda: is_read(console) and done(console) == whole)


async def test_how_far_it_has_come_is_told_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures_reading, "TOLD_EVERY", 1)
    console = fake_console()
    feed_of(console).counting_stalls_at = LAST - 3_000
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("0")
        await until(pilot, lambda: console.state.figures is not None and console.state.figures.rows)
        progress = told(console).progress
        assert progress is not None
        assert 0 < progress < 1
        await until(pilot, lambda: f"read {told(console).progress:.0%}" in text_on(pilot))


async def test_what_came_while_another_screen_was_shown_is_counted_on_return() -> None:
    console = fake_console()
    feed = feed_of(console)
    async with console.run_test(size=(120, 40)) as pilot:
        await open_figures(pilot, console)
        await pilot.press("3")
        feed.push(EventsAppended((ended(LAST + 1),)))
        await until(pilot, lambda: console.state.last_seq == LAST + 1)
        assert "new:f" not in done(console)
        await pilot.press("0")
        await until(pilot, lambda: "new:f" in done(console))


async def test_what_gets_too_old_falls_out_with_time() -> None:
    clock = FixedClock()
    console = fake_console(clock=clock)
    async with console.run_test(size=(120, 40)) as pilot:
        await open_figures(pilot, console)
        before = sum(done(console).values())
        clock.moment = T0 + timedelta(minutes=30)
        console.now = clock.moment
        await until(pilot, lambda: 0 < sum(done(console).values()) < before)
        await pilot.press("3")
        clock.moment = T0 + timedelta(hours=5)
        console.now = clock.moment
        await pilot.press("0")
        await until(pilot, lambda: is_read(console) and not done(console))
        assert "Nothing was enqueued or ran in the last hour." in text_on(pilot)


async def test_an_empty_log_says_so() -> None:
    console = fake_console(NOTHING)
    async with console.run_test(size=(80, 24)) as pilot:
        await open_figures(pilot, console)
        assert "Nothing was enqueued or ran in the last hour." in text_on(pilot)


async def test_a_log_that_can_not_be_read_says_so_and_is_read_again() -> None:
    console = fake_console()
    feed = feed_of(console)
    feed.counting_fails = NaqConnectionError("the server did not answer")
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("0")
        await until(pilot, lambda: "The log could not be read: the server did not answer" in text_on(pilot))
        feed.counting_fails = None
        await until(pilot, lambda: is_read(console))
        assert told(console).problem == ""
        assert "could not be read" not in text_on(pilot)


async def test_nothing_is_counted_while_the_link_is_lost() -> None:
    console = fake_console()
    feed = feed_of(console)
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        feed.push(link(state="lost"))
        await until(pilot, lambda: console.state.stale_since is not None)
        await pilot.press("0")
        await until(pilot, lambda: "Nothing could be read: no connection to the server." in text_on(pilot))
        assert chosen(console) == ["function", "1 h"], "what would be counted is shown"
        assert console.main.panes["figures"].headline == (), "no figure of what was not read"
        feed.push(link())
        await until(pilot, lambda: is_read(console) and done(console))


async def test_another_log_under_the_same_address_is_counted_from_its_beginning() -> None:
    console = fake_console()
    feed = feed_of(console)
    async with console.run_test(size=(120, 40)) as pilot:
        await open_figures(pilot, console)
        feed.events.clear()
        feed.push(EventsRange(1, 1, is_new_store=True), EventsAppended((ended(1),)))
        await until(pilot, lambda: is_read(console) and [*done(console)] == ["new:f"])


async def test_another_context_shows_its_own_figures() -> None:
    other = FakeFeed((*NOTHING, EventsRange(1, 1), EventsAppended((ended(1, function="there:g"),))))
    context = Context("other", ContextEntry(name="other", server="nats://other:4222"))
    console = fake_console(contexts=(context,), connect=lambda _: Connection(other, FakeCommands(), {}))
    async with console.run_test(size=(120, 40)) as pilot:
        await open_figures(pilot, console)
        await console.switch(context)
        await pilot.press("0")
        await until(pilot, lambda: is_read(console) and "there:g" in done(console))


async def test_figures_of_an_instant_are_of_the_window_before_it() -> None:
    console = fake_console()
    feed = feed_of(console)
    async with console.run_test(size=(120, 40)) as pilot:
        await open_figures(pilot, console)
        now = done(console)
        seq = LAST - 3_000
        await pilot.press("t")
        await shown(pilot, MomentScreen)
        await pilot.press(*f"#{seq}", "enter")
        await until(pilot, lambda: console.is_past and is_read(console))
        as_of = console.state.as_of
        assert as_of is not None
        assert as_of.seq == seq
        since = told(console).from_at
        expected: dict[str | None, int] = {}
        async for counted in feed.counted(await feed.seq_at(since)):
            for one in counted.events:
                if one.seq <= seq and one.event is not None and one.event.type in ("COMPLETED", "FAILED"):
                    expected[one.event.function] = expected.get(one.event.function, 0) + 1
        assert {name: count for name, count in done(console).items() if count} == expected
        feed.push(EventsAppended((ended(LAST + 1),)))
        await until(pilot, lambda: console.live.last_seq == LAST + 1)
        assert "new:f" not in done(console), "an instant stays as it was"
        await pilot.press("enter")
        await shown(pilot, DetailScreen)
        assert "the hour before this instant" in text_on(pilot)
        await pilot.press("escape", "escape")
        await until(pilot, lambda: not console.is_past and is_read(console) and "new:f" in done(console))
        assert done(console) == {**now, "new:f": 1}


async def test_lists_sort_by_every_column_and_are_filtered_by_name() -> None:
    console = fake_console()
    async with console.run_test(size=(200, 60)) as pilot:
        await open_figures(pilot, console)
        table = console.main.tables["figures"]
        shares = [row.worked_ms for row in table.items]
        assert shares == sorted(shares, reverse=True), "what takes the most comes first"
        lens, sorted_by = console.lens(), set()
        for _ in table.view.columns:
            await pilot.press("o")
            await pilot.pause()
            column = table.sort_column
            sorted_by.add(column)
            values = [table.view.sort_value(row, column, lens) for row in table.items]
            assert values == sorted(values, reverse=column != "name"), column
        assert sorted_by == {column.id for column in table.view.columns}
        await pilot.press("slash", *"resize", "enter")
        assert [row.name for row in table.items] == ["shop.tasks:resize_image"]


async def test_a_report_follows_what_comes() -> None:
    console = fake_console()
    async with console.run_test(size=(120, 60)) as pilot:
        await open_figures(pilot, console)
        await pilot.press("enter")
        await shown(pilot, DetailScreen)
        text = text_on(pilot)
        for words in (
            "Figures of function build",
            "shop.reports:build",
            "the last hour",
            "waited",
            "The last hour, 5 min",
        ):
            assert words in text
        was = told(console).rows[0].done
        await feed_one(console, pilot)
        assert f"done          {was + 1} " in text_on(pilot)


async def feed_one(console: NaqConsole, pilot: Pilot[Any]) -> None:
    was = told(console).rows[0].done
    feed_of(console).push(EventsAppended((ended(LAST + 1, function="shop.reports:build"),)))
    await until(pilot, lambda: told(console).rows[0].done == was + 1)


async def test_a_row_is_copied_as_json_and_told_as_a_command() -> None:
    console = fake_console()
    async with console.run_test(size=(120, 40)) as pilot:
        await open_figures(pilot, console)
        row = console.main.tables["figures"].items[0]
        text, what = copy_text(row)
        record = json.loads(text)
        assert what == "figures of shop.reports:build"
        assert (record["name"], record["window"], record["failed"]) == (row.name, "1 h", row.failed)
        assert record["run"]["p95"] == row.run.p95
        assert command_line(row) == "naq stats --by function --since 1h"


async def test_hostile_names_are_only_text() -> None:
    name = "[red]m:\x1b[2Jf\u202e[/]"
    console = fake_console()
    async with console.run_test(size=(120, 40)) as pilot:
        await open_figures(pilot, console)
        feed_of(console).push(EventsAppended((ended(LAST + 1, function=name),)))
        await until(pilot, lambda: name in done(console))
        await pilot.press("slash", *"red", "enter", "enter")
        await shown(pilot, DetailScreen)
        text = text_on(pilot)
        assert "[red]m:" in text
        assert "\x1b" not in text
        assert "\u202e" not in text
