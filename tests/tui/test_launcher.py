"""The launcher with small real processes: started, watched, stopped, killed, found again; output in bounds."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from naq.server import EmbeddedServer
from naq.server.watch import process_identity
from naq_tui.launcher import (
    LaunchError,
    LaunchSpec,
    ProcessStatus,
    ProcessView,
    Recipe,
    Supervisor,
    crashes,
    default_state_dir,
)
from naq_tui.launcher import output as output_module
from naq_tui.launcher import process as process_module
from naq_tui.launcher import supervisor as supervisor_module
from naq_tui.launcher.local import ROTATE_BYTES
from naq_tui.launcher.output import BACKLOG_BYTES, MAX_LINE_BYTES, MAX_LINES, OutputTail

SLEEPER = "import time; print('up', flush=True); time.sleep(600)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
PARENT = (
    "import subprocess, sys, time\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    "print(child.pid, flush=True)\n"
)


def script(code: str, **fields: Any) -> LaunchSpec:
    return LaunchSpec(command=(sys.executable, "-c", code), **fields)


class Watched:
    """A supervisor whose changes can be awaited."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self._changed = asyncio.Event()
        self.supervisor = Supervisor(folder, on_change=self._changed.set, **options)

    def row(self, process_id: str) -> ProcessView:
        return next(row for row in self.supervisor.snapshot() if row.process_id == process_id)

    async def until(self, process_id: str, holds: Callable[[ProcessView], bool]) -> ProcessView:
        """The first state told by `on_change` in which `holds` is true."""
        async with asyncio.timeout(10):
            while not holds(self.row(process_id)):
                self._changed.clear()
                await self._changed.wait()
        return self.row(process_id)

    async def until_said(self, process_id: str, text: str) -> ProcessView:
        return await self.until(process_id, lambda row: text in row.last_line)

    async def until_ended(self, process_id: str) -> ProcessView:
        return await self.until(process_id, lambda row: not row.is_running)

    def text(self, process_id: str) -> tuple[str, ...]:
        return self.supervisor.output(process_id, 0, MAX_LINES).lines


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    watched = Watched(tmp_path / "state")
    yield watched
    await watched.supervisor.close("kill")


# -- the spec --------------------------------------------------------------------------------------------------


def test_a_worker_spec_makes_the_workers_command() -> None:
    spec = LaunchSpec(name="w", queues=("mail", "default"), modules=("a.b", "c.*"), concurrency=3)
    assert spec.command_line()[:4] == [sys.executable, "-m", "naq", "worker"]
    assert spec.display() == "naq worker --name=w -m a.b -m 'c.*' --concurrency=3 mail default"
    assert spec.validate() == {}
    assert LaunchSpec(kind="scheduler", name="s").display() == "naq scheduler --name=s"
    assert LaunchSpec(modules=("a",), queues=("-q",)).display().endswith("-- -q")


def test_the_server_address_travels_by_environment_only() -> None:
    spec = LaunchSpec(modules=("a",), server_url="nats://user:pass@host:4222", env={"MORE": "1"})
    environment = spec.environment({"NAQ_NATS_URL": "nats://elsewhere", "HOME": "/h"})
    assert environment["NAQ_NATS_URL"] == "nats://user:pass@host:4222"
    assert (environment["MORE"], environment["HOME"], environment["PYTHONUNBUFFERED"]) == ("1", "/h", "1")
    assert not any("pass" in word for word in spec.command_line())


@pytest.mark.parametrize(
    ("fields", "field", "part"),
    [
        ({"queues": ()}, "queues", "name a queue"),
        ({"queues": ("no spaces",)}, "queues", "'no spaces'"),
        ({"modules": ()}, "modules", "naq.examples.tasks"),
        ({"modules": ("a..b",)}, "modules", "'a..b'"),
        ({"modules": ("a-b",)}, "modules", "'a-b'"),
        ({"modules": ("a.*.b",)}, "modules", "'a.*.b'"),
        ({"concurrency": 0}, "concurrency", "1 to 1000"),
        ({"concurrency": 1001}, "concurrency", "1 to 1000"),
        ({"name": "../x"}, "name", "'../x'"),
        ({"cwd": Path("/nowhere/at/all")}, "cwd", "not a folder"),
        ({"env": {"A=B": "1"}}, "env", "'A=B'"),
    ],
)
def test_a_mistake_is_named_under_its_field(fields: dict[str, Any], field: str, part: str) -> None:
    problems = LaunchSpec(**{"modules": ("a",), **fields}).validate()
    assert list(problems) == [field]
    assert part in problems[field]


# -- the supervisor --------------------------------------------------------------------------------------------


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


async def gone(pid: int) -> None:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(descriptor, ended.set)
    try:
        async with asyncio.timeout(10):
            await ended.wait()
    finally:
        asyncio.get_running_loop().remove_reader(descriptor)
        os.close(descriptor)


async def test_restart_keeps_the_row_and_its_output(watched: Watched) -> None:
    process_id = watched.supervisor.launch(script(SLEEPER))
    before = await watched.until_said(process_id, "up")
    await watched.supervisor.restart(process_id)
    assert watched.row(process_id).status is ProcessStatus.STARTING
    after = await watched.until(process_id, lambda row: row.output_lines == 3)
    assert after.pid != before.pid
    first, note, last = watched.text(process_id)
    assert (first, last) == ("up", "up")
    assert "started again" in note
    assert len(watched.supervisor.snapshot()) == 1


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


@pytest.fixture
def quick_restarts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crashes, "FIRST_DELAY_S", 0.01)


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


# -- recipes and scale -----------------------------------------------------------------------------------------


def recipe(name: str, code: str, processes: int = 2, **fields: Any) -> dict[str, Recipe]:
    return {name: Recipe(name, script(code, recipe=name, **fields), processes)}


async def test_a_recipe_is_scaled_up_and_down(tmp_path: Path) -> None:
    watched = Watched(tmp_path, recipes=recipe("mail", SLEEPER))
    supervisor = watched.supervisor
    (ready,) = supervisor.snapshot()
    assert (ready.is_recipe, ready.name, ready.recipe_running, ready.recipe_wanted) == (True, "mail", 0, 2)
    supervisor.launch_many(supervisor.recipes["mail"].spec, 2)
    other = supervisor.launch(script(SLEEPER))
    assert supervisor.more(supervisor.snapshot()[0].process_id) == "mail-3"
    assert [row.name for row in supervisor.snapshot()] == ["mail-1", "mail-2", "mail-3", "worker-1"]
    assert {(row.recipe_running, row.recipe_wanted) for row in supervisor.snapshot() if row.recipe} == {(3, 3)}
    first, _, newest, _ = (row.process_id for row in supervisor.snapshot())
    await watched.until_said(newest, "up")
    assert supervisor.fewer(first) == "mail-3"
    row = await watched.until_ended(newest)
    assert (row.recipe_running, row.recipe_wanted, row.failed) == (2, 2, False)
    assert supervisor.more(first) == "mail-3", "the row of the drained one is taken again"
    assert watched.row(newest).recipe_wanted == 3
    assert supervisor.more(other) == "worker-2"
    assert supervisor.fewer(other) == "worker-1"
    await watched.until_ended(other)
    with pytest.raises(LaunchError, match="nothing of worker-1 runs"):
        supervisor.fewer(other)
    await supervisor.close("kill")


async def test_the_row_of_a_recipe_starts_its_first(tmp_path: Path) -> None:
    watched = Watched(tmp_path, recipes=recipe("mail", SLEEPER))
    with pytest.raises(LaunchError, match="nothing of mail runs"):
        watched.supervisor.fewer("recipe:mail")
    assert watched.supervisor.more("recipe:mail") == "mail-1"
    assert [row.name for row in watched.supervisor.snapshot()] == ["mail-1"]
    await watched.supervisor.close("kill")


@pytest.mark.usefixtures("quick_restarts")
async def test_a_crashed_one_is_missing_from_its_recipe(tmp_path: Path) -> None:
    watched = Watched(tmp_path, recipes=recipe("mail", "raise SystemExit(1)", restart="on-failure"))
    watched.supervisor.more("recipe:mail")
    (row,) = watched.supervisor.snapshot()
    row = await watched.until(row.process_id, lambda row: row.crash_looping)
    assert (row.recipe_running, row.recipe_wanted) == (0, 1)
    await watched.supervisor.close("kill")


async def test_cpu_and_memory_are_measured(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor_module, "MEASURE_S", 0.1)
    process_id = watched.supervisor.launch(script("while True: pass"))
    row = await watched.until(process_id, lambda row: bool(row.cpu_percent))
    assert row.rss_bytes is not None
    assert row.rss_bytes > 2**20


async def test_a_process_stays_with_its_server_when_the_console_turns_to_another(tmp_path: Path) -> None:
    watched = Watched(tmp_path, environment={"NAQ_NATS_URL": "nats://first:1"})
    code = "import os, time; print(os.environ['NAQ_NATS_URL'], flush=True); time.sleep(600)"
    process_id = watched.supervisor.launch(script(code))
    await watched.until_said(process_id, "nats://first:1")
    watched.supervisor.environment = {"NAQ_NATS_URL": "nats://other:1"}
    await watched.supervisor.restart(process_id)
    row = await watched.until(process_id, lambda row: row.output_lines == 3)
    assert row.last_line == "nats://first:1"
    watched.supervisor.more(process_id)
    like_it = watched.supervisor.snapshot()[-1].process_id
    await watched.until_said(like_it, "nats://first:1")
    await watched.until_said(watched.supervisor.launch(script(code)), "nats://other:1")
    await watched.supervisor.close("kill")


# -- quitting, and the next console ----------------------------------------------------------------------------


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


# -- the embedded server ---------------------------------------------------------------------------------------


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


# -- output ----------------------------------------------------------------------------------------------------


@pytest.fixture
def tail(tmp_path: Path) -> OutputTail:
    return OutputTail(tmp_path / "out.log")


def write(tail: OutputTail, data: bytes) -> None:
    with tail.path.open("ab") as file:
        file.write(data)


def lines(tail: OutputTail) -> list[str]:
    return list(tail.page(0, 10**9).lines)


def test_lines_come_whole_whatever_the_pieces(tail: OutputTail) -> None:
    assert tail.poll() is False
    text = "één\r\n\n10 %\r20 %\rdone\nno end".encode()
    for piece in (text[:2], text[2:9], text[9:]):
        write(tail, piece)
        assert tail.poll() is True
    assert tail.poll() is False
    assert lines(tail) == ["één", "", "done"]
    tail.finish()
    assert lines(tail) == ["één", "", "done", "no end"]
    assert (tail.total, tail.last_line) == (4, "no end")


def test_bytes_that_are_no_text_are_shown_as_such(tail: OutputTail) -> None:
    write(tail, b"a\xff\xfeb\n")
    tail.poll()
    assert lines(tail) == ["a\ufffd\ufffdb"]


def test_a_line_is_cut_at_the_limit(tail: OutputTail) -> None:
    for _ in range(5):
        write(tail, b"x" * 3000)
        tail.poll()
    write(tail, b"tail of it\nnext\n" + b"y" * (MAX_LINE_BYTES + 1) + b"\n")
    tail.poll()
    assert [len(line) for line in lines(tail)] == [MAX_LINE_BYTES + 1, 4, MAX_LINE_BYTES + 1]
    assert lines(tail)[0].endswith("x…")


def test_a_progress_display_without_end_stays_one_line(tail: OutputTail) -> None:
    for number in range(3000):
        write(tail, b"\r%d of 3000" % number)
    tail.poll()
    write(tail, b"\n")
    tail.poll()
    assert lines(tail) == ["2999 of 3000"]


def test_only_the_newest_lines_are_kept_and_numbers_go_on(tail: OutputTail) -> None:
    write(tail, b"".join(b"%d\n" % number for number in range(MAX_LINES + 100)))
    tail.catch_up()
    page = tail.page(0, 2)
    assert (page.first, page.lines, page.oldest, page.total) == (100, ("100", "101"), 100, MAX_LINES + 100)
    assert tail.page(MAX_LINES + 99, 10).lines == (str(MAX_LINES + 99),)
    assert tail.page(10**9, 10).lines == ()


def test_empty_lines_are_lines(tail: OutputTail) -> None:
    write(tail, b"\n" * 60_000 + b"last\n")
    tail.poll()
    assert (tail.total, len(lines(tail)), tail.last_line) == (60_001, 60_001, "last")


def test_a_flood_is_skipped_with_a_mark(tail: OutputTail) -> None:
    line = "x" * 999
    write(tail, b"first\n")
    tail.poll()
    write(tail, f"{line}\n".encode() * (3 * BACKLOG_BYTES // 1000))
    tail.catch_up()
    first, mark, *rest = lines(tail)
    assert (first, set(rest)) == ("first", {line})
    assert "40.0 MiB of output skipped" in mark
    assert len(rest) <= BACKLOG_BYTES // 1000
    assert tail.poll() is False


def test_a_huge_line_in_a_flood_is_bounded(tail: OutputTail) -> None:
    write(tail, b"z" * (3 * BACKLOG_BYTES) + b"\nafter\n")
    tail.catch_up()
    mark, after = lines(tail)
    assert "40.0 MiB of output skipped" in mark
    assert after == "after"


def test_each_look_reads_a_bounded_part_and_the_next_goes_on(tail: OutputTail) -> None:
    write(tail, b"".join(b"line %06d of a hundred thousand\n" % number for number in range(100_000)))
    looks = 0
    while tail.poll():
        looks += 1
    assert looks == 4
    assert (tail.total, tail.page(0, 1).lines) == (100_000, ("line 000000 of a hundred thousand",))
    assert tail.page(99_999, 5).lines == ("line 099999 of a hundred thousand",)


def test_lines_are_found_both_ways(tail: OutputTail) -> None:
    write(tail, b"".join(b"%d\n" % number for number in range(MAX_LINES + 50)))
    while tail.poll():
        pass
    assert tail.find(lambda line: line.endswith("77"), 0) == 77  # the oldest fifty are gone
    assert tail.find(lambda line: line.endswith("77"), 78) == 177
    assert tail.find(lambda line: line.endswith("77"), 176, -1) == 77
    assert tail.find(lambda line: line.endswith("77"), 76, -1) is None
    assert tail.find(lambda line: line == "10", 0) is None
    assert tail.find(lambda line: True, 10**9, -1) == MAX_LINES + 49


def test_memory_is_bounded_however_long_the_lines(tail: OutputTail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output_module, "MAX_TEXT", 10_000)
    for _ in range(20):
        write(tail, b"y" * 1000 + b"\n")
    tail.poll()
    assert (tail.total, len(lines(tail)), tail.page(0, 1).first) == (20, 10, 10)


def test_a_file_begun_anew_is_read_from_its_start(tail: OutputTail) -> None:
    write(tail, b"a long first line\n")
    tail.poll()
    tail.path.replace(tail.path.with_suffix(".old"))
    assert tail.poll() is False
    write(tail, b"a line of the new file, longer than the first\n")
    tail.poll()
    os.truncate(tail.path, 0)
    write(tail, b"short\n")
    tail.poll()
    assert [line.split()[-1] for line in lines(tail)] == ["line", "first", "…", "short"]


async def test_a_file_over_the_limit_is_set_aside_and_goes_on(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output_module, "MAX_FILE_BYTES", 1000)
    code = "import os, time\nprint('x' * 2000, flush=True)\n"
    code += "while os.fstat(1).st_size: time.sleep(0.001)\nprint('on', flush=True)"
    process_id = watched.supervisor.launch(script(code))
    row = await watched.until_ended(process_id)
    assert (row.last_line, row.log_path.stat().st_size) == ("on", 3)
    assert watched.text(process_id)[-2] == "… the output file was set aside …"
    rotated = row.log_path.with_name(row.log_path.name + ".1")
    assert (rotated.stat().st_size, stat.S_IMODE(rotated.stat().st_mode)) == (2001, 0o600)


async def test_a_grown_log_is_set_aside_at_a_restart(watched: Watched) -> None:
    process_id = watched.supervisor.launch(script(f"print('x' * {ROTATE_BYTES})"))
    row = await watched.until_ended(process_id)
    await watched.supervisor.restart(process_id)
    await watched.until_ended(process_id)
    assert row.log_path.with_name(row.log_path.name + ".1").stat().st_size == ROTATE_BYTES + 1
    watched.supervisor.remove(process_id)
    assert list(watched.supervisor.folder.iterdir()) == []
