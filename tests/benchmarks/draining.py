"""One worker process works off jobs that do nothing; every event and result is stored before the ack.

Of naq the time runs from the first STARTED to the last COMPLETED event as the server stored them; of the bare loop,
where it stores nothing, from the first to the last start.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from naq.bench import measures, tasks
from naq.bench.trial import trial
from naq.server import EmbeddedServer
from tests.benchmarks.bare import AT_ONCE, bare, outcome
from tests.benchmarks.stage import MICROSECONDS, Stage, cpu_s, settings_for
from tests.benchmarks.table import Bound, Row

FASTEST_PEER = 5_900.0
"""Jobs a second of taskiq-nats in batches of 100, which stores no result; half of `bare` is 1.6 times as much."""


async def rows(stage: Stage) -> list[Row]:
    jobs = stage.size(20_000, 2_000)
    ours: dict[str, list[Work]] = {"async": [], "sync": []}
    theirs: dict[bool, list[Work]] = {False: [], True: []}
    async with stage.server() as server:
        for number in range(stage.size(5, 2)):
            theirs[False].append(await _bare(server, jobs, stores=False))
            ours["async"].append(await _naq(server, jobs))
            theirs[True].append(await _bare(server, jobs, stores=True))
            ours["sync"].append(await _naq(server, jobs, tasks.nothing_sync))
            stage.tell(f"round {number + 1}: {ours['async'][-1].rate:,.0f}/s, bare {theirs[False][-1].rate:,.0f}/s")
    unit = "jobs/s"
    rates = [work.rate for work in ours["async"]]
    return [
        Row(
            what="drain, async jobs",
            unit=unit,
            values=rates,
            rival="bare: stores nothing",
            rival_values=[work.rate for work in theirs[False]],
            bound=Bound(0.5, at_least=True, of_rival=True),
        ),
        Row(
            what="the same",
            unit=unit,
            values=rates,
            rival="bare: stores the same",
            rival_values=[work.rate for work in theirs[True]],
        ),
        Row(what="the same", unit=unit, values=rates, bound=Bound(1.5 * FASTEST_PEER, at_least=True)),
        Row(
            what="CPU of worker and server, async jobs",
            unit="µs/job",
            values=[work.cpu_us for work in ours["async"]],
            rival="bare: stores the same",
            rival_values=[work.cpu_us for work in theirs[True]],
        ),
        Row(
            what="drain, sync jobs",
            unit=unit,
            values=[work.rate for work in ours["sync"]],
            rival="drain, async jobs",
            rival_values=rates,
        ),
    ]


class Work(NamedTuple):
    """A queue worked off."""

    rate: float
    """Jobs a second."""
    cpu_us: float
    """CPU a job, of worker and server, in microseconds; the worker's start is left out."""


async def _naq(server: EmbeddedServer, jobs: int, function: Callable[..., object] = tasks.nothing) -> Work:
    async with trial(settings_for(server)) as place:
        await measures.many(place.client.queue("jobs"), jobs, function)
        async with place.worker("jobs", "--concurrency", str(AT_ONCE)) as worker:
            begun: tuple[int, float] | None = None

            def used() -> float:
                assert server.pid is not None
                return cpu_s(worker.pid, server.pid)

            def progress(done: int) -> None:
                nonlocal begun
                if done and begun is None:
                    begun = (done, used())

            await place.emptied("jobs", worker, jobs, progress)
            first, before = begun or (0, 0.0)
            cost = (used() - before) / (jobs - first) if jobs > first else 0.0
            return Work((await place.drained("jobs", jobs)).rate, cost * MICROSECONDS)


async def _bare(server: EmbeddedServer, jobs: int, *, stores: bool) -> Work:
    assert server.pid is not None
    async with bare(server.url) as rival:
        await rival.many(jobs)
        before = cpu_s(server.pid)
        async with rival.worker(server.url, jobs, stores=stores) as worker:
            told = await outcome(worker)
        cost = (told["cpu_s"] + cpu_s(server.pid) - before) / jobs
        return Work(jobs / told["seconds"], cost * MICROSECONDS)
