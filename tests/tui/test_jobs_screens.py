"""Jobs and errors as pictures: lists, marks, reports, and the dialogs of what can be done to jobs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.tui.conftest import NOTHING, after, fake_console

SMALL, MEDIUM, LARGE = (80, 24), (120, 40), (200, 60)
BOTH = pytest.mark.parametrize("size", [SMALL, MEDIUM], ids=["80x24", "120x40"])
ALL = pytest.mark.parametrize("size", [SMALL, MEDIUM, LARGE], ids=["80x24", "120x40", "200x60"])


@ALL
def test_jobs(snap_compare: Any, size: tuple[int, int]) -> None:
    """All states in one list, the line of facets above; figures to the right, nothing cut in the middle."""
    assert snap_compare(fake_console(), terminal_size=size, run_before=after("3"))


@BOTH
def test_jobs_of_one_state(snap_compare: Any, size: tuple[int, int]) -> None:
    """Only those that failed, two of them marked."""
    assert snap_compare(fake_console(), terminal_size=size, run_before=after("3", "left", "space", "space"))


@BOTH
def test_errors(snap_compare: Any, size: tuple[int, int]) -> None:
    """One line per cause."""
    assert snap_compare(fake_console(), terminal_size=size, run_before=after("9"))


@BOTH
@pytest.mark.parametrize(("name", "key"), [("jobs", "3"), ("errors", "9")], ids=["jobs", "errors"])
def test_empty(snap_compare: Any, size: tuple[int, int], name: str, key: str) -> None:
    """Says what would fill it."""
    assert snap_compare(fake_console(NOTHING), terminal_size=size, run_before=after(key))


@BOTH
def test_job(snap_compare: Any, size: tuple[int, int]) -> None:
    """A job that failed after a retry: timeline to scale, own code first, every attempt."""
    assert snap_compare(fake_console(), terminal_size=size, run_before=after("3", "left", "enter"))


@BOTH
def test_error(snap_compare: Any, size: tuple[int, int]) -> None:
    """One cause: since when, where, its traceback and the jobs it hit."""
    assert snap_compare(fake_console(), terminal_size=size, run_before=after("9", "enter"))


@BOTH
def test_retry_of_one(snap_compare: Any, size: tuple[int, int]) -> None:
    """The question names the job; "no" has the focus."""
    assert snap_compare(fake_console(), terminal_size=size, run_before=after("3", "left", "R"))


@BOTH
def test_retry_of_many(snap_compare: Any, size: tuple[int, int]) -> None:
    """Counts by queue, function and error, a sample, and the number to be typed."""
    assert snap_compare(fake_console(), terminal_size=size, run_before=after("3", "left", "a", "R"))


@BOTH
def test_clone(snap_compare: Any, size: tuple[int, int]) -> None:
    """The arguments to edit."""
    assert snap_compare(fake_console(), terminal_size=size, run_before=after("7", "C"))
