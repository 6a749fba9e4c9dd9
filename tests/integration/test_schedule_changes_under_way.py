"""A change that is saved between a run's job and the scheduler's own save: it stays, and the run is counted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from naq.client import AsyncClient
from naq.errors import NaqException
from naq.examples import tasks
from naq.models.schedule import Schedule, ScheduleStatus
from naq.scheduler import Scheduler
from naq.scheduler import scheduler as scheduler_module
from naq.scheduler.fire import Firer
from naq.scheduler.telling import Telling
from naq.settings import Settings
from tests.conftest import WorkerFactory
from tests.integration.log import all_events, event_when
from tests.integration.schedulers import record_when, removed, running_scheduler, told, triggered

pytestmark = pytest.mark.nats
Change = Callable[[], Awaitable[Any]]
HOUR = timedelta(hours=1)
CHANGES = ("paused", "given another interval", "given other arguments", "cancelled")


@pytest.fixture
def once_told(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have something done when the first run's job and event are stored and its schedule is not.

    Or the first time that `what` was told: a name of Telling's methods.
    """

    def have_done(change: Change, what: str = "triggered") -> None:
        tell = getattr(Telling, what)
        is_done = False

        async def tell_and_change(self: Telling, *args: Any) -> None:
            nonlocal is_done
            await tell(self, *args)
            if not is_done:
                is_done = True
                await change()

        monkeypatch.setattr(Telling, what, tell_and_change)

    return have_done


async def runs_out(client: AsyncClient) -> Schedule:
    return await record_when(client, "s", lambda record: record.status == ScheduleStatus.COMPLETED)


async def test_paused(client: AsyncClient, settings: Settings, once_told: Callable[[Change], None]) -> None:
    once_told(lambda: client.pause_scheduled_job("s"))
    await client.schedule(tasks.add, 1, 2, interval=0.2, repeat=3, schedule_id="s")
    async with running_scheduler(settings):
        paused = await record_when(client, "s", lambda record: record.run_count > 0)
        assert (paused.status, paused.run_count) == (ScheduleStatus.PAUSED, 1)
        await client.resume_scheduled_job("s")
        over = await runs_out(client)
    assert over.run_count == len(await triggered(client, "s")) == 3
    assert len(await told(client, "s", "SCHEDULE_COMPLETED")) == 1


@pytest.mark.parametrize("changes", [{"interval": 0.3}, {"cron": "* * * * * *"}, {"args": (3, 4)}, {"timeout": 5}])
async def test_modified(
    client: AsyncClient, settings: Settings, once_told: Callable[[Change], None], changes: dict[str, Any]
) -> None:
    once_told(lambda: client.modify_scheduled_job("s", **changes))
    await client.schedule(tasks.add, 1, 2, interval=0.2, repeat=2, schedule_id="s")
    async with running_scheduler(settings):
        over = await runs_out(client)
    assert over.run_count == len(await triggered(client, "s")) == 2
    assert over.unsettled_at is None
    [event] = await told(client, "s", "SCHEDULE_MODIFIED")
    named = (event.details or {})["after"]
    assert set(changes) <= set(named)


async def test_its_end_is_brought_to_where_it_is_already(
    client: AsyncClient, settings: Settings, once_told: Callable[[Change], None]
) -> None:
    once_told(lambda: client.modify_scheduled_job("s", repeat=1))
    await client.schedule(tasks.add, 1, 2, interval=0.2, schedule_id="s")
    async with running_scheduler(settings):
        over = await runs_out(client)
    assert over.run_count == len(await triggered(client, "s")) == 1


async def test_cancelled(client: AsyncClient, settings: Settings, once_told: Callable[[Change], None]) -> None:
    once_told(lambda: client.cancel_scheduled_job("s"))
    await client.schedule(tasks.add, 1, 2, interval=0.2, schedule_id="s")
    async with running_scheduler(settings):
        over = await record_when(client, "s", lambda record: record.run_count > 0)
    assert (over.status, over.run_count, over.next_run_at) == (ScheduleStatus.CANCELLED, 1, None)
    assert len(await triggered(client, "s")) == 1


async def change_it(client: AsyncClient, change: str) -> None:
    if change == "paused":
        await client.pause_scheduled_job("s")
    elif change == "cancelled":
        await client.cancel_scheduled_job("s")
    else:
        await client.modify_scheduled_job("s", **({"interval": HOUR} if "interval" in change else {"args": (3, 4)}))


@pytest.mark.parametrize("change", CHANGES)
async def test_a_run_that_was_just_skipped_is_counted(
    client: AsyncClient, settings: Settings, once_told: Callable[..., None], change: str
) -> None:
    """Nobody takes the first job, so the second run is skipped."""
    once_told(lambda: change_it(client, change), "held_back")
    await client.schedule(tasks.add, 1, 2, interval=0.3, overlap="skip", schedule_id="s")
    async with running_scheduler(settings):
        held = await record_when(client, "s", lambda record: record.skip_count > 0)
        if change == "given other arguments":
            await client.pause_scheduled_job("s")  # it goes on skipping
    held = await client.schedules.get("s")
    skipped = await told(client, "s", "SCHEDULE_SKIPPED")
    assert (held.run_count, held.skip_count, held.unsettled_at) == (1, len(skipped), None)
    assert len({(event.details or {})["due"] for event in skipped}) == len(skipped), "each is told once"
    assert held.last_run_at is not None
    if change == "paused":
        assert held.next_run_at == held.last_run_at + timedelta(seconds=0.6), "what was skipped is not due any more"
    if change == "cancelled":
        assert (held.status, held.next_run_at) == (ScheduleStatus.CANCELLED, None)


@pytest.mark.parametrize("change", CHANGES)
async def test_a_run_that_was_just_held_back_is_made_once(
    client: AsyncClient, settings: Settings, worker: WorkerFactory, once_told: Callable[..., None], change: str
) -> None:
    once_told(lambda: change_it(client, change), "held_back")
    await client.schedule(tasks.add, 1, 2, interval=0.3, overlap="buffer_one", repeat=2, schedule_id="s")
    async with running_scheduler(settings):
        due = await _told_due(client)
        if change == "cancelled":
            await record_when(client, "s", lambda record: record.status == ScheduleStatus.CANCELLED)
        else:
            await record_when(client, "s", lambda record: record.buffered_at is not None)
            if change == "paused":
                await client.resume_scheduled_job("s")
            async with worker():
                await runs_out(client)
    held = await client.schedules.get("s")
    assert held.buffered_at is None
    made = [event.job_id for event in await triggered(client, "s")]
    assert (f"s.{int(due.timestamp() * 1000)}" in made) == (change != "cancelled")
    assert len(made) == held.run_count == (1 if change == "cancelled" else 2)


async def _told_due(client: AsyncClient) -> datetime:
    """When the run was due that is told as held back."""
    event = await event_when(client, lambda event: event.type == "SCHEDULE_BUFFERED")
    return datetime.fromisoformat((event.details or {})["due"])


@pytest.mark.parametrize("misfire", ["skip", "run_all"])
@pytest.mark.parametrize("change", CHANGES)
async def test_runs_that_were_just_missed_are_counted(
    client: AsyncClient, settings: Settings, once_told: Callable[..., None], change: str, misfire: str
) -> None:
    await client.schedule(tasks.add, 1, 2, interval=HOUR, misfire=misfire, misfire_cap=3, schedule_id="s")
    held = await client.schedules.get("s")
    assert held.anchor_at is not None
    anchor = held.anchor_at - 9.5 * HOUR
    long_ago = replace(held, anchor_at=anchor, next_run_at=anchor + HOUR)
    await client.schedules.bucket.update("s", long_ago.to_wire(), revision=held.revision)
    once_told(lambda: change_it(client, change), "missed")
    async with running_scheduler(settings):
        goes_on = misfire == "run_all" and change == "given other arguments"
        saved = await record_when(
            client, "s", lambda record: record.misfire_count > 0 and record.run_count == (3 if goes_on else 0)
        )
    missed = await told(client, "s", "SCHEDULE_MISFIRED")
    assert (
        sum((event.details or {})["missed"] for event in missed)
        == saved.misfire_count
        == (9 if misfire == "skip" else 6)
    )
    if change in ("paused", "given other arguments"):
        assert saved.next_run_at == anchor + (7 if misfire == "run_all" and change == "paused" else 10) * HOUR


async def test_cancelled_and_made_anew_under_its_name(
    client: AsyncClient, settings: Settings, once_told: Callable[[Change], None]
) -> None:
    async def replace_it() -> None:
        await client.cancel_scheduled_job("s")
        await client.schedule(tasks.add, 5, 6, cron="0 0 1 1 *", schedule_id="s")

    once_told(replace_it)
    await client.schedule(tasks.add, 1, 2, interval=0.2, schedule_id="s")
    async with running_scheduler(settings):
        anew = await record_when(client, "s", lambda record: record.cron is not None)
    assert (await client.schedules.get("s")).run_count == anew.run_count == 0, "that run was the old one's"


async def test_a_single_run_that_is_moved_too_late(
    client: AsyncClient, settings: Settings, once_told: Callable[[Change], None]
) -> None:
    job = await client.enqueue_in(0.2, tasks.add, 1, 2)
    later = client.connection.server_now() + timedelta(seconds=0.6)
    once_told(lambda: client.modify_scheduled_job(job.job_id, run_at=later))
    async with running_scheduler(settings):
        async with asyncio.timeout(10):
            async for batch in client.schedules.watch():
                if any(entry.key == job.job_id and entry.is_deleted for entry in batch.entries):
                    break
        other = await client.schedule(tasks.add, 1, 2, interval=1, repeat=1)
        await record_when(client, other.schedule_id, lambda record: record.run_count == 1)
    enqueued = [s.event.job_id for s in await all_events(client) if s.event and s.event.type == "ENQUEUED"]
    assert enqueued.count(job.job_id) == 1
    assert len(await triggered(client, job.job_id)) == 1


async def test_what_another_leader_brought_to_its_end_is_not_fired_from_memory(
    client: AsyncClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A leader out of reach for a while fails at a run that the next one has made; once it leads again, it is over."""
    is_gone = asyncio.Event()
    asked: list[str] = []

    async def fire(firer: Firer, schedule: Schedule, now: datetime) -> Schedule | None:
        asked.append(schedule.schedule_id)
        if schedule.schedule_id == "last":
            return await original(firer, schedule, now)
        await client.schedules.bucket.delete(schedule.schedule_id)
        await is_gone.wait()
        raise NaqException("its write was not confirmed")

    original = Firer.fire
    monkeypatch.setattr(Firer, "fire", fire)
    monkeypatch.setattr(scheduler_module, "RETRY_S", 0.01)
    drop = Scheduler._drop

    def dropped(self: Scheduler, schedule_id: str) -> None:
        drop(self, schedule_id)
        is_gone.set()

    monkeypatch.setattr(Scheduler, "_drop", dropped)
    async with running_scheduler(settings):
        await client.enqueue_in(0.05, tasks.add, 1, 2, job_id="first")
        await is_gone.wait()
        await client.enqueue_in(0.05, tasks.add, 1, 2, job_id="last")
        await removed(client, "last")
    assert asked == ["first", "last"]


async def test_one_made_under_the_id_of_one_that_is_over_is_fired(
    client: AsyncClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes while the last run of the other is still being saved."""
    is_held = asyncio.Event()

    async def fire(firer: Firer, schedule: Schedule, now: datetime) -> Schedule | None:
        monkeypatch.setattr(Firer, "fire", original)
        fired = await original(firer, schedule, now)
        await client.enqueue_in(0.05, tasks.add, 1, 2, job_id="s", queue_name="second")
        await is_held.wait()
        return fired

    original, keep = Firer.fire, Scheduler._keep

    def kept(self: Scheduler, schedule: Schedule) -> None:
        keep(self, schedule)
        if schedule.queue == "second":
            is_held.set()

    monkeypatch.setattr(Firer, "fire", fire)
    monkeypatch.setattr(Scheduler, "_keep", kept)
    async with running_scheduler(settings):
        await client.enqueue_in(0.05, tasks.add, 1, 2, job_id="s")
        await is_held.wait()
        await removed(client, "s")
