"""Three servers and three copies of everything: nodes are killed, cut off, restarted and too few, under load."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from naq import queue
from naq.client import AsyncClient
from naq.connection import LinkState
from naq.doctor.checks import Check, Level
from naq.doctor.diagnose import diagnose
from naq.errors import EnqueueError, NaqConnectionError
from naq.examples import tasks
from naq.settings import Settings
from naq.topology import stream_configs
from tests.cluster import (
    NODES,
    WORK,
    Cluster,
    Load,
    cluster,
    copies,
    load,
    opened,
    until_current,
    until_led_by_another,
    verdict_of,
    works,
)
from tests.conftest import child

pytestmark = [pytest.mark.nats, pytest.mark.cluster]

ELECTION_S = 15.0
"""Bare clients stand still for 5 to 6 s on an idle machine of two cores; this one may be busy."""


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture
def mine(nodes: Cluster, prefix: str) -> Settings:
    return Settings(
        nats_url=nodes.url,
        prefix=prefix,
        replicas=3,
        ack_wait_s=4.0,
        lease_s=4.0,
        heartbeat_interval_s=1.0,
        events_max_bytes=0,
    )


@pytest.fixture
async def client(nodes: Cluster, mine: Settings) -> AsyncIterator[AsyncClient]:
    client = await opened(mine)
    try:
        await until_current(client)
        yield client
        nodes.start_all()
        await until_current(client)
        for config in stream_configs(client.connection):
            await client.connection.api(f"STREAM.DELETE.{config['name']}", timeout=15)
    finally:
        await client.close()


@asynccontextmanager
async def busy(client: AsyncClient, mine: Settings, figures: Path) -> AsyncIterator[Load]:
    """Two workers, a scheduler and a load; in the end everything has run, and none of the processes had to be replaced.

    `figures` takes how long an enqueue took at most.
    """
    async with child(mine, *WORK) as one, child(mine, *WORK) as two, child(mine, "scheduler") as scheduler:
        up = set[str]()
        async with asyncio.timeout(30):
            async for batch in client.inspector.watch_workers():
                up.update(entry.key for entry in batch.entries)
                if len(up) == 3:
                    break
        async with load(client) as running:
            await works(client)
            yield running
            await works(client)
        later = await client.enqueue_in(0.1, tasks.add, 5, 5)
        assert await later.result(timeout=30) == 10
        await running.check()
        assert client.connection.state is LinkState.LIVE
        assert [process.returncode for process in (one, two, scheduler)] == [None, None, None]
        verdict = await verdict_of(client)
        assert verdict.jobs["COMPLETED"] >= len(running.jobs)
        told = {"jobs": len(running.jobs), "slowest_enqueue_s": round(running.slowest_s, 2), "errors": running.errors}
        (figures / "figures.json").write_text(json.dumps(told))


async def until_told(mine: Settings, text: str) -> Check:
    """What `naq doctor` says of the cluster, in one line, once that begins with `text`."""
    async with asyncio.timeout(40):
        while True:
            for check in await diagnose(mine):
                if check.name == "cluster" and check.found.startswith(text):
                    return check
            await asyncio.sleep(0.2)


async def test_the_leader_of_the_jobs_is_killed(
    nodes: Cluster, client: AsyncClient, mine: Settings, tmp_path: Path
) -> None:
    async with busy(client, mine, tmp_path) as running:
        leader = (await copies(client))["leader"]
        nodes.kill(leader)
        await until_led_by_another(client, leader)
        await works(client)
        assert (await until_told(mine, f"away: {leader}, with copies of")).level == Level.PROBLEM
        nodes.start(leader)
        await until_current(client)
        assert running.errors == []
    assert running.slowest_s < ELECTION_S


async def test_the_node_a_client_talks_to_is_cut_off(
    nodes: Cluster, client: AsyncClient, mine: Settings, tmp_path: Path
) -> None:
    """Its connections stand, so nothing tells that it is gone but its silence."""
    async with busy(client, mine, tmp_path) as running:
        gone = client.connection.server_name
        nodes.cut_off(gone)
        try:
            async with asyncio.timeout(30):
                while client.connection.server_name == gone or client.connection.state is not LinkState.LIVE:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            await works(client)
            assert (await copies(client))["leader"] != gone
        finally:
            nodes.bring_back(gone)
        await until_current(client)
        assert running.errors == []
    assert running.slowest_s < ELECTION_S


async def test_each_node_is_restarted_in_turn(
    nodes: Cluster, client: AsyncClient, mine: Settings, tmp_path: Path
) -> None:
    async with busy(client, mine, tmp_path) as running:
        for node in NODES:
            await nodes.shut_down(node)
            nodes.start(node)
            await until_current(client)
            await works(client)
        assert running.errors == []
    assert running.slowest_s < ELECTION_S


async def test_too_few_nodes_are_up(
    nodes: Cluster, client: AsyncClient, mine: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Enqueueing says so in time; who waits goes on by itself once they are back."""
    monkeypatch.setattr(queue, "ENQUEUE_PATIENCE_S", 4.0)
    async with child(mine, *WORK) as worker:
        await works(client)
        down = [node for node in NODES if node != client.connection.server_name]
        for node in down:
            nodes.kill(node)
        async with asyncio.timeout(30):
            while True:
                began = time.monotonic()
                # "is stored, but not its event" where the log's majority is lost a moment before that of the jobs
                with pytest.raises(EnqueueError, match="stored in queue 'default'") as refused:
                    await client.enqueue(tasks.add, 1, 1)
                assert time.monotonic() - began < 8.0
                if "no leader" in str(refused.value):
                    break
        assert "most of the servers it is stored on must be up" in str(refused.value)
        assert len(str(refused.value).splitlines()) == 1
        check = await until_told(mine, f"no leader for {client.connection.names.jobs}, ")
        assert check.level == Level.PROBLEM
        assert check.advice.startswith("start the servers that are down: most of n1, n2, n3 must be up")
        with pytest.raises(NaqConnectionError, match=r"no answer from .* to a read of all of"):
            await client.inspector.workers()
        for node in down:
            nodes.start(node)
        await until_current(client)
        await works(client)
        assert worker.returncode is None
        await verdict_of(client)
    assert (await until_told(mine, "connected to n")).level == Level.OK
