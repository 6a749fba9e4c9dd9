"""Two versions on one server: what a newer one stored survives an older one, and streams of an older one are used."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from naq import backlog, codec
from naq.client import AsyncClient
from naq.doctor.verify import verify
from naq.errors import NaqException
from naq.examples import tasks
from naq.kv import Bucket
from naq.limits import ConcurrencyLimit
from naq.settings import Settings
from naq.topology import stream_configs
from naq.worker import Worker
from tests.conftest import WorkerFactory, run_naq
from tests.integration.log import all_events, event_when, events_of
from tests.integration.schedulers import record_when, running_scheduler

pytestmark = pytest.mark.nats

NEWER = {"v": 2, "sugar": {"lumps": [2, None]}}
"""What a version to come might add to any record."""

SINCE = ("allow_msg_ttl", "allow_atomic", "allow_batched", "duplicate_window", "deny_delete", "deny_purge")
"""Settings that streams of an older version lack."""


async def stored(bucket: Bucket, key: str) -> dict[str, Any]:
    entry = await bucket.get(key)
    assert entry is not None
    record: dict[str, Any] = json.loads(entry.value)
    return record


def is_kept(record: dict[str, Any]) -> bool:
    return NEWER.items() <= record.items()


async def put_job(client: AsyncClient, **record: Any) -> None:
    await client.connection.outbox.publish(client.connection.names.queue_subject("default"), codec.dumps(record))


async def test_a_schedule_of_a_newer_version_is_changed_and_fired_without_loss(
    client: AsyncClient, settings: Settings
) -> None:
    schedule = await client.schedule(tasks.add, 1, 2, interval=3600, schedule_id="tea")
    bucket = client.schedules.bucket
    record = await stored(bucket, "tea")
    newer = {**record, **NEWER, "job": {**record["job"], **NEWER}}
    await bucket.update("tea", codec.dumps(newer), revision=schedule.revision)
    await client.modify_scheduled_job("tea", interval=1, timeout=9.0)
    await client.pause_scheduled_job("tea")
    await client.resume_scheduled_job("tea")
    async with running_scheduler(settings):
        fired = await record_when(client, "tea", lambda schedule: schedule.run_count > 0)
        await client.cancel_scheduled_job("tea")
    kept = await stored(bucket, "tea")
    assert (kept["status"], kept["interval_s"], kept["job"]["timeout"]) == ("CANCELLED", 1, 9.0)
    assert is_kept(kept)
    assert is_kept(kept["job"])
    job = await backlog.find_job(client.connection, fired.last_job_id or "")
    assert job is not None
    assert is_kept(json.loads(job.data))


async def test_a_status_of_a_newer_version_is_refused_with_its_name(client: AsyncClient, settings: Settings) -> None:
    schedule = await client.schedule(tasks.add, 1, 2, interval=3600, schedule_id="tea")
    bucket = client.schedules.bucket
    newer = {**await stored(bucket, "tea"), **NEWER, "status": "STEEPING"}
    await bucket.update("tea", codec.dumps(newer), revision=schedule.revision)
    with pytest.raises(NaqException, match="schedule 'tea' is steeping, so it can't be paused"):
        await client.pause_scheduled_job("tea")
    with pytest.raises(NaqException, match="schedule 'tea' exists"):
        await client.schedule(tasks.add, 3, 4, interval=1, schedule_id="tea")
    code, out, _ = await run_naq(settings, "schedules")
    assert code == 0
    assert "steeping" in out
    assert await stored(bucket, "tea") == newer


async def test_a_job_of_a_newer_version_runs_and_its_payload_is_kept_whole(
    client: AsyncClient, worker: WorkerFactory
) -> None:
    await put_job(client, job_id="tea", function="naq.examples.tasks:fail", args=["cold"], queue="default", **NEWER)
    results = client.results.bucket
    async with worker():
        await event_when(client, lambda event: (event.type, event.job_id) == ("FAILED", "tea"))
        assert is_kept((await stored(results, "tea"))["job"])
        failed = await results.get("tea")
        assert failed is not None
        record = json.loads(failed.value)
        await results.update("tea", codec.dumps({**record, **NEWER}), revision=failed.revision)
        await client.retry_job("tea", reason="once more")
        await event_when(client, lambda event: (event.type, event.job_id, event.attempt) == ("FAILED", "tea", 2))
    again = await stored(results, "tea")
    assert (again["status"], again["attempt"]) == ("FAILED", 2)
    assert is_kept(again)
    assert is_kept(again["job"])


async def test_what_only_a_newer_version_understands_is_left_to_it(
    client: AsyncClient, worker: WorkerFactory, caplog: pytest.LogCaptureFixture
) -> None:
    """A limit of an unknown kind, and a job whose record says what only a newer version can mean."""
    limited = {"limits": [{"kind": "moon", "key": "x"}], **NEWER}
    await put_job(client, job_id="by-moon", function="naq.examples.tasks:echo", args=[1], queue="default", **limited)
    record = codec.dumps({**NEWER, "job_id": "steeping", "status": "STEEPING"})
    await client.results.bucket.create("steeping", record)
    await put_job(client, job_id="steeping", function="naq.examples.tasks:echo", args=[1], queue="default")
    async with worker():
        job = await client.enqueue(tasks.add, 1, 2)
        assert await job.result(timeout=15) == 3
        async with asyncio.timeout(15):
            while "by-moon" not in caplog.text or "only a newer version knows" not in caplog.text:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    assert await stored(client.results.bucket, "steeping") == json.loads(record)
    assert await events_of(client, "by-moon") == await events_of(client, "steeping") == []
    (queue,) = await client.list_queues()
    assert queue.waiting + queue.running == 2, "both are still there for a newer worker"


async def test_streams_of_an_older_version_are_used_as_they_are(client: AsyncClient, settings: Settings) -> None:
    """No message TTL, no batches, another discard: until somebody asks for the repair."""
    old = settings.with_(prefix=f"{settings.prefix}o")
    configs = []
    for config in stream_configs(client.connection):
        name = config["name"].replace(settings.prefix, old.prefix)
        subjects = [subject.replace(settings.prefix, old.prefix) for subject in config["subjects"]]
        lean = {key: value for key, value in config.items() if key not in SINCE}
        configs.append({**lean, "name": name, "subjects": subjects, "discard": "old"})
        await client.connection.api(f"STREAM.CREATE.{name}", configs[-1])
    async with AsyncClient(old) as opened:
        before = {each["name"]: await opened.connection.api(f"STREAM.INFO.{each['name']}") for each in configs}
        instance = Worker(["default"], modules=["naq.examples.tasks"], settings=old)
        running = asyncio.create_task(instance.run())
        plain = await opened.enqueue(tasks.add, 1, 2, result_ttl=60, unique="one", tags=["a"])
        many = await opened.enqueue_many(
            [(tasks.add, (number, 1)) for number in range(20)], limits=[ConcurrencyLimit("few", 2)]
        )
        child = await opened.enqueue(tasks.add, 5, 5, depends_on=[plain])
        assert await plain.result(timeout=15) == 3
        assert [await job.result(timeout=15) for job in many] == [number + 1 for number in range(20)]
        assert await child.result(timeout=15) == 10
        await event_when(opened, lambda event: (event.type, event.job_id) == ("COMPLETED", child.job_id))
        instance.stop()
        await running
        assert (await verify(opened.connection)).findings == ()
        for name, answer in before.items():
            now = await opened.connection.api(f"STREAM.INFO.{name}")
            assert now["config"] == answer["config"], "nobody asked for a change"
        code, out, _ = await run_naq(old, "doctor")
        assert code == 1
        assert "discard is old, not new" in out
        assert "naq doctor --repair" in out
        code, out, _ = await run_naq(old, "doctor", "--repair")
        assert code == 0, out
        assert "discard from old to new" in out
        told = [each.event for each in await all_events(opened) if each.event is not None]
        repaired = {(event.details or {}).get("of") for event in told if event.type == "OPERATOR_ACTION"}
        assert opened.connection.names.jobs in repaired
        code, out, _ = await run_naq(old, "doctor", "--json")
        checks = [json.loads(line) for line in out.splitlines()]
        assert [each for each in checks if each["level"] == "problem"] == []


async def test_a_bucket_without_direct_reads_is_told_and_mended_on_demand(
    client: AsyncClient, settings: Settings
) -> None:
    stream = client.results.bucket.stream
    config = (await client.connection.api(f"STREAM.INFO.{stream}"))["config"]
    await client.connection.api(f"STREAM.UPDATE.{stream}", {**config, "allow_direct": False})
    with pytest.raises(NaqException, match="it is missing or allows no direct reads"):
        await client.results.get_record("any")
    code, out, _ = await run_naq(settings, "doctor")
    assert code == 1
    assert "allow_direct is False, not True" in out
    code, out, _ = await run_naq(settings, "doctor", "--repair")
    assert "allow_direct from False to True" in out, out
    assert await client.results.get_record("any") is None
