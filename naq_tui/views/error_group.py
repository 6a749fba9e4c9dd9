"""Everything about one cause of failures: since when, where, its traceback, and the jobs it hit."""

from __future__ import annotations

from collections.abc import Sequence

from naq.ids import short
from naq_tui import status
from naq_tui.format import age, clock, count, exact, plural, sparkline
from naq_tui.store.failures import ErrorGroup, Failure
from naq_tui.store.state import State
from naq_tui.text import fit, safe
from naq_tui.views.errors import hour
from naq_tui.views.extra import Extra
from naq_tui.views.job import error_parts
from naq_tui.views.related import Related
from naq_tui.views.report import Report
from naq_tui.views.table import Lens

JOBS_SHOWN = 50
UNKNOWN = (f"{'?':<12}", "muted")
"""What has become of a job that is not among those the console holds."""


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
        shown = "   ".join(f"{safe(name, 200) or '-'} {count(number)}" for name, number in ordered[:8])
        report.fact(label, shown)
    if extra.result is not None and extra.result.error is not None:
        error_parts(report, extra.result.error)
    elif not extra.is_read:
        report.section("Traceback")
        report.note(extra.problem or "reading…")
    report.section(f"Failures, the newest {min(JOBS_SHOWN, group.count)} of {group.count:,}")
    newest = group.job_ids[: -JOBS_SHOWN - 1 : -1]
    failed = _last_failures(state, newest)
    report.lines.append((("  ", ""), (f"{'now':<13}{'at':<9}{'function':<25}job", "muted")))
    for job_id in newest:
        row, failure = state.jobs.get(job_id), failed.get(job_id)
        look = status.of_job(row.status) if row is not None else None
        now = (f"{look.mark(lens.ascii_only)} {look.word:<10}", look.tone) if look else UNKNOWN
        moment = row.changed_at if row is not None else failure.at if failure is not None else None
        at = clock(moment) if moment is not None else ""
        if moment is not None:
            report.day(moment)
        function = row.function if row is not None else failure.function if failure is not None else ""
        cells = (now, (f" {at:<9}", "muted"), (f"{fit(function, 24)} ", "strong"), (safe(short(job_id)), "muted"))
        report.lines.append((("  ", ""), *cells))
        report.link(Related("job", job_id))
    return report


def _last_failures(state: State, job_ids: Sequence[str]) -> dict[str, Failure]:
    """How these jobs, among the newest that failed, failed last."""
    missing, found = set(job_ids), dict[str, Failure]()
    for failure in reversed(state.failures.values()):
        if failure.job_id in missing:
            missing.discard(failure.job_id)
            found[failure.job_id] = failure
            if not missing:
                break
    return found
