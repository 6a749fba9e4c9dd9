"""Where a benchmark runs: sizes by `--quick`, throw-away servers, and what processes use."""

from __future__ import annotations

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


def rss_mib(pid: int) -> float:
    """Resident memory of a process, shared pages included."""
    return float(psutil.Process(pid).memory_info().rss) / MIB
