"""How soon a lone job starts, and how soon its result is in hand, with a worker that is otherwise idle."""

from __future__ import annotations

import asyncio
import time

from naq.bench import measures
from naq.bench.run import percentile
from naq.bench.trial import trial
from tests.benchmarks.bare import Bare, bare, outcome
from tests.benchmarks.stage import Stage, settings_for
from tests.benchmarks.table import Bound, Row

PER_SECOND = 50
BEST_PEER_MS = 11.0
"""Median of the best round trip of any Python queue that stores results."""


async def rows(stage: Stage) -> list[Row]:
    rounds, jobs = stage.size(5, 2), stage.size(200, 50)
    starts: dict[str, list[list[float]]] = {"naq": [], "bare": []}
    trips: dict[str, list[list[float]]] = {"naq": [], "bare": []}
    async with stage.server() as server, trial(settings_for(server)) as ours:
        queue = ours.client.queue("jobs")
        async with ours.worker(queue.name):
            await measures.ready(queue)
            for _ in range(rounds):
                starts["bare"].append(await _bare_waits(server.url, jobs))
                starts["naq"].append(await measures.waits(queue, jobs, PER_SECOND))
                trips["bare"].append(await _bare_trips(server.url, jobs))
                trips["naq"].append(await measures.round_trips(queue, jobs))
                stage.tell(f"to start: {_ms(starts['naq'], 0.5)[-1]:.2f} ms, bare {_ms(starts['bare'], 0.5)[-1]:.2f}")
    within, quarter = Bound(1.3, at_least=False, of_rival=True), Bound(BEST_PEER_MS / 4, at_least=False)
    return [
        _row(f"enqueue to start at {PER_SECOND}/s, p50", starts, 0.5, within),
        _row(f"enqueue to start at {PER_SECOND}/s, p99", starts, 0.99, within),
        _row("enqueue to result in hand, p50", trips, 0.5, quarter),
        _row("enqueue to result in hand, p99", trips, 0.99, None),
    ]


def _ms(rounds: list[list[float]], share: float) -> list[float]:
    return [1000 * percentile(seconds, share) for seconds in rounds]


def _row(what: str, measured: dict[str, list[list[float]]], share: float, bound: Bound | None) -> Row:
    return Row(
        what=what,
        unit="ms",
        values=_ms(measured["naq"], share),
        rival="bare",
        rival_values=_ms(measured["bare"], share),
        bound=bound,
    )


async def _bare_waits(url: str, jobs: int) -> list[float]:
    async with bare(url) as rival, rival.worker(url, jobs + 1, stores=False) as worker:
        await _ready(rival)
        begun = time.perf_counter()
        for number in range(jobs):
            await asyncio.sleep(max(0.0, begun + number / PER_SECOND - time.perf_counter()))
            await rival.one()
        waits: list[float] = (await outcome(worker))["waits"]
        return waits[1:]


async def _bare_trips(url: str, jobs: int) -> list[float]:
    async with bare(url) as rival, rival.worker(url, jobs + 1, stores=True):
        await rival.call()
        taken = []
        for _ in range(jobs):
            begun = time.perf_counter()
            await rival.call()
            taken.append(time.perf_counter() - begun)
        return taken


async def _ready(rival: Bare) -> None:
    """Store a job and wait until a worker has acked it."""
    await rival.one()
    async with asyncio.timeout(30):
        while (await rival.js.stream_info(rival.name)).state.messages:  # noqa: ASYNC110  (the server tells nobody)
            await asyncio.sleep(0.02)
