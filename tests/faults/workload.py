"""The jobs of a fault run: who enqueues them, and what may become of each kind."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from naq.client import AsyncClient
from naq.errors import JobAlreadyEndedError, JobNotFoundError, NaqException
from naq.limits import ConcurrencyLimit
from naq.models.job import Job
from naq.settings import Settings
from tests.faults import tasks

QUEUE = "mixed"
LIMIT = ConcurrencyLimit("narrow", 4)
PRODUCERS = 4
CANCEL_TRIES = 20
_KINDS = {
    "succeed": 30,
    "block": 8,
    "retry": 12,
    "fail": 6,
    "time out": 5,
    "depend": 10,
    "depend badly": 4,
    "cancel": 6,
    "unique": 8,
    "limited": 6,
    "later": 5,
}
"""Share of each kind among a hundred jobs."""
ENDS = dict.fromkeys(_KINDS, "COMPLETED") | {
    "fail": "FAILED",
    "time out": "FAILED",
    "depend badly": "FAILED",
    "cancel": "CANCELLED",
}
"""How a job of each kind ends, unless it is given up or a parent of it is."""
MAX_RETRIES = {"retry": 3, "fail": 1, "time out": 1}


@dataclass(slots=True)
class Wanted:
    """A job as it was asked for."""

    kind: str
    number: int
    parents: tuple[str, ...] = ()
    unique: str | None = None


class Workload:
    """Enqueues `jobs` jobs at a steady pace, and cancels those that are to be cancelled."""

    def __init__(self, settings: Settings, *, jobs: int, rate: float, seed: int) -> None:
        self._settings, self._total, self._rate, self._seed = settings, jobs, rate, seed
        self._cancelling: set[asyncio.Task[None]] = set()
        self._parents: list[Job] = []
        self._failing: list[Job] = []
        self.acknowledged: dict[str, Wanted] = {}
        """By job id: those whose producer was told that they are stored."""
        self.in_doubt: dict[int, Wanted] = {}
        """By number: those whose call raised, which may be stored or not."""
        self.errors: Counter[str] = Counter()
        """What the calls that raised said."""
        self.duplicates = 0
        """Calls that a unique key kept from becoming a job."""
        self.begun = 0

    async def enqueue_all(self) -> None:
        numbers = iter(range(self._total))
        started_at = asyncio.get_running_loop().time()
        async with AsyncClient(self._settings, program="producer") as client, self._cancelled_at_the_end():
            await asyncio.gather(
                *(
                    self._produce(client, random.Random(f"{self._seed} {n}"), numbers, started_at)
                    for n in range(PRODUCERS)
                )
            )
            await asyncio.gather(*self._cancelling)

    @asynccontextmanager
    async def _cancelled_at_the_end(self) -> AsyncIterator[None]:
        try:
            yield
        finally:
            for task in self._cancelling:
                task.cancel()
            await asyncio.gather(*self._cancelling, return_exceptions=True)

    async def _produce(self, client: AsyncClient, order: random.Random, numbers: Any, started_at: float) -> None:
        loop = asyncio.get_running_loop()
        for number in numbers:
            await asyncio.sleep(max(0.0, started_at + number / self._rate - loop.time()))
            self.begun += 1
            (kind,) = order.choices(list(_KINDS), list(_KINDS.values()))
            wanted = self._wanted(kind, number, order)
            try:
                job = await self._enqueue(client, wanted, order)
            except NaqException as exc:
                self.in_doubt[number] = wanted
                self.errors[f"{type(exc).__name__}: {exc}"[:200]] += 1
                continue
            if job.is_duplicate and wanted.unique is not None:
                self.duplicates += 1
                continue
            self.acknowledged[job.job_id] = wanted
            self._remember(client, wanted, job, order)

    def _wanted(self, kind: str, number: int, order: random.Random) -> Wanted:
        if kind == "depend" and self._parents:
            parents = order.sample(self._parents[-20:], min(2, len(self._parents)))
            return Wanted(kind, number, tuple(job.job_id for job in parents))
        if kind == "depend badly" and self._failing:
            return Wanted(kind, number, (self._failing[-1].job_id,))
        if kind in ("depend", "depend badly", "unique"):
            return Wanted("unique", number, unique=f"key {number // 20}")
        return Wanted(kind, number)

    async def _enqueue(self, client: AsyncClient, wanted: Wanted, order: random.Random) -> Job:
        kind, number, options = wanted.kind, wanted.number, {"queue_name": QUEUE}
        if kind == "block":
            return await client.enqueue(tasks.block, number, order.uniform(0.001, 0.1), **options)
        if kind == "retry":
            times = order.randint(1, MAX_RETRIES[kind])
            retries = MAX_RETRIES[kind]
            return await client.enqueue(
                tasks.fail_at_first, number, times, max_retries=retries, retry_delay=0.2, **options
            )
        if kind == "fail":
            return await client.enqueue(tasks.fail_at_first, number, 9, max_retries=1, retry_delay=0.1, **options)
        if kind == "time out":
            return await client.enqueue(
                tasks.dawdle, number, 60, timeout=0.3, max_retries=1, retry_delay=0.1, **options
            )
        if wanted.parents:
            return await client.enqueue(tasks.succeed, number, 0.01, depends_on=list(wanted.parents), **options)
        if kind == "cancel":
            return await client.enqueue(tasks.dawdle, number, 60, **options)
        if kind == "unique":
            return await client.enqueue(tasks.succeed, number, 0.05, unique=wanted.unique, **options)
        if kind == "limited":
            return await client.enqueue(tasks.succeed, number, 0.02, limits=[LIMIT], **options)
        if kind == "later":
            return await client.enqueue_in(order.uniform(0.1, 3), tasks.succeed, number, 0.01, **options)
        return await client.enqueue(tasks.succeed, number, order.uniform(0.001, 0.3), **options)

    def _remember(self, client: AsyncClient, wanted: Wanted, job: Job, order: random.Random) -> None:
        if wanted.kind in ("succeed", "retry", "depend"):
            self._parents = [*self._parents[-30:], job]
        elif wanted.kind == "fail":
            self._failing = [job]
        elif wanted.kind == "cancel":
            task = asyncio.create_task(self._cancel(client, job, order.uniform(0, 1.5)))
            self._cancelling.add(task)
            task.add_done_callback(self._cancelling.discard)

    async def _cancel(self, client: AsyncClient, job: Job, after_s: float) -> None:
        """Cancel it; like an operator, again where the call failed."""
        await asyncio.sleep(after_s)
        for _ in range(CANCEL_TRIES):
            try:
                await client.cancel(job.job_id, reason="fault run")
                return
            except JobAlreadyEndedError:
                return  # given up after it had lost three workers
            except NaqException as exc:
                self.errors[f"cancel: {type(exc).__name__}: {exc}"[:100].replace(job.job_id, "…")] += 1
                await asyncio.sleep(1.0 if isinstance(exc, JobNotFoundError) else 0.5)
