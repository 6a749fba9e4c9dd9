"""Middleware: which hooks run when, what the function sees of them, and that nothing they raise touches a job."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest

import naq
from naq.client import AsyncClient
from naq.errors import ConfigurationError, JobExecutionError, NaqException
from naq.examples import context as context_examples
from naq.examples import tasks
from naq.middleware import Middleware, load_middleware
from naq.models.event import JobEventType
from naq.settings import Settings
from naq.worker import Worker, hooks
from naq.worker.run import Run
from tests.conftest import EXAMPLES, WorkerFactory, child, run_naq
from tests.integration.log import event_when

pytestmark = pytest.mark.nats

HERE = "tests.integration.test_middleware"
CONTEXT = "naq.examples.context"
tenant: ContextVar[str] = ContextVar("tenant", default="nobody")


async def tenant_of_coroutine() -> str:
    await asyncio.sleep(0)
    return tenant.get()


def tenant_of_thread() -> str:
    return tenant.get()


class Recorder(Middleware):
    """Notes every call; plain and async methods mixed on purpose."""

    def __init__(self, name: str = "", notes: list[Any] | None = None) -> None:
        self.name = name
        self.notes: list[Any] = [] if notes is None else notes
        self._has_noted = asyncio.Event()

    def note(self, what: Any) -> None:
        self.notes.append(what)
        self._has_noted.set()

    async def startup(self, worker: Worker) -> None:
        self.note(f"{self.name}startup")

    def shutdown(self, worker: Worker) -> None:
        self.note(f"{self.name}shutdown")

    def on_start(self, run: Run) -> None:
        self.note((f"{self.name}start", naq.current_job().job_id == run.job.job_id, run.attempt))

    @asynccontextmanager
    async def around(self, run: Run) -> AsyncIterator[None]:
        self.note(f"{self.name}enter")
        try:
            yield
        except BaseException as exc:
            self.note(f"{self.name}leave by {type(exc).__name__}")
            raise
        self.note(f"{self.name}leave")

    async def on_success(self, run: Run, value: Any) -> None:
        await asyncio.sleep(0)
        self.note((f"{self.name}success", value))

    def on_failure(self, run: Run, exception: BaseException, will_retry: bool) -> None:
        self.note((f"{self.name}failure", type(exception).__name__, str(exception), will_retry))

    def on_cancel(self, run: Run, reason: str | None) -> None:
        self.note((f"{self.name}cancel", reason))

    async def noted(self, note: Any) -> None:
        """Hooks of an end run after it is told: its result may be in hand before, and another job run."""
        async with asyncio.timeout(10):
            while note not in self.notes:
                self._has_noted.clear()
                await self._has_noted.wait()


class Tenant(Middleware):
    @contextmanager
    def around(self, run: Run) -> Iterator[None]:
        token = tenant.set(f"tenant of {run.job.queue_name}")
        try:
            yield
        finally:
            tenant.reset(token)


class Broken(Middleware):
    """Raises in every hook of a run."""

    def on_start(self, run: Run) -> None:
        raise LookupError("start")

    @contextmanager
    def around(self, run: Run) -> Iterator[None]:
        try:
            yield
        finally:
            raise LookupError("leave")

    async def on_success(self, run: Run, value: Any) -> None:
        raise asyncio.CancelledError

    def on_failure(self, run: Run, exception: BaseException, will_retry: bool) -> None:
        raise SystemExit(3)

    def shutdown(self, worker: Worker) -> None:
        raise LookupError("shutdown")


class FileNotes(Middleware):
    """For a worker in a process of its own: writes to the file that the job's tag names."""

    def on_success(self, run: Run, value: Any) -> None:
        Path(run.job.tags[0]).write_text(f"{run.job.function} gave {value}", encoding="utf-8")


async def test_hooks_run_in_order_around_a_job(client: AsyncClient, worker: WorkerFactory) -> None:
    notes: list[Any] = []
    async with worker(middleware=[Recorder("a ", notes), Recorder("b ", notes)]):
        job = await client.enqueue(tasks.add, 2, 3)
        assert await job.result(timeout=10) == 5
    assert notes == [
        "a startup",
        "b startup",
        ("a start", True, 1),
        ("b start", True, 1),
        "a enter",
        "b enter",
        "b leave",
        "a leave",
        ("a success", 5),
        ("b success", 5),
        "b shutdown",
        "a shutdown",
    ]


async def test_a_failure_says_whether_it_will_be_retried(client: AsyncClient, worker: WorkerFactory) -> None:
    recorder = Recorder()
    async with worker(middleware=[recorder]):
        job = await client.enqueue(tasks.fail, "no luck", max_retries=1, retry_delay=0.05)
        with pytest.raises(JobExecutionError, match="no luck"):
            await job.result(timeout=10)
        await recorder.noted(("failure", "RuntimeError", "no luck", False))
        unknown = await client.enqueue("naq.examples.tasks:missing")
        with pytest.raises(JobExecutionError):
            await unknown.result(timeout=10)
    run = ["enter", "leave by RuntimeError"]
    assert recorder.notes[1:9] == [
        ("start", True, 1),
        *run,
        ("failure", "RuntimeError", "no luck", True),
        ("start", True, 2),
        *run,
        ("failure", "RuntimeError", "no luck", False),
    ]
    refused = recorder.notes[-2]
    assert refused[:2] == ("failure", "JobExecutionError")
    assert "no function 'missing'" in refused[2]


async def test_cancelled_and_self_ended_runs_have_their_own_hook(client: AsyncClient, worker: WorkerFactory) -> None:
    recorder = Recorder()
    async with worker(modules=(EXAMPLES, CONTEXT), middleware=[recorder]):
        slow = await client.enqueue(tasks.sleep, 30)
        await event_when(client, lambda event: event.type == JobEventType.STARTED and event.job_id == slow.job_id)
        await client.cancel(slow.job_id, reason="not needed")
        with pytest.raises(JobExecutionError, match="not needed"):
            await slow.result(timeout=10)
        await recorder.noted(("cancel", "not needed"))
        ended = await client.enqueue(context_examples.stop_if_unknown, "unknown")
        with pytest.raises(JobExecutionError, match="no such customer"):
            await ended.result(timeout=10)
        await recorder.noted(("cancel", "no such customer"))
        again = await client.enqueue(context_examples.wait_for_upload, 2)
        assert await again.result(timeout=10) == "ready at attempt 2"
    assert [note for note in recorder.notes if note[0] in ("cancel", "failure", "success")] == [
        ("cancel", "not needed"),
        ("cancel", "no such customer"),
        ("failure", "Retry", "not uploaded yet", True),
        ("success", "ready at attempt 2"),
    ]
    assert "leave by CancelledError" in recorder.notes


class Deaf(Recorder):
    """Keeps every cancellation to itself."""

    def __init__(self) -> None:
        super().__init__()
        self.waits = asyncio.Event()

    async def on_start(self, run: Run) -> None:  # type: ignore[override]
        self.waits.set()
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            self.notes.append("swallowed")


@pytest.mark.parametrize("function", [tasks.add, tenant_of_thread])
async def test_a_hook_that_swallows_the_order_starts_no_cancelled_job(
    client: AsyncClient, worker: WorkerFactory, function: Any
) -> None:
    deaf = Deaf()
    async with worker(modules=(EXAMPLES, HERE), middleware=[deaf]):
        job = await client.enqueue(function, *((1, 2) if function is tasks.add else ()))
        await deaf.waits.wait()
        await client.cancel(job.job_id, reason="not needed")
        with pytest.raises(JobExecutionError, match="not needed"):
            await job.result(timeout=10)
    assert [note for note in deaf.notes if note[0] in ("cancel", "failure", "success") or note == "swallowed"] == [
        "swallowed",
        ("cancel", "not needed"),
    ]


async def test_isolated_jobs_have_the_same_hooks(client: AsyncClient, worker: WorkerFactory) -> None:
    recorder = Recorder()
    async with worker(modules=(EXAMPLES, CONTEXT), middleware=[recorder], isolate=True):
        assert await (await client.enqueue(tasks.add, 2, 3)).result(timeout=20) == 5
        failing = await client.enqueue(tasks.fail, "no luck")
        with pytest.raises(JobExecutionError):
            await failing.result(timeout=20)
        await recorder.noted(
            ("failure", "JobExecutionError", f"job {failing.job_id} failed: RuntimeError: no luck", False)
        )
        again = await client.enqueue(context_examples.wait_for_upload, 2)
        assert await again.result(timeout=20) == "ready at attempt 2"
    assert [note for note in recorder.notes if note[0] in ("failure", "success")] == [
        ("success", 5),
        ("failure", "JobExecutionError", f"job {failing.job_id} failed: RuntimeError: no luck", False),
        ("failure", "Retry", "not uploaded yet", True),
        ("success", "ready at attempt 2"),
    ]
    assert [note for note in recorder.notes if str(note).startswith("leave")] == [
        "leave",
        "leave by JobExecutionError",
        "leave by Retry",
        "leave",
    ]


async def test_context_variables_reach_coroutines_and_threads(client: AsyncClient, worker: WorkerFactory) -> None:
    async with worker("mail", modules=(HERE,), middleware=[Tenant()]):
        jobs = [
            await client.enqueue(function, queue_name="mail") for function in (tenant_of_coroutine, tenant_of_thread)
        ]
        assert [await job.result(timeout=10) for job in jobs] == ["tenant of mail"] * 2
    assert tenant.get() == "nobody"


async def test_what_a_hook_raises_is_logged_once_counted_and_changes_nothing(
    client: AsyncClient, worker: WorkerFactory, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = Recorder()
    with caplog.at_level(logging.ERROR, logger="naq.worker.hooks"):
        async with worker(middleware=[Broken(), recorder]) as instance:
            jobs = await client.enqueue_many([(tasks.add, (n, 1)) for n in range(20)])
            assert [await job.result(timeout=10) for job in jobs] == list(range(1, 21))
            failed = await client.enqueue(tasks.fail, "as asked")
            with pytest.raises(JobExecutionError, match="as asked"):
                await failed.result(timeout=10)
    assert instance.hook_errors == {
        "Broken.on_start": 21,
        "Broken.around": 21,
        "Broken.on_success": 20,
        "Broken.on_failure": 1,
        "Broken.shutdown": 1,
    }
    assert len([record for record in caplog.records if record.name == "naq.worker.hooks"]) == 5
    stopped = await event_when(client, lambda event: event.type == JobEventType.WORKER_STOPPED)
    assert (stopped.details or {})["hook_errors"]["Broken.around"] == 21
    assert len([note for note in recorder.notes if note[0] == "success"]) == 20, "the hooks behind it run"


async def test_a_worker_whose_startup_fails_takes_no_job(client: AsyncClient, settings: Settings) -> None:
    class NoDatabase(Recorder):
        async def startup(self, worker: Worker) -> None:
            raise ConnectionError("database is away")

    first, broken, last = Recorder(), NoDatabase(), Recorder()
    job = await client.enqueue(tasks.add, 1, 1)
    instance = Worker(modules=[EXAMPLES], settings=settings, middleware=[first, broken, last])
    with pytest.raises(NaqException, match="NoDatabase failed: ConnectionError: database is away"):
        await instance.run()
    assert (first.notes, broken.notes, last.notes) == (["startup", "shutdown"], ["shutdown"], [])
    assert await job.refresh() == "PENDING"
    assert await client.list_workers() == []


async def test_a_run_that_is_handed_back_leaves_its_blocks_and_has_no_end(
    client: AsyncClient, worker: WorkerFactory
) -> None:
    recorder = Recorder()
    async with worker(middleware=[recorder], drain_s=0.05):
        job = await client.enqueue(tasks.sleep, 1.0)
        await event_when(client, lambda event: event.type == JobEventType.STARTED)
    assert recorder.notes == ["startup", ("start", True, 1), "enter", "leave by CancelledError", "shutdown"]
    again = Recorder()
    async with worker(middleware=[again]):
        assert await job.result(timeout=10) == 1.0
    assert ("success", 1.0) in again.notes


async def test_a_shutdown_that_hangs_is_given_up(
    worker: WorkerFactory, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Hanging(Middleware):
        async def shutdown(self, worker: Worker) -> None:
            await asyncio.Event().wait()

    monkeypatch.setattr(hooks, "SHUTDOWN_S", 0.1)
    recorder = Recorder()
    async with worker(middleware=[recorder, Hanging()]):
        pass
    assert recorder.notes == ["startup", "shutdown"]
    assert "Hanging.shutdown did not end within 0.1 s and is given up" in caplog.text


async def test_middleware_on_the_command_line(client: AsyncClient, settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "note"
    job = await client.enqueue(tasks.add, 20, 3, tags=[str(path)])
    async with child(settings, "worker", "-m", EXAMPLES, "--burst", "--middleware", f"{HERE}:FileNotes") as process:
        async with asyncio.timeout(20):
            assert await process.wait() == 0
    assert await job.fetch_result() == 23
    assert path.read_text(encoding="utf-8") == "naq.examples.tasks:add gave 23"


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("no-colon", "expected 'package.module:ClassOrInstance'"),
        ("naq.no_such_module:X", "can't be loaded: ModuleNotFoundError"),
        (f"{HERE}:tenant", "must be instances of naq.Middleware, not a ContextVar"),
    ],
)
async def test_a_wrong_reference_is_told(settings: Settings, reference: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        load_middleware(reference)
    code, _, err = await run_naq(settings, "worker", "-m", EXAMPLES, "--middleware", reference)
    assert code == 2
    assert told in err
