"""The looks that every screen has besides its own: wide, narrow, light, without colour, empty, stale, without a server.

One run of the console makes several pictures, so that all of them take little time.
"""

from __future__ import annotations

import pytest

from naq_tui.feed.fake import FakeProcesses, first_batch
from naq_tui.feed.sample import T0, link
from tests.tui.conftest import LOOKS, NOTHING, Show, Step, fake_console, in_look

SMALL, MEDIUM, WIDE, NARROW = (80, 24), (120, 40), (200, 60), (60, 20)
BOTH = pytest.mark.parametrize("size", [SMALL, MEDIUM], ids=["80x24", "120x40"])
LISTS = {
    "events": ("2",),
    "jobs": ("3",),
    "queues": ("4",),
    "workers": ("5",),
    "schedules": ("6",),
    "results": ("7",),
    "processes": ("8",),
    "errors": ("9",),
    "figures": ("0",),
}
NEWER: dict[str, Step] = {
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
FORMS: dict[str, Step] = {
    **{name: LISTS[name] for name in ("queues", "workers", "schedules", "results", "processes", "figures")},
    "one-figure": ("enter",),
    "add-job": ("escape", "3", "A"),
    "add-schedule": ("escape", "6", "A"),
    "confirm": ("escape", "4", "P"),
    "columns": ("escape", "c"),
    "views": ("escape", "b"),
    "export": ("escape", "x"),
    "contexts": ("escape", "ctrl+o"),
    "moment": ("escape", "t"),
    "queue": ("escape", "enter"),
    "worker": ("escape", "5", "enter"),
    "copy": ("y",),
    "schedule": ("escape", "escape", "6", "enter"),
    "process": ("escape", "8", "j", "i"),
    "error": ("escape", "9", "enter"),
    "clone": ("escape", "7", "C"),
    "compare": ("escape", "slash", *"failed", "enter", "equals_sign"),
    "leave": ("escape", "q"),
}
"""The rest of the lists, the reports, the forms and the questions."""


async def test_wide(show: Show) -> None:
    """All columns, and what grows is what has something to say; the eye need not travel between them."""
    await show(fake_console(), WIDE, {"overview": (), **LISTS})


async def test_wide_reports(show: Show) -> None:
    """Reports keep to a width that can be read."""
    steps = {
        "job": ("3", "left", "enter"),
        "worker": ("escape", "5", "enter"),
        "help": ("escape", "question_mark"),
        "compare": ("escape", "7", "slash", *"failed", "enter", "equals_sign"),
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


@LOOKS
async def test_forms(show: Show, monkeypatch: pytest.MonkeyPatch, look: str) -> None:
    """Every form and every question: grounds that can be told apart, and all that is said without colour."""
    await show(in_look(look, monkeypatch), MEDIUM, FORMS)


async def test_light_and_without_colour_at_80x24(show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lists that are looked at most, as they are in the smallest usual terminal."""
    console = fake_console()
    console.theme = "naq-light"
    lists = {name: LISTS[name] for name in ("events", "jobs", "queues", "workers")}
    await show(console, SMALL, {f"light-{name}": pressed for name, pressed in lists.items()})
    monkeypatch.setenv("NO_COLOR", "1")
    await show(fake_console(), SMALL, {f"no-color-{name}": pressed for name, pressed in lists.items()})


@BOTH
async def test_empty(show: Show, size: tuple[int, int]) -> None:
    """Each list says why it is empty and what fills it."""
    await show(fake_console(NOTHING, processes=FakeProcesses()), size, LISTS)


@BOTH
async def test_loading(show: Show, size: tuple[int, int]) -> None:
    """Connected, nothing read yet. (The figures: test_figures_screens.)"""
    lists = {name: pressed for name, pressed in LISTS.items() if name != "figures"}
    await show(fake_console((link(),), processes=FakeProcesses()), size, {"overview": (), **lists})


@BOTH
async def test_without_a_server(show: Show, size: tuple[int, int]) -> None:
    """Nothing was ever read: each list says so, the alarm what to do."""
    failed = link(state="failed", message="the server refused the credentials: check --creds", rtt_ms=None)
    await show(fake_console((failed,), processes=FakeProcesses()), size, {"overview": (), **LISTS})


@BOTH
async def test_stale(show: Show, size: tuple[int, int]) -> None:
    """The last data stays, its ages stand still, and the alarm says since when."""
    console = fake_console(first_batch(), (link(state="lost", rtt_ms=None, message="connection refused"),))
    console.clock.moment = T0.replace(second=33)
    await show(console, size, {"overview": (), **LISTS, "job": ("3", "left", "enter")})


@BOTH
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
