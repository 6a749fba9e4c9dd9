"""Functions for the tests of isolated jobs."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import naq

log = logging.getLogger(__name__)


def own_pid() -> int:
    return os.getpid()


async def own_pid_in_a_loop() -> int:
    await asyncio.sleep(0)
    return os.getpid()


def sleeps(path: str, seconds: float = 60.0) -> None:
    """Note the process, sleep, and note that the clean-up has run, and whether a cancel is known there."""
    _note(path, os.getpid())
    try:
        time.sleep(seconds)
    finally:
        _note(f"{path}.end", naq.current_job().cancel_requested)


async def waits(path: str) -> None:
    _note(path, os.getpid())
    try:
        await asyncio.sleep(60)
    finally:
        _note(f"{path}.end", "ran")


def deaf(path: str) -> None:
    """Hear of no signal that can be caught, and have a process of its own."""
    started = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    _note(path, f"{os.getpid()} {started.pid}")
    while True:
        try:
            time.sleep(60)
        except BaseException:
            log.info("goes on")


def crashes() -> None:
    log.warning("about to read what is not there")
    ctypes.string_at(0)


def exits(code: int) -> None:
    os._exit(code)


def crashes_until(path: str, times: int) -> str:
    with open(path, "a+", encoding="utf-8") as file:  # noqa: PTH123
        file.write("x")
        file.flush()
        file.seek(0)
        count = len(file.read())
    if count <= times:
        os.abort()
    return f"attempt {naq.current_job().attempt}"


def tells() -> list[object]:
    job = naq.current_job()
    job.progress(1, 2, "half")
    log.info("half of it")
    job.progress(2, 2)
    return [job.attempt, job.queue, job.function, list(job.tags), job.time_limit_s]


def babbles() -> None:
    """Write what is no message to everything that is open."""
    for descriptor in range(3, 1000):
        with contextlib.suppress(OSError):
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                os.write(descriptor, b"\xff" * 100)
    time.sleep(60)


def prints(text: str) -> None:
    print(text)  # noqa: T201


def closes_everything() -> None:
    """What daemonising code does; and leave a thread behind."""
    threading.Thread(target=time.sleep, args=[60]).start()
    os.closerange(3, 1000)


def _note(path: str, what: object) -> None:
    """Write a file that is never seen half written."""
    draft = Path(f"{path}.draft")
    draft.write_text(str(what))
    draft.rename(path)
