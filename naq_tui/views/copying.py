"""Records as JSON for the clipboard: whole and exact, as they are on the wire, but for hidden secrets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from naq_tui import masking
from naq_tui.format import exact
from naq_tui.jsontext import dumps
from naq_tui.store.figures import FigureRow
from naq_tui.store.jobs import JobRow
from naq_tui.store.rows import EventRow, ProcessRow, QueueRow, ResultRow, ScheduleRow, WorkerRow
from naq_tui.text import safe
from naq_tui.views.processes import ProcessItem
from naq_tui.views.queues import QueueItem

_FIELDS = {
    "arguments": ("job",),
    "beat": ("beat_at", "heartbeat_interval_s"),
    "cpu": ("cpu_percent",),
    "done": ("completed", "retried"),
    "failed": ("failed", "failure_count"),
    "memory": ("rss_bytes",),
    "next": ("next_run_at",),
    "runs": ("run_count",),
    "spec": ("cron", "interval_s", "run_at", "timezone"),
    "up": ("started_at",),
}
"""The fields that a column is made of, where their names differ."""


def copy_text(record: Any) -> tuple[str, str]:
    """What goes to the clipboard, and what it is called. Text is copied as it is."""
    if untold := getattr(record, "untold", None):
        return _as_told(record, untold)
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
        case FigureRow():
            told = {**record._asdict(), "wait": record.wait._asdict(), "run": record.run._asdict()}
            told |= {"window": record.window.title, "trend": list(record.trend)}
            return dumps(masking.active().value(told)), f"figures of {safe(record.name or 'the others', 60)}"
        case ProcessItem():
            return copy_text(record.row)
        case ProcessRow():
            view = record.view
            told = {"name": view.name, "kind": view.kind, "pid": view.pid, "status": view.status_text}
            told |= {"command": masking.active().text(view.command), "log": str(view.log_path)}
            return dumps(told), f"process {record.name}"
    return dumps(masking.active().value(record)), "the record"


def _as_told(row: Any, untold: frozenset[str]) -> tuple[str, str]:
    """A record made of what the log tells: without the fields that no event does, which are named instead."""
    text, what = copy_text(row._replace(untold=frozenset()))
    record = json.loads(text)
    fields = sorted({name for column in untold for name in _FIELDS.get(column, (column,))})
    told = {name: value for name, value in record.items() if name not in fields}
    return dumps({**told, "not_in_the_log": fields}), what


def _known(row: JobRow) -> Iterator[tuple[str, Any]]:
    """What is known of a job, by the names of its fields."""
    return ((name, value) for name, value in row._asdict().items() if value not in (None, "") and name != "job")


def _indented(raw: bytes) -> str:
    try:
        return json.dumps(masking.active().value(json.loads(raw)), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return masking.active().text(raw.decode("utf-8", "backslashreplace"))
