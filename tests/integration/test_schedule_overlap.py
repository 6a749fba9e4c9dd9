"""A run that is due while the job of the run before it has not ended."""

from __future__ import annotations

from dataclasses import replace

import pytest

from naq.client import AsyncClient
from naq.doctor.verify import verify
from naq.examples import tasks
from naq.models.schedule import ScheduleStatus
from naq.models.times import format_time
from naq.settings import Settings
from tests.conftest import WorkerFactory, run_naq
from tests.integration.log import all_events, event_when
from tests.integration.schedulers import record_when, running_scheduler, told, triggered

pytestmark = pytest.mark.nats


async def test_skip_leaves_a_run_out_while_the_last_job_has_not_ended(
    client: AsyncClient, settings: Settings, worker: WorkerFactory
) -> None:
    async with running_scheduler(settings):
        await client.schedule(tasks.add, 1, 2, interval=0.1, repeat=2, overlap="skip", schedule_id="beat")
        waiting = await record_when(client, "beat", lambda record: record.skip_count >= 2)
        assert waiting.run_count == 1, "nobody works: its job stands in the queue"
        async with worker():
            over = await record_when(client, "beat", lambda record: record.status == ScheduleStatus.COMPLETED)
    assert (over.run_count, over.misfire_count) == (2, 0)
    skipped = await told(client, "beat", "SCHEDULE_SKIPPED")
    assert len(skipped) == over.skip_count
    first, second = await triggered(client, "beat")
    assert {(event.details or {})["running"] for event in skipped} == {first.job_id}
    dues = [(event.details or {})["due"] for event in (first, *skipped, second)]
    assert dues == sorted(set(dues)), "each time was either run or skipped"
    ended = [s.seq for s in await all_events(client) if s.event and s.event.type == "COMPLETED"]
    started = [s.seq for s in await all_events(client) if s.event and s.event.type == "STARTED"]
    assert len(ended) <= 2
    assert len(started) == 1 or started[1] > ended[0]


async def test_buffer_one_runs_right_when_the_last_job_ends(
    client: AsyncClient, settings: Settings, worker: WorkerFactory
) -> None:
    async with running_scheduler(settings):
        await client.schedule(tasks.add, 1, 2, interval=0.2, repeat=2, overlap="buffer_one", schedule_id="beat")
        waiting = await record_when(client, "beat", lambda record: record.buffered_at is not None)
        assert (waiting.status, waiting.run_count, waiting.next_run_at) == (ScheduleStatus.ACTIVE, 1, None), (
            "the one that waits is the last: no other time is left to notice by"
        )
        async with worker():
            over = await record_when(client, "beat", lambda record: record.status == ScheduleStatus.COMPLETED)
            assert await client.fetch_job_result(over.last_job_id or "", timeout=10) == 3
    assert (over.run_count, over.skip_count, over.buffered_at) == (2, 0, None)
    [buffered] = await told(client, "beat", "SCHEDULE_BUFFERED")
    first, second = await triggered(client, "beat")
    assert waiting.buffered_at is not None
    assert (buffered.details or {}) == {"due": format_time(waiting.buffered_at), "running": first.job_id}
    assert (second.details or {})["due"] == format_time(waiting.buffered_at)


async def test_buffer_one_keeps_one_and_a_successor_runs_it(
    client: AsyncClient, settings: Settings, worker: WorkerFactory
) -> None:
    async with running_scheduler(settings):
        await client.schedule(tasks.add, 1, 2, interval=0.1, overlap="buffer_one", schedule_id="beat")
        await record_when(client, "beat", lambda record: record.skip_count >= 2)
    waiting = await client.pause_scheduled_job("beat")
    assert waiting.last_job_id is not None
    async with worker():
        await client.fetch_job_result(waiting.last_job_id, timeout=10)
        async with running_scheduler(settings):
            assert (await client.schedules.get("beat")).buffered_at == waiting.buffered_at, "paused, it fires nothing"
            await client.resume_scheduled_job("beat")
            assert waiting.buffered_at is not None
            due = format_time(waiting.buffered_at)
            await event_when(client, lambda e: e.type == "SCHEDULE_TRIGGERED" and (e.details or {}).get("due") == due)
            await client.cancel_scheduled_job("beat")
    first, *_ = await told(client, "beat", "SCHEDULE_BUFFERED")
    assert (first.details or {})["due"] == due


async def test_a_last_job_of_which_nothing_is_left_holds_nothing_back(
    client: AsyncClient, settings: Settings, worker: WorkerFactory
) -> None:
    async with running_scheduler(settings):
        await client.schedule(tasks.add, 1, 2, interval=0.2, repeat=2, overlap="skip", schedule_id="beat")
        waiting = await record_when(client, "beat", lambda record: record.skip_count >= 1)
        assert waiting.last_job_id is not None
        async with worker():
            await client.fetch_job_result(waiting.last_job_id, timeout=10)
            await client.results.delete(waiting.last_job_id)
            over = await record_when(client, "beat", lambda record: record.status == ScheduleStatus.COMPLETED)
    assert over.run_count == 2


async def test_policies_of_a_newer_version_start_nothing_that_they_may_forbid(
    client: AsyncClient, settings: Settings, worker: WorkerFactory
) -> None:
    """An old scheduler leads: it neither falls over them, nor runs two jobs at once, nor forgets what they are."""
    await client.schedule(tasks.add, 1, 2, interval=0.2, repeat=2, schedule_id="beat")
    held = await client.schedules.get("beat")
    newer = replace(held, overlap="cancel_\x1b[31mprevious", misfire="run_last_hour")
    await client.schedules.bucket.put("beat", newer.to_wire())
    async with running_scheduler(settings):
        waiting = await record_when(client, "beat", lambda record: record.skip_count >= 2)
        assert waiting.run_count == 1, "nobody works: its job stands in the queue"
        code, out, err = await run_naq(settings, "schedules", "show", "beat")
        assert (code, err) == (0, "")
        assert "run_last_hour (not known here: followed as skip)" in out
        assert "\x1b" not in out
        for words in (["list"], ["list", "--json"], ["show", "beat", "--json"], ["edit", "beat", "--queue", "mail"]):
            code, out, err = await run_naq(settings, "schedules", *words)
            assert (code, err, "\x1b" in out) == (0, "", False), words
        async with worker("default", "mail"):
            over = await record_when(client, "beat", lambda record: record.status == ScheduleStatus.COMPLETED)
    assert (over.run_count, over.overlap, over.misfire) == (2, newer.overlap, newer.misfire)
    skipped = await told(client, "beat", "SCHEDULE_SKIPPED")
    assert {(event.details or {})["policy"] for event in skipped} == {newer.overlap}
    assert "known to a newer version only" in (skipped[0].reason or "")
    assert (await verify(client.connection)).findings == ()
