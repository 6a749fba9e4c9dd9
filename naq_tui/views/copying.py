"""Records as JSON for the clipboard: whole and exact, as they are on the wire, but for hidden secrets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from naq_tui import masking
from naq_tui.format import exact
from naq_tui.jsontext import dumps
from naq_tui.store.jobs import JobRow
from naq_tui.store.rows import EventRow, ProcessRow, QueueRow, ResultRow, ScheduleRow, WorkerRow
from naq_tui.views.processes import ProcessItem
from naq_tui.views.queues import QueueItem


def copy_text(record: Any) -> tuple[str, str]:
    """What goes to the clipboard, and what it is called. Text is copied as it is."""
    match record:
        case str():
            return masking.active().text(record), "the text"
        case EventRow():
            return _indented(record.raw.raw), f"event #{record.seq:,}"
        case WorkerRow():
            return _indented(record.record.to_wire()), f"worker {record.name}"
        case JobRow() if record.record is not None:
            return _indented(record.record.to_wire()), f"job {record.job}"
        case JobRow():
            # heard of in the log only
            told = {name: exact(value) if isinstance(value, datetime) else value for name, value in _known(record)}
            return dumps(masking.active().value(told)), f"job {record.job}"
        case ResultRow():
            return _indented(record.record.to_wire()), f"result of {record.job}"
        case ScheduleRow():
            return _indented(record.record.to_wire()), f"schedule {record.name}"
        case QueueItem():
            return copy_text(record.row)
        case QueueRow():
            stats = record.stats
            figures = {name: getattr(stats, name) for name in stats.__slots__}
            return dumps({**figures, "oldest_at": exact(stats.oldest_at)}), f"queue {record.name}"
        case ProcessItem():
            return copy_text(record.row)
        case ProcessRow():
            view = record.view
            told = {"name": view.name, "kind": view.kind, "pid": view.pid, "status": view.status_text}
            told |= {"command": masking.active().text(view.command), "log": str(view.log_path)}
            return dumps(told), f"process {record.name}"
    return dumps(masking.active().value(record)), "the record"


def _known(row: JobRow) -> Iterator[tuple[str, Any]]:
    """What is known of a job, by the names of its fields."""
    return ((name, value) for name, value in row._asdict().items() if value not in (None, "") and name != "job")


def _indented(raw: bytes) -> str:
    try:
        return json.dumps(masking.active().value(json.loads(raw)), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return masking.active().text(raw.decode("utf-8", "backslashreplace"))
