"""`naq worker --processes` and `--reload`: who is started again, who is not, and that none is left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from naq.client import AsyncClient
from naq.models.worker import WorkerRecord
from naq.server.watch import process_identity
from naq.settings import Settings
from naq.worker import fleet
from naq.worker.sources import Sources, syntax_error
from tests.conftest import EXAMPLES, ROOT, child, environment_of, run_naq
from tests.integration import fleet_tasks, sample_tasks
from tests.integration.log import all_events, event_when

pytestmark = pytest.mark.nats
TASKS = ("-m", "tests.integration.fleet_tasks", "-m", EXAMPLES, "-m", "tests.integration.sample_tasks")


async def workers_when(client: AsyncClient, condition: Callable[[list[WorkerRecord]], bool]) -> list[WorkerRecord]:
    """The living workers, once there are such."""
    async with asyncio.timeout(20):
        while True:
            now = client.connection.server_now()
            alive = [worker for worker in await client.list_workers() if worker.status_at(now) != "DEAD"]
            if condition(alive):
                return alive
            await asyncio.sleep(0.05)


async def gone(pid: int) -> None:
    async with asyncio.timeout(15):
        while process_identity(pid) is not None:  # noqa: ASYNC110  (it is no child of this process)
            await asyncio.sleep(0.02)


@asynccontextmanager
async def reloading(settings: Settings, folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "naq", "worker", "-m", "changing", "--reload"),
        cwd=folder,
        env={**environment_of(settings), "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def line_with(process: asyncio.subprocess.Process, text: str) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(20):
        while line := (await process.stdout.readline()).decode():
            if text in line:
                return line
    raise AssertionError(f"it ended without saying {text!r}")


async def test_members_are_workers_of_their_own_and_drain_at_one_signal(
    client: AsyncClient, settings: Settings
) -> None:
    async with child(settings, "worker", *TASKS, "--processes", "2", "--concurrency", "1") as process:
        workers = await workers_when(client, lambda alive: len(alive) == 2)
        jobs = await client.enqueue_many([(fleet_tasks.own_pid,)] * 6)
        pids = {await job.result(timeout=20) for job in jobs}
        assert pids == {worker.pid for worker in workers}
        slow = await client.enqueue("naq.examples.tasks:block", 1.0)
        await event_when(client, lambda e: e.type == "STARTED" and e.job_id == slow.job_id)
        for pid in (process.pid, *pids):  # as a service manager does that signals the whole group
            os.kill(int(pid), signal.SIGTERM)
        output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    assert await slow.fetch_result() == 1.0, "it was given the time to end"
    assert await client.list_workers() == []
    ends = [
        stored.event for stored in await all_events(client) if stored.event and stored.event.type == "WORKER_STOPPED"
    ]
    assert len(ends) == 2


async def test_a_second_signal_hands_everything_back(client: AsyncClient, settings: Settings) -> None:
    async with child(settings, "worker", *TASKS, "--processes", "2") as process:
        await workers_when(client, lambda alive: len(alive) == 2)
        job = await client.enqueue(sample_tasks.wait_long)
        await event_when(client, lambda e: e.type == "STARTED" and e.job_id == job.job_id)
        process.send_signal(signal.SIGINT)
        await line_with(process, "stopping: 1 running jobs")
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0
    events = [stored.event for stored in await all_events(client) if stored.event is not None]
    unfinished = sorted((e.details or {}).get("unfinished") for e in events if e.type == "WORKER_STOPPED")
    assert unfinished == [0, 1]


async def test_a_member_that_dies_is_started_again_and_its_job_runs(
    client: AsyncClient, settings: Settings, tmp_path: Path
) -> None:
    note = tmp_path / "note"
    async with child(settings, "worker", *TASKS, "--processes", "2") as process:
        before = {worker.pid for worker in await workers_when(client, lambda alive: len(alive) == 2)}
        job = await client.enqueue(fleet_tasks.kills_its_worker_once, str(note))
        said = await line_with(process, "started again")
        assert "was killed by SIGKILL" in said
        assert await job.result(timeout=20) in {
            worker.pid for worker in await workers_when(client, lambda alive: len({w.pid for w in alive} | before) == 3)
        }
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    assert int(note.read_text()) in before


async def test_members_that_end_well_are_not_replaced(client: AsyncClient, settings: Settings) -> None:
    await client.enqueue_many([("naq.examples.tasks:add", (1, 2))] * 8)
    code, _, err = await run_naq(settings, "worker", *TASKS, "--processes", "2", "--burst")
    assert code == 0, err
    assert "started again" not in err
    await client.enqueue_many([("naq.examples.tasks:add", (1, 2))] * 8)
    code, _, err = await run_naq(
        settings, "worker", *TASKS, "--processes", "2", "--max-jobs", "2", "--concurrency", "1"
    )
    assert code == 0, err
    assert (await client.list_queues())[0].waiting == 4, "two each"


async def test_what_no_restart_mends_ends_the_fleet(settings: Settings) -> None:
    code, _, err = await run_naq(settings, "worker", "-m", "no.such.module", "--processes", "2")
    assert code == 2
    assert "module 'no.such.module' was not found" in err
    assert "started again" not in err
    code, _, err = await run_naq(settings, "worker", *TASKS, "--processes", "0")
    assert (code, "--processes must be from 1 to 256" in err) == (2, True)


async def test_members_end_with_a_killed_parent(client: AsyncClient, settings: Settings) -> None:
    async with child(settings, "worker", *TASKS, "--processes", "2") as process:
        workers = await workers_when(client, lambda alive: len(alive) == 2)
        process.kill()
        for worker in workers:
            assert worker.pid is not None
            await gone(worker.pid)
    assert await client.list_workers() == [], "they went in good order"


async def test_reload(client: AsyncClient, settings: Settings, tmp_path: Path) -> None:
    source = tmp_path / "changing.py"
    source.write_text("def version():\n    return 1\n")
    async with reloading(settings, tmp_path) as process:
        assert await (await client.enqueue("changing:version")).result(timeout=20) == 1
        source.write_text("def version()\n    return 2\n")
        said = await line_with(process, "waiting for the next change")
        assert "changing.py, line 1: expected ':'" in said
        assert await (await client.enqueue("changing:version")).result(timeout=20) == 1, "the old code goes on"
        source.write_text("def version():\n    return 33\n")
        await line_with(process, "changing.py changed: starting again")
        await line_with(process, "takes jobs")
        assert await (await client.enqueue("changing:version")).result(timeout=20) == 33
        source.write_text("import no_such_thing\n")
        await line_with(process, "can't work as it is: waiting for the next change")
        source.write_text("def version():\n    return 444\n")
        assert await (await client.enqueue("changing:version")).result(timeout=20) == 444
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0


def test_which_files_are_watched(tmp_path: Path) -> None:
    for name in (
        "app/tasks.py",
        "app/notes.txt",
        ".venv/lib.py",
        "env/pyvenv.cfg",
        "env/lib.py",
        "app/__pycache__/x.py",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x = 1\n")
    sources = Sources(["app.tasks", "naq.examples.tasks", "pytest"], tmp_path)
    assert sources.changed() == set()
    for path in tmp_path.rglob("*.*"):
        if path.is_file():
            path.write_text("x =\n")
            os.utime(path, ns=(1, 1))
    (tmp_path / "new.py").write_text("")
    assert sources.changed() == {Path("app/tasks.py"), Path("new.py")}
    (tmp_path / "new.py").unlink()
    assert sources.changed() == {Path("new.py")}
    assert syntax_error([tmp_path / "app/tasks.py", tmp_path / "gone.py"]) == (
        f"{tmp_path / 'app/tasks.py'}, line 1: invalid syntax"
    )
    assert any(path.is_relative_to(ROOT / "naq") for path in sources._seen), "the package lies elsewhere"


async def test_a_member_that_keeps_dying_is_given_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NAQ_CONNECT_TIMEOUT", "0.2")
    monkeypatch.setattr(fleet, "FIRST_DELAY_S", 0.01)
    monkeypatch.setattr(fleet, "GIVE_UP", 4)
    arguments = ["worker", "-m", EXAMPLES, "--server", "nats://127.0.0.1:1"]
    assert await fleet.Fleet(arguments, 1).run() == 1
    told = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    restarts = [line for line in told if "started again" in line]
    assert restarts == [
        f"worker process 1 ended with exit code 1; it is started again in {delay_s} s" for delay_s in (0.01, 0.02, 0.04)
    ]
    assert "worker process 1 is in a crash loop: 3 deaths" in told[3]
    assert told[4] == "worker process 1 is given up: it died 4 times in a row"


async def test_a_fleet_stops_while_it_waits_for_a_restart(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NAQ_CONNECT_TIMEOUT", "0.2")
    monkeypatch.setattr(fleet, "FIRST_DELAY_S", 60.0)
    instance = fleet.Fleet(["worker", "-m", EXAMPLES, "--server", "nats://127.0.0.1:1"], 1)
    running = asyncio.create_task(instance.run())
    async with asyncio.timeout(20):
        while "started again" not in caplog.text:  # noqa: ASYNC110  (a log line is no event)
            await asyncio.sleep(0.02)
        instance.stop()
        assert await running == 0
