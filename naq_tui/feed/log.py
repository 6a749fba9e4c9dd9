"""The audit log at any place: where a moment is, single events, and searches through all of it in either direction.

A search reads forwards in pieces, since the server can't read backwards: pieces grow where little is found and shrink
where much is, so the memory it needs does not depend on the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import TypeVar

from naq import codec
from naq.client import AsyncClient
from naq.cursor import StreamCursor
from naq.eventlog import direct_get
from naq.figures import COUNTED
from naq.models.event import Entity, StoredEvent
from naq.tail import TailMessage
from naq_tui.feed.query import Counted, Query, Scanned

T = TypeVar("T")

FIRST_STEP = 2_000
"""Sequences of the first piece: what is near is found at once."""
MATCHES_PER_STEP = 4_096
MOST_FILTERS = 128
"""Subjects one consumer filters by; where more are wanted the console itself leaves out the rest."""
READ_AT_ONCE = 500
"""Messages decoded in one turn of the loop: keys are not kept waiting."""


class LogReader:
    """Reads `naq_events` for the feed."""

    def __init__(self, client: Callable[[], AsyncClient]) -> None:
        """`client` gives the one of the moment."""
        self._client = client

    async def seq_at(self, moment: datetime) -> int:
        """See `Feed.seq_at`."""
        log = self._client().log
        found = await log.since(moment, 1)
        return found[0].seq if found else (await log.range()).last_seq + 1

    async def read_at(self, seqs: Sequence[int]) -> tuple[StoredEvent, ...]:
        """See `Feed.read_at`."""
        found = await asyncio.gather(*(self._read_one(seq) for seq in seqs))
        return tuple(event for event in found if event is not None)

    async def _read_one(self, seq: int) -> StoredEvent | None:
        connection = self._client().connection
        found = await direct_get(connection, connection.names.events, {"seq": seq})
        return None if found is None else StoredEvent.from_stream(seq, found.stored_at, found.subject, found.data)

    async def scan(self, query: Query, start: int, step: int) -> AsyncIterator[Scanned]:
        """See `Feed.scan`."""
        held = await self._client().log.range()
        subjects = await self._subjects(query)
        if subjects is None:
            yield Scanned((), held.last_seq if step > 0 else held.first_seq)
        elif step > 0:
            async for scanned in self._forwards(query, subjects, max(start, held.first_seq), held.last_seq):
                yield scanned
        else:
            async for scanned in self._backwards(query, subjects, min(start, held.last_seq), held.first_seq):
                yield scanned

    async def _forwards(self, query: Query, subjects: Sequence[str], start: int, last: int) -> AsyncIterator[Scanned]:
        connection = self._client().connection
        stream = connection.names.events
        async with StreamCursor(connection, stream, subjects, start, headers_only=query.is_by_subject) as cursor:
            while start <= last and (messages := await cursor.take(READ_AT_ONCE)):
                start = messages[-1].seq + 1
                yield Scanned(_wanted(query, messages, last), min(start - 1, last))
        if start <= last:
            yield Scanned((), last)

    async def _backwards(self, query: Query, subjects: Sequence[str], last: int, first: int) -> AsyncIterator[Scanned]:
        def pick(messages: Iterable[TailMessage], last: int) -> tuple[int, ...]:
            return _wanted(query, messages, last)

        stream = self._client().connection.names.events
        pieces = backwards(self._client, stream, subjects, last, first, pick, headers_only=query.is_by_subject)
        async with aclosing(pieces):  # type: ignore[type-var]
            async for found, reached in pieces:
                yield Scanned(tuple(found), reached)

    async def counted(self, start: int) -> AsyncIterator[Counted]:
        """See `Feed.counted`."""
        connection = self._client().connection
        names, held = connection.names, await self._client().log.range()
        start = max(start, held.first_seq)
        subjects = [names.event_filter(entity=Entity.JOB, event_type=event_type) for event_type in COUNTED]
        async with StreamCursor(connection, names.events, subjects, start) as cursor:
            while start <= held.last_seq and (messages := await cursor.take(READ_AT_ONCE)):
                start = messages[-1].seq + 1
                found = (StoredEvent.from_stream(m.seq, m.stored_at, m.subject, m.data) for m in messages)
                yield Counted(tuple(found), start - 1)
        if start <= held.last_seq:
            yield Counted((), held.last_seq)

    async def _subjects(self, query: Query) -> list[str] | None:
        """What to filter by: empty for everything, None where no stored event has a subject that is wanted."""
        if query.wants_subject is None:
            return []
        connection = self._client().connection
        names = connection.names
        stored: set[str] = set()
        while True:
            answer = await connection.api(
                f"STREAM.INFO.{names.events}", {"subjects_filter": names.events_wildcard, "offset": len(stored)}
            )
            page = answer.get("state", {}).get("subjects") or {}
            known = len(stored)
            stored.update(page)
            if len(stored) == known or len(stored) >= codec.number(answer, "total", 0):
                break
        wanted = {subject for subject in stored if _may_be_wanted(query, subject)}
        if not wanted:
            return None
        filters = min(_grouped(stored, wanted, 3), _grouped(stored, wanted, 4), key=len)
        return [] if len(wanted) == len(stored) or len(filters) > MOST_FILTERS else filters


async def backwards(
    client: Callable[[], AsyncClient],
    stream: str,
    subjects: Sequence[str],
    last: int,
    first: int,
    pick: Callable[[Sequence[TailMessage], int], Iterable[T]],
    *,
    headers_only: bool = False,
    first_step: int | None = None,
    per_step: int | None = None,
) -> AsyncIterator[tuple[list[T], int]]:
    """A stream from sequence `last` down to `first`, piece by piece: what was picked of one, and where that begins.

    Args:
        subjects: as `StreamCursor` takes them.
        pick: given some messages of a piece and its last sequence, what is wanted of them; they may run past its end.
        first_step: sequences of the first piece; None is `FIRST_STEP`.
        per_step: about how many messages a piece should have; None is `MATCHES_PER_STEP`.
    """
    first_step, per_step = first_step or FIRST_STEP, per_step or MATCHES_PER_STEP
    size = first_step
    behind: int | None = None
    """Matching messages behind `last`, as far as that is known."""
    while last >= first:
        start = max(first, last - size + 1)
        async with StreamCursor(client().connection, stream, subjects, start, headers_only=headers_only) as cursor:
            count = None if behind is None else max(0, cursor.pending - behind)
            if count is not None and count > 2 * per_step and size > first_step:
                size = max(first_step, size // 4)
                continue
            behind = cursor.pending
            found: list[T] = []
            # one more than there should be: it lies behind the piece, unless some there were removed meanwhile
            left = size if count is None else count + 1
            while messages := await cursor.take(min(max(1, left), READ_AT_ONCE)):
                left -= len(messages)
                found += pick(messages, last)
                if messages[-1].seq >= last:
                    break
        yield found, start
        matched = len(found) if count is None else count
        size = max(first_step, min(4 * size, size * per_step // max(1, matched)))
        last = start - 1


def _wanted(query: Query, messages: Iterable[TailMessage], last: int) -> tuple[int, ...]:
    if query.is_by_subject:
        return tuple(m.seq for m in messages if m.seq <= last and _may_be_wanted(query, m.subject))
    return tuple(
        m.seq
        for m in messages
        if m.seq <= last
        and query.may_want(m.data)
        and query.is_wanted(StoredEvent.from_stream(m.seq, m.stored_at, m.subject, m.data))
    )


def _may_be_wanted(query: Query, subject: str) -> bool:
    tokens = subject.split(".")
    # <prefix>.events.<entity>.<type>.<queue>; what others write there may be anything
    return len(tokens) != 5 or query.wants_subject is None or query.wants_subject(*tokens[2:])


def _grouped(stored: set[str], wanted: set[str], token: int) -> list[str]:
    """Filters that take the wanted subjects and no other stored one, none overlapping another.

    Where all subjects with the same token at this place (3 is the type, 4 the queue) are wanted, one filter has them.
    """
    by_token: dict[str, list[str]] = {}
    for subject in stored:
        tokens = subject.split(".")
        by_token.setdefault(tokens[token] if len(tokens) == 5 else subject, []).append(subject)
    filters: list[str] = []
    for name, subjects in by_token.items():
        mine = [subject for subject in subjects if subject in wanted]
        if len(mine) > 1 and len(mine) == len(subjects):
            tokens = [*mine[0].split(".")[:2], "*", "*", "*"]
            tokens[token] = name
            filters.append(".".join(tokens))
        else:
            filters += mine
    return sorted(filters)
