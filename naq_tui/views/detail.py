"""Everything about one record, as a report."""

from __future__ import annotations

from itertools import islice
from typing import Literal

from naq_tui import hints, status
from naq_tui.format import age, count, exact, milliseconds, plural, rate
from naq_tui.jsontext import hidden, one_line
from naq_tui.store.failures import groups
from naq_tui.store.rows import EventRow, QueueRow, event_row, told
from naq_tui.store.state import NO_TRAFFIC, State, Traffic
from naq_tui.text import safe
from naq_tui.views.error_group import error_report
from naq_tui.views.extra import NOTHING, Extra
from naq_tui.views.figures_report import figures_report, row_of
from naq_tui.views.job import job_events, job_report
from naq_tui.views.judging import served_queues, worker_status
from naq_tui.views.process_report import process_report
from naq_tui.views.queues import QueueItem, drains, is_unserved
from naq_tui.views.related import Related
from naq_tui.views.report import Report, ago
from naq_tui.views.schedule_report import schedule_report
from naq_tui.views.table import Lens
from naq_tui.views.worker_report import worker_report

Kind = Literal["event", "job", "worker", "queue", "schedule", "process", "error", "figures"]
"""What a report can be about."""
FIELDS = 100
"""Fields of an event's error, actor and details that are listed."""


def detail(state: State, kind: Kind, key: str, lens: Lens, extra: Extra = NOTHING) -> Report:
    """The report on a record; one that says so where the record is gone."""
    report = _detail(state, kind, key, lens, extra)
    report.hide_secrets()
    return report


def _detail(state: State, kind: Kind, key: str, lens: Lens, extra: Extra) -> Report:
    match kind:
        case "event":
            row = extra.event
            if row is not None:
                # made anew: that of the state has its secrets hidden for good
                return _event(event_row(row.raw), extra, lens)
        case "worker":
            if key in state.workers:
                return worker_report(state, state.workers[key], lens)
        case "queue":
            return _queue(state, key, lens)
        case "schedule":
            report = schedule_report(state, key, lens, extra)
            if report is not None:
                return report
        case "job":
            report = job_report(state, key, lens, extra)
            if report is not None:
                return report
        case "error":
            group = next((group for group in groups(state.failures) if group.key == key), None)
            if group is not None:
                return error_report(state, group, lens, extra)
        case "figures":
            figures = row_of(state, key)
            if figures is not None:
                return figures_report(state, figures, extra.bars, lens)
        case "process":
            process = next((row for row in state.processes if row.process_id == key), None)
            if process is not None:
                return process_report(state, process, lens)
    report = Report(f"{kind} {safe(key, 60)}")
    report.note("It is no longer there.")
    return report


def _event(row: EventRow, extra: Extra, lens: Lens) -> Report:
    event = row.raw.event
    look = status.of_event(row.type) if row.type else status.UNREADABLE_EVENT
    report = Report(f"Event #{count(row.seq)}", record=row)
    report.headline(
        (f"{look.mark(lens.ascii_only)} {look.word}", look.tone),
        (f"  {row.function or row.schedule or row.worker or row.queue}", "strong"),
        (f"  {row.text}", look.tone if row.type in status.FAILURE_EVENTS else ""),
    )
    report.fact("stored", exact(row.at), ago(row.at, lens.now))
    report.fact("sequence", f"#{count(row.seq)}")
    report.fact("subject", safe(row.raw.subject, 300))
    if event is None:
        report.section("Not an event that can be read; its bytes")
        report.text("bytes", repr(row.raw.raw[:20_000])[2:-1])
        return report
    if event.from_status or event.to_status:
        report.fact("state", f"{safe(event.from_status or '…', 40)} → {safe(event.to_status or '…', 40)}")
    report.fact("job", safe(event.job_id or "", 200))
    report.fact("function", safe(event.function or "", 300))
    report.fact("queue", row.queue)
    report.fact("worker", row.worker)
    report.fact("schedule", safe(event.schedule_id or "", 200))
    report.fact("attempt", f"{event.attempt:g}" if event.attempt is not None else None)
    report.fact("waited", milliseconds(event.wait_ms))
    report.fact("ran", milliseconds(event.run_ms))
    report.fact("reason", safe(event.reason or ""))
    report.fact("written", exact(event.ts), ("   by the writer's clock", "muted"))
    report.fact("version", safe(event.code_version or "", 60))
    report.fact("action", safe(event.action_id or "", 100))
    for title, mapping in (("Error", event.error), ("Who", event.actor), ("Details", event.details)):
        if mapping:
            report.section(title)
            for name, value in islice(mapping.items(), FIELDS):
                shown = hidden(name, value) or (told(value, 2000) if isinstance(value, str) else one_line(value, 2000))
                report.fact(f"  {safe(str(name), 40)}", (shown, "failed" if title == "Error" else ""))
            if len(mapping) > FIELDS:
                more = plural(len(mapping) - FIELDS, "more field")
                report.note(hints.advice(more, hints.hint("copy", "copies all of them"), end=""))
    if event.extra:
        report.section("Fields this version doesn't know")
        report.value("more", dict(event.extra))
    if event.job_id:
        job_events(report, extra, lens)
    return report


def _queue(state: State, key: str, lens: Lens) -> Report:
    row = next((row for row in state.queues if row.stats.queue == key), None)
    report = Report(f"Queue {safe(key, 100)}", record=row)
    if row is None:
        report.note("It is no longer there.")
        return report
    stats = row.stats
    served = served_queues(state, lens)
    traffic = state.queue_traffic.get(row.name, NO_TRAFFIC)
    second = int(lens.now.timestamp())
    unserved = is_unserved(row, served)
    report.headline(
        (row.name, "strong"),
        (f"  {plural(stats.waiting, 'job')} waiting and no worker takes from it", "waiting") if unserved else ("", ""),
    )
    if stats.is_paused:
        why = f"   {told(stats.paused_reason)}" if stats.paused_reason else ""
        report.fact("paused", (f"since {exact(stats.paused_at)}", "waiting"), (why, ""))
    report.fact("waiting", count(stats.waiting), (_drain_words(row, traffic, second), "muted"))
    report.fact("running", count(stats.running), ("   handed out, or waiting for a retry", "muted"))
    if "redelivered" not in row.untold:
        report.fact("again", count(stats.redelivered), ("   of those, handed out more than once", "muted"))
    report.fact("oldest", age(stats.oldest_at, lens.now), (f"   {exact(stats.oldest_at)}", "muted"))
    if "pulls" not in row.untold:
        report.fact("open pulls", count(stats.pulls), ("   of workers waiting for jobs", "muted"))
    report.section("Lately, from the events seen")
    report.fact("  in", rate(traffic.enqueued.total(second - 1, 60) / 60), ("   over a minute", "muted"))
    report.fact("  out", rate(traffic.finished.total(second - 1, 60) / 60), ("   over a minute", "muted"))
    report.fact("  failed", count(traffic.failed.total(second // 60, 60)), ("   in the last hour", "muted"))
    report.section("Its workers")
    mine = [worker for worker in state.workers.values() if key in worker.record.queues]
    if not mine:
        report.note(hints.advice("none", hints.hint("launch.worker", "starts one here"), end=""))
    for worker in mine:
        look = status.of_worker(worker_status(worker, lens))
        report.lines.append(
            (
                (f"  {look.mark(lens.ascii_only)} {look.word:<10}", look.tone),
                (worker.name, "strong"),
                (f"   {worker.record.busy}/{worker.record.concurrency or '?'}", "muted"),
            )
        )
        report.link(Related("worker", worker.worker_id))
    return report


def _drain_words(row: QueueRow, traffic: Traffic, second: int) -> str:
    left, _ = drains(QueueItem(row, traffic, False), second)
    if not left or row.stats.is_paused:
        return ""
    words = {"stands": "none ended in the last minute", "grows": "more come than end", "steady": "as many come as end"}
    return f"   {words.get(left) or f'empty in {left} at the pace of the last minute'}"
