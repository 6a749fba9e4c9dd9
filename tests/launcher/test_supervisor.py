"""Small real processes: started, watched, stopped, killed, restarted."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from naq.server import EmbeddedServer
from naq_tui.launcher import (
    LaunchError,
    LaunchSpec,
    ProcessStatus,
    Supervisor,
    crashes,
)
from tests.launcher.watched import DEAF, PARENT, SLEEPER, Watched, gone, script

TELLS_SIGNALS = """
import signal
signal.signal(signal.SIGTERM, lambda *_: print("asked", flush=True))
signal.signal(signal.SIGWINCH, lambda *_: print("there", flush=True))
print("up", flush=True)
while True:
    signal.pause()
"""


async def test_a_process_runs_in_its_own_session_without_terminal_and_is_told_running(watched: Watched) -> None:
    code = "import os, sys; print(os.getsid(0) == os.getpid(), repr(sys.stdin.read()), sys.stdout.isatty());"
    process_id = watched.supervisor.launch(script(code + SLEEPER))
    row = watched.row(process_id)
    assert (row.status, row.name, row.kind, row.owned) == (ProcessStatus.STARTING, "worker-1", "worker", True)
    row = await watched.until_said(process_id, "up")
    assert (row.status, row.status_text, row.exit_code) == (ProcessStatus.RUNNING, "running", None)
    assert watched.text(process_id) == ("True '' False", "up")
    assert row.output_lines == 2
    assert row.uptime < 10
    assert abs(datetime.now(UTC) - row.started_at) < timedelta(seconds=10)
    assert stat.S_IMODE(row.log_path.stat().st_mode) == 0o600
    assert watched.supervisor.running == 1


async def test_an_exit_is_told_at_once_with_its_code_and_last_words(watched: Watched) -> None:
    process_id = watched.supervisor.launch(script("import sys; print('no'); sys.stderr.write('why'); sys.exit(3)"))
    row = await watched.until_ended(process_id)
    assert (row.status, row.status_text, row.exit_code, row.failed) == (ProcessStatus.EXITED, "exited 3", 3, True)
    assert set(watched.text(process_id)) == {"no", "why"}
    assert watched.supervisor.running == 0


async def test_stop_asks_and_kill_does_not(watched: Watched) -> None:
    polite = watched.supervisor.launch(script(SLEEPER))
    deaf = watched.supervisor.launch(script(DEAF, kind="scheduler"))
    for process_id in (polite, deaf):
        await watched.until_said(process_id, "up")
        watched.supervisor.stop(process_id)
    row = await watched.until_ended(polite)
    assert (row.status_text, row.failed) == ("killed by SIGTERM", False)
    assert watched.row(deaf).status is ProcessStatus.STOPPING
    watched.supervisor.kill(deaf)
    row = await watched.until_ended(deaf)
    assert (row.name, row.status, row.exit_code) == ("scheduler-1", ProcessStatus.KILLED, -9)


@pytest.mark.parametrize("last_words", ["time.sleep(600)", "sys.exit(1)"])
async def test_what_a_process_started_ends_with_it(watched: Watched, last_words: str) -> None:
    process_id = watched.supervisor.launch(script(PARENT + last_words))
    row = await watched.until(process_id, lambda row: row.last_line.isdigit())
    watched.supervisor.kill(process_id)
    await watched.until_ended(process_id)
    await gone(int(row.last_line))


async def test_restart_keeps_the_row_and_its_output(watched: Watched) -> None:
    process_id = watched.supervisor.launch(script(SLEEPER))
    before = await watched.until_said(process_id, "up")
    await watched.supervisor.restart(process_id)
    assert watched.row(process_id).status is ProcessStatus.STARTING
    after = await watched.until(process_id, lambda row: row.output_lines == 3)
    assert after.pid != before.pid
    first, note, last = watched.text(process_id)
    assert (first, last) == ("up", "up")
    assert re.fullmatch(r"── asked to end, SIGTERM after .*s, started again at \S+Z ──", note)
    assert len(watched.supervisor.snapshot()) == 1


async def test_a_restart_does_not_hurry_one_that_is_stopping(watched: Watched) -> None:
    """Asked twice a worker gives up its jobs."""
    process_id = watched.supervisor.launch(script(TELLS_SIGNALS))
    pid = (await watched.until_said(process_id, "up")).pid
    watched.supervisor.stop(process_id)
    await watched.until_said(process_id, "asked")
    restart = asyncio.create_task(watched.supervisor.restart(process_id))
    await asyncio.sleep(0)
    os.kill(pid, signal.SIGWINCH)  # heard after what was sent before
    await watched.until_said(process_id, "there")
    assert watched.text(process_id) == ("up", "asked", "there")
    watched.supervisor.kill(process_id)
    await restart
    assert watched.row(process_id).pid != pid


async def test_names_are_given_and_guarded(watched: Watched, tmp_path: Path) -> None:
    first = watched.supervisor.launch(script(SLEEPER))
    second = watched.supervisor.launch(script("pass"))
    assert [row.name for row in watched.supervisor.snapshot()] == ["worker-1", "worker-2"]
    with pytest.raises(LaunchError, match="worker-1 runs already"):
        watched.supervisor.launch(script(SLEEPER, name="worker-1"))
    with pytest.raises(LaunchError, match="stop it first"):
        watched.supervisor.remove(first)
    log = (await watched.until_ended(second)).log_path
    assert log.exists()
    watched.supervisor.remove(second)
    assert not log.exists()
    assert [row.name for row in watched.supervisor.snapshot()] == ["worker-1"]
    with pytest.raises(LaunchError, match="there is no process"):
        watched.supervisor.stop(second)


async def test_what_cant_start_says_why_and_leaves_no_row(watched: Watched, tmp_path: Path) -> None:
    with pytest.raises(LaunchError, match=r"can't start worker-1 \(/no/such/program\): No such file"):
        watched.supervisor.launch(LaunchSpec(command=("/no/such/program",)))
    with pytest.raises(LaunchError, match="name a module"):
        watched.supervisor.launch(LaunchSpec())
    assert watched.supervisor.snapshot() == ()
    (tmp_path / "file").write_text("")
    with pytest.raises(LaunchError, match="can't write the output of worker-1"):
        Supervisor(tmp_path / "file").launch(script("pass"))


@pytest.mark.usefixtures("quick_restarts")
async def test_a_crash_loop_ends_with_the_fifth_crash_in_a_minute(watched: Watched) -> None:
    process_id = watched.supervisor.launch(script("raise SystemExit(1)", restart="on-failure"))
    row = await watched.until(process_id, lambda row: row.crash_looping)
    assert (row.status, row.exit_code, row.failed, row.restarts) == (ProcessStatus.EXITED, 1, True, 4)
    assert [run.exit_code for run in row.runs] == [1] * 5
    assert row.restart_at is None
    await watched.supervisor.restart(process_id)  # somebody looked after it: the count begins anew
    assert not watched.row(process_id).crash_looping
    row = await watched.until(process_id, lambda row: row.crash_looping)
    assert row.restarts == 9


@pytest.mark.usefixtures("quick_restarts")
@pytest.mark.parametrize(
    ("policy", "code", "starts_again"),
    [
        ("never", 3, False),
        ("on-failure", 0, False),
        ("on-failure", 3, True),
        ("always", 0, True),
        ("always", 3, True),
    ],
)
async def test_a_restart_follows_the_policy(watched: Watched, policy: Any, code: int, starts_again: bool) -> None:
    once = "import os, sys, time\nif os.path.exists('been'): print('second life', flush=True); time.sleep(600)\n"
    folder = watched.supervisor.folder.parent
    folder.mkdir(parents=True)
    process_id = watched.supervisor.launch(
        script(f"{once}open('been', 'w').close(); sys.exit({code})", restart=policy, cwd=folder)
    )
    if starts_again:
        row = await watched.until_said(process_id, "second life")
        assert (row.status, row.restarts, row.failed) == (ProcessStatus.RUNNING, 1, False)
    else:
        row = await watched.until_ended(process_id)
        assert (row.status_text, row.restart_at, row.failed) == (f"exited {code}", None, code != 0)


async def test_while_it_waits_for_its_next_start_it_can_be_given_up_or_started_at_once(watched: Watched) -> None:
    process_id = watched.supervisor.launch(script("raise SystemExit(1)", restart="always"))
    row = await watched.until(process_id, lambda row: row.status is ProcessStatus.WAITING)
    assert row.restart_at is not None
    assert timedelta(0) < row.restart_at - datetime.now(UTC) <= timedelta(seconds=1)
    assert not row.failed
    await watched.supervisor.restart(process_id)
    assert watched.row(process_id).is_running
    await watched.until(process_id, lambda row: row.status is ProcessStatus.WAITING)
    watched.supervisor.stop(process_id)
    row = watched.row(process_id)
    assert (row.status, row.restart_at, row.failed) == (ProcessStatus.EXITED, None, False)


def test_the_wait_doubles_up_to_a_minute_and_begins_anew_after_a_good_minute() -> None:
    history = crashes.Crashes()
    delays = []
    for number in range(9):
        history.add(number * 100.0, uptime=5.0)
        delays.append(history.delay)
    assert delays == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert not history.is_loop
    history.add(1_000.0, uptime=61.0)
    assert history.delay == 1


async def test_a_requested_end_is_no_crash(watched: Watched) -> None:
    process_id = watched.supervisor.launch(script(SLEEPER))
    for _ in range(3):
        watched.supervisor.kill(process_id)
        await watched.until_ended(process_id)
        await watched.supervisor.restart(process_id)
    assert not watched.row(process_id).crash_looping


async def test_an_exit_is_noticed_where_the_system_cant_report_it(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "pidfd_open")
    process_id = watched.supervisor.launch(script("raise SystemExit(4)"))
    assert (await watched.until_ended(process_id)).exit_code == 4


async def test_the_connection_reaches_every_process(tmp_path: Path) -> None:
    watched = Watched(tmp_path, environment={"NAQ_NATS_URL": "nats://u:p@h:1"})
    process_id = watched.supervisor.launch(script("import os; print(os.environ['NAQ_NATS_URL'])"))
    await watched.until_ended(process_id)
    assert watched.text(process_id) == ("nats://u:p@h:1",)
    await watched.supervisor.close()


@pytest.mark.nats
async def test_the_embedded_server_is_a_row_that_dies_and_comes_back(watched: Watched, tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / "store")
    await server.start()
    process_id = watched.supervisor.attach_server(server)
    assert watched.supervisor.attach_server(server) == process_id
    row = await watched.until_said(process_id, "Server is ready")
    assert (row.kind, row.pid, row.status) == ("server", server.pid, ProcessStatus.RUNNING)
    assert server.url in row.command
    assert watched.supervisor.running == 0
    os.kill(row.pid, signal.SIGKILL)
    row = await watched.until_ended(process_id)
    assert (row.status_text, row.failed) == ("killed by SIGKILL", True)
    await watched.supervisor.restart(process_id)
    assert server.is_running
    assert watched.row(process_id).pid == server.pid
    watched.supervisor.stop(process_id)
    row = await watched.until_ended(process_id)
    assert not row.failed
    await server.start()
    watched.supervisor.attach_server(server)
    assert watched.row(process_id).is_running
    await watched.supervisor.close()
    assert not server.is_running
