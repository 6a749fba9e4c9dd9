"""The state as it was at an instant: the log folded up to one event, and nothing but the log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from naq import codec
from naq.models.event import JobEvent, StoredEvent
from naq.models.result import JobError, JobResult
from naq_tui.store.fold import apply
from naq_tui.store.jobs import with_scheduled
from naq_tui.store.rows import EventRow, ResultRow, event_row, result_row
from naq_tui.store.state import EMPTY, RESULTS_KEPT, AsOf, State
from naq_tui.store.told_queues import ToldQueues
from naq_tui.store.told_schedules import ToldSchedules
from naq_tui.store.told_workers import ToldWorkers
from naq_tui.store.updates import EventsAppended, LinkChanged

_KINDS = frozenset({"events", "jobs", "errors", "workers", "queues", "schedules", "results", "processes"})
_ENDS = frozenset({"COMPLETED", "FAILED", "CANCELLED"})
_OPENS = frozenset({"ENQUEUED", "STARTED", "RETRY_SCHEDULED", "RELEASED"})
UNTOLD = "?"
"""What stands where the log does not tell a value."""


class Replay:
    """A fold of the log from one event on; `feed` takes it further, `picture` is the state it has come to.

    Jobs, what runs, failures and traffic are folded by the very function that follows the live log. Pure: no clock.
    """

    def __init__(self, from_seq: int) -> None:
        """`from_seq`: the first event it will be fed with; of the jobs before it nothing is known."""
        self.from_seq = from_seq
        self.last_seq = from_seq - 1
        """The last event that was fed."""
        self.last_at: datetime | None = None
        """The server's clock at that event; None before the first."""
        self._state: State = EMPTY
        self._queues = ToldQueues()
        self._workers = ToldWorkers()
        self._schedules = ToldSchedules()
        self._ends: dict[str, EventRow] = {}
        """How jobs ended, by job id, oldest first."""

    def copy(self) -> Replay:
        """One that can be fed apart from this."""
        other = Replay(self.from_seq)
        other.last_seq, other.last_at, other._state = self.last_seq, self.last_at, self._state
        other._queues, other._workers = self._queues.copy(), self._workers.copy()
        other._schedules, other._ends = self._schedules.copy(), dict(self._ends)
        return other

    def begin(self, events: Iterable[StoredEvent]) -> None:
        """Take events from before `from_seq`, in order: of workers, schedules and queues. Before the first `feed`."""
        for stored in events:
            if stored.event is not None and stored.event.entity != "job":
                self._take(stored.event, stored)

    def feed(self, events: Sequence[StoredEvent]) -> None:
        """Take the next events, in order; those that were fed before are passed over."""
        fresh = [stored for stored in events if stored.seq > self.last_seq]
        if not fresh:
            return
        self._state = apply(self._state, (EventsAppended(tuple(fresh)),))
        for stored in fresh:
            if stored.event is not None:
                self._take(stored.event, stored)
        self.last_seq, self.last_at = fresh[-1].seq, fresh[-1].stored_at

    def _take(self, event: JobEvent, stored: StoredEvent) -> None:
        entity = event.entity
        if entity == "job":
            self._queues.take_job(event, stored)
            if event.worker_id is not None:
                self._workers.take_run(event, event.worker_id)
            self._take_end(event, stored)
        elif entity == "worker" or event.type.startswith("LEADER"):
            is_lost = event.type == "WORKER_LOST" and event.worker_id is not None
            held = self._queues.running_of(event.worker_id or "") if is_lost else ()
            self._workers.take(event, stored, held)
        elif entity == "schedule":
            self._schedules.take(event, stored)
        elif entity == "queue":
            self._queues.take_queue(event, stored)
        elif entity == "operator":
            self._workers.take(event, stored, ())
            if (event.details or {}).get("action") == "delete":
                self._ends.pop(event.job_id or "", None)

    def _take_end(self, event: JobEvent, stored: StoredEvent) -> None:
        job_id = event.job_id
        if job_id is None:
            return
        if event.type in _OPENS:
            self._ends.pop(job_id, None)
        elif event.type in _ENDS and not event.is_refusal:
            self._ends.pop(job_id, None)
            self._ends[job_id] = event_row(stored)
            if len(self._ends) > 2 * RESULTS_KEPT:
                for old in list(self._ends)[:-RESULTS_KEPT]:
                    del self._ends[old]

    def picture(self, at: datetime, live: State) -> State:
        """What the screens show of that instant.

        Args:
            at: the instant, by the server's clock: what ages are measured by. Not before the last event fed.
            live: the state of now, for the connection, the log's bounds and the results that are stored still.
        """
        schedules = self._schedules.rows()
        results = self._results(at, live.results)
        return replace(
            self._state,
            as_of=AsOf(self.last_seq, at, self.from_seq),
            link=link_of_past(live.link),
            first_seq=live.first_seq,
            last_seq=self.last_seq,
            jobs=with_scheduled(self._state.jobs, [row.record for row in schedules.values()]),
            workers=self._workers.rows(self._queues.running(), at),
            queues=self._queues.rows(),
            sampled_at=at,
            schedules=schedules,
            results=results,
            results_total=len(results),
            loaded=_KINDS,
        )

    def _results(self, at: datetime, kept: Mapping[str, ResultRow]) -> dict[str, ResultRow]:
        found: dict[str, ResultRow] = {}
        for job_id in list(self._ends)[-RESULTS_KEPT:]:
            row = self._ends[job_id]
            result = kept.get(job_id)
            is_this_end = result is not None and result.status == row.type
            if result is not None and is_this_end and result.at is not None and result.at <= at:
                found[job_id] = result  # stored by then, and not stored anew since
            else:
                found[job_id] = _told_result(job_id, row)
        return found


def link_of_past(link: LinkChanged) -> LinkChanged:
    """The connection as it is now, without what belongs to now alone."""
    return replace(link, rtt_ms=None, behind_at=None, message="")


def _told_result(job_id: str, row: EventRow) -> ResultRow:
    """What the event of a job's end tells of its result: all but the value."""
    event = row.raw.event
    assert event is not None
    error = event.error
    record = JobResult(
        job_id=job_id,
        status=event.type,
        function=event.function or "",
        queue=event.queue or "",
        worker_id=event.worker_id or "",
        attempt=codec.whole({"attempt": event.attempt}, "attempt", 0),
        wait_ms=event.wait_ms,
        run_ms=event.run_ms,
        finished_at=row.at,
        saved_at=row.at,
        reason=event.reason,
        error=None
        if error is None
        else JobError(
            type=str(error.get("type") or "error"),
            message=str(error.get("message") or ""),
            fingerprint=str(error.get("fingerprint") or ""),
        ),
    )
    told = result_row(record)._replace(untold=frozenset({"size"}))
    return told._replace(text=UNTOLD, untold=told.untold | {"value"}) if event.type == "COMPLETED" else told
