"""Connecting: what is asked for, what is missing, and who is refused."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from datetime import timedelta
from pathlib import Path
from unittest.mock import AsyncMock

import psutil
import pytest

from naq import queue, tail
from naq.client import AsyncClient
from naq.connection import Connection
from naq.doctor.verify import verify
from naq.errors import ConfigurationError, EnqueueError, JetStreamUnavailableError, NaqConnectionError, NaqException
from naq.examples import tasks
from naq.kv import Bucket
from naq.models.job import JobStatus
from naq.scheduler.fire import Firer
from naq.scheduler.overlap import LastJobs
from naq.server import EmbeddedServer, find_binary
from naq.settings import Settings
from naq.topology import ensure_topology
from tests.integration.log import all_events

pytestmark = pytest.mark.nats


async def test_wrong_credentials_are_told_in_one_line(tmp_path: Path) -> None:
    async with EmbeddedServer(tmp_path / "store", token="right") as server:
        async with Connection(Settings(nats_url=server.url, token="right")):
            pass
        with pytest.raises(NaqConnectionError, match="refused the credentials"):
            await Connection(Settings(nats_url=server.url, token="wrong", connect_timeout_s=2)).open()


async def test_a_server_without_jetstream_is_named(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        str(find_binary()),
        "-a",
        "127.0.0.1",
        "-p",
        "-1",
        "--ports_file_dir",
        str(tmp_path),
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        while b"Server is ready" not in await process.stderr.readline():
            pass
        url = await asyncio.wait_for(_address(tmp_path), 10)
        with pytest.raises(JetStreamUnavailableError, match=r"JetStream is (not available|off)"):
            await AsyncClient(Settings(nats_url=url)).open()
    finally:
        process.terminate()
        await process.communicate()


async def _address(folder: Path) -> str:
    """The address in the server's ports file, which it writes a moment after it says that it is ready."""
    while True:
        with contextlib.suppress(ValueError, StopIteration):
            return _read_address(folder)
        await asyncio.sleep(0.01)


def _read_address(folder: Path) -> str:
    return str(json.loads(next(folder.glob("*.ports")).read_text())["nats"][0])


async def test_something_else_on_the_port_is_told() -> None:
    async def chatter(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 smtp ready\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(chatter, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        with pytest.raises(NaqConnectionError, match=str(port)):
            await Connection(Settings(nats_url=f"nats://127.0.0.1:{port}", connect_timeout_s=1)).open()


async def test_how_long_an_answer_was_waited_for_is_told(client: AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client.connection.requests, "ask", AsyncMock(side_effect=TimeoutError))
    with pytest.raises(NaqConnectionError, match=r"to \$JS\.API\.STREAM: nothing came within 0\.2 s$"):
        await client.connection.api("STREAM.INFO.any", timeout=0.2)


async def test_missing_files_are_named() -> None:
    with pytest.raises(ConfigurationError, match="creds file '/nowhere'"):
        await Connection(Settings(nats_url="nats://127.0.0.1:1", creds="/nowhere")).open()


async def test_topology_is_made_once_and_kept(nats_server: EmbeddedServer, settings: Settings) -> None:
    async with AsyncClient(settings) as first:
        before = await first.connection.api(f"STREAM.INFO.{settings.names.events}")
        assert before["config"]["deny_delete"]
        assert before["config"]["deny_purge"]
        async with AsyncClient(settings.with_(events_max_age_s=60.0)) as second:
            after = await second.connection.api(f"STREAM.INFO.{settings.names.events}")
    assert before["config"] == after["config"], "a client with other settings changes nothing"


async def test_a_read_that_a_lost_link_took_away_is_asked_again(tmp_path: Path, prefix: str) -> None:
    server = EmbeddedServer(tmp_path / "store")
    await server.start()
    try:
        async with Connection(Settings(nats_url=server.url, prefix=prefix, connect_timeout_s=30.0)) as connection:
            await ensure_topology(connection)
            bucket = Bucket(connection, connection.names.results)
            await bucket.put("key", b"value")
            assert server.pid is not None
            process = psutil.Process(server.pid)
            process.suspend()
            async with asyncio.timeout(5):
                while process.status() != psutil.STATUS_STOPPED:  # noqa: ASYNC110  (nobody tells)
                    await asyncio.sleep(0.01)
            read = asyncio.create_task(bucket.get("key"))
            assert await asyncio.wait({read}, timeout=0.3) == (set(), {read})
            process.kill()
            await server.wait()
            await server.start()
            async with asyncio.timeout(15):  # sooner than the read would be given up
                entry = await read
            assert entry is not None
            assert entry.value == b"value"
    finally:
        await server.stop()


async def test_what_was_given_up_while_the_server_was_away_is_not_sent_to_it_later(
    tmp_path: Path, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its caller was told that it is not stored, and may have sent another since."""
    monkeypatch.setattr(queue, "ENQUEUE_PATIENCE_S", 1.0)
    monkeypatch.setattr(queue, "TAKE_BACK_WITHIN_S", 0.1)
    server = EmbeddedServer(tmp_path / "store")
    await server.start()
    try:
        async with AsyncClient(Settings(nats_url=server.url, prefix=prefix)) as client:
            kept = await client.enqueue(tasks.add, 1, 1)
            assert server.pid is not None
            psutil.Process(server.pid).kill()
            await server.wait()
            with pytest.raises(EnqueueError, match="was not stored"):
                await client.enqueue(tasks.add, 1, 2)
            with pytest.raises(EnqueueError, match="0 of 20 jobs were stored"):
                await client.enqueue_many([(tasks.add, (1, number)) for number in range(20)])
            monkeypatch.setattr(queue, "ENQUEUE_PATIENCE_S", 15.0)
            await server.start()
            told = await client.enqueue(tasks.add, 1, 3)
            cancelled = 0
            async with asyncio.timeout(20):
                while cancelled < 21:
                    events = [stored.event for stored in await all_events(client) if stored.event]
                    cancelled = len([event for event in events if event.is_refusal])
            (waiting,) = await client.list_queues()
            assert waiting.waiting == 2
            for job in (kept, told):
                assert await client.inspector.job_status(job.job_id) is JobStatus.PENDING
            assert (await verify(client.connection)).findings == ()
    finally:
        await server.stop()


async def test_what_a_leader_could_not_store_while_it_led_is_not_stored_later(tmp_path: Path, prefix: str) -> None:
    """Whoever leads next may have passed that run over."""
    server = EmbeddedServer(tmp_path / "store")
    await server.start()
    try:
        async with AsyncClient(Settings(nats_url=server.url, prefix=prefix)) as client:
            link, results = client.connection, client.results
            firer = Firer(link, client.schedules, results, LastJobs(link, results, lambda _: None), "s-1")
            schedule = await client.schedule(tasks.add, 1, 2, interval=3600, schedule_id="hourly")
            due = schedule.next_run_at
            assert due is not None
            assert server.pid is not None
            psutil.Process(server.pid).kill()
            await server.wait()
            firer.leads_for_s = lambda: 0.5
            async with asyncio.timeout(10):
                with pytest.raises(EnqueueError, match="was not stored"):
                    await firer.fire(schedule, due)
            await server.start()
            await client.enqueue(tasks.add, 1, 3, queue_name="other")  # behind all that was left to send
            assert {queue.queue: queue.waiting for queue in await client.list_queues()} == {"other": 1}
            firer.leads_for_s = lambda: 0.0
            with pytest.raises(NaqException, match="lease has run out"):
                await firer.fire(schedule, due)
    finally:
        await server.stop()


async def test_runs_that_were_told_as_missed_too_late_are_left_to_the_next_leader(client: AsyncClient) -> None:
    """Else its record counts them, and the log has them a second time, with what has been missed since."""
    link, results = client.connection, client.results
    firer = Firer(link, client.schedules, results, LastJobs(link, results, lambda _: None), "s-1")
    schedule = await client.schedule(tasks.add, 1, 2, interval=1, misfire="skip", schedule_id="often")
    due = schedule.next_run_at
    assert due is not None
    left = iter((1.0, 0.0))
    firer.leads_for_s = lambda: next(left)
    with pytest.raises(NaqException, match="lease has run out"):
        await firer.fire(schedule, due + timedelta(seconds=10))
    (kept,) = await client.schedules.list()
    assert (kept.misfire_count, kept.next_run_at) == (0, due)
    another = Firer(link, client.schedules, results, LastJobs(link, results, lambda _: None), "s-2")
    assert (saved := await another.fire(kept, due + timedelta(seconds=12))) is not None
    told = [stored.event for stored in await all_events(client) if stored.event is not None]
    details = [event.details or {} for event in told if event.type == "SCHEDULE_MISFIRED"]
    missed = {each["due"]: each["missed"] for each in details}
    assert len(missed) == 1, "told anew in the place of the first"
    assert sum(missed.values()) == saved.misfire_count > 8


async def test_a_run_is_not_made_again_when_the_server_was_killed_before_it_was_saved(
    tmp_path: Path, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its job ran, so its message is gone, and with it the id by which a killed server would know it again."""
    async with (
        EmbeddedServer(tmp_path / "store") as server,
        AsyncClient(Settings(nats_url=server.url, prefix=prefix)) as client,
    ):
        link, results = client.connection, client.results
        firer = Firer(link, client.schedules, results, LastJobs(link, results, lambda _: None), "s-1")
        schedule = await client.schedule(tasks.add, 1, 2, interval=0.05, schedule_id="often")
        due = schedule.next_run_at
        assert due is not None
        monkeypatch.setattr(firer, "_save", AsyncMock(side_effect=NaqConnectionError("no answer")))
        with pytest.raises(NaqConnectionError, match="no answer"):
            await firer.fire(schedule, due)
        monkeypatch.undo()
        await link.api(f"STREAM.PURGE.{link.names.jobs}")  # as if it had run
        assert server.pid is not None
        psutil.Process(server.pid).kill()
        await server.wait()
        await server.start()
        saved = await firer.fire(schedule, due)
        assert saved is not None
        assert (saved.run_count, await client.list_queues()) == (1, [])
        told = [stored.event.type for stored in await all_events(client) if stored.event is not None]
        assert told.count("SCHEDULE_TRIGGERED") == 1


async def test_of_calls_that_fail_by_the_thousand_the_log_hears_no_more_than_leaves_room(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What waits to be told is memory, and room that later calls need."""
    monkeypatch.setattr(queue, "ENQUEUE_PATIENCE_S", 0.3)
    monkeypatch.setattr(queue, "TAKE_BACK_WITHIN_S", 0.1)
    monkeypatch.setattr(queue, "UNTOLD_MAX", 5)
    outbox = client.connection.outbox
    monkeypatch.setattr(outbox, "_on_reply", lambda *_: None)  # the server's word is lost
    monkeypatch.setattr(outbox._client, "write", lambda *_: True)
    monkeypatch.setattr(outbox._client, "publish", AsyncMock())
    for _ in range(3):
        with pytest.raises(EnqueueError, match="0 of 10 jobs were stored"):
            await client.enqueue_many([(tasks.add, (1, number)) for number in range(10)])
    assert outbox.outstanding == 5
    assert caplog.text.count("too much waits for the log") == 25


async def test_a_bucket_is_read_whole_though_the_server_counts_wrong(
    nats_server: EmbeddedServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As 2.10 does where an entry is replaced between the consumer's start and its delivery."""
    parse = tail.parse_delivered

    def counting_one_more(subject: bytes, reply: str, data: bytes, block: bytes) -> tuple[tail.TailMessage, int]:
        message, pending = parse(subject, reply, data, block)
        return message, pending + 1

    monkeypatch.setattr(tail, "parse_delivered", counting_one_more)
    monkeypatch.setattr(tail, "CERTAINLY_NEW", timedelta(seconds=0.3))
    async with Connection(settings) as connection:
        await ensure_topology(connection)
        bucket = Bucket(connection, connection.names.workers)
        await bucket.put("still", b"1")

        async def beat() -> None:
            for number in itertools.count():
                await bucket.put("beating", str(number).encode())
                await asyncio.sleep(0.05)

        beating = asyncio.create_task(beat())
        try:
            async with asyncio.timeout(10):
                assert {entry.key for entry in await bucket.entries()} == {"still", "beating"}
        finally:
            beating.cancel()
