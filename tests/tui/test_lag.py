"""When the console counts as behind the log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from naq.models.event import StoredEvent
from naq_tui.feed.lag import Lag

T0 = datetime(2026, 11, 24, tzinfo=UTC)


def event(seq: int, second: float) -> StoredEvent:
    return StoredEvent.from_stream(seq, T0 + timedelta(seconds=second), "s", b"{}")


def arrives(lag: Lag, seq: int, *, stored: float, at: float, is_caught_up: bool = True) -> datetime | None:
    lag.arrived([event(seq, stored)], is_caught_up=is_caught_up, now=T0 + timedelta(seconds=at))
    return lag.since


def test_the_past_is_old_but_not_late() -> None:
    lag = Lag()
    lag.begin(10)
    assert arrives(lag, 10, stored=0, at=1000) is None


def test_what_comes_late_is_late_until_the_newest_has_come() -> None:
    lag = Lag()
    lag.begin(10)
    assert arrives(lag, 9, stored=0, at=1000, is_caught_up=False) == T0, "the past itself still waits"
    assert arrives(lag, 11, stored=1000, at=1002.9) is None
    assert arrives(lag, 12, stored=1001, at=1005) == T0 + timedelta(seconds=1001)
    assert not lag.holds(13)
    assert lag.since is not None
    assert lag.holds(12), "nothing was stored since: what is shown is all there is"
    assert lag.since is None
