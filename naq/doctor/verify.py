"""Check the whole log, and every record against it.

The log is folded up to the sequence it ended at, then the records are read past it, one by one. A system that runs
moves on meanwhile: what does not agree is looked at again, with what the log has told since, and is reported only if it
stands still and still does not agree. Nothing is written.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from naq import codec
from naq.backlog import stored_job_ids
from naq.connection import Connection
from naq.control import QUEUE
from naq.doctor.compare import Place, Problem, Retention, job_problem, schedule_problem, worker_problem
from naq.doctor.fold import MAX_FINDINGS, Fold
from naq.doctor.states import Finding
from naq.errors import SerializationError
from naq.eventlog import stream_range
from naq.inspector import worker_of
from naq.kv import Bucket
from naq.models.event import StoredEvent
from naq.models.result import JobResult
from naq.models.schedule import Schedule
from naq.models.worker import WorkerRecord
from naq.results import record_of
from naq.schedules import schedule_of
from naq.tail import Tail, TailMessage
from naq.topology import NANOSECONDS

LOOKS_AFTER_S = (0.1, 0.4, 1.0)
"""Pauses before each further look at what did not agree."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a verification came to."""

    first_seq: int
    last_seq: int
    """Of the events read."""
    events: int
    read_s: float
    """Seconds it took to read and fold them."""
    unreadable: int
    """Records of the log that are no events."""
    unknown: int
    """Events of types this version does not know."""
    jobs: Mapping[str, int]
    """By status, as the log tells."""
    results: int
    """Records read."""
    unreadable_results: int
    schedules: int
    workers: int
    moving: int
    """Things that did not agree, but were still changing at the last look."""
    findings: tuple[Finding, ...]
    found: int
    """Findings in all; of very many `findings` holds the first ones."""

    @property
    def is_clean(self) -> bool:
        return not self.found

    def to_record(self) -> dict[str, Any]:
        return {
            "clean": self.is_clean,
            "first_seq": self.first_seq,
            "last_seq": self.last_seq,
            "events": self.events,
            "read_s": round(self.read_s, 3),
            "unreadable_events": self.unreadable,
            "unknown_events": self.unknown,
            "jobs": dict(self.jobs),
            "results": self.results,
            "unreadable_results": self.unreadable_results,
            "schedules": self.schedules,
            "workers": self.workers,
            "moving": self.moving,
            "found": self.found,
            "findings": [finding._asdict() for finding in self.findings],
        }


async def verify(connection: Connection) -> Verdict:
    """Check the system that `connection` leads to.

    Raises:
        JetStreamError: one of its streams does not exist.
        NaqConnectionError: the server does not answer, or refuses to have something read.
    """
    return await Verification(connection).run()


class Verification:
    """One verification."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        names = connection.names
        self._results = Bucket(connection, names.results)
        self._schedules = Bucket(connection, names.schedules)
        self._workers = Bucket(connection, names.workers)
        self._control = Bucket(connection, names.control)
        self._waiting = Bucket(connection, names.waiting)
        self._problems: dict[tuple[str, str], Problem] = {}

    async def run(self) -> Verdict:
        await self._connection.sync_clock()
        held = await stream_range(self._connection, self._connection.names.events)
        self._kept_s = await self._results_kept_s()
        self._first_seq = held.first_seq
        self._fold = fold = Fold(held.first_seq, results_kept_s=self._kept_s)
        started_at = time.monotonic()
        await self._read_log(held.last_seq)
        read_s, events = time.monotonic() - started_at, fold.events
        counted, unreadable = await self._compare_all()
        moving = await self._look_again()
        findings = [
            *fold.findings(),
            *(self._finding(thing, problem) for thing, problem in sorted(self._problems.items())),
        ]
        return Verdict(
            first_seq=held.first_seq,
            last_seq=held.last_seq,
            events=events,
            read_s=read_s,
            unreadable=fold.unreadable,
            unknown=fold.unknown,
            jobs=dict(sorted(Counter(job.status for job in fold.jobs.values()).items())),
            results=counted,
            unreadable_results=unreadable,
            schedules=len(fold.schedules),
            workers=len(fold.workers),
            moving=moving,
            findings=tuple(findings[:MAX_FINDINGS]),
            found=len(findings) + max(0, fold.found - MAX_FINDINGS),
        )

    async def _read_log(self, last_seq: int) -> None:
        """Feed the fold up to `last_seq`."""
        fold = self._fold
        if fold.last_seq >= last_seq:
            return
        stream = self._connection.names.events
        async for messages in _read(self._connection, stream, fold.last_seq + 1, last_seq):
            if messages[0].seq > fold.last_seq + 1:
                # what has left the log by its age while it was read is not missing
                self._first_seq = (await stream_range(self._connection, stream)).first_seq
                fold.forget_before(min(self._first_seq, messages[0].seq))
            for message in messages:
                fold.feed(StoredEvent.from_stream(message.seq, message.stored_at, message.subject, message.data))

    async def _compare_all(self) -> tuple[int, int]:
        """Compare everything once; returns the results read, and how many of them can't be read as such."""
        await self._read_places()
        jobs, recorded, unreadable = self._fold.jobs, set[str](), 0
        last_seq = (await stream_range(self._connection, self._results.stream)).last_seq
        kept = self._retention()
        async for messages in _read(self._connection, self._results.stream, 1, last_seq):
            for message in messages:
                entry = self._results.entry_of(message)
                if entry.is_deleted:
                    continue
                recorded.add(entry.key)
                try:
                    record = record_of(entry)
                except SerializationError:
                    unreadable += 1
                    continue
                self._note("job", entry.key, job_problem(jobs.get(entry.key), record, self._place(entry.key), kept))
        for job_id, job in jobs.items():
            if job_id not in recorded:
                self._note("job", job_id, job_problem(job, None, self._place(job_id), kept))
        await self._compare_others()
        return len(recorded), unreadable

    async def _look_again(self) -> int:
        """Look at what did not agree until it does or stands still; returns how much of it still moved at the end."""
        before: dict[tuple[str, str], object] = {}
        moving: set[tuple[str, str]] = set()
        for pause_s in LOOKS_AFTER_S:
            if not self._problems:
                break
            await asyncio.sleep(pause_s)
            await self._read_log((await stream_range(self._connection, self._connection.names.events)).last_seq)
            await self._read_places()
            kept, looked_at = self._retention(), list(self._problems)
            self._problems.clear()
            marks: dict[tuple[str, str], object] = {}
            for kind, name in looked_at:
                if kind == "job":
                    record, job = await self._record(name), self._fold.jobs.get(name)
                    self._note(kind, name, job_problem(job, record, self._place(name), kept))
                    marks[kind, name] = (job.seq if job else 0, record.revision if record else 0)
            await self._compare_others()
            moving = {thing for thing in self._problems if thing[0] == "job" and marks.get(thing) != before.get(thing)}
            before = marks
        for thing in moving:
            del self._problems[thing]
        return len(moving)

    async def _compare_others(self) -> None:
        """Schedules, workers and paused queues: few enough to be read whole each time."""
        kept = self._retention()
        schedules: dict[str, Schedule] = {}
        for entry in await self._schedules.entries():
            try:
                schedules[entry.key] = schedule_of(entry)
            except SerializationError:
                continue
        for name in _of_both(self._fold.schedules, schedules):
            self._note("schedule", name, schedule_problem(self._fold.schedules.get(name), schedules.get(name), kept))
        for name in _of_both(self._fold.workers, self._heartbeats):
            self._note("worker", name, worker_problem(self._fold.workers.get(name), self._heartbeats.get(name), kept))
        paused = {
            entry.key.partition(".")[2] for entry in await self._control.entries() if entry.key.startswith(f"{QUEUE}.")
        }
        for name in _of_both(self._fold.queues, dict.fromkeys(paused)):
            state = self._fold.queues.get(name)
            if state is None and self._fold.is_partial:
                continue
            is_told, is_so = state is not None and state.is_paused, name in paused
            problem = Problem("paused" if is_told else "open", "paused" if is_so else "open")
            self._note("queue", name, None if is_told == is_so else problem)

    async def _read_places(self) -> None:
        """Where jobs are kept now."""
        self._stored = await stored_job_ids(self._connection)
        self._children = {entry.key for entry in await self._waiting.entries()}
        self._heartbeats = dict[str, WorkerRecord]()
        for entry in await self._workers.entries():
            try:
                self._heartbeats[entry.key] = worker_of(entry)
            except SerializationError:
                continue
        now = self._connection.server_now()
        live = [record for record in self._heartbeats.values() if not record.is_dead(now)]
        self._running = {job.job_id for record in live for job in record.running}

    def _place(self, job_id: str) -> Place:
        return Place(job_id in self._stored, job_id in self._children, job_id in self._running)

    def _retention(self) -> Retention:
        return Retention(self._connection.server_now(), self._kept_s, self._first_seq)

    async def _results_kept_s(self) -> float | None:
        config = (await self._connection.api(f"STREAM.INFO.{self._results.stream}")).get("config", {})
        age = codec.number(config, "max_age", 0)
        return age / NANOSECONDS if age > 0 else None

    async def _record(self, job_id: str) -> JobResult | None:
        entry = await self._results.get(job_id)
        try:
            return None if entry is None else record_of(entry)
        except SerializationError:
            return None

    def _note(self, kind: str, name: str, problem: Problem | None) -> None:
        if problem is not None:
            self._problems[kind, name] = problem

    def _finding(self, thing: tuple[str, str], problem: Problem) -> Finding:
        kind, name = thing
        states: Mapping[str, Mapping[str, Any]] = {
            "job": self._fold.jobs,
            "schedule": self._fold.schedules,
            "worker": self._fold.workers,
            "queue": self._fold.queues,
        }
        state = states[kind].get(name)
        return Finding(0 if state is None else state.seq, kind, name, problem.expected, problem.found)


async def _read(connection: Connection, stream: str, first_seq: int, last_seq: int) -> AsyncIterator[list[TailMessage]]:
    """What `stream` holds from `first_seq` to `last_seq`, in order, in batches that are never empty."""
    if first_seq > last_seq:
        return
    async with aclosing(Tail(connection, stream, start_seq=first_seq).batches()) as batches:  # type: ignore[type-var]
        async for batch in batches:
            messages = [message for message in batch.messages if message.seq <= last_seq]
            if messages:
                yield messages
            if batch.is_caught_up or (batch.messages and batch.messages[-1].seq >= last_seq):
                return


def _of_both(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterable[str]:
    return {*one, *other}
