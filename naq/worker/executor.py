"""Run one job's function: coroutine functions on the worker's loop, plain ones in threads, isolated ones elsewhere.

A thread can't be stopped. At its `timeout` the job of a plain function is over all the same, and its slot is free; the
thread goes on until the function returns, what it returns is dropped, and a retry may run beside it. The pool has room
for as many abandoned threads as there are slots, and a warning counts them: beyond that, jobs wait for one to end.
What has to end at its limit, or crashes, or computes for long, wants isolation: see `naq.worker.isolation`.
"""

from __future__ import annotations

import asyncio
import concurrent.futures.thread
import contextvars
import functools
import inspect
import logging
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from naq import callables, codec
from naq.context import JobContext, Running
from naq.errors import FunctionReferenceError, IsolatedProcessDied, SerializationError
from naq.models.job import Job
from naq.worker.isolation import Isolation
from naq.worker.outcome import Outcome, failure, refusal
from naq.worker.time_limits import TimeLimitExceeded

log = logging.getLogger(__name__)

_SKIP = (__file__, threading.__file__, concurrent.futures.thread.__file__)


class Executor:
    """Runs functions of the modules its worker was started for, and of no others."""

    def __init__(
        self, modules: Sequence[str], *, threads: int, isolate: bool = False, max_bytes: int = 64 * 2**20
    ) -> None:
        """`isolate`: every job in a process; `max_bytes`: the largest result one of those may send."""
        self._isolates_all = isolate
        self.isolation = Isolation(modules, max_bytes=max_bytes)
        self.allowed = callables.ModuleAllowList(modules)
        self._threads = concurrent.futures.ThreadPoolExecutor(2 * threads, thread_name_prefix="naq-job")
        self._abandoned = 0
        self._functions: dict[str, tuple[Callable[..., Any], bool]] = {}
        """By reference, and whether it is a coroutine function."""

    async def close(self) -> None:
        """End the processes of isolated jobs; let running threads end by themselves, start no more."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        await self.isolation.close()

    def can_stop(self, job: Job) -> bool:
        """Whether cancelling the task that awaits `run` ends the job's function too."""
        if self._isolates_all or job.isolate:
            return True
        _, is_coroutine = self._functions.get(job.function, (None, False))
        return is_coroutine

    async def run(self, job: Job, context: JobContext) -> Outcome:
        """Run the job once. Never raises, except where the task itself is cancelled."""
        if self._isolates_all or job.isolate:
            try:
                return await self.isolation.run(job, context)
            except (TimeLimitExceeded, IsolatedProcessDied) as exc:
                return failure(exc.with_traceback(None))
        try:
            known = self._functions.get(job.function)
            if known is None:
                found = callables.resolve(job.function, self.allowed)
                known = self._functions[job.function] = (found, inspect.iscoroutinefunction(found))
            function, is_coroutine = known
            args = [codec.unpack(value) for value in job.args]
            kwargs = {name: codec.unpack(value) for name, value in job.kwargs.items()}
        except (FunctionReferenceError, SerializationError) as exc:
            return refusal(type(exc).__name__, str(exc))
        try:
            with Running(context):
                if is_coroutine:
                    call = function(*args, **kwargs)
                else:
                    bound = functools.partial(contextvars.copy_context().run, function, *args, **kwargs)
                    call = self._in_thread(bound)
                value = await (call if context.time_limit_s is None else _limited(call, context.time_limit_s))
        except asyncio.CancelledError as exc:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return failure(exc, skip_files=_SKIP)
        except (Exception, SystemExit, GeneratorExit) as exc:
            return failure(exc, skip_files=_SKIP)
        try:
            return Outcome(value=codec.pack(value))
        except SerializationError as exc:
            return refusal("SerializationError", f"{job.function} returned what can't be stored: {exc}")

    async def _in_thread(self, call: Callable[[], Any]) -> Any:
        thread = asyncio.get_running_loop().run_in_executor(self._threads, call)
        try:
            value = await asyncio.shield(thread)
        except asyncio.CancelledError:
            if not thread.cancel() and not thread.done():
                self._abandoned += 1
                thread.add_done_callback(self._came_back)
                log.warning("%d threads go on after the time limit of their job", self._abandoned)
            raise
        return await value if inspect.isawaitable(value) else value

    def _came_back(self, thread: asyncio.Future[Any]) -> None:
        self._abandoned -= 1
        if not thread.cancelled():
            thread.exception()  # nobody asks for it any more


async def _limited(call: Awaitable[Any], seconds: float) -> Any:
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            return await call
    except TimeoutError:
        if limit.expired():
            raise TimeLimitExceeded(f"not done after {seconds:g} s") from None
        raise
