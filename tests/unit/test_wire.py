"""The short way through nats-py: frames are read the same however they are cut, and written as nats-py would."""

from __future__ import annotations

import asyncio
import random
from types import SimpleNamespace
from typing import Any

import pytest
from nats.aio.client import Client
from nats.errors import ConnectionClosedError, ProtocolError

from naq.wire import Frames, Wire, _header_block, headers_of, status_of

BLOCK = b"NATS/1.0\r\nNats-Msg-Id: a:1\r\n\r\n"
FRAMES = [
    (b"MSG in.1 7 5\r\nhello\r\n", (b"in.1", "", b"hello", b"")),
    (b"MSG in.2 7 back.to 0\r\n\r\n", (b"in.2", "back.to", b"", b"")),
    (b"HMSG in.3 7 %d %d\r\n%sMSG x\r\n\r\n" % (len(BLOCK), len(BLOCK) + 7, BLOCK), (b"in.3", "", b"MSG x\r\n", BLOCK)),
    (b"HMSG in.4 7 r 16 16\r\nNATS/1.0 503\r\n\r\n\r\n", (b"in.4", "r", b"", b"NATS/1.0 503\r\n\r\n")),
]
OTHERS = [b"PING\r\n", b"PONG\r\n", b"MSG other 8 3\r\nabc\r\n", b"+OK\r\n"]


class Server:
    """Stands for the client that a parser reports to."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes | None) -> None:
        self.told.append((sid, subject, data))

    async def _process_ping(self) -> None:
        self.told.append("PING")

    async def _process_pong(self) -> None:
        self.told.append("PONG")

    async def _error_cb(self, error: Exception) -> None:
        self.told.append(error)


def reader() -> tuple[Frames, list[Any], Server]:
    server, heard = Server(), list[Any]()
    frames = Frames(server)  # type: ignore[arg-type]
    frames.handlers[b"7"] = lambda *message: heard.append(message)
    return frames, heard, server


@pytest.mark.parametrize("is_fed", [False, True])
async def test_frames_are_read_the_same_however_they_arrive(is_fed: bool) -> None:
    draw = random.Random(5)
    for _ in range(300):
        chosen = [draw.choice([*FRAMES, *((other, None) for other in OTHERS)]) for _ in range(12)]
        stream = b"".join(frame for frame, _ in chosen)
        frames, heard, server = reader()
        socket = asyncio.StreamReader()
        at = draw.randrange(40)
        socket.feed_data(stream[:at])
        if is_fed:
            frames.feed_from(socket)
        while at < len(stream):
            size = draw.choice((1, 2, 3, 7, 20, 400))
            socket.feed_data(stream[at : at + size])
            at += size
        socket.feed_eof()
        while rest := await socket.read(draw.choice((1, 5, 1000))):
            await frames.parse(rest)
        assert heard == [message for _, message in chosen if message is not None]
        names = {b"PING\r\n": "PING", b"PONG\r\n": "PONG", OTHERS[2]: (8, b"other", b"abc")}
        assert server.told == [names[frame] for frame, message in chosen if message is None and frame in names]


async def test_what_is_left_of_a_lost_link_is_forgotten() -> None:
    frames, heard, _ = reader()
    await frames.parse(b"MSG in.1 7 5\r\nhel")
    frames.reset()
    await frames.parse(FRAMES[0][0])
    assert heard == [FRAMES[0][1]]


async def test_what_a_lost_link_still_delivers_is_dropped() -> None:
    frames, heard, server = reader()
    old, new = asyncio.StreamReader(), asyncio.StreamReader()
    frames.feed_from(old)
    old.feed_data(b"MSG in.1 7 5\r\nhel")
    frames.reset()
    frames.feed_from(new)
    old.feed_data(b"lo\r\n")
    new.feed_data(FRAMES[0][0])
    assert heard == [FRAMES[0][1]]
    assert server.told == []


async def test_a_handler_that_raises_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    frames, heard, _ = reader()
    frames.handlers[b"9"] = lambda *message: 1 / 0  # type: ignore[arg-type,return-value]
    await frames.parse(b"MSG in.1 9 1\r\na\r\n" + FRAMES[0][0])
    assert heard == [FRAMES[0][1]]
    assert "could not be handled" in caplog.text


@pytest.mark.parametrize("raw", [b"MSG in 7 x\r\n", b"MSG\r\n", b"MSG in 7\r\n", b"what\r\n"])
async def test_a_malformed_line_ends_the_link_as_nats_py_has_it(raw: bytes) -> None:
    frames, heard, _ = reader()
    with pytest.raises(ProtocolError):
        await frames.parse(raw)
    assert heard == []


class Writer:
    """Stands for a stream to the server."""

    def __init__(self, sent: list[bytes], *, buffered: int) -> None:
        self._sent = sent
        self.transport = SimpleNamespace(get_write_buffer_size=lambda: buffered)

    def writelines(self, data: list[bytes]) -> None:
        self._sent.append(b"".join(data))


def connected(client: Any) -> Any:
    client._status, client._flush_queue, client._max_pending_size = Client.CONNECTED, asyncio.Queue(), 1000
    client._flusher_task = asyncio.get_running_loop().create_future()  # it flushes when we say so: never
    return client


@pytest.mark.parametrize("headers", [None, {"Nats-Msg-Id": "job:1", "Nats-TTL": "10s"}])
async def test_a_message_is_written_as_nats_py_writes_it(headers: dict[str, str] | None) -> None:
    wire, plain = connected(Wire()), connected(Client())
    assert wire.write("naq.queue.a", "_INBOX.x.1", b"\x00data", headers)
    await Client.publish(plain, "naq.queue.a", b"\x00data", reply="_INBOX.x.1", headers=headers)
    assert b"".join(wire._pending).split() == b"".join(plain._pending).split()
    assert wire._pending_data_size == len(wire._pending[0])
    assert wire.write("naq.queue.b", "_INBOX.x.2", b"")
    sent: list[bytes] = []
    wire._transport = SimpleNamespace(_io_writer=Writer(sent, buffered=0))
    await asyncio.sleep(0)
    assert len(sent) == 1, "one flush serves all of a turn"
    assert sent[0].count(b"PUB naq.queue") == 2
    assert wire._pending_data_size == len(wire._pending) == 0


async def test_a_slow_socket_is_waited_for_by_nats_py() -> None:
    wire, sent = connected(Wire()), list[bytes]()
    wire._transport = SimpleNamespace(_io_writer=Writer(sent, buffered=1))
    assert wire.write("naq.queue.a", "_INBOX.x.1", b"data")
    await asyncio.sleep(0)
    assert sent == []
    assert wire._flush_queue.qsize() == 1
    assert len(wire._pending) == 1


async def test_what_is_not_plain_is_left_to_nats_py() -> None:
    wire = connected(Wire())
    assert not wire.write("", "r", b"")
    assert not wire.write("a b", "r", b"")
    assert not wire.write("a\r\nPUB x 0\r\n", "r", b"")
    assert not wire.write("a", "r", b"", {"Nats-Msg-Id": "x\r\nKV-Operation: PURGE"})
    assert not wire.write("a", "r", b"x" * 1000), "the buffer is full"
    wire._status = Client.RECONNECTING
    assert not wire.write("a", "r", b"")
    assert wire._pending == []


async def test_a_subscription_that_fails_leaves_no_handler() -> None:
    wire = connected(Wire())
    wire._status = Client.CLOSED
    with pytest.raises(ConnectionClosedError):
        await wire.listen("a", lambda *message: None)
    assert wire._frames.handlers == {}


def test_header_blocks() -> None:
    assert status_of(b"") is None
    assert status_of(BLOCK) is None
    assert status_of(b"NATS/1.0 409 Gone\r\n\r\n") == "409"
    assert headers_of(b"") == {}
    assert headers_of(BLOCK) == {"Nats-Msg-Id": "a:1"}
    expired = b"NATS/1.0 408 Request Timeout\r\nNats-Pending-Messages: 3\r\nNats-Pending-Bytes: 0\r\n\r\n"
    assert headers_of(expired) == {"Status": "408", "Nats-Pending-Messages": "3", "Nats-Pending-Bytes": "0"}
    assert headers_of(_header_block({"Status": "408", "Nats-Pending-Messages": "3"})) == {
        "Status": "408",
        "Nats-Pending-Messages": "3",
    }
