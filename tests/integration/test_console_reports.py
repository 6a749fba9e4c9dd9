"""What the console's reports read on a real server: the runs of a schedule."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from textual.pilot import Pilot

from naq.client import AsyncClient
from naq.examples import tasks
from naq.models.schedule import ScheduleStatus
from naq.objects import Objects
from naq.settings import Settings
from naq_tui.app import NaqConsole, make_console
from naq_tui.feed.fake import FakeProcesses
from naq_tui.feed.nats import NatsFeed
from naq_tui.feed.schedule_runs import job_as_told
from naq_tui.screens.detail import DetailScreen
from naq_tui.widgets.document import Document
from tests.conftest import WorkerFactory
from tests.integration import sample_tasks
from tests.integration.log import all_events
from tests.integration.schedulers import record_when, running_scheduler, told, triggered
from tests.tui.conftest import until

pytestmark = pytest.mark.nats


@asynccontextmanager
async def opened_console(settings: Settings) -> AsyncIterator[tuple[NaqConsole, Pilot[None]]]:
    console = make_console(NatsFeed(settings), FakeProcesses())
    async with console.run_test(size=(120, 60)) as pilot:
        await until(pilot, lambda: {"events", "schedules"} <= console.state.loaded)
        yield console, pilot


async def report_on(console: NaqConsole, pilot: Pilot[None], kind: Any, key: str) -> DetailScreen:
    """The report, once all that it reads is there."""
    report = DetailScreen(kind, key)
    await console.push_screen(report)
    await until(pilot, lambda: report._extra.is_read)
    return report


async def test_the_runs_of_a_schedule_are_those_of_the_log(
    client: AsyncClient, settings: Settings, worker: WorkerFactory
) -> None:
    async with running_scheduler(settings):
        await client.schedule(tasks.add, 1, 2, interval=0.4, repeat=3, overlap="skip", schedule_id="beat")
        await client.schedule(tasks.add, 3, 4, interval=0.1, repeat=4, schedule_id="beat-2")
        await record_when(client, "beat", lambda record: record.skip_count >= 2)
        async with worker():
            over = await record_when(client, "beat", lambda record: record.status == ScheduleStatus.COMPLETED)
            await client.fetch_job_result(over.last_job_id or "", timeout=10)
            by_hand = await client.trigger_scheduled_job("beat", reason="once more")
            assert await by_hand.result(timeout=10) == 3
    fired = await triggered(client, "beat")
    skipped = await told(client, "beat", "SCHEDULE_SKIPPED")
    assert len(fired) == 4
    async with opened_console(settings) as (console, pilot):
        report = await report_on(console, pilot, "schedule", "beat")
        runs = report._runs.runs
        events = [stored for stored in await all_events(client) if stored.event and stored.event.schedule_id == "beat"]
        wanted = [stored.seq for stored in events if stored.event and stored.event.type.startswith("SCHEDULE_")]
        ends = [stored.seq for stored in events if stored.event and stored.event.type == "SCHEDULE_COMPLETED"]
        assert [run.row.seq for run in runs] == [seq for seq in reversed(wanted) if seq not in ends][: len(runs)]
        made = [run for run in runs if run.job_id is not None]
        assert {run.job_id for run in made} >= {event.job_id for event in fired[1:]}
        assert all(run.job is not None and run.job.status == "COMPLETED" and run.job.run_ms is not None for run in made)
        assert made[0].is_by_hand
        assert all(run.late_s is not None and run.late_s >= 0 for run in made[1:])
        assert report._runs.has_all(console.state.first_seq) or len(runs) == report._runs.most
        document = report.query_one(Document)
        while document.chosen is None or document.chosen.key != by_hand.job_id:
            await pilot.press("tab")
        await pilot.press("enter")
        await until(pilot, lambda: console.screen is not report)
        job = console.screen
        assert isinstance(job, DetailScreen)
        assert (job.kind, job.key) == ("job", by_hand.job_id)
        await pilot.press("escape")
        await until(pilot, lambda: console.screen is report)
        # looked back to where the second run had just been made: nothing that came later
        first, second = [run for run in reversed(made) if not run.is_by_hand][:2]
        console.look_back(second.row.seq)
        await until(pilot, lambda: console.state.as_of is not None and console.state.as_of.seq == second.row.seq)
        await until(pilot, lambda: report._shown_seq == second.row.seq and report._extra.is_read)
        then = report._runs.runs
        assert then[0].row.seq == second.row.seq
        by_then = [
            stored.event.type
            for stored in events
            if stored.seq <= second.row.seq and stored.event and stored.event.entity == "job"
            if stored.event.job_id == second.job_id
        ]
        assert then[0].job is not None
        assert then[0].job.status == {"ENQUEUED": "PENDING", "STARTED": "RUNNING"}.get(by_then[-1], by_then[-1])
        first_then = next(run for run in then if run.row.seq == first.row.seq)
        assert first_then.job is not None
        assert first_then.job.status == "COMPLETED"
        assert len([run for run in then if run.event.type == "SCHEDULE_SKIPPED"]) == len(skipped)


async def test_a_job_without_a_record_is_told_by_the_log(
    client: AsyncClient, settings: Settings, worker: WorkerFactory
) -> None:
    """The records of most runs have expired by the time that somebody asks."""
    waiting = await client.enqueue(tasks.add, 5, 6, queue_name="nobody")
    async with worker():
        job = await client.enqueue(tasks.add, 1, 2)
        assert await job.result(timeout=10) == 3
    first = (await client.log.range()).first_seq
    async with opened_console(settings) as (console, _):
        feed = console.pages
        recorded = await job_as_told(feed, job.job_id, "default", None)
        await client.results.delete(job.job_id)
        assert await job_as_told(feed, job.job_id, "default", None) is None
        by_the_log = await job_as_told(feed, job.job_id, "default", first)
        assert recorded is not None
        assert by_the_log is not None
        assert (by_the_log.status, by_the_log.run_ms) == ("COMPLETED", recorded.run_ms)
        still = await job_as_told(feed, waiting.job_id, "nobody", first)
        assert still is not None
        assert still.status == "PENDING"


async def test_the_kin_of_a_job_are_those_of_the_log(
    client: AsyncClient, settings: Settings, worker: WorkerFactory
) -> None:
    first = await client.enqueue(tasks.add, 1, 2)
    second = await client.enqueue(tasks.add, 3, 4, depends_on=first)
    child = await client.enqueue(tasks.add, 5, 6, depends_on=second, queue_name="nobody")
    then = (await client.log.range()).last_seq
    other = await client.enqueue(tasks.add, 7, 8, depends_on=[second, child], queue_name="nobody")
    async with worker():
        assert await second.result(timeout=20) == 7
    async with opened_console(settings) as (console, pilot):
        report = await report_on(console, pilot, "job", second.job_id)
        await until(pilot, lambda: report._extra.kin is not None and not report._extra.kin.is_reading)
        kin = report._extra.kin
        assert kin is not None
        assert kin.parents[second.job_id] == (first.job_id,)
        assert kin.parents[first.job_id] == ()
        assert kin.children == {
            second.job_id: (child.job_id, other.job_id),
            child.job_id: (other.job_id,),
        }
        assert {name: relative.status for name, relative in kin.jobs.items()} == {
            first.job_id: "COMPLETED",
            child.job_id: "PENDING",
            other.job_id: "PENDING",
        }
        # the one that still waits, in no queue, names its parents too
        waiting = await report_on(console, pilot, "job", other.job_id)
        await until(pilot, lambda: waiting._extra.kin is not None and not waiting._extra.kin.is_reading)
        assert waiting._extra.kin is not None
        assert waiting._extra.kin.parents[other.job_id] == (second.job_id, child.job_id)
        await pilot.press("escape")
        await until(pilot, lambda: console.screen is report)
        # before the last was enqueued and the first had run
        console.look_back(then)
        await until(pilot, lambda: console.state.as_of is not None and console.state.as_of.seq == then)
        await until(pilot, lambda: report._shown_seq == then)
        await until(pilot, lambda: report._extra.kin is not None and not report._extra.kin.is_reading)
        past = report._extra.kin
        assert past is not None
        assert past.children == {second.job_id: (child.job_id,)}
        assert {name: relative.status for name, relative in past.jobs.items()} == {
            first.job_id: "PENDING",
            child.job_id: "PENDING",
        }


async def test_a_result_in_the_object_store_is_read_when_its_report_opens(
    client: AsyncClient, settings: Settings, worker: WorkerFactory
) -> None:
    async with worker(modules=("tests.integration.sample_tasks",)):
        job = await client.enqueue(sample_tasks.many_bytes, 10_000_000)
        await job.result(timeout=30)
    async with opened_console(settings) as (console, pilot):
        report = await report_on(console, pilot, "job", job.job_id)
        await until(pilot, lambda: report._extra.aside is not None and report._extra.aside.is_read)
        assert report._extra.aside is not None
        assert report._extra.aside.value == "é" * 5_000_000
        console.pop_screen()
        await Objects(client.connection).delete(job.job_id)
        report = await report_on(console, pilot, "job", job.job_id)
        await until(pilot, lambda: report._extra.aside is not None and report._extra.aside.problem)
        assert "is gone from" in report._extra.aside.problem
