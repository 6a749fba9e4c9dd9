"""The event log as pictures: filters, searches under way, moments. Look at them with the words of each test in mind."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from textual.pilot import Pilot

from naq.models.event import JobEvent
from naq.models.event import JobEventType as Type
from naq_tui.app import NaqConsole
from naq_tui.feed.fake import FakeFeed, first_batch
from naq_tui.feed.sample import T0, stored
from naq_tui.screens import log_reading
from naq_tui.store.fold import apply
from naq_tui.store.state import EMPTY
from naq_tui.store.updates import EventsAppended
from tests.tui.conftest import after, fake_console, settle
from tests.tui.test_log import FAILED_AT, console_with_past, failure, filter_by, until

BOTH = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
LAST = apply(EMPTY, first_batch()).last_seq


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_reading, "SETTLE_S", 0.0)


def searched(text: str, *, stalls: bool = False) -> Any:
    """For `run_before`: a filter, and its search through to the end or to where it stalls."""

    async def run(pilot: Pilot[Any]) -> None:
        app = pilot.app
        assert isinstance(app, NaqConsole)
        assert isinstance(app.feed, FakeFeed)
        app.feed.scan_stalls_at = 90_000 if stalls else None
        await settle(pilot)
        await filter_by(pilot, text)
        log = app.main.log_view
        await until(
            pilot,
            lambda: (
                log.found is not None and (log.found.from_seq <= 90_000 if stalls else log.found.state == "complete")
            ),
        )
        await until(pilot, lambda: log.selected is not None or not log.found)
        await pilot.pause()

    return run


def going_to(place: str, seq: int) -> Any:
    async def run(pilot: Pilot[Any]) -> None:
        app = pilot.app
        assert isinstance(app, NaqConsole)
        await settle(pilot)
        await pilot.press("2", "t", *place, "enter")
        await until(pilot, lambda: app.main.log_view.cursor_seq == seq and app.main.log_view.selected is not None)
        await pilot.pause()

    return run


@BOTH
def test_found(snap_compare: Any, size: tuple[int, int]) -> None:
    """Every failure of the whole log; a chip for each term, and how many there are."""
    console, _, _ = console_with_past()
    text = "type:failed,retry queue:reports"
    assert snap_compare(console, terminal_size=size, run_before=searched(text))


@BOTH
def test_searching(snap_compare: Any, size: tuple[int, int]) -> None:
    """A search half-way: what is found so far, how far it is, and the key that stops it."""
    console, _, _ = console_with_past()
    assert snap_compare(console, terminal_size=size, run_before=searched("type:failed !error:nothing", stalls=True))


def test_nothing_found(snap_compare: Any) -> None:
    """Why it is empty, and the key that shows all."""
    console, _, _ = console_with_past()
    assert snap_compare(console, terminal_size=(80, 24), run_before=searched("type:queue_purged"))


@BOTH
def test_a_moment(snap_compare: Any, size: tuple[int, int]) -> None:
    """The first event after it, with some of what was before; not following, and the key that does."""
    console, _, _ = console_with_past()
    assert snap_compare(console, terminal_size=size, run_before=going_to("#90001", FAILED_AT[1]))


@BOTH
def test_typing_a_moment(snap_compare: Any, size: tuple[int, int]) -> None:
    """The line says what can be typed."""
    assert snap_compare(fake_console(), terminal_size=size, run_before=after("2", "t"))


@BOTH
def test_a_bad_moment(snap_compare: Any, size: tuple[int, int]) -> None:
    """What is wrong stands beside what was typed."""
    assert snap_compare(fake_console(), terminal_size=size, run_before=after("2", "t", *"25:00", "enter"))


@BOTH
def test_typing_a_filter(snap_compare: Any, size: tuple[int, int]) -> None:
    """A suggestion behind the text."""
    assert snap_compare(fake_console(), terminal_size=size, run_before=after("5", "slash", *"host:w"))


def test_a_bad_field(snap_compare: Any) -> None:
    """A field that is none is named, with those there are; the rest of the filter works."""
    assert snap_compare(fake_console(), terminal_size=(120, 40), run_before=after("5", "slash", *"hst:x idle"))


@BOTH
def test_reading(snap_compare: Any, size: tuple[int, int]) -> None:
    """Rows on their way keep their places."""
    console, feed, log = console_with_past()

    async def never(first_seq: int, count: int) -> tuple[Any, ...]:
        await asyncio.Event().wait()
        return ()

    feed.read_events = never  # type: ignore[method-assign]

    async def run(pilot: Pilot[Any]) -> None:
        await settle(pilot)
        await pilot.press("2", "t", *"#90001", "enter")
        await until(pilot, lambda: log.cursor_seq == FAILED_AT[1])
        await pilot.pause()

    assert failure(FAILED_AT[1]).event is not None
    assert snap_compare(console, terminal_size=size, run_before=run)


@BOTH
def test_an_event(snap_compare: Any, size: tuple[int, int]) -> None:
    """What can be opened from it stands above the report, one of it chosen."""
    assert snap_compare(fake_console(), terminal_size=size, run_before=after("2", "E", "enter", "tab"))


def acts() -> EventsAppended:
    """Just now: what operators did, with reasons, and what a schedule and a worker told."""
    by = {"actor": {"user": "ann"}}
    made = (
        JobEvent.of(Type.OPERATOR_ACTION, details={"action": "launch_process", "name": "worker-1"}, **by),
        JobEvent.of(Type.OPERATOR_ACTION, details={"action": "retry_jobs", "jobs": 12, "done": 11}, **by),
        JobEvent.of(Type.QUEUE_PAUSED, queue="mail", reason="the relay of our provider is down", **by),
        JobEvent.of(Type.QUEUE_PURGED, queue="reports", reason="a bad deploy", details={"jobs": 4910}, **by),
        JobEvent.of(Type.SCHEDULE_MISFIRED, schedule_id="digest", reason="3 missed, 1 made up (run once)"),
        JobEvent.of(Type.WORKER_STOPPED, worker_id="w-9", reason="asked to stop, and 2 jobs given back"),
    )
    moments = [T0 - timedelta(milliseconds=len(made) - place) for place in range(len(made))]
    return EventsAppended(
        tuple(
            stored(LAST + 1 + place, at, replace(event, ts=at, id=f"made-{place}"))
            for place, (at, event) in enumerate(zip(moments, made, strict=True))
        )
    )


@BOTH
@pytest.mark.parametrize("keys", [(), ("2",)], ids=["overview", "events"])
def test_acts(snap_compare: Any, size: tuple[int, int], keys: tuple[str, ...]) -> None:
    """A text that would be cut runs on into the empty cells beside it; all else stays in its column."""
    assert snap_compare(fake_console(first_batch(), (acts(),)), terminal_size=size, run_before=after(*keys))
