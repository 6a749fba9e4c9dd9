"""What the server's clock is taken to be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from naq import connection as connecting
from naq.connection import Connection
from naq.models.times import format_time
from naq.settings import Settings

NOON = datetime(2026, 1, 1, 12, 0, 0, 1, tzinfo=UTC)


class Clocks:
    """This machine's clock, and a server's that answers by its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.ahead, self.there, self.back = NOON, 0.0, 0.0, 0.0
        monkeypatch.setattr(connecting, "utcnow", lambda: self.now)
        self.connection = Connection(Settings())
        monkeypatch.setattr(self.connection, "api", self.answer)

    async def answer(self, _subject: str) -> dict[str, Any]:
        self.now += timedelta(seconds=self.there)
        told = self.now + timedelta(seconds=self.ahead)
        self.now += timedelta(seconds=self.back)
        return {"ts": format_time(told)}

    async def offset(self, there: float, back: float) -> float:
        self.there, self.back = there, back
        return (await self.connection.sync_clock()).total_seconds()


async def test_an_answer_long_in_coming_changes_nothing_that_it_leaves_possible(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clocks = Clocks(monkeypatch)
    assert await clocks.offset(0.001, 0.001) == 0
    assert await clocks.offset(0.6, 0.0) == 0, "as a server does that has just come up"
    clocks.ahead = 5.0
    assert await clocks.offset(0.6, 0.0) == pytest.approx(5.3), "it has moved further than the answer was late"
    assert await clocks.offset(0.001, 0.001) == pytest.approx(5.0)
    assert await clocks.offset(0.0, 0.6) == pytest.approx(5.0)
    clocks.ahead = 5.01
    assert await clocks.offset(0.001, 0.001) == pytest.approx(5.01)
