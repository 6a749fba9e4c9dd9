"""Small processes to launch, and a supervisor whose changes can be awaited."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from naq_tui.launcher import (
    LaunchSpec,
    ProcessView,
    Supervisor,
)
from naq_tui.launcher.output import MAX_LINES

SLEEPER = "import time; print('up', flush=True); time.sleep(600)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
PARENT = (
    "import subprocess, sys, time\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    "print(child.pid, flush=True)\n"
)


def script(code: str, **fields: Any) -> LaunchSpec:
    return LaunchSpec(command=(sys.executable, "-c", code), **fields)


class Watched:
    """A supervisor whose changes can be awaited."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self._changed = asyncio.Event()
        self.supervisor = Supervisor(folder, on_change=self._changed.set, **options)

    def row(self, process_id: str) -> ProcessView:
        return next(row for row in self.supervisor.snapshot() if row.process_id == process_id)

    async def until(self, process_id: str, holds: Callable[[ProcessView], bool]) -> ProcessView:
        """The first state told by `on_change` in which `holds` is true."""
        async with asyncio.timeout(10):
            while not holds(self.row(process_id)):
                self._changed.clear()
                await self._changed.wait()
        return self.row(process_id)

    async def until_said(self, process_id: str, text: str) -> ProcessView:
        return await self.until(process_id, lambda row: text in row.last_line)

    async def until_ended(self, process_id: str) -> ProcessView:
        return await self.until(process_id, lambda row: not row.is_running)

    def text(self, process_id: str) -> tuple[str, ...]:
        return self.supervisor.output(process_id, 0, MAX_LINES).lines


async def gone(pid: int) -> None:
    """Wait until a process that is no child of this one has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(descriptor, ended.set)
    try:
        async with asyncio.timeout(10):
            await ended.wait()
    finally:
        asyncio.get_running_loop().remove_reader(descriptor)
        os.close(descriptor)
