"""What a million events cost the server in memory."""

from __future__ import annotations

import asyncio
import collections
import itertools
from collections.abc import Iterator

from naq import ids
from naq.bench.trial import trial
from naq.client import AsyncClient
from naq.models.event import JobEvent, JobEventType
from naq.outbox import PublishAck
from naq.server import EmbeddedServer
from naq.topology import NANOSECONDS
from tests.benchmarks.stage import Stage, rss_mib, settings_for
from tests.benchmarks.table import Bound, Row

MILLION = 1_000_000
UNDER_WAY = 1_000


async def rows(stage: Stage) -> list[Row]:
    count = stage.size(MILLION, 200_000)
    async with stage.server() as server, trial(settings_for(server)) as place:
        empty = await _after_restart(server, place.client)
        await _fill(place.client, count)
        assert server.pid is not None
        writing = rss_mib(server.pid)
        await _forget_ids(place.client)
        resting = await _after_restart(server, place.client)
    return [
        Row(
            what=f"server RSS per million events, by {count:,}",
            unit="MiB",
            values=[(resting - empty) * MILLION / count],
            bound=Bound(40, at_least=False),
        ),
        Row(what=f"server RSS, {count:,} events just written", unit="MiB", values=[writing]),
        Row(
            what="server RSS, the same after a restart",
            unit="MiB",
            values=[resting],
            rival="empty",
            rival_values=[empty],
        ),
    ]


async def _after_restart(server: EmbeddedServer, client: AsyncClient) -> float:
    """MiB of a server that has just come up again on what it holds, and has answered from it."""
    await server.stop()
    await server.start()
    async with asyncio.timeout(60):
        while not client.connection.client.is_connected:  # noqa: ASYNC110  (it reconnects by itself)
            await asyncio.sleep(0.05)
    await client.log.newest(100)
    assert server.pid is not None
    return rss_mib(server.pid)


async def _fill(client: AsyncClient, count: int) -> None:
    """As the engine writes: with message ids, each confirmed."""
    under_way: collections.deque[asyncio.Future[PublishAck]] = collections.deque()
    for event in itertools.islice(_lives(count), count):
        under_way.append(await client.events.send(event))
        if len(under_way) == UNDER_WAY:
            await under_way.popleft()
    await asyncio.gather(*under_way)


async def _forget_ids(client: AsyncClient) -> None:
    """The server holds the ids of the last minute's messages in memory: let the minute be over."""
    connection = client.connection
    answer = await connection.api(f"STREAM.INFO.{connection.names.events}")
    config = {**answer["config"], "duplicate_window": NANOSECONDS}
    await connection.api(f"STREAM.UPDATE.{connection.names.events}", config)
    await asyncio.sleep(2)


def _lives(count: int) -> Iterator[JobEvent]:
    """The events of jobs that do what they should, three each."""
    for number in range(count // 3 + 1):
        about = {"job_id": ids.uuid7(), "queue": f"queue-{number % 8}", "function": "shop.tasks:send_invoice"}
        worker = {"worker_id": "w-host-0198c0de", "attempt": 1}
        yield JobEvent.of(JobEventType.ENQUEUED, to_status="PENDING", **about)
        yield JobEvent.of(
            JobEventType.STARTED, from_status="PENDING", to_status="RUNNING", wait_ms=4.2, **about, **worker
        )
        yield JobEvent.of(
            JobEventType.COMPLETED, from_status="RUNNING", to_status="COMPLETED", run_ms=81.5, **about, **worker
        )
