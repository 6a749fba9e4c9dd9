"""The records of a made-up system at one moment."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from naq.models.event import JobEvent, JobEventType, StoredEvent
from naq.models.queue import QueueStats
from naq.models.result import Attempt, JobError, JobResult
from naq.models.schedule import Schedule
from naq.models.worker import RunningJob, WorkerRecord
from naq_tui.launcher import ProcessStatus, ProcessView
from naq_tui.store.updates import (
    EventsAppended,
    EventsRange,
    LinkChanged,
    QueuesSampled,
    ResultsChanged,
    SchedulesChanged,
    Update,
    WorkersChanged,
)

T0 = datetime(2026, 11, 24, 14, 7, 12, 400_000, tzinfo=UTC)
"""When all of this happens."""
FIRST_SEQ = 183_801
TASKS = (
    ("mail", "shop.tasks:send_invoice", 228.0),
    ("mail", "shop.tasks:send_receipt", 61.0),
    ("default", "shop.tasks:resize_image", 1_240.0),
    ("reports", "shop.reports:build", 30_000.0),
)
TRACEBACK = """Traceback (most recent call last):
  File "/srv/shop/reports.py", line 88, in build
    rows = fetch(url, timeout=30)
  File "/srv/shop/http.py", line 41, in fetch
    raise TimeoutError("upstream took longer than 30 s")
TimeoutError: upstream took longer than 30 s"""


def job_id(number: int) -> str:
    return f"0198c0de-{number // 4096 % 65536:04x}-7{number % 4096:03x}-8a00-{number * 2654435761 % 16**12:012x}"


def stored(seq: int, at: datetime, event: JobEvent) -> StoredEvent:
    subject = f"naq.events.{event.entity}.{event.type}.{event.queue or '_'}"
    return StoredEvent(seq=seq, stored_at=at, subject=subject, raw=event.to_wire(), event=event)


def job_events(seed: int = 7, jobs: int = 140) -> tuple[StoredEvent, ...]:
    """The life of some jobs in the two minutes before T0, interleaved, with a few events of other kinds."""
    chance = random.Random(seed)
    made: list[tuple[datetime, JobEvent]] = []

    def add(at: datetime, kind: JobEventType, **fields: Any) -> None:
        if at < T0:
            made.append((at, JobEvent.of(kind, ts=at, id=f"event-{len(made)}", **fields)))

    for number in range(jobs):
        queue, function, run_ms = TASKS[chance.choices(range(4), (8, 5, 3, 1))[0]]
        start = T0 - timedelta(seconds=chance.uniform(0.05, 100) ** 1.0)
        about = {"job_id": job_id(number), "queue": queue, "function": function}
        worker = f"w-{chance.choice('345')}" if queue != "reports" else "w-5"
        wait_ms, run_ms = round(chance.uniform(1, 40), 1), round(run_ms * chance.uniform(0.7, 1.4), 1)
        begun = start + timedelta(milliseconds=wait_ms)
        ended = begun + timedelta(milliseconds=min(run_ms, 4_000))
        add(start, JobEventType.ENQUEUED, to_status="PENDING", **about)
        add(begun, JobEventType.STARTED, worker_id=worker, attempt=1, wait_ms=wait_ms, **about)
        if queue == "reports":
            error = {"type": "TimeoutError", "message": "upstream took longer than 30 s", "fingerprint": "f1"}
            add(ended, JobEventType.RETRY_SCHEDULED, worker_id=worker, error=error, details={"delay_s": 8}, **about)
            if number % 2:
                add(
                    ended + timedelta(seconds=8), JobEventType.FAILED, worker_id=worker, attempt=2, error=error, **about
                )
        else:
            add(ended, JobEventType.COMPLETED, worker_id=worker, run_ms=run_ms, **about)
    for minutes in range(2):
        at = T0 - timedelta(seconds=12 + 60 * minutes)
        add(at, JobEventType.SCHEDULE_TRIGGERED, schedule_id="minutely", queue="default", function="shop.tasks:poll")
    started = {"host": "web-1", "pid": 4121}
    add(T0 - timedelta(seconds=98), JobEventType.WORKER_STARTED, worker_id="w-3", details=started)
    add(T0 - timedelta(seconds=18), JobEventType.WORKER_LOST, worker_id="w-7", reason="no heartbeat for 15 s")
    made.sort(key=lambda item: item[0])
    return tuple(stored(FIRST_SEQ + place, at, event) for place, (at, event) in enumerate(made))


def workers() -> tuple[WorkerRecord, ...]:
    def one(number: int, host: str, status: str, queues: tuple[str, ...], busy: int, beat_s: float, **more: Any) -> Any:
        jobs = tuple(
            RunningJob(
                job_id=job_id(900 + number * 20 + i),
                function=TASKS[number % 4][1],
                queue=queues[0],
                started_at=T0 - timedelta(seconds=2 + 3 * i),
            )
            for i in range(busy)
        )
        return WorkerRecord(
            worker_id=f"w-{number}",
            status=status,
            host=host,
            pid=4100 + number,
            queues=queues,
            modules=("shop.tasks", "shop.reports"),
            running=jobs,
            started_at=T0 - timedelta(hours=5, minutes=number),
            beat_at=T0 - timedelta(seconds=beat_s),
            version="0.1.0",
            **more,
        )

    scheduler = WorkerRecord(
        worker_id="s-1",
        status="IDLE",
        kind="scheduler",
        host="web-1",
        pid=4130,
        leader=True,
        started_at=T0 - timedelta(hours=5),
        beat_at=T0 - timedelta(seconds=1),
        version="0.1.0",
        cpu_percent=0.3,
        rss_bytes=38 * 2**20,
    )
    figures = {"cpu_percent": 31.0, "rss_bytes": 96 * 2**20, "loop_lag_ms": 0.4}
    return (
        one(3, "web-1", "BUSY", ("mail", "default"), 7, 2.0, concurrency=10, completed=18_204, failed=0, **figures),
        one(4, "web-1", "IDLE", ("default",), 0, 1.0, concurrency=10, completed=912, failed=3, **figures),
        one(5, "batch-1", "BUSY", ("images",), 1, 3.0, concurrency=1, completed=77, failed=12, loop_lag_ms=4_200.0),
        one(7, "batch-2", "BUSY", ("reports",), 2, 41.0, concurrency=10, completed=40, failed=311, **figures),
        scheduler,
    )


def queues() -> tuple[QueueStats, ...]:
    def one(name: str, waiting: int, running: int, again: int, pulls: int, oldest_s: float | None) -> QueueStats:
        return QueueStats(
            queue=name,
            waiting=waiting,
            running=running,
            redelivered=again,
            pulls=pulls,
            oldest_at=None if oldest_s is None else T0 - timedelta(seconds=oldest_s),
            has_consumer=True,
        )

    return (
        one("default", 0, 0, 0, 2, None),
        one("images", 3, 1, 0, 0, 6.0),
        one("mail", 12, 7, 0, 1, 0.8),
        one("reports", 4_910, 2, 2, 0, 840.0),
    )


def results() -> tuple[JobResult, ...]:
    chance = random.Random(11)
    made = []
    for number in range(30):
        queue, function, run_ms = TASKS[chance.choices(range(4), (8, 5, 3, 2))[0]]
        at = T0 - timedelta(seconds=(30 - number) * 4.2)
        is_failed = queue == "reports"
        run_ms = round(run_ms * chance.uniform(0.7, 1.3), 1)
        error = JobError(
            type="TimeoutError", message="upstream took longer than 30 s", traceback=TRACEBACK, fingerprint="f1"
        )
        call = {"function": function, "args": ["2026-11", {"region": "EU"}], "kwargs": {"dry_run": False}}
        earlier = Attempt(
            number=1,
            worker_id="w-7",
            started_at=at - timedelta(seconds=70),
            finished_at=at - timedelta(seconds=40),
            error=error,
        )
        made.append(
            JobResult(
                job_id=job_id(number),
                status="FAILED" if is_failed else "COMPLETED",
                function=function,
                queue=queue,
                value=None if is_failed else {"sent": True, "to": f"customer-{number:03d}", "invoice": 90_000 + number},
                error=error if is_failed else None,
                enqueued_at=at - timedelta(milliseconds=run_ms + 20),
                started_at=at - timedelta(milliseconds=run_ms),
                finished_at=at,
                wait_ms=20.0,
                run_ms=run_ms,
                attempt=2 if is_failed else 1,
                attempts=(earlier,) if is_failed else (),
                worker_id="w-7" if is_failed else "w-3",
                job=call if is_failed else None,
                saved_at=at,
                size=412 + number,
            )
        )
    return tuple(made)


def schedules() -> tuple[Schedule, ...]:
    def one(name: str, function: str, next_s: float | None, **more: Any) -> Schedule:
        return Schedule(
            schedule_id=name,
            function=function,
            queue="default",
            job={"function": function, "args": [], "kwargs": {"limit": 500}},
            created_at=T0 - timedelta(days=40),
            next_run_at=None if next_s is None else T0 + timedelta(seconds=next_s),
            saved_at=T0 - timedelta(seconds=12),
            **more,
        )

    return (
        one("minutely", "shop.tasks:poll", 47.6, cron="* * * * *", run_count=57_602, last_run_at=T0.replace(second=0)),
        one(
            "nightly",
            "shop.reports:build",
            42_767.6,
            cron="0 2 * * *",
            timezone="Europe/Berlin",
            run_count=40,
            failure_count=2,
            last_run_at=T0 - timedelta(hours=13, minutes=7),
        ),
        one("digest", "shop.tasks:digest", None, interval_s=900.0, status="PAUSED", run_count=311),
        one(
            "cleanup",
            "shop.tasks:cleanup_old",
            None,
            interval_s=3600.0,
            status="FAILED",
            run_count=12,
            failure_count=1,
            last_error="function shop.tasks:cleanup_old does not exist",
        ),
    )


def link(**changes: Any) -> LinkChanged:
    fields = {"state": "live", "server_label": "local", "server_version": "2.15.0", "rtt_ms": 0.3, "is_embedded": True}
    return LinkChanged(**{"at": T0, **fields, **changes})


def first_batch(seed: int = 7) -> tuple[Update, ...]:
    """What the system is made of at first, without what is read of its past."""
    events = job_events(seed)
    return (
        link(),
        EventsRange(1, events[-1].seq),
        EventsAppended(events),
        WorkersChanged(workers()),
        QueuesSampled(queues(), T0),
        ResultsChanged(results(), total=12_480),
        SchedulesChanged(schedules()),
    )


def old_event(seq: int) -> StoredEvent:
    """An event from before the tail."""
    queue, function, run_ms = TASKS[seq % 3]
    at = T0 - timedelta(seconds=(FIRST_SEQ + 300 - seq) * 0.4)
    event = JobEvent.of(
        JobEventType.COMPLETED,
        ts=at,
        id=f"event-{seq}",
        job_id=job_id(seq),
        queue=queue,
        function=function,
        worker_id="w-3",
        run_ms=run_ms,
    )
    return stored(seq, at, event)


def process(name: str, kind: str, pid: int, last_line: str, **changes: Any) -> ProcessView:
    fields: dict[str, Any] = {
        "process_id": name,
        "name": name,
        "kind": kind,
        "pid": pid,
        "status": ProcessStatus.RUNNING,
        "status_text": "running",
        "exit_code": None,
        "failed": False,
        "started_at": T0 - timedelta(minutes=2),
        "uptime": 120.0,
        "command": f"naq {kind} --name={name}",
        "last_line": last_line,
        "output_lines": 40,
        "crash_looping": False,
        "log_path": Path("/var/lib/naq") / f"{name}.log",
        "owned": True,
    }
    return ProcessView(**{**fields, **changes})
