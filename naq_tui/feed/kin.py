"""Reads what a job waits for and what waits for it.

A job's own record names its parents. Nothing is kept of children, but the log has them: a job that waits for others
says so in its ENQUEUED event, which comes after those of its parents. So they are looked for from there on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from typing import Any

from naq import ids
from naq.errors import SerializationError
from naq.models.event import Entity, JobEventType
from naq_tui.feed.protocol import Pages
from naq_tui.feed.query import Query
from naq_tui.feed.schedule_runs import job_as_told
from naq_tui.store.jobs import JobRow
from naq_tui.store.kin import DEEPEST, MOST, Descendants, Kin, Relative, parents_named
from naq_tui.store.rows import function_name

STEPS = 4
"""Pieces of the log, some two thousand jobs, in which children are looked for at first."""
SKEW = timedelta(seconds=2)
Known = Callable[[str], JobRow | None]


async def kin_of(
    pages: Pages, known: Known, job_id: str, parents: Sequence[str], from_seq: int | None, steps: int, seen: int
) -> AsyncIterator[Kin]:
    """The kin of a job, more with each item.

    Args:
        known: what the state says of a job.
        parents: those that it names itself.
        from_seq: its ENQUEUED event, or one before it; None where that is not known.
        steps: pieces of the log to look for children in.
        seen: the newest event by now.

    Raises NaqException. Close it with `aclose` to stop.
    """
    kin = Kin(job_id, {job_id: tuple(parents)}, seen=seen)
    yield kin
    async with aclosing(_ancestors(pages, known, kin, parents)) as found:  # type: ignore[type-var]
        async for kin in found:
            yield kin
    start = from_seq if from_seq is not None else await _place_of(pages, job_id)
    if start is not None:
        async with aclosing(_descendants(pages, known, kin, start, steps)) as found:  # type: ignore[type-var]
            async for kin in found:
                yield kin
    yield replace(kin, is_reading=False)


async def _ancestors(pages: Pages, known: Known, kin: Kin, parents: Sequence[str]) -> AsyncIterator[Kin]:
    edges, jobs = {kin.job_id: tuple(parents)}, dict(kin.jobs)
    ahead = deque((name, 1) for name in parents)
    seen = {kin.job_id}
    while ahead and len(seen) <= MOST:
        name, depth = ahead.popleft()
        if name in seen:
            continue
        seen.add(name)
        call = await _call(pages, name)
        row = known(name) or await job_as_told(pages, name, None, await _place_of(pages, name), was_made=False)
        function = row.function if row is not None else function_name(str(call.get("function") or ""))
        jobs[name] = Relative(name, row.status if row is not None else "", function)
        edges[name] = parents_named(call)
        if depth < DEEPEST:
            ahead += ((parent, depth + 1) for parent in edges[name])
        yield replace(kin, parents=dict(edges), jobs=dict(jobs))
    yield replace(kin, parents=edges, jobs=jobs)


async def _call(pages: Pages, job_id: str) -> Mapping[str, Any]:
    try:
        return await pages.read_payload(job_id) or {}
    except SerializationError:
        return {}


async def _place_of(pages: Pages, job_id: str) -> int | None:
    """An event before any of a job, by the time in its id; None where that has none."""
    made_at = ids.time_of(job_id)
    return None if made_at is None else await pages.seq_at(made_at - SKEW)


async def _descendants(pages: Pages, known: Known, kin: Kin, start: int, steps: int) -> AsyncIterator[Kin]:
    found = Descendants(kin.job_id)
    query = Query(
        is_wanted=found.take,
        wants_subject=lambda entity, event_type, _queue: (
            entity == Entity.JOB and event_type == JobEventType.ENQUEUED.lower()
        ),
        parts=((b'"depends_on"',),),
    )
    reached, told = start, set[int]()
    async with aclosing(pages.scan(query, start, 1)) as pieces:  # type: ignore[type-var]
        async for piece in pieces:
            reached, steps = piece.reached, steps - 1
            told.update(piece.seqs)
            if steps <= 0 or found.is_full:
                break
    later = await pages.read_events(reached + 1, 1)
    kin = replace(kin, looked_to=later[0].stored_at if later else None)
    # what was looked at may go further than what is told, as that ends with the instant that is shown
    behind = {name: stored for name, stored in found.found.items() if stored.seq in told}
    edges = {name: tuple(child for child in children if child in behind) for name, children in found.children.items()}
    kin, jobs = replace(kin, children={name: children for name, children in edges.items() if children}), dict(kin.jobs)
    yield kin
    for name, stored in list(behind.items())[:MOST]:
        event = stored.event
        assert event is not None  # `Descendants.take`
        row = known(name) or await job_as_told(pages, name, event.queue, stored.seq)
        jobs[name] = Relative(name, row.status if row is not None else "", function_name(event.function or ""))
        yield replace(kin, jobs=dict(jobs))
