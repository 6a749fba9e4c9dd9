"""Enqueue one at a time, from many tasks, and in bulk; every job with its ENQUEUED event, against bare publishes."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from naq.bench import measures
from naq.bench.trial import trial
from tests.benchmarks.bare import bare
from tests.benchmarks.stage import Stage, settings_for
from tests.benchmarks.table import Bound, Row

AT_ONCE = 100
BULK_OF_PEERS = 15_100.0
"""Jobs a second of the fastest bulk call of any Python queue, on the machine where all were measured."""


async def rows(stage: Stage) -> list[Row]:
    few, jobs = stage.size(2_000, 500), stage.size(20_000, 2_000)
    naq: dict[str, list[float]] = {"one": [], "concurrent": [], "many": []}
    rival: dict[str, list[float]] = {"one": [], "with event": [], "many": []}
    async with stage.server() as server:
        for number in range(stage.size(5, 2)):
            async with trial(settings_for(server)) as ours, bare(server.url) as theirs:
                queue = ours.client.queue("jobs")
                await queue.enqueue("naq.bench.tasks:nothing", 0)
                await theirs.one_with_event()
                rival["one"].append(await _rate(few, theirs.one))
                naq["one"].append(few / sum(await measures.one_at_a_time(queue, few)))
                rival["with event"].append(await _rate(few, theirs.one_with_event))
                naq["concurrent"].append(jobs / await measures.concurrently(queue, jobs, AT_ONCE))
                begun = time.perf_counter()
                await theirs.many(jobs)
                rival["many"].append(jobs / (time.perf_counter() - begun))
                naq["many"].append(jobs / await measures.many(queue, jobs))
                stage.tell(f"round {number + 1}: enqueue_many {naq['many'][-1]:,.0f}/s")
    of_bare = Bound(0.9, at_least=True, of_rival=True)
    unit = "jobs/s"
    return [
        Row(
            what="enqueue, one at a time",
            unit=unit,
            values=naq["one"],
            rival="bare: await publish(job)",
            rival_values=rival["one"],
            bound=of_bare,
        ),
        Row(
            what="the same",
            unit=unit,
            values=naq["one"],
            rival="bare: job and event at once",
            rival_values=rival["with event"],
        ),
        Row(what=f"enqueue, {AT_ONCE} tasks", unit=unit, values=naq["concurrent"]),
        Row(
            what="enqueue_many",
            unit=unit,
            values=naq["many"],
            bound=Bound(2 * BULK_OF_PEERS, at_least=True),
        ),
        Row(
            what="the same",
            unit=unit,
            values=naq["many"],
            rival="bare: 500 at once, jobs alone",
            rival_values=rival["many"],
        ),
    ]


async def _rate(count: int, act: Callable[[], Awaitable[object]]) -> float:
    begun = time.perf_counter()
    for _ in range(count):
        await act()
    return count / (time.perf_counter() - begun)
