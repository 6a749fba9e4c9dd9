"""A scheduler killed anywhere between firing and saving, really: no run is lost, none is made or counted twice."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from naq.backlog import find_job
from naq.client import AsyncClient
from naq.examples import tasks
from naq.models.schedule import ScheduleStatus
from naq.settings import Settings
from naq.topology import NANOSECONDS, stream_configs
from tests.conftest import WorkerFactory
from tests.integration.log import all_events, event_when, events_of
from tests.integration.schedulers import dies, record_when, running_scheduler, told, triggered
from tests.integration.test_back_pressure import limit

pytestmark = pytest.mark.nats
HOUR = timedelta(hours=1)
POINTS = [
    "before the job",
    "between ENQUEUED and the job",
    "before SCHEDULE_TRIGGERED",
    "before the save",
    "after the save",
]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """A dead leader is followed soon."""
    return replace(settings, lease_s=0.8)


async def due_soon(client: AsyncClient, **options: object) -> datetime:
    """Store a schedule that is due once while the test runs; returns when."""
    start = client.connection.server_now() + timedelta(seconds=0.5)
    made = await client.schedule(tasks.add, 1, 2, interval=HOUR, start_at=start, schedule_id="s", **options)
    assert made.next_run_at is not None
    return made.next_run_at


async def forget_ids_soon(client: AsyncClient) -> None:
    """Have the server remember message ids for a moment only, so that the test need not wait a minute."""
    names = client.connection.names
    for config in stream_configs(client.connection):
        if config["name"] in (names.jobs, names.events):
            await client.connection.api(
                f"STREAM.UPDATE.{config['name']}", {**config, "duplicate_window": NANOSECONDS // 2}
            )


async def ids_are_forgotten(client: AsyncClient) -> None:
    """All message ids that were stored before this call are forgotten when it returns."""
    names, outbox = client.connection.names, client.connection.outbox
    for subject in (names.queue_subject("probe"), names.event_subject("probe", "probe", None)):
        await outbox.publish(subject, b"{}", msg_id="probe")
        async with asyncio.timeout(10):  # the server tells it to nobody
            while (await outbox.publish(subject, b"{}", msg_id="probe")).is_duplicate:  # noqa: ASYNC110
                await asyncio.sleep(0.1)


async def trail(client: AsyncClient, job_id: str) -> list[str]:
    return [event.type for event in await events_of(client, job_id)]


@pytest.mark.parametrize("point", POINTS)
async def test_the_next_leader_makes_the_run_once(
    client: AsyncClient, settings: Settings, worker: WorkerFactory, point: str
) -> None:
    due = await due_soon(client)
    await dies(settings, point)
    async with running_scheduler(settings), worker():
        saved = await record_when(client, "s", lambda record: record.run_count > 0)
        assert saved.last_job_id is not None
        assert await client.fetch_job_result(saved.last_job_id, timeout=10) == 3
    assert (saved.run_count, saved.next_run_at, saved.last_run_at) == (1, due + HOUR, due)
    [event] = await triggered(client, "s")
    assert event.job_id == saved.last_job_id
    types = await trail(client, saved.last_job_id)
    assert sorted(types) == ["COMPLETED", "ENQUEUED", "SCHEDULE_TRIGGERED", "STARTED"]
    assert await client.schedules.get("s") == saved, "nothing is made of it again"


@pytest.mark.parametrize(
    ("point", "has_run"),
    [*((point, False) for point in POINTS), ("before SCHEDULE_TRIGGERED", True), ("before the save", True)],
)
async def test_the_next_leader_comes_when_the_server_has_forgotten_the_ids(
    client: AsyncClient,
    settings: Settings,
    worker: WorkerFactory,
    point: str,
    has_run: bool,
) -> None:
    await forget_ids_soon(client)
    due = await due_soon(client)
    await dies(settings, point)
    job_id = f"s.{int(due.timestamp() * 1000)}"
    if has_run:
        async with worker():
            assert await client.fetch_job_result(job_id, timeout=10) == 3
    await ids_are_forgotten(client)
    async with running_scheduler(settings), worker():
        saved = await record_when(client, "s", lambda record: record.run_count > 0)
        assert await client.fetch_job_result(job_id, timeout=10) == 3
    assert (saved.run_count, saved.next_run_at, saved.last_job_id) == (1, due + HOUR, job_id)
    assert len(await triggered(client, "s")) == 1
    types = await trail(client, job_id)
    assert types.count("STARTED") == types.count("COMPLETED") == 1
    # an ENQUEUED whose job never left is followed by another, with the job
    assert types.count("ENQUEUED") == (2 if point == "between ENQUEUED and the job" else 1)


@pytest.mark.parametrize("end", ["killed", "told to end"])
async def test_a_run_that_a_full_log_takes_no_word_of_is_told_later(
    client: AsyncClient, settings: Settings, worker: WorkerFactory, end: str
) -> None:
    start = client.connection.server_now() + timedelta(seconds=3)
    await client.schedule(tasks.add, 1, 2, interval=HOUR, start_at=start, schedule_id="s")
    job_id, log = f"s.{int(start.timestamp() * 1000)}", client.connection.names.events
    async with AsyncExitStack() as running:
        if end == "killed":
            dying = asyncio.create_task(dies(settings, "before ENQUEUED is stored"))
        else:
            await running.enter_async_context(running_scheduler(settings))
        await event_when(client, lambda event: event.type == "LEADER_ELECTED")
        await limit(client, log, max_bytes=1, discard="new")
        if end == "killed":
            await dying
        else:
            async with asyncio.timeout(10):  # the server tells it to nobody
                while await find_job(client.connection, job_id) is None:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        await limit(client, log, max_bytes=-1, discard="new")
    async with worker():
        assert await client.fetch_job_result(job_id, timeout=10) == 3
        if end == "killed":
            assert "ENQUEUED" not in await trail(client, job_id)
            async with running_scheduler(settings):
                await record_when(client, "s", lambda record: record.run_count > 0)
    events = await events_of(client, job_id)
    assert [event.type for event in events].count("ENQUEUED") == 1
    enqueued = next(event for event in events if event.type == "ENQUEUED")
    started = next(event for event in events if event.type == "STARTED")
    assert (enqueued.queue, enqueued.schedule_id) == ("default", "s")
    assert enqueued.ts <= started.ts


@pytest.mark.parametrize("point", ["before SCHEDULE_COMPLETED", "before the save", "after the save"])
async def test_the_end_is_told_once(client: AsyncClient, settings: Settings, point: str) -> None:
    await forget_ids_soon(client)
    await due_soon(client, repeat=1)
    await dies(settings, point)
    await ids_are_forgotten(client)
    async with running_scheduler(settings):
        over = await record_when(client, "s", lambda record: record.status == ScheduleStatus.COMPLETED)
    assert (over.run_count, over.next_run_at) == (1, None)
    assert len(await triggered(client, "s")) == 1
    assert len(await told(client, "s", "SCHEDULE_COMPLETED")) == 1


@pytest.mark.parametrize("misfire", ["skip", "run_once", "run_all"])
async def test_a_run_made_by_the_dead_is_neither_missed_nor_made_again(
    client: AsyncClient, settings: Settings, misfire: str
) -> None:
    """More runs are due when the next leader comes, so that the policy would choose another one."""
    made = await client.schedule(
        tasks.add, 1, 2, interval=0.6, repeat=3, misfire=misfire, misfire_grace_s=0.5, schedule_id="s"
    )
    await dies(settings, "before SCHEDULE_TRIGGERED")
    async with running_scheduler(settings):
        over = await record_when(client, "s", lambda record: record.status == ScheduleStatus.COMPLETED)
    events = await triggered(client, "s")
    enqueued = [s.event.job_id for s in await all_events(client) if s.event and s.event.type == "ENQUEUED"]
    assert over.run_count == len(events) == len(enqueued) == len(set(enqueued)) == 3
    assert over.last_run_at is not None
    assert made.anchor_at is not None
    times = round((over.last_run_at - made.anchor_at).total_seconds() / 0.6)
    assert over.run_count + over.misfire_count == times, "each time was run or missed"


@pytest.mark.parametrize("point", ["before SCHEDULE_MISFIRED", "before the save", "before the job", "after the save"])
async def test_killed_while_it_makes_up_for_missed_runs(client: AsyncClient, settings: Settings, point: str) -> None:
    made = await client.schedule(tasks.add, 1, 2, interval=HOUR, misfire="run_all", misfire_cap=3, schedule_id="s")
    held = await client.schedules.get("s")
    assert made.anchor_at is not None
    anchor = made.anchor_at - 9.5 * HOUR
    long_ago = replace(held, anchor_at=anchor, next_run_at=anchor + HOUR)
    await client.schedules.bucket.update("s", long_ago.to_wire(), revision=held.revision)
    await dies(settings, point, 2 if point == "before the job" else 1)
    async with running_scheduler(settings):
        saved = await record_when(client, "s", lambda record: record.run_count == 3)
    assert (saved.misfire_count, saved.next_run_at) == (6, anchor + 10 * HOUR)
    assert [event.job_id for event in await triggered(client, "s")] == list(saved.recent_job_ids)
    [missed] = await told(client, "s", "SCHEDULE_MISFIRED")
    assert (missed.details or {})["missed"] == 6


async def test_a_buffered_run_of_the_dead_is_not_made_again(
    client: AsyncClient, settings: Settings, worker: WorkerFactory
) -> None:
    await forget_ids_soon(client)
    await client.schedule(tasks.sleep, 1.5, interval=0.4, repeat=2, overlap="buffer_one", schedule_id="s")
    async with worker():
        await dies(settings, "before the save of a buffered run")
        await ids_are_forgotten(client)
        async with running_scheduler(settings):
            over = await record_when(client, "s", lambda record: record.status == ScheduleStatus.COMPLETED)
            assert await client.fetch_job_result(over.last_job_id or "", timeout=10) == 1.5
    assert (over.run_count, over.buffered_at) == (2, None)
    assert [event.job_id for event in await triggered(client, "s")] == list(over.recent_job_ids)
    assert len([s for s in await all_events(client) if s.event and s.event.type == "STARTED"]) == 2


@pytest.mark.parametrize("overlap", ["skip", "buffer_one"])
async def test_a_run_that_the_dead_told_as_held_back_is_not_missed_too(
    client: AsyncClient, settings: Settings, overlap: str
) -> None:
    """It died before it saved that, and the next leader comes when that run is too late by its policy."""
    made = await client.schedule(
        tasks.add, 1, 2, interval=0.4, overlap=overlap, misfire="run_once", misfire_grace_s=0.5, schedule_id="s"
    )
    await dies(settings, "before the save of a run held back")
    missed_before = (await client.schedules.get("s")).misfire_count  # on a machine that was slow
    async with running_scheduler(settings):
        await record_when(client, "s", lambda record: record.misfire_count > missed_before)
        await client.pause_scheduled_job("s")
    held = await client.schedules.get("s")
    skipped, missed = await told(client, "s", "SCHEDULE_SKIPPED"), await told(client, "s", "SCHEDULE_MISFIRED")
    buffered = await told(client, "s", "SCHEDULE_BUFFERED")
    assert (len(skipped), len(buffered)) == (held.skip_count, int(overlap == "buffer_one"))
    assert sum((event.details or {})["missed"] for event in missed) == held.misfire_count
    assert held.run_count == 1
    assert held.next_run_at is not None
    assert made.anchor_at is not None
    times = round((held.next_run_at - made.anchor_at).total_seconds() / 0.4) - 1
    assert held.run_count + held.skip_count + len(buffered) + held.misfire_count == times, "each is accounted for"


@pytest.mark.parametrize("change", ["paused and resumed", "given another interval", "paused"])
async def test_a_change_before_the_next_leader_comes_does_not_lose_count(
    client: AsyncClient, settings: Settings, change: str
) -> None:
    await due_soon(client, repeat=2)
    await dies(settings, "before the save")
    if change != "given another interval":
        await client.pause_scheduled_job("s")
    if change == "paused and resumed":
        await client.resume_scheduled_job("s")
    if change == "given another interval":
        await client.modify_scheduled_job("s", interval=2 * HOUR)
    async with running_scheduler(settings):
        if change == "paused":
            await client.resume_scheduled_job("s")
        saved = await record_when(client, "s", lambda record: record.run_count > 0)
    assert (saved.run_count, saved.unsettled_at, saved.status) == (1, None, ScheduleStatus.ACTIVE)
    assert len(await triggered(client, "s")) == 1


async def test_a_change_before_the_next_leader_comes_does_not_lose_a_skip(
    client: AsyncClient, settings: Settings
) -> None:
    await client.schedule(tasks.add, 1, 2, interval=0.4, overlap="skip", schedule_id="s")
    await dies(settings, "before the save of a run held back")
    await client.modify_scheduled_job("s", interval=HOUR)
    async with running_scheduler(settings):
        saved = await record_when(client, "s", lambda record: record.skip_count > 0)
    assert (saved.run_count, saved.skip_count, saved.unsettled_at) == (1, 1, None)
    assert len(await told(client, "s", "SCHEDULE_SKIPPED")) == 1


async def test_a_single_run_of_the_dead_is_not_made_again_at_another_time(
    client: AsyncClient, settings: Settings, worker: WorkerFactory
) -> None:
    await forget_ids_soon(client)
    job = await client.enqueue_in(0.2, tasks.add, 1, 2)
    await dies(settings, "before the save")
    await ids_are_forgotten(client)
    await client.modify_scheduled_job(job.job_id, run_at=client.connection.server_now() + timedelta(seconds=0.2))
    async with worker(), running_scheduler(settings):
        assert await job.result(timeout=10) == 3
        async with asyncio.timeout(10):
            async for batch in client.schedules.watch():
                if batch.is_caught_up and not await client.list_schedules():
                    break
    assert len(await triggered(client, job.job_id)) == 1
    assert (await trail(client, job.job_id)).count("STARTED") == 1
