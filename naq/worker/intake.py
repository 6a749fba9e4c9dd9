"""Deliveries: one long pull per queue, re-issued as slots free up, watched by idle heartbeats.

Every queue may ask for as many jobs as there are free slots, so that any of them can fill the worker. What arrives
beyond the last slot waits here, leased, for a moment, and goes back to the server if no slot comes free. Where several
queues are served, `naq.worker.turns` says which one gets a slot; while short jobs keep the worker busy, each queue asks
for a few more than fit, so that there is a choice when the next slot comes free.

A paused queue asks for nothing: its open pull is withdrawn and what waits here goes back. What dies with the process
here is only leases: the server hands those jobs out again after the ack wait.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import nats.errors

from naq import codec
from naq.connection import Connection, LinkState
from naq.delivery import Delivery, Received
from naq.errors import NaqException
from naq.topology import ensure_consumer
from naq.wire import headers_of, status_of
from naq.worker.turns import Turns

log = logging.getLogger(__name__)

HEARTBEAT_S = 2.0
PULL_EXPIRES_S = 30.0
LEADER_SILENT_S = 2.5
"""Silence of a queue's leader, or time in which it was asked for nothing, behind which another may lead.

More than a heartbeat of it; less than the 3 s that pass before anybody is elected in the place of one that died.
"""
HOLD_S = 1.0
"""How long a job waits here for a slot before it goes back to its queue."""
ANSWER_WITHIN_S = 0.02
"""How long a free slot waits at least for the answer of a queue whose turn it is."""
ANSWERS = 4
"""How many times the usual time of an answer it waits, on a slow line or a busy server."""
LOOKAHEAD_S = 0.2
"""Jobs of each queue held beyond the slots: what this worker starts of them in that time, at its latest pace."""
NANOSECONDS = 1_000_000_000


class Intake:
    """Fills a worker's slots from its queues."""

    def __init__(
        self,
        connection: Connection,
        queues: Sequence[str],
        slots: int,
        accept: Callable[[Received], None],
        turns: Turns | None = None,
        on_new_leader: Callable[[], None] = lambda: None,
        waiting: Mapping[str, int] = {},
    ) -> None:
        """`accept` is called for each job that has a slot; the caller gives it back with `done`.

        `turns` is the order between the queues, equal shares where None. `on_new_leader` is called where what comes
        next may come from another leader than what came last. `waiting` is how many jobs a queue was seen to have.
        """
        self._connection = connection
        self._slots = slots
        self._accept = accept
        self.on_new_leader = on_new_leader
        self._busy = 0
        self._turns = turns or Turns(queues)
        self._pulls = {queue: _QueuePull(self, queue, has_more=waiting.get(queue, 0) > 0) for queue in queues}
        self._only = next(iter(self._pulls.values())) if len(self._pulls) == 1 else None
        """The pull of a worker of one queue, where nobody has to be asked whose turn it is; None with several."""
        self._is_open = False
        self._pace_s = LOOKAHEAD_S
        self._done_at = 0.0
        self._look_again: asyncio.TimerHandle | None = None
        self._answer_s = 0.0

    def answer_within_s(self, *, has_more: bool = False) -> float:
        """The silence after which a queue whose pull is open counts as empty.

        `has_more` where jobs of it were seen to wait: in strict order only a silence that others must have taken them
        lets a lower queue go first.
        """
        if has_more and self._turns.is_strict:
            return HOLD_S
        return min(HOLD_S, max(ANSWER_WITHIN_S, ANSWERS * self._answer_s))

    def answered(self, seconds: float) -> None:
        """A queue that was known to have jobs sent the first one that long after it was asked."""
        self._answer_s += (min(seconds, HOLD_S) - self._answer_s) / 4

    @property
    def is_open(self) -> bool:
        return self._is_open

    @property
    def free(self) -> int:
        return self._slots - self._busy

    async def start(self) -> None:
        """Begin to ask for jobs."""
        self._is_open = True
        self._release = self._connection.on_state(self._on_state)
        for pull in self._pulls.values():
            if not pull.is_paused:
                await pull.subscribe()
        self._refill()

    async def run(self) -> None:
        """Watch the pulls until cancelled: renews them before they expire and where their heartbeat stops.

        Raises:
            PermissionDeniedError: the server does not let this user take jobs of a queue.
        """
        loop = asyncio.get_running_loop()
        while True:
            is_waiting = any(pull.asked or pull.held for pull in self._pulls.values())
            await asyncio.sleep(HEARTBEAT_S / 2 if is_waiting else HEARTBEAT_S)
            now = loop.time()
            for pull in self._pulls.values():
                pull.check_permitted()
                if pull.asked and now - pull.heard_at > HEARTBEAT_S * 2.5:
                    log.debug("queue %s: no heartbeat, asking again", pull.queue)
                    await pull.restart()
                pull.give_back(now)
            self._refill()

    async def stop(self) -> None:
        """Ask for nothing more; what arrives or waits from now on goes back to its queue at once."""
        self._is_open = False
        self._release()
        if self._look_again is not None:
            self._look_again.cancel()
        for pull in self._pulls.values():
            pull.give_back(float("inf"))
            await pull.unsubscribe()

    def on_order(self, queue: str, pause: dict[str, Any] | None) -> None:
        """Follow an operator's order: the queue's pause, or None where there is none any more."""
        if pause is None:
            self.resume(queue)
        else:
            self.pause(queue)

    def pause(self, queue: str) -> None:
        """Take no job of `queue` from now on; what waits here for a slot goes back. Running jobs go on.

        Harmless for a queue that is not served, or paused already. May come before `start`.
        """
        pull = self._pulls.get(queue)
        if pull is None or pull.is_paused:
            return
        pull.is_paused = True
        pull.give_back(float("inf"))
        if self._is_open:
            log.info("queue %s is paused", queue)
            _spawn(pull.withdraw())
            self._assign()

    def resume(self, queue: str) -> None:
        """Take jobs of `queue` again, at once."""
        pull = self._pulls.get(queue)
        if pull is None or not pull.is_paused:
            return
        pull.is_paused = False
        if self._is_open:
            log.info("queue %s is resumed", queue)
            _spawn(pull.restart())

    def done(self) -> None:
        """A slot came free."""
        self._busy -= 1
        if self._only is None:  # else nothing is held beyond the slots, at any pace
            now = asyncio.get_running_loop().time()
            self._pace_s += (min(now - self._done_at, LOOKAHEAD_S) - self._pace_s) / 8
            self._done_at = now
        self._refill()  # first, so that no queue counts as empty only because it was not asked
        self._assign()

    def receive(self, received: Received) -> None:
        """A job arrived."""
        pull = self._pulls[received.queue]
        if not self._is_open or pull.is_paused:
            self._send_back(received)
        elif self._only is not None and self._busy < self._slots and not pull.held:
            self._busy += 1
            self._accept(received)
        else:
            pull.held.append((asyncio.get_running_loop().time() + HOLD_S, received))
            self._assign()

    def _assign(self) -> None:
        """Give free slots to what waits here, each to the queue whose turn it is."""
        if self._only is not None:
            held = self._only.held
            while held and self._is_open and self._busy < self._slots:
                self._busy += 1
                self._accept(held.popleft()[1])
            return
        while self._is_open and self._busy < self._slots and any(pull.held for pull in self._pulls.values()):
            queue = self._turns.next(self._has_waiting)
            if queue is None:
                self._look_again_soon()
                return
            self._turns.took(queue, self._has_waiting)
            self._busy += 1
            self._accept(self._pulls[queue].held.popleft()[1])

    def _has_waiting(self, queue: str) -> bool | None:
        pull = self._pulls[queue]
        if pull.held:
            return True
        return None if pull.answers_at > asyncio.get_running_loop().time() and pull.asked else False

    def _look_again_soon(self) -> None:
        if self._look_again is None:
            loop = asyncio.get_running_loop()
            # what has arrived by then is read first: the loop may have been held up longer than that
            self._look_again = loop.call_later(self.answer_within_s(), loop.call_soon, self._on_look_again)

    def _on_look_again(self) -> None:
        self._look_again = None
        self._assign()
        self._refill()

    def _refill(self) -> None:
        if not self._is_open or self._connection.state is not LinkState.LIVE:
            return
        room = self.free + self._lookahead()
        for pull in self._pulls.values():
            want = 0 if pull.is_paused else room - pull.asked - len(pull.held)
            # ask in halves: a pull per finished job would double the traffic
            if want > 0 and (pull.asked == 0 or want >= max(1, self._slots // 2)):
                pull.ask(want)
            if self._turns.is_strict:
                room -= len(pull.held)  # what waits here of a higher queue comes first: no use in holding more

    def _lookahead(self) -> int:
        """Jobs of each queue worth holding beyond the free slots: none where there is no choice or no hurry."""
        if self._only is not None:
            return 0
        pace_s = max(self._pace_s, asyncio.get_running_loop().time() - self._done_at)
        return min(self._slots, int(LOOKAHEAD_S / max(pace_s, 1e-6) / len(self._pulls)))

    def _send_back(self, received: Received) -> None:
        _spawn(self._connection.client.publish(received.reply, b"-NAK"))

    def _on_state(self, state: LinkState) -> None:
        if state is LinkState.LIVE and self._is_open:
            for pull in self._pulls.values():
                if not pull.is_paused:
                    _spawn(pull.restart())


class _QueuePull:
    """The open pull of one queue."""

    def __init__(self, intake: Intake, queue: str, *, has_more: bool) -> None:
        self.queue = queue
        self.asked = 0
        self.heard_at = 0.0
        self._leader_heard_at = asyncio.get_running_loop().time()
        self.answers_at = 0.0
        """When the silence of an open pull means that nothing waits in the queue."""
        self.is_paused = False
        self.held: deque[tuple[float, Received]] = deque()
        """Jobs that wait here for a slot, with the time at which they go back."""
        self._empty_at = float("-inf")
        self._has_more = has_more
        self._asked_at: float | None = None
        """Since when a queue that has jobs owes the first one."""
        self._intake = intake
        self._connection = intake._connection
        names = self._connection.names
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{names.jobs}.{names.consumer(queue)}"
        self._subscription: Any = None
        self._inbox = ""

    async def subscribe(self) -> None:
        self._inbox = inbox = self._connection.client.new_inbox()
        self._subscription = await self._connection.client.listen(inbox, functools.partial(self._on_message, inbox))

    async def unsubscribe(self) -> None:
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            try:
                await subscription.unsubscribe()
            except (nats.errors.Error, OSError):
                log.debug("unsubscribe failed", exc_info=True)

    async def withdraw(self) -> None:
        """Close the open pull. What the server has sent already still arrives here, and goes back."""
        subscription, self._subscription, self.asked, self._inbox = self._subscription, None, 0, ""
        if subscription is not None:
            await subscription.drain()

    def give_back(self, now: float) -> None:
        """Send back what has waited here until `now`."""
        while self.held and self.held[0][0] <= now:
            self._intake._send_back(self.held.popleft()[1])

    async def restart(self) -> None:
        """Forget the open pull, which the server may have forgotten too, and ask anew from another inbox."""
        await self.unsubscribe()
        try:
            self._has_more = await ensure_consumer(self._connection, self.queue) > 0
            await self.subscribe()
        except (NaqException, nats.errors.Error, OSError) as exc:
            log.debug("queue %s: %s", self.queue, exc)
            # tried again at the next look: a cluster may be electing a leader
            self.asked, self.heard_at = max(1, self.asked), float("-inf")
            return
        self.asked = 0
        self._intake._refill()

    def check_permitted(self) -> None:
        if self._connection.is_denied(self._subject):
            raise self._connection.denial(self._subject)

    def ask(self, jobs: int) -> None:
        now = asyncio.get_running_loop().time()
        if self.asked == 0:
            self._asked_at = now if self._has_more else None
            if now - self._empty_at > ANSWER_WITHIN_S:
                self.answers_at = now + self._intake.answer_within_s(has_more=self._has_more)
        self.asked += jobs
        self.heard_at = now
        request = {
            "batch": jobs,
            "expires": int(PULL_EXPIRES_S * NANOSECONDS),
            "idle_heartbeat": int(min(HEARTBEAT_S, self._connection.settings.ack_wait_s / 4) * NANOSECONDS),
        }
        client, data = self._connection.client, codec.dumps(request)
        if not client.write(self._subject, self._inbox, data):
            _spawn(client.publish(self._subject, data, reply=self._inbox))

    def _on_message(self, inbox: str, _subject: bytes, reply: str, data: bytes, headers: bytes) -> None:
        now = asyncio.get_running_loop().time()
        status = status_of(headers)
        if now - self._leader_heard_at > LEADER_SILENT_S or status == "409":
            self._intake.on_new_leader()
        self._leader_heard_at = now
        is_current = inbox == self._inbox
        if status is None:
            received = Received(self.queue, data, reply, Delivery.parse(reply), now)
            if is_current:
                self.heard_at = now
                self.asked = max(0, self.asked - 1)
                if self._asked_at is not None:
                    self._intake.answered(now - self._asked_at)
                    self._asked_at = None
                self._has_more = received.delivery.pending > 0
                self._empty_at = float("-inf") if self._has_more else now
                self.answers_at = now + self._intake.answer_within_s(has_more=True) if self._has_more else now
            self._intake.receive(received)
            return
        if not is_current:
            return  # of a pull that was closed
        self.heard_at = now
        if status == "100":
            return
        unanswered = headers_of(headers).get("Nats-Pending-Messages")
        if status in ("408", "409") and unanswered is not None:
            self.asked = max(0, self.asked - int(unanswered))
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
