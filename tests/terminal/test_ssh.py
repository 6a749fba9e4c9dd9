"""The console over a real SSH login: as an operator has it on a machine elsewhere."""

from __future__ import annotations

import os
import shlex
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
import pytest

from naq.sync import SyncClient
from tests.terminal.conftest import CONSOLE, ReadLog, children_of, of_type
from tests.terminal.sshd import IS_INSTALLED, login
from tests.terminal.tmux import Tmux

pytestmark = [
    pytest.mark.nats,
    pytest.mark.terminal,
    pytest.mark.skipif(not IS_INSTALLED, reason="needs the server and client of OpenSSH"),
]

IDLE_S = 10.0
MOST_IDLE_BYTES_S = 10_000
"""Far above what it takes (some 1,300 bytes a second): a bound that only a broken screen passes."""
RECIPES = """
[recipes.steady]
modules = ["naq.examples.tasks"]

[recipes.tidy]
modules = ["naq.examples.tasks"]
hangup = "drain"

[recipes.brief]
modules = ["naq.examples.tasks"]
hangup = "kill"
"""


def over(ssh: Sequence[str], env: dict[str, str]) -> list[str]:
    """The console, run there with these variables: SSH passes none."""
    settings = [f"{name}={value}" for name, value in env.items()]
    return [*ssh, shlex.join(["env", "COLORTERM=truecolor", *settings, *CONSOLE])]


def workers_of(state: Path) -> set[str]:
    """The recipes of the workers that run."""
    return {
        word.removeprefix("--name=").rpartition("-")[0]
        for process in children_of(state)
        for word in process.cmdline()
        if word.startswith("--name=")
    }


def becomes(condition: Callable[[], bool], what: str, timeout: float = 20) -> None:
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def test_a_session_with_resizes_and_an_act(
    console_env: dict[str, str],
    outside: SyncClient,
    read_log: ReadLog,
    tmp_path: Path,
) -> None:
    outside.enqueue("naq.examples.tasks:echo", "hello", queue_name="mail")
    with login(tmp_path) as ssh, Tmux(over(ssh, console_env), tmp_path, cols=120, rows=40) as terminal:
        screen = terminal.wait(lambda s: "LIVE" in s and "mail" in s and "─ Workers" in s)
        assert "╭" in screen, "a login without a locale has its frames all the same"
        terminal.resize(80, 24)
        screen = terminal.wait(lambda s: "At a glance" in s and "─ Workers" not in s)
        assert max(map(len, screen.splitlines())) <= 80
        terminal.keys("4")
        terminal.wait(lambda s: "─ Queues" in s and "1 waiting" in s)
        terminal.resize(120, 40)
        terminal.wait(lambda s: "again  pulls" in s)
        terminal.keys("P")
        terminal.wait("Pause queue mail?")
        terminal.keys("Right", "Enter")
        terminal.wait(lambda s: "paused" in s and "Are you sure?" not in s)
        terminal.keys("1")
        terminal.wait(lambda s: "─ Workers" in s and "Queue mail paused" not in s)

        sent = tmp_path / "sent"
        terminal.record(sent)
        time.sleep(IDLE_S)
        idle = sent.stat().st_size / IDLE_S
        assert 0 < idle < MOST_IDLE_BYTES_S, f"{idle:.0f} bytes a second"

        terminal.keys("C-z")
        terminal.wait("There is no shell behind this console")
        terminal.keys("q")
        terminal.wait("EXIT=0", timeout=20)
        assert terminal.flags() == "001", "the terminal is as it was"
    (paused,) = of_type(read_log(), "QUEUE_PAUSED")
    assert (paused.actor or {})["ssh"] == "127.0.0.1", "from where it was done is in the log"
    assert children_of(tmp_path / "state") == []


def test_a_hang_up_ends_the_console_and_each_worker_as_its_policy_says(
    console_env: dict[str, str], outside: SyncClient, tmp_path: Path
) -> None:
    state, config = tmp_path / "state", Path(console_env["NAQ_CONFIG_DIR"])
    config.mkdir(parents=True)
    (config / "config.toml").write_text(RECIPES)
    try:
        with login(tmp_path) as ssh:
            with Tmux(over(ssh, console_env), tmp_path, cols=120, rows=40) as terminal:
                terminal.wait("LIVE")
                terminal.keys("8")
                terminal.wait(lambda s: s.count("ready") == 3)
                for number, recipe in enumerate(("steady", "tidy", "brief"), start=1):
                    terminal.keys("/")
                    terminal.type(recipe)
                    terminal.keys("Enter", "+")
                    terminal.wait(f"{recipe}-1 started")
                    terminal.keys("Escape")
                    becomes(lambda n=number: len(outside.list_workers()) == n, f"{recipe} is up")  # type: ignore[misc]
                assert workers_of(state) == {"steady", "tidy", "brief"}
                consoles = [process for process in children_of(state) if "naq_tui" in process.cmdline()]
                console = min(consoles, key=psutil.Process.create_time)  # what it is about to start looks like it
                (client,) = [p for p in psutil.Process(terminal.pid()).children(recursive=True) if p.name() == "ssh"]
                os.kill(client.pid, signal.SIGKILL)
                becomes(lambda: not console.is_running(), "the console has ended")
            becomes(lambda: workers_of(state) == {"steady"}, f"of {workers_of(state)} only steady runs on")
            names = {worker.name for worker in outside.list_workers()}
            assert "steady-1" in names
            assert "tidy-1" not in names, "it said goodbye; what was killed could not"
            with Tmux(over(ssh, console_env), tmp_path, cols=120, rows=40) as terminal:
                terminal.wait("LIVE")
                terminal.keys("8")
                terminal.wait(lambda s: "steady-1" in s and "● running" in s)
                terminal.keys("q")
                terminal.wait("stop them")
                terminal.keys("Right", "Right", "Enter")
                terminal.wait("EXIT=0", timeout=20)
        assert children_of(state) == []
    finally:
        for process in children_of(state):
            process.kill()
