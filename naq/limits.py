"""Limits of jobs by key, over all workers: starts per period, and runs at once. Pure data and arithmetic.

A rate is kept as one figure per key, the time from which the next start is free (the generic cell rate algorithm with
a burst of one): each start moves it on by `per / count`. Starts are therefore spread evenly, and no window of `per`
seconds holds more than `count` of them, but for starts that are late within `late_s`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from naq.errors import ConfigurationError
from naq.names import key_of_text

MAX_LIMITS = 8
"""Limits of one job."""
LATE_S = 0.05
"""Seconds by which any start may miss its reserved time and still use it."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `count` starts in `per` seconds among all jobs that name `key`; spread evenly."""

    key: str
    count: int
    per: float = 1.0

    def __post_init__(self) -> None:
        _check_key(self.key)
        _check_count(self.count)
        if isinstance(self.per, bool) or not isinstance(self.per, int | float) or not 0 < self.per <= 1e7:
            raise ConfigurationError(f"limit {self.key!r}: per must be a positive number of seconds, not {self.per!r}")

    @property
    def interval_s(self) -> float:
        """Seconds from one start to the next."""
        return self.per / self.count

    @property
    def late_s(self) -> float:
        """Seconds a reserved start stays good."""
        return max(self.interval_s, LATE_S)

    @property
    def bucket_key(self) -> str:
        return f"rate.{key_of_text(self.key)}"

    def to_wire(self) -> dict[str, Any]:
        return {"kind": "rate", "key": self.key, "count": self.count, "per": self.per}


@dataclass(frozen=True, slots=True)
class ConcurrencyLimit:
    """At most `count` runs at once among all jobs that name `key`."""

    key: str
    count: int = 1

    def __post_init__(self) -> None:
        _check_key(self.key)
        _check_count(self.count)

    @property
    def bucket_key(self) -> str:
        return f"slots.{key_of_text(self.key)}"

    def to_wire(self) -> dict[str, Any]:
        return {"kind": "concurrency", "key": self.key, "count": self.count}


Limit = RateLimit | ConcurrencyLimit


def check_limits(limits: Sequence[Limit]) -> tuple[Limit, ...]:
    """`limits` as a tuple.

    Raises:
        ConfigurationError: not limits, more than `MAX_LIMITS`, or two of one kind and key.
    """
    if isinstance(limits, Limit):
        limits = (limits,)
    if not isinstance(limits, list | tuple) or not all(isinstance(limit, Limit) for limit in limits):
        raise ConfigurationError(f"limits takes a list of RateLimit and ConcurrencyLimit, not {limits!r:.100}")
    if len(limits) > MAX_LIMITS:
        raise ConfigurationError(f"a job has at most {MAX_LIMITS} limits, not {len(limits)}")
    if len({limit.bucket_key for limit in limits}) < len(limits):
        raise ConfigurationError("a job names a key only once for its rate and once for its concurrency")
    return tuple(limits)


def limits_from_wire(value: object) -> tuple[Limit, ...]:
    """Read `to_wire` of each; absent means none.

    Raises:
        ConfigurationError: one can't be read. A job must not run unlimited because its limit is not understood.
    """
    if value is None:
        return ()
    if not isinstance(value, list):
        raise ConfigurationError("'limits' must be a list")
    return check_limits([_limit_of(item) for item in value])


def reserve(free_at: float, now: float, interval_s: float, horizon_s: float) -> tuple[float, float] | None:
    """The next free start and what `free_at` becomes by taking it; None where it is further than `horizon_s` away.

    Times are seconds of one clock.
    """
    start_at = max(free_at, now)
    return None if start_at - now > horizon_s else (start_at, start_at + interval_s)


def _limit_of(item: object) -> Limit:
    if isinstance(item, Mapping):
        key, count, per = item.get("key"), item.get("count"), item.get("per")
        if isinstance(key, str) and isinstance(count, int):
            if item.get("kind") == "rate" and isinstance(per, int | float):
                return RateLimit(key, count, per)
            if item.get("kind") == "concurrency":
                return ConcurrencyLimit(key, count)
    raise ConfigurationError(f"a limit can't be read: {item!r:.100}")


def _check_key(key: str) -> None:
    if not isinstance(key, str) or not 1 <= len(key) <= 100:
        raise ConfigurationError(f"a limit's key is a text of 1 to 100 characters, not {key!r:.120}")
    key_of_text(key)


def _check_count(count: int) -> None:
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= 1_000_000:
        raise ConfigurationError(f"a limit's count is a whole number from 1 on, not {count!r}")
