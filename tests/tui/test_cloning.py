"""A job that is sent once more as it was or edited; values that are hidden in the form are kept."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.widgets import Static, TextArea

from naq import codec
from naq.errors import EnqueueError
from naq_tui import masking
from naq_tui.feed.fake import FakeCommands
from naq_tui.feed.sample import T0
from naq_tui.screens.clone import CloneScreen, parse
from naq_tui.views.arguments import editable, loads, put_back
from naq_tui.widgets.choice import Choice
from tests.tui.commands import commands_of
from tests.tui.conftest import fake_console, gone, settle, shown, text_on


async def test_a_clone_is_edited() -> None:
    console = fake_console()
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("7", "C")
        await shown(pilot, CloneScreen)
        area = console.screen.query_one(TextArea)
        area.text = '{"args": [1'
        await pilot.press("ctrl+s")
        await pilot.pause()
        assert isinstance(console.screen, CloneScreen)
        area.text = '{"args": [1], "kwargs": {"dry": true}}'
        await pilot.press("tab", *"wrong year", "enter")
        assert isinstance(console.focused, Choice), "the answer itself is always chosen"
        await pilot.press("ctrl+s")
        await gone(pilot, CloneScreen)
        await pilot.pause()
        assert [(args, kwargs) for _, args, kwargs in commands_of(console).clones] == [([1], {"dry": True})]
        assert commands_of(console).reasons == ["wrong year"]


async def test_the_key_twice_before_its_form_is_there_is_one_form(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the job was called with is read first."""
    console = fake_console()
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        go_on, read = asyncio.Event(), console.feed.read_payload

        async def slowly(job_id: str) -> Any:
            await go_on.wait()
            return await read(job_id)

        monkeypatch.setattr(console.feed, "read_payload", slowly)
        await pilot.press("7", "C", "C")
        go_on.set()
        await shown(pilot, CloneScreen)
        await pilot.press("escape")
        await pilot.pause()
        assert console.screen is console.main


class DoubtfulCommands(FakeCommands):
    """Never says that a clone is stored."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, str]] = []

    async def clone_job(self, *_call: Any, new_id: str, action_id: str | None = None, **_how: Any) -> str:
        self.asked.append((new_id, action_id or ""))
        raise EnqueueError("no answer: it may be stored")


async def test_the_same_clone_once_more_is_the_same_job() -> None:
    """So that a yes after an answer that did not come never makes two of it."""
    commands = DoubtfulCommands()
    console = fake_console(commands=commands)
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("7", "C")
        await shown(pilot, CloneScreen)
        for count, text in enumerate(('{"args": [1]}', '{"args": [1]}', '{"args": [true]}'), 1):
            console.screen.query_one(TextArea).text = text
            await pilot.pause()
            await pilot.press("ctrl+s")
            async with asyncio.timeout(5):
                while len(commands.asked) < count or "no answer" not in text_on(pilot):
                    await pilot.pause(0.02)
    first, again, other = commands.asked
    assert first == again
    assert not set(first) & set(other)


async def test_a_clone_needs_no_reason() -> None:
    console = fake_console()
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("7", "C")
        await shown(pilot, CloneScreen)
        await pilot.press("ctrl+s")
        await gone(pilot, CloneScreen)
        await pilot.pause()
        assert commands_of(console).reasons == [None]


async def test_a_clone_that_is_refused_is_still_in_its_form() -> None:
    console = fake_console()
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("7", "C")
        await shown(pilot, CloneScreen)
        area = console.screen.query_one(TextArea)
        area.text = '{"args": [1], "kwargs": {}}'
        commands_of(console).refuses[""] = EnqueueError("the stream naq_jobs is full")
        await pilot.press("ctrl+s")
        await pilot.pause()
        assert isinstance(console.screen, CloneScreen)
        assert str(console.screen.query_one("#mistake", Static).render()) == "the stream naq_jobs is full"
        assert area.text == '{"args": [1], "kwargs": {}}'
        commands_of(console).refuses.clear()
        await pilot.press("ctrl+s")
        await gone(pilot, CloneScreen)
        assert [args for _, args, _ in commands_of(console).clones] == [[1]]


@pytest.mark.parametrize("text", ["", "[]", '{"args": {}}', '{"kwargs": []}', '{"more": 1}', "[" * 100_000])
def test_what_is_no_call_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse(text)


def test_hidden_values_left_alone_are_kept() -> None:
    original = {"args": [1, {"token": "t0p", "to": "a"}], "kwargs": {"password": "secret", "n": 1}}
    assert "t0p" not in editable(original)
    edited = {"args": [2, {"token": masking.MASK, "to": "b"}], "kwargs": {"password": masking.MASK, "n": 1}}
    assert put_back(edited, original) == {
        "args": [2, {"token": "t0p", "to": "b"}],
        "kwargs": {"password": "secret", "n": 1},
    }


@pytest.mark.parametrize(
    "args",
    [[{"token": masking.MASK, "to": "a"}, 1, 2], [{"key": masking.MASK}, 1], [masking.MASK, 1], [{"token": "x•••"}, 1]],
)
def test_a_hidden_value_that_would_be_lost_is_refused(args: list[Any]) -> None:
    with pytest.raises(ValueError, match="can't be kept where it stands now"):
        put_back(args, [{"token": "t0p"}, 1])


ANN, BOB = {"name": "a", "pin_token": "s-a", "n": 1}, {"name": "b", "pin_token": "s-b", "n": 1}
"""Two that look different with their secrets hidden."""
PIN, PAN = {"token": "s-p"}, {"token": "s-q"}
"""Two that look the same."""


def hidden_of(*items: Any, **changes: Any) -> list[Any]:
    """As they are shown, all with these changes."""
    shown = loads(editable(list(items)))
    return [{**item, **changes} for item in shown] if changes else shown


@pytest.mark.parametrize(
    ("original", "edited", "whole"),
    [
        pytest.param([ANN, BOB], hidden_of(BOB, ANN), [BOB, ANN], id="changed places"),
        pytest.param([ANN, BOB], hidden_of(BOB), [BOB], id="one left out"),
        pytest.param(
            [ANN, BOB], [{"name": "c"}, *hidden_of(ANN, BOB)], [{"name": "c"}, ANN, BOB], id="one put in front"
        ),
        pytest.param(
            [ANN, BOB, 1], [*hidden_of(ANN), *hidden_of(BOB, n=2), 1], [ANN, {**BOB, "n": 2}, 1], id="one changed"
        ),
        pytest.param([PIN, PAN, 1], [*hidden_of(PIN, PAN), 2], [PIN, PAN, 2], id="alike, where they were"),
        pytest.param([PIN, PIN, 1], [2, *hidden_of(PIN)], [2, PIN], id="the same secret"),
        pytest.param([[PIN, 1], [PIN, 2]], hidden_of([PIN, 2], [PIN, 1]), [[PIN, 2], [PIN, 1]], id="lists in it"),
    ],
)
def test_a_hidden_value_goes_with_what_it_belongs_to(original: Any, edited: Any, whole: Any) -> None:
    assert put_back(edited, original) == whole


@pytest.mark.parametrize(
    ("original", "edited"),
    [
        pytest.param([ANN, BOB], hidden_of(BOB, ANN, n=2), id="changed, and perhaps places too"),
        pytest.param([ANN, BOB], hidden_of(ANN, BOB, n=2), id="all changed"),
        pytest.param([PIN, PAN], hidden_of(PAN), id="one of two alike left out"),
        pytest.param([PIN, PAN], [*hidden_of(PAN), {"token": "new"}], id="one of two alike is left"),
        pytest.param([PIN, PAN, 1], [1, *hidden_of(PAN, PIN)], id="alike, and moved"),
        pytest.param([ANN], [*hidden_of(ANN, n=2), 1], id="changed, and another put in"),
    ],
)
def test_where_it_can_not_be_told_which_hidden_value_is_meant_it_is_asked_for(original: Any, edited: Any) -> None:
    with pytest.raises(ValueError, match="type it out"):
        put_back(edited, original)


SECRETS = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from("ab"), "token": st.sampled_from(["s-1", "s-2", "s-3"])}), max_size=4
)


@given(SECRETS, st.data())
def test_no_secret_comes_to_stand_where_another_was(original: list[dict[str, str]], data: st.DataObject) -> None:
    """Items left out and put into any order: either each has its own, or it is refused."""
    order = data.draw(st.lists(st.sampled_from(range(len(original))), unique=True)) if original else []
    wanted = [original[place] for place in order]
    try:
        whole = put_back(hidden_of(*wanted), original)
    except ValueError:
        return
    for place, (item, mine) in enumerate(zip(whole, wanted, strict=True)):
        were, are = (
            [at for at, one in enumerate(items) if one["name"] == mine["name"]] for items in (original, wanted)
        )
        # those that look alike are where they were, as far as anybody can see
        assert item == (original[place] if were == are else mine)


def test_what_is_put_back_is_in_packed_form() -> None:
    held = codec.pack([T0, {"at": T0, "n": 1}, (1, 2)])
    edited = loads(editable(held))
    edited[1]["n"] = 2**80
    assert put_back(edited, held) == codec.pack([T0, {"at": T0, "n": 2**80}, (1, 2)])


@pytest.mark.parametrize("value", [True, 1.0])
def test_what_is_equal_and_not_the_same_is_a_change(value: Any) -> None:
    (changed,) = put_back([value], [1])
    assert type(changed) is type(value)


@pytest.mark.parametrize("text", ["\x1b[2J", "\u202e", "\x9b3J", "\ud800", "a\u200bb"])
def test_what_is_edited_is_harmless_and_the_same(text: str) -> None:
    assert editable([text]).isascii()
    assert loads(editable([text])) == [text]
    assert editable(["Müller 日本"]) == '["Müller 日本"]'
