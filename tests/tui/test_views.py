"""Selectors: what is shown of a state at a moment."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from naq.models.event import JobEvent, JobEventType
from naq_tui import format as fmt
from naq_tui.feed.sample import T0, first_batch, link, process, queues, results, schedules, stored, workers
from naq_tui.launcher import ProcessStatus
from naq_tui.store.fold import apply
from naq_tui.store.rows import event_row
from naq_tui.store.state import EMPTY, State
from naq_tui.store.updates import (
    EventsAppended,
    LinkChanged,
    Malformed,
    ProcessesChanged,
    QueuesSampled,
    ResultsChanged,
    SchedulesChanged,
    WorkersChanged,
)
from naq_tui.views.alarm import alarms
from naq_tui.views.command_line import command_line
from naq_tui.views.detail import detail
from naq_tui.views.events import COLUMNS, without_worker
from naq_tui.views.events import cells as event_cells
from naq_tui.views.jobs import JobsView
from naq_tui.views.processes import ProcessesView
from naq_tui.views.queues import QueuesView
from naq_tui.views.results import ResultsView
from naq_tui.views.schedules import SchedulesView, failed_schedules, is_overdue, next_run, overdue
from naq_tui.views.search import Needle
from naq_tui.views.table import Column, Lens, lay_out, run_on
from naq_tui.views.workers import WorkersView
from tests.reports import texts_of

ALL_COLUMNS = [
    COLUMNS,
    *(view.columns for view in (WorkersView, QueuesView, ResultsView, SchedulesView, ProcessesView)),
]


def lens(after_s: float = 0.0, resumed_at: datetime | None = None) -> Lens:
    now = T0 + timedelta(seconds=after_s)
    return Lens(now, now, resumed_at)


def usual() -> State:
    return apply(EMPTY, first_batch())


@pytest.mark.parametrize("columns", ALL_COLUMNS)
@pytest.mark.parametrize("width", [10, 36, 50, 62, 76, 116, 196])
def test_columns_fill_the_width_and_are_never_half(columns: tuple, width: int) -> None:  # type: ignore[type-arg]
    placed = lay_out(columns, width)
    used = sum(gap + size for _, gap, size in placed)
    assert used <= width
    assert [index for index, _, _ in placed] == sorted(index for index, _, _ in placed)
    if width >= 36:
        assert all(size >= columns[index].width for index, _, size in placed)


@pytest.mark.parametrize(
    ("row", "line"),
    [
        (("mail", "send", "80 ms", "a1b2"), "mail   send   80 ms  a1b2 !"),
        (("mail", "send", "too long a text", "a1b2"), "mail   send   too l… a1b2 !"),
        (("mail", "send", "longer text", ""), "mail   send   longer text !"),
        (("mail", "", "longer text", "a1b2"), "mail   longer text   a1b2 !"),
        (("", "", "longer text", ""), "              longer text !"),
        (("", "", "a text of 18 cells", ""), "       a text of 18 cells !"),
        (("", "", "a text with so many words", ""), "a text with so many words !"),
        (("", "", "a text with so many words more", ""), "a text with so many word… !"),
        (("", "send", "a text with so many words", ""), "       send   a text wit… !"),
        (("", "", "", ""), "                          !"),
    ],
)
def test_a_long_text_runs_on_into_the_empty_cells_beside_it(row: tuple[str, ...], line: str) -> None:
    columns = [Column(id=id, title=id, width=6, fill=id == "text") for id in ("queue", "function", "text")]
    columns += [Column(id="job", title="job", width=4), Column(id="end", title="", width=1)]
    cells = [(text, "") for text in (*row, "!")]
    placed = run_on(lay_out(columns, 27), columns, cells)
    assert "".join(" " * gap + columns[i].fitted(cells[i][0], room) for i, gap, room in placed) == line


def test_an_event_of_a_worker_names_it_where_its_column_has_no_room() -> None:
    event = JobEvent.of(JobEventType.WORKER_STOPPED, worker_id="w-9", reason="asked to stop")
    told = event_cells(event_row(stored(1, T0, event)), lens())
    assert [text for text, _ in without_worker(told)][3:6] == ["w-9", "w-9", "asked to stop"]
    of_job = JobEvent.of(JobEventType.STARTED, job_id="a", worker_id="w-9", function="shop:send")
    told = event_cells(event_row(stored(2, T0, of_job)), lens())
    assert without_worker(told) is told


def test_a_worker_dies_as_time_passes_without_any_event() -> None:
    state = apply(EMPTY, [link(), WorkersChanged(workers()[:1])])
    view = WorkersView()
    row = state.workers["w-3"]
    assert view.cells(row, lens())[0].text == "● busy"
    assert view.cells(row, lens(11.0))[0] == ("✗ dead", "failed")
    assert view.cells(row, lens(11.0)._replace(ascii_only=True))[0].text == "x dead"


def test_after_an_outage_workers_have_time_to_beat_again() -> None:
    row = apply(EMPTY, [WorkersChanged(workers()[:1])]).workers["w-3"]
    back = T0 + timedelta(seconds=60)
    assert WorkersView().cells(row, lens(61, back))[0].text == "● busy"
    assert WorkersView().cells(row, lens(75, back))[0].text == "✗ dead"


def test_workers_of_different_versions_are_told() -> None:
    state = usual()
    words = [cell.text for cell in WorkersView().headline(state, lens())]
    assert not any("version" in word for word in words)
    newer = replace(workers()[0], version="0.2.0")
    cells = WorkersView().headline(apply(state, [WorkersChanged((newer,))]), lens())
    assert ("2 versions", "waiting") in [(cell.text.strip(), cell.tone) for cell in cells]


def test_results_are_found_by_tag() -> None:
    tagged = replace(results()[0], tags=("nightly", "eu"))
    (row,) = ResultsView().items(apply(EMPTY, [ResultsChanged((tagged,))]), lens())
    view = ResultsView()
    for text, is_found in (("tag:nightly", True), ("tag:eu,us", True), ("tag:us", False), ("!tag:eu", False)):
        needle = Needle(text, view.field_names())
        assert not needle.problem
        assert needle.matches(view.text(row), lambda: view.fields(row, lens())) is is_found, text


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ("order-1", "naq job show order-1"),
        ("a b'; rm -rf ~", """naq job show 'a b'"'"'; rm -rf ~'"""),
        ("--all", None),
        ("a\nb", None),
        ("a\x1b[2J", None),
        ("a\u202eb", None),
    ],
)
def test_a_command_to_copy_is_one_word_per_name_or_none(given: str, line: str | None) -> None:
    (row,) = ResultsView().items(apply(EMPTY, [ResultsChanged((replace(results()[0], job_id=given),))]), lens())
    assert command_line(row) == line


def test_events_have_a_command_of_their_own() -> None:
    rows = usual().events
    (of_job, other) = (next(row for row in rows if bool(row.job) is wanted) for wanted in (True, False))
    assert command_line(of_job) == f"naq events --job {of_job.raw.event.job_id}"  # type: ignore[union-attr]
    assert command_line(other) == f"naq events --type {other.type} --since {other.at:%Y-%m-%dT%H:%M:%S}"


def test_ids_of_people_differ_on_the_screen() -> None:
    """By a job's column of six cells, a schedule's of ten, and what reports and events say."""
    ids = ("order-2026-11-24-000123", "order-2026-11-24-000124")
    jobs = tuple(replace(results()[0], job_id=given) for given in ids)
    plans = tuple(replace(schedules()[0], schedule_id=given) for given in ids)
    state = apply(EMPTY, [ResultsChanged(jobs), SchedulesChanged(plans)])
    for view, column_id, seen in (
        (ResultsView(), "job", {"…00123", "…00124"}),
        (JobsView(), "job", {"…00123", "…00124"}),
        (SchedulesView(), "schedule", {"orde…00123", "orde…00124"}),
    ):
        place, column = next((i, column) for i, column in enumerate(view.columns) if column.id == column_id)
        rows = view.items(state, lens())
        assert {column.fitted(view.cells(row, lens())[place].text, column.width) for row in rows} == seen
    assert {row.job for row in state.results.values()} == {"order…000123", "order…000124"}
    assert {row.name for row in state.schedules.values()} == set(ids)


@pytest.mark.parametrize(
    ("kind", "details", "text"),
    [
        (JobEventType.SCHEDULED, {"interval_s": 30.0, "next_run_at": "2026-11-29T10:11:59.868626Z"}, "tick every 30 s"),
        (JobEventType.SCHEDULED, {"cron": "0 2 * * *", "timezone": "Europe/Berlin"}, "tick 0 2 * * * Europe/Berlin"),
        (JobEventType.SCHEDULED, {"next_run_at": "2026-11-29T11:11:29.933046Z"}, "at 2026-11-29 11:11:29"),
        (JobEventType.PROGRESS, {"done": 3, "total": 60, "note": "pages"}, "3/60 · 5 %  pages"),
    ],
)
def test_an_event_tells_in_words_what_its_details_say(kind: JobEventType, details: dict[str, Any], text: str) -> None:
    about = {"job_id": "order-1"} if kind == JobEventType.PROGRESS else {"schedule_id": "tick"}
    told = stored(1, T0, JobEvent.of(kind, ts=T0, queue="mail", details=details, **about))
    (row,) = apply(EMPTY, [EventsAppended((told,))]).events
    assert row.text == text


def test_a_schedule_is_named_in_events_as_in_lists() -> None:
    made = "01a226c9-d00d-722d-8fa2-2bc33f424377"
    for kind, about, text in (
        (JobEventType.ENQUEUED, {"job_id": "order-1"}, "by 424377"),
        (JobEventType.SCHEDULE_TRIGGERED, {}, "424377"),
        (JobEventType.SCHEDULE_PAUSED, {"actor": {"user": "ann"}}, "424377 by ann"),
    ):
        told = stored(1, T0, JobEvent.of(kind, ts=T0, queue="mail", schedule_id=made, **about))
        (row,) = apply(EMPTY, [EventsAppended((told,))]).events
        assert row.text == text


def test_the_worst_worker_is_on_top() -> None:
    names = [row.worker_id for row in WorkersView().items(usual(), lens())]
    assert names[:2] == ["w-7", "w-5"]


def test_a_queue_with_jobs_that_nobody_takes_is_told() -> None:
    view = QueuesView()
    items = {item.row.name: item for item in view.items(usual(), lens())}
    assert items["reports"].is_unserved, "its only worker is dead"
    assert not items["images"].is_unserved, "its worker is busy: no open pull, and yet served"
    assert view.cells(items["reports"], lens())[0].text.startswith("!")


def test_nothing_wrong_means_no_alarm() -> None:
    fine = [link(), WorkersChanged(workers()[:2]), QueuesSampled(queues()[:1], T0), SchedulesChanged(schedules()[:2])]
    assert alarms(apply(EMPTY, fine), lens()) == []


def test_alarms_begin_with_the_worst() -> None:
    state = apply(
        usual(),
        [
            link(state="lost", at=T0, message="connection refused"),
            Malformed("workers", "w-9", b"{", "not JSON"),
            ProcessesChanged((process("worker-1", "worker", 1, "boom", failed=True, status=ProcessStatus.EXITED),)),
        ],
    )
    texts = [alarm.text for alarm in alarms(state, lens(7))]
    assert texts[0] == "no connection to local for 7 s, what you see is older: connection refused"
    assert [alarm.key for alarm in alarms(state, lens(7))] == ["", "5", "8", "6", "4", ""]


def test_an_overdue_schedule_without_a_scheduler_says_what_to_do() -> None:
    late = replace(schedules()[0], next_run_at=T0 - timedelta(seconds=30))
    found = alarms(apply(EMPTY, [link(), SchedulesChanged((late,))]), lens())
    assert found[0].text == "1 schedule should have fired, but no scheduler runs: s starts one"


def test_what_is_told_of_all_schedules_is_what_each_row_says() -> None:
    (made, *_) = schedules()
    moments = (None, T0 - timedelta(seconds=20), T0 - timedelta(seconds=10), T0, T0 + timedelta(seconds=5))
    many = tuple(
        replace(made, schedule_id=f"s-{number}", status=status, next_run_at=moment)
        for number, (status, moment) in enumerate(itertools.product(("ACTIVE", "PAUSED", "FAILED"), moments))
    )
    state = apply(EMPTY, [SchedulesChanged(many)])
    for after_s in (-15.0, 0.0, 0.001, 12.0, 100.0):
        now = T0 + timedelta(seconds=after_s)
        assert overdue(state, now) == sum(is_overdue(row, now) for row in state.schedules.values())
    assert overdue(state, T0) == 1
    assert next_run(state) == T0 - timedelta(seconds=20)
    assert [row.status for row in failed_schedules(state)] == ["FAILED"] * len(moments)
    assert next_run(apply(state, [SchedulesChanged((), tuple(state.schedules))])) is None


def test_policies_of_a_newer_version_are_shown_with_what_comes_of_them() -> None:
    newer = replace(schedules()[0], misfire="run_last_hour", overlap="cancel\x1b[31m_previous")
    state = apply(EMPTY, [link(), SchedulesChanged((newer,))])
    report = detail(state, "schedule", newer.schedule_id, lens())
    told = texts_of(report)
    assert [line.split("   ")[-1] for line in told if "last hour" in line or "previous" in line] == [
        "not known to this version: followed as skip"
    ] * 2
    assert not any("\x1b" in line for line in told)


def test_an_empty_list_says_why() -> None:
    connected = apply(EMPTY, [link(), WorkersChanged()])
    assert WorkersView().empty(connected) == "No workers yet: press w to start one here."
    assert WorkersView().empty(EMPTY) == "Reading…"
    failed = apply(EMPTY, [LinkChanged(state="failed")])
    assert "no connection" in WorkersView().empty(failed)


@pytest.mark.parametrize(
    ("needle", "row", "matches"),
    [
        ("mail", "COMPLETED mail", True),
        ("MAIL done", "done Mail", True),
        ("mail !failed", "failed mail", False),
        ("mail !failed", "done mail", True),
        ("!", "anything!", True),
        ("", "anything", True),
    ],
)
def test_the_filter(needle: str, row: str, matches: bool) -> None:
    assert Needle(needle).matches(row) is matches


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"),
        (0.0004, "0.4 ms"),
        (0.228, "228 ms"),
        (1.24, "1.2 s"),
        (8, "8 s"),
        (41, "41 s"),
        (99.6, "2 min"),
        (840, "14 min"),
        (3600 * 11, "11 h"),
        (86400 * 6.2, "6.2 d"),
        (-3, "0 ms"),
        (10**400, "11574074074 d"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert fmt.duration(seconds) == text


def test_times_to_come() -> None:
    assert fmt.until(T0 + timedelta(seconds=48), T0) == "in 48 s"
    assert fmt.until(T0 + timedelta(hours=11, minutes=53), T0) == "in 11 h 53 min"
    assert fmt.until(T0, T0) == "now"
    assert fmt.until(T0 - timedelta(seconds=12), T0) == "12 s late"
    assert fmt.until(None, T0) == ""


def test_figures() -> None:
    assert fmt.count(184223) == "184,223"
    assert fmt.short_count(48_230) == "48.2k"
    assert fmt.size(812) == "812 B"
    assert fmt.size(4300) == "4.2 KiB"
    assert fmt.rate(0.04) == "<0.1/s"
    assert fmt.sparkline((0, 1, 8)) == "▁▂█"
    assert fmt.sparkline(()) == ""
