"""Themes, glyphs, times, columns and export as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from naq_tui.config import parse_config
from tests.tui.conftest import after, fake_console

BOTH = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])


@pytest.mark.parametrize("theme", ["naq-high-contrast", "naq-ansi"])
def test_theme(snap_compare: Any, theme: str) -> None:
    """Every tone readable, on black or on the terminal's own ground."""
    console = fake_console(config=parse_config(f'theme = "{theme}"', Path("config.toml")))
    assert snap_compare(console, terminal_size=(120, 40), run_before=after())


@BOTH
def test_ascii(snap_compare: Any, size: tuple[int, int]) -> None:
    """Frames, marks and dialogs of plain ASCII."""
    console = fake_console(ascii_only=True)
    assert snap_compare(console, terminal_size=size, run_before=after("5", "j", "j", "K") if size[0] == 80 else after())


def test_times_of_day(snap_compare: Any) -> None:
    """All columns tell times of day, in the zone of the clock."""
    config = parse_config('times = "absolute"\ntimezone = "Europe/Berlin"', Path("config.toml"))
    assert snap_compare(fake_console(config=config), terminal_size=(120, 40), run_before=after())


@BOTH
def test_columns(snap_compare: Any, size: tuple[int, int]) -> None:
    """Ticks; what says which row it is stays; the list behind follows."""
    assert snap_compare(fake_console(), terminal_size=size, run_before=after("5", "c", "j", "j", "space"))


@BOTH
def test_export(snap_compare: Any, size: tuple[int, int]) -> None:
    """What is written, and where to."""
    assert snap_compare(fake_console(), terminal_size=size, run_before=after("5", "x"))


def test_export_mistake(snap_compare: Any) -> None:
    """A name that says no format is refused under its field."""
    keys = ("5", "x", "ctrl+u", *"workers.xls", "enter")
    assert snap_compare(fake_console(), terminal_size=(80, 24), run_before=after(*keys))
