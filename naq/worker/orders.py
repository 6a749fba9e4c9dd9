"""Orders: what operators ask of every worker, heard as it is stored.

The whole bucket is read before the worker takes its first job, so an order given while it was away is kept. A lost
link is caught up on by the watch itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from naq.connection import Connection
from naq.control import Control, record_of
from naq.kv import Entry

log = logging.getLogger(__name__)

OrderHandler = Callable[[str, dict[str, Any] | None], None]
"""Called with the name (queue, job id, worker id) and the record; None where it was taken back."""


class Orders:
    """The control bucket, as one worker hears it."""

    def __init__(self, connection: Connection) -> None:
        self._control = Control(connection)
        self._handlers: defaultdict[str, list[OrderHandler]] = defaultdict(list)
        self._caught_up = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def on(self, kind: str, handler: OrderHandler) -> None:
        """Call `handler` in this loop for every order of this kind there is and will be; register before `start`."""
        self._handlers[kind].append(handler)

    async def start(self) -> None:
        """Begin to listen; returns once every standing order has been handed on."""
        self._task = asyncio.create_task(self._watch(), name="orders")
        caught_up = asyncio.create_task(self._caught_up.wait(), name="orders-caught-up")
        await asyncio.wait({self._task, caught_up}, return_when=asyncio.FIRST_COMPLETED)
        caught_up.cancel()
        if self._task.done():
            self._task.result()

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _watch(self) -> None:
        async for batch in self._control.bucket.watch():
            for entry in batch.entries:
                self._hand_on(entry)
            if batch.is_caught_up:
                self._caught_up.set()

    def _hand_on(self, entry: Entry) -> None:
        kind, _, name = entry.key.partition(".")
        record = None if entry.is_deleted else record_of(entry)
        for handler in self._handlers.get(kind, ()):
            try:
                handler(name, record)
            except Exception:
                log.exception("order %s could not be followed", entry.key)
