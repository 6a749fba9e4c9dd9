"""Deaths are told once, whoever dies, and records of the dead go in the end."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from naq import codec
from naq.caretaker import LEASE
from naq.client import AsyncClient
from naq.eventlog import stream_range
from naq.events import Events
from naq.examples import tasks
from naq.inspector import worker_of
from naq.kv import Bucket
from naq.models.event import JobEvent, JobEventType
from naq.models.times import format_time
from naq.models.worker import WorkerRecord, WorkerStatus
from naq.monitor import Monitor, lost_event
from naq.server import EmbeddedServer
from naq.settings import Settings
from tests.conftest import EXAMPLES, WorkerFactory, child
from tests.integration.log import all_events, event_when

pytestmark = pytest.mark.nats


def workers_bucket(client: AsyncClient) -> Bucket:
    return Bucket(client.connection, client.connection.names.workers)


async def record_when(client: AsyncClient, matches: Callable[[WorkerRecord], bool]) -> WorkerRecord:
    """The first heartbeat record, standing or to come, that matches."""

    async def find() -> WorkerRecord:
        async for batch in workers_bucket(client).watch():
            for entry in batch.entries:
                if not entry.is_deleted and matches(worker_of(entry)):
                    return worker_of(entry)
        raise AssertionError("the watch ended")

    return await asyncio.wait_for(find(), 20)


async def all_beat(client: AsyncClient, times: int, workers: int) -> None:
    """Wait until so many workers have each beaten so often from now on."""
    beats: dict[str, int] = {}

    async def count() -> None:
        bucket = workers_bucket(client)
        held = await stream_range(client.connection, bucket.stream)
        async for batch in bucket.watch(from_revision=held.last_seq + 1):
            for entry in batch.entries:
                beats[entry.key] = beats.get(entry.key, 0) + 1
            if sum(count >= times for count in beats.values()) >= workers:
                return

    await asyncio.wait_for(count(), 30)


async def losses(client: AsyncClient) -> list[JobEvent]:
    return [s.event for s in await all_events(client) if s.event is not None and s.event.type == "WORKER_LOST"]


async def caretaker_of(client: AsyncClient) -> str:
    async for batch in Bucket(client.connection, client.connection.names.locks).watch(LEASE):
        for entry in batch.entries:
            if not entry.is_deleted:
                return str(codec.loads(entry.value)["holder"])
    raise AssertionError("the watch ended")


async def takeover_from(client: AsyncClient, holder: str) -> float:
    """Seconds of the server's clock from the holder's last renewal to another's lease."""
    renewed_at = None
    async for batch in Bucket(client.connection, client.connection.names.locks).watch(LEASE):
        for entry in batch.entries:
            if not entry.is_deleted and codec.loads(entry.value)["holder"] == holder:
                renewed_at = entry.saved_at
            elif renewed_at is not None:
                return (entry.saved_at - renewed_at).total_seconds()
    raise AssertionError("the watch ended")


async def test_each_death_is_told_once_the_caretakers_as_well(client: AsyncClient, settings: Settings) -> None:
    async with AsyncExitStack() as stack:
        for arguments in (("worker", "-m", EXAMPLES), ("worker", "-m", EXAMPLES), ("scheduler",)):
            await stack.enter_async_context(child(settings, *arguments))
        await all_beat(client, 1, 3)
        records = {record.worker_id: record for record in await client.list_workers()}
        job = await client.enqueue(tasks.sleep, 60.0)
        holder = (await event_when(client, lambda e: e.type == "STARTED" and e.job_id == job.job_id)).worker_id or ""
        # whoever runs the job dies, and then whoever is the caretaker
        first = records[holder]
        await record_when(client, lambda r: r.worker_id == holder and bool(r.running))
        os.kill(first.pid, signal.SIGKILL)
        lost = await event_when(client, lambda e: e.type == "WORKER_LOST" and e.worker_id == holder)
        assert lost.details is not None
        assert lost.details["running"] == [job.job_id]
        assert (lost.details["host"], lost.details["pid"], lost.details["kind"]) == (first.host, first.pid, "worker")
        assert lost.to_status == WorkerStatus.DEAD
        second = records[await caretaker_of(client)]
        takeover = asyncio.create_task(takeover_from(client, second.worker_id))
        os.kill(second.pid, signal.SIGKILL)
        assert await asyncio.wait_for(takeover, 20) < settings.lease_s + 1.5
        told = await event_when(client, lambda e: e.type == "WORKER_LOST" and e.worker_id == second.worker_id)
        assert told.details is not None
        assert told.details["kind"] == second.kind
        await record_when(client, lambda r: r.worker_id == second.worker_id and r.lost_seq is not None)
        await all_beat(client, 6, 1)  # the last one stays on duty for a while, and tells nothing again
        assert sorted(e.worker_id or "" for e in await losses(client)) == sorted([holder, second.worker_id])


async def test_a_dead_scheduler_is_told_and_its_record_removed(
    client: AsyncClient, settings: Settings, worker: WorkerFactory
) -> None:
    async with worker(), child(settings, "scheduler") as doomed:
        scheduler = await record_when(client, lambda r: r.kind == "scheduler")
        await all_beat(client, 1, 2)
        doomed.send_signal(signal.SIGKILL)
        lost = await event_when(client, lambda e: e.type == "WORKER_LOST")
        assert lost.worker_id == scheduler.worker_id
        assert lost.details is not None
        assert lost.details["kind"] == "scheduler"
        kept = await record_when(client, lambda r: r.lost_seq is not None)
        assert kept.status_at(client.connection.server_now()) == WorkerStatus.DEAD
        cleaner = asyncio.create_task(Monitor(client.connection, settings.with_(dead_worker_kept_s=1.0)).run())
        async for batch in workers_bucket(client).watch(scheduler.worker_id):
            if any(entry.is_deleted for entry in batch.entries):
                break
        cleaner.cancel()
        assert [e.worker_id for e in await losses(client)] == [scheduler.worker_id], "the log keeps it"


async def test_a_stopped_worker_that_comes_back_is_alive_and_may_die_again(
    client: AsyncClient, settings: Settings, worker: WorkerFactory
) -> None:
    async with worker(), child(settings, "worker", "other", "-m", EXAMPLES) as sleeper:
        about = await record_when(client, lambda r: r.queues == ("other",) and r.status == "IDLE")
        for death in (1, 2):
            sleeper.send_signal(signal.SIGSTOP)
            lost = await record_when(client, lambda r: r.worker_id == about.worker_id and r.lost_seq is not None)
            assert lost.status_at(client.connection.server_now()) == WorkerStatus.DEAD
            assert [e.worker_id for e in await losses(client)] == [about.worker_id] * death
            sleeper.send_signal(signal.SIGCONT)
            back = await record_when(client, lambda r: r.worker_id == about.worker_id and r.lost_at is None)
            assert back.status_at(client.connection.server_now()) != WorkerStatus.DEAD


@pytest.mark.parametrize(("told", "ago_s"), [(False, 1), (True, 1), (False, 300), (True, 300)])
async def test_a_monitor_killed_between_mark_and_event_is_made_good_once(
    client: AsyncClient, settings: Settings, told: bool, ago_s: float
) -> None:
    """What such a monitor leaves: a mark, no sequence in the record, and the event or not."""
    now = client.connection.server_now()
    record = WorkerRecord(
        worker_id="w-dead", status="BUSY", host="far", pid=7, beat_at=now - timedelta(seconds=ago_s + 2)
    )
    lost_at = now - timedelta(seconds=ago_s)
    marked = WorkerRecord.from_wire(
        codec.dumps({**codec.loads(record.to_wire()), "lost_at": format_time(lost_at)}), beat_at=record.beat_at
    )
    await workers_bucket(client).put("w-dead", marked.to_wire())
    if told:
        # an old one is outside the server's memory for message ids: told here under another id
        msg_id = f"w-dead:lost:{format_time(lost_at)}" if ago_s < 60 else "forgotten"
        await Events(client.connection).write(lost_event("w-dead", marked), msg_id=msg_id)
    monitors = [asyncio.create_task(Monitor(client.connection, settings).run()) for _ in range(2)]
    settled = await record_when(client, lambda r: r.worker_id == "w-dead" and r.lost_seq is not None)
    stored = [s for s in await all_events(client) if s.event is not None and s.event.type == JobEventType.WORKER_LOST]
    for monitor in monitors:
        monitor.cancel()
    await asyncio.gather(*monitors, return_exceptions=True)
    assert [s.seq for s in stored] == [settled.lost_seq]
    assert settled.beat_at == record.beat_at


async def test_hostile_records_stop_no_monitor(client: AsyncClient, settings: Settings) -> None:
    bucket = workers_bucket(client)
    for number, raw in enumerate(
        (
            b"\xff",
            b"[]",
            b'{"worker_id": 5}',
            b'{"worker_id": "w", "heartbeat_interval_s": 1e308, "running": [5, {"job_id": []}]}',
            b'{"worker_id": "w", "heartbeat_interval_s": -1, "lost_at": "9999-12-31T23:59:59Z", "beat_at": 5}',
            b'{"worker_id": "w", "heartbeat_interval_s": 0.1, "lost_at": "0001-01-01T00:00:00Z", "lost_seq": {}}',
        )
    ):
        await bucket.put(f"bad{number}", raw)
    await bucket.put("w-dead", WorkerRecord(worker_id="w-dead", status="IDLE", heartbeat_interval_s=0.5).to_wire())
    monitor = asyncio.create_task(Monitor(client.connection, settings).run())
    lost = await event_when(client, lambda e: e.type == "WORKER_LOST" and e.worker_id == "w-dead")
    assert lost.details is not None
    assert lost.details["running"] == []
    assert not monitor.done()
    monitor.cancel()
    await asyncio.gather(monitor, return_exceptions=True)


async def test_an_outage_of_the_server_kills_nobody(tmp_path: Path, prefix: str) -> None:
    server = EmbeddedServer(tmp_path / "store")
    await server.start()
    settings = Settings(nats_url=server.url, prefix=prefix, ack_wait_s=2.0, heartbeat_interval_s=0.5, lease_s=2.0)
    try:
        async with (
            AsyncClient(settings) as client,
            child(settings, "worker", "-m", EXAMPLES),
            child(settings, "worker", "-m", EXAMPLES),
        ):
            await all_beat(client, 1, 2)
            await asyncio.wait_for(caretaker_of(client), 10)
            assert server.pid is not None
            os.kill(server.pid, signal.SIGKILL)
            await server.wait()
            await asyncio.sleep(3)  # the outage itself: longer than any heartbeat or lease lasts
            await server.start()
            await all_beat(client, 6, 2)
            assert await caretaker_of(client) in {record.worker_id for record in await client.list_workers()}
            assert await losses(client) == []
    finally:
        await server.stop()
