"""How the process of a worker is told to stop from outside: signals, and the end of the parent that supervises it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable


def stop_on_signals(stop: Callable[[bool], None], supervisor: int | None = None) -> None:
    """Call `stop(now)` in the running loop; `now` means that everything is handed back at once.

    SIGTERM and SIGINT stop, SIGQUIT stops now. A second SIGTERM or SIGINT stops now as well, but not under a
    supervisor: a service manager signals the whole group, and the supervisor passes on what it got.

    Args:
        supervisor: what the parent holds the other end of, and closes as it dies; None where nobody supervises.
    """
    loop = asyncio.get_running_loop()
    is_asked = False

    def on_signal() -> None:
        nonlocal is_asked
        stop(is_asked and supervisor is None)
        is_asked = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    loop.add_signal_handler(signal.SIGQUIT, stop, True)
    if supervisor is None:
        return

    def on_supervisor() -> None:
        if not os.read(supervisor, 1):
            loop.remove_reader(supervisor)
            stop(False)

    loop.add_reader(supervisor, on_supervisor)
