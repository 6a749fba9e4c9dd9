"""Text from outside is inert wherever it can appear."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from textual.events import Paste
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from naq.models.event import JobEvent, StoredEvent
from naq.models.queue import QueueStats
from naq.models.result import JobError, JobResult
from naq.models.schedule import Schedule
from naq.models.worker import RunningJob, WorkerRecord
from naq_tui import keys, looks
from naq_tui.acting.targets import Target
from naq_tui.app import NaqConsole
from naq_tui.config import ContextEntry
from naq_tui.contexts import Context
from naq_tui.feed.fake import FakeProcesses
from naq_tui.feed.sample import T0, link, process, stored
from naq_tui.jsontext import one_line
from naq_tui.screens.clone import CloneScreen
from naq_tui.screens.columns import ColumnsScreen
from naq_tui.screens.copying import CopyScreen
from naq_tui.screens.detail import DetailScreen
from naq_tui.screens.edit_schedule import EditScheduleScreen
from naq_tui.screens.export import Exportable, ExportScreen
from naq_tui.screens.typed import TypedScreen
from naq_tui.snapshot import Format, snapshot
from naq_tui.store.updates import (
    EventsAppended,
    EventsRange,
    Malformed,
    QueuesSampled,
    ResultsChanged,
    SchedulesChanged,
    Update,
    WorkersChanged,
)
from naq_tui.text import cut, cut_id, fit, safe, safe_lines, width, wrap
from naq_tui.widgets.document import Document
from tests.fuzz.hostile import PAYLOADS, is_harmless
from tests.tui.conftest import fake_console, gone, settle, shown

MIXED = "\x1b[2J\x9b3J\x07\u202ea\u2066b\u2069[red]c[/] [/]\x00\u2028\u200b\ud800d\u65e5\ne\u0301\x7f"
"""All kinds in little room: before it is cut."""
FORMS = {
    "overview": {
        *("AddJobScreen", "CommandPalette", "ContextsScreen", "DetailScreen", "ExportScreen", "HelpScreen"),
        *("LaunchScreen", "MomentScreen"),
    },
    "events": {"AddJobScreen", "LaunchScreen", "MomentScreen", "ViewsScreen"},
    "jobs": {"AddJobScreen", "BulkScreen", "CloneScreen", "ColumnsScreen", "LaunchScreen"},
    "queues": {"AddJobScreen", "ConfirmScreen", "LaunchScreen"},
    "workers": {"ConfirmScreen", "LaunchScreen"},
    "schedules": {"AddScheduleScreen", "ConfirmScreen", "EditScheduleScreen", "LaunchScreen"},
    "results": {"CloneScreen", "LaunchScreen"},
    "processes": {"ConfirmScreen", "DetailScreen", "LaunchScreen"},
    "errors": {"LaunchScreen"},
    "figures": {"LaunchScreen"},
}
"""What opens in each pane, at least."""


async def done(wanted: Any) -> str:
    return ""


def hostile_batch(text: str) -> tuple[Update, ...]:
    """Every kind of record with `text` in all its fields."""
    wire = text.encode("utf-8", "replace").decode()
    event = JobEvent(
        type=text,
        ts=T0,
        id=text,
        job_id=text,
        queue=text,
        function=text,
        worker_id=text,
        schedule_id=text,
        reason=text,
        error={"type": text, "message": text, text: text},
        actor={"user": text},
        details={text: [text]},
        extra={text: text},
        from_status=text,
        to_status=text,
    )
    kept = replace(event, type="FAILED")
    events = (
        StoredEvent(seq=1, stored_at=T0, subject=text, raw=wire.encode(), event=event),
        StoredEvent(seq=2, stored_at=T0, subject=text, raw=wire.encode(), event=kept),
        StoredEvent(seq=3, stored_at=T0, subject=text, raw=wire.encode(), event=None),
    )
    worker = WorkerRecord(
        worker_id="w-1",
        name=text,
        status=text,
        host=text,
        queues=(text,),
        modules=(text,),
        version=text,
        running=(RunningJob(job_id=text, function=text, queue=text, started_at=T0),),
        beat_at=T0,
    )
    error = JobError(type=text, message=text, traceback=f"{text}\n{text}", fingerprint=text)
    results = (
        JobResult(job_id="r-1", status="COMPLETED", function=text, queue=text, worker_id=text, value={text: [text]}),
        JobResult(job_id="r-2", status="FAILED", function=text, error=error, job={"args": [text]}, tags=(text,)),
        JobResult(job_id="r-3", status=text, reason=text),
    )
    schedule = Schedule(
        schedule_id="s-1", function=text, queue=text, job={"args": [text]}, status="FAILED", cron=text, last_error=text
    )
    stats = QueueStats(
        queue=text, waiting=3, running=0, redelivered=0, pulls=0, oldest_at=T0 - timedelta(hours=1), has_consumer=False
    )
    return (
        link(server_label=text, message=text, server_version=text),
        EventsRange(1, 3),
        EventsAppended(events),
        WorkersChanged((worker,)),
        ResultsChanged(results, total=3),
        SchedulesChanged((schedule,)),
        QueuesSampled((stats,), T0),
        Malformed(text, text, text.encode("utf-8", "replace"), text),
    )


def painted(console: NaqConsole) -> str:
    """All that the terminal would be sent as text, line by line."""
    screen = console.screen
    update = screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in update)


async def look_everywhere(pilot: Pilot[Any], console: NaqConsole) -> None:
    """Open every pane and every report, and check each."""

    def check(where: str) -> None:
        lines = painted(console).split("\n")
        assert all(is_harmless(line) for line in lines), where
        assert all(width(line) <= console.size.width for line in lines), where

    check("overview")
    main = console.main
    for name in keys.PANES[1:]:
        console.action_go(name)
        await pilot.pause()
        check(f"screen {name}")
        content = main.log_view if name == "events" else main.tables[name]
        for _ in range(3):
            content.action_list_open()
            await pilot.pause()
            check(f"report from {name}")
            for widget in console.screen.query("Document, OutputView").results(Document):
                widget.action_list_last()
            await pilot.pause()
            check(f"end of report from {name}")
            console.action_copy()
            if isinstance(console.screen, DetailScreen):
                await shown(pilot, CopyScreen)
                check(f"fields of report from {name}")
                await pilot.press("end", "enter")
                await gone(pilot, CopyScreen)
            console.action_go_back()
            (content.action_list_up if name == "events" else content.action_list_down)()
            assert console.screen is main
    main.action_stop_process()
    await pilot.pause()
    check("question")


def hostile_console(text: str, **options: Any) -> NaqConsole:
    views = FakeProcesses(process("p", "worker", 1, text, command=text, status_text=text))
    views.views[0] = replace(views.views[0], name=text, process_id="p")
    views.lines = [text, f"\x1b[31m{text}\x1b[0m"]
    return fake_console(hostile_batch(text), processes=views, **options)


@pytest.mark.parametrize("name", PAYLOADS)
async def test_no_payload_reaches_the_terminal(name: str) -> None:
    console = hostile_console(PAYLOADS[name])
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await look_everywhere(pilot, console)


def to_try() -> dict[str, list[keys.Action]]:
    """By pane, the actions to try there: what changes the system in every pane, any other once."""
    tried: set[str] = set()
    found: dict[str, list[keys.Action]] = {pane: [] for pane in keys.PANES}
    for pane, wanted in found.items():
        for action in keys.ACTIONS:
            if (action.id in tried and not action.acts) or not action.works_in(pane):
                continue
            if action.owner in ("report", "output") or action.id in ("quit", "suspend"):
                continue
            if action.group not in ("Screens", "Moving"):
                tried.add(action.id)
                wanted.append(action)
    return found


TO_TRY = to_try()


@pytest.mark.parametrize("pane", keys.PANES)
async def test_every_action_of_every_pane_shows_and_takes_hostile_text_unharmed(pane: str) -> None:
    console = hostile_console(MIXED)
    seen: set[str] = set()

    def check(where: str) -> None:
        seen.add(type(console.screen).__name__)
        lines = painted(console).split("\n")
        bad = [line for line in lines if not is_harmless(line) or width(line) > console.size.width]
        assert not bad, f"{where}, {type(console.screen).__name__}: {bad[0]!r}"

    async with console.run_test(size=(120, 40), notifications=True) as pilot:
        await settle(pilot)
        for action in TO_TRY[pane]:
            console.action_go(pane)
            await pilot.press(action.keys[0])
            await pilot.pause()
            check(action.id)
            for field in console.screen.query("Input, TextArea").results(Input | TextArea):
                field.post_message(Paste(MIXED))
            await pilot.pause()
            check(f"pasted, {action.id}")
            if console.screen is not console.main:
                await pilot.press("enter")
                check(f"entered, {action.id}")
            while console.screen is not console.main:
                console.pop_screen()
            await pilot.press("escape")
        console.say(MIXED)
        await pilot.pause()
        check("note")
    assert seen >= FORMS[pane], FORMS[pane] - seen


@pytest.mark.parametrize("called", ["prod", MIXED], ids=["prod", "mixed"])
async def test_what_is_asked_in_production_is_inert(called: str) -> None:
    """The name is typed first, whatever the context, its queues and its jobs are called, and whatever is typed."""
    context = Context(called, ContextEntry(name=called, server="nats://x", production=True))
    console = hostile_console(MIXED, context=context, contexts=(context,), allow_changes=True)
    asked: set[str] = set()
    behind: set[str] = set()

    def check(where: str) -> None:
        lines = painted(console).split("\n")
        bad = [line for line in lines if not is_harmless(line) or width(line) > console.size.width]
        assert not bad, f"{where}, {type(console.screen).__name__}: {bad[0]!r}"

    async with console.run_test(size=(80, 24), notifications=True) as pilot:
        await settle(pilot)
        for pane in keys.PANES:
            for action in keys.ACTIONS:
                if not action.acts or action.id in asked or not action.works_in(pane):
                    continue
                asked.add(action.id)
                console.action_go(pane)
                await pilot.press(action.keys[0])
                await shown(pilot, TypedScreen)
                check(f"{action.id} in {pane}")
                field = console.screen.query_one(Input)
                field.post_message(Paste(MIXED))
                await pilot.pause()
                check(f"pasted, {action.id}")
                field.value = "another"
                await pilot.press("enter")
                await pilot.pause()
                assert isinstance(console.screen, TypedScreen), "another name goes on to nothing"
                check(f"refused, {action.id}")
                field.value = "prod"
                await pilot.press("enter")
                await pilot.pause()
                if called == "prod":
                    behind.add(type(console.screen).__name__)
                    check(f"behind it, {action.id}")
                while console.screen is not console.main:
                    console.pop_screen()
                await pilot.pause()
    assert len(asked) > 5
    assert {"ConfirmScreen", "LaunchScreen"} <= behind if called == "prod" else not behind


async def test_the_title_of_the_window_and_frames_are_inert(monkeypatch: pytest.MonkeyPatch) -> None:
    titles: list[str] = []
    monkeypatch.setattr(looks, "give_title", lambda _, title: titles.append(title))
    context = Context(MIXED, ContextEntry(name=MIXED, server="nats://x", production=True))
    formats: tuple[Format, ...] = ("text", "svg")
    for format, screen in zip(formats, ("overview", "results"), strict=True):
        console = hostile_console(MIXED, context=context, contexts=(context,))
        frame = await snapshot(console, screen, format, (100, 30))
        assert "\u65e5" in frame
        assert all(is_harmless(line) for line in frame.split("\n")), format
    assert len(titles) >= 2
    assert all(is_harmless(title) and "\u65e5" in title for title in titles)


@pytest.mark.parametrize("name", PAYLOADS)
async def test_no_name_that_is_to_be_typed_reaches_the_terminal(name: str) -> None:
    console = fake_console()
    async with console.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        text = PAYLOADS[name]
        console.push_screen(TypedScreen(f"PRODUCTION · {safe(text, 40)}", "Pause a queue.", text))
        await pilot.pause()
        lines = painted(console).split("\n")
        assert all(is_harmless(line) and width(line) <= 80 for line in lines)
        assert any("Type " in line for line in lines)


@pytest.mark.parametrize(
    "screen",
    [
        lambda name: TypedScreen(f"PRODUCTION · {name}", "Pause a queue.", name),
        lambda name: CloneScreen(Target(name, name, "FAILED", name, name, name, name), {}, done),
        lambda name: EditScheduleScreen(
            Schedule(schedule_id=name, function="m:f", queue="q", job={}, interval_s=60.0, next_run_at=T0),
            done,
        ),
        lambda name: ExportScreen(Exportable("rows", name, str, str), "file"),
        lambda name: ColumnsScreen(name, (), frozenset(), lambda _: None),
    ],
    ids=["typed", "clone", "edit", "export", "columns"],
)
async def test_the_title_of_a_question_is_plain_text(screen: Any) -> None:
    console = fake_console()
    async with console.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        console.push_screen(screen("[/] [red]x[@click=app.quit]"))
        await pilot.pause()
        assert "[/] [red]x[@click=app.quit]" in painted(console)


async def test_a_note_with_markup_is_plain_text() -> None:
    console = fake_console()
    async with console.run_test(size=(80, 24), notifications=True) as pilot:
        await settle(pilot)
        console.say("[red]x[/] [/] [@click=app.quit]y")
        await pilot.pause()
        assert "[red]x[/] [/] [@click=app.quit]y" in painted(console)


async def test_a_record_of_deep_nesting_is_shown() -> None:
    value: Any = "deep"
    for _ in range(300):
        value = [value]
    console = fake_console((link(), ResultsChanged((JobResult(job_id="a", status="COMPLETED", value=value),), total=1)))
    async with console.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("7", "enter")
        await pilot.pause()
        assert "Job a" in painted(console)


@pytest.mark.parametrize("name", PAYLOADS)
def test_safe_is_harmless_and_stays_so(name: str) -> None:
    once = safe(PAYLOADS[name])
    assert is_harmless(once)
    assert len(once) <= 2001 * 4
    assert all(is_harmless(line) for line in safe_lines(PAYLOADS[name]))


def test_plain_text_is_left_alone() -> None:
    for text in ("plain", "Grüße", "日本語", "naïve café", ""):
        assert safe(text) == text


@pytest.mark.parametrize("text", ["日本語のテキスト", "plain text", "e\u0301e\u0301e\u0301", ""])
@pytest.mark.parametrize("cells", range(9))
def test_text_is_cut_by_cells(text: str, cells: int) -> None:
    assert width(cut(text, cells)) <= cells
    assert width(fit(text, cells)) == cells
    assert width(fit(text, cells, right=True)) == cells
    assert width(cut_id(text, cells)) <= cells


def test_wrapping_loses_nothing() -> None:
    text = "some words and 日本語 and averyveryverylongwordwithoutspaces"
    for cells in range(4, 40):
        pieces = wrap(text, cells)
        assert "".join(pieces) == text
        assert all(width(piece) <= cells for piece in pieces)


def test_values_are_bounded() -> None:
    assert len(one_line(["x" * 100] * 100_000)) <= 202
    assert one_line({"$naq": "tuple", "v": [1, {"$naq": "decimal", "v": "1.50"}]}) == "(1, 1.50)"
    assert one_line({"a": [1, True, None, "x"]}) == '{"a": [1, true, null, "x"]}'


def test_the_fake_events_are_real_events() -> None:
    event = stored(1, T0, JobEvent(type="ENQUEUED", job_id="a"))
    assert StoredEvent.from_stream(1, T0, event.subject, event.raw).event == event.event
