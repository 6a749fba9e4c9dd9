"""Everything about one job: what, where, when, with what, what came of it, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from naq import codec
from naq.ids import short
from naq.models.result import JobError, JobResult
from naq_tui import hints, status, times
from naq_tui.format import clock_ms, count, duration, exact, milliseconds, plural, size, until
from naq_tui.jsontext import Span
from naq_tui.store.jobs import JobRow
from naq_tui.store.kin import Relative
from naq_tui.store.rows import EventRow, ResultRow, event_row, result_row, told
from naq_tui.store.state import State
from naq_tui.text import safe
from naq_tui.views.events import cells as event_cells
from naq_tui.views.extra import LARGEST_SHOWN, Aside, Extra
from naq_tui.views.jobs import took
from naq_tui.views.kin import runs_after, runs_before
from naq_tui.views.related import Related
from naq_tui.views.report import Report
from naq_tui.views.table import Lens
from naq_tui.views.timeline import phases, step_s, timeline
from naq_tui.views.traceback import own_frames
from naq_tui.views.usual import Usual, over, usual_of
from naq_tui.views.why import why_not

ATTEMPTS = 100
"""Attempts of a job that are listed, the last ones."""


def job_report(state: State, job_id: str, lens: Lens, extra: Extra) -> Report | None:
    """The report on a job; None where nothing at all is known of it."""
    known = state.jobs.get(job_id)
    record = _newest(extra.result, known.record if known is not None else None, state.results.get(job_id))
    if known is None and record is None and not extra.events:
        return None
    rows = [event_row(stored) for stored in extra.events or ()]
    payload = extra.payload or (record.job if record is not None else None) or {}
    row = known or _row_of(job_id, record, rows)
    report = Report(f"Job {row.job}", record=result_row(record) if record is not None else row)
    _head(report, row, record, lens)
    parents = _as_they_are(state, extra.kin.direct()) if extra.kin is not None else ()
    reasons = why_not(state, row, payload, parents, lens)
    if reasons:
        report.lines += [((reason, "waiting"),) for reason in reasons]
        report.lines.append(())
    _facts(report, row, record, payload)
    lines = timeline(rows, lens)
    if lines:
        report.section("Timeline")
        report.lines += lines
    _when(report, row, record, lens, usual_of(state.jobs.values(), row))
    kin = extra.kin
    if kin is not None:
        runs_after(report, state, kin, lens)
    has_children_above = kin is not None and bool(kin.children) and not kin.came_late
    if kin is not None and has_children_above:
        runs_before(report, state, kin, lens)
    if payload:
        report.section("Arguments")
        report.value("arguments", {"args": payload.get("args", []), "kwargs": payload.get("kwargs", {})}, extra.depth)
    elif extra.is_read:
        report.section("Arguments")
        report.note("not stored any more: it completed, and its arguments are larger than what is kept")
    if record is not None:
        _outcome(report, record, extra)
    elif state.as_of is not None and row.status == "COMPLETED":
        report.section("Value")
        report.note("not in the log, and no longer stored as it was then")
    job_events(report, extra, lens)
    if kin is not None and not has_children_above:
        # at the end: of most jobs nothing comes of it, and nothing moves for those that come while it is read
        runs_before(report, state, kin, lens)
    return report


def _as_they_are(state: State, parents: Sequence[Relative]) -> tuple[Relative, ...]:
    """What was read of them, where the state does not say how they stand now."""
    rows = ((parent, state.jobs.get(parent.job_id)) for parent in parents)
    return tuple(parent if row is None else parent._replace(status=row.status) for parent, row in rows)


def job_events(report: Report, extra: Extra, lens: Lens) -> None:
    """The history of the job that a report is about."""
    report.section("The job's events")
    if extra.problem:
        report.note(extra.problem)
    elif extra.events is None:
        report.note("reading…")
    elif not extra.events:
        report.note("none found")
    previous: datetime | None = None
    rows = [event_row(stored) for stored in extra.events or ()]
    found = phases(rows, lens.now)
    for row in rows:
        cells = event_cells(row, lens)
        step = "" if previous is None else f"+{duration(step_s(found, previous, row.at))}"
        previous = row.at
        report.day(row.at)
        report.lines.append(
            (
                (f"  {clock_ms(row.at)}  ", "muted"),
                (f"{step:>9}  ", "muted"),
                (f"{cells[1].text:<14}", cells[1].tone),
                (f"{row.worker:<9} ", "muted"),
                (row.text, cells[5].tone),
            )
        )


def error_parts(report: Report, error: JobError) -> None:
    """An error: itself, the frames of the user's own code, then the whole traceback."""
    report.section("Error")
    report.text("error", f"{error.type}: {error.message}", is_failure=True)
    if not error.traceback:
        return
    frames = own_frames(error.traceback)
    if frames:
        report.section("In your code")
        report.table(
            ("where", "function", "code"),
            [((frame.place, "strong"), (frame.function, ""), (frame.code, "muted")) for frame in frames],
        )
    report.section("Traceback")
    report.traceback(error.traceback)


def _newest(*found: Any) -> JobResult | None:
    """The newest of the records that are there; the one read whole wins among equals."""
    best: JobResult | None = None
    for item in found:
        if isinstance(item, ResultRow) and item.untold:
            continue  # no record, but what an event tells of one
        record = item if item is None or isinstance(item, JobResult) else item.record
        if record is not None and (best is None or record.revision > best.revision):
            best = record
    return best


def _row_of(job_id: str, record: JobResult | None, rows: Sequence[EventRow]) -> JobRow:
    from naq_tui.store.jobs import with_events, with_results

    jobs = with_events({}, rows)
    if record is not None:
        jobs = with_results(jobs, [result_row(record)], ())
    return jobs.get(job_id) or JobRow(job_id, safe(short(job_id)), "PENDING", "", "")


def _head(report: Report, row: JobRow, record: JobResult | None, lens: Lens) -> None:
    look = status.of_job(row.status)
    failed = row.status == "FAILED"
    text = row.text if failed or row.status in ("RUNNING", "RETRY", "CANCELLED") else ""
    if row.retry_at is not None and row.status in ("RETRY", "SCHEDULED"):
        text = f"{until(row.retry_at, lens.now)}  {text}".rstrip()
    report.headline(
        (f"{look.mark(lens.ascii_only)} {look.word}", look.tone),
        (f"  {row.function}", "strong"),
        (f"  {took(row, lens)}" if row.started_at else "", "muted"),
        (f"  {text}" if text else "", "failed" if failed else "waiting" if row.status == "RETRY" else "muted"),
    )


def _facts(report: Report, row: JobRow, record: JobResult | None, payload: Mapping[str, Any]) -> None:
    report.fact("job", safe(row.job_id, 200))
    function = record.function if record is not None else payload.get("function")
    report.fact("function", safe(function, 300) if isinstance(function, str) else row.function)
    report.fact("queue", row.queue)
    is_told = record is not None and safe(record.worker_id, 100) == row.worker
    worker_id = record.worker_id if record is not None and is_told else row.worker
    if row.worker:
        report.fact("worker", row.worker)
        report.link(Related("worker", worker_id))
    retries = codec.whole(payload, "max_retries", 0)
    allowed = f" of {retries + 1:,} at most" if retries > 0 else ""
    report.fact("attempt", f"{row.attempt:,}{allowed}" if row.attempt else None)
    timeout = codec.number(payload, "timeout", None)
    report.fact("time limit", None if timeout is None else duration(timeout))
    unique = payload.get("unique")
    report.fact("unique", safe(unique, 200) if isinstance(unique, str) else None)
    if record is not None:
        report.fact("schedule", safe(record.schedule_id or "", 200))
        if record.schedule_id:
            report.link(Related("schedule", record.schedule_id))
        report.fact("tags", safe(", ".join(record.tags), 300))
        report.fact("reason", told(record.reason or ""))
        died = f"{record.crashes:,} runs died with their worker" if record.crashes else ""
        report.fact("crashes", (died, "failed"))


def _when(report: Report, row: JobRow, record: JobResult | None, lens: Lens, usual: Usual | None) -> None:
    waited, ran = (usual.wait_p95_ms, usual.run_p95_ms) if usual is not None else (None, None)
    report.section("When")
    report.fact("  enqueued", exact(row.enqueued_at))
    report.fact("  started", exact(row.started_at), (_after("waited", row.wait_ms), "muted"), over(row.wait_ms, waited))
    report.fact("  ended", exact(_ended_at(row)), (_after("ran", row.run_ms), "muted"), over(row.run_ms, ran))
    if row.status in ("RETRY", "SCHEDULED"):
        report.fact("  runs", exact(row.retry_at), (f"   {until(row.retry_at, lens.now)}", "waiting"))
    if record is not None:
        report.fact("  stored", exact(record.saved_at), (f"   {size(record.size)}", "muted"))
    if usual is not None:
        report.fact("  usual", *usual.spans())


def _ended_at(row: JobRow) -> datetime | None:
    """End of its last run, also of one that is to run again."""
    if row.status != "RETRY" or row.started_at is None or row.run_ms is None:
        return row.ended_at
    return row.started_at + timedelta(milliseconds=row.run_ms)


def _outcome(report: Report, record: JobResult, extra: Extra) -> None:
    if record.error is not None:
        error_parts(report, record.error)
    elif record.status == "COMPLETED":
        report.section("Result")
        if record.value_ref is not None:
            _aside(report, extra.aside_of(record.value_ref), extra.depth)
        else:
            report.value("result", record.value, extra.depth)
    if record.attempts:
        _attempts(report, record)
    if record.logs:
        report.section("Log of the last run")
        report.text("log", "\n".join(record.logs))


def _aside(report: Report, aside: Aside, depth: int) -> None:
    """A result that lies in the object store, or why it isn't here."""
    whole = size(aside.ref.size)
    if aside.is_read:
        report.value("result", aside.value, depth)
    elif aside.ref.size > LARGEST_SHOWN:
        writes = hints.hint("export", "writes it to a file")
        report.note(hints.advice(f"{whole}; up to {size(LARGEST_SHOWN)} are shown here", writes, end=""))
    elif aside.problem:
        report.text("problem", f"{whole}, not read: {aside.problem}", is_failure=True)
    else:
        report.note(f"reading… {size(aside.read)} of {whole}" if aside.read else f"reading {whole}…")


def _attempts(report: Report, record: JobResult) -> None:
    report.section("Attempts")
    rows: list[Sequence[Span]] = []
    attempts = record.attempts[-ATTEMPTS:]
    if len(attempts) < len(record.attempts):
        report.note(f"{plural(len(record.attempts) - ATTEMPTS, 'earlier attempt')} not shown")
    begun = [attempt.started_at for attempt in attempts] + [record.started_at] * record.is_final
    days = {times.in_zone(moment).date() for moment in begun if moment is not None}

    def told_at(moment: datetime | None) -> str:
        if moment is None:
            return ""
        return clock_ms(moment) if len(days) == 1 else f"{times.in_zone(moment):%Y-%m-%d %H:%M:%S}"

    for attempt in attempts:
        ran = (
            duration((attempt.finished_at - attempt.started_at).total_seconds())
            if attempt.finished_at and attempt.started_at
            else ""
        )
        why = told(f"{attempt.error.type}: {attempt.error.message}", 200) if attempt.error else ""
        started = told_at(attempt.started_at)
        worker = safe(attempt.worker_id, 40)
        rows.append(((count(attempt.number), ""), (started, "muted"), (ran, ""), (worker, "muted"), (why, "failed")))
    if record.is_final:
        started = told_at(record.started_at)
        last = status.of_job(record.status)
        text = told(f"{record.error.type}: {record.error.message}", 200) if record.error else last.word
        rows.append(
            (
                (count(record.attempt), ""),
                (started, "muted"),
                (milliseconds(record.run_ms), ""),
                (safe(record.worker_id, 40), "muted"),
                (text, last.tone),
            )
        )
    zone = f", {times.in_zone(next(filter(None, begun))):%Z}" if days else ""
    report.table(("#", f"started{zone}", "ran", "worker", "outcome"), rows)


def _after(word: str, ms: float | None) -> str:
    return "" if ms is None else f"   {word} {milliseconds(ms)}"
