"""A made-up system with a fixed clock, the same in every run: what tests and pictures show."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from naq.errors import NaqException
from naq.figures import COUNTED
from naq.models.event import StoredEvent
from naq.models.job import Job
from naq.models.result import JobResult, ValueRef
from naq_tui.feed import sample
from naq_tui.feed.fake_commands import FakeCommands
from naq_tui.feed.query import Counted, Query, ResultsPiece, Scanned
from naq_tui.feed.sample import old_event, process, results, workers
from naq_tui.feed.sample_failures import failures, payload, waiting_jobs
from naq_tui.feed.sample_figures import counted_event
from naq_tui.feed.sample_jobs import T0, before, job_id
from naq_tui.feed.sample_results import result_of, stored_result
from naq_tui.launcher import LaunchSpec, OutputPage, ProcessView, Recipe
from naq_tui.launcher.supervisor import CloseMode
from naq_tui.store.updates import EventsAppended, EventsRange, FailuresFound, JobsFound, ResultsChanged, Update

__all__ = ["T0", "FakeCommands", "FakeFeed", "FakeProcesses", "FixedClock", "first_batch"]

SCAN_STEP, RESULTS_PIECE = 2_000, 50


@cache
def first_batch(seed: int = 7) -> tuple[Update, ...]:
    """What the feed begins with."""
    return (*sample.first_batch(seed), JobsFound(waiting_jobs()), FailuresFound(failures(), is_all=True))


@cache
def _earlier_events() -> dict[int, StoredEvent]:
    return {event.seq: event for event in (*sample.schedule_events(), *sample.earlier_events())}


@cache
def _results() -> dict[str, JobResult]:
    return {result.job_id: result for result in results()}


class FixedClock:
    """Always `moment`, until it is moved."""

    def __init__(self, moment: datetime = T0) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment


class FakeFeed:
    """Gives the batches it was made with, then those that `push` hands it, and remembers what it was asked."""

    def __init__(self, *batches: Sequence[Update]) -> None:
        self._queue: asyncio.Queue[tuple[Update, ...]] = asyncio.Queue()
        self._first = [tuple(batch) for batch in batches]
        self.events: dict[int, StoredEvent] = dict(_earlier_events())
        self.results: dict[str, JobResult] = dict(_results())
        self.reads: list[tuple[int, int]] = []
        self.held = (1, 0)
        """First and last sequence of the log."""
        self.scans: list[tuple[int, int]] = []
        self.scan_stalls_at: int | None = None
        """A scan that has got so far back waits there until it is given up."""
        self.counting_stalls_at: int | None = None
        """Reading for figures waits, once it has got so far, until it is given up."""
        self.counting_fails: NaqException | None = None
        self.values: dict[str, Any] = {}
        """What lies in the object store, by the name of the object."""
        self.value_stalls_at: int | None = None
        """Reading one of them waits, once so many bytes have come, until it is given up."""
        self.value_fails: NaqException | None = None
        self.results_read: list[tuple[int, int]] = []
        self.results_stall = False
        """Reading stored results waits until it is given up."""
        self.results_fail: NaqException | None = None
        self.is_closed = False

    def push(self, *updates: Update) -> None:
        self._queue.put_nowait(updates)

    async def batches(self) -> AsyncIterator[tuple[Update, ...]]:
        for batch in self._first:
            self._remember(batch)
            yield batch
        while True:
            batch = await self._queue.get()
            self._remember(batch)
            yield batch

    def _remember(self, batch: Sequence[Update]) -> None:
        for update in batch:
            if isinstance(update, EventsAppended):
                self.events.update({event.seq: event for event in update.events})
                self.held = (self.held[0], max(self.held[1], *(event.seq for event in update.events), 0))
            elif isinstance(update, EventsRange):
                self.held = (update.first_seq, update.last_seq)
            elif isinstance(update, ResultsChanged):
                self.results.update({result.job_id: result for result in update.results})

    async def read_events(self, first_seq: int, count: int) -> tuple[StoredEvent, ...]:
        self.reads.append((first_seq, count))
        first, last = self.held
        return tuple(self._event(seq) for seq in range(max(first, first_seq), min(last + 1, first_seq + count)))

    def _event(self, seq: int) -> StoredEvent:
        return self.events.get(seq) or old_event(seq)

    async def read_at(self, seqs: Sequence[int]) -> tuple[StoredEvent, ...]:
        return tuple(self._event(seq) for seq in seqs if self.held[0] <= seq <= self.held[1])

    async def read_standing(self, before_seq: int, most: int) -> tuple[StoredEvent, ...]:
        kinds = ("worker", "schedule", "queue", "operator")
        found = [
            self.events[seq]
            for seq in sorted(self.events)
            if seq < before_seq and (event := self.events[seq].event) is not None and event.entity in kinds
        ]
        return tuple(found[-most:])

    async def seq_at(self, moment: datetime) -> int:
        first, last = self.held
        return bisect_left(range(last + 1), moment, lo=first, key=lambda seq: self._event(seq).stored_at)

    async def scan(self, query: Query, start: int, step: int) -> AsyncIterator[Scanned]:
        self.scans.append((start, step))
        first, last = self.held
        while first <= start <= last:
            end = min(max(first, start + step * (SCAN_STEP - 1)), last)
            low, high = min(start, end), max(start, end)
            # what was made up for the far past is all of one kind: where that is not wanted it is not made
            wants_past = query.wants_subject is None or query.wants_subject("job", "completed", "mail")
            seqs = range(low, high + 1) if wants_past else sorted(seq for seq in self.events if low <= seq <= high)
            yield Scanned(tuple(seq for seq in seqs if query.is_wanted(self._event(seq))), end)
            if self.scan_stalls_at is not None and low <= self.scan_stalls_at:
                await asyncio.Event().wait()
            await asyncio.sleep(0)
            start = end + step

    async def counted(self, start: int) -> AsyncIterator[Counted]:
        if self.counting_fails is not None:
            raise self.counting_fails
        first, last = self.held
        for low in range(max(first, start), last + 1, SCAN_STEP):
            high = min(last, low + SCAN_STEP - 1)
            found = [self.events.get(seq) or counted_event(seq) for seq in range(low, high + 1)]
            yield Counted(tuple(item for item in found if item.event is not None and item.event.type in COUNTED), high)
            if self.counting_stalls_at is not None and high >= self.counting_stalls_at:
                await asyncio.Event().wait()

    async def stored_results(self, start: int, step: int) -> AsyncIterator[ResultsPiece]:
        self.results_read.append((start, step))
        while 1 <= start <= sample.RESULTS_STORED:
            if self.results_stall:
                await asyncio.Event().wait()
            if self.results_fail is not None:
                raise self.results_fail
            end = min(max(1, start + step * (RESULTS_PIECE - 1)), sample.RESULTS_STORED)
            yield ResultsPiece(tuple(map(stored_result, range(min(start, end), max(start, end) + 1))), end)
            await asyncio.sleep(0)
            start = end + step

    async def stored_jobs(self) -> AsyncIterator[tuple[Job, ...]]:
        yield waiting_jobs()

    async def read_result(self, job_id: str) -> JobResult | None:
        return self.results.get(job_id) or result_of(job_id)

    async def read_value(self, ref: ValueRef, told: Callable[[int], object]) -> Any:
        if self.value_fails is not None:
            raise self.value_fails
        if self.value_stalls_at is not None:
            told(self.value_stalls_at)
            await asyncio.Event().wait()
        told(ref.size)
        return self.values[ref.name]

    async def read_payload(self, job_id: str) -> Mapping[str, Any] | None:
        found = await self.read_result(job_id)
        if found is not None and found.job is not None:
            return found.job
        # as the lists tell it: the record of what ended, unless it was begun again; then what told of it last
        events = [stored.event for stored in await self.job_events(job_id) if stored.event is not None]
        has_ended = any(event.type in ("COMPLETED", "FAILED") for event in events)
        running = {job.job_id: job.function for worker in workers() for job in worker.running}
        waiting = {job.job_id: job.function for job in waiting_jobs()}
        told = [found.function] if found is not None and (has_ended or not events) else []
        told += [event.function for event in events if event.function]
        told += [jobs[job_id] for jobs in (running, waiting) if job_id in jobs]
        return payload(job_id, told[0] if told else None)

    async def job_events(self, job_id: str) -> tuple[StoredEvent, ...]:
        return tuple(item for item in self.events.values() if item.event is not None and item.event.job_id == job_id)

    async def close(self) -> None:
        self.is_closed = True


class FakeProcesses:
    """Local processes that don't exist."""

    def __init__(self, *views: ProcessView, recipes: Mapping[str, Recipe] | None = None) -> None:
        self.views = list(views)
        self.recipes: Mapping[str, Recipe] = recipes or {}
        self.launched: list[LaunchSpec] = []
        self.asked: list[tuple[str, str]] = []
        self.closed_with: str | None = None
        self.environment: dict[str, str] = {}
        self.lines = [f"14:07:{second:02d} INFO  job {job_id(second)[-6:]} done in 228 ms" for second in range(12)]
        self.lines += ["14:07:12 WARNING slow upstream", "14:07:12 ERROR job 02aa failed: TimeoutError"]

    @classmethod
    def usual(cls) -> FakeProcesses:
        """A server, a worker and a scheduler."""
        return cls(
            process("nats-server", "server", 4102, "[INF] Server is ready", command="nats-server 2.15.0 on 4222"),
            process(
                "worker-1",
                "worker",
                4104,
                f"14:07:00 poll {job_id(1_200)[-6:]} done in 34 ms",
                started_at=before(98),
                uptime=98.0,
            ),
            process("scheduler-1", "scheduler", 4130, "14:07:00 fired minutely"),
        )

    @property
    def running(self) -> int:
        return sum(view.is_running and view.kind != "server" for view in self.views)

    def snapshot(self) -> tuple[ProcessView, ...]:
        return tuple(self.views)

    def output(self, process_id: str, first: int, count: int) -> OutputPage:
        return OutputPage(first, tuple(self.lines[first : first + count]), 0, len(self.lines))

    def find_output(self, process_id: str, is_wanted: Callable[[str], bool], start: int, step: int = 1) -> int | None:
        places = range(start, len(self.lines) if step > 0 else -1, step)
        return next((place for place in places if is_wanted(self.lines[place])), None)

    def launch_many(self, spec: LaunchSpec, number: int) -> tuple[str, ...]:
        return tuple(self._launch(spec) for _ in range(number))

    def _launch(self, spec: LaunchSpec) -> str:
        self.launched.append(spec)
        name = spec.name or f"{spec.recipe or spec.kind}-{len(self.views)}"
        self.views.append(process(name, spec.kind, 4200 + len(self.views), "", recipe=spec.recipe))
        return name

    def more(self, process_id: str) -> str:
        self.asked.append(("more", process_id))
        like = next(view for view in self.views if view.process_id == process_id)
        name = f"{like.recipe or like.kind}-{len(self.views)}"
        self.views.append(process(name, like.kind, 4200 + len(self.views), "", recipe=like.recipe))
        return name

    def fewer(self, process_id: str) -> str:
        self.asked.append(("fewer", process_id))
        return process_id

    def stop(self, process_id: str) -> None:
        self.asked.append(("stop", process_id))

    def kill(self, process_id: str) -> None:
        self.asked.append(("kill", process_id))

    async def restart(self, process_id: str) -> None:
        self.asked.append(("restart", process_id))

    def remove(self, process_id: str) -> None:
        self.asked.append(("remove", process_id))

    async def close(self, mode: CloseMode = "stop", grace: float = 10.0) -> None:
        if self.closed_with is None:
            self.closed_with = mode
