"""The records of a made-up system at one moment."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from naq.models.event import JobEvent, JobEventType, StoredEvent
from naq.models.queue import QueueStats
from naq.models.result import JobResult
from naq.models.schedule import Schedule
from naq.models.worker import RunningJob, WorkerRecord
from naq_tui.feed.sample_jobs import (
    INVOICE,
    POLL,
    QUEUE_OF,
    RECEIPT,
    RESIZE,
    RUN_MS,
    T0,
    WORKER_OF,
    before,
    call_of,
    job_id,
    lives,
    running_of,
)
from naq_tui.feed.sample_schedules import earlier_runs, triggered
from naq_tui.launcher import ProcessStatus, ProcessView
from naq_tui.store.updates import (
    EventsAppended,
    EventsRange,
    LinkChanged,
    QueuesSampled,
    ResultsChanged,
    ResultsFollowed,
    SchedulesChanged,
    Update,
    WorkersChanged,
)

FIRST_SEQ = 183_801
"""Of the first event of the last two minutes; in the past before them there is one every 0.4 s."""
LATELY_S = 120
RESULTS_STORED = 12_480
"""Sequences of the bucket of results, each with one of them."""


def stored(seq: int, at: datetime, event: JobEvent) -> StoredEvent:
    subject = f"naq.events.{event.entity}.{event.type}.{event.queue or '_'}"
    return StoredEvent(seq=seq, stored_at=at, subject=subject, raw=event.to_wire(), event=event)


def job_events(seed: int = 7, jobs: int = 140) -> tuple[StoredEvent, ...]:
    """What happened in the two minutes before T0, interleaved, with a few events of other kinds."""
    made = [event for life in lives(seed, jobs) for event in life.events() if before(LATELY_S) <= event.ts < T0]
    for minutes in range(2):
        at = before(12.4 + 60 * minutes)
        made.append(triggered("minutely", POLL, at, job_id(1_200 + minutes), late_ms=3.1 + minutes))
    started = {"host": "web-1", "pid": 4104}
    made.append(JobEvent.of(JobEventType.WORKER_STARTED, ts=before(98), worker_id="w-4", details=started))
    lost = "no heartbeat for 15 s"
    made.append(JobEvent.of(JobEventType.WORKER_LOST, ts=before(26), worker_id="w-7", reason=lost))
    made.sort(key=lambda event: event.ts)
    return tuple(
        stored(FIRST_SEQ + place, event.ts, replace(event, id=f"event-{place}")) for place, event in enumerate(made)
    )


def earlier_events() -> tuple[StoredEvent, ...]:
    """What the log holds, from before those two minutes, of jobs that are known; oldest first."""
    made = [event for life in lives() for event in life.events() if event.ts < before(LATELY_S)]
    return tuple(stored(seq_at(event.ts), event.ts, replace(event, id=f"earlier-{event.job_id}")) for event in made)


def schedule_events() -> tuple[StoredEvent, ...]:
    """What the log holds of its schedules' runs, from before those two minutes; oldest first."""
    found: list[StoredEvent] = []
    for event in sorted((event for run in earlier_runs() for event in run), key=lambda event: event.ts):
        seq = max(seq_at(event.ts), found[-1].seq + 1 if found else 0)
        found.append(stored(seq, event.ts, replace(event, id=f"run-{len(found)}")))
    return tuple(found)


def seq_at(moment: datetime) -> int:
    """Where the log is at that moment, before its tail."""
    return FIRST_SEQ + 300 - round((T0 - moment).total_seconds() / 0.4)


def workers() -> tuple[WorkerRecord, ...]:
    def one(number: int, host: str, status: str, queues: tuple[str, ...], beat_s: float, **more: Any) -> Any:
        jobs = tuple(
            RunningJob(
                job_id=life.job_id, function=life.function, queue=life.queue, started_at=life.runs[-1].started_at
            )
            for life in running_of(f"w-{number}")
        )
        return WorkerRecord(
            worker_id=f"w-{number}",
            status=status,
            host=host,
            pid=4100 + number,
            queues=queues,
            modules=("shop.tasks", "shop.reports"),
            running=jobs,
            started_at=before(98) if number == 4 else T0 - timedelta(hours=26, minutes=number),
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
        started_at=T0 - timedelta(hours=26),
        beat_at=T0 - timedelta(seconds=1),
        version="0.1.0",
        cpu_percent=0.3,
        rss_bytes=38 * 2**20,
    )
    figures = {"cpu_percent": 31.0, "rss_bytes": 96 * 2**20, "loop_lag_ms": 0.4}
    return (
        one(3, "web-1", "BUSY", ("mail", "default"), 2.0, concurrency=10, completed=18_204, failed=70, **figures),
        one(4, "web-1", "IDLE", ("default",), 1.0, concurrency=10, completed=2, failed=0, **figures),
        one(5, "batch-1", "BUSY", ("images",), 3.0, concurrency=1, completed=77, failed=22, loop_lag_ms=4_200.0),
        one(7, "batch-2", "BUSY", ("reports",), 41.0, concurrency=10, completed=40, failed=40, **figures),
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
        one("mail", 12, 8, 0, 1, 0.8),
        one("reports", 4_910, 2, 2, 0, 840.0),
    )


def results() -> tuple[JobResult, ...]:
    """The newest records, oldest first: those of the jobs that have ended in these two minutes."""
    ended = [life.result() for life in lives() if life.has_ended]
    found = sorted((record for record in ended if record.saved_at), key=lambda record: record.saved_at or T0)
    first = RESULTS_STORED - len(found) + 1
    return tuple(replace(record, revision=first + place) for place, record in enumerate(found))


def schedules() -> tuple[Schedule, ...]:
    def one(name: str, function: str, next_s: float | None, **more: Any) -> Schedule:
        return Schedule(
            schedule_id=name,
            function=function,
            queue=QUEUE_OF.get(function, "default"),
            job=call_of(1_200, function),
            created_at=T0 - timedelta(days=40),
            next_run_at=None if next_s is None else T0 + timedelta(seconds=next_s),
            saved_at=T0 - timedelta(seconds=12),
            **more,
        )

    return (
        one("minutely", "shop.tasks:poll", 47.6, cron="* * * * *", run_count=57_602, last_run_at=before(12.4)),
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
        ResultsFollowed(results()[0].revision),
        ResultsChanged(results(), total=RESULTS_STORED),
        SchedulesChanged(schedules()),
    )


def old_time(seq: int) -> datetime:
    """When an event from before the tail was stored."""
    return T0 - timedelta(seconds=(FIRST_SEQ + 300 - seq) * 0.4)


def old_event(seq: int) -> StoredEvent:
    """An event from before the tail."""
    function = (INVOICE, RECEIPT, RESIZE)[seq % 3]
    queue = QUEUE_OF[function]
    at = old_time(seq)
    event = JobEvent.of(
        JobEventType.COMPLETED,
        ts=at,
        id=f"event-{seq}",
        job_id=job_id(seq),
        queue=queue,
        function=function,
        worker_id=WORKER_OF[queue],
        run_ms=RUN_MS[function],
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
