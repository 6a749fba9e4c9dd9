"""How long enqueues stand still when the server that leads the streams is killed, in a cluster of three."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import nats
from nats.errors import Error as NatsError

from naq.client import AsyncClient
from naq.settings import Settings
from tests.benchmarks.stage import Stage
from tests.benchmarks.table import Bound, Row
from tests.cluster import Cluster, cluster, copies, load, opened, until_current, until_led_by_another

_TRY_S = 1.0
"""How long the bare client waits for one answer before it asks again."""


async def rows(stage: Stage) -> list[Row]:
    rounds = stage.size(5, 2)
    ours: list[float] = []
    bare: list[float] = []
    lost: list[float] = []
    with tempfile.TemporaryDirectory(prefix="naq-benchmark-") as folder, cluster(Path(folder)) as nodes:
        settings = Settings(nats_url=nodes.url, replicas=3, events_max_bytes=0)
        client = await opened(settings)
        try:
            for _ in range(rounds):
                stall, rival, missing = await _round(client, nodes)
                ours.append(stall)
                bare.append(rival)
                lost.append(missing)
                stage.tell(f"enqueues stood still for {stall:.2f} s, bare publishes for {rival:.2f} s")
        finally:
            await client.close()
    return [
        Row(
            what="longest enqueue while the streams' leader is killed",
            unit="s",
            values=ours,
            rival="bare",
            rival_values=bare,
            bound=Bound(1.5, at_least=False, of_rival=True),
        ),
        Row(what="enqueues that failed or were lost", unit="jobs", values=lost, bound=Bound(0, at_least=False)),
    ]


async def _round(client: AsyncClient, nodes: Cluster) -> tuple[float, float, float]:
    """The longest time an enqueue took, the longest a bare publish took, and the jobs that failed or are gone.

    Both loads end only once their last message is stored, so neither stall is cut short.
    """
    await until_current(client)
    before = await _waiting(client)
    leader = (await copies(client))["leader"]
    async with load(client) as running, _publishing(nodes.url, client.connection.names.queue_subject("bare")) as rival:
        await asyncio.sleep(1.0)  # both have found their pace
        nodes.kill(leader)
        await until_led_by_another(client, leader)
    nodes.start(leader)
    await until_current(client)
    kept = await _waiting(client) - before  # nobody works them off
    return running.slowest_s, rival.longest_s, float(len(running.jobs) - kept + len(running.errors))


async def _waiting(client: AsyncClient) -> int:
    """Jobs that are stored in the queue of the load."""
    names = client.connection.names
    subject = names.queue_subject("default")
    info = await client.connection.api(f"STREAM.INFO.{names.jobs}", {"subjects_filter": subject})
    return int((info["state"].get("subjects") or {}).get(subject, 0))


class _Bare:
    """Publishes of one plain message after the other, as often tried again as it takes."""

    def __init__(self) -> None:
        self.is_over = False
        self.longest_s = 0.0
        """The longest from the wish to publish to the server's answer."""

    async def run(self, url: str, subject: str) -> None:
        client = await nats.connect(url.split(","), max_reconnect_attempts=-1, reconnect_time_wait=0.1)
        js = client.jetstream(timeout=_TRY_S)
        try:
            while not self.is_over:
                began = time.monotonic()
                while True:
                    try:
                        await js.publish(subject, b"bare")
                        break
                    except NatsError:
                        await asyncio.sleep(0.01)
                self.longest_s = max(self.longest_s, time.monotonic() - began)
                await asyncio.sleep(0.01)
        finally:
            await client.close()


@asynccontextmanager
async def _publishing(url: str, subject: str) -> AsyncIterator[_Bare]:
    """A bare client that publishes within the block, into the very stream that jobs are stored in."""
    bare = _Bare()
    task = asyncio.create_task(bare.run(url, subject))
    try:
        yield bare
        bare.is_over = True
        await task
    finally:
        task.cancel()
