"""What keys do, on the made-up system."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from naq_tui.feed.fake import FakeFeed, FakeProcesses, FixedClock
from naq_tui.feed.sample import T0, first_batch, link, old_event, process, results, workers
from naq_tui.remembered import Remembered
from naq_tui.screens.detail import DetailScreen
from naq_tui.screens.launch import LaunchScreen
from naq_tui.screens.leave import LeaveScreen
from naq_tui.store.updates import EventsAppended, ResultsChanged, WorkersChanged
from tests.tui.conftest import fake_console, settle, text_on

SIZE = (120, 40)


async def test_the_log_follows_until_it_is_moved_up() -> None:
    console = fake_console()
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        feed, log = console.feed, console.main.log_view
        assert isinstance(feed, FakeFeed)
        last = console.state.last_seq
        await pilot.press("2", "k")
        feed.push(EventsAppended(tuple(old_event(last + n) for n in range(1, 4))))
        await pilot.pause()
        assert (log.is_following, log.new_count) == (False, 3)
        assert log.selected is not None
        assert log.selected.seq == last - 1, "the cursor stays on its event"
        await pilot.press("G")
        assert (log.is_following, log.new_count) == (True, 0)
        assert log.selected.seq == last + 3


async def test_older_events_are_fetched_when_they_come_into_view() -> None:
    console = fake_console()
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        feed, log = console.feed, console.main.log_view
        assert isinstance(feed, FakeFeed)
        await pilot.press("2", "g")
        await pilot.pause()
        assert feed.reads == [(1, 256)]
        assert log.selected is not None
        assert log.selected.seq == 1


async def test_failures_are_one_key_away() -> None:
    console = fake_console()
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        log = console.main.log_view
        await pilot.press("2", "E")
        assert log.selected is not None
        assert log.selected.type == "FAILED"
        found = log.selected.seq
        await pilot.press("E", "e")
        assert log.selected.seq == found


async def test_the_cursor_stays_on_its_row_while_rows_come_and_go() -> None:
    console = fake_console()
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        table, feed = console.main.tables["results"], console.feed
        assert isinstance(feed, FakeFeed)
        await pilot.press("7", "j", "j")
        key = table.selected_key
        newer = tuple(replace(result, job_id=f"new-{n}") for n, result in enumerate(results()[:5]))
        feed.push(ResultsChanged(newer, total=12_485))
        await pilot.pause()
        assert table.selected_key == key
        await pilot.press("g")
        feed.push(ResultsChanged((replace(newer[0], job_id="newest"),)))
        await pilot.pause()
        assert table.selected_key == "newest", "on the first row it stays on the first row"


async def test_a_filter_is_kept_through_the_zoom_and_escape_ends_it() -> None:
    console = fake_console()
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        table = console.main.tables["workers"]
        await pilot.press("5", "slash", *"web", "enter")
        assert table.row_count == 3
        await pilot.press("1", "5")
        assert table.row_count == 3
        await pilot.press("escape")
        assert (table.row_count, console.main.current) == (5, "workers")
        await pilot.press("n")
        assert table.selected is not None
        assert "web" in table.selected.name
        await pilot.press("escape")
        assert console.main.current == "overview"


async def test_digits_typed_into_a_filter_are_text() -> None:
    console = fake_console()
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("5", "slash", "7", "q", "w")
        assert console.main.current == "workers"
        assert console.main.tables["workers"].needle.text == "7qw"


async def test_launching_remembers_the_choice(tmp_path: Path) -> None:
    remembered = Remembered(tmp_path / "console.json")
    console = fake_console(remembered=remembered, server_url="nats://x:1")
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        processes = console.supervisor
        assert isinstance(processes, FakeProcesses)
        await pilot.press("w", *"mail", "enter")
        await pilot.pause()
        spec = processes.launched[0]
        assert (spec.queues, spec.modules, spec.concurrency) == (("mail",), ("naq.examples.tasks",), 10)
        assert spec.server_url == "nats://x:1"
        assert Remembered(tmp_path / "console.json").launch_choice("worker")["queues"] == "mail"
        await pilot.press("w")
        await pilot.pause()
        assert isinstance(console.screen, LaunchScreen)
        assert console.screen.choice["queues"] == "mail"


async def test_a_mistake_in_the_form_launches_nothing() -> None:
    console = fake_console()
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("w", "tab", "tab", "x", "enter")
        assert isinstance(console.screen, LaunchScreen)
        processes = console.supervisor
        assert isinstance(processes, FakeProcesses)
        assert processes.launched == []


async def test_acting_asks_first_and_no_is_the_default() -> None:
    console = fake_console()
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        commands = console.commands
        await pilot.press("6", "j", "P")
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
        assert commands.calls == []  # type: ignore[union-attr]
        await pilot.press("P")
        await pilot.pause()
        await pilot.press("right", "enter")
        await pilot.pause()
        assert commands.calls == [("pause", "minutely")]  # type: ignore[union-attr]


@pytest.mark.parametrize("kinds", [("worker", "server"), ("worker",)])
async def test_quitting_asks_about_children(kinds: tuple[str, ...]) -> None:
    children = tuple(process(f"{kind}-1", kind, 1, "ready") for kind in kinds)
    console = fake_console(processes=FakeProcesses(*children))
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("q")
        await pilot.pause()
        assert isinstance(console.screen, LeaveScreen)
        assert ("The server here ends with this console" in text_on(pilot)) is ("server" in kinds)
        await pilot.press("enter")
        await pilot.pause()
        assert console.screen is console.main
        await pilot.press("q")
        await pilot.pause()
        await pilot.press("right", "enter")
        await pilot.pause()
    assert console.supervisor.closed_with == "leave"  # type: ignore[attr-defined]


async def test_a_worker_is_dead_by_the_tick_alone() -> None:
    clock = FixedClock()
    console = fake_console((link(), WorkersChanged(workers()[:1])), clock=clock)
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        assert console.main.alarm.alarms == ()
        clock.moment = T0 + timedelta(seconds=11)
        console._tick()
        await pilot.pause()
        assert "w-3 is dead" in console.main.alarm.alarms[0].text


async def test_a_lost_connection_ages_nobody() -> None:
    clock = FixedClock()
    console = fake_console((link(), WorkersChanged(workers()[:1])), clock=clock)
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        console.take([link(state="lost", at=T0)])
        clock.moment = T0 + timedelta(seconds=60)
        console._tick()
        await pilot.pause()
        assert [alarm.text.startswith("no connection") for alarm in console.main.alarm.alarms] == [True]


async def test_copying_gives_the_whole_record() -> None:
    console = fake_console()
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("7", "y")
        assert json.loads(console.clipboard)["job_id"] == console.main.tables["results"].selected_key


async def test_the_command_that_shows_a_record_is_copied() -> None:
    console = fake_console()
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("7", "ctrl+y")
        assert console.clipboard == f"naq job show {console.main.tables['results'].selected_key}"
        await pilot.press("6", "enter", "ctrl+y")
        assert console.clipboard == f"naq schedules show {console.screen.key}"
        await pilot.press("escape", "9", "ctrl+y")
        assert console.clipboard.startswith("naq schedules"), "no command shows an error, and nothing is copied"


async def test_enter_and_escape_open_and_leave_a_report() -> None:
    console = fake_console()
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("7", "enter")
        assert isinstance(console.screen, DetailScreen)
        await pilot.press("escape")
        assert console.screen is console.main
        await pilot.press("enter", "5")
        assert (console.screen is console.main, console.main.current) == (True, "workers")


async def test_a_theme_is_remembered(tmp_path: Path) -> None:
    path = tmp_path / "console.json"
    console = fake_console(remembered=Remembered(path))
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        console.theme = "naq-light"
        await pilot.pause()
    assert Remembered(path).theme == "naq-light"
    path.write_text("{broken")
    assert Remembered(path).theme is None


async def test_a_feed_that_breaks_is_told_and_ends_nothing() -> None:
    class Broken(FakeFeed):
        async def batches(self):  # type: ignore[no-untyped-def,override]
            yield first_batch()
            raise RuntimeError("[/] out of order")

    console = fake_console()
    console.feed = Broken()
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.pause()
        assert console.state.link.state == "failed"
        assert "RuntimeError: [/] out of order" in console.main.alarm.alarms[0].text


async def test_a_resize_keeps_screen_and_cursor() -> None:
    console = fake_console()
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("7", "j", "j")
        key = console.main.tables["results"].selected_key
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert console.main.tables["results"].selected_key == key
        await pilot.resize_terminal(30, 8)
        await pilot.pause()
        await pilot.resize_terminal(120, 40)
        await pilot.pause()
        assert console.main.current == "results"
