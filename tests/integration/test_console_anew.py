"""A console beside a server that comes back with another store shows what is there, not what was."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from naq.client import AsyncClient
from naq.examples import tasks
from naq.server import EmbeddedServer
from naq.settings import Settings
from naq.testing import worker
from naq_tui.store.state import State
from tests.integration.following import Console
from tests.integration.test_monitor import workers_bucket

pytestmark = pytest.mark.nats


def is_full(state: State) -> bool:
    return bool(
        state.is_live
        and state.schedules
        and state.results
        and state.workers
        and state.jobs
        and state.queues
        and state.results_total
        and "failures" in state.loaded
    )


def is_empty(state: State) -> bool:
    held = (state.schedules, state.results, state.workers, state.jobs, state.events, state.failures, state.running)
    is_read = state.loaded >= {"workers", "schedules", "results", "queues", "failures", "events"}
    return state.is_live and is_read and not any((*held, state.last_seq, state.results_total))


async def fill(settings: Settings, schedule_id: str) -> None:
    """A schedule, a result, and the record of a worker that was here."""
    async with AsyncClient(settings) as client:
        await client.schedule(tasks.add, 1, 2, cron="0 2 * * *", schedule_id=schedule_id)
        async with worker(settings, "naq.examples.tasks"):
            assert await (await client.enqueue(tasks.add, 1, 2)).result(timeout=20) == 3
            (record,) = await client.list_workers()
        # what a worker that is killed leaves behind
        await workers_bucket(client).put(record.worker_id, record.to_wire())


async def test_an_empty_store_is_shown_empty_and_then_with_what_comes(tmp_path: Path) -> None:
    store = tmp_path / "store"
    server = EmbeddedServer(store)
    async with server:
        settings = Settings(nats_url=server.url, events_max_bytes=0)
        await fill(settings, "before")
        console = Console(settings)
        async with console.running():
            await console.shows(is_full)
            await server.stop()
            shutil.rmtree(store)
            await server.start()
            await console.shows(is_empty)
            await fill(settings, "after")
            state = await console.shows(is_full)
            assert list(state.schedules) == ["after"]
            assert [row.seq for row in state.events] == list(range(1, state.last_seq + 1))


async def test_what_a_server_lost_is_not_shown_on(tmp_path: Path) -> None:
    store, older = tmp_path / "store", tmp_path / "older"
    server = EmbeddedServer(store)
    async with server:
        settings = Settings(nats_url=server.url, events_max_bytes=0)
        async with AsyncClient(settings) as client:
            await client.schedule(tasks.add, 1, 2, cron="0 2 * * *", schedule_id="kept")
    shutil.copytree(store, older)
    server = EmbeddedServer(store, port=server.port)
    async with server:
        await fill(settings, "lost")
        console = Console(settings)
        async with console.running():
            await console.shows(is_full)
            await server.stop()
            shutil.rmtree(store)
            shutil.copytree(older, store)
            await server.start()
            state = await console.shows(lambda state: "lost" not in state.schedules and "kept" in state.schedules)
            assert [row.seq for row in state.events] == [1]
            assert not state.results


async def test_a_log_alone_that_is_made_anew_has_all_read_again(client: AsyncClient, settings: Settings) -> None:
    await fill(settings, "kept")
    console, stream = Console(settings), client.connection.names.events
    async with console.running():
        await console.shows(is_full)
        config = (await client.connection.api(f"STREAM.INFO.{stream}"))["config"]
        await client.connection.api(f"STREAM.DELETE.{stream}")
        await client.connection.api(f"STREAM.CREATE.{stream}", config)
        await console.shows(lambda state: not state.last_seq)
        state = await console.shows(lambda state: bool(state.schedules and state.results and state.workers))
        assert list(state.schedules) == ["kept"]
