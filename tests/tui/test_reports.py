"""Reports lead on: their lines open other records, and a schedule's tells of its runs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from textual.pilot import Pilot

from naq.errors import NaqConnectionError
from naq.ids import short
from naq.models.event import JobEvent, JobEventType, StoredEvent
from naq.models.times import format_time
from naq_tui.app import NaqConsole
from naq_tui.feed import fake, replay
from naq_tui.feed.fake import FakeFeed, first_batch
from naq_tui.feed.sample import T0, stored
from naq_tui.feed.sample_schedules import LAST_DIGEST, PAUSED_AT, run_id
from naq_tui.screens import detail as detail_screen
from naq_tui.screens.detail import RUNS_READ, DetailScreen
from naq_tui.screens.moment import MomentScreen
from naq_tui.store.failures import groups
from naq_tui.store.fold import apply
from naq_tui.store.kin import MOST, Descendants, Kin, tree
from naq_tui.store.rows import event_row
from naq_tui.store.schedule_runs import RUNS, ScheduleRun, ScheduleRuns
from naq_tui.store.state import EMPTY, State
from naq_tui.store.updates import EventsAppended, ResultsChanged, Update
from naq_tui.views.detail import detail
from naq_tui.views.error_group import JOBS_SHOWN
from naq_tui.views.related import Related
from naq_tui.views.report import Report
from naq_tui.views.table import Lens
from naq_tui.views.worker_report import LATELY
from naq_tui.widgets.document import Document
from tests.reports import texts_of
from tests.tui.conftest import fake_console, settle, shown, text_on, until
from tests.tui.families import family_console

OLDER = Related("more", "", str(RUNS_READ))


def feed_of(console: NaqConsole) -> FakeFeed:
    assert isinstance(console.feed, FakeFeed)
    return console.feed


async def opened(pilot: Pilot[Any], kind: Any, key: str) -> DetailScreen:
    console = pilot.app
    assert isinstance(console, NaqConsole)
    report = DetailScreen(kind, key)
    await console.push_screen(report)
    return report


async def read(pilot: Pilot[Any], report: DetailScreen) -> None:
    """Wait until all that it reads is there."""
    await until(pilot, lambda: report._extra.is_read or report._extra.problem)


def run_lines(report: DetailScreen) -> list[str]:
    """The rows of a schedule's runs, as they are on the screen at its width."""
    document = report.query_one(Document)
    laid_out = document._rows(document.size.width)
    rows = ["".join(text for text, _ in row) for row in laid_out]
    places = [laid_out.row_of[place] for place, item in document._links.items() if item.label != "last"]
    return [" ".join(rows[place].split()) for place in places]


# what a dead worker had


def fates(state: State) -> dict[str, str]:
    """What the report on `w-7` says of each job it had, by the job's short id."""
    lines = texts_of(detail(state, "worker", "w-7", Lens(T0, T0)))
    start = next(place for place, line in enumerate(lines) if line.startswith("It had when it was last heard of"))
    rows = lines[start + 2 : lines.index("", start)]
    return {row.split()[0]: " ".join(row.split()[1:]) for row in rows}


def test_a_dead_worker_tells_what_became_of_its_jobs() -> None:
    state = apply(EMPTY, first_batch())
    first, second = (running.job_id for running in state.workers["w-7"].record.running)
    told = fates(state)
    assert told[short(first)] == "build reports 56 s ago … held not taken over yet"
    assert list(told)[2:] == ["No"], "and that nobody takes from its queue"

    def then(kind: JobEventType, job: str, worker: str, **fields: Any) -> None:
        nonlocal state
        about = {"queue": "reports", "function": "shop.reports:build", "worker_id": worker}
        seq = state.last_seq + 1
        at = T0 + timedelta(microseconds=seq)  # each a little later: of one moment the first stands
        event = JobEvent.of(kind, ts=at, job_id=job, **about, **fields)
        state = apply(state, (EventsAppended((stored(seq, at, event),)),))

    then(JobEventType.STARTED, first, "w-4", attempt=3)
    then(JobEventType.RETRY_SCHEDULED, second, "w-3", attempt=3, details={"delay_s": 60})
    then(JobEventType.STARTED, "unheard", "w-7", attempt=1)
    told = fates(state)
    assert told[short(first)].endswith("● running taken over by web-1/w-4, 0 s ago")
    assert told[short(second)].endswith("↻ retry runs again in 60 s")
    assert told["unheard"].endswith("… held not taken over yet"), "begun after its last heartbeat"
    then(JobEventType.COMPLETED, first, "w-4", attempt=3, run_ms=10.0)
    assert fates(state)[short(first)].endswith("✓ done by web-1/w-4, 0 s ago")


def test_the_heads_of_a_table_are_no_wider_than_they_are_whatever_its_last_column_holds() -> None:
    report = Report("any")
    report.table(("job", "outcome"), [(("a659ab", ""), ("an error that goes on " * 20, "failed"))])
    heads = report.lines[0]
    assert isinstance(heads, tuple)
    assert "".join(text for text, _ in heads) == "  job     outcome"


# a schedule's runs


async def test_a_schedule_tells_of_each_run_and_why_there_was_none() -> None:
    console = fake_console()
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        report = await opened(pilot, "schedule", "digest")
        await read(pilot, report)
        lines = run_lines(report)
        assert len(lines) == RUNS_READ + 1
        assert lines[-1] == "… older ones"
        assert lines[0] == "✓ done 2026-11-24 12:04:00 3.9 s 00d16e by hand by mara: again, with the new layout"
        assert lines[1] == "❚ paused 2026-11-24 12:01:32 by mara: deploy"
        assert lines[2] == "✓ done 2026-11-24 12:00:00 4.0 ms 4.1 s 521600"
        assert lines[3] == "✗ failed 2026-11-24 11:45:00 5.0 ms 4 s 520700 KeyError: 'layout'"
        assert lines[4] == "! skipped 2026-11-24 11:30:00 job 518900 has not ended"
        assert lines[7] == "✓ done 2026-11-24 10:45:00 3 min 4 s 517100"
        assert lines[8] == "! misfired 2026-11-24 10:00:00 3 missed, 1 made up (run once)"


async def test_a_run_opens_its_job_and_the_way_back_leads_to_its_line() -> None:
    console = fake_console()
    async with console.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        report = await opened(pilot, "schedule", "digest")
        await read(pilot, report)
        document = report.query_one(Document)
        failed = run_id("digest", LAST_DIGEST - timedelta(minutes=15))
        for _ in range(60):
            if document.chosen is not None and document.chosen.key == failed:
                break
            await pilot.press("j")
        assert document.chosen is not None
        where = (document.chosen, document._top)
        assert where[0].key == failed
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(console.screen, DetailScreen) and console.screen is not report)
        job = console.screen
        assert isinstance(job, DetailScreen)
        assert (job.kind, job.key) == ("job", failed)
        await read(pilot, job)
        assert "✗ failed" in text_on(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: console.screen is report)
        assert (document.chosen, document._top) == where
        await pilot.press("k", "k", "enter")
        await until(pilot, lambda: console.screen is not report)
        event = console.screen
        assert isinstance(event, DetailScreen)
        assert event.kind == "event", "what kept a run opens the event that tells of it"
        await until(pilot, lambda: "deploy" in text_on(pilot))


async def test_older_runs_are_read_when_asked_for() -> None:
    console = fake_console()
    async with console.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        report = await opened(pilot, "schedule", "digest")
        await read(pilot, report)
        await pilot.press("G")
        document = report.query_one(Document)
        await pilot.press("shift+tab") if document.chosen != OLDER else None
        assert document.chosen == OLDER
        first = run_lines(report)[:-1]
        await pilot.press("enter")
        await until(pilot, lambda: len(run_lines(report)) > len(first) + 1 and not report._runs.is_reading)
        lines = run_lines(report)
        assert lines[: len(first)] == first
        assert "older ones" not in lines[-1]
        dues = [run.due or run.row.at for run in report._runs.runs if not run.is_by_hand][1:]
        assert dues == sorted(dues, reverse=True)
        events = [one.event for one in feed_of(console).events.values() if one.event is not None]
        told = [event for event in events if event.type in RUNS and event.schedule_id == "digest"]
        assert len(lines) == len(told)
        await pilot.press("G")
        await pilot.pause()
        assert "the log has no older ones" in text_on(pilot)


async def test_a_schedule_without_runs_says_so() -> None:
    console = fake_console()
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        report = await opened(pilot, "schedule", "cleanup")
        assert "reading…" in text_on(pilot)
        await read(pilot, report)
        assert "none in the log" in text_on(pilot)
        footer = [action.id for action in report.key_line.shown()]
        assert "related.open" not in footer, "there is nothing to open"


async def test_reading_is_given_up_with_the_report() -> None:
    console = fake_console()
    feed = feed_of(console)
    feed.scan_stalls_at = 170_000
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        report = await opened(pilot, "schedule", "nightly")
        await until(pilot, lambda: report._extra.runs is not None and report._runs.reached <= 170_000)
        assert "reading…" in text_on(pilot)
        reading = [worker for worker in report.workers if worker.node is report]
        assert [worker.is_running for worker in reading] == [True]
        await pilot.press("escape")
        await until(pilot, lambda: console.screen is console.main)
        await until(pilot, lambda: all(worker.is_finished for worker in reading))


async def test_what_can_not_be_read_is_said_and_read_when_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    console = fake_console()

    async def refuse(_seqs: object) -> tuple[StoredEvent, ...]:
        raise NaqConnectionError("no answer from local")

    with monkeypatch.context() as patch:
        patch.setattr(console.feed, "read_at", refuse)
        async with console.run_test(size=(120, 40)) as pilot:
            await settle(pilot)
            report = await opened(pilot, "schedule", "digest")
            await read(pilot, report)
            assert "no answer from local" in text_on(pilot)
            patch.undo()
            await pilot.press("tab", "enter")
            await until(pilot, lambda: report._extra.is_read)
            assert "no answer" not in text_on(pilot)
            assert len(run_lines(report)) == RUNS_READ + 1


async def test_runs_come_and_go_on_while_the_report_is_open() -> None:
    console = fake_console()
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        report = await opened(pilot, "schedule", "minutely")
        await read(pilot, report)
        before, due = run_lines(report), T0 + timedelta(seconds=47.6)
        seq, job_id = console.state.last_seq + 1, run_id("minutely", due)
        about: dict[str, Any] = {"job_id": job_id, "queue": "default", "function": "shop.tasks:poll"}
        details = {"due": format_time(due), "late_ms": 1_200}
        fired = JobEvent.of(JobEventType.SCHEDULE_TRIGGERED, schedule_id="minutely", details=details, **about)
        begun = JobEvent.of(JobEventType.STARTED, worker_id="w-4", **about)
        at = due + timedelta(seconds=1.3)
        feed_of(console).push(EventsAppended((stored(seq, at, fired), stored(seq + 1, at, begun))))
        await until(pilot, lambda: "● running" in run_lines(report)[0])
        assert run_lines(report)[0].startswith("● running 2026-11-24 14:08:00 1.2 s ")
        ended = JobEvent.of(JobEventType.COMPLETED, worker_id="w-4", run_ms=700.0, **about)
        feed_of(console).push(EventsAppended((stored(seq + 2, at + timedelta(seconds=1), ended),)))
        await until(pilot, lambda: "✓ done" in run_lines(report)[0])
        assert "700 ms" in run_lines(report)[0]
        assert run_lines(report)[1:] == before


async def test_runs_are_those_of_the_instant(monkeypatch: pytest.MonkeyPatch) -> None:
    """At an instant nothing is told of what came later, and the job that ran then runs."""
    monkeypatch.setattr(replay, "HORIZON", 500)
    console = fake_console()
    then = next(
        one.seq
        for one in feed_of(console).events.values()
        if one.event is not None
        and one.event.type == "STARTED"
        and one.event.job_id == run_id("digest", LAST_DIGEST - timedelta(minutes=45))
    )
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("t")
        await shown(pilot, MomentScreen)
        await pilot.press(*f"#{then}", "enter")
        await until(pilot, lambda: console.state.as_of is not None and console.state.as_of.seq == then)
        report = await opened(pilot, "schedule", "digest")
        await read(pilot, report)
        first, second, *_ = run_lines(report)
        assert first.startswith("● running 2026-11-24 11:15:00 ")
        assert second.startswith("✓ done 2026-11-24 11:00:00 ")
        await pilot.press("r")
        await until(pilot, lambda: not console.is_past and report._extra.is_read and len(run_lines(report)) > 2)
        await until(pilot, lambda: "by hand" in run_lines(report)[0])


def test_what_a_hostile_event_tells_of_a_run_is_harmless() -> None:
    details = {"due": "never", "late_ms": float("1e300"), "manual": "yes", "running": 5, "missed": -3}
    event = JobEvent(type="SCHEDULE_TRIGGERED", job_id="a", schedule_id="s", details=details)
    run = ScheduleRun(row=_row(event))
    assert (run.due, run.late_s, run.is_by_hand, run.is_duplicate) == (None, None, False, False)


def test_as_many_runs_are_kept_as_were_asked_for() -> None:
    runs = ScheduleRuns("s", 0, 1, most=3)
    state = _state(tuple(_stored(seq, "s" if seq % 2 else "other") for seq in range(1, 20)))
    followed = runs.followed(state)
    assert [run.row.seq for run in followed.runs] == [19, 17, 15]
    assert (followed.seen, followed.reached) == (19, 15)
    assert not followed.has_all(1)
    assert followed.followed(state) == followed


def _stored(seq: int, schedule_id: str) -> StoredEvent:
    return stored(seq, PAUSED_AT, JobEvent.of(JobEventType.SCHEDULE_TRIGGERED, schedule_id=schedule_id, job_id="j"))


def _row(event: JobEvent) -> Any:
    from naq_tui.store.rows import event_row

    return event_row(stored(1, T0, event))


def _state(events: tuple[StoredEvent, ...]) -> State:
    from naq_tui.store.fold import apply

    updates: tuple[Update, ...] = (*first_batch()[:1], EventsAppended(events))
    return apply(EMPTY, updates)


# jobs named in other reports


@pytest.mark.parametrize("kind", ["error", "worker"])
async def test_jobs_are_opened_from_reports_that_name_them(kind: str) -> None:
    console = fake_console()
    async with console.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        if kind == "error":
            group = groups(console.state.failures)[0]
            report = await opened(pilot, "error", group.key)
            named = list(group.job_ids[: -JOBS_SHOWN - 1 : -1])
        else:
            report = await opened(pilot, "worker", "w-3")
            row = console.state.workers["w-3"]
            mine = [one for one in reversed(console.state.events) if one.worker == "w-3"][:LATELY]
            lately = [one.raw.event.job_id for one in mine if one.raw.event is not None]
            named = [job.job_id for job in row.record.running] + [job_id for job_id in lately if job_id]
        await pilot.pause()
        document = report.query_one(Document)
        assert [item.key for item in document._links.values() if item.kind == "job"] == named
        for step, key in enumerate(named[:4]):
            await pilot.press("tab") if step or document.chosen is None else None
            await until(pilot, lambda: document.chosen is not None)
            where = (document.chosen, document._top)
            assert where[0] is not None
            assert where[0].key == key
            await pilot.press("enter")
            await until(pilot, lambda: console.screen is not report)
            job = console.screen
            assert isinstance(job, DetailScreen)
            assert (job.kind, job.key) == ("job", key)
            await pilot.press("escape")
            await until(pilot, lambda: console.screen is report)
            assert (document.chosen, document._top) == where


async def test_the_line_that_was_opened_is_found_again_where_it_has_moved() -> None:
    """While a job's report is open its worker goes on: the line is another number of rows down, and out of sight."""
    console = fake_console()
    async with console.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        report = await opened(pilot, "worker", "w-3")
        document = report.query_one(Document)
        await pilot.press("G")
        await until(pilot, lambda: document.chosen is not None)
        await pilot.press("k", "k", "k", "k", "k", "k", "k")
        chosen = document.chosen
        assert chosen is not None
        await pilot.press("enter")
        await until(pilot, lambda: console.screen is not report)
        seq = console.state.last_seq + 1
        about: dict[str, Any] = {"queue": "mail", "function": "shop.tasks:send_receipt", "worker_id": "w-3"}
        come = [JobEvent.of(JobEventType.STARTED, job_id=f"new-{place}", **about) for place in range(5)]
        feed_of(console).push(EventsAppended(tuple(stored(seq + n, T0, event) for n, event in enumerate(come))))
        await until(pilot, lambda: console.state.last_seq == seq + 4)
        await pilot.press("escape")
        await until(pilot, lambda: console.screen is report)
        await until(pilot, lambda: "new-" in "".join(item.key for item in document._links.values()))
        assert document.chosen == chosen
        row = document._laid_out.row_of[next(place for place, item in document._links.items() if item == chosen)]
        assert document._top <= row < document._top + document.size.height


async def test_a_click_opens_a_line_and_keys_walk_through_them() -> None:
    console = fake_console()
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        report = await opened(pilot, "worker", "w-3")
        await pilot.pause()
        document = report.query_one(Document)
        places = document._places
        assert document._chosen == places[0]
        await pilot.press("j", "j")
        assert (document._chosen, document._top) == (places[2], 0), "in sight the choice moves, not the text"
        await pilot.press("k")
        assert document._chosen == places[1]
        await pilot.press("G")
        assert document._chosen == places[-1]
        await pilot.press("g")
        assert (document._chosen, document._top) == (places[0], 0)
        await pilot.press("shift+tab")
        assert document._chosen == places[-1], "before the first comes the last"
        await pilot.press("tab")
        await pilot.click(Document, offset=(10, document._laid_out.row_of[places[3]] - document._top))
        await until(pilot, lambda: console.screen is not report)
        job = console.screen
        assert isinstance(job, DetailScreen)
        assert job.key == document._links[places[3]].key


# what a job waits for and what waits for it


@pytest.mark.parametrize(
    ("edges", "told"),
    [
        ({"j": ("a", "b"), "a": ("c",)}, ["0 a", "1 c", "0 b"]),
        ({"j": ("a", "b"), "a": ("b",), "b": ("c",)}, ["0 a", "1 b", "2 c", "0 b again"]),
        ({"j": ("j",)}, ["0 j again"]),
        ({"j": ("a",), "a": ("b",), "b": ("a", "j")}, ["0 a", "1 b", "2 a again", "2 j again"]),
        (
            {"j": ("a",), "a": ("b",), "b": ("c",), "c": ("d",), "d": ("e", "f")},
            ["0 a", "1 b", "2 c", "3 d", "4 +2"],
        ),
    ],
    ids=["tree", "diamond", "itself", "circle", "deep"],
)
def test_a_tree_has_each_job_once_and_ends(edges: dict[str, tuple[str, ...]], told: list[str]) -> None:
    lines = tree(edges, "j")
    shown = [f"{line.depth} {line.job_id or f'+{line.left_out}'}{' again' * line.is_again}" for line in lines]
    assert shown == told


def test_of_very_many_jobs_the_rest_is_counted() -> None:
    lines = tree({"j": tuple(f"c{n}" for n in range(1_000))}, "j")
    assert len(lines) == MOST + 1
    assert lines[-1].left_out == 1_000 - MOST


def test_descendants_are_found_in_one_pass() -> None:
    found = Descendants("j")
    named: dict[str, Any] = {"a": ["j"], "b": ["x"], "c": ["b", "a"], "d": [5, None], "e": "j", "f": ["c", "c", "a"]}
    events = [
        stored(seq, T0, JobEvent.of(JobEventType.ENQUEUED, job_id=name, details={"depends_on": parents}))
        for seq, (name, parents) in enumerate(named.items())
    ]
    assert [one.seq for one in events if found.take(one)] == [0, 2, 5]
    assert found.children == {"j": ["a"], "a": ["c", "f"], "c": ["f"]}


def test_what_is_too_deep_is_counted() -> None:
    found = Descendants("0")
    for seq in range(1, 9):
        named = {"depends_on": [str(seq - 1)]}
        found.take(stored(seq, T0, JobEvent.of(JobEventType.ENQUEUED, job_id=str(seq), details=named)))
    lines = tree({name: tuple(children) for name, children in found.children.items()}, "0")
    assert [line.job_id for line in lines] == ["1", "2", "3", "4", ""]
    assert lines[-1].left_out == 1


async def test_a_job_tells_what_it_waits_for_and_what_waits_for_it() -> None:
    console = family_console()
    async with console.run_test(size=(120, 60)) as pilot:
        await settle(pilot)
        report = await opened(pilot, "job", "merge")
        await until(pilot, lambda: report._extra.kin is not None and not report._extra.kin.is_reading)
        document = report.query_one(Document)
        rows = ["".join(text for text, _ in row) for row in document._rows(document.size.width)]
        lines = [" ".join(row.split()) for row in rows]
        at, behind = lines.index("Runs after"), lines.index("Runs before")
        assert lines[at + 1 : at + 4] == ["✓ done fetch fetch-eu", "✓ done └─ login login", "✗ failed fetch fetch-us"]
        assert lines[at + 4] == "✓ done └─ login login as above"
        assert lines[behind + 1 : behind + 4] == [
            "+ pending build report",
            "+ pending └─ send_report mail",
            "+ pending archive archive",
        ]
        places = {item.key for item in document._links.values()}
        assert places == {"fetch-eu", "fetch-us", "login", "report", "mail", "archive"}
        await pilot.press("tab", "enter")
        await until(pilot, lambda: console.screen is not report)
        other = console.screen
        assert isinstance(other, DetailScreen)
        assert (other.kind, other.key) == ("job", "login")
        await until(pilot, lambda: other._extra.kin is not None and not other._extra.kin.is_reading)
        await pilot.press("escape")
        await until(pilot, lambda: console.screen is report)
        assert document.chosen is not None
        assert document.chosen.key == "login"


async def test_children_are_looked_for_further_when_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fake, "SCAN_STEP", 3)
    monkeypatch.setattr(detail_screen, "STEPS", 1)
    console = family_console()
    async with console.run_test(size=(120, 60)) as pilot:
        await settle(pilot)
        report = await opened(pilot, "job", "merge")
        await until(pilot, lambda: report._extra.kin is not None and not report._extra.kin.is_reading)
        assert "looked for until" in text_on(pilot)
        assert "archive" not in text_on(pilot)
        await pilot.press("shift+tab")
        await pilot.press("enter")
        await until(pilot, lambda: "archive" in text_on(pilot))


def child_of(parent: str, child: str, seq: int) -> StoredEvent:
    about = {"job_id": child, "queue": "reports", "function": "shop.reports:part"}
    return stored(seq, T0, JobEvent.of(JobEventType.ENQUEUED, details={"depends_on": [parent]}, **about))


def behind(report: DetailScreen) -> list[str]:
    """The rows of what waits for a job."""
    document = report.query_one(Document)
    lines = [" ".join("".join(text for text, _ in row).split()) for row in document._rows(document.size.width)]
    return lines[lines.index("Runs before") + 1 :]


async def test_children_come_into_an_open_report_as_they_are_enqueued() -> None:
    """The job itself does not change meanwhile; what stood in its report stays where it is."""
    console = family_console()
    async with console.run_test(size=(120, 60)) as pilot:
        await settle(pilot)
        report = await opened(pilot, "job", "archive")
        await until(pilot, lambda: report._extra.kin is not None and not report._extra.kin.is_reading)
        before = text_on(pilot)
        assert "Runs before" not in before
        scans, last = len(feed_of(console).scans), console.state.last_seq
        feed_of(console).push(EventsAppended((child_of("archive", "part-1", last + 1),)))
        await until(pilot, lambda: "part-1" in text_on(pilot))
        feed_of(console).push(
            EventsAppended((child_of("part-1", "part-1a", last + 2), child_of("archive", "part-2", last + 3)))
        )
        await until(pilot, lambda: "part-2" in text_on(pilot))
        rows = ["+ pending part part-1", "+ pending └─ part part-1a", "+ pending part part-2"]
        assert behind(report)[:3] == rows
        assert len(feed_of(console).scans) == scans, "the log is not read for it"
        stays = [line.rstrip() for line in before.splitlines()[:-1] if line.strip()]
        now = [line.rstrip() for line in text_on(pilot).splitlines() if line.strip()]
        assert now[: len(stays)] == stays

        begun = JobEvent.of(JobEventType.STARTED, job_id="archive", queue="reports", attempt=1)
        feed_of(console).push(EventsAppended((stored(last + 4, T0 + timedelta(seconds=1), begun),)))
        await until(pilot, lambda: len(feed_of(console).scans) > scans)
        await until(pilot, lambda: not report._extra.kin.is_reading and report._extra.kin.seen > last + 3)
        assert behind(report)[:3] == rows, "all of it read anew says the same"


def test_of_very_many_children_that_come_the_first_are_kept_and_the_rest_is_owned_up_to() -> None:
    kin = Kin("j", is_reading=False)
    for start in (1, 101):
        rows = tuple(event_row(child_of("j", f"c{seq}", seq)) for seq in range(start, start + 100))
        kin = kin.followed(replace(EMPTY, events=rows))
    assert kin.seen == 200
    assert kin.looked_to == T0
    assert 2 * MOST <= len(kin.children["j"]) <= 2 * MOST + 1
    assert len(kin.jobs) == len(kin.children["j"])


async def test_the_worker_and_the_schedule_of_a_job_are_opened_from_its_report() -> None:
    console = fake_console()
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        record = next(row.record for row in console.state.results.values() if row.record.worker_id == "w-3")
        console.take((ResultsChanged((replace(record, schedule_id="digest", revision=99_999),), total=10),))
        for steps, title in ((0, "Worker"), (1, "Schedule")):
            report = await opened(pilot, "job", record.job_id)
            await read(pilot, report)
            await pilot.press(*["tab"] * steps, "enter")
            await until(pilot, lambda report=report: console.screen is not report)
            await pilot.pause()
            assert title in text_on(pilot).split("\n")[0]
            await pilot.press("escape")
            await until(pilot, lambda report=report: console.screen is report)
            await pilot.press("escape")
