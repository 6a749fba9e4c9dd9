"""The steps of `naq bench`, and what a good figure is for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from naq.bench import measures, tasks
from naq.bench.trial import Progress, Trial

AT_ONCE = 100
"""Producers that enqueue concurrently."""
PER_SECOND = 50
"""Jobs a second while latency is measured."""
MILLISECONDS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One thing that was measured."""

    name: str
    value: float
    """Of rates the rate, of times the median."""
    unit: str
    good: float
    """What a healthy system of this kind reaches: at least, of rates; at most, of times."""
    p99: float | None = None
    """99th percentile of times; None for rates."""
    jobs: int
    """Jobs or events it was measured with."""

    @property
    def is_good(self) -> bool:
        return self.value >= self.good if self.p99 is None else self.value <= self.good

    def to_record(self) -> dict[str, Any]:
        """As `--json` prints it."""
        record = {name: getattr(self, name) for name in ("name", "value", "unit", "good", "is_good", "p99", "jobs")}
        return {name: value for name, value in record.items() if value is not None}


class Step(NamedTuple):
    """One step of a run, as its progress is shown."""

    name: str
    jobs: int
    measure: Callable[[Trial, int, Progress], Any]


def steps(jobs: int, *, concurrency: int, round_trip_s: float) -> list[Step]:
    """What is measured, in order, with `jobs` jobs where rates are taken and fewer where single jobs are timed.

    Args:
        round_trip_s: to the server and back: what takes a round trip or two can't be faster.
    """
    few = max(1, jobs // 10)
    timed = min(250, few)
    round_trip = round_trip_s * MILLISECONDS

    async def one(trial: Trial, number: int, progress: Progress) -> Figure:
        taken = await measures.one_at_a_time(trial.client.queue("one"), number, progress)
        return _times("enqueue, one at a time", taken, good=1 + 2 * round_trip)

    async def concurrent(trial: Trial, number: int, progress: Progress) -> Figure:
        seconds = await measures.concurrently(trial.client.queue("concurrent"), number, AT_ONCE, progress)
        return _rate(f"enqueue, {AT_ONCE} at once", number, seconds, good=3_000)

    async def many(trial: Trial, number: int, progress: Progress) -> Figure:
        seconds = await measures.many(trial.client.queue("many"), number, progress=progress)
        return _rate("enqueue_many", number, seconds, good=10_000)

    async def drain(trial: Trial, number: int, progress: Progress) -> Figure:
        done = await measures.drain(trial, "drain", number, concurrency=concurrency, progress=progress)
        return _rate("drain, async jobs", done.jobs, done.seconds, good=2_500)

    async def drain_sync(trial: Trial, number: int, progress: Progress) -> Figure:
        done = await measures.drain(
            trial, "drain-sync", number, tasks.nothing_sync, concurrency=concurrency, progress=progress
        )
        return _rate("drain, sync jobs", done.jobs, done.seconds, good=2_000)

    async def latency(trial: Trial, number: int, progress: Progress) -> list[Figure]:
        queue = trial.client.queue("latency")
        async with trial.worker(queue.name, "--concurrency", str(concurrency)):
            await measures.ready(queue)
            waits = await measures.waits(queue, number, PER_SECOND, progress)
            trips = await measures.round_trips(queue, number, progress)
        return [
            _times(f"enqueue to start, {PER_SECOND}/s", waits, good=2 + 2 * round_trip),
            _times("enqueue to result in hand", trips, good=4 + 4 * round_trip),
        ]

    async def told(trial: Trial, number: int, progress: Progress) -> Figure:
        return _times(
            "event to its reader", await measures.told(trial, number, PER_SECOND, progress), good=1 + 2 * round_trip
        )

    async def log(trial: Trial, _number: int, progress: Progress) -> Figure:
        events, seconds = await measures.read_log(trial, progress)
        return _rate("read the log", events, seconds, good=20_000, unit="events/s")

    return [
        Step("enqueue, one at a time", few, one),
        Step("enqueue, concurrently", jobs, concurrent),
        Step("enqueue_many", jobs, many),
        Step("drain, async jobs", jobs, drain),
        Step("drain, sync jobs", jobs, drain_sync),
        Step("latency", timed, latency),
        Step("event to its reader", timed, told),
        # what the steps before have written: one or three events of a job
        Step("read the log", few + 8 * jobs + 7 * timed, log),
    ]


def percentile(values: Sequence[float], share: float) -> float:
    """Nearest rank: `percentile(values, 0.99)` is the 99th percentile."""
    ordered = sorted(values)
    return ordered[round(share * (len(ordered) - 1))]


def _times(name: str, seconds: Sequence[float], *, good: float) -> Figure:
    p50, p99 = (percentile(seconds, share) * MILLISECONDS for share in (0.5, 0.99))
    return Figure(name=name, value=p50, p99=p99, unit="ms", good=good, jobs=len(seconds))


def _rate(name: str, number: int, seconds: float, *, good: float, unit: str = "jobs/s") -> Figure:
    return Figure(name=name, value=number / seconds, unit=unit, good=good, jobs=number)
