"""What makes it a console of one's own: times, columns, themes, glyphs, and everything as it was the last time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from textual.color import Color

from naq_tui import themes, times
from naq_tui.config import ContextEntry, parse_config
from naq_tui.contexts import Connection, Context
from naq_tui.feed.fake import FakeCommands, FakeFeed, first_batch
from naq_tui.feed.sample import results
from naq_tui.remembered import Remembered
from naq_tui.widgets.line_table import LineTable
from tests.tui.conftest import fake_console, settle
from tests.tui.test_safety import on_screen
from tests.tui.test_terminal import ENTERS, LEAVES, Terminal
from tests.tui.test_terminal import terminal as run_in_terminal

SIZE = (120, 40)
PATH = Path("config.toml")


# times


async def test_one_key_turns_ages_into_times_of_day_and_back_on_every_list() -> None:
    console = fake_console()
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("5")
        assert " 41 s" in on_screen(console)
        await pilot.press("d", "d")
        await pilot.pause()
        workers = on_screen(console)
        assert " 41 s" not in workers.split("queues", 1)[1]
        assert "14:06" in workers
        await pilot.press("7")
        await pilot.pause()
        assert "14:07:08" in on_screen(console)
        await pilot.press("d", "d")
        await pilot.pause()
        results = on_screen(console)
        assert "14:07:08" not in results
        assert " 4 s" in results, "ages, where the list usually has times of day"


async def test_a_time_zone_holds_for_the_clock_the_lists_and_the_reports() -> None:
    console = fake_console(config=parse_config('timezone = "Asia/Kolkata"', PATH))
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("7")
        await pilot.pause()
        assert "19:37:12 IST" in on_screen(console)
        assert "19:37:10" in on_screen(console)
        await pilot.press("enter")
        await pilot.pause()
        ended = f"{results()[-1].saved_at:%S.%f}"[:6]
        assert f"2026-11-24 19:37:{ended} IST" in on_screen(console)
        await pilot.press("u")
        await pilot.pause()
        assert f"2026-11-24 14:07:{ended} UTC" in on_screen(console)
        await pilot.press("u")
        await pilot.pause()
        assert console.zone == "local"


async def test_times_are_remembered_but_what_is_written_goes_before(tmp_path: Path) -> None:
    path = tmp_path / "console.json"
    console = fake_console(remembered=Remembered(path), config=parse_config('timezone = "Europe/Berlin"', PATH))
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("d", "u", "u")
    assert (Remembered(path).times, Remembered(path).zone) == ("relative", "local")
    assert fake_console(remembered=Remembered(path)).zone == "local"
    assert times.active().mode == "relative"
    written = parse_config('timezone = "UTC"\ntimes = "absolute"', PATH)
    assert fake_console(remembered=Remembered(path), config=written).zone == "UTC"
    assert times.active().mode == "absolute"
    fake_console()
    assert times.active() == times.Style()


# columns


async def test_columns_can_be_hidden_one_by_one_but_not_what_says_which_row_it_is() -> None:
    console = fake_console()
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        table = console.main.tables["workers"]
        await pilot.press("5", "c")
        await pilot.pause()
        await pilot.press("space", "j", "space", "j", "j", "space")  # status, worker, past id, queues
        assert table.hidden == {"queues"}
        await pilot.press("escape")
        await pilot.pause()
        assert "queues" not in on_screen(console)
        assert "worker" in on_screen(console)
        await pilot.press("c", "j", "j", "j", "space", "escape")
        await pilot.pause()
        assert "queues" in on_screen(console)


# as it was


async def test_screen_order_filter_and_columns_come_back_for_each_context(tmp_path: Path) -> None:
    path = tmp_path / "console.json"
    staging, prod = (Context(name, ContextEntry(name=name, server=f"nats://{name}")) for name in ("staging", "prod"))

    def connect(_: Context) -> Connection:
        return Connection(FakeFeed(first_batch()), FakeCommands(), {})

    options: dict[str, Any] = {"contexts": (staging, prod), "connect": connect}
    console = fake_console(remembered=Remembered(path), context=staging, **options)
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("5", "o", "O", "slash", *"web", "enter")
        console.main.tables["workers"].hide({"cpu"})
        order = console.main.tables["workers"].sort_column
        assert order
        await console.switch(prod)
        await settle(pilot)
        assert console.main.current == "overview"
        assert not console.main.tables["workers"].needle
        await pilot.press("6")
    assert json.loads(path.read_text())["views"]["prod"]["screen"] == "schedules"
    console = fake_console(remembered=Remembered(path), context=staging, **options)
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        table = console.main.tables["workers"]
        assert console.main.current == "workers"
        assert (table.sort_column, table.is_reversed, table.needle.text, table.hidden) == (order, True, "web", {"cpu"})
        assert table.row_count == 3


@pytest.mark.parametrize(
    "views",
    [
        4,
        {"": 4},
        {"": {"screen": "nowhere", "lists": 4}},
        {"": {"screen": 4, "lists": {"workers": {"sort": [], "hidden": [4, "x", "worker"], "filter": {}}}}},
    ],
)
async def test_a_state_file_of_a_careless_hand_is_as_good_as_none(tmp_path: Path, views: Any) -> None:
    path = tmp_path / "console.json"
    path.write_text(json.dumps({"views": views, "zone": "Mars", "times": 4, "theme": {}}))
    console = fake_console(remembered=Remembered(path))
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        table = console.main.tables["workers"]
        assert (console.main.current, table.sort_column, table.hidden) == ("overview", table.view.default_sort, set())
        assert console.zone == "UTC"


# looks


def contrast(one: str, other: str) -> float:
    """As WCAG measures it."""

    def light(color: str) -> float:
        parts = (part / 255 for part in Color.parse(color).rgb)
        r, g, b = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    bright, dark = sorted((light(one), light(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(("name", "least"), [(themes.DARK, 4.5), (themes.LIGHT, 4.5), (themes.HIGH_CONTRAST, 7.0)])
def test_every_text_can_be_read_on_every_ground(name: str, least: float) -> None:
    theme = next(theme for theme in themes.THEMES if theme.name == name)
    texts = {tone: getattr(theme, tone) for tone in ("primary", "success", "warning", "error", "foreground")}
    texts |= {tone: theme.variables[tone] for tone in ("naq-muted", "naq-strong")}
    grounds = {"background": theme.background, "bar": theme.variables["naq-bar"]}
    for text, color in texts.items():
        for ground, under in grounds.items():
            assert contrast(color, under) >= least, (text, ground)
    assert contrast(theme.variables["naq-strong"], theme.variables["naq-production-bar"]) >= least
    assert contrast(theme.background, theme.variables["naq-production"]) >= 4.5


@pytest.mark.parametrize("place", ["1", "2", "3", "5", "6", "8", "9"])
async def test_ascii_means_ascii(place: str) -> None:
    console = fake_console(ascii_only=True)
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press(place)
        console.say("done")
        await pilot.pause()
        strips = console.screen._compositor.render_strips(console.size)
        odd = {character for strip in strips for character in strip.text if not character.isascii()}
        assert odd == set()


async def test_each_theme_of_ours_can_be_chosen_and_drawn() -> None:
    for theme in themes.THEMES:
        console = fake_console(config=parse_config(f'theme = "{theme.name}"', PATH))
        async with console.run_test(size=SIZE) as pilot:
            await settle(pilot)
            assert console.theme == theme.name
            assert isinstance(console.focused, object)
            assert console.query_one("#list-workers", LineTable).row_count == 5


# the terminal


@pytest.mark.terminal
def test_suspended_it_gives_the_terminal_back_and_resumed_it_takes_it_again() -> None:
    terminal = Terminal("--no-children", has_shell=True)
    try:
        terminal.wait_for(b"LIVE")
        (console,) = psutil.Process(terminal.process.pid).children()
        assert b"\x1b]2;naq\x07" in terminal.seen, "the window is named"
        terminal.press("\x1a")
        terminal.wait_for(LEAVES)
        deadline = time.monotonic() + 10
        while _state(console.pid) != "T":
            assert time.monotonic() < deadline, "it was not stopped"
            terminal.read(0.05)
        assert terminal.is_restored()
        terminal.seen = b""
        os.kill(console.pid, signal.SIGCONT)
        terminal.wait_for(ENTERS)
        terminal.wait_for(b"At a glance")  # which changes with nothing: all is drawn anew
        terminal.press("q")
        terminal.end()
        assert b"\x1b[23;2t" in terminal.seen, "the window has the name it had"
    finally:
        for process in psutil.Process(terminal.process.pid).children() if terminal.process.poll() is None else []:
            process.kill()
        terminal.process.kill()


@pytest.mark.terminal
def test_where_no_shell_could_bring_it_back_it_does_not_stop() -> None:
    with run_in_terminal("--no-children") as terminal:
        terminal.wait_for(b"LIVE")
        terminal.press("\x1a")
        terminal.wait_for(b"no shell behind this")
        assert _state(terminal.process.pid) != "T"
        terminal.press("q")
        assert terminal.end() == 0


def _state(pid: int) -> str:
    return subprocess.run(["ps", "-o", "state=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()[:1]
