"""What the server may answer to a write, and what comes of it."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

import pytest

from naq.connection import Connection
from naq.errors import ConflictError, NaqConnectionError
from naq.outbox import Outbox, StorageRefusedError
from naq.settings import Settings


class Server:
    """Takes writes and answers each as it is told; the last answer stands for all that follow."""

    settings = Settings(nats_url="nats://made-up:4222")

    def __init__(self, *answers: bytes, headers: bytes = b"") -> None:
        self.client = self
        self.written: list[dict[str, str]] = []
        self.checks = 0
        self._answers, self._headers = list(answers), headers

    def new_inbox(self) -> str:
        return "inbox"

    async def listen(self, subject: str, handler: Any) -> None:
        self._handler = handler

    def write(self, subject: str, reply: str, data: bytes, headers: dict[str, str]) -> bool:
        self.written.append(headers)
        if self._answers:
            answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
            asyncio.get_running_loop().call_soon(self._handler, reply.encode(), "", answer, self._headers)
        return True

    async def publish(self, subject: str, data: bytes, *, reply: str, headers: dict[str, str]) -> None:
        self.write(subject, reply, data, headers)

    def suspect(self) -> None:
        self.checks += 1


def refusal(err_code: int, code: int, description: str) -> bytes:
    return json.dumps({"error": {"code": code, "err_code": err_code, "description": description}}).encode()


STORED = json.dumps({"stream": "s", "seq": 7}).encode()


async def outbox(server: Server) -> Outbox:
    made = Outbox(cast(Connection, server))
    await made.start()
    return made


@pytest.mark.parametrize(
    "answer",
    [
        refusal(10158, 409, "duplicate message id is in process"),
        refusal(10163, 503, "expected last sequence per subject temporarily unavailable"),
        refusal(0, 503, "raft: not leader"),
        refusal(10077, 503, "store is closed"),
        refusal(10118, 500, "stream is offline"),
    ],
)
async def test_what_a_cluster_can_not_take_just_now_is_sent_again(answer: bytes) -> None:
    server = Server(answer, answer, STORED)
    ack = await (await outbox(server)).publish("a.b", b"data", msg_id="m")
    assert ack.seq == 7
    assert server.written == [{"Nats-Msg-Id": "m"}] * 3


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refusal(10071, 400, "wrong last sequence: 4"), ConflictError),
        (refusal(10164, 400, "wrong last sequence"), ConflictError),
        (refusal(10077, 503, "maximum bytes exceeded"), StorageRefusedError),
        (refusal(10047, 500, "insufficient storage resources available"), StorageRefusedError),
        (refusal(10023, 503, "insufficient resources"), StorageRefusedError),
    ],
)
async def test_what_is_refused_for_good_is_told_at_once(answer: bytes, error: type[Exception]) -> None:
    server = Server(answer)
    with pytest.raises(error, match=r"^a\.b: "):
        await (await outbox(server)).publish("a.b", b"data", msg_id="m")
    assert len(server.written) == 1


async def test_the_error_of_a_write_that_never_gets_through_says_why() -> None:
    server = Server(b"", headers=b"NATS/1.0 503\r\n\r\n")
    with pytest.raises(NaqConnectionError, match=r"did not confirm a write to a\.b: its stream has no leader now"):
        await (await outbox(server)).publish("a.b", b"data", patience_s=0.6)
    assert len(server.written) > 1


async def test_what_has_an_hour_is_not_tried_as_often_as_what_has_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("naq.outbox.UNAVAILABLE_RETRY_S", 0.01)
    monkeypatch.setattr("naq.outbox.UNHURRIED_RETRY_S", 60.0)
    server = Server(b"", headers=b"NATS/1.0 503\r\n\r\n")
    box = await outbox(server)
    unhurried = await box.send("a.b", b"data", msg_id="hour", patience_s=3600.0)
    with pytest.raises(NaqConnectionError):
        await box.publish("a.b", b"data", msg_id="seconds", patience_s=0.5)
    assert server.written.count({"Nats-Msg-Id": "hour"}) == 1
    assert server.written.count({"Nats-Msg-Id": "seconds"}) > 2
    box.stop()
    with pytest.raises(NaqConnectionError, match="closed"):
        await unhurried


@pytest.mark.parametrize("answer", [b"[]", b"7", b"{}", b'{"seq": "7"}', b'{"error": "no"}', b'{"seq": 7, "error": 1}'])
async def test_what_no_server_answers_is_not_taken_for_its_word(answer: bytes) -> None:
    with pytest.raises(NaqConnectionError, match="did not confirm"):
        await (await outbox(Server(answer))).publish("a.b", b"data", patience_s=0.1)


async def test_silence_has_the_link_looked_at() -> None:
    server = Server()
    with pytest.raises(NaqConnectionError, match=r"did not confirm a write to a\.b$"):
        await (await outbox(server)).publish("a.b", b"data", patience_s=0.1)
    assert server.checks == 1


async def test_what_is_given_up_is_not_sent_once_more_after_a_lost_link() -> None:
    server = Server()
    box = await outbox(server)
    given_up = await box.send("s", b"1", msg_id="given-up", patience_s=0)
    wanted = await box.send("s", b"2", msg_id="wanted")
    server.written.clear()
    box.resend()
    with pytest.raises(NaqConnectionError, match="did not confirm a write to s"):
        await given_up
    while not server.written:  # noqa: ASYNC110
        await asyncio.sleep(0)
    assert server.written == [{"Nats-Msg-Id": "wanted"}]
    box.stop()
    assert wanted.done()


async def test_nothing_wakes_the_loop_once_all_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """An idle worker writes a heartbeat now and then: a look at it a second later would cost more than the write."""
    monkeypatch.setattr("naq.outbox.ANSWER_WITHIN_S", 0.02)
    monkeypatch.setattr("naq.outbox.IDLE_S", 0.02)
    loop, looks = asyncio.get_running_loop(), []
    sweep = Outbox._sweep
    monkeypatch.setattr(Outbox, "_sweep", lambda self: looks.append(loop.time()) or sweep(self))
    box = await outbox(Server(STORED))
    for _ in range(3):
        await box.publish("a.b", b"data")
        await asyncio.sleep(0.03)
    assert looks == []
    silent = await outbox(Server())
    with pytest.raises(NaqConnectionError):
        await silent.publish("a.b", b"data", patience_s=0.1)
    assert len(looks) > 1, "what is not answered is looked after"


async def test_writes_that_follow_one_another_share_one_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    """To set and take one off for each costs a twentieth of an enqueue."""
    box = await outbox(Server(STORED))
    loop, timers = asyncio.get_running_loop(), []
    call_later = loop.call_later
    monkeypatch.setattr(loop, "call_later", lambda *given: timers.append(given) or call_later(*given))
    for _ in range(50):
        await box.publish("a.b", b"data")
    assert len(timers) <= 2
    box.stop()
