"""Blocking calls from threads, web applications and jobs; and what a fork after connecting does."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest

import naq
import naq.testing
from naq.client import AsyncClient
from naq.errors import NaqConnectionError, NaqException
from naq.examples import tasks
from naq.settings import Settings
from tests.conftest import EXAMPLES, environment_of
from tests.integration.log import all_events

pytestmark = pytest.mark.nats

HERE = "tests.integration.test_clients"


def sums_in_thread(numbers: list[int]) -> int:
    """A plain job that enqueues others by blocking calls and waits for their values."""
    jobs = [naq.enqueue_sync(tasks.add, number, 1) for number in numbers]
    return sum(naq.fetch_job_result_sync(job.job_id, timeout=10) for job in jobs)


async def enqueues_both_ways(number: int) -> list[str]:
    """A coroutine job: it awaits, and calls code that only knows the blocking call."""
    awaited = await naq.enqueue(tasks.echo, number)
    blocking = naq.enqueue_sync(tasks.echo, number)
    with naq.SyncClient() as client:
        own = client.enqueue(tasks.echo, number)
    return [awaited.job_id, blocking.job_id, own.job_id]


@pytest.fixture
async def jobs(settings: Settings) -> AsyncIterator[naq.testing.RunningWorker]:
    async with naq.testing.worker(settings, EXAMPLES, HERE) as running:
        yield running


async def test_module_calls_from_many_threads_at_once(jobs: naq.testing.RunningWorker) -> None:
    barrier = threading.Barrier(16)

    def one(number: int) -> float:
        barrier.wait()  # the first calls of all race for the connection
        return float(naq.enqueue_sync(tasks.add, number, 1).fetch_result_sync(timeout=20))

    def all_at_once() -> list[float]:
        with ThreadPoolExecutor(16) as pool:
            return list(pool.map(one, range(16)))

    assert await asyncio.to_thread(all_at_once) == [number + 1 for number in range(16)]
    connections = {thread.name for thread in threading.enumerate() if thread.name == "naq-sync"}
    assert len(connections) == 1


async def test_one_sync_client_serves_many_threads(jobs: naq.testing.RunningWorker, settings: Settings) -> None:
    def use() -> list[float]:
        with naq.SyncClient(settings) as client, ThreadPoolExecutor(8) as pool:
            made = list(pool.map(lambda number: client.enqueue(tasks.add, number, 2), range(40)))
            return list(pool.map(lambda job: client.fetch_job_result(job.job_id, timeout=20), made))

    assert await asyncio.to_thread(use) == [number + 2 for number in range(40)]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the test speaks."""


@contextmanager
def serving(app: Callable[..., Iterable[bytes]]) -> Iterator[str]:
    """The address of a threaded WSGI server of the standard library, each request in a thread of its own."""
    with make_server("127.0.0.1", 0, app, _Server, _Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def flask_style(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """`/start/<n>` enqueues and answers with the id, `/wait/<id>` answers with the value."""
    _, verb, what = environ["PATH_INFO"].split("/")
    if verb == "start":
        body: object = naq.enqueue_sync(tasks.add, int(what), 1, queue_name="default").job_id
    else:
        body = naq.fetch_job_result_sync(what, timeout=20)
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(body).encode()]


async def test_a_threaded_wsgi_application(jobs: naq.testing.RunningWorker) -> None:
    with serving(flask_style) as address:

        def get(path: str) -> Any:
            with urllib.request.urlopen(f"{address}{path}", timeout=20) as answer:
                return json.load(answer)

        def visit(number: int) -> float:
            return float(get(f"/wait/{get(f'/start/{number}')}"))

        def visitors() -> list[float]:
            with ThreadPoolExecutor(8) as pool:
                return list(pool.map(visit, range(24)))

        assert await asyncio.to_thread(visitors) == [number + 1 for number in range(24)]


async def test_django_style_plain_and_async_views_in_one_process(jobs: naq.testing.RunningWorker) -> None:
    def plain_view(number: int) -> float:  # a thread pool runs these, as asgiref does
        return float(naq.enqueue_sync(tasks.add, number, 1).fetch_result_sync(timeout=20))

    async def async_view(number: int) -> float:
        return float(await (await naq.enqueue(tasks.add, number, 1)).result(timeout=20))

    def view_with_loop_of_its_own(number: int) -> float:  # what asgiref's async_to_sync does in a worker thread
        async def run() -> float:
            try:
                return await async_view(number)
            finally:
                await naq.client.close_default_client()

        return asyncio.run(run())

    views = [
        *(asyncio.to_thread(plain_view, number) for number in range(5)),
        *(async_view(number) for number in range(5, 10)),
        *(asyncio.to_thread(view_with_loop_of_its_own, number) for number in range(10, 15)),
    ]
    assert await asyncio.gather(*views) == [number + 1 for number in range(15)]


async def test_blocking_calls_from_inside_jobs(jobs: naq.testing.RunningWorker) -> None:
    plain = await naq.enqueue(sums_in_thread, [1, 2, 3])
    coroutine = await naq.enqueue(enqueues_both_ways, 7)
    assert await plain.result(timeout=20) == 9
    made = await coroutine.result(timeout=20)
    ended = await jobs.all_final()
    assert [ended[job_id] for job_id in made] == ["COMPLETED"] * 3


async def test_a_call_that_waits_ends_as_its_client_is_closed(settings: Settings) -> None:
    def use() -> None:
        client = naq.SyncClient(settings)
        client.open()
        job = client.enqueue(tasks.add, 1, 2)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(client.fetch_job_result, job.job_id, timeout=60)
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.2)
            client.close()
            with pytest.raises(NaqConnectionError, match="closed"):
                waiting.result(timeout=10)
        with pytest.raises(NaqException, match="not open"):
            client.enqueue(tasks.add, 1, 2)

    await asyncio.to_thread(use)


async def test_a_fork_after_connecting(client: AsyncClient, settings: Settings) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.forking",
        env=environment_of(settings),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        out, err = await process.communicate()
    assert (process.returncode, err.decode()) == (0, "")
    forked = "the process was forked after"
    said = json.loads(out)
    assert said["default"] == "enqueued child (exit code 0)"
    assert said["sync"] == f"NaqException: {forked} the client was opened: open another in the child (exit code 0)"
    assert said["close"] == "closed: None (exit code 0)"
    assert said["pool"] == 10
    assert said["async"].startswith(f"NaqConnectionError: {forked} this client connected: open one of its own")
    assert said["fresh"] == "enqueued default (exit code 0)"
    enqueued = [s.event for s in await all_events(client) if s.event is not None and s.event.type == "ENQUEUED"]
    assert len(enqueued) == 19, "parent 6, children 1 + 10 + 2, nothing of those refused"
