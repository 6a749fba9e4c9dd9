"""Three servers, three copies of everything, and the leader of the stream of jobs killed under load."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from naq.client import AsyncClient
from naq.connection import LinkState
from naq.doctor.diagnose import diagnose
from naq.doctor.verify import verify
from naq.errors import NaqException
from naq.examples import tasks
from naq.server import find_binary
from naq.settings import Settings
from tests.conftest import child

pytestmark = [pytest.mark.nats, pytest.mark.cluster]

NODES = ("n1", "n2", "n3")
ELECTION_S = 15.0
"""Bare clients stand still for 5 to 6 s on an idle machine of two cores; this one may be busy."""


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as open_sockets:
        found = [open_sockets.enter_context(socket.socket()) for _ in range(count)]
        for each in found:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in found]


class Cluster:
    """Three nats-servers of one cluster on this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        ports = free_ports(2 * len(NODES))
        self._ports = dict(zip(NODES, ports, strict=False))
        self._routes = dict(zip(NODES, ports[len(NODES) :], strict=True))
        self._processes: dict[str, asyncio.subprocess.Process] = {}

    @property
    def url(self) -> str:
        return ",".join(f"nats://127.0.0.1:{port}" for port in self._ports.values())

    async def start(self, node: str) -> None:
        routes = ", ".join(f"nats://127.0.0.1:{port}" for port in self._routes.values())
        file = self._folder / f"{node}.conf"
        file.write_text(
            f'server_name: {node}\nlisten: "127.0.0.1:{self._ports[node]}"\n'
            f'jetstream {{ store_dir: "{self._folder}/{node}" }}\n'
            f'cluster {{ name: c, listen: "127.0.0.1:{self._routes[node]}", routes: [{routes}] }}\n'
        )
        self._processes[node] = await asyncio.create_subprocess_exec(
            *(str(find_binary()), "-c", str(file)), stderr=asyncio.subprocess.DEVNULL
        )

    async def kill(self, node: str) -> None:
        process = self._processes.pop(node)
        process.kill()
        await process.wait()

    async def stop(self) -> None:
        for node in list(self._processes):
            await self.kill(node)


@asynccontextmanager
async def cluster(folder: Path) -> AsyncIterator[Cluster]:
    running = Cluster(folder)
    try:
        for node in NODES:
            await running.start(node)
        yield running
    finally:
        await running.stop()


async def opened(settings: Settings) -> AsyncClient:
    """A client, once the cluster has found its leader and the streams are made."""
    async with asyncio.timeout(60):
        while True:
            client = AsyncClient(settings, program="test")
            try:
                await client.open()
                return client
            except NaqException:
                await asyncio.sleep(0.2)


async def copies(client: AsyncClient) -> dict[str, Any]:
    found: dict[str, Any] = (await client.connection.api(f"STREAM.INFO.{client.connection.names.jobs}"))["cluster"]
    return found


async def test_the_leader_of_the_jobs_is_killed_under_load(tmp_path: Path, settings: Settings) -> None:
    async with cluster(tmp_path) as nodes:
        mine = settings.with_(nats_url=nodes.url, replicas=3, ack_wait_s=4.0, lease_s=4.0, heartbeat_interval_s=1.0)
        client = await opened(mine)
        try:
            work = (mine, "worker", "default", "-m", "naq.examples.tasks", "--concurrency", "4")
            async with child(*work) as one, child(*work) as two, child(mine, "scheduler") as scheduler:
                jobs, slowest, up = [], 0.0, set[str]()
                is_over = asyncio.Event()

                async def load() -> None:
                    nonlocal slowest
                    while not is_over.is_set():
                        began = time.monotonic()
                        jobs.append(await client.enqueue(tasks.add, len(jobs), 1))
                        slowest = max(slowest, time.monotonic() - began)
                        await asyncio.sleep(0.01)

                loading = asyncio.create_task(load())
                assert await (await client.enqueue(tasks.add, 1, 1)).result(timeout=30) == 2
                async with asyncio.timeout(30):
                    async for batch in client.inspector.watch_workers():
                        up.update(entry.key for entry in batch.entries)
                        if len(up) == 3:
                            break
                before = await copies(client)
                await nodes.kill(before["leader"])
                async with asyncio.timeout(ELECTION_S * 2):
                    while True:
                        with contextlib.suppress(NaqException):
                            if (await copies(client)).get("leader") not in (None, before["leader"]):
                                break
                        await asyncio.sleep(0.1)
                assert await (await client.enqueue(tasks.add, 2, 2)).result(timeout=30) == 4
                await nodes.start(before["leader"])
                later = await client.enqueue_in(0.1, tasks.add, 5, 5)
                assert await later.result(timeout=30) == 10
                is_over.set()
                await loading
                for number, job in enumerate(jobs):
                    assert await job.result(timeout=60) == number + 1
                assert client.connection.state is LinkState.LIVE
                assert [process.returncode for process in (one, two, scheduler)] == [None, None, None]
                async with asyncio.timeout(60):
                    while not (verdict := await verify(client.connection)).is_clean:
                        assert verdict.moving, [finding.to_record() for finding in verdict.findings][:5]
                        await asyncio.sleep(0.5)
                    while any(not each.get("current") for each in (await copies(client))["replicas"]):  # noqa: ASYNC110
                        await asyncio.sleep(0.2)
                assert verdict.jobs["COMPLETED"] >= len(jobs)
                (told,) = [check for check in await diagnose(mine) if check.name == "replicas"]
                assert told.found.startswith("3 wanted in cluster 'c' of 3 servers"), told
                (tmp_path / "figures.json").write_text(json.dumps({"jobs": len(jobs), "slowest_enqueue_s": slowest}))
                assert slowest < ELECTION_S
        finally:
            await client.close()
