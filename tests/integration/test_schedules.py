"""Schedules fire on time, stop when told, and survive their scheduler."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

import naq
from naq import codec
from naq.client import AsyncClient
from naq.errors import ConfigurationError, NaqException, ScheduleNotFoundError, ScheduleSpecError
from naq.examples import tasks
from naq.models.job import JobStatus
from naq.models.schedule import Schedule, ScheduleStatus
from naq.models.times import format_time, parse_time
from naq.scheduler.fire import Firer
from naq.scheduler.jitter import fires_at
from naq.settings import Settings
from naq_tui.feed.commands import NatsCommands
from tests.conftest import WorkerFactory, child, run_naq
from tests.integration.log import all_events, event_when, events_of
from tests.integration.schedulers import record_when, removed, running_scheduler, told, triggered

pytestmark = pytest.mark.nats


async def test_a_job_scheduled_ahead_runs_at_its_time(
    client: AsyncClient, worker: WorkerFactory, settings: Settings
) -> None:
    async with worker(), running_scheduler(settings):
        due = client.connection.server_now() + timedelta(seconds=1)
        job = await client.enqueue_at(due, tasks.add, 1, 2)
        assert job.status is JobStatus.SCHEDULED
        assert await client.get_job_status(job.job_id) is JobStatus.SCHEDULED
        assert await job.result(timeout=10) == 3
        await removed(client, job.job_id)  # a single run leaves no record behind
    events = await events_of(client, job.job_id)
    types = [event.type for event in events]
    assert [name for name in types if name != "SCHEDULE_TRIGGERED"] == ["SCHEDULED", "ENQUEUED", "STARTED", "COMPLETED"]
    assert "SCHEDULE_TRIGGERED" in types, "written once the job is stored, so perhaps after its start"
    started = next(event for event in events if event.type == "STARTED")
    fired = next(event for event in events if event.type == "SCHEDULE_TRIGGERED")
    assert (fired.details or {})["late_ms"] >= 0, "not before its time, by the clock that fired it"
    # here by another idea of the server's clock; how much after is the benchmark's business
    assert started.ts >= due - timedelta(seconds=0.5)


async def test_an_interval_fires_repeat_times_and_is_over(
    client: AsyncClient, worker: WorkerFactory, settings: Settings
) -> None:
    async with worker(), running_scheduler(settings):
        schedule = await client.schedule(tasks.add, 1, 2, interval=0.2, repeat=3)
        await event_when(client, lambda e: e.type == "COMPLETED" and (e.job_id or "").startswith(schedule.schedule_id))
        await record_when(client, schedule.schedule_id, lambda record: record.status != ScheduleStatus.ACTIVE)
    over = await client.schedules.get(schedule.schedule_id)
    assert (over.status, over.run_count, over.next_run_at) == (ScheduleStatus.COMPLETED, 3, None)
    dues = [parse_time((event.details or {})["due"]) for event in await triggered(client, schedule.schedule_id)]
    anchor = schedule.anchor_at
    assert anchor is not None
    expected = [anchor + timedelta(seconds=0.2 * n) for n in (1, 2, 3)]
    assert all(due and abs((due - want).total_seconds()) < 0.001 for due, want in zip(dues, expected, strict=True))
    [completed] = await told(client, schedule.schedule_id, "SCHEDULE_COMPLETED")
    assert (completed.from_status, completed.to_status) == ("ACTIVE", "COMPLETED")
    assert (completed.details or {})["runs"] == 3
    assert over.recent_job_ids == tuple(event.job_id for event in await triggered(client, schedule.schedule_id))


async def test_a_cron_entry_fires_on_the_second(client: AsyncClient, settings: Settings) -> None:
    async with running_scheduler(settings):
        schedule = await client.schedule(tasks.add, 1, 2, cron="* * * * * *", repeat=2, schedule_id="tick")
        event = await event_when(client, lambda e: e.type == "SCHEDULE_TRIGGERED")
    due = parse_time((event.details or {})["due"])
    assert due is not None
    assert due.microsecond == 0
    assert schedule.schedule_id == "tick"


async def test_pause_resume_and_cancel_each_with_their_event(client: AsyncClient, settings: Settings) -> None:
    async with running_scheduler(settings):
        await client.schedule(tasks.add, 1, 2, interval=0.1, schedule_id="beat")
        await event_when(client, lambda e: e.type == "SCHEDULE_TRIGGERED")
        await client.pause_scheduled_job("beat", reason="deploy")
        paused = await event_when(client, lambda e: e.type == "SCHEDULE_PAUSED")
        assert (paused.reason, paused.to_status) == ("deploy", "PAUSED")
        assert paused.actor is not None
        count = (await client.schedules.get("beat")).run_count
        await client.schedule(tasks.add, 1, 2, interval=0.1, repeat=3, schedule_id="other")
        await record_when(client, "other", lambda record: record.status != ScheduleStatus.ACTIVE)
        assert (await client.schedules.get("beat")).run_count == count, "paused means nothing fires"
        await client.resume_scheduled_job("beat")
        await record_when(client, "beat", lambda record: record.run_count > count)
        await client.cancel_scheduled_job("beat")
    over = await client.schedules.get("beat")
    assert (over.status, over.next_run_at) == (ScheduleStatus.CANCELLED, None)
    types = [s.event.type for s in await all_events(client) if s.event and s.event.schedule_id == "beat"]
    assert [t for t in types if t != "SCHEDULE_TRIGGERED" and t != "ENQUEUED"] == [
        "SCHEDULED", "SCHEDULE_PAUSED", "SCHEDULE_RESUMED", "SCHEDULE_CANCELLED",
    ]  # fmt: skip
    with pytest.raises(NaqException, match="cancelled"):
        await client.resume_scheduled_job("beat")


async def test_modify_changes_when_and_what(client: AsyncClient) -> None:
    await client.schedule(tasks.add, 1, 2, cron="0 2 * * *", schedule_id="nightly")
    changed = await client.modify_scheduled_job("nightly", cron="0 3 * * *", args=(5, 6), queue_name="reports")
    assert (changed.cron, changed.queue, changed.job["args"]) == ("0 3 * * *", "reports", [5, 6])
    assert changed.next_run_at is not None
    assert changed.next_run_at.hour == 3
    with pytest.raises(ConfigurationError, match="can't modify colour"):
        await client.modify_scheduled_job("nightly", colour="red")
    with pytest.raises(ScheduleSpecError, match="column 3"):
        await client.modify_scheduled_job("nightly", cron="0 99 * * *")
    assert (await client.schedules.get("nightly")).cron == "0 3 * * *"


async def test_what_the_console_changes_beside_a_date_leaves_it_a_date(client: AsyncClient) -> None:
    moment = datetime(2026, 11, 24, tzinfo=UTC)
    await client.schedule(tasks.add, moment, 2, cron="0 2 * * *", schedule_id="nightly")
    held = (await client.schedules.get("nightly")).job["args"]
    await NatsCommands(lambda: client).modify_schedule("nightly", {"args": [held[0], 3]})
    assert codec.unpack((await client.schedules.get("nightly")).job["args"]) == [moment, 3]


async def test_wrong_schedules_are_refused(client: AsyncClient) -> None:
    with pytest.raises(ScheduleSpecError, match=r"hour field '25' \(column 5\)"):
        await client.schedule(tasks.add, 1, 2, cron="*/5 25 * * *")
    with pytest.raises(ScheduleSpecError, match="Europe/Berlin"):
        await client.schedule(tasks.add, 1, 2, cron="0 2 * * *", timezone="Europe/Berln")
    with pytest.raises(ScheduleSpecError, match="either cron or interval"):
        await client.schedule(tasks.add, 1, 2)
    with pytest.raises(ScheduleNotFoundError):
        await client.pause_scheduled_job("nobody")
    await client.schedule(tasks.add, 1, 2, interval=60, schedule_id="one")
    with pytest.raises(ConfigurationError, match="exists"):
        await client.schedule(tasks.add, 1, 2, interval=60, schedule_id="one")
    assert len(await client.list_schedules()) == 1


async def test_a_leader_that_doubted_its_lease_leads_again_while_it_holds_it(
    client: AsyncClient, settings: Settings
) -> None:
    async with running_scheduler(settings) as scheduler:
        await event_when(client, lambda e: e.type == "LEADER_ELECTED")
        await scheduler._step_down("the server does not confirm the lease")
        assert scheduler._lease.is_held
        await client.schedule(tasks.add, 1, 2, interval=0.2, schedule_id="beat")
        await event_when(client, lambda e: e.type == "SCHEDULE_TRIGGERED")
        assert scheduler.is_leader


async def test_a_leader_whose_lease_has_run_out_fires_nothing_until_it_is_renewed(
    client: AsyncClient, settings: Settings
) -> None:
    async with running_scheduler(settings) as scheduler:
        await event_when(client, lambda e: e.type == "LEADER_ELECTED")
        made = await client.schedule(tasks.add, 1, 2, interval=3600)
        later = client.connection.server_now() + timedelta(hours=3)
        assert scheduler._lease.is_sure
        scheduler._lease._sure_until = 0.0  # as it stands when a stopped process goes on
        with pytest.raises(NaqException, match="lease has run out"):
            await scheduler._firer.fire(made, later)
        assert await triggered(client, made.schedule_id) == []
        await client.schedule(tasks.add, 1, 2, interval=0.2)
        await event_when(client, lambda e: e.type == "SCHEDULE_TRIGGERED")


async def test_a_standby_takes_over_from_a_killed_leader_and_fires_everything_once(
    client: AsyncClient, settings: Settings
) -> None:
    async with child(settings, "scheduler") as leader:
        elected = await event_when(client, lambda e: e.type == "LEADER_ELECTED")
        async with running_scheduler(settings) as standby:
            assert not standby.is_leader
            await client.schedule(tasks.add, 1, 2, interval=0.2, misfire="run_all", schedule_id="beat")
            await event_when(client, lambda e: e.type == "SCHEDULE_TRIGGERED")
            leader.send_signal(signal.SIGKILL)
            taken = await event_when(client, lambda e: e.type == "LEADER_ELECTED" and e.worker_id != elected.worker_id)
            assert taken.worker_id == standby.scheduler_id
            await event_when(client, lambda e: e.type == "SCHEDULE_TRIGGERED" and e.worker_id == standby.scheduler_id)
            await client.cancel_scheduled_job("beat")
    dues = [parse_time((event.details or {})["due"]) for event in await triggered(client, "beat")]
    gaps = [(b - a).total_seconds() for a, b in pairwise(dues) if a and b]
    assert gaps
    assert all(abs(gap - 0.2) < 0.01 for gap in gaps), "neither lost nor doubled"


async def test_a_schedule_is_triggered_by_hand(client: AsyncClient, settings: Settings, worker: WorkerFactory) -> None:
    schedule = await client.schedule(tasks.add, 20, 22, cron="0 0 1 1 *", schedule_id="yearly")
    await client.pause_scheduled_job("yearly")
    job = await client.trigger_scheduled_job("yearly", reason="a customer waits")
    code, out, _ = await run_naq(settings, "schedules", "--json", "trigger", "yearly")
    assert code == 0
    async with worker():
        assert await job.result(timeout=10) == 42
        assert await client.fetch_job_result(codec.loads(out.encode())["job_id"], timeout=10) == 42
    by_hand = await triggered(client, "yearly")
    assert [(event.details, event.reason) for event in by_hand] == [
        ({"manual": True}, "a customer waits"),
        ({"manual": True}, None),
    ]
    assert by_hand[0].actor is not None
    assert (await client.schedules.get("yearly")).next_run_at == schedule.next_run_at, "its own times stay"
    with pytest.raises(ScheduleNotFoundError):
        await client.trigger_scheduled_job("unknown")


async def test_changes_keep_what_is_due_and_set_a_failed_schedule_going(client: AsyncClient) -> None:
    schedule = await client.schedule(tasks.add, 1, 2, interval="1h", schedule_id="hourly")
    due = schedule.next_run_at
    assert due is not None
    assert (await client.modify_scheduled_job("hourly", kwargs={"b": 3}, args=(1,))).next_run_at == due
    assert (await client.modify_scheduled_job("hourly", timezone="Europe/Berlin")).anchor_at == schedule.anchor_at
    held = await client.schedules.get("hourly")
    broken = replace(held, status=ScheduleStatus.FAILED, next_run_at=None, run_count=3)
    await client.schedules.bucket.update("hourly", broken.to_wire(), revision=held.revision)
    mended = await client.modify_scheduled_job("hourly", args=(4,))
    assert (mended.status, mended.last_error) == (ScheduleStatus.ACTIVE, None)
    assert mended.next_run_at is not None
    assert (await client.modify_scheduled_job("hourly", repeat=3)).status == ScheduleStatus.COMPLETED


async def test_it_runs_from_its_start_to_its_end_each_run_a_little_later(
    client: AsyncClient, settings: Settings
) -> None:
    start = client.connection.server_now() + timedelta(seconds=0.5)
    async with running_scheduler(settings):
        schedule = await client.schedule(
            tasks.add,
            1,
            2,
            interval=0.4,
            start_at=start,
            end_at=start + timedelta(seconds=1),
            jitter=0.2,
            schedule_id="bounded",
        )
        assert naq.next_runs(schedule, 9, start) == [start + timedelta(seconds=0.4 * n) for n in range(3)]
        over = await record_when(client, "bounded", lambda record: record.status == ScheduleStatus.COMPLETED)
    assert (over.run_count, over.next_run_at, over.misfire_count) == (3, None, 0)
    events = await triggered(client, "bounded")
    dues = [parse_time((event.details or {})["due"]) for event in events]
    assert dues == naq.next_runs(schedule, 9, start)
    for event, due in zip(events, dues, strict=True):
        assert due is not None
        assert (event.details or {})["late_ms"] >= (fires_at(schedule, due) - due).total_seconds() * 1000 - 0.1
    [completed] = await told(client, "bounded", "SCHEDULE_COMPLETED")
    assert (completed.details or {})["due"] == format_time(start + timedelta(seconds=0.8))


async def test_a_change_tells_what_was_and_what_is(client: AsyncClient, settings: Settings) -> None:
    await client.schedule(tasks.add, 1, 2, cron="0 2 * * *", schedule_id="nightly", max_retries=1, tags=["old"])
    await client.modify_scheduled_job(
        "nightly", cron="0 5 * * *", timezone="Europe/Berlin", timeout=30, tags=["new"], reason="moved"
    )
    [event] = await told(client, "nightly", "SCHEDULE_MODIFIED")
    before, after = (event.details or {})["before"], (event.details or {})["after"]
    assert before.pop("next_run_at") != after.pop("next_run_at")
    assert before == {"cron": "0 2 * * *", "timezone": "UTC", "tags": ["old"]}
    assert after == {"cron": "0 5 * * *", "timezone": "Europe/Berlin", "tags": ["new"], "timeout": 30.0}
    assert event.reason == "moved"
    job = await client.trigger_scheduled_job("nightly")
    assert (job.timeout, job.tags, job.retry.max_retries) == (30.0, ("new",), 1)


async def test_missed_runs_are_counted_and_told(client: AsyncClient, settings: Settings) -> None:
    made = await client.schedule(
        tasks.add, 1, 2, interval=0.05, misfire="run_all", misfire_grace_s=0, misfire_cap=2, schedule_id="beat"
    )
    held = await client.schedules.get("beat")
    assert made.anchor_at is not None
    long_ago = replace(
        held,
        anchor_at=made.anchor_at - timedelta(minutes=1),
        next_run_at=made.anchor_at - timedelta(minutes=1) + timedelta(seconds=0.05),
        end_at=made.anchor_at,
    )
    await client.schedules.bucket.update("beat", long_ago.to_wire(), revision=held.revision)
    async with running_scheduler(settings):
        over = await record_when(client, "beat", lambda record: record.status == ScheduleStatus.COMPLETED)
    assert (over.run_count, over.misfire_count) == (2, 1198), "a minute, twenty a second"
    [missed] = await told(client, "beat", "SCHEDULE_MISFIRED")
    details = dict(missed.details or {})
    assert (details["missed"], details["made_up"], details["policy"]) == (1198, 2, "run_all")
    assert [event.job_id for event in await triggered(client, "beat")] == list(over.recent_job_ids)


async def test_many_fire_at_once_and_each_one_after_another(
    client: AsyncClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a schedule's turn comes while it fires: that is neither lost nor taken twice."""
    fire, firing = Firer.fire, Counter[str]()
    all_fire = asyncio.Event()

    async def slow(firer: Firer, schedule: Schedule, now: datetime) -> Schedule | None:
        firing[schedule.schedule_id] += 1
        assert firing[schedule.schedule_id] == 1, "twice at the same time"
        if firing.total() == 3:
            all_fire.set()
        await all_fire.wait()
        fired = await fire(firer, schedule, now)
        # the scheduler hears of what was saved, and that is due by now, before this returns
        await asyncio.sleep(0.3)
        firing[schedule.schedule_id] -= 1
        return fired

    monkeypatch.setattr(Firer, "fire", slow)
    names = ["a", "b", "c"]
    async with running_scheduler(settings):
        for name in names:
            await client.schedule(tasks.add, 1, 2, interval=0.2, repeat=6, misfire="run_all", schedule_id=name)
        for name in names:
            over = await record_when(client, name, lambda record: record.status == ScheduleStatus.COMPLETED)
            assert over.run_count == len({event.job_id for event in await triggered(client, name)}) == 6
