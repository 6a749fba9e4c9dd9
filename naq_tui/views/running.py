"""The jobs that a worker runs now, as a section of a report."""

from __future__ import annotations

from naq_tui.format import age
from naq_tui.store.rows import WorkerRow
from naq_tui.text import safe
from naq_tui.views.related import Related
from naq_tui.views.report import Report
from naq_tui.views.table import Lens


def running_now(report: Report, worker: WorkerRow, lens: Lens) -> None:
    """Nothing where it runs none; each line opens its job."""
    if not worker.jobs:
        return
    report.section("Running now")
    report.table(
        ("job", "function", "queue", "since"),
        [
            ((job, "muted"), (function, "strong"), (safe(running.queue, 60), ""), (age(since, lens.now), ""))
            for (job, function, since), running in zip(worker.jobs, worker.record.running, strict=True)
        ],
        [Related("job", running.job_id, "running") for running in worker.record.running],
    )
