"""The saved views of a list as pictures."""

from __future__ import annotations

from typing import Any

import pytest

from naq_tui.remembered import Remembered
from tests.tui.conftest import after, fake_console

BOTH = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
SAVED: dict[str, dict[str, Any]] = {
    "failed mail": {"filter": "queue:mail error:ConnectionReset"},
    "longest first": {"sort": "took", "reversed": True, "hidden": ["attempt", "queue"]},
    "one customer": {"filter": "arg.to:customer-042 !function:send_receipt"},
}


@BOTH
def test_views(snap_compare: Any, size: tuple[int, int]) -> None:
    """One line per view, what is shown now, and a name to save it under."""
    remembered = Remembered()
    remembered.save_views("jobs", SAVED)
    console = fake_console(remembered=remembered)
    assert snap_compare(console, terminal_size=size, run_before=after("3", "slash", *"tag:us", "enter", "b", "down"))


def test_no_views(snap_compare: Any) -> None:
    """None yet: the name has the focus."""
    assert snap_compare(fake_console(), terminal_size=(80, 24), run_before=after("7", "b"))
