"""What tests in a real terminal share: the console's command and environment, a client beside it, worker processes."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from naq.client import AsyncClient
from naq.models.event import JobEvent, StoredEvent
from naq.settings import Settings
from naq.sync import SyncClient
from tests.conftest import EXAMPLES, ROOT, environment_of
from tests.integration.log import all_events

CONSOLE = (sys.executable, "-m", "naq_tui")

StartWorker = Callable[..., subprocess.Popen[bytes]]
ReadLog = Callable[[], list[StoredEvent]]


def of_type(log: list[StoredEvent], kind: str) -> list[JobEvent]:
    return [stored.event for stored in log if stored.event is not None and stored.event.type == kind]


def children_of(state: Path) -> list[psutil.Process]:
    """Processes of this test's consoles that still run, told by their environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("NAQ_STATE_DIR") == str(state) and process.pid != os.getpid():
                found.append(process)
        except psutil.Error:
            continue
    return [process for process in found if "naq" in " ".join(process.cmdline())]


@pytest.fixture(autouse=True)
def _needs_tmux() -> None:
    if shutil.which("tmux") is None:
        if os.environ.get("CI"):
            pytest.fail("tmux is missing: install it, these tests are not to be skipped in CI")
        pytest.skip("needs tmux")


@pytest.fixture
def console_env(settings: Settings, tmp_path: Path) -> dict[str, str]:
    wanted = {
        name: value for name, value in environment_of(settings).items() if name.startswith(("NAQ_", "PYTHONPATH"))
    }
    return {
        **wanted,
        "NAQ_STATE_DIR": str(tmp_path / "state"),
        "NAQ_CONFIG_DIR": str(tmp_path / "config"),
        "NAQ_DATA_DIR": str(tmp_path / "data"),
        "XDG_CONFIG_HOME": str(tmp_path / "xdg"),
    }


@pytest.fixture
def outside(settings: Settings) -> Iterator[SyncClient]:
    """Another program on the same system: what it does shows in the console."""
    with SyncClient(settings, program="outside") as client:
        yield client


@pytest.fixture
def read_log(settings: Settings) -> ReadLog:
    async def read() -> list[StoredEvent]:
        async with AsyncClient(settings, program="test") as client:
            return await all_events(client)

    return lambda: asyncio.run(read())


@pytest.fixture
def start_worker(settings: Settings) -> Iterator[StartWorker]:
    """`start_worker("mail", "--name", "web")`: a worker process of its own, killed at the end if it still runs."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "naq", "worker", "-m", EXAMPLES, *arguments],
            env=environment_of(settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()
