"""Pictures of values in reports: each kind in its tone, a node folded, a payload that goes on for long."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot

from naq_tui.config import Config
from tests.tui.conftest import settle
from tests.tui.test_values import INVOICE, console_with

BOTH = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
DEEP: Any = {"leaf": "at the bottom, which is far below, and said in many words", "more": [1, 2.5, None, True]}
for _level in range(30):
    DEEP = {"level": DEEP}


def after(*keys: str) -> Any:
    async def run(pilot: Pilot[None]) -> None:
        await settle(pilot)
        await pilot.press("7", "g", "enter")
        await pilot.pause()
        await pilot.press(*keys)
        await pilot.pause()

    return run


@BOTH
def test_value(snap_compare: Any, size: tuple[int, int]) -> None:
    """The cursor on a list; secrets hidden."""
    assert snap_compare(console_with(INVOICE), terminal_size=size, run_before=after("pagedown", "j"))


@BOTH
def test_folded(snap_compare: Any, size: tuple[int, int]) -> None:
    assert snap_compare(console_with(INVOICE), terminal_size=size, run_before=after("pagedown", "j", "space", "k"))


@BOTH
def test_deep(snap_compare: Any, size: tuple[int, int]) -> None:
    """Below the last indent that there is room for the level is told by number."""
    assert snap_compare(console_with(DEEP), terminal_size=size, run_before=after("G"))


@pytest.mark.parametrize("theme", ["naq-light", "naq-high-contrast", "naq-ansi"])
def test_value_in_other_themes(snap_compare: Any, theme: str) -> None:
    console = console_with(INVOICE, config=Config(theme=theme))
    assert snap_compare(console, terminal_size=(80, 24), run_before=after("pagedown", "j"))


def test_value_without_colours(snap_compare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(console_with(INVOICE), terminal_size=(80, 24), run_before=after("pagedown", "j"))
