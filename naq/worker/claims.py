"""Whether a delivered job may start here: nearly always yes, at no cost.

A first delivery, fresh from the server (`naq.worker.freshness`), of a job stored after this worker (re)connected has
never been anywhere else; nor has one of a job that was born under the very run of the server that hands it out, since
that remembers whom it gave what. Anything else may have run, or still run, somewhere: then its record and the workers'
heartbeats decide, and the start is claimed by compare-and-set.

In a cluster another server may take over the lead of a queue while the link of this worker stands. What the one before
handed out in its last moments may be new to it, and comes again as a first delivery (seen with nats-server 2.10; later
ones tell a majority before they hand out). Nothing tells of it but the silence between the two (`naq.worker.intake`),
behind which all that was stored by then is looked up.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from enum import Enum, auto
from typing import NamedTuple

from naq import codec
from naq.connection import Connection, LinkState
from naq.delivery import Received
from naq.errors import ConflictError, NaqException, SerializationError
from naq.inspector import Inspector
from naq.models.job import Job, JobStatus
from naq.models.result import JobResult
from naq.models.worker import WorkerRecord
from naq.reopen import RETRYABLE, reopened
from naq.worker.acks import ack
from naq.worker.casualties import Casualties
from naq.worker.freshness import Freshness
from naq.worker.lifecycle import Lifecycle
from naq.worker.told import tell_retry_if_untold

log = logging.getLogger(__name__)

MAX_CRASHES = 3
"""Runs that died with their worker, after the last of which the job is failed as lost; no part of `max_retries`."""
WORKERS_CACHE_S = 1.0
JUDGED_FOR_S = 0.01
"""How long the judgement on who is alive serves other deliveries, too."""


class Verdict(Enum):
    START = auto()
    OVER = auto()
    """It has ended already: ack it."""
    ELSEWHERE = auto()
    """A live worker runs it, or a newer version alone knows how it stands: the server delivers it again."""
    SUPERSEDED = auto()
    """It was retried by hand since this message was stored: the newer message stands for it, this one is acked."""
    LOST = auto()
    """It has killed too many workers."""


class Decision(NamedTuple):
    verdict: Verdict
    record: JobResult | None
    """What the bucket holds of it (after a claim, the claim)."""


class Others(NamedTuple):
    """The other workers of this server."""

    alive: frozenset[str]
    running: frozenset[str]
    """Jobs that those run."""
    silent: list[WorkerRecord]
    """Those silent for long enough to have lost their jobs."""


class Claims:
    """Decides for one worker."""

    def __init__(self, connection: Connection, lifecycle: Lifecycle, worker_id: str) -> None:
        self._connection = connection
        self._lifecycle = lifecycle
        self._worker_id = worker_id
        self._inspector = Inspector(connection)
        self._casualties = Casualties(connection)
        self._workers: tuple[float, list[WorkerRecord]] = (float("-inf"), [])
        self._others: tuple[float, Others] = (float("-inf"), Others(frozenset(), frozenset(), []))
        self._judging = asyncio.Lock()
        self.freshness = Freshness(connection)
        self._doubtful_up_to: float = float("inf")
        self._server_run = ""
        self._was_lost = False
        self._doubts = 0

    async def refresh(self) -> None:
        """Note what was stored before now: the server may have forgotten whom it gave that to.

        Call after connecting; until it succeeds every delivery is looked up.
        """
        self._doubtful_up_to = float("inf")
        self._server_run = self._connection.server_run
        self._doubts += 1
        doubt = self._doubts
        names = self._connection.names
        while self._connection.state is LinkState.LIVE:
            try:
                answer = await self._connection.api(f"STREAM.INFO.{names.jobs}")
                if doubt == self._doubts:  # else it is known no longer: whoever doubted since asks, too
                    self._doubtful_up_to = codec.number(answer.get("state", {}), "last_seq", 0)
                return
            except NaqException as exc:
                log.debug("can't read %s yet: %s", names.jobs, exc)
                await asyncio.sleep(0.25)

    def doubt_everything(self) -> None:
        """The link is lost: until `refresh`, no delivery is certain; the server may have restarted and forgotten."""
        self._was_lost = True
        self._doubtful_up_to = float("inf")
        self._server_run = ""
        self._doubts += 1

    def doubt_leader(self) -> bool:
        """Another server may lead a queue now: call `refresh`. False where one server alone is all there is."""
        if self._server_run:
            return False
        self._was_lost = True
        self._doubtful_up_to = float("inf")
        self._doubts += 1
        return True

    def is_certain(self, job: Job, received: Received) -> bool:
        """Whether this delivery can only be the job's first, and is still this worker's."""
        delivery = received.delivery
        if delivery.deliveries > 1 or not self.freshness.is_fresh(received.arrived_at):
            return False
        return delivery.stream_seq > self._doubtful_up_to or job.born_on == self._server_run != ""

    async def may_start(self, job: Job, received: Received) -> Decision:
        """Look the job up and claim it where it may start.

        That is done once more where the record changed meanwhile (who retries by hand writes it just then).
        What is superseded is acked here. One that is not fresh (`naq.worker.freshness`) starts only where
        nobody has begun or claimed the job: the server has handed it on, or will.
        """
        decision = await self._decide(job, received)
        if decision.verdict is Verdict.ELSEWHERE and job.retries_asked:
            decision = await self._decide(job, received)
        if decision.verdict is Verdict.SUPERSEDED:
            await ack(self._connection, received.reply)
        return decision

    async def held_at(self, job_id: str, revision: int, asked_at: float) -> float | None:
        """The latest moment, by the loop's clock, at which the job was known to be this worker's; None where it is not.

        `asked_at` is the one known so far, and `revision` where the job's record stood then (0 where it had none).
        What came since can have taken longer than the lease (this process was stopped, the link or the log was):
        others have the job then, and the record tells, for whoever is handed a job again claims it.
        """
        while not self.freshness.is_recent(asked_at):
            asked_at = asyncio.get_running_loop().time()
            entry = await self._lifecycle.results.bucket.newest(job_id)
            if (entry.revision if entry is not None else 0) != revision:
                log.warning("job %s was handed on while it began here: it does not start", job_id)
                return None
        return asked_at

    async def _decide(self, job: Job, received: Received) -> Decision:
        delivery = received.delivery
        try:
            record = await self._lifecycle.results.get_record(job.job_id)
        except SerializationError:
            return Decision(Verdict.START, None)  # somebody's unreadable record: a result will replace it
        is_fresh = self.freshness.is_fresh(received.arrived_at)  # not before: the answer may have been long in coming
        if record is not None and record.retries_asked > job.retries_asked:
            return Decision(Verdict.SUPERSEDED, record)
        if record is not None and record.status in RETRYABLE and job.retries_asked > record.retries_asked:
            record = reopened(record, job, delivery.stored_at)
        if record is not None and record.is_final:
            return Decision(Verdict.OVER, record)
        if record is not None and "v" in record.extra and record.status not in JobStatus.__members__:
            log.warning("job %s is %.40s, which only a newer version knows: left to it", job.job_id, record.status)
            return Decision(Verdict.ELSEWHERE, record)
        if record is not None and not is_fresh:
            return Decision(Verdict.ELSEWHERE, record)
        # a job that has not run since it was retried by hand runs nowhere, whatever a heartbeat of before says
        is_reopened = (
            record is not None
            and record.status == JobStatus.RETRY
            and job.retries_asked > 0
            and len(record.attempts) == job.earlier_attempts
        )
        others = Others(frozenset(), frozenset(), []) if is_reopened else await self._judged_others()
        if job.job_id in others.running:
            return Decision(Verdict.ELSEWHERE, record)
        if record is None and delivery.deliveries == 1 and is_fresh and not self._was_lost:
            return Decision(Verdict.START, None)
        if record is None:  # a first run leaves no record: whether there was one that died is asked of the dead
            crashed = await self._casualties.took_down(job, others.silent)
        else:
            crashed = record.status == JobStatus.RUNNING
        if record is not None and record.status == JobStatus.RETRY and not is_reopened:
            by = record.worker_id
            if by != self._worker_id and by not in others.alive:
                await tell_retry_if_untold(self._connection, job, record)  # it may have died before it could
        if record is not None and crashed and record.crashes + 1 >= MAX_CRASHES:
            return Decision(Verdict.LOST, record)
        try:
            return Decision(Verdict.START, await self._lifecycle.claim(job, record, crashed=crashed))
        except ConflictError:
            return Decision(Verdict.ELSEWHERE, record)

    async def _judged_others(self) -> Others:
        loop = asyncio.get_running_loop()
        if loop.time() - self._others[0] > JUDGED_FOR_S:
            async with self._judging:
                if loop.time() - self._others[0] > JUDGED_FOR_S:
                    others = await self._judge()
                    self._others = (loop.time(), others)
        return self._others[1]

    async def _judge(self) -> Others:
        loop = asyncio.get_running_loop()
        read_at, workers = self._workers
        if loop.time() - read_at > WORKERS_CACHE_S:
            workers = await self._inspector.workers()
            self._workers = (loop.time(), workers)
            self._casualties.forget_all_but(workers)
        # a worker with jobs beats with every lease renewal: one that let a lease run out has been silent as long
        alive_since = self._connection.server_now() - timedelta(seconds=self._connection.settings.ack_wait_s * 0.9)
        alive: list[WorkerRecord] = []
        silent: list[WorkerRecord] = []
        for worker in workers:
            if worker.worker_id != self._worker_id and worker.beat_at is not None:
                (alive if worker.beat_at > alive_since else silent).append(worker)
        return Others(
            alive=frozenset(worker.worker_id for worker in alive),
            running=frozenset(job.job_id for worker in alive for job in worker.running),
            silent=silent,
        )
