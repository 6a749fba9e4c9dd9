"""Everything about one local process, as a report."""

from __future__ import annotations

from collections.abc import Sequence

from naq_tui import masking, status
from naq_tui.format import age, count, duration, exact, plural, size
from naq_tui.jsontext import Span
from naq_tui.store.rows import ProcessRow, WorkerRow
from naq_tui.store.state import State
from naq_tui.text import safe
from naq_tui.views.judging import worker_status
from naq_tui.views.processes import by_place, status_cell, worker_of
from naq_tui.views.related import Related
from naq_tui.views.report import Report
from naq_tui.views.running import running_now
from naq_tui.views.table import Lens

_RESTART = {
    "never": "stays as it ended",
    "on-failure": "starts again after a failure, while a console runs",
    "always": "starts again whenever it ended by itself, while a console runs",
}
_HANGUP = {
    "keep": "runs on when the console loses its terminal",
    "drain": "finishes its jobs and ends when the console loses its terminal",
    "kill": "is killed when the console loses its terminal",
}


def process_report(state: State, row: ProcessRow, lens: Lens) -> Report:
    """What it is, how it fares, what it was started with, how it ended before, and what its worker does."""
    view = row.view
    report = Report(f"{'Recipe' if view.is_recipe else 'Process'} {row.name}", record=row)
    shown = status_cell(row, lens)
    report.headline((shown.text, shown.tone), (f"  {row.name}", "strong"))
    report.fact("command", row.command)
    report.fact("folder", safe(view.folder, 500) or ("the console's own", "muted"))
    if row.recipe:
        runs = f"   {view.recipe_running} of {view.recipe_wanted} run"
        report.fact("recipe", row.recipe, (runs, "muted"))
    if not view.is_recipe:
        report.fact("pid", str(view.pid), (f"   on {safe(view.host, 100)}" if view.host else "", "muted"))
        report.fact("since", exact(view.started_at), (f"   {age(view.started_at, lens.local_now)} ago", "muted"))
        if not view.is_running:
            report.fact("lived", duration(view.uptime))
        if view.restarts:
            report.fact("restarts", (count(view.restarts), "waiting"))
        if view.last_run is not None:
            run = view.last_run
            ago = f"   {exact(run.ended_at)}   {age(run.ended_at, lens.local_now)} ago"
            report.fact("last end", (run.how, "failed" if run.is_crash else ""), (ago, "muted"))
        report.fact("output", safe(str(view.log_path), 500), (f"   {plural(view.output_lines, 'line')}", "muted"))
        report.fact("launched by", "this console" if view.owned else "an earlier console")
    if row.kind != "server":
        report.fact("restart", view.restart, (f"   {_RESTART.get(view.restart, '')}", "muted"))
        report.fact("hang-up", view.hangup, (f"   {_HANGUP.get(view.hangup, '')}", "muted"))
    if view.is_running:
        report.section("Load")
        report.fact("  cpu", "…" if view.cpu_percent is None else f"{view.cpu_percent:.0f} % of one core")
        report.fact("  memory", "…" if view.rss_bytes is None else size(view.rss_bytes))
    if view.environment:
        report.section("Variables given")
        rules = masking.active()
        given = ((name, str(rules.under(name, value))) for name, value in view.environment.items())
        variables = [((safe(name, 60), "muted"), (safe(value, 500), "")) for name, value in given]
        report.table(("name", "value"), variables)
    if view.runs:
        _runs(report, row)
    worker = worker_of(row, by_place(state))
    if worker is not None and view.is_running:
        _worker(report, worker, lens)
    return report


def _runs(report: Report, row: ProcessRow) -> None:
    report.section("Earlier runs" if row.view.is_running else "Runs")
    rows: list[Sequence[Span]] = []
    for run in reversed(row.view.runs):
        lived = duration((run.ended_at - run.started_at).total_seconds())
        asked = "asked to end" if run.was_asked else "by itself"
        rows.append(
            (
                (exact(run.ended_at), "muted"),
                (lived, ""),
                (run.how, "failed" if run.is_crash else ""),
                (asked, "muted"),
            )
        )
    report.table(("ended", "after", "how", ""), rows)


def _worker(report: Report, worker: WorkerRow, lens: Lens) -> None:
    record = worker.record
    look = status.of_worker(worker_status(worker, lens))
    report.section("Its heartbeat")
    report.fact(
        f"  {'scheduler' if worker.is_scheduler else 'worker'}",
        (f"{look.mark(lens.ascii_only)} {look.word}", look.tone),
        (f"   {safe(record.worker_id, 100)}", "muted"),
        (f"   {age(record.beat_at, lens.now)} ago", "muted"),
    )
    report.link(Related("worker", record.worker_id))
    if worker.is_scheduler:
        return
    report.fact("  jobs", f"{record.busy} of {record.concurrency} run")
    report.fact("  completed", count(record.completed))
    report.fact("  failed", (count(record.failed), "failed" if record.failed else ""))
    running_now(report, worker, lens)
