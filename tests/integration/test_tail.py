"""A reader goes on with a stream that is not the one it read before."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from naq.client import AsyncClient
from naq.models.event import JobEvent, JobEventType
from naq.server import EmbeddedServer
from naq.settings import Settings
from tests.integration.following import Following

pytestmark = pytest.mark.nats


class Reader(Following):
    """Follows all events of a log from its first."""

    def __init__(self, client: AsyncClient) -> None:
        super().__init__()
        self._client = client
        self.jobs: list[str | None] = []
        """Of all events that have come, in order."""

    async def _follow(self) -> None:
        async for batch in self._client.events.follow():
            self.jobs += [stored.event and stored.event.job_id for stored in batch.events]
            self._tell()

    async def when(self, jobs: list[str]) -> None:
        await self.until(lambda: self.jobs == jobs)


async def write(client: AsyncClient, name: str, count: int) -> list[str]:
    jobs = [f"{name}{number}" for number in range(count)]
    for job_id in jobs:
        await client.events.write(JobEvent.of(JobEventType.ENQUEUED, job_id=job_id, queue="q"))
    return jobs


@pytest.mark.parametrize("count", [3, 40], ids=["shorter", "longer"])
async def test_a_stream_that_is_made_anew_is_read_from_its_first(client: AsyncClient, count: int) -> None:
    reader, stream = Reader(client), client.connection.names.events
    async with reader.running():
        before = await write(client, "a", 20)
        await reader.when(before)
        config = (await client.connection.api(f"STREAM.INFO.{stream}"))["config"]
        await client.connection.api(f"STREAM.DELETE.{stream}")
        await client.connection.api(f"STREAM.CREATE.{stream}", config)
        await reader.when(before + await write(client, "b", count))


async def test_a_bucket_that_is_made_anew_is_watched_on(client: AsyncClient) -> None:
    bucket = client.results.bucket
    config = (await client.connection.api(f"STREAM.INFO.{bucket.stream}"))["config"]
    for number in range(5):
        await bucket.put(f"a{number}", b"{}")
    seen: list[str] = []
    async with asyncio.timeout(20):
        async for batch in bucket.watch():
            seen += [entry.key for entry in batch.entries]
            if len(seen) == 5:
                await client.connection.api(f"STREAM.DELETE.{bucket.stream}")
                await client.connection.api(f"STREAM.CREATE.{bucket.stream}", config)
                await bucket.put("b", b"{}")
            if "b" in seen:
                break
    assert sorted(seen) == ["a0", "a1", "a2", "a3", "a4", "b"]


async def test_what_a_server_lost_is_not_waited_for(tmp_path: Path) -> None:
    """Its disk holds less than it had told: new events take the numbers of those that are lost."""
    store, older = tmp_path / "store", tmp_path / "older"
    server = EmbeddedServer(store)
    async with server:
        settings = Settings(nats_url=server.url, events_max_bytes=0)
        async with AsyncClient(settings) as client:
            kept = await write(client, "kept", 10)
    shutil.copytree(store, older)
    server = EmbeddedServer(store, port=server.port)
    async with server, AsyncClient(settings) as client:
        reader = Reader(client)
        async with reader.running():
            lost = await write(client, "lost", 5)
            await reader.when(kept + lost)
            await server.stop()
            shutil.rmtree(store)
            shutil.copytree(older, store)
            await server.start()
            await reader.when(kept + lost + await write(client, "new", 2))
