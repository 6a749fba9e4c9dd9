"""One bundled nats-server per test run, a prefix of its own per test."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from naq.client import AsyncClient
from naq.server import EmbeddedServer, binary
from naq.settings import Settings
from naq.worker import Worker

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = "naq.examples.tasks"

# how long an example takes is the machine's affair
hypothesis.settings.register_profile("naq", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("naq")

NEVER = 1_000_000
TESTS_PER_COLLECTION = 10
_ended = 0

WorkerFactory = Callable[..., AbstractAsyncContextManager[Worker]]


def pytest_collection_finish() -> None:
    """Leave the collector's full passes to the ends of tests: a fifth of what screen tests took went into them."""
    gc.collect()
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, NEVER)


def pytest_runtest_logfinish() -> None:
    global _ended
    _ended += 1
    if _ended % TESTS_PER_COLLECTION == 0:
        gc.collect()


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test sees this machine's naq settings, nats contexts or files."""
    for name in list(os.environ):
        if name.startswith("NAQ_") and name != binary.VARIABLE:  # tests.servers sets that
            monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    monkeypatch.setenv("NAQ_STATE_DIR", str(home / "state"))
    monkeypatch.setenv("NAQ_CONFIG_DIR", str(home / "config"))


@pytest.fixture(scope="session")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    loop = asyncio.new_event_loop()
    server = EmbeddedServer(tmp_path_factory.mktemp("nats") / "store")
    loop.run_until_complete(server.start())
    yield server
    loop.run_until_complete(server.stop())
    loop.close()


@pytest.fixture
def prefix() -> str:
    return f"t{uuid.uuid4().hex[:10]}"


@pytest.fixture
def settings(nats_server: EmbeddedServer, prefix: str) -> Settings:
    """Fast heartbeats and leases, so that a test of a death takes seconds."""
    return Settings(
        nats_url=nats_server.url,
        prefix=prefix,
        ack_wait_s=2.0,
        heartbeat_interval_s=0.5,
        lease_s=2.0,
        connect_timeout_s=5.0,
        events_max_bytes=0,  # a limit is storage set aside, for each prefix of the run
    )


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(settings, program="test") as opened:
        yield opened


@pytest.fixture
def worker(settings: Settings) -> WorkerFactory:
    """`async with worker("mail", concurrency=2) as w:` runs a worker in the test's own loop and drains it."""

    @asynccontextmanager
    async def run(
        *queues: str, modules: Sequence[str] = (EXAMPLES,), concurrency: int = 10, **options: Any
    ) -> AsyncIterator[Worker]:
        instance = Worker(
            queues or ("default",), modules=modules, concurrency=concurrency, settings=settings, **options
        )
        task = asyncio.create_task(instance.run())
        ready = asyncio.create_task(instance.ready.wait())
        await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            ready.cancel()
            task.result()
        try:
            yield instance
        finally:
            instance.stop()
            await task

    return run


def environment_of(settings: Settings) -> dict[str, str]:
    """The environment that gives a child process these settings."""
    return {
        **os.environ,
        **{name: value for name, value in settings.to_env().items() if name != "NAQ_CONNECT_TIMEOUT"},
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }


@asynccontextmanager
async def child(settings: Settings, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`naq <arguments>` as a process of its own, killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "naq",
        *arguments,
        env=environment_of(settings),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def run_naq(settings: Settings, *arguments: str, stdin: bytes | None = None) -> tuple[int, str, str]:
    """Exit code, output and errors of one `naq` command."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "naq",
        *arguments,
        env=environment_of(settings),
        stdin=asyncio.subprocess.PIPE if stdin is not None else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(stdin), 30)
    return process.returncode or 0, out.decode(), err.decode()
