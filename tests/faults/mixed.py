"""Mixed jobs on workers that are killed all the time: `python -m tests.faults.mixed --jobs 10000`.

Successes, failures with retries, timeouts, dependencies, cancellations and unique duplicates run on real worker
processes, one of which is killed with SIGKILL every few seconds and replaced. At the end every job must be final, with
what its kind lets expect, and `naq doctor --verify` must find nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from naq.client import AsyncClient
from naq.doctor.verify import Verdict, verify
from naq.errors import JobAlreadyEndedError
from naq.models.job import FINAL_STATUSES, Job
from naq.server import EmbeddedServer
from naq.settings import Settings
from tests.conftest import environment_of
from tests.faults import mixed_tasks as tasks

MODULE = "tests.faults.mixed_tasks"
QUEUE = "mixed"
KINDS = ("succeed", "succeed", "block", "retry", "fail", "time out", "depend", "depend badly", "cancel", "unique")
LIVED_THROUGH = {"COMPLETED"}
ENDS = {
    "succeed": LIVED_THROUGH,
    "block": LIVED_THROUGH,
    "retry": LIVED_THROUGH,
    "fail": {"FAILED"},
    "time out": {"FAILED"},
    "depend": LIVED_THROUGH,
    "depend badly": {"FAILED"},
    "cancel": {"CANCELLED"},
    "unique": LIVED_THROUGH,
}
"""How a job of each kind may end; any may also be given up after it has lost three workers."""


@dataclass(slots=True)
class Report:
    """What a run came to."""

    jobs: int = 0
    kills: int = 0
    duplicates: int = 0
    """Calls that a unique key kept from becoming a job."""
    seconds: float = 0.0
    ended: dict[str, str] = field(default_factory=dict)
    """Status by job id."""
    given_up: int = 0
    runs_again: int = 0
    """Runs begun because an earlier one of the same attempt had died."""
    unexpected: list[str] = field(default_factory=list)
    while_running: Verdict | None = None
    """Verification before the workers stop."""
    verdict: Verdict | None = None
    missing: list[str] = field(default_factory=list)
    """Jobs that did not end in time, with the last that is known of each."""

    @property
    def is_good(self) -> bool:
        return self.verdict is not None and self.verdict.is_clean and not self.unexpected and not self.missing

    @property
    def by_status(self) -> dict[str, int]:
        return dict(sorted(Counter(self.ended.values()).items()))


class Workers:
    """Real worker processes, of which one dies every `every_s` seconds."""

    def __init__(self, settings: Settings, count: int, log: Path) -> None:
        self._settings, self._count, self._log = settings, count, log
        self._processes: list[asyncio.subprocess.Process] = []
        self.kills = 0
        self.ended: list[int] = []
        """Exit codes of those that ended before they were told to."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Workers]:
        try:
            for _ in range(self._count):
                await self._start()
            yield self
        finally:
            for process in self._processes:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
            await asyncio.gather(*(process.wait() for process in self._processes))

    async def stop(self) -> None:
        """Let all end by themselves."""
        self.ended = [process.returncode for process in self._processes if process.returncode is not None]
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        await asyncio.gather(*(process.wait() for process in self._processes))

    async def kill_one(self, order: random.Random, client: AsyncClient) -> None:
        """Kill one and replace it; returns once its successor takes jobs, or a slow machine would soon have none."""
        process = self._processes.pop(order.randrange(len(self._processes)))
        process.kill()
        await process.wait()
        self.kills += 1
        successor = await self._start()
        subject = client.connection.names.event_filter(entity="worker", event_type="WORKER_STARTED")
        async with aclosing(client.events.follow([subject])) as batches:  # type: ignore[type-var]
            async for batch in batches:
                told = [stored.event.details or {} for stored in batch.events if stored.event is not None]
                if any(details.get("pid") == successor.pid for details in told):
                    return

    async def _start(self) -> asyncio.subprocess.Process:
        with self._log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "naq", "worker", QUEUE, "-m", MODULE, "--concurrency", "20", "--log-level", "WARNING"),
                env=environment_of(self._settings),
                stdout=log,
                stderr=log,
            )
        self._processes.append(process)
        return process


class MixedRun:
    """One run against the server of `settings`."""

    def __init__(
        self, settings: Settings, *, jobs: int, rate: float, kill_every_s: float, workers: int = 3, seed: int = 1
    ) -> None:
        self._settings, self._jobs, self._rate, self._kill_every_s = settings, jobs, rate, kill_every_s
        self._workers, self._order = workers, random.Random(seed)
        self._kinds: dict[str, str] = {}
        self._parents: list[Job] = []
        self._failing: list[Job] = []
        self._cancelling: set[asyncio.Task[None]] = set()
        self._missing: set[str] = set()
        self.report = Report()

    async def run(self, log: Path, *, within_s: float) -> Report:
        """Run, and judge; `within_s` is how long the jobs get to end after the last was enqueued."""
        report, started_at = self.report, time.monotonic()
        async with AsyncClient(self._settings, program="mixed run") as client:
            self._client = client
            async with Workers(self._settings, self._workers, log).running() as workers:
                killing = asyncio.create_task(self._kill(workers))
                try:
                    await self._enqueue_all()
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(within_s):
                            await self._all_ended()
                            await asyncio.gather(*self._cancelling)
                finally:
                    killing.cancel()
                    await asyncio.gather(killing, *self._cancelling, return_exceptions=True)
                    report.kills = workers.kills
                report.seconds = time.monotonic() - started_at
                report.while_running = await verify(client.connection)
                await workers.stop()
                report.unexpected += [f"a worker ended by itself with code {code}" for code in workers.ended]
            report.verdict = await verify(client.connection)
            await self._judge()
        return report

    async def _kill(self, workers: Workers) -> None:
        while True:
            await asyncio.sleep(self._kill_every_s * self._order.uniform(0.7, 1.3))
            await workers.kill_one(self._order, self._client)

    async def _enqueue_all(self) -> None:
        loop = asyncio.get_running_loop()
        started_at = loop.time()
        for number in range(self._jobs):
            await asyncio.sleep(max(0.0, started_at + number / self._rate - loop.time()))
            await self._enqueue(self._order.choice(KINDS), number)

    async def _enqueue(self, kind: str, number: int) -> None:
        order, client, options = self._order, self._client, {"queue_name": QUEUE}
        if kind == "succeed":
            job = await client.enqueue(tasks.succeed, number, order.uniform(0.001, 0.3), **options)
        elif kind == "block":
            job = await client.enqueue(tasks.block, number, order.uniform(0.001, 0.1), **options)
        elif kind == "retry":
            times = order.randint(1, 3)
            job = await client.enqueue(tasks.fail_at_first, number, times, max_retries=3, retry_delay=0.2, **options)
        elif kind == "fail":
            job = await client.enqueue(tasks.fail_at_first, number, 9, max_retries=1, retry_delay=0.1, **options)
            self._failing.append(job)
        elif kind == "time out":
            job = await client.enqueue(tasks.dawdle, 60, timeout=0.3, max_retries=1, retry_delay=0.1, **options)
        elif kind == "depend" and self._parents:
            parents = order.sample(self._parents[-20:], min(2, len(self._parents)))
            job = await client.enqueue(tasks.succeed, number, 0.01, depends_on=parents, **options)
        elif kind == "depend badly" and self._failing:
            job = await client.enqueue(tasks.succeed, number, 0.01, depends_on=self._failing[-1], **options)
        elif kind == "cancel":
            job = await client.enqueue(tasks.dawdle, 60, **options)
            task = asyncio.create_task(self._cancel(job, order.uniform(0, 1.5)))
            self._cancelling.add(task)
        else:
            kind = "unique"
            job = await client.enqueue(tasks.succeed, number, 0.05, unique=f"key {number // 20}", **options)
            self.report.duplicates += job.is_duplicate
        if kind in ("succeed", "retry", "depend"):
            self._parents.append(job)
        self._kinds[job.job_id] = kind

    async def _cancel(self, job: Job, after_s: float) -> None:
        await asyncio.sleep(after_s)
        with contextlib.suppress(JobAlreadyEndedError):  # given up after it had lost three workers
            await self._client.cancel(job.job_id, reason="mixed run")

    async def _all_ended(self) -> None:
        """Wait until the log tells the end of every job."""
        missing = self._missing = set(self._kinds)
        async with aclosing(self._client.events.follow()) as batches:  # type: ignore[type-var]
            async for batch in batches:
                for stored in batch.events:
                    if stored.event is not None and stored.event.type in FINAL_STATUSES:
                        missing.discard(stored.event.job_id)
                if not missing:
                    return

    async def _judge(self) -> None:
        report = self.report
        report.jobs = len(self._kinds)
        for job_id in self._missing:
            told = [stored.event for stored in await self._client.job_history(job_id)]
            trail = ", ".join(f"{e.ts:%H:%M:%S.%f} {e.type} {e.attempt} {e.worker_id}" for e in told if e is not None)
            report.missing.append(f"{job_id} ({self._kinds[job_id]}): {trail}")
        for job_id, kind in self._kinds.items():
            record = await self._client.results.get_record(job_id)
            status = record.status if record is not None else "no record"
            report.ended[job_id] = status
            is_given_up = record is not None and record.error is not None and record.error.type == "WorkerLost"
            report.given_up += is_given_up
            has_lost_parent = record is not None and record.error is not None and "WorkerLost" in record.error.message
            if status not in ENDS[kind] and not is_given_up and not has_lost_parent:
                why = record.error if record is not None else None
                report.unexpected.append(f"{job_id} ({kind}): {status} {why.message if why else ''}")
            report.runs_again += record.crashes if record is not None else 0


@asynccontextmanager
async def own_server(folder: Path) -> AsyncIterator[Settings]:
    async with EmbeddedServer(folder / "store") as server:
        yield Settings(
            nats_url=server.url,
            prefix="mixed",
            ack_wait_s=2.0,
            heartbeat_interval_s=0.5,
            lease_s=2.0,
            events_max_bytes=0,
        )


def _print(report: Report) -> None:
    verdict = report.verdict
    assert verdict is not None
    print(f"jobs        {report.jobs:,} in {report.seconds:.1f} s: {report.by_status}")
    print(f"kills       {report.kills}; {report.runs_again:,} runs begun again, {report.given_up} jobs given up")
    print(f"duplicates  {report.duplicates:,} calls held back by a unique key")
    for name, told in (("running", report.while_running), ("stopped", verdict)):
        if told is not None:
            rate = told.events / told.read_s if told.read_s else 0
            print(f"verified    {name}: {told.events:,} events ({rate:,.0f}/s), {told.found} findings")
            for finding in told.findings[:20]:
                print(f"            {finding}")
    for what, lines in (("unexpected", report.unexpected), ("not ended", report.missing)):
        for line in lines[:20]:
            print(f"{what:11} {line}")


async def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.mixed", description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--rate", type=float, default=60.0, help="jobs enqueued a second")
    parser.add_argument("--kill-every", type=float, default=4.0, metavar="S")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="naq-mixed-") as folder:
        log = Path(folder) / "workers.log"
        async with own_server(Path(folder)) as settings:
            run = MixedRun(settings, jobs=args.jobs, rate=args.rate, kill_every_s=args.kill_every, seed=args.seed)
            report = await run.run(log, within_s=120)
        if not report.is_good:
            sys.stderr.write(log.read_text()[-4000:])
    _print(report)
    return 0 if report.is_good else 1


if __name__ == "__main__":
    os.environ.pop("NAQ_NATS_URL", None)
    sys.exit(asyncio.run(main()))
