"""The worker: takes jobs from its queues, runs them, and stops without losing any."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from naq import ids
from naq.caretaker import Caretaker
from naq.connection import Connection, LinkState
from naq.context import Progress
from naq.control import CANCEL, QUEUE
from naq.errors import ConfigurationError, NaqConnectionError, SerializationError
from naq.events import Events
from naq.middleware import Middleware
from naq.models.job import Job
from naq.names import DEFAULT_QUEUE, check_queue_name
from naq.settings import Settings
from naq.topology import ensure_consumer, ensure_topology
from naq.uniqueness import Uniqueness
from naq.worker.acks import ack, adopt
from naq.worker.cancel_orders import CancelOrders
from naq.worker.claims import Claims, Verdict
from naq.worker.coming_and_going import started_event, stopped_event
from naq.worker.executor import Executor
from naq.worker.hooks import Hooks
from naq.worker.intake import Intake, Received
from naq.worker.keeper import Keeper
from naq.worker.lifecycle import Lifecycle
from naq.worker.limiter import Limiter
from naq.worker.modules import import_modules
from naq.worker.orders import Orders
from naq.worker.quota import Quota, until_empty
from naq.worker.run import Run, over
from naq.worker.signals import stop_on_signals
from naq.worker.status import WorkerStatusManager
from naq.worker.stop_order import StopOrder
from naq.worker.time_limits import TimeLimits
from naq.worker.turns import Turns

log = logging.getLogger(__name__)

DRAIN_S = 30.0
ACKS_S = 3.0
"""Seconds the last acks get to be confirmed at a stop."""
MAX_CONCURRENCY = 10_000
ENDED = ("completed", "failed", "cancelled")
"""What `Lifecycle` says of a run after which the job is over."""


class Worker:
    """Runs jobs of `queues` whose functions live in `modules`.

    `run` returns after `stop` (or SIGTERM or SIGINT, see `run`): it then takes nothing more, gives running jobs
    `drain_s` to end, and leaves the rest to be delivered to other workers after the ack wait. Killed at any
    instant, it loses nothing: see `naq.worker.lifecycle` for what is written when.
    """

    def __init__(
        self,
        queues: Sequence[str] = (DEFAULT_QUEUE,),
        *,
        modules: Sequence[str],
        concurrency: int = 10,
        name: str | None = None,
        settings: Settings | None = None,
        drain_s: float = DRAIN_S,
        burst: bool = False,
        max_jobs: int | None = None,
        weights: Mapping[str, float] | None = None,
        strict: bool = False,
        middleware: Sequence[Middleware] = (),
        isolate: bool = False,
        queue_timeouts: Mapping[str, float] | None = None,
    ) -> None:
        """Args:
            modules: the modules whose functions may run ("pkg.tasks", or "pkg.*" with all below); imported at start.
            concurrency: jobs run at once.
            name: shown beside the worker's id.
            drain_s: seconds running jobs get after `stop`.
            burst: end once the queues are empty, nothing of them runs anywhere and no retry is due later.
            max_jobs: end after so many jobs, each given the time of a drain; None means never.
            weights: shares of the slots by queue while all have work; 1 where a queue has none.
            strict: the order of `queues` decides: one gets a slot only when those before it have nothing waiting.
            middleware: hooks around its jobs, outermost first; see `naq.Middleware`.
            isolate: run every job in a process of its own; see `naq.worker.isolation`.
            queue_timeouts: seconds by queue that a run may take whose job has no `timeout`; "*" for other queues.

        Raises:
            ConfigurationError: no module, a bad queue name, concurrency, weight or middleware; weights and `strict`.
        """
        if not modules:
            raise ConfigurationError(
                "a worker runs only functions of the modules it is given: name one, e.g. -m myapp.tasks"
            )
        if isinstance(concurrency, bool) or not 1 <= concurrency <= MAX_CONCURRENCY:
            raise ConfigurationError(f"concurrency must be from 1 to {MAX_CONCURRENCY:,}, not {concurrency!r}")
        self.queues = tuple(dict.fromkeys(check_queue_name(queue) for queue in queues)) or (DEFAULT_QUEUE,)
        self._turns = Turns(self.queues, weights, strict=strict)
        self.modules = tuple(modules)
        self.concurrency = concurrency
        self.drain_s = drain_s
        self._burst = burst
        self._quota = Quota(max_jobs)
        self._isolate = isolate
        self._time_limits = TimeLimits(queue_timeouts)
        self._hooks = Hooks(middleware)
        self.hook_errors: Mapping[str, int] = self._hooks.errors
        """How often each hook of the middleware raised, by `Class.hook`."""
        self.settings = settings or Settings.load()
        self.worker_id = ids.worker_id()
        self.status = WorkerStatusManager(
            self.worker_id,
            name=name,
            queues=self.queues,
            modules=self.modules,
            concurrency=concurrency,
            heartbeat_interval_s=self.settings.heartbeat_interval_s,
        )
        self.ready = asyncio.Event()
        """Set once it takes jobs."""
        self._stopping = asyncio.Event()
        self._runs: dict[str, Run] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._tasks_aside: set[asyncio.Task[None]] = set()
        self._is_handing_back = False
        self._idle = asyncio.Event()
        self._idle.set()

    def stop(self, now: bool = False) -> None:
        """Begin to stop: take nothing more and drain; `now` hands running jobs back at once.

        Harmless to call twice or before `run`.
        """
        if now:
            self.drain_s = 0.0
            self._idle.set()
        self._stopping.set()

    async def run(self, *, handle_signals: bool = False, supervisor: int | None = None) -> None:
        """Work until stopped.

        Args:
            handle_signals: stop at SIGTERM and SIGINT; a second one, or SIGQUIT, hands everything back at once.
            supervisor: for `handle_signals`, see `naq.worker.signals`.

        Raises:
            ConfigurationError: a module can't be imported.
            NaqConnectionError: the server can't be reached at the start (later losses are waited out).
        """
        self._loop = asyncio.get_running_loop()
        self._executor = Executor(
            self.modules,
            threads=self.concurrency,
            isolate=self._isolate,
            max_bytes=self.settings.max_result_bytes,
        )
        import_modules(self.modules)
        connection = Connection(self.settings, name=f"{self.worker_id} worker")
        try:
            async with connection:
                topology = await ensure_topology(connection)
                for queue in self.queues:
                    await ensure_consumer(connection, queue)
                self._connection = connection
                self._lifecycle = Lifecycle(connection, topology, self.worker_id)
                self._claims = Claims(connection, self._lifecycle, self.worker_id)
                self._uniqueness = Uniqueness(connection)
                self._limiter = Limiter(
                    connection,
                    self.worker_id,
                    resume=self._resume,
                    let_go=lambda received: self._keeper.release(received.reply),
                )
                self._keeper = Keeper(self.settings, self.status)
                await self._keeper.start()
                try:
                    if handle_signals:
                        stop_on_signals(self.stop, supervisor)
                    await self._hooks.startup(self)
                    await self._work(connection)
                finally:
                    await self._hooks.shutdown(self)
                    await self._keeper.stop(forget=True)
        finally:
            await self._executor.close()

    async def _work(self, connection: Connection) -> None:
        events = Events(connection)
        await events.write(started_event(self.status, self.modules))
        await self._claims.refresh()
        release = connection.on_state(self._on_link)
        self._intake = Intake(connection, self.queues, self.concurrency, self._accept, self._turns)
        self._orders = Orders(connection)
        self._cancels = CancelOrders(
            connection, self.worker_id, self._runs, can_stop=self._executor.can_stop, aside=self._aside
        )
        self._orders.on(CANCEL, self._cancels.on_order)
        stop_order = StopOrder(connection, self._orders, self.worker_id, self.stop)
        self._orders.on(QUEUE, self._intake.on_order)
        await self._orders.start()
        await self._intake.start()
        watch = asyncio.create_task(self._intake.run(), name="intake-watch")
        caretaker = asyncio.create_task(Caretaker(connection, self.worker_id, self.settings).run(), name="caretaker")
        self.status.started()
        self.ready.set()
        log.info("%s takes jobs from %s, %d at once", self.worker_id, ", ".join(self.queues), self.concurrency)
        try:
            ends: set[asyncio.Task[Any]] = {asyncio.create_task(self._stopping.wait(), name="stop-wait")}
            if self._burst:
                ends.add(asyncio.create_task(until_empty(connection, self.queues), name="burst"))
            await asyncio.wait({watch, *ends}, return_when=asyncio.FIRST_COMPLETED)
            for end in ends:
                end.cancel()
            self._stopping.set()
            if watch.done():
                watch.result()
        finally:
            watch.cancel()
            caretaker.cancel()
            release()
            await self._drain()
            await asyncio.gather(caretaker, return_exceptions=True)
            await self._orders.stop()
            await stop_order.forget()
        await events.write_last(stopped_event(self.status, unfinished=len(self._runs), hook_errors=self.hook_errors))

    async def _drain(self) -> None:
        self.status.stopping()
        await self._intake.stop()
        await self._limiter.close()
        if self._tasks:
            log.info("stopping: %d running jobs get %g s to end", len(self._tasks), self.drain_s)
            self._idle.clear()
            try:
                async with asyncio.timeout(self.drain_s):
                    await self._idle.wait()
            except TimeoutError:
                log.warning("%d jobs did not end in time; they go back to their queues", len(self._tasks))
        await self._hand_back()

    async def _hand_back(self) -> None:
        """Let others have at once what is still running here; its end here is not told any more."""
        self._is_handing_back = True
        for task in list(self._tasks):
            task.cancel()
        await self._executor.isolation.until_quiet()
        for run in list(self._runs.values()):
            await self._lifecycle.hand_back(run)
        await self._connection.outbox.drain(ACKS_S)

    def _accept(self, received: Received) -> None:
        task = asyncio.get_running_loop().create_task(self._process(received))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _resume(self, received: Received) -> None:
        """A job that its limits held back may ask again, as soon as it has a slot."""
        self._keeper.release(received.reply)
        self._intake.receive(received)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not self._tasks:
            self._idle.set()
        if not task.cancelled() and task.exception() is not None:
            log.error("a job's outcome could not be stored; it will be delivered again", exc_info=task.exception())
        self._intake.done()

    async def _process(self, received: Received) -> None:
        key, is_limited, is_held_back = received.reply, False, False
        self._keeper.hold(key, lambda: received.reply)
        try:
            try:
                job = Job.from_wire(received.data)
            except SerializationError as exc:
                await self._lifecycle.reject(received.data, received.queue, received.delivery, received.reply, str(exc))
                return
            if job.limits and job.job_id not in self._runs:
                is_limited = True
                is_held_back = not await self._limiter.admit(job, received)
                if is_held_back:
                    return
            run = await self._begin(job, received)
            if run is None:
                return
            self._keeper.hold(key, lambda: run.reply)
            await self._execute(run)
        except NaqConnectionError as exc:
            # stored or not is unknown: the server delivers it again, and its record tells
            log.warning("job not settled: %s", exc)
        finally:
            if is_limited and job.job_id not in self._runs:
                await self._limiter.release(job)
            if not is_held_back:
                self._keeper.release(key)

    async def _begin(self, job: Job, received: Received) -> Run | None:
        """The run to execute, or None where this delivery is settled without one."""
        running = self._runs.get(job.job_id)
        if running is not None:
            await adopt(self._connection, running, job, received.reply)
            return None
        if not self._quota.take():
            await ack(self._connection, received.reply, b"-NAK")
            return None
        if self._quota.is_used_up:
            self.stop()
        order = self._cancels.of(job.job_id)
        if order is not None:
            await self._lifecycle.cancel_delivered(job, received.delivery, received.reply, order)
            await self._cancels.forget(job.job_id)
            return None
        record = None
        if job.retries_asked or not self._claims.is_certain(job, received.delivery):
            verdict, record = await self._claims.may_start(job, received.delivery, received.reply)
            if verdict is Verdict.OVER and record is not None:
                await self._lifecycle.settle_again(record, job, received.reply)
                await self._uniqueness.release(job)
                return None
            if verdict is Verdict.LOST and record is not None:
                await self._lifecycle.lose(job, record, received.delivery, received.reply)
                self.status.job_ended(job.job_id, "failed")
                await self._uniqueness.release(job)
                return None
            if verdict in (Verdict.ELSEWHERE, Verdict.SUPERSEDED):
                return None  # not acked, not renewed: it comes again after the ack wait unless it ends before
            if job.job_id in self._runs:
                self._runs[job.job_id].reply = received.reply
                return None
        run = await self._lifecycle.begin(job, received.delivery, received.reply, record)
        run.context.time_limit_s = self._time_limits.of(job)
        self._runs[job.job_id] = run
        self.status.job_started(job, run.started_at)
        return run

    async def _execute(self, run: Run) -> None:
        job_id, counter, outcome = run.job.job_id, "", None
        run.task = asyncio.current_task(self._loop)
        run.context.tell = functools.partial(self._on_progress, run)
        try:
            try:
                await self._lifecycle.announced(run)
                if self._hooks:
                    outcome = await self._hooks.execute(run, self._executor.run)
                else:
                    outcome = await self._executor.run(run.job, run.context)
            except asyncio.CancelledError:
                if run.order is None or self._is_handing_back:
                    raise
                over(run)
                counter = await self._lifecycle.cancel(run)
            else:
                over(run)
                counter = await self._lifecycle.finish(run, outcome)
                if outcome.error is not None:
                    log.info("job %s (%s) %s: %s", job_id, run.job.function, counter, outcome.error.type)
            if counter in ENDED:
                await self._uniqueness.release(run.job)
            if run.order is not None:
                await self._cancels.forget(job_id)
        finally:
            if not (self._stopping.is_set() and counter == ""):
                self._runs.pop(job_id, None)
            self.status.job_ended(job_id, counter)
        if self._hooks:
            await self._hooks.ended(run, outcome, counter)

    def _on_progress(self, run: Run, progress: Progress) -> None:
        """Called in the thread of the job's function."""
        run.progress.append(progress)
        self._loop.call_soon_threadsafe(self._aside, self._lifecycle.tell_progress(run))

    def _aside(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something small beside the jobs; what it raises is logged."""
        task = self._loop.create_task(work)
        self._tasks_aside.add(task)
        task.add_done_callback(self._aside_ended)

    def _aside_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks_aside.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.debug("side task failed: %s", task.exception())

    def _on_link(self, state: LinkState) -> None:
        if state is LinkState.LIVE:
            self._aside(self._claims.refresh())
        elif state is LinkState.LOST:
            self._claims.doubt_everything()
