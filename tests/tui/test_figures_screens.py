"""The screen of figures as pictures. Look at them with the words of each test in mind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from naq.errors import NaqConnectionError
from naq_tui.app import NaqConsole
from naq_tui.feed.fake import FakeFeed
from naq_tui.screens import figures_reading
from naq_tui.screens.moment import MomentScreen
from tests.tui.conftest import NOTHING, after, fake_console, settle, shown

BOTH = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)], ids=["80x24", "120x40", "200x60"])


def figures(*keys: str, theme: str = "", at: str = "", is_there: Callable[[NaqConsole], object] | None = None) -> Any:
    """For `run_before`: go to an instant, open the figures, wait until they are read, press the keys."""

    async def run(pilot: Pilot[Any]) -> None:
        app = pilot.app
        assert isinstance(app, NaqConsole)
        await settle(pilot)
        if theme:
            app.theme = theme
        if at:
            await pilot.press("t")
            await shown(pilot, MomentScreen)
            await pilot.press(*at, "enter")
        await pilot.press("0")
        async with asyncio.timeout(20):
            while not (is_there or is_read)(app) or (at and not app.is_past):
                await pilot.pause(0.02)
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
        await pilot.pause()

    return run


def is_read(console: NaqConsole) -> bool:
    told = console.state.figures
    return told is not None and told.progress is None


@SIZES
def test_figures(snap_compare: Any, size: tuple[int, int]) -> None:
    """What takes the most time on top; what is chosen stands out; whole columns only, the p95 kept longest."""
    assert snap_compare(fake_console(), terminal_size=size, run_before=figures())


@SIZES
def test_a_report(snap_compare: Any, size: tuple[int, int]) -> None:
    """Counts, times, the course of the window and the last failures of one function."""
    assert snap_compare(fake_console(), terminal_size=size, run_before=figures("enter"))


@pytest.mark.parametrize("steps", [1, 2], ids=["queue", "worker"])
def test_by_others(snap_compare: Any, steps: int) -> None:
    assert snap_compare(fake_console(), terminal_size=(80, 24), run_before=figures(*["right"] * steps))


def test_in_light(snap_compare: Any) -> None:
    assert snap_compare(fake_console(), terminal_size=(80, 24), run_before=figures(theme="naq-light"))


def test_without_colour(snap_compare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is chosen is told without colours, too."""
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(fake_console(), terminal_size=(80, 24), run_before=figures())


@BOTH
def test_reading(snap_compare: Any, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]) -> None:
    """How much has been read; what is known so far stands there already."""
    monkeypatch.setattr(figures_reading, "TOLD_EVERY", 1)
    console = fake_console()
    assert isinstance(console.feed, FakeFeed)
    console.feed.counting_stalls_at = 180_000
    has_some = figures(is_there=lambda app: app.state.figures is not None and app.state.figures.rows)
    assert snap_compare(console, terminal_size=size, run_before=has_some)


def test_nothing(snap_compare: Any) -> None:
    assert snap_compare(fake_console(NOTHING), terminal_size=(80, 24), run_before=figures())


def test_unreadable(snap_compare: Any) -> None:
    console = fake_console()
    assert isinstance(console.feed, FakeFeed)
    console.feed.counting_fails = NaqConnectionError("the server did not answer within 5 s")
    has_failed = figures(is_there=lambda app: app.state.figures is not None and app.state.figures.problem)
    assert snap_compare(console, terminal_size=(80, 24), run_before=has_failed)


@BOTH
def test_of_an_instant(snap_compare: Any, size: tuple[int, int]) -> None:
    """The window before that instant."""
    assert snap_compare(fake_console(), terminal_size=size, run_before=figures(at="#184100"))


def test_help(snap_compare: Any) -> None:
    """The keys of this screen."""
    assert snap_compare(fake_console(), terminal_size=(120, 40), run_before=after("0", "question_mark"))
