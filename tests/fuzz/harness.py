"""Run targets on very many inputs: what they may raise, how long they may take, and a short reproduction of each miss.

Every input follows from the seed, the target's name and the input's number alone.
"""

from __future__ import annotations

import faulthandler
import logging
import random
import signal
import time
import traceback
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

LONGEST_S = 1.0
"""Processor time that one call may take."""
HANG_S = 120
"""Seconds after which all stacks are printed and the program ends: something holds on where no signal gets through."""
ARM_EVERY = 500
FAILURES_KEPT = 5
"""Different failures of one target that are told."""
SHRINK_S = 5.0


class TooSlowError(BaseException):
    """A call took longer than `LONGEST_S`. Not an Exception, so that nothing under test takes it for its own."""


_slowest_s = 0.0
_call_begun = 0.0


def next_call() -> None:
    """Within a target's check: what follows is another call, timed on its own. A user does one thing after another."""
    global _slowest_s, _call_begun
    now = time.process_time()
    _slowest_s = max(_slowest_s, now - _call_begun)
    _call_begun = now
    if signal.getitimer(signal.ITIMER_PROF)[0]:  # not where a check is used outside the harness
        signal.setitimer(signal.ITIMER_PROF, LONGEST_S)


@dataclass(frozen=True, slots=True)
class Target:
    """One thing that takes what others have written."""

    name: str
    make: Callable[[random.Random], Any]
    """Makes an input: plain data, so that it can be shown and made smaller."""
    check: Callable[[Any], object]
    """Uses it and asserts what has to hold."""
    allowed: tuple[type[Exception], ...] = ()
    """What it is documented to raise."""
    share: float = 1.0
    """How many inputs it gets, compared to others."""


@dataclass(slots=True)
class Failure:
    target: str
    number: int
    what: str
    """The exception and the innermost place in the code."""
    shown: str
    """The smallest input found that still does it, as Python."""
    trace: str


@dataclass(slots=True)
class Tally:
    """What came of one target."""

    target: str
    inputs: int = 0
    refused: int = 0
    """Answered by a documented exception."""
    seconds: float = 0.0
    slowest_s: float = 0.0
    """The processor time of the slowest call."""
    failures: list[Failure] = field(default_factory=list)
    failed: int = 0


def shares(targets: Sequence[Target], inputs: int, least: int = 0) -> dict[str, int]:
    """How many inputs each target gets: at least `least` (0: a quarter of all, spread evenly), the rest by shares.

    Together they are `inputs` or a few more.
    """
    least = least or inputs // (4 * len(targets))
    rest = max(0, inputs - least * len(targets))
    whole = sum(target.share for target in targets)
    even = 0 if whole else 1
    return {target.name: least + -int(-rest * (target.share or even) // (whole or len(targets))) for target in targets}


def run(target: Target, inputs: int, *, seed: int, first: int = 0) -> Tally:
    """Give the target the inputs from number `first` on."""
    tally = Tally(target.name)
    known: set[str] = set()
    rng = random.Random()
    with _watched():
        for number in range(first, first + inputs):
            if (number - first) % ARM_EVERY == 0:
                faulthandler.dump_traceback_later(HANG_S, exit=True)
            rng.seed(_seed(seed, target.name, number))
            given = target.make(rng)
            begun = time.process_time()
            error = _error(target, given)
            tally.inputs += 1
            tally.seconds += time.process_time() - begun
            tally.slowest_s = max(tally.slowest_s, _slowest_s)
            if error is None:
                continue
            if isinstance(error, target.allowed):
                tally.refused += 1
                continue
            tally.failed += 1
            what = described(error)
            if what not in known and len(known) < FAILURES_KEPT:
                known.add(what)
                trace = "".join(traceback.format_exception(error))
                small = _shrunk(target, given, what)
                tally.failures.append(Failure(target.name, number, what, repr(small), trace))
        faulthandler.cancel_dump_traceback_later()
    return tally


def attempt(target: Target, given: Any) -> None:
    """One input, for other generators of them; raises what `run` would count as a failure."""
    with _watched():
        error = _error(target, given)
    if error is not None and not isinstance(error, target.allowed):
        raise error


def described(error: BaseException) -> str:
    """The kind of an error, and where it came from."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/naq" in frame.filename and "/fuzz/" not in frame.filename] or frames
    place = f"{ours[-1].filename.rpartition('/')[2]}:{ours[-1].lineno}" if ours else "?"
    return f"{type(error).__name__} at {place}"


def _seed(seed: int, name: str, number: int) -> int:
    return (seed << 64) | (zlib.crc32(name.encode()) << 32) | number


def _error(target: Target, given: Any) -> BaseException | None:
    global _slowest_s, _call_begun
    _slowest_s, _call_begun = 0.0, time.process_time()
    signal.setitimer(signal.ITIMER_PROF, LONGEST_S)
    try:
        target.check(given)
    except (Exception, SystemExit, TooSlowError) as exc:
        return exc
    finally:
        next_call()
        signal.setitimer(signal.ITIMER_PROF, 0)
    return None


@contextmanager
def _watched() -> Iterator[None]:
    def stop(_number: int, _frame: FrameType | None) -> None:
        raise TooSlowError(f"took more than {LONGEST_S:g} s")

    before = signal.signal(signal.SIGPROF, stop)
    logging.disable(logging.CRITICAL)  # what is logged of each input tells nothing here
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
        faulthandler.cancel_dump_traceback_later()


def _shrunk(target: Target, given: Any, what: str) -> Any:
    """A smaller input with the same failure, found by leaving things out for a few seconds."""
    until = time.monotonic() + SHRINK_S
    is_smaller = True
    while is_smaller and time.monotonic() < until:
        is_smaller = False
        for smaller in _smaller(given):
            error = _error(target, smaller)
            if error is not None and not isinstance(error, target.allowed) and described(error) == what:
                given, is_smaller = smaller, True
                break
            if time.monotonic() > until:
                break
    return given


def _smaller(given: Any) -> Iterator[Any]:
    """Inputs with something left out, the largest parts first."""
    if isinstance(given, dict):
        for key in given:
            yield {name: item for name, item in given.items() if name != key}
        for key, item in given.items():
            for small in _smaller(item):
                yield {**given, key: small}
    elif isinstance(given, str | bytes | list | tuple):
        size = len(given) // 2
        while size:
            for start in range(0, len(given), size):
                yield given[:start] + given[start + size :]
            size //= 2
        if len(given) == 1:
            yield given[:0]
        if isinstance(given, list | tuple):
            for place, item in enumerate(given):
                for small in _smaller(item):
                    yield type(given)((*given[:place], small, *given[place + 1 :]))
