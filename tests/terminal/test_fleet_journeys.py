"""What an operator comes to the console for, from the first key to the state of the system: schedules, workers,
queues, processes.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from naq.examples import tasks
from naq.models.job import JobStatus
from naq.models.schedule import ScheduleStatus
from naq.sync import SyncClient
from tests.terminal import shop
from tests.terminal.conftest import CONSOLE, StartWorker, children_of
from tests.terminal.tmux import Tmux

pytestmark = [pytest.mark.nats, pytest.mark.terminal]


def pids_by_name(state: Path) -> dict[str, int]:
    """The workers that consoles of this test have started and that run."""
    words = {process.pid: process.cmdline() for process in children_of(state)}
    named = {
        pid: [word.partition("=")[2] for word in line if word.startswith("--name=")] for pid, line in words.items()
    }
    return {names[0]: pid for pid, names in named.items() if names}


def test_pause_a_schedule_and_trigger_it(
    console_env: dict[str, str], outside: SyncClient, start_worker: StartWorker, tmp_path: Path
) -> None:
    start_worker("default")
    outside.schedule(tasks.add, 20, 3, cron="0 2 * * *", schedule_id="nightly")
    outside.schedule(tasks.add, 1, 1, cron="0 3 * * *", schedule_id="weekly")
    with Tmux(CONSOLE, tmp_path, cols=120, rows=40, env=console_env) as terminal:
        terminal.wait("LIVE")
        terminal.keys("6")
        terminal.wait(lambda s: s.count("● active") == 2)
        terminal.keys("/")
        terminal.type("nightly")
        terminal.keys("Enter", "P")
        terminal.wait("Pause schedule nightly?")
        terminal.keys("Right", "Enter")
        terminal.wait("❚ paused")
        statuses = {each.schedule_id: each.status for each in outside.list_schedules()}
        assert statuses == {"nightly": ScheduleStatus.PAUSED, "weekly": ScheduleStatus.ACTIVE}
        terminal.keys("T")
        terminal.wait("Fire schedule nightly now?")
        terminal.keys("Right", "Enter")
        screen = terminal.wait("Schedule nightly fired: job")
        assert "❚ paused" in screen, "it stays as it was"
        terminal.keys("7")
        terminal.wait(lambda s: "✓ done" in s and "23" in s)
        terminal.keys("Enter")
        screen = terminal.wait("schedule      nightly")
        job_id = next(line.split()[1] for line in screen.splitlines() if line.startswith(" job "))
    assert outside.fetch_job_result(job_id, timeout=5) == 23
    assert {each.schedule_id: each.status for each in outside.list_schedules()} == statuses


def test_find_a_dead_worker_and_what_it_was_doing(
    console_env: dict[str, str], outside: SyncClient, start_worker: StartWorker, tmp_path: Path
) -> None:
    victim = start_worker("orders", "--name", "victim", "-m", "tests.terminal.shop")
    job = outside.enqueue(shop.pack, 60, queue_name="orders")
    with Tmux(CONSOLE, tmp_path, cols=120, rows=40, env=console_env) as terminal:
        terminal.wait(lambda s: "LIVE" in s and "● busy" in s and "1/10" in s)
        victim.send_signal(signal.SIGKILL)
        terminal.wait(lambda s: "victim is dead: no heartbeat" in s and "1 job held" in s and "✗ dead" in s)
        terminal.keys("5")
        terminal.wait(lambda s: "─ Workers" in s and "1 dead" in s)
        terminal.keys("Enter")
        screen = terminal.wait("It had when it was last heard of")
        assert "✗ dead" in screen
        doing = screen[screen.index("It had when") :]
        assert job.job_id[-6:] in doing
        assert "pack" in doing
        assert "orders" in doing
    assert outside.get_job_status(job.job_id) in (JobStatus.RUNNING, JobStatus.PENDING), "it is not lost"
    assert [(each.queue, each.waiting + each.running) for each in outside.list_queues()] == [("orders", 1)]


def test_launch_scale_crash_and_restart(console_env: dict[str, str], outside: SyncClient, tmp_path: Path) -> None:
    state = tmp_path / "state"
    with Tmux(CONSOLE, tmp_path, cols=120, rows=40, env=console_env) as terminal:
        terminal.wait("LIVE")
        terminal.keys("w")
        terminal.wait("Launch a worker on this machine")
        terminal.keys("BTab", "BTab")
        terminal.type("till")
        terminal.keys("Enter", "8")
        terminal.wait(lambda s: "till" in s and "● running" in s and "0/10" in s)
        assert outside.fetch_job_result(outside.enqueue(tasks.add, 2, 3).job_id, timeout=10) == 5
        terminal.keys("+")
        terminal.wait(lambda s: s.count("● running") == 2)
        (second,) = set(pids_by_name(state)) - {"till"}
        first_pid = pids_by_name(state)["till"]
        os.kill(first_pid, signal.SIGKILL)
        terminal.wait(lambda s: "crashed" in s and s.count("● running") == 1)
        assert set(pids_by_name(state)) == {second}
        terminal.keys("/")
        terminal.type("crashed")
        terminal.keys("Enter", "R")
        terminal.wait("Restart till")
        terminal.keys("Right", "Enter")
        terminal.wait("till is restarted")
        terminal.keys("Escape")
        terminal.wait(lambda s: s.count("● running") == 2)
        assert pids_by_name(state)["till"] != first_pid
        assert outside.fetch_job_result(outside.enqueue(tasks.add, 4, 5).job_id, timeout=10) == 9
        terminal.keys("q")
        terminal.wait("stop them")
        terminal.keys("Right", "Right", "Enter")
        assert "EXIT=0" in terminal.wait("EXIT=", timeout=20)
    assert children_of(state) == []


def test_drain_a_queue_before_a_deploy(
    console_env: dict[str, str], outside: SyncClient, start_worker: StartWorker, tmp_path: Path
) -> None:
    """Paused, watched until nothing of it runs, its worker asked to end; what waits is there for the new ones."""
    worker = start_worker("shipping", "--name", "old", "--concurrency", "1", "-m", "tests.terminal.shop")
    running, waiting = (outside.enqueue(shop.ship, str(tmp_path), queue_name="shipping") for _ in range(2))
    with Tmux(CONSOLE, tmp_path, cols=120, rows=40, env=console_env) as terminal:
        terminal.wait(lambda s: "LIVE" in s and "● busy" in s)
        terminal.keys("4")
        terminal.wait(lambda s: "shipping" in s and "1 waiting" in s)
        terminal.keys("P")
        terminal.wait("Pause queue shipping?")
        terminal.keys("Right", "Enter")
        terminal.wait(lambda s: "paused" in s and "Are you sure?" not in s)
        (stats,) = outside.list_queues()
        assert (stats.is_paused, stats.waiting, stats.running) == (True, 1, 1)
        (tmp_path / "lorry").touch()
        assert outside.fetch_job_result(running.job_id, timeout=10) == "shipped"
        terminal.wait(lambda s: any("shipping" in line and line.split()[3:5] == ["1", "0"] for line in s.splitlines()))
        terminal.keys("5")
        terminal.wait(lambda s: "old" in s and "○ idle" in s)
        terminal.keys("K")
        terminal.wait("Stop worker")
        terminal.keys("Right", "Enter")
        assert worker.wait(timeout=15) == 0
        terminal.wait("No workers yet")
    (stats,) = outside.list_queues()
    assert (stats.is_paused, stats.waiting, stats.running) == (True, 1, 0)
    assert outside.get_job_status(waiting.job_id) is JobStatus.PENDING
    assert outside.list_workers() == []
