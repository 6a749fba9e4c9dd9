"""What can change: the messages from the feed to the store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from naq.models.copies import Copies
from naq.models.event import StoredEvent
from naq.models.job import Job
from naq.models.queue import QueueStats
from naq.models.result import JobResult
from naq.models.schedule import Schedule
from naq.models.worker import WorkerRecord
from naq_tui.store.figures import FiguresTold

if TYPE_CHECKING:
    from naq_tui.launcher import ProcessView
    from naq_tui.store.rows import ResultRow

LinkStatus = Literal["connecting", "live", "lost", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkChanged:
    """The connection as it is from now on; every field replaces the one before."""

    state: LinkStatus
    """"lost" is being tried again; "failed" needs somebody to act, and `message` says what."""
    server_label: str = ""
    """Where to, for people, with no secret in it: "local", "localhost:4222"."""
    server_version: str = ""
    rtt_ms: float | None = None
    message: str = ""
    """One line about what is wrong."""
    forbids: str = ""
    """Why this user may only look, one line; empty where acting is permitted."""
    clock_offset_s: float = 0.0
    """The server's clock minus this machine's."""
    at: datetime | None = None
    """When it came to be so, this machine's clock, aware UTC. "lost" and the "live" after it must have it: what is
    shown is stale between the two."""
    is_embedded: bool = False
    """Whether the server is our own child."""
    behind_at: datetime | None = None
    """The line is too narrow for what is stored: nothing newer than this has arrived (the server's clock). None where
    all is there as soon as it is stored."""


@dataclass(frozen=True, slots=True)
class ClusterSeen:
    """The cluster as one of its servers sees it; of a server of its own there is none."""

    here: str
    """The server we talk to, as it calls itself."""
    streams: tuple[Copies, ...]
    """All streams and buckets, those that nothing is known of with their error."""

    @property
    def is_sound(self) -> bool:
        """Whether every stream has a leader and all of its copies."""
        return all(copies.is_led and not copies.late and not copies.away for copies in self.streams)


@dataclass(frozen=True, slots=True)
class EventsAppended:
    """New events, in order; also those of the recent past, once at the start."""

    events: tuple[StoredEvent, ...]


@dataclass(frozen=True, slots=True)
class EventsRange:
    """What the log holds: sequences from `first_seq` to `last_seq`."""

    first_seq: int
    last_seq: int
    is_new_store: bool = False
    """Whether this is another store than the one before (made anew, or without what it stored last): all that is known
    from that one is forgotten."""


@dataclass(frozen=True, slots=True)
class WorkersChanged:
    """Heartbeats of workers and schedulers."""

    records: tuple[WorkerRecord, ...] = ()
    removed: tuple[str, ...] = ()
    """Worker ids whose record is gone."""


@dataclass(frozen=True, slots=True)
class SchedulesChanged:
    schedules: tuple[Schedule, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ResultsChanged:
    """Results in the order they were stored; a later one of the same job replaces the earlier."""

    results: tuple[JobResult, ...] = ()
    removed: tuple[str, ...] = ()
    total: int | None = None
    """How many the bucket holds; None where that is not news."""


@dataclass(frozen=True, slots=True)
class ResultsFollowed:
    """From which sequence of the bucket on every result is told, once at the start and again where they are followed
    anew."""

    from_seq: int
    """1 where that is all there are."""


@dataclass(frozen=True, slots=True)
class OlderRead:
    """Results from before those that are followed, read because somebody looks."""

    results: tuple[JobResult, ...]
    """In the order they were stored; where not all of them are wanted, those that are."""
    from_seq: int
    to_seq: int
    """Everything stored between these has been read."""
    looked_at: int
    """Results among that, wanted or not."""
    unreadable: int = 0
    has_removed: bool = False
    is_jump: bool = False
    """Whether what was read before is left, because this does not go on from it."""


@dataclass(frozen=True, slots=True)
class OlderWanted:
    """Results from before those that are followed are about to be read: none of those may be lost in between."""

    wanted: Callable[[ResultRow], bool] | None = None
    """Which of them are kept; None is all."""


@dataclass(frozen=True, slots=True)
class OlderLeft:
    """Nobody looks at older results any more."""


@dataclass(frozen=True, slots=True)
class QueuesSampled:
    """All queues, as counted by the server at one moment."""

    queues: tuple[QueueStats, ...]
    sampled_at: datetime


@dataclass(frozen=True, slots=True)
class JobsFound:
    """Jobs that wait in the queues, as far as they were looked at; told once at the start."""

    jobs: tuple[Job, ...]


@dataclass(frozen=True, slots=True)
class FailuresFound:
    """FAILED events from before the newest events, oldest first; told at the start, the newest piece first."""

    events: tuple[StoredEvent, ...]
    is_all: bool = False
    """Whether this was the last piece."""


@dataclass(frozen=True, slots=True)
class FiguresChanged:
    """The figures of the window that is looked at, as far as it has been read."""

    told: FiguresTold


@dataclass(frozen=True, slots=True)
class ProcessesChanged:
    """All local processes."""

    processes: tuple[ProcessView, ...]


@dataclass(frozen=True, slots=True)
class Malformed:
    """A record that can't be read. It stays in the list until a good one takes its place."""

    where: str
    """The bucket: "workers", "results" or "schedules"."""
    key: str
    raw: bytes
    message: str = ""


Update = (
    LinkChanged
    | ClusterSeen
    | EventsAppended
    | EventsRange
    | WorkersChanged
    | SchedulesChanged
    | ResultsChanged
    | ResultsFollowed
    | OlderRead
    | OlderWanted
    | OlderLeft
    | QueuesSampled
    | JobsFound
    | FailuresFound
    | FiguresChanged
    | ProcessesChanged
    | Malformed
)

_RECORDS_OF: dict[type[Update], str] = {
    EventsAppended: "events",
    FailuresFound: "events",
    JobsFound: "jobs",
    ResultsChanged: "results",
    SchedulesChanged: "schedules",
    WorkersChanged: "records",
}


def in_slices(batch: Iterable[Update], most: int) -> Iterator[Update]:
    """The same updates in the same order, none with more than `most` records; of past failures the newest first."""
    for update in batch:
        name = _RECORDS_OF.get(type(update), "")
        records = getattr(update, name, ())
        if len(records) <= most:
            yield update
            continue
        starts = range(0, len(records), most)
        for first in reversed(starts) if isinstance(update, FailuresFound) else starts:
            part: Any = {name: records[first : first + most]}
            yield replace(update, **part)
