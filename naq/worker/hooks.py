"""Call the hooks of a worker's middleware, and let nothing they raise reach a job."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import TYPE_CHECKING, Any

from naq import codec
from naq.context import JobContext, Running
from naq.errors import Cancel, JobExecutionError, NaqException, Retry
from naq.middleware import Around, Middleware, check_middleware
from naq.models.job import Job
from naq.worker.outcome import Outcome, Wish
from naq.worker.run import Run

if TYPE_CHECKING:
    from naq.worker.worker import Worker

log = logging.getLogger(__name__)

SHUTDOWN_S = 10.0
"""Seconds one `shutdown` may take: a worker that is asked to stop has to end."""


class Hooks:
    """The middleware of one worker, in order. False where none wants to know of runs."""

    def __init__(self, middleware: Sequence[Middleware]) -> None:
        """Raises ConfigurationError where one is no middleware."""
        self._middleware = tuple(check_middleware(given) for given in middleware)
        self._up: list[Middleware] = []
        self._hooks = {
            name: [getattr(given, name) for given in self._middleware if _overrides(given, name)]
            for name in ("on_start", "around", "on_success", "on_failure", "on_cancel")
        }
        self._has_any = any(self._hooks.values())
        self.errors: Counter[str] = Counter()
        """How often each hook raised, by `Class.hook`."""

    def __bool__(self) -> bool:
        return self._has_any

    async def startup(self, worker: Worker) -> None:
        """Raises NaqException where one of them raises; each that was called gets its `shutdown` all the same."""
        for given in self._middleware:
            self._up.append(given)
            try:
                await _result_of(given.startup(worker))
            except Exception as exc:
                name = type(given).__qualname__
                raise NaqException(f"startup of middleware {name} failed: {type(exc).__name__}: {exc}") from exc

    async def shutdown(self, worker: Worker) -> None:
        """In reverse order, each whatever the others do, and none for longer than `SHUTDOWN_S`."""
        while self._up:
            hook = self._up.pop().shutdown
            try:
                async with asyncio.timeout(SHUTDOWN_S):
                    await self._call(hook, worker)
            except TimeoutError:
                log.warning("hook %s did not end within %g s and is given up", _name(hook), SHUTDOWN_S)

    async def execute(self, run: Run, function: Callable[[Job, JobContext], Awaitable[Outcome]]) -> Outcome:
        """Run `function` within every `around`, after every `on_start`."""
        outcome: Outcome | None = None

        def leaving(name: str, block: Around) -> Callable[..., Awaitable[bool]]:
            async def leave(_kind: object, exc: BaseException | None, _trace: object) -> bool:
                raised = exc
                if outcome is not None and outcome.error is not None:
                    raised = _exception_of(run, outcome)
                await self._call(_leave, block, raised, name=name, passed_on=raised)
                return False

            return leave

        with Running(run.context):
            for hook in self._hooks["on_start"]:
                await self._call(hook, run)
            async with AsyncExitStack() as stack:
                for hook in self._hooks["around"]:
                    block = await self._call(_enter, hook, run, name=_name(hook))
                    if block is not None:
                        stack.push_async_exit(leaving(_name(hook), block))
                outcome = await function(run.job, run.context)
        return outcome

    async def ended(self, run: Run, outcome: Outcome | None, counter: str) -> None:
        """Tell how a run ended: `counter` as `Lifecycle` gave it, `outcome` None where it ends on an order."""
        with Running(run.context):
            if counter == "completed" and outcome is not None:
                for hook in self._hooks["on_success"]:
                    # each gets a value of its own, made where an error in making it counts as the hook's
                    told = functools.partial(_tell_value, hook, run, outcome)
                    await self._call(told, name=_name(hook))
            elif counter in ("failed", "retried"):
                for hook in self._hooks["on_failure"]:
                    await self._call(hook, run, _exception_of(run, outcome), counter == "retried")
            elif counter == "cancelled":
                reason = codec.text(run.order or {}, "reason", "") or None
                if outcome is not None and outcome.error is not None and outcome.wish is Wish.CANCEL:
                    reason = outcome.error.message
                for hook in self._hooks["on_cancel"]:
                    await self._call(hook, run, reason)

    async def _call(
        self, hook: Callable[..., Any], *args: Any, name: str = "", passed_on: BaseException | None = None
    ) -> Any:
        """What the hook returns; None where it raises, `passed_on` without being counted."""
        try:
            return await _result_of(hook(*args))
        except (Exception, asyncio.CancelledError, SystemExit, GeneratorExit) as exc:
            if exc is passed_on:
                return None
            task = asyncio.current_task()
            if isinstance(exc, asyncio.CancelledError) and task is not None and task.cancelling():
                raise
            name = name or _name(hook)
            self.errors[name] += 1
            if self.errors[name] == 1:
                log.exception("hook %s raised; the job goes on, and further errors of it are only counted", name)
            return None


async def _tell_value(hook: Callable[[Run, Any], Any], run: Run, outcome: Outcome) -> None:
    await _result_of(hook(run, codec.unpack(outcome.value)))


async def _enter(hook: Callable[[Run], Around], run: Run) -> Around:
    block = hook(run)
    if isinstance(block, AbstractAsyncContextManager):
        await block.__aenter__()
    else:
        block.__enter__()
    return block


async def _leave(block: Around, raised: BaseException | None) -> None:
    told = (None, None, None) if raised is None else (type(raised), raised, raised.__traceback__)
    if isinstance(block, AbstractAsyncContextManager):
        await block.__aexit__(*told)
    else:
        block.__exit__(*told)


async def _result_of(returned: Any) -> Any:
    return await returned if isinstance(returned, Awaitable) else returned


def _exception_of(run: Run, outcome: Outcome | None) -> BaseException:
    """What a failed run raised, made anew where that was in another process or there was no exception."""
    if outcome is not None and outcome.exception is not None:
        return outcome.exception
    error = outcome.error if outcome is not None else None
    if outcome is not None and error is not None and outcome.wish is not Wish.NONE:
        return Cancel(error.message) if outcome.wish is Wish.CANCEL else Retry(error.message, delay=outcome.delay_s)
    error_type = error.type if error else "ResultTooLarge"
    message = error.message if error else "the result can't be stored"
    return JobExecutionError(
        f"job {run.job.job_id} failed: {error_type}: {message}",
        error_type=error_type,
        error_message=message,
        traceback=error.traceback if error else None,
    )


def _overrides(given: Middleware, name: str) -> bool:
    return getattr(type(given), name) is not getattr(Middleware, name) or name in vars(given)


def _name(hook: Callable[..., Any]) -> str:
    owner = type(getattr(hook, "__self__", None))
    return f"{owner.__qualname__}.{getattr(hook, '__name__', hook)}"
