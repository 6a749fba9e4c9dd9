"""One process of this machine: started or taken over, watched, signalled, and its output read."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from naq.models.times import format_time, utcnow
from naq.server import EmbeddedServer
from naq.server.watch import end_with_parent, process_identity, watch_exit
from naq_tui.launcher.output import OutputTail
from naq_tui.launcher.record import ProcessRecord, record_path
from naq_tui.launcher.spec import LaunchError, LaunchSpec

STARTING_S = 2.0
"""A process that has said nothing yet counts as starting for this long."""
ROTATE_BYTES = 5 * 2**20


class ProcessStatus(StrEnum):
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    EXITED = "exited"
    """Ended by itself or when asked; `exit_code` None means that it wasn't ours, so nobody told us the code."""
    KILLED = "killed"
    """Ended by a signal: `exit_code` is minus its number."""


@dataclass(frozen=True, slots=True)
class ProcessView:
    """One row of the Processes screen."""

    process_id: str
    name: str
    kind: str
    """"worker", "scheduler" or "server"."""
    pid: int
    """Of the running or the last one."""
    status: ProcessStatus
    status_text: str
    """"running", "exited 3", "killed by SIGKILL"."""
    exit_code: int | None
    failed: bool
    """Whether it ended badly without having been asked to end."""
    started_at: datetime
    uptime: float
    """Seconds, of an ended one those that it lived."""
    command: str
    """The command line for display; no secret in it."""
    last_line: str
    output_lines: int
    """Lines ever read; see `OutputPage`."""
    crash_looping: bool
    log_path: Path
    owned: bool
    """False for one taken over from an earlier console."""

    @property
    def is_running(self) -> bool:
        return self.status not in (ProcessStatus.EXITED, ProcessStatus.KILLED)


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
        self._on_exit = on_exit
        self._identity: str | None = None
        self._born = self._died = time.monotonic()
        self._was_ready = False
        self._lines_before = 0
        self._unwatch: Callable[[], None] = lambda: None

    @property
    def status(self) -> ProcessStatus:
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

    def view(self, *, crash_looping: bool) -> ProcessView:
        return ProcessView(
            process_id=self.process_id,
            name=self.name,
            kind=self.kind,
            pid=self.pid,
            status=self.status,
            status_text=self._status_text(),
            exit_code=None if self.is_alive else self.exit_code,
            failed=self.has_failed,
            started_at=self.started_at,
            uptime=self.uptime,
            command=self.command,
            last_line=self.tail.last_line,
            output_lines=self.tail.total,
            crash_looping=crash_looping,
            log_path=self.tail.path,
            owned=self.is_owned,
        )

    def _watch(self, pid: int, identity: str | None, started_at: datetime, *, is_ready: bool = False) -> None:
        self.pid = pid
        self._identity = identity
        self.started_at = started_at
        self._born = time.monotonic() - max(0.0, (utcnow() - started_at).total_seconds())
        self._was_ready = is_ready
        self._lines_before = self.tail.total
        self.is_alive, self.is_stop_asked, self.exit_code = True, False, None
        self.ended = asyncio.Event()
        self._unwatch()
        self._unwatch = watch_exit(pid, self._has_ended, self._is_still_itself)

    def _has_ended(self) -> None:
        self._died = time.monotonic()
        self.exit_code = self._reap()
        self.is_alive = False
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
            return f"killed by {_signal_name(-(self.exit_code or 0))}"
        return status.value


class LocalProcess(WatchedProcess):
    """A worker or scheduler in a session of its own, without a terminal, its output in a file.

    It outlives the console unless its spec says otherwise; a state file beside its output tells the next
    console of it.
    """

    def __init__(
        self, process_id: str, spec: LaunchSpec, folder: Path, on_exit: Callable[[WatchedProcess], None]
    ) -> None:
        super().__init__(process_id, spec.name, folder / f"{process_id}.log", on_exit)
        self.spec = spec
        self.kind = spec.kind
        self._folder = folder
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def command(self) -> str:
        return self.spec.display()

    def start(self, environment: Mapping[str, str], owner_identity: str) -> None:
        """Start it, or start it again after it ended.

        Args:
            environment: what the spec's variables come on top of.
            owner_identity: of this console, for the state file.

        Raises:
            LaunchError: it can't be started.
        """
        spec = self.spec
        command = spec.command_line()
        log = self._open_log()
        try:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=spec.cwd,
                env=spec.environment(environment),
                start_new_session=True,
                preexec_fn=end_with_parent() if spec.ends_with_console else None,
            )
        except (OSError, ValueError, subprocess.SubprocessError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
            raise LaunchError(f"can't start {self.name} ({command[0]}): {reason}") from None
        finally:
            os.close(log)
        self._child = child
        self.is_owned = True
        self._watch(child.pid, process_identity(child.pid), utcnow())
        self._save(owner_identity)

    @classmethod
    def adopted(
        cls, record: ProcessRecord, folder: Path, on_exit: Callable[[WatchedProcess], None], owner_identity: str
    ) -> LocalProcess:
        """Take over a running process of an earlier console."""
        process = cls(record.process_id, record.spec, folder, on_exit)
        process.tail.path = record.log_path
        process.is_owned = False
        process.tail.poll()
        process._watch(record.pid, record.identity, record.started_at, is_ready=True)
        process._save(owner_identity)
        return process

    def leave(self) -> None:
        """Let the next console have it, or none."""
        if self.is_alive:
            self._save("")

    def release(self) -> None:
        super().release()
        if self._child is not None and self._child.returncode is None:
            # it is let go on purpose: without a code Popen would complain of a forgotten child
            self._child.returncode = 0

    def forget(self) -> None:
        """Delete its output and state file."""
        for path in (self.tail.path, _rotated(self.tail.path), record_path(self._folder, self.process_id)):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)

    def _reap(self) -> int | None:
        with contextlib.suppress(OSError):
            record_path(self._folder, self.process_id).unlink(missing_ok=True)
        if self._child is None:
            return None
        # while it isn't reaped its pid can be nobody else's: what it left in its group goes with it
        if self._child.returncode is None:
            self._kill_group()
        return self._child.wait()

    def _open_log(self) -> int:
        path = self.tail.path
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if path.exists() and path.stat().st_size > ROTATE_BYTES:
                path.replace(_rotated(path))
            log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            if self.pid:
                os.write(log, f"── started again at {format_time(utcnow())} ──\n".encode())
                self.tail.poll()
            return log
        except OSError as exc:
            raise LaunchError(
                f"can't write the output of {self.name} to {path}: {exc.strerror or exc} (NAQ_STATE_DIR)"
            ) from None

    def _save(self, owner_identity: str) -> None:
        """Write the state file; an empty `owner_identity` means that no console has it."""
        record = ProcessRecord(
            process_id=self.process_id,
            pid=self.pid,
            identity=self._identity or "",
            started_at=self.started_at,
            log_path=self.tail.path,
            owner_pid=os.getpid() if owner_identity else 0,
            owner_identity=owner_identity,
            spec=self.spec,
        )
        with contextlib.suppress(OSError):  # a full disk costs the adoption later, not the process now
            record.save(self._folder)


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


def _rotated(path: Path) -> Path:
    return path.with_name(path.name + ".1")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
