"""Who is dead: the one judgement that every screen shares."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from naq.models.worker import DEAD_AFTER_BEATS, WorkerRecord, WorkerStatus
from naq_tui.store.identity import Same
from naq_tui.store.rows import WorkerRow
from naq_tui.store.state import State
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


def worker_statuses(state: State, lens: Lens) -> Mapping[str, str]:
    """`worker_status` of every worker, by id: looked at once in a frame, however many panes and alarms ask."""
    return _worker_statuses(Same(state.workers), lens)


@lru_cache(maxsize=2)
def _worker_statuses(workers: Same[Mapping[str, WorkerRow]], lens: Lens) -> Mapping[str, str]:
    return {worker_id: worker_status(row, lens) for worker_id, row in workers.value.items()}


def served_queues(state: State, lens: Lens) -> frozenset[str]:
    """Names of the queues that a living worker takes jobs from."""
    return _served_queues(Same(state.workers), lens)


@lru_cache(maxsize=2)
def _served_queues(workers: Same[Mapping[str, WorkerRow]], lens: Lens) -> frozenset[str]:
    statuses = _worker_statuses(workers, lens)
    living = (row.record for worker_id, row in workers.value.items() if statuses[worker_id] != "DEAD")
    return frozenset(queue for record in living for queue in record.queues)
