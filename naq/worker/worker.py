"""The worker: takes jobs from its queues, runs them, and stops without losing any."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from naq import ids
from naq.caretaker import Caretaker
from naq.connection import Connection, LinkState
from naq.control import CANCEL, QUEUE
from naq.delivery import Received
from naq.errors import ConfigurationError
from naq.events import Events
from naq.middleware import Middleware
from naq.names import DEFAULT_QUEUE, check_queue_name
from naq.settings import Settings
from naq.topology import ensure_consumer, ensure_topology
from naq.worker.coming_and_going import started_event, stopped_event
from naq.worker.executor import Executor
from naq.worker.hooks import Hooks
from naq.worker.intake import Intake
from naq.worker.keeper import Keeper
from naq.worker.limiter import Limiter
from naq.worker.modules import import_modules
from naq.worker.orders import Orders
from naq.worker.quota import Quota, until_empty
from naq.worker.runs import Runs
from naq.worker.signals import stop_on_signals
from naq.worker.status import WorkerStatusManager
from naq.worker.stop_order import StopOrder
from naq.worker.time_limits import TimeLimits
from naq.worker.turns import Turns

log = logging.getLogger(__name__)

DRAIN_S = 30.0
MAX_CONCURRENCY = 10_000


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
            concurrency: jobs run at once. As many but one may be having their ends stored beside them; with a
                concurrency of 1 each job is over, its result stored, before the next one begins.
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
        self._runs: Runs | None = None
        """None before it is connected."""

    def stop(self, now: bool = False) -> None:
        """Begin to stop: take nothing more and drain; `now` hands running jobs back at once.

        Harmless to call twice or before `run`.
        """
        if now:
            self.drain_s = 0.0
            if self._runs is not None:
                self._runs.idle.set()
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
                self._waiting = {queue: await ensure_consumer(connection, queue) for queue in self.queues}
                self._connection = connection
                self._limiter = Limiter(
                    connection,
                    self.worker_id,
                    resume=self._resume,
                    let_go=lambda received: self._keeper.release(received.reply),
                )
                self._keeper = Keeper(self.settings, self.status)
                self._runs = Runs(
                    connection,
                    topology,
                    self.status,
                    executor=self._executor,
                    hooks=self._hooks,
                    keeper=self._keeper,
                    limiter=self._limiter,
                    quota=self._quota,
                    time_limits=self._time_limits,
                    slots=self.concurrency,
                    freed=lambda: self._intake.done(),
                    stop=self.stop,
                    is_stopping=self._stopping.is_set,
                )
                if handle_signals:
                    stop_on_signals(self.stop, supervisor)  # before a heartbeat invites anybody to send one
                await self._keeper.start()
                try:
                    await self._hooks.startup(self)
                    await self._work(connection, self._runs)
                finally:
                    await self._hooks.shutdown(self)
                    await self._keeper.stop(forget=True)
        finally:
            await self._executor.close()

    async def _work(self, connection: Connection, runs: Runs) -> None:
        events = Events(connection)
        await events.write(started_event(self.status, self.modules))
        await runs.claims.refresh()
        release = connection.on_state(functools.partial(_on_link, runs))
        self._intake = Intake(
            connection,
            self.queues,
            self.concurrency,
            runs.accept,
            self._turns,
            on_new_leader=functools.partial(_on_new_leader, runs),
            waiting=self._waiting,
        )
        self._orders = Orders(connection)
        self._orders.on(CANCEL, runs.cancels.on_order)
        stop_order = StopOrder(connection, self._orders, self.worker_id, self.stop)
        self._orders.on(QUEUE, self._intake.on_order)
        await self._orders.start()
        await self._intake.start()
        watch = asyncio.create_task(self._intake.run(), name="intake-watch")
        caretaker = asyncio.create_task(Caretaker(connection, self.worker_id, self.settings).run(), name="caretaker")
        freshness = asyncio.create_task(runs.claims.freshness.run(), name="freshness")
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
            runs.claims.freshness.is_stopped = True
            freshness.cancel()
            caretaker.cancel()
            release()
            await self._drain(runs)
            await asyncio.gather(caretaker, freshness, return_exceptions=True)
            await self._orders.stop()
            await stop_order.forget()
        await events.write_last(stopped_event(self.status, unfinished=runs.unfinished, hook_errors=self.hook_errors))

    async def _drain(self, runs: Runs) -> None:
        self.status.stopping()
        await self._intake.stop()
        await self._limiter.close()
        if runs.at_work:
            log.info("stopping: %d running jobs get %g s to end", runs.at_work, self.drain_s)
            runs.idle.clear()
            try:
                async with asyncio.timeout(self.drain_s):
                    await runs.idle.wait()
            except TimeoutError:
                log.warning("%d jobs did not end in time; they go back to their queues", runs.at_work)
        await runs.hand_back()

    def _resume(self, received: Received) -> None:
        """A job that its limits held back may ask again, as soon as it has a slot."""
        self._keeper.release(received.reply)
        self._intake.receive(received)


def _on_link(runs: Runs, state: LinkState) -> None:
    if state is LinkState.LIVE:
        runs.aside(runs.claims.refresh())
    elif state is LinkState.LOST:
        runs.claims.doubt_everything()


def _on_new_leader(runs: Runs) -> None:
    if runs.claims.doubt_leader():
        runs.aside(runs.claims.refresh())
