"""What an idle worker uses, and how soon the command line answers."""

from __future__ import annotations

import asyncio
import sys
import time

import psutil

from naq.bench import measures
from naq.bench.trial import trial
from tests.benchmarks.stage import MIB, SETTLED_S, Stage, cpu_s, idle_percent, rss_mib, settings_for
from tests.benchmarks.table import Bound, Row

WAKES = 7
"""Times a second that an idle worker wakes: to beat, to keep its lease and its pulls, and as the server does."""


async def rows(stage: Stage) -> list[Row]:
    watched_s = stage.size(20, 5)
    async with stage.server() as server, trial(settings_for(server)) as ours:
        queue = ours.client.queue("jobs")
        async with ours.worker(queue.name) as worker:
            await measures.ready(queue)
            await asyncio.sleep(SETTLED_S)
            memory = psutil.Process(worker.pid).memory_full_info()
            before = cpu_s(worker.pid)
            await asyncio.sleep(watched_s)
            used = cpu_s(worker.pid) - before
            rss = rss_mib(worker.pid)
        bare = await idle_percent(WAKES, watched_s)
    helps, pythons = [], []
    for _ in range(stage.size(10, 4)):
        pythons.append(await _seconds("-c", "pass"))
        helps.append(await _seconds("-m", "naq", "--help"))
    return [
        Row(what="idle worker, RSS", unit="MiB", values=[rss], bound=Bound(45, at_least=False)),
        Row(what="idle worker, USS", unit="MiB", values=[memory.uss / MIB]),
        Row(
            what=f"idle worker, CPU over {watched_s} s",
            unit="%",
            values=[100 * used / watched_s],
            rival=f"Python that wakes {WAKES} times/s",
            rival_values=[bare],
            bound=Bound(0.5, at_least=False),
        ),
        Row(
            what="naq --help",
            unit="s",
            values=helps,
            rival="python -c pass",
            rival_values=pythons,
            bound=Bound(0.2, at_least=False),
        ),
    ]


async def _seconds(*arguments: str) -> float:
    begun = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    if await process.wait():
        raise RuntimeError(f"python {' '.join(arguments)} ended with {process.returncode}")
    return time.perf_counter() - begun
