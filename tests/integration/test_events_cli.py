"""`naq events`: filters, following, readers that go away, and that it changes nothing."""

from __future__ import annotations

import asyncio
import json
import signal
import sys

import pytest

from naq import eventquery
from naq.client import AsyncClient
from naq.connection import Connection
from naq.eventquery import EventQuery
from naq.examples import tasks
from naq.jetstream import JetStreamError
from naq.models.event import JobEvent, JobEventType
from naq.models.times import format_time
from naq.settings import Settings
from tests.conftest import WorkerFactory, child, environment_of, run_naq
from tests.integration.log import all_events, event_when

pytestmark = pytest.mark.nats


async def told(settings: Settings, *arguments: str) -> list[dict[str, object]]:
    code, out, err = await run_naq(settings, "events", "--json", *arguments)
    assert (code, err) == (0, "")
    return [json.loads(line) for line in out.splitlines()]


async def test_filters_narrow_together(client: AsyncClient, settings: Settings, worker: WorkerFactory) -> None:
    good = await client.enqueue(tasks.add, 1, 2, queue_name="mail")
    bad = await client.enqueue(tasks.fail, queue_name="other")
    async with worker("mail", "other"):
        assert await good.result(timeout=10) == 3
        await event_when(client, lambda e: e.type == "FAILED")
        await event_when(client, lambda e: e.type == "COMPLETED")
    everything = await told(settings)
    assert [e["seq"] for e in everything] == list(range(1, len(everything) + 1))
    assert [e["job_id"] for e in await told(settings, "--type", "failed")] == [bad.job_id]
    assert [e["type"] for e in await told(settings, "--queue", "mail")] == ["ENQUEUED", "STARTED", "COMPLETED"]
    assert [e["type"] for e in await told(settings, "--job", good.job_id)] == ["ENQUEUED", "STARTED", "COMPLETED"]
    both = await told(settings, "--type", "completed", "--type", "FAILED")
    assert {e["type"] for e in both} == {"COMPLETED", "FAILED"}
    assert await told(settings, "--type", "failed", "--queue", "mail") == []
    assert await told(settings, "--limit", "2") == everything[-2:]
    third = (await all_events(client))[2]
    assert await told(settings, "--since", format_time(third.stored_at)) == everything[2:]
    assert await told(settings, "--since", format_time(third.stored_at), "--limit", "1") == everything[-1:]
    assert await told(settings, "--since", "1h") == everything
    assert await told(settings, "--since", "2999-01-01") == []


async def test_a_type_that_naq_does_not_write_is_told(settings: Settings) -> None:
    told = "naq: naq writes no events of type 'FAILD', did you mean 'FAILED'?\n"
    assert await run_naq(settings, "events", "--type", "faild", "--type", "LOST") == (0, "", told)


async def test_a_rare_event_is_found_behind_many(
    client: AsyncClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(eventquery, "PAGE", 5)
    await client.pause_queue("rare")
    for _ in range(3):
        for number in range(20):
            await client.events.write(JobEvent.of(JobEventType.PROGRESS, job_id=str(number), queue="busy"))
        await client.events.write(JobEvent.of(JobEventType.FAILED, job_id="x", queue="rare"))
    held = await client.log.range()

    async def found(count: int, **wanted: object) -> list[int]:
        query = EventQuery(**wanted)  # type: ignore[arg-type]
        return [stored.seq for stored in await eventquery.newest(client.log, query, count, held)]

    for wanted in ({"queue": "rare"}, {"types": frozenset({"FAILED", "QUEUE_PAUSED"})}):
        assert await found(10, **wanted) == [1, 22, 43, 64]
        assert await found(2, **wanted) == [43, 64]
    assert await found(10, job_id="x") == [22, 43, 64]
    assert await found(0) == []
    assert await found(12) == list(range(53, 65))


async def test_following_goes_on_until_interrupted(client: AsyncClient, settings: Settings) -> None:
    await client.pause_queue("mail")
    async with child(settings, "events", "--follow", "--json", "--queue", "mail") as process:
        assert process.stdout is not None
        async with asyncio.timeout(20):
            assert json.loads(await process.stdout.readline())["type"] == "QUEUE_PAUSED"
            await client.pause_queue("other")
            await client.resume_queue("mail")
            assert json.loads(await process.stdout.readline())["type"] == "QUEUE_RESUMED"
            process.send_signal(signal.SIGINT)
            assert await process.stdout.read() == b"", "an interrupt is quiet"
            assert await process.wait() == 130


@pytest.mark.parametrize("verb", ["events -n 1000", "queues", "--help", "job retry --help"])
async def test_a_reader_that_goes_away_is_no_error(client: AsyncClient, settings: Settings, verb: str) -> None:
    for _ in range(50):
        await client.pause_queue("mail")
        await client.resume_queue("mail")
    command = f"set -o pipefail; {sys.executable} -m naq {verb} | true"
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", command, env=environment_of(settings), stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(20):
        _, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")


async def test_nothing_is_made_to_read_a_log_that_is_not_there(settings: Settings) -> None:
    for arguments in ((), ("--job", "some-job"), ("--since", "1h"), ("--type", "failed")):
        assert await run_naq(settings, "events", *arguments) == (0, "", "")
    async with Connection(settings) as connection:
        with pytest.raises(JetStreamError, match="not found"):
            await connection.api(f"STREAM.INFO.{connection.names.events}")
