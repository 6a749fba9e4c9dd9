"""Where each thing stands by the log alone, and what was wrong with an event that told of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from naq.models.job import FINAL_STATUSES


class Finding(NamedTuple):
    """Something that can't be so."""

    seq: int
    """Sequence in `naq_events` of the event it is about; 0 where it is about a record."""
    entity: str
    """"job", "worker", "schedule", "queue" or "log"."""
    id: str
    """Which of them; empty for the log."""
    expected: str
    found: str


class Run(NamedTuple):
    """A run that began and whose end is not told."""

    worker: str
    attempt: int


class DoubleRun(NamedTuple):
    """A run that began while another of the same attempt had no end, not explained by its own event."""

    seq: int
    job_id: str
    earlier_worker: str
    earlier_seq: int


@dataclass(slots=True)
class JobState:
    """One job. A log may hold millions of them: nothing is kept here that no rule or comparison asks for."""

    status: str
    queue: str
    attempt: int = 0
    """Of the last run that began; 0 before the first."""
    worker: str = ""
    """Who told its end, or began its last run; empty where no worker did."""
    crashes: int = 0
    """Workers that died of it since it was enqueued or retried by hand."""
    starts: tuple[int, ...] = ()
    """Sequences of its STARTED events."""
    retries: tuple[int, ...] = ()
    """Sequences of the retries that somebody asked for."""
    open: tuple[Run, ...] = ()
    seq: int = 0
    """Of its last event."""
    ended_at: datetime | None = None
    """The server's clock when its end was told; None while it has none."""
    end_attempt: int | None = None
    """What its end says of the attempt; None where it says nothing (ended without a run)."""
    result_ttl_s: float | None = None
    first_worker: str = ""
    first_attempt: int = 0
    """Who began which attempt, as the last whose STARTED gives no reason for another run; 0 where nobody did."""
    is_enqueued: bool = False
    is_partial: bool = False
    """Its first events have left the log."""
    waits: bool = False
    """For other jobs; false once it is RELEASED."""
    is_child: bool = False
    """It has waited for others."""
    is_refused: bool = False
    """The server did not store it, or its producer never heard: it has no record."""
    is_deleted: bool = False
    """Somebody has removed its record."""
    is_again: bool = False
    """A start has told that its delivery was in other hands before."""
    is_given_up: bool = False
    """LOST is told; whoever comes next tells its failure."""
    is_manual: bool = False
    """The retry it waits for was asked for by somebody."""
    untold: int | None = None
    """The attempt that ended, as its retry shows, but whose end is not told yet."""

    @property
    def is_final(self) -> bool:
        return self.status in FINAL_STATUSES


@dataclass(slots=True)
class ScheduleState:
    """One schedule."""

    status: str
    seq: int
    run_count: int = 0
    """Firings told, those by hand left out."""
    repeat: int | None = None
    changed_at: datetime | None = None
    """The server's clock when it last left ACTIVE."""
    is_single: bool = False
    """One run, whose job has the schedule's id; its record goes once it has fired."""
    is_partial: bool = False
    is_untold: bool = False
    """SCHEDULED is not told yet: the log may take it later than the first run."""


@dataclass(slots=True)
class WorkerState:
    """One worker or scheduler: "started", "stopped" or "lost"."""

    status: str
    seq: int
    lost_seq: int | None = None
    lost_at: str | None = None
    is_forgotten: bool = False
    """Somebody has removed its record."""


@dataclass(slots=True)
class QueueState:
    """One queue that was ever paused or resumed."""

    is_paused: bool
    seq: int
