"""The console as it was, as pictures. Look at them with the words of each test in mind."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from textual.pilot import Pilot

from naq.models.event import JobEvent, JobEventType, StoredEvent
from naq_tui.app import NaqConsole
from naq_tui.feed import replay
from naq_tui.feed.fake import FakeFeed, first_batch
from naq_tui.feed.sample import FIRST_SEQ, T0, stored
from naq_tui.screens.moment import MomentScreen
from tests.tui.conftest import after, fake_console, settle, shown

BOTH = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
THEN = FIRST_SEQ + 338
"""Just after a worker was lost."""
LONG_AGO = 1_000


@pytest.fixture(autouse=True)
def _short_horizon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "HORIZON", 600)
    monkeypatch.setattr(replay, "PAGE", 100)


def early() -> tuple[StoredEvent, ...]:
    """How the workers and schedules of the sample came about, from the time before it."""
    made: list[JobEvent] = []

    def tell(kind: JobEventType, **fields: Any) -> None:
        made.append(JobEvent.of(kind, id=f"early-{len(made)}", ts=T0 - timedelta(hours=5), **fields))

    for number, host, queues in ((4, "web-1", ["default", "mail"]), (5, "batch-1", ["images", "reports"])):
        details = {"host": host, "pid": 4100 + number, "queues": queues, "concurrency": 10}
        tell(JobEventType.WORKER_STARTED, worker_id=f"w-{number}", code_version="0.1.0", details=details)
    details = {"host": "batch-2", "pid": 4107, "queues": ["reports"], "concurrency": 10}
    tell(JobEventType.WORKER_STARTED, worker_id="w-7", code_version="0.1.0", details=details)
    scheduler = {"kind": "scheduler", "host": "web-1", "pid": 4130}
    tell(JobEventType.WORKER_STARTED, worker_id="s-1", code_version="0.1.0", details=scheduler)
    tell(JobEventType.LEADER_ELECTED, worker_id="s-1")
    due = (T0 - timedelta(seconds=12)).isoformat()
    for name, function, spec in (
        ("minutely", "shop.tasks:poll", {"cron": "* * * * *", "next_run_at": due}),
        ("digest", "shop.tasks:digest", {"interval_s": 900}),
    ):
        about = {"schedule_id": name, "queue": "default", "function": function}
        tell(JobEventType.SCHEDULED, to_status="ACTIVE", details=spec, **about)
    tell(JobEventType.SCHEDULE_PAUSED, to_status="PAUSED", **about)
    tell(JobEventType.QUEUE_PAUSED, queue="images", reason="deploy")
    return tuple(stored(LONG_AGO + place, event.ts, event) for place, event in enumerate(made))


def as_it_was(*keys: str, seq: int = THEN, stalls: bool = False) -> Any:
    """For `run_before`: press the keys, then go to an instant."""

    async def run(pilot: Pilot[Any]) -> None:
        app = pilot.app
        assert isinstance(app, NaqConsole)
        feed = app.feed
        assert isinstance(feed, FakeFeed)
        await settle(pilot)
        feed.events.update({event.seq: event for event in early()})
        if stalls:
            read, gate = feed.read_events, asyncio.Event()

            async def read_one_page(first_seq: int, count: int) -> tuple[StoredEvent, ...]:
                if first_seq > FIRST_SEQ - 100:
                    await gate.wait()
                return await read(first_seq, count)

            feed.read_events = read_one_page  # type: ignore[method-assign]
        await pilot.press(*keys, "at")
        await shown(pilot, MomentScreen)
        await pilot.press("ctrl+u", *f"#{seq}", "enter")
        async with asyncio.timeout(20):
            while not (app.reading if stalls else app.is_past and app.reading is None):
                await pilot.pause(0.02)
        await pilot.pause()

    return run


def console(**options: Any) -> NaqConsole:
    return fake_console(first_batch(), **options)


@BOTH
def test_overview(snap_compare: Any, size: tuple[int, int]) -> None:
    """Which instant, how long ago, from where on jobs are known; the worst thing then; no key that acts."""
    assert snap_compare(console(), terminal_size=size, run_before=as_it_was("1"))


@BOTH
def test_jobs(snap_compare: Any, size: tuple[int, int]) -> None:
    assert snap_compare(console(), terminal_size=size, run_before=as_it_was("3"))


@BOTH
def test_workers(snap_compare: Any, size: tuple[int, int]) -> None:
    """The lost one first, with what it ran; heartbeats and load are not in the log."""
    assert snap_compare(console(), terminal_size=size, run_before=as_it_was("5"))


@BOTH
@pytest.mark.parametrize("key", ["2", "4", "6", "7", "8", "9"])
def test_other_screens(snap_compare: Any, key: str, size: tuple[int, int]) -> None:
    """Queues counted, schedules with their next run; values as far as they are kept; processes are not in the log."""
    assert snap_compare(console(), terminal_size=size, run_before=as_it_was(key))


def test_reading(snap_compare: Any) -> None:
    """How much of the log is read, and the key that gives up; what is shown is still now, with its keys."""
    assert snap_compare(console(), terminal_size=(80, 24), run_before=as_it_was("5", stalls=True))


def test_typing(snap_compare: Any) -> None:
    """The question says that it is about all of the console, and what can be typed."""
    assert snap_compare(fake_console(), terminal_size=(80, 24), run_before=after("3", "t"))


def test_in_light(snap_compare: Any) -> None:
    assert snap_compare(console(), terminal_size=(80, 24), run_before=themed("naq-light"))


def test_without_colour(snap_compare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line tells it by words and a glyph, too."""
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(console(), terminal_size=(80, 24), run_before=as_it_was("5"))


def themed(theme: str) -> Any:
    async def run(pilot: Pilot[Any]) -> None:
        pilot.app.theme = theme
        await as_it_was("5")(pilot)

    return run


def test_a_report(snap_compare: Any) -> None:
    """The same line above a report."""

    async def run(pilot: Pilot[Any]) -> None:
        await as_it_was("5")(pilot)
        await pilot.press("g", "enter")
        await pilot.pause()
        await pilot.pause()

    assert snap_compare(console(), terminal_size=(80, 24), run_before=run)
