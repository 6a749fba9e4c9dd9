"""Which deliveries a worker looks up before it starts them: those that may not be the first."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from naq import codec
from naq.calls import check_options, jobs_of
from naq.client import AsyncClient
from naq.connection import Connection
from naq.control import CANCEL, Control
from naq.delivery import Received
from naq.doctor.verify import verify
from naq.errors import JobExecutionError
from naq.examples import tasks
from naq.models.job import Job, JobStatus
from naq.models.result import JobResult
from naq.outbox import Answer, PublishAck
from naq.server import EmbeddedServer
from naq.settings import Settings
from naq.topology import ensure_consumer
from naq.worker import Worker, intake
from naq.worker.cancel_orders import CancelOrders
from naq.worker.claims import Claims, Decision
from naq.worker.freshness import Freshness
from naq.worker.lifecycle import Lifecycle
from naq.worker.run import Run
from naq.worker.runs import Runs
from tests.conftest import EXAMPLES, WorkerFactory
from tests.integration import sample_tasks
from tests.integration.log import all_events

pytestmark = pytest.mark.nats


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the jobs whose records were asked for, as that happens."""
    asked: list[str] = []
    may_start = Claims.may_start

    async def ask_and_note(self: Claims, job: Job, received: Received) -> Decision:
        asked.append(job.job_id)
        return await may_start(self, job, received)

    monkeypatch.setattr(Claims, "may_start", ask_and_note)
    return asked


async def test_a_backlog_is_not_looked_up_by_a_worker_that_starts(
    client: AsyncClient, worker: WorkerFactory, looked_up: list[str]
) -> None:
    jobs = await client.enqueue_many([(tasks.add, (n, 1)) for n in range(20)])
    jobs.append(await client.enqueue(tasks.add, 20, 1))
    named = await client.enqueue(tasks.add, 1, 1, job_id="by-hand")
    async with worker():
        assert [await job.result(timeout=10) for job in jobs] == [n + 1 for n in range(21)]
        assert await named.result(timeout=10) == 2
    assert looked_up == ["by-hand"], "an id that somebody chose may have been used before"


async def test_after_the_server_started_anew_everything_it_held_is_looked_up(
    tmp_path: Path, prefix: str, looked_up: list[str]
) -> None:
    server = EmbeddedServer(tmp_path / "store")
    await server.start()
    settings = Settings(nats_url=server.url, prefix=prefix, ack_wait_s=2.0, heartbeat_interval_s=0.5, lease_s=2.0)
    try:
        async with AsyncClient(settings) as client:
            before = await client.enqueue_many([(tasks.add, (n, 1)) for n in range(5)])
            assert server.pid is not None
            os.kill(server.pid, signal.SIGKILL)
            await server.wait()
            await server.start()
            await client.enqueue(tasks.add, 0, 0)  # once it is stored, the link is up again
            after = await client.enqueue(tasks.add, 5, 1)
            instance = Worker(modules=[EXAMPLES], settings=settings, burst=True)
            await instance.run()
            assert [await job.result(timeout=10) for job in [*before, after]] == [1, 2, 3, 4, 5, 6]
            assert {job.job_id for job in before} <= set(looked_up)
            assert after.job_id not in looked_up
            told = [stored.event.type for stored in await all_events(client) if stored.event and stored.event.job_id]
            assert told.count("STARTED") == told.count("COMPLETED") == 7
    finally:
        await server.stop()


async def test_a_second_delivery_is_looked_up(client: AsyncClient, worker: WorkerFactory, looked_up: list[str]) -> None:
    async with worker(drain_s=0.0):
        job = await client.enqueue(tasks.sleep, 0.5)
        while not [s for s in await all_events(client) if s.event and s.event.type == "STARTED"]:
            pass
    assert looked_up == []
    async with worker():
        assert await job.result(timeout=10) == 0.5
    assert looked_up == [job.job_id]


@pytest.fixture
def as_in_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """The link says nothing of who hands out the jobs."""
    monkeypatch.setattr(Connection, "server_run", "")


async def forget_what_was_handed_out(client: AsyncClient) -> None:
    """As a new leader that the news of the last deliveries did not reach: a consumer made anew knows of none."""
    names = client.connection.names
    await client.connection.api(f"CONSUMER.DELETE.{names.jobs}.{names.consumer('default')}")
    await ensure_consumer(client.connection, "default")


async def until_running(client: AsyncClient, *jobs: Job) -> None:
    """Wait until the heartbeats tell that these run."""
    async with asyncio.timeout(10):
        while True:
            running = {job.job_id for each in await client.inspector.workers() for job in each.running}
            if running == {job.job_id for job in jobs}:
                return


async def starts_of(client: AsyncClient) -> list[str]:
    return [s.event.job_id or "" for s in await all_events(client) if s.event and s.event.type == "STARTED"]


@pytest.mark.usefixtures("as_in_a_cluster")
async def test_a_new_leader_that_says_so_is_not_believed_that_a_job_is_new(
    client: AsyncClient, worker: WorkerFactory, looked_up: list[str]
) -> None:
    async with worker(concurrency=1), worker(concurrency=1):
        job = await client.enqueue(tasks.sleep, 3.0)
        await until_running(client, job)
        await forget_what_was_handed_out(client)
        assert await job.result(timeout=15) == 3.0
    assert job.job_id in looked_up, "it came again, and as if for the first time"
    assert await starts_of(client) == [job.job_id]
    assert (await verify(client.connection)).findings == ()


@pytest.mark.usefixtures("as_in_a_cluster")
async def test_a_leader_that_was_not_heard_for_long_is_not_believed_that_a_job_is_new(
    client: AsyncClient, worker: WorkerFactory, looked_up: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is told of a new leader who asks for nothing while his slots are taken."""
    monkeypatch.setattr(Freshness, "is_fresh", lambda *_: True)
    async with worker(concurrency=1), worker(concurrency=1):
        long, short = await client.enqueue(tasks.sleep, 6.0), await client.enqueue(tasks.sleep, 3.0)
        await until_running(client, long, short)
        await forget_what_was_handed_out(client)
        assert await short.result(timeout=15) == 3.0
        assert await long.result(timeout=15) == 6.0
    assert long.job_id in looked_up
    assert sorted(await starts_of(client)) == sorted([long.job_id, short.job_id])
    assert (await verify(client.connection)).findings == ()


@pytest.mark.usefixtures("as_in_a_cluster")
async def test_a_leader_that_is_heard_all_the_time_is_believed(
    client: AsyncClient, worker: WorkerFactory, looked_up: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "LEADER_SILENT_S", 1.2)
    async with worker():
        for number in range(2):
            jobs = await client.enqueue_many([(tasks.add, (n, 1)) for n in range(20)])
            assert [await job.result(timeout=10) for job in jobs] == [n + 1 for n in range(20)]
            if number == 0:
                await asyncio.sleep(2.0)  # its heartbeats are all that is heard meanwhile
    assert looked_up == []


async def test_a_claim_that_was_taken_over_before_the_start_does_not_start(
    client: AsyncClient, worker: WorkerFactory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As of a worker that is stopped, or out of reach, between its claim and its start."""
    announced, taken_over = Lifecycle.announced, []

    async def slowly(self: Lifecycle, run: Run) -> None:
        await announced(self, run)
        if taken_over or not run.revision:
            return
        record = await client.results.get_record(run.job.job_id)
        assert record is not None
        assert record.revision == run.revision
        other = replace(record, worker_id="w-other")
        taken_over.append(await client.results.bucket.update(record.job_id, other.to_wire(), revision=record.revision))
        run.asked_at -= client.settings.ack_wait_s

    monkeypatch.setattr(Lifecycle, "announced", slowly)
    job = await client.enqueue(sample_tasks.fails_until, str(tmp_path / "calls"), 1, max_retries=1)
    async with worker(modules=["tests.integration.sample_tasks"]):
        assert await job.result(timeout=20) == "call 2 succeeds", (
            "one call for each attempt, and none for the lost claim"
        )
    types = [s.event.type for s in await all_events(client) if s.event and s.event.job_id == job.job_id]
    assert types == ["ENQUEUED", "STARTED", "RETRY_SCHEDULED", "STARTED", "STARTED", "COMPLETED"]


async def test_a_claim_that_was_taken_over_before_it_is_told_is_not_told(
    client: AsyncClient, worker: WorkerFactory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As of a worker whose claim is confirmed only once its line carries something again."""
    may_start, is_recent, taken_over = Claims.may_start, Freshness.is_recent, []

    async def late(self: Claims, job: Job, received: Received) -> Decision:
        decision = await may_start(self, job, received)
        if decision.record is not None and not taken_over:
            other = replace(decision.record, worker_id="w-other")
            revision = decision.record.revision
            taken_over.append(await client.results.bucket.update(job.job_id, other.to_wire(), revision=revision))
            monkeypatch.setattr(Freshness, "is_recent", first_not)
        return decision

    def first_not(self: Freshness, moment: float) -> bool:
        monkeypatch.setattr(Freshness, "is_recent", is_recent)
        return False

    monkeypatch.setattr(Claims, "may_start", late)
    job = await client.enqueue(sample_tasks.fails_until, str(tmp_path / "calls"), 1, max_retries=1)
    async with worker(modules=["tests.integration.sample_tasks"]):
        assert await job.result(timeout=20) == "call 2 succeeds"
    types = [s.event.type for s in await all_events(client) if s.event and s.event.job_id == job.job_id]
    assert taken_over
    assert types == ["ENQUEUED", "STARTED", "RETRY_SCHEDULED", "STARTED", "COMPLETED"]


@pytest.mark.parametrize("is_ended", [True, False])
async def test_a_first_run_that_was_stopped_before_its_first_line_starts_where_nobody_else_has(
    is_ended: bool, client: AsyncClient, worker: WorkerFactory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As of a process that is stopped between telling STARTED and calling the function; a loop that was blocked by
    another job while its leases were kept goes on."""
    start, held_up = Runs._start, []

    def long_ago(self: Runs, job: Job, received: Received, record: JobResult | None, asked_at: float) -> Run:
        run = start(self, job, received, record, asked_at)
        if not held_up:
            held_up.append(job.job_id)
            run.asked_at -= client.settings.ack_wait_s
        return run

    monkeypatch.setattr(Runs, "_start", long_ago)
    calls = tmp_path / "calls"
    (job,) = jobs_of([(sample_tasks.fails_until, (str(calls), 0))], check_options(queue_name="default"))
    job.born_on = client.connection.server_run
    if is_ended:
        record = JobResult(job_id=job.job_id, status="COMPLETED", value="elsewhere", attempt=1, worker_id="w-other")
        await client.results.bucket.update(job.job_id, record.to_wire(), revision=0)
    await client.queue("default").store_many([job])
    async with worker(modules=["tests.integration.sample_tasks"]):
        assert await job.result(timeout=20) == ("elsewhere" if is_ended else "call 1 succeeds")
        async with asyncio.timeout(20):
            while any(queue.waiting or queue.running for queue in await client.inspector.queues()):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    assert held_up == [job.job_id]
    assert calls.exists() is not is_ended
    types = [s.event.type for s in await all_events(client) if s.event and s.event.job_id == job.job_id]
    assert types.count("STARTED") == 1


async def test_an_order_to_cancel_that_comes_while_a_job_is_looked_up_is_followed(
    client: AsyncClient, worker: WorkerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_start = Claims.may_start

    async def ordered_meanwhile(self: Claims, job: Job, received: Received) -> Decision:
        decision = await may_start(self, job, received)
        order = {"actor": {"user": "ana"}, "reason": "too late"}
        await Control(client.connection).put(CANCEL, job.job_id, order)
        await client.connection.round_trip()
        await asyncio.sleep(0.1)  # the worker's own connection hears of it, too
        return decision

    monkeypatch.setattr(Claims, "may_start", ordered_meanwhile)
    job = await client.enqueue(tasks.sleep, 30, job_id="by-hand")
    async with worker():
        with pytest.raises(JobExecutionError, match="cancelled"):
            await job.result(timeout=5)
    events = [s.event for s in await all_events(client) if s.event and s.event.job_id == "by-hand"]
    assert [(event.type, event.reason) for event in events] == [("ENQUEUED", None), ("CANCELLED", "too late")]


@pytest.mark.parametrize("function", [tasks.sleep, tasks.block])
async def test_an_order_to_cancel_that_is_handed_on_before_the_first_turn_of_a_run_is_followed(
    function: Callable[[float], object],
    client: AsyncClient,
    worker: WorkerFactory,
    looked_up: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where one read of the socket brings both: the job begins, and the order is handed on before its task runs."""
    start, on_order, held = Runs._start, CancelOrders.on_order, []

    def hold(self: CancelOrders, job_id: str, order: dict[str, Any] | None) -> None:
        held.append((self, job_id, order))

    def start_and_hand_on(self: Runs, job: Job, received: Received, record: JobResult | None, asked_at: float) -> Run:
        run = start(self, job, received, record, asked_at)
        for order in held:
            on_order(*order)
        return run

    monkeypatch.setattr(CancelOrders, "on_order", hold)
    monkeypatch.setattr(Runs, "_start", start_and_hand_on)
    job = await client.enqueue(function, 30)
    inbox = client.connection.client.new_inbox()
    answers = await client.connection.client.subscribe(inbox)
    await Control(client.connection).put(CANCEL, job.job_id, {"reason": "too late", "reply": inbox})
    async with worker():
        with pytest.raises(JobExecutionError, match="cancelled"):
            await job.result(timeout=5)
        assert codec.loads((await answers.next_msg(timeout=5)).data)["stops"] is True
    assert not looked_up, "it began at once"
    events = [s.event for s in await all_events(client) if s.event and s.event.job_id == job.job_id]
    assert [event.type for event in events] == ["ENQUEUED", "STARTED", "CANCELLED"]
    assert events[-1].reason == "too late"


async def test_an_order_to_cancel_that_comes_while_a_lease_is_made_sure_of_is_followed(
    client: AsyncClient, worker: WorkerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    held_at = Claims.held_at

    async def ordered_meanwhile(self: Claims, job_id: str, revision: int, asked_at: float) -> float | None:
        await Control(client.connection).put(CANCEL, job_id, {"reason": "too late"})
        await client.connection.round_trip()
        await asyncio.sleep(0.1)  # the worker's own connection hears of it, too
        return await held_at(self, job_id, revision, asked_at)

    monkeypatch.setattr(Claims, "held_at", ordered_meanwhile)
    job = await client.enqueue(tasks.sleep, 30, job_id="by-hand")
    async with worker():
        with pytest.raises(JobExecutionError, match="cancelled"):
            await job.result(timeout=5)
    events = [s.event for s in await all_events(client) if s.event and s.event.job_id == "by-hand"]
    assert [event.type for event in events] == ["ENQUEUED", "STARTED", "CANCELLED"]
    assert events[-1].reason == "too late"


async def test_an_end_on_an_order_is_told_behind_the_start(
    client: AsyncClient, worker: WorkerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the log is full, or away, when the job starts, and has room again when it is cancelled."""
    held: list[tuple[Run, Answer]] = []
    note, until_started, waiting = Run.note_started, Lifecycle._until_started, []

    async def wait(self: Lifecycle, run: Run) -> None:
        waiting.append(run)
        await until_started(self, run)

    monkeypatch.setattr(Run, "note_started", lambda run, answer: held.append((run, answer)))
    monkeypatch.setattr(Lifecycle, "_until_started", wait)
    async with worker():
        job = await client.enqueue(tasks.sleep, 30)
        async with asyncio.timeout(10):
            while not held:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            run, answer = held[0]
            asked = asyncio.create_task(client.cancel(job.job_id))
            while not waiting:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert await client.results.bucket.get(job.job_id) is None
        note(run, answer)
        with pytest.raises(JobExecutionError, match="cancelled"):
            await job.result(timeout=5)
        assert await asked == JobStatus.CANCELLED
    record = await client.results.get_record(job.job_id)
    assert record is not None
    assert isinstance(answer, PublishAck)
    assert record.started_seq == answer.seq
