"""What an operator does to queues, workers and schedules, and what is asked first."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from naq.errors import ConflictError, NaqConnectionError
from naq.scheduler.spec import next_runs
from naq_tui.app import NaqConsole
from naq_tui.feed.fake import FakeCommands, FakeFeed, FakeProcesses, first_batch
from naq_tui.feed.sample import T0, queues, schedules, workers
from naq_tui.screens.add_job import AddJobScreen
from naq_tui.screens.bulk import BulkScreen
from naq_tui.screens.confirm import ConfirmScreen
from naq_tui.screens.edit_schedule import EditScheduleScreen, changed_by, changes_of, texts_of
from naq_tui.store.updates import QueuesSampled, SchedulesChanged, WorkersChanged
from naq_tui.views.queues import QueueItem, drains
from naq_tui.widgets.facts import Facts
from tests.tui.conftest import NOTHING, fake_console, gone, settle, shown, text_on

NIGHTLY = next(schedule for schedule in schedules() if schedule.schedule_id == "nightly")


def calls_of(console: NaqConsole) -> list[tuple[str, str]]:
    """What was done to which, without what tells of actions on many."""
    assert isinstance(console.commands, FakeCommands)
    return [call for call in console.commands.calls if not call[0].startswith(("begin ", "finish "))]


async def test_a_queue_is_paused_and_resumed() -> None:
    paused = tuple(replace(stats, is_paused=stats.queue == "mail") for stats in queues())
    console = fake_console((*first_batch(), QueuesSampled(paused, T0)))
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("4")
        table = console.main.tables["queues"]
        while table.selected_key != "mail":
            await pilot.press("j")
        await pilot.press("P")
        await shown(pilot, ConfirmScreen)
        await pilot.press("y")
        await pilot.pause()
        await pilot.press("g", "P")
        await shown(pilot, ConfirmScreen)
        await pilot.press("y")
        await pilot.pause()
        assert calls_of(console) == [("resume queue", "mail"), ("pause queue", table.selected_key)]


async def test_a_row_that_is_acted_on_keeps_the_cursor() -> None:
    console = fake_console()
    assert isinstance(console.feed, FakeFeed)
    feed = console.feed
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("6")
        table = console.main.tables["schedules"]
        first = table.selected_key
        await pilot.press("P")
        await shown(pilot, ConfirmScreen)
        await pilot.press("y")
        await gone(pilot, ConfirmScreen)
        paused = tuple(
            replace(each, status="PAUSED", next_run_at=None) if each.schedule_id == first else each
            for each in schedules()
        )
        feed.push(SchedulesChanged(paused))
        async with asyncio.timeout(10):
            while table.view.key(table.items[0]) == first:
                await pilot.pause(0.02)
        assert table.selected_key == first, "the next key is about the same schedule"


async def test_the_keys_that_an_empty_overview_names_work_there() -> None:
    console = fake_console(NOTHING, processes=FakeProcesses())
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        assert "A enqueues a first job" in text_on(pilot)
        await pilot.press("A")
        await shown(pilot, AddJobScreen)


async def test_marked_schedules_are_paused_together_after_one_question() -> None:
    console = fake_console()
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("6", "j", "space", "space", "P")
        await shown(pilot, ConfirmScreen)
        assert isinstance(console.screen, ConfirmScreen)
        assert "2 schedules" in console.screen.question
        await pilot.press("y")
        await pilot.pause()
        assert sorted(calls_of(console)) == [("pause", "minutely"), ("pause", "nightly")]
        assert not console.main.tables["schedules"].marks
        commands = console.commands
        assert isinstance(commands, FakeCommands)
        assert commands.calls[0] == ("begin pause schedules", "2")
        assert commands.calls[-1] == ("finish pause schedules", "2 done, 0 refused")
        assert sorted(commands.parts) == [("action-1", "minutely"), ("action-1", "nightly")], "one action"


async def test_what_is_refused_of_many_stays_marked_and_the_rest_is_done() -> None:
    console = fake_console()
    async with console.run_test(size=(120, 40), notifications=True) as pilot:
        await settle(pilot)
        await pilot.press("5", "a", "K")
        await shown(pilot, ConfirmScreen)
        assert isinstance(console.commands, FakeCommands)
        console.commands.refuses["w-4"] = ConflictError("worker w-4 is stopping already")
        await pilot.press("y")
        await gone(pilot, ConfirmScreen)
        await pilot.pause()
        assert sorted(calls_of(console)) == [("stop", "w-3"), ("stop", "w-5")]
        marks = console.main.tables["workers"].marks
        assert [key for key in ("w-3", "w-4", "w-5") if key in marks] == ["w-4"]
        assert "2 of 3 workers asked to stop. worker w-4 is stopping already" in messages(console)


async def test_a_server_out_of_reach_is_asked_once() -> None:
    console = fake_console()
    async with console.run_test(size=(120, 40), notifications=True) as pilot:
        await settle(pilot)
        await pilot.press("4", "a", "P")
        await shown(pilot, ConfirmScreen)
        commands = console.commands
        assert isinstance(commands, FakeCommands)
        commands.refuses[""] = NaqConnectionError("no answer from local")
        await pilot.press("y")
        await gone(pilot, ConfirmScreen)
        await pilot.pause()
        assert messages(console) == ["0 of 4 queues paused. no answer from local"]
        assert commands.refused == 1
        assert len(console.main.tables["queues"].marks) == 4


async def test_marked_queues_are_emptied_together_and_other_marks_stay() -> None:
    console = fake_console()
    async with console.run_test(size=(120, 40), notifications=True) as pilot:
        await settle(pilot)
        await pilot.press("6", "space", "4", "a", "D")
        await shown(pilot, ConfirmScreen)
        assert isinstance(console.screen, ConfirmScreen)
        number = sum(stats.waiting for stats in queues())
        assert f"Delete {number:,} waiting jobs of 4 queues: " in console.screen.question
        await pilot.press(*str(number), "enter", "y")
        await gone(pilot, ConfirmScreen)
        await pilot.pause()
        assert sorted(calls_of(console)) == sorted(("purge", stats.queue) for stats in queues())
        assert messages(console) == ["4 queues emptied: 48 jobs deleted."]
        assert not console.main.tables["queues"].marks
        assert len(console.main.tables["schedules"].marks) == 1


async def test_marked_schedules_are_fired_together() -> None:
    console = fake_console()
    async with console.run_test(size=(120, 40), notifications=True) as pilot:
        await settle(pilot)
        await pilot.press("6", "space", "j", "space", "T")
        await shown(pilot, ConfirmScreen)
        assert isinstance(console.screen, ConfirmScreen)
        assert console.screen.question.startswith("Fire 2 schedules: ")
        await pilot.press("y")
        await gone(pilot, ConfirmScreen)
        await pilot.pause()
        assert [verb for verb, _ in calls_of(console)] == ["trigger", "trigger"]
        assert messages(console) == ["2 schedules fired."]


MANY = 24


def many_schedules() -> SchedulesChanged:
    return SchedulesChanged(tuple(replace(NIGHTLY, schedule_id=f"s-{number:02d}") for number in range(MANY)))


def many_queues() -> QueuesSampled:
    return QueuesSampled(tuple(replace(queues()[0], queue=f"q-{number:02d}", waiting=1) for number in range(MANY)), T0)


def many_workers() -> WorkersChanged:
    living = next(worker for worker in workers() if worker.worker_id == "w-3")
    return WorkersChanged(tuple(replace(living, worker_id=f"w-{number:02d}") for number in range(MANY)))


@pytest.mark.parametrize(
    ("digit", "key", "update", "verb", "action", "question"),
    [
        ("6", "P", many_schedules, "pause", "pause schedules", "Pause 24 schedules?"),
        ("6", "T", many_schedules, "trigger", "fire schedules", "Fire 24 schedules now?"),
        ("6", "X", many_schedules, "cancel", "cancel schedules", "Cancel 24 schedules?"),
        ("4", "P", many_queues, "pause queue", "pause queues", "Pause 24 queues?"),
        ("4", "D", many_queues, "purge", "purge queues", "Delete 24 waiting jobs of 24 queues?"),
        ("5", "K", many_workers, "stop", "stop workers", "Stop 24 workers?"),
    ],
)
async def test_ten_or_more_of_any_kind_have_a_form_with_their_course(
    digit: str, key: str, update: Any, verb: str, action: str, question: str
) -> None:
    """Counted, broken down, typed out, one action, what is refused told and still marked."""
    console = fake_console((*NOTHING, update()))
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press(digit, "a", key)
        await shown(pilot, BulkScreen)
        screen, commands = console.screen, console.commands
        assert isinstance(screen, BulkScreen)
        assert isinstance(commands, FakeCommands)
        assert screen.question == question
        number = len(screen.targets)
        assert number == MANY
        assert "such as" in text_on(pilot)
        third = screen.targets[2].key
        commands.refuses[third] = ConflictError(f"{third} moved on")
        await pilot.press("enter", "y")
        assert calls_of(console) == [], "the number is not typed"
        await pilot.press(*str(number), "enter", "y")
        await pilot.pause()
        assert f"{number} of {number}" in text_on(pilot)
        assert f"! {third} moved on" in text_on(pilot)
        await pilot.press("enter")
        await gone(pilot, BulkScreen)
        assert len(commands.parts) == number - 1
        assert {each for each, _ in commands.parts} == {"action-1"}
        assert [name for name, _ in calls_of(console)] == [verb] * (number - 1)
        assert (f"begin {action}", str(number)) in commands.calls
        assert (f"finish {action}", f"{number - 1} done, 1 refused") in commands.calls
        marks = console.main.tables[console.main.current].marks
        assert len(marks) == 1
        assert third in marks


async def test_no_to_many_leaves_their_marks() -> None:
    console = fake_console((*NOTHING, many_schedules()))
    async with console.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("6", "a", "P")
        await shown(pilot, BulkScreen)
        await pilot.press("escape")
        await gone(pilot, BulkScreen)
        assert calls_of(console) == []
        assert len(console.main.tables["schedules"].marks) >= MANY


def messages(console: NaqConsole) -> list[str]:
    """What was said at the corner of the screen."""
    return [note.message for note in console._notifications]


async def say_yes_because(pilot: Pilot[None], reason: str) -> None:
    """From "no": up into the reason, enter back, right to the other answer."""
    await pilot.press("up", *reason, "enter", "right", "enter")
    await pilot.pause()


@pytest.mark.parametrize(
    ("keys", "verb"),
    [
        (("4", "P"), "pause queue"),
        (("6", "P"), "resume"),
        (("6", "T"), "trigger"),
        (("6", "X"), "cancel"),
        (("5", "j", "K"), "stop"),
        (("5", "D"), "forget"),
    ],
)
async def test_a_reason_can_be_given_for_whatever_the_log_tells(keys: tuple[str, ...], verb: str) -> None:
    console = fake_console()
    async with console.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press(*keys)
        await shown(pilot, ConfirmScreen)
        key = console.main.tables[console.main.current].selected_key
        await say_yes_because(pilot, "any")
        assert isinstance(console.commands, FakeCommands)
        assert calls_of(console) == [(verb, key)]
        assert console.commands.reasons == ["any"]


async def test_the_number_of_jobs_to_be_purged_is_typed_where_they_are_many() -> None:
    console = fake_console()
    async with console.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("4")
        table = console.main.tables["queues"]
        while table.selected_key != "reports":
            await pilot.press("j")
        await pilot.press("D")
        await shown(pilot, ConfirmScreen)
        await pilot.press(*"49", "enter", "y")
        await pilot.pause()
        assert isinstance(console.screen, ConfirmScreen)
        assert "Type 4910, the number of jobs" in str(console.screen.query_one("#mistake", Static).render())
        await pilot.press(*"4910", "up", *"old", "enter", "y")
        await pilot.pause()
        assert isinstance(console.commands, FakeCommands)
        assert calls_of(console) == [("purge", "reports")]
        assert console.commands.reasons == ["old"]


async def test_a_schedule_is_fired_now() -> None:
    console = fake_console()
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("6", "T")
        await shown(pilot, ConfirmScreen)
        await pilot.press("y")
        await pilot.pause()
        assert [verb for verb, _ in calls_of(console)] == ["trigger"]


async def test_the_dead_are_forgotten_and_the_living_stopped() -> None:
    console = fake_console()
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("5", "a", "K")
        await shown(pilot, ConfirmScreen)
        await pilot.press("y")
        await pilot.pause()
        assert sorted(calls_of(console)) == [("stop", "w-3"), ("stop", "w-4"), ("stop", "w-5")]
        await pilot.press("a", "D")
        await shown(pilot, ConfirmScreen)
        await pilot.press("y")
        await pilot.pause()
        assert calls_of(console)[-1] == ("forget", "w-7")


async def test_a_schedule_is_edited_with_its_next_times_in_sight() -> None:
    console = fake_console()
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("6")
        while console.main.tables["schedules"].selected_key != "nightly":
            await pilot.press("j")
        await pilot.press("E")
        await shown(pilot, EditScheduleScreen)
        when = console.screen.query_one("#field-when", Input)
        when.value = "0 25 * * *"
        await pilot.pause()
        assert str(console.screen.query_one("#mistake", Static).render())
        when.value = "30 3 * * *"
        await pilot.pause()
        preview = console.screen.query_one(Facts).text
        assert "every day at 03:30 Berlin" in preview
        assert [f"2026-11-{day} 02:30:00" in preview for day in range(25, 30)] == [True] * 5
        assert "--cron '30 3 * * *'" in preview
        console.screen.query_one("#field-reason", Input).value = "later is quieter"
        await pilot.press("enter", "right", "enter")
        await pilot.pause()
        await pilot.pause()
        assert isinstance(console.commands, FakeCommands)
        assert calls_of(console) == [("modify cron", "nightly")]
        assert console.commands.reasons == ["later is quieter"]


async def test_a_change_that_is_refused_is_still_in_its_form() -> None:
    console = fake_console()
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("6")
        while console.main.tables["schedules"].selected_key != "nightly":
            await pilot.press("j")
        await pilot.press("E")
        await shown(pilot, EditScheduleScreen)
        when = console.screen.query_one("#field-when", Input)
        when.value = "30 3 * * *"
        assert isinstance(console.commands, FakeCommands)
        console.commands.refuses["nightly"] = ConflictError("schedule nightly was cancelled")
        await pilot.press("enter", "right", "enter")
        await pilot.pause()
        assert isinstance(console.screen, EditScheduleScreen)
        assert str(console.screen.query_one("#mistake", Static).render()) == "schedule nightly was cancelled"
        assert when.value == "30 3 * * *"
        assert calls_of(console) == []


def test_only_what_differs_is_changed() -> None:
    before = texts_of(NIGHTLY)
    assert changes_of(NIGHTLY, before, T0) == {}
    typed = {**before, "when": "every 15m", "repeat": "3", "kwargs": '{"limit": 9}'}
    assert changes_of(NIGHTLY, typed, T0) == {"interval": "15m", "repeat": 3, "kwargs": {"limit": 9}}
    for name, text in (("repeat", "soon"), ("args", "{}"), ("kwargs", "[")):
        with pytest.raises(ValueError, match=name if name != "repeat" else "runs in all"):
            changes_of(NIGHTLY, {**before, name: text}, T0)


async def test_secrets_of_a_schedule_are_hidden_in_its_form_and_kept() -> None:
    kwargs = {"region": "EU", "token": "t0p"}
    secret = replace(NIGHTLY, job={**NIGHTLY.job, "args": ["Müller", {"password": "hush"}], "kwargs": kwargs})
    console = fake_console((*first_batch(), SchedulesChanged((secret,))))
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("6")
        while console.main.tables["schedules"].selected_key != "nightly":
            await pilot.press("j")
        await pilot.press("E")
        await shown(pilot, EditScheduleScreen)
        await pilot.pause()
        screen = console.screen
        assert screen.query_one("#field-args", Input).value == '["Müller", {"password": "•••"}]'
        field = screen.query_one("#field-kwargs", Input)
        assert field.value == '{"region": "EU", "token": "•••"}'
        field.value = '{"region": "US", "token": "•••"}'
        await pilot.pause()
        assert not any(hidden in text_on(pilot) for hidden in ("t0p", "hush"))
        await pilot.press("ctrl+y")
        assert not console.clipboard, "no command holds what is hidden"
        field.value = '{"region": "US", "key": "•••"}'
        await pilot.pause()
        assert "a hidden value (•••) can't be kept" in str(screen.query_one("#mistake", Static).render())
        field.value = '{"region": "US", "token": "•••"}'
        await pilot.pause()
        await pilot.press("enter", "right", "enter")
        await gone(pilot, EditScheduleScreen)
        assert isinstance(console.commands, FakeCommands)
        assert console.commands.changes == [{"kwargs": {"region": "US", "token": "t0p"}}]


def test_the_next_times_follow_what_is_typed() -> None:
    often = changed_by(NIGHTLY, {"cron": "*/5 * * * *"}, T0)
    assert next_runs(often, 2, T0) == [T0.replace(minute=minute, second=0, microsecond=0) for minute in (10, 15)]
    assert next_runs(changed_by(NIGHTLY, {}, T0), 1, T0) == [NIGHTLY.next_run_at]


def test_a_drain_is_estimated_by_what_goes_and_comes() -> None:
    from naq_tui.store.fold import apply
    from naq_tui.store.state import EMPTY, Traffic

    state = apply(EMPTY, first_batch())
    second = int(T0.timestamp())
    row = next(row for row in state.queues if row.name == "reports")
    pace = Traffic().finished.add({second - 5: 600})
    assert drains(QueueItem(row, Traffic(finished=pace), False), second) == ("8 min", "muted")
    growing = Traffic(finished=pace, enqueued=Traffic().enqueued.add({second - 5: 900}))
    assert drains(QueueItem(row, growing, False), second)[0] == "grows"
    assert drains(QueueItem(row, Traffic(), False), second)[0] == "stands"
    steady = Traffic(finished=pace, enqueued=Traffic().enqueued.add({second - 5: 600}))
    assert drains(QueueItem(row, steady, False), second) == ("steady", "muted")
