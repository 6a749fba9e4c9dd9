"""The figures of one function, queue or worker: its counts and times, its course over the window, its last failures."""

from __future__ import annotations

from collections.abc import Sequence

from naq.figures import RELATIVE_ERROR, Dimension
from naq.ids import short
from naq_tui import times
from naq_tui.format import clock, count, duration, milliseconds
from naq_tui.jsontext import Span
from naq_tui.store.figures import Bar, FigureRow, Times
from naq_tui.store.state import State
from naq_tui.text import fit, safe, width
from naq_tui.views.figures import OTHERS, key_of, pace, percent, reach, shown_name
from naq_tui.views.related import Related
from naq_tui.views.report import Report
from naq_tui.views.table import Lens

FAILURES_SHOWN = 10
GAUGE_CELLS = 20


def figures_report(state: State, row: FigureRow, bars: Sequence[Bar], lens: Lens) -> Report:
    """`bars` are the course of the window, oldest first."""
    name, words = safe(row.name or OTHERS, 300), reach(row.window, state)
    report = Report(f"Figures of {row.dimension} {shown_name(row)}", record=row)
    report.headline((name, "strong"), (f"   {words}", "muted"))
    told = state.figures
    if told is not None and told.progress is not None:
        report.fact("read so far", (percent(told.progress), "waiting"), ("   of the log of that time", "muted"))
    share = ("" if row.failed_share is None else f"   {percent(row.failed_share)} of those done", "muted")
    report.fact("done", count(row.done), (f"   {pace(row.rate)}", "muted"))
    report.fact("failed", (count(row.failed), "failed" if row.failed else ""), share)
    report.fact("retried", count(row.retried), ("   runs that failed and were followed by another", "muted"))
    report.fact("cancelled", count(row.cancelled))
    if row.dimension is not Dimension.WORKER:
        report.fact("enqueued", count(row.enqueued))
    of_all = f"   {percent(row.time_share)} of that of every {row.dimension}" if row.time_share is not None else ""
    report.fact("time in all", duration(row.worked_ms / 1000), (of_all, "muted"))
    if row.run.p50 is not None:
        report.section(f"Times of the runs that ended, each told to within {RELATIVE_ERROR:.1%}")
        report.table(("", "p50", "p95", "p99"), [_times("waited", row.wait), _times("ran", row.run)])
    _course(report, row, bars, words, lens)
    _failures(report, state, row)
    return report


def _times(label: str, times: Times) -> tuple[Span, ...]:
    return ((label, "muted"), *((f"{milliseconds(value):>7}", "strong") for value in times))


def _course(report: Report, row: FigureRow, bars: Sequence[Bar], words: str, lens: Lens) -> None:
    """A line per bar, the newest first."""
    if not bars:
        return
    zone = times.zone_label(lens.now)
    report.section(f"{words[0].upper()}{words[1:]}, {duration(row.window.bar_s)} a line, the newest first, {zone}")
    most = max(1, *(bar.completed + bar.failed for bar in bars))
    full = "=" if lens.ascii_only else "━"
    rows: list[tuple[Span, ...]] = []
    for bar in reversed(bars):
        done = bar.completed + bar.failed
        cells = max(1, round(done / most * GAUGE_CELLS)) if done else 0
        plain = "" if done else "muted"
        rows.append(
            (
                (clock(bar.at)[: 8 if row.window.bar_s % 60 else 5], "muted"),
                (f"{count(done):>7}", plain),
                (f"{count(bar.failed):>6}", "failed" if bar.failed else "muted"),
                (f"{count(bar.retried):>7}", "waiting" if bar.retried else "muted"),
                (f"{milliseconds(bar.wait_p95):>8}", "muted"),
                (f"{milliseconds(bar.run_p95):>7}", ""),
                (full * cells, "accent"),
            )
        )
    report.table(("from", "   done", "failed", "retried", "wait p95", "run p95", ""), rows)


def _failures(report: Report, state: State, row: FigureRow) -> None:
    """The last of its failures of the past day; none are known by worker."""
    if row.name is None or row.dimension is Dimension.WORKER:
        return
    is_function = row.dimension is Dimension.FUNCTION
    wanted = row.name if is_function else shown_name(row)
    found = [
        failure
        for failure in reversed(state.failures.values())
        if (failure.reference if is_function else failure.queue) == wanted
    ]
    lately = f"failures of {safe(row.name, 300)} in the last day"
    report.section(f"F{lately[1:]}" if found else f"No {lately}, as far as it was read")
    ids = max((width(safe(short(failure.job_id))) for failure in found[:FAILURES_SHOWN]), default=0)
    for failure in found[:FAILURES_SHOWN]:
        report.day(failure.at)
        line = ((f"  {clock(failure.at)}  ", "muted"), (fit(safe(short(failure.job_id)), ids + 2), "muted"))
        report.lines.append((*line, (failure.text, "failed")))
        report.link(Related("job", failure.job_id, str(failure.seq)))
    if len(found) > FAILURES_SHOWN:
        report.note(f"and {count(len(found) - FAILURES_SHOWN)} more")


def row_of(state: State, key: str) -> FigureRow | None:
    """The row that `FiguresView.key` stands for; None where it has gone."""
    rows = state.figures.rows if state.figures is not None else ()
    return next((row for row in rows if key_of(row.dimension, row.name) == key), None)
