"""Judge what a fault run left behind: the log and every bucket, read raw, against what was asked for and what ran.

Nothing of naq's own replay is used here. What `naq doctor --verify` says is asked beside it, not in its place.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from tests.faults.findings import Findings
from tests.faults.firings import Fired, FiringCheck
from tests.faults.injector import Injected
from tests.faults.journal import Ran, overlaps
from tests.faults.store import Store, Stored
from tests.faults.trails import FINAL, JOB_EVENTS, DoubleRun, Outcome, Presence, Told, TrailCheck, told_of
from tests.faults.workload import ENDS, LIMIT, MAX_RETRIES, Wanted

MALFORMED = "malformed-"
AROUND_S = 15.0
"""How long before a second run or an overlap a fault may lie that explains it."""


@dataclass(slots=True)
class Truth:
    """What is known of a run from outside the system."""

    acknowledged: dict[str, Wanted]
    in_doubt: dict[int, Wanted]
    schedules: tuple[str, ...]
    """Ids of those that fire again and again."""
    journal: dict[str, list[Ran]]
    injected: list[Injected]
    in_queue: int
    """Malformed messages that were stored in the queue."""
    clock_offset: float
    """What to add to the journal's clock to get seconds since 1970."""


@dataclass(slots=True)
class Log:
    """The stream of events, sorted."""

    events: int = 0
    unreadable: int = 0
    trails: dict[str, list[Told]] = field(default_factory=lambda: defaultdict(list))
    workers: dict[str, Presence] = field(default_factory=lambda: defaultdict(Presence))
    pids: dict[str, int] = field(default_factory=dict)
    """Process id of each worker and scheduler."""
    schedules: dict[str, Fired] = field(default_factory=lambda: defaultdict(Fired))
    unique: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Jobs by unique key, in the order in which they were enqueued."""


class Checker:
    """One check."""

    def __init__(self, store: Store, truth: Truth) -> None:
        self._store, self._truth = store, truth
        self.findings = Findings()
        self.log = Log()
        self.outcomes: dict[str, Outcome] = {}
        self.firings = FiringCheck(self.findings)
        self._records: dict[str, Stored] = {}

    async def run(self) -> Findings:
        await self._read_log()
        self._records = await self._store.entries("results")
        trails = TrailCheck(self.findings, self.log.workers)
        for job_id, trail in self.log.trails.items():
            self.outcomes[job_id] = trails.judge(job_id, trail)
        self._check_wanted()
        self._check_records()
        self._check_malformed()
        self._check_unique()
        self._check_journal(trails.doubles)
        self._check_limit()
        await self._check_places()
        await self._check_schedules()
        await self._check_workers()
        return self.findings

    async def _read_log(self) -> None:
        log, expected = self.log, 1
        async for stored in self._store.read(self._store.events):
            if stored.seq != expected:
                self.findings.report("log", "", f"{expected} is followed by {stored.seq}: events are gone")
            expected = stored.seq + 1
            log.events += 1
            event = stored.record()
            if event is None or not isinstance(event.get("type"), str):
                log.unreadable += 1
                continue
            self._sort(stored, event)

    def _sort(self, stored: Stored, event: dict[str, Any]) -> None:
        log, kind, worker, details = self.log, event["type"], event.get("worker_id"), event.get("details") or {}
        if kind in JOB_EVENTS and "job_id" in event:
            log.trails[event["job_id"]].append(told_of(stored, event))
            if kind == "ENQUEUED" and "unique" in details:
                log.unique[details["unique"]].append(event["job_id"])
        elif kind.startswith("SCHEDULE") and "schedule_id" in event:
            log.schedules[event["schedule_id"]].take(event, stored.at)
        elif kind == "WORKER_STARTED":
            if log.workers[worker].started:
                self.findings.report("worker", worker, f"it tells at {stored.seq} again that it started")
            log.workers[worker].started, log.pids[worker] = stored.seq, int(details.get("pid", 0))
        elif kind == "WORKER_STOPPED":
            log.workers[worker].stopped = stored.seq
        elif kind == "WORKER_LOST":
            log.workers[worker].lost.append(stored.seq)

    def _check_wanted(self) -> None:
        """Every job that its producer was told of is final, in the way its kind lets expect."""
        for job_id, wanted in self._truth.acknowledged.items():
            outcome = self.outcomes.get(job_id)
            if outcome is None or outcome.status not in FINAL:
                where = "nothing in the log" if outcome is None else f"{outcome.status} in the end"
                self.findings.report("lost", job_id, f"{wanted.kind} {wanted.number}: {where}")
                continue
            expected = self._expected(wanted, outcome)
            if outcome.status != expected:
                told = f"{wanted.kind} {wanted.number}: {outcome.status} ({outcome.error}), not {expected}"
                self.findings.report("outcome", job_id, told)
            retries = outcome.attempt - 1
            if retries > MAX_RETRIES.get(wanted.kind, 0):
                self.findings.report("outcome", job_id, f"{wanted.kind} {wanted.number}: retried {retries} times")
        known = self._truth.acknowledged.keys()
        for job_id, outcome in self.outcomes.items():
            if job_id in known or job_id.startswith(MALFORMED) or self._is_fired(job_id):
                continue
            self.findings.note("jobs whose producer was not told that they are stored")
            if outcome.status not in FINAL:
                trail = self.log.trails[job_id]
                if job_id not in self._records and [told.type for told in trail] == ["ENQUEUED"]:
                    self.findings.note("ENQUEUED told of a job that its producer could not store")
                else:
                    self.findings.report("lost", job_id, f"in doubt for its producer, {outcome.status} in the end")
        unasked = self.findings.figures["jobs whose producer was not told that they are stored"]
        if unasked > (failed := len(self._truth.in_doubt)):
            self.findings.report("strange", "", f"{unasked} jobs that nobody enqueued, {failed} calls failed")

    def _is_fired(self, job_id: str) -> bool:
        return job_id.rpartition(".")[0] in self._truth.schedules

    def _expected(self, wanted: Wanted, outcome: Outcome) -> str:
        if outcome.is_given_up:
            self.findings.note("jobs given up: three workers died of them")
            return "FAILED"
        parents = [self.outcomes.get(parent) for parent in wanted.parents]
        if any(parent is None or parent.status != "COMPLETED" for parent in parents):
            return "FAILED"
        return ENDS[wanted.kind] if not wanted.parents else "COMPLETED"

    def _check_records(self) -> None:
        """The results are the fold of the log, and hold what the functions returned."""
        for job_id, outcome in self.outcomes.items():
            stored = self._records.get(job_id)
            if stored is None:
                if outcome.status in FINAL and not outcome.is_refused:
                    self.findings.report("record", job_id, f"{outcome.status} in the log, and it has no record")
                continue
            record = stored.record() or {}
            kept = Outcome(str(record.get("status")), int(record.get("attempt", 0)), str(record.get("worker_id", "")))
            is_same = outcome.status == kept.status and (not outcome.worker or outcome.worker == kept.worker)
            if not is_same or (outcome.attempt and outcome.attempt != kept.attempt):
                self.findings.report("record", job_id, f"{outcome.told} in the log, {kept.told} in its record")
            started = record.get("started_seq")
            if outcome.worker and started not in (None, *outcome.starts):
                self.findings.report("record", job_id, f"started at {outcome.starts}, by its record at {started}")
            wanted = self._truth.acknowledged.get(job_id)
            if wanted is not None and outcome.status == "COMPLETED" and record.get("value") != wanted.number:
                self.findings.report("record", job_id, f"{wanted.number} expected, {record.get('value')!r} kept")
        for job_id in self._records.keys() - self.outcomes.keys():
            if not job_id.startswith("flood-"):
                self.findings.report("record", job_id, "a result of which the log tells nothing")

    def _check_malformed(self) -> None:
        """Each message in the queue that is no job is kept as a failure; none is lost, none stops anything."""
        kept = sum(1 for job_id in self._records if job_id.startswith(MALFORMED))
        told = sum(1 for job_id in self.outcomes if job_id.startswith(MALFORMED))
        if not kept == told == self._truth.in_queue:
            self.findings.report("malformed", "", f"{self._truth.in_queue} in the queue, {told} told, {kept} kept")

    def _check_unique(self) -> None:
        """A job of a unique key is enqueued only once the one before it has its result."""
        for key, jobs in self.log.unique.items():
            for before, after in pairwise(jobs):
                record = self._records.get(before)
                enqueued = next(told for told in self.log.trails[after] if told.type == "ENQUEUED")
                is_free = self.outcomes[before].is_refused or (record is not None and record.at <= enqueued.at)
                if not is_free:
                    self.findings.report("unique", key, f"{after} enqueued while {before} had no end")

    def _check_journal(self, doubles: list[DoubleRun]) -> None:
        """What ran is what the log says; what ran twice was hit by a fault."""
        for double in doubles:
            pid = self.log.pids.get(double.earlier.worker, 0)
            names = sorted({each.kind for each in self._near(double.later.at, {pid})}) or ["no fault near it"]
            self.findings.note("runs again")
            self.findings.note(f"runs again, by: {names[0] if len(names) == 1 else 'several faults'}")
        for job_id, runs in self._truth.journal.items():
            told = Counter(t.attempt for t in self.log.trails.get(job_id, ()) if t.type == "STARTED")
            ran = Counter(run.attempt for run in runs)
            for attempt, count in ran.items():
                if count > told[attempt]:
                    text = f"attempt {attempt} ran {count} times, {told[attempt]} told"
                    self.findings.report("double run", job_id, text)
        for job_id, outcome in self.outcomes.items():
            for told_late in outcome.late:
                self._check_late(job_id, outcome, told_late)
            if outcome.status == "COMPLETED" and not any(run.ended for run in self._truth.journal.get(job_id, ())):
                self.findings.report("outcome", job_id, "COMPLETED, and it never ran to its end")

    def _check_late(self, job_id: str, outcome: Outcome, told: Told) -> None:
        """A start that is told behind the job's end must have begun before it."""
        self.findings.note("starts told behind the end, by workers that were out of reach")
        pid, offset = self.log.pids.get(told.worker), self._truth.clock_offset
        runs = [run for run in self._truth.journal.get(job_id, ()) if (run.pid, run.attempt) == (pid, told.attempt)]
        if any(run.began + offset > outcome.ended_at for run in runs):
            self.findings.report("double run", job_id, f"{told.worker} began it after its end at {outcome.end_seq}")

    def _check_limit(self) -> None:
        """No more runs at once than the limit says, but for those of a worker that was out of reach."""
        limited = [job_id for job_id, wanted in self._truth.acknowledged.items() if wanted.kind == "limited"]
        runs = [run for job_id in limited for run in self._truth.journal.get(job_id, ())]
        for together in overlaps(runs, LIMIT.count):
            began = max(run.began for run in together)
            pids = {run.pid for run in together}
            recent = [each for each in self._truth.injected if began - AROUND_S <= each.began_mono <= began]
            if any(_hits(each, pids) for each in recent):
                self.findings.note("starts beyond the limit while a holder of a place was out of reach")
            else:
                self.findings.report("limit", LIMIT.key, f"{len(together)} at once: {[run.job_id for run in together]}")

    async def _check_places(self) -> None:
        """Nothing is left in the queue, nor among those that wait."""
        left = int((await self._store.state(self._store.jobs))["messages"])
        if left:
            self.findings.report("lost", "", f"{left} messages are still in the queue")
        for job_id in await self._store.entries("waiting_jobs"):
            if not job_id.startswith("flood-"):
                self.findings.report("lost", job_id, "still among the jobs that wait for others")

    async def _check_schedules(self) -> None:
        entries = await self._store.entries("scheduled_jobs")
        for name, fired in self.log.schedules.items():
            record = entries[name].record() if name in entries else None
            if name in self._truth.schedules:
                self.firings.judge(name, fired, record)
                for job_id in fired.jobs:
                    outcome = self.outcomes.get(job_id)
                    if outcome is None or outcome.status not in FINAL:
                        self.findings.report("lost", job_id, f"fired by {name}, and not final")
            elif name in self._truth.acknowledged:
                self.firings.judge_single(name, fired, record)
        told = {job_id for fired in self.log.schedules.values() for job_id in fired.jobs}
        for job_id, outcome in self.outcomes.items():
            if self._is_fired(job_id) and job_id not in told and not outcome.is_refused:
                self.findings.report("schedule", job_id, "its job is there, and its firing is not told")

    async def _check_workers(self) -> None:
        """Whoever came has stopped, or is told as lost once for each death."""
        for worker, presence in self.log.workers.items():
            if not presence.stopped and not presence.lost:
                self.findings.report("worker", worker, "neither its end nor its death is told")
            if not presence.started:
                self.findings.note("workers that died before they told that they started")
        for key, entry in (await self._store.entries("workers")).items():
            record = entry.record()
            if key.startswith("flood-") or record is None:
                continue
            if record.get("lost_seq") not in self.log.workers[key].lost:
                self.findings.report("record", key, f"a heartbeat is left, its death told at {record.get('lost_seq')}")

    def _near(self, at: float, pids: set[int]) -> list[Injected]:
        """Faults that hit one of these processes, or all, and may be felt at that time of the server's clock."""
        felt = [each for each in self._truth.injected if each.began <= at <= each.ended + AROUND_S]
        return [each for each in felt if _hits(each, pids)]


def _hits(injected: Injected, pids: set[int]) -> bool:
    return injected.pid is None or injected.pid in pids
