"""Jobs and schedules made from scratch: what is typed, what is refused, what is sent."""

from __future__ import annotations

import argparse
import asyncio
import shlex
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import ANY
from zoneinfo import ZoneInfo

import pytest
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input, Static

from naq import codec
from naq.calls import Call
from naq.cli import enqueue as cli_enqueue
from naq.cli import schedules as cli_schedules
from naq.cli.schedule_options import given
from naq.errors import ConflictError, EnqueueError
from naq_tui.config import ContextEntry
from naq_tui.contexts import Context
from naq_tui.feed.fake import FakeCommands, first_batch
from naq_tui.feed.sample import T0, schedules
from naq_tui.screens.add_job import AddJobScreen
from naq_tui.screens.add_schedule import AddScheduleScreen
from naq_tui.screens.form import FormScreen
from naq_tui.screens.typed import TypedScreen
from naq_tui.store.fold import apply
from naq_tui.store.seen import functions_seen
from naq_tui.store.state import EMPTY
from naq_tui.store.updates import SchedulesChanged
from naq_tui.views.arguments import list_of, object_of
from naq_tui.views.command_line import edit_line, enqueue_line, schedule_line
from naq_tui.views.firing import times_of
from naq_tui.views.moment import parse_due
from naq_tui.widgets.choice import Choice
from naq_tui.widgets.facts import Facts
from tests.tui.commands import commands_of
from tests.tui.conftest import NOTHING, fake_console, gone, settle, shown, text_on
from tests.tui.test_hostile import MIXED, hostile_batch

SIZE = (120, 40)


async def opened(pilot: Pilot[Any], *keys: str) -> FormScreen[Any]:
    await settle(pilot)
    await pilot.press(*keys)
    await shown(pilot, FormScreen)
    await pilot.pause()
    screen = pilot.app.screen
    assert isinstance(screen, FormScreen)
    return screen


async def typed(pilot: Pilot[Any], texts: Mapping[str, str]) -> str:
    """Type into the fields; returns the mistake that is told then."""
    screen = pilot.app.screen
    for name, text in texts.items():
        field = screen.query_one(f"#field-{name}", Input)
        field.value = text
        await pilot.pause()
    return told(screen)


def told(screen: Screen[Any]) -> str:
    return str(screen.query_one("#mistake", Static).render())


def preview(pilot: Pilot[Any]) -> str:
    return pilot.app.screen.query_one(Facts).text


async def say_yes(pilot: Pilot[Any]) -> None:
    screen = pilot.app.screen
    screen.query(Choice).last().focus()
    await pilot.press("enter")
    await gone(pilot, type(screen))
    await pilot.pause()


# a job


async def test_a_job_is_enqueued_from_a_function_suggested() -> None:
    console = fake_console()
    async with console.run_test(size=SIZE) as pilot:
        await opened(pilot, "3", "A")
        await pilot.press(*"send_inv", "right")
        assert console.screen.query_one("#field-function", Input).value == "shop.tasks:send_invoice"
        assert console.screen.query_one("#field-queue", Input).value == "mail", "where it was heard of last"
        big = 2**70
        assert not await typed(pilot, {"args": f'[{big}, "x"]', "kwargs": '{"timeout": 1}', "due": "15m"})
        assert not await typed(pilot, {"max_retries": "3", "timeout": "1h", "unique": "k", "reason": "by hand"})
        assert f'sends        shop.tasks:send_invoice({big}, "x", timeout=1)' in preview(pilot)
        assert "into queue mail in 15 min: 2026-11-24 14:22" in preview(pilot)
        await pilot.press("ctrl+y")
        assert console.clipboard.startswith(
            "naq enqueue --unchecked -q mail --max-retries 3 --timeout 3600.0 --unique k"
        )
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(console.focused, Choice)
        assert console.focused.value == "no", "enter in a field only moves on"
        await say_yes(pilot)
        options = {"queue_name": "mail", "max_retries": 3, "timeout": 3600.0, "unique": "k", "job_id": ANY}
        call = Call("shop.tasks:send_invoice", [big, "x"], {"timeout": 1})
        assert commands_of(console).added == [(call, options, timedelta(minutes=15))]
        assert commands_of(console).reasons == ["by hand"]


async def test_the_queue_under_the_cursor_is_the_one_meant() -> None:
    console = fake_console()
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("4")
        table = console.main.tables["queues"]
        while table.selected_key != "reports":
            await pilot.press("j")
        await opened(pilot, "A")
        await typed(pilot, {"function": "shop.tasks:send_invoice"})
        await say_yes(pilot)
        assert commands_of(console).added == [
            (Call("shop.tasks:send_invoice", [], {}), {"queue_name": "reports", "job_id": ANY}, None)
        ]


@pytest.mark.parametrize(
    ("field", "text", "says"),
    [
        ("function", "no reference", "no function reference"),
        ("args", '{"a": 1}', "args: a JSON list is needed"),
        ("args", "[1, 2", "args: no JSON, column"),
        ("args", "[NaN]", "args: NaN is no JSON"),
        ("args", "[1e999]", "too large a number"),
        ("kwargs", "[]", "kwargs: a JSON object is needed"),
        ("kwargs", '{"a": 1, "a": 2}', "kwargs: 'a' is given twice"),
        ("queue", "a b", "queue name 'a b' is not valid"),
        ("due", "yesterday", "yesterday is no moment"),
        ("due", "2020-01-01 10:00", "is over"),
        ("max_retries", "many", "retries: a whole number is needed"),
        ("timeout", "long", "time limit: seconds are needed"),
        ("unique", "k" * 101, "1 to 100 characters"),
    ],
)
async def test_a_mistake_is_named_and_nothing_is_sent(field: str, text: str, says: str) -> None:
    console = fake_console()
    async with console.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, "3", "A")
        assert says in await typed(pilot, {"function": "shop.tasks:send", field: text})
        assert [label.id for label in screen.query(".-wrong")] == [f"label-{field}"]
        screen.query(Choice).last().focus()
        await pilot.press("enter")
        await pilot.pause()
        assert console.screen is screen
        assert commands_of(console).added == []


async def test_what_is_not_typed_yet_is_told_once_the_form_is_sent() -> None:
    console = fake_console()
    async with console.run_test(size=(80, 24)) as pilot:
        for digit, texts, says in (
            ("3", {}, "which function is to be called?"),
            ("6", {"function": "shop.tasks:digest"}, "when is it to run?"),
        ):
            screen = await opened(pilot, digit, "A")
            assert await typed(pilot, texts) == ""
            screen.query(Choice).last().focus()
            await pilot.press("enter")
            await pilot.pause()
            assert says in str(screen.query_one("#mistake", Static).render())
            await pilot.press("escape")
            await gone(pilot, FormScreen)
        assert commands_of(console).added == []


async def test_what_would_keep_the_job_waiting_is_told() -> None:
    console = fake_console()
    async with console.run_test(size=SIZE) as pilot:
        await opened(pilot, "3", "A")
        await typed(pilot, {"function": "shop.tasks:send_invoice", "queue": "nowhere"})
        assert "no living worker takes jobs from queue nowhere" in preview(pilot)
        await typed(pilot, {"function": "other.module:work", "queue": "mail"})
        assert "no worker of queue mail may run functions of other.module" in preview(pilot)


# a schedule


async def test_a_schedule_is_made_with_its_times_in_sight() -> None:
    console = fake_console()
    async with console.run_test(size=SIZE) as pilot:
        await opened(pilot, "6", "A")
        texts = {"function": "shop.tasks:digest", "when": "30 3 * * *", "timezone": "Europe/Berlin", "id": "early"}
        assert not await typed(pilot, {**texts, "repeat": "7", "jitter": "5m", "reason": "quieter"})
        assert "fires        every day at 03:30 Berlin" in preview(pilot)
        assert [f"2026-11-{day} 02:30:00" in preview(pilot) for day in range(25, 30)] == [True] * 5
        console.screen.query_one("#field-overlap").focus()
        await pilot.press("right")
        await say_yes(pilot)
        options = {
            "queue_name": "default",
            "cron": "30 3 * * *",
            "misfire": "run_once",
            "overlap": "skip",
            "repeat": 7,
            "jitter": 300.0,
            "timezone": "Europe/Berlin",
            "schedule_id": "early",
        }
        assert commands_of(console).added == [(Call("shop.tasks:digest", [], {}), options, None)]
        assert commands_of(console).calls == [("create", "early")]
        assert commands_of(console).reasons == ["quieter"]


async def test_a_single_run_is_read_in_the_time_zone_of_the_form() -> None:
    console = fake_console()
    async with console.run_test(size=SIZE) as pilot:
        await opened(pilot, "6", "A")
        await typed(pilot, {"function": "shop.tasks:digest", "timezone": "Europe/Berlin", "id": "xmas"})
        assert not await typed(pilot, {"when": "at 2026-12-24 18:00"})
        assert await typed(pilot, {"jitter": "5m"}) == "a single run has no repeat, jitter, missed or overlapping runs"
        assert not await typed(pilot, {"jitter": ""})
        await say_yes(pilot)
        due = datetime(2026, 12, 24, 17, tzinfo=UTC)
        options = {"queue_name": "default", "job_id": "xmas"}
        assert commands_of(console).added == [(Call("shop.tasks:digest", [], {}), options, due)]


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        ({"when": "0 25 * * *"}, "hour field"),
        ({"when": "every now and then"}, "interval 'now and then' is not valid"),
        ({"when": "at noon"}, "is no moment"),
        ({"timezone": "Europe/Berlim"}, "did you mean Europe/Berlin"),
        ({"id": "nightly"}, "schedule nightly exists"),
        ({"id": "a b"}, "schedule id"),
        ({"repeat": "0"}, "repeat must be"),
        ({"jitter": "2h"}, "jitter of 7200 s must be shorter"),
    ],
)
async def test_a_mistake_in_a_schedule_is_named(texts: dict[str, str], says: str) -> None:
    console = fake_console()
    async with console.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, "6", "A")
        assert says in await typed(pilot, {"function": "shop.tasks:digest", "when": "every 1h", **texts})
        screen.query(Choice).last().focus()
        await pilot.press("enter")
        await pilot.pause()
        assert console.screen is screen
        assert commands_of(console).added == []


# what the server refuses


async def say_yes_in_vain(pilot: Pilot[Any]) -> str:
    """Returns what the form says then."""
    screen = pilot.app.screen
    screen.query(Choice).last().focus()
    await pilot.press("enter")
    await pilot.pause()
    assert pilot.app.screen is screen
    return str(screen.query_one("#mistake", Static).render())


async def test_a_job_that_is_refused_is_still_in_its_form() -> None:
    console = fake_console()
    async with console.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, "3", "A")
        texts = {"function": "shop.tasks:send", "args": "[42]", "unique": "k", "reason": "by hand"}
        await typed(pilot, texts)
        commands_of(console).refuses[""] = EnqueueError("unique key 'k' is taken by job [red]0198")
        assert await say_yes_in_vain(pilot) == "unique key 'k' is taken by job [red]0198"
        assert {name: screen.form.text(name) for name in texts} == texts
        assert isinstance(console.focused, Choice)
        assert console.focused.value == "no", "enter once more does nothing"
        assert not await typed(pilot, {"unique": "k2"}), "it is no mistake of what is typed now"
        commands_of(console).refuses.clear()
        await say_yes(pilot)
        (added,) = commands_of(console).added
        assert added[0].args == [42]
        assert added[1]["unique"] == "k2"


class DoubtfulCommands(FakeCommands):
    """Never says that a job is stored."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    async def enqueue_job(self, call: Call, options: Mapping[str, Any], **how: Any) -> str:
        self.asked.append(options["job_id"])
        raise EnqueueError("no answer: it may be stored")


async def test_the_same_once_more_is_the_same_job() -> None:
    """So that a yes after an answer that did not come never makes two of it."""
    commands = DoubtfulCommands()
    console = fake_console(commands=commands)
    async with console.run_test(size=(80, 24)) as pilot:
        await opened(pilot, "3", "A")
        await typed(pilot, {"function": "shop.tasks:send", "args": "[42]"})
        for _ in range(2):
            assert await say_yes_in_vain(pilot) == "no answer: it may be stored"
        await typed(pilot, {"args": "[43]"})
        await say_yes_in_vain(pilot)
        first, again, other = commands.asked
        assert first == again != other


async def test_a_schedule_that_is_refused_is_still_in_its_form() -> None:
    console = fake_console()
    async with console.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, "6", "A")
        await typed(pilot, {"function": "shop.tasks:digest", "when": "every 1h", "id": "early"})
        commands_of(console).refuses["early"] = ConflictError("schedule early exists")
        assert await say_yes_in_vain(pilot) == "schedule early exists"
        assert screen.form.text("when") == "every 1h"
        await pilot.press("enter")
        await gone(pilot, FormScreen)
        assert commands_of(console).added == []


async def test_an_id_is_taken_as_soon_as_its_schedule_is_heard_of() -> None:
    """The form may be open before schedules are read, and while others make some."""
    nightly = next(each for each in schedules() if each.schedule_id == "nightly")
    console = fake_console((*first_batch(), SchedulesChanged(removed=("nightly",))))
    async with console.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, "6", "A")
        assert await typed(pilot, {"function": "shop.tasks:digest", "when": "every 1h", "id": "nightly"}) == ""
        console.take([SchedulesChanged((nightly,))])
        await pilot.pause()
        assert told(screen).startswith("id: schedule nightly exists")
        console.take([SchedulesChanged(removed=("nightly",))])
        await pilot.pause()
        assert told(screen) == ""
        commands_of(console).refuses["nightly"] = ConflictError("no answer")
        assert await say_yes_in_vain(pilot) == "no answer"
        console.take([SchedulesChanged((replace(nightly, schedule_id="other"),))])
        await pilot.pause()
        assert told(screen) == "no answer", "what the server says stays until something else is typed"


class SlowCommands(FakeCommands):
    """Enqueues once it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may = asyncio.Event()

    async def enqueue_job(self, call: Call, options: Mapping[str, Any], **how: Any) -> str:
        await self.may.wait()
        return await super().enqueue_job(call, options, **how)


async def test_what_is_under_way_is_sent_once_and_told_though_something_else_is_in_front() -> None:
    commands = SlowCommands()
    console = fake_console(commands=commands)
    async with console.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, "3", "A")
        await typed(pilot, {"function": "shop.tasks:send"})
        screen.query(Choice).last().focus()
        await pilot.press("enter", "enter", "escape", "left", "enter")
        await pilot.pause()
        assert console.screen is screen, "neither answer is taken while the first is under way"
        console.push_screen(TypedScreen("in front", "?", "x"))
        await shown(pilot, TypedScreen)
        commands.may.set()
        await pilot.pause()
        await pilot.press("escape")
        await gone(pilot, TypedScreen)
        await gone(pilot, FormScreen)
        assert len(commands.added) == 1


async def test_what_was_begun_is_done_though_its_form_is_gone() -> None:
    commands = SlowCommands()
    console = fake_console(commands=commands)
    async with console.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, "3", "A")
        await typed(pilot, {"function": "shop.tasks:send"})
        screen.query(Choice).last().focus()
        await pilot.press("enter")
        await pilot.pause()
        console.action_go("jobs")
        await gone(pilot, FormScreen)
        commands.may.set()
        async with asyncio.timeout(5):
            while not commands.added:
                await pilot.pause(0.02)
        assert console.screen is console.main


# where it may be done


async def test_empty_lists_say_the_key_and_a_read_only_console_does_not() -> None:
    for read_only in (False, True):
        console = fake_console(NOTHING, read_only=read_only)
        async with console.run_test(size=SIZE) as pilot:
            await settle(pilot)
            for digit, says in (
                ("3", "A enqueues one"),
                ("4", "A enqueues a first job"),
                ("6", "A on screen 6 makes one"),
            ):
                await pilot.press(digit)
                await pilot.pause()
                assert (says in text_on(pilot)) is not read_only
                await pilot.press("A")
                await pilot.pause()
                assert (console.screen is console.main) is read_only
                await pilot.press("escape")


async def test_production_asks_for_its_name_first() -> None:
    prod = Context("prod", ContextEntry(name="prod", production=True))
    console = fake_console(context=prod, allow_changes=True)
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        for digit, kind in (("3", AddJobScreen), ("6", AddScheduleScreen)):
            await pilot.press(digit, "A")
            await shown(pilot, TypedScreen)
            await pilot.press(*"prod", "enter")
            await shown(pilot, kind)
            await pilot.press("escape")
            await gone(pilot, kind)
        assert commands_of(console).added == []


# what is known


def test_functions_heard_of_are_suggested_the_newest_first() -> None:
    state = apply(EMPTY, first_batch())
    seen = functions_seen(state)
    newest = next(row.raw.event for row in reversed(state.events) if row.raw.event and row.raw.event.function)
    assert next(iter(seen.items())) == (newest.function, newest.queue)
    assert {"shop.tasks:digest", "shop.tasks:cleanup_old"} <= seen.keys(), "schedules tell of theirs"
    assert functions_seen(apply(EMPTY, hostile_batch(MIXED))) == {}, "what is no reference is not suggested"


# as a person types it


def test_numbers_of_any_length_stay_exact() -> None:
    assert list_of(f"[{2**200}, 0.1, -5]", "args") == [2**200, 0.1, -5]
    assert (list_of("", "args"), object_of("", "kwargs")) == ([], {})
    with pytest.raises(ValueError, match="nested too deep"):
        list_of("[" * 100_000, "args")


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", None),
        ("now", None),
        ("15m", timedelta(minutes=15)),
        ("in 1h 30m", timedelta(minutes=90)),
        ("18:00", datetime(2026, 11, 24, 17, tzinfo=UTC)),
        ("at 9:00", datetime(2026, 11, 25, 8, tzinfo=UTC)),
        ("tomorrow 9:00", datetime(2026, 11, 25, 8, tzinfo=UTC)),
        ("2026-12-24 18:00", datetime(2026, 12, 24, 17, tzinfo=UTC)),
        ("2026-12-24T18:00+00:00", datetime(2026, 12, 24, 18, tzinfo=UTC)),
    ],
)
def test_a_moment_to_come_is_read(text: str, wanted: datetime | timedelta | None) -> None:
    assert parse_due(text, T0, BERLIN) == wanted


@pytest.mark.parametrize(
    "text", ["in 15", "today 9:00", "2020-01-01", "tomorrow", "25:00", "9999-12-31 99:00", "in 9999999999d"]
)
def test_what_is_no_moment_to_come_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_due(text, T0, BERLIN)


def test_what_makes_a_schedule_fire_is_told_apart() -> None:
    assert times_of("*/5 * * * *", "", T0) == {"cron": "*/5 * * * *"}
    assert times_of("Every 15m", "", T0) == {"interval": "15m"}
    assert times_of("in 1h", "", T0) == {"run_at": T0 + timedelta(hours=1)}
    with pytest.raises(ValueError, match="say 'in 1h30m' or 'every 1h30m'"):
        times_of("1h30m", "", T0)


# the same from a shell


def parsed(line: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    verbs = parser.add_subparsers()
    cli_enqueue.register(verbs)
    cli_schedules.register(verbs)
    words = shlex.split(line)
    assert words[0] == "naq"
    return parser.parse_args(words[1:])


CALLS = [
    Call("shop.tasks:send", [], {}),
    Call("shop.tasks:send", [1, -5, 2**70, 0.25, True, None, "x", "5", "", "-x", "a=b", "true", "a b"], {}),
    Call("shop.tasks:send", [{"a": ["b=c"]}, '{"a": 1, "a": 2}', "it's", '"q"', "$HOME `x`", "\n\x1b[2J", "日本"], {}),
    Call("shop.tasks:send", [1], {"timeout": 3, "name": "x=y", "nested": {"k": [1]}, "queue_name": "-q"}),
]


@pytest.mark.parametrize("call", CALLS)
def test_the_command_gives_the_same_call(call: Call) -> None:
    options = {"queue_name": "mail", "max_retries": 2, "timeout": 90.0, "unique": "a b"}
    line = enqueue_line(call, options, timedelta(minutes=15))
    assert line is not None
    assert line.isprintable()
    args = parsed(line)
    assert Call(args.function, *cli_enqueue.parse_arguments(args.arguments)) == call
    assert (args.queue, args.max_retries, args.timeout, args.unique, args.delay) == ("mail", 2, 90.0, "a b", "900s")
    made = {"cron": "0 2 * * *", "timezone": "Europe/Berlin", "jitter": 90.0, "overlap": "skip", "queue_name": "mail"}
    line = schedule_line(call, {**made, "misfire": "run_once", "schedule_id": "nightly"})
    assert line is not None
    args = parsed(line)
    assert Call(args.function, *cli_enqueue.parse_arguments(args.arguments)) == call
    assert given(args) == made
    assert args.schedule_id == "nightly"


def test_no_command_is_told_for_arguments_that_are_more_than_json() -> None:
    assert edit_line("nightly", {"args": [1]}, None) == "naq schedules edit nightly --args '[1]'"
    assert edit_line("nightly", {"args": codec.pack([T0])}, None) is None


def test_no_command_is_told_where_none_does_the_same() -> None:
    assert enqueue_line(Call("m:f", [], {"no name": 1}), {}, None) is None
    assert enqueue_line(Call("m:f"), {"unique": "\x1b"}, None) is None
    assert edit_line("nightly", {"run_at": T0}, None) is None
    line = edit_line("nightly", {"repeat": None, "args": [1], "interval": "15m"}, "it's late")
    assert line is not None
    args = parsed(line)
    assert given(args) == {"repeat": None, "args": [1], "interval": "15m"}
    assert args.reason == "it's late"
