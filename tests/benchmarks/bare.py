"""The rival: what a bare nats-py loop reaches with no library around it.

As a program (`python -m tests.benchmarks.bare URL NAME JOBS`) it is a worker for the jobs of `Bare(NAME)`: it works off
JOBS of them, 100 at a time, and prints one JSON object. With `--store` it also stores what naq stores of a run: an
event at the start, the result and an event at the end, before a confirmed ack.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import ConsumerConfig, RetentionPolicy, StreamConfig

AT_ONCE = 100
OUTSTANDING = 500
"""Publishes of `many` that are awaited together."""


class Bare:
    """Producer of jobs in the stream NAME."""

    def __init__(self, client: Client, name: str) -> None:
        self.name = name
        self.client = client
        self.js = client.jetstream()

    async def make(self) -> None:
        """Streams of jobs and events, and a bucket of results, all on file."""
        await self.js.add_stream(
            StreamConfig(name=self.name, subjects=[f"{self.name}.jobs"], retention=RetentionPolicy.WORK_QUEUE)
        )
        await self.js.add_stream(StreamConfig(name=f"{self.name}-events", subjects=[f"{self.name}.events.*"]))
        self.results = await self.js.create_key_value(bucket=f"{self.name}-results")

    async def remove(self) -> None:
        for stream in (self.name, f"{self.name}-events", f"KV_{self.name}-results"):
            await self.js.delete_stream(stream)

    async def one(self) -> str:
        """Store a job, awaiting it; returns its id."""
        job_id = uuid.uuid4().hex
        await self.js.publish(f"{self.name}.jobs", _job(job_id))
        return job_id

    async def one_with_event(self) -> None:
        """Store a job and its event, both under way at once, as naq does."""
        job_id = uuid.uuid4().hex
        await asyncio.gather(
            self.js.publish(f"{self.name}.events.enqueued", _event(job_id, "ENQUEUED")),
            self.js.publish(f"{self.name}.jobs", _job(job_id)),
        )

    async def many(self, jobs: int) -> None:
        """Store jobs, `OUTSTANDING` at once (`publish_async` of nats-py 2.16 is five times slower)."""
        for first in range(0, jobs, OUTSTANDING):
            count = min(OUTSTANDING, jobs - first)
            await asyncio.gather(*(self.js.publish(f"{self.name}.jobs", _job(uuid.uuid4().hex)) for _ in range(count)))

    async def call(self) -> None:
        """Store a job and wait for its result, watched for in the bucket."""
        job_id = uuid.uuid4().hex
        watch = await self.results.watch(job_id)
        try:
            await self.js.publish(f"{self.name}.jobs", _job(job_id))
            while await watch.updates(timeout=30) is None:  # type: ignore[no-untyped-call]
                pass  # the mark that says that nothing is stored yet
        finally:
            await watch.stop()  # type: ignore[no-untyped-call]

    @asynccontextmanager
    async def worker(self, url: str, jobs: int, *, stores: bool) -> AsyncIterator[asyncio.subprocess.Process]:
        """This module as a program, told to end after so many jobs; killed at the end of the block."""
        options = ["--store"] if stores else []
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", __name__, url, self.name, str(jobs), *options, stdout=subprocess.PIPE
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


@asynccontextmanager
async def bare(url: str) -> AsyncIterator[Bare]:
    """With streams of its own, removed at the end of the block."""
    client = await nats.connect(url)
    try:
        rival = Bare(client, f"bare-{uuid.uuid4().hex[:8]}")
        await rival.make()
        yield rival
        await rival.remove()
    finally:
        await client.close()


async def outcome(process: asyncio.subprocess.Process) -> dict[str, Any]:
    """What a worker prints at its end: `seconds` from first to last start, `cpu_s`, and `waits` of each job."""
    out, _ = await process.communicate()
    printed: dict[str, Any] = json.loads(out)
    return printed


def _job(job_id: str) -> bytes:
    call = {"id": job_id, "function": "naq.bench.tasks:nothing", "args": [1], "sent_at": time.time()}
    return json.dumps(call).encode()


def _event(job_id: str, kind: str) -> bytes:
    event = {"v": 1, "id": uuid.uuid4().hex, "type": kind, "ts": time.time(), "entity": "job", "job_id": job_id}
    return json.dumps({**event, "queue": "jobs", "function": "naq.bench.tasks:nothing"}).encode()


async def work(url: str, name: str, jobs: int, *, stores: bool) -> None:
    client = await nats.connect(url)
    js = client.jetstream()
    results = await js.key_value(f"{name}-results")
    pull = await js.pull_subscribe(f"{name}.jobs", durable="w", config=ConsumerConfig(max_ack_pending=4 * AT_ONCE))
    free = asyncio.Semaphore(AT_ONCE)
    cpu_s = time.process_time()
    starts: list[float] = []
    waits: list[float] = []
    running: set[asyncio.Task[None]] = set()

    async def run(message: Msg) -> None:
        try:
            now = time.time()
            job = json.loads(message.data)
            starts.append(now)
            waits.append(now - job["sent_at"])
            if stores:
                await js.publish(f"{name}.events.started", _event(job["id"], "STARTED"))
                await results.put(job["id"], json.dumps(job["args"][0]).encode())
                await js.publish(f"{name}.events.completed", _event(job["id"], "COMPLETED"))
                await message.ack_sync()
            else:
                await message.ack()
        finally:
            free.release()

    received = 0
    while received < jobs:
        try:
            messages = await pull.fetch(AT_ONCE, timeout=5)
        except TimeoutError:
            continue
        received += len(messages)
        for message in messages:
            await free.acquire()
            task = asyncio.create_task(run(message))
            running.add(task)
            task.add_done_callback(running.discard)
    await asyncio.gather(*running)
    ended = time.time() if stores else starts[-1]
    cpu_s = time.process_time() - cpu_s
    print(json.dumps({"seconds": ended - starts[0], "cpu_s": cpu_s, "waits": waits}))
    await client.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="A worker that is nothing but a nats-py loop.")
    parser.add_argument("url")
    parser.add_argument("name")
    parser.add_argument("jobs", type=int)
    parser.add_argument("--store", action="store_true", help="store events and results as naq does")
    arguments = parser.parse_args()
    asyncio.run(work(arguments.url, arguments.name, arguments.jobs, stores=arguments.store))


if __name__ == "__main__":
    main()
