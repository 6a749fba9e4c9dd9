"""One worker process works off jobs that do nothing; every event and result is stored before the ack.

Of naq the time runs from the first STARTED to the last COMPLETED event as the server stored them; of the bare loop,
where it stores nothing, from the first to the last start.
"""

from __future__ import annotations

from naq.bench import measures, tasks
from naq.bench.trial import trial
from naq.server import EmbeddedServer
from tests.benchmarks.bare import AT_ONCE, bare, outcome
from tests.benchmarks.stage import Stage, settings_for
from tests.benchmarks.table import Bound, Row

FASTEST_PEER = 5_900.0
"""Jobs a second of taskiq-nats in batches of 100, which stores no result; half of `bare` is 1.6 times as much."""


async def rows(stage: Stage) -> list[Row]:
    jobs = stage.size(20_000, 2_000)
    ours: dict[str, list[float]] = {"async": [], "sync": []}
    theirs: dict[bool, list[float]] = {False: [], True: []}
    async with stage.server() as server:
        for number in range(stage.size(5, 2)):
            theirs[False].append(await _bare(server, jobs, stores=False))
            ours["async"].append(await _naq(server, jobs))
            theirs[True].append(await _bare(server, jobs, stores=True))
            ours["sync"].append(await _naq(server, jobs, tasks.nothing_sync))
            stage.tell(f"round {number + 1}: {ours['async'][-1]:,.0f}/s, bare {theirs[False][-1]:,.0f}/s")
    unit = "jobs/s"
    return [
        Row(
            what="drain, async jobs",
            unit=unit,
            values=ours["async"],
            rival="bare: stores nothing",
            rival_values=theirs[False],
            bound=Bound(0.5, at_least=True, of_rival=True),
        ),
        Row(
            what="the same",
            unit=unit,
            values=ours["async"],
            rival="bare: stores the same",
            rival_values=theirs[True],
        ),
        Row(what="the same", unit=unit, values=ours["async"], bound=Bound(1.5 * FASTEST_PEER, at_least=True)),
        Row(
            what="drain, sync jobs",
            unit=unit,
            values=ours["sync"],
            rival="drain, async jobs",
            rival_values=ours["async"],
        ),
    ]


async def _naq(server: EmbeddedServer, jobs: int, function: object = tasks.nothing) -> float:
    async with trial(settings_for(server)) as place:
        return (await measures.drain(place, "jobs", jobs, function, concurrency=AT_ONCE)).rate  # type: ignore[arg-type]


async def _bare(server: EmbeddedServer, jobs: int, *, stores: bool) -> float:
    async with bare(server.url) as rival:
        await rival.many(jobs)
        async with rival.worker(server.url, jobs, stores=stores) as worker:
            return jobs / float((await outcome(worker))["seconds"])
