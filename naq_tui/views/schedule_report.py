"""Everything about one schedule: its spec, how it went, its last runs one by one, and the next ones."""

from __future__ import annotations

from datetime import datetime

from naq.errors import NaqException
from naq.ids import short
from naq.models.schedule import Schedule
from naq_tui import status, times
from naq_tui.format import count, duration, exact, until
from naq_tui.jsontext import Span
from naq_tui.store.rows import event_row, told
from naq_tui.store.schedule_runs import ScheduleRun
from naq_tui.store.state import State
from naq_tui.text import fit, safe, width
from naq_tui.views.extra import Extra
from naq_tui.views.jobs import took
from naq_tui.views.related import Related
from naq_tui.views.report import Report, ago
from naq_tui.views.table import Lens

STATE, DUE, LATE, RAN = 13, 21, 9, 9
"""Cells of columns: a state, a time to the second, two durations; each with what is between."""


def schedule_report(state: State, key: str, lens: Lens, extra: Extra) -> Report | None:
    """The report on a schedule; None where it is not there and nothing is known of its runs."""
    if key in state.schedules:
        return _report(state, key, lens, extra)
    if extra.runs is None or not extra.runs.runs:
        return None
    report = Report(f"Schedule {safe(key, 60)}")
    report.note("It is no longer there.")
    _runs(report, state, lens, extra)
    return report


def _report(state: State, key: str, lens: Lens, extra: Extra) -> Report:
    row = state.schedules[key]
    record = row.record
    look = status.of_schedule(row.status)
    report = Report(f"Schedule {row.name}", record=row)
    report.headline(
        (f"{look.mark(lens.ascii_only)} {look.word}", look.tone),
        (f"  {row.name}", "strong"),
        (f"  {'?' if 'spec' in row.untold else row.spec}", ""),
    )
    report.fact("id", safe(record.schedule_id, 200))
    report.fact("function", safe(record.function, 300))
    report.fact("queue", row.queue)
    report.fact("cron", safe(record.cron or "", 100))
    report.fact("every", None if record.interval_s is None else duration(record.interval_s))
    report.fact("timezone", "?" if "spec" in row.untold else safe(record.timezone, 60))
    report.fact("starts", exact(record.start_at) if record.start_at else None)
    report.fact("ends", exact(record.end_at) if record.end_at else None)
    report.fact("jitter", f"up to {duration(record.jitter_s)}" if record.jitter_s else None)
    report.fact("missed runs", *(("?",) if "misfire" in row.untold else _policy(record, "misfire")))
    report.fact("overlap", *(_policy(record, "overlap") if record.overlap != "allow" else (None,)))
    report.fact("created", exact(record.created_at))
    report.section("Runs")
    report.fact("  so far", count(record.run_count), (f"   of {record.repeat}" if record.repeat else "", "muted"))
    # of the schedule itself; how its jobs ended is told by the rows of its runs
    report.fact("  not fired", (count(record.failure_count), "failed") if record.failure_count else None)
    report.fact("  missed", (count(record.misfire_count), "waiting") if record.misfire_count else None)
    report.fact("  skipped", (count(record.skip_count), "waiting") if record.skip_count else None)
    report.fact("  last", exact(record.last_run_at), ago(record.last_run_at, lens.now))
    report.fact("  last job", safe(record.last_job_id or "", 200))
    if record.last_job_id:
        report.link(Related("job", record.last_job_id, "last"))
    report.fact("  last error", (told(record.last_error or ""), "failed"))
    _runs(report, state, lens, extra)
    if row.status == "ACTIVE" and not row.untold:
        report.section("Next")
        for moment in next_runs(record, lens.now):
            report.lines.append(((f"  {exact(moment)}", ""), (f"   {until(moment, lens.now)}", "muted")))
    report.section("Arguments")
    if "arguments" in row.untold:
        report.note("not in the log")
    else:
        report.value("arguments", {"args": record.job.get("args", []), "kwargs": record.job.get("kwargs", {})})
    return report


def next_runs(record: Schedule, now: datetime, number: int = 5) -> list[datetime]:
    """The next times an active schedule is due; none where that can't be told."""
    from naq.scheduler import spec

    try:
        return spec.next_runs(record, number, now)
    except NaqException:
        return []


def _policy(record: Schedule, field: str) -> tuple[Span, ...]:
    """What it does about missed or overlapping runs, and where that is not what its record says."""
    text = safe(getattr(record, field), 40).replace("_", " ")
    if field not in record.unknown_policies:
        return ((text, ""),)
    return ((text, "waiting"), ("   not known to this version: followed as skip", "muted"))


def _runs(report: Report, state: State, lens: Lens, extra: Extra) -> None:
    """The last runs, the newest first, each of which opens its job, or the event that tells why there is none."""
    report.section("Latest runs")
    runs = extra.runs
    if extra.problem:
        report.note(extra.problem)
    elif runs is None or (runs.is_reading and not runs.runs):
        report.note("reading…")
    elif not runs.runs:
        report.note("none in the log")
    if runs is None:
        return
    if runs.runs:
        zone = times.zone_label(lens.now)
        gaps = (2 + STATE, DUE - width(f"due, {zone}") + LATE - width("late"), RAN - width("ran"), 2)
        heads = (f"due, {zone}", "late", "ran", "job")
        report.lines.append(
            tuple(span for gap, head in zip(gaps, heads, strict=True) for span in ((" " * gap, ""), (head, "muted")))
        )
    ids = max((width(safe(short(run.job_id))) for run in runs.runs if run.job_id is not None), default=0)
    for run in runs.runs:
        report.lines.append(_run(run, lens, ids))
        is_job = run.job_id is not None
        report.link(Related("job" if is_job else "event", run.job_id or str(run.row.seq), str(run.row.seq)))
    if runs.is_reading:
        if runs.runs:
            report.note("reading…")
    elif not runs.has_all(state.first_seq):
        report.lines.append((("  … read on" if extra.problem else "  … older ones", "muted"),))
        report.link(Related("more", "", str(len(runs.runs))))
    elif runs.runs:
        report.note("the log has no older ones")


def _run(run: ScheduleRun, lens: Lens, id_cells: int) -> tuple[Span, ...]:
    due = run.due or (run.row.at if run.is_by_hand or run.job_id is None else None)
    when = times.in_zone(due).strftime("%Y-%m-%d %H:%M:%S") if due is not None else "?"
    if run.job_id is None:
        look = status.of_event(run.event.type)
        state = (fit(f"{look.mark(lens.ascii_only)} {look.word}", STATE), look.tone)
        return (("  ", ""), state, (fit(when, DUE), ""), (_why(run), ""))
    job = run.job
    if job is not None:
        of_job = status.of_job(job.status)
        state = (fit(f"{of_job.mark(lens.ascii_only)} {of_job.word}", STATE), of_job.tone)
    else:
        state = (fit("? unknown" if run.is_read else "…", STATE), "waiting" if run.is_read else "muted")
    late = "" if run.late_s is None else duration(max(0.0, run.late_s))
    ran = took(job, lens) if job is not None else ""
    return (
        ("  ", ""),
        state,
        (fit(when, DUE), ""),
        (fit(late, LATE, right=True), "muted"),
        (fit(ran, RAN, right=True), ""),
        ("  ", ""),
        (fit(safe(short(run.job_id)), id_cells + 2), "muted"),
        _note(run),
    )


def _note(run: ScheduleRun) -> Span:
    """What is special about a run that was made."""
    job = run.job
    if job is not None and job.status in ("FAILED", "RETRY", "CANCELLED") and job.text:
        return (job.text, "failed" if job.status == "FAILED" else "waiting")
    if run.is_by_hand:
        return (f"by hand {_by(run)}".rstrip(), "muted")
    return ("an earlier job stands for it", "muted") if run.is_duplicate else ("", "")


def _why(run: ScheduleRun) -> str:
    """Why there was no run."""
    event, details = run.event, run.details
    if event.type == "SCHEDULE_MISFIRED":
        missed, made_up = details.get("missed"), details.get("made_up")
        shown = [
            f"{number:,} {word}" for number, word in ((missed, "missed"), (made_up, "made up")) if _is_count(number)
        ]
        policy = details.get("policy")
        rule = f" ({policy.replace('_', ' ')})" if isinstance(policy, str) and policy else ""
        return told(", ".join(shown) + rule, 200)
    if event.type in ("SCHEDULE_PAUSED", "SCHEDULE_RESUMED"):
        return _by(run)
    running = details.get("running")
    if event.reason and isinstance(running, str) and running:
        return told(event.reason.replace(running, short(running)), 200)
    return event_row(run.row.raw).text


def _by(run: ScheduleRun) -> str:
    """`by mara: deploy`."""
    user = (run.event.actor or {}).get("user")
    return told(
        ": ".join(filter(None, (f"by {user}" if isinstance(user, str) and user else "", run.event.reason))), 200
    )


def _is_count(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 10**15
