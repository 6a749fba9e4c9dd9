"""Processes of this machine by pid: which one it is, when it ends, and how to end with one's parent."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_POLL_S = 0.2


def process_identity(pid: int) -> str | None:
    """A text that tells this process from every other that ever had its pid; None where it does not run.

    On Linux its start in clock ticks with the id of the boot, elsewhere its start time.
    A zombie counts as not running.
    """
    if not sys.platform.startswith("linux"):
        return _identity_elsewhere(pid)
    try:
        # the second field is the program's name in brackets and may itself hold brackets and spaces
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    if fields[0] in ("Z", "X"):
        return None
    return f"{fields[19]}@{_boot_id()}"


def watch_exit(pid: int, ended: Callable[[], None], is_running: Callable[[], bool]) -> Callable[[], None]:
    """Call `ended` once, on the running loop, when the process ends; it need not be a child.

    Args:
        is_running: asked from time to time where the system can't report an exit by itself; for a child it
            should reap (`Popen.poll`).

    Returns:
        What ends the watch early; safe to call more than once.
    """
    loop = asyncio.get_running_loop()
    try:
        descriptor = os.pidfd_open(pid)
    except (AttributeError, OSError):
        return _poll_exit(loop, ended, is_running)
    open_descriptors = [descriptor]

    def cancel() -> None:
        if open_descriptors:
            if not loop.is_closed():
                loop.remove_reader(descriptor)
            os.close(open_descriptors.pop())

    def readable() -> None:
        cancel()
        ended()

    loop.add_reader(descriptor, readable)
    return cancel


def end_with_parent(signum: int = signal.SIGTERM) -> Callable[[], None] | None:
    """A `preexec_fn` that makes the child get `signum` when this process dies, even by SIGKILL.

    Linux only, None elsewhere. The kernel goes by the *thread* that starts the child: start it from a
    thread that lives as long as the child should (the event loop's).
    """
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl  # looked up here: after the fork only the call itself is safe
    parent = os.getpid()

    def before_exec() -> None:
        prctl(_PR_SET_PDEATHSIG, signum, 0, 0, 0)
        if os.getppid() != parent:  # it died before the call above: nobody is left to send the signal
            os._exit(1)

    return before_exec


def _poll_exit(
    loop: asyncio.AbstractEventLoop, ended: Callable[[], None], is_running: Callable[[], bool]
) -> Callable[[], None]:
    timers: list[asyncio.TimerHandle] = []

    def look() -> None:
        timers.clear()
        if is_running():
            timers.append(loop.call_later(_POLL_S, look))
        else:
            ended()

    timers.append(loop.call_later(0, look))

    def cancel() -> None:
        for timer in timers:
            timer.cancel()

    return cancel


@cache
def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _identity_elsewhere(pid: int) -> str | None:
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.2f}"
    except psutil.Error:
        return None
