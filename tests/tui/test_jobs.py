"""The list of jobs and the report of one: what is told of a job, from its events and records."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naq.models.event import JobEvent, JobEventType, StoredEvent
from naq.models.result import Attempt, JobResult
from naq.models.worker import RunningJob, WorkerRecord
from naq_tui.app import NaqConsole
from naq_tui.feed.sample import T0, job_id, stored
from naq_tui.feed.sample_failures import waiting_jobs
from naq_tui.format import exact
from naq_tui.store import failures
from naq_tui.store.failures import groups
from naq_tui.store.fold import apply
from naq_tui.store.jobs import JOBS_KEPT, JobRow
from naq_tui.store.state import EMPTY, State
from naq_tui.store.updates import (
    EventsAppended,
    FailuresFound,
    JobsFound,
    ResultsChanged,
    Update,
    WorkersChanged,
    in_slices,
)
from naq_tui.views.error_group import error_report
from naq_tui.views.errors import ErrorsView
from naq_tui.views.extra import NOTHING, Extra
from naq_tui.views.job import job_report
from naq_tui.views.table import Lens
from naq_tui.views.timeline import phases
from naq_tui.views.traceback import own_frames
from naq_tui.views.usual import FEWEST, usual_of
from tests.reports import texts_of
from tests.tui.conftest import fake_console, settle, text_on

A = job_id(1)


def event(seq: int, kind: JobEventType, job: str = A, after_s: float = 0.0, **fields: Any) -> StoredEvent:
    at = T0 + timedelta(seconds=after_s)
    return stored(seq, at, JobEvent.of(kind, ts=at, job_id=job, queue="mail", function="m:send", **fields))


def folded(*updates: Update) -> State:
    return apply(EMPTY, updates)


def test_a_job_is_followed_from_event_to_event() -> None:
    error = {"type": "TimeoutError", "message": "slow", "fingerprint": "f"}
    steps = [
        (event(1, JobEventType.ENQUEUED), "PENDING"),
        (event(2, JobEventType.STARTED, after_s=1, attempt=1, worker_id="w-1"), "RUNNING"),
        (event(3, JobEventType.PROGRESS, after_s=2, details={"done": 3, "total": 10, "note": "pages"}), "RUNNING"),
        (event(4, JobEventType.RETRY_SCHEDULED, after_s=3, error=error, details={"delay_s": 8}), "RETRY"),
        (event(5, JobEventType.STARTED, after_s=11, attempt=2), "RUNNING"),
        (event(6, JobEventType.COMPLETED, after_s=12, run_ms=1000.0), "COMPLETED"),
    ]
    state = EMPTY
    for told, status in steps:
        state = apply(state, [EventsAppended((told,))])
        row = state.jobs[A]
        assert row.status == status
        if row.text and told is steps[2][0]:
            assert row.text == "3/10 · 30 %  pages"
        if status == "RETRY":
            assert row.retry_at == T0 + timedelta(seconds=11)
            assert row.text == "TimeoutError: slow"
    assert row.attempt == 2
    assert row.enqueued_at == T0
    assert row.run_ms == 1000.0


def test_an_old_record_does_not_undo_what_the_log_told() -> None:
    record = JobResult(job_id=A, status="RETRY", saved_at=T0 + timedelta(seconds=1), revision=4)
    ended = event(9, JobEventType.COMPLETED, after_s=5, run_ms=1.0)
    state = folded(EventsAppended((ended,)), ResultsChanged((record,)))
    assert state.jobs[A].status == "COMPLETED"


def test_a_new_record_wins_over_older_events() -> None:
    record = JobResult(job_id=A, status="COMPLETED", value=5, saved_at=T0 + timedelta(seconds=9), revision=4)
    told = EventsAppended((event(9, JobEventType.STARTED, after_s=5, attempt=1),))
    stored_later = ResultsChanged((record,))
    assert folded(told, stored_later).jobs[A].status == "COMPLETED"
    assert folded(stored_later, told).jobs[A].status == "COMPLETED"


def test_a_value_stands_also_where_the_event_of_its_end_comes_after_it() -> None:
    told = EventsAppended((event(9, JobEventType.STARTED, after_s=5, attempt=1),))
    record = JobResult(job_id=A, status="COMPLETED", value="done", saved_at=T0 + timedelta(seconds=9), revision=4)
    ended = EventsAppended((event(10, JobEventType.COMPLETED, after_s=9.001, run_ms=1.0),))
    state = folded(told)
    for update in (ResultsChanged((record,)), ended):  # in frames of their own
        state = apply(state, [update])
    assert (state.jobs[A].status, state.jobs[A].text) == ("COMPLETED", '"done"')
    again = EventsAppended((event(11, JobEventType.STARTED, after_s=11, attempt=2),))
    other = EventsAppended((event(12, JobEventType.COMPLETED, after_s=12, run_ms=1.0),))
    state = apply(apply(state, [again]), [other])
    assert state.jobs[A].text == "", "that was the value of the run before"


def test_who_cancelled_a_job_stands_whichever_came_first() -> None:
    record = JobResult(job_id=A, status="CANCELLED", reason="too old", saved_at=T0 + timedelta(seconds=9), revision=4)
    who = {"actor": {"user": "ann"}, "reason": "too old"}
    told = (
        EventsAppended((event(10, JobEventType.CANCELLED, after_s=9.1, **who),)),
        ResultsChanged((record,)),
    )
    for frames in (told, told[::-1]):
        state = EMPTY
        for update in frames:
            state = apply(state, [update])
        assert state.jobs[A].text == "by ann: too old"


def test_what_a_lost_worker_had_is_not_taken_for_running() -> None:
    had = RunningJob(job_id=A, function="m:send", queue="mail", started_at=T0)
    worker = WorkerRecord(worker_id="w-1", status="BUSY", running=(had,), beat_at=T0)
    assert folded(WorkersChanged((worker,))).jobs[A].status == "RUNNING"
    assert folded(WorkersChanged((replace(worker, lost_at=T0 + timedelta(seconds=13)),))).jobs == {}


def test_jobs_are_bounded_and_open_ones_stay() -> None:
    open_job = event(1, JobEventType.ENQUEUED, job=job_id(0))
    many = tuple(event(2 + i, JobEventType.COMPLETED, job=job_id(1 + i), after_s=i) for i in range(JOBS_KEPT + 1_500))
    state = folded(EventsAppended((open_job, *many)))
    assert len(state.jobs) <= JOBS_KEPT + 1_000
    assert state.jobs[job_id(0)].status == "PENDING"


def test_failures_are_grouped_by_cause_and_counted_once() -> None:
    error = {"type": "KeyError", "message": "'a'", "fingerprint": "f"}
    other = {"type": "ValueError", "message": "b", "fingerprint": "g"}
    told = (
        event(1, JobEventType.FAILED, error=error),
        event(2, JobEventType.FAILED, job=job_id(2), after_s=60, error=other),
        event(3, JobEventType.FAILED, job=job_id(3), after_s=120, error={**error, "message": "'b'"}),
    )
    state = folded(FailuresFound(told), EventsAppended(told))
    found = groups(state.failures)
    assert [(group.type, group.count) for group in found] == [("KeyError", 2), ("ValueError", 1)]
    assert found[0].text == "KeyError: 'b'"
    assert found[0].last_at - found[0].first_at == timedelta(seconds=120)


def test_past_failures_come_piece_by_piece_and_of_many_the_newest_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "FAILURES_KEPT", 12)
    error = {"type": "KeyError", "message": "'a'", "fingerprint": "f"}
    told = tuple(event(1 + n, JobEventType.FAILED, job=job_id(n), after_s=n, error=error) for n in range(20))
    live = EventsAppended(told[15:])
    pieces = [FailuresFound(told[8:17]), FailuresFound(told[:8])]
    slices = list(in_slices(pieces, 3))
    assert [found.events[0].seq for found in slices if isinstance(found, FailuresFound)] == [15, 12, 9, 7, 4, 1]
    state = folded(live, *slices)
    assert list(state.failures) == list(range(9, 21))
    assert list(folded(*slices, live).failures) == list(range(9, 21))
    (group,) = groups(state.failures)
    assert (group.count, group.job_ids[0]) == (12, job_id(8))


def test_functions_of_one_name_in_two_modules_are_told_apart_in_a_cause() -> None:
    error = {"type": "TimeoutError", "fingerprint": "f"}
    failed = [
        stored(seq, T0, JobEvent.of(JobEventType.FAILED, job_id=f"j{seq}", function=function, error=error))
        for seq, function in enumerate(("shop.mail:send", "shop.sms:send", "shop.sms:send"), 1)
    ]
    state = folded(EventsAppended(tuple(failed)))
    (group,) = groups(state.failures)
    report = texts_of(error_report(state, group, Lens(T0, T0), NOTHING))
    (functions,) = [line for line in report if line.startswith("functions")]
    assert functions.split() == ["functions", "shop.sms:send", "2", "shop.mail:send", "1"]
    cells = ErrorsView().cells(group, Lens(T0, T0))
    assert "send" in [cell.text for cell in cells], "the list names them without their modules"


def test_a_timeline_has_a_phase_for_each_wait_and_run() -> None:
    from naq_tui.store.rows import event_row

    rows = [
        event_row(told)
        for told in (
            event(1, JobEventType.ENQUEUED),
            event(2, JobEventType.STARTED, after_s=2),
            event(3, JobEventType.RETRY_SCHEDULED, after_s=5),
            event(4, JobEventType.STARTED, after_s=13),
        )
    ]
    found = phases(rows, T0 + timedelta(seconds=20))
    assert [(phase.label, (phase.end - phase.start).total_seconds()) for phase in found] == [
        ("waits", 2),
        ("runs", 3),
        ("for retry", 8),
        ("run 2", 7),
    ]
    assert found[-1].is_open


def test_a_timeline_tells_the_times_that_the_rest_of_the_report_tells() -> None:
    """The log has each event a little later than it happened: what the worker says of it stands."""
    told = (
        event(1, JobEventType.ENQUEUED),
        event(2, JobEventType.STARTED, after_s=0.0413, attempt=1, wait_ms=40.4),
        event(3, JobEventType.COMPLETED, after_s=0.2713, attempt=1, wait_ms=40.4, run_ms=228.4),
    )
    now = T0 + timedelta(seconds=5)
    report = job_report(folded(EventsAppended(told)), A, Lens(now, now), Extra(events=told))
    assert report is not None
    lines = texts_of(report)
    (waits,) = [line for line in lines if line.startswith("  waits")]
    (runs,) = [line for line in lines if line.startswith("  runs")]
    assert (waits.split()[-2:], runs.split()[-2:]) == (["40", "ms"], ["228", "ms"])
    steps = [line.split("+")[1].split("  ")[0] for line in lines[lines.index("The job's events") :] if " ms  " in line]
    assert steps == ["40 ms", "228 ms"], "nor do the steps from event to event differ"
    assert any(line.endswith("waited 40 ms") for line in lines)
    assert any(line.endswith("ran 228 ms") for line in lines)


def test_times_of_day_stand_below_the_day_and_zone_they_are_of() -> None:
    told = (
        event(1, JobEventType.ENQUEUED),
        event(2, JobEventType.STARTED, after_s=1, attempt=1),
        event(3, JobEventType.FAILED, after_s=12 * 3600, attempt=1),
    )
    at = T0 + timedelta(hours=12)
    tries = (Attempt(number=1, worker_id="w-1", started_at=T0, finished_at=T0 + timedelta(seconds=1), error=None),)
    record = JobResult(
        job_id=A, status="COMPLETED", attempt=2, started_at=at, finished_at=at, worker_id="w-2", attempts=tries
    )
    report = job_report(folded(EventsAppended(told)), A, Lens(at, at), Extra(events=told, result=record))
    assert report is not None
    lines = texts_of(report)
    start = lines.index("The job's events")
    heads = [line for line in lines[start:] if line.endswith(", UTC")]
    assert heads == [f"  {day:%Y-%m-%d}, UTC" for day in (T0, at)]
    attempts = lines[lines.index("Attempts") + 1 :][:3]
    assert "started, UTC" in attempts[0]
    assert f"{T0:%Y-%m-%d %H:%M:%S}" in attempts[1]
    assert f"{at:%Y-%m-%d %H:%M:%S}" in attempts[2]


def test_a_job_that_is_to_run_again_tells_when_its_last_run_ended() -> None:
    told = (
        event(1, JobEventType.ENQUEUED),
        event(2, JobEventType.STARTED, after_s=1, attempt=1),
        event(3, JobEventType.RETRY_SCHEDULED, after_s=3, attempt=1, run_ms=2000.0, details={"delay_s": 60}),
    )
    now = T0 + timedelta(seconds=5)
    report = job_report(folded(EventsAppended(told)), A, Lens(now, now), NOTHING)
    assert report is not None
    (ended,) = [line for line in texts_of(report) if line.startswith("  ended")]
    assert exact(T0 + timedelta(seconds=3)) in ended


def ended_jobs(count: int) -> tuple[StoredEvent, ...]:
    """As many jobs, 1 to `count`, that each waited as many milliseconds as their number and ran ten times as long."""
    told = []
    for number in range(1, count + 1):
        about = {"job": job_id(number), "attempt": 1}
        told.append(event(2 * number, JobEventType.STARTED, after_s=number, wait_ms=float(number), **about))
        told.append(event(2 * number + 1, JobEventType.COMPLETED, after_s=number + 0.5, run_ms=10.0 * number, **about))
    return tuple(told)


def report_lines(state: State, job: str) -> list[str]:
    now = T0 + timedelta(seconds=5)
    report = job_report(state, job, Lens(now, now), NOTHING)
    assert report is not None
    return texts_of(report)


def test_a_job_is_told_beside_what_is_usual_for_its_function() -> None:
    state = folded(EventsAppended(ended_jobs(101)))
    slowest, median = report_lines(state, job_id(101)), report_lines(state, job_id(50))
    assert "  usual       wait p50 50 ms p95 95 ms · run p50 500 ms p95 950 ms · 100 jobs" in slowest
    assert [line.endswith("over p95") for line in slowest if line.startswith(("  started", "  ended"))] == [True, True]
    assert "  usual       wait p50 51 ms p95 96 ms · run p50 510 ms p95 960 ms · 100 jobs" in median
    assert not [line for line in median if "over p95" in line]


def test_what_is_usual_is_not_told_of_few_jobs_nor_by_those_of_others() -> None:
    twenty_one = ended_jobs(FEWEST + 1)
    assert [line for line in report_lines(folded(EventsAppended(twenty_one)), A) if line.startswith("  usual")]
    few = folded(EventsAppended(twenty_one[:-2]))
    assert not [line for line in report_lines(few, A) if line.startswith("  usual")]
    other = event(900, JobEventType.CANCELLED, job=job_id(FEWEST + 1))  # it ended, but not by running
    assert not [line for line in report_lines(apply(few, [EventsAppended((other,))]), A) if line.startswith("  usual")]
    state = folded(EventsAppended(twenty_one))
    changed = {key: row._replace(function="else") if key == job_id(2) else row for key, row in state.jobs.items()}
    assert usual_of(changed.values(), changed[A]) is None


@given(
    st.lists(st.tuples(st.floats(0, 1e9), st.none() | st.floats(0, 1e9)), min_size=FEWEST, max_size=200),
)
def test_what_is_usual_is_the_nearest_rank(times: list[tuple[float, float | None]]) -> None:
    rows = [JobRow(str(at), str(at), "COMPLETED", "f", "q", run_ms=r, wait_ms=w) for at, (r, w) in enumerate(times)]
    usual = usual_of(rows, JobRow("own", "own", "RUNNING", "f", "q"))
    assert usual is not None
    assert usual.jobs == len(rows)
    runs = [run for run, _ in times]
    waits = [wait for _, wait in times if wait is not None]
    told = [(runs, 0.5, usual.run_p50_ms), (runs, 0.95, usual.run_p95_ms)]
    if len(waits) >= FEWEST:
        told += [(waits, 0.5, usual.wait_p50_ms), (waits, 0.95, usual.wait_p95_ms)]
    else:
        assert usual.wait_p50_ms is None
        assert usual.wait_p95_ms is None
    for values, share, found in told:
        assert found in values
        assert sum(value <= found for value in values) >= share * len(values) > sum(value < found for value in values)


def test_frames_of_libraries_are_left_out() -> None:
    text = (
        "Traceback (most recent call last):\n"
        '  File "/venv/lib/python3.11/site-packages/x/y.py", line 3, in call\n    f()\n'
        '  File "/srv/shop/mail.py", line 12, in send\n    smtp.send(message)\n'
        '  File "/usr/lib/python3.11/smtplib.py", line 9, in send\n    raise OSError\nOSError'
    )
    assert own_frames(text) == [("mail.py:12", "send", "smtp.send(message)")]


def test_what_waits_is_known_by_its_arguments_whatever_told_of_it_first() -> None:
    job = waiting_jobs()[-1]
    told = EventsAppended((event(1, JobEventType.ENQUEUED, job=job.job_id),))
    for state in (folded(told, JobsFound((job,))), folded(JobsFound((job,)), told)):
        call = state.jobs[job.job_id].call
        assert call is not None
        assert call["args"] == job.args
        started = apply(state, [EventsAppended((event(2, JobEventType.STARTED, job=job.job_id, after_s=1),))])
        assert started.jobs[job.job_id].call is call


# the list


def jobs_of(console: NaqConsole) -> list[str]:
    return [row.status for row in console.main.tables["jobs"]._items]


async def test_states_one_after_the_other() -> None:
    console = fake_console()
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("3")
        every = set(jobs_of(console))
        await pilot.press("left")
        assert set(jobs_of(console)) == {"FAILED"}
        await pilot.press("right")
        assert set(jobs_of(console)) == every
        await pilot.press("right")
        assert set(jobs_of(console)) == {"PENDING"}
        await pilot.press("escape")
        assert set(jobs_of(console)) == every


async def test_marks_outlive_the_filter_and_escape_takes_them_off() -> None:
    console = fake_console()
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("3", "left", "space", "j", "m")
        table = console.main.tables["jobs"]
        assert len(table.marks) == 3
        await pilot.press("right")
        assert len(table.targets) == 3
        await pilot.press("escape")
        assert len(table.marks) == 0


async def test_a_filter_by_arguments_tells_of_how_many_jobs_it_can_not_say() -> None:
    console = fake_console()
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("3", "slash", *"arg.to:customer-009")
        await pilot.pause()
        table = console.main.tables["jobs"]
        assert [row.call["args"][0] for row in table.items if row.call][:1] == [90_300]
        assert 0 < table.row_count < 10
        unknown = sum(row.call is None for row in console.state.jobs.values())
        assert unknown > 5, "what runs now is known by its events only"
        assert f"{table.row_count} shown · {unknown} more without known arguments" in text_on(pilot)
        await pilot.press("space", *"tag:us")
        await pilot.pause()
        assert f"{unknown} more without known arguments or tags" in text_on(pilot)
        await pilot.press("escape", "slash", *"send", "enter")
        await pilot.pause()
        assert "without known" not in text_on(pilot)
