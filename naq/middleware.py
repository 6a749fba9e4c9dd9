"""Middleware: your code around the jobs of a worker, and at its start and stop.

    class Database(Middleware):
        async def startup(self, worker):
            self.pool = await make_pool()

        async def shutdown(self, worker):
            await self.pool.close()

        @contextmanager
        def around(self, run):
            token = pool.set(self.pool)  # a ContextVar: coroutines and threads see it, processes of isolated jobs don't
            try:
                yield
            finally:
                pool.reset(token)

        def on_failure(self, run, exception, will_retry):
            if not will_retry:
                report(exception, job_id=run.job.job_id)

Give it as `Worker(middleware=[Database()])` or `naq worker --middleware myapp.middleware:Database`. Every method may be
a plain one or `async def`; plain ones run on the worker's loop, so they must not wait for anything. A hook that awaits
holds the slot of its job.

A hook watches, it decides nothing: what it raises is logged once per hook, counted (`Worker.hook_errors`, and in the
WORKER_STOPPED event), and changes nothing about the job. The exception is `startup`: a worker that can't be set up
takes no job and ends with that error.

Where jobs are enqueued there is one hook: `add_enqueue_hook` has a function called with each job that this process
makes, which may put texts into `job.headers` for the worker's middleware to read.

The hooks of an end (`on_success`, `on_failure`, `on_cancel`) run after the end is stored and told. A worker killed
in between leaves a job that has ended and a hook that was not called: what must happen is a job of its own, enqueued
with `depends_on`. No hook is called for a job that ends without a run: one that was cancelled while it waited, whose
parent failed, whose workers died, or whose message could not be read.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from importlib import import_module
from typing import TYPE_CHECKING, Any

from naq.errors import ConfigurationError

if TYPE_CHECKING:
    from naq.models.job import Job
    from naq.worker import Worker
    from naq.worker.run import Run

log = logging.getLogger(__name__)

Around = AbstractContextManager[Any] | AbstractAsyncContextManager[Any]


class Middleware:
    """Override what you need; what is not overridden costs nothing.

    `run` is one run of one job: `run.job` (the `Job` as enqueued), `run.attempt` (1 for the first), `run.wait_ms`
    (milliseconds it waited since it was enqueued or its retry was due, None where not known), `run.started_at`,
    `run.worker_id`, and `run.context`, which `naq.current_job()` returns in hooks of a run too.
    """

    def startup(self, worker: Worker) -> Awaitable[None] | None:
        """The worker is connected and about to take jobs. Raise to keep it from working."""

    def shutdown(self, worker: Worker) -> Awaitable[None] | None:
        """The worker has stopped taking jobs, and those it ran have ended or gone back. Called if `startup` was.

        An `async def` that takes longer than ten seconds is given up.
        """

    def on_start(self, run: Run) -> Awaitable[None] | None:
        """A run is about to begin; its STARTED event is on its way."""

    def around(self, run: Run) -> Around:
        """A context manager that the function runs in; its context variables are seen by the function.

        It gets what the function raises, and can't change it: `asyncio.CancelledError` where the run is stopped, be it
        cancelled or handed back by a worker that stops. First in the list is outermost.
        """
        return nullcontext()

    def on_success(self, run: Run, value: Any) -> Awaitable[None] | None:
        """The job has completed with `value`, as those read it who ask for the result."""

    def on_failure(self, run: Run, exception: BaseException, will_retry: bool) -> Awaitable[None] | None:
        """A run has failed; the job has too unless `will_retry`.

        `exception` is a `naq.Retry` where the function asked to be run again, and a `naq.JobExecutionError` that says
        what happened where there is no exception in this process (the job is isolated, its function is not to be run
        here, its value can't be stored).
        """

    def on_cancel(self, run: Run, reason: str | None) -> Awaitable[None] | None:
        """The job was cancelled while it ran, or ended itself by `naq.Cancel`; None where no reason was given."""


EnqueueHook = Callable[["Job"], None]
enqueue_hooks: dict[EnqueueHook, bool] = {}
"""Those of this process, in order, and whether they have raised."""


def add_enqueue_hook(hook: EnqueueHook) -> None:
    """Have `hook` called with each job that this process makes, before it is sent; adding it twice is once.

    A schedule's job is made once, when the schedule is. What the hook raises is logged once; the job is sent as it is.
    """
    enqueue_hooks.setdefault(hook, False)


def remove_enqueue_hook(hook: EnqueueHook) -> None:
    """Undo `add_enqueue_hook`; nothing happens where it was not added."""
    enqueue_hooks.pop(hook, None)


def call_enqueue_hooks(job: Job) -> None:
    """Let each hook see the job."""
    for hook in tuple(enqueue_hooks):
        try:
            hook(job)
        except Exception:
            if not enqueue_hooks.get(hook, True):
                enqueue_hooks[hook] = True
                log.exception("enqueue hook %r raised; the job is sent, and further errors of it are not told", hook)


def load_middleware(reference: str) -> Middleware:
    """The middleware that `package.module:name` names: an instance, or a class that is made without arguments.

    Raises:
        ConfigurationError: there is no such thing, or it can't be made.
    """
    module, colon, name = reference.partition(":")
    if not (module and colon and name.isidentifier()):
        raise ConfigurationError(f"middleware {reference!r}: expected 'package.module:ClassOrInstance'")
    try:
        found = getattr(import_module(module), name)
        made = found() if isinstance(found, type) else found
    except Exception as exc:
        raise ConfigurationError(f"middleware {reference!r} can't be loaded: {type(exc).__name__}: {exc}") from exc
    return check_middleware(made)


def check_middleware(given: object) -> Middleware:
    """Raises ConfigurationError where it is none."""
    if isinstance(given, Middleware):
        return given
    told = f"the class {given.__qualname__}" if isinstance(given, type) else f"a {type(given).__name__}"
    raise ConfigurationError(f"middleware must be instances of naq.Middleware, not {told}")
