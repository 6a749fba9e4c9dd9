"""Pictures of reports that lead on to other records."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from textual.pilot import Pilot

from naq.errors import NaqConnectionError
from naq.models.event import JobEvent, StoredEvent
from naq.models.event import JobEventType as Type
from naq_tui.app import NaqConsole
from naq_tui.feed import fake
from naq_tui.feed.fake import FakeFeed, FakeProcesses, first_batch
from naq_tui.feed.sample import T0, schedules, stored, workers
from naq_tui.screens import detail as detail_screen
from naq_tui.screens.detail import DetailScreen
from naq_tui.store.failures import groups
from naq_tui.store.fold import apply
from naq_tui.store.state import EMPTY
from naq_tui.store.updates import EventsAppended, SchedulesChanged, Update, WorkersChanged
from naq_tui.views.judging import worker_status
from naq_tui.views.table import Lens
from tests.tui.conftest import Show, fake_console, settle
from tests.tui.families import family_console
from tests.tui.test_launcher_screens import RECIPES, views

SMALL, MEDIUM = (80, 24), (120, 40)
BOTH = pytest.mark.parametrize("size", [SMALL, MEDIUM], ids=["80x24", "120x40"])


def report(kind: Any, key: str, *keys: str, is_whole: bool = True, has_kin: bool = True) -> Any:
    """For `run_before`: open a report, wait until all of it is read (or it can't be), press keys."""

    async def run(pilot: Pilot[Any]) -> None:
        console = pilot.app
        assert isinstance(console, NaqConsole)
        await settle(pilot)
        screen = DetailScreen(kind, key)
        await console.push_screen(screen)
        while is_whole and not (screen._extra.is_read or screen._extra.problem):
            await pilot.pause(0.02)
        while kind == "job" and (screen._extra.kin is None or (has_kin and screen._extra.kin.is_reading)):
            await pilot.pause(0.02)
        await pilot.pause()
        await pilot.press(*keys)
        await pilot.pause()

    return run


@BOTH
def test_runs(snap_compare: Any, size: tuple[int, int]) -> None:
    """A schedule's last runs in columns; what stood in the place of a run says why; the chosen row opens its job."""
    keys = ("pagedown",) if size == SMALL else ("j",)
    assert snap_compare(fake_console(), terminal_size=size, run_before=report("schedule", "digest", *keys))


@BOTH
def test_older_runs(snap_compare: Any, size: tuple[int, int]) -> None:
    """The end of the runs that were read, and the line that reads on."""
    keys = ("pagedown", "pagedown", "k") if size == SMALL else ("pagedown",)
    assert snap_compare(fake_console(), terminal_size=size, run_before=report("schedule", "digest", *keys))


@BOTH
def test_runs_are_read(snap_compare: Any, size: tuple[int, int]) -> None:
    """While the log is looked through."""
    console = fake_console()
    assert isinstance(console.feed, FakeFeed)
    console.feed.scan_stalls_at = 170_000
    run = report("schedule", "nightly", "j", is_whole=False)
    assert snap_compare(console, terminal_size=size, run_before=run)


@BOTH
def test_runs_can_not_be_read(snap_compare: Any, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """The log can't be read: why, in the place of the runs, and how to try again."""
    console = fake_console()

    async def refuse(_seqs: object) -> None:
        raise NaqConnectionError("no answer from local to a read of naq_events")

    monkeypatch.setattr(console.feed, "read_at", refuse)
    assert snap_compare(console, terminal_size=size, run_before=report("schedule", "digest"))


@BOTH
def test_no_runs(snap_compare: Any, size: tuple[int, int]) -> None:
    """A schedule whose runs the log does not hold."""
    assert snap_compare(fake_console(), terminal_size=size, run_before=report("schedule", "cleanup"))


@BOTH
def test_jobs_of_an_error(snap_compare: Any, size: tuple[int, int]) -> None:
    """The jobs that failed so, one of them chosen: it is what enter opens."""
    key = next(iter(groups(apply(EMPTY, first_batch()).failures))).key
    assert snap_compare(fake_console(), terminal_size=size, run_before=report("error", key, "G", "k", "k"))


@BOTH
def test_jobs_of_a_worker(snap_compare: Any, size: tuple[int, int]) -> None:
    """What it runs and what it did last, one line of it chosen."""
    run = report("worker", "w-3", "tab", "tab", is_whole=False)
    assert snap_compare(fake_console(), terminal_size=size, run_before=run)


@BOTH
def test_what_a_dead_worker_had(snap_compare: Any, size: tuple[int, int]) -> None:
    """Each job it had, how it stands now, and that nobody takes from its queue."""
    assert snap_compare(fake_console(), terminal_size=size, run_before=report("worker", "w-7", is_whole=False))


@BOTH
def test_help_where_not_all_can_be_done(snap_compare: Any, size: tuple[int, int]) -> None:
    """What can't be done to the job is muted, and the reason stands below it."""
    job_id = next(iter(apply(EMPTY, first_batch()).results))
    assert snap_compare(fake_console(), terminal_size=size, run_before=report("job", job_id, "question_mark"))


@BOTH
def test_kin(snap_compare: Any, size: tuple[int, int]) -> None:
    """What a job waits for and what waits for it: state, tree, short id; what stands above already says so."""
    keys = ("pagedown", "j", "j") if size == SMALL else ("tab",)
    assert snap_compare(family_console(), terminal_size=size, run_before=report("job", "merge", *keys))


@BOTH
def test_kin_in_part(snap_compare: Any, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Children are not looked for without end: until when, and that it can go on."""
    monkeypatch.setattr(fake, "SCAN_STEP", 4)
    monkeypatch.setattr(detail_screen, "STEPS", 1)
    keys = ("pagedown",) if size == SMALL else ()
    assert snap_compare(family_console(), terminal_size=size, run_before=report("job", "merge", *keys))


@BOTH
def test_kin_is_read(snap_compare: Any, size: tuple[int, int]) -> None:
    """While children are looked for."""
    console = family_console()
    assert isinstance(console.feed, FakeFeed)
    console.feed.scan_stalls_at = 10**9
    keys = ("pagedown",) if size == SMALL else ()
    assert snap_compare(console, terminal_size=size, run_before=report("job", "merge", *keys, has_kin=False))


STATE = apply(EMPTY, first_batch())
LAST_SEQ = STATE.last_seq
DAY = timedelta(days=1)


def every_event() -> tuple[StoredEvent, ...]:
    """Just now: one event of each kind that the usual system has none of lately, and of each kind of record."""
    on_purge = {"count": 4910, "operator": "ann@web-1", "action": "queue.purge", "action_id": "a-1"}
    made = (
        JobEvent.of(Type.ENQUEUED, job_id="stopped", queue="mail", function="shop.tasks:send_invoice"),
        JobEvent.of(Type.CANCELLED, job_id="stopped", queue="mail", function="shop.tasks:send_invoice"),
        JobEvent.of(Type.SCHEDULE_MISFIRED, schedule_id="digest", reason="3 missed, 1 made up (run once)"),
        JobEvent.of(Type.WORKER_STOPPED, worker_id="w-9", reason="asked to stop"),
        JobEvent.of(Type.QUEUE_PURGED, queue="reports", reason="a bad deploy", details=on_purge),
        JobEvent.of(Type.OPERATOR_ACTION, queue="reports", reason="a bad deploy", details=on_purge),
    )
    moments = [T0 - timedelta(milliseconds=len(made) - place) for place in range(len(made))]
    return tuple(
        stored(LAST_SEQ + 1 + place, at, replace(event, ts=at, id=f"made-{place}"))
        for place, (at, event) in enumerate(zip(moments, made, strict=True))
    )


def every_status() -> dict[str, DetailScreen]:
    """A report on a job, a worker, a schedule in each of its states, and on an event of each kind of record."""
    lens = Lens(T0, T0)
    state = apply(STATE, more())
    found: dict[str, DetailScreen] = {}
    for row in state.jobs.values():
        found.setdefault(f"job-{row.status}", DetailScreen("job", row.job_id))
    for key, worker in state.workers.items():
        found.setdefault(f"worker-{worker_status(worker, lens)}", DetailScreen("worker", key))
    for key, schedule in state.schedules.items():
        found.setdefault(f"schedule-{schedule.status}", DetailScreen("schedule", key))
    for event in every_event()[2:]:
        found[f"event-{event.event.entity}"] = DetailScreen("event", str(event.seq))
    return found


def more() -> tuple[Update, ...]:
    """What the usual system has none of."""
    w4, scheduler = (next(record for record in workers() if record.worker_id == name) for name in ("w-4", "s-1"))
    plan = next(each for each in schedules() if each.schedule_id == "digest")
    once = replace(plan, interval_s=None, run_at=T0 + DAY, next_run_at=T0 + DAY, status="ACTIVE")
    return (
        EventsAppended(every_event()),
        WorkersChanged(
            (
                replace(w4, worker_id="w-8", status="STOPPING"),
                replace(w4, worker_id="w-9", status="STARTING"),
                replace(scheduler, worker_id="s-2", leader=False),
            )
        ),
        SchedulesChanged(
            (
                replace(once, schedule_id="later"),
                replace(once, schedule_id="held", status="PAUSED"),
                replace(plan, schedule_id="done", status="COMPLETED"),
                replace(plan, schedule_id="ended", status="CANCELLED"),
            )
        ),
    )


@BOTH
async def test_every_status(show: Show, size: tuple[int, int]) -> None:
    """The status on top by glyph, word and colour, what follows from it below; labels in one column."""
    steps = {name: partial(DetailScreen, screen.kind, screen.key) for name, screen in every_status().items()}
    await show(fake_console((*first_batch(), *more())), size, steps)


@BOTH
async def test_every_process(show: Show, size: tuple[int, int]) -> None:
    """One that waits for its next start, one in a crash loop, and one that is not launched."""
    processes = FakeProcesses(*views(), recipes=RECIPES)
    names = {"waiting": "mail-3", "crash-loop": "worker-1", "ready": "recipe:reports"}
    ids = {view.name: view.process_id for view in views()}
    steps = {name: partial(DetailScreen, "process", ids.get(key, key)) for name, key in names.items()}
    await show(fake_console(processes=processes), size, steps)
