"""What has changed since the last frame, put together from several readers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Any

from naq.models.event import StoredEvent
from naq_tui.store.updates import (
    ClusterSeen,
    EventsAppended,
    EventsRange,
    FailuresFound,
    JobsFound,
    LinkChanged,
    Malformed,
    QueuesSampled,
    ResultsChanged,
    ResultsFollowed,
    SchedulesChanged,
    Update,
    WorkersChanged,
)


class Frame:
    """Collects changes until they are taken; of one key only the newest is kept, of events every one."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self._taken = asyncio.Event()
        self._events: deque[StoredEvent] = deque()
        self._failures: FailuresFound | None = None
        self._single: dict[type, Update] = {}
        self._records: dict[str, dict[str, Any]] = {"workers": {}, "schedules": {}, "results": {}}
        self._removed: dict[str, dict[str, None]] = {"workers": {}, "schedules": {}, "results": {}}
        self._malformed: dict[tuple[str, str], Malformed] = {}
        self._known: set[str] = set()
        self._total_results: int | None = None
        self._told_total: int | None = None
        self._told_range: tuple[int, int] | None = None
        self._is_other_store = False

    async def wait(self) -> None:
        """Return when there is something to take."""
        await self._changed.wait()

    async def room(self, limit: int) -> None:
        """Return when fewer than `limit` events wait to be taken."""
        while len(self._events) >= limit:
            self._taken.clear()
            await self._taken.wait()

    async def failures(self, found: tuple[StoredEvent, ...], *, is_all: bool = False) -> None:
        """Failures of the past, once those before them are taken: there may be more than are to be held at once."""
        while self._failures is not None:
            self._taken.clear()
            await self._taken.wait()
        self._failures = FailuresFound(found, is_all)
        self._changed.set()

    def put(self, update: LinkChanged | ClusterSeen | QueuesSampled | JobsFound | EventsRange) -> None:
        """An update that replaces the one of its kind before it."""
        self._single[type(update)] = update
        self._changed.set()

    def events(self, events: Iterable[StoredEvent]) -> None:
        self._events.extend(events)
        self._changed.set()

    def range(self, first_seq: int, last_seq: int) -> None:
        """What the log holds; a range that was told before is no news."""
        if self._told_range != (first_seq, last_seq):
            self._told_range = (first_seq, last_seq)
            self.put(EventsRange(first_seq, last_seq))

    def results_from(self, from_seq: int) -> None:
        """Results are told anew, from this sequence of their bucket on. Those that have not been taken are among them,
        or from before it."""
        self._records["results"].clear()
        self._single[ResultsFollowed] = ResultsFollowed(from_seq)
        self._changed.set()

    def other_store(self) -> None:
        """Another store is read from now on: what has not been taken is of the one before, as all that has been."""
        self._events.clear()
        self._failures = None
        self._single = {kind: update for kind, update in self._single.items() if kind in (LinkChanged, ClusterSeen)}
        for kept in (*self._records.values(), *self._removed.values()):
            kept.clear()
        self._malformed.clear()
        self._known.clear()
        self._total_results = self._told_total = self._told_range = None
        self._is_other_store = True
        self._changed.set()

    def record(self, where: str, key: str, record: Any) -> None:
        """The newest state of one key of a bucket."""
        self._malformed.pop((where, key), None)
        self._removed[where].pop(key, None)
        self._records[where].pop(key, None)  # results keep the order they were stored in
        self._records[where][key] = record
        self._changed.set()

    def remove(self, where: str, key: str) -> None:
        self._malformed.pop((where, key), None)
        self._records[where].pop(key, None)
        self._removed[where][key] = None
        self._changed.set()

    def malformed(self, where: str, key: str, raw: bytes, message: str) -> None:
        """One key of a bucket whose record can't be read."""
        self._records[where].pop(key, None)
        self._malformed[where, key] = Malformed(where, key, raw, message)
        self._changed.set()

    def known(self, where: str) -> None:
        """All that a bucket holds has been told, be it nothing."""
        self._known.add(where)
        self._changed.set()

    def total_results(self, total: int) -> None:
        if total != self._told_total:
            self._told_total = self._total_results = total
            self._changed.set()

    def take(self, max_events: int) -> tuple[Update, ...]:
        """Everything collected (of events at most `max_events`, the rest stays for the next frame)."""
        if self._is_other_store:  # by itself: whoever holds more than the state sees the log at its beginning
            self._is_other_store = False
            return (EventsRange(1, 0, is_new_store=True),)
        batch: list[Update] = [*self._single.values()]
        if self._events:
            count = min(max_events, len(self._events))
            batch.append(EventsAppended(tuple(self._events.popleft() for _ in range(count))))
        if self._failures is not None:
            batch.append(self._failures)
            self._failures = None
        records, removed = self._records, self._removed
        if records["workers"] or removed["workers"] or "workers" in self._known:
            batch.append(WorkersChanged(tuple(records["workers"].values()), tuple(removed["workers"])))
        if records["schedules"] or removed["schedules"] or "schedules" in self._known:
            batch.append(SchedulesChanged(tuple(records["schedules"].values()), tuple(removed["schedules"])))
        if records["results"] or removed["results"] or self._total_results is not None:
            batch.append(
                ResultsChanged(tuple(records["results"].values()), tuple(removed["results"]), self._total_results)
            )
        batch.extend(self._malformed.values())
        self._single, self._malformed, self._total_results = {}, {}, None
        self._known.clear()
        for kept in (*records.values(), *removed.values()):
            kept.clear()
        if not self._events:
            self._changed.clear()
        self._taken.set()
        return tuple(batch)
