"""How much faster two worker processes do CPU-bound work than one: `python -m tests.benchmarks.processes`.

The same work is done by bare processes too (a `ProcessPoolExecutor`): other programs use the same cores, and what those
leave over is the most that anybody can get. Runs alternate, and medians are compared. Needs two cores or more.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from naq.client import AsyncClient
from naq.server import EmbeddedServer
from naq.settings import Settings
from tests.benchmarks.stage import Stage
from tests.benchmarks.table import Bound, Row

MODULE = "tests.benchmarks.processes"


def count_primes(below: int) -> int:
    """Pure Python, with the interpreter lock held throughout."""
    return sum(all(number % divisor for divisor in range(2, int(number**0.5) + 1)) for number in range(2, below))


async def seconds_with(settings: Settings, processes: int, jobs: int, below: int) -> float:
    """From the first enqueue to the last result, with every worker up."""
    environment = {**os.environ, "NAQ_NATS_URL": settings.nats_url or "", "NAQ_PREFIX": settings.prefix}
    command = [sys.executable, "-m", "naq", "worker", "-m", MODULE, "--processes", str(processes)]
    fleet = subprocess.Popen([*command, "--concurrency", "1", "--log-level", "ERROR"], env=environment)  # noqa: ASYNC220
    try:
        async with AsyncClient(settings, program="benchmark") as client:
            async with asyncio.timeout(60):
                while len(await client.list_workers()) < processes:  # noqa: ASYNC110  (a heartbeat is no event)
                    await asyncio.sleep(0.05)
            started = time.perf_counter()
            for job in await client.enqueue_many([(f"{MODULE}:count_primes", (below,))] * jobs):
                await job.result(timeout=300)
            return time.perf_counter() - started
    finally:
        fleet.terminate()
        await asyncio.to_thread(fleet.wait)


def seconds_bare(processes: int, jobs: int, below: int) -> float:
    """The same in processes that are up already, without a queue."""
    with ProcessPoolExecutor(processes) as pool:
        list(pool.map(count_primes, [below] * processes * 2))
        started = time.perf_counter()
        list(pool.map(count_primes, [below] * jobs))
        return time.perf_counter() - started


async def rows(stage: Stage) -> list[Row]:
    bare, naq = await timed(stage.size(5, 2), stage.size(40, 10), 20_000)
    gains = {
        name: [one / two for one, two in zip(*times.values(), strict=True)]
        for name, times in (("bare", bare), ("naq", naq))
    }
    return [
        Row(
            what="--processes 2 against 1",
            unit="times",
            values=gains["naq"],
            rival="two bare processes",
            rival_values=gains["bare"],
            bound=Bound(1.7, at_least=True),
        )
    ]


async def timed(rounds: int, jobs: int, below: int) -> tuple[dict[int, list[float]], dict[int, list[float]]]:
    """Seconds by number of processes, a figure a round: without naq, and with it."""
    bare: dict[int, list[float]] = {1: [], 2: []}
    naq: dict[int, list[float]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as folder:
        async with EmbeddedServer(Path(folder)) as server:
            settings = Settings(nats_url=server.url, prefix="processes")
            for _ in range(rounds):
                for processes in (1, 2):
                    bare[processes].append(await asyncio.to_thread(seconds_bare, processes, jobs, below))
                    naq[processes].append(await seconds_with(settings, processes, jobs, below))
                    told = f"{processes}: bare {bare[processes][-1]:6.2f} s, naq {naq[processes][-1]:6.2f} s"
                    print(f"  {told}", file=sys.stderr, flush=True)
    return bare, naq


async def measure(rounds: int, jobs: int, below: int) -> None:
    bare, naq = await timed(rounds, jobs, below)
    for name, times in (("bare", bare), ("naq", naq)):
        one, two = (statistics.median(taken) for taken in times.values())
        print(f"{name}: medians of {rounds}: {one:.2f} s with one, {two:.2f} s with two: {one / two:.2f} times as fast")


def main() -> None:
    parser = argparse.ArgumentParser(description="CPU-bound jobs with one worker process and with two.")
    parser.add_argument("--rounds", type=int, default=5, help="alternated runs of each (5)")
    parser.add_argument("--jobs", type=int, default=60, help="jobs in a run (60)")
    parser.add_argument("--below", type=int, default=20_000, help="size of a job: it counts the primes below (20000)")
    arguments = parser.parse_args()
    asyncio.run(measure(arguments.rounds, arguments.jobs, arguments.below))


if __name__ == "__main__":
    main()
