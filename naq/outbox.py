"""All JetStream writes of a process: pipelined over one reply inbox, each with its own future, deadline and retry.

A write goes to the socket at once; its answer comes back on one multiplexed inbox, so thousands can be under way with
no task or timer each. One timer serves all of them and runs only while something is outstanding. A write without an
answer by its deadline is sent again under the same token and the same `Nats-Msg-Id`, so the server stores it once;
so is one that a cluster can't take just now (an election, a copy of it that is under way), and after a reconnect
everything outstanding is sent again at once. What this gives up is only knowledge: a write that
failed with NaqConnectionError may have been stored.

Acks of one turn of the loop share one answer: a consumer takes them in the order in which they came, so that the word
that it has the last is the word that it has all. Without that word all of them are sent again.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import nats.errors

from naq import codec, refusals
from naq.errors import ConflictError, NaqConnectionError, NaqException, SerializationError
from naq.wire import status_of

if TYPE_CHECKING:
    from naq.connection import Connection

log = logging.getLogger(__name__)

WINDOW = 4096
"""Writes under way at once; the next one waits."""
ANSWER_WITHIN_S = 2.0
"""Seconds after which an unanswered write is sent again."""
UNAVAILABLE_RETRY_S = 0.25
"""Pause after "no responders": the stream has no leader right now, or the server just came up."""
UNHURRIED_RETRY_S = 2.0
"""The same for a write that has more than `PATIENCE_S` left: there may be thousands of those for an hour."""
ACK_PATIENCE_S = 10.0
NO_LEADER = "its stream has no leader now: in a cluster, most of the servers it is stored on must be up"
PATIENCE_S = 30.0
"""Seconds after which a write is given up, unless the caller says otherwise."""

IDLE_S = 0.1
"""Seconds between two writes from which on a process is idle."""

NO_RESPONDERS = "503"
ROOM_RETRY_S = 1.0


class PublishAck(NamedTuple):
    """The server's word that a message is stored."""

    seq: int
    is_duplicate: bool
    """True where a message with this `Nats-Msg-Id` was stored before; `seq` is then that one's."""


class StorageRefusedError(NaqException):
    """The server refused a write for good (stream full, message too large, …); the message is the server's."""


Answer = PublishAck | NaqException
"""What a write comes to."""
Then = Callable[[Answer], None]
"""Told what a write came to, once, in the turn of the loop in which that is read; must not take long, nor raise."""


class _Write:
    __slots__ = (
        "complaint",
        "data",
        "earlier",
        "give_up_at",
        "headers",
        "refusal",
        "resend_at",
        "subject",
        "then",
        "waits_for_room",
    )

    def __init__(
        self, subject: str, data: bytes, headers: dict[str, str] | None, then: Then, resend_at: float, give_up_at: float
    ) -> None:
        self.subject, self.data, self.headers, self.then = subject, data, headers, then
        self.resend_at, self.give_up_at = resend_at, give_up_at
        self.waits_for_room = give_up_at - resend_at > PATIENCE_S
        self.refusal = ""
        """Why there was no room for it, as the server said last."""
        self.earlier: Sequence[str] = ()
        """Where else the same goes, each time before this one."""
        self.complaint = ""


class Outbox:
    """The writes of one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._client = connection.client
        self._writes: dict[str, _Write] = {}
        """By token, the end of the subject that the answer goes to."""
        self._tokens = itertools.count(1)
        self._acks: dict[str, list[str]] = {}
        """Deliveries to acknowledge at the end of this turn of the loop, by consumer."""
        self._has_room = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._rested_at = 0.0
        self._sending: set[asyncio.Task[None]] = set()
        self._inbox = ""

    async def start(self) -> None:
        """Subscribe to the reply inbox; the connection does this as it opens."""
        self._loop = asyncio.get_running_loop()
        self._inbox = self._client.new_inbox() + "."
        self._inbox_length = len(self._inbox)
        await self._client.listen(self._inbox + "*", self._on_reply)

    def stop(self) -> None:
        """Fail everything outstanding; the connection does this as it closes."""
        self._send_acks()
        if self._timer:
            self._timer.cancel()
        for token in list(self._writes):
            self._fail(token, NaqConnectionError("the connection was closed before the server answered"))

    @property
    def outstanding(self) -> int:
        return len(self._writes)

    async def publish(
        self,
        subject: str,
        data: bytes,
        *,
        msg_id: str | None = None,
        headers: dict[str, str] | None = None,
        patience_s: float = PATIENCE_S,
    ) -> PublishAck:
        """Store one message and wait for the server's word; see `send` for arguments and errors."""
        return await (await self.send(subject, data, msg_id=msg_id, headers=headers, patience_s=patience_s))

    async def send(
        self,
        subject: str,
        data: bytes,
        *,
        msg_id: str | None = None,
        headers: dict[str, str] | None = None,
        patience_s: float = PATIENCE_S,
        waits_for_room: bool | None = None,
    ) -> asyncio.Future[PublishAck]:
        """Write one message now and return the future of its ack; waits only while the window is full.

        Args:
            msg_id: makes a repeated send harmless. Without it the write must be harmless to repeat by itself.
            patience_s: seconds after which it is given up where the server is silent, or has no room.
            waits_for_room: whether a stream or bucket that is full is waited for; where None, only with more patience
                than the default (`PATIENCE_S`).

        The future raises:
            ConflictError: an expected sequence did not hold.
            StorageRefusedError: the server refuses it for good.
            NaqConnectionError: no answer within `patience_s`; it may or may not be stored.
        """
        if msg_id is not None:
            headers = {**headers, "Nats-Msg-Id": msg_id} if headers else {"Nats-Msg-Id": msg_id}
        while len(self._writes) >= WINDOW:
            self._has_room.clear()
            await self._has_room.wait()
        answer: asyncio.Future[PublishAck] = self._loop.create_future()
        token, is_written = self._begin(subject, data, headers, functools.partial(resolve, answer), patience_s)
        if waits_for_room is not None:
            self._writes[token].waits_for_room = waits_for_room
        if not is_written:
            try:
                await self._write_nats_own_way(token)
            except asyncio.CancelledError:
                self._drop(token)
                raise
        return answer

    def post(
        self, subject: str, data: bytes, headers: dict[str, str] | None, then: Then, patience_s: float = PATIENCE_S
    ) -> None:
        """`send` for what comes by the thousand: no future, and the caller bounds what is under way."""
        token, is_written = self._begin(subject, data, headers, then, patience_s)
        if not is_written:
            self._write_aside(token)

    def _begin(
        self, subject: str, data: bytes, headers: dict[str, str] | None, then: Then, patience_s: float
    ) -> tuple[str, bool]:
        """Note a write, and write it where that takes no waiting: its token, and whether it is written."""
        now = self._loop.time()
        token = str(next(self._tokens))
        self._writes[token] = _Write(subject, data, headers, then, now + ANSWER_WITHIN_S, now + patience_s)
        if self._timer is None:
            self._timer = self._loop.call_later(ANSWER_WITHIN_S / 2, self._sweep)
        return token, self._client.write(subject, self._inbox + token, data, headers)

    def ack(self, reply: str, kind: bytes = b"+ACK") -> None:
        """Acknowledge a delivery; nobody waits for the server's word that it has it.

        A plain ack is lost when either side dies at once; this one is sent again until it is confirmed. Where it never
        is, the server delivers the message again, or has forgotten it.
        """
        if kind != b"+ACK":
            self.post(reply, kind, None, _confirmed, ACK_PATIENCE_S)
            return
        if not self._acks:
            self._loop.call_soon(self._send_acks)
        self._acks.setdefault(reply.rsplit(".", 5)[0], []).append(reply)

    def _send_acks(self) -> None:
        acks, self._acks = self._acks, {}
        for replies in acks.values():
            last = replies.pop()
            is_written = all(self._client.write(reply, "", b"+ACK") for reply in replies)
            token, is_last_written = self._begin(last, b"+ACK", None, _confirmed, ACK_PATIENCE_S)
            self._writes[token].earlier = replies
            if not (is_written and is_last_written):
                self._write_aside(token)

    async def drain(self, timeout_s: float) -> None:
        """Wait until everything under way is answered, at most `timeout_s` seconds; never raises."""
        self._send_acks()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while self._writes:
                    self._has_room.clear()  # set with each answer
                    await self._has_room.wait()

    def resend(self) -> None:
        """Send everything outstanding again, at once, but for what is given up: the link was lost in between."""
        now = self._loop.time()
        for token, write in list(self._writes.items()):
            if write.give_up_at <= now:
                self._fail(token, self._why_given_up(write))
            else:
                self._again(token)

    def refuse(self, subject: str, error: NaqException) -> bool:
        """The server does not let this client write to `subject`: what is under way there fails now.

        False where nothing was.
        """
        refused = [token for token, write in self._writes.items() if write.subject.lower() == subject.lower()]
        for token in refused:
            self._fail(token, error)
        return bool(refused)

    def _on_reply(self, subject: bytes, _reply: str, data: bytes, headers: bytes) -> None:
        token = subject[self._inbox_length :].decode()
        write = self._writes.get(token)
        if write is None:
            return
        if headers and status_of(headers) == NO_RESPONDERS:
            self._later(write, UNAVAILABLE_RETRY_S, NO_LEADER)
            return
        if not data:
            self._drop(token)
            write.then(PublishAck(0, False))
            return
        try:
            answer = codec.loads(data)
        except SerializationError as exc:
            self._fail(token, exc)
            return
        error, seq = (answer.get("error"), answer.get("seq")) if isinstance(answer, dict) else (None, None)
        if error is None:
            if type(seq) is int:  # else no server's answer, which is still to come
                self._drop(token)
                write.then(PublishAck(seq, answer.get("duplicate") is True))
            return
        if not isinstance(error, dict):
            return
        text = f"{write.subject}: {refusals.described(error)}"
        if write.waits_for_room and refusals.is_full(error):
            if not write.refusal:
                log.warning("%s; tried again until there is room", text)
            write.refusal = text
            self._later(write, ROOM_RETRY_S, text)
            return
        if refusals.is_passing(error):
            self._later(write, UNAVAILABLE_RETRY_S, text)
            return
        self._fail(token, ConflictError(text) if refusals.is_conflict(error) else StorageRefusedError(text))

    def _sweep(self) -> None:
        self._timer = None
        now = self._loop.time()
        next_at = now + ANSWER_WITHIN_S / 2
        if any(min(write.resend_at, write.give_up_at) <= now for write in self._writes.values()):
            self._client.suspect()
        for token, write in list(self._writes.items()):
            if write.give_up_at <= now:
                self._fail(token, self._why_given_up(write))
            elif write.resend_at <= now:
                self._again(token)
            else:
                next_at = min(next_at, write.resend_at, write.give_up_at)
        if self._writes:
            self._rearm(max(0.02, next_at - now))

    def _why_given_up(self, write: _Write) -> NaqException:
        if write.refusal:
            return StorageRefusedError(write.refusal)
        label, why = self._connection.settings.server_label, f": {write.complaint}" if write.complaint else ""
        return NaqConnectionError(f"{label} did not confirm a write to {write.subject}{why}")

    def _later(self, write: _Write, pause_s: float, complaint: str) -> None:
        """Send it again soon; where that never helps, `complaint` is told."""
        now = self._loop.time()
        if write.give_up_at - now > PATIENCE_S:
            pause_s = max(pause_s, UNHURRIED_RETRY_S)
        write.complaint, write.resend_at = complaint, now + pause_s
        self._rearm(pause_s)

    def _rearm(self, delay: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(delay, self._sweep)

    def _again(self, token: str) -> None:
        self._writes[token].resend_at = self._loop.time() + ANSWER_WITHIN_S
        self._write_aside(token)

    def _write_aside(self, token: str) -> None:
        task = self._loop.create_task(self._write_nats_own_way(token), name="outbox-write")
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _write_nats_own_way(self, token: str) -> None:
        write = self._writes.get(token)
        if write is None:
            return
        try:
            for subject in write.earlier:
                await self._client.publish(subject, write.data)
            await self._client.publish(write.subject, write.data, reply=self._inbox + token, headers=write.headers)
        except nats.errors.OutboundBufferLimitError:
            return  # the link is down and the buffer full: the timer sends it again
        except (nats.errors.Error, OSError, ValueError) as exc:
            self._fail(token, _write_error(exc, write.subject, write.data, self._connection.max_payload))

    def _fail(self, token: str, error: NaqException) -> None:
        write = self._drop(token)
        if write is not None:
            write.then(error)

    def _drop(self, token: str) -> _Write | None:
        write = self._writes.pop(token, None)
        if write is not None:
            self._has_room.set()
            if not self._writes:
                self._rest()
        return write

    def _rest(self) -> None:
        """Nothing is under way: take the timer off, which would wake an idle process for nothing.

        Not where write follows write: a timer set for each of them costs a twentieth of an enqueue.
        """
        before, self._rested_at = self._rested_at, self._loop.time()
        if self._timer is not None and self._rested_at - before > IDLE_S:
            self._timer.cancel()
            self._timer = None


def resolve(answer: asyncio.Future[PublishAck], given: Answer) -> None:
    """Give a future what its write came to."""
    if answer.done():
        return
    if isinstance(given, PublishAck):
        answer.set_result(given)
    else:
        answer.set_exception(given)
        answer.exception()  # seen: who sent several may look no further than the first that failed


def _confirmed(given: Answer) -> None:
    if not isinstance(given, PublishAck):
        log.debug("not confirmed: %s", given)


async def settled(answer: asyncio.Future[PublishAck]) -> Answer:
    """What a write came to: its ack, or the error."""
    try:
        return await answer
    except NaqException as exc:
        return exc


def _write_error(exc: Exception, subject: str, data: bytes, limit: int) -> NaqException:
    if isinstance(exc, nats.errors.MaxPayloadError):
        told = f"{len(data):,} bytes is more than the server takes in one message ({limit:,})"
        return StorageRefusedError(f"{subject}: {told}: pass a reference to the data instead of the data")
    return NaqConnectionError(f"{subject}: {str(exc) or type(exc).__name__}")
