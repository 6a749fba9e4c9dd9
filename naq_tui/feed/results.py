"""The bucket of results from any place on, in either direction: what the newest ones, which are followed, don't hold.

A result that is stored anew moves to the end of the bucket, so its sequences have holes, and what is read has no fixed
place in a list; it is known by its sequence alone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import aclosing

from naq.client import AsyncClient
from naq.cursor import StreamCursor
from naq.errors import SerializationError
from naq.eventlog import stream_range
from naq.kv import Bucket
from naq.models.result import JobResult
from naq.tail import TailMessage
from naq_tui.feed import large
from naq_tui.feed.log import backwards
from naq_tui.feed.query import ResultsPiece

PIECE = 50
"""Results of one piece, some tens of kilobytes: on a narrow line the first rows are there in a second or two."""
FIRST = 1
"""The first sequence of any stream; a piece that reaches it is the last, whatever has expired there."""


async def read_results(client: Callable[[], AsyncClient], start: int, step: int) -> AsyncIterator[ResultsPiece]:
    """See `Pages.stored_results`."""
    bucket = client().results.bucket
    held = await stream_range(client().connection, bucket.stream)
    if step > 0:
        async for piece in _forwards(client, bucket, max(start, held.first_seq), held.last_seq):
            yield piece
        return
    last = min(start, held.last_seq)

    def pick(messages: Sequence[TailMessage], last: int) -> Iterable[TailMessage]:
        return [message for message in messages if message.seq <= last]

    subjects = [f"$KV.{bucket.name}.>"]
    pieces = backwards(client, bucket.stream, subjects, last, held.first_seq, pick, first_step=PIECE, per_step=PIECE)
    reached = start + 1
    async with aclosing(pieces):  # type: ignore[type-var]
        async for messages, begins in pieces:
            reached = FIRST if begins <= held.first_seq else begins
            yield await _piece(bucket, messages, reached)
    if reached > FIRST:
        yield ResultsPiece((), FIRST)


async def _forwards(
    client: Callable[[], AsyncClient], bucket: Bucket, start: int, last: int
) -> AsyncIterator[ResultsPiece]:
    async with StreamCursor(client().connection, bucket.stream, [f"$KV.{bucket.name}.>"], start) as cursor:
        while start <= last and (messages := await cursor.take(PIECE)):
            start = messages[-1].seq + 1
            yield await _piece(bucket, messages, start - 1)
    if start <= last:
        yield ResultsPiece((), last)


async def _piece(bucket: Bucket, messages: Iterable[TailMessage], reached: int) -> ResultsPiece:
    found: list[JobResult] = []
    unreadable = removed = 0
    async for _, record in large.records(map(bucket.entry_of, messages)):
        if record is None:
            removed += 1
        elif isinstance(record, SerializationError):
            unreadable += 1
        else:
            found.append(record)
    return ResultsPiece(tuple(found), reached, unreadable, removed)
