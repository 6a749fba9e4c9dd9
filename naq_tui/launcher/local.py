"""A worker or scheduler of this machine: started here, or taken over from an earlier console."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from naq.models.times import format_time, utcnow
from naq.server.watch import end_with_parent, process_identity
from naq_tui.format import duration
from naq_tui.launcher.crashes import Run
from naq_tui.launcher.process import WatchedProcess
from naq_tui.launcher.record import ProcessRecord, record_path
from naq_tui.launcher.spec import LaunchError, LaunchSpec
from naq_tui.launcher.view import ProcessView
from naq_tui.launcher.witness import Witness

ROTATE_BYTES = 5 * 2**20


class LocalProcess(WatchedProcess):
    """A process in a session of its own, without a terminal, its output in a file.

    It outlives the console unless its spec says otherwise; a state file beside its output tells the next
    console of it. The file is written in one step right after the start: a console that dies between the two
    leaves a process that no other finds.
    """

    def __init__(
        self, process_id: str, spec: LaunchSpec, folder: Path, on_exit: Callable[[WatchedProcess], None]
    ) -> None:
        super().__init__(process_id, spec.name, folder / f"{process_id}.log", on_exit)
        self.spec = spec
        self.kind = spec.kind
        self.connection: Mapping[str, str] | None = None
        """Variables on top of the console's own by which it finds its server; None before its first start."""
        self.has_variables = True
        """Whether the variables it was started with are known, which a new start needs."""
        self._folder = folder
        self._child: subprocess.Popen[bytes] | None = None
        self._witness: Witness | None = None

    @property
    def command(self) -> str:
        return self.spec.display()

    def start(self, connection: Mapping[str, str], owner_identity: str) -> None:
        """Start it, or start it again after it ended.

        Args:
            connection: variables on top of the console's own by which it finds its server. Those of its first start
                are kept: the console may look at another system by now.
            owner_identity: of this console, for the state file.

        Raises:
            LaunchError: it can't be started.
        """
        if not self.has_variables:
            raise LaunchError(f"the variables that {self.name} was started with are no longer known: launch it anew")
        if self.connection is None:
            self.connection = dict(connection)
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
                env=spec.environment({**os.environ, **self.connection}),
                start_new_session=True,
                preexec_fn=end_with_parent() if spec.ends_with_console else None,
            )
        except (OSError, ValueError, subprocess.SubprocessError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
            raise LaunchError(f"can't start {self.name} ({command[0]}): {reason}") from None
        finally:
            os.close(log)
        if self.pid:
            self.restarts += 1
        self._child = child
        self.is_owned = True
        self._watch(child.pid, process_identity(child.pid), utcnow())
        self._save(owner_identity)

    @classmethod
    def adopted(
        cls, record: ProcessRecord, folder: Path, on_exit: Callable[[WatchedProcess], None], owner_identity: str
    ) -> LocalProcess:
        """Take over a process of an earlier console, which may have ended since."""
        process = cls._of(record, folder, on_exit)
        if not record.is_running:
            process._take_as_ended(record)
            process._unlink_record()
            return process
        witness = Witness(record.pid)
        process._read_variables(record)
        process._watch(record.pid, record.identity, record.started_at, is_ready=True)
        process.is_stop_asked = record.is_stop_asked
        process._witness = witness
        process._save(owner_identity)
        return process

    @classmethod
    def seen(cls, record: ProcessRecord, folder: Path) -> LocalProcess:
        """A process as it is now, whoever has it: neither watched nor taken over."""
        process = cls._of(record, folder, lambda _: None)
        if record.is_running:
            process._take_as_running(record.pid, record.identity, record.started_at, is_ready=True)
            process.is_stop_asked = record.is_stop_asked
            process.measure()
        else:
            process._take_as_ended(record)
        return process

    @classmethod
    def _of(cls, record: ProcessRecord, folder: Path, on_exit: Callable[[WatchedProcess], None]) -> LocalProcess:
        process = cls(record.process_id, record.spec, folder, on_exit)
        process.tail.path = record.log_path
        process.is_owned = False
        process.restarts = record.restarts
        if record.last_run is not None:
            process.runs.append(record.last_run)
        process.tail.catch_up()
        return process

    def renew(self, spec: LaunchSpec) -> None:
        """Let its next start be made from another spec, and with the console's connection of then."""
        self.spec = replace(spec, name=self.name)
        self.connection, self.has_variables = None, True

    def stop(self) -> None:
        super().stop()
        if self.restart_at is not None:
            self.restart_at, self.is_stop_asked = None, True

    def leave(self) -> None:
        """Let the next console have it, or none."""
        if self.is_alive:
            self._save("")

    def release(self) -> None:
        super().release()
        if self._child is not None and self._child.returncode is None:
            # it is let go on purpose: without a code Popen would complain of a forgotten child
            self._child.returncode = 0
        if self._witness is not None:
            self._witness.close()

    def forget(self) -> None:
        """Delete its output and state file."""
        for path in (self.tail.path, self.tail.rotated, record_path(self._folder, self.process_id)):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)

    def view(self) -> ProcessView:
        spec = self.spec
        return replace(
            super().view(),
            recipe=spec.recipe,
            restart=spec.restart,
            hangup=spec.hangup,
            environment=dict(spec.env),
            folder="" if spec.cwd is None else str(spec.cwd),
        )

    def _take_as_ended(self, record: ProcessRecord) -> None:
        """It ended while no console watched; how is known to nobody."""
        self.tail.finish()
        self.pid, self.started_at, self.is_stop_asked = record.pid, record.started_at, record.is_stop_asked
        self.has_variables = not record.variables and not record.connection
        with contextlib.suppress(OSError):
            # the time of its last words is the nearest there is to that of its end
            lived = record.log_path.stat().st_mtime - record.started_at.timestamp()
            self._born, self._died = 0.0, max(0.0, lived)
        ended_at = record.started_at + timedelta(seconds=self.uptime)
        self.runs.append(Run(record.started_at, ended_at, None, record.is_stop_asked))

    def _read_variables(self, record: ProcessRecord) -> None:
        """The values of its variables, which no file holds, are the process's own to tell."""
        import psutil

        try:
            environment = psutil.Process(record.pid).environ()
        except psutil.Error:
            environment = {}
        self.has_variables = all(name in environment for name in (*record.variables, *record.connection))
        known = {name: environment[name] for name in record.variables if name in environment}
        self.connection = {name: environment[name] for name in record.connection if name in environment}
        self.spec = replace(self.spec, env=known)

    def _reap(self) -> int | None:
        self._unlink_record()
        if self._child is None:
            witness, self._witness = self._witness, None
            if witness is None:
                return None
            code = witness.exit_code()
            witness.close()
            return code
        # while it isn't reaped its pid can be nobody else's: what it left in its group goes with it
        if self._child.returncode is None:
            self._kill_group()
        return self._child.wait()

    def _how_it_ended(self) -> str:
        """`exit code 1 after 41 s, `: behind the last line of a run, before the first of the next."""
        if not self.runs:
            return ""
        run = self.runs[-1]
        asked = "asked to end, " if run.was_asked else ""
        return f"{asked}{run.how} after {duration((run.ended_at - run.started_at).total_seconds())}, "

    def _unlink_record(self) -> None:
        with contextlib.suppress(OSError):
            record_path(self._folder, self.process_id).unlink(missing_ok=True)

    def _open_log(self) -> int:
        path = self.tail.path
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if path.exists() and path.stat().st_size > ROTATE_BYTES:
                path.replace(self.tail.rotated)
            log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            if self.pid:
                os.write(log, f"── {self._how_it_ended()}started again at {format_time(utcnow())} ──\n".encode())
                self.tail.poll()
            return log
        except OSError as exc:
            raise LaunchError(
                f"can't write the output of {self.name} to {path}: {exc.strerror or exc} (NAQ_STATE_DIR)"
            ) from None

    def _save(self, owner_identity: str) -> None:
        """Write the state file; an empty `owner_identity` means that no console has it."""
        address = () if self.spec.server_url is None else ("NAQ_NATS_URL",)
        record = ProcessRecord(
            process_id=self.process_id,
            pid=self.pid,
            identity=self._identity or "",
            started_at=self.started_at,
            log_path=self.tail.path,
            owner_pid=os.getpid() if owner_identity else 0,
            owner_identity=owner_identity,
            spec=self.spec,
            variables=tuple(self.spec.env),
            connection=tuple({*(self.connection or ()), *address}),
            is_stop_asked=self.is_stop_asked,
            restarts=self.restarts,
            last_run=self.runs[-1] if self.runs else None,
        )
        with contextlib.suppress(OSError):  # a full disk costs the adoption later, not the process now
            record.save(self._folder)


async def all_ended(processes: list[LocalProcess], timeout: float) -> None:
    """Return when all of them have ended, or after `timeout` seconds."""
    waits = [asyncio.ensure_future(process.ended.wait()) for process in processes if process.is_alive]
    if not waits:
        return
    try:
        await asyncio.wait(waits, timeout=timeout)
    finally:
        for wait in waits:
            wait.cancel()
