"""The whole bucket of results as pictures: the oldest, a page that is read, a filter, and what goes wrong."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot

from naq.errors import NaqConnectionError
from naq_tui.app import NaqConsole
from naq_tui.feed.fake import FakeFeed
from tests.tui.conftest import NOTHING, after, fake_console, settle

BOTH = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
FILTER = ("7", "slash", *"status:failed", "enter")


def reading(*keys: str, fails: bool = False) -> Any:
    """For `run_before`: the keys, while reading waits or fails."""

    async def run(pilot: Pilot[Any]) -> None:
        await settle(pilot)
        app = pilot.app
        assert isinstance(app, NaqConsole)
        assert isinstance(app.feed, FakeFeed)
        app.feed.results_stall = not fails
        if fails:
            app.feed.results_fail = NaqConnectionError("no answer from local to a read of KV_naq_results")
        await after(*keys)(pilot)

    return run


@BOTH
def test_read_on(snap_compare: Any, size: tuple[int, int]) -> None:
    """Further down than what is followed: how many of them are held is told."""
    keys = ("7", *["pagedown"] * 11)
    assert snap_compare(fake_console(), terminal_size=size, run_before=after(*keys))


@BOTH
def test_the_oldest(snap_compare: Any, size: tuple[int, int]) -> None:
    assert snap_compare(fake_console(), terminal_size=size, run_before=after("7", "G"))


@BOTH
def test_reading(snap_compare: Any, size: tuple[int, int]) -> None:
    assert snap_compare(fake_console(), terminal_size=size, run_before=reading("7", *["pagedown"] * 9))


@BOTH
def test_not_read(snap_compare: Any, size: tuple[int, int]) -> None:
    """What is held stays; why there is no more, and the key that tries again."""
    run = reading("7", *["pagedown"] * 9, fails=True)
    assert snap_compare(fake_console(), terminal_size=size, run_before=run)


@BOTH
def test_filter(snap_compare: Any, size: tuple[int, int]) -> None:
    """How many were looked at, and the keys that look at more."""
    assert snap_compare(fake_console(), terminal_size=size, run_before=after(*FILTER))


@BOTH
def test_searching(snap_compare: Any, size: tuple[int, int]) -> None:
    assert snap_compare(fake_console(), terminal_size=size, run_before=reading(*FILTER, "G"))


@BOTH
def test_searched(snap_compare: Any, size: tuple[int, int]) -> None:
    """All of the bucket was looked at: the footing and the number above say so."""

    async def run(pilot: Pilot[Any]) -> None:
        await after(*FILTER, "G")(pilot)
        app = pilot.app
        assert isinstance(app, NaqConsole)
        while not app.state.has_all_results:
            await pilot.pause(0.02)
        await pilot.pause()

    assert snap_compare(fake_console(), terminal_size=size, run_before=run)


@BOTH
def test_none(snap_compare: Any, size: tuple[int, int]) -> None:
    assert snap_compare(fake_console(NOTHING), terminal_size=size, run_before=after("7"))
