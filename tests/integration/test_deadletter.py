"""Failed jobs: put back into their queues, singly and many at once, or removed."""

from __future__ import annotations

import asyncio
import signal
from datetime import timedelta
from pathlib import Path

import pytest

from naq.client import AsyncClient
from naq.errors import (
    ConfigurationError,
    ConflictError,
    EnqueueError,
    FunctionReferenceError,
    JobExecutionError,
    JobNotFoundError,
    SerializationError,
)
from naq.jobfilter import JobFilter
from naq.models.event import JobEvent
from naq.models.job import Job, JobStatus
from naq.models.times import utcnow
from naq.settings import Settings
from naq.uniqueness import Uniqueness
from tests.conftest import WorkerFactory, child
from tests.integration import sample_tasks
from tests.integration.log import all_events, event_when, events_of
from tests.integration.test_kill_points import dies

pytestmark = pytest.mark.nats

SAMPLES = "tests.integration.sample_tasks"


async def failed(client: AsyncClient, *jobs: object) -> None:
    """Wait for the end of jobs that are meant to fail."""
    for job in jobs:
        with pytest.raises(JobExecutionError):
            await job.result(timeout=15)  # type: ignore[attr-defined]


def types(events: list[JobEvent]) -> list[str]:
    return [event.type for event in events]


async def test_a_failed_job_runs_again_under_its_own_id(
    client: AsyncClient, worker: WorkerFactory, tmp_path: Path
) -> None:
    async with worker(modules=(SAMPLES,)):
        job = await client.enqueue(sample_tasks.fails_until, str(tmp_path / "n"), 1, job_id="order-7")
        await failed(client, job)
        again = await client.retry_job("order-7", reason="the file is there now")
        assert (again.job_id, again.status) == ("order-7", JobStatus.RETRY)
        assert await job.result(timeout=10) == "call 2 succeeds"
    record = await client.results.get_record("order-7")
    assert record is not None
    assert (record.status, record.attempt, record.retries_asked) == (JobStatus.COMPLETED, 2, 1)
    assert [(a.number, a.error.type if a.error else None) for a in record.attempts] == [(1, "ValueError")]
    events = await events_of(client, "order-7")
    assert types(events) == ["ENQUEUED", "STARTED", "FAILED", "RETRY_SCHEDULED", "STARTED", "COMPLETED"]
    retry = events[3]
    assert (retry.from_status, retry.to_status, retry.reason) == ("FAILED", "RETRY", "the file is there now")
    assert retry.details == {"manual": True, "edited": False, "retry": 1}
    assert retry.actor is not None
    assert retry.actor["program"] == "test"
    assert retry.action_id
    assert (events[4].from_status, events[4].attempt) == ("RETRY", 2)
    assert types([s.event for s in await client.job_history("order-7") if s.event]) == types(events)


async def test_a_retry_waits_for_a_worker_as_retry(client: AsyncClient, worker: WorkerFactory, tmp_path: Path) -> None:
    async with worker(modules=(SAMPLES,)):
        job = await client.enqueue(sample_tasks.fails_until, str(tmp_path / "n"), 1)
        await failed(client, job)
    await client.retry_job(job.job_id)
    assert await client.get_job_status(job.job_id) == JobStatus.RETRY
    with pytest.raises(ConflictError, match="is RETRY"):
        await client.retry_job(job.job_id)
    async with worker(modules=(SAMPLES,)):
        assert await job.result(timeout=10) == "call 2 succeeds"


async def test_the_retry_policy_counts_anew(client: AsyncClient, worker: WorkerFactory, tmp_path: Path) -> None:
    async with worker(modules=(SAMPLES,)):
        job = await client.enqueue(sample_tasks.fails_until, str(tmp_path / "n"), 3, max_retries=1, retry_delay=0)
        await failed(client, job)
        await client.retry_job(job.job_id)
        assert await job.result(timeout=15) == "call 4 succeeds"
    events = await events_of(client, job.job_id)
    assert [e.attempt for e in events if e.type == "STARTED"] == [1, 2, 3, 4]
    record = await client.results.get_record(job.job_id)
    assert record is not None
    assert [a.number for a in record.attempts] == [1, 2, 3]


async def test_arguments_and_queue_can_be_edited(client: AsyncClient, worker: WorkerFactory, tmp_path: Path) -> None:
    async with worker("default", "spare", modules=(SAMPLES,)):
        job = await client.enqueue(sample_tasks.fails_until, str(tmp_path / "n"), 100)
        await failed(client, job)
        for bad, error in (
            ({"args": ["one"]}, FunctionReferenceError),
            ({"args": [object(), 1]}, SerializationError),
            ({"queue_name": "a b"}, ConfigurationError),
            ({"args": ["x" * client.connection.max_payload, 1]}, EnqueueError),
        ):
            with pytest.raises(error):
                await client.retry_job(job.job_id, **bad)
        assert types(await events_of(client, job.job_id)) == ["ENQUEUED", "STARTED", "FAILED"]
        await client.retry_job(job.job_id, [str(tmp_path / "n"), 1], queue_name="spare")
        assert await job.result(timeout=10) == "call 2 succeeds"
    record = await client.results.get_record(job.job_id)
    assert record is not None
    assert record.queue == "spare"
    retry = next(e for e in await events_of(client, job.job_id) if e.type == "RETRY_SCHEDULED")
    assert (retry.queue, retry.details) == ("spare", {"manual": True, "edited": True, "retry": 1})


async def test_of_two_operators_one_wins(
    client: AsyncClient, settings: Settings, worker: WorkerFactory, tmp_path: Path
) -> None:
    async with worker(modules=(SAMPLES,)):
        job = await client.enqueue(sample_tasks.fails_until, str(tmp_path / "n"), 1)
        await failed(client, job)
    async with AsyncClient(settings, program="other") as other:
        answers = await asyncio.gather(
            *(c.retry_job(job.job_id) for c in (client, other, client, other)), return_exceptions=True
        )
    assert sorted(type(a).__name__ for a in answers) == ["ConflictError"] * 3 + ["Job"]
    async with worker(modules=(SAMPLES,)):
        assert await job.result(timeout=10) == "call 2 succeeds"
    told = types(await events_of(client, job.job_id))
    assert told == ["ENQUEUED", "STARTED", "FAILED", "RETRY_SCHEDULED", "STARTED", "COMPLETED"]


async def test_a_retry_whose_author_is_killed_before_the_record_still_runs(
    client: AsyncClient, settings: Settings, worker: WorkerFactory, tmp_path: Path
) -> None:
    async with worker(modules=(SAMPLES,)):
        job = await client.enqueue(sample_tasks.fails_until, str(tmp_path / "n"), 1)
        await failed(client, job)
    await dies(settings, "retry: before the record", job.job_id)
    assert await client.get_job_status(job.job_id) == JobStatus.FAILED
    async with worker(modules=(SAMPLES,)):
        done = await event_when(client, lambda e: e.job_id == job.job_id and e.type == "COMPLETED")
    assert done.attempt == 2
    assert await job.result(timeout=5) == "call 2 succeeds"


async def test_a_retry_whose_author_is_killed_before_the_message_leaves_the_job_failed(
    client: AsyncClient, settings: Settings, worker: WorkerFactory, tmp_path: Path
) -> None:
    async with worker(modules=(SAMPLES,)):
        job = await client.enqueue(sample_tasks.fails_until, str(tmp_path / "n"), 1)
        await failed(client, job)
    await dies(settings, "retry: before the message", job.job_id)
    assert await client.get_job_status(job.job_id) == JobStatus.FAILED
    assert types(await events_of(client, job.job_id))[-1] == "RETRY_SCHEDULED"
    with pytest.raises(ConflictError, match="within the last minute"):
        await client.retry_job(job.job_id)


async def test_each_cancellation_of_a_retried_job_is_told(client: AsyncClient) -> None:
    job = await client.enqueue(sample_tasks.wait_long)
    for _ in range(2):
        await client.cancel(job.job_id)
        await client.retry_job(job.job_id)
    told = types(await events_of(client, job.job_id))
    assert told == ["ENQUEUED", "CANCELLED", "RETRY_SCHEDULED", "CANCELLED", "RETRY_SCHEDULED"]


async def test_an_older_message_of_a_retried_job_is_dropped(
    client: AsyncClient, worker: WorkerFactory, tmp_path: Path
) -> None:
    async with worker(modules=(SAMPLES,)):
        job = await client.enqueue(sample_tasks.fails_until, str(tmp_path / "n"), 1)
        await failed(client, job)
    await client.retry_job(job.job_id, queue_name="later")
    subject = client.connection.names.queue_subject("default")
    job.born_on = None  # as of a server that was started again, and delivers what it was not told is done
    await client.connection.outbox.publish(subject, job.to_wire())
    async with worker(modules=(SAMPLES,)):
        other = await client.enqueue(sample_tasks.fails_until, str(tmp_path / "m"), 0)
        assert await other.result(timeout=10) == "call 1 succeeds"
    left = {stats.queue: stats.waiting + stats.running for stats in await client.list_queues()}
    assert left == {"default": 0, "later": 1}
    assert types(await events_of(client, job.job_id))[-1] == "RETRY_SCHEDULED"
    assert await client.get_job_status(job.job_id) == JobStatus.RETRY


async def test_many_are_retried_by_what_failed(client: AsyncClient, worker: WorkerFactory, tmp_path: Path) -> None:
    async with worker("default", "mail", modules=(SAMPLES,)):
        before = utcnow() - timedelta(minutes=1)
        bad = [
            await client.enqueue(
                sample_tasks.fails_until, str(tmp_path / f"n{i}"), 1, queue_name="mail", tags=["nightly", f"t{i}"]
            )
            for i in range(250)
        ]
        other = await client.enqueue(sample_tasks.unserialisable)
        await failed(client, *bad, other)
        record = await client.results.get_record(bad[0].job_id)
        assert record is not None
        assert record.error is not None
        for wanted, count in (
            ({}, 251),
            ({"queue": "mail"}, 250),
            ({"error_type": "ValueError"}, 250),
            ({"error_type": "SerializationError"}, 1),
            ({"function": "unserialisable"}, 1),
            ({"function": f"{SAMPLES}:fails_until"}, 250),
            ({"fingerprint": record.error.fingerprint}, 250),
            ({"tags": ["nightly", "t3"]}, 1),
            ({"tags": "nightly"}, 250),
            ({"since": before}, 251),
            ({"until": before}, 0),
            ({"status": "CANCELLED"}, 0),
        ):
            assert await client.letters.count(JobFilter.of(**wanted)) == count, wanted
        with pytest.raises(ConfigurationError, match="'colour'"):
            await client.retry_jobs(colour="red")
        few = await client.retry_jobs(queue="mail", limit=3)
        assert (few.matched, few.done, few.refused) == (3, 3, 0)
        rest = await client.retry_jobs(queue="mail", error_type="ValueError", reason="mail server is back")
        assert (rest.matched, rest.done, rest.refused) == (247, 247, 0)
        assert len({await job.result(timeout=30) for job in bad}) == 1
    events = [s.event for s in await all_events(client) if s.event is not None]
    asked, done = (e for e in events if e.type == "OPERATOR_ACTION" and e.action_id == rest.action_id)
    assert asked.details is not None
    assert done.details is not None
    assert asked.details["filter"] == {"status": "FAILED", "queue": "mail", "error_type": "ValueError"}
    assert done.details["counts"] == {"matched": 247, "done": 247, "refused": 0}
    assert done.reason == "mail server is back"
    retried = [e for e in events if e.type == "RETRY_SCHEDULED" and e.action_id == rest.action_id]
    assert len({e.job_id for e in retried}) == len(retried) == 247


async def test_what_fails_again_is_not_retried_by_the_same_call(client: AsyncClient, worker: WorkerFactory) -> None:
    async with worker(modules=(SAMPLES,)):
        jobs = [await client.enqueue(sample_tasks.unserialisable) for _ in range(5)]
        await failed(client, *jobs)
        outcome = await client.retry_jobs()
    assert (outcome.matched, outcome.done) == (5, 5)


async def test_a_record_is_deleted_with_a_trace(client: AsyncClient, worker: WorkerFactory) -> None:
    async with worker(modules=(SAMPLES,)):
        job = await client.enqueue(sample_tasks.unserialisable)
        await failed(client, job)
    await client.delete_job(job.job_id, reason="known")
    assert await client.results.get_record(job.job_id) is None
    for act in (client.delete_job, client.retry_job):
        with pytest.raises(JobNotFoundError):
            await act(job.job_id)
    event = (await events_of(client, job.job_id))[-1]
    assert (event.type, event.entity, event.reason) == ("OPERATOR_ACTION", "operator", "known")
    assert event.details is not None
    assert event.details["action"] == "delete"
    assert event.details["before"]["status"] == "FAILED"


async def test_many_are_deleted(client: AsyncClient, worker: WorkerFactory) -> None:
    async with worker(modules=(SAMPLES,)):
        await failed(client, *[await client.enqueue(sample_tasks.unserialisable) for _ in range(5)])
    outcome = await client.delete_jobs(limit=4)
    assert (outcome.matched, outcome.done) == (4, 4)
    assert await client.letters.count(JobFilter.of()) == 1


async def test_only_ended_jobs_are_touched(client: AsyncClient, settings: Settings) -> None:
    job = await client.enqueue(sample_tasks.wait_long)
    async with child(settings, "worker", "-m", SAMPLES) as process:
        await event_when(client, lambda e: e.type == "STARTED")
        process.send_signal(signal.SIGKILL)
    async with child(settings, "worker", "-m", SAMPLES):
        # the second worker claims it, and only a claim is in the record
        await event_when(client, lambda e: e.type == "STARTED" and (e.details or {}).get("redelivered") is True)
        for act in (client.delete_job, client.retry_job):
            with pytest.raises(ConflictError, match="is RUNNING"):
                await act(job.job_id)


async def test_records_that_cannot_be_retried_say_why(client: AsyncClient, worker: WorkerFactory) -> None:
    bucket = client.results.bucket
    await bucket.put("raw", b"\xff")
    await bucket.put("bare", b'{"job_id": "bare", "status": "FAILED"}')
    await bucket.put(
        "odd", b'{"job_id": "odd", "status": "FAILED", "job": {"raw": "AA=="}, "retry_seqs": [0, "x", {}]}'
    )
    await bucket.put("other", b'{"job_id": "other", "status": "FAILED", "job": {"job_id": "x", "function": "a:b"}}')
    for job_id, error in (
        ("raw", SerializationError),
        ("bare", ConflictError),
        ("odd", SerializationError),
        ("other", SerializationError),
    ):
        with pytest.raises(error):
            await client.retry_job(job_id)
    outcome = await client.retry_jobs()
    assert (outcome.matched, outcome.done, outcome.refused) == (3, 0, 3)
    assert any("no payload" in problem for problem in outcome.problems)
    await client.delete_job("raw")
    assert await bucket.get("raw") is None


async def test_a_cancelled_job_can_be_retried(client: AsyncClient, worker: WorkerFactory, tmp_path: Path) -> None:
    job = await client.enqueue(sample_tasks.fails_until, str(tmp_path / "n"), 0)
    assert await client.cancel(job.job_id) == JobStatus.CANCELLED
    await client.retry_job(job.job_id, reason="needed after all")
    async with worker(modules=(SAMPLES,)):
        assert await job.result(timeout=10) == "call 1 succeeds"
    events = await events_of(client, job.job_id)
    assert types(events) == ["ENQUEUED", "CANCELLED", "RETRY_SCHEDULED", "STARTED", "COMPLETED"]
    assert [e.attempt for e in events if e.type in ("STARTED", "COMPLETED")] == [1, 1]


async def test_a_unique_key_taken_meanwhile_forbids_a_retry(
    client: AsyncClient, worker: WorkerFactory, tmp_path: Path
) -> None:
    async with worker(modules=(SAMPLES,)):
        job = await client.enqueue(sample_tasks.fails_until, str(tmp_path / "n"), 1, unique="report")
        await failed(client, job)
    other = await client.enqueue(sample_tasks.fails_until, str(tmp_path / "m"), 0, unique="report")
    with pytest.raises(ConflictError, match=other.job_id):
        await client.retry_job(job.job_id)
    async with worker(modules=(SAMPLES,)):
        assert await other.result(timeout=10) == "call 1 succeeds"
        await client.retry_job(job.job_id)
        assert await job.result(timeout=10) == "call 2 succeeds"


async def test_a_retry_that_comes_while_the_failed_run_is_wound_up_is_not_lost(
    client: AsyncClient, worker: WorkerFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wound_up = asyncio.Event()

    async def slow_release(_self: Uniqueness, _job: Job) -> None:
        await wound_up.wait()

    monkeypatch.setattr(Uniqueness, "release", slow_release)
    async with worker(modules=(SAMPLES,)):
        job = await client.enqueue(sample_tasks.fails_until, str(tmp_path / "n"), 1)
        await failed(client, job)
        await client.retry_job(job.job_id)
        other = await client.enqueue(sample_tasks.fails_until, str(tmp_path / "m"), 0)
        assert await other.result(timeout=10) == "call 1 succeeds"  # it came behind, so the retry has been delivered
        wound_up.set()
        assert await job.result(timeout=10) == "call 2 succeeds"
