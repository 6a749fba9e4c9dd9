"""Why a job is not running, or not ending: what stands in its way now, the first reason first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from naq.callables import ModuleAllowList
from naq.errors import NaqException
from naq.models.job import FINAL_STATUSES
from naq_tui import hints
from naq_tui.format import age, count, plural, until
from naq_tui.store.jobs import JobRow
from naq_tui.store.kin import Relative
from naq_tui.store.rows import WorkerRow, told
from naq_tui.store.state import State
from naq_tui.text import safe
from naq_tui.views.judging import is_dead, worker_status
from naq_tui.views.table import Lens


def why_not(
    state: State, row: JobRow, payload: Mapping[str, Any], parents: Sequence[Relative], lens: Lens
) -> list[str]:
    """One sentence per reason, safe text; empty for a job that has ended or is running well.

    Judged by what the console knows: figures of queues are a second old, heartbeats a few.
    """
    if not state.loaded >= {"workers", "queues"}:
        return []  # nothing is known yet: every reason would be a guess
    match row.status:
        case "RUNNING":
            return _running(state, row, lens)
        case "RETRY":
            return _retry(state, row, payload, lens)
        case "SCHEDULED" | "PAUSED":
            return _scheduled(state, row, lens)
        case "PENDING":
            return _parents(parents) or _queue(state, row, payload, lens)
    return []


def _running(state: State, row: JobRow, lens: Lens) -> list[str]:
    worker = next((worker for worker in state.workers.values() if worker.worker_id == row.worker), None)
    if worker is None:
        return [f"Its worker {row.worker} is gone: the job is handed out again by itself."] if row.worker else []
    status = worker_status(worker, lens)
    if status == "DEAD":
        beat = age(worker.record.beat_at, lens.now)
        dead = f"Its worker {worker.name} is dead, no heartbeat for {beat}: the job is handed out again by itself."
        return [dead, *filter(None, [nobody_takes_from(state, row.queue, lens)])]
    if status == "BLOCKED":
        return [f"It, or another job of its worker {worker.name}, blocks the event loop: none of them goes on."]
    return []


def _retry(state: State, row: JobRow, payload: Mapping[str, Any], lens: Lens) -> list[str]:
    if row.retry_at is not None and row.retry_at > lens.now:
        return [f"It failed and waits for its next run, {until(row.retry_at, lens.now)}."]
    return _queue(state, row, payload, lens)


def _scheduled(state: State, row: JobRow, lens: Lens) -> list[str]:
    if row.status == "PAUSED":
        return [hints.advice("It is paused", hints.hint("schedule.toggle", "on screen 6 resumes it"))]
    reasons = [f"It is due {until(row.retry_at, lens.now)}."] if row.retry_at is not None else []
    living = [worker for worker in state.workers.values() if worker.is_scheduler and not is_dead(worker.record, lens)]
    if not living and state.as_of is None:
        starts = hints.hint("launch.scheduler", "starts one here")
        reasons.insert(0, hints.advice("No scheduler runs, so nothing puts it into its queue", starts))
    return reasons


def _parents(parents: Sequence[Relative]) -> list[str]:
    open_ones = [parent for parent in parents if parent.status not in FINAL_STATUSES]
    if not open_ones:
        return []
    shown = ", ".join(
        f"{safe(parent.job_id, 60)} ({safe(parent.status, 40).lower() or 'unknown'})" for parent in open_ones[:3]
    )
    more = f" and {len(open_ones) - 3:,} more" if len(open_ones) > 3 else ""
    return [f"It waits for {plural(len(open_ones), 'job')} to end: {shown}{more}."]


def _queue(state: State, row: JobRow, payload: Mapping[str, Any], lens: Lens) -> list[str]:
    stats = next((queue.stats for queue in state.queues if queue.name == row.queue), None)
    reasons: list[str] = []
    if stats is not None and stats.is_paused:
        reason = f" ({told(stats.paused_reason)})" if stats.paused_reason else ""
        since = f" for {age(stats.paused_at, lens.now)}" if stats.paused_at else ""
        resumes = hints.hint("queue.toggle", "on screen 4 resumes it")
        reasons.append(hints.advice(f"Its queue {row.queue} is paused{since}{reason}", resumes))
    takers = _takers(state, stats.queue if stats is not None else row.queue, lens)
    if not takers:
        return [*reasons, _no_takers(state, row.queue)]
    if any("concurrency" in worker.untold for worker in takers):
        return reasons  # what they could run, and how much of it, the log does not tell
    function = payload.get("function")
    if isinstance(function, str) and not any(_may_run(worker, function) for worker in takers):
        module = safe(function.partition(":")[0], 100)
        return [*reasons, f"No worker of queue {row.queue} may run functions of {module}: one with -m {module} would."]
    slots = sum(worker.record.concurrency for worker in takers)
    used = sum(worker.record.busy for worker in takers)
    if used >= slots:
        waiting = f", and {count(stats.waiting)} wait" if stats is not None and stats.waiting else ""
        reasons.append(f"All workers of queue {row.queue} are full: {used:,} of {slots:,} jobs run{waiting}.")
    named = [limit.get("key") for limit in _limits(payload)]
    names = ", ".join(safe(key, 60) for key in named if isinstance(key, str))
    if names:
        reasons.append(f"Its limits may hold it back: {names}.")
    if not reasons and stats is not None:
        ahead = f"{count(stats.waiting)} wait in it" if stats.waiting else "it is on its way to one"
        reasons.append(f"Workers of queue {row.queue} have room, {ahead}: it should start soon.")
    return reasons


def nobody_takes(state: State, queue: str, function: str, lens: Lens) -> str:
    """Why a job of this function would wait in this queue, safe text; empty where nothing is known against it."""
    if not state.loaded >= {"workers", "queues"}:
        return ""
    if any(row.stats.queue == queue and row.stats.is_paused for row in state.queues):
        return f"queue {safe(queue, 64)} is paused: it would wait"
    takers = _takers(state, queue, lens)
    if not takers:
        return f"no living worker takes jobs from queue {safe(queue, 64)}: it would wait"
    if not any(_may_run(worker, function) for worker in takers):
        return f"no worker of queue {safe(queue, 64)} may run functions of {safe(function.partition(':')[0], 100)}"
    return ""


def nobody_takes_from(state: State, queue: str, lens: Lens) -> str:
    """A sentence where no worker takes jobs from a queue; empty where one does. `queue` is safe, as rows have it."""
    stats = next((row.stats for row in state.queues if row.name == queue), None)
    return "" if _takers(state, stats.queue if stats is not None else queue, lens) else _no_takers(state, queue)


def _no_takers(state: State, queue: str) -> str:
    if state.as_of is not None:
        return f"No worker that the log has told of took jobs from queue {queue}."
    starts = hints.hint("launch.worker", "starts one here")
    return hints.advice(f"No living worker takes jobs from queue {queue}", starts)


def _takers(state: State, queue: str, lens: Lens) -> list[WorkerRow]:
    return [
        worker
        for worker in state.workers.values()
        if queue in worker.record.queues and not worker.is_scheduler and not is_dead(worker.record, lens)
    ]


def _may_run(worker: WorkerRow, function: str) -> bool:
    try:
        return ModuleAllowList(worker.record.modules).allows(function.partition(":")[0])
    except NaqException:
        return True  # a heartbeat that can't be read says nothing about what it runs


def _limits(payload: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    limits = payload.get("limits")
    return [limit for limit in limits if isinstance(limit, dict)] if isinstance(limits, list) else []
