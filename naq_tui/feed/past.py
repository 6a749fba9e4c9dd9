"""What is read once, or when somebody looks: jobs in the queues, failures of the last day, one job's payload."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from datetime import timedelta
from operator import attrgetter
from typing import Any

from naq import backlog
from naq.client import AsyncClient
from naq.clone import payload
from naq.errors import ConflictError, JobNotFoundError, SerializationError
from naq.jobfilter import JobFilter
from naq.models.event import Entity, JobEventType, StoredEvent
from naq.models.job import Job, JobStatus
from naq.models.result import JobResult
from naq_tui.store.failures import FAILURES_KEPT

WAITING_READ = 500
FAILURES_SINCE = timedelta(days=1)
_PAGE = 1_000


async def waiting_jobs(client: AsyncClient) -> tuple[Job, ...]:
    """The oldest jobs that lie in the queues; what can't be read is left out, a worker will tell of it."""
    found: list[Job] = []
    for waiting in await backlog.oldest_jobs(client.connection, WAITING_READ):
        try:
            found.append(Job.from_wire(waiting.data))
        except SerializationError:
            continue
    return tuple(found)


async def past_failures(client: AsyncClient) -> tuple[StoredEvent, ...]:
    """The FAILED events of the last day, oldest first; of very many the newest."""
    names = client.connection.names
    subject = names.event_filter(entity="job", event_type=JobEventType.FAILED)
    found: list[StoredEvent] = []
    since = client.connection.server_now() - FAILURES_SINCE
    while True:
        page = await client.log.since(since, _PAGE, subject=subject)
        known = found[-1].seq if found else 0
        fresh = [stored for stored in page if stored.seq > known]
        found = (found + fresh)[-FAILURES_KEPT:]
        if len(page) < _PAGE or not fresh:
            return tuple(found)
        since = fresh[-1].stored_at


async def standing_events(client: AsyncClient, before_seq: int, most: int) -> tuple[StoredEvent, ...]:
    """What tells of workers, schedules, queues and operators before `before_seq`; of very many of a kind the newest."""
    found: list[StoredEvent] = []
    for entity in (Entity.WORKER, Entity.SCHEDULE, Entity.QUEUE, Entity.OPERATOR):
        subject = client.connection.names.event_filter(entity=entity)
        newest: deque[StoredEvent] = deque(maxlen=most)
        next_seq = 1
        while page := await client.log.read(next_seq, _PAGE, subject=subject):
            newest += [stored for stored in page if stored.seq < before_seq]
            next_seq = page[-1].seq + 1
            if len(page) < _PAGE or next_seq >= before_seq:
                break
        found += newest
    return tuple(sorted(found, key=attrgetter("seq")))


async def read_payload(client: AsyncClient, job_id: str) -> Mapping[str, Any] | None:
    """What a job was called with; None where that is not stored."""
    try:
        job = await payload(client.connection, client.results, job_id)
    except (JobNotFoundError, ConflictError, SerializationError):
        return None
    return job.to_record()


async def failed_jobs(client: AsyncClient, fingerprint: str | None, error_type: str) -> tuple[JobResult, ...]:
    """Every stored failure of one cause."""
    wanted = JobFilter.of(status=JobStatus.FAILED, fingerprint=fingerprint, error_type=error_type)
    found: list[JobResult] = []
    async for chunk in client.letters.find(wanted):
        found += chunk
    return tuple(found)
