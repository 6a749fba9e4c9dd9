"""Isolated jobs: really stopped at a limit or a cancel; a crash of theirs is theirs alone; they die with the worker."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import naq
from naq.client import AsyncClient
from naq.examples import context
from naq.models.job import JobStatus
from naq.server.watch import process_identity
from naq.settings import Settings
from naq.worker import isolation
from tests.conftest import EXAMPLES, WorkerFactory, child, run_naq
from tests.integration import isolation_tasks as tasks
from tests.integration import sample_tasks
from tests.integration.log import events_of

pytestmark = pytest.mark.nats
TASKS = "tests.integration.isolation_tasks"
MODULES = (TASKS, EXAMPLES, "tests.integration.sample_tasks")


async def until(condition: Callable[[], bool]) -> None:
    """What another process does can only be looked for."""
    async with asyncio.timeout(15):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def text_in(path: Path) -> str:
    await until(path.exists)
    return _text(path)


def _text(path: Path) -> str:
    return path.read_text()


async def gone(pid: int) -> None:
    await until(lambda: process_identity(pid) is None)


async def test_processes_are_not_the_worker_and_are_used_again(client: AsyncClient, worker: WorkerFactory) -> None:
    async with worker(modules=MODULES):
        first = await (await client.enqueue(tasks.own_pid, isolate=True)).result(timeout=20)
        second = await (await client.enqueue(tasks.own_pid_in_a_loop, isolate=True)).result(timeout=20)
        beside = await (await client.enqueue(tasks.own_pid)).result(timeout=20)
    assert beside == os.getpid()
    assert first == second != os.getpid()
    await gone(first)


async def test_a_worker_isolates_everything(
    client: AsyncClient, worker: WorkerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolation, "JOBS_PER_PROCESS", 2)
    async with worker(modules=MODULES, isolate=True, concurrency=1):
        pids = [await (await client.enqueue(tasks.own_pid)).result(timeout=20) for _ in range(4)]
        value = await (await client.enqueue(sample_tasks.many_bytes, 300_000)).result(timeout=20)
        error = (await client.results.wait_record((await client.enqueue(sample_tasks.fails_with, "x")).job_id)).error
        shape = (await client.results.wait_record((await client.enqueue(sample_tasks.unserialisable)).job_id)).error
    assert os.getpid() not in pids
    assert pids[0] == pids[1] != pids[2] == pids[3], "replaced after so many jobs"
    assert value == "é" * 150_000
    assert error is not None
    assert (error.type, error.message) == ("ValueError", "1 characters are too many")
    assert error.traceback is not None
    assert "sample_tasks.py" in error.traceback
    assert "naq/worker" not in error.traceback
    assert shape is not None
    assert shape.type == "SerializationError"


async def test_a_process_ends_when_nothing_comes(
    client: AsyncClient, worker: WorkerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolation, "IDLE_S", 0.1)
    async with worker(modules=MODULES):
        pid = await (await client.enqueue(tasks.own_pid, isolate=True)).result(timeout=20)
        await gone(pid)
        again = await (await client.enqueue(tasks.own_pid, isolate=True)).result(timeout=20)
    assert again != pid


@pytest.mark.parametrize("function", [tasks.sleeps, tasks.waits])
async def test_the_time_limit_stops_the_function(
    client: AsyncClient, worker: WorkerFactory, tmp_path: Path, function: object
) -> None:
    note = tmp_path / "note"
    async with worker(modules=MODULES):
        job = await client.enqueue(function, str(note), isolate=True, timeout=0.5)  # type: ignore[arg-type]
        record = await client.results.wait_record(job.job_id, timeout=20)
        assert process_identity(int(note.read_text())) is None, "it ran no more when its end was told"
        assert note.with_suffix(".end").exists(), "its clean-up ran"
        assert await (await client.enqueue(tasks.own_pid, isolate=True)).result(timeout=20)
    assert record.error is not None
    assert record.error.type == "TimeLimitExceeded"
    failed = (await events_of(client, job.job_id))[-1]
    assert (failed.type, failed.details) == ("FAILED", {"time_limit_s": 0.5})
    assert record.run_ms is not None
    assert record.run_ms < 5000


async def test_a_function_that_hears_nothing_is_killed_with_what_it_started(
    client: AsyncClient, worker: WorkerFactory, tmp_path: Path
) -> None:
    note = tmp_path / "note"
    async with worker(modules=MODULES):
        job = await client.enqueue(tasks.deaf, str(note), isolate=True, capture_logs=True)
        pid, grandchild = map(int, (await text_in(note)).split())
        asked = time.monotonic()
        assert await client.cancel(job.job_id, reason="enough") == JobStatus.CANCELLED
        assert time.monotonic() - asked < 5
        await gone(pid)
        await gone(grandchild)
    events = await events_of(client, job.job_id)
    assert [event.type for event in events] == ["ENQUEUED", "STARTED", "CANCELLED"]
    assert events[-1].reason == "enough"
    record = await client.results.get_record(job.job_id)
    assert record is not None
    assert record.logs[-1].endswith("goes on"), "what it said after it was asked to stop is kept"


async def test_a_cancel_is_known_to_the_clean_up(client: AsyncClient, worker: WorkerFactory, tmp_path: Path) -> None:
    note = tmp_path / "note"
    async with worker(modules=MODULES, isolate=True):
        job = await client.enqueue(tasks.sleeps, str(note), max_retries=3)
        await text_in(note)
        assert await client.cancel(job.job_id) == JobStatus.CANCELLED
    assert note.with_suffix(".end").read_text() == "True"
    assert [event.type for event in await events_of(client, job.job_id)] == ["ENQUEUED", "STARTED", "CANCELLED"]


async def test_a_signal_to_the_whole_group_does_not_end_the_job(
    client: AsyncClient, worker: WorkerFactory, tmp_path: Path
) -> None:
    """A service manager signals every process; the worker drains, and the job gets the time that it has for that."""
    note = tmp_path / "note"
    async with worker(modules=MODULES):
        job = await client.enqueue(tasks.sleeps, str(note), 1.0, isolate=True)
        os.kill(int(await text_in(note)), signal.SIGTERM)
        assert await job.result(timeout=10) is None


@pytest.mark.parametrize(
    ("function", "args", "ending"),
    [
        (tasks.crashes, (), "SIGSEGV"),
        (tasks.exits, (7,), "exit code 7"),
        (tasks.closes_everything, (), "exit code 1"),
        (tasks.babbles, (), "a message of 4,294,967,295 bytes"),
    ],
)
async def test_a_death_fails_one_attempt_of_one_job(
    client: AsyncClient, worker: WorkerFactory, function: object, args: tuple[object, ...], ending: str
) -> None:
    async with worker(modules=MODULES):
        beside = await client.enqueue(tasks.tells, isolate=True)
        job = await client.enqueue(function, *args, isolate=True, capture_logs=True)  # type: ignore[arg-type]
        record = await client.results.wait_record(job.job_id, timeout=20)
        await beside.result(timeout=20)
    assert record.error is not None
    assert record.error.type == "IsolatedProcessDied"
    assert ending in record.error.message
    assert record.crashes == 0, "no worker died"
    if function is tasks.crashes:
        assert record.logs[-1].endswith("about to read what is not there")


async def test_a_death_is_retried_as_any_failure(client: AsyncClient, worker: WorkerFactory, tmp_path: Path) -> None:
    path = str(tmp_path / "count")
    async with worker(modules=MODULES):
        job = await client.enqueue(
            tasks.crashes_until,
            path,
            2,
            isolate=True,
            max_retries=2,
            retry_delay=0.05,
            retry_on=[naq.IsolatedProcessDied],
        )
        assert await job.result(timeout=20) == "attempt 3"
    events = await events_of(client, job.job_id)
    assert [event.type for event in events] == [
        *("ENQUEUED", "STARTED", "RETRY_SCHEDULED", "STARTED", "RETRY_SCHEDULED", "STARTED", "COMPLETED")
    ]
    assert events[2].error is not None
    assert "SIGABRT" in events[2].error["message"]


async def test_the_job_knows_of_itself(client: AsyncClient, worker: WorkerFactory) -> None:
    async with worker("mail", modules=MODULES):
        job = await client.enqueue(
            tasks.tells, queue_name="mail", isolate=True, capture_logs=True, tags=["a"], timeout=30
        )
        assert await job.result(timeout=20) == [1, "mail", f"{TASKS}:tells", ["a"], 30.0]
    told = [event.details for event in await events_of(client, job.job_id) if event.type == "PROGRESS"]
    assert told == [{"done": 1, "total": 2, "note": "half"}, {"done": 2, "total": 2}]
    record = await client.results.get_record(job.job_id)
    assert record is not None
    assert [line.rsplit(": ")[-1] for line in record.logs] == ["half of it"]


async def test_a_worker_that_stops_at_once_hands_the_job_back_when_it_runs_no_more(
    client: AsyncClient, worker: WorkerFactory, tmp_path: Path
) -> None:
    note = tmp_path / "note"
    async with worker(modules=MODULES, isolate=True) as first:
        job = await client.enqueue(tasks.sleeps, str(note), 60.0)
        pid = int(await text_in(note))
        first.stop(now=True)
    assert process_identity(pid) is None
    assert note.with_suffix(".end").read_text() == "False"
    note.unlink()
    async with worker(modules=MODULES, isolate=True):
        await text_in(note)
        await client.cancel(job.job_id)
    assert [event.type for event in await events_of(client, job.job_id)] == [
        *("ENQUEUED", "STARTED", "STARTED", "CANCELLED")
    ]


async def test_the_process_dies_with_a_killed_worker_and_the_job_runs_elsewhere(
    client: AsyncClient, settings: Settings, worker: WorkerFactory, tmp_path: Path
) -> None:
    note = tmp_path / "note"
    async with child(settings, "worker", "-m", TASKS, "--isolate") as process:
        job = await client.enqueue(tasks.sleeps, str(note), 2.0)
        pid = int(await text_in(note))
        process.kill()
        await gone(pid)
    assert not note.with_suffix(".end").exists()
    async with worker(modules=MODULES, isolate=True):
        assert await job.result(timeout=20) is None
    assert int(note.read_text()) != pid
    events = await events_of(client, job.job_id)
    assert [event.type for event in events] == ["ENQUEUED", "STARTED", "STARTED", "COMPLETED"]
    assert events[2].details == {"redelivered": True, "crashes": 1}, "this was the worker's death"


async def test_time_limits_by_queue(client: AsyncClient, settings: Settings, worker: WorkerFactory) -> None:
    async with worker("mail", "slow", "default", modules=MODULES, queue_timeouts={"mail": 0.2, "*": 0.6}):
        short = await client.enqueue(sample_tasks.wait_long, queue_name="mail")
        other = await client.enqueue(sample_tasks.wait_long, queue_name="slow")
        own = await client.enqueue("naq.examples.tasks:sleep", 0.5, queue_name="mail", timeout=20)
        assert await own.result(timeout=10) == 0.5
        records = [await client.results.wait_record(job.job_id, timeout=10) for job in (short, other)]
    assert [record.error.message for record in records if record.error] == [
        "not done after 0.2 s",
        "not done after 0.6 s",
    ]
    assert (await events_of(client, short.job_id))[-1].details == {"time_limit_s": 0.2}
    assert records[0].job is not None
    assert "timeout" not in records[0].job, "run again elsewhere, the limit there holds"
    code, _, err = await run_naq(settings, "worker", "-m", EXAMPLES, "--timeout", "mail=soon")
    assert (code, "--timeout 'mail=soon'" in err) == (2, True)
    with pytest.raises(naq.ConfigurationError, match="positive seconds"):
        naq.Worker(modules=[EXAMPLES], queue_timeouts={"mail": 0}, settings=settings)


async def test_wishes_come_through(client: AsyncClient, worker: WorkerFactory) -> None:
    async with worker(modules=("naq.examples.context",), isolate=True):
        again = await client.enqueue(context.wait_for_upload, 2)
        ended = await client.enqueue(context.stop_if_unknown, "unknown")
        assert await again.result(timeout=20) == "ready at attempt 2"
        record = await client.results.wait_record(ended.job_id, timeout=20)
    assert (record.status, record.reason) == (JobStatus.CANCELLED, "no such customer")


async def test_a_result_has_a_limit(client: AsyncClient, settings: Settings) -> None:
    instance = naq.Worker(
        modules=MODULES, isolate=True, burst=True, settings=settings.with_(max_result_bytes=1_000_000)
    )
    job = await client.enqueue(sample_tasks.many_bytes, 3_000_000)
    await instance.run()
    record = await client.results.get_record(job.job_id)
    assert record is not None
    assert record.error is not None
    assert record.error.type == "ResultTooLarge"
    assert "the limit is 1,000,000" in record.error.message


async def test_modules_that_a_process_can_not_import(client: AsyncClient, worker: WorkerFactory) -> None:
    """Code that does not bear being imported by a second process, or was broken since the worker started."""
    async with worker(modules=MODULES, isolate=True) as instance:
        instance._executor.isolation._setup["modules"] = ["no.such.module"]
        job = await client.enqueue(tasks.own_pid)
        record = await client.results.wait_record(job.job_id, timeout=20)
    assert record.error is not None
    assert record.error.type == "IsolatedProcessDied"
    assert "could not start: module 'no.such.module' was not found" in record.error.message


async def test_what_a_job_prints_is_seen_at_once(client: AsyncClient, settings: Settings) -> None:
    async with child(settings, "worker", "-m", TASKS, "--isolate") as process:
        await client.enqueue(tasks.prints, "hello from far away")
        assert process.stdout is not None
        async with asyncio.timeout(20):
            while b"hello from far away" not in await process.stdout.readline():
                assert process.returncode is None


async def test_a_schedule_isolates_too(client: AsyncClient) -> None:
    await client.schedule(tasks.own_pid, interval=60, isolate=True, schedule_id="alone")
    assert (await client.list_schedules())[0].job["isolate"] is True
