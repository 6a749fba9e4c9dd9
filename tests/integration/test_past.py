"""The whole console as it was at an instant, on a real server."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from naq.client import AsyncClient
from naq.settings import Settings
from naq_tui.app import NaqConsole, make_console
from naq_tui.feed import replay
from naq_tui.feed.fake import FakeProcesses
from naq_tui.feed.nats import NatsFeed
from naq_tui.feed.past import standing_events
from naq_tui.screens.moment import MomentScreen
from tests.benchmarks.events import fill
from tests.conftest import WorkerFactory
from tests.integration import sample_tasks
from tests.integration.log import all_events, event_when
from tests.tui.conftest import until

pytestmark = pytest.mark.nats
TASKS = "tests.integration.sample_tasks"


async def look_back(pilot: Pilot[None], console: NaqConsole, seq: int) -> None:
    await pilot.press("at")
    await until(pilot, lambda: isinstance(console.screen, MomentScreen))
    await pilot.press("ctrl+u", *f"#{seq}", "enter")
    await until(pilot, lambda: console.state.as_of is not None and console.state.as_of.seq == seq)


async def test_there_and_back(client: AsyncClient, settings: Settings, worker: WorkerFactory, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    held = await client.enqueue(sample_tasks.wait_for, str(gate), queue_name="mail")
    await client.schedule(sample_tasks.wait_long, cron="0 2 * * *", timezone="Europe/Berlin", schedule_id="nightly")
    await client.pause_queue("reports", reason="deploy")
    async with worker("mail", modules=(TASKS,)) as runner:
        await event_when(client, lambda event: event.type == "STARTED")
        waiting = await client.enqueue(sample_tasks.wait_long, queue_name="reports")
        then = (await client.log.range()).last_seq
        at_then = client.connection.server_now()
        gate.touch()
        assert await held.result(timeout=10)
        await client.resume_queue("reports")
        await client.pause_scheduled_job("nightly")
        await client.cancel(waiting.job_id)
    worker_id = runner.worker_id
    console = make_console(NatsFeed(settings), FakeProcesses())
    async with console.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: console.state.last_seq > then and "nightly" in console.state.schedules)
        await until(pilot, lambda: console.state.jobs[held.job_id].status == "COMPLETED")
        now = console.state
        await look_back(pilot, console, then)
        past = console.state
        assert past.jobs[held.job_id].status == "RUNNING"
        assert past.jobs[waiting.job_id].status == "PENDING"
        queues = {row.name: row.stats for row in past.queues}
        assert (queues["mail"].waiting, queues["mail"].running) == (0, 1)
        assert (queues["reports"].waiting, queues["reports"].is_paused) == (1, True)
        row = past.workers[worker_id]
        assert ([job.job_id for job in row.record.running], row.queues) == ([held.job_id], "mail")
        assert worker_id not in now.workers
        nightly, kept = past.schedules["nightly"], now.schedules["nightly"]
        assert (nightly.status, kept.status) == ("ACTIVE", "PAUSED")
        assert nightly.spec == kept.spec
        assert nightly.record.next_run_at == kept.record.next_run_at
        assert held.job_id not in past.results
        assert await console.pages.read_result(held.job_id) is None
        assert [one.seq for one in await console.pages.read_events(then, 5)] == [then]
        await pilot.press("r")
        await until(pilot, lambda: not console.is_past)
        assert console.state is console.live
        text = f"{at_then:%Y-%m-%d %H:%M:%S.%f}"
        await pilot.press("t")
        await until(pilot, lambda: isinstance(console.screen, MomentScreen))
        await pilot.press(*text, "enter")
        await until(pilot, lambda: console.is_past)
        assert console.state.as_of is not None
        assert console.state.as_of.seq == then
        assert console.state.jobs == past.jobs


async def test_of_a_long_log_a_part_is_read_and_what_stands_from_before_it(
    client: AsyncClient, settings: Settings, worker: WorkerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "HORIZON", 3_000)
    monkeypatch.setattr(replay, "PAGE", 500)
    async with worker("mail", modules=(TASKS,)) as runner:
        await fill(client, 5_000)
        stored = await all_events(client)
        wanted = [one.seq for one in stored[:4_000] if one.event is not None and one.event.entity != "job"]
        assert [one.seq for one in await standing_events(client, stored[4_000].seq, 10_000)] == wanted
        console = make_console(NatsFeed(settings), FakeProcesses())
        async with console.run_test(size=(80, 24)) as pilot:
            await until(pilot, lambda: console.live.last_seq >= stored[-1].seq)
            seq = stored[-10].seq
            await look_back(pilot, console, seq)
            as_of = console.state.as_of
            assert as_of is not None
            assert as_of.from_seq == seq - 2_999
            assert console.state.workers[runner.worker_id].record.concurrency == 10
            assert console.state.first_seq == stored[0].seq, "the log itself is there from its beginning"
