"""The console in a real terminal, on a real server, with real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from naq.examples import tasks
from naq.server import EmbeddedServer
from naq.settings import Settings
from naq.sync import SyncClient
from tests.conftest import ROOT, environment_of
from tests.terminal.conftest import CONSOLE, children_of
from tests.terminal.tmux import Tmux

pytestmark = [pytest.mark.nats, pytest.mark.terminal]


def test_launch_a_worker_by_key_and_see_a_job_pass(
    console_env: dict[str, str], settings: Settings, outside: SyncClient, tmp_path: Path
) -> None:
    with Tmux(CONSOLE, tmp_path, cols=120, rows=40, env=console_env) as terminal:
        terminal.wait("LIVE")
        terminal.keys("w")
        terminal.wait("naq.examples.tasks")
        terminal.keys("Enter")
        terminal.wait("1 live")
        enqueued = subprocess.run(
            [sys.executable, "-m", "naq", "enqueue", "naq.examples.tasks:add", "2", "3"],
            env=environment_of(settings), capture_output=True, text=True, check=True, cwd=ROOT,
        )  # fmt: skip
        job_id = enqueued.stdout.strip()
        terminal.wait(lambda s: "enqueued" in s and "started" in s and "completed" in s)
        assert outside.fetch_job_result(job_id, timeout=5) == 5
        terminal.keys("7")
        terminal.wait(lambda s: job_id[-6:] in s and "5" in s)
        terminal.keys("q")
        terminal.wait("stop them")
        terminal.keys("Right", "Right", "Enter")
        screen = terminal.wait("EXIT=", timeout=20)
        assert "EXIT=0" in screen
        assert terminal.flags() == "001", "the terminal is as it was"
    assert children_of(tmp_path / "state") == []


def test_a_killed_worker_is_shown_dead_and_a_lost_server_is_told(
    console_env: dict[str, str], settings: Settings, tmp_path: Path
) -> None:
    worker = subprocess.Popen(
        [sys.executable, "-m", "naq", "worker", "-m", "naq.examples.tasks", "--name", "victim"],
        env=environment_of(settings), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT,
    )  # fmt: skip
    try:
        with Tmux(CONSOLE, tmp_path, cols=80, rows=24, env=console_env) as terminal:
            terminal.wait("LIVE")
            terminal.keys("5")
            terminal.wait(lambda s: "victim" in s and "idle" in s)
            worker.send_signal(signal.SIGKILL)
            worker.wait()
            screen = terminal.wait(lambda s: "✗ dead" in s and "no heartbeat" in s, timeout=5)
            assert "is dead" in screen
            terminal.keys("q")
            terminal.wait("EXIT=0")
            assert terminal.flags() == "001"
    finally:
        if worker.poll() is None:
            worker.kill()


def test_what_happens_to_schedules_shows_without_a_key(
    console_env: dict[str, str], settings: Settings, outside: SyncClient, tmp_path: Path
) -> None:
    with Tmux(CONSOLE, tmp_path, cols=120, rows=40, env=console_env) as terminal:
        terminal.wait("LIVE")
        terminal.keys("6")
        terminal.wait("No schedules yet")
        outside.schedule(tasks.add, 1, 2, cron="0 2 * * *", schedule_id="nightly")
        terminal.wait(lambda s: "nightly" in s and "every day at 02:00" in s and "active" in s)
        outside.pause_scheduled_job("nightly")
        terminal.wait("paused")
        outside.resume_scheduled_job("nightly")
        terminal.wait("active")
        outside.cancel_scheduled_job("nightly")
        terminal.wait("cancelled")
        terminal.keys("q")
        terminal.wait("EXIT=0")


def test_a_lost_server_is_told_and_come_back_to(console_env: dict[str, str], tmp_path: Path, prefix: str) -> None:
    loop = asyncio.new_event_loop()
    server = EmbeddedServer(tmp_path / "own")
    loop.run_until_complete(server.start())
    env = {**console_env, "NAQ_NATS_URL": server.url}
    try:
        with Tmux(CONSOLE, tmp_path, env=env) as terminal:
            terminal.wait("LIVE")
            with SyncClient(Settings(nats_url=server.url, prefix=prefix)) as client:
                client.enqueue(tasks.add, 1, 2)
            terminal.wait("enqueued")
            assert server.pid is not None
            os.kill(server.pid, signal.SIGKILL)
            loop.run_until_complete(server.wait())
            screen = terminal.wait("LOST")
            assert "enqueued" in screen, "what was known stays"
            assert "stale" in screen
            loop.run_until_complete(server.start())
            terminal.wait("LIVE")
            with SyncClient(Settings(nats_url=server.url, prefix=prefix)) as client:
                client.enqueue(tasks.echo, "again")
            terminal.wait("echo")
            terminal.keys("q")
            terminal.wait("EXIT=0")
    finally:
        loop.run_until_complete(server.stop())
        loop.close()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_cleanly(console_env: dict[str, str], tmp_path: Path, end: signal.Signals) -> None:
    with Tmux(CONSOLE, tmp_path, env=console_env) as terminal:
        terminal.wait("LIVE")
        (console,) = [p for p in children_of(tmp_path / "state") if "naq_tui" in p.cmdline()]
        console.send_signal(end)
        terminal.wait("EXIT=")
        assert terminal.flags() == "001"


def test_the_demo_is_alive_and_leaves_nothing_behind(console_env: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "tmp"
    folder.mkdir()
    env = {**console_env, "TMPDIR": str(folder)}
    with Tmux((*CONSOLE, "--demo"), tmp_path, cols=120, rows=40, env=env) as terminal:
        terminal.wait(lambda s: "3 live" in s and "completed" in s and "digest" in s, timeout=20)
        running = [p for p in psutil.process_iter() if _has_env(p, "TMPDIR", str(folder)) and _is_ours(p)]
        assert len(running) >= 5, "console, server, two workers, a scheduler"
        terminal.keys("q")
        terminal.wait("EXIT=0", timeout=20)
        _, alive = psutil.wait_procs(running, timeout=10)
        assert alive == []
    assert list(folder.iterdir()) == []


def test_what_cannot_be_is_said_in_one_line(console_env: dict[str, str], tmp_path: Path) -> None:
    with Tmux((*CONSOLE, "--server", "nats://127.0.0.1:1"), tmp_path, env=console_env) as terminal:
        screen = terminal.wait("EXIT=1")
        assert "naq-console: no server answers at nats://127.0.0.1:1" in screen
        assert "Traceback" not in screen


def test_without_a_terminal_it_says_so() -> None:
    done = subprocess.run(CONSOLE, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.returncode, "needs a terminal" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--demo", "--snapshot", "jobs"), "--demo has a server of its own"),
        (("--demo", "--server", "nats://127.0.0.1:1"), "--demo has a server of its own"),
        (("--read-only", "--write"), "contradict each other"),
    ],
)
def test_what_contradicts_itself_is_refused(words: tuple[str, ...], told: str) -> None:
    done = subprocess.run((*CONSOLE, *words), capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.returncode, told in done.stderr) == (2, True), done.stderr


def _has_env(process: psutil.Process, name: str, value: str) -> bool:
    try:
        return process.environ().get(name) == value
    except psutil.Error:
        return False


def _is_ours(process: psutil.Process) -> bool:
    try:
        return process.name() == "nats-server" or {"naq", "naq_tui"} & set(process.cmdline()) != set()
    except psutil.Error:
        return False
