"""`naq job show`: where a job stands, what it was called with, what came of it, and how it got there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from naq import codec
from naq.backlog import find_job
from naq.cli.common import duration, print_json
from naq.cli.result import summary
from naq.client import AsyncClient
from naq.display import inert
from naq.errors import JobNotFoundError, ScheduleNotFoundError, SerializationError
from naq.models.event import StoredEvent
from naq.models.job import JobStatus
from naq.models.result import Attempt, JobError, JobResult
from naq.models.times import format_time, milliseconds_between

LINE = 2_000
"""Characters shown of arguments and of a value; --json has them whole."""


async def show(client: AsyncClient, job_id: str, *, as_json: bool) -> int:
    """Print one job; the exit code is 0 whatever became of it.

    Raises:
        JobNotFoundError: nothing knows it.
    """
    record = await client.results.get_record(job_id)
    status = record.status if record is not None else str(await client.get_job_status(job_id))
    payload = await _payload(client, job_id, record)
    problem = None
    if record is not None:
        try:
            record = await client.results.whole(record)
        except (JobNotFoundError, SerializationError) as exc:
            problem = str(exc)
    events = await client.job_history(job_id)
    if as_json:
        print_json(_as_json(job_id, status, payload, record, events, problem))
    else:
        _print(job_id, status, payload, record, events, problem)
    return 0


async def _payload(client: AsyncClient, job_id: str, record: JobResult | None) -> Mapping[str, Any]:
    """The job's own record, from its result, its queue or its schedule; empty where none keeps it (any more)."""
    if record is not None and (record.job is not None or record.is_final):
        return record.job or {}
    waiting = await find_job(client.connection, job_id)
    if waiting is not None:
        stored = codec.loads(waiting.data)
        return stored if isinstance(stored, dict) else {}
    try:
        schedule = await client.schedules.get(job_id)
    except (ScheduleNotFoundError, SerializationError):
        return {}
    return {**schedule.job, "function": schedule.function, "queue": schedule.queue}


def _as_json(
    job_id: str,
    status: str,
    payload: Mapping[str, Any],
    record: JobResult | None,
    events: list[StoredEvent],
    problem: str | None,
) -> dict[str, Any]:
    shown: dict[str, Any] = {"job_id": job_id, "status": status}
    if record is not None:
        shown |= summary(record)
        shown |= {"attempts": [attempt.to_wire() for attempt in attempts_with_last(record)]}
        if record.reason is not None:
            shown["reason"] = record.reason
        if record.tags:
            shown["tags"] = list(record.tags)
        if record.logs:
            shown["logs"] = list(record.logs)
    for name in ("function", "queue"):
        if isinstance(payload.get(name), str):
            shown.setdefault(name, payload[name])
    for name in ("args", "kwargs", "depends_on"):
        if name in payload:
            shown[name] = codec.display(payload[name])
    if problem is not None:
        shown.pop("value", None)
        shown["value_problem"] = problem
    shown["timeline"] = [_event_json(stored) for stored in events]
    return shown


def _event_json(stored: StoredEvent) -> dict[str, Any]:
    try:
        event = codec.loads(stored.raw)
    except SerializationError:
        event = None
    return {"seq": stored.seq, **event} if isinstance(event, dict) else {"seq": stored.seq}


def attempts_with_last(record: JobResult) -> tuple[Attempt, ...]:
    """Every run of the job, the one the record itself tells of included."""
    from naq.reopen import attempts_of

    return attempts_of(record) if record.is_final else record.attempts


def _print(
    job_id: str,
    status: str,
    payload: Mapping[str, Any],
    record: JobResult | None,
    events: list[StoredEvent],
    problem: str | None,
) -> None:
    function = record.function if record and record.function else codec.text(payload, "function", "?")
    queue = record.queue if record and record.queue else codec.text(payload, "queue", "?")
    _say(f"{job_id}  {status}  {function}  queue {queue}")
    if "args" in payload:
        _say(f"called with  ({codec.display_call(payload['args'], payload.get('kwargs'), LINE)})")
    if payload.get("depends_on"):
        _say(f"depends on   {codec.display_text(payload['depends_on'], LINE)}")
    if record is not None:
        if record.tags:
            _say(f"tags         {', '.join(record.tags)}")
        if record.reason is not None:
            _say(f"reason       {record.reason}")
        if record.retry_at is not None and record.status == JobStatus.RETRY:
            _say(f"runs again   {format_time(record.retry_at)}")
        if record.status == JobStatus.COMPLETED:
            _say(f"result       {problem or codec.display_text(record.value, LINE)}")
        if record.error is not None and record.status != JobStatus.COMPLETED:
            _print_error(record.error)
        attempts = attempts_with_last(record)
        if attempts:
            print("\nattempts")
        for attempt in attempts:
            _say(f"  {_attempt_line(attempt)}")
        for line in record.logs:
            _say(f"  log  {line}")
    if events:
        print("\ntimeline")
    for stored in events:
        _say(f"  {_event_line(stored)}")


def _print_error(error: JobError) -> None:
    print()
    for line in (error.traceback or f"{error.type}: {error.message}").rstrip().splitlines():
        _say(line)
    _say(f"fingerprint {error.fingerprint}")


def _attempt_line(attempt: Attempt) -> str:
    ran = (
        duration(milliseconds_between(attempt.started_at, attempt.finished_at))
        if attempt.started_at and attempt.finished_at
        else "-"
    )
    came = f"{attempt.error.type}: {attempt.error.message}" if attempt.error else "completed"
    began = format_time(attempt.started_at)[:23] if attempt.started_at else "-"
    return f"{attempt.number:>3}  {began}  {ran:>8}  {attempt.worker_id}  {came[:200]}"


def _event_line(stored: StoredEvent) -> str:
    event = stored.event
    if event is None:
        return f"{stored.seq:>8}  undecodable"
    words = [f"{stored.seq:>8}", format_time(stored.stored_at)[:23], f"{event.type:<18}"]
    if event.error:
        words.append(f"{event.error.get('type')}: {event.error.get('message')}"[:200])
    if event.worker_id:
        words.append(event.worker_id)
    if event.actor:
        words.append(f"by {event.actor.get('user')} on {event.actor.get('host')} ({event.actor.get('program')})")
    if event.reason:
        words.append(event.reason)
    return "  ".join(words)


def _say(line: str) -> None:
    print(inert(line))
