"""When a process that ended is started again, and when no more."""

from __future__ import annotations

import signal
from collections import deque
from dataclasses import dataclass
from datetime import datetime

from naq_tui.launcher.spec import RestartPolicy

CRASHES = 5
CRASH_WINDOW_S = 60.0
FIRST_DELAY_S = 1.0
MOST_DELAY_S = 60.0


@dataclass(frozen=True, slots=True)
class Run:
    """One life of a process that has ended."""

    started_at: datetime
    ended_at: datetime
    exit_code: int | None
    """Minus the number of the signal that ended it; None where nobody could tell."""
    was_asked: bool
    """Whether somebody here had asked it to end."""

    @property
    def is_crash(self) -> bool:
        return not self.was_asked and self.exit_code not in (0, None)

    @property
    def how(self) -> str:
        """`exit code 3`, `SIGKILL`, `exit code unknown`."""
        if self.exit_code is None:
            return "exit code unknown"
        return signal_name(-self.exit_code) if self.exit_code < 0 else f"exit code {self.exit_code}"


def signal_name(number: int) -> str:
    """Its name as in SIGKILL, or "signal 77" where it has none."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def wants_restart(policy: RestartPolicy, exit_code: int | None) -> bool:
    """Whether a process that ended without being asked to is to be started again.

    An end that nobody knows the code of counts as a failure: a worker does not end by itself.
    """
    return policy == "always" or (policy == "on-failure" and exit_code != 0)


class Crashes:
    """The unasked ends of one process. Times are those of a monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=CRASHES)
        self._in_a_row = 0

    def add(self, now: float, uptime: float) -> None:
        """It has ended again, after `uptime` seconds."""
        self._in_a_row = 1 if uptime > CRASH_WINDOW_S else self._in_a_row + 1
        self._times.append(now)

    def forget(self) -> None:
        """Begin anew: somebody has looked after it."""
        self._times.clear()
        self._in_a_row = 0

    @property
    def is_loop(self) -> bool:
        """Whether the last five came within a minute."""
        return len(self._times) == CRASHES and self._times[-1] - self._times[0] <= CRASH_WINDOW_S

    @property
    def delay(self) -> float:
        """Seconds to wait before the next start: 1, 2, 4 and so on up to a minute."""
        return min(MOST_DELAY_S, FIRST_DELAY_S * 2.0 ** min(30, max(0, self._in_a_row - 1)))
