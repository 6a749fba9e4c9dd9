"""What grows with use and must not: cost of a job with the backlog, memory of the worker with the jobs it has run.

Costs are CPU time of worker and server together, which other programs on the machine change far less than rates. The
machine's own pace may change within minutes, so the large backlog is compared with small ones before and after it.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess

from naq.bench import measures
from naq.bench.trial import Trial, trial
from naq.server import EmbeddedServer
from tests.benchmarks.stage import MICROSECONDS, Stage, cpu_s, rss_mib, settings_for
from tests.benchmarks.table import Bound, Row

SMALL = 1_000
WAVES = 8
"""Of the small backlog, and as many after the large one; with what warms the worker up the first are 10,000 jobs."""
OBEYED_S = 0.5
"""Until a worker that is told that its queue is paused has surely stopped to take jobs."""


async def rows(stage: Stage) -> list[Row]:
    return await _grown(stage, stage.size(100_000, 5_000))


async def rows_of_a_million(stage: Stage) -> list[Row]:
    return await _grown(stage, 1_000_000)


async def _grown(stage: Stage, backlog: int) -> list[Row]:
    async with stage.server() as server, trial(settings_for(server)) as place:
        queue = place.client.queue("jobs")
        async with place.worker(queue.name, "--concurrency", "100") as worker:
            await measures.ready(queue)
            await _cost(server, place, worker, 2 * SMALL)
            before = [await _cost(server, place, worker, SMALL) for _ in range(WAVES)]
            early_mib = rss_mib(worker.pid)
            large = await _cost(server, place, worker, backlog)
            late_mib = rss_mib(worker.pid)
            after = [await _cost(server, place, worker, SMALL) for _ in range(WAVES)]
            stage.tell(
                f"{large[1]:.0f} µs a job with {backlog:,} waiting; worker {early_mib:.0f} to {late_mib:.0f} MiB"
            )
    flat = Bound(1.1, at_least=False, of_rival=True)
    pairs = (("enqueue_many, onto", 0), ("drain, of", 1))
    return [
        *(
            Row(
                what=f"CPU of {what} {backlog:,} jobs",
                unit="µs/job",
                values=[large[which]],
                rival=f"with {SMALL:,}",
                rival_values=[statistics.median(costs[which] for costs in before + after)],
                bound=flat,
            )
            for what, which in pairs
        ),
        Row(
            what=f"CPU of drain, of {SMALL:,} jobs after that",
            unit="µs/job",
            values=[draining for _, draining in after],
            rival="before it",
            rival_values=[draining for _, draining in before],
        ),
        Row(
            what=f"worker RSS after {backlog + 10 * SMALL:,} jobs",
            unit="MiB",
            values=[late_mib],
            rival=f"after {10 * SMALL:,}",
            rival_values=[early_mib],
            bound=flat,
        ),
    ]


async def _cost(
    server: EmbeddedServer, place: Trial, worker: subprocess.Popen[bytes], jobs: int
) -> tuple[float, float]:
    """Microseconds of CPU a job: of storing `jobs` while the queue is paused, and of working them off."""
    assert server.pid is not None
    queue = place.client.queue("jobs")
    await place.client.pause_queue(queue.name)
    await asyncio.sleep(OBEYED_S)
    before = cpu_s(os.getpid(), server.pid)
    await measures.many(queue, jobs)
    filling = cpu_s(os.getpid(), server.pid) - before
    (stats,) = await place.client.list_queues()
    if stats.waiting != jobs:
        raise RuntimeError(f"{stats.waiting:,} jobs wait in the paused queue, not {jobs:,}")
    before = cpu_s(worker.pid, server.pid)
    await place.client.resume_queue(queue.name)
    await place.emptied(queue.name, worker, jobs)
    draining = cpu_s(worker.pid, server.pid) - before
    return filling / jobs * MICROSECONDS, draining / jobs * MICROSECONDS
