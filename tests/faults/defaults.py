"""What is promised at default settings, measured: `python -m tests.faults.defaults`.

A worker is killed with SIGKILL while it runs a job: that job must start on another within the ack wait and 2 s, which
is 10 s. A job of 75 s (`--long` for another), and one that holds its worker's event loop for 60 s, must start exactly
once, their workers judged busy or blocked all the while, by `naq` and by the console, though another worker waits to
take over.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import datetime
from pathlib import Path

from naq.client import AsyncClient
from naq.models.job import JobStatus
from naq.models.times import utcnow
from naq.models.worker import WorkerRecord
from naq.server import EmbeddedServer
from naq.settings import Settings
from naq_tui.store.rows import worker_row
from naq_tui.views.judging import worker_status
from naq_tui.views.table import Lens
from tests.conftest import ROOT

MODULE = "tests.faults.defaults"
AGAIN_WITHIN_S = 10.0
BLOCKED_S = 60.0
LOOK_S = 0.25
ALIVE = {"BUSY", "BLOCKED"}


async def wait(seconds: float) -> float:
    await asyncio.sleep(seconds)
    return seconds


async def hold_the_loop(seconds: float) -> float:
    """What no coroutine should do: everything else of its worker stands still."""
    time.sleep(seconds)  # noqa: ASYNC251
    return seconds


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults.defaults",
        description="Kill workers, and run long and blocking jobs, at default settings; print what was measured.",
        epilog="example:\n  python -m tests.faults.defaults --long 600",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--kills", type=int, default=5, metavar="N", help="workers killed (default 5)")
    parser.add_argument("--long", type=float, default=75.0, metavar="S", help="seconds of the long job (default 75)")
    args = parser.parse_args()
    return asyncio.run(run(args.kills, args.long))


async def run(kills: int, long_s: float) -> int:
    with tempfile.TemporaryDirectory(prefix="naq-defaults-") as folder:
        async with EmbeddedServer(Path(folder) / "store") as server:
            settings = Settings(nats_url=server.url)
            holds = [await long_jobs(settings.with_(prefix=new_prefix()), long_s), await crashes(settings, kills)]
    print("holds" if all(holds) else "DOES NOT HOLD")
    return 0 if all(holds) else 1


async def crashes(settings: Settings, kills: int) -> bool:
    """Kill a worker in its job, at another moment between two lease renewals each time."""
    took: list[float] = []
    for number in range(kills):
        own = settings.with_(prefix=new_prefix())
        async with AsyncClient(own) as client, worker(own) as first, worker(own) as second:
            await workers_when(client, 2)
            job = await client.enqueue(f"{MODULE}:wait", 60)
            _, first_host = await start_of(client, job.job_id)
            await asyncio.sleep(0.7 * number)
            pids = {record.worker_id: record.pid for record in await client.list_workers()}
            victim = next(process for process in (first, second) if process.pid == pids[first_host])
            killed_at = utcnow()
            victim.kill()
            again_at, _ = await start_of(client, job.job_id, not_on=first_host)
            took.append((again_at - killed_at).total_seconds())
        print(f"killed {0.7 * number:.1f} s into its job: started elsewhere after {took[-1]:.1f} s", flush=True)
    print(f"started elsewhere after a kill: median {statistics.median(took):.1f} s, max {max(took):.1f} s")
    return max(took) <= AGAIN_WITHIN_S


async def long_jobs(settings: Settings, long_s: float) -> bool:
    """A long job and one that holds its worker's loop, each on a worker of its own, with a third one idle."""
    async with AsyncClient(settings) as client, worker(settings), worker(settings), worker(settings):
        await workers_when(client, 3)
        jobs = {
            f"a job of {long_s:g} s": await client.enqueue(f"{MODULE}:wait", long_s),
            f"the loop held for {BLOCKED_S:g} s": await client.enqueue(f"{MODULE}:hold_the_loop", BLOCKED_S),
        }
        hosts: dict[str, str] = {}
        for name, job in jobs.items():
            _, hosts[name] = await start_of(client, job.job_id)
        holds = len(set(hosts.values())) == len(jobs)
        if not holds:
            print("both jobs came to one worker: they tell nothing of each other")
        judged = await asyncio.gather(*(statuses_while(client, hosts[name], job.job_id) for name, job in jobs.items()))
        for (name, job), seen in zip(jobs.items(), judged, strict=True):
            status = await client.get_job_status(job.job_id)
            starts = sum(
                s.event is not None and s.event.type == "STARTED" for s in await client.job_history(job.job_id)
            )
            print(f"{name}: {status.lower()}, started {starts} time(s), its worker judged {told(seen)}", flush=True)
            is_well = (
                status == JobStatus.COMPLETED and starts == 1 and {word for pair in seen for word in pair} <= ALIVE
            )
            holds = holds and is_well
        return holds


async def statuses_while(client: AsyncClient, worker_id: str, job_id: str) -> dict[tuple[str, str], int]:
    """How often a job's worker was judged so by naq and by the console, from its first beat with the job to the end."""
    seen: dict[tuple[str, str], int] = {}
    while not (await client.results.get_record(job_id)):
        record = next(record for record in await client.list_workers() if record.worker_id == worker_id)
        now = client.connection.server_now()
        if seen or any(running.job_id == job_id for running in record.running):
            pair = (str(record.status_at(now)), judged_by_console(record, now))
            seen[pair] = seen.get(pair, 0) + 1
        await asyncio.sleep(LOOK_S)
    return seen


def judged_by_console(record: WorkerRecord, now: datetime) -> str:
    return worker_status(worker_row(record), Lens(now=now, local_now=utcnow()))


def told(seen: dict[tuple[str, str], int]) -> str:
    total = sum(seen.values())
    return ", ".join(f"{naq}/{console} {100 * count / total:.0f} %" for (naq, console), count in sorted(seen.items()))


async def start_of(client: AsyncClient, job_id: str, *, not_on: str = "") -> tuple[datetime, str]:
    """When a start of the job was stored, and on which worker, the first that is not `not_on`."""
    async with asyncio.timeout(120), aclosing(client.events.follow()) as batches:
        async for batch in batches:
            for stored in batch.events:
                event = stored.event
                if event is None or event.type != "STARTED" or event.job_id != job_id or event.worker_id == not_on:
                    continue
                return stored.stored_at, event.worker_id or ""
    raise AssertionError("the log never ends by itself")


async def workers_when(client: AsyncClient, count: int) -> None:
    async with asyncio.timeout(30), aclosing(client.inspector.watch_workers()) as batches:
        async for _ in batches:
            if len(await client.list_workers()) == count:
                return


@asynccontextmanager
async def worker(settings: Settings) -> AsyncIterator[asyncio.subprocess.Process]:
    """A worker process at default settings, killed at the end."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NAQ_")}
    environment |= {"NAQ_NATS_URL": settings.nats_url or "", "NAQ_PREFIX": settings.prefix, "PYTHONPATH": str(ROOT)}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "naq", "worker", "-m", MODULE, "--concurrency", "1", "--log-level", "ERROR"),
        env=environment,
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def new_prefix() -> str:
    return f"d{uuid.uuid4().hex[:8]}"


if __name__ == "__main__":
    sys.exit(main())
