"""Put jobs into queues.

What a crash does: the ENQUEUED event and the job leave this process together, event first. A producer that dies between
the two leaves an event without a job and its caller without an answer: nothing runs. A call that fails is followed by a
CANCELLED event that says so, as soon as the log can take it. Where the server went away in between, the job may be
stored all the same, and run: that event then ends nothing, and a unique key stays that job's. What the server never
got is not sent to it once the call has failed. Sending again with the same `job_id` is always safe (`naq.uniqueness`
says how ids and unique keys are held).
"""

from __future__ import annotations

import asyncio
import logging
from asyncio import Future
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from naq.calls import Call, check_options, job_of, jobs_of, split_options
from naq.connection import Connection
from naq.dependencies.waiting import Waiting
from naq.errors import ConfigurationError, EnqueueError, NaqConnectionError, NaqException
from naq.events import Events
from naq.models.event import JobEvent, JobEventType, job_event
from naq.models.job import Job, JobStatus
from naq.models.times import utcnow
from naq.names import check_queue_name
from naq.outbox import Answer, PublishAck, StorageRefusedError, resolve, settled
from naq.uniqueness import Claim, Uniqueness, key_of_id, key_of_unique

if TYPE_CHECKING:
    from naq.results import Results

log = logging.getLogger(__name__)

ENQUEUE_PATIENCE_S = 15.0
"""Seconds a producer waits for the server through an outage before its call fails."""
TAKE_BACK_WITHIN_S = 2.0
"""Seconds a call that fails waits for the log to have that."""
TELL_WITHIN_S = 3600.0
"""Seconds for which it is tried to tell of it after that."""
UNTOLD_MAX = 2_000
"""Writes under way beyond which it is not told: later calls need room for theirs."""
HEADROOM_BYTES = 512
"""Room kept for headers below the server's message limit."""
TURN = 200
"""Messages of one `enqueue_many` written in one turn of the loop."""
UNDER_WAY = 3_000
"""Messages of one `enqueue_many` written without an answer; when half of them have theirs, as many more follow."""


class Queue:
    """One queue of one connection."""

    def __init__(self, name: str, connection: Connection, results: Results | None = None) -> None:
        self.name = check_queue_name(name)
        self._connection = connection
        self._events = Events(connection)
        self._results = results
        self._claims = Uniqueness(connection)
        self._waiting = Waiting(connection)
        self._no_options = check_options(queue_name=name)

    async def enqueue(self, function: Callable[..., Any] | str, *args: Any, **options: Any) -> Job:
        """Store one call of `function`; options as for `naq.enqueue`, everything else goes to the function.

        Raises:
            ConfigurationError, SerializationError: the call is wrong; nothing was sent.
            EnqueueError: the server did not store it.
        """
        build, kwargs = split_options(options)
        return await self.enqueue_call(Call(function, args, kwargs), **build)

    async def enqueue_call(self, call: Call, **options: Any) -> Job:
        """`enqueue` for a function with parameters named like options.

        Raises:
            ConfigurationError: also where the job would wait for itself.
            JobNotFoundError: a job it depends on is not known.
        """
        job = job_of(call, self._checked(options))
        if job.depends_on:
            await self._waiting.check(job, self._made_here(options["depends_on"]))
        if not job.is_id_given:
            if not job.depends_on:  # a child is stored again where its releaser died
                job.born_on = self._connection.server_run or None
            return await self.store(job)
        return await self.store_once(job)

    async def enqueue_many(self, calls: Iterable[Call | Sequence[Any]], **options: Any) -> list[Job]:
        """Store many calls with the same options, in order; all are checked before the first is sent.

        Each call is a `Call` or a tuple `(function, args)` or `(function, args, kwargs)`.

        Raises:
            ConfigurationError, SerializationError: a call is wrong; nothing was sent.
            EnqueueError: the server did not store some; the message says how many it did.
        """
        if "job_id" in options:
            raise ConfigurationError("enqueue_many makes its own job ids: leave out job_id")
        if options.get("unique") is not None:
            raise ConfigurationError("one unique key lets one job through: enqueue unique jobs one at a time")
        checked = self._checked(options)
        jobs = jobs_of(calls, checked)
        if jobs and jobs[0].depends_on:
            await self._waiting.check(jobs[0], self._made_here(options["depends_on"]))
            for job in jobs:
                await self.store(job)
            return jobs
        born_on = self._connection.server_run or None
        for job in jobs:
            job.born_on = born_on
        await self.store_many(jobs)
        return jobs

    async def store(
        self,
        job: Job,
        *,
        extra: Mapping[str, Any] | None = None,
        claims: Sequence[Claim] = (),
        patience_s: float | None = None,
    ) -> Job:
        """Send one job that `build_job` made; `extra` are further fields of its ENQUEUED event.

        Where its id was used within the last minute, that job stands: this one is marked `is_duplicate`, and the log
        holds one ENQUEUED. Where another job holds its unique key, this one gets that job's id and `is_duplicate`, and
        nothing is sent. `claims` are those made for it already. `patience_s`: when the job is given up; its event does
        no harm late, and is waited for as ever.
        """
        data = self._encode(job)
        if job.depends_on:
            try:
                await self._waiting.store(job, self._connection.max_payload - HEADROOM_BYTES)
            except EnqueueError as exc:
                await self._take_back([(job, exc)])
                raise
            return job
        if job.unique is not None:
            until = None
            if job.unique_for is not None:
                until = self._connection.server_now() + timedelta(seconds=job.unique_for)
            held = await self._claims.claim(job, key_of_unique(job.unique), until=until)
            if held.job_id != job.job_id:
                for claim in claims:
                    await self._claims.withdraw(claim)
                job.job_id, job.is_duplicate = held.job_id, True
                return job
            claims = [*claims, held]
        event = await self._send_event(job, extra)
        stored = await self._send_job(job, data, patience_s)
        try:
            ack = await self._settle(job, stored)
        except NaqException as exc:
            is_doubtful = _may_be_stored(exc)
            if is_doubtful or _may_be_stored(await settled(event)):
                await self._take_back([(job, exc)])
            for claim in claims:
                await (self._claims.doubt(claim) if is_doubtful else self._claims.withdraw(claim))
            raise
        job.is_duplicate, job.stored_seq = ack.is_duplicate, ack.seq
        for claim in claims:
            if claim.seq != ack.seq:
                await self._claims.note_stored(claim, ack.seq)
        try:
            await event
        except (StorageRefusedError, NaqConnectionError) as exc:
            raise EnqueueError(f"job {job.job_id} is stored in queue {self.name!r}, but not its event: {exc}") from exc
        return job

    async def store_once(self, job: Job, *, extra: Mapping[str, Any] | None = None) -> Job:
        """`store` for a job whose id was given: where a job of that id is known, it stands, and this is a duplicate."""
        claim = await self._claims.claim(job, key_of_id(job.job_id))
        if await self._claims.is_known(job, claim):
            if claim.seq is None:
                await self._claims.withdraw(claim)
            job._results = self._results
            job.is_duplicate = True
            return job
        return await self.store(job, extra=extra, claims=[claim])

    async def store_many(self, jobs: Sequence[Job]) -> None:
        """Send jobs that `build_job` made, pipelined; all are measured before the first is sent.

        Raises:
            ConfigurationError: one is unique, which `store` alone looks after.
        """
        if any(job.unique is not None for job in jobs):
            raise ConfigurationError("a unique job can't be stored among many: enqueue it by itself")
        encoded = [self._encode(job) for job in jobs]
        sent = _Sent()
        post, names = self._connection.outbox.post, self._connection.names
        event_subject, subject = names.event_subject("job", "enqueued", self.name), names.queue_subject(self.name)
        for job, data in zip(jobs, encoded, strict=True):
            if sent.messages % TURN == 0:  # what is written leaves at the end of a turn: the server need not wait
                await asyncio.sleep(0)
            if sent.under_way >= UNDER_WAY:
                await sent.until(UNDER_WAY // 2)
            if sent.refused:
                break
            sent.messages += 2
            told = {"Nats-Msg-Id": f"{job.job_id}:enqueued"}
            post(event_subject, _enqueued(job), told, sent.told, ENQUEUE_PATIENCE_S)
            post(subject, data, {"Nats-Msg-Id": job.job_id}, partial(sent.kept, job), ENQUEUE_PATIENCE_S)
        await sent.until(0)
        if sent.refused:
            await self._take_back(sent.refused)
            refusal = sent.refused[0][1]
            raise EnqueueError(
                f"{sent.stored:,} of {len(jobs):,} jobs were stored in queue {self.name!r}: {refusal}"
            ) from refusal
        if sent.untold:
            raise EnqueueError(
                f"{sent.stored:,} jobs were stored in queue {self.name!r}, but not every event: {sent.untold[0]}"
            ) from sent.untold[0]

    async def purge(self, *, reason: str | None = None, action_id: str | None = None, program: str = "naq") -> int:
        """Remove every waiting job, each told as CANCELLED; returns how many. See `naq.purge`."""
        from naq.purge import Purge

        purge = Purge(self._connection, self.name, reason=reason, program=program, action_id=action_id)
        return await purge.run()

    def _checked(self, options: Mapping[str, Any]) -> dict[str, Any]:
        return check_options(**{**options, "queue_name": self.name}) if options else self._no_options

    def _made_here(self, parents: Job | str | Sequence[Job | str]) -> list[str]:
        """The parents that this connection has stored itself: they need not be looked up."""
        given = [parents] if isinstance(parents, Job | str) else parents
        return [job.job_id for job in given if isinstance(job, Job) and job._results is self._results is not None]

    def _encode(self, job: Job) -> bytes:
        job._results = self._results
        job.enqueued_at = utcnow()
        data = job.to_wire()
        limit = self._connection.max_payload
        if len(data) > limit - HEADROOM_BYTES:
            raise EnqueueError(
                f"job of {job.function} is {len(data):,} bytes, the server takes {limit:,}: "
                "pass a reference to the data instead of the data"
            )
        return data

    async def _send_job(self, job: Job, data: bytes, patience_s: float | None) -> Future[PublishAck]:
        return await self._connection.outbox.send(
            self._connection.names.queue_subject(self.name),
            data,
            msg_id=job.job_id,
            patience_s=ENQUEUE_PATIENCE_S if patience_s is None else patience_s,
        )

    async def tell_enqueued(self, job: Job) -> None:
        """ENQUEUED of a stored job whose producer was killed before it could be told: as `store` tells it, once."""
        await (await self._send_event(job, None))

    async def _send_event(self, job: Job, extra: Mapping[str, Any] | None) -> Future[PublishAck]:
        event = JobEvent.of(
            JobEventType.ENQUEUED,
            ts=job.enqueued_at,
            job_id=job.job_id,
            queue=self.name,
            function=job.function,
            schedule_id=job.schedule_id,
            to_status=JobStatus.PENDING,
            **_with_details(job, extra or {}),
        )
        return await self._events.send(event, msg_id=f"{job.job_id}:enqueued", patience_s=ENQUEUE_PATIENCE_S)

    async def _settle(self, job: Job, stored: Future[PublishAck]) -> PublishAck:
        try:
            return await stored
        except (StorageRefusedError, NaqConnectionError) as exc:
            raise EnqueueError(f"job of {job.function} was not stored in queue {self.name!r}: {exc}") from exc

    async def _take_back(self, failed: Sequence[tuple[Job, NaqException]]) -> None:
        """The log says ENQUEUED of these, or will: let it also say that this came to nothing.

        Waits for that a moment only; it is still sent for as long as this connection stands.
        """
        loop = asyncio.get_running_loop()
        told = [loop.create_future() for _ in failed]
        for (job, refusal), answer in zip(failed, told, strict=True):
            if self._connection.outbox.outstanding >= UNTOLD_MAX:
                log.warning("not told that job %s was not stored: too much waits for the log", job.job_id)
                answer.cancel()
                continue
            event = JobEvent.of(
                JobEventType.CANCELLED,
                job_id=job.job_id,
                queue=self.name,
                function=job.function,
                from_status=JobStatus.PENDING,
                to_status=JobStatus.CANCELLED,
                reason=f"not stored: {refusal}"[:500],
                details={"refused": True},
            )
            then = partial(resolve, answer)
            self._events.post(event, then, msg_id=f"{job.job_id}:refused", patience_s=TELL_WITHIN_S)
        await asyncio.wait(told, timeout=TAKE_BACK_WITHIN_S)


class _Sent:
    """What became of jobs and events that are sent by the thousand."""

    def __init__(self) -> None:
        self.messages = self._answers = 0
        self.stored = 0
        """Jobs."""
        self.refused: list[tuple[Job, NaqException]] = []
        self.untold: list[NaqException] = []
        self._few_enough = 0
        self._waiter: Future[None] | None = None

    @property
    def under_way(self) -> int:
        """Messages without an answer."""
        return self.messages - self._answers

    async def until(self, under_way: int) -> None:
        """Wait until no more than that are without an answer."""
        while self.under_way > under_way:
            self._few_enough, self._waiter = under_way, asyncio.get_running_loop().create_future()
            await self._waiter

    def told(self, answer: Answer) -> None:
        """What became of an event."""
        if isinstance(answer, NaqException):
            self.untold.append(answer)
        self._count()

    def kept(self, job: Job, answer: Answer) -> None:
        """What became of a job."""
        if isinstance(answer, NaqException):
            self.refused.append((job, answer))
        else:
            self.stored += 1
        self._count()

    def _count(self) -> None:
        self._answers += 1
        if self._waiter is not None and self.under_way <= self._few_enough and not self._waiter.done():
            self._waiter.set_result(None)


def _may_be_stored(answer: Answer) -> bool:
    """Whether a write is in the stream, or may yet come to be: it has no answer, or none that holds."""
    return isinstance(answer, PublishAck | NaqConnectionError) or isinstance(answer.__cause__, NaqConnectionError)


def _enqueued(job: Job) -> bytes:
    """ENQUEUED of a job that is not unique."""
    fields: dict[str, Any] = {
        "to": "PENDING",
        "job_id": job.job_id,
        "queue": job.queue_name,
        "function": job.function,
    }
    if job.schedule_id is not None:
        fields["schedule_id"] = job.schedule_id
    if job.result_ttl is not None:
        fields |= _with_details(job, {})
    return job_event("ENQUEUED", fields, ts=job.enqueued_at)


def _with_details(job: Job, extra: Mapping[str, Any]) -> dict[str, Any]:
    """`extra` with what tells later why a job of the same key, or its result, is not there."""
    own = {"unique": job.unique, "result_ttl_s": job.result_ttl}
    details = {**(extra.get("details") or {}), **{name: value for name, value in own.items() if value is not None}}
    return {**extra, "details": details} if details else dict(extra)
