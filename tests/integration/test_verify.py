"""`naq doctor --verify`: clean where all is well, also while the system runs, and every kind of damage is found."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from naq.client import AsyncClient
from naq.doctor.verify import Verdict, verify
from naq.examples import tasks
from naq.models.event import JobEvent, JobEventType
from naq.models.job import Job
from naq.settings import Settings
from tests.conftest import WorkerFactory, run_naq
from tests.integration.log import event_when, events_of

pytestmark = pytest.mark.nats


async def ended(client: AsyncClient, worker: WorkerFactory, **options: Any) -> Job:
    """A job that has completed and is told."""
    job = await client.enqueue(tasks.add, 1, 2, **options)
    async with worker():
        await job.result(timeout=10)
        await event_when(client, lambda event: event.type == "COMPLETED" and event.job_id == job.job_id)
    return job


def found(verdict: Verdict) -> list[tuple[str, str, str]]:
    return [(finding.entity, finding.id, finding.found) for finding in verdict.findings]


async def test_a_system_in_every_state_is_clean(client: AsyncClient, settings: Settings, worker: WorkerFactory) -> None:
    await client.schedule(tasks.add, 1, 2, interval=3600, schedule_id="hourly")
    await client.pause_scheduled_job("hourly")
    await client.enqueue_in(3600, tasks.add, 3, 4)
    await client.pause_queue("held")
    held = await client.enqueue(tasks.add, 1, 1, queue_name="held")
    await client.enqueue(tasks.add, 1, 1, queue_name="held", depends_on=held)
    purged = await client.enqueue(tasks.add, 1, 1, queue_name="purged")
    await client.purge_queue("purged")
    failing = await client.enqueue(tasks.fail, "now", max_retries=1, retry_delay=60)
    async with worker():
        slow = await client.enqueue(tasks.sleep, 30)
        for kind, job in (("RETRY_SCHEDULED", failing), ("STARTED", slow)):
            await event_when(client, lambda e, kind=kind, job=job: (e.type, e.job_id) == (kind, job.job_id))  # type: ignore[misc]
        code, out, _ = await run_naq(settings, "doctor", "--verify", "--json")
        verdict = json.loads(out)
        assert (code, verdict["clean"], verdict["findings"], verdict["moving"]) == (0, True, [], 0)
        assert verdict["jobs"] == {"CANCELLED": 1, "PENDING": 2, "RETRY": 1, "RUNNING": 1}
        assert (verdict["schedules"], verdict["workers"]) == (2, 1)
        await client.cancel(slow.job_id)
    assert found(await verify(client.connection)) == []
    assert (await client.results.get_record(purged.job_id)) is not None


async def test_a_system_at_work_is_clean(client: AsyncClient, worker: WorkerFactory) -> None:
    async with worker(concurrency=50):
        jobs = []
        for _ in range(5):
            jobs += await client.enqueue_many([(tasks.sleep, (0.01,))] * 100)
            assert found(await verify(client.connection)) == []
        await asyncio.gather(*(job.result(timeout=20) for job in jobs))


async def test_a_result_that_vanished(client: AsyncClient, settings: Settings, worker: WorkerFactory) -> None:
    job = await ended(client, worker)
    await client.results.bucket.delete(job.job_id)
    code, out, _ = await run_naq(settings, "doctor", "--verify")
    assert code == 1
    assert job.job_id in out
    assert "no record" in out


async def test_a_deleted_result_and_an_expired_one_are_no_findings(client: AsyncClient, worker: WorkerFactory) -> None:
    deleted = await ended(client, worker)
    await client.delete_job(deleted.job_id)
    assert found(await verify(client.connection)) == []
    if client.connection.server_version < (2, 11, 0):
        pytest.skip("a result of its own lifetime needs nats-server 2.11")
    expiring = await ended(client, worker, result_ttl=1)

    assert client.topology is not None
    if client.topology.has_message_ttl:  # else it expires with the bucket's own age
        async with asyncio.timeout(10):
            while await client.results.bucket.get(expiring.job_id) is not None:  # noqa: ASYNC110
                await asyncio.sleep(0.1)  # nobody is told of what expires
    assert found(await verify(client.connection)) == []


async def test_records_that_say_something_else(client: AsyncClient, worker: WorkerFactory) -> None:
    changes: list[dict[str, Any]] = [{"status": "FAILED"}, {"attempt": 2}, {"worker_id": "w-9"}, {"started_seq": 1}]
    told = ["FAILED", "attempt 2", "w-9", "its record names 1"]
    jobs = await client.enqueue_many([(tasks.add, (1, 2))] * len(changes))
    left = {job.job_id for job in jobs}
    async with worker():
        await event_when(client, lambda e: e.type == "COMPLETED" and not (left.discard(e.job_id or "") or left))
    for job, change in zip(jobs, changes, strict=True):
        record = await client.results.get_record(job.job_id)
        assert record is not None
        await client.results.bucket.put(job.job_id, replace(record, **change).to_wire())
        await client.results.bucket.put("stray", replace(record, job_id="stray").to_wire())
    assert sorted(found(await verify(client.connection))) == [
        *sorted(("job", job.job_id, what) for job, what in zip(jobs, told, strict=True)),
        ("job", "stray", "a record (COMPLETED) and no event"),
    ]


async def test_a_job_that_is_nowhere(client: AsyncClient) -> None:
    job = await client.enqueue(tasks.add, 1, 2)
    await client.connection.api(f"STREAM.PURGE.{client.connection.names.jobs}")
    ((entity, name, told),) = found(await verify(client.connection))
    assert (entity, name) == ("job", job.job_id)
    assert told.startswith("ENQUEUED and no job")


async def test_events_that_cannot_be(client: AsyncClient, worker: WorkerFactory) -> None:
    job = await ended(client, worker)
    (start,) = [event for event in await events_of(client, job.job_id) if event.type == "STARTED"]
    await client.events.write(replace(start, id="again"))
    await client.events.write(JobEvent.of(JobEventType.WORKER_STOPPED, worker_id="nobody"))
    assert found(await verify(client.connection)) == [
        ("job", job.job_id, f"STARTED by {start.worker_id}"),
        ("job", job.job_id, f"an event of {start.worker_id}"),
        ("worker", "nobody", "WORKER_STOPPED"),
    ]


async def test_schedules_workers_and_queues_that_differ(client: AsyncClient) -> None:
    schedule = await client.schedule(tasks.add, 1, 2, interval=3600, schedule_id="hourly")
    await client.schedules.bucket.put("hourly", replace(schedule, run_count=7).to_wire())
    await client.schedules.bucket.put("unheard", replace(schedule, schedule_id="unheard").to_wire())
    await client.pause_queue("q")
    await client.queue_control._bucket.delete("queue.q")
    await client.events.write(JobEvent.of(JobEventType.WORKER_STARTED, worker_id="w-1"))
    assert sorted(found(await verify(client.connection))) == [
        ("queue", "q", "open"),
        ("schedule", "hourly", "7"),
        ("schedule", "unheard", "a record (ACTIVE) and no event"),
        ("worker", "w-1", "no record (last event 3)"),
    ]


async def test_hostile_records_stop_nothing(client: AsyncClient, settings: Settings, worker: WorkerFactory) -> None:
    await ended(client, worker)
    names = client.connection.names
    await client.connection.outbox.publish(f"{names.prefix}.events.job.started.q", b"\xff no event")
    await client.connection.outbox.publish(
        f"{names.prefix}.events.job.started.q", b'{"type": "STARTED", "attempt": []}'
    )
    for bucket in (client.results.bucket, client.schedules.bucket):
        await bucket.put("hostile", b"{]")
    code, out, err = await run_naq(settings, "doctor", "--verify")
    assert (code, err) == (0, "")
    assert "1 records of the log are no events" in out
    assert "1 results can't be read" in out


async def test_a_server_without_naq_is_one_line(settings: Settings) -> None:
    code, out, err = await run_naq(settings, "doctor", "--verify")
    assert (code, out) == (1, "")
    assert err.startswith("naq: STREAM.INFO.")
    assert len(err.splitlines()) == 1
