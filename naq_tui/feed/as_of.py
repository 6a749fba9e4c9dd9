"""A feed's pages as they were at an instant: nothing that was stored later."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from typing import Any

from naq.models.event import StoredEvent
from naq.models.job import Job
from naq.models.result import JobResult, ValueRef
from naq_tui.feed.protocol import Feed, Pages
from naq_tui.feed.query import Counted, Query, ResultsPiece, Scanned


class PagesAsOf(Pages):
    """Implements `Pages`: of events those up to `last_seq`, of results those stored by `at` and not changed since."""

    def __init__(self, feed: Feed, last_seq: int, at: datetime) -> None:
        self._feed = feed
        self._last_seq = last_seq
        self._at = at

    async def read_events(self, first_seq: int, count: int) -> tuple[StoredEvent, ...]:
        count = min(count, self._last_seq - first_seq + 1)
        return await self._feed.read_events(first_seq, count) if count > 0 else ()

    async def read_at(self, seqs: Sequence[int]) -> tuple[StoredEvent, ...]:
        return await self._feed.read_at([seq for seq in seqs if seq <= self._last_seq])

    async def seq_at(self, moment: datetime) -> int:
        return min(await self._feed.seq_at(moment), self._last_seq + 1)

    async def scan(self, query: Query, start: int, step: int) -> AsyncIterator[Scanned]:
        if step < 0:
            start = min(start, self._last_seq)
        async with aclosing(self._feed.scan(query, start, step)) as steps:  # type: ignore[type-var]
            async for scanned in steps:
                seqs = tuple(seq for seq in scanned.seqs if seq <= self._last_seq)
                yield Scanned(seqs, min(scanned.reached, self._last_seq))
                if step > 0 and scanned.reached >= self._last_seq:
                    return

    async def counted(self, start: int) -> AsyncIterator[Counted]:
        async with aclosing(self._feed.counted(start)) as pieces:  # type: ignore[type-var]
            async for piece in pieces:
                events = tuple(stored for stored in piece.events if stored.seq <= self._last_seq)
                yield Counted(events, min(piece.reached, self._last_seq))
                if piece.reached >= self._last_seq:
                    return

    async def stored_results(self, start: int, step: int) -> AsyncIterator[ResultsPiece]:
        async with aclosing(self._feed.stored_results(start, step)) as pieces:  # type: ignore[type-var]
            async for piece in pieces:
                yield replace(piece, results=tuple(filter(self._was_stored, piece.results)))

    async def stored_jobs(self) -> AsyncIterator[tuple[Job, ...]]:
        async with aclosing(self._feed.stored_jobs()) as pieces:  # type: ignore[type-var]
            async for jobs in pieces:
                yield tuple(job for job in jobs if job.enqueued_at is not None and job.enqueued_at <= self._at)

    async def read_result(self, job_id: str) -> JobResult | None:
        record = await self._feed.read_result(job_id)
        return record if record is not None and self._was_stored(record) else None

    async def read_value(self, ref: ValueRef, told: Callable[[int], object]) -> Any:
        return await self._feed.read_value(ref, told)  # it is known by what is in it

    async def read_payload(self, job_id: str) -> Mapping[str, Any] | None:
        return await self._feed.read_payload(job_id)  # what a job is called with does not change

    async def job_events(self, job_id: str) -> tuple[StoredEvent, ...]:
        return tuple(stored for stored in await self._feed.job_events(job_id) if stored.seq <= self._last_seq)

    def _was_stored(self, record: JobResult) -> bool:
        moment = record.saved_at or record.finished_at
        return moment is not None and moment <= self._at
