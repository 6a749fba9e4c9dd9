"""Everything about one cause of failures: since when, where, its traceback, and the jobs it hit."""

from __future__ import annotations

from naq_tui import status
from naq_tui.format import age, clock, count, exact, plural, sparkline
from naq_tui.store.failures import ErrorGroup
from naq_tui.store.state import State
from naq_tui.text import safe
from naq_tui.views.errors import hour
from naq_tui.views.extra import Extra
from naq_tui.views.job import error_parts
from naq_tui.views.report import Report
from naq_tui.views.table import Lens

JOBS_SHOWN = 50


def error_report(state: State, group: ErrorGroup, lens: Lens, extra: Extra) -> Report:
    report = Report(f"Error {group.type}", record=group)
    report.headline((group.text, "failed"))
    report.fact("failed", (count(group.count), "strong"), ("   in the last day, as far as it was read", "muted"))
    report.fact("last", exact(group.last_at), (f"   {age(group.last_at, lens.now)} ago", "muted"))
    report.fact("first", exact(group.first_at), (f"   {age(group.first_at, lens.now)} ago", "muted"))
    trend = hour(group, lens)
    spark = sparkline(trend, ascii_only=lens.ascii_only)
    report.fact("last hour", (spark, "accent"), (f"   {plural(sum(trend), 'failure')}, five minutes each", "muted"))
    for label, counts in (("functions", group.functions), ("queues", group.queues)):
        ordered = sorted(counts.items(), key=lambda item: -item[1])
        shown = "   ".join(f"{name or '-'} {count(number)}" for name, number in ordered[:8])
        report.fact(label, shown)
    if extra.result is not None and extra.result.error is not None:
        error_parts(report, extra.result.error)
    elif not extra.is_read:
        report.section("Traceback")
        report.note(extra.problem or "reading…")
    report.section(f"Jobs, the newest {min(JOBS_SHOWN, group.count)} of {group.count:,}")
    for job_id in group.job_ids[: -JOBS_SHOWN - 1 : -1]:
        row = state.jobs.get(job_id)
        look = status.of_job(row.status) if row is not None else None
        now = (f"{look.mark(lens.ascii_only)} {look.word:<10}", look.tone) if look else (" " * 12, "")
        at = clock(row.changed_at) if row is not None else ""
        function = f"{row.function if row is not None else '':<20} "
        cells = (now, (f" {at:<9}", "muted"), (function, "strong"), (safe(job_id, 60), "muted"))
        report.lines.append((("  ", ""), *cells))
    return report
