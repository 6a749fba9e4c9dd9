"""The command that shows a record in a shell, or does what a form does; it names no server: that is the shell's own."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from naq import codec
from naq.calls import Call
from naq.errors import SerializationError
from naq.models.times import format_time
from naq_tui.jsontext import TAG
from naq_tui.store.figures import FigureRow
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
        case FigureRow():
            words = ("naq", "stats", "--by", record.dimension.value, "--since", record.window.since)
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


def enqueue_line(call: Call, options: Mapping[str, Any], due: datetime | timedelta | None) -> str | None:
    """`naq enqueue …`; None where its arguments can't be typed. `options` are those of `naq.enqueue`."""
    words = _call(call)
    given = [
        *_option("-q", options.get("queue_name"), "default"),
        *_option("--job-id", options.get("job_id"), None),
        *_option("--max-retries", options.get("max_retries"), 0),
        *_option("--timeout", options.get("timeout"), None),
        *_option("--unique", options.get("unique"), None),
    ]
    if isinstance(due, timedelta):
        given += ["--in", f"{due.total_seconds():g}s"]
    elif due is not None:
        given += ["--at", format_time(due)]
    return None if words is None else _line("naq", "enqueue", "--unchecked", *given, *words)


def schedule_line(call: Call, options: Mapping[str, Any]) -> str | None:
    """`naq schedules add …`; None where its arguments can't be typed. `options` are those of `naq.schedule`."""
    words = _call(call)
    given = [
        *_option("--id", options.get("schedule_id"), None),
        *_option("--cron", options.get("cron"), None),
        *_option("--every", options.get("interval"), None),
        *_option("--timezone", options.get("timezone"), "UTC"),
        *_option("-q", options.get("queue_name"), "default"),
        *_option("--repeat", options.get("repeat"), None),
        *_option("--jitter", f"{options['jitter']:g}s" if options.get("jitter") else None, None),
        *_option("--misfire", options.get("misfire"), "run_once"),
        *_option("--overlap", options.get("overlap"), "allow"),
    ]
    return None if words is None else _line("naq", "schedules", "add", "--unchecked", *given, *words)


def edit_line(schedule_id: str, changes: Mapping[str, Any], reason: str | None) -> str | None:
    """`naq schedules edit …` for `changes` as `naq.modify_scheduled_job` takes them; None where none does that."""
    given_arguments = json.dumps([changes.get("args"), changes.get("kwargs")])
    if "run_at" in changes or schedule_id.startswith("-") or f'"{TAG}"' in given_arguments:
        return None  # what is more than JSON is no command's argument
    given = [
        *_option("--cron", changes.get("cron"), None),
        *_option("--every", changes.get("interval"), None),
        *_option("--timezone", changes.get("timezone"), None),
        *_option("--repeat", (changes["repeat"] or "none") if "repeat" in changes else None, None),
        *_option("--misfire", changes.get("misfire"), None),
        *_option("--overlap", changes.get("overlap"), None),
        *_option("--args", json.dumps(changes["args"]) if "args" in changes else None, None),
        *_option("--kwargs", json.dumps(changes["kwargs"]) if "kwargs" in changes else None, None),
        *_option("--reason", reason, None),
    ]
    return _line("naq", "schedules", "edit", schedule_id, *given)


def _option(name: str, value: Any, default: Any) -> list[str]:
    return [] if value is None or value == default else [name, str(value)]


def _call(call: Call) -> list[str] | None:
    """Function and arguments as `naq enqueue` reads them: JSON, or text where that is no JSON."""
    if not all(name.isidentifier() for name in call.kwargs):
        return None
    words = [_word(value) for value in call.args]
    words += [f"{name}={_word(value, is_named=True)}" for name, value in call.kwargs.items()]
    function = str(call.function)
    # what begins with a dash would be taken for an option
    return ["--", function, *words] if any(word.startswith("-") for word in words) else [function, *words]


def _word(value: Any, *, is_named: bool = False) -> str:
    if isinstance(value, str) and value.isprintable() and not value.startswith("-") and (is_named or "=" not in value):
        try:
            codec.loads(value.encode())
        except SerializationError:
            return value
    return json.dumps(value)


def _line(*words: str) -> str | None:
    """None where a word holds what a shell or a terminal would take for more than text."""
    return shlex.join(words) if all(word.isprintable() for word in words) else None
