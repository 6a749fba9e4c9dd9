"""Who is dead: the one judgement that every screen shares."""

from __future__ import annotations

from naq.models.worker import DEAD_AFTER_BEATS, WorkerRecord, WorkerStatus
from naq_tui.store.rows import WorkerRow
from naq_tui.views.table import Lens


def is_dead(record: WorkerRecord, lens: Lens) -> bool:
    """Whether its heartbeats are missing. After an outage of our own everybody first has the time to beat again."""
    if record.status == WorkerStatus.DEAD:
        return True  # the log has told so: no worker says it of itself
    if not record.is_dead(lens.now):
        return False
    if lens.resumed_at is None:
        return True
    return (lens.now - lens.resumed_at).total_seconds() >= record.heartbeat_interval_s * DEAD_AFTER_BEATS


def worker_status(row: WorkerRow, lens: Lens) -> str:
    """A key of `status.of_worker`; an idle scheduler is LEADER or STANDBY."""
    record = row.record
    if is_dead(record, lens):
        return "DEAD"
    # judged at its own last beat it is never dead, only blocked or what it says
    judged = record.status_at(record.beat_at or lens.now)
    status = row.status if judged == record.status else str(judged)
    if row.is_scheduler and status in ("IDLE", "BUSY"):
        return "LEADER" if record.leader else "STANDBY"
    return status
