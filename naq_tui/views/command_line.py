"""The command that shows a record in a shell, for the clipboard.

It only looks, and names no server: that is the shell's own.
"""

from __future__ import annotations

import shlex
from typing import Any

from naq_tui.store.jobs import JobRow
from naq_tui.store.rows import EventRow, QueueRow, ResultRow, ScheduleRow, WorkerRow
from naq_tui.views.queues import QueueItem


def command_line(record: Any) -> str | None:
    """`naq job show 0198c0de-…`; None where no command shows such a record, or its name can't be typed."""
    words: tuple[str, ...]
    match record:
        case JobRow() | ResultRow():
            words = ("naq", "job", "show", record.job_id)
        case ScheduleRow():
            words = ("naq", "schedules", "show", record.schedule_id)
        case WorkerRow():
            words = ("naq", "workers", "list")
        case QueueItem() | QueueRow():
            words = ("naq", "queues", "list")
        case EventRow() if record.raw.event is not None and record.raw.event.job_id:
            words = ("naq", "events", "--job", record.raw.event.job_id)
        case EventRow() if record.type:
            words = ("naq", "events", "--type", record.type, "--since", f"{record.at:%Y-%m-%dT%H:%M:%S}")
        case _:
            return None
    name = words[-1]
    # what a shell or a terminal would take for more than a name is not handed to one
    if not name.isprintable() or name.startswith("-"):
        return None
    return shlex.join(words)
