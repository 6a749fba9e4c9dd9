"""How long to wait before a failed job runs again: pure rules."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from naq.errors import ConfigurationError

MAX_DELAY_S = 7 * 86_400.0


class RetryStrategy(StrEnum):
    """How a single `retry_delay` grows from one retry to the next."""

    LINEAR = "linear"
    """delay, 2 x delay, 3 x delay, …"""
    EXPONENTIAL = "exponential"
    """delay, 2 x delay, 4 x delay, …"""
    FULL_JITTER = "full_jitter"
    """Anywhere between nothing and the exponential delay, so that many clients of one thing spread evenly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """What happens after a failure."""

    max_retries: int = 0
    """Runs after the first; 0 means a failure is final."""
    delay: float | tuple[float, ...] = 1.0
    """Seconds before the first retry, or one figure per retry (the last one repeats)."""
    strategy: RetryStrategy = RetryStrategy.LINEAR
    """Used where `delay` is a single number."""
    jitter: bool = True
    """Spread a delay over 75 to 100 % of its length, so that jobs failed together don't return together."""
    retry_on: tuple[str, ...] = ()
    """Exception class names to retry; empty means every exception."""
    ignore_on: tuple[str, ...] = ()
    """Exception class names that are final at once."""

    @classmethod
    def of(
        cls,
        *,
        max_retries: int = 0,
        retry_delay: float | Sequence[float] = 1.0,
        retry_strategy: str = "linear",
        retry_on: Sequence[type[BaseException] | str] = (),
        ignore_on: Sequence[type[BaseException] | str] = (),
        jitter: bool = True,
    ) -> RetryPolicy:
        """Check the arguments of `enqueue` and make a policy of them.

        Raises:
            ConfigurationError: a negative count or delay, an empty list, an unknown strategy.
        """
        if not isinstance(max_retries, int) or isinstance(max_retries, bool) or max_retries < 0:
            raise ConfigurationError(f"max_retries must be a whole number from 0, not {max_retries!r}")
        delays = (retry_delay,) if isinstance(retry_delay, int | float) else tuple(retry_delay)
        if not delays or any(
            isinstance(d, bool) or not isinstance(d, int | float) or not 0 <= d <= MAX_DELAY_S for d in delays
        ):
            raise ConfigurationError(
                f"retry_delay must be seconds from 0 to {MAX_DELAY_S:.0f}, or a list of them, not {retry_delay!r}"
            )
        try:
            strategy = RetryStrategy(retry_strategy)
        except ValueError:
            raise ConfigurationError(
                f"retry_strategy must be 'linear', 'exponential' or 'full_jitter', not {retry_strategy!r}"
            ) from None
        delay = float(delays[0]) if isinstance(retry_delay, int | float) else tuple(float(d) for d in delays)
        return cls(
            max_retries=max_retries,
            delay=delay,
            strategy=strategy,
            jitter=jitter,
            retry_on=tuple(_class_name(c) for c in retry_on),
            ignore_on=tuple(_class_name(c) for c in ignore_on),
        )

    def allows(self, failures: int, exception_names: Sequence[str]) -> bool:
        """Whether a job runs again after its `failures`-th failure (from 1) with an exception of these class names.

        `exception_names` are the names of the exception's class and its bases, plain and qualified.
        """
        if failures > self.max_retries:
            return False
        names = set(exception_names)
        if names.intersection(self.ignore_on):
            return False
        return not self.retry_on or bool(names.intersection(self.retry_on))

    def delay_after(self, failures: int, spread: float | None = None) -> float:
        """Seconds to wait after the `failures`-th failure (from 1).

        `spread` from 0 to 1 places the delay within its jitter; None draws it at random.
        """
        if isinstance(self.delay, tuple):
            base = self.delay[min(failures, len(self.delay)) - 1]
        elif self.strategy is not RetryStrategy.LINEAR:
            base = self.delay * 2.0 ** min(failures - 1, 60)
        else:
            base = self.delay * failures
        base = min(base, MAX_DELAY_S)
        spread = random.random() if spread is None else spread
        if self.strategy is RetryStrategy.FULL_JITTER and not isinstance(self.delay, tuple):
            return base * spread
        return base * (0.75 + 0.25 * spread) if self.jitter else base

    def to_wire(self) -> dict[str, Any]:
        """Only what differs from a job that is never retried."""
        if self.max_retries == 0 and not self.retry_on and not self.ignore_on:
            return {}
        record: dict[str, Any] = {
            "max_retries": self.max_retries,
            "retry_delay": list(self.delay) if isinstance(self.delay, tuple) else self.delay,
            "retry_strategy": str(self.strategy),
        }
        if not self.jitter:
            record["jitter"] = False
        if self.retry_on:
            record["retry_on"] = list(self.retry_on)
        if self.ignore_on:
            record["ignore_on"] = list(self.ignore_on)
        return record

    @classmethod
    def from_wire(cls, record: Mapping[str, Any]) -> RetryPolicy:
        """Raises ConfigurationError as `of` does: the record may be anybody's."""
        if "max_retries" not in record and "retry_on" not in record and "ignore_on" not in record:
            return NEVER
        return cls.of(
            max_retries=record.get("max_retries", 0),
            retry_delay=record.get("retry_delay", 1.0),
            retry_strategy=record.get("retry_strategy", "linear"),
            retry_on=record.get("retry_on", ()),
            ignore_on=record.get("ignore_on", ()),
            jitter=record.get("jitter", True) is not False,
        )


NEVER = RetryPolicy()


def class_names(exception: BaseException) -> tuple[str, ...]:
    """Names `retry_on` may give for this exception: each class of its MRO, plain and as `module.qualname`."""
    names: list[str] = []
    for cls in type(exception).__mro__[:-1]:
        names += (cls.__qualname__, f"{cls.__module__}.{cls.__qualname__}")
    return tuple(names)


def _class_name(given: type[BaseException] | str) -> str:
    if isinstance(given, str):
        return given
    if isinstance(given, type) and issubclass(given, BaseException):
        return given.__qualname__ if given.__module__ == "builtins" else f"{given.__module__}.{given.__qualname__}"
    raise ConfigurationError(f"retry_on and ignore_on take exception classes or their names, not {given!r}")
