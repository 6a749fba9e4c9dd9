"""Tell what a record stands for, whose writer may have died before it told it; told once.

The server drops what was told already; only once it has forgotten that id is the log asked, around the record's time.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from naq.connection import Connection
from naq.eventlog import EventLog
from naq.events import Events
from naq.models.event import JobEvent, JobEventType
from naq.outbox import PATIENCE_S
from naq.topology import DEDUPE_S

BEFORE = timedelta(seconds=1)
AFTER = timedelta(seconds=60)
"""How far around its record's own time the event is looked for."""
PAGE = 500


async def tell_if_untold(
    connection: Connection,
    event: JobEvent,
    *,
    msg_id: str,
    saved_at: datetime | None,
    patience_s: float = PATIENCE_S,
) -> None:
    """Tell what a record stored at `saved_at` stands for, unless the log tells it.

    Raises:
        NaqConnectionError: the server does not answer.
    """
    is_old = saved_at is not None and connection.server_now() - saved_at > timedelta(seconds=DEDUPE_S * 0.9)
    if saved_at is not None and is_old and await _is_told(connection, event, saved_at):
        return
    await Events(connection).write(event, msg_id=msg_id, patience_s=patience_s)


async def _is_told(connection: Connection, event: JobEvent, saved_at: datetime) -> bool:
    subject = connection.names.event_filter(entity="job", event_type=event.type, queue=event.queue or "*")
    log, since, seen = EventLog(connection), saved_at - BEFORE, 0
    while True:
        page = [stored for stored in await log.since(since, PAGE, subject=subject) if stored.seq > seen]
        if any(stored.event is not None and _is_same(stored.event, event) for stored in page):
            return True
        if not page or page[-1].stored_at > saved_at + AFTER:
            return False
        since, seen = page[-1].stored_at, page[-1].seq


def _is_same(told: JobEvent, event: JobEvent) -> bool:
    """Whether two events of one type tell the same fact; an end from outside names neither attempt nor worker."""
    if told.job_id != event.job_id:
        return False
    if event.type == JobEventType.RETRY_SCHEDULED:
        return (told.attempt, told.worker_id) == (event.attempt, event.worker_id)
    return told.attempt is None or told.attempt == event.attempt
