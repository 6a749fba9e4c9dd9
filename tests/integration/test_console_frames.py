"""`naq-console --snapshot` on a real server: the frame has what its screen shows, and nothing is touched for it."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from naq.client import AsyncClient
from naq.errors import NaqConnectionError
from naq.examples import tasks
from naq.settings import Settings
from naq_tui import snapshot as snapshot_module
from naq_tui.feed.nats import NatsFeed
from naq_tui.launcher import ProcessStatus, Supervisor
from naq_tui.snapshot import snapshot
from naq_tui.store.updates import FailuresFound
from tests.benchmarks.events import fill
from tests.conftest import WorkerFactory
from tests.launcher.watched import SLEEPER, Watched, script
from tests.tui.conftest import NOTHING, fake_console

PAST = 3_000
"""Events after the failures: more than the console reads at first."""


async def frame(settings: Settings, screen: str, state: Path) -> str:
    env = {key: value for key, value in os.environ.items() if not key.startswith("NAQ_")}
    address = ("--server", settings.servers[0], "--prefix", settings.prefix)
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "naq_tui", *address, "--snapshot", screen, "--size", "150x40"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**env, "NAQ_CONFIG_DIR": str(state), "NAQ_STATE_DIR": str(state)},
    )
    out, err = await child.communicate()
    assert child.returncode == 0, err.decode()
    return out.decode()


@pytest.mark.nats
async def test_each_frame_has_what_its_screen_shows(
    client: AsyncClient, settings: Settings, worker: WorkerFactory, tmp_path: Path
) -> None:
    async with worker("default", modules=("naq.examples.tasks",)):
        done = await client.enqueue(tasks.add, 1, 2)
        assert await done.result(timeout=30) == 3
        failed = await client.enqueue(tasks.fail)
        await client.results.wait_record(failed.job_id, timeout=30)
    await fill(client, PAST)
    last = (await client.log.range()).last_seq
    assert "it was asked to" in await frame(settings, "errors", tmp_path), "though it is not among the newest events"
    figures = await frame(settings, "figures", tmp_path)
    assert "add" in figures
    assert "fail" in figures
    results = await frame(settings, "results", tmp_path)
    assert "2 stored" in results
    assert f"{last:,}" in await frame(settings, "events", tmp_path)


@pytest.mark.nats
async def test_a_frame_shows_the_processes_of_a_console_that_runs_and_leaves_them_to_it(
    settings: Settings, client: AsyncClient, tmp_path: Path
) -> None:
    watched = Watched(tmp_path)
    try:
        running = watched.supervisor.launch(script(SLEEPER, name="night-shift"))
        row = await watched.until_said(running, "up")
        ended = watched.supervisor.launch(script("print('done')", name="errand", restart="never"))
        await watched.until_ended(ended)
        (record,) = watched.supervisor.folder.glob("*.json")
        before = record.read_bytes()
        text = await frame(settings, "processes", tmp_path)
        line = next(line for line in text.splitlines() if "night-shift" in line)
        assert "running" in line
        assert f" {row.pid} " in line
        assert " up " in line
        assert record.read_bytes() == before, "it is whose it was"
        assert watched.row(running).status is ProcessStatus.RUNNING
        assert watched.row(running).owned
        assert Supervisor(tmp_path).adopt() == 0
    finally:
        await watched.supervisor.close("kill")


@pytest.mark.nats
async def test_what_was_left_by_a_console_is_shown_and_still_to_be_found_by_the_next(
    settings: Settings, client: AsyncClient, tmp_path: Path
) -> None:
    watched = Watched(tmp_path)
    running = watched.supervisor.launch(script(SLEEPER, name="night-shift"))
    await watched.until_said(running, "up")
    await watched.supervisor.close("leave")
    assert "night-shift" in await frame(settings, "processes", tmp_path)
    heir = Watched(tmp_path)
    try:
        assert heir.supervisor.adopt() == 1
    finally:
        heir.supervisor.kill(running)
        await heir.until_ended(running)
        await heir.supervisor.close("kill")


@pytest.mark.parametrize(
    ("screen", "missing"), [("errors", "failures"), ("figures", "figures"), ("workers", "workers")]
)
async def test_what_does_not_come_in_time_is_named(monkeypatch: pytest.MonkeyPatch, screen: str, missing: str) -> None:
    monkeypatch.setattr(snapshot_module, "WAIT_S", 0.5)
    kept = [update for update in NOTHING if not isinstance(update, FailuresFound)]
    batch = [update for update in kept if missing.title() not in type(update).__name__]
    console = fake_console(batch)
    if screen == "figures":
        monkeypatch.setattr(type(console.main), "count_while_shown", lambda self: None)
    with pytest.raises(NaqConnectionError, match=f"missing: {missing}$"):
        await snapshot(console, screen, "text", (100, 30))


@pytest.mark.nats
async def test_how_many_results_there_are_is_told_with_the_first_of_them(
    client: AsyncClient, settings: Settings, worker: WorkerFactory
) -> None:
    async with worker("default", modules=("naq.examples.tasks",)):
        job = await client.enqueue(tasks.add, 1, 2)
        assert await job.result(timeout=30) == 3
    feed, batches = NatsFeed(settings), 0
    try:
        async for batch in feed.batches():
            batches += 1
            for update in batch:
                if type(update).__name__ == "ResultsChanged":
                    assert update.total == 1
                    assert [record.job_id for record in update.results] == [job.job_id]
                    return
    finally:
        await feed.close()
