"""Keys that come faster than the screen: each takes effect after the one before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from textual import events
from textual.keys import _character_to_key
from textual.widgets import Input

from naq_tui.app import NaqConsole
from naq_tui.screens.help import HelpScreen
from naq_tui.screens.launch import LaunchScreen
from tests.tui.conftest import fake_console, settle

SIZE = (120, 40)


def type_at_once(app: NaqConsole, *keys: str) -> None:
    """As a terminal hands over what was typed while nobody read it."""
    for key in keys:
        app.post_message(events.Key(_character_to_key(key) if len(key) == 1 else key, key if len(key) == 1 else None))


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come to that")


async def test_a_filter_typed_in_one_go_is_a_filter() -> None:
    app = fake_console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        type_at_once(app, "2", "/", *"type:failed queue:web", "enter")
        await until(lambda: app.main.log_view.needle.text == "type:failed queue:web" and not app.main._is_asking)
        assert app.screen is app.main, "no letter of it was taken as a command"
        assert app.main.current == "events"


async def test_what_is_typed_after_a_key_that_opens_a_dialog_goes_into_it() -> None:
    app = fake_console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        type_at_once(app, "?", "escape", "w", "ctrl+u", *"mail default")
        await until(lambda: "mail default" in [field.value for field in app.screen.query(Input)])
        assert isinstance(app.screen, LaunchScreen)
        assert not any(isinstance(screen, HelpScreen) for screen in app.screen_stack)


async def test_a_paste_keeps_its_place_among_the_keys() -> None:
    app = fake_console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        type_at_once(app, "2", "/")
        app.post_message(events.Paste("type:failed"))
        type_at_once(app, " ", "x", "enter")
        await until(lambda: app.main.log_view.needle.text == "type:failed x")
        assert app.screen is app.main


async def test_a_key_that_comes_while_the_console_ends_is_for_nobody() -> None:
    app = fake_console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
    key = events.Key("enter", None)
    key._set_forwarded()  # as it bubbles up from a widget
    await app.on_event(key)
    assert not app._is_busy


async def test_a_key_that_is_never_dealt_with_holds_up_the_next_for_a_moment_only() -> None:
    app = fake_console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        app._pass_through = lambda pumps, turn: None  # type: ignore[method-assign]
        type_at_once(app, "3", "5")
        await until(lambda: app.main.current == "workers")


async def test_what_is_suggested_is_taken_among_keys_typed_ahead() -> None:
    app = fake_console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        type_at_once(app, "3", "/", *"arg.la", "tab", "d", "tab", " ", *"q", "tab", "enter")
        await until(lambda: not app.main._is_asking and bool(app.main.tables["jobs"].needle))
        assert app.main.tables["jobs"].needle.text == "arg.language:de queue:"
        assert app.screen is app.main
