"""Isolated jobs: each runs in a process of its own, which can be stopped at any instant and can die without harm.

By default plain functions run in threads of the worker: the cheapest way, right for what waits or takes milliseconds.
But a thread can't be stopped (see `naq.worker.executor`), all of them share one interpreter lock, and what crashes the
interpreter takes the worker and every job in it along. `enqueue(..., isolate=True)` or `naq worker --isolate` buys what
threads can't give, for a fraction of a millisecond a job and the memory of one process per job that runs at once (its
start, with the imports of your modules, is paid by the first job):

- at its time limit, or when cancelled, the function gets SystemExit raised in it, and `GRACE_S` later SIGKILL, with
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
import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

from naq import codec
from naq.context import JobContext
from naq.errors import IsolatedProcessDied, SerializationError
from naq.models.job import Job
from naq.server.watch import watch_exit
from naq.worker.frames import HEADER, frame, length_of, record_of
from naq.worker.outcome import Outcome
from naq.worker.time_limits import TimeLimitExceeded

log = logging.getLogger(__name__)

GRACE_S = 0.5
"""Seconds between asking a function to stop and killing it."""
START_S = 60.0
"""Seconds a process may take to import the worker's modules."""
JOBS_PER_PROCESS = 1_000
"""What a library leaks is given back after so many jobs."""
IDLE_S = 60.0
"""Seconds a process waits for another job before it is ended."""

_Listener = Callable[[dict[str, Any]], None]


class Isolation:
    """The processes of one worker that run its isolated jobs: never more than jobs that run at once."""

    def __init__(self, modules: Sequence[str], *, max_bytes: int) -> None:
        """`max_bytes`: the largest result a process may send."""
        self._setup = {"modules": list(modules), "max_bytes": max_bytes}
        self._idle: list[_Process] = []
        self._busy: set[_Process] = set()
        self._leaving: set[_Process] = set()

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
        await asyncio.gather(*(process.ended.wait() for process in self._busy))

    async def close(self) -> None:
        """End every process."""
        processes = [*self._busy, *self._idle, *self._leaving]
        self._idle.clear()
        await asyncio.gather(*(process.stop() for process in processes))

    async def _take(self) -> _Process:
        while self._idle:
            process = self._idle.pop()
            if process.ended.is_set():
                self._leaving.add(process)
                continue
            self._busy.add(process)
            return process
        process = _Process()
        self._busy.add(process)
        try:
            await process.start({**self._setup, "path": sys.path})
        except BaseException:
            process.kill()
            self._busy.discard(process)
            self._leaving.add(process)
            raise
        return process

    def _give_back(self, process: _Process) -> None:
        self._busy.discard(process)
        self._idle.append(process)
        if process.jobs >= JOBS_PER_PROCESS:
            self._retire(process, process.jobs)
        else:
            asyncio.get_running_loop().call_later(IDLE_S, self._retire, process, process.jobs)

    def _retire(self, process: _Process, jobs: int) -> None:
        """End a process that has had no further job."""
        if process in self._idle and process.jobs == jobs:
            self._idle.remove(process)
            self._leaving = {other for other in self._leaving if not other.ended.is_set()} | {process}
            process.hang_up()


class _Process:
    """One process; runs one job at a time."""

    def __init__(self) -> None:
        """Raises IsolatedProcessDied where it can't be started."""
        self._socket, theirs = socket.socketpair()
        with theirs:
            try:
                # from the thread of the event loop: on Linux the process dies with the thread that started it
                self._popen = subprocess.Popen(
                    [sys.executable, "-m", "naq.worker.isolated", str(theirs.fileno()), str(os.getpid())],
                    stdin=subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,  # no Ctrl-C from the terminal; a group to kill with all it started
                )
            except OSError as exc:
                self._socket.close()
                raise IsolatedProcessDied(f"a process for an isolated job can't be started: {exc}") from None
        self.jobs = 0
        """Calls so far; the number of the last one."""
        self.ended = asyncio.Event()
        """Set once it runs no more."""
        self._is_leaving = False
        self._writer: asyncio.StreamWriter | None = None
        self._max_bytes = 0
        watch_exit(self._popen.pid, self._on_exit, lambda: self._popen.poll() is None)

    async def start(self, setup: dict[str, Any]) -> None:
        """Wait until it has imported the worker's modules."""
        self._max_bytes = setup["max_bytes"]
        self._reader, self._writer = await asyncio.open_connection(sock=self._socket)
        self._writer.write(frame(setup))
        try:
            async with asyncio.timeout(START_S):
                refusal = (await self._receive()).get("refused")
        except TimeoutError:
            raise IsolatedProcessDied(
                f"the process for an isolated job was not ready after {START_S:g} s: do its modules do work at import?"
            ) from None
        if refusal is not None:
            raise IsolatedProcessDied(f"the process for an isolated job could not start: {refusal}")

    async def call(self, record: dict[str, Any], on_message: _Listener) -> Outcome:
        """Have it run one job. Raises IsolatedProcessDied."""
        self.jobs += 1
        assert self._writer is not None
        try:
            self._writer.write(frame({**record, "number": self.jobs}))
            await self._writer.drain()
        except OSError:
            pass  # what it died of is told below
        while True:
            message = await self._receive()
            outcome = message.get("outcome")
            if isinstance(outcome, dict) and message.get("number") == self.jobs:
                return Outcome.from_record(outcome)
            on_message(message)

    async def stop(self, on_message: _Listener = lambda message: None, *, is_cancelled: bool = False) -> None:
        """Ask it to stop, then kill it; what its function says meanwhile is still heard."""
        try:
            if self._writer is not None:
                self._writer.write(frame({"stop": True, "cancel": is_cancelled}))
                with contextlib.suppress(TimeoutError, IsolatedProcessDied):
                    async with asyncio.timeout(GRACE_S):
                        while True:
                            on_message(await self._receive())
        finally:
            self.kill()
        await self.ended.wait()
        if self._writer is not None:
            self._writer.transport.abort()

    def kill(self) -> None:
        """SIGKILL it, and all of its group."""
        if self._popen.returncode is None:  # not waited for yet, so the number is still its own
            with contextlib.suppress(OSError):
                os.killpg(self._popen.pid, signal.SIGKILL)
        if self._writer is None:
            self._socket.close()

    def hang_up(self) -> None:
        """Let it end by itself, between jobs."""
        self._is_leaving = True
        if self._writer is not None:
            self._writer.close()

    async def _receive(self) -> dict[str, Any]:
        try:
            header = await self._reader.readexactly(HEADER.size)
            return record_of(await self._reader.readexactly(length_of(header, self._max_bytes)))
        except (asyncio.IncompleteReadError, OSError):
            await self._end_of_the_deaf()
            raise IsolatedProcessDied(f"the process of an isolated job {_ending(self._popen.returncode)}") from None
        except SerializationError as exc:
            raise IsolatedProcessDied(f"the process of an isolated job was killed: what it said is {exc}") from None

    async def _end_of_the_deaf(self) -> None:
        """It closed the connection, so it ends now; a function that closed what is not its own is helped along."""
        try:
            async with asyncio.timeout(GRACE_S):
                await self.ended.wait()
        except TimeoutError:
            self.kill()
            await self.ended.wait()

    def _on_exit(self) -> None:
        if not self._is_leaving:
            self.kill()  # what it started goes with it
        self._popen.wait()
        self.ended.set()
        if self._writer is not None:
            # a process it forked may hold the connection open: what is on its way still arrives
            asyncio.get_running_loop().call_later(GRACE_S, self._writer.transport.abort)


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


def _ending(returncode: int | None) -> str:
    if returncode is None or returncode >= 0:
        return f"ended by itself with exit code {returncode}"
    try:
        name = signal.Signals(-returncode).name
    except ValueError:
        name = f"signal {-returncode}"
    return f"was killed by {name}" + (" (out of memory?)" if returncode == -signal.SIGKILL else "")
