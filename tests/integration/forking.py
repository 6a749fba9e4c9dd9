"""A program that connects, forks, and prints as JSON what its children and then it itself could do."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import naq
from naq.examples import tasks


def in_child(call: Callable[[], object]) -> str:
    """What `call` gives in a forked child, which ends as an interpreter does."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        try:
            told = str(call())
        except naq.NaqException as exc:
            told = f"{type(exc).__name__}: {exc}"
        os.write(write, told.encode())
        sys.exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        told = pipe.read()
    _, status = os.waitpid(pid, 0)
    return f"{told} (exit code {os.waitstatus_to_exitcode(status)})"


def enqueue_in_pool(number: int) -> str:
    return naq.enqueue_sync(tasks.echo, number).job_id


async def hold(client: naq.AsyncClient) -> dict[str, str]:
    """Fork while an async client is connected, as a library that forks below a web server does."""
    await client.enqueue(tasks.echo, "before")
    said = in_child(lambda: asyncio.run(client.enqueue(tasks.echo, "child of async")).job_id)
    fresh = in_child(lambda: asyncio.run(fresh_client()))
    await client.enqueue(tasks.echo, "after")
    return {"async": said, "fresh": fresh}


async def fresh_client() -> str:
    async with naq.AsyncClient() as client:
        await client.enqueue(tasks.echo, "fresh")
    job = await naq.enqueue(tasks.echo, "default")
    return f"enqueued {job.args[0]}"


def main() -> None:
    said: dict[str, object] = {}
    naq.enqueue_sync(tasks.echo, "parent")
    said["default"] = in_child(lambda: f"enqueued {naq.enqueue_sync(tasks.echo, 'child').args[0]}")
    with naq.SyncClient() as client:
        client.enqueue(tasks.echo, "parent's own")
        said["sync"] = in_child(lambda: client.enqueue(tasks.echo, "child's own"))
        said["close"] = in_child(lambda: f"closed: {client.close()}")
        client.enqueue(tasks.echo, "parent's own again")
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
        said["pool"] = len(set(pool.map(enqueue_in_pool, range(10))))
    said.update(asyncio.run(connected()))
    naq.enqueue_sync(tasks.echo, "parent at last")
    print(json.dumps(said))  # noqa: T201


async def connected() -> dict[str, str]:
    async with naq.AsyncClient() as client:
        return await hold(client)


if __name__ == "__main__":
    main()
