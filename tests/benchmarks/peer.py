"""naq for the side-by-side benchmark of Python task queues (one driver for each library, all of one shape).

Put it on the benchmark's path as `peer_naq.py` (a copy or a link, in its folder `peers`), and install naq into that
peer's environment. `benchrec.rec` is the benchmark's own: it notes when a task starts.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from typing import Any

from benchrec import rec

from naq import AsyncClient

URL = os.environ.get("BENCH_URL", "nats://127.0.0.1:16342")
CONCURRENCY = os.environ.get("BENCH_CONC", "100")

META = {
    "dists": ["naq", "nats-py"],
    "servers": ["nats", "nats-sync1s"],
    "kind": "async",
    "variants": {
        "default": "every event and result stored before a confirmed ack",
        "sync": "the same with tasks that are plain functions, run in threads",
    },
    "stores_results": {"default": True, "sync": True},
    "many": "enqueue_many",
}
IS_SYNC = os.environ.get("BENCH_VARIANT") == "sync"


async def noop(x: dict[str, Any]) -> int:
    rec(x)
    return int(x["i"])


def noop_sync(x: dict[str, Any]) -> int:
    rec(x)
    return int(x["i"])


async def sleeper(x: dict[str, Any]) -> int:
    rec(x)
    await asyncio.sleep(x["s"])
    rec(x, 1)
    return int(x["i"])


def worker_cmd(bindir: str) -> list[str]:
    command = [f"{bindir}/naq", "worker", "--server", URL, "-m", "peer_naq"]
    return [*command, "--concurrency", CONCURRENCY, "--log-level", "WARNING"]


def help_cmd(bindir: str) -> list[str]:
    return [f"{bindir}/naq", "worker", "--help"]


class Producer:
    async def open(self) -> None:
        self._client = AsyncClient(nats_url=URL)
        await self._client.open()

    async def close(self) -> None:
        await self._client.close()

    async def one(self, x: dict[str, Any], task: str = "noop") -> object:
        return await self._client.enqueue(_task(task), x)

    async def many(self, xs: Sequence[dict[str, Any]], task: str = "noop") -> None:
        await self._client.enqueue_many([(_task(task), (x,)) for x in xs])

    async def call(self, x: dict[str, Any], timeout: float) -> object:
        job = await self._client.enqueue(_task("noop"), x)
        return await job.result(timeout=timeout)


def _task(name: str) -> Any:
    return getattr(sys.modules[__name__], "noop_sync" if IS_SYNC and name == "noop" else name)
