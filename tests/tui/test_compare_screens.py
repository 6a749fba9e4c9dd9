"""Two jobs beside each other as pictures."""

from __future__ import annotations

from typing import Any

import pytest

from tests.tui.conftest import after, fake_console

BOTH = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
LATEST_FAILURE = ("7", "slash", *"failed", "enter")


@BOTH
def test_compare(snap_compare: Any, size: tuple[int, int]) -> None:
    """A failed job and the last that went well: side by side, or one above the other where that would cut them."""
    assert snap_compare(fake_console(), terminal_size=size, run_before=after(*LATEST_FAILURE, "equals_sign"))


@BOTH
def test_compare_outcomes(snap_compare: Any, size: tuple[int, int]) -> None:
    """Its end: the error of the one, the result of the other."""
    keys = (*LATEST_FAILURE, "equals_sign", "G")
    assert snap_compare(fake_console(), terminal_size=size, run_before=after(*keys))


def test_compare_in_ascii(snap_compare: Any) -> None:
    """Without glyphs of its own."""
    console = fake_console(ascii_only=True)
    assert snap_compare(console, terminal_size=(120, 40), run_before=after(*LATEST_FAILURE, "equals_sign"))
