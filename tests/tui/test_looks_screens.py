"""The looks that every screen has besides its own: wide, narrow, light, without colour, empty, stale, without a server.

One run of the console makes several pictures, so that all of them take little time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from syrupy.assertion import SnapshotAssertion

from naq_tui.app import NaqConsole
from naq_tui.feed.fake import FakeProcesses, first_batch
from naq_tui.feed.sample import T0, link
from tests.tui.conftest import NOTHING, RepoSVGExtension, fake_console, settle

Show = Callable[[NaqConsole, tuple[int, int], dict[str, tuple[str, ...]]], Awaitable[None]]

SMALL, MEDIUM, WIDE, NARROW = (80, 24), (120, 40), (200, 60), (60, 20)
LISTS = {
    "events": ("2",),
    "jobs": ("3",),
    "queues": ("4",),
    "workers": ("5",),
    "schedules": ("6",),
    "results": ("7",),
    "processes": ("8",),
    "errors": ("9",),
}
NEWER = {
    "events": ("2", "k", "k", "k"),
    "jobs": ("3", "space", "j"),
    "errors": ("9",),
    "job": ("3", "left", "enter"),
    "event": ("escape", "2", "enter"),
    "filter": ("escape", "7", "slash", *"status:failed"),
    "retry": ("enter", "R"),
    "launch": ("escape", "escape", "w"),
    "edit": ("escape", "6", "j", "j", "E"),
    "output": ("escape", "8", "j", "enter"),
    "palette": ("escape", "5", "colon"),
    "help": ("escape", "question_mark"),
}
"""Each goes on where the one before it ended."""


@pytest.fixture
def show(snapshot: SnapshotAssertion) -> Show:
    """Run a console and compare a picture after each step, named and made of keys; every difference is told."""
    pictures = snapshot.use_extension(RepoSVGExtension)

    async def run(console: NaqConsole, size: tuple[int, int], steps: dict[str, tuple[str, ...]]) -> None:
        different = []
        async with console.run_test(size=size) as pilot:
            await settle(pilot)
            for name, keys in steps.items():
                for key in keys:
                    await pilot.press(key)
                    await pilot.pause()
                await pilot.wait_for_scheduled_animations()
                await pilot.pause()
                if console.export_screenshot(simplify=True) != pictures(name=name):
                    different.append(name)
        assert different == [], "these pictures are others now: pytest --snapshot-update, and look at them"

    return run


async def test_wide(show: Show) -> None:
    """All columns, and what grows is what has something to say; the eye need not travel between them."""
    await show(fake_console(), WIDE, {"overview": (), **LISTS})


async def test_wide_reports(show: Show) -> None:
    """Reports keep to a width that can be read."""
    steps = {
        "job": ("3", "left", "enter"),
        "worker": ("escape", "5", "enter"),
        "help": ("escape", "question_mark"),
    }
    await show(fake_console(), WIDE, steps)


async def test_narrow(show: Show) -> None:
    """At 60 x 20 columns have gone, never half of one."""
    await show(fake_console(), NARROW, LISTS)


async def test_light(show: Show) -> None:
    """The light theme has its own grounds and tones everywhere."""
    console = fake_console()
    console.theme = "naq-light"
    await show(console, MEDIUM, NEWER)


async def test_no_color(show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    """Glyphs, words and reverse say all that colour says."""
    monkeypatch.setenv("NO_COLOR", "1")
    await show(fake_console(), MEDIUM, NEWER)


async def test_light_and_without_colour_at_80x24(show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lists that are looked at most, as they are in the smallest usual terminal."""
    console = fake_console()
    console.theme = "naq-light"
    lists = {name: LISTS[name] for name in ("events", "jobs", "queues", "workers")}
    await show(console, SMALL, {f"light-{name}": pressed for name, pressed in lists.items()})
    monkeypatch.setenv("NO_COLOR", "1")
    await show(fake_console(), SMALL, {f"no-color-{name}": pressed for name, pressed in lists.items()})


async def test_empty(show: Show) -> None:
    """Each list says why it is empty and what fills it."""
    await show(fake_console(NOTHING, processes=FakeProcesses()), SMALL, LISTS)


async def test_loading(show: Show) -> None:
    """Connected, nothing read yet."""
    await show(fake_console((link(),), processes=FakeProcesses()), SMALL, {"overview": (), **LISTS})


async def test_without_a_server(show: Show) -> None:
    """Nothing was ever read: each list says so, the alarm what to do."""
    failed = link(state="failed", message="the server refused the credentials: check --creds", rtt_ms=None)
    steps = {"overview": (), "events": ("2",), "jobs": ("3",), "errors": ("9",)}
    await show(fake_console((failed,), processes=FakeProcesses()), SMALL, steps)


async def test_stale(show: Show) -> None:
    """The last data stays, its ages stand still, and the alarm says since when."""
    console = fake_console(first_batch(), (link(state="lost", rtt_ms=None, message="connection refused"),))
    console.clock.moment = T0.replace(second=33)
    steps = {"events": ("2",), "jobs": ("3",), "workers": ("5",), "job": ("3", "left", "enter")}
    await show(console, SMALL, steps)


@pytest.mark.parametrize("size", [SMALL, MEDIUM], ids=["80x24", "120x40"])
async def test_asking(show: Show, size: tuple[int, int]) -> None:
    """Questions and forms of queues, schedules and workers: the safe answer has the focus, a reason can be given."""
    steps = {
        "pause": ("4", "P"),
        "purge": ("escape", "D"),
        "fire": ("escape", "6", "T"),
        "edit": ("escape", "j", "j", "E"),
        "mistake": ("ctrl+u", *"0 25 * * *"),
        "forget": ("escape", "5", "D", "up", *"host is gone"),
    }
    await show(fake_console(), size, steps)
