"""Whether the job of a schedule's last run has ended, and when it does.

Nothing here is stored: who leads next reads the schedules' records and follows the same jobs.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from naq.backlog import find_job, is_waiting
from naq.connection import Connection
from naq.errors import NaqException, SerializationError
from naq.models.schedule import Schedule
from naq.results import Results

log = logging.getLogger(__name__)

RETRY_S = 0.5


@dataclass(frozen=True, slots=True)
class _Followed:
    job_id: str
    task: asyncio.Task[None]


class LastJobs:
    """The last jobs of schedules, as one scheduler sees them."""

    def __init__(self, connection: Connection, results: Results, on_end: Callable[[str], None]) -> None:
        """`on_end` is called with the id of a schedule whose buffered run may go."""
        self._connection = connection
        self._results = results
        self._on_end = on_end
        self._followed: dict[str, _Followed] = {}

    async def is_running(self, job_id: str, seq: int | None) -> bool:
        """Whether the job waits, runs or will be retried; False where it has ended or nothing is left of it.

        Args:
            seq: where it is stored in the stream of jobs; None where not known, then its queue is searched.
        """
        try:
            record = await self._results.get_record(job_id)
        except SerializationError:
            return False  # the worker that wrote it was done with it
        if record is not None:
            return not record.is_final
        if seq is not None:
            return await is_waiting(self._connection, seq)
        return await find_job(self._connection, job_id) is not None

    def follow(self, schedule: Schedule) -> None:
        """Have `on_end` called when the job that the buffered run of `schedule` waits for ends; else stop following."""
        held = self._followed.get(schedule.schedule_id)
        job_id = schedule.last_job_id if schedule.buffered_at is not None and not schedule.is_over else None
        if held is not None and held.job_id == job_id and not held.task.done():
            return
        self.forget(schedule.schedule_id)
        if job_id is not None:
            task = asyncio.create_task(self._await_end(schedule, job_id), name=f"last-job-{schedule.schedule_id}")
            self._followed[schedule.schedule_id] = _Followed(job_id, task)

    def forget(self, schedule_id: str) -> None:
        held = self._followed.pop(schedule_id, None)
        if held is not None:
            held.task.cancel()

    async def stop(self) -> None:
        tasks = [held.task for held in self._followed.values()]
        self._followed.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _await_end(self, schedule: Schedule, job_id: str) -> None:
        while True:
            try:
                if await self.is_running(job_id, schedule.last_job_seq):
                    await self._results.wait_record(job_id)
                break
            except SerializationError:
                break
            except NaqException as exc:
                log.debug("end of job %s is awaited again: %s", job_id, exc)
                await asyncio.sleep(RETRY_S)
        self._on_end(schedule.schedule_id)
