"""Records as the store keeps them: with every text made safe, and the record itself beside for details and copies."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from naq.ids import short
from naq.models.event import JobEvent, StoredEvent
from naq.models.queue import QueueStats
from naq.models.result import JobResult
from naq.models.schedule import Schedule
from naq.models.worker import WorkerRecord
from naq.scheduler.words import spec_in_words
from naq_tui import masking
from naq_tui.format import duration, milliseconds, plural, size
from naq_tui.jsontext import hidden, one_line
from naq_tui.text import safe, without_ansi

if TYPE_CHECKING:
    from naq_tui.launcher import ProcessView

ERROR_LIMIT = 300
NOTHING: frozenset[str] = frozenset()
_ACTS = frozenset(
    {
        "CANCELLED",
        "OPERATOR_ACTION",
        "QUEUE_PAUSED",
        "QUEUE_PURGED",
        "QUEUE_RESUMED",
        "SCHEDULE_CANCELLED",
        "SCHEDULE_MODIFIED",
        "SCHEDULE_PAUSED",
        "SCHEDULE_RESUMED",
    }
)
"""Events of which it matters who caused them."""
_MANY = ("jobs", "schedules", "queues", "workers", "processes")
"""What an operator's action on many is about: the names of their number among its details."""


class EventRow:
    """One event. Text that does not apply is empty.

    Its texts are made when they are first asked for (of ten thousand events a second few are ever shown), and hide
    what was to be hidden when the row was made.
    """

    __slots__ = ("_rules", "_text", "at", "raw", "seq")

    def __init__(self, stored: StoredEvent) -> None:
        self.seq = stored.seq
        self.at = stored.stored_at
        """The server's clock."""
        self.raw = stored
        self._rules = masking.active()
        self._text: str | None = None

    @property
    def type(self) -> str:
        """Empty where the record can't be read."""
        event = self.raw.event
        return "" if event is None else name(event.type, 40)

    @property
    def queue(self) -> str:
        event = self.raw.event
        return name(event.queue) if event is not None and event.queue else ""

    @property
    def function(self) -> str:
        """The function's own name, without its module."""
        event = self.raw.event
        return function_name(event.function) if event is not None and event.function else ""

    @property
    def worker(self) -> str:
        event = self.raw.event
        return name(event.worker_id) if event is not None and event.worker_id else ""

    @property
    def job(self) -> str:
        """Short form of the job's id."""
        event = self.raw.event
        return safe(short(event.job_id)) if event is not None and event.job_id else ""

    @property
    def schedule(self) -> str:
        event = self.raw.event
        return name(event.schedule_id) if event is not None and event.schedule_id else ""

    @property
    def text(self) -> str:
        """What is special about it: how long, which error, in how long."""
        text = self._text
        if text is None:
            if self._rules is masking.active():
                text = self._text = self._made_text()
            else:
                with masking.using(self._rules):
                    text = self._text = self._made_text()
        return text

    def _made_text(self) -> str:
        event = self.raw.event
        return _escaped(self.raw.raw) if event is None else _event_text(event)


class WorkerRow(NamedTuple):
    worker_id: str
    name: str
    """`host/name`, or `host/id` where it has no name."""
    status: str
    """What it says of itself."""
    host: str
    queues: str
    modules: str
    jobs: tuple[tuple[str, str, datetime | None], ...]
    """What it runs: short job id, function, since when."""
    version: str
    record: WorkerRecord
    untold: frozenset[str] = NOTHING
    """Columns whose value isn't known, of a row that only the log has told of."""

    @property
    def is_scheduler(self) -> bool:
        return self.record.kind == "scheduler"


class QueueRow(NamedTuple):
    name: str
    stats: QueueStats
    untold: frozenset[str] = NOTHING


class ResultRow(NamedTuple):
    job_id: str
    job: str
    status: str
    function: str
    queue: str
    worker: str
    text: str
    """The value or the error, on one line."""
    at: datetime | None
    """When it was stored."""
    record: JobResult
    untold: frozenset[str] = NOTHING


class ScheduleRow(NamedTuple):
    schedule_id: str
    name: str
    status: str
    function: str
    queue: str
    spec: str
    """Cron text, interval or moment, in words."""
    error: str
    record: Schedule
    untold: frozenset[str] = NOTHING


class ProcessRow(NamedTuple):
    process_id: str
    name: str
    kind: str
    status: str
    """A key of `status.of_process`: "crashed" for one that ended badly by itself."""
    status_text: str
    command: str
    last_line: str
    recipe: str
    view: ProcessView


class MalformedRow(NamedTuple):
    where: str
    key: str
    text: str
    raw: bytes


def event_row(stored: StoredEvent) -> EventRow:
    return EventRow(stored)


def worker_row(record: WorkerRecord) -> WorkerRow:
    host = safe(record.host, 100)
    name = safe(record.name or record.worker_id, 100)
    return WorkerRow(
        worker_id=record.worker_id,
        name=f"{host}/{name}" if host else name,
        status=safe(record.status, 40),
        host=host,
        queues=safe(", ".join(record.queues), 300),
        modules=safe(", ".join(record.modules), 300),
        jobs=tuple((safe(short(job.job_id)), function_name(job.function), job.started_at) for job in record.running),
        version=safe(record.version, 40),
        record=record,
    )


def queue_row(stats: QueueStats) -> QueueRow:
    return QueueRow(safe(stats.queue, 100), stats)


def result_row(record: JobResult) -> ResultRow:
    if record.error is not None:
        text = error_text(record.error.type, record.error.message)
    elif record.status == "COMPLETED":
        aside = record.value_ref
        text = one_line(record.value) if aside is None else f"{size(aside.size)}, in the object store"
    else:
        text = told(record.reason or "")
    return ResultRow(
        job_id=record.job_id,
        job=safe(short(record.job_id)),
        status=safe(record.status, 40),
        function=function_name(record.function),
        queue=safe(record.queue, 100),
        worker=safe(record.worker_id, 100),
        text=text,
        at=record.saved_at or record.finished_at,
        record=record,
    )


def schedule_row(record: Schedule) -> ScheduleRow:
    return ScheduleRow(
        schedule_id=record.schedule_id,
        name=safe(short(record.schedule_id, 100), 100),
        status=safe(record.status, 40),
        function=function_name(record.function),
        queue=safe(record.queue, 100),
        spec=safe(spec_in_words(record), 200),
        error=told(record.last_error or ""),
        record=record,
    )


def process_row(view: ProcessView) -> ProcessRow:
    return ProcessRow(
        process_id=view.process_id,
        name=safe(view.name, 100),
        kind=safe(view.kind, 20),
        status="crashed" if view.failed else str(view.status),
        status_text=safe(view.status_text, 60),
        command=told(view.command, 500),
        last_line=told(without_ansi(view.last_line), 500),
        recipe=safe(view.recipe, 100),
        view=view,
    )


def malformed_row(where: str, key: str, raw: bytes, message: str) -> MalformedRow:
    return MalformedRow(safe(where, 40), safe(key, 100), safe(message, 200) or _escaped(raw), raw)


@lru_cache(maxsize=4_096)
def name(text: str, limit: int = 100) -> str:
    """A name, safe. The same few come again and again."""
    return safe(text, limit)


@lru_cache(maxsize=4_096)
def function_name(reference: str) -> str:
    """`send_invoice` of `shop.tasks:send_invoice`."""
    return safe(reference.rpartition(":")[2], 100)


def error_text(kind: Any, message: Any) -> str:
    """`TimeoutError: upstream`, the first line only."""
    # cut first: either may be megabytes
    line = str(message or "").lstrip()[:4_000].partition("\n")[0].rstrip()
    name = str(kind)[:4_000]
    return told(f"{name}: {line}" if line else name)


def told(text: str, limit: int = ERROR_LIMIT) -> str:
    """Text of others in a row: safe, and without the secrets in it. They are sought before it is cut."""
    return safe(masking.active().text(text[:4000]), limit)


def _escaped(raw: bytes) -> str:
    return told(repr(bytes(raw[:150]))[1:])


def progress_text(details: Mapping[str, Any]) -> str:
    """How far a job has come, as it told: `37/60 · 62 %  pages`."""
    done, total, note = details.get("done"), details.get("total"), details.get("note")
    parts = []
    if isinstance(done, int | float) and isinstance(total, int | float) and total > 0:
        parts.append(f"{done:,g}/{total:,g} · {min(100, max(0, 100 * done / total)):.0f} %")
    elif isinstance(done, int | float):
        parts.append(f"{done:,g}")
    if isinstance(note, str):
        parts.append(safe(note, 100))
    return "  ".join(parts)


def _event_text(event: JobEvent) -> str:
    kind = event.type
    if kind == "ENQUEUED":
        return f"by {_schedule(event)}" if event.schedule_id else ""
    if kind == "STARTED":
        return f"attempt {event.attempt:g}" if event.attempt and event.attempt > 1 else ""
    if kind == "COMPLETED":
        return milliseconds(event.run_ms)
    details = event.details or {}
    if kind == "RETRY_SCHEDULED":
        delay = details.get("delay_s")
        soon = f"in {duration(delay)}" if isinstance(delay, int | float) else ""
        return "  ".join(filter(None, (soon, _error_of(event))))
    if event.error is not None:
        return _error_of(event)
    if kind in _ACTS or (kind == "SCHEDULE_TRIGGERED" and event.actor):
        return told(": ".join(filter(None, (f"{_deed(event, details)} {_by(event.actor)}".strip(), event.reason))))
    if event.reason:
        return told(event.reason)
    if kind == "PROGRESS":
        return progress_text(details)
    if kind == "SCHEDULED":
        return told(_times(event, details))
    if kind == "SCHEDULE_TRIGGERED":
        return _schedule(event)
    if kind in ("WORKER_STARTED", "WORKER_STOPPED") and details.get("kind") == "scheduler":
        return safe(f"scheduler on {details['host']}" if details.get("host") else "scheduler", 60)
    if kind == "WORKER_STARTED":
        return safe("/".join(str(details[name]) for name in ("host", "name") if details.get(name)), 60)
    if details:
        shown = ((key[:100], hidden(key, value) or _plain(value)) for key, value in islice(details.items(), 6))
        return told(", ".join(f"{key} {value}" for key, value in shown))
    return _schedule(event)


def _schedule(event: JobEvent) -> str:
    """Its schedule as lists name it: `nightly`, `424377`."""
    return safe(short(event.schedule_id or "", 60), 60)


def _times(event: JobEvent, details: Mapping[str, Any]) -> str:
    """When it fires: `nightly 0 2 * * * Europe/Berlin`, `tick every 30 s`, of a job for later `at 2026-11-29 11:11`."""
    every, at = details.get("interval_s"), str(details.get("next_run_at") or "")
    if details.get("cron"):
        return " ".join(filter(None, (_schedule(event), str(details["cron"]), str(details.get("timezone") or ""))))
    if isinstance(every, int | float):
        return f"{_schedule(event)} every {duration(every)}"
    return f"at {at[:19].replace('T', ' ')}" if at else _schedule(event)


def _deed(event: JobEvent, details: Mapping[str, Any]) -> str:
    """To what, or what in figures: `nightly cron`, `5 jobs`, `stop worker`, `retry jobs, 12`, `retry jobs, done 11`,
    `stop processes, 3 of mail`."""
    kind = event.type
    number = next((details[nouns] for nouns in _MANY if details.get(nouns)), None)
    if kind.startswith("SCHEDULE"):
        changed = details.get("after")
        return " ".join((_schedule(event), ", ".join(changed) if isinstance(changed, dict) else "")).strip()
    if kind == "QUEUE_PURGED" and isinstance(number, int):
        return plural(number, "job")
    if kind != "OPERATOR_ACTION":
        return ""
    counts = [f"{name} {details[name]}" for name in ("done", "refused") if details.get(name)]
    recipes = details.get("recipes")
    of = f" of {', '.join(map(str, recipes[:3]))}" if isinstance(recipes, list) and recipes else ""
    asked = f"{number}{of}" if number else ""
    return ", ".join(filter(None, (str(details.get("action") or "").replace("_", " "), asked, *counts)))


def _by(actor: Mapping[str, Any] | None) -> str:
    user = (actor or {}).get("user")
    return f"by {user}" if isinstance(user, str) and user else ""


def _error_of(event: JobEvent) -> str:
    if event.error is None:
        return ""
    return error_text(event.error.get("type") or "error", event.error.get("message"))


def _plain(value: Any) -> str:
    return told(value, 100) if isinstance(value, str) else one_line(value, 60)
