"""Ask the event log for some of its events: by type, queue, job and time, newest first or from a moment on.

Types and queues stand in the subjects, so the server sifts by them; a job's events are found by its record.
Nothing here writes, and a log that does not exist yet is an empty one.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from naq.errors import ConfigurationError
from naq.eventlog import EventLog, StreamRange
from naq.jetstream import JetStreamError
from naq.models.event import StoredEvent
from naq.names import Names, check_queue_name
from naq.topology import STREAM_NOT_FOUND

PAGE = 1000
GROWTH = 4
"""How much further back each step looks than the one before, where little matches."""
_TYPE = re.compile(r"[A-Z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventQuery:
    """Which events are wanted; what is empty or None does not narrow them."""

    types: frozenset[str] = frozenset()
    queue: str | None = None
    job_id: str | None = None
    action_id: str | None = None
    since: datetime | None = None
    """Stored at or after this, by the server's clock."""

    def __post_init__(self) -> None:
        """Raises ConfigurationError where no event can have such a type or queue."""
        for name in self.types:
            if not _TYPE.fullmatch(name):
                raise ConfigurationError(f"event type {name!r} is not valid: a word like FAILED was expected")
        if self.queue is not None:
            check_queue_name(self.queue)

    def subject(self, names: Names) -> str | None:
        """The one subject that has them all; None where that is every subject."""
        if len(self.types) != 1 and self.queue is None:
            return None
        event_type = next(iter(self.types)) if len(self.types) == 1 else "*"
        return names.event_filter(event_type=event_type, queue=self.queue or "*")

    def matches(self, stored: StoredEvent) -> bool:
        """An event that can't be read matches only where nothing but a time is asked for."""
        if self.since is not None and stored.stored_at < self.since:
            return False
        event = stored.event
        if event is None:
            return not (self.types or self.queue or self.job_id or self.action_id)
        return (
            (not self.types or event.type in self.types)
            and self.queue in (None, event.queue)
            and self.job_id in (None, event.job_id)
            and self.action_id in (None, event.action_id)
        )


async def log_range(log: EventLog) -> StreamRange:
    """What the log holds; nothing where no naq program has made it yet."""
    try:
        return await log.range()
    except JetStreamError as exc:
        if exc.code != STREAM_NOT_FOUND:
            raise
        return StreamRange(1, 0, 0, 0)


async def newest(log: EventLog, query: EventQuery, count: int, held: StreamRange) -> list[StoredEvent]:
    """The last `count` events that match among those of `held`, oldest first."""
    first = await _first_seq(log, query, held)
    found: list[StoredEvent] = []
    upper, window = held.last_seq, PAGE
    while upper >= first and len(found) < count:
        lower = max(first, upper - window + 1)
        earlier: deque[StoredEvent] = deque(maxlen=count - len(found))
        async for stored in _between(log, query, lower, upper):
            earlier.append(stored)
        found = [*earlier, *found]
        upper, window = lower - 1, window * GROWTH
    return found


async def in_order(log: EventLog, query: EventQuery, held: StreamRange) -> AsyncIterator[StoredEvent]:
    """Every event that matches among those of `held`, oldest first."""
    async for stored in _between(log, query, await _first_seq(log, query, held), held.last_seq):
        yield stored


async def _first_seq(log: EventLog, query: EventQuery, held: StreamRange) -> int:
    if query.since is None or held.last_seq < held.first_seq:
        return held.first_seq
    page = await log.since(query.since, 1)
    return page[0].seq if page else held.last_seq + 1


async def _between(log: EventLog, query: EventQuery, lower: int, upper: int) -> AsyncIterator[StoredEvent]:
    subject = query.subject(log.names)
    while lower <= upper:
        page = await log.read(lower, min(PAGE, upper - lower + 1), subject=subject)
        for stored in page:
            if stored.seq > upper:
                return
            if query.matches(stored):
                yield stored
        if not page:
            return
        lower = page[-1].seq + 1
