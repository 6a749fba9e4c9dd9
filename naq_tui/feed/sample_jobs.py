"""The jobs of a made-up system in the minutes before one moment: its events, results, heartbeats and queues follow.

The story: `batch-2/w-7`, the only worker of `reports`, has died while the reports' upstream was slow; a job of images
holds its worker's event loop; some mails fail because their peer closes the connection; the rest goes well.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import chain
from typing import Any

from naq.models.event import JobEvent, JobEventType
from naq.models.job import Job
from naq.models.result import Attempt, JobError, JobResult

T0 = datetime(2026, 11, 24, 14, 7, 12, 400_000, tzinfo=UTC)
"""When all of this happens."""
INVOICE, RECEIPT, CAMPAIGN = "shop.tasks:send_invoice", "shop.tasks:send_receipt", "shop.tasks:send_campaign"
RESIZE, BUILD, POLL = "shop.tasks:resize_image", "shop.reports:build", "shop.tasks:poll"
QUEUE_OF = {
    INVOICE: "mail",
    RECEIPT: "mail",
    CAMPAIGN: "mail",
    RESIZE: "images",
    BUILD: "reports",
    POLL: "default",
}
RUN_MS = {INVOICE: 228.0, RECEIPT: 61.0, RESIZE: 1_240.0, BUILD: 30_000.0, POLL: 34.0}
WORKER_OF = {"mail": "w-3", "images": "w-5", "reports": "w-7", "default": "w-4"}
RETRY_DELAY_S = 8
TRACEBACK = """Traceback (most recent call last):
  File "/srv/shop/reports.py", line 88, in build
    rows = fetch(url, timeout=30)
  File "/srv/shop/http.py", line 41, in fetch
    raise TimeoutError("upstream took longer than 30 s")
TimeoutError: upstream took longer than 30 s"""
MAIL_TRACEBACK = """Traceback (most recent call last):
  File "/srv/shop/tasks.py", line 41, in send_invoice
    smtp.send(message)
  File "/srv/shop/smtp.py", line 73, in send
    raise ConnectionResetError("peer closed the connection")
ConnectionResetError: peer closed the connection"""
SLOW = JobError(type="TimeoutError", message="upstream took longer than 30 s", traceback=TRACEBACK, fingerprint="f1")
CLOSED = JobError(
    type="ConnectionResetError", message="peer closed the connection", traceback=MAIL_TRACEBACK, fingerprint="f2"
)


def job_id(number: int) -> str:
    return f"0198c0de-{number // 4096 % 65536:04x}-7{number % 4096:03x}-8a00-{number * 2654435761 % 16**12:012x}"


def before(seconds: float) -> datetime:
    """So long before T0."""
    return T0 - timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a job; `ended_at` None is one that still runs, `error` None one that succeeds."""

    started_at: datetime
    ended_at: datetime | None = None
    error: JobError | None = None


@dataclass(frozen=True, slots=True)
class Life:
    """What became of one job until T0."""

    number: int
    function: str
    enqueued_at: datetime
    runs: tuple[Run, ...] = ()
    schedule_id: str | None = None

    @property
    def job_id(self) -> str:
        return job_id(self.number)

    @property
    def queue(self) -> str:
        return QUEUE_OF[self.function]

    @property
    def worker_id(self) -> str:
        return WORKER_OF[self.queue]

    @property
    def last(self) -> Run | None:
        return self.runs[-1] if self.runs else None

    @property
    def is_running(self) -> bool:
        return self.last is not None and self.last.ended_at is None

    @property
    def has_ended(self) -> bool:
        """Whether it has completed, or has failed as often as it may."""
        last = self.last
        if last is None or last.ended_at is None:
            return False
        return last.error is None or len(self.runs) > _retries(self.function)

    @property
    def tags(self) -> tuple[str, ...]:
        return tags_of(self.number, self.function)

    def call(self) -> dict[str, Any]:
        return call_of(self.number, self.function)

    def _wait_ms(self, place: int) -> float:
        since = self.enqueued_at
        if place:
            ended_at = self.runs[place - 1].ended_at
            assert ended_at is not None
            since = ended_at + timedelta(seconds=RETRY_DELAY_S)  # a retry waits from when it is due
        return round((self.runs[place].started_at - since).total_seconds() * 1000, 1)

    def events(self) -> list[JobEvent]:
        """Without ids, in order."""
        about: dict[str, Any] = {"job_id": self.job_id, "queue": self.queue, "function": self.function}
        at, by = self.enqueued_at, self.schedule_id
        told = [JobEvent.of(JobEventType.ENQUEUED, ts=at, to_status="PENDING", schedule_id=by, **about)]
        about |= {"worker_id": self.worker_id, "code_version": "2026.11.3"}
        for place, run in enumerate(self.runs):
            attempt = place + 1
            at, wait_ms = run.started_at, self._wait_ms(place)
            told.append(JobEvent.of(JobEventType.STARTED, ts=at, attempt=attempt, wait_ms=wait_ms, **about))
            if run.ended_at is None:
                continue
            run_ms = _run_ms(run)
            if run.error is None:
                told.append(
                    JobEvent.of(JobEventType.COMPLETED, ts=run.ended_at, attempt=attempt, run_ms=run_ms, **about)
                )
                continue
            is_last = run is self.last and self.has_ended
            kind = JobEventType.FAILED if is_last else JobEventType.RETRY_SCHEDULED
            details = None if is_last else {"delay_s": RETRY_DELAY_S}
            error = run.error.for_event()
            told.append(
                JobEvent.of(
                    kind, ts=run.ended_at, attempt=attempt, run_ms=run_ms, error=error, details=details, **about
                )
            )
        return told

    def result(self) -> JobResult:
        """Its stored record, once it has ended."""
        last = self.last
        assert last is not None
        assert self.has_ended
        earlier = tuple(
            Attempt(
                number=place + 1,
                worker_id=self.worker_id,
                started_at=run.started_at,
                finished_at=run.ended_at,
                error=run.error,
            )
            for place, run in enumerate(self.runs[:-1])
        )
        return JobResult(
            job_id=self.job_id,
            status="COMPLETED" if last.error is None else "FAILED",
            function=self.function,
            queue=self.queue,
            value=value_of(self.number, self.function) if last.error is None else None,
            error=last.error,
            enqueued_at=self.enqueued_at,
            started_at=last.started_at,
            finished_at=last.ended_at,
            wait_ms=self._wait_ms(len(self.runs) - 1),
            run_ms=_run_ms(last),
            attempt=len(self.runs),
            attempts=earlier,
            worker_id=self.worker_id,
            schedule_id=self.schedule_id,
            job=self.call(),
            tags=self.tags,
            saved_at=last.ended_at,
            size=412 + self.number % 97 + (1_300 if last.error is not None else 0),
        )

    def waiting(self) -> Job:
        """Its message in the queue, while it has not begun."""
        call = self.call()
        return Job(
            job_id=self.job_id,
            function=self.function,
            args=call["args"],
            kwargs=call["kwargs"],
            tags=self.tags,
            queue_name=self.queue,
            enqueued_at=self.enqueued_at,
        )


def _run_ms(run: Run) -> float:
    assert run.ended_at is not None
    return round((run.ended_at - run.started_at).total_seconds() * 1000, 1)


def _retries(function: str) -> int:
    return 1 if function == BUILD else 2


def tags_of(number: int, function: str) -> tuple[str, ...]:
    match function:
        case "shop.reports:build":
            return ("monthly", "eu")
        case "shop.tasks:send_invoice":
            return ("billing", "eu" if number % 3 else "us")
        case "shop.tasks:send_campaign":
            return ("campaign",)
    return ()


def call_of(number: int, function: str) -> dict[str, Any]:
    """The job's own record: what it was called with, the same whoever tells of it."""
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    customer = f"customer-{number % 97:03d}"
    match function:
        case "shop.reports:build":
            args, kwargs = ["2026-11", {"region": "EU"}], {"dry_run": False}
        case "shop.tasks:send_invoice":
            lines = [{"sku": "A-7", "count": 3}, {"sku": "B-1", "count": 12 + number % 5}]
            args = [90_000 + number, {"to": customer, "lines": lines}]
            kwargs = {"language": "de" if number % 3 else "en", "copies": 2}
        case "shop.tasks:send_receipt":
            args, kwargs = [90_000 + number], {"to": customer}
        case "shop.tasks:send_campaign":
            args, kwargs = ["black-friday"], {"segment": number % 7 + 1, "limit": 5_000}
        case "shop.tasks:resize_image":
            args, kwargs = [f"products/{number}.jpg"], {"width": 1_200}
        case "shop.tasks:poll":
            kwargs = {"limit": 500}
    record = {"job_id": job_id(number), "function": function, "queue_name": QUEUE_OF.get(function, "default")}
    more = {"max_retries": _retries(function), "timeout": 60, "tags": list(tags_of(number, function))}
    return {**record, "args": args, "kwargs": kwargs, **more}


def value_of(number: int, function: str) -> Mapping[str, Any]:
    """What it returns."""
    call = call_of(number, function)
    match function:
        case "shop.tasks:send_invoice":
            return {"sent": True, "to": call["args"][1]["to"], "invoice": call["args"][0]}
        case "shop.tasks:send_receipt":
            return {"sent": True, "to": call["kwargs"]["to"]}
        case "shop.tasks:resize_image":
            return {"width": 1_200, "height": 800, "bytes": 84_000 + number * 37 % 9_000}
    return {"orders": number % 4}


@lru_cache(maxsize=4)
def lives(seed: int = 7, jobs: int = 140) -> tuple[Life, ...]:
    """All jobs that anything is told of, in the order in which they were enqueued."""
    chance = random.Random(seed)
    mails = [_mail(chance, number) for number in range(jobs * 5 // 6)]
    others = (_failing_mails(), _burst(), _campaigns(), _images(chance, jobs // 6), _reports(), _polls(), _waiting())
    return tuple(sorted(chain(mails, *others), key=lambda life: life.enqueued_at))


def _mail(chance: random.Random, number: int) -> Life:
    function = INVOICE if chance.random() < 0.6 else RECEIPT
    at = before(chance.uniform(1.7, 100))
    started_at = at + timedelta(milliseconds=round(chance.uniform(1, 40), 1))
    run = timedelta(milliseconds=round(RUN_MS[function] * chance.uniform(0.7, 1.4), 1))
    if number % 40 == 7 and at < before(10):
        again = started_at + run + timedelta(seconds=RETRY_DELAY_S)
        return Life(number, INVOICE, at, (Run(started_at, started_at + run, CLOSED), Run(again, again + run)))
    return Life(number, function, at, (Run(started_at, started_at + run),))


def _failing_mails() -> Iterable[Life]:
    """Two that have failed for good, one that waits for its second run."""
    for number, ago, times in ((300, 18.6, 3), (301, 49.3, 3), (302, 3.4, 1)):
        at = before(ago)
        runs = []
        for place in range(times):
            started_at = at + timedelta(seconds=0.02 + place * (RETRY_DELAY_S + 0.2))
            runs.append(Run(started_at, started_at + timedelta(milliseconds=143 + 7 * place), CLOSED))
        yield Life(number, INVOICE, at, tuple(runs))


def _burst() -> Iterable[Life]:
    """Mails of the last second, for which twelve others wait."""
    for place in range(8):
        started_at = before(0.79 - 0.09 * place)
        ended_at = started_at + timedelta(milliseconds=70 + 5 * place % 17)
        yield Life(
            600 + place, RECEIPT if place % 3 else INVOICE, before(1.6 - 0.09 * place), (Run(started_at, ended_at),)
        )


def _campaigns() -> Iterable[Life]:
    """What keeps w-3 busy."""
    for place in range(7):
        started_at = before(2 + 3 * place)
        yield Life(400 + place, CAMPAIGN, started_at - timedelta(milliseconds=12), (Run(started_at),))


def _images(chance: random.Random, number: int) -> Iterable[Life]:
    """One at a time; the last of them holds its worker, and three more wait behind it."""
    at = before(100)
    for place in range(number):
        at += timedelta(seconds=93 / number)
        started_at = at + timedelta(milliseconds=round(chance.uniform(1, 40), 1))
        run = min(RUN_MS[RESIZE] * chance.uniform(0.7, 1.4), 85_000 / number)
        yield Life(500 + place, RESIZE, at, (Run(started_at, started_at + timedelta(milliseconds=round(run, 1))),))
    yield Life(1_000, RESIZE, before(6.02), (Run(before(6.0)),))
    for place in range(3):
        yield Life(1_001 + place, RESIZE, before(6.0 - 1.7 * place))


def _reports() -> Iterable[Life]:
    """Of four that w-7 took after a quarter of an hour, two have failed for good, two were under way when it died."""
    for place, (ago, is_held) in enumerate(((117, False), (113, False), (98, True), (94, True))):
        first, again = before(ago), before(ago - 30 - RETRY_DELAY_S)
        held = Run(again) if is_held else Run(again, again + timedelta(seconds=30), SLOW)
        yield Life(
            1_100 + place, BUILD, before(900 - 10 * place), (Run(first, first + timedelta(seconds=30), SLOW), held)
        )
    for place, ago in enumerate((64, 22)):
        yield Life(1_110 + place, BUILD, before(ago))


def _polls() -> Iterable[Life]:
    for place in range(2):
        at = before(12.4 + 60 * place - 0.02)
        started_at = at + timedelta(milliseconds=3)
        run = Run(started_at, started_at + timedelta(milliseconds=34 + place))
        yield Life(1_200 + place, POLL, at, (run,), schedule_id="minutely")


def _waiting() -> Iterable[Life]:
    """What lies in the queues: the oldest reports, and mails that came just now."""
    for place in range(8):
        yield Life(9_000 + place, BUILD, before(840 - 60 * place))
    for place in range(12):
        yield Life(9_008 + place, INVOICE, before(0.8 - 0.06 * place))


def running_of(worker_id: str) -> tuple[Life, ...]:
    """What a worker has under way, the newest first."""
    mine = (life for life in lives() if life.is_running and life.worker_id == worker_id)
    return tuple(sorted(mine, key=lambda life: life.runs[-1].started_at, reverse=True))
