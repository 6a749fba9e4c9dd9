"""Deliveries: one long pull per queue, re-issued as slots free up, watched by idle heartbeats.

Every queue may ask for as many jobs as there are free slots, so that any of them can fill the worker. What arrives
beyond the last slot waits here, leased, for a moment, and goes back to the server if no slot comes free.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import nats.errors

from naq import codec
from naq.connection import Connection, LinkState
from naq.delivery import Delivery
from naq.errors import NaqException
from naq.topology import ensure_consumer

log = logging.getLogger(__name__)

HEARTBEAT_S = 2.0
PULL_EXPIRES_S = 30.0
HOLD_S = 1.0
"""How long a job waits here for a slot before it goes back to its queue."""
RETRY_S = 0.25
NANOSECONDS = 1_000_000_000


class Received(NamedTuple):
    """One job as delivered."""

    queue: str
    data: bytes
    reply: str
    """Where to acknowledge it."""
    delivery: Delivery


class Intake:
    """Fills a worker's slots from its queues."""

    def __init__(
        self, connection: Connection, queues: Sequence[str], slots: int, accept: Callable[[Received], None]
    ) -> None:
        """`accept` is called for each job that has a slot; the caller gives it back with `done`."""
        self._connection = connection
        self._slots = slots
        self._accept = accept
        self._busy = 0
        self._held: deque[tuple[float, Received]] = deque()
        self._pulls = [_QueuePull(self, queue) for queue in queues]
        self._is_open = False

    @property
    def is_open(self) -> bool:
        return self._is_open

    @property
    def free(self) -> int:
        return self._slots - self._busy - len(self._held)

    async def start(self) -> None:
        """Begin to ask for jobs."""
        self._is_open = True
        self._release = self._connection.on_state(self._on_state)
        for pull in self._pulls:
            await pull.subscribe()
        self._refill()

    async def run(self) -> None:
        """Watch the pulls until cancelled: renews them before they expire and where their heartbeat stops."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(
                HEARTBEAT_S / 2 if any(pull.asked for pull in self._pulls) or self._held else HEARTBEAT_S
            )
            now = loop.time()
            for pull in self._pulls:
                if pull.asked and now - pull.heard_at > HEARTBEAT_S * 2.5:
                    log.debug("queue %s: no heartbeat, asking again", pull.queue)
                    await pull.restart()
            self._give_back(now)
            self._refill()

    async def stop(self) -> None:
        """Ask for nothing more; what arrives or waits from now on goes back to its queue at once."""
        self._is_open = False
        self._release()
        self._give_back(float("inf"))
        for pull in self._pulls:
            await pull.unsubscribe()

    def done(self) -> None:
        """A slot came free."""
        self._busy -= 1
        while self._held and self._busy < self._slots:
            self._take(self._held.popleft()[1])
        self._refill()

    def receive(self, received: Received) -> None:
        """A job arrived."""
        if not self._is_open:
            self._send_back(received)
        elif self._busy < self._slots:
            self._take(received)
        else:
            self._held.append((asyncio.get_running_loop().time() + HOLD_S, received))

    def _take(self, received: Received) -> None:
        self._busy += 1
        self._accept(received)

    def _refill(self) -> None:
        if not self._is_open or self._connection.state is not LinkState.LIVE:
            return
        free = self.free
        for pull in self._pulls:
            want = free - pull.asked
            # ask in halves: a pull per finished job would double the traffic
            if want > 0 and (pull.asked == 0 or want >= max(1, self._slots // 2)):
                pull.ask(want)

    def _give_back(self, now: float) -> None:
        while self._held and self._held[0][0] <= now:
            self._send_back(self._held.popleft()[1])

    def _send_back(self, received: Received) -> None:
        _spawn(self._connection.client.publish(received.reply, b"-NAK"))

    def _on_state(self, state: LinkState) -> None:
        if state is LinkState.LIVE and self._is_open:
            for pull in self._pulls:
                _spawn(pull.restart())


class _QueuePull:
    """The open pull of one queue."""

    def __init__(self, intake: Intake, queue: str) -> None:
        self.queue = queue
        self.asked = 0
        self.heard_at = 0.0
        self._intake = intake
        self._connection = intake._connection
        names = self._connection.names
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{names.jobs}.{names.consumer(queue)}"
        self._subscription: Any = None
        self._inbox = ""

    async def subscribe(self) -> None:
        self._inbox = self._connection.client.new_inbox()
        self._subscription = await self._connection.client.subscribe(self._inbox, cb=self._on_message)

    async def unsubscribe(self) -> None:
        if self._subscription is not None:
            try:
                await self._subscription.unsubscribe()
            except (nats.errors.Error, OSError):
                log.debug("unsubscribe failed", exc_info=True)

    async def restart(self) -> None:
        """Forget the open pull, which the server may have forgotten too, and ask anew from another inbox."""
        await self.unsubscribe()
        try:
            await ensure_consumer(self._connection, self.queue)
            await self.subscribe()
        except (NaqException, nats.errors.Error, OSError) as exc:
            log.debug("queue %s: %s", self.queue, exc)
            self.heard_at = asyncio.get_running_loop().time()
            return
        self.asked = 0
        self._intake._refill()

    def ask(self, jobs: int) -> None:
        self.asked += jobs
        self.heard_at = asyncio.get_running_loop().time()
        request = {
            "batch": jobs,
            "expires": int(PULL_EXPIRES_S * NANOSECONDS),
            "idle_heartbeat": int(HEARTBEAT_S * NANOSECONDS),
        }
        _spawn(self._connection.client.publish(self._subject, codec.dumps(request), reply=self._inbox))

    async def _on_message(self, message: Any) -> None:
        self.heard_at = asyncio.get_running_loop().time()
        status = message.headers.get("Status") if message.headers else None
        if status is None:
            self.asked = max(0, self.asked - 1)
            self._intake.receive(Received(self.queue, message.data, message.reply, Delivery.parse(message.reply)))
        elif status == "100":
            return
        elif status in ("408", "409") and "Nats-Pending-Messages" in message.headers:
            self.asked = max(0, self.asked - int(message.headers["Nats-Pending-Messages"]))
            self._intake._refill()
        else:
            # the consumer or its leader is gone: restart makes it again
            self.heard_at = float("-inf")


_tasks: set[asyncio.Task[None]] = set()


def _spawn(coroutine: Any) -> None:
    """Run a short write in the background; its failure shows as a missing heartbeat or redelivery."""
    task = asyncio.get_running_loop().create_task(_quietly(coroutine))
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


async def _quietly(coroutine: Any) -> None:
    try:
        await coroutine
    except (nats.errors.Error, NaqException, OSError) as exc:
        log.debug("write failed: %s", exc)
