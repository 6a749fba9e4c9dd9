"""Records that can be opened from a report: those that an event is about, and those that its lines name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from naq.ids import short
from naq_tui.store.rows import EventRow
from naq_tui.text import safe

if TYPE_CHECKING:
    from naq_tui.views.detail import Kind


class Related(NamedTuple):
    kind: Kind | Literal["more"]
    """What it is; "more" is no record, but what can be read on top of the report."""
    key: str
    label: str = ""
    """What it is called, where several stand in one line; where each has a line, what tells lines of one record
    apart."""


def related(row: EventRow | None) -> tuple[Related, ...]:
    """Job, worker, schedule and queue of an event, those that it has, the most telling first."""
    event = row.raw.event if row is not None else None
    if event is None:
        return ()
    found: list[Related] = []
    if event.job_id:
        found.append(Related("job", event.job_id, f"job {safe(short(event.job_id), 40)}"))
    if event.worker_id:
        found.append(Related("worker", event.worker_id, f"worker {safe(event.worker_id, 40)}"))
    if event.schedule_id:
        found.append(Related("schedule", event.schedule_id, f"schedule {safe(event.schedule_id, 40)}"))
    if event.queue:
        found.append(Related("queue", event.queue, f"queue {safe(event.queue, 40)}"))
    return tuple(found)
