"""Records of other versions: older ones are read, and of newer ones nothing is lost.

`tests/wire/v1` holds one record of each kind as version 1 wrote it on a real server. They are never made anew: a reader
that can't make sense of them breaks whoever upgrades.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from naq import codec
from naq.dependencies.waiting import RELEASING, WAITING, WaitingChild
from naq.kv import Entry
from naq.lease import _holder_of
from naq.limits import ConcurrencyLimit, RateLimit
from naq.models.event import JobEvent, JobEventType
from naq.models.job import Job, JobStatus
from naq.models.result import JobResult
from naq.models.retry import NEVER
from naq.models.schedule import Schedule
from naq.models.worker import WorkerRecord
from naq.objects import _token_of
from naq.queues import pause_of
from naq.reopen import payload_of, reopened
from naq.scheduler.changes import modified, resumed
from naq.uniqueness import claim_of
from naq.worker.limit_store import holders_of

FOLDER = Path(__file__).resolve().parents[1] / "wire" / "v1"
NOW = datetime(2026, 11, 25, tzinfo=UTC)
NEWER = {"v": 2, "sugar": {"lumps": [2, None]}, "tea": "green"}
"""What a version to come might add to any record."""
JOBS = ("job", "job_plain", "job_retried")
RESULTS = tuple(f"result_{kind}" for kind in ("completed", "failed", "retry", "running", "cancelled", "large"))
SCHEDULES = ("schedule", "schedule_interval", "schedule_single")
WORKERS = ("worker", "worker_lost", "scheduler")
EVENTS = tuple(f"event_{event_type.lower()}" for event_type in JobEventType)

Rewrite = Callable[[bytes], bytes]
"""Reads a record and writes it as whoever changes something else in it does."""


def golden(name: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return record


def raw(name: str, **changes: Any) -> bytes:
    return json.dumps({**golden(name), **changes}).encode()


def entry(name: str, key: str = "k") -> Entry:
    return Entry(key, raw(name), 7, NOW)


def child(data: bytes) -> WaitingChild:
    return WaitingChild.of(Entry("k", data, 7, NOW))


REWRITES: dict[str, Rewrite] = {
    **dict.fromkeys(EVENTS, lambda data: JobEvent.from_wire(data).to_wire()),
    **dict.fromkeys(JOBS, lambda data: Job.from_wire(data).to_wire()),
    **dict.fromkeys(RESULTS, lambda data: JobResult.from_wire(data).to_wire()),
    **dict.fromkeys(SCHEDULES, lambda data: Schedule.from_wire(data).to_wire()),
    **dict.fromkeys(("waiting", "waiting_releasing"), lambda data: child(data).to_wire()),
    **dict.fromkeys(WORKERS, lambda data: WorkerRecord.from_wire(data).to_wire()),
}
KEEPING = [name for name in REWRITES if name not in WORKERS]
"""A heartbeat is its worker's alone; the monitor's marks go into it as it stands."""


@pytest.mark.parametrize("name", REWRITES)
def test_every_field_of_version_1_is_read_and_written(name: str) -> None:
    assert json.loads(REWRITES[name](raw(name))) == golden(name)


@pytest.mark.parametrize("name", KEEPING)
def test_fields_of_a_newer_version_are_kept(name: str) -> None:
    assert json.loads(REWRITES[name](raw(name, **NEWER))) == {**golden(name), **NEWER}


def test_fields_of_a_newer_version_are_kept_in_errors_and_attempts() -> None:
    record = golden("result_failed")
    record["error"]["cause"] = {"type": "OSError"}
    record["attempts"][0]["gpu"] = 3
    record["attempts"][0]["error"]["cause"] = None
    assert json.loads(JobResult.from_wire(json.dumps(record).encode()).to_wire()) == record


def test_a_newer_heartbeat_is_read() -> None:
    assert WorkerRecord.from_wire(raw("worker", **NEWER)) == WorkerRecord.from_wire(raw("worker"))


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.json")))
def test_no_kind_is_forgotten(name: str) -> None:
    """Each file is read by a test: of those that are not in `REWRITES` the values are asserted below."""
    others = {"limit_rate", "limit_slots", "claim_key", "claim_job", "lease", "object"}
    assert name in REWRITES or name in others or name.startswith("control_")


def test_a_job_with_all_options() -> None:
    job = Job.from_wire(raw("job"))
    assert (job.job_id, job.function, job.queue_name) == ("invoice-7", "naq.examples.tasks:send_invoice", "mail")
    assert (job.args, job.kwargs) == ([7], {"amount": "12.50"})
    assert job.enqueued_at == datetime(2026, 11, 24, 18, 27, 46, 902538, tzinfo=UTC)
    assert (job.retry.max_retries, job.retry.delay, job.retry.strategy) == (4, (0.05, 5.0, 60.0), "exponential")
    assert (job.retry.retry_on, job.retry.ignore_on) == (("ConnectionError", "RuntimeError"), ("KeyError",))
    assert (job.timeout, job.result_ttl, job.tags) == (30.0, 86400.0, ("monthly", "eu"))
    assert (job.capture_logs, job.isolate, job.is_id_given) == (True, True, True)
    assert (job.unique, job.unique_for) == ("invoice:7/é", 3600.0)
    assert job.limits == (RateLimit("smtp", 20, 60.0), ConcurrencyLimit("customer:7", 3))
    assert (job.on_success, job.on_failure) == ("naq.examples.tasks:add", "naq.examples.tasks:add")
    retried = Job.from_wire(raw("job_retried"))
    assert (retried.retries_asked, retried.earlier_attempts) == (1, 2)


def test_results_and_their_attempts() -> None:
    failed = JobResult.from_wire(raw("result_failed"))
    assert (failed.job_id, failed.status, failed.attempt, failed.is_final) == ("bad-1", "FAILED", 4, True)
    assert failed.error is not None
    assert (failed.error.type, failed.error.message) == ("RuntimeError", "no such customer")
    assert [attempt.number for attempt in failed.attempts] == [1, 2, 3]
    assert (failed.attempts[0].started_seq, failed.retry_seqs, failed.tags) == (11, (42,), ("eu",))
    assert payload_of(failed).args == ["no such customer"]
    statuses = {JobResult.from_wire(raw(name)).status for name in RESULTS}
    assert statuses == {"COMPLETED", "FAILED", "RETRY", "RUNNING", "CANCELLED"}
    large = JobResult.from_wire(raw("result_large"))
    assert large.value_ref is not None
    assert large.value_ref.size == golden("result_large")["value_ref"]["size"]


def test_schedules() -> None:
    schedule = Schedule.from_wire(raw("schedule"))
    assert (schedule.schedule_id, schedule.cron, schedule.timezone) == ("invoices", "*/5 * * * *", "Europe/Berlin")
    assert (schedule.repeat, schedule.jitter_s, schedule.overlap) == (10, 5.0, "buffer_one")
    assert (schedule.misfire, schedule.misfire_grace_s, schedule.misfire_cap) == ("run_all", 10.0, 7)
    assert schedule.next_run_at == datetime(2026, 11, 24, 18, 30, tzinfo=UTC)
    assert Schedule.from_wire(raw("schedule_interval")).interval_s == golden("schedule_interval")["interval_s"]
    assert Schedule.from_wire(raw("schedule_single")).run_at is not None


def test_workers_events_and_those_who_wait() -> None:
    worker = WorkerRecord.from_wire(raw("worker"), beat_at=NOW)
    assert (worker.status_at(NOW), worker.name, worker.queues) == ("BUSY", "w1", ("default", "mail"))
    assert [job.job_id for job in worker.running] == ["bad-1"]
    assert WorkerRecord.from_wire(raw("worker_lost")).lost_seq == golden("worker_lost")["lost_seq"]
    assert WorkerRecord.from_wire(raw("scheduler")).leader
    for name in EVENTS:
        event = JobEvent.from_wire(raw(name))
        assert (event.type, event.v, event.extra) == (name.removeprefix("event_").upper(), 1, {})
        assert event.entity == JobEventType(event.type).entity
    assert (child(raw("waiting")).state, child(raw("waiting")).outstanding) == (WAITING, ("parent-1",))
    assert child(raw("waiting_releasing")).state == RELEASING


def test_records_of_the_smaller_buckets() -> None:
    claim = claim_of(entry("claim_key"))
    assert claim is not None
    assert (claim.job_id, claim.seq) == ("invoice-7", 1)
    assert claim.until == datetime(2026, 11, 24, 19, 27, 46, 902554, tzinfo=UTC)
    assert claim_of(entry("claim_job")) is not None
    assert holders_of(entry("limit_slots")) == golden("limit_slots")["holders"]
    assert codec.number(golden("limit_rate"), "free_at", 0.0) > 1.7e9
    assert _holder_of(raw("lease")) == golden("lease")["holder"]
    assert _token_of(golden("object")) == golden("object")["nuid"]
    pause = pause_of(entry("control_queue", "queue.held"))
    assert (pause.queue, pause.reason) == ("held", golden("control_queue")["reason"])
    assert pause.actor == golden("control_queue")["actor"]
    assert golden("control_cancel").keys() == {"actor", "at", "reply", "reason"}


def test_what_is_absent_has_its_default() -> None:
    job = Job.from_wire(b'{"job_id": "j", "function": "m:f"}')
    assert (job.args, job.kwargs, job.queue_name, job.retry, job.limits) == ([], {}, "default", NEVER, ())
    assert (job.timeout, job.tags, job.isolate, job.extra) == (None, (), False, {})
    result = JobResult.from_wire(b'{"job_id": "j", "status": "COMPLETED"}')
    assert (result.value, result.attempt, result.attempts, result.job, result.crashes) == (None, 1, (), None, 0)
    schedule = Schedule.from_wire(b'{"schedule_id": "s", "function": "m:f", "job": {}}')
    assert (schedule.status, schedule.timezone, schedule.misfire) == ("ACTIVE", "UTC", "run_once")
    assert (schedule.overlap, schedule.repeat, schedule.jitter_s) == ("allow", None, 0.0)
    worker = WorkerRecord.from_wire(b'{"worker_id": "w"}')
    assert (worker.status, worker.kind, worker.heartbeat_interval_s) == ("UNKNOWN", "worker", 5.0)
    event = JobEvent.from_wire(b'{"type": "STARTED"}')
    assert (event.v, event.job_id, event.attempt, event.details) == (0, None, None, None)


def test_changes_of_a_schedule_keep_what_a_newer_version_wrote() -> None:
    record = {**golden("schedule"), **NEWER}
    record["job"] = {**record["job"], **NEWER}
    schedule = Schedule.from_wire(json.dumps(record).encode())
    changed = resumed(modified(schedule, {"timeout": 5.0, "jitter": 1.0}, NOW), NOW)
    kept = json.loads(changed.to_wire())
    assert NEWER.items() <= kept.items()
    assert NEWER.items() <= kept["job"].items()
    assert (kept["job"]["timeout"], kept["jitter_s"]) == (5.0, 1.0)


def test_a_retry_of_a_job_keeps_what_a_newer_version_wrote() -> None:
    record = {**golden("result_failed"), **NEWER}
    record["job"] = {**record["job"], **NEWER}
    held = JobResult.from_wire(json.dumps(record).encode())
    again = reopened(held, payload_of(held), NOW)
    kept = json.loads(again.to_wire())
    assert kept["status"] == JobStatus.RETRY
    assert NEWER.items() <= kept.items()
    assert NEWER.items() <= kept["job"].items()


def test_a_release_keeps_what_a_newer_version_wrote() -> None:
    record = {**golden("waiting"), **NEWER}
    kept = json.loads(replace(child(json.dumps(record).encode()), state=RELEASING).to_wire())
    assert NEWER.items() <= kept.items()
    assert kept["state"] == RELEASING
