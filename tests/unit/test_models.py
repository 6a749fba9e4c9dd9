"""Records: what is written is read back, and what strangers wrote does no harm."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naq import codec
from naq.errors import ConfigurationError, SerializationError
from naq.models.event import JobEvent, JobEventType, StoredEvent
from naq.models.job import Job, JobStatus
from naq.models.result import Attempt, JobError, JobResult
from naq.models.retry import RetryPolicy, class_names
from naq.models.schedule import Schedule
from naq.models.times import format_time, parse_time
from naq.models.worker import RunningJob, WorkerRecord, WorkerStatus

T0 = datetime(2026, 11, 24, 14, 7, 12, 140_000, tzinfo=UTC)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
FIELDS = [
    "v", "type", "ts", "job_id", "worker_id", "status", "queue", "queues", "function", "attempt", "attempts", "error",
    "details", "running", "started_at", "schedule_id", "job", "args", "kwargs", "cron", "interval_s", "next_run_at",
    "max_retries", "retry_delay", "timeout", "tags", "from", "actor", "value", "heartbeat_interval_s",
]  # fmt: skip
records = st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=12)


def test_an_event_is_read_as_it_was_written() -> None:
    event = JobEvent.of(
        JobEventType.FAILED,
        ts=T0,
        job_id="j",
        queue="mail",
        function="m:f",
        attempt=2,
        from_status="RUNNING",
        to_status="FAILED",
        run_ms=1.5,
        error={"type": "E", "message": "x", "fingerprint": "f"},
    )
    assert JobEvent.from_wire(event.to_wire()) == event
    wire = codec.loads(event.to_wire())
    assert wire["from"] == "RUNNING"
    assert "worker_id" not in wire, "absent means absent, not null"
    assert wire["ts"] == "2026-11-24T14:07:12.140000Z"


@pytest.mark.parametrize(
    ("event_type", "entity"),
    [("ENQUEUED", "job"), ("SCHEDULED", "schedule"), ("LEADER_LOST", "schedule"), ("WORKER_LOST", "worker"),
     ("QUEUE_PURGED", "queue"), ("OPERATOR_ACTION", "operator"), ("LOST", "job")],
)  # fmt: skip
def test_every_event_type_has_its_entity(event_type: str, entity: str) -> None:
    assert JobEventType(event_type).entity == entity


def test_unknown_fields_of_an_event_survive() -> None:
    event = JobEvent.from_wire(b'{"type": "TEA", "ts": "soon", "sugar": 2, "attempt": "many"}')
    assert dict(event.extra) == {"sugar": 2, "ts": "soon", "attempt": "many"}
    assert codec.loads(event.to_wire())["sugar"] == 2


@given(records | json_values)
def test_any_json_is_an_event_a_job_a_result_a_worker_a_schedule_or_refused(value: Any) -> None:
    raw = codec.dumps(value)
    stored = StoredEvent.from_stream(1, T0, "s", raw)
    assert stored.raw == raw
    for reader in (JobEvent.from_wire, Job.from_wire, JobResult.from_wire, WorkerRecord.from_wire, Schedule.from_wire):
        with contextlib.suppress(SerializationError):  # any other exception is a failure
            reader(raw)


@given(st.binary(max_size=60))
def test_bytes_that_are_no_json_are_refused(raw: bytes) -> None:
    for reader in (Job.from_wire, JobResult.from_wire, WorkerRecord.from_wire, Schedule.from_wire):
        with pytest.raises(SerializationError):
            reader(raw)


def test_a_job_is_read_as_it_was_written() -> None:
    job = Job(
        job_id="j", function="m:f", args=[1], kwargs={"a": 2}, queue_name="mail", enqueued_at=T0, timeout=3.0,
        tags=("x",),
        retry=RetryPolicy.of(max_retries=2, retry_delay=[1, 5], retry_on=[ValueError]),
    )  # fmt: skip
    again = Job.from_wire(job.to_wire())
    assert again.to_record() == job.to_record()
    assert again.retry == job.retry


def test_a_jobs_status_follows_from_its_times_and_error() -> None:
    job = Job(job_id="j", function="m:f")
    assert job.status is JobStatus.PENDING
    job._start_time = T0
    assert job.status is JobStatus.RUNNING
    job._finish_time = T0
    assert job.status is JobStatus.COMPLETED
    job.error = "ValueError: x"
    assert job.status is JobStatus.FAILED


def test_a_result_is_read_as_it_was_written() -> None:
    error = JobError(type="ValueError", message="m", traceback="t", fingerprint="f")
    record = JobResult(
        job_id="j", status="FAILED", function="m:f", queue="mail", error=error, enqueued_at=T0, finished_at=T0,
        wait_ms=1.0, run_ms=2.0, attempt=2, worker_id="w", crashes=1, job={"args": []},
        attempts=(Attempt(number=1, worker_id="w", started_at=T0, finished_at=T0, error=error, started_seq=4),),
    )  # fmt: skip
    again = JobResult.from_wire(record.to_wire())
    assert again.attempts == record.attempts
    assert (again.error, again.crashes, again.size > 0) == (error, 1, True)


def test_a_worker_is_dead_after_two_and_a_half_missing_beats() -> None:
    record = WorkerRecord(worker_id="w", status="BUSY", heartbeat_interval_s=2.0, beat_at=T0)
    assert record.status_at(T0 + timedelta(seconds=4.9)) == "BUSY"
    assert record.status_at(T0 + timedelta(seconds=5)) == WorkerStatus.DEAD
    assert WorkerRecord(worker_id="w", status="BUSY", loop_lag_ms=1500).status_at(T0) == WorkerStatus.BLOCKED


def test_a_heartbeat_is_read_as_it_was_written() -> None:
    record = WorkerRecord(
        worker_id="w", status="BUSY", name="n", host="h", pid=1, queues=("a",), modules=("m",), concurrency=2,
        started_at=T0, running=(RunningJob(job_id="j", function="m:f", queue="a", started_at=T0),), cpu_percent=1.5,
        rss_bytes=10, loop_lag_ms=0.1, version="1", beat_at=T0,
    )  # fmt: skip
    assert WorkerRecord.from_wire(record.to_wire(), beat_at=T0) == record


@pytest.mark.parametrize(
    ("policy", "delays"),
    [
        ({"retry_delay": 2}, [2, 4, 6, 8]),
        ({"retry_delay": 2, "retry_strategy": "exponential"}, [2, 4, 8, 16]),
        ({"retry_delay": [1, 5]}, [1, 5, 5, 5]),
    ],
)
def test_delays_grow_as_their_strategy_says(policy: dict[str, Any], delays: list[float]) -> None:
    made = RetryPolicy.of(max_retries=4, jitter=False, **policy)
    assert [made.delay_after(n) for n in (1, 2, 3, 4)] == delays
    jittered = RetryPolicy.of(max_retries=4, **policy)
    assert [jittered.delay_after(n, 0.0) for n in (1, 2, 3, 4)] == [0.75 * delay for delay in delays]
    assert [jittered.delay_after(n, 1.0) for n in (1, 2, 3, 4)] == delays


def test_which_exceptions_are_retried() -> None:
    names = class_names(ConnectionResetError())
    assert RetryPolicy.of(max_retries=1, retry_on=[ConnectionError]).allows(1, names)
    assert not RetryPolicy.of(max_retries=1, retry_on=[ValueError]).allows(1, names)
    assert not RetryPolicy.of(max_retries=1, ignore_on=[OSError]).allows(1, names)
    assert not RetryPolicy.of(max_retries=1).allows(2, names)


@pytest.mark.parametrize(
    "wrong",
    [{"max_retries": -1}, {"max_retries": 1.5}, {"retry_delay": -1}, {"retry_delay": []}, {"retry_strategy": "random"},
     {"retry_on": [3]}, {"retry_delay": [1, "x"]}],
)  # fmt: skip
def test_a_wrong_retry_policy_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        RetryPolicy.of(**{"max_retries": 1, **wrong})


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-24T14:07:12.140000Z", T0),
        ("2026-11-24T14:07:12.140000999Z", T0),
        ("2026-11-24T15:07:12.14+01:00", T0),
        ("2026-11-24T14:07:12", T0.replace(microsecond=0)),
        ("soon", None),
        (5, None),
        ("9999-99-99T00:00:00Z", None),
    ],
)
def test_times_are_read(text: object, moment: datetime | None) -> None:
    assert parse_time(text) == moment
    if moment is not None:
        assert parse_time(format_time(moment)) == moment
