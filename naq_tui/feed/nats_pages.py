"""What the real feed reads because somebody looks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from naq.client import AsyncClient
from naq.models.event import StoredEvent
from naq.models.job import Job
from naq.models.result import JobResult, ValueRef
from naq_tui.feed import large, past
from naq_tui.feed.log import LogReader
from naq_tui.feed.query import Counted, Query, ResultsPiece, Scanned
from naq_tui.feed.results import read_results


class NatsPages:
    """Implements `Pages` over the client of the moment: where connecting failed there is a new one."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self._log = LogReader(lambda: self._client)

    async def read_events(self, first_seq: int, count: int) -> tuple[StoredEvent, ...]:
        """See `Pages.read_events`."""
        return tuple(await self._client.log.read(first_seq, count))

    async def read_at(self, seqs: Sequence[int]) -> tuple[StoredEvent, ...]:
        """See `Pages.read_at`."""
        return await self._log.read_at(seqs)

    async def read_standing(self, before_seq: int, most: int) -> tuple[StoredEvent, ...]:
        """See `Feed.read_standing`."""
        return await past.standing_events(self._client, before_seq, most)

    async def seq_at(self, moment: datetime) -> int:
        """See `Pages.seq_at`."""
        return await self._log.seq_at(moment)

    def scan(self, query: Query, start: int, step: int) -> AsyncIterator[Scanned]:
        """See `Pages.scan`."""
        return self._log.scan(query, start, step)

    def counted(self, start: int) -> AsyncIterator[Counted]:
        """See `Pages.counted`."""
        return self._log.counted(start)

    def stored_results(self, start: int, step: int) -> AsyncIterator[ResultsPiece]:
        """See `Pages.stored_results`."""
        return read_results(lambda: self._client, start, step)

    def stored_jobs(self) -> AsyncIterator[tuple[Job, ...]]:
        """See `Pages.stored_jobs`."""
        return past.stored_jobs(self._client)

    async def read_result(self, job_id: str) -> JobResult | None:
        """See `Pages.read_result`."""
        entry = await self._client.results.bucket.get(job_id)
        return None if entry is None else await large.record(entry)

    async def read_value(self, ref: ValueRef, told: Callable[[int], object]) -> Any:
        """See `Pages.read_value`."""
        return await large.read_value(self._client, ref, told)

    async def read_payload(self, job_id: str) -> Mapping[str, Any] | None:
        """See `Pages.read_payload`."""
        return await past.read_payload(self._client, job_id)

    async def job_events(self, job_id: str) -> tuple[StoredEvent, ...]:
        """See `Pages.job_events`."""
        return tuple(await self._client.job_history(job_id))
