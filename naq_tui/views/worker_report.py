"""Everything about one worker or scheduler, as a report."""

from __future__ import annotations

from naq.ids import short
from naq_tui import status
from naq_tui.format import age, clock_ms, count, duration, exact, milliseconds, size, until
from naq_tui.jsontext import Span
from naq_tui.store.jobs import JobRow
from naq_tui.store.rows import WorkerRow, function_name
from naq_tui.store.state import State
from naq_tui.text import safe
from naq_tui.views.events import cells as event_cells
from naq_tui.views.judging import worker_status
from naq_tui.views.related import Related
from naq_tui.views.report import Report, ago
from naq_tui.views.running import running_now
from naq_tui.views.table import Lens
from naq_tui.views.why import nobody_takes_from

LATELY = 30
"""Events shown of one worker."""


def worker_report(state: State, row: WorkerRow, lens: Lens) -> Report:
    """Where it runs, how it fares, what it runs, and of a dead one what became of that."""
    record = row.record
    current = worker_status(row, lens)
    look = status.of_worker(current)
    report = Report(f"{'Scheduler' if row.is_scheduler else 'Worker'} {row.name}", record=row)
    why = {
        "DEAD": f"  no heartbeat for {age(record.beat_at, lens.now)}",
        "BLOCKED": f"  a job has held its event loop for {milliseconds(record.loop_lag_ms)}",
    }.get(current, "")
    report.headline(
        (f"{look.mark(lens.ascii_only)} {look.word}", look.tone), (f"  {row.name}", "strong"), (why, look.tone)
    )
    report.fact("id", safe(record.worker_id, 100))
    report.fact("host", row.host, (f"   pid {record.pid}", "muted"))
    report.fact("queues", row.queues)
    report.fact("modules", row.modules)
    report.fact("started", exact(record.started_at), ago(record.started_at, lens.now))
    every = "" if row.untold else f"   every {duration(record.heartbeat_interval_s)}"
    report.fact(
        "heartbeat",
        "?" if "beat" in row.untold else exact(record.beat_at),
        ago(record.beat_at, lens.now),
        (every, "muted"),
    )
    report.fact("version", row.version)
    if current == "DEAD":
        _had(report, state, row, lens)
    else:
        running_now(report, row, lens)
    if not row.is_scheduler:
        report.section("Jobs")
        beside = len(record.running) - record.busy
        told = f"   and {count(beside)} whose end is being stored" if beside else ""
        report.fact(
            "  had" if current == "DEAD" else "  running",
            f"{record.busy} of {record.concurrency or '?'}",
            (told, "muted"),
        )
        since = "   since it was first heard of in what was read" if "done" in row.untold else ""
        report.fact("  completed", count(record.completed), (since, "muted"))
        report.fact("  failed", (count(record.failed), "failed" if record.failed else ""))
        report.fact("  retried", count(record.retried))
    report.section("Load")
    if row.untold:
        report.note("not in the log")
    report.fact("  cpu", None if record.cpu_percent is None else f"{record.cpu_percent:.0f} % of one core")
    report.fact("  memory", None if record.rss_bytes is None else size(record.rss_bytes))
    report.fact("  loop lag", milliseconds(record.loop_lag_ms))
    _lately(report, state, row, lens)
    return report


def _had(report: Report, state: State, worker: WorkerRow, lens: Lens) -> None:
    """The jobs that died with it, as far as its last heartbeat or the log names them, and what became of each."""
    told = {running.job_id: running for running in worker.record.running}
    begun = [row for row in state.jobs.values() if _is_held(row, worker) and row.job_id not in told]
    if not (told or begun):
        return
    report.section("It had when it was last heard of, and what became of it")
    rows, links, orphaned = [], [], dict[str, None]()
    for job_id in (*told, *(row.job_id for row in begun)):
        row, running = state.jobs.get(job_id), told.get(job_id)
        function = row.function if row is not None else function_name(told[job_id].function)
        queue = row.queue if row is not None else safe(told[job_id].queue, 60)
        since = running.started_at if running is not None else row.started_at if row is not None else None
        if row is not None and _is_held(row, worker):
            orphaned[row.queue] = None
        now, how = _fate(state, row, worker, lens)
        began = f"{age(since, lens.now)} ago" if since is not None else ""
        cells = ((safe(short(job_id)), "muted"), (function, "strong"), (queue, ""), (began, "muted"))
        rows.append((*cells, now, how))
        links.append(Related("job", job_id, "held"))
    report.table(("job", "function", "queue", "began", "now", ""), rows, links)
    for queue in orphaned:
        report.note(nobody_takes_from(state, queue, lens) or f"A worker of queue {queue} takes over what it held.")


def _is_held(row: JobRow, worker: WorkerRow) -> bool:
    return row.status == "RUNNING" and row.worker == safe(worker.worker_id, 100)


def _fate(state: State, row: JobRow | None, worker: WorkerRow, lens: Lens) -> tuple[Span, Span]:
    """How a job stands that a dead worker had, and by whom or until when."""
    if row is None:
        return ("? unknown", "waiting"), ("the log tells more: open it", "muted")
    if _is_held(row, worker):
        return ("… held", "waiting"), ("not taken over yet", "waiting")
    look = status.of_job(row.status)
    other = state.workers.get(row.worker)
    by = other.name if other is not None else row.worker
    is_other = bool(row.worker) and row.worker != safe(worker.worker_id, 100)
    if row.status == "RUNNING":
        how = f"taken over by {by}, {age(row.started_at, lens.now)} ago"
    elif row.status in ("RETRY", "SCHEDULED"):
        how = f"runs again {until(row.retry_at, lens.now)}".rstrip()
    elif row.status == "PENDING":
        how = f"back in queue {row.queue}"
    elif row.is_final:
        at = f"{age(row.ended_at, lens.now)} ago" if row.ended_at is not None else ""
        error = row.text if row.status == "FAILED" else ""
        how = ", ".join(filter(None, (f"by {by}" if is_other else "", at, error)))
    else:
        how = row.text
    return (f"{look.mark(lens.ascii_only)} {look.word}", look.tone), (how, "muted")


def _lately(report: Report, state: State, worker: WorkerRow, lens: Lens) -> None:
    """What it did last, as far as the newest events tell."""
    mine = [event for event in reversed(state.events) if event.worker == worker.worker_id][:LATELY]
    if not mine:
        return
    report.section("Lately, the newest first")
    for event in mine:
        cells = event_cells(event, lens)
        about = f"{event.function:<20} {event.job}".rstrip()
        report.day(event.at)
        report.lines.append(
            (
                (f"  {clock_ms(event.at)}  ", "muted"),
                (f"{cells[1].text:<14}", cells[1].tone),
                (f"{about:<28} ", "strong"),
                (event.text, cells[5].tone),
            )
        )
        job_id = event.raw.event.job_id if event.raw.event is not None else None
        report.link(Related("job" if job_id else "event", job_id or str(event.seq), str(event.seq)))
