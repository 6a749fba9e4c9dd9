"""Groups, chains and chords: thin compositions of `enqueue` and `depends_on`.

Nothing of its own is written: a process that dies between two of the jobs leaves the first ones enqueued.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from naq.errors import ConfigurationError
from naq.models.job import Job

if TYPE_CHECKING:
    from naq.calls import Call
    from naq.queue import Queue


class JobGroup(list[Job]):
    """Jobs enqueued together, in the order of their calls."""

    async def wait(self, timeout: float | None = None) -> list[Any]:
        """The jobs' values, in order, once all have ended; `timeout` in seconds, None waits as long as it takes.

        Raises:
            JobExecutionError: one failed (the first of them in order).
            JobNotCompletedError: one did not end within `timeout`.
        """
        outcomes = await asyncio.gather(*(job.result(timeout) for job in self), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return list(outcomes)


async def chain(queue: Queue, calls: Iterable[Call | Sequence[Any]], **options: Any) -> JobGroup:
    """Enqueue the calls so that each waits for the one before and gets its value first; options go to each."""
    jobs = JobGroup()
    for call in _calls(calls):
        behind = {"depends_on": jobs[-1], "pass_results": True} if jobs else {}
        jobs.append(await queue.enqueue_call(call, **options, **behind))
    return jobs


async def chord(
    queue: Queue, calls: Iterable[Call | Sequence[Any]], callback: Call | Sequence[Any], **options: Any
) -> Job:
    """Enqueue the calls, and a callback that gets the list of their values first; returns the callback's job."""
    wanted, (last,) = _calls(calls), _calls([callback])
    if not wanted:
        raise ConfigurationError("a chord needs at least one call before its callback")
    jobs = await queue.enqueue_many(wanted, **options)
    return await queue.enqueue_call(last, **options, depends_on=jobs, pass_results=True)


def _calls(calls: Iterable[Call | Sequence[Any]]) -> list[Call]:
    from naq.calls import Call

    return [Call(*call) for call in calls]
