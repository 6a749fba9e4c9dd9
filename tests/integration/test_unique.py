"""One job per key and per given id, also across crashes."""

from __future__ import annotations

import asyncio
import json
import sys

import pytest

from naq import uniqueness
from naq.client import AsyncClient
from naq.doctor.verify import verify
from naq.errors import ConfigurationError, EnqueueError, NaqConnectionError
from naq.examples import tasks
from naq.kv import Bucket
from naq.models.job import Job
from naq.outbox import PublishAck, StorageRefusedError
from naq.queue import Queue
from naq.settings import Settings
from tests.conftest import WorkerFactory, child, environment_of, run_naq
from tests.integration.log import all_events, event_when, events_of

KILLED_BEFORE_THE_JOB = """
import asyncio, os, signal, sys
from naq.client import AsyncClient
from naq.queue import Queue

async def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

Queue._send_event = die

async def main():
    async with AsyncClient() as client:
        await client.enqueue("naq.examples.tasks:add", 1, 2, **eval(sys.argv[1]))

asyncio.run(main())
"""


async def killed_producer(settings: Settings, **options: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED_BEFORE_THE_JOB, repr(options), env=environment_of(settings)
    )
    assert await process.wait() == -9


async def claims(client: AsyncClient) -> list[str]:
    return sorted(e.key for e in await Bucket(client.connection, client.connection.names.unique).entries())


async def enqueued(client: AsyncClient) -> list[str]:
    return [s.event.job_id or "" for s in await all_events(client) if s.event and s.event.type == "ENQUEUED"]


async def test_one_job_per_key_until_it_has_ended(client: AsyncClient, worker: WorkerFactory) -> None:
    first = await client.enqueue(tasks.add, 1, 2, unique="report:7/é")
    again = await asyncio.gather(*(client.enqueue(tasks.add, 1, 2, unique="report:7/é") for _ in range(5)))
    assert not first.is_duplicate
    assert all(job.is_duplicate and job.job_id == first.job_id for job in again)
    assert await enqueued(client) == [first.job_id]
    (told,) = await events_of(client, first.job_id)
    assert told.details == {"unique": "report:7/é"}
    async with worker():
        assert await again[0].result(timeout=10) == 3
    assert await claims(client) == [], "the worker lets go of the key of a job that has ended"
    later = await client.enqueue(tasks.add, 3, 4, unique="report:7/é")
    assert not later.is_duplicate
    assert later.job_id != first.job_id


async def test_of_many_callers_at_once_one_gets_through(settings: Settings) -> None:
    clients = [AsyncClient(settings) for _ in range(5)]
    await asyncio.gather(*(client.open() for client in clients))
    try:
        jobs = await asyncio.gather(
            *(client.enqueue(tasks.add, 1, 2, unique="k") for client in clients for _ in range(4))
        )
        assert len({job.job_id for job in jobs}) == 1
        assert sum(not job.is_duplicate for job in jobs) == 1
        assert len(await enqueued(clients[0])) == 1
    finally:
        await asyncio.gather(*(client.close() for client in clients))


async def test_a_retried_job_keeps_its_key(client: AsyncClient, worker: WorkerFactory) -> None:
    async with worker():
        first = await client.enqueue(tasks.fail, unique="k", max_retries=1, retry_delay=1.0)
        await event_when(client, lambda event: event.type == "RETRY_SCHEDULED")
        second = await client.enqueue(tasks.add, 1, 2, unique="k")
        assert (second.is_duplicate, second.job_id) == (True, first.job_id)
        await event_when(client, lambda event: event.type == "FAILED")
    third = await client.enqueue(tasks.add, 1, 2, unique="k")
    assert not third.is_duplicate


async def test_a_key_taken_for_a_period_outlives_its_job(client: AsyncClient, worker: WorkerFactory) -> None:
    first = await client.enqueue(tasks.add, 1, 2, unique="k", unique_for=1.5)
    until = asyncio.get_running_loop().time() + 1.5
    async with worker():
        assert await first.result(timeout=10) == 3
    second = await client.enqueue(tasks.add, 1, 2, unique="k", unique_for=1.5)
    assert (second.is_duplicate, second.job_id) == (True, first.job_id)
    await asyncio.sleep(max(0.0, until - asyncio.get_running_loop().time()) + 0.05)  # the period itself is the claim
    assert not (await client.enqueue(tasks.add, 1, 2, unique="k", unique_for=1.5)).is_duplicate


async def test_a_purged_job_frees_its_key(client: AsyncClient) -> None:
    first = await client.enqueue(tasks.add, 1, 2, unique="k")
    assert (await client.enqueue(tasks.add, 1, 2, unique="k")).is_duplicate
    await client.purge_queue()
    second = await client.enqueue(tasks.add, 1, 2, unique="k")
    assert (second.is_duplicate, second.job_id != first.job_id) == (False, True)


async def test_a_given_id_is_one_job_with_and_without_result(
    client: AsyncClient, worker: WorkerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await client.enqueue(tasks.add, 1, 2, job_id="order-7")
    # beyond the server's own memory of message ids: each call sends another one
    original = type(client.connection.outbox).send
    count = iter(range(100))

    async def other_id(self, subject, data, *, msg_id=None, **options):  # type: ignore[no-untyped-def]
        return await original(self, subject, data, msg_id=f"{msg_id}:{next(count)}", **options)

    monkeypatch.setattr(type(client.connection.outbox), "send", other_id)
    assert (await client.enqueue(tasks.add, 1, 2, job_id="order-7")).is_duplicate
    monkeypatch.undo()
    async with worker():
        assert await first.result(timeout=10) == 3
    assert await claims(client) == []
    monkeypatch.setattr(type(client.connection.outbox), "send", other_id)
    assert (await client.enqueue(tasks.add, 1, 2, job_id="order-7")).is_duplicate, "it has a result"
    assert await enqueued(client) == ["order-7"]
    assert await claims(client) == []
    (queue,) = await client.list_queues()
    assert queue.waiting == 0


async def test_a_generated_id_costs_no_claim(client: AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_args: object, **_options: object) -> None:
        raise AssertionError("a plain job asked for a claim")

    monkeypatch.setattr(uniqueness.Uniqueness, "claim", never)
    job = await client.enqueue(tasks.add, 1, 2)
    assert await enqueued(client) == [job.job_id]


async def test_a_producer_killed_between_claim_and_job_does_not_block_for_ever(
    client: AsyncClient, settings: Settings, worker: WorkerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    await killed_producer(settings, unique="k")
    assert await claims(client) == ["key.k"]
    assert await enqueued(client) == []
    assert (await client.enqueue(tasks.add, 1, 2, unique="k")).is_duplicate, "within the grace it may still come"
    monkeypatch.setattr(uniqueness, "GRACE_S", 0.0)
    job = await client.enqueue(tasks.add, 1, 2, unique="k")
    assert not job.is_duplicate
    async with worker():
        assert await job.result(timeout=10) == 3


async def test_a_given_id_whose_producer_was_killed_is_enqueued_by_the_next_call_at_once(
    client: AsyncClient, settings: Settings, worker: WorkerFactory
) -> None:
    await killed_producer(settings, job_id="order-8")
    assert await claims(client) == ["job.order-8"]
    job = await client.enqueue(tasks.add, 1, 2, job_id="order-8")
    assert not job.is_duplicate
    async with worker():
        assert await job.result(timeout=10) == 3
    assert await claims(client) == []


def without_word(monkeypatch: pytest.MonkeyPatch, *, stored: bool) -> None:
    """The server falls silent as a job is sent: it has stored it, or not."""
    original = Queue._send_job

    async def send(self: Queue, job: Job, data: bytes, patience_s: float | None) -> asyncio.Future[PublishAck]:
        if stored:
            await (await original(self, job, data, patience_s))
        answer = asyncio.get_running_loop().create_future()
        answer.set_exception(NaqConnectionError("made up: no answer"))
        return answer

    monkeypatch.setattr(Queue, "_send_job", send)


async def test_a_key_stays_taken_by_a_job_that_may_be_stored(
    client: AsyncClient, worker: WorkerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_word(monkeypatch, stored=True)
    with pytest.raises(EnqueueError, match="no answer"):
        await client.enqueue(tasks.add, 1, 2, unique="k")
    monkeypatch.undo()
    (first,) = await enqueued(client)
    second = await client.enqueue(tasks.add, 1, 2, unique="k")
    assert (second.is_duplicate, second.job_id) == (True, first), "it waits, and will run"
    async with worker():
        assert await second.result(timeout=10) == 3
    assert await claims(client) == []
    assert not (await client.enqueue(tasks.add, 1, 2, unique="k")).is_duplicate
    verdict = await verify(client.connection)
    assert (verdict.findings, verdict.jobs) == ((), {"COMPLETED": 1, "PENDING": 1})


async def test_a_key_is_free_at_once_where_the_job_was_not_stored_after_all(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_word(monkeypatch, stored=False)
    with pytest.raises(EnqueueError, match="no answer"):
        await client.enqueue(tasks.add, 1, 2, unique="k")
    monkeypatch.undo()
    assert await claims(client) == ["key.k"]
    second = await client.enqueue(tasks.add, 1, 2, unique="k")
    assert not second.is_duplicate, "nobody waits for a job that will never be"
    assert (await client.enqueue(tasks.add, 1, 2, unique="k")).job_id == second.job_id
    verdict = await verify(client.connection)
    assert (verdict.findings, verdict.jobs) == ((), {"CANCELLED": 1, "PENDING": 1})


@pytest.mark.parametrize("stored", [True, False])
async def test_a_given_id_that_may_be_stored_is_one_job_however_late_it_is_sent_again(
    client: AsyncClient, worker: WorkerFactory, monkeypatch: pytest.MonkeyPatch, stored: bool
) -> None:
    without_word(monkeypatch, stored=stored)
    with pytest.raises(EnqueueError, match="no answer"):
        await client.enqueue(tasks.add, 1, 2, job_id="order-9")
    monkeypatch.undo()
    original = type(client.connection.outbox).send

    async def other_id(self, subject, data, *, msg_id=None, **options):  # type: ignore[no-untyped-def]
        return await original(self, subject, data, msg_id=f"{msg_id}:late", **options)

    monkeypatch.setattr(type(client.connection.outbox), "send", other_id)  # the server has forgotten the first
    again = await client.enqueue(tasks.add, 1, 2, job_id="order-9")
    assert again.is_duplicate is stored
    (queue,) = await client.list_queues()
    assert queue.waiting == 1
    async with worker():
        assert await again.result(timeout=10) == 3
    assert await claims(client) == []
    assert (await verify(client.connection)).findings == ()


async def test_a_job_that_is_surely_refused_frees_its_key(client: AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(*_: object) -> asyncio.Future[PublishAck]:
        answer = asyncio.get_running_loop().create_future()
        answer.set_exception(StorageRefusedError("made up: maximum bytes exceeded"))
        return answer

    monkeypatch.setattr(Queue, "_send_job", refused)
    with pytest.raises(EnqueueError, match="maximum bytes"):
        await client.enqueue(tasks.add, 1, 2, unique="k", job_id="order-10")
    assert await claims(client) == []


async def test_a_claim_nobody_released_is_taken_over(
    client: AsyncClient, worker: WorkerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def killed_before(_self: object, _job: Job) -> None:
        return None

    monkeypatch.setattr(uniqueness.Uniqueness, "release", killed_before)
    async with worker():
        first = await client.enqueue(tasks.add, 1, 2, unique="k")
        assert await first.result(timeout=10) == 3
        await event_when(client, lambda event: event.type == "COMPLETED")
    assert await claims(client) == ["key.k"]
    second = await client.enqueue(tasks.add, 1, 2, unique="k")
    assert not second.is_duplicate


async def test_a_scheduled_unique_job_joins_the_one_that_waits(client: AsyncClient, settings: Settings) -> None:
    first = await client.enqueue(tasks.add, 1, 2, unique="k")
    await client.enqueue_in(0.1, tasks.add, 1, 2, unique="k")
    await client.enqueue_in(0.1, tasks.add, 3, 4, unique="other")
    async with child(settings, "scheduler"):
        triggered = [
            await event_when(client, lambda e: e.type == "SCHEDULE_TRIGGERED" and e.job_id == first.job_id),
            await event_when(client, lambda e: e.type == "SCHEDULE_TRIGGERED" and e.job_id != first.job_id),
        ]
    assert [(event.details or {}).get("duplicate") for event in triggered] == [True, None]
    assert sorted(await enqueued(client)) == sorted([first.job_id, triggered[1].job_id])


async def test_the_command_line_tells_of_a_duplicate(client: AsyncClient, settings: Settings) -> None:
    call = ["enqueue", "naq.examples.tasks:add", "1", "2", "--unique", "k", "--at-once", "c=1", "--rate", "a:b=5/2"]
    code, out, err = await run_naq(settings, *call, "--json")
    assert code == 0, err
    first = json.loads(out)
    assert "duplicate" not in first
    code, out, _ = await run_naq(settings, *call, "--json")
    second = json.loads(out)
    assert (code, second["duplicate"], second["job_id"]) == (0, "true", first["job_id"])
    code, _, err = await run_naq(settings, *call[:4], "--rate", "a=x")
    assert (code, "like api:x=10/1" in err) == (2, True)


async def test_wrong_uses_are_refused(client: AsyncClient) -> None:
    with pytest.raises(ConfigurationError, match="one at a time"):
        await client.enqueue_many([(tasks.add, (1, 2))], unique="k")
    with pytest.raises(ConfigurationError, match="give the key too"):
        await client.enqueue(tasks.add, 1, 2, unique_for=5)
    with pytest.raises(ConfigurationError, match="1 to 100"):
        await client.enqueue(tasks.add, 1, 2, unique="")
    assert await enqueued(client) == []
