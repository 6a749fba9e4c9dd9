"""What a worker fails of that nobody expected is said, whoever has it."""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
from typing import Any

import pytest
from textual.screen import Screen

from naq_tui import screens
from naq_tui.mistakes import TellingMistakes
from tests.tui.conftest import fake_console, settle


@pytest.mark.parametrize("keys", [("7", "C"), ("7", "enter", "C")], ids=["list", "report"])
async def test_a_mistake_is_said(monkeypatch: pytest.MonkeyPatch, keys: tuple[str, ...]) -> None:
    console = fake_console()
    said: list[tuple[str, str]] = []
    monkeypatch.setattr(console, "say", lambda text, severity="": said.append((text, severity)))
    async with console.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press(*keys[:-1])
        await pilot.pause()

        async def broken(_: str) -> Any:
            raise RuntimeError("no \x1b[31msuch thing")

        monkeypatch.setattr(console.feed, "read_payload", broken)
        await pilot.press(keys[-1])
        async with asyncio.timeout(10):
            while not said:
                await pilot.pause(0.02)
    assert said == [("RuntimeError: no ␛[31msuch thing", "error")]


def test_every_screen_says_its_mistakes() -> None:
    for module in pkgutil.iter_modules(screens.__path__, f"{screens.__name__}."):
        importlib.import_module(module.name)
    found, known = list[type]([Screen]), set[type]()
    while found:
        kind = found.pop()
        known.add(kind)
        found += kind.__subclasses__()
    ours = {kind for kind in known if kind.__module__.startswith("naq_tui.")}
    assert len(ours) > 20
    assert [kind.__name__ for kind in ours if not issubclass(kind, TellingMistakes)] == []
