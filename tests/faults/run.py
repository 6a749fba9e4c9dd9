"""One fault run: jobs and schedules on real processes, faults meanwhile, and the verdict on what is left."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from naq.client import AsyncClient
from naq.doctor.verify import verify
from naq.errors import NaqException
from naq.settings import Settings
from tests.faults import journal, tasks
from tests.faults.checker import Checker, Truth
from tests.faults.firings import EDGE
from tests.faults.flood import Flood
from tests.faults.injector import Injector
from tests.faults.kinds import FLOOD, System
from tests.faults.programs import CONSOLE, SCHEDULERS, USERS, WORKERS, Programs
from tests.faults.report import Report
from tests.faults.server import HARNESS, PASSWORD, FaultServer
from tests.faults.store import Store
from tests.faults.watching import Watch
from tests.faults.workload import QUEUE, Workload

PREFIX = "faults"
STATUS_EVERY_S = 10.0
SETTLE_S = 60.0
"""Seconds everything gets to be told as over, once all jobs have ended."""
SCHEDULES: dict[str, dict[str, object]] = {
    "each-second": {"cron": "* * * * * *", "misfire": "run_all", "misfire_cap": 1000},
    "berlin": {"cron": "*/2 * * * * *", "timezone": "Europe/Berlin", "misfire": "run_all", "misfire_cap": 1000},
    "quick": {"interval": 0.5, "misfire": "run_all", "misfire_cap": 1000},
    "once-after-all": {"interval": 0.7, "misfire": "run_once"},
    "left-out": {"cron": "* * * * * *", "misfire": "skip"},
    "one-at-a-time": {"interval": 0.4, "misfire": "run_once", "overlap": "skip", "args": (0.5,)},
}
"""Those that fire all the time, with what they promise of due times while no scheduler is up."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked of a run."""

    jobs: int
    faults: Sequence[str]
    """Kinds, in their order."""
    rate: float
    """Jobs enqueued a second; the faults are spread over the time that takes."""
    flood: int
    """Malformed messages of the whole run."""
    seed: int
    within_s: float
    """Seconds after which it is given up, and reports what is missing."""


class FaultRun:
    """Runs one plan in `folder`, which keeps logs, journal and report."""

    def __init__(self, plan: Plan, folder: Path, say: Callable[[str], None] = lambda _: None) -> None:
        self._plan, self._folder, self._say = plan, folder, say
        self._began = time.monotonic()
        self.report = Report(plan.seed, datetime.now(UTC).isoformat(timespec="seconds"))

    async def run(self) -> Report:
        plan, report = self._plan, self.report
        self._folder.mkdir(parents=True, exist_ok=True)
        server = FaultServer(self._folder / "store", USERS)
        async with server:
            report.server = server.version
            settings = Settings(
                nats_url=server.url,
                prefix=PREFIX,
                user=HARNESS,
                password=PASSWORD,
                ack_wait_s=2.0,
                heartbeat_interval_s=0.5,
                lease_s=2.0,
                events_max_bytes=0,
            )
            async with (
                AsyncClient(settings, program="fault run") as client,
                Store.opened(server.url, PREFIX) as store,
                Watch().following(client) as watch,
                Programs(settings, server.port, self._folder).running() as programs,
            ):
                floods = max(1, plan.faults.count(FLOOD))
                flood = Flood(store, plan.flood // floods, random.Random(plan.seed))
                order = random.Random(f"{plan.seed} faults")
                system = System(server, programs, watch, store, flood, order, settings.ack_wait_s, settings.lease_s)
                self._injector = Injector(system, plan.faults, self._folder / "faults.jsonl")
                self._workload = Workload(settings, jobs=plan.jobs, rate=plan.rate, seed=plan.seed)
                self._watch, self._programs = watch, programs
                async with self._status_told():
                    await self._within(self._produce(client, system))
                    await self._within(self._settle(client))
                    await self._stop_all()
                report.seconds = time.monotonic() - self._began
                await self._judge(client, store, flood)
        return report

    async def _within(self, work: object) -> None:
        """Do it in the time that is left; what is over then is told as missing."""
        left = self._plan.within_s - (time.monotonic() - self._began)
        try:
            async with asyncio.timeout(max(1.0, left)):
                await work  # type: ignore[misc]
        except TimeoutError:
            self.report.not_injected.append(f"out of time after {self._plan.within_s:g} s: {self._status()}")

    async def _produce(self, client: AsyncClient, system: System) -> None:
        """Start, enqueue, and inject meanwhile, until both are through."""
        for slot in self._programs.slots.values():
            if slot.name != CONSOLE and not await self._watch.up(slot.pid):
                raise AssertionError(f"{slot.name} does not come up: {self._programs.last_words(slot)}")
        for name, options in SCHEDULES.items():
            wanted = dict(options)
            arguments = wanted.pop("args", ())
            assert isinstance(arguments, Sequence)
            await client.schedule(tasks.tick, *arguments, schedule_id=name, queue_name=QUEUE, **wanted)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._workload.enqueue_all())
            group.create_task(self._injector.run(self._plan.jobs / self._plan.rate))

    async def _settle(self, client: AsyncClient) -> None:
        """End the schedules, and wait until every job has ended and every death is told."""
        await self._programs.refill()
        # whoever leads now takes up what was due in an outage; a schedule that is cancelled before that owes nothing
        await _until_nothing_is_due(client)
        for name in SCHEDULES:
            await _insist(lambda name=name: client.cancel_scheduled_job(name, reason="fault run"))  # type: ignore[misc]
        wanted = self._workload.acknowledged
        await self._watch.until(lambda: not self._watch.open and all(map(self._watch.has_ended, wanted)), 1e6)
        dead = {life.pid for slot in self._programs.slots.values() for life in slot.lives if life.ended is not None}
        await self._watch.until(
            lambda: all(self._watch.ids[pid] in self._watch.gone for pid in dead if pid in self._watch.ids), SETTLE_S
        )

    async def _stop_all(self) -> None:
        """Every program ends by itself, when told to."""
        for name in (*WORKERS, CONSOLE, *SCHEDULERS):
            slot = self._programs.slots[name]
            if slot.process is not None and (code := await self._programs.terminate(slot)) not in (0, 143):
                self._programs.by_itself.append(f"{name}: exit code {code} after SIGTERM")

    async def _judge(self, client: AsyncClient, store: Store, flood: Flood) -> None:
        report, workload, began = self.report, self._workload, time.monotonic()
        self._count()
        report.missing = [f"{job_id} ({wanted.kind})" for job_id, wanted in workload.acknowledged.items()
                          if not self._watch.has_ended(job_id)]  # fmt: skip
        truth = Truth(
            acknowledged=workload.acknowledged,
            in_doubt=workload.in_doubt,
            schedules=tuple(SCHEDULES),
            journal=journal.read(self._folder / "journal"),
            injected=self._injector.injected,
            in_queue=flood.in_queue,
            clock_offset=time.time() - time.monotonic(),
        )
        checker = Checker(store, truth)
        report.findings = await checker.run()
        report.checked_s = time.monotonic() - began
        report.malformed, report.events = flood.poured, checker.log.events
        report.due, report.fired = checker.firings.due, checker.firings.fired
        report.passed_over = checker.firings.passed_over
        known = [job_id for job_id in workload.acknowledged if job_id in checker.outcomes]
        report.by_status = dict(sorted(Counter(checker.outcomes[job_id].status for job_id in known).items()))
        report.jobs_fired = sum(len(checker.log.schedules[name].jobs) for name in SCHEDULES)
        verdict = await verify(client.connection)
        report.doctor = [" ".join(map(str, finding)) for finding in verdict.findings]
        report.write(self._folder / "report.json")

    def _count(self) -> None:
        report, workload = self.report, self._workload
        report.jobs, report.duplicates = len(workload.acknowledged), workload.duplicates
        report.in_doubt, report.errors = len(workload.in_doubt), dict(workload.errors)
        report.faults, report.by_itself = self._injector.by_kind, self._programs.by_itself
        report.not_injected += [told for told in self._injector.failures if told not in report.not_injected]
        report.seconds = report.seconds or time.monotonic() - self._began

    @asynccontextmanager
    async def _status_told(self) -> AsyncIterator[None]:
        async def tell() -> None:
            while True:
                await asyncio.sleep(STATUS_EVERY_S)
                self._say(self._status())
                self._count()
                self.report.seconds = 0.0
                self.report.write(self._folder / "report.json")

        task = asyncio.create_task(tell())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _status(self) -> str:
        injector, watch, workload = self._injector, self._watch, self._workload
        return (
            f"{time.monotonic() - self._began:5.0f} s  {workload.begun:,} of {self._plan.jobs:,} jobs,"
            f" {watch.ended:,} ended, {len(watch.open):,} open; {len(workload.in_doubt)} calls failed;"
            f" {len(injector.injected)} of {len(injector.plan)} faults, {len(injector.failures)} not injected;"
            f" {watch.runs_again:,} runs again;"
            f" now: {injector.current or '-'}"
        )


async def _until_nothing_is_due(client: AsyncClient) -> None:
    """Wait, for a time, until whoever leads is up to date with every schedule."""
    give_up_at = time.monotonic() + SETTLE_S
    while time.monotonic() < give_up_at:
        try:
            schedules = [schedule for schedule in await client.list_schedules() if schedule.schedule_id in SCHEDULES]
        except NaqException:
            schedules = []
        now = client.connection.server_now()
        if schedules and all(schedule.next_run_at and schedule.next_run_at > now - EDGE / 2 for schedule in schedules):
            return
        await asyncio.sleep(0.2)


async def _insist(call: Callable[[], object]) -> None:
    """An operator's call, again until it goes through."""
    while True:
        try:
            await call()  # type: ignore[misc]
            return
        except NaqException:
            await asyncio.sleep(0.5)
