"""Isolated jobs: each runs in a process of its own, which can be stopped at any instant and can die without harm.

By default plain functions run in threads of the worker: the cheapest way, right for what waits or takes milliseconds.
But a thread can't be stopped (see `naq.worker.executor`), all of them share one interpreter lock, and what crashes the
interpreter takes the worker and every job in it along. `enqueue(..., isolate=True)` or `naq worker --isolate` buys what
threads can't give, for a fraction of a millisecond a job and the memory of one process per job that runs at once (its
start, with the imports of your modules, is paid by the first job):

- at its time limit, or when cancelled, the function gets SystemExit raised in it, and half a second later SIGKILL, with
  every process it has started (its group);
- a process that dies by itself (segmentation fault, `os._exit`, out of memory) fails this one run with
  `IsolatedProcessDied`; retries apply, and the worker and its other jobs go on;
- functions run beside each other on several cores.

Arguments and results travel as they do to other machines. Not shared with the worker: module state, and what middleware
sets in `around`. Processes are kept warm for the next job, and replaced after `JOBS_PER_PROCESS`, or when idle for
`IDLE_S`. No state is written here. A worker that is killed takes its processes along, and their jobs are delivered
to another.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine, Sequence
from typing import Any

from naq import codec
from naq.context import JobContext
from naq.models.job import Job
from naq.worker.isolated_process import IsolatedProcess
from naq.worker.outcome import Outcome
from naq.worker.time_limits import TimeLimitExceeded

END_S = 5.0
"""Seconds until a process that is to end between jobs is killed, and until one that can't be killed is given up."""
JOBS_PER_PROCESS = 1_000
"""What a library leaks is given back after so many jobs."""
IDLE_S = 60.0
"""Seconds a process waits for another job before it is ended."""


class Isolation:
    """The processes of one worker that run its isolated jobs: never more than jobs that run at once."""

    def __init__(self, modules: Sequence[str], *, max_bytes: int) -> None:
        """`max_bytes`: the largest result a process may send."""
        self._setup = {"modules": list(modules), "max_bytes": max_bytes}
        self._idle: list[IsolatedProcess] = []
        self._busy: set[IsolatedProcess] = set()
        self._leaving: set[IsolatedProcess] = set()

    async def run(self, job: Job, context: JobContext) -> Outcome:
        """Run the job once; nothing of it runs any more when this returns or raises.

        Raises:
            TimeLimitExceeded: it took longer than the context's `time_limit_s`.
            IsolatedProcessDied: its process ended, or could not be started.
        """
        process = await self._take()
        is_over = False

        def on_message(message: dict[str, Any]) -> None:
            if message.get("number") == process.jobs:
                _hear(message, context)

        try:
            limit = asyncio.timeout(context.time_limit_s)
            try:
                async with limit:
                    outcome = await process.call(_call(job, context), on_message)
            except TimeoutError:
                raise TimeLimitExceeded(f"not done after {context.time_limit_s:g} s: its process was stopped") from None
            is_over = True
            return outcome
        finally:
            if is_over:
                self._give_back(process)
            else:
                try:
                    await process.stop(on_message, is_cancelled=context.cancel_requested)
                finally:
                    self._busy.discard(process)

    async def until_quiet(self) -> None:
        """Wait until no job runs here: for use once the tasks that await `run` are cancelled."""
        await _within(END_S, [process.ended.wait() for process in self._busy])

    async def close(self) -> None:
        """End every process."""
        processes = [*self._busy, *self._idle, *self._leaving]
        self._idle.clear()
        await _within(END_S, [process.stop() for process in processes])

    async def _take(self) -> IsolatedProcess:
        while self._idle:
            process = self._idle.pop()
            if not process.ended.is_set():
                self._busy.add(process)
                return process
            self._let_go(process)
        process = IsolatedProcess()
        self._busy.add(process)
        try:
            await process.start({**self._setup, "path": [str(place) for place in sys.path]})
        except BaseException:
            self._busy.discard(process)
            self._let_go(process)
            process.kill()
            raise
        return process

    def _give_back(self, process: IsolatedProcess) -> None:
        self._busy.discard(process)
        self._idle.append(process)
        if process.jobs >= JOBS_PER_PROCESS:
            self._retire(process, process.jobs)
        else:
            asyncio.get_running_loop().call_later(IDLE_S, self._retire, process, process.jobs)

    def _retire(self, process: IsolatedProcess, jobs: int) -> None:
        """End a process that has had no further job."""
        if process in self._idle and process.jobs == jobs:
            self._idle.remove(process)
            self._let_go(process)

    def _let_go(self, process: IsolatedProcess) -> None:
        """Have a process end that is wanted no more; one that a function's thread keeps alive is killed in the end."""
        self._leaving = {other for other in self._leaving if not other.ended.is_set()} | {process}
        process.hang_up()
        asyncio.get_running_loop().call_later(END_S, process.kill)


async def _within(seconds: float, waits: list[Coroutine[Any, Any, Any]]) -> None:
    """Wait for all of them, but no longer: not even SIGKILL ends a process that hangs in the system."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    if tasks:
        await asyncio.wait(tasks, timeout=seconds)
    for task in tasks:
        task.cancel()


def _call(job: Job, context: JobContext) -> dict[str, Any]:
    return {
        "job_id": job.job_id,
        "function": job.function,
        "args": job.args,
        "kwargs": job.kwargs,
        "queue": job.queue_name,
        "attempt": context.attempt,
        "worker_id": context.worker_id,
        "tags": job.tags,
        "schedule_id": job.schedule_id,
        "time_limit_s": context.time_limit_s,
        "logs": context.logs is not None,
    }


def _hear(message: dict[str, Any], context: JobContext) -> None:
    """What a function says while it runs; what has another shape is dropped."""
    progress, line = message.get("progress"), message.get("log")
    if isinstance(progress, dict):
        done, total = codec.number(progress, "done", None), codec.number(progress, "total", None)
        if done is not None:
            context.progress(done, total, codec.text(progress, "note", "") or None)
    if isinstance(line, str) and context.logs is not None:
        context.logs.append(line)
