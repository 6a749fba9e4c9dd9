"""Follow a stream or bucket without losing, doubling or polling: a pull consumer that is made again after anything.

Push ordered consumers drop messages silently when their reader is slow; this asks for no more messages ahead of its
reader than come in `AHEAD_S`: what is under way on a narrow line holds up every answer behind it, and is carried in
vain once its consumer is given up. After a lost link, a dead consumer or missed heartbeats it resumes at the next
sequence.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import nats.errors

from naq import codec
from naq.connection import Connection, LinkState
from naq.delivery import Delivery
from naq.errors import NaqException, PermissionDeniedError
from naq.jetstream import JetStreamError
from naq.models.times import format_time, parse_time
from naq.wire import headers_of, status_of

log = logging.getLogger(__name__)

AHEAD_S = 2.0
"""How long the messages that are asked for ahead of the reader may take to come."""
FIRST_BATCH = 100
"""Asked for before that pace is known."""
SMALLEST_BATCH, BATCH = 10, 1000
HEARTBEAT_S = 2.5
PULL_EXPIRES_S = 60.0
RETRY_S = 0.25
CERTAINLY_NEW = timedelta(seconds=1)
"""How much later than its consumer a message must be stored to be none of those that waited for it."""
NANOSECONDS = 1_000_000_000

Frame = tuple[bytes, str, bytes, bytes]
"""Subject, reply subject, data and header block of a message."""


class TailMessage(NamedTuple):
    """One stored message."""

    seq: int
    stored_at: datetime
    subject: str
    data: bytes
    headers: dict[str, str]


class TailBatch(NamedTuple):
    """What has arrived since the last batch, oldest first."""

    messages: Sequence[TailMessage]
    is_caught_up: bool
    """True once everything that was stored when the reader started (or resumed) has been handed over."""


class Tail:
    """An endless reader of one stream."""

    def __init__(
        self,
        connection: Connection,
        stream: str,
        subjects: Sequence[str] = (),
        *,
        start_seq: int | None = None,
        start_time: datetime | None = None,
        last_per_subject: bool = False,
        only_new: bool = False,
    ) -> None:
        """Read `subjects` (all where empty) of `stream`, from the first stored message unless told otherwise.

        Args:
            start_seq: first sequence wanted.
            start_time: first stored at or after this.
            last_per_subject: first the newest message of each subject (the content of a bucket), then what comes.
            only_new: nothing stored before now.
        """
        self._connection = connection
        self._stream = stream
        self._subjects = list(subjects)
        self._start_time = start_time
        self._last_per_subject = last_per_subject
        self._only_new = only_new
        self._next = start_seq
        self._made_at: object = None
        """When the stream was made, as the server writes it; None until that is known."""
        self._read_at: datetime | None = None
        """When the newest message that was read was stored."""
        self._arrivals = _Arrivals()

    async def batches(self) -> AsyncIterator[TailBatch]:
        """Yield what arrives, as it arrives, for ever; survives lost links and servers. Close it with `aclose`.

        Raises:
            PermissionDeniedError: the server does not let this user read that.
        """
        release = self._connection.on_state(self._on_state)
        try:
            while self._connection.state is not LinkState.CLOSED:
                try:
                    async for batch in self._follow():
                        yield batch
                except PermissionDeniedError:
                    raise
                except (NaqException, nats.errors.Error, OSError, TimeoutError) as exc:
                    log.debug("tail of %s starts again: %s", self._stream, exc or type(exc).__name__)
                await asyncio.sleep(RETRY_S)
        finally:
            release()

    def _on_state(self, state: LinkState) -> None:
        if state in (LinkState.LIVE, LinkState.CLOSED):
            self._arrivals.end()

    async def _follow(self) -> AsyncIterator[TailBatch]:
        """One consumer's life; returns when it must be made again."""
        client = self._connection.client
        loop = asyncio.get_running_loop()
        self._arrivals = arrivals = _Arrivals()
        name, pending, new_from = await self._make_consumer()
        inbox = client.new_inbox()
        subscription = await client.listen(inbox, arrivals.put)
        asked, batch = 0, FIRST_BATCH
        asked_at, came = loop.time(), 0
        pull = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{name}"
        refused: asyncio.Future[None] = loop.create_future()
        refused.add_done_callback(lambda _: arrivals.end())
        watching = contextlib.ExitStack()
        watching.enter_context(self._connection.requests.refusable(pull, refused))
        try:
            if pending == 0:
                yield TailBatch((), True)
            while True:
                if asked <= batch // 2:
                    if pending and came:  # the server had more to send: the line and the reader set the pace
                        pace = came / max(loop.time() - asked_at, 0.001)
                        batch = min(BATCH, max(SMALLEST_BATCH, int(pace * AHEAD_S)))
                    asked_at, came = loop.time(), 0
                    if asked < batch:
                        await self._pull(pull, inbox, batch - asked)
                        asked = batch
                arrived = await self._next_of(arrivals)
                messages: list[TailMessage] = []
                restart = arrivals.is_ended
                for subject, reply, data, block in arrived:
                    status = status_of(block) if block else None
                    if status is None:
                        asked -= 1
                        came += 1
                        message, pending = parse_delivered(subject, reply, data, block)
                        if self._next is None or message.seq >= self._next or self._last_per_subject:
                            messages.append(message)
                        continue
                    headers = headers_of(block)
                    if status == "408" or (status == "409" and "Nats-Pending-Messages" in headers):
                        asked -= int(headers.get("Nats-Pending-Messages", 0))
                    elif status != "100" or pending:  # at rest with more to come: the server's count is wrong
                        restart = True
                if messages:
                    # servers of old may count what was replaced before its delivery, for ever
                    is_caught_up = pending == 0 or messages[-1].stored_at >= new_from
                    yield TailBatch(messages, is_caught_up)
                    # only what was handed over counts as read
                    self._next = max(messages[-1].seq + 1, self._next or 0)
                    self._read_at = messages[-1].stored_at
                    if is_caught_up:
                        self._last_per_subject = False
                if refused.done():
                    refused.result()
                if restart:
                    return
        finally:
            watching.close()
            try:
                await subscription.unsubscribe()
            except (nats.errors.Error, OSError):
                log.debug("unsubscribe failed", exc_info=True)

    async def _next_of(self, arrivals: _Arrivals) -> list[Frame]:
        """Raises TimeoutError where there is none, not even a heartbeat, and none is on its way on a slow line."""
        # not wait_for: in 3.11 that can swallow a cancellation which meets an arrival
        try:
            async with asyncio.timeout(HEARTBEAT_S * 2.5):
                return await arrivals.take()
        except TimeoutError:
            await self._connection.client.read_up()
            if arrivals.has_news:
                return await arrivals.take()
            raise

    async def _pull(self, subject: str, inbox: str, batch: int) -> None:
        request = {
            "batch": batch,
            "expires": int(PULL_EXPIRES_S * NANOSECONDS),
            "idle_heartbeat": int(HEARTBEAT_S * NANOSECONDS),
        }
        await self._connection.client.publish(subject, codec.dumps(request), reply=inbox)

    async def _make_consumer(self) -> tuple[str, int, datetime]:
        """Returns its name, how many messages wait for it, and from when on what is stored is none of them."""
        await self._find_place()
        config: dict[str, Any] = {
            "ack_policy": "none",
            "mem_storage": True,
            "num_replicas": 1,
            "inactive_threshold": 30 * NANOSECONDS,
            "replay_policy": "instant",
        }
        if len(self._subjects) == 1:
            config["filter_subject"] = self._subjects[0]
        elif self._subjects:
            config["filter_subjects"] = self._subjects
        if self._last_per_subject:
            config["deliver_policy"] = "last_per_subject"
            if not self._subjects:
                config["filter_subject"] = ">"
        elif self._next is not None:
            config["deliver_policy"] = "by_start_sequence"
            config["opt_start_seq"] = max(1, self._next)
        elif self._only_new:
            config["deliver_policy"] = "new"
        elif self._start_time is not None:
            config["deliver_policy"] = "by_start_time"
            config["opt_start_time"] = format_time(self._start_time)
        else:
            config["deliver_policy"] = "all"
        answer = await self._connection.api(
            f"CONSUMER.CREATE.{self._stream}", {"stream_name": self._stream, "config": config}
        )
        if self._only_new and self._next is None:
            # a resume must not skip what is stored while the link is down
            self._next = codec.whole(answer.get("delivered", {}), "stream_seq", 0) + 1
        made_at = parse_time(answer.get("created")) or self._connection.server_now()
        return str(answer["name"]), codec.whole(answer, "num_pending", 0), made_at + CERTAINLY_NEW

    async def _find_place(self) -> None:
        """Where to go on: a stream that was made anew, or whose server lost what it stored last, counts from less."""
        try:
            info = await self._connection.api(f"STREAM.INFO.{self._stream}")
        except (JetStreamError, PermissionDeniedError):
            return
        is_anew = self._made_at is not None and info.get("created") != self._made_at
        self._made_at = info.get("created")
        last_seq = codec.whole(info.get("state", {}), "last_seq", 0)
        if self._next is None or (not is_anew and last_seq + 1 >= self._next):
            return
        if is_anew:
            self._next = 1
        elif self._read_at is None:
            self._next = last_seq + 1
        else:  # numbers that were read already may stand for others by now
            self._next, self._only_new, self._start_time = None, False, self._read_at + timedelta(microseconds=1)


def parse_delivered(subject: bytes, reply: str, data: bytes, block: bytes) -> tuple[TailMessage, int]:
    """The message and how many more wait behind it, from the delivery's reply subject.

    Raises:
        ValueError: nothing that a stream delivers.
    """
    _, seq, stored_at, pending = Delivery.parse(reply)
    return TailMessage(seq, stored_at, subject.decode("utf-8", "replace"), data, headers_of(block)), pending


class _Arrivals:
    """Frames as the connection reads them, until they are taken together."""

    def __init__(self) -> None:
        self._frames: list[Frame] = []
        self._news = asyncio.Event()
        self.is_ended = False
        """Whether whoever reads must begin anew."""

    def put(self, subject: bytes, reply: str, data: bytes, block: bytes) -> None:
        self._frames.append((subject, reply, data, block))
        self._news.set()

    def end(self) -> None:
        self.is_ended = True
        self._news.set()

    @property
    def has_news(self) -> bool:
        """Whether `take` has something to take."""
        return self._news.is_set()

    async def take(self) -> list[Frame]:
        """All that has come by the time there is any, or the end of it."""
        await self._news.wait()
        self._news.clear()
        frames, self._frames = self._frames, []
        return frames
