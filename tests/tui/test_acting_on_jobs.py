"""What can be done to one job or to many: asked, refused, paused and counted."""

from __future__ import annotations

import asyncio

from textual.widgets import Input, Static

from naq.errors import ConflictError
from naq.models.event import JobEventType
from naq_tui.acting.bulk import BulkAction
from naq_tui.acting.targets import Target, breakdown
from naq_tui.feed.fake import FakeCommands
from naq_tui.feed.sample import job_id
from naq_tui.screens.bulk import BulkScreen
from naq_tui.store.updates import EventsAppended
from tests.tui.commands import commands_of
from tests.tui.conftest import fake_console, gone, settle, shown
from tests.tui.test_jobs import event


async def test_one_job_is_retried_with_a_reason() -> None:
    console = fake_console()
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("3", "left", "R")
        await shown(pilot, BulkScreen)
        console.screen.query_one("#field-reason", Input).value = "upstream is back"
        await pilot.press("right", "enter")
        await gone(pilot, BulkScreen)
        verbs = [verb for verb, _ in commands_of(console).calls]
        assert verbs == ["begin retry jobs", "retry", "finish retry jobs"]
        assert commands_of(console).reasons[:2] == ["upstream is back", "upstream is back"]


async def test_no_is_the_default() -> None:
    console = fake_console()
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("3", "left", "D")
        await shown(pilot, BulkScreen)
        await pilot.press("enter")
        await gone(pilot, BulkScreen)
        assert commands_of(console).calls == []


async def test_ten_or_more_need_their_number_typed() -> None:
    console = fake_console()
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("9", "down", "R")
        await shown(pilot, BulkScreen)
        assert isinstance(console.screen, BulkScreen)
        number = len(console.screen.targets)
        assert number >= 10
        assert console.focused is console.screen.query_one("#field-count"), "it is what there is to do"
        await pilot.press("enter", "right", "enter")
        await pilot.pause()
        assert str(number) in str(console.screen.query_one("#mistake", Static).render())
        assert commands_of(console).calls == []
        await pilot.press("up", *"fixed", "down", *str(number), "down", "right", "enter")
        await gone(pilot, BulkScreen)
        calls = commands_of(console).calls
        assert calls[0] == ("begin retry jobs", str(number))
        assert sum(verb == "retry" for verb, _ in calls) == number
        assert calls[-1] == ("finish retry jobs", f"{number} done, 0 refused")
        assert commands_of(console).reasons[0] == "fixed"


async def test_many_that_wait_for_an_answer_are_cancelled_side_by_side() -> None:
    answered = asyncio.Event()

    class Slow(FakeCommands):
        async def cancel_job(self, job_id: str, *, reason: str | None = None, action_id: str | None = None) -> str:
            self.calls.append(("asked", job_id))
            await answered.wait()
            return await super().cancel_job(job_id, reason=reason, action_id=action_id)

    many = [event(1 + number, JobEventType.ENQUEUED, job=job_id(number)) for number in range(100)]
    console = fake_console((EventsAppended(tuple(many)),), commands=Slow())
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("3", "a", "X")
        await shown(pilot, BulkScreen)
        await pilot.press(*"100", "down", "right", "enter")
        calls = commands_of(console).calls
        async with asyncio.timeout(10):
            while sum(verb == "asked" for verb, _ in calls) < 64:
                await pilot.pause(0.02)
        assert sum(verb == "cancel job" for verb, _ in calls) == 0
        answered.set()
        await gone(pilot, BulkScreen)
        assert sum(verb == "cancel job" for verb, _ in calls) == 100


async def test_what_cannot_be_done_to_a_job_is_said() -> None:
    console = fake_console()
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("3", "left", "X")
        await pilot.pause()
        assert console.screen is console.main
        assert commands_of(console).calls == []


def targets(number: int) -> tuple[Target, ...]:
    return tuple(Target(job_id(i), f"{i}", "FAILED", "send", f"q{i % 5}", "KeyError", "") for i in range(number))


async def test_a_bulk_action_is_paused_goes_on_and_counts_refusals() -> None:
    began = asyncio.Event()
    hold = asyncio.Event()

    async def act(job: str) -> None:
        began.set()
        await hold.wait()
        if job == job_id(3):
            raise ConflictError("it moved on")

    action = BulkAction(targets(100), act, lambda: None)
    running = asyncio.create_task(action.run())
    await began.wait()
    action.toggle_pause()
    hold.set()
    for _ in range(100):
        await asyncio.sleep(0)
    assert action.done + action.refused == 16, "while it is paused, only what had begun comes to its end"
    action.toggle_pause()
    await running
    assert (action.done, action.refused, action.left) == (99, 1, 0)
    assert action.problems == ["it moved on"]


async def test_what_many_are_refused_for_is_told_once() -> None:
    async def act(key: str) -> None:
        raise ConflictError(f"job {key} keeps changing" if key == job_id(2) else "no such stream")

    action = BulkAction(targets(20), act)
    await action.run()
    assert action.refused == 20
    assert action.problems == ["no such stream", f"job {job_id(2)} keeps changing"]


async def test_a_cancelled_bulk_action_begins_no_more() -> None:
    hold = asyncio.Event()

    async def act(job: str) -> None:
        await hold.wait()

    action = BulkAction(targets(100), act, lambda: None)
    running = asyncio.create_task(action.run())
    await asyncio.sleep(0)
    action.cancel()
    hold.set()
    await running
    assert action.done <= 16
    assert action.left >= 84


def test_a_breakdown_names_the_most_frequent() -> None:
    lines = dict(breakdown(targets(12)))
    assert lines["queues"] == "q0 3 · q1 3 · q2 2 · 2 more"
    assert lines["functions"] == "send 12"
    assert lines["errors"] == "KeyError 12"
