"""Three nats-servers of one cluster on this machine, what can happen to them, and a load that goes on meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from naq.client import AsyncClient
from naq.doctor.verify import Verdict, verify
from naq.errors import NaqException
from naq.examples import tasks
from naq.models.job import Job
from naq.server import find_binary
from naq.settings import Settings
from naq.topology import stream_configs

NODES = ("n1", "n2", "n3")
WORK = ("worker", "default", "-m", "naq.examples.tasks", "--concurrency", "4")


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as open_sockets:
        found = [open_sockets.enter_context(socket.socket()) for _ in range(count)]
        for each in found:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in found]


class Cluster:
    """Three nodes, each of which is up, stopped or down."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        ports = free_ports(2 * len(NODES))
        self._ports = dict(zip(NODES, ports, strict=False))
        self._routes = dict(zip(NODES, ports[len(NODES) :], strict=True))
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def url(self) -> str:
        return ",".join(f"nats://127.0.0.1:{port}" for port in self._ports.values())

    def start(self, node: str) -> None:
        """Start it with what it has stored; nothing happens where it is up."""
        if node in self._processes:
            return
        routes = ", ".join(f"nats://127.0.0.1:{port}" for port in self._routes.values())
        file = self._folder / f"{node}.conf"
        file.write_text(
            f'server_name: {node}\nlisten: "127.0.0.1:{self._ports[node]}"\n'
            f'jetstream {{ store_dir: "{self._folder}/{node}" }}\n'
            f'cluster {{ name: c, listen: "127.0.0.1:{self._routes[node]}", routes: [{routes}] }}\n'
            "lame_duck_grace_period: 1s\nlame_duck_duration: 30s\n"
        )
        self._processes[node] = subprocess.Popen(
            [str(find_binary()), "-c", str(file)], stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
        )

    def kill(self, node: str) -> None:
        """SIGKILL."""
        process = self._processes.pop(node)
        process.kill()
        process.wait()

    def cut_off(self, node: str) -> None:
        """SIGSTOP: its connections stand, and nothing comes over them."""
        self._processes[node].send_signal(signal.SIGSTOP)

    def bring_back(self, node: str) -> None:
        self._processes[node].send_signal(signal.SIGCONT)

    async def shut_down(self, node: str, *, lame_duck: bool = False) -> None:
        """End it in good order: by SIGTERM, or as a lame duck, which asks its clients to leave over half a minute."""
        process = self._processes.pop(node)
        process.send_signal(signal.SIGUSR2 if lame_duck else signal.SIGTERM)
        await asyncio.to_thread(process.wait)

    def start_all(self) -> None:
        for node in NODES:
            self.start(node)

    def kill_all(self) -> None:
        for node in list(self._processes):
            self.kill(node)


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    running = Cluster(folder)
    try:
        running.start_all()
        yield running
    finally:
        running.kill_all()


async def opened(settings: Settings) -> AsyncClient:
    """A client, once the cluster has found its leader and the streams are made."""
    async with asyncio.timeout(60):
        while True:
            client = AsyncClient(settings, program="test")
            try:
                await client.open()
                return client
            except NaqException:
                await client.close()
                await asyncio.sleep(0.2)


async def copies(client: AsyncClient, stream: str | None = None) -> dict[str, Any]:
    """What the cluster says of a stream, that of the jobs where None: its leader and the other replicas."""
    stream = stream or client.connection.names.jobs
    found: dict[str, Any] = (await client.connection.api(f"STREAM.INFO.{stream}"))["cluster"]
    return found


async def until_current(client: AsyncClient, *, within_s: float = 60) -> None:
    """Wait until every stream has a leader and all its replicas have caught up."""
    names = [config["name"] for config in stream_configs(client.connection)]
    async with asyncio.timeout(within_s):
        while True:
            with contextlib.suppress(NaqException):
                found = [await copies(client, name) for name in names]
                if all(
                    each.get("leader") and all(replica.get("current") for replica in each["replicas"]) for each in found
                ):
                    return
            await asyncio.sleep(0.1)


async def until_led_by_another(client: AsyncClient, leader: str, *, within_s: float = 30) -> str:
    """Wait for the stream of jobs to have another leader; its name."""
    async with asyncio.timeout(within_s):
        while True:
            with contextlib.suppress(NaqException):
                found = (await copies(client)).get("leader")
                if found not in (None, leader):
                    return str(found)
            await asyncio.sleep(0.05)


class Load:
    """Jobs that are enqueued one after the other, and how long each took to be stored."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self._is_over = asyncio.Event()
        self.jobs: list[Job] = []
        self.slowest_s = 0.0
        self.errors: list[str] = []

    async def run(self) -> None:
        while not self._is_over.is_set():
            began = time.monotonic()
            try:
                self.jobs.append(await self._client.enqueue(tasks.add, len(self.jobs), 1))
            except NaqException as exc:
                self.errors.append(str(exc))
            self.slowest_s = max(self.slowest_s, time.monotonic() - began)
            await asyncio.sleep(0.01)

    def stop(self) -> None:
        self._is_over.set()

    async def check(self) -> None:
        """Every job that was stored ran, and came to what it had to."""
        for number, job in enumerate(self.jobs):
            assert await job.result(timeout=60) == number + 1


@asynccontextmanager
async def load(client: AsyncClient) -> AsyncIterator[Load]:
    """A load that runs within the block."""
    running = Load(client)
    task = asyncio.create_task(running.run())
    try:
        yield running
        running.stop()
        await task
    finally:
        task.cancel()


async def works(client: AsyncClient) -> None:
    """One more job goes all the way through."""
    assert await (await client.enqueue(tasks.add, 2, 2)).result(timeout=30) == 4


async def verdict_of(client: AsyncClient, *, within_s: float = 60) -> Verdict:
    """The checker's verdict, once nothing moves any more; asserts that it is clean."""
    async with asyncio.timeout(within_s):
        while not (verdict := await verify(client.connection)).is_clean:
            assert verdict.moving, verdict.findings[:5]
            await asyncio.sleep(0.5)
    return verdict
