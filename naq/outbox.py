"""All JetStream writes of a process: pipelined over one reply inbox, each with its own future, deadline and retry.

A write goes to the socket at once; its answer comes back on one multiplexed inbox, so thousands can be under way with
no task or timer each. One timer serves all of them and runs only while something is outstanding. A write without an
answer by its deadline is sent again under the same token and the same `Nats-Msg-Id`, so the server stores it once;
after a reconnect everything outstanding is sent again at once. What this gives up is only knowledge: a write that
failed with NaqConnectionError may have been stored.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from typing import TYPE_CHECKING, NamedTuple

import nats.errors

from naq import codec
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
ACK_PATIENCE_S = 10.0
PATIENCE_S = 30.0
"""Seconds after which a write is given up, unless the caller says otherwise."""

WRONG_LAST_SEQUENCE = 10071
NO_RESPONDERS = "503"
ROOM_RETRY_S = 1.0
STORE_FAILED, STORAGE_EXCEEDED = 10077, 10047
CONFLICT_CODES = (WRONG_LAST_SEQUENCE, 10164)


class PublishAck(NamedTuple):
    """The server's word that a message is stored."""

    seq: int
    is_duplicate: bool
    """True where a message with this `Nats-Msg-Id` was stored before; `seq` is then that one's."""


class StorageRefusedError(NaqException):
    """The server refused a write for good (stream full, message too large, …); the message is the server's."""


class _Write:
    __slots__ = ("answer", "data", "give_up_at", "headers", "resend_at", "subject", "waits_for_room", "was_refused")

    def __init__(
        self,
        subject: str,
        data: bytes,
        headers: dict[str, str] | None,
        answer: asyncio.Future[PublishAck] | None,
        resend_at: float,
        give_up_at: float,
    ) -> None:
        self.subject, self.data, self.headers, self.answer = subject, data, headers, answer
        self.resend_at, self.give_up_at = resend_at, give_up_at
        self.waits_for_room = give_up_at - resend_at > PATIENCE_S
        self.was_refused = False


class Outbox:
    """The writes of one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._client = connection.client
        self._writes: dict[str, _Write] = {}
        self._tokens = itertools.count(1)
        self._has_room = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
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
    ) -> asyncio.Future[PublishAck]:
        """Write one message now and return the future of its ack; waits only while the window is full.

        Args:
            msg_id: makes a repeated send harmless. Without it the write must be harmless to repeat by itself.
            patience_s: seconds of silence after which it is given up; with more than the default (`PATIENCE_S`) a
                stream or bucket that is full is waited for as well.

        The future raises:
            ConflictError: an expected sequence did not hold.
            StorageRefusedError: the server refuses it for good.
            NaqConnectionError: no answer within `patience_s`; it may or may not be stored.
        """
        if msg_id is not None:
            headers = {**headers, "Nats-Msg-Id": msg_id} if headers else {"Nats-Msg-Id": msg_id}
        answer = self._loop.create_future()
        await self._send(subject, data, headers, answer, patience_s)
        return answer

    async def _send(
        self,
        subject: str,
        data: bytes,
        headers: dict[str, str] | None,
        answer: asyncio.Future[PublishAck] | None,
        patience_s: float,
    ) -> None:
        while len(self._writes) >= WINDOW:
            self._has_room.clear()
            await self._has_room.wait()
        now = self._loop.time()
        token = str(next(self._tokens))
        write = _Write(subject, data, headers, answer, now + ANSWER_WITHIN_S, now + patience_s)
        self._writes[token] = write
        reply = self._inbox + token
        try:
            if not self._client.write(subject, reply, data, headers):
                await self._client.publish(subject, data, reply=reply, headers=headers)
        except nats.errors.OutboundBufferLimitError:
            pass  # the link is down and the buffer full: the timer sends it again
        except (nats.errors.Error, OSError, ValueError) as exc:
            self._fail(token, _write_error(exc, subject, data))
        except asyncio.CancelledError:
            self._drop(token)
            raise
        if self._timer is None and self._writes:
            self._timer = self._loop.call_later(ANSWER_WITHIN_S / 2, self._sweep)

    async def ack(self, reply: str, kind: bytes = b"+ACK") -> None:
        """Acknowledge a delivery; nobody waits for the server's word that it has it.

        A plain ack is lost when either side dies at once; this one is sent again until it is confirmed. Where it never
        is, the server delivers the message again, or has forgotten it.
        """
        await self._send(reply, kind, None, None, ACK_PATIENCE_S)

    async def drain(self, timeout_s: float) -> None:
        """Wait until everything under way is answered, at most `timeout_s` seconds; never raises."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while self._writes:
                    self._has_room.clear()  # set with each answer
                    await self._has_room.wait()

    def resend(self) -> None:
        """Send everything outstanding again, at once: the link was lost in between."""
        for token in list(self._writes):
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
            write.resend_at = self._loop.time() + UNAVAILABLE_RETRY_S
            self._rearm(UNAVAILABLE_RETRY_S)
            return
        if not data:
            self._finish(token, write, PublishAck(0, False))
            return
        try:
            answer = codec.loads(data)
        except SerializationError as exc:
            self._fail(token, exc)
            return
        error = answer.get("error")
        if error is None:
            self._finish(token, write, PublishAck(answer.get("seq", 0), answer.get("duplicate", False)))
            return
        code = error.get("err_code", 0)
        text = f"{write.subject}: {error.get('description', 'refused')}"
        if write.waits_for_room and (code == STORAGE_EXCEEDED or (code == STORE_FAILED and "exceeded" in text)):
            if not write.was_refused:
                log.warning("%s; tried again until there is room", text)
            write.was_refused, write.resend_at = True, self._loop.time() + ROOM_RETRY_S
            self._rearm(ROOM_RETRY_S)
            return
        self._fail(token, ConflictError(text) if code in CONFLICT_CODES else StorageRefusedError(text))

    def _sweep(self) -> None:
        self._timer = None
        now = self._loop.time()
        next_at = now + ANSWER_WITHIN_S / 2
        for token, write in list(self._writes.items()):
            if write.give_up_at <= now:
                label = self._connection.settings.server_label
                self._fail(token, NaqConnectionError(f"{label} did not confirm a write to {write.subject}"))
            elif write.resend_at <= now:
                self._again(token)
            else:
                next_at = min(next_at, write.resend_at)
        if self._writes:
            self._timer = self._loop.call_later(max(0.02, next_at - now), self._sweep)

    def _rearm(self, delay: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(delay, self._sweep)

    def _again(self, token: str) -> None:
        self._writes[token].resend_at = self._loop.time() + ANSWER_WITHIN_S
        task = self._loop.create_task(self._write_again(token), name="outbox-resend")
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _write_again(self, token: str) -> None:
        write = self._writes.get(token)
        if write is None:
            return
        try:
            await self._client.publish(write.subject, write.data, reply=self._inbox + token, headers=write.headers)
        except nats.errors.OutboundBufferLimitError:
            return
        except (nats.errors.Error, OSError) as exc:
            self._fail(token, _write_error(exc, write.subject, write.data))

    def _finish(self, token: str, write: _Write, ack: PublishAck) -> None:
        self._drop(token)
        if write.answer is not None and not write.answer.done():
            write.answer.set_result(ack)

    def _fail(self, token: str, error: Exception) -> None:
        write = self._drop(token)
        if write is None:
            return
        if write.answer is None:
            log.debug("not confirmed: %s", error)
        elif not write.answer.done():
            write.answer.set_exception(error)
            write.answer.exception()  # seen: who sent several may look no further than the first that failed

    def _drop(self, token: str) -> _Write | None:
        write = self._writes.pop(token, None)
        if write is not None:
            self._has_room.set()
        return write


async def settled(answer: asyncio.Future[PublishAck]) -> PublishAck | NaqException:
    """What a write came to: its ack, or the error. Cheaper than `gather` for many, since most have come by then."""
    try:
        return await answer
    except NaqException as exc:
        return exc


def _write_error(exc: Exception, subject: str, data: bytes) -> NaqException:
    if isinstance(exc, nats.errors.MaxPayloadError):
        return StorageRefusedError(f"{subject}: {len(data):,} bytes is more than the server takes in one message")
    return NaqConnectionError(f"{subject}: {exc or type(exc).__name__}")
