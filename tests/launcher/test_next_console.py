"""What is left when a console ends, and what the next one makes of it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from naq.server.watch import process_identity
from naq_tui.launcher import (
    LaunchError,
    ProcessStatus,
    Supervisor,
    default_state_dir,
)
from naq_tui.launcher import process as process_module
from tests.launcher.watched import DEAF, SLEEPER, Watched, gone, script


@pytest.mark.parametrize("mode", ["stop", "kill"])
async def test_close_leaves_nothing_behind(watched: Watched, mode: Any) -> None:
    polite = watched.supervisor.launch(script(SLEEPER))
    deaf = watched.supervisor.launch(script(DEAF))
    for process_id in (polite, deaf):
        await watched.until_said(process_id, "up")
    pids = [row.pid for row in watched.supervisor.snapshot()]
    await watched.supervisor.close(mode, grace=0.3)
    assert [process_identity(pid) for pid in pids] == [None, None]
    assert watched.row(polite).exit_code == (-signal.SIGTERM if mode == "stop" else -signal.SIGKILL)
    assert watched.row(deaf).exit_code == -signal.SIGKILL
    assert list(watched.supervisor.folder.glob("*.json")) == []
    with pytest.raises(LaunchError, match="quitting"):
        watched.supervisor.launch(script(SLEEPER))


async def test_what_was_left_is_found_watched_and_stopped_by_the_next_console(watched: Watched, tmp_path: Path) -> None:
    spec = script(SLEEPER, name="kept", server_url="nats://u:secret@h:1", env={"KEY": "secret"})
    process_id = watched.supervisor.launch(spec)
    first = await watched.until_said(process_id, "up")
    await watched.supervisor.close("leave")
    (state,) = watched.supervisor.folder.glob("*.json")
    assert "secret" not in state.read_text()
    assert stat.S_IMODE(state.stat().st_mode) == 0o600

    successor = Watched(tmp_path / "state")
    assert successor.supervisor.adopt() == 1
    row = successor.row(process_id)
    assert (row.pid, row.name, row.started_at, row.owned) == (first.pid, "kept", first.started_at, False)
    assert (row.status, row.last_line) == (ProcessStatus.RUNNING, "up")
    assert Supervisor(tmp_path / "state").adopt() == 0  # it has an owner again

    successor.supervisor.stop(process_id)
    row = await successor.until_ended(process_id)
    assert (row.status_text, row.exit_code, row.failed) == ("killed by SIGTERM", -signal.SIGTERM, False)
    assert not state.exists()
    await successor.supervisor.restart(process_id)
    assert successor.row(process_id).owned
    await successor.supervisor.close("kill")


@pytest.mark.usefixtures("quick_restarts")
async def test_the_next_console_knows_how_a_process_ended_last(watched: Watched, tmp_path: Path) -> None:
    """It crashed once, then stays: the count and the last end are with it wherever it goes."""
    flag = tmp_path / "was-here"
    code = (
        f"import pathlib; flag = pathlib.Path({str(flag)!r})\nif not flag.exists(): flag.touch(); raise SystemExit(7)"
    )
    process_id = watched.supervisor.launch(script(f"{code}\n{SLEEPER}", restart="on-failure"))
    row = await watched.until_said(process_id, "up")
    (note,) = [line for line in watched.text(process_id) if line.startswith("──")]
    assert note.startswith("── exit code 7 after ")
    assert (row.restarts, row.last_run and row.last_run.how) == (1, "exit code 7")
    await watched.supervisor.close("leave")

    successor = Watched(tmp_path / "state")
    assert successor.supervisor.adopt() == 1
    again = successor.row(process_id)
    assert (again.restarts, again.last_run) == (1, row.last_run)
    await successor.supervisor.close("kill")


async def test_processes_survive_a_killed_console_unless_bound_to_it(tmp_path: Path) -> None:
    console = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from naq_tui.launcher import LaunchSpec, Supervisor\n"
        "async def main():\n"
        "    supervisor = Supervisor(Path(sys.argv[1]))\n"
        "    command = (sys.executable, '-c', 'import time; time.sleep(600)')\n"
        "    for bound in (False, True):\n"
        "        supervisor.launch(LaunchSpec(command=command, ends_with_console=bound))\n"
        "    print(*(row.pid for row in supervisor.snapshot()), flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n",
        str(tmp_path),
        stdout=subprocess.PIPE,
    )
    assert console.stdout is not None
    free, bound = map(int, (await console.stdout.readline()).split())
    bystander = Watched(tmp_path)
    assert bystander.supervisor.adopt() == 0  # they belong to a console that runs
    console.kill()
    await console.wait()
    await gone(bound)
    assert bystander.supervisor.adopt() == 1
    rows = bystander.supervisor.snapshot()
    assert {row.pid: row.status_text for row in rows} == {free: "running", bound: "ended"}
    await bystander.supervisor.close()
    assert process_identity(free) is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the exit code of a process that is no child")
@pytest.mark.parametrize(("end", "told"), [("sys.exit(3)", "exited 3"), ("os.abort()", "killed by SIGABRT")])
async def test_the_exit_code_of_an_adopted_process_is_known(
    watched: Watched, tmp_path: Path, end: str, told: str
) -> None:
    code = f"import os, sys, time\nprint('up', flush=True)\nwhile not os.path.exists('end'): time.sleep(0.01)\n{end}"
    process_id = watched.supervisor.launch(script(code, cwd=tmp_path))
    await watched.until_said(process_id, "up")
    await watched.supervisor.close("leave")
    successor = Watched(tmp_path / "state")
    assert successor.supervisor.adopt() == 1
    (tmp_path / "end").touch()
    row = await successor.until_ended(process_id)
    assert (row.status_text, row.failed, len(row.runs)) == (told, True, 1)
    await successor.supervisor.close("kill")


async def test_what_ended_while_no_console_watched_is_listed_once_with_its_output(
    watched: Watched, tmp_path: Path
) -> None:
    process_id = watched.supervisor.launch(script(SLEEPER, env={"LANG": "C"}))
    row = await watched.until_said(process_id, "up")
    await watched.supervisor.close("leave")
    os.kill(row.pid, signal.SIGKILL)
    await gone(row.pid)
    successor = Watched(tmp_path / "state")
    assert successor.supervisor.adopt() == 0
    row = successor.row(process_id)
    assert (row.status_text, row.exit_code, row.failed, row.last_line) == ("ended", None, False, "up")
    with pytest.raises(LaunchError, match="no longer known: launch it anew"):
        await successor.supervisor.restart(process_id)
    assert Watched(tmp_path / "state").supervisor.snapshot() == ()


async def test_an_adopted_process_is_started_again_with_the_variables_it_had(watched: Watched, tmp_path: Path) -> None:
    code = "import os, time\nprint(os.environ['KEY'], os.environ['NAQ_NATS_URL'], flush=True)\ntime.sleep(600)"
    watched.supervisor.environment["NAQ_NATS_URL"] = "nats://u:p@first:1"
    process_id = watched.supervisor.launch(script(code, env={"KEY": "secret"}))
    await watched.until_said(process_id, "secret")
    await watched.supervisor.close("leave")
    assert "secret" not in "".join(path.read_text() for path in watched.supervisor.folder.glob("*.json"))
    successor = Watched(tmp_path / "state", environment={"NAQ_NATS_URL": "nats://other:1"})
    successor.supervisor.adopt()
    assert successor.row(process_id).environment == {"KEY": "secret"}
    await successor.supervisor.restart(process_id)
    row = await successor.until(process_id, lambda row: row.output_lines == 3)
    assert row.last_line == "secret nats://u:p@first:1"
    await successor.supervisor.close("kill")


async def test_each_follows_its_hang_up_policy(watched: Watched, tmp_path: Path) -> None:
    slow = (
        "import signal, sys, time\n"
        "def end(*_): print('draining', flush=True); time.sleep(1); print('done', flush=True); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end); print('up', flush=True); time.sleep(600)"
    )
    ids = {
        policy: watched.supervisor.launch(script(code, name=policy, hangup=policy))
        for policy, code in (("keep", SLEEPER), ("drain", slow), ("kill", DEAF))
    }
    for process_id in ids.values():
        await watched.until_said(process_id, "up")
    pids = {policy: watched.row(process_id).pid for policy, process_id in ids.items()}
    await watched.supervisor.close("policy")
    assert process_identity(pids["kill"]) is None
    assert process_identity(pids["drain"]) is not None, "nobody waits for it"
    successor = Watched(tmp_path / "state")
    assert successor.supervisor.adopt() == 2
    assert successor.row(ids["drain"]).status is ProcessStatus.STOPPING, "the next console knows that it was asked"
    row = await successor.until_ended(ids["drain"])
    assert (row.last_line, row.failed) == ("done", False)
    assert successor.row(ids["keep"]).status is ProcessStatus.RUNNING
    await successor.supervisor.close("kill")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"kind": "worker"}', "\x00"])
async def test_a_broken_state_file_is_passed_over(watched: Watched, text: str) -> None:
    watched.supervisor.folder.mkdir(parents=True)
    (watched.supervisor.folder / "x.json").write_text(text)
    assert watched.supervisor.adopt() == 0


async def test_a_pid_that_is_somebody_elses_by_now_is_left_alone(watched: Watched) -> None:
    process_id = watched.supervisor.launch(script(SLEEPER))
    await watched.supervisor.close("leave")
    (state,) = watched.supervisor.folder.glob("*.json")
    record = json.loads(state.read_text())
    state.write_text(json.dumps({**record, "identity": "1@elsewhere"}))
    successor = Watched(watched.supervisor.folder.parent)
    assert successor.supervisor.adopt() == 0
    assert not state.exists()
    pid = watched.row(process_id).pid
    assert process_identity(pid) is not None
    os.kill(pid, signal.SIGKILL)
    await gone(pid)


async def test_a_pid_that_changed_hands_while_watched_is_never_signalled(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    process_id = watched.supervisor.launch(script(SLEEPER))
    pid = (await watched.until_said(process_id, "up")).pid
    with monkeypatch.context() as another:
        another.setattr(process_module, "process_identity", lambda pid: "1@elsewhere")
        watched.supervisor.stop(process_id)
        watched.supervisor.kill(process_id)
    assert process_identity(pid) is not None
    assert watched.row(process_id).status is ProcessStatus.RUNNING
    watched.supervisor.kill(process_id)
    row = await watched.until_ended(process_id)
    assert row.exit_code == -signal.SIGKILL, "neither the SIGTERM nor the kill before had reached it"


async def test_old_output_goes_and_new_output_stays(watched: Watched) -> None:
    watched.supervisor.folder.mkdir(parents=True)
    old, new = (watched.supervisor.folder / name for name in ("old.log", "new.log"))
    for path in (old, new):
        path.write_text("x")
    week_and_more = time.time() - 8 * 86_400
    os.utime(old, (week_and_more, week_and_more))
    watched.supervisor.adopt()
    assert (old.exists(), new.exists()) == (False, True)


def test_the_state_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NAQ_STATE_DIR", str(tmp_path))
    assert default_state_dir() == tmp_path
    monkeypatch.delenv("NAQ_STATE_DIR")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert default_state_dir() == tmp_path / "state" / "naq"
