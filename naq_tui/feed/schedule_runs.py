"""Reads what the log tells of a schedule's runs, and what became of one job."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from naq.errors import SerializationError
from naq.ids import short
from naq.models.event import Entity, JobEventType, StoredEvent
from naq_tui.feed.protocol import Pages
from naq_tui.feed.query import Query
from naq_tui.store.jobs import JobRow, with_events, with_results
from naq_tui.store.rows import EventRow, event_row, result_row
from naq_tui.store.schedule_runs import RUNS, is_run
from naq_tui.text import safe

STEPS_FOR_JOB = 40
"""Pieces of the log in which a job without a record is looked for: some ten thousand events of its queue."""
_RUN_NAMES = frozenset(event_type.lower() for event_type in RUNS)
_JOB_TYPES = (
    JobEventType.ENQUEUED,
    JobEventType.RELEASED,
    JobEventType.STARTED,
    JobEventType.RETRY_SCHEDULED,
    JobEventType.COMPLETED,
    JobEventType.FAILED,
    JobEventType.CANCELLED,
    JobEventType.LOST,
)
_JOB_NAMES = frozenset(event_type.lower() for event_type in _JOB_TYPES)


async def older_runs(
    pages: Pages, schedule_id: str, before_seq: int, most: int
) -> AsyncIterator[tuple[tuple[StoredEvent, ...], int]]:
    """The runs before an event, the newest piece first, until there are `most` or the log begins.

    Each item has some of them in order, maybe none, and the sequence from which on everything has been looked at.
    Close it with `aclose` to stop. Raises NaqException.
    """
    query = Query(
        is_wanted=lambda stored: is_run(stored, schedule_id),
        wants_subject=lambda entity, event_type, _queue: entity == Entity.SCHEDULE and event_type in _RUN_NAMES,
    )
    async with aclosing(pages.scan(query, before_seq - 1, -1)) as steps:  # type: ignore[type-var]
        async for scanned in steps:
            seqs = scanned.seqs[-most:]
            reached = seqs[0] if len(seqs) < len(scanned.seqs) else scanned.reached
            yield (await pages.read_at(seqs) if seqs else ()), reached
            most -= len(seqs)
            if most <= 0:
                return


async def job_as_told(
    pages: Pages, job_id: str, queue: str | None, from_seq: int | None, *, was_made: bool = True
) -> JobRow | None:
    """How a job stands, by its record, else by the log.

    Args:
        queue: the one it was put into; None where it is not known, then all are looked through.
        from_seq: an event that came before it was begun; None where none is known, then only the record tells.
        was_made: whether that event tells that it was stored: where nothing more is told it waits.

    Returns:
        None where neither tells it.

    Raises:
        NaqException: it can't be read now.
    """
    try:
        record = await pages.read_result(job_id)
    except SerializationError:
        record = None
    if record is not None:
        return with_results({}, [result_row(record)], ())[job_id]
    if from_seq is None:
        return None
    job = await _as_the_log_tells(pages, job_id, queue, from_seq)
    if job is None or job.status or not was_made:
        return job if job is not None and job.status else None
    return job._replace(status="PENDING")


async def _as_the_log_tells(pages: Pages, job_id: str, queue: str | None, from_seq: int) -> JobRow | None:
    """Without a status where the log tells nothing of it; None where not enough of the log was read to know."""
    query = Query(
        is_wanted=lambda stored: stored.event is not None and stored.event.job_id == job_id,
        wants_subject=lambda entity, event_type, place: (
            entity == Entity.JOB and event_type in _JOB_NAMES and (queue is None or place == queue)
        ),
        parts=((job_id.lower().encode(errors="replace"),),),
    )
    rows: list[EventRow] = []
    steps_left = STEPS_FOR_JOB
    async with aclosing(pages.scan(query, from_seq, 1)) as steps:  # type: ignore[type-var]
        async for scanned in steps:
            rows += [event_row(stored) for stored in await pages.read_at(scanned.seqs)] if scanned.seqs else ()
            job = with_events({}, rows).get(job_id)
            steps_left -= 1
            if job is not None and job.is_final:
                return job
            if not steps_left:
                return None  # what came later is not known
    nothing = JobRow(job_id, safe(short(job_id)), "", "", safe(queue or "", 100))
    return with_events({}, rows).get(job_id) or nothing
