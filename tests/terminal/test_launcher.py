"""The launcher in a real terminal, with real workers on a real server."""

from __future__ import annotations

import getpass
import os
import signal
import socket
from pathlib import Path

import psutil
import pytest

from tests.terminal.conftest import CONSOLE, ReadLog, children_of, of_type
from tests.terminal.tmux import Tmux

pytestmark = [pytest.mark.nats, pytest.mark.terminal]

RECIPES = """
[recipes.mail]
modules = ["naq.examples.tasks"]
queues = ["mail:3", "default"]
environment = { MAIL_TOKEN = "hunter2" }
restart = "on-failure"

[recipes.broken]
modules = ["no.such.module"]
restart = "always"
concurrency = 1

[recipes.short]
modules = ["naq.examples.tasks"]
hangup = "drain"

[recipes.brief]
modules = ["naq.examples.tasks"]
hangup = "kill"
"""


@pytest.fixture
def recipes(console_env: dict[str, str]) -> Path:
    folder = Path(console_env["NAQ_CONFIG_DIR"])
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(RECIPES)
    return folder


def worker_pids(state: Path) -> dict[str, int]:
    """The workers of this test by name."""
    found = {}
    for process in children_of(state):
        name = next((word.partition("=")[2] for word in process.cmdline() if word.startswith("--name=")), None)
        if name is not None:
            found[name] = process.pid
    return found


@pytest.mark.usefixtures("recipes")
def test_launch_scale_kill_and_see_it_come_back(console_env: dict[str, str], read_log: ReadLog, tmp_path: Path) -> None:
    state = tmp_path / "state"
    with Tmux(CONSOLE, tmp_path, cols=120, rows=40, env=console_env) as terminal:
        terminal.wait("LIVE")
        terminal.keys("8")
        terminal.wait(lambda s: "mail" in s and "ready" in s and "+ starts one" in s)
        terminal.keys("+")
        terminal.wait(lambda s: "mail-1" in s and "1/1" in s and "0/10" in s)
        terminal.keys("+")
        terminal.wait(lambda s: "mail-2" in s and s.count("2/2") == 2 and s.count("0/10") == 2)
        first = worker_pids(state)
        assert set(first) == {"mail-1", "mail-2"}
        assert psutil.Process(first["mail-1"]).environ()["MAIL_TOKEN"] == "hunter2"

        os.kill(first["mail-1"], signal.SIGKILL)
        terminal.wait(lambda s: worker_pids(state).get("mail-1") not in (None, first["mail-1"]) and s.count("2/2") == 2)
        terminal.keys("i")
        screen = terminal.wait("Earlier runs")
        assert "SIGKILL" in screen
        assert "hunter2" not in screen
        terminal.keys("Escape")
        terminal.wait("─ Processes")

        terminal.keys("-")
        terminal.wait("Drain one of the 2 of mail?")
        terminal.keys("Right", "Enter")
        terminal.wait(lambda s: "1/1" in s and "exited 0" in s)
        assert set(worker_pids(state)) == {"mail-1"}
        second = worker_pids(state)["mail-1"]
        terminal.keys("R")
        terminal.wait("Restart mail-1")
        terminal.keys("Right", "Enter")
        terminal.wait(lambda s: worker_pids(state).get("mail-1") not in (None, second) and "1/1" in s)
        terminal.keys("Enter")
        terminal.wait(lambda s: "Output of mail-1" in s and "started again at" in s)
        terminal.keys("Escape")
        terminal.wait("─ Processes")
        terminal.keys("q")
        terminal.wait("stop them")
        terminal.keys("Right", "Right", "Enter")
        assert "EXIT=0" in terminal.wait("EXIT=", timeout=20)
    assert worker_pids(state) == {}
    acts = of_type(read_log(), "OPERATOR_ACTION")
    told = [((act.details or {})["action"], (act.details or {})["names"]) for act in acts]
    assert told == [
        ("scale up", ["mail-1"]),
        ("scale up", ["mail-2"]),
        ("scale down", ["mail-2"]),
        ("restart processes", ["mail-1"]),
        ("stop processes", ["mail-1"]),
    ]
    assert {(act.details or {})["recipes"][0] for act in acts} == {"mail"}
    assert {(act.actor or {})["host"] for act in acts} == {socket.gethostname()}
    assert len({act.action_id for act in acts}) == len(acts)


@pytest.mark.usefixtures("recipes")
def test_marked_processes_are_stopped_together(console_env: dict[str, str], read_log: ReadLog, tmp_path: Path) -> None:
    state = tmp_path / "state"
    with Tmux(CONSOLE, tmp_path, cols=80, rows=24, env=console_env) as terminal:
        terminal.wait("LIVE")
        terminal.keys("8")
        terminal.wait(lambda s: "mail" in s and "+ starts one" in s)
        terminal.keys("+")
        terminal.wait("mail-1")
        terminal.keys("+")
        terminal.wait(lambda s: "mail-2" in s and s.count("2/2") == 2 and s.count("takes job") == 2)
        terminal.keys("g", "Space", "Space", "K")
        screen = terminal.wait("Stop 2 processes: mail-1, mail-2?")
        assert "Workers take no more jobs" in screen
        terminal.keys("Up")
        terminal.type("deploy")
        terminal.keys("Enter", "Right", "Enter")
        terminal.wait("2 processes asked to stop")
        terminal.wait(lambda s: s.count("exited 0") == 2)
        assert worker_pids(state) == {}
        terminal.keys("2", "/")
        terminal.type("type:OPERATOR_ACTION")
        terminal.keys("Enter")
        terminal.wait("stop processes, 2 of")
        terminal.keys("Enter")
        terminal.wait(lambda s: all(part in s for part in ("deploy", getpass.getuser(), socket.gethostname(), "Who")))
        terminal.keys("q")
        terminal.wait("EXIT=")
    act = of_type(read_log(), "OPERATOR_ACTION")[-1]
    assert (act.reason, (act.details or {})["processes"]) == ("deploy", 2)


@pytest.mark.usefixtures("recipes")
def test_a_crash_loop_is_told_and_left_alone(console_env: dict[str, str], tmp_path: Path) -> None:
    with Tmux(CONSOLE, tmp_path, cols=120, rows=40, env=console_env) as terminal:
        terminal.wait("LIVE")
        terminal.keys("8")
        terminal.wait("broken")
        terminal.keys("j", "+")
        screen = terminal.wait("broken-1 crashed 5 times in a minute and is left alone", timeout=45)
        assert "crash loop" in screen
        assert "exit code" in screen
        terminal.keys("g", "Enter")
        terminal.wait(lambda s: "Output of broken-1" in s and "no.such.module" in s)
        terminal.keys("e")
        terminal.wait("line 1 of")
        terminal.keys("Escape")
        terminal.wait("─ Processes")
        terminal.keys("q")
        terminal.wait("EXIT=0")


@pytest.mark.usefixtures("recipes")
@pytest.mark.parametrize("is_signal", [True, False], ids=["SIGHUP", "vanished"])
def test_a_hang_up_does_to_each_what_its_recipe_says(
    console_env: dict[str, str], tmp_path: Path, is_signal: bool
) -> None:
    state = tmp_path / "state"
    with Tmux(CONSOLE, tmp_path, cols=120, rows=40, env=console_env) as terminal:
        terminal.wait("LIVE")
        terminal.keys("8")
        terminal.wait("brief")
        for running, name in enumerate(("mail", "brief", "short"), 1):
            terminal.keys("g" if name == "mail" else "G", "+")
            terminal.wait(lambda s, name=name, running=running: f"{name}-1" in s and s.count("0/10") == running)
        pids = worker_pids(state)
        assert set(pids) == {"mail-1", "short-1", "brief-1"}
        (console,) = [p for p in children_of(state) if "naq_tui" in p.cmdline()]
        if is_signal:
            console.send_signal(signal.SIGHUP)
            terminal.wait("EXIT=")
            assert terminal.flags() == "001"
    try:
        _, alive = psutil.wait_procs([console, *_processes(pids, "short-1", "brief-1")], timeout=15)
        assert alive == []
        assert worker_pids(state) == {"mail-1": pids["mail-1"]}

        with Tmux(CONSOLE, tmp_path, cols=120, rows=40, env=console_env) as terminal:
            terminal.wait("LIVE")
            terminal.keys("8")
            terminal.wait(lambda s: "mail-1" in s and "running" in s)
            terminal.keys("g", "K")
            terminal.wait("Stop mail-1")
            terminal.keys("Right", "Enter")
            terminal.wait(lambda s: "mail-1" in s and "exited 0" in s)
            terminal.keys("q")
            terminal.wait("EXIT=0")
    finally:
        for pid in worker_pids(state).values():
            os.kill(pid, signal.SIGKILL)


def _processes(pids: dict[str, int], *names: str) -> list[psutil.Process]:
    """Those that still run."""
    found = []
    for name in names:
        try:
            found.append(psutil.Process(pids[name]))
        except psutil.NoSuchProcess:
            continue
    return found
