"""A made-up system with a fixed clock, the same in every run: what tests and pictures show."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Literal

from naq.models.event import StoredEvent
from naq.models.result import JobResult
from naq_tui.feed.sample import T0, first_batch, job_id, old_event, process, results
from naq_tui.launcher import LaunchSpec, OutputPage, ProcessView
from naq_tui.store.updates import EventsAppended, Update

__all__ = ["T0", "FakeCommands", "FakeFeed", "FakeProcesses", "FixedClock", "first_batch"]


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
        self.events: dict[int, StoredEvent] = {}
        self.reads: list[tuple[int, int]] = []
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

    async def read_events(self, first_seq: int, count: int) -> tuple[StoredEvent, ...]:
        self.reads.append((first_seq, count))
        return tuple(self.events.get(seq) or old_event(seq) for seq in range(first_seq, first_seq + count))

    async def read_result(self, job_id: str) -> JobResult | None:
        return next((result for result in results() if result.job_id == job_id), None)

    async def job_events(self, job_id: str) -> tuple[StoredEvent, ...]:
        return tuple(item for item in self.events.values() if item.event is not None and item.event.job_id == job_id)

    async def close(self) -> None:
        self.is_closed = True


class FakeCommands:
    """Remembers what was asked for."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []

    async def pause_schedule(self, schedule_id: str) -> None:
        self.calls.append(("pause", schedule_id))

    async def resume_schedule(self, schedule_id: str) -> None:
        self.calls.append(("resume", schedule_id))

    async def cancel_schedule(self, schedule_id: str) -> None:
        self.calls.append(("cancel", schedule_id))

    async def purge_queue(self, queue: str) -> int:
        self.calls.append(("purge", queue))
        return 12


class FakeProcesses:
    """Local processes that don't exist."""

    def __init__(self, *views: ProcessView) -> None:
        self.views = list(views)
        self.launched: list[LaunchSpec] = []
        self.asked: list[tuple[str, str]] = []
        self.closed_with: str | None = None
        self.lines = [f"14:07:{second:02d} INFO  job {job_id(second)[-6:]} done in 228 ms" for second in range(12)]
        self.lines += ["14:07:12 WARNING slow upstream", "14:07:12 ERROR job 02aa failed: TimeoutError"]

    @classmethod
    def usual(cls) -> FakeProcesses:
        """A server, a worker and a scheduler."""
        return cls(
            process("nats-server", "server", 4102, "[INF] Server is ready", command="nats-server 2.15.0 on 4222"),
            process("worker-1", "worker", 4121, "14:07:12 send_invoice 9f3c done in 228 ms"),
            process("scheduler-1", "scheduler", 4130, "14:07:00 fired minutely"),
        )

    @property
    def running(self) -> int:
        return sum(view.is_running and view.kind != "server" for view in self.views)

    def snapshot(self) -> tuple[ProcessView, ...]:
        return tuple(self.views)

    def output(self, process_id: str, first: int, count: int) -> OutputPage:
        return OutputPage(first, tuple(self.lines[first : first + count]), 0, len(self.lines))

    def launch(self, spec: LaunchSpec) -> str:
        self.launched.append(spec)
        name = spec.name or f"{spec.kind}-{len(self.views)}"
        self.views.append(process(name, spec.kind, 4200 + len(self.views), ""))
        return name

    def stop(self, process_id: str) -> None:
        self.asked.append(("stop", process_id))

    def kill(self, process_id: str) -> None:
        self.asked.append(("kill", process_id))

    async def close(self, mode: Literal["stop", "kill", "leave"] = "stop", grace: float = 10.0) -> None:
        if self.closed_with is None:
            self.closed_with = mode
