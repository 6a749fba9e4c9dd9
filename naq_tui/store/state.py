"""The whole of what the console knows, as one value that never changes in place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from naq_tui.store.failures import Failures
from naq_tui.store.figures import FiguresTold
from naq_tui.store.jobs import Jobs
from naq_tui.store.older import OlderResults
from naq_tui.store.rows import EventRow, MalformedRow, ProcessRow, QueueRow, ResultRow, ScheduleRow, WorkerRow
from naq_tui.store.series import PER_MINUTE, PER_SECOND, Series
from naq_tui.store.updates import ClusterSeen, LinkChanged

EVENTS_KEPT = 5_000
RESULTS_KEPT = 2_000
RUNNING_KEPT = 2_000
QUEUES_COUNTED = 500
"""Queues whose traffic is counted apart; those after are part of the whole only."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What happened lately, folded from the events."""

    enqueued: Series = PER_SECOND
    finished: Series = PER_SECOND
    """Jobs completed or failed for good, per second."""
    failed: Series = PER_MINUTE
    """Jobs failed for good, per minute."""


NO_TRAFFIC = Traffic()


class AsOf(NamedTuple):
    """An instant of the past."""

    seq: int
    """The last event that had happened."""
    at: datetime
    """The server's clock."""
    from_seq: int
    """The first event that was read: of jobs from before it nothing is known."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class State:
    """Everything the screens show. Compared by identity: another state is another object."""

    as_of: AsOf | None = None
    """The instant that all of this was true at; None is now."""
    link: LinkChanged = field(default_factory=lambda: LinkChanged(state="connecting"))
    cluster: ClusterSeen | None = None
    """None while nothing is known of a cluster, or there is none."""
    stale_since: datetime | None = None
    """When the connection went, by this machine's clock; None while what is shown is current."""
    resumed_at: datetime | None = None
    """When the last lost connection came back, by this machine's clock; None where none was lost."""
    events: tuple[EventRow, ...] = ()
    """The newest events, by sequence."""
    first_seq: int = 1
    last_seq: int = 0
    """The log's bounds as far as they are known; last_seq is first_seq - 1 where it is empty."""
    unreadable_events: int = 0
    """Among all events seen."""
    workers: Mapping[str, WorkerRow] = field(default_factory=dict)
    schedules: Mapping[str, ScheduleRow] = field(default_factory=dict)
    results: Mapping[str, ResultRow] = field(default_factory=dict)
    """By job id, oldest first."""
    jobs: Jobs = field(default_factory=dict)
    """Jobs that something was heard of, by id, the one that changed last at the end."""
    failures: Failures = field(default_factory=dict)
    """The newest failures, by sequence of their event."""
    figures: FiguresTold | None = None
    """None while nobody has asked for any."""
    results_total: int = 0
    """How many are stored, or that and some marks of deleted ones (see `results_removed`); the newest of them are in
    `results`."""
    results_removed: bool = False
    """Whether `results_total` may be more than there are."""
    results_from: int = 0
    """The sequence of the bucket from which on every result is in `results`: 1 where that is all of them, 0 while it
    is not known."""
    older: OlderResults | None = None
    """Results from before `results_from`; None while nobody looks at any."""
    queues: tuple[QueueRow, ...] = ()
    sampled_at: datetime | None = None
    processes: tuple[ProcessRow, ...] = ()
    malformed: Mapping[tuple[str, str], MalformedRow] = field(default_factory=dict)
    """By bucket and key."""
    traffic: Traffic = NO_TRAFFIC
    queue_traffic: Mapping[str, Traffic] = field(default_factory=dict)
    running: Mapping[str, EventRow] = field(default_factory=dict)
    """The STARTED event of each job that runs, by job id; the newest where there are very many."""
    loaded: frozenset[str] = frozenset()
    """Names of the kinds of records that were heard of at least once; "failures" once all of the past are here."""

    @property
    def has_oldest_result(self) -> bool:
        """Whether nothing is stored before the results that are held."""
        return (self.results_from if self.older is None else self.older.from_seq) == 1

    @property
    def has_all_results(self) -> bool:
        """Whether all results are held, from the newest to the oldest."""
        is_whole = self.older is None or self.older.joins(self.results_from)
        return self.has_oldest_result and is_whole

    @property
    def is_live(self) -> bool:
        return self.link.state == "live"


EMPTY = State()
