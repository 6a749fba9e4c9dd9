"""One process of this machine: watched, signalled, and its output read."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from naq.models.times import utcnow
from naq.server import EmbeddedServer
from naq.server.watch import process_identity, watch_exit
from naq_tui.launcher.crashes import Crashes, Run, signal_name
from naq_tui.launcher.output import OutputTail
from naq_tui.launcher.view import ProcessStatus, ProcessView

STARTING_S = 2.0
"""A process that has said nothing yet counts as starting for this long."""
RUNS_KEPT = 10


class WatchedProcess:
    """What all processes have in common. Made and used on the event loop's thread."""

    kind = ""

    def __init__(self, process_id: str, name: str, log_path: Path, on_exit: Callable[[WatchedProcess], None]) -> None:
        self.process_id = process_id
        self.name = name
        self.tail = OutputTail(log_path)
        self.pid = 0
        self.started_at = utcnow()
        self.is_alive = False
        self.is_stop_asked = False
        self.is_owned = True
        self.exit_code: int | None = None
        self.ended = asyncio.Event()
        self.restart_at: datetime | None = None
        self.crashes = Crashes()
        self.runs: deque[Run] = deque(maxlen=RUNS_KEPT)
        self.restarts = 0
        self._on_exit = on_exit
        self._identity: str | None = None
        self._born = self._died = time.monotonic()
        self._was_ready = False
        self._lines_before = 0
        self._unwatch: Callable[[], None] = lambda: None
        self._measured: Any = None
        self._cpu_percent: float | None = None
        self._rss_bytes: int | None = None

    @property
    def status(self) -> ProcessStatus:
        if self.restart_at is not None:
            return ProcessStatus.WAITING
        if not self.is_alive:
            return ProcessStatus.KILLED if (self.exit_code or 0) < 0 else ProcessStatus.EXITED
        if self.is_stop_asked:
            return ProcessStatus.STOPPING
        is_silent = self.tail.total == self._lines_before and self.uptime < STARTING_S
        return ProcessStatus.STARTING if is_silent and not self._was_ready else ProcessStatus.RUNNING

    @property
    def uptime(self) -> float:
        return (time.monotonic() if self.is_alive else self._died) - self._born

    @property
    def has_failed(self) -> bool:
        return not self.is_alive and not self.is_stop_asked and self.exit_code not in (0, None)

    @property
    def is_wanted(self) -> bool:
        """Whether it should be running: it does, or ended without having been asked to."""
        return not self.is_stop_asked and (self.is_alive or self.has_failed or self.restart_at is not None)

    @property
    def command(self) -> str:
        raise NotImplementedError

    def stop(self) -> None:
        """Ask it to finish what it does and end; asked again, a worker gives up its running jobs."""
        if self._signal(signal.SIGTERM):
            self.is_stop_asked = True

    def kill(self) -> None:
        """End it and the processes that it started, at once."""
        if self.is_alive and self._is_still_itself():
            self.is_stop_asked = True
            self._kill_group()

    def release(self) -> None:
        """Stop watching it; it goes on."""
        self._unwatch()

    def measure(self) -> bool:
        """Look at its CPU and memory; whether anything was learned. The first look tells no CPU yet."""
        import psutil

        try:
            if self._measured is None or self._measured.pid != self.pid:
                self._measured = psutil.Process(self.pid)
            with self._measured.oneshot():
                is_first = self._rss_bytes is None
                cpu = self._measured.cpu_percent(None)
                self._cpu_percent = None if is_first else cpu
                self._rss_bytes = self._measured.memory_info().rss
        except psutil.Error:
            return False
        return True

    def view(self) -> ProcessView:
        return ProcessView(
            process_id=self.process_id,
            name=self.name,
            kind=self.kind,
            pid=self.pid,
            status=self.status,
            status_text=self._status_text(),
            exit_code=None if self.is_alive else self.exit_code,
            failed=self.has_failed and self.restart_at is None,
            started_at=self.started_at,
            uptime=self.uptime,
            command=self.command,
            last_line=self.tail.last_line,
            output_lines=self.tail.total,
            crash_looping=self.crashes.is_loop and not self.is_alive,
            log_path=self.tail.path,
            owned=self.is_owned,
            restart_at=self.restart_at,
            runs=tuple(self.runs),
            restarts=self.restarts,
            host=socket.gethostname(),
            cpu_percent=self._cpu_percent,
            rss_bytes=self._rss_bytes,
        )

    def _watch(self, pid: int, identity: str | None, started_at: datetime, *, is_ready: bool = False) -> None:
        self._take_as_running(pid, identity, started_at, is_ready=is_ready)
        self._unwatch()
        self._unwatch = watch_exit(pid, self._has_ended, self._is_still_itself)

    def _take_as_running(self, pid: int, identity: str | None, started_at: datetime, *, is_ready: bool) -> None:
        self.pid = pid
        self._identity = identity
        self.started_at = started_at
        self._born = time.monotonic() - max(0.0, (utcnow() - started_at).total_seconds())
        self._was_ready = is_ready
        self._lines_before = self.tail.total
        self._cpu_percent = self._rss_bytes = self._measured = None
        self.is_alive, self.is_stop_asked, self.exit_code, self.restart_at = True, False, None, None
        self.ended = asyncio.Event()

    def _has_ended(self) -> None:
        self._died = time.monotonic()
        self.exit_code = self._reap()
        self.is_alive = False
        self._cpu_percent = self._rss_bytes = None
        self.runs.append(Run(self.started_at, utcnow(), self.exit_code, self.is_stop_asked))
        self.tail.finish()
        self.ended.set()
        self._on_exit(self)

    def _reap(self) -> int | None:
        """Collect the exit code, None where it can't be known."""
        return None

    def _is_still_itself(self) -> bool:
        return self._identity is not None and process_identity(self.pid) == self._identity

    def _signal(self, signum: signal.Signals) -> bool:
        if not self.is_alive or not self._is_still_itself():
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signum)
        return True

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def _status_text(self) -> str:
        status = self.status
        if status is ProcessStatus.EXITED:
            return "ended" if self.exit_code is None else f"exited {self.exit_code}"
        if status is ProcessStatus.KILLED:
            return f"killed by {signal_name(-(self.exit_code or 0))}"
        return status.value


class ServerProcess(WatchedProcess):
    """The embedded server as a row among the others; `EmbeddedServer` starts and ends it."""

    kind = "server"

    def __init__(self, process_id: str, server: EmbeddedServer, on_exit: Callable[[WatchedProcess], None]) -> None:
        super().__init__(process_id, "nats-server", server.log_file, on_exit)
        self.server = server
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def command(self) -> str:
        return f"nats-server {self.server.version} on {self.server.url}, store {self.server.store_dir}"

    def follow(self) -> None:
        """Watch the server's current process, where it isn't the one watched already."""
        child = self.server.process
        if child is None or child is self._child:
            return
        self._child = child
        self.tail.poll()
        self._watch(child.pid, process_identity(child.pid), utcnow(), is_ready=True)

    def _reap(self) -> int | None:
        return None if self._child is None else self._child.wait()
