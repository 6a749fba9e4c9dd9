"""Two jobs side by side: which two, what differs, what is hidden, and how much of it is shown."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from textual.pilot import Pilot

from naq.errors import NaqException
from naq_tui import masking
from naq_tui.app import NaqConsole
from naq_tui.feed.fake import FakeFeed, first_batch
from naq_tui.feed.sample import T0, results
from naq_tui.feed.sample_jobs import CLOSED
from naq_tui.screens.compare import CompareScreen
from naq_tui.store.updates import ResultsChanged
from naq_tui.text import width
from naq_tui.views.comparing import LINES, PATHS, Compared, Fact, compared, comparison, differences
from naq_tui.views.table import Lens
from tests.tui.conftest import fake_console, settle, shown, text_on

LENS = Lens(T0, T0)
DONE = results()[-1]


def one(job_id: str = "a", /, args: Any = (), kwargs: Any = None, **fields: Any) -> Compared:
    """A completed job with these arguments."""
    payload = {"function": DONE.function, "args": list(args), "kwargs": kwargs or {}}
    return Compared(job_id, record=replace(DONE, job_id=job_id, **fields), payload=payload)


def facts(left: Compared, right: Compared) -> dict[str, Fact]:
    return {fact.label: fact for section in compared(left, right) for fact in section.facts}


def text_of(left: Compared, right: Compared, cells: int = 120) -> list[str]:
    return ["".join(text for text, _ in line) for line in comparison(left, right, LENS, cells).lines]


def test_what_is_the_same_is_dimmed_and_the_first_difference_is_on_top() -> None:
    left, right = one("a", [1, {"to": "x", "n": 2}]), one("b", [1, {"to": "y", "n": 2}])
    found = facts(left, right)
    assert found["args[1].to"] == Fact("args[1].to", '"x"', '"y"', "differs")
    assert [found[label].verdict for label in ("args[0]", "args[1].n", "function", "worker")] == [""] * 4
    lines = comparison(left, right, LENS, 120).lines
    assert [text.strip() for text, _ in lines[0]] == ["First difference", "args[1].to", '"x" | "y"']
    tones = {line[1][0].strip(): {tone for _, tone in line[1:]} for line in lines if len(line) > 2}
    assert tones["args[1].n"] <= {"muted", "waiting"}
    assert "strong" in tones["args[1].to"]
    assert text_of(one("a", [1]), one("b", [1]))[0].startswith("No difference")


@pytest.mark.parametrize(
    ("left", "right", "label", "verdict"),
    [
        ({"args": [1]}, {"args": [1, 2]}, "args[1]", "only right"),
        ({"kwargs": {"a": {"b": 1}}}, {"kwargs": {"a": {}}}, "a.b", "only left"),
        ({"args": [True]}, {"args": [1]}, "args[0]", "differs"),
        ({"args": [{"k": [1]}]}, {"args": [{"k": {"0": 1}}]}, "args[0].k", "differs"),
        ({"args": [None]}, {"args": [None]}, "args[0]", ""),
        ({"args": [{"$naq": "set", "v": [1]}]}, {"args": [{"$naq": "set", "v": [2]}]}, "args[0]", "differs"),
        ({"value": {"n": 1}}, {"value": {"n": 2}}, "result.n", "differs"),
        ({"tags": ("b", "a")}, {"tags": ("a", "b")}, "tags", ""),
        ({"tags": ("a",)}, {"tags": ()}, "tags", "only left"),
        ({"attempt": 1}, {"attempt": 2}, "attempts", "differs"),
        ({"run_ms": 100.0}, {"run_ms": 130.0}, "ran", ""),
        ({"run_ms": 100.0}, {"run_ms": 2_000.0}, "ran", "differs"),
        ({"wait_ms": 1.0}, {"wait_ms": 9.0}, "waited", ""),
    ],
)
def test_each_kind_of_difference(left: dict[str, Any], right: dict[str, Any], label: str, verdict: str) -> None:
    assert facts(one("a", **left), one("b", **right))[label].verdict == verdict


def test_errors_are_compared_by_type_message_and_place() -> None:
    failed = one("a", status="FAILED", value=None, error=CLOSED)
    other = one("b", status="FAILED", value=None, error=replace(CLOSED, message="peer closed it"))
    found = facts(failed, other)
    assert (found["error"].verdict, found["message"].verdict, found["raised in"].verdict) == ("", "differs", "")
    assert found["raised in"].left == "smtp.py:73 send"
    found = facts(failed, one("c"))
    assert (found["state"].verdict, found["error"].verdict) == ("differs", "only left")
    assert found["result"].verdict == "only right"


def test_arguments_that_are_not_stored_are_no_difference() -> None:
    gone = replace(one("a", [1]), payload=None)
    found = facts(gone, one("b", [1]))
    assert found["arguments"][1:4] == ("not stored any more", "known", "unknown")
    assert differences(compared(gone, one("b", [1]))) == []
    assert any("? unknown" in line for line in text_of(gone, one("b", [1])))


def test_secrets_are_hidden_though_whether_they_differ_is_told() -> None:
    left = one("a", kwargs={"password": "p-4711", "login": {"token": {"id": "t-4711"}}}, value={"api_key": "k-4711"})
    right = one("b", kwargs={"password": "p-0815", "login": {"token": {"id": "t-0815"}}}, value={"api_key": "k-4711"})
    found = facts(left, right)
    assert found["password"] == Fact("password", '"•••"', '"•••"', "differs")
    assert found["login.token"].verdict == "differs"
    text = "\n".join(text_of(left, right))
    assert "4711" not in text
    assert "0815" not in text
    with masking.revealed():
        assert "p-4711" in "\n".join(text_of(left, right))


@pytest.mark.parametrize("cells", [40, 80, 120, 200])
def test_hostile_values_are_bounded_and_stay_in_their_columns(cells: int) -> None:
    deep: Any = "\x1b[2J請求書" * 400
    for _ in range(150):
        deep = {"k\x1b[0m": [deep]}
    many = {f"n{place}\u202e": place for place in range(5_000)}
    left = one("a\x1b", [deep, "x" * 100_000], {**many, "same": 1}, tags=("t\x07",) * 300)
    right = one("b", [deep, "x" * 100_000 + "y"], {**many, "same": 2}, tags=())
    sections = compared(left, right)
    assert sum(len(section.facts) for section in sections) < PATHS + 30
    assert next(fact for fact in sections[0].facts if fact.label == "args[1]").verdict == "differs", "though cut alike"
    lines = text_of(left, right, cells)
    assert len(lines) < (PATHS + 30) * (2 * LINES + 1)
    assert all(character.isprintable() for line in lines for character in line)
    assert max(map(width, lines[2:])) <= cells - 3


async def opened(pilot: Pilot[Any], *pressed: str) -> CompareScreen:
    for key in pressed:
        await pilot.press(key)
        await pilot.pause()
    await shown(pilot, CompareScreen)
    screen = pilot.app.screen
    assert isinstance(screen, CompareScreen)
    async with asyncio.timeout(5):
        while not screen._is_read:
            await pilot.pause(0.02)
    await pilot.pause()
    return screen


def pair(screen: CompareScreen) -> tuple[str, str]:
    return screen._pair[0].job_id, screen._pair[1].job_id


async def test_a_failed_job_is_beside_the_last_of_its_function_that_went_well() -> None:
    console = fake_console()
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        screen = await opened(pilot, "7", "slash", *"failed", "enter", "equals_sign")
        failed = next(result for result in reversed(results()) if result.status == "FAILED")
        before = next(
            result
            for result in reversed(results())
            if (result.status, result.function) == ("COMPLETED", failed.function) and result.saved_at <= failed.saved_at
        )
        assert pair(screen) == (failed.job_id, before.job_id)
        assert "First difference" in text_on(pilot)
        await pilot.press("y")
        assert json.loads(console.clipboard)["left"]["job_id"] == failed.job_id
        await pilot.press("escape")
        await pilot.pause()
        again = await opened(pilot, "enter", "equals_sign")
        assert pair(again) == pair(screen), "from its report too"


async def test_two_are_compared_as_they_are_marked_and_more_are_refused() -> None:
    console = fake_console()
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("3")
        await pilot.pause()
        first, second, third = (row.job_id for row in console.main.tables["jobs"].items[:3])
        assert pair(await opened(pilot, "space", "equals_sign")) == (first, second), "the marked one and the cursor's"
        await pilot.press("escape", "up", "space", "space", "space")
        assert pair(await opened(pilot, "equals_sign")) == (second, third)
        await pilot.press("escape", "a", "equals_sign")
        await pilot.pause()
        assert not isinstance(console.screen, CompareScreen)


async def test_it_says_where_there_is_nothing_to_compare_with() -> None:
    alone = replace(DONE, function="shop:rare", job_id="rare")
    console = fake_console(first_batch(), (ResultsChanged((replace(alone, saved_at=T0 + timedelta(seconds=1)),)),))
    said: list[str] = []
    console.say = lambda text, **_: said.append(text)  # type: ignore[method-assign, assignment]
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("7", "slash", *"rare", "enter", "equals_sign")
        await pilot.pause()
    assert said == ["No other rare that went well is known here: mark the two to compare."]


async def test_what_can_not_be_read_is_told() -> None:
    console: NaqConsole = fake_console()

    async def refuse(job_id: str) -> None:
        raise NaqException("no answer\x1b[2J")

    assert isinstance(console.feed, FakeFeed)
    console.feed.read_result = refuse  # type: ignore[method-assign, assignment]
    async with console.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("7", "equals_sign")
        await shown(pilot, CompareScreen)
        await pilot.pause()
        assert "no answer␛[2J" in text_on(pilot)
