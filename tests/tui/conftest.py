"""Screens that come out the same on every machine, and a console on a made-up system."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_textual_snapshot as snapshots
from syrupy.assertion import SnapshotAssertion
from textual.app import App
from textual.cache import LRUCache
from textual.css.stylesheet import Stylesheet
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input

from naq_tui import hints, keys
from naq_tui.app import NaqConsole, make_console
from naq_tui.feed.fake import FakeCommands, FakeFeed, FakeProcesses, FixedClock, first_batch
from naq_tui.feed.sample import T0, link
from naq_tui.screens.detail import DetailScreen
from naq_tui.store.updates import (
    EventsAppended,
    EventsRange,
    FailuresFound,
    JobsFound,
    QueuesSampled,
    ResultsChanged,
    SchedulesChanged,
    WorkersChanged,
)
from tests.tui.pictures import NO_COLOR, OTHER_LOOKS, SNAPSHOTS, note

Step = tuple[str, ...] | Callable[[], Screen[Any]]
"""Keys to press, or a screen to open over the panes."""
Show = Callable[[NaqConsole, tuple[int, int], Mapping[str, Step]], Awaitable[None]]
LOOKS = pytest.mark.parametrize("look", OTHER_LOOKS)
NOTHING = (
    link(),
    EventsRange(1, 0),
    EventsAppended(()),
    WorkersChanged(),
    QueuesSampled((), T0),
    ResultsChanged(total=0),
    SchedulesChanged(),
    JobsFound(()),
    FailuresFound(()),
)
"""A system in which nothing has happened."""


class RepoSVGExtension(snapshots.SVGImageExtension):
    """Keeps pictures under `snapshots/<test module>/` at the top of the repository."""

    @classmethod
    def dirname(cls, *, test_location: Any) -> str:
        return str(SNAPSHOTS / Path(test_location.filepath).stem)


@pytest.fixture(autouse=True, scope="session")
def _sheets_parsed_once() -> Iterator[None]:
    """A console parses some thirty style sheets: a seventh of what one costs, and there are thousands here."""
    parsed: dict[frozenset[tuple[str, str]], LRUCache[Any, Any]] = {}
    begin, set_variables = Stylesheet.__init__, Stylesheet.set_variables

    def share(sheet: Stylesheet) -> None:
        sheet._parse_cache = parsed.setdefault(frozenset(sheet._variables.items()), LRUCache(500))

    def begin_shared(sheet: Stylesheet, *, variables: dict[str, str] | None = None) -> None:
        begin(sheet, variables=variables)
        share(sheet)

    def set_shared(sheet: Stylesheet, variables: dict[str, str]) -> None:
        sheet._parse_cache = LRUCache(1)  # it is cleared
        set_variables(sheet, variables)
        share(sheet)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stylesheet, "__init__", begin_shared)
        patch.setattr(Stylesheet, "set_variables", set_shared)
        yield


@pytest.fixture(autouse=True)
def _stable_screens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "SVGImageExtension", RepoSVGExtension)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(App.theme, "_default", "textual-dark")
    monkeypatch.setattr(Input.cursor_blink, "_default", False)
    export = App.export_screenshot
    monkeypatch.setattr(App, "export_screenshot", lambda app, **options: export(app, **options) + note(app))
    hints.use(keys.ACTIONS)


def fake_console(*batches: Any, processes: FakeProcesses | None = None, **options: Any) -> NaqConsole:
    """A console on the usual system, or on the batches given; its time stands still."""
    options.setdefault("commands", FakeCommands())
    options.setdefault("clock", FixedClock())
    return make_console(
        FakeFeed(*(batches or (first_batch(),))),
        FakeProcesses.usual() if processes is None else processes,
        ticks=False,
        **options,
    )


def in_look(look: str, monkeypatch: pytest.MonkeyPatch, make: Callable[[], NaqConsole] = fake_console) -> NaqConsole:
    """A console in that theme, or without colours."""
    if look == NO_COLOR:
        monkeypatch.setenv("NO_COLOR", "1")
    console = make()
    if look != NO_COLOR:
        console.theme = look
    return console


async def settle(pilot: Pilot[Any]) -> None:
    """Wait until the first batch and the processes are on the screen."""
    app = pilot.app
    assert isinstance(app, NaqConsole)
    await asyncio.wait_for(app.loaded.wait(), 5)
    await until(pilot, lambda: "processes" in app.state.loaded)


def after(*keys: str) -> Callable[[Pilot[Any]], Awaitable[None]]:
    """For `run_before`: settle, press the keys, settle again."""

    async def run(pilot: Pilot[Any]) -> None:
        await settle(pilot)
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
        await pilot.pause()

    return run


async def until(pilot: Pilot[Any], is_so: Callable[[], object]) -> None:
    """Wait until that is so, and is on the screen."""
    async with asyncio.timeout(30):
        while not is_so():
            await pilot.pause(0.02)
    await pilot.pause()


async def shown(pilot: Pilot[Any], kind: type) -> None:
    """Wait until a screen of this kind is in front, with all that is on it."""
    await until(pilot, lambda: isinstance(pilot.app.screen, kind))


async def gone(pilot: Pilot[Any], kind: type) -> None:
    """Wait until a screen of this kind is in front no more."""
    await until(pilot, lambda: not isinstance(pilot.app.screen, kind))


def text_on(pilot: Pilot[Any]) -> str:
    """What stands on the screen."""
    strips = pilot.app.screen._compositor.render_strips(pilot.app.size)
    return "\n".join(strip.text for strip in strips)


@pytest.fixture
def show(snapshot: SnapshotAssertion) -> Show:
    """Run a console and compare a picture after each step, by its name; every difference is told."""
    pictures = snapshot.use_extension(RepoSVGExtension)

    async def run(console: NaqConsole, size: tuple[int, int], steps: Mapping[str, Step]) -> None:
        different = []
        async with console.run_test(size=size) as pilot:
            await settle(pilot)
            for name, step in steps.items():
                if callable(step):
                    while console.screen is not console.main:
                        console.pop_screen()
                        await pilot.pause()
                    await console.push_screen(step())
                for key in () if callable(step) else step:
                    await pilot.press(key)
                    await pilot.pause()
                await read(pilot)
                await pilot.wait_for_scheduled_animations()
                await pilot.pause()
                if console.export_screenshot(simplify=True) != pictures(name=name):
                    different.append(name)
        assert different == [], "these pictures are others now: pytest --snapshot-update, and look at them"

    return run


async def read(pilot: Pilot[Any]) -> None:
    """Wait until the report or the figures in front have all that they read."""
    console = pilot.app
    assert isinstance(console, NaqConsole)
    async with asyncio.timeout(20):
        while not is_read(console):
            await pilot.pause(0.02)
    await pilot.pause()


def is_read(console: NaqConsole) -> bool:
    screen, told = console.screen, console.state.figures
    if isinstance(screen, DetailScreen) and screen.kind in ("job", "schedule", "error"):
        return screen.extra.is_read or bool(screen.extra.problem)
    if screen is console.main and console.main.current == "figures" and console.state.is_live:
        return told is not None and told.progress is None
    return True
