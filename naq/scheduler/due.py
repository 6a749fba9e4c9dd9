"""Which schedule is due next: a heap over the watched bucket, pure."""

from __future__ import annotations

import heapq
from datetime import datetime

from naq.models.schedule import Schedule
from naq.scheduler.jitter import fires_at


class DueHeap:
    """Schedules by next run. A changed schedule leaves its old place behind, which is skipped when it comes up."""

    def __init__(self) -> None:
        self._schedules: dict[str, Schedule] = {}
        self._heap: list[tuple[datetime, str, int]] = []

    def __len__(self) -> int:
        return len(self._schedules)

    def put(self, schedule: Schedule) -> None:
        """Add or replace a schedule, unless a newer revision of it is held already.

        One made later that stands at an earlier revision is of a store made anew.
        """
        held = self._schedules.get(schedule.schedule_id)
        if held is not None and held.revision > schedule.revision and not _is_made_later(schedule, held):
            return
        self._schedules[schedule.schedule_id] = schedule
        if schedule.is_due_ever and schedule.next_run_at is not None:
            moment = fires_at(schedule, schedule.next_run_at)
            heapq.heappush(self._heap, (moment, schedule.schedule_id, schedule.revision))

    def remove(self, schedule_id: str) -> None:
        self._schedules.pop(schedule_id, None)

    def next_at(self) -> datetime | None:
        """When the next one fires; None where none does."""
        self._drop_stale()
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: datetime) -> Schedule | None:
        """Take the next schedule that fires at `now`, or None; it comes back by `put` with its next run."""
        self._drop_stale()
        if not self._heap or self._heap[0][0] > now:
            return None
        return self._schedules[heapq.heappop(self._heap)[1]]

    def get(self, schedule_id: str) -> Schedule | None:
        return self._schedules.get(schedule_id)

    def schedules(self) -> list[Schedule]:
        return list(self._schedules.values())

    def _drop_stale(self) -> None:
        while self._heap:
            moment, schedule_id, revision = self._heap[0]
            held = self._schedules.get(schedule_id)
            if (
                held is not None
                and held.revision == revision
                and held.is_due_ever
                and held.next_run_at is not None
                and fires_at(held, held.next_run_at) == moment
            ):
                return
            heapq.heappop(self._heap)


def _is_made_later(schedule: Schedule, other: Schedule) -> bool:
    made, other_made = schedule.created_at, other.created_at
    return made is not None and other_made is not None and made > other_made
