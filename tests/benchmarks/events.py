"""A generator of realistic events, and the quick way to put them into a log: millions in minutes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from naq.client import AsyncClient
from naq.models.event import JobEvent, JobEventType
from naq.models.times import format_time, utcnow
from tests.benchmarks.writing import write

QUEUES = ("mail", "default", "reports", "images", "billing", "search", "audit", "slow")
FUNCTIONS = ("send_invoice", "send_receipt", "resize_image", "build", "charge", "index", "export", "poll")
WORKER_LOST_EVERY = 50_000
MARKED_EVERY = 100_000
"""One event in so many has the text `needle-NUMBER` in its error."""
RUNNING = 200
"""Jobs under way."""

Written = tuple[str, str, str, bytes]
"""Entity, type, queue and the event as it stands on the wire."""


def events(count: int, seed: int = 7) -> Iterator[Written]:
    """The lives of jobs, interleaved: enqueued, started, then completed, retried (3 %) or failed (1 %)."""
    chance = random.Random(seed)
    running: list[tuple[int, str]] = []
    salt = seed * 2654435761
    places = chance.choices(range(len(QUEUES)), (30, 20, 5, 15, 10, 10, 8, 2), k=4_099)
    now = ""
    for number in range(count):
        if number % 100 == 0:
            now = format_time(utcnow())
        event_id = f"0198c0de-{number >> 16:04x}-7{number & 0xFFF:03x}-9a00-{(number + salt) & 0xFFFFFFFFFFFF:012x}"
        if number % WORKER_LOST_EVERY == WORKER_LOST_EVERY // 2:
            yield _LOST.fill(event_id, now, worker=f"w-{number % 50}")
        elif number % MARKED_EVERY == MARKED_EVERY // 3:
            job = (places[number % 4_099], _job_id(number, salt))
            yield _MARKED.fill(event_id, now, *job, worker=f"w-{number % 50}", text=f"needle-{number}")
        elif number % 3 == 0 or len(running) < RUNNING:
            job = (places[number % 4_099], _job_id(number, salt))
            running.append(job)
            yield _ENQUEUED.fill(event_id, now, *job)
        elif number % 3 == 1:
            worker, figure = f"w-{number % 50}", f"{number % 397 / 10 + 1:.1f}"
            yield _STARTED.fill(event_id, now, *running[-1], worker=worker, figure=figure)
        else:
            place = 0 if number % 7 else len(running) // 2  # who began longest ago, now and then somebody else
            luck = chance.random()
            ended = _FAILED if luck < 0.01 else _RETRIED if luck < 0.04 else _COMPLETED
            worker, figure = f"w-{number % 50}", f"{number % 8951 / 10 + 5:.1f}"
            yield ended.fill(event_id, now, *running.pop(place), worker=worker, figure=figure)


def _job_id(number: int, salt: int) -> str:
    return f"0198c0de-{number >> 16:04x}-7{number & 0xFFF:03x}-8a00-{(number * 2654435761 + salt) % 16**12:012x}"


class _Form:
    """One kind of event as `JobEvent` writes it, cut up where what is special about one of them goes."""

    def __init__(self, event_type: JobEventType, **fields: object) -> None:
        about = {} if event_type is JobEventType.WORKER_LOST else {"job_id": "@job", "function": "shop.tasks:@function"}
        queue = {"queue": "@queue"} if about else {}
        moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=1)
        event = JobEvent.of(event_type, id="@id", ts=moment, **about, **queue, **fields)
        text = event.to_wire().decode()
        for name, place in (("@id", "id"), (format_time(moment), "now"), ("@job", "job"), ("@text", "text")):
            text = text.replace(f'"{name}"', f'"%({place})s"')
        text = text.replace("@queue", "%(queue)s").replace("@function", "%(function)s")
        self._text = text.replace('"@worker"', '"%(worker)s"').replace("4711.25", "%(figure)s")
        self._entity, self._type = event.entity, event.type

    def fill(
        self, id: str, now: str, place: int = -1, job: str = "", worker: str = "", figure: str = "", text: str = ""
    ) -> Written:
        queue, function = ("_", "") if place < 0 else (QUEUES[place], FUNCTIONS[place])
        values = {"id": id, "now": now, "job": job, "queue": queue, "function": function}
        values |= {"worker": worker, "figure": figure, "text": text}
        return self._entity, self._type, queue, (self._text % values).encode()


_FIGURE = 4711.25
_TIMEOUT = {"type": "TimeoutError", "message": "upstream took longer than 30 s", "fingerprint": "f1"}
_NEEDLE = {"type": "KeyError", "message": "@text", "fingerprint": "f2"}
_ENQUEUED = _Form(JobEventType.ENQUEUED, to_status="PENDING")
_STARTED = _Form(
    JobEventType.STARTED,
    from_status="PENDING",
    to_status="RUNNING",
    worker_id="@worker",
    attempt=1,
    wait_ms=_FIGURE,
)
_COMPLETED = _Form(JobEventType.COMPLETED, to_status="COMPLETED", worker_id="@worker", run_ms=_FIGURE)
_FAILED = _Form(JobEventType.FAILED, to_status="FAILED", worker_id="@worker", run_ms=_FIGURE, error=_TIMEOUT)
_RETRIED = _Form(
    JobEventType.RETRY_SCHEDULED, worker_id="@worker", run_ms=_FIGURE, error=_TIMEOUT, details={"delay_s": 8}
)
_MARKED = _Form(JobEventType.RETRY_SCHEDULED, worker_id="@worker", error=_NEEDLE, details={"delay_s": 8})
_LOST = _Form(JobEventType.WORKER_LOST, worker_id="@worker", reason="no heartbeat for 15 s")


async def fill(client: AsyncClient, count: int, *, per_second: float | None = None, seed: int = 7) -> None:
    """Write `count` events, as fast as the server takes them or at a steady rate; returns when all are stored."""
    before = (await client.log.range()).messages
    subjects: dict[tuple[str, str, str], str] = {}

    def messages() -> Iterator[tuple[str, bytes]]:
        for entity, kind, queue, data in events(count, seed):
            subject = subjects.get((entity, kind, queue))
            if subject is None:
                subject = client.connection.names.event_subject(entity, kind, queue)
                subjects[entity, kind, queue] = subject
            yield subject, data

    await write(client, messages(), per_second=per_second)
    stored = (await client.log.range()).messages - before
    if stored < count:
        raise RuntimeError(f"{count - stored:,} of {count:,} events were not stored")
