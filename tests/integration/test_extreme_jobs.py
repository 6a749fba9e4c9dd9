"""Jobs that anybody may write with options no producer of ours would: each comes to an end, and the worker stays."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from naq.calls import Call
from naq.client import AsyncClient
from naq.errors import ConfigurationError, EnqueueError, NaqException
from naq.examples import tasks
from naq.middleware import add_enqueue_hook, remove_enqueue_hook
from naq.models.job import Job
from naq.settings import Settings
from tests.conftest import WorkerFactory
from tests.integration.log import all_events, event_when
from tests.integration.schedulers import running_scheduler

pytestmark = pytest.mark.nats

BIG = (1e308, -1e308, 2**63, 2**64 - 1, -1, 0, 1e-320)
DEEP = json.loads("[" * 240 + "]" * 240)
EXTREMES: list[dict[str, Any]] = [
    *({"timeout": number} for number in BIG),
    *({"result_ttl": number} for number in BIG),
    *({"unique": "k", "unique_for": number} for number in BIG),
    *({"max_retries": number, "function": "naq.examples.tasks:missing"} for number in (2**63, -1, 1e308, True)),
    *({"max_retries": 1, "retry_delay": number} for number in (1e308, -1, [], [[]], "soon", None)),
    *({"earlier_attempts": number, "retry_seqs": [number]} for number in BIG),
    {"args": [DEEP, 1]},
    {"args": [1, {"$naq": "int", "v": "0x" + "f" * 10_000}]},
    {"args": [1, {"$naq": "decimal", "v": "1e999999999"}]},
    {"args": [1, {"$naq": "dataclass", "class": "os:_Environ", "v": {}}]},
    {"kwargs": {"\ud7ff\u202e": 1}},
    {"tags": ["\x1b[2J"] * 1_000, "headers": {"a\r\nb": "c\r\nd", "": ""}},
    {"limits": [{"kind": "rate", "key": "k", "count": 10**6, "per": 1e-300}]},
    {"limits": [{"kind": "rate", "key": "\x00*.>", "count": 5, "per": 1.0}]},
    {"limits": [{"kind": "both"}]},
    {"enqueued_at": "0001-01-01T00:00:00Z"},
    {"enqueued_at": "9999-12-31T23:59:59.999999Z"},
    {"depends_on": ["*", ">", "a b", "x" * 9_000], "pass_results": "list"},
    {"on_success": "os:system", "on_failure": "\x00:\x00"},
    {"schedule_id": "*.>", "born_on": "\x1b"},
    {"on_success": "x" * 5_000},
]


async def test_extreme_options_end_and_stop_nobody(client: AsyncClient, worker: WorkerFactory) -> None:
    subject = client.connection.names.queue_subject("default")
    for number, extreme in enumerate(EXTREMES):
        job = {"job_id": f"x-{number}", "function": "naq.examples.tasks:add", "args": [1, 2], "kwargs": {}, **extreme}
        await client.connection.outbox.publish(subject, json.dumps({"v": 1, **job}).encode())
    async with worker():
        assert await (await client.enqueue(tasks.add, 1, 2)).result(timeout=10) == 3
        ended: set[int] = set()
        async with asyncio.timeout(30):
            while len(ended) < len(EXTREMES):
                for event in [stored.event for stored in await all_events(client) if stored.event is not None]:
                    # what is no job at all is told by its place in the stream
                    name, _, number = (event.job_id or "").partition("-")
                    if event.type in ("COMPLETED", "FAILED", "CANCELLED") and number.isdigit():
                        ended.add(int(number) - (name == "malformed"))
                await asyncio.sleep(0.1)
        assert ended == set(range(len(EXTREMES)))
        assert await (await client.enqueue(tasks.add, 2, 2)).result(timeout=10) == 4


async def test_extreme_schedules_stop_no_scheduler(
    client: AsyncClient, worker: WorkerFactory, settings: Settings
) -> None:
    job = {"job_id": "j", "function": "naq.examples.tasks:add", "args": [1, 2], "kwargs": {}}
    good = {"schedule_id": "s", "function": job["function"], "job": job, "queue": "default", "status": "ACTIVE"}
    due = {"next_run_at": "2026-11-24T14:00:00Z"}
    extremes: list[dict[str, Any]] = [
        {"interval_s": 1e-320, **due},
        {"interval_s": 1e-16, "anchor_at": "0001-01-01T00:00:00Z", **due},
        {"interval_s": 60.0, "jitter_s": 1e308, **due},
        {"interval_s": 60.0, "misfire_grace_s": 1e308, **due},
        {"interval_s": 0.001, "misfire": "run_all", "next_run_at": "0001-01-01T00:00:00Z", "repeat": 1},
        {"cron": "* * * * * *", "next_run_at": "0001-01-01T00:00:00Z", "repeat": 1},
        {"cron": "0 0 31 2 *", **due},
        {"cron": "\x1b[2J", "timezone": "../../etc/passwd", **due},
        {"interval_s": 60.0, "start_at": "9999-12-31T23:59:59Z", **due},
        {"run_at": "9999-12-31T23:59:59Z", "next_run_at": "9999-12-31T23:59:59Z", "jitter_s": 9.0},
    ]
    for number, extreme in enumerate(extremes):
        record = json.dumps({**good, "schedule_id": f"x-{number}", **extreme}).encode()
        await client.connection.outbox.publish(f"$KV.{client.connection.names.schedules}.x-{number}", record)
    async with worker(), running_scheduler(settings):
        await client.schedule(tasks.add, 1, 2, interval=0.1, repeat=1, schedule_id="good")
        await event_when(client, lambda e: e.type == "COMPLETED" and (e.job_id or "").startswith("good"))
        for refused in (0, 1, 6, 7):
            await event_when(client, lambda e, n=refused: e.type == "SCHEDULE_FAILED" and e.schedule_id == f"x-{n}")  # type: ignore[misc]


def too_much(job: Job) -> None:
    job.headers = {"baggage": "x" * 2**23}


async def test_what_is_larger_than_the_server_takes_is_refused_with_the_limit(client: AsyncClient) -> None:
    limit = client.connection.max_payload
    half, text = "x" * (limit // 2), f"{limit:,}"
    first = await client.enqueue(tasks.add, 1, 2)
    parents = [replace(first, job_id=f"{'p' * 120}{number:08}") for number in range(limit // 125)]

    async def refused(**options: Any) -> None:
        with pytest.raises(EnqueueError) as error:
            await client.enqueue("naq.examples.tasks:add", *options.pop("args", (1, 2)), **options)
        assert text in str(error.value), str(error.value)
        assert len(str(error.value)) < 1_000
        assert error.value.exit_code == 1

    await refused(args=(half, half))
    await refused(args=(1,), b="x" * limit)
    await refused(args=(b"x" * limit, 2))
    await refused(unique="k", args=("x" * limit, 2))
    with pytest.raises(EnqueueError, match=text):
        await client.enqueue(tasks.add, 1, 2, depends_on=parents)
    with pytest.raises(EnqueueError, match=text):
        await client.enqueue_many([Call(tasks.add, (1, 2)), Call(tasks.add, (half + half, 2))])
    with pytest.raises(NaqException, match=text):
        await client.schedule(tasks.add, half + half, 2, interval=60.0)
    with pytest.raises(ConfigurationError) as error:
        await client.enqueue(tasks.add, 1, 2, tags=["t" * limit])
    assert len(str(error.value)) < 1_000
    add_enqueue_hook(too_much)
    try:
        await refused()
    finally:
        remove_enqueue_hook(too_much)
    events = await all_events(client)
    assert [stored.event.job_id for stored in events if stored.event is not None] == [first.job_id], (
        "nothing was stored, and the log tells of nothing"
    )
