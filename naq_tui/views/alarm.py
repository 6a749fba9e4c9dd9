"""The worst thing now, in one sentence, with the key that leads to it."""

from __future__ import annotations

from naq_tui import hints
from naq_tui.format import age, count, plural
from naq_tui.launcher.crashes import CRASHES
from naq_tui.store.rows import ProcessRow
from naq_tui.store.state import State
from naq_tui.text import safe
from naq_tui.views.cluster import Alarm as Alarm
from naq_tui.views.cluster import cluster_alarms
from naq_tui.views.judging import served_queues, worker_statuses
from naq_tui.views.queues import is_unserved
from naq_tui.views.schedules import failed_schedules, overdue
from naq_tui.views.table import Lens


def alarms(state: State, lens: Lens) -> list[Alarm]:
    """All that is wrong, the worst first; empty while nothing is."""
    return [
        *_connection(state, lens),
        *cluster_alarms(state),
        *_dead_workers(state, lens),
        *_processes(state),
        *_failed_schedules(state),
        *_unserved_queues(state, lens),
        *_overdue_schedules(state, lens),
        *_malformed(state),
    ]


def broken(state: State, lens: Lens) -> frozenset[str] | None:
    """Every single thing that is broken, whatever an alarm says of it and of how many; None before all is loaded."""
    if not state.loaded >= {"workers", "schedules"}:
        return None
    statuses = worker_statuses(state, lens)
    return frozenset(
        (
            *("connection" for alarm in _connection(state, lens) if alarm.is_severe),
            *("cluster" for alarm in cluster_alarms(state) if alarm.is_severe),
            *(f"worker {worker_id}" for worker_id, told in statuses.items() if told == "DEAD"),
            *(f"process {row.process_id}" for row in state.processes if row.status == "crashed"),
            *(f"schedule {row.schedule_id}" for row in failed_schedules(state)),
        )
    )


def _connection(state: State, lens: Lens) -> list[Alarm]:
    link = state.link
    if link.state in ("live", "connecting") and state.stale_since is None:
        return [Alarm(link.message, "", True)] if link.message else []
    since = f" for {age(state.stale_since, lens.local_now)}, what you see is older" if state.stale_since else ""
    what = f"no connection to {link.server_label or 'the server'}{since}"
    hint = link.message or ("trying again" if link.state != "failed" else "")
    return [Alarm(f"{what}: {hint}" if hint else what, "", True)]


def _dead_workers(state: State, lens: Lens) -> list[Alarm]:
    dead = [state.workers[worker_id] for worker_id, told in worker_statuses(state, lens).items() if told == "DEAD"]
    if not dead:
        return []
    latest = max(dead, key=lambda row: row.record.beat_at or lens.now)
    name = safe(latest.record.kind, 20)
    if len(dead) > 1:
        return [Alarm(f"{len(dead)} workers are dead, the last one {latest.name}", "5", True)]
    jobs = len(latest.jobs)
    held = f", {plural(jobs, 'job')} held" if jobs else ""
    beat = age(latest.record.beat_at, lens.now)
    return [Alarm(f"{name} {latest.name} is dead: no heartbeat for {beat}{held}", "5", True)]


def _processes(state: State) -> list[Alarm]:
    crashed = [row for row in state.processes if row.status == "crashed"]
    found = [
        Alarm(f"{row.name} crashed {CRASHES} times in a minute and is left alone: {_end_of(row)}", "8", True)
        for row in crashed
        if row.view.crash_looping
    ]
    found += [Alarm(f"{row.name} crashed: {_end_of(row)}", "8", True) for row in crashed if not row.view.crash_looping]
    return found


def _end_of(row: ProcessRow) -> str:
    code = row.view.exit_code
    how = f"exit code {code}" if code is not None and code >= 0 else row.status_text
    return f"{how}, {row.last_line}" if row.last_line else how


def _failed_schedules(state: State) -> list[Alarm]:
    failed = failed_schedules(state)
    if not failed:
        return []
    if len(failed) > 1:
        return [Alarm(f"{len(failed)} schedules have failed and fire no more", "6", True)]
    reason = f": {failed[0].error}" if failed[0].error else ""
    return [Alarm(f"schedule {failed[0].name} has failed and fires no more{reason}", "6", True)]


def _unserved_queues(state: State, lens: Lens) -> list[Alarm]:
    served = served_queues(state, lens)
    unserved = [row for row in state.queues if is_unserved(row, served)]
    if not unserved:
        return []
    worst = max(unserved, key=lambda row: row.stats.waiting)
    jobs = plural(worst.stats.waiting, "job")
    verb = "waits" if worst.stats.waiting == 1 else "wait"
    more = f" (and {plural(len(unserved) - 1, 'more queue')})" if len(unserved) > 1 else ""
    return [Alarm(f"{jobs} {verb} in {worst.name}{more} and no worker takes from it", "4", False)]


def _overdue_schedules(state: State, lens: Lens) -> list[Alarm]:
    late = overdue(state, lens.now)
    if not late:
        return []
    statuses = worker_statuses(state, lens)
    alive = any(row.is_scheduler and statuses[row.worker_id] != "DEAD" for row in state.workers.values())
    alive |= state.as_of is not None  # of the past it is only known which ones were told of
    words = f"{plural(late, 'schedule')} should have fired"
    if alive:
        return [Alarm(f"{words} by now", "6", False)]
    starts = hints.hint("launch.scheduler", "starts one")
    return [Alarm(hints.advice(f"{words}, but no scheduler runs", starts, end=""), "6", False)]


def _malformed(state: State) -> list[Alarm]:
    if not state.malformed:
        return []
    first = next(iter(state.malformed.values()))
    number = len(state.malformed)
    if number == 1:
        return [Alarm(f"the record {first.key} in {first.where} can't be read: {first.text}", "", False)]
    return [Alarm(f"{count(number)} records can't be read, the first {first.key} in {first.where}", "", False)]
