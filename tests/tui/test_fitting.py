"""What acts is offered where it can be done: dimmed in the footer where not, in its place, and the reason in words."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot

from naq.client import AsyncClient
from naq.connection import LinkState
from naq.errors import NaqConnectionError
from naq.models.event import JobEvent, JobEventType
from naq.settings import Settings
from naq_tui import keys
from naq_tui.acting.fitting import why_not
from naq_tui.app import NaqConsole
from naq_tui.feed import commands as feed_commands
from naq_tui.feed.commands import NatsCommands
from naq_tui.feed.fake import FakeCommands, FakeFeed, FakeProcesses, first_batch
from naq_tui.feed.sample import T0, link, schedules, stored
from naq_tui.screens.detail import DetailScreen
from naq_tui.screens.help import HelpScreen, help_lines
from naq_tui.store.updates import EventsAppended, SchedulesChanged
from naq_tui.views.table import Lens
from tests.tui.conftest import NOTHING, fake_console, settle, shown, text_on, until
from tests.tui.test_launcher_screens import MAIL, REPORTS, views

ENDED = tuple(replace(schedule, status="CANCELLED") for schedule in schedules())
RETRIED = "only failed and cancelled jobs can be retried; any other can be cloned."
CANCELLED = "only jobs that have not ended can be cancelled."
STOPPED = "only living workers can be asked to stop."


def usual(*updates: Any) -> NaqConsole:
    processes = FakeProcesses(*views(), recipes={"mail": MAIL, "reports": REPORTS})
    return fake_console((*first_batch(), *updates), processes=processes)


def messages(console: NaqConsole) -> list[str]:
    return [note.message for note in console._notifications]


async def go_to(pilot: Pilot[None], console: NaqConsole, place: str, row: Any) -> None:
    """Put the cursor of a list on the first row that it is so of."""
    await pilot.press(keys.SCREENS[place][0])
    table = console.main.tables[place]
    await pilot.press("g")
    for _ in range(table.row_count):
        if row(table.selected):
            return
        await pilot.press("j")
    raise AssertionError(f"no such row in {place}")


def is_job(status: str) -> Any:
    return lambda row: row.status == status


def is_process(name: str) -> Any:
    return lambda item: item.row.name == name


@pytest.mark.parametrize(
    ("place", "row", "unfit", "key", "words"),
    [
        ("jobs", is_job("RUNNING"), "job.retry job.delete", "R", f" runs: {RETRIED}"),
        ("jobs", is_job("COMPLETED"), "job.retry job.cancel", "X", f"is done: {CANCELLED}"),
        ("jobs", is_job("FAILED"), "job.cancel", "X", f"has failed: {CANCELLED}"),
        ("results", is_job("COMPLETED"), "job.retry", "R", f"is done: {RETRIED}"),
        (
            "workers",
            lambda row: row.worker_id == "w-7",
            "worker.stop",
            "K",
            f"Worker batch-2/w-7 is dead: {STOPPED}",
        ),
        (
            "workers",
            lambda row: row.worker_id == "w-3",
            "worker.forget",
            "D",
            "Worker web-1/w-3 is alive: only what is dead can be forgotten.",
        ),
        (
            "workers",
            lambda row: row.is_scheduler,
            "worker.stop worker.forget",
            "K",
            f"s-1 is a scheduler, which is stopped on screen 8 of its own machine: {STOPPED}",
        ),
        (
            "queues",
            lambda item: item.row.name == "default",
            "queue.purge",
            "D",
            "Nothing waits in queue default: only jobs that wait can be deleted.",
        ),
        (
            "schedules",
            lambda row: row.schedule_id == "nightly",
            "schedule.toggle schedule.edit schedule.cancel schedule.trigger",
            "P",
            "Schedule nightly has ended (cancelled): there is nothing to pause or resume.",
        ),
        (
            "schedules",
            lambda row: row.schedule_id == "nightly",
            "schedule.toggle schedule.edit schedule.cancel schedule.trigger",
            "T",
            "Schedule nightly has ended (cancelled): there is nothing to fire.",
        ),
        (
            "processes",
            is_process("mail-1"),
            "process.forget",
            "D",
            "mail-1 runs: only processes that have ended can be taken off the list.",
        ),
        (
            "processes",
            is_process("mail-3"),
            "process.kill",
            "X",
            "mail-3 has ended and waits for its next start: only what runs can be killed.",
        ),
        (
            "processes",
            is_process("worker-1"),
            "process.stop process.kill process.fewer",
            "K",
            "worker-1 has ended: only what runs, or is about to, can be stopped.",
        ),
        (
            "processes",
            is_process("reports"),
            "process.restart process.stop process.kill process.forget process.fewer",
            "R",
            "Nothing of reports runs: + starts one.",
        ),
        (
            "processes",
            is_process("nats-server"),
            "process.forget process.more process.fewer",
            "plus",
            "the console's own",
        ),
    ],
)
async def test_what_can_not_be_done_to_a_row_is_dimmed_and_says_why(
    place: str, row: Any, unfit: str, key: str, words: str
) -> None:
    console = usual(SchedulesChanged(ENDED))
    async with console.run_test(size=(120, 40), notifications=True) as pilot:
        await settle(pilot)
        await go_to(pilot, console, place, row)
        await pilot.pause()
        assert console.main.key_line.unfit == frozenset(unfit.split())
        await pilot.press(key)
        await pilot.pause()
        assert console.screen is console.main, "it asks nothing"
        (said,) = messages(console)
        assert words in said
        assert isinstance(console.commands, FakeCommands)
        assert console.commands.calls == []


async def test_without_a_connection_nothing_is_asked_of_the_server_and_the_keys_say_so() -> None:
    console = usual()
    async with console.run_test(size=(120, 40), notifications=True) as pilot:
        await settle(pilot)
        assert isinstance(console.feed, FakeFeed)
        console.feed.push(link(state="lost"))
        await until(pilot, lambda: console.state.link.state == "lost")
        reason = "There is no connection to local: it can be done once there is one."
        for place, acts in (("3", "RXDC"), ("4", "PD"), ("5", "KD"), ("6", "PTEXA"), ("9", "R")):
            await pilot.press(place)
            await pilot.pause()
            here = [action for action in console.actions if action.acts and action.works_in(console.place)]
            remote = {action.id for action in here if not action.id.startswith("launch.")}
            assert console.main.key_line.unfit == remote
            for key in acts:
                console.clear_notifications()
                await pilot.press(key)
                await until(pilot, lambda: reason in messages(console))
                assert console.screen is console.main, "it asks nothing"
        await pilot.press("8")
        await pilot.pause()
        assert not [name for name in console.main.unfit().values() if "connection" in name], "these are of this machine"
        console.feed.push(link())
        await pilot.press("4")
        await until(pilot, lambda: reason not in console.main.unfit().values())


class Client(AsyncClient):
    """Knows the link, sends nothing."""

    def __init__(self) -> None:
        super().__init__(Settings(nats_url="nats://localhost:4229"))
        self.paused: list[str] = []

    async def pause_queue(self, queue: str, **_: Any) -> None:
        self.paused.append(queue)


async def test_what_is_asked_for_while_the_link_is_down_waits_for_it_or_is_not_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = Client()
    commands = NatsCommands(lambda: client)
    asked = asyncio.create_task(commands.pause_queue("mail"))
    await asyncio.sleep(0)
    assert client.paused == []
    client.connection._set_state(LinkState.LIVE)
    await asked
    assert client.paused == ["mail"]
    client.connection._set_state(LinkState.LOST)
    monkeypatch.setattr(feed_commands, "LINK_WITHIN_S", 0.0)
    with pytest.raises(NaqConnectionError, match="nothing was sent: no connection to nats"):
        await commands.pause_queue("reports")
    assert client.paused == ["mail"]
    assert client.connection._listeners == []


async def test_the_footer_stays_in_place_while_a_job_ends() -> None:
    console = usual()
    async with console.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await go_to(pilot, console, "jobs", is_job("RUNNING"))
        row = console.main.tables["jobs"].selected
        line = console.main.key_line
        before, offered = line.render_line(0), line.shown()
        assert "job.cancel" not in line.unfit
        at = T0
        event = JobEvent.of(JobEventType.COMPLETED, ts=at, job_id=row.job_id, queue=row.queue, run_ms=10.0)
        assert isinstance(console.feed, FakeFeed)
        console.feed.push(EventsAppended((stored(console.state.last_seq + 1, at, event),)))
        while "job.cancel" not in line.unfit:
            await pilot.pause(0.02)
        after = line.render_line(0)
        assert (after.text, line.shown()) == (before.text, offered)
        assert after != before, "what can't be done looks otherwise"


async def test_of_marked_rows_one_is_enough() -> None:
    console = usual()
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("5", "a")
        await pilot.pause()
        assert console.main.key_line.unfit == frozenset()
        await pilot.press("escape", "3", "space", "space")
        await pilot.pause()
        assert "job.clone" in console.main.key_line.unfit, "one at a time"


async def test_nothing_to_act_on_is_said_too() -> None:
    console = fake_console(NOTHING, processes=FakeProcesses())
    async with console.run_test(size=(120, 40), notifications=True) as pilot:
        await settle(pilot)
        for place, keys_of, words in (
            ("3", "RXD", "job"),
            ("4", "P", "queue"),
            ("6", "T", "schedule"),
            ("8", "K", "process"),
        ):
            await pilot.press(place, *keys_of)
            await pilot.pause()
            assert messages(console)[-1] == f"There is no {words} here."
        assert console.screen is console.main


async def test_a_report_offers_what_its_job_allows_and_help_tells_the_reason() -> None:
    console = usual()
    done = next(job_id for job_id, result in console_results().items() if result == "COMPLETED")
    async with console.run_test(size=(80, 24), notifications=True) as pilot:
        await settle(pilot)
        report = DetailScreen("job", done)
        await console.push_screen(report)
        await pilot.pause()
        assert report.key_line.unfit == frozenset({"job.retry", "job.cancel"})
        await pilot.press("X")
        await pilot.pause()
        assert messages(console)[-1].endswith(CANCELLED)
        await pilot.press("question_mark")
        await shown(pilot, HelpScreen)
        assert "is done: only jobs that have not ended can be cancelled." in " ".join(
            text_on(pilot).replace("│", "").split()
        )


def console_results() -> dict[str, str]:
    from naq_tui.feed.sample import results

    return {record.job_id: record.status for record in results()}


def test_help_stays_as_it_is_where_all_can_be_done() -> None:
    told = help_lines("jobs", keys.ACTIONS, {"job.cancel": "Job 9f3c is done: it can't."})
    assert len(told) == len(help_lines("jobs")) + 1


@pytest.mark.parametrize("action", [action for action in keys.ACTIONS if action.acts], ids=lambda action: action.id)
def test_without_a_record_only_what_makes_one_can_be_done(action: keys.Action) -> None:
    if action.id.startswith("launch."):
        return  # it works everywhere and is about no record
    is_making = action.id in ("job.add", "schedule.add")
    assert (why_not(action.id, (), Lens(T0, T0)) == "") is is_making
