"""Every screen as a picture, from the same made-up system. Look at them with the words of each test in mind."""

from __future__ import annotations

from typing import Any

import pytest

from naq_tui.feed.fake import FakeProcesses, first_batch
from naq_tui.feed.sample import T0, link, process
from naq_tui.launcher import ProcessStatus
from naq_tui.store.updates import Malformed
from tests.tui.conftest import NOTHING, after, fake_console

SMALL, MEDIUM, LARGE = (80, 24), (120, 40), (200, 50)
BOTH = pytest.mark.parametrize("size", [SMALL, MEDIUM], ids=["80x24", "120x40"])


@pytest.mark.parametrize("size", [SMALL, MEDIUM, LARGE], ids=["80x24", "120x40", "200x50"])
def test_overview(snap_compare: Any, size: tuple[int, int]) -> None:
    """All panes together (at 80x24 the log and a line for each other pane); one dead worker is told on top."""
    assert snap_compare(fake_console(), terminal_size=size, run_before=after())


@BOTH
@pytest.mark.parametrize(
    ("name", "key"),
    [("events", "2"), ("queues", "4"), ("workers", "5"), ("schedules", "6"), ("results", "7"), ("processes", "8")],
    ids=["events", "queues", "workers", "schedules", "results", "processes"],
)
def test_screen(snap_compare: Any, size: tuple[int, int], name: str, key: str) -> None:
    """One pane over the whole screen, with a cursor, its own keys in the footer and no half column."""
    assert snap_compare(fake_console(), terminal_size=size, run_before=after(key))


@pytest.mark.parametrize("size", [(60, 20), (40, 10), (30, 8)], ids=["60x20", "40x10", "30x8"])
def test_small(snap_compare: Any, size: tuple[int, int]) -> None:
    """Plainer and plainer, nothing broken; below 40x10 only a sentence."""
    assert snap_compare(fake_console(), terminal_size=size, run_before=after())


def test_low_and_wide(snap_compare: Any) -> None:
    """Too low for all panes: the compact form, over the full width."""
    assert snap_compare(fake_console(), terminal_size=(140, 24), run_before=after())


@BOTH
def test_light(snap_compare: Any, size: tuple[int, int]) -> None:
    """The light theme: every tone readable, red only on what is dead or failed."""
    console = fake_console()
    console.theme = "naq-light"
    assert snap_compare(console, terminal_size=size, run_before=after())


def test_theme_of_others(snap_compare: Any) -> None:
    """A theme that knows nothing of ours still has all tones."""
    console = fake_console()
    console.theme = "gruvbox"
    assert snap_compare(console, terminal_size=MEDIUM, run_before=after("5"))


@BOTH
def test_no_color(snap_compare: Any, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]) -> None:
    """Without colour glyphs and words say everything, and the cursor can be seen."""
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(fake_console(), terminal_size=size, run_before=after())


def test_ascii(snap_compare: Any) -> None:
    """Status glyphs and sparklines of plain ASCII."""
    assert snap_compare(fake_console(ascii_only=True), terminal_size=MEDIUM, run_before=after())


@BOTH
def test_empty(snap_compare: Any, size: tuple[int, int]) -> None:
    """A new system: every pane says why it is empty and what fills it; no red anywhere."""
    assert snap_compare(fake_console(NOTHING, processes=FakeProcesses()), terminal_size=size, run_before=after())


def test_connecting(snap_compare: Any) -> None:
    """Before the first answer of the server."""
    connecting = link(state="connecting", server_version="", rtt_ms=None)
    console = fake_console((connecting,), processes=FakeProcesses())
    assert snap_compare(console, terminal_size=MEDIUM, run_before=after())


@BOTH
def test_lost(snap_compare: Any, size: tuple[int, int]) -> None:
    """The connection is gone: the last data stays, marked stale on top, and the alarm says since when."""
    console = fake_console(first_batch(), (link(state="lost", rtt_ms=None, message="connection refused"),))
    console.clock.moment = T0.replace(second=33)
    assert snap_compare(console, terminal_size=size, run_before=after())


def test_failed(snap_compare: Any) -> None:
    """It can't connect at all, and says what to do."""
    message = "the server refused the credentials: check --creds"
    console = fake_console((link(state="failed", message=message, rtt_ms=None),), processes=FakeProcesses())
    assert snap_compare(console, terminal_size=MEDIUM, run_before=after())


def test_malformed(snap_compare: Any) -> None:
    """A record that can't be read is told, when nothing worse is."""
    broken = Malformed("workers", "w-13", b"{broken", "not JSON")
    console = fake_console((*NOTHING, broken), processes=FakeProcesses())
    assert snap_compare(console, terminal_size=MEDIUM, run_before=after())


def test_crash_loop(snap_compare: Any) -> None:
    """A process that crashes again and again is told by glyph, words and alarm."""
    views = FakeProcesses(
        process(
            "worker-1",
            "worker",
            4121,
            "ModuleNotFoundError: No module named 'shop'",
            status=ProcessStatus.EXITED,
            status_text="exited 1",
            exit_code=1,
            failed=True,
            crash_looping=True,
            uptime=1.2,
        )
    )
    assert snap_compare(fake_console(NOTHING, processes=views), terminal_size=MEDIUM, run_before=after("8"))


@BOTH
@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("event", ("2", "k", "k", "k", "enter")),
        ("worker", ("5", "enter")),
        ("queue", ("4", "enter")),
        ("schedule", ("6", "j", "j", "enter")),
        ("result", ("7", "j", "j", "enter")),
        ("process", ("8", "j", "enter")),
    ],
    ids=["event", "worker", "queue", "schedule", "result", "process"],
)
def test_detail(snap_compare: Any, size: tuple[int, int], kind: str, keys: tuple[str, ...]) -> None:
    """A report: what, state, when and how long, where, then the rest; labels in one column."""
    assert snap_compare(fake_console(), terminal_size=size, run_before=after(*keys))


@BOTH
def test_help(snap_compare: Any, size: tuple[int, int]) -> None:
    """All keys by group; what doesn't work here is muted and says where it does."""
    assert snap_compare(fake_console(), terminal_size=size, run_before=after("5", "question_mark"))


@BOTH
def test_palette(snap_compare: Any, size: tuple[int, int]) -> None:
    """The commands of this place, each with its key."""
    assert snap_compare(fake_console(), terminal_size=size, run_before=after("6", "colon"))


@BOTH
def test_launch_worker(snap_compare: Any, size: tuple[int, int]) -> None:
    """A short form with the usual choice and the command that it makes."""
    assert snap_compare(fake_console(), terminal_size=size, run_before=after("w"))


def test_launch_scheduler(snap_compare: Any) -> None:
    assert snap_compare(fake_console(), terminal_size=SMALL, run_before=after("s"))


def test_launch_mistake(snap_compare: Any) -> None:
    """The mistake is named under its field as it is typed."""
    keys = ("w", "tab", "tab", "x", "tab", "tab", "m", "asterisk")
    assert snap_compare(fake_console(), terminal_size=SMALL, run_before=after(*keys))


@BOTH
def test_quit(snap_compare: Any, size: tuple[int, int]) -> None:
    """The question about running children; staying has the focus."""
    assert snap_compare(fake_console(), terminal_size=size, run_before=after("q"))


@BOTH
def test_confirm(snap_compare: Any, size: tuple[int, int]) -> None:
    """What will happen, on what; "no" has the focus."""
    assert snap_compare(fake_console(), terminal_size=size, run_before=after("8", "j", "X"))


@BOTH
def test_filter(snap_compare: Any, size: tuple[int, int]) -> None:
    """While a filter is typed; the frame shows it, and only rows with it are left. (The log's: test_log_screens.)"""
    assert snap_compare(fake_console(), terminal_size=size, run_before=after("7", "slash", *"failed"))


def test_filter_without_match(snap_compare: Any) -> None:
    assert snap_compare(fake_console(), terminal_size=SMALL, run_before=after("5", "slash", *"zzz", "enter"))


def test_scrolled_back(snap_compare: Any) -> None:
    """Not following: the frame says so, and the bar shows where in the log this is."""
    assert snap_compare(fake_console(), terminal_size=MEDIUM, run_before=after("2", "g"))


def test_sorted(snap_compare: Any) -> None:
    """Sorted by a column, which its head shows."""
    assert snap_compare(fake_console(), terminal_size=MEDIUM, run_before=after("7", "o", "o", "o"))
