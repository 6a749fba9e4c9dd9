"""`naq stats` on a real server: its figures are those of the jobs that ran, and of the log that is there."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from naq.client import AsyncClient
from naq.connection import Connection
from naq.examples import tasks
from naq.figures import RELATIVE_ERROR
from naq.jetstream import JetStreamError
from naq.models.event import JobEvent
from naq.models.times import format_time
from naq.settings import Settings
from tests.conftest import WorkerFactory, run_naq
from tests.integration.log import all_events, event_when

pytestmark = pytest.mark.nats


async def told(settings: Settings, *arguments: str) -> dict[str | None, dict[str, Any]]:
    code, out, err = await run_naq(settings, "stats", "--json", *arguments)
    assert (code, err) == (0, "")
    records = [json.loads(line) for line in out.splitlines()]
    return {record["name"]: record for record in records}


async def ended(client: AsyncClient) -> list[JobEvent]:
    events = [stored.event for stored in await all_events(client)]
    return [event for event in events if event is not None and event.type in ("COMPLETED", "FAILED")]


async def test_the_figures_are_those_of_the_jobs_that_ran(
    client: AsyncClient, settings: Settings, worker: WorkerFactory
) -> None:
    sums = [await client.enqueue(tasks.add, number, 1, queue_name="mail") for number in range(5)]
    await client.enqueue(tasks.fail, queue_name="other")
    await client.enqueue(tasks.add, 1, 1, queue_name="nobody")
    async with worker("mail", "other"):
        assert [await job.result(timeout=10) for job in sums] == [1, 2, 3, 4, 5]
        await event_when(client, lambda event: event.type == "FAILED")
    functions = await told(settings)
    assert list(functions) == sorted(functions, key=lambda name: -functions[name]["run_ms"]["sum"])
    add, fail = functions["naq.examples.tasks:add"], functions["naq.examples.tasks:fail"]
    assert [add[name] for name in ("enqueued", "completed", "failed", "retried", "cancelled")] == [6, 5, 0, 0, 0]
    assert [fail[name] for name in ("enqueued", "completed", "failed", "failed_share")] == [1, 0, 1, 1.0]
    assert add["failed_share"] == 0
    assert add["time_share"] + fail["time_share"] == pytest.approx(1)
    for name in ("run_ms", "wait_ms"):
        exact = sorted(getattr(event, name) for event in await ended(client) if event.function == add["name"])
        assert add[name]["count"] == len(exact) == 5
        assert add[name]["sum"] == pytest.approx(sum(exact), abs=0.01)
        assert add[name]["p50"] == pytest.approx(exact[2], rel=RELATIVE_ERROR, abs=0.001)
        assert add[name]["p99"] == pytest.approx(exact[4], rel=RELATIVE_ERROR, abs=0.001)
    assert sum(step["completed"] for step in add["history"]) == 5
    queues = await told(settings, "--by", "queue")
    assert {name: record["enqueued"] for name, record in queues.items()} == {"mail": 5, "other": 1, "nobody": 1}
    workers = await told(settings, "--by", "worker", "--since", "2h")
    assert [(w["enqueued"], w["completed"], w["failed"]) for w in workers.values()] == [(0, 5, 1)]
    code, out, err = await run_naq(settings, "stats")
    assert (code, err) == (0, "")
    first, titles, *rows = out.splitlines()
    assert first.startswith("13 events of the "), "seven enqueued, six ended"
    assert first.endswith(" UTC, when the log begins")
    assert titles.split()[:5] == ["FUNCTION", "RATE", "DONE", "FAILED", "RETRIED"]
    assert [row.split()[0] for row in rows] == list(functions)


async def test_only_what_was_stored_since(client: AsyncClient, settings: Settings) -> None:
    for name in ("early", "late"):
        for kind in ("ENQUEUED", "COMPLETED"):
            event = JobEvent(type=kind, job_id=name, queue="mail", function=name, run_ms=4.0, wait_ms=1.0)
            await client.events.write(event)
    third = (await all_events(client))[2]
    assert list(await told(settings, "--since", format_time(third.stored_at))) == ["late"]
    assert set(await told(settings, "--since", "30d")) == {"early", "late"}
    code, _, err = await run_naq(settings, "stats", "--since", format_time(third.stored_at + timedelta(days=1)))
    assert (code, "lies in the future" in err, err.count("\n")) == (2, True, 1)


async def test_nothing_is_made_to_read_a_log_that_is_not_there(settings: Settings) -> None:
    assert await run_naq(settings, "stats") == (0, "the log is empty\n", "")
    assert await run_naq(settings, "stats", "--json") == (0, "", "")
    async with Connection(settings) as connection:
        with pytest.raises(JetStreamError, match="not found"):
            await connection.api(f"STREAM.INFO.{connection.names.events}")
