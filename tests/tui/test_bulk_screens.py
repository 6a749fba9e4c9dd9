"""An action on many as pictures: the question, its course, paused, stopped, and done but not to all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from naq.errors import ConflictError, NaqConnectionError
from naq_tui.acting.bulk import AT_ONCE
from naq_tui.app import NaqConsole
from naq_tui.feed.fake import FakeCommands
from naq_tui.screens.bulk import BulkScreen
from naq_tui.views.course import HEIGHT, Course, bar, lines
from tests.tui.conftest import NOTHING, after, fake_console, settle, shown, text_on
from tests.tui.test_operating import many_queues, many_schedules, many_workers

SMALL, MEDIUM = (80, 24), (120, 40)
BOTH = pytest.mark.parametrize("size", [SMALL, MEDIUM], ids=["80x24", "120x40"])
HELD_AT = 14
REFUSED = (3, 7, 11)
REASONS = (
    "job 02aa7c was retried by ann within the last minute: look again",
    "job 51f09b has no record: it is unknown, has not ended yet, or has expired",
    "job 6cc001 was not put back into queue 'reports': the stream is full (maximum bytes exceeded)",
)


class HeldCommands(FakeCommands):
    """Does so many, refuses three of them, and holds the rest until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = 0
        self.held = asyncio.Event()
        self.let_go = asyncio.Event()

    async def retry_job(self, job_id: str, *, reason: str | None = None, action_id: str | None = None) -> None:
        self.begun += 1
        number = self.begun
        if number > HELD_AT:
            self.held.set()
            await self.let_go.wait()
        if number in REFUSED:
            raise ConflictError(REASONS[REFUSED.index(number)])
        await super().retry_job(job_id, reason=reason, action_id=action_id)


def held(*keys: str, let_go: bool = False) -> Callable[[Pilot[Any]], Awaitable[None]]:
    """For `run_before`: retry all 40 jobs of an error, press `keys` once 14 are past, then let the rest go."""

    async def run(pilot: Pilot[Any]) -> None:
        await settle(pilot)
        await pilot.press("9", "down", "R")
        await shown(pilot, BulkScreen)
        await pilot.press(*"40", "enter", "y")
        app = pilot.app
        assert isinstance(app, NaqConsole)
        assert isinstance(app.commands, HeldCommands)
        async with asyncio.timeout(10):
            await app.commands.held.wait()
        await pilot.pause()
        await pilot.press(*keys)
        if let_go:
            app.commands.let_go.set()
            async with asyncio.timeout(10):
                while not getattr(app.screen, "_is_over", True):
                    await pilot.pause(0.02)
        await pilot.pause()

    return run


@BOTH
def test_under_way(snap_compare: Any, size: tuple[int, int]) -> None:
    """Done and refused in the bar, each with its number, and why the first one was refused."""
    assert snap_compare(fake_console(commands=HeldCommands()), terminal_size=size, run_before=held())


@BOTH
def test_paused(snap_compare: Any, size: tuple[int, int]) -> None:
    assert snap_compare(fake_console(commands=HeldCommands()), terminal_size=size, run_before=held("p"))


def test_stopping(snap_compare: Any) -> None:
    """What is under way comes to its end first."""
    assert snap_compare(fake_console(commands=HeldCommands()), terminal_size=SMALL, run_before=held("escape"))


@BOTH
def test_stopped(snap_compare: Any, size: tuple[int, int]) -> None:
    """What was not begun is counted; all reasons are told in full."""
    run = held("escape", let_go=True)
    assert snap_compare(fake_console(commands=HeldCommands()), terminal_size=size, run_before=run)


@BOTH
def test_done_but_not_to_all(snap_compare: Any, size: tuple[int, int]) -> None:
    run = held(let_go=True)
    assert snap_compare(fake_console(commands=HeldCommands()), terminal_size=size, run_before=run)


def test_done_but_not_to_all_ascii(snap_compare: Any) -> None:
    """The bar tells what was refused without colours and without blocks."""
    console = fake_console(commands=HeldCommands(), ascii_only=True)
    assert snap_compare(console, terminal_size=SMALL, run_before=held(let_go=True))


@BOTH
@pytest.mark.parametrize(
    ("keys", "update"),
    [(("6", "a", "P"), many_schedules), (("4", "a", "D"), many_queues), (("5", "a", "K"), many_workers)],
    ids=["schedules", "queues", "workers"],
)
def test_question(snap_compare: Any, size: tuple[int, int], keys: tuple[str, ...], update: Any) -> None:
    """Which, how many by queue and function, a few of them, and the number to be typed."""
    assert snap_compare(fake_console((*NOTHING, update())), terminal_size=size, run_before=after(*keys))


async def test_a_server_out_of_reach_stops_it() -> None:
    """No more are begun; they stay marked, and the form says why."""
    commands = HeldCommands()
    console = fake_console(commands=commands)
    async with console.run_test(size=MEDIUM) as pilot:
        await held()(pilot)
        commands.refuses[""] = NaqConnectionError("no answer from local")
        commands.let_go.set()
        async with asyncio.timeout(10):
            while not console.screen._is_over:  # type: ignore[attr-defined]
                await pilot.pause(0.02)
        screen = console.screen
        assert isinstance(screen, BulkScreen)
        assert screen._course.text.startswith("– stopped")
        assert "no answer from local" in text_on(pilot)
        assert commands.begun == HELD_AT + AT_ONCE, "those that were under way, and no more"


def test_a_bar_is_as_long_as_it_is_asked_to_be_and_shows_the_least_refusal() -> None:
    for done, refused in ((0, 0), (1, 0), (0, 1), (999, 1), (500, 250), (1_000, 0), (0, 1_000), (1, 999)):
        course = Course("running", 1_000, done, refused, "paused")
        parts = bar(course, 58)
        assert sum(len(text) for text, _ in parts) == 58
        full, other, rest = (len(text) for text, _ in parts)
        assert bool(rest) == (done + refused < 1_000)
        assert bool(other) == bool(refused and (done + refused) * 58 >= 1_000 * (1 + bool(done)))
        assert bool(full) or not (done and (done + refused) * 58 >= 1_000)


@pytest.mark.parametrize("state", ["running", "paused", "stopping", "stopped", "done", "refused"])
def test_no_line_moves_or_is_wider_than_its_room(state: str) -> None:
    for whole, done, refused in ((12, 0, 0), (12_000, 11_000, 900)):
        made = lines(Course(state, whole, done, refused, "asked to stop", "why " * 50), 58)
        assert len(made) == HEIGHT
        assert all(sum(len(text) for text, _ in line) <= 58 for line in made)
