"""One registry: what is bound, shown, explained and offered comes from it."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from naq_tui import hints, keys
from naq_tui.app import NaqConsole
from naq_tui.config import parse_config
from naq_tui.feed.fake import FakeProcesses
from naq_tui.screens.detail import DetailScreen
from naq_tui.screens.help import help_lines
from naq_tui.screens.main import MainScreen
from naq_tui.screens.output import OutputScreen
from naq_tui.screens.palette import NaqCommands
from naq_tui.widgets.document import Document
from naq_tui.widgets.event_log import EventLog
from naq_tui.widgets.line_table import LineTable
from naq_tui.widgets.output_view import OutputView
from tests.conftest import ROOT
from tests.tui.conftest import NOTHING, fake_console, settle, shown, text_on

PLACES = (*keys.PANES, *keys.REPORTS)
WAYS: dict[str, tuple[str, ...]] = {
    **{name: (digit,) for name, (digit, _) in keys.SCREENS.items() if name != "overview"},
    "event": ("2", "enter"),
    "job": ("3", "enter"),
    "detail": ("5", "enter"),
    "error": ("9", "enter"),
    "output": ("8", "enter"),
    "compare": ("7", "equals_sign"),
}
"""The keys that lead to each place."""
OWNERS = {
    "app": (NaqConsole,),
    "main": (MainScreen,),
    "jobs": (MainScreen, DetailScreen),
    "report": (DetailScreen,),
    "output": (OutputScreen,),
    "list": (LineTable, EventLog, Document, OutputView),
}


@pytest.mark.parametrize("action", keys.ACTIONS, ids=lambda action: action.id)
def test_every_action_can_be_run(action: keys.Action) -> None:
    method = f"action_{action.call.partition('(')[0]}"
    for owner in OWNERS[action.owner]:
        if action.id == "list.open" and owner in (Document, OutputView):
            continue
        assert hasattr(owner, method), f"{owner.__name__} has no {method}"
        bound = {binding.id for binding in owner.BINDINGS}
        assert action.id in bound


def test_no_lower_case_key_changes_the_system_except_launching() -> None:
    for action in keys.ACTIONS:
        if action.acts and action.group != "Launching":
            assert all(len(key) == 1 and key.isupper() for key in action.keys), action.id


def test_no_key_means_two_things_in_one_place() -> None:
    for place in PLACES:
        used = Counter(key for action in keys.ACTIONS if action.works_in(place) for key in action.keys)
        assert [key for key, times in used.items() if times > 1] == [], place


def test_help_tells_every_action() -> None:
    text = "\n".join("".join(part for part, _ in line) for line in help_lines("events"))
    for action in keys.ACTIONS:
        assert action.help in text
        assert action.all_key_labels in text


def test_footer_and_palette_offer_only_what_works_there() -> None:
    for place in PLACES:
        for action in (*keys.footer(place), *keys.palette(place)):
            assert action.works_in(place)


@pytest.mark.parametrize("place", WAYS)
async def test_the_palette_offers_every_action_in_context(place: str) -> None:
    console = fake_console()
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        for key in WAYS[place]:
            await pilot.press(key)
            await pilot.pause()
        assert console.place == place
        offered = {words: shown for words, shown, _ in NaqCommands(console.screen)._commands()}
        wanted = [
            action
            for action in keys.ACTIONS
            if action.works_in(place) and any(isinstance(node, OWNERS[action.owner]) for node in in_front(console))
        ]
    assert len(wanted) > 20
    missing = [action.id for action in wanted if offered.get(action.help) != action.all_key_labels]
    assert missing == ["palette"], "all but the palette itself"


def in_front(console: NaqConsole) -> list[object]:
    """What a key that is pressed now can reach."""
    return [console, console.screen, console.screen.focused]


async def test_what_moves_and_opens_can_be_run_from_the_palette() -> None:
    console = fake_console()
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("5", "colon", *"last row", "enter")
        table = console.main.tables["workers"]
        async with asyncio.timeout(5):
            while table.selected is not table.items[-1]:
                await pilot.pause(0.02)
        await pilot.press("colon", *"everything about the row", "enter")
        await shown(pilot, DetailScreen)
        await pilot.press("colon", *"back", "enter")
        await shown(pilot, MainScreen)


def test_every_group_is_in_the_help() -> None:
    assert {action.group for action in keys.ACTIONS} == set(keys.GROUPS)


async def test_each_screen_is_one_digit_away() -> None:
    console = fake_console()
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        for name, (digit, _) in keys.SCREENS.items():
            await pilot.press(digit)
            assert console.main.current == name


async def test_an_acting_key_does_nothing_elsewhere() -> None:
    console = fake_console()
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("2")
        for key in ("P", "X", "K", "D"):
            await pilot.press(key)
            await pilot.pause()
            assert console.screen is console.main


async def test_sentences_name_the_keys_of_this_console() -> None:
    """With other keys those are named, read-only none that acts; the next console begins anew."""
    config = parse_config('[keys]\n"launch.worker" = "f7"\n"back" = "f3"\n', Path("config.toml"))
    console = fake_console(NOTHING, processes=FakeProcesses(), config=config)
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("5")
        assert "No workers yet: press f7 to start one here." in text_on(pilot)
        await pilot.press("slash", *"zzz", "enter", "8")
        assert "f7 starts a worker, s a scheduler" in text_on(pilot)
        await pilot.press("2", "slash", *"zzz", "enter")
        assert "f3 shows all" in text_on(pilot)
        console.is_read_only = True
        await pilot.press("5", "f3")
        assert "No workers yet." in text_on(pilot)
        await pilot.press("8")
        assert "Nothing runs here yet." in text_on(pilot)
    fake_console()
    assert hints.hint("launch.worker", "starts one") == "w starts one"


def readme_rows() -> list[str]:
    """The README's table of keys, a row per action."""
    every = set(keys.PANES)
    rows = []
    for group in keys.GROUPS:
        for action in (action for action in keys.ACTIONS if action.group == group):
            names = [title for name, (_, title) in keys.SCREENS.items() if name in action.where]
            names = ["lists"] if every <= action.where else names
            names += ["reports"] if action.where & keys.REPORTS else []
            where = "everywhere" if not action.where else ", ".join(names)
            shown = " ".join(f"`{label}`" for label in action.all_key_labels.split())
            rows.append(f"| {shown} | {action.help} | {where} |")
    return rows


def test_the_readme_lists_the_same_keys() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = text.partition("<!-- keys -->\n")[2].partition("\n<!-- end of keys -->")[0].splitlines()
    assert table[2:] == readme_rows(), "the table of the README is not that of the registry"
