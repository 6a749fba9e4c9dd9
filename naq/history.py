"""Find the events of one job in a log that is not indexed by job.

Subjects stay of low cardinality (one per job id would cost the server gigabytes), so a job's record says where to
look: it keeps the sequences of its STARTED events, and the times at which the server stored the job and the record
itself. The ENQUEUED event lies within a moment of the one, the terminal event within a moment of the other. A job
without a record is looked for from the time in its id on.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from naq import ids
from naq.eventlog import EventLog
from naq.models.event import StoredEvent
from naq.models.result import JobResult
from naq.results import Results

BEFORE = timedelta(seconds=1)
AFTER = timedelta(seconds=2)
PAGE = 500
MAX_PAGES = 20
"""Pages read around one moment: events of ten thousand others may lie in between."""
UNRECORDED_S = 3600.0
"""How far behind the id's own time a job without a record is looked for."""


async def job_history(log: EventLog, results: Results, job_id: str) -> list[StoredEvent]:
    """All stored events of `job_id` that can be found, in order.

    Raises:
        NaqConnectionError: the server does not answer.
        SerializationError: the job's record can't be read.
    """
    record = await results.get_record(job_id)
    found: dict[int, StoredEvent] = {}
    for moment in _moments(job_id, record):
        until = moment + (AFTER if record is not None else timedelta(seconds=UNRECORDED_S))
        for stored in await _around(log, job_id, moment - BEFORE, until):
            found[stored.seq] = stored
    for seq in _sequences(record):
        if seq not in found:
            for stored in await log.read(seq, 1):
                if stored.seq == seq and _is_of(stored, job_id):
                    found[seq] = stored
    return [found[seq] for seq in sorted(found)]


def _moments(job_id: str, record: JobResult | None) -> list[datetime]:
    """Times, by the server's clock as far as known, near which events of the job were stored."""
    made_at = ids.time_of(job_id)  # by its maker's clock: where a scheduled job's SCHEDULED event lies
    if record is None:
        return [] if made_at is None else [made_at]
    moments = [made_at, record.stored_at, record.saved_at]
    if record.retry_seqs:
        moments.append(record.enqueued_at)  # `stored_at` is that of the retried message, its ENQUEUED lies further back
    moments += [attempt.finished_at for attempt in record.attempts]
    return sorted({moment for moment in moments if moment is not None})


def _sequences(record: JobResult | None) -> Iterable[int]:
    if record is None:
        return []
    sequences = [attempt.started_seq for attempt in record.attempts]
    return [seq for seq in (*sequences, record.started_seq, *record.retry_seqs) if seq is not None]


async def _around(log: EventLog, job_id: str, since: datetime, until: datetime) -> list[StoredEvent]:
    page = await log.since(since, PAGE)
    found: list[StoredEvent] = []
    for _ in range(MAX_PAGES):
        found += [stored for stored in page if _is_of(stored, job_id)]
        if len(page) < PAGE or page[-1].stored_at > until:
            break
        page = await log.read(page[-1].seq + 1, PAGE)
    return found


def _is_of(stored: StoredEvent, job_id: str) -> bool:
    return stored.event is not None and stored.event.job_id == job_id
