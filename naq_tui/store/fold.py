"""`apply`: the next state from this one and what changed. Costs by the size of the change, a few ms for thousands."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from naq.models.event import StoredEvent
from naq_tui.store.copied import copied
from naq_tui.store.failures import with_failures
from naq_tui.store.jobs import with_events, with_results, with_running, with_scheduled, with_waiting
from naq_tui.store.older import OlderResults
from naq_tui.store.rows import (
    EventRow,
    event_row,
    malformed_row,
    process_row,
    queue_row,
    result_row,
    schedule_row,
    worker_row,
)
from naq_tui.store.state import EVENTS_KEPT, NO_TRAFFIC, QUEUES_COUNTED, RESULTS_KEPT, RUNNING_KEPT, State, Traffic
from naq_tui.store.updates import (
    ClusterSeen,
    EventsAppended,
    EventsRange,
    FailuresFound,
    FiguresChanged,
    JobsFound,
    LinkChanged,
    Malformed,
    OlderLeft,
    OlderRead,
    OlderWanted,
    ProcessesChanged,
    QueuesSampled,
    ResultsChanged,
    ResultsFollowed,
    SchedulesChanged,
    Update,
    WorkersChanged,
)
from naq_tui.text import safe

_FINISHED = frozenset({"COMPLETED", "FAILED"})
_ENDS_RUN = frozenset({"COMPLETED", "FAILED", "RETRY_SCHEDULED", "CANCELLED", "LOST"})
_COUNTED = _FINISHED | {"ENQUEUED"}


def apply(state: State, batch: Iterable[Update]) -> State:
    """The state after `batch`, in order. Never raises for what a record holds."""
    for update in batch:
        match update:
            case EventsAppended():
                state = _events(state, update.events)
            case ResultsChanged():
                state = _results(state, update)
            case ResultsFollowed():
                state = _followed(state, update)
            case OlderRead() | OlderWanted() | OlderLeft():
                has_removed = isinstance(update, OlderRead) and update.has_removed
                removed = state.results_removed or has_removed
                state = replace(state, older=_older(state, update), results_removed=removed)
            case WorkersChanged():
                state = _workers(state, update)
            case QueuesSampled():
                rows = tuple(queue_row(stats) for stats in update.queues)
                state = replace(state, queues=rows, sampled_at=update.sampled_at, loaded=state.loaded | {"queues"})
            case SchedulesChanged():
                state = _schedules(state, update)
            case LinkChanged():
                state = _link(state, update)
            case ClusterSeen():
                state = replace(state, cluster=_cluster(update))
            case EventsRange():
                state = _range(state, update)
            case JobsFound():
                jobs = with_waiting(state.jobs, update.jobs)
                state = replace(state, jobs=jobs, loaded=state.loaded | {"jobs"})
            case FailuresFound():
                failures = with_failures(state.failures, map(event_row, update.events))
                heard = {"errors", "failures"} if update.is_all else {"errors"}
                state = replace(state, failures=failures, loaded=state.loaded | heard)
            case FiguresChanged():
                state = replace(state, figures=update.told)
            case ProcessesChanged():
                processes = tuple(process_row(view) for view in update.processes)
                state = replace(state, processes=processes, loaded=state.loaded | {"processes"})
            case Malformed():
                row = malformed_row(update.where, update.key, update.raw, update.message)
                state = replace(state, malformed={**state.malformed, (update.where, update.key): row})
    return state


def _events(state: State, arrived: tuple[StoredEvent, ...]) -> State:
    known = state.events[-1].seq if state.events else 0
    # after a reconnect the feed may start a little before where it was
    fresh = [stored for stored in arrived if stored.seq > known] if arrived and arrived[0].seq <= known else arrived
    loaded = state.loaded | {"events"}
    if not fresh:
        return replace(state, loaded=loaded)
    rows = [event_row(stored) for stored in fresh]
    traffic, queue_traffic, unreadable = _count(state, fresh)
    last_seq = max(state.last_seq, rows[-1].seq)
    return replace(
        state,
        events=(state.events + tuple(rows))[-EVENTS_KEPT:],
        first_seq=min(state.first_seq, rows[0].seq) if state.last_seq else rows[0].seq,
        last_seq=last_seq,
        unreadable_events=state.unreadable_events + unreadable,
        traffic=traffic,
        queue_traffic=queue_traffic,
        running=_running(state.running, rows),
        jobs=with_events(state.jobs, rows),
        failures=with_failures(state.failures, rows),
        loaded=loaded,
    )


def _count(state: State, fresh: Iterable[StoredEvent]) -> tuple[Traffic, Mapping[str, Traffic], int]:
    counts: dict[tuple[str, str, int], int] = defaultdict(int)
    unreadable = 0
    for stored in fresh:
        event = stored.event
        if event is None:
            unreadable += 1
        elif event.type in _COUNTED:
            counts[event.queue or "", event.type, int(stored.stored_at.timestamp())] += 1
    if not counts:
        return state.traffic, state.queue_traffic, unreadable
    by_queue: dict[str, list[tuple[str, int, int]]] = defaultdict(list)
    for (queue, kind, second), number in counts.items():
        by_queue[queue].append((kind, second, number))
    queue_traffic = copied(state.queue_traffic)
    for queue, entries in by_queue.items():
        name = safe(queue, 100)
        if name in queue_traffic or len(queue_traffic) < QUEUES_COUNTED:
            queue_traffic[name] = _added(queue_traffic.get(name, NO_TRAFFIC), entries)
    everything = [entry for entries in by_queue.values() for entry in entries]
    return _added(state.traffic, everything), queue_traffic, unreadable


def _added(traffic: Traffic, entries: Iterable[tuple[str, int, int]]) -> Traffic:
    enqueued: dict[int, int] = defaultdict(int)
    finished: dict[int, int] = defaultdict(int)
    failed: dict[int, int] = defaultdict(int)
    for kind, second, number in entries:
        if kind == "ENQUEUED":
            enqueued[second] += number
        else:
            finished[second] += number
            if kind == "FAILED":
                failed[second // 60] += number
    return Traffic(
        enqueued=traffic.enqueued.add(enqueued) if enqueued else traffic.enqueued,
        finished=traffic.finished.add(finished) if finished else traffic.finished,
        failed=traffic.failed.add(failed) if failed else traffic.failed,
    )


def _running(running: Mapping[str, EventRow], rows: list[EventRow]) -> Mapping[str, EventRow]:
    changed = copied(running)
    for row in rows:
        event = row.raw.event
        if event is None or event.job_id is None:
            continue
        if event.type == "STARTED":
            changed[event.job_id] = row
        elif event.type in _ENDS_RUN and not event.is_refusal:
            changed.pop(event.job_id, None)
    return _newest(changed, RUNNING_KEPT)


def _results(state: State, update: ResultsChanged) -> State:
    results, from_seq, older = copied(state.results), state.results_from, state.older
    fresh = [result_row(record) for record in update.results]
    if from_seq and any(0 < row.record.revision < from_seq for row in fresh):
        results, from_seq, older = {}, 1, None  # the bucket was made anew: it is followed from its beginning
    for row in fresh:
        # taken out first: the dictionary's order is the order of storing
        results.pop(row.job_id, None)
        results[row.job_id] = row
    for job_id in update.removed:
        results.pop(job_id, None)
    let_go = [results.pop(job_id) for job_id in list(results)[: max(0, len(results) - RESULTS_KEPT)]]
    if older is not None:
        older = older.without((*(row.job_id for row in fresh), *update.removed))
    if let_go and from_seq:
        before, from_seq = from_seq, let_go[-1].record.revision + 1
        older = None if older is None else older.followed_by(let_go, before, from_seq)
    total = state.results_total if update.total is None else update.total
    return replace(
        state,
        results=results,
        results_from=from_seq,
        older=older,
        results_removed=state.results_removed or bool(update.removed),
        jobs=with_results(state.jobs, fresh[-RESULTS_KEPT:], update.removed),
        results_total=max(total, len(results)),
        malformed=_healed(state, "results", (record.job_id for record in update.results), update.removed),
        loaded=state.loaded | {"results"},
    )


def _followed(state: State, update: ResultsFollowed) -> State:
    results = {key: row for key, row in state.results.items() if row.record.revision >= update.from_seq}
    return replace(state, results=results, results_from=update.from_seq, older=None)


def _older(state: State, update: OlderRead | OlderWanted | OlderLeft) -> OlderResults | None:
    older, begin = state.older, state.results_from
    match update:
        case OlderWanted() if older is None and begin:
            return OlderResults(begin, begin - 1, wanted=update.wanted)
        case OlderRead() if older is not None:
            followed = tuple(record for record in update.results if record.job_id not in state.results)
            return older.read_on(replace(update, results=followed), begin)
        case OlderLeft():
            return None
    return older


def _workers(state: State, update: WorkersChanged) -> State:
    workers = copied(state.workers)
    workers.update((record.worker_id, worker_row(record)) for record in update.records)
    for worker_id in update.removed:
        workers.pop(worker_id, None)
    return replace(
        state,
        workers=workers,
        jobs=with_running(state.jobs, update.records),
        malformed=_healed(state, "workers", (record.worker_id for record in update.records), update.removed),
        loaded=state.loaded | {"workers"},
    )


def _schedules(state: State, update: SchedulesChanged) -> State:
    schedules = copied(state.schedules)
    schedules.update((record.schedule_id, schedule_row(record)) for record in update.schedules)
    for schedule_id in update.removed:
        schedules.pop(schedule_id, None)
    return replace(
        state,
        schedules=schedules,
        jobs=with_scheduled(state.jobs, update.schedules),
        malformed=_healed(state, "schedules", (record.schedule_id for record in update.schedules), update.removed),
        loaded=state.loaded | {"schedules"},
    )


def _healed(state: State, where: str, keys: Iterable[str], removed: Iterable[str]) -> Mapping[tuple[str, str], Any]:
    """The malformed records without those that a good record, or nothing, has taken the place of."""
    if not state.malformed:
        return state.malformed
    gone = {(where, key) for key in (*keys, *removed)}
    return {place: row for place, row in state.malformed.items() if place not in gone}


def _link(state: State, link: LinkChanged) -> State:
    link = replace(
        link,
        server_label=safe(link.server_label, 100),
        server_version=safe(link.server_version, 40),
        message=safe(link.message, 300),
        forbids=safe(link.forbids, 300),
    )
    if link.state == "live":
        resumed_at = link.at if state.stale_since is not None else state.resumed_at
        return replace(state, link=link, stale_since=None, resumed_at=resumed_at)
    if not state.loaded - {"processes"}:
        return replace(state, link=link)
    return replace(state, link=link, stale_since=state.stale_since or link.at)


def _cluster(seen: ClusterSeen) -> ClusterSeen:
    return ClusterSeen(
        safe(seen.here, 60),
        tuple(
            copies._replace(
                leader=None if copies.leader is None else safe(copies.leader, 60),
                others=tuple(copy._replace(server=safe(copy.server, 60)) for copy in copies.others),
                error=safe(copies.error, 300),
            )
            for copies in seen.streams
        ),
    )


def _range(state: State, held: EventsRange) -> State:
    if held.is_new_store:
        state = State(
            link=state.link,
            cluster=state.cluster,
            stale_since=state.stale_since,
            resumed_at=state.resumed_at,
            processes=state.processes,
            loaded=state.loaded & {"processes"},
        )
    last_seq = max(held.last_seq, state.events[-1].seq if state.events else 0)
    return replace(state, first_seq=held.first_seq, last_seq=last_seq, loaded=state.loaded | {"events"})


def _newest(mapping: dict[str, Any], kept: int) -> dict[str, Any]:
    extra = len(mapping) - kept
    if extra > 0:
        for key in list(mapping)[:extra]:
            del mapping[key]
    return mapping
