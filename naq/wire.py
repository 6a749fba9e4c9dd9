"""nats-py's client with a short way in and a short way out, for messages by the ten thousand a second.

Out: `write` puts a message among the bytes that go to the socket at the end of the loop's turn, without a coroutine.
In: a handler given to `listen` is called by the parser itself, without a message object, a queue or a task. Whatever
is not plain (no link, a full buffer, an odd subject) takes nats-py's own way, which says what is wrong with it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from nats.aio.client import Client
from nats.aio.subscription import Subscription
from nats.protocol.parser import Parser

log = logging.getLogger(__name__)

READ_BYTES = 64 * 1024
"""Read from the socket at once. asyncio would make room for 256 KiB, which the allocator maps and unmaps each time."""

MAX_COMPLAINTS = 1000
"""Errors of the server whose wording is kept until nats-py tells of them."""

Handler = Callable[[bytes, str, bytes, bytes], None]
"""Takes subject, reply subject ("" where there is none), data and header block (b"" where there is none)."""


class Message(NamedTuple):
    """What came for a subscription."""

    subject: str
    reply: str
    """Where to answer; empty where no answer is wanted."""
    data: bytes
    headers: dict[str, str]
    """Its status under "Status"; empty where it has none."""


class Wire(Client):
    """One connection to a server."""

    def __init__(self) -> None:
        super().__init__()
        self._ps = self._frames = Frames(self)
        self._can_write = {"_pending", "_pending_data_size", "_max_pending_size", "_flush_queue"} <= vars(self).keys()
        self._will_flush = False

    async def listen(self, subject: str, handler: Handler) -> Subscription:
        """Subscribe, and have `handler` called with each message as it is read; it must not take long."""

        async def on_message(message: Any) -> None:  # only from a nats-py that does not use our parser
            handler(message.subject.encode(), message.reply, message.data, _header_block(message.headers))

        sid = b"%d" % (self._sid + 1)  # what `subscribe` takes next, before it awaits anything
        self._frames.handlers[sid] = handler
        try:
            return await self.subscribe(subject, cb=on_message)
        except BaseException:
            self._frames.handlers.pop(sid, None)
            raise

    async def receive(self, subject: str, handler: Callable[[Message], None]) -> Subscription:
        """`listen` for a handler of whole messages."""

        def on_frame(subject: bytes, reply: str, data: bytes, headers: bytes) -> None:
            handler(Message(subject.decode("utf-8", "replace"), reply, data, headers_of(headers)))

        return await self.listen(subject, on_frame)

    def write(self, subject: str, reply: str, data: bytes, headers: Mapping[str, str] | None = None) -> bool:
        """Send a message with the others of this turn of the loop; False where it has to go by `publish`."""
        size = len(data)
        if (
            not self._can_write
            or self._status != Client.CONNECTED
            or self._flush_queue is None
            or self._pending_data_size + size >= self._max_pending_size
            or size > self._max_payload
            or not (subject and subject.isascii() and subject.isprintable())
            or " " in subject
        ):
            return False
        to = f"{subject} {reply}" if reply else subject
        if headers is None:
            frame = b"%b%b\r\n" % (f"PUB {to} {size}\r\n".encode(), data)
        else:
            lines = ""
            for name, value in headers.items():
                if not (value.isascii() and value.isprintable()):
                    return False
                lines += f"{name}: {value}\r\n"
            head = f"NATS/1.0\r\n{lines}\r\n"
            head_size = len(head)
            frame = b"%b%b\r\n" % (f"HPUB {to} {head_size} {head_size + size}\r\n{head}".encode(), data)
        self._pending.append(frame)
        self._pending_data_size += len(frame)
        if not self._will_flush:
            self._will_flush = True
            asyncio.get_running_loop().call_soon(self._flush_written)
        return True

    def _flush_written(self) -> None:
        self._will_flush = False
        if self._status != Client.CONNECTED or self._flush_queue is None or not self._pending:
            return  # after a lost link it goes out with what is sent again
        writer = getattr(self._transport, "_io_writer", None)
        if writer is None or writer.transport.get_write_buffer_size() > 0:
            # the socket is slow, or none of ours: nats-py's own flusher waits for it
            if self._flush_queue.empty():
                self._flush_queue.put_nowait(asyncio.get_running_loop().create_future())
            return
        writer.writelines(self._pending)
        self._pending, self._pending_data_size = [], 0

    async def _read_loop(self) -> None:
        reader = getattr(self._transport, "_io_reader", None)
        if isinstance(reader, asyncio.StreamReader):
            self._frames.feed_from(reader)
            transport = getattr(getattr(self._transport, "_io_writer", None), "transport", None)
            if transport is not None and hasattr(transport, "max_size"):
                transport.max_size = READ_BYTES
        await super()._read_loop()

    def _remove_sub(self, sid: int, max_msgs: int = 0) -> None:
        super()._remove_sub(sid, max_msgs)
        self._frames.handlers.pop(b"%d" % sid, None)


class Frames(Parser):
    """Cuts what the server sends into frames: a message somebody listens to goes to him, all else to nats-py's parser.

    That one gets whole frames only; what is incomplete waits here for the rest.
    """

    def __init__(self, client: Client) -> None:
        self.handlers: dict[bytes, Handler] = {}
        """By subscription id as the server writes it."""
        self.received = 0
        """Bytes that have come from any server."""
        self.heard_at = float("-inf")
        """When the last of them came, by the loop's clock."""
        self._complaints: dict[str, str] = {}
        super().__init__(client)

    def reset(self) -> None:
        """Forget what has arrived: it was another connection's."""
        super().reset()
        self._kept: list[bytes] = []
        self._missing = 0
        self._source: asyncio.StreamReader | None = None

    def feed_from(self, reader: asyncio.StreamReader) -> None:
        """Cut what `reader` is fed as it comes, before it wakes whoever reads: that one is left with all else."""
        feed_rest = reader.feed_data

        def feed(data: bytes) -> None:
            if self._source is reader:  # else its link was given up
                others = self.cut(data)
                if others:
                    feed_rest(b"".join(others))

        self._source = reader
        buffered = bytes(reader._buffer)  # type: ignore[attr-defined]
        reader._buffer.clear()  # type: ignore[attr-defined]
        reader.feed_data = feed  # type: ignore[method-assign,assignment]
        if buffered:
            feed(buffered)

    def in_its_words(self, complaint: str) -> str:
        """An error that nats-py tells in lower case, as the server wrote it."""
        return self._complaints.pop(complaint, complaint)

    async def parse(self, data: bytes = b"") -> None:
        """Take in what was read."""
        for frame in [data] if self._source is not None else self.cut(data):
            await super().parse(frame)

    def cut(self, data: bytes) -> list[bytes]:
        """Hand messages to those who listen; returns the other frames."""
        self.received += len(data)
        self.heard_at = time.monotonic()
        if self._kept:
            self._kept.append(data)
            self._missing -= len(data)
            if self._missing > 0:
                return []
            data = b"".join(self._kept)
            self._kept = []
        others: list[bytes] = []
        at, end = 0, len(data)
        while at < end:
            line_end = data.find(b"\r\n", at)
            if line_end < 0:
                self._kept, self._missing = [data[at:]], 0
                break
            body = stop = line_end + 2
            handler = None
            if data.startswith((b"MSG ", b"HMSG "), at):
                words = data[at:line_end].split()
                try:
                    if len(words) < 4:
                        raise ValueError("a word is missing")
                    stop += int(words[-1]) + 2
                    handler = self.handlers.get(words[2])
                except ValueError:
                    log.debug("malformed line from the server: %r", words)  # which nats-py's parser stops at
            if stop > end:
                self._kept, self._missing = [data[at:]], stop - end
                break
            if handler is None:
                others.append(data[at:stop])
                if data.startswith(b"-ERR", at) and len(self._complaints) < MAX_COMPLAINTS:
                    text = data[at + 4 : line_end].decode("utf-8", "replace").strip(" '")
                    self._complaints[text.lower()] = text
            else:
                try:
                    if len(words) == 4 and words[0] == b"MSG":  # most are: answers
                        handler(words[1], "", data[body : stop - 2], b"")
                    else:
                        _hand_over(handler, words, data, body, stop - 2)
                except Exception:
                    log.exception("what came for %s could not be handled", words[1])
            at = stop
        return others


def _hand_over(handler: Handler, words: list[bytes], data: bytes, body: int, end: int) -> None:
    if words[0] == b"MSG":
        handler(words[1], words[3].decode() if len(words) == 5 else "", data[body:end], b"")
    else:
        split = body + int(words[-2])
        if split > end:
            raise ValueError("a header block longer than its message")
        handler(words[1], words[3].decode() if len(words) == 6 else "", data[split:end], data[body:split])


def status_of(headers: bytes) -> str | None:
    """The status a header block carries ("100", "503", …); None for an ordinary message."""
    return headers[9:12].decode("ascii", "replace") if headers.startswith(b"NATS/1.0 ") else None


def headers_of(block: bytes) -> dict[str, str]:
    """What a header block carries, its status under "Status"; empty for an empty one."""
    if not block:
        return {}
    first, *lines = block.decode("utf-8", "replace").split("\r\n")
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            headers[name] = value.strip()
    if len(first) > len("NATS/1.0 "):
        headers["Status"] = first[9:12]
    return headers


def _header_block(headers: Mapping[str, str] | None) -> bytes:
    """The header block that nats-py read `headers` from."""
    if not headers:
        return b""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if name not in ("Status", "Description"))
    status = f" {headers['Status']}" if "Status" in headers else ""
    return f"NATS/1.0{status}\r\n{lines}\r\n".encode()
