"""Blocking twins: every async call of `naq.api`, for code without an event loop.

One mechanism for all: a daemon thread runs a loop with the default client, a blocking call hands its coroutine over
and waits. Calls may come from any thread. A fork after the first call is noticed: the child makes its own thread.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import functools
import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from naq import api
from naq.client import AsyncClient, close_default_client
from naq.errors import NaqConnectionError, NaqException
from naq.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")


class Portal:
    """A loop in a thread of its own, that other threads run coroutines in."""

    def __init__(self, name: str) -> None:
        self.pid = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._is_closed = False
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, R]) -> R:
        """Run it there and return what it returns; interrupting the wait cancels it.

        Raises:
            NaqException: it can't be run there: called in that very thread, or in a forked child.
            NaqConnectionError: the portal is closed, or was while this call waited.
        """
        problem: NaqException | None = None
        if self.pid != os.getpid():
            problem = NaqException("the process was forked after the client was opened: open another in the child")
        elif threading.current_thread() is self._thread:
            problem = NaqException("a blocking naq call was made in naq's own thread: await the async call there")
        elif self._is_closed:
            problem = NaqConnectionError("the client is closed: open another")
        if problem is not None:
            coroutine.close()
            raise problem
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            if self._is_closed:
                raise NaqConnectionError("the client was closed while this call waited") from None
            raise
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """Cancel what still runs there, then stop the loop and its thread; nothing happens in a forked child."""
        if self._is_closed or self.pid != os.getpid():
            return
        self._is_closed = True
        asyncio.run_coroutine_threadsafe(self._cancel_all(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=2)
        if not self._thread.is_alive():
            self._loop.close()

    async def _cancel_all(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        if others:
            await asyncio.wait(others, timeout=1)


_lock = threading.Lock()
_portal: Portal | None = None


def default_portal() -> Portal:
    """The process's portal; a forked child gets its own."""
    global _portal
    with _lock:
        if _portal is None:
            _portal = Portal("naq-sync")
            atexit.register(_close_portal, _portal)
        return _portal


def _forget_portal() -> None:
    """In a forked child: the thread is not there, and another one may have held the lock."""
    global _lock, _portal
    _lock, _portal = threading.Lock(), None


os.register_at_fork(after_in_child=_forget_portal)


def _close_portal(portal: Portal) -> None:
    if portal.pid != os.getpid():
        return
    try:
        portal.run(_close_in_time())
    except Exception:
        # interpreter exit: every write was confirmed to its caller already, nothing is left to save
        return
    finally:
        portal.close()


async def _close_in_time() -> None:
    async with asyncio.timeout(3):
        await close_default_client()


def close_default_portal_client() -> None:
    """Close the client behind the blocking calls, if there is one; the next call opens another."""
    if _portal is not None:
        _portal.run(close_default_client())


def blocking(function: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, R]:
    """The blocking twin of an async function."""

    @functools.wraps(function)
    def twin(*args: P.args, **kwargs: P.kwargs) -> R:
        return default_portal().run(function(*args, **kwargs))

    twin.__name__ = twin.__qualname__ = f"{function.__name__}_sync"
    return twin


enqueue_sync = blocking(api.enqueue)
enqueue_many_sync = blocking(api.enqueue_many)
group_sync = blocking(api.group)
chain_sync = blocking(api.chain)
chord_sync = blocking(api.chord)
waiting_jobs_sync = blocking(api.waiting_jobs)
enqueue_at_sync = blocking(api.enqueue_at)
enqueue_in_sync = blocking(api.enqueue_in)
schedule_sync = blocking(api.schedule)
cancel_sync = blocking(api.cancel)
cancel_scheduled_job_sync = blocking(api.cancel_scheduled_job)
pause_scheduled_job_sync = blocking(api.pause_scheduled_job)
resume_scheduled_job_sync = blocking(api.resume_scheduled_job)
trigger_scheduled_job_sync = blocking(api.trigger_scheduled_job)
modify_scheduled_job_sync = blocking(api.modify_scheduled_job)
pause_queue_sync = blocking(api.pause_queue)
resume_queue_sync = blocking(api.resume_queue)
purge_queue_sync = blocking(api.purge_queue)
retry_job_sync = blocking(api.retry_job)
retry_jobs_sync = blocking(api.retry_jobs)
clone_job_sync = blocking(api.clone_job)
delete_job_sync = blocking(api.delete_job)
delete_jobs_sync = blocking(api.delete_jobs)
fetch_job_result_sync = blocking(api.fetch_job_result)
get_job_status_sync = blocking(api.get_job_status)
list_workers_sync = blocking(api.list_workers)
stop_worker_sync = blocking(api.stop_worker)
forget_worker_sync = blocking(api.forget_worker)
list_queues_sync = blocking(api.list_queues)
list_schedules_sync = blocking(api.list_schedules)


class SyncClient:
    """`AsyncClient` for blocking code: the same methods, each of which waits. Use as a context manager.

    Safe to call from several threads at once.
    """

    def __init__(self, settings: Settings | None = None, **overrides: Any) -> None:
        self._client = AsyncClient(settings, **overrides)
        self._portal: Portal | None = None

    def __enter__(self) -> SyncClient:
        self.open()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def open(self) -> None:
        """See `AsyncClient.open`."""
        self._portal = Portal("naq-sync-client")
        try:
            self._portal.run(self._client.open())
        except BaseException:
            self._portal.close()
            self._portal = None
            raise

    def close(self) -> None:
        """Close the connection; calls that wait meanwhile raise NaqConnectionError. Harmless in a forked child."""
        portal, self._portal = self._portal, None
        if portal is not None and portal.pid == os.getpid():
            try:
                portal.run(self._client.close())
            finally:
                portal.close()

    def __getattr__(self, name: str) -> Any:
        method = getattr(AsyncClient, name, None)
        if name.startswith("_") or not asyncio.iscoroutinefunction(method):
            raise AttributeError(f"SyncClient has no attribute {name!r}")
        bound = getattr(self._client, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            if self._portal is None:
                raise NaqException("the client is not open: use 'with SyncClient() as client'")
            return self._portal.run(bound(*args, **kwargs))

        return functools.wraps(bound)(call)
