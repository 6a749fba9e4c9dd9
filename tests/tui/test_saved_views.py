"""Views of a list under a name: saved, shown, replaced and deleted, and whatever stands in the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from naq_tui.app import NaqConsole
from naq_tui.remembered import Remembered
from naq_tui.screens.palette import NaqCommands
from naq_tui.screens.saved_views import KEPT, MOST, Views, ViewsScreen, described
from tests.tui.conftest import fake_console, gone, settle, shown, text_on

SIZE = (80, 24)


async def press(pilot: Pilot[Any], *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
    await pilot.pause()


async def test_a_view_is_saved_and_shown_again(tmp_path: Path) -> None:
    path = tmp_path / "console.json"
    console = fake_console(remembered=Remembered(path))
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        table = console.main.tables["jobs"]
        table.hide({"queue", "worker"})
        # typed in one go: the name goes into the form that `b` opens
        await press(pilot, "3", "slash", *"queue:mail", "enter", "o", "O", "b", *"mails", "enter")
        await gone(pilot, ViewsScreen)
        kept = {"sort": "status", "reversed": True, "filter": "queue:mail", "hidden": ["queue", "worker"]}
        assert Remembered(path).saved_views("jobs") == {"mails": kept}
        assert Remembered(path).saved_views("results") == {}
    console = fake_console(remembered=Remembered(tmp_path / "console.json"))
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "3", "escape", "slash", *"other", "enter", "c")
        await press(pilot, "escape", "b")
        await shown(pilot, ViewsScreen)
        assert "mails                queue:mail · sorted by status · re…" in text_on(pilot)
        await press(pilot, "enter")
        await gone(pilot, ViewsScreen)
        table = console.main.tables["jobs"]
        assert (table.needle.text, table.sort_column, table.is_reversed) == ("queue:mail", "status", True)
        assert table.hidden == {"queue", "worker"}


async def test_views_of_the_log_are_its_filter(tmp_path: Path) -> None:
    console = fake_console(remembered=Remembered(tmp_path / "console.json"))
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "2", "slash", *"type:failed", "enter", "b", *"bad", "enter")
        await gone(pilot, ViewsScreen)
        await press(pilot, "escape")
        assert console.main.log_view.needle.text == ""
        offered = {words: run for words, _, run in NaqCommands(console.screen)._commands()}
        offered["View bad"]()
        assert console.main.log_view.needle.text == "type:failed"
        await press(pilot, "3")
        assert "View bad" not in {words for words, _, _ in NaqCommands(console.screen)._commands()}


async def test_a_view_is_replaced_and_deleted_by_its_name(tmp_path: Path) -> None:
    remembered = Remembered(tmp_path / "console.json")
    remembered.save_views("jobs", {"a": {"filter": "x"}, "b": {"filter": "y"}})
    console = fake_console(remembered=remembered)
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "3", "b")
        await shown(pilot, ViewsScreen)
        await press(pilot, "tab", "b")
        assert "another view has this name: enter replaces it" in text_on(pilot)
        await press(pilot, "enter")
        await gone(pilot, ViewsScreen)
        assert remembered.saved_views("jobs") == {"a": {"filter": "x"}, "b": {}}
        await press(pilot, "b", "d")
        assert remembered.saved_views("jobs") == {"b": {}}
        assert console.screen.query_one(Views).has_focus
        await press(pilot, "d")
        assert remembered.saved_views("jobs") == {}
        assert "No view is saved yet." in text_on(pilot)
        assert console.screen.query_one(Input).has_focus
        await press(pilot, "enter")
        assert "a view needs a name" in text_on(pilot)
        await press(pilot, "escape")
        await gone(pilot, ViewsScreen)


async def test_there_are_only_so_many(tmp_path: Path) -> None:
    remembered = Remembered(tmp_path / "console.json")
    remembered.save_views("jobs", {f"v{place}": {} for place in range(KEPT)})
    console = fake_console(remembered=remembered)
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "3", "b", "tab", *"one more", "enter")
        assert f"{KEPT} views are saved already" in text_on(pilot)
        assert len(remembered.saved_views("jobs")) == KEPT


@pytest.mark.parametrize(
    "saved",
    [
        5,
        {"jobs": [1]},
        {"jobs": {"\x1b[2Jname" * 50: {"filter": 5, "sort": ["x"], "reversed": "yes", "hidden": "all"}}},
        {"jobs": {"n": {"filter": "\x1b]0;t\x07" * 500, "sort": "nothing\x1b", "hidden": [1, {}, "status"]}}},
        {"jobs": {"n": 7, "m": {"hidden": {}}}},
    ],
)
async def test_whatever_stands_in_the_file(tmp_path: Path, saved: Any) -> None:
    path = tmp_path / "console.json"
    path.write_text(json.dumps({"saved_views": saved}), encoding="utf-8")
    console: NaqConsole = fake_console(remembered=Remembered(path))
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "3", "b")
        await shown(pilot, ViewsScreen)
        assert all(character.isprintable() or character == "\n" for character in text_on(pilot))
        for view in console.remembered.saved_views("jobs").values():
            assert all(character.isprintable() for character in described(view))
        await press(pilot, "enter")
        if console.remembered.saved_views("jobs"):
            await gone(pilot, ViewsScreen)
        table = console.main.tables["jobs"]
        assert table.sort_column == ""
        assert not table.hidden & {"status"}, "what says what a row is stays"
        offered = [words for words, _, _ in NaqCommands(console.main)._commands() if words.startswith("View ")]
        assert all(len(words) <= len("View ") + MOST + 1 for words in offered)
