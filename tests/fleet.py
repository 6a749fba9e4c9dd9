"""Two versions side by side: `python -m tests.fleet [REVISION]` works with this checkout and an older commit of it.

A worker and a scheduler of each, on one server, get jobs of many kinds, from the producers of both; each worker is
killed once on the way. In the end every job has to be over, both versions must have ended some, and
`naq doctor --verify` of this checkout finds the log and the records in order. The older commit is installed by pip into
a folder that is kept in `build/fleet`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from naq.client import AsyncClient
from naq.doctor.verify import verify
from naq.examples import tasks
from naq.limits import ConcurrencyLimit
from naq.models.job import FINAL_STATUSES
from naq.server import EmbeddedServer
from naq.settings import Settings
from tests.conftest import ROOT, environment_of, run_naq
from tests.integration.log import all_events

FOLDER = ROOT / "build" / "fleet"
OLDER = "HEAD~100"
ROUND = 20
"""Jobs of each kind that are enqueued at once."""
WORK = ("worker", "default", "-m", "naq.examples.tasks", "--concurrency", "5", "--log-level", "ERROR")
WITHIN_S = 120.0


class Version:
    """One version of the programs, and how they are started."""

    def __init__(self, name: str, python: Path, code: Path | None, settings: Settings) -> None:
        """`code` is where its package is found; None where it is installed."""
        self.name, self._python = name, python
        self._environment = environment_of(settings)
        del self._environment["PYTHONPATH"]
        if code is not None:
            self._environment["PYTHONPATH"] = str(code)

    @asynccontextmanager
    async def run(self, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """`naq <arguments>` in the background, ended in good order with the block."""
        process = await asyncio.create_subprocess_exec(
            *(self._python, "-m", "naq", *arguments),
            env=self._environment,
            cwd=FOLDER,  # where no package of ours lies
            stdout=asyncio.subprocess.DEVNULL,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()

    async def enqueue(self, *arguments: str) -> None:
        async with self.run("enqueue", *arguments) as process:
            if await process.wait():
                raise SystemExit(f"naq enqueue of {self.name} failed with exit code {process.returncode}")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fleet",
        description="Run the workers of an older commit beside those of this checkout, and check what came of it.",
        epilog="example:\n  python -m tests.fleet v0.1.0 --rounds 30",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("revision", nargs="?", default=OLDER, help=f"commit, tag or branch of the other ({OLDER})")
    parser.add_argument("--rounds", type=int, default=10, metavar="N", help="of about 100 jobs each (10)")
    args = parser.parse_args()
    for name in [name for name in os.environ if name.startswith("NAQ_") and name != "NAQ_SERVER_BINARY"]:
        del os.environ[name]
    commit, python = installed(args.revision)
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(work(Path(folder), commit, python, args.rounds))


def installed(revision: str) -> tuple[str, Path]:
    """The commit, shortened, and the Python that runs it; installed at its first use."""
    command = ["git", "rev-parse", "--short", "--verify", f"{revision}^{{commit}}"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if found.returncode:
        raise SystemExit(f"{revision}: no such commit here; in a shallow clone only the newest ones are")
    commit = found.stdout.strip()
    folder = FOLDER / commit
    python = folder / "bin" / "python"
    if not (folder / "installed").exists():
        print(f"installing {commit}", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        source = folder / "source"
        source.mkdir()
        archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x"], cwd=source, input=archive, check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", source], check=True)
        (folder / "installed").touch()
    return commit, python


async def work(folder: Path, commit: str, python: Path, rounds: int) -> int:
    async with EmbeddedServer(folder / "store") as server:
        settings = Settings(nats_url=server.url, ack_wait_s=3.0, lease_s=3.0, heartbeat_interval_s=1.0)
        older = Version(commit, python, None, settings)
        today = Version("this checkout", Path(sys.executable), ROOT, settings)
        async with AsyncClient(settings, program="tests.fleet") as client, AsyncExitStack() as running:
            doomed = []
            for version in (older, today):
                name = ("--name", version.name)
                await running.enter_async_context(version.run("scheduler", "--log-level", "ERROR"))
                await running.enter_async_context(version.run(*WORK, *name))
                doomed.append((version, await running.enter_async_context(version.run(*WORK, *name))))
            await client.schedule(tasks.add, 1, 1, interval=0.5, repeat=2 * rounds, schedule_id="tick", overlap="skip")
            for number in range(rounds):
                await enqueue(client, older, number)
                if number == rounds // 2:
                    for version, process in doomed:
                        process.kill()
                        await running.enter_async_context(version.run(*WORK, "--name", version.name))
            left = await until_over(client)
        return await report(settings, (older.name, today.name), left)


async def enqueue(client: AsyncClient, older: Version, number: int) -> None:
    """Some jobs of each kind, most by this checkout, some by the other."""
    plain = await client.enqueue_many([(tasks.add, (number, each)) for each in range(ROUND)])
    await client.enqueue(tasks.add, 1, 2, depends_on=plain[:2])
    await client.enqueue_many([(tasks.fail, ("asked to",))] * ROUND, max_retries=1, retry_delay=0.2)
    await client.enqueue_many([(tasks.sleep, (0.1,))] * ROUND, limits=[ConcurrencyLimit("few", 4)])
    await client.enqueue_many([(tasks.sleep, (30.0,))] * 2, timeout=0.5)
    for _ in range(3):
        await client.enqueue(tasks.sleep, 1.0, unique="one at a time")
        await client.enqueue_in(0.5, tasks.echo, {"round": number})
    await client.cancel((await client.enqueue(tasks.sleep, 20.0)).job_id)
    await older.enqueue("naq.examples.tasks:add", str(number), "1")
    await older.enqueue("naq.examples.tasks:fail", "--max-retries", "1")


async def until_over(client: AsyncClient) -> int:
    """Wait for the end of every job and schedule; returns how many jobs have none when it is given up."""
    left = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(WITHIN_S):
            while True:
                verdict = await verify(client.connection)
                left = sum(count for status, count in verdict.jobs.items() if status not in FINAL_STATUSES)
                schedules = [entry for entry in await client.list_schedules() if not entry.is_over]
                if not left and not schedules and not verdict.moving:
                    break
                await asyncio.sleep(0.5)
    return left


async def report(settings: Settings, names: Sequence[str], left: int) -> int:
    """What each version did, as a table, and the doctor's word; returns the exit code."""
    workers: dict[str, str] = {}
    told: Counter[tuple[str, str]] = Counter()
    async with AsyncClient(settings) as client:
        for stored in await all_events(client):
            event = stored.event
            if event is None or event.worker_id is None:
                continue
            if event.type == "WORKER_STARTED":
                workers[event.worker_id] = str((event.details or {}).get("name"))
            told[workers.get(event.worker_id, ""), event.type] += 1
    kinds = ("STARTED", "COMPLETED", "FAILED", "RETRY_SCHEDULED", "CANCELLED")
    print(f"{'':<16}" + "".join(f"{kind.lower().replace('_', ' '):>18}" for kind in kinds))
    for name in names:
        print(f"{name:<16}" + "".join(f"{told[name, kind]:>18,}" for kind in kinds))
    code, out, err = await run_naq(settings, "doctor", "--verify")
    print(out + err, end="")
    is_shared = all(told[name, "COMPLETED"] for name in names)
    if left or not is_shared:
        print(f"{left} jobs have no end" if left else "one of the versions ended nothing", file=sys.stderr)
    return int(bool(code or left or not is_shared))


if __name__ == "__main__":
    sys.exit(main())
