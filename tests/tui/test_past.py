"""The whole console as it was at an instant, and back to now."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from textual.pilot import Pilot

from naq.models.event import JobEvent, StoredEvent
from naq_tui import hints, keys
from naq_tui.app import NaqConsole
from naq_tui.config import ContextEntry
from naq_tui.contexts import Connection, Context
from naq_tui.feed.fake import FakeCommands, FakeFeed, first_batch
from naq_tui.feed.sample import T0, job_events, link, stored
from naq_tui.looking_back import NEWEST
from naq_tui.screens.confirm import ConfirmScreen
from naq_tui.screens.detail import DetailScreen
from naq_tui.screens.launch import LaunchScreen
from naq_tui.screens.moment import MomentScreen
from naq_tui.store.updates import EventsAppended, EventsRange, ResultsChanged
from naq_tui.views.copying import copy_text
from naq_tui.widgets.past_line import PastLine
from tests.tui.conftest import fake_console, gone, settle, shown, text_on, until

EVENTS = job_events()
FIRST, LAST = EVENTS[0].seq, EVENTS[-1].seq
FAILED = [one.seq for one in EVENTS if one.event is not None and one.event.type in ("FAILED", "WORKER_LOST")]
MIDDLE = FAILED[len(FAILED) // 2] + 1


def later(seq: int, kind: str = "ENQUEUED", job: str = "new") -> StoredEvent:
    event = JobEvent(type=kind, job_id=job, queue="mail", function="shop:f")
    return stored(seq, T0 + timedelta(seconds=seq - LAST), event)


def short_log(*, with_values: bool = True) -> NaqConsole:
    """A console whose whole log is that of the sample; without values, no result is stored any more."""
    kept = [one for one in first_batch() if with_values or not isinstance(one, ResultsChanged)]
    console = fake_console((*kept, EventsRange(FIRST, LAST)))
    assert isinstance(console.feed, FakeFeed)
    if not with_values:
        console.feed.read_result = none_stored  # type: ignore[method-assign]
    return console


async def none_stored(job_id: str) -> None:
    """What is stored of a job once it has expired."""


async def look_back(pilot: Pilot[Any], text: str, seq: int) -> None:
    app = pilot.app
    assert isinstance(app, NaqConsole)
    await pilot.press("t")
    await shown(pilot, MomentScreen)
    await pilot.press(*text, "enter")
    await until(pilot, lambda: at(app) == seq)


def at(app: NaqConsole) -> int | None:
    return app.state.as_of.seq if app.state.as_of is not None else None


async def test_every_screen_is_that_of_the_instant_and_now_comes_back() -> None:
    console = short_log()
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        live = console.state
        assert not console.main.past.display
        await pilot.press("3")
        await look_back(pilot, f"#{MIDDLE}", MIDDLE)
        assert f"AS IT WAS  #{MIDDLE:,}" in text_on(pilot)
        assert console.state.last_seq == MIDDLE
        assert {row.job_id for row in console.main.tables["jobs"].items} == {
            one.event.job_id
            for one in EVENTS
            if one.seq <= MIDDLE and one.event is not None and one.event.entity == "job"
        }
        await pilot.press("8")
        assert "does not tell of this machine's processes" in text_on(pilot)
        await pilot.press("2", "E")
        log = console.main.log_view
        before = [seq for seq in FAILED if seq <= MIDDLE]
        await until(pilot, lambda: log.cursor_seq == before[-1])
        await pilot.press("G", "r")
        await until(pilot, lambda: not console.is_past)
        assert console.state is live
        assert not console.main.past.display
        assert log.selected is not None
        assert log.selected.seq == LAST


async def test_the_live_feed_goes_on_underneath() -> None:
    console = short_log()
    feed = console.feed
    assert isinstance(feed, FakeFeed)
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await look_back(pilot, f"#{MIDDLE}", MIDDLE)
        shown_then = console.state.jobs
        feed.push(EventsAppended((later(LAST + 1), later(LAST + 2, "STARTED"))))
        await until(pilot, lambda: console.live.last_seq == LAST + 2)
        assert console.state.jobs is shown_then
        assert at(console) == MIDDLE
        await pilot.press("6", "P")
        told = "Nothing was done, this is the past: r shows now."
        await until(pilot, lambda: any(note.message == told for note in console._notifications))
        await pilot.press("escape")
        await until(pilot, lambda: not console.is_past)
        assert console.state.jobs["new"].status == "RUNNING"


async def test_no_key_acts_on_the_past() -> None:
    commands = FakeCommands()
    console = fake_console((*first_batch(), EventsRange(FIRST, LAST)), commands=commands)
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("3")
        await look_back(pilot, f"#{MIDDLE}", MIDDLE)
        assert console.commands is None
        assert not any(action.acts for action in console.actions)
        for key in ("R", "X", "D", "C", "w", "s"):
            await pilot.press(key)
            await pilot.pause()
            assert not isinstance(console.screen, ConfirmScreen | LaunchScreen)
            assert console.screen is console.main
        assert hints.hint("launch.worker", "starts one") == ""
        footer = [action.id for action in console.main.key_line.shown()]
        assert "instant.now" in footer
        assert not {"job.retry", "launch.worker"} & set(footer)
        await pilot.press("r", "w")
        await shown(pilot, LaunchScreen)
        assert console.commands is commands
    assert commands.calls == []


async def test_steps_by_event_and_by_failure() -> None:
    console = short_log()
    async with console.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        for press, seq in (
            ("comma", LAST),
            ("comma", LAST - 1),
            ("less_than_sign", FAILED[-1] if FAILED[-1] < LAST - 1 else FAILED[-2]),
        ):
            await pilot.press(press)
            await until(pilot, lambda seq=seq: at(console) == seq)
        here = at(console)
        assert here is not None
        await pilot.press("full_stop")
        await until(pilot, lambda: at(console) == here + 1)
        await pilot.press("less_than_sign")
        await until(pilot, lambda: at(console) == here)
        await pilot.press("less_than_sign")
        earlier = max(seq for seq in FAILED if seq < here)
        await until(pilot, lambda: at(console) == earlier)
        await pilot.press("greater_than_sign")
        await until(pilot, lambda: at(console) == here)
        await look_back(pilot, f"#{LAST}", LAST)
        await pilot.press("full_stop")
        await pilot.pause()
        assert NEWEST in [note.message for note in console._notifications]
        assert at(console) == LAST


async def test_steps_pressed_in_one_go_add_up() -> None:
    console = short_log()
    async with console.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press(*["comma"] * 12)
        await until(pilot, lambda: at(console) == LAST - 11)
        await until(pilot, lambda: console.reading is None)


async def test_a_moment_is_the_state_after_what_had_happened_by_then() -> None:
    console = short_log()
    moment = EVENTS[150].stored_at + (EVENTS[151].stored_at - EVENTS[150].stored_at) / 2
    async with console.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await look_back(pilot, f"{moment:%Y-%m-%d %H:%M:%S.%f}", EVENTS[150].seq)
        assert console.state.as_of is not None
        assert console.state.as_of.at == moment
        assert console.lens().now == moment
        await look_back(pilot, "now", None)  # type: ignore[arg-type]


async def test_in_the_log_at_takes_the_event_under_the_cursor_and_t_stays_in_the_log() -> None:
    console = short_log()
    log = console.main.log_view
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("2", "t", *f"#{MIDDLE}", "enter")
        await until(pilot, lambda: log.cursor_seq == MIDDLE)
        assert not console.is_past
        await pilot.press("at")
        await shown(pilot, MomentScreen)
        await pilot.press("enter")
        await until(pilot, lambda: at(console) == MIDDLE)
        await pilot.press("1", "t")
        await shown(pilot, MomentScreen)
        await pilot.press("escape")
        await gone(pilot, MomentScreen)
        assert at(console) == MIDDLE


async def test_what_can_not_be_shown_is_said() -> None:
    console = short_log()
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        for text, said in (("#12", "The log begins with"), ("#99999999", "has not happened yet")):
            await pilot.press("t")
            await shown(pilot, MomentScreen)
            await pilot.press(*text, "enter")
            await until(pilot, lambda said=said: any(said in note.message for note in console._notifications))
            assert not console.is_past
        await pilot.press("t")
        await shown(pilot, MomentScreen)
        await pilot.press(*"25:00", "enter")
        await pilot.pause()
        assert "25:00 is no time of day" in text_on(pilot)
        await pilot.press("escape", "r")
        await gone(pilot, MomentScreen)
        assert not console.is_past


async def test_reading_can_be_given_up_and_leaves_the_keys_free() -> None:
    console = short_log()
    feed = console.feed
    assert isinstance(feed, FakeFeed)
    stalled = asyncio.Event()

    async def never(first_seq: int, count: int) -> tuple[StoredEvent, ...]:
        stalled.set()
        await asyncio.Event().wait()
        return ()

    read, feed.read_events = feed.read_events, never  # type: ignore[method-assign]
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("t")
        await shown(pilot, MomentScreen)
        await pilot.press(*f"#{MIDDLE}", "enter")
        await asyncio.wait_for(stalled.wait(), 5)
        await pilot.press("5")
        assert console.main.current == "workers"
        assert "reading the past 0 %" in text_on(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: console.reading is None)
        assert console.main.current == "workers"
        assert not console.is_past
        assert not console.main.past.display
        feed.read_events = read  # type: ignore[method-assign]
        await look_back(pilot, f"#{MIDDLE}", MIDDLE)


async def test_a_report_is_that_of_the_instant_and_moves_with_it() -> None:
    console = short_log(with_values=False)
    ended = next(one for one in EVENTS if one.seq > MIDDLE and one.event is not None and one.event.type == "COMPLETED")
    assert ended.event is not None
    assert ended.event.job_id is not None
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await look_back(pilot, f"#{ended.seq - 1}", ended.seq - 1)
        screen = DetailScreen("job", ended.event.job_id)
        await console.push_screen(screen)
        await until(pilot, lambda: "running" in text_on(pilot) and screen._extra.is_read)
        assert "done" not in text_on(pilot)
        assert screen.query_one(PastLine).display
        await pilot.press("full_stop")
        await until(pilot, lambda: "✓ done" in text_on(pilot) and screen._extra.is_read)
        await pilot.press("G")
        await pilot.pause()
        assert "not in the log, and no longer stored" in text_on(pilot)
        await pilot.press("g")
        await pilot.press("comma")
        await until(pilot, lambda: "● running" in text_on(pilot) and screen._extra.is_read)
        await pilot.press("escape")
        await shown(pilot, type(console.main))
        assert console.is_past


async def test_another_log_or_a_lost_connection_is_told() -> None:
    console = short_log()
    feed = console.feed
    assert isinstance(feed, FakeFeed)
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await look_back(pilot, f"#{MIDDLE}", MIDDLE)
        feed.push(link(state="lost", at=T0, message="the server is gone"))
        await until(pilot, lambda: console.state.link.state == "lost")
        assert at(console) == MIDDLE
        feed.push(EventsRange(1, 0, is_new_store=True))
        await until(pilot, lambda: not console.is_past)
        assert console.state.last_seq == 0


async def test_another_context_is_shown_as_it_is_now() -> None:
    other = Context("other", ContextEntry(name="other", server="nats://other:4222"))
    console = fake_console(
        (*first_batch(), EventsRange(FIRST, LAST)),
        contexts=(other,),
        connect=lambda context: Connection(FakeFeed((link(), EventsRange(1, 0))), None, {}),
    )
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await look_back(pilot, f"#{MIDDLE}", MIDDLE)
        await console.switch(other)
        assert not console.is_past
        await asyncio.wait_for(console.loaded.wait(), 5)
        assert console.state.last_seq == 0


async def test_a_copy_names_what_the_log_does_not_tell() -> None:
    console = short_log(with_values=False)
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await look_back(pilot, f"#{MIDDLE}", MIDDLE)
        for name, absent in (("workers", "cpu_percent"), ("results", "value"), ("queues", "pulls")):
            rows = [
                getattr(one, "row", one) for one in console.main.tables[name].view.items(console.state, console.lens())
            ]
            row = next(row for row in rows if absent in row.untold or name == "workers")
            told = json.loads(copy_text(row)[0])
            assert absent in told["not_in_the_log"]
            assert absent not in told


@pytest.mark.parametrize("place", ["jobs", "job", "event"])
def test_the_keys_of_instants_work_in_lists_and_reports(place: str) -> None:
    ids = {action.id for action in keys.ACTIONS if action.id.startswith("instant") and action.works_in(place)}
    assert ids == {action.id for action in keys.ACTIONS if action.id.startswith("instant")} - {"instant.event"}
