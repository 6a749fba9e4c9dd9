"""Where a benchmark runs: sizes by `--quick`, throw-away servers, and what processes use."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from naq.server import EmbeddedServer
from naq.settings import Settings
from tests.benchmarks.table import Row

MIB = 2**20
MICROSECONDS = 1e6
"""In a second."""
SETTLED_S = 2.0
"""From the start of something, or from its last work, until it counts as idle."""
_IDLER = """
import asyncio, sys

async def main():
    while True:
        await asyncio.sleep(float(sys.argv[1]))

asyncio.run(main())
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """How large a run is to be."""

    quick: bool

    def size(self, full: int, quick: int) -> int:
        return quick if self.quick else full

    @asynccontextmanager
    async def server(self) -> AsyncIterator[EmbeddedServer]:
        """A server of one's own, gone with its data at the end of the block."""
        with tempfile.TemporaryDirectory(prefix="naq-benchmark-", ignore_cleanup_errors=True) as folder:
            async with EmbeddedServer(Path(folder) / "store") as server:
                yield server

    def tell(self, text: str) -> None:
        """What has just been measured, for whoever waits."""
        print(f"  {text}", file=sys.stderr, flush=True)


Measure = Callable[[Stage], Awaitable[list[Row]]]
"""A group of rows: each module here that measures has one function of this shape, named in `__main__`."""


def settings_for(server: EmbeddedServer) -> Settings:
    return Settings(nats_url=server.url, events_max_bytes=0)


def cpu_s(*pids: int) -> float:
    """Seconds of CPU that these processes have used since they began, user and system."""
    spent = (psutil.Process(pid).cpu_times() for pid in pids)
    return float(sum(times.user + times.system for times in spent))


async def idle_percent(wakes: float, seconds: float) -> float:
    """What a Python uses of a core that wakes so often a second and does nothing: what idling costs on this machine."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", _IDLER, str(1 / wakes))
    try:
        await asyncio.sleep(SETTLED_S)
        before = cpu_s(process.pid)
        await asyncio.sleep(seconds)
        return 100 * (cpu_s(process.pid) - before) / seconds
    finally:
        process.kill()
        await process.wait()


def rss_mib(pid: int) -> float:
    """Resident memory of a process, shared pages included."""
    return float(psutil.Process(pid).memory_info().rss) / MIB
