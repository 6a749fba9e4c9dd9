"""The runs of one worker: from a delivery that has a slot to its end, and back to the queue where the worker stops.

A first delivery of a job without limits begins at once, in the turn of the loop in which it is read; anything else asks
before it starts. `naq.worker.straight` settles a plain end, `naq.worker.lifecycle` any other, and both say what a crash
does.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from naq import codec
from naq.connection import Connection
from naq.context import JobContext, Progress
from naq.delivery import Received
from naq.errors import NaqConnectionError, SerializationError
from naq.models.job import Job
from naq.models.result import JobResult
from naq.topology import Topology
from naq.uniqueness import Uniqueness
from naq.worker.acks import ack, adopt, again_in
from naq.worker.cancel_orders import CancelOrders
from naq.worker.claims import Claims, Verdict
from naq.worker.executor import Executor
from naq.worker.hooks import Hooks
from naq.worker.keeper import Keeper
from naq.worker.lifecycle import Lifecycle
from naq.worker.limiter import Limiter
from naq.worker.malformed import reject
from naq.worker.outcome import Outcome
from naq.worker.quota import Quota
from naq.worker.run import Run, over
from naq.worker.status import WorkerStatusManager
from naq.worker.straight import Straight
from naq.worker.time_limits import TimeLimits

log = logging.getLogger(__name__)

NEWER_AGAIN_S = 10.0
"""Seconds until a job that only a newer version can read is offered to the workers again."""
ACKS_S = 3.0
"""Seconds the last acks get to be confirmed at a stop."""
ENDED = ("completed", "failed", "cancelled")
"""What `Lifecycle` says of a run after which the job is over."""


class Runs:
    """What is at work in one worker."""

    def __init__(
        self,
        connection: Connection,
        topology: Topology,
        status: WorkerStatusManager,
        *,
        executor: Executor,
        hooks: Hooks,
        keeper: Keeper,
        limiter: Limiter,
        quota: Quota,
        time_limits: TimeLimits,
        slots: int,
        freed: Callable[[], None],
        stop: Callable[[], None],
        is_stopping: Callable[[], bool],
    ) -> None:
        """`slots` are the functions run at once; `freed` is told of each that comes free, `stop` that the quota is used
        up.
        """
        self._loop = asyncio.get_running_loop()
        self._connection = connection
        self._status = status
        self._executor = executor
        self._hooks = hooks
        self._keeper = keeper
        self._limiter = limiter
        self._quota = quota
        self._time_limits = time_limits
        self._freed = freed
        self._stop = stop
        self._is_stopping = is_stopping
        self._is_handing_back = False
        self._lifecycle = Lifecycle(connection, topology, status.worker_id)
        self._straight = Straight(connection, topology, ended=self._straight_ended, give_up=self._settle_aside)
        self._uniqueness = Uniqueness(connection)
        self.claims = Claims(connection, self._lifecycle, status.worker_id)
        self._runs: dict[str, Run] = {}
        self.cancels = CancelOrders(
            connection, status.worker_id, self._runs, can_stop=executor.can_stop, aside=self.aside
        )
        self._tasks: set[asyncio.Task[Run | None]] = set()
        self._tasks_aside: set[asyncio.Task[None]] = set()
        self._most_beside = slots - 1  # with one slot a job is over before the next one begins
        self._beside = 0
        """Runs that are settled without a slot: it was free for the next function when theirs had returned."""
        self.idle = asyncio.Event()
        """Set while nothing is at work."""
        self.idle.set()

    @property
    def at_work(self) -> int:
        """Jobs that are run or settled."""
        return len(self._tasks) + self._straight.under_way

    @property
    def unfinished(self) -> int:
        """Jobs that began here and did not end."""
        return len(self._runs)

    def accept(self, received: Received) -> None:
        """A job has a slot."""
        try:
            job = Job.from_wire(received.data)
        except SerializationError as exc:
            self._spawn(self._reject(received, str(exc)))
            return
        run = self._begin_at_once(job, received)
        self._spawn(self._process(job, received) if run is None else self._execute(run))

    async def hand_back(self) -> None:
        """Let others have at once what is still at work here; its end here is not told any more."""
        self._is_handing_back = self._straight.is_stopped = True
        for task in list(self._tasks):
            task.cancel()
        await self._executor.isolation.until_quiet()
        for run in list(self._runs.values()):
            await self._lifecycle.hand_back(run)
        await self._connection.outbox.drain(ACKS_S)

    def aside(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something small beside the jobs; what it raises is logged."""
        task = self._loop.create_task(work)
        self._tasks_aside.add(task)
        task.add_done_callback(self._aside_ended)

    def _aside_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks_aside.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.debug("side task failed: %s", task.exception())

    def _spawn(self, work: Coroutine[Any, Any, Run | None], given_up: Run | None = None) -> None:
        task = self._loop.create_task(work, name="job")  # else one is made up for each
        self._tasks.add(task)
        self.idle.clear()
        task.add_done_callback(self._ended if given_up is None else functools.partial(self._ended_late, given_up))

    def _ended(self, task: asyncio.Task[Run | None]) -> None:
        run = self._outcome_of(task)
        if run is None:
            self._slot_free()
        elif self._beside < self._most_beside:
            run.is_beside = True
            self._beside += 1
            self._freed()

    def _ended_late(self, run: Run, task: asyncio.Task[Run | None]) -> None:
        self._outcome_of(task)
        self._leave_place(run)

    def _outcome_of(self, task: asyncio.Task[Run | None]) -> Run | None:
        """The run of a job's task that is settled without it, from now on."""
        self._tasks.discard(task)
        if task.cancelled():
            return None
        exc = task.exception()
        if exc is None:
            return task.result()
        if isinstance(exc, NaqConnectionError):
            # stored or not is unknown: the server delivers it again, and its record tells
            log.warning("job not settled: %s", exc)
        else:
            log.error("a job's outcome could not be stored; it will be delivered again", exc_info=exc)
        return None

    def _slot_free(self) -> None:
        self._look_whether_idle()
        self._freed()

    def _leave_place(self, run: Run) -> None:
        """A run that went on without its task is settled."""
        if run.is_beside:
            self._beside -= 1
            self._look_whether_idle()
        else:
            self._slot_free()

    def _look_whether_idle(self) -> None:
        if not self._tasks and not self._straight.under_way:
            self.idle.set()

    async def _reject(self, received: Received, reason: str) -> None:
        key = received.reply
        if codec.is_newer(received.data):
            log.warning("a job in %s is left to a newer version: %s", received.queue, reason)
            await ack(self._connection, key, again_in(NEWER_AGAIN_S))
            return
        self._keeper.hold(key, received)
        try:
            await reject(self._connection, self._lifecycle, self._status.worker_id, received, reason)
        finally:
            self._keeper.release(key)

    def _begin_at_once(self, job: Job, received: Received) -> Run | None:
        """The run of a job that surely is nowhere else and waits for nobody; None where somebody has to be asked."""
        if (
            job.limits
            or job.retry_seqs
            or job.job_id in self._runs
            or self._quota.is_set
            or self.cancels.of(job.job_id) is not None
            or not self.claims.is_certain(job, received)
        ):
            return None
        run = self._start(job, received, None, self._loop.time())
        self._keeper.hold(run.lease, run)
        return run

    def _start(self, job: Job, received: Received, record: JobResult | None, asked_at: float) -> Run:
        run = self._lifecycle.begin(job, received, record)
        run.asked_at = asked_at
        run.context.time_limit_s = self._time_limits.of(job)
        run.order = self.cancels.of(job.job_id)  # what came before this was handed on to no run
        self._runs[job.job_id] = run
        self._status.job_started(job, run.started_at)
        return run

    async def _process(self, job: Job, received: Received) -> Run | None:
        key, is_limited, keeps_lease = received.reply, False, False
        self._keeper.hold(key, received)
        try:
            if job.limits and job.job_id not in self._runs:
                is_limited = True
                keeps_lease = not await self._limiter.admit(job, received)
                if keeps_lease:
                    return None
            run = await self._begin(job, received)
            if run is None:
                return None
            self._keeper.hold(key, run)
            settled_on = await self._execute(run, announce=True)
            keeps_lease = settled_on is not None
            return settled_on
        finally:
            if is_limited and job.job_id not in self._runs:
                await self._limiter.release(job)
            if not keeps_lease:
                self._keeper.release(key)

    async def _begin(self, job: Job, received: Received) -> Run | None:
        """The run to execute, or None where this delivery is settled without one."""
        asked_at = self._loop.time()
        running = self._runs.get(job.job_id)
        if running is not None:
            await adopt(self._connection, running, job, received.reply)
            return None
        if not self._quota.take():
            await ack(self._connection, received.reply, b"-NAK")
            return None
        if self._quota.is_used_up:
            self._stop()
        if await self._is_cancelled(job, received):
            return None
        record = None
        if job.retries_asked or not self.claims.is_certain(job, received):
            verdict, record = await self.claims.may_start(job, received)
            if verdict is Verdict.OVER and record is not None:
                await self._lifecycle.settle_again(record, job, received.reply)
                await self._uniqueness.release(job)
                return None
            if verdict is Verdict.LOST and record is not None:
                await self._lifecycle.lose(job, record, received)
                self._status.job_ended(job.job_id, "failed")
                await self._uniqueness.release(job)
                return None
            if verdict in (Verdict.ELSEWHERE, Verdict.SUPERSEDED):
                return None  # not acked, not renewed: it comes again after the ack wait unless it ends before
            if job.job_id in self._runs:
                self._runs[job.job_id].reply = received.reply
                return None
            if await self._is_cancelled(job, received):
                return None  # the order came while it was looked up
        held_at = await self.claims.held_at(job.job_id, record.revision if record is not None else 0, asked_at)
        return None if held_at is None else self._start(job, received, record, held_at)

    async def _is_cancelled(self, job: Job, received: Received) -> bool:
        """Whether somebody wants the job cancelled; then that is its end."""
        order = self.cancels.of(job.job_id)
        if order is None:
            return False
        await self._lifecycle.cancel_delivered(job, received, order)
        await self.cancels.forget(job.job_id)
        return True

    async def _execute(self, run: Run, *, announce: bool = False) -> Run | None:
        """Call the function and settle the run; returns it where that goes on without this task.

        `announce` where STARTED was not written before the turn of the loop in which this begins.
        """
        outcome = None
        run.task = asyncio.current_task(self._loop)
        run.context.tell = functools.partial(self._on_progress, run)
        try:
            if announce:
                await self._lifecycle.announced(run)
            is_recent = self.claims.freshness.is_recent(run.asked_at)
            if not is_recent and await self.claims.held_at(run.job.job_id, run.revision, run.asked_at) is None:
                self._drop(run, "")
                return None
            # an order may have come before this task's first turn, when it could not be cancelled
            if run.order is None:
                if self._hooks:
                    outcome = await self._hooks.execute(run, functools.partial(self._call, run))
                else:
                    outcome = await self._call(run, run.job, run.context)
        except BaseException as exc:
            if not isinstance(exc, asyncio.CancelledError) or run.order is None or self._is_handing_back:
                self._drop(run, "")
                raise
        over(run)
        if outcome is not None and not self._hooks and self._straight.takes(run, outcome):
            self._straight.settle(run, outcome)
            return run
        await self._settle(run, outcome)
        return None

    def _call(self, run: Run, job: Job, context: JobContext) -> Awaitable[Outcome]:
        if run.order is not None:  # it came during a hook that kept it to itself
            raise asyncio.CancelledError
        run.is_called = True
        return self._executor.run(job, context)

    async def _settle(self, run: Run, outcome: Outcome | None) -> None:
        """What has more to it than a value; `outcome` is None where it ends on an order."""
        counter = ""
        try:
            if outcome is None:
                counter = await self._lifecycle.cancel(run)
            else:
                counter = await self._lifecycle.finish(run, outcome)
                if outcome.error is not None:
                    log.info("job %s (%s) %s: %s", run.job.job_id, run.job.function, counter, outcome.error.type)
            if counter in ENDED:
                await self._uniqueness.release(run.job)
            if run.order is not None:
                await self.cancels.forget(run.job.job_id)
        finally:
            self._drop(run, counter)
        if self._hooks:
            await self._hooks.ended(run, outcome, counter)

    def _settle_aside(self, run: Run, outcome: Outcome) -> None:
        self._spawn(self._settle(run, outcome), given_up=run)

    def _straight_ended(self, run: Run) -> None:
        self._drop(run, "completed")
        if run.order is not None:
            self.aside(self.cancels.forget(run.job.job_id))
        self._leave_place(run)

    def _drop(self, run: Run, counter: str) -> None:
        job_id = run.job.job_id
        if counter or not self._is_stopping():
            self._runs.pop(job_id, None)
        self._status.job_ended(job_id, counter)
        self._keeper.release(run.lease)
        run.let_go()

    def _on_progress(self, run: Run, progress: Progress) -> None:
        """Called in the thread of the job's function."""
        run.progress.append(progress)
        self._loop.call_soon_threadsafe(self.aside, self._lifecycle.tell_progress(run))
