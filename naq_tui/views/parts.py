"""The fields of a report that can be copied by themselves: whole and exact, but for hidden secrets."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any, NamedTuple

from naq.errors import NaqException
from naq.models.event import JobEvent
from naq.models.result import JobError, JobResult
from naq_tui import masking
from naq_tui.jsontext import dumps
from naq_tui.store.failures import ErrorGroup
from naq_tui.store.figures import FigureRow
from naq_tui.store.jobs import JobRow
from naq_tui.store.rows import EventRow, ProcessRow, QueueRow, ResultRow, ScheduleRow, WorkerRow
from naq_tui.views.copying import copy_text
from naq_tui.views.extra import NOTHING, Extra

KEYS = {
    "whole record": "y",
    "id": "i",
    "sequence": "i",
    "name": "i",
    "type": "i",
    "job": "b",
    "function": "f",
    "queue": "u",
    "queues": "u",
    "worker": "w",
    "schedule": "s",
    "arguments": "a",
    "result": "r",
    "error": "e",
    "traceback": "t",
    "log": "l",
    "reason": "n",
    "subject": "p",
    "details": "d",
    "host": "h",
    "modules": "m",
    "when": "c",
    "command": "c",
    "output file": "o",
    "jobs": "b",
}
"""The key of each field, the same in every report."""


LARGE = 100_000
"""Bytes that are made into the text of a copy at once."""


class Part(NamedTuple):
    """One thing to copy."""

    key: str
    label: str
    text: str
    """As it is copied: hostile as ever, secrets hidden by the rules of the moment."""


def is_large(record: Any, extra: Extra = NOTHING) -> bool:
    """Whether a copy of the record takes so long to make that it would be felt."""
    stored, left = getattr(record, "record", None), LARGE
    values: list[Any] = [extra.payload, extra.aside.value if extra.aside is not None else None]
    if isinstance(record, EventRow):
        values.append(record.raw.raw)
    if isinstance(stored, JobResult):
        values += [stored.value, stored.job, stored.error and stored.error.traceback, stored.logs]
    while values and left > 0:
        value = values.pop()
        left -= 20
        if isinstance(value, str | bytes):
            left -= len(value)
        elif isinstance(value, Mapping):
            left -= 20 * len(value)
            values += islice(value.values(), LARGE)
        elif isinstance(value, list | tuple):
            values += value[:LARGE]
    return left <= 0


def parts_of(record: Any, extra: Extra = NOTHING) -> list[Part]:
    """The whole record first, where it can be written, then each of its fields that is not empty."""
    try:
        whole = copy_text(record)[0]
    except NaqException:
        whole = ""
    found = {"whole record": whole, **_fields(record, extra)}
    return [Part(KEYS[label], label, text) for label, text in found.items() if text]


def _fields(record: Any, extra: Extra) -> dict[str, str]:
    match record:
        case JobRow() | ResultRow():
            return _of_job(record, extra)
        case EventRow() if record.raw.event is not None:
            return _of_event(record, record.raw.event)
        case EventRow():
            return {"sequence": str(record.seq), "subject": record.raw.subject}
        case WorkerRow():
            worker = record.record
            return {
                "id": worker.worker_id,
                "host": worker.host,
                "queues": " ".join(worker.queues),
                "modules": " ".join(worker.modules),
                "jobs": "\n".join(running.job_id for running in worker.running),
            }
        case QueueRow():
            return {"name": record.stats.queue, "reason": _told(record.stats.paused_reason)}
        case ScheduleRow():
            schedule = record.record
            return {
                "id": schedule.schedule_id,
                "function": schedule.function,
                "queue": schedule.queue,
                "when": schedule.cron or record.spec,
                "arguments": _call(schedule.job),
                "job": schedule.last_job_id or "",
                "error": _told(schedule.last_error),
            }
        case ErrorGroup():
            result = extra.result
            error = result.error if result is not None else None
            texts = _of_error(error) if error is not None else {"error": _told(record.text)}
            return {"type": record.type, **texts, "jobs": "\n".join(reversed(record.job_ids))}
        case FigureRow():
            return {"name": record.name or ""}
        case ProcessRow():
            view = record.view
            return {"name": view.name, "command": _told(view.command), "output file": str(view.log_path)}
    return {}


def _of_job(row: JobRow | ResultRow, extra: Extra) -> dict[str, str]:
    record: JobResult | None = extra.result or row.record
    payload: Mapping[str, Any] = extra.payload or (record.job if record is not None else None) or {}
    function = record.function if record is not None else payload.get("function")
    found = {
        "id": row.job_id,
        "function": function if isinstance(function, str) else row.function,
        "queue": record.queue if record is not None else row.queue,
        "worker": record.worker_id if record is not None else row.worker,
        "arguments": _call(payload),
    }
    if record is None:
        return found | ({"error": row.text} if row.status == "FAILED" else {})
    if record.error is not None:
        found |= _of_error(record.error)
    elif record.status == "COMPLETED":
        aside = extra.aside_of(record.value_ref) if record.value_ref is not None else None
        if aside is None or aside.is_read:
            found["result"] = dumps(masking.active().value(record.value if aside is None else aside.value))
    return {
        **found,
        "reason": _told(record.reason),
        "schedule": record.schedule_id or "",
        "log": _told("\n".join(record.logs)),
    }


def _of_event(row: EventRow, event: JobEvent) -> dict[str, str]:
    error = event.error or {}
    kind, message = str(error.get("type") or ""), str(error.get("message") or "")
    traceback = error.get("traceback")
    return {
        "sequence": str(row.seq),
        "job": event.job_id or "",
        "function": event.function or "",
        "queue": event.queue or "",
        "worker": event.worker_id or "",
        "schedule": event.schedule_id or "",
        "reason": _told(event.reason),
        "error": _told(": ".join(filter(None, (kind, message)))),
        "traceback": _told(traceback if isinstance(traceback, str) else ""),
        "details": dumps(masking.active().value(event.details)) if event.details else "",
        "subject": row.raw.subject,
    }


def _of_error(error: JobError) -> dict[str, str]:
    return {"error": _told(f"{error.type}: {error.message}"), "traceback": _told(error.traceback)}


def _call(payload: Mapping[str, Any]) -> str:
    """As the form of a clone takes it."""
    if "args" not in payload and "kwargs" not in payload:
        return ""
    call = {"args": payload.get("args", []), "kwargs": payload.get("kwargs", {})}
    return dumps(masking.active().value(call))


def _told(text: str | None) -> str:
    return masking.active().text(text) if text else ""
