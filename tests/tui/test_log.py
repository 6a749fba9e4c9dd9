"""The event log as it behaves: places, filters through the whole log, failures and moments far away."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from textual.pilot import Pilot

from naq.errors import NaqConnectionError
from naq.models.event import JobEvent, JobEventType, StoredEvent
from naq_tui.app import NaqConsole
from naq_tui.feed.fake import FakeFeed
from naq_tui.feed.sample import T0, job_id, old_event, stored
from naq_tui.screens import log_reading
from naq_tui.screens.detail import DetailScreen
from naq_tui.store.rows import event_row
from naq_tui.store.updates import EventsAppended, EventsRange
from naq_tui.views.event_filter import FIELDS, EventFilter, moment_problem
from naq_tui.views.search import Needle
from naq_tui.widgets import found as found_module
from naq_tui.widgets.event_log import EventLog
from naq_tui.widgets.event_pages import PAGE, EventPages
from naq_tui.widgets.found import Found
from tests.tui.conftest import fake_console, settle, until

SIZE = (120, 40)
FAILED_AT = (150_000, 90_001, 12)
"""Sequences of failures long past."""


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_reading, "SETTLE_S", 0.0)


def failure(seq: int) -> StoredEvent:
    event = JobEvent.of(
        JobEventType.FAILED,
        job_id=job_id(seq),
        queue="reports",
        function="shop.reports:build",
        error={"type": "ValueError", "message": f"no report {seq}"},
    )
    return stored(seq, old_event(seq).stored_at, event)


def console_with_past() -> tuple[NaqConsole, FakeFeed, EventLog]:
    console = fake_console()
    feed = console.feed
    assert isinstance(feed, FakeFeed)
    feed.events.update({seq: failure(seq) for seq in FAILED_AT})
    return console, feed, console.main.log_view


async def filter_by(pilot: Pilot[Any], text: str) -> None:
    """Type a filter as if in one stroke: each letter would begin a search of its own."""
    await pilot.press("2", "slash")
    assert isinstance(pilot.app, NaqConsole)
    pilot.app.main.filter_line.field.value = text
    await pilot.press("enter")


def footing(console: NaqConsole) -> str:
    return "".join(cell.text for cell in console.main.panes["events"].footing)


async def test_t_goes_to_a_moment() -> None:
    console, _, log = console_with_past()
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("2", "t", *"yesterday 23:00", "enter")
        await until(pilot, lambda: log.selected is not None and not log.is_following)
        assert log.selected is not None
        wanted = (T0 - timedelta(days=1)).replace(hour=23, minute=0, second=0, microsecond=0)
        assert log.selected.at >= wanted
        assert old_event(log.selected.seq - 1).stored_at < wanted, "the first at or after it"


async def test_t_goes_to_a_sequence_and_to_both_ends() -> None:
    console, _, log = console_with_past()
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("2", "t", *"#90,001", "enter")
        await until(pilot, lambda: log.selected is not None and log.selected.seq == 90_001)
        await pilot.press("t", *"#0", "enter")
        await until(pilot, lambda: log.selected is not None and log.selected.seq == 1)
        await pilot.pause()
        headline = [cell.text for cell in console.main.panes["events"].headline]
        assert headline == ["Mon 23 Nov", "not following", "G follows"], "the rows tell the time of day only"
        await pilot.press("t", *"#99999999", "enter")
        await until(pilot, lambda: log.is_following)


async def test_a_moment_that_is_none_is_told_where_it_is_typed() -> None:
    console, _, log = console_with_past()
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("2", "t", *"25:00", "enter")
        assert "25:00 is no time of day" in console.main.moment_line.problem
        assert console.main.moment_line.display
        await pilot.press("backspace")
        assert console.main.moment_line.problem == ""
        await pilot.press("escape")
        assert (console.main.moment_line.display, log.is_following) == (False, True)
        assert console.main.focused is log


async def test_a_filter_is_searched_for_through_the_whole_log() -> None:
    console, _, log = console_with_past()
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await filter_by(pilot, "type:failed error:report")
        await until(pilot, lambda: log.found is not None and log.found.state == "complete")
        assert log.found is not None
        assert [seq for seq in log.found.seqs if seq in FAILED_AT] == sorted(FAILED_AT), "in order"
        assert "3 found in the whole log" in footing(console)
        assert console.main.panes["events"].chips == ("type:failed", "error:report")
        await pilot.press("k", "k")
        await until(pilot, lambda: log.selected is not None)
        assert log.selected is not None
        assert log.selected.text == "ValueError: no report 12"
        await pilot.press("escape")
        assert log.found is None
        assert log.cursor_seq == 12, "without the filter the cursor is where it was"


async def test_new_events_that_match_come_in_live() -> None:
    console, feed, log = console_with_past()
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await filter_by(pilot, "type:failed queue:reports")
        await until(pilot, lambda: log.found is not None and log.found.state == "complete")
        assert log.found is not None
        before, last = len(log.found), console.state.last_seq
        feed.push(EventsAppended((old_event(last + 1), failure(last + 2))))
        await until(pilot, lambda: console.state.last_seq == last + 2)
        assert len(log.found) == before + 1
        assert log.selected is not None
        assert log.selected.seq == last + 2, "it follows what it shows"
        await pilot.press("k")
        feed.push(EventsAppended((old_event(last + 3), failure(last + 4))))
        await until(pilot, lambda: console.state.last_seq == last + 4)
        assert log.new_count == 1


async def test_a_search_tells_how_far_it_is_and_escape_stops_it_first() -> None:
    console, feed, log = console_with_past()
    feed.scan_stalls_at = 90_000
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await filter_by(pilot, "type:failed error:report")
        await until(pilot, lambda: log.found is not None and log.found.from_seq <= 90_000)
        assert "scanning … 51 % · 2 found · esc stops" in footing(console)
        await pilot.press("escape")
        assert log.found is not None
        assert log.found.state == "stopped"
        assert "2 found · stopped after 51 % of the log" in footing(console)
        await pilot.press("escape")
        assert log.found is None


async def test_another_filter_gives_up_the_search_before() -> None:
    console, feed, log = console_with_past()
    feed.scan_stalls_at = 180_000
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await filter_by(pilot, "type:failed")
        await until(pilot, lambda: len(feed.scans) == 1)
        feed.scan_stalls_at = None
        await filter_by(pilot, "type:failed error:12")
        await until(pilot, lambda: log.found is not None and log.found.state == "complete")
        assert log.found is not None
        assert list(log.found.seqs) == [12]


async def test_a_log_made_anew_is_searched_anew() -> None:
    console, feed, log = console_with_past()
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await filter_by(pilot, "type:failed")
        await until(pilot, lambda: log.found is not None and log.found.state == "complete")
        feed.events.clear()
        feed.push(EventsRange(1, 2, True), EventsAppended((old_event(1), failure(2))))
        await until(pilot, lambda: log.found is not None and list(log.found.seqs) == [2])


async def test_rows_found_far_apart_are_read_one_by_one() -> None:
    console, feed, log = console_with_past()
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await filter_by(pilot, "type:failed error:report")
        await until(pilot, lambda: log.found is not None and len(log.found) == 3)
        reads = list(feed.reads)
        log.pages.clear()
        await pilot.press("g")
        await until(pilot, lambda: log.selected is not None and log.selected.seq == 12)
        assert feed.reads == reads, "no whole page for a single row"


async def test_a_failure_is_found_outside_of_what_is_loaded() -> None:
    console, _, log = console_with_past()
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("2", "t", *"#150005", "enter")
        await until(pilot, lambda: log.cursor_seq == 150_005)
        await pilot.press("E")
        await until(pilot, lambda: log.cursor_seq == 150_000)
        await pilot.press("E")
        await until(pilot, lambda: log.cursor_seq == 90_001)
        await until(pilot, lambda: log.selected is not None)
        await pilot.press("E")
        await until(pilot, lambda: log.cursor_seq == 12)
        await pilot.press("e")
        await until(pilot, lambda: log.cursor_seq == 90_001)


async def test_no_failure_leaves_the_cursor_where_it_is() -> None:
    console, _, log = console_with_past()
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("2", "t", *"#12", "enter")
        await until(pilot, lambda: log.cursor_seq == 12)
        await pilot.press("E")
        await until(pilot, lambda: any("No earlier failure in the log." in n.message for n in console._notifications))
        assert log.cursor_seq == 12


async def test_n_looks_for_the_last_filter_through_the_whole_log() -> None:
    console, _, log = console_with_past()
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await filter_by(pilot, "type:failed error:report")
        await until(pilot, lambda: log.found is not None and log.found.state == "complete")
        await pilot.press("escape")
        assert log.found is None
        await pilot.press("G", "N")
        await until(pilot, lambda: log.cursor_seq == 150_000)
        await pilot.press("N")
        await until(pilot, lambda: log.cursor_seq == 90_001)
        await pilot.press("n")
        await until(pilot, lambda: log.cursor_seq == 150_000)


async def test_pages_out_of_sight_are_not_waited_for() -> None:
    console, feed, _ = console_with_past()
    started, given_up = [], []

    async def slow(first_seq: int, count: int) -> tuple[StoredEvent, ...]:
        started.append(first_seq)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            given_up.append(first_seq)
            raise
        return ()

    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        feed.read_events = slow  # type: ignore[method-assign]
        await pilot.press("2", "g")
        await until(pilot, lambda: started == [1])
        await pilot.press("t", *"#90000", "enter")
        await until(pilot, lambda: given_up == [1])
        assert started[-1] == (90_000 - 1) // PAGE * PAGE + 1


async def test_pages_ahead_are_read_before_they_are_needed() -> None:
    console, feed, _ = console_with_past()
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        first = (90_000 - 1) // PAGE * PAGE + 1
        await pilot.press("2", "t", *f"#{first + 60}", "enter")
        await until(pilot, lambda: (first, PAGE) in feed.reads)
        assert (first - PAGE, PAGE) in feed.reads, "upwards from here: the page before"


async def test_a_page_that_could_not_be_read_is_asked_for_again() -> None:
    console, feed, log = console_with_past()

    async def refuse(first_seq: int, count: int) -> tuple[StoredEvent, ...]:
        raise NaqConnectionError("no answer")

    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        read = feed.read_events
        feed.read_events = refuse  # type: ignore[method-assign]
        await pilot.press("2", "g")
        await until(pilot, lambda: log._was_refused)
        assert log.selected is None
        feed.read_events = read  # type: ignore[method-assign]
        console._tick()
        console.main._refresh_views()
        await until(pilot, lambda: log.selected is not None)


async def test_a_bad_field_is_told_in_the_line_and_the_rest_works() -> None:
    console, _, log = console_with_past()
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("2", "slash")
        console.main.filter_line.field.value = "quue:mail type:failed"
        await pilot.pause()
        assert console.main.filter_line.problem.strip().startswith("no field quue here: type queue")
        assert log.needle.chips == ("type:failed",)


async def test_tab_completes_fields_and_values() -> None:
    console, _, log = console_with_past()
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("2", "slash", "q", "tab", "r", "e", "p", "tab")
        assert log.needle.text == "queue:reports"
        await pilot.press("tab")
        assert not console.main.filter_line.display, "with nothing to complete it ends"


async def test_tables_have_fields_too() -> None:
    console = fake_console()
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        for key, name, text, rows in (
            ("5", "workers", "host:web-1 status:idle", 1),
            ("4", "queues", "queue:mail,reports", 2),
            ("6", "schedules", "status:paused", 1),
            ("7", "results", "error:timeout", None),
        ):
            table = console.main.tables[name]
            await pilot.press(key, "slash", *text, "enter")
            assert table.needle.problem == ""
            assert table.row_count > 0
            assert rows is None or table.row_count == rows, name


def test_found_is_kept_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(found_module, "FOUND_KEPT", 100)
    found = Found(EventFilter(Needle("x")), 1_000)
    found.add_newer(range(1_000, 1_050), 1_049)
    found.add_older(range(900, 960), 900)
    assert (found.state, len(found), found.from_seq) == ("full", 110, 900)
    found.add_newer(range(1_050, 1_060), 1_059)
    assert list(found.seqs) == [*range(920, 960), *range(1_000, 1_060)], "the newest are kept"
    assert found.from_seq == 920
    found.drop_before(1_000)
    assert (found[0], found.place_of(5_000), found.count_after(1_057)) == (1_000, 59, 2)


def test_pages_tell_what_is_here_gone_or_to_come() -> None:
    pages = EventPages()
    assert pages.is_coming(5)
    console_rows = fake_rows(1_000, 1_010)
    pages.tail = console_rows
    assert (pages.is_known(1_005), pages.is_known(1_011), pages.is_coming(1_011)) == (True, False, True)
    pages.receive(1, fake_rows(1, 11))
    assert pages.get(5) is not None
    assert (pages.get(200), pages.is_known(200)) == (None, True), "its page is here: it is gone"
    pages.receive_rows((600, 601), fake_rows(600, 601))
    assert pages.get(600) is not None
    assert (pages.get(601), pages.is_known(601), pages.is_known(602)) == (None, True, False)


def fake_rows(first: int, after: int) -> list[Any]:
    return [event_row(old_event(seq)) for seq in range(first, after)]


async def test_from_an_event_its_job_and_worker_are_one_key_away() -> None:
    console, _, log = console_with_past()
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("2", "E")
        assert log.selected is not None
        event = log.selected.raw.event
        assert event is not None
        await pilot.press("enter")
        await pilot.pause()
        report = console.screen
        assert isinstance(report, DetailScreen)
        assert [item.kind for item in report.related_line.items] == ["job", "worker", "queue"]
        await pilot.press("enter")
        await pilot.pause()
        opened = console.screen
        assert isinstance(opened, DetailScreen)
        assert (opened.kind, opened.key) == ("job", event.job_id)
        await pilot.press("escape", "tab", "enter")
        await pilot.pause()
        opened = console.screen
        assert isinstance(opened, DetailScreen)
        assert (opened.kind, opened.key) == ("worker", event.worker_id)
        await pilot.press("escape", "escape")
        assert console.screen is console.main


def test_a_filter_has_moments() -> None:
    rows = [event_row(old_event(seq)) for seq in (10, 90_000, 180_000)]
    noon = rows[1].at
    for text, wanted in {
        "since:-1h": rows[1:],
        "!since:-1h": rows[:1],
        "until:-1h": rows[:1],
        f"since:#{rows[2].seq}": rows[2:],
        "since:nonsense": rows,
    }.items():
        kept = EventFilter(Needle(text, FIELDS), noon + timedelta(hours=1))
        assert [row for row in rows if kept.matches(row)] == wanted, text
        assert kept.query().is_by_subject is False
    assert moment_problem(Needle("since:nonsense", FIELDS), noon).startswith("since: ")
    assert moment_problem(Needle("since:-1h type:failed", FIELDS), noon) == ""


async def test_progress_is_left_out_by_one_key_and_shown_again() -> None:
    console, feed, log = console_with_past()
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        last = console.state.last_seq
        told = JobEvent.of(JobEventType.PROGRESS, job_id=job_id(1), queue="mail", details={"done": 1, "total": 3})
        feed.push(EventsAppended(tuple(stored(last + step, T0, told) for step in (1, 2, 3))))
        await until(pilot, lambda: console.state.last_seq == last + 3)
        await pilot.press("2", "p")
        assert log.needle.text == "!type:progress"
        assert log.cursor_seq == last, "the newest that is no progress"
        await pilot.press("p")
        assert not log.needle
        assert log.cursor_seq == last + 3
